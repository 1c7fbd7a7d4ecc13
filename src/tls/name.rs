//! The name match of RFC 9525. Pure.
//!
//! Owns the comparison of one reference name with the names of subjectAltName.
//! Refuses to know where either came from; the common name is never among them.

use std::net::IpAddr;

/// The names that a certificate presents in subjectAltName.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// The dNSName entries.
    pub domains: Vec<String>,
    /// The iPAddress entries.
    pub addresses: Vec<IpAddr>,
}

/// Whether one of the presented names is the reference name.
///
/// An address is compared with addresses alone (RFC 9525 §6.5), a domain name in
/// A-label form with domain names alone (§6.3): without regard to case, a dot at
/// the end apart, `*` standing for one whole left-most label.
pub fn matches(reference: &str, presented: &Presented) -> bool {
    match reference.parse::<IpAddr>() {
        Ok(ip) => presented.addresses.contains(&ip),
        Err(_) => presented.domains.iter().any(|name| matches_domain(reference, name)),
    }
}

fn matches_domain(reference: &str, presented: &str) -> bool {
    let reference = without_root(reference);
    let presented = without_root(presented);
    if reference.is_empty() {
        return false;
    }
    let Some(parent) = presented.strip_prefix("*.") else {
        // A wildcard anywhere else is an ordinary character, and no host has it.
        return !presented.contains('*') && reference.eq_ignore_ascii_case(presented);
    };
    reference.split_once('.').is_some_and(|(label, rest)| {
        !label.is_empty() && !parent.contains('*') && rest.eq_ignore_ascii_case(parent)
    })
}

fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> Presented {
        Presented { domains: vec![name.to_owned()], ..Presented::default() }
    }

    fn address(ip: &str) -> Presented {
        Presented { addresses: vec![ip.parse().unwrap()], ..Presented::default() }
    }

    fn good(reference: &str, presented: &str) {
        assert!(matches(reference, &domain(presented)), "{reference} is {presented}");
    }

    fn bad(reference: &str, presented: &str) {
        assert!(!matches(reference, &domain(presented)), "{reference} is not {presented}");
    }

    #[test]
    fn domain_names_match_whole_and_without_case() {
        good("mx.example.net", "mx.example.net");
        good("MX.example.net", "mx.EXAMPLE.net");
        good("mx.example.net.", "mx.example.net");
        good("mx.example.net", "mx.example.net.");
        good("xn--mller-kva.example", "XN--MLLER-KVA.example");
        bad("mx.example.net", "example.net");
        bad("example.net", "mx.example.net");
        bad("mx.example.net", "mx.example.net\\x00.evil.example");
        bad("", "");
    }

    #[test]
    fn a_wildcard_is_one_whole_leftmost_label() {
        good("mx.example.net", "*.example.net");
        good("xn--mller-kva.example.net", "*.example.net");
        bad("a.mx.example.net", "*.example.net");
        bad("example.net", "*.example.net");
        bad(".example.net", "*.example.net");
        bad("mx1.example.net", "mx*.example.net");
        bad("a.mx.example.net", "a.*.example.net");
        bad("a.mx.example.net", "*.*.example.net");
        bad("mx.example.net", "*");
        bad("*.example.net", "mx.example.net");
    }

    #[test]
    fn addresses_match_addresses_alone() {
        assert!(matches("192.0.2.1", &address("192.0.2.1")));
        assert!(matches("2001:db8:0:0::1", &address("2001:db8::1")));
        assert!(!matches("192.0.2.2", &address("192.0.2.1")));
        assert!(!matches("mx.example.net", &address("192.0.2.1")));
        bad("192.0.2.1", "192.0.2.1"); // a dNSName that looks like an address
        bad("192.0.2.1", "*.0.2.1");
    }

    #[test]
    fn any_of_several_names_will_do() {
        let domains = vec!["a.example".to_owned(), "b.example".to_owned()];
        let presented = Presented { domains, ..Presented::default() };
        assert!(matches("b.example", &presented));
        assert!(!matches("c.example", &presented));
        assert!(!matches("c.example", &Presented::default()));
    }
}
