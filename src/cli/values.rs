//! Single values of the command line, from text.
//!
//! Owns their spelling and the hint for each that is wrong. Refuses to know options, and
//! what else was typed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use mxray::model::target::{Target, TargetKind};
use mxray::observe::Proxy;
use mxray::smtp::argument::{is_domain_name, is_ehlo_argument};

use crate::cli::arguments::options::controls::Canary;
use crate::cli::arguments::options::probe::{NamedVantage, Way};
use crate::cli::arguments::{Exchange, Listen};

/// The port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Longest session that can be asked for.
const LONGEST_SESSION: Duration = Duration::from_hours(1);

/// Shortest session that can be asked for: below it, not even a loopback answers.
const SHORTEST_SESSION: Duration = Duration::from_millis(10);

/// An argument of EHLO: a domain name or an address literal (RFC 5321 §4.1.1.1,
/// §4.1.3). Nothing else may stand in the line that we send.
pub(crate) fn ehlo_name(typed: &str) -> Result<String, String> {
    if is_ehlo_argument(typed) {
        return Ok(typed.to_owned());
    }
    Err("neither a domain name nor an address literal such as [192.0.2.1]".to_owned())
}

/// The domain of `--from`, in A-labels; a mail address stands for its domain.
pub(crate) fn sender(typed: &str) -> Result<String, String> {
    match typed.parse::<Target>().map(|target| target.kind) {
        Ok(TargetKind::Domain(domain)) => Ok(domain),
        _ => Err("neither a domain nor a mail address".to_owned()),
    }
}

/// A host name for SNI or for the match of certificates; without a trailing dot.
pub(crate) fn server_name(typed: &str) -> Result<String, String> {
    let name = typed.strip_suffix('.').unwrap_or(typed);
    if name.parse::<IpAddr>().is_ok() || !is_domain_name(name) {
        return Err("not a host name in ASCII (A-labels)".to_owned());
    }
    Ok(name.to_ascii_lowercase())
}

/// `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53`, `[2001:db8::53]:5353`.
pub(crate) fn resolver(typed: &str) -> Result<SocketAddr, String> {
    let bare = typed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(typed);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, DNS_PORT));
    }
    match typed.parse::<SocketAddr>() {
        Ok(server) if server.port() != 0 => Ok(server),
        _ => Err("not an address with or without port: a resolver has no name".to_owned()),
    }
}

/// An address that a connection can come from; whether it is this machine's is seen
/// later.
pub(crate) fn source(typed: &str) -> Result<IpAddr, String> {
    let ip: IpAddr = typed.parse().map_err(|_| "not an IP address".to_owned())?;
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    if ip.to_canonical() != ip {
        return Err(format!("an IPv4-mapped address: write {}", ip.to_canonical()));
    }
    if link_local {
        return Err("a link-local address, which reaches nothing behind a router".to_owned());
    }
    if ip.is_unspecified() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST {
        return Err("not the address of one machine".to_owned());
    }
    Ok(ip)
}

/// An address where nothing lives, or `none`.
pub(crate) fn canary(typed: &str) -> Result<Canary, String> {
    if typed == "none" {
        return Ok(Canary::None);
    }
    let ip = typed.parse().map_err(|_| "neither an address nor the word none".to_owned())?;
    Ok(Canary::Nowhere(ip))
}

/// Seconds, also parts of one.
pub(crate) fn seconds(typed: &str) -> Result<Duration, String> {
    let seconds: f64 = typed.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if (SHORTEST_SESSION..=LONGEST_SESSION).contains(&time) => Ok(time),
        _ => Err("not between 0.01 and 3600 seconds".to_owned()),
    }
}

/// `25`, `192.0.2.1:25`, `[2001:db8::1]:25`.
pub(crate) fn listen(typed: &str) -> Result<Listen, String> {
    if let Ok(port) = typed.parse::<u16>() {
        return Ok(Listen { ip: None, port });
    }
    match typed.parse::<SocketAddr>() {
        Ok(socket) => Ok(Listen { ip: Some(socket.ip()), port: socket.port() }),
        Err(_) => {
            Err("neither a port nor an address with a port, as in [2001:db8::1]:25".to_owned())
        }
    }
}

/// The same, or `none`.
pub(crate) fn exchange(typed: &str) -> Result<Exchange, String> {
    if typed == "none" { Ok(Exchange::Nowhere) } else { listen(typed).map(Exchange::At) }
}

/// Longest name of a vantage point.
const LONGEST_VANTAGE: usize = 32;

/// `NAME=COMMAND`: who else observes, and what runs its agent.
pub(crate) fn vantage(typed: &str) -> Result<NamedVantage, String> {
    let Some((name, command)) = typed.split_once('=') else {
        return Err("not NAME=COMMAND, as in berlin='ssh berlin mxray agent --stdio'".to_owned());
    };
    if command.trim().is_empty() {
        return Err("there is no command behind the =".to_owned());
    }
    Ok(NamedVantage { name: vantage_name(name)?, way: Way::Command(command.to_owned()) })
}

