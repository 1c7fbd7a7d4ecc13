//! Who operates a host, as far as its name and its address tell; and providers
//! whose habits are known.
//!
//! Refuses to know routing: which network announces an address is never looked up.

use std::net::IpAddr;

use super::target::Target;

/// Large providers that have offered STARTTLS at every address for years, each
/// with an operator of its own.
pub const BUILT_IN_CONTROLS: [&str; 6] =
    ["gmail.com", "outlook.com", "yahoo.com", "icloud.com", "gmx.net", "proton.me"];

/// [`BUILT_IN_CONTROLS`] as targets, in their order.
pub fn built_in_controls() -> Vec<Target> {
    // A test reads each of them.
    BUILT_IN_CONTROLS.iter().filter_map(|name| name.parse().ok()).collect()
}

/// The registrable domain of a host, by the public suffix list. A host without
/// one, or a bare address, stands for itself.
pub fn operator(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

/// The network that an address lies in, as far as it can be told without routing
/// data: its /24, or its /48 over IPv6.
///
/// Nothing longer is carried between networks by custom (RFC 7454 §6.1.3), so two
/// addresses in one of these have one origin. Two in different ones may have one
/// all the same.
pub fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            [a, b, c, 0].into()
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            [a, b, c, 0, 0, 0, 0, 0].into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_controls_are_domains() {
        assert_eq!(built_in_controls().len(), BUILT_IN_CONTROLS.len());
    }

    #[test]
    fn operators_are_registrable_domains() {
        assert_eq!(operator("alt1.gmail-smtp-in.l.google.com"), "google.com");
        assert_eq!(operator("mx.example.co.uk"), "example.co.uk");
        assert_eq!(operator("192.0.2.1"), "192.0.2.1");
        assert_eq!(operator("localhost"), "localhost");
    }

    #[test]
    fn networks_are_the_longest_prefixes_that_are_routed() {
        let of = |ip: &str| network(ip.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.254"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:1:ffff::1"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
    }
}
