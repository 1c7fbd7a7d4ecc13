//! The spelling of a name: characters, labels, lengths, and its two forms.
//!
//! Refuses to know what a name is of, a domain or a host.
//!
//! Owns the limits of RFC 1035 §2.3.4 and the A-labels of RFC 5890.

use std::net::Ipv6Addr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::error::{TargetError, echo};
use super::not_an_ipv6;

/// Longest name in text form, without the trailing dot (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;

/// Longest label (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// A name in A-labels, lower case, without its trailing dot, and its Unicode
/// form where that differs (UTS 46, non-transitional).
pub(super) fn spelled(typed: &str) -> Result<(String, Option<String>), TargetError> {
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
    if ascii == "." {
        return Err(TargetError::new(
            "the root of DNS takes no mail",
            "name a domain: example.net",
        ));
    }
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
