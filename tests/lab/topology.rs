//! A small internet: `client` — `isp` — `core` — `mx`, with `dns` and `clean` on `core`.
//!
//! ```text
//! client ── isp ── core ── mx
//!                   ├───── dns
//!                   └───── clean
//! ```
//! What goes from `core` to `mx` is the destination's edge: both the client and the
//! clean vantage point have to pass it.
//!
//! Every interface is named after the neighbour that it leads to. Every link has
//! a documentation prefix of each family (RFC 5737, RFC 3849); only these are
//! routed, and no namespace has a default route.
//!
//! Owns namespaces, links, addresses and routes. Refuses to know who serves.

use std::fs;
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// Where the probe runs.
pub(crate) const CLIENT: &str = "client";
/// The access network, where a box sits before the client.
pub(crate) const ISP: &str = "isp";
/// Everything between, and the destination's edge, where a box sits before everybody.
pub(crate) const CORE: &str = "core";
/// Where the mail servers are.
pub(crate) const MX: &str = "mx";
/// Where the name servers are.
pub(crate) const DNS: &str = "dns";
/// A second vantage, which no box in `isp` has on its path.
pub(crate) const CLEAN: &str = "clean";

/// The authoritative name server.
pub(crate) const AUTHORITATIVE: [&str; 2] = ["192.0.2.53", "2001:db8:53::53"];
/// The validating resolver.
pub(crate) const RESOLVER: &str = "192.0.2.54";
/// A resolver that hands no signatures on.
pub(crate) const STRIPPING_RESOLVER: &str = "192.0.2.55";
/// A mail server in networks of its own, as another operator's.
pub(crate) const CONTROL_IPV4: &str = "192.0.2.120";
/// The same over IPv6.
pub(crate) const CONTROL_IPV6: &str = "2001:db8:150::1";
/// Two mail servers of two further operators, each in networks of its own.
pub(crate) const REFERENCES: [[&str; 2]; 2] =
    [["192.0.2.121", "2001:db8:151::1"], ["198.51.100.200", "2001:db8:152::1"]];
/// The client's IPv4 addresses, the first being what the kernel prefers.
pub(crate) const SOURCES: [&str; 2] = ["198.51.100.10", "198.51.100.11"];

/// All of them.
pub(crate) const NAMESPACES: [&str; 6] = [CLIENT, ISP, CORE, MX, DNS, CLEAN];
const LINKS: [(&str, &str); 5] =
    [(CLIENT, ISP), (ISP, CORE), (CORE, MX), (CORE, DNS), (CORE, CLEAN)];
/// Namespace, interface, address with prefix length.
const ADDRESSES: [(&str, &str, &str); 56] = [
    (CLIENT, ISP, "198.51.100.10/26"),
    (CLIENT, ISP, "198.51.100.11/26"),
    // The kernel prefers what was added last.
    (CLIENT, ISP, "2001:db8:100::11/64"),
    (CLIENT, ISP, "2001:db8:100::10/64"),
    (ISP, CLIENT, "198.51.100.1/26"),
    (ISP, CLIENT, "2001:db8:100::1/64"),
    (ISP, CORE, "198.51.100.65/26"),
    (ISP, CORE, "2001:db8:101::1/64"),
    (CORE, ISP, "198.51.100.66/26"),
    (CORE, ISP, "2001:db8:101::2/64"),
    (CORE, MX, "203.0.113.1/24"),
    (CORE, MX, "2001:db8:203::1/64"),
    (MX, CORE, "203.0.113.62/24"),
    (MX, CORE, "2001:db8:203::62/64"),
    (MX, CORE, "203.0.113.63/24"),
    (MX, CORE, "2001:db8:203::63/64"),
    (MX, CORE, "203.0.113.64/24"),
    (MX, CORE, "2001:db8:203::64/64"),
    (MX, CORE, "203.0.113.65/24"),
    (MX, CORE, "2001:db8:203::65/64"),
    (MX, CORE, "203.0.113.66/24"),
    (MX, CORE, "2001:db8:203::66/64"),
    (MX, CORE, "203.0.113.67/24"),
    (MX, CORE, "2001:db8:203::67/64"),
    (MX, CORE, "203.0.113.101/24"),
    (MX, CORE, "203.0.113.102/24"),
    (MX, CORE, "203.0.113.103/24"),
    (MX, CORE, "203.0.113.104/24"),
    (MX, CORE, "203.0.113.105/24"),
    (MX, CORE, "203.0.113.106/24"),
    (MX, CORE, "203.0.113.107/24"),
    (MX, CORE, "2001:db8:203::106/64"),
    (MX, CORE, "203.0.113.111/24"),
    (MX, CORE, "203.0.113.112/24"),
    (MX, CORE, "203.0.113.113/24"),
    (MX, CORE, "203.0.113.114/24"),
    (MX, CORE, "203.0.113.115/24"),
    (MX, CORE, "192.0.2.120/32"),
    (MX, CORE, "2001:db8:150::1/128"),
    (MX, CORE, "192.0.2.121/32"),
    (MX, CORE, "2001:db8:151::1/128"),
    (MX, CORE, "198.51.100.200/32"),
    (MX, CORE, "2001:db8:152::1/128"),
    (MX, CORE, "203.0.113.120/24"),
    (MX, CORE, "2001:db8:203::120/64"),
    (CORE, DNS, "192.0.2.1/25"),
    (CORE, DNS, "2001:db8:53::1/64"),
    (DNS, CORE, "192.0.2.53/25"),
    (DNS, CORE, "2001:db8:53::53/64"),
    (DNS, CORE, "192.0.2.54/25"),
    (DNS, CORE, "192.0.2.55/25"),
    (DNS, CORE, "2001:db8:53::54/64"),
    (CORE, CLEAN, "192.0.2.129/25"),
    (CORE, CLEAN, "2001:db8:102::1/64"),
    (CLEAN, CORE, "192.0.2.130/25"),
    (CLEAN, CORE, "2001:db8:102::10/64"),
];
/// The last parts of further addresses of `mx`, the same in both families: where
/// the servers of `innocent` are.
const INNOCENT: RangeInclusive<u8> = 121..=134;
/// Namespace, destination, next hop.
const ROUTES: [(&str, &str, &str); 27] = [
    (CLIENT, "192.0.2.0/24", "198.51.100.1"),
    (CLIENT, "198.51.100.0/24", "198.51.100.1"),
    (CLIENT, "203.0.113.0/24", "198.51.100.1"),
    (CLIENT, "2001:db8::/32", "2001:db8:100::1"),
    (ISP, "192.0.2.0/24", "198.51.100.66"),
    (ISP, "203.0.113.0/24", "198.51.100.66"),
    (ISP, "198.51.100.200/32", "198.51.100.66"),
    (ISP, "2001:db8::/32", "2001:db8:101::2"),
    (CORE, "198.51.100.0/26", "198.51.100.65"),
    (CORE, "2001:db8:100::/64", "2001:db8:101::1"),
    (CORE, "192.0.2.120/32", "203.0.113.62"),
    (CORE, "2001:db8:150::/64", "2001:db8:203::62"),
    (CORE, "192.0.2.121/32", "203.0.113.62"),
    (CORE, "2001:db8:151::/64", "2001:db8:203::62"),
    (CORE, "198.51.100.200/32", "203.0.113.62"),
    (CORE, "2001:db8:152::/64", "2001:db8:203::62"),
    (MX, "192.0.2.0/24", "203.0.113.1"),
    (MX, "198.51.100.0/24", "203.0.113.1"),
    (MX, "2001:db8::/32", "2001:db8:203::1"),
    (DNS, "192.0.2.128/25", "192.0.2.1"),
    (DNS, "198.51.100.0/24", "192.0.2.1"),
    (DNS, "203.0.113.0/24", "192.0.2.1"),
    (DNS, "2001:db8::/32", "2001:db8:53::1"),
    (CLEAN, "192.0.2.0/24", "192.0.2.129"),
    (CLEAN, "203.0.113.0/24", "192.0.2.129"),
    (CLEAN, "198.51.100.200/32", "192.0.2.129"),
    (CLEAN, "2001:db8::/32", "2001:db8:102::1"),
];
const FORWARDING: [&str; 2] = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];

