//! What the user named: a domain, a host with its port, or an address.
//!
//! Owns the reading of a target as people paste it. Refuses to know DNS: a
//! domain is only spelled here, never looked up.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use thiserror::Error;

/// Longest input that is read at all, in bytes: a mailbox (RFC 5321 §4.5.3.1)
/// with a display name around it fits many times.
const MAX_INPUT: usize = 2048;

/// Longest part of an input that an error message repeats, in characters.
const MAX_ECHO: usize = 80;

/// Longest name in text form, without the trailing dot (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;

/// Longest label (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// One thing to be probed, as the user named it and as it will be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Exactly what was typed, without surrounding blanks.
    pub input: String,
    /// What it means.
    pub kind: TargetKind,
    /// The name in Unicode where it differs from the A-label form.
    pub unicode: Option<String>,
}

/// The three kinds of target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// A mail domain: its MX records are looked up (RFC 5321 §5.1).
    /// Lower case, A-labels, no trailing dot.
    Domain(String),
    /// A host named with brackets or a port, as in Postfix's `relayhost`:
    /// no MX lookup.
    Host {
        /// Lower case, A-labels, no trailing dot.
        host: String,
        /// The TCP port, if one was named.
        port: Option<u16>,
    },
    /// An address, with or without a port: no lookup at all.
    Address {
        /// The address to dial.
        ip: IpAddr,
        /// The TCP port, if one was named.
        port: Option<u16>,
    },
}

impl Target {
    /// The canonical name: domain or host in A-labels, or the address.
    pub fn name(&self) -> String {
        match &self.kind {
            TargetKind::Domain(name) => name.clone(),
            TargetKind::Host { host, .. } => host.clone(),
            TargetKind::Address { ip, .. } => ip.to_string(),
        }
    }

    /// The port that the user named, if any.
    pub fn port(&self) -> Option<u16> {
        match self.kind {
            TargetKind::Domain(_) => None,
            TargetKind::Host { port, .. } | TargetKind::Address { port, .. } => port,
        }
    }
}

/// Why something is not a target, and what to type instead.
///
/// Control characters of the input are escaped, so both texts may be printed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct TargetError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl TargetError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads a target as people paste it: `example.net`, `user@example.net`,
    /// `Name <user@example.net>`, `mailto:user@example.net`, `[mx1.example.net]`,
    /// `mx1.example.net:25`, `smtp://mx1.example.net`, an address with or without
    /// port and brackets. A U-label is turned into its A-label (UTS 46).
    fn from_str(typed: &str) -> Result<Self, TargetError> {
        let input = typed.trim();
        refuse_at_sight(input)?;
        let (place, is_host) = unwrapped(input)?;
        let (kind, unicode) = located(place, is_host)?;
        Ok(Self { input: input.to_owned(), kind, unicode })
    }
}

/// What is wrong at first sight, before anything is taken apart.
fn refuse_at_sight(input: &str) -> Result<(), TargetError> {
    const EXAMPLES: &str =
        "name a domain (example.net), a host ([mx1.example.net]:25) or an address (192.0.2.1)";
    if input.is_empty() {
        return Err(TargetError::new("the target is empty", EXAMPLES));
    }
    if input.len() > MAX_INPUT {
        return Err(TargetError::new(
            format!("the target has {} bytes: {}…", input.len(), echo(input)),
            "give one target per argument, or one per line on standard input",
        ));
    }
    if input.starts_with('-') {
        return Err(TargetError::new(
            format!("{} is not a target: it begins with a hyphen", echo(input)),
            "if it was meant as an option, look it up with --help; no domain begins with a hyphen",
        ));
    }
    Ok(())
}