fn vantage_name(name: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if !(1..=LONGEST_VANTAGE).contains(&name.len()) || !name.chars().all(is_plain) {
        return Err(format!(
            "the name of a vantage point has 1 to {LONGEST_VANTAGE} letters, digits, dots, \
             hyphens or underscores"
        ));
    }
    Ok(name.to_owned())
}

/// The name of a proxy's view where none was given.
const SOCKS5: &str = "socks5";

/// `[NAME=]HOST:PORT`: a SOCKS5 proxy, and what its view is called.
pub(crate) fn socks5(typed: &str) -> Result<NamedVantage, String> {
    let (name, proxy) = typed.split_once('=').unwrap_or((SOCKS5, typed));
    if proxy.contains('@') {
        return Err("a proxy that wants a user and a password cannot be used".to_owned());
    }
    let parts = proxy.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    let Some((host, port @ 1..)) = parts else {
        return Err("not HOST:PORT, as in proxy.example:1080 or [2001:db8::1]:1080".to_owned());
    };
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = match bare {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok(),
        None => is_domain_name(host) || host.parse::<Ipv4Addr>().is_ok(),
    };
    if !is_host {
        return Err("neither a host name nor an address (IPv6 in brackets) before the port".into());
    }
    let host = bare.unwrap_or(host).to_owned();
    Ok(NamedVantage { name: vantage_name(name)?, way: Way::Socks5(Proxy { host, port }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_in_ehlo_is_a_name_or_a_literal() {
        for good in ["probe.example.org", "box", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            assert_eq!(ehlo_name(good), Ok(good.to_owned()));
        }
        for bad in
            ["", "a b", "a\r\nQUIT", "192.0.2.1]", "[2001:db8::1]", "[box]", "bücher.example"]
        {
            assert!(ehlo_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn server_names_are_names() {
        assert_eq!(server_name("MX1.Example.net."), Ok("mx1.example.net".to_owned()));
        for bad in ["", ".", "192.0.2.1", "2001:db8::1", "*.example.net", "bücher.example"] {
            assert!(server_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sources_are_addresses_of_one_machine() {
        for good in ["192.0.2.7", "127.0.0.1", "2001:db8::7", "::1"] {
            assert_eq!(source(good), Ok(good.parse().unwrap()));
        }
        for bad in [
            "",
            "192.0.2",
            "host.example",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "fe80::1",
        ] {
            assert!(source(bad).is_err(), "{bad}");
        }
        assert!(source("::ffff:192.0.2.7").unwrap_err().contains("write 192.0.2.7"));
    }

    #[test]
    fn resolvers_are_addresses() {
        for (typed, server) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5353", "192.0.2.53:5353"),
            ("2001:db8::53", "[2001:db8::53]:53"),
            ("[2001:db8::53]", "[2001:db8::53]:53"),
            ("[2001:db8::53]:5353", "[2001:db8::53]:5353"),
        ] {
            assert_eq!(resolver(typed), Ok(server.parse().unwrap()), "{typed}");
        }
        for bad in ["", "dns.example", "192.0.2.53:0", "192.0.2.53:", "192.0.2.53:99999"] {
            assert!(resolver(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn proxies_have_a_host_and_a_port() {
        for (typed, name, host, port) in [
            ("proxy.example:1080", "socks5", "proxy.example", 1080),
            ("127.0.0.1:9050", "socks5", "127.0.0.1", 9050),
            ("[2001:db8::1]:1080", "socks5", "2001:db8::1", 1080),
            ("berlin=proxy.example:1", "berlin", "proxy.example", 1),
        ] {
            let way = Way::Socks5(Proxy { host: host.to_owned(), port });
            assert_eq!(socks5(typed), Ok(NamedVantage { name: name.to_owned(), way }), "{typed}");
        }
        for bad in [
            "",
            "proxy.example",
            "proxy.example:",
            "proxy.example:0",
            "proxy.example:65536",
            "2001:db8::1:1080",
            "[proxy.example]:1080",
            "user:secret@proxy.example:1080",
            "socks5://proxy.example:1080",
            "=proxy.example:1080",
            "two words=proxy.example:1080",
        ] {
            assert!(socks5(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn places_to_listen_at_are_ports_with_or_without_an_address() {
        assert_eq!(listen("2525"), Ok(Listen { ip: None, port: 2525 }));
        let at = |text: &str| Listen { ip: Some(text.parse().unwrap()), port: 25 };
        assert_eq!(listen("192.0.2.1:25"), Ok(at("192.0.2.1")));
        assert_eq!(exchange("[2001:db8::1]:25"), Ok(Exchange::At(at("2001:db8::1"))));
        assert_eq!(exchange("none"), Ok(Exchange::Nowhere));
        for bad in ["", "none", "65536", "192.0.2.1", "2001:db8::1", "host:25", ":25"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds_are_within_reason() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("3600"), Ok(Duration::from_hours(1)));
        for bad in ["0", "-1", "NaN", "inf", "3601", "1e99", "", "5s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