/// Makes all of it. The sandbox has no network before, and takes it along when it ends.
pub(crate) fn build() -> Result<()> {
    for namespace in NAMESPACES {
        resolve_by(namespace, RESOLVER)?;
    }
    batch(NAMESPACES.iter().map(|name| format!("netns add {name}")))?;
    for namespace in [ISP, CORE] {
        process::run(process::command(namespace, "sysctl").arg("-qw").args(FORWARDING))?;
    }
    batch(LINKS.iter().map(|(one, other)| {
        format!("link add {other} netns {one} type veth peer name {one} netns {other}")
    }))?;
    for namespace in NAMESPACES {
        batch_in(namespace, &commands_of(namespace))?;
    }
    Ok(())
}

fn commands_of(namespace: &str) -> Vec<String> {
    let mut commands = vec!["link set lo up".to_owned()];
    for (one, other) in LINKS {
        match namespace {
            _ if namespace == one => commands.push(format!("link set {other} up")),
            _ if namespace == other => commands.push(format!("link set {one} up")),
            _ => {}
        }
    }
    for (_, interface, address) in ADDRESSES.iter().filter(|row| row.0 == namespace) {
        let nodad = if address.contains(':') { " nodad" } else { "" };
        commands.push(format!("address add {address} dev {interface}{nodad}"));
    }
    for last in INNOCENT.filter(|_| namespace == MX) {
        commands.push(format!("address add 203.0.113.{last}/24 dev {CORE}"));
        commands.push(format!("address add 2001:db8:203::{last}/64 dev {CORE} nodad"));
    }
    for (_, destination, hop) in ROUTES.iter().filter(|row| row.0 == namespace) {
        commands.push(format!("route add {destination} via {hop}"));
    }
    commands
}

/// What `ip netns exec` puts in the place of `/etc/resolv.conf`.
pub(crate) fn resolve_by(namespace: &str, resolver: &str) -> Result<()> {
    let folder = Path::new("/etc/netns").join(namespace);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("resolv.conf"), format!("nameserver {resolver}\n"))?;
    Ok(())
}

fn batch(commands: impl Iterator<Item = String>) -> Result<()> {
    feed(Command::new("ip").args(["-batch", "-"]), &commands.collect::<Vec<_>>().join("\n"))
}

fn batch_in(namespace: &str, commands: &[String]) -> Result<()> {
    feed(Command::new("ip").args(["-netns", namespace, "-batch", "-"]), &commands.join("\n"))
}

/// Gives a command its standard input and waits for its success.
pub(crate) fn feed(command: &mut Command, input: &str) -> Result<()> {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}\n{said}\n{input}", output.status);
    Ok(())
}
