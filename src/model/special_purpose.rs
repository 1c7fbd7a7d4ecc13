//! Special-purpose addresses: those that are not of the public internet.
//!
//! Owns the registries' list. Refuses to say what may be done there.

use std::net::IpAddr;

/// Whether an address is one of the public internet: not special-purpose by the
/// registries of RFC 6890. A target elsewhere causes no traffic to the public.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let special = ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_documentation()
                || ip.is_broadcast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b)) // RFC 6598
                || (a == 198 && (b == 18 || b == 19)) // RFC 2544
                || (a == 192 && b == 0 && c == 0) // RFC 6890
                || (a == 192 && b == 88 && c == 99); // RFC 7526
            !special
        }
        IpAddr::V6(ip) => {
            let segments = ip.segments();
            let [first, second, ..] = segments;
            // 2000::/3 is what has been given out; documentation (RFC 3849, RFC
            // 9637), 2001::/23 and 6to4 are special within it.
            (0x2000..0x4000).contains(&first)
                && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
                && first != 0x2002
                && !(first == 0x3fff && second < 0x1000)
        }
    }
}

/// Whether an address is known to nobody outside its own network: private (RFC 1918,
/// RFC 4193), shared (RFC 6598), of 464XLAT (RFC 7335), link-local or loopback.
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            // RFC 7335: what a host behind 464XLAT has for IPv4.
            let translated = (a, b, c) == (192, 0, 0);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared || translated
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(ip: &str) -> bool {
        is_public(ip.parse().unwrap())
    }

    #[test]
    fn special_purpose_addresses_are_not_public() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "198.18.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "2001:db8::1",
            "3fff::1",
            "2002::1",
            "::",
            "ff02::1",
            "64:ff9b::1",
        ] {
            assert!(!public(ip), "{ip}");
        }
        for ip in ["8.8.8.8", "142.250.1.26", "2a00:1450::1a", "2607:f8b0::1b", "100.128.0.1"] {
            assert!(public(ip), "{ip}");
        }
    }

    #[test]
    fn private_addresses_are_known_to_nobody_outside() {
        for ip in ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "fd00::1"] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["192.0.2.1", "8.8.8.8", "100.128.0.1", "2001:db8::1", "2a00:1450::1a"] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }
}
