//! The prefixes of this machine's interfaces.
//!
//! Owns what the kernel tells of its own addresses. Sends nothing, and refuses to know
//! routes.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;

/// Whether an interface has a prefix that covers the address; `None` where the
/// interfaces cannot be listed.
pub(super) fn covers(ip: IpAddr) -> Option<bool> {
    let interfaces = getifaddrs().ok()?;
    let prefixes = interfaces.filter_map(|interface| {
        let (address, mask) = (interface.address?, interface.netmask?);
        match ip {
            IpAddr::V4(_) => {
                Some((address.as_sockaddr_in()?.ip().into(), mask.as_sockaddr_in()?.ip().into()))
            }
            IpAddr::V6(_) => {
                Some((address.as_sockaddr_in6()?.ip().into(), mask.as_sockaddr_in6()?.ip().into()))
            }
        }
    });
    Some(prefixes.into_iter().any(|(address, mask)| in_prefix(ip, address, mask)))
}

/// The addresses of an interface that can be a source towards other networks;
/// `None` where the interfaces cannot be listed.
pub fn addresses_of(interface: &str) -> Option<Vec<IpAddr>> {
    let all = getifaddrs().ok()?.filter(|entry| entry.interface_name == interface);
    let addresses = all.filter_map(|entry| {
        let address = entry.address?;
        let ipv4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        ipv4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    });
    let own = own_addresses()?;
    let can_leave = |ip: &IpAddr| own.iter().any(|one| one.ip == *ip && one.can_leave());
    Some(addresses.filter(can_leave).collect())
}

/// An address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// The address.
    pub ip: IpAddr,
    /// Whether the kernel calls it temporary (RFC 8981); `None` where it does not say.
    pub temporary: Option<bool>,
    /// Whether the kernel calls it deprecated (RFC 4862 §5.5.4): nothing new is sent from it.
    pub deprecated: bool,
    /// Whether the kernel says that it is still being verified, or another's too (RFC 4862
    /// §5.4): nothing can be sent from it.
    pub tentative: bool,
}

impl OwnAddress {
    /// Whether it can be a source towards other networks.
    pub fn can_leave(&self) -> bool {
        let stays = match self.ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        let void = self.ip.is_loopback() || self.ip.is_unspecified() || self.ip.is_multicast();
        !(stays || void || self.deprecated || self.tentative)
    }
}

/// Where Linux says what it thinks of each IPv6 address.
const IF_INET6: &str = "/proc/net/if_inet6";
/// `IFA_F_TEMPORARY` of linux/if_addr.h.
const TEMPORARY: u32 = 0x01;
/// `IFA_F_DEPRECATED` of linux/if_addr.h.
const DEPRECATED: u32 = 0x20;
/// `IFA_F_TENTATIVE` and `IFA_F_DADFAILED` of linux/if_addr.h.
const TENTATIVE: u32 = 0x40 | 0x08;
/// `IFA_F_OPTIMISTIC` of linux/if_addr.h: usable although tentative (RFC 4429).
const OPTIMISTIC: u32 = 0x04;

/// Every address of this machine, each once; `None` where they cannot be listed.
pub fn own_addresses() -> Option<Vec<OwnAddress>> {
    let flags = flags(&std::fs::read_to_string(IF_INET6).unwrap_or_default());
    let mut own: Vec<OwnAddress> = Vec::new();
    for address in getifaddrs().ok()?.filter_map(|entry| entry.address) {
        let ipv4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let ip = ipv4.or_else(|| address.as_sockaddr_in6().map(|one| IpAddr::V6(one.ip())));
        let Some(ip) = ip.filter(|ip| own.iter().all(|known| known.ip != *ip)) else { continue };
        let flag = |mask: u32| flags.get(&ip).map(|flags| flags & mask != 0);
        let temporary = if ip.is_ipv4() { Some(false) } else { flag(TEMPORARY) };
        own.push(OwnAddress {
            ip,
            temporary,
            deprecated: flag(DEPRECATED) == Some(true),
            tentative: flag(TENTATIVE) == Some(true) && flag(OPTIMISTIC) == Some(false),
        });
    }
    Some(own)
}

/// The flags of each address: address, index, prefix length, scope, flags, name.
fn flags(text: &str) -> HashMap<IpAddr, u32> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        Some((IpAddr::V6(Ipv6Addr::from_bits(address)), flags))
    };
    text.lines().filter_map(row).collect()
}

fn in_prefix(ip: IpAddr, address: IpAddr, mask: IpAddr) -> bool {
    match (ip, address, mask) {
        (IpAddr::V4(ip), IpAddr::V4(address), IpAddr::V4(mask)) => {
            let network = |ip: Ipv4Addr| ip.to_bits() & mask.to_bits();
            network(ip) == network(address)
        }
        (IpAddr::V6(ip), IpAddr::V6(address), IpAddr::V6(mask)) => {
            let network = |ip: Ipv6Addr| ip.to_bits() & mask.to_bits();
            network(ip) == network(address)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_leads_nowhere_has_no_source() {
        assert_eq!(addresses_of("lo"), Some(Vec::new()));
        assert_eq!(addresses_of("no-such-interface"), Some(Vec::new()));
    }

    #[test]
    fn loopback_is_ours_and_does_not_leave() {
        let own = own_addresses().unwrap();
        let loopback = own.iter().find(|own| own.ip.is_loopback()).unwrap();
        assert!(!loopback.can_leave());
        let address = |ip: &str, deprecated| OwnAddress {
            ip: ip.parse().unwrap(),
            temporary: None,
            deprecated,
            tentative: false,
        };
        assert!(!OwnAddress { tentative: true, ..address("2001:db8::1", false) }.can_leave());
        for ip in ["fe80::1", "169.254.1.1", "::1", "0.0.0.0"] {
            assert!(!address(ip, false).can_leave(), "{ip}");
        }
        for ip in ["10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1"] {
            assert!(address(ip, false).can_leave() && !address(ip, true).can_leave(), "{ip}");
        }
    }

    #[test]
    fn the_kernel_tells_temporary_and_deprecated_addresses() {
        let flags = flags(
            "20010db8000000000000000000000001 02 40 00 80     eth0\n\
             20010db8000000000000000000000002 02 40 00 21     eth0\nbroken\n",
        );
        assert_eq!(flags[&"2001:db8::1".parse::<IpAddr>().unwrap()], 0x80);
        let second = flags[&"2001:db8::2".parse::<IpAddr>().unwrap()];
        assert_eq!(second, TEMPORARY | DEPRECATED);
        assert_eq!(flags.len(), 2);
    }

    #[test]
    fn loopback_is_on_a_link_and_a_canary_is_not() {
        assert_eq!(covers("127.3.4.5".parse().unwrap()), Some(true));
        let within = |ip: &str, address: &str, mask: &str| {
            in_prefix(ip.parse().unwrap(), address.parse().unwrap(), mask.parse().unwrap())
        };
        assert!(within("192.0.2.25", "192.0.2.1", "255.255.255.0"));
        assert!(!within("192.0.2.25", "192.0.2.129", "255.255.255.128"));
        assert!(within("2001:db8::25", "2001:db8::1", "ffff:ffff:ffff:ffff::"));
        assert!(!within("2001:db8::25", "127.0.0.1", "255.0.0.0"));
    }
}