/// Takes off what is wrapped around the domain: a display name, a scheme, a
/// local part. True where what is left names a host and not a mail domain.
fn unwrapped(input: &str) -> Result<(&str, bool), TargetError> {
    if let Some(rest) = strip_scheme(input, "smtp://") {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        return Ok((place, true));
    }
    if let Some((scheme, rest)) = input.split_once("://") {
        let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        return Err(TargetError::new(
            format!("{} is a URL, not a mail domain", echo(input)),
            match (scheme.is_empty(), place.is_empty()) {
                (false, false) => format!("give the domain alone: {}", echo(place)),
                _ => "give the domain alone: example.net".to_owned(),
            },
        ));
    }
    let mailbox = match input.rsplit_once('<').zip(input.strip_suffix('>')) {
        Some(((_, tail), _)) => tail.trim_end_matches('>').trim(),
        None => input,
    };
    let mailbox = strip_scheme(mailbox, "mailto:")
        .map_or(mailbox, |rest| rest.split('?').next().unwrap_or_default());
    domain_part(mailbox).map(|place| (place, false))
}

fn strip_scheme<'a>(input: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = input.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// What stands behind the last `@`, or all of it where there is none.
fn domain_part(mailbox: &str) -> Result<&str, TargetError> {
    let Some((local, domain)) = mailbox.rsplit_once('@') else {
        return Ok(mailbox);
    };
    if domain.is_empty() {
        return Err(TargetError::new(
            format!("{} has nothing behind the @", echo(mailbox)),
            "give the whole address (user@example.net) or the domain alone (example.net)",
        ));
    }
    let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    if !is_quoted && local.contains([' ', '\t', ',', ';']) {
        return Err(TargetError::new(
            format!("{} is not one mail address", echo(mailbox)),
            "give one target per argument: user@example.net",
        ));
    }
    Ok(domain)
}

/// Reads brackets, port and address; the rest is a name.
fn located(place: &str, is_host: bool) -> Result<(TargetKind, Option<String>), TargetError> {
    if place.is_empty() {
        return Err(TargetError::new(
            "the target names no host",
            "name a domain (example.net) or a host (mx1.example.net:25)",
        ));
    }
    if let Some(ip) = address(place) {
        return Ok((TargetKind::Address { ip, port: None }, None));
    }
    let (host, port, is_bracketed) = host_and_port(place)?;
    if let Some(ip) = address(host) {
        return Ok((TargetKind::Address { ip, port }, None));
    }
    let (name, unicode) = domain_name(host)?;
    let kind = if is_host || is_bracketed || port.is_some() {
        TargetKind::Host { host: name, port }
    } else {
        TargetKind::Domain(name)
    };
    Ok((kind, unicode))
}

/// An address, also in the form of an address literal (RFC 5321 §4.1.3) without
/// its brackets. An IPv4-mapped one is the IPv4 address that would be dialled.
fn address(text: &str) -> Option<IpAddr> {
    let text = strip_scheme(text, "IPv6:").unwrap_or(text);
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Splits `host:port`, `[host]:port` and `[host]`.
fn host_and_port(place: &str) -> Result<(&str, Option<u16>, bool), TargetError> {
    if let Some(rest) = place.strip_prefix('[') {
        let Some((host, tail)) = rest.split_once(']') else {
            return Err(TargetError::new(
                format!("{} has an opening bracket and no closing one", echo(place)),
                "write [mx1.example.net]:25 or [2001:db8::1]:25",
            ));
        };
        let port = match tail.strip_prefix(':') {
            Some(digits) => Some(port_number(digits)?),
            None if tail.is_empty() => None,
            None => {
                return Err(TargetError::new(
                    format!("{} stands behind the closing bracket", echo(tail)),
                    "only a port may follow: [mx1.example.net]:25",
                ));
            }
        };
        return Ok((host, port, true));
    }
    match place.split_once(':') {
        None => Ok((place, None, false)),
        Some((_, rest)) if rest.contains(':') => Err(not_an_ipv6(place)),
        Some(("", _)) => Err(TargetError::new(
            format!("{} has a port and no host", echo(place)),
            "write mx1.example.net:25",
        )),
        Some((host, digits)) => Ok((host, Some(port_number(digits)?), false)),
    }
}

fn not_an_ipv6(place: &str) -> TargetError {
    let hint = if place.contains('%') {
        "link-local addresses with a zone are not supported: give a global address"
    } else {
        "an IPv6 address with a port needs brackets: [2001:db8::1]:25"
    };
    TargetError::new(format!("{} is neither an IPv6 address nor host:port", echo(place)), hint)
}

fn port_number(digits: &str) -> Result<u16, TargetError> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u16>().ok().filter(|port| is_number && *port != 0).ok_or_else(|| {
        TargetError::new(
            format!("{} is not a port", echo(digits)),
            "a port is a number from 1 to 65535, as in mx1.example.net:25",
        )
    })
}

