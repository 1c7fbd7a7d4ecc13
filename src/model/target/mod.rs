//! What the user named: a domain, a host with its port, or an address.
//!
//! Owns the reading of a target as people paste it: what is wrapped around it here,
//! the spelling of its name in `name`. Refuses to know DNS: a domain is only spelled
//! here, never looked up.

mod error;
mod name;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::str::FromStr;

pub use error::TargetError;
use error::echo;

/// Longest input that is read at all, in bytes: a mailbox (RFC 5321 §4.5.3.1)
/// with a display name around it fits many times.
const MAX_INPUT: usize = 2048;

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
    // RFC 5321 §4.1.2: an @ within a local part has to be quoted.
    if !is_quoted && local.contains([' ', '\t', ',', ';', '@']) {
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
    let (name, unicode) = name::spelled(host)?;
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
