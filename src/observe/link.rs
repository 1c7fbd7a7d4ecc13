//! The prefixes of this machine's interfaces.

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
    let local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    Some(addresses.filter(|ip| !local(ip)).collect())
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
