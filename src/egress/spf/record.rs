//! An SPF record, read (RFC 7208 §4.6, §5, §6).
//!
//! Owns the syntax: one error anywhere spoils the record (§4.6). Refuses to know DNS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::expand;
use crate::model::egress::SpfResult;

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) terms: Vec<Term>,
    pub(super) redirect: Option<String>,
}

/// A directive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// The result where it matches.
    pub(super) qualifier: SpfResult,
    pub(super) mechanism: Mechanism,
    /// As written.
    pub(super) text: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Network(Network),
    Include(String),
    A(Option<String>, Lengths),
    Mx(Option<String>, Lengths),
    Ptr(Option<String>),
    Exists(String),
}

/// `ip4` and `ip6`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Network {
    ip: IpAddr,
    length: u8,
}

/// The prefix lengths of `a` and `mx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    ipv4: u8,
    ipv6: u8,
}

impl Network {
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        same_prefix(self.ip, ip, self.length)
    }
}

impl Lengths {
    /// Whether the client is in the network of an address.
    pub(super) fn covers(self, ip: IpAddr, client: IpAddr) -> bool {
        same_prefix(ip, client, if ip.is_ipv4() { self.ipv4 } else { self.ipv6 })
    }
}

fn same_prefix(one: IpAddr, other: IpAddr, length: u8) -> bool {
    let length = u32::from(length);
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= length
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= length
        }
        _ => false,
    }
}

/// Whether a text is a record of this version (RFC 7208 §4.5).
pub(super) fn is_spf(text: &str) -> bool {
    text.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case("v=spf1"))
}

impl Record {
    /// Reads a text for which [`is_spf`] holds.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut record = Self { terms: Vec::new(), redirect: None };
        let mut has_explanation = false;
        for word in text.split(' ').skip(1).filter(|word| !word.is_empty()) {
            let Some((name, value)) = modifier(word) else {
                record.terms.push(Term::parse(word)?);
                continue;
            };
            let name = name.to_ascii_lowercase();
            let verify = match name.as_str() {
                "redirect" | "exp" => expand::verify_domain,
                _ => expand::verify,
            };
            verify(value).map_err(|problem| format!("{word}: {problem}"))?;
            // RFC 7208 §6: these two once at most; others are left alone.
            match name.as_str() {
                "redirect" if record.redirect.is_some() => {
                    return Err("redirect stands there twice".to_owned());
                }
                "redirect" => record.redirect = Some(value.to_owned()),
                "exp" if has_explanation => return Err("exp stands there twice".to_owned()),
                "exp" => has_explanation = true,
                _ => {}
            }
        }
        Ok(record)
    }
}

/// `name=value`, where the `=` comes before any `:` or `/`.
fn modifier(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let mut letters = name.chars();
    let starts_well = letters.next()?.is_ascii_alphabetic();
    let goes_on_well =
        letters.all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'));
    (starts_well && goes_on_well).then_some((name, value))
}

impl Term {
    fn parse(word: &str) -> Result<Self, String> {
        let (qualifier, rest) = match word.split_at_checked(1) {
            Some(("+", rest)) => (SpfResult::Pass, rest),
            Some(("-", rest)) => (SpfResult::Fail, rest),
            Some(("~", rest)) => (SpfResult::Softfail, rest),
            Some(("?", rest)) => (SpfResult::Neutral, rest),
            _ => (SpfResult::Pass, word),
        };
        let mechanism = mechanism(rest).map_err(|problem| format!("{word}: {problem}"))?;
        Ok(Self { qualifier, mechanism, text: word.to_owned() })
    }
}

fn mechanism(text: &str) -> Result<Mechanism, String> {
    let end = text.find([':', '/']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let name = name.to_ascii_lowercase();
    let argument = rest.strip_prefix(':');
    match (name.as_str(), argument) {
        ("all", None) if rest.is_empty() => Ok(Mechanism::All),
        ("ip4", Some(argument)) => network::<Ipv4Addr>(argument, 32),
        ("ip6", Some(argument)) => network::<Ipv6Addr>(argument, 128),
        ("include", Some(argument)) => domain(argument).map(Mechanism::Include),
        ("exists", Some(argument)) => domain(argument).map(Mechanism::Exists),
        ("ptr", None) if rest.is_empty() => Ok(Mechanism::Ptr(None)),
        ("ptr", Some(argument)) => domain(argument).map(|name| Mechanism::Ptr(Some(name))),
        ("a", _) => target(argument, rest).map(|(name, lengths)| Mechanism::A(name, lengths)),
        ("mx", _) => target(argument, rest).map(|(name, lengths)| Mechanism::Mx(name, lengths)),
        _ => Err("not a mechanism of SPF".to_owned()),
    }
}

fn network<A: std::str::FromStr + Into<IpAddr>>(text: &str, most: u8) -> Result<Mechanism, String> {
    let (ip, length) = match text.split_once('/') {
        None => (text, most),
        Some((ip, length)) => (ip, prefix_length(length, most)?),
    };
    let ip: A = ip.parse().map_err(|_| "not an address of that family".to_owned())?;
    Ok(Mechanism::Network(Network { ip: ip.into(), length }))
}

fn prefix_length(text: &str, most: u8) -> Result<u8, String> {
    // RFC 7208 §5.6: no leading zeros, no sign.
    let is_plain = text == "0" || !text.starts_with(['0', '+']);
    let length = text.parse().ok().filter(|length| is_plain && *length <= most);
    length.ok_or_else(|| format!("/{text} is not a prefix length"))
}

/// The domain and the prefix lengths of `a` and `mx`: `:domain/24//64`, all optional.
fn target(argument: Option<&str>, rest: &str) -> Result<(Option<String>, Lengths), String> {
    // A slash may also stand in the domain (RFC 7208 §7.1): the lengths are at the end.
    let (text, ipv6) = match argument.unwrap_or(rest).rsplit_once("//") {
        Some((text, ipv6)) if !ipv6.contains('.') => (text, prefix_length(ipv6, 128)?),
        _ => (argument.unwrap_or(rest), 128),
    };
    let (name, ipv4) = match text.rsplit_once('/') {
        Some((name, ipv4)) if !ipv4.contains(['.', '}']) => (name, prefix_length(ipv4, 32)?),
        _ => (text, 32),
    };
    let name = match argument {
        Some(_) => Some(domain(name)?),
        None if name.is_empty() => None,
        None => return Err("not a mechanism of SPF".to_owned()),
    };
    Ok((name, Lengths { ipv4, ipv6 }))
}

fn domain(text: &str) -> Result<String, String> {
    expand::verify_domain(text)?;
    Ok(text.to_owned())
}