/// A name in A-labels, lower case, without its trailing dot, and its Unicode
/// form where that differs (UTS 46, non-transitional).
fn domain_name(typed: &str) -> Result<(String, Option<String>), TargetError> {
    refuse_characters(typed)?;
    let uts46 = Uts46::new();
    let ascii = uts46
        .to_ascii(typed.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
        .map_err(|_| {
            TargetError::new(
                format!("{} is not a valid internationalised name", echo(typed)),
                "copy the name again; a label that begins with xn-- must be whole",
            )
        })?;
    // Compatibility forms of forbidden characters have become those by now.
    refuse_characters(&ascii)?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    refuse_name(name)?;
    let (unicode, validity) =
        uts46.to_unicode(name.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    let unicode = (validity.is_ok() && unicode != name).then(|| unicode.into_owned());
    Ok((name.to_owned(), unicode))
}

/// Refuses what no host name has, with the hint that fits it.
fn refuse_characters(typed: &str) -> Result<(), TargetError> {
    if typed.parse::<Ipv6Addr>().is_ok() {
        return Err(not_an_ipv6(typed));
    }
    let Some(odd) = typed.chars().find(|c| {
        c.is_whitespace() || c.is_control() || (c.is_ascii_punctuation() && !"-._".contains(*c))
    }) else {
        return Ok(());
    };
    let hint = match odd {
        c if c.is_whitespace() => "give one target per argument, without blanks inside",
        ',' | ';' => "give one target per argument",
        '/' => "give the domain alone, without a path or a network's prefix length",
        '*' => "a wildcard is no host: name one domain",
        '[' | ']' => "brackets go around the whole host: [mx1.example.net]:25",
        _ => "a name has letters, digits, hyphens and dots",
    };
    Err(TargetError::new(format!("{} has {} in it", echo(typed), describe(odd)), hint))
}

fn describe(odd: char) -> String {
    match odd {
        ' ' => "a blank".to_owned(),
        c if c.is_ascii_punctuation() => format!("`{c}`"),
        c => format!("the character U+{:04X}", u32::from(c)),
    }
}

/// Refuses a name in A-labels that DNS or SMTP cannot carry.
fn refuse_name(name: &str) -> Result<(), TargetError> {
    if name.len() > MAX_NAME {
        return Err(TargetError::new(
            format!("the name has {} bytes: {}…", name.len(), echo(name)),
            "a name has at most 253 (RFC 1035 §2.3.4), counted in its xn-- form",
        ));
    }
    for label in name.split('.') {
        refuse_label(name, label)?;
    }
    // No top-level domain is numeric (RFC 3696 §2).
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TargetError::new(
            format!("{} is neither a name nor a whole address", echo(name)),
            "an IPv4 address has four numbers up to 255: 192.0.2.1",
        ));
    }
    Ok(())
}

fn refuse_label(name: &str, label: &str) -> Result<(), TargetError> {
    if label.is_empty() {
        return Err(TargetError::new(
            format!("{} has an empty label", echo(name)),
            "remove the doubled or leading dot",
        ));
    }
    if label.len() > MAX_LABEL {
        return Err(TargetError::new(
            format!("a label of the name has {} bytes: {}…", label.len(), echo(label)),
            "a label has at most 63 (RFC 1035 §2.3.4), counted in its xn-- form",
        ));
    }
    // RFC 5321 §4.1.2: a sub-domain begins and ends with a letter or digit.
    if label.starts_with('-') || label.ends_with('-') {
        return Err(TargetError::new(
            format!("the label {} begins or ends with a hyphen", echo(label)),
            "no domain of mail has such a label (RFC 5321 §4.1.2)",
        ));
    }
    Ok(())
}

