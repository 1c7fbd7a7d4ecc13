//! Which connections a box touches.
//!
//! Owns the conditions and their spelling. Refuses to know what is done to a
//! connection that meets them.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::model::probe::Family;

/// Conditions that must all hold; the default holds always.
///
/// Written as `every=3,family=ipv4,source=192.0.2.1,ehlo=probe.example.org`,
/// each part optional; `all` for no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only a client that gives this EHLO or HELO argument, in any case. Until it
    /// has spoken nothing is touched, so the greeting never is.
    pub ehlo_name: Option<String>,
    /// Only a client with this address.
    pub source: Option<IpAddr>,
    /// Only a client of this family.
    pub family: Option<Family>,
    /// Only the first of every so many connections; the others are not counted
    /// apart by source or family.
    pub every: Option<NonZeroU64>,
}

impl Scope {
    /// Whether a connection meets the conditions that are known before it
    /// speaks; `ordinal` counts connections from 0.
    pub fn admits(&self, client: IpAddr, ordinal: u64) -> bool {
        let client = client.to_canonical();
        self.source.is_none_or(|source| source.to_canonical() == client)
            && self.family.is_none_or(|family| family == Family::of(client))
            && self.every.is_none_or(|every| ordinal.is_multiple_of(every.get()))
    }

    /// Whether a client that introduces itself so is meant.
    pub fn admits_ehlo(&self, argument: &[u8]) -> bool {
        self.ehlo_name
            .as_ref()
            .is_none_or(|name| name.as_bytes().eq_ignore_ascii_case(argument.trim_ascii()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.every.map(|every| format!("every={every}")),
            self.family.map(|family| format!("family={}", family.label().to_ascii_lowercase())),
            self.source.map(|source| format!("source={source}")),
            self.ehlo_name.as_ref().map(|name| format!("ehlo={name}")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "all" } else { "" })?;
        f.write_str(&parts.join(","))
    }
}

/// A scope that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope; write `all`, or some of every=N,family=ipv4|ipv6,source=IP,ehlo=NAME")]
pub struct InvalidScope(String);

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut scope = Self::default();
        if text == "all" {
            return Ok(scope);
        }
        for part in text.split(',') {
            scope.read(part).ok_or_else(|| InvalidScope(part.to_owned()))?;
        }
        Ok(scope)
    }
}

impl Scope {
    fn read(&mut self, part: &str) -> Option<()> {
        let (key, value) = part.split_once('=')?;
        match (key, value) {
            ("every", number) => self.every = Some(number.parse().ok()?),
            ("family", "ipv4") => self.family = Some(Family::Ipv4),
            ("family", "ipv6") => self.family = Some(Family::Ipv6),
            ("source", address) => self.source = Some(address.parse().ok()?),
            ("ehlo", name) if !name.is_empty() => self.ehlo_name = Some(name.to_owned()),
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "192.0.2.1";
    const V6: &str = "2001:db8::1";

    fn admits(scope: &str, client: &str, ordinal: u64) -> bool {
        scope.parse::<Scope>().unwrap().admits(client.parse().unwrap(), ordinal)
    }

    #[test]
    fn each_condition_excludes_what_it_does_not_name() {
        assert!(admits("all", V4, 7));
        assert!(admits("family=ipv4", V4, 0) && !admits("family=ipv4", V6, 0));
        assert!(admits("family=ipv4", "::ffff:192.0.2.1", 0), "a mapped address is IPv4");
        assert!(admits("source=192.0.2.1", V4, 0) && !admits("source=192.0.2.2", V4, 0));
        assert_eq!([0, 1, 2, 3].map(|n| admits("every=3", V4, n)), [true, false, false, true]);
        assert!(!admits("every=3,family=ipv6", V4, 0), "all must hold");
    }

    #[test]
    fn the_ehlo_name_is_compared_without_case() {
        let scope: Scope = "ehlo=probe.example.org".parse().unwrap();
        assert!(scope.admits_ehlo(b"Probe.Example.ORG "));
        assert!(!scope.admits_ehlo(b"other.example.org"));
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["all", "every=3,family=ipv6,source=2001:db8::1,ehlo=a.example.org"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "every=0", "family=ipv5", "source=x", "ehlo=", "colour=red"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }
}