/// The beginning of what was typed, safe to print.
fn echo(typed: &str) -> String {
    let mut shown = String::new();
    for c in typed.chars().take(MAX_ECHO) {
        if matches!(c, '\'' | '"' | '\\') {
            shown.push(c);
        } else {
            shown.extend(c.escape_debug());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Target {
        input.parse().unwrap_or_else(|error| panic!("{input:?}: {error}"))
    }

    fn domain(input: &str, name: &str) {
        assert_eq!(read(input).kind, TargetKind::Domain(name.to_owned()), "{input:?}");
    }

    fn host(input: &str, name: &str, port: Option<u16>) {
        let kind = TargetKind::Host { host: name.to_owned(), port };
        assert_eq!(read(input).kind, kind, "{input:?}");
    }

    fn ip(input: &str, ip: &str, port: Option<u16>) {
        let kind = TargetKind::Address { ip: ip.parse().unwrap(), port };
        assert_eq!(read(input).kind, kind, "{input:?}");
    }

    fn bad(input: &str, message: &str, hint: &str) {
        let error = input.parse::<Target>().expect_err(input);
        assert!(error.message.contains(message), "{input:?}: {}", error.message);
        assert!(error.hint.contains(hint), "{input:?}: {}", error.hint);
        let printed = format!("{}{}", error.message, error.hint);
        assert!(!printed.chars().any(char::is_control), "{printed:?}");
        assert!(printed.len() < 1000, "{printed:?}");
    }

    #[test]
    fn domains() {
        domain("example.net", "example.net");
        domain("  Example.NET.\t\n", "example.net");
        domain("user@example.net", "example.net");
        domain("User.Name+tag@Example.Net", "example.net");
        domain("\"a b@c\"@example.net", "example.net");
        domain("@example.net", "example.net");
        domain("Name <user@example.net>", "example.net");
        domain("\"Name, First\" <user@example.net>", "example.net");
        domain("<user@example.net>", "example.net");
        domain("mailto:user@example.net", "example.net");
        domain("MAILTO:user@example.net?subject=hello%20there", "example.net");
        domain("localhost", "localhost");
        domain("_dmarc.example.net", "_dmarc.example.net");
        domain("3com.example", "3com.example");
        domain("a--b.example", "a--b.example");
    }

    #[test]
    fn hosts_are_not_asked_for_mx() {
        host("[mx1.example.net]:25", "mx1.example.net", Some(25));
        host("[MX1.example.net.]", "mx1.example.net", None);
        host("mx1.example.net:25", "mx1.example.net", Some(25));
        host("mx1.example.net.:587", "mx1.example.net", Some(587));
        host("smtp://mx1.example.net", "mx1.example.net", None);
        host("SMTP://user@mx1.example.net:587/", "mx1.example.net", Some(587));
    }

    #[test]
    fn addresses() {
        ip("192.0.2.1", "192.0.2.1", None);
        ip("192.0.2.1:25", "192.0.2.1", Some(25));
        ip("[192.0.2.1]", "192.0.2.1", None);
        ip("[192.0.2.1]:25", "192.0.2.1", Some(25));
        ip("2001:db8::1", "2001:db8::1", None);
        ip("2001:DB8::1", "2001:db8::1", None);
        ip("[2001:db8::1]:25", "2001:db8::1", Some(25));
        ip("[2001:db8::1]", "2001:db8::1", None);
        ip("[IPv6:2001:db8::1]", "2001:db8::1", None);
        ip("[ipv6:2001:db8::1]:25", "2001:db8::1", Some(25));
        ip("user@[192.0.2.1]", "192.0.2.1", None);
        ip("user@[IPv6:2001:db8::1]", "2001:db8::1", None);
        ip("::ffff:192.0.2.1", "192.0.2.1", None);
        ip("smtp://[2001:db8::1]:25", "2001:db8::1", Some(25));
    }

    #[test]
    fn internationalised_names_have_both_forms() {
        for typed in
            ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "bu\u{308}cher.example"]
        {
            let target = read(typed);
            assert_eq!(target.kind, TargetKind::Domain("xn--bcher-kva.example".into()), "{typed}");
            assert_eq!(target.unicode.as_deref(), Some("bücher.example"), "{typed}");
        }
        assert_eq!(
            read("user@例え。テスト").kind,
            TargetKind::Domain("xn--r8jz45g.xn--zckzah".into())
        );
        assert_eq!(read("straße.example").kind, TargetKind::Domain("xn--strae-oqa.example".into()));
        host("[bücher.example]:25", "xn--bcher-kva.example", Some(25));
        assert_eq!(read("Example.net").unicode, None);
    }

    #[test]
    fn the_input_is_kept_as_typed() {
        let target = read(" User@Example.NET ");
        assert_eq!(target.input, "User@Example.NET");
        assert_eq!(target.name(), "example.net");
    }

    #[test]
    fn wrong_things_are_named() {
        bad("", "empty", "example.net");
        bad(" \t", "empty", "example.net");
        bad("exam ple.net", "a blank", "one target");
        bad("a.example b.example", "a blank", "one target");
        bad("a.example,b.example", "`,`", "one target");
        bad("a@a.example, b@b.example", "not one mail address", "one target");
        bad("user@", "nothing behind the @", "user@example.net");
        bad("user name@example.net", "not one mail address", "one target");
        bad("-4", "hyphen", "--help");
        bad("--ehlo", "hyphen", "--help");
        bad("http://www.example.net/path?q", "URL", "www.example.net");
        bad("https://", "URL", "example.net");
        bad("smtp://", "no host", "example.net");
        bad("mailto:", "no host", "example.net");
        bad("mx1.example.net:", "port", "65535");
        bad("mx1.example.net:0", "port", "65535");
        bad("mx1.example.net:65536", "port", "65535");
        bad("mx1.example.net:+25", "port", "65535");
        bad("mx1.example.net:smtp", "port", "65535");
        bad(":25", "no host", "mx1.example.net:25");
        bad("[mx1.example.net", "bracket", "[mx1.example.net]:25");
        bad("[mx1.example.net]25", "closing bracket", "port");
        bad("[]", "empty label", "dot");
        bad("mx1]", "`]`", "brackets");
        bad("2001:db8::zz", "neither an IPv6 address", "[2001:db8::1]:25");
        bad("fe80::1%eth0", "neither an IPv6 address", "zone");
        bad("192.0.2.256", "whole address", "192.0.2.1");
        bad("192.0.2", "whole address", "192.0.2.1");
        bad("192.0.2.0/24", "`/`", "prefix length");
        bad("*.example.net", "`*`", "wildcard");
        bad("example..net", "empty label", "dot");
        bad(".example.net", "empty label", "dot");
        bad("example.net..", "empty label", "dot");
        bad(".", "empty label", "dot");
        bad("-a.example", "hyphen", "--help");
        bad("a-.example", "begins or ends with a hyphen", "5321");
        bad("xn--a\u{7f}.example", "U+007F", "letters");
        bad("xn--\u{0}.example", "U+0000", "letters");
        bad("xn--zzzzzzzzzz99999999.example", "internationalised", "xn--");
        bad("exam\u{1b}[31mple.net", "U+001B", "letters");
    }

    #[test]
    fn lengths_are_counted_in_a_labels() {
        domain(&format!("{}.example", "a".repeat(63)), &format!("{}.example", "a".repeat(63)));
        bad(&format!("{}.example", "a".repeat(64)), "64 bytes", "63");
        bad(&format!("{}.example", "ü".repeat(60)), "a label of the name", "63");
        let long = format!("{}example", "a.".repeat(123));
        assert_eq!(long.len(), 253);
        domain(&long, &long);
        bad(&format!("a{long}"), "254 bytes", "253");
        bad(&"a".repeat(1 << 20), "1048576 bytes", "one target");
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read_or_refused(input in "\\PC{0,80}|[a-z0-9.:\\[\\]@<>/%-]{0,60}") {
            match input.parse::<Target>() {
                Ok(target) => {
                    let again: Target = target.name().parse().unwrap();
                    proptest::prop_assert_eq!(again.name(), target.name());
                }
                Err(error) => {
                    proptest::prop_assert!(!error.hint.is_empty());
                    proptest::prop_assert!(!error.message.chars().any(char::is_control));
                }
            }
        }
    }
}
