//! The first question: one session to every address of every host.

use std::net::IpAddr;

use super::budget;
use super::closer::Closer;
use crate::model::probe::{ClientHello, Family, Limits, Mode, Probe, Role};
use crate::model::report::{Families, FamilyUse};
use crate::model::route::{AddressAnswer, Dnssec, Exchange, Route, RouteKind};
use crate::model::target::{Target, TargetKind};

/// What the user wants of every connection.
#[derive(Clone, Debug)]
pub struct Intent {
    /// EHLO arguments: the first for every session, the second for the second
    /// look; empty is the address literal of the connection's own end.
    pub ehlo_names: Vec<String>,
    /// Source addresses, one a family at most.
    pub sources: Vec<IpAddr>,
    /// TCP port where the target names none; `None` is the mode's own (25 or 465).
    pub port: Option<u16>,
    /// When TLS begins.
    pub mode: Mode,
    /// Server name to send instead of the host's.
    pub sni: Option<String>,
    /// How long to wait.
    pub limits: Limits,
    /// Sessions that a suspicion adds at each address.
    pub repeats: u32,
    /// Whether a suspicion is followed to other ports of the same host.
    pub other_ports: bool,
    /// What is asked of servers besides.
    pub closer: Closer,
}

impl Intent {
    /// The port that a target is asked at: its own, the one typed, or the mode's.
    pub fn port_for(&self, target: &Target) -> u16 {
        let default = match self.mode {
            Mode::Starttls => 25,
            Mode::ImplicitTls => 465,
        };
        target.port().or(self.port).unwrap_or(default)
    }

    fn source_for(&self, ip: IpAddr) -> Option<IpAddr> {
        self.sources.iter().copied().find(|source| Family::of(*source) == Family::of(ip))
    }
}

/// The route of a target that needs no DNS at all: an address.
pub fn named_route(target: &Target, vantage: &str) -> Option<Route> {
    let TargetKind::Address { ip, .. } = target.kind else { return None };
    let (ipv4, ipv6) = match ip {
        IpAddr::V4(ip) => (vec![ip], vec![]),
        IpAddr::V6(ip) => (vec![], vec![ip]),
    };
    let exchange = Exchange {
        host: ip.to_string(),
        preference: None,
        cname: Vec::new(),
        cname_dnssec: None,
        ipv4: AddressAnswer::named(ipv4),
        ipv6: AddressAnswer::named(ipv6),
        tlsa: None,
    };
    Some(Route {
        vantage: vantage.to_owned(),
        kind: RouteKind::Address,
        dnssec: Dnssec::Indeterminate,
        error: None,
        error_detail: None,
        cname: Vec::new(),
        null_mx_beside_others: false,
        exchanges: vec![exchange],
    })
}

/// One probe for every address of every exchange whose family can be used.
pub fn first_probes(
    target: &Target,
    route: &Route,
    families: Families,
    intent: &Intent,
) -> Vec<Probe> {
    let exchanges = route.exchanges.iter().take(budget::HOSTS_PER_TARGET);
    let addressed = exchanges.flat_map(|exchange| {
        addresses(exchange, families).into_iter().map(move |ip| (exchange, ip))
    });
    addressed.map(|(exchange, ip)| probe(target, route, exchange, ip, intent)).collect()
}

fn addresses(exchange: &Exchange, families: Families) -> Vec<IpAddr> {
    let most = budget::ADDRESSES_PER_HOST;
    let mut found: Vec<IpAddr> = Vec::new();
    if families.ipv4 == FamilyUse::Usable {
        found.extend(exchange.ipv4.addresses.iter().take(most).copied().map(IpAddr::V4));
    }
    if families.ipv6 == FamilyUse::Usable {
        found.extend(exchange.ipv6.addresses.iter().take(most).copied().map(IpAddr::V6));
    }
    found
}

fn probe(
    target: &Target,
    route: &Route,
    exchange: &Exchange,
    ip: IpAddr,
    intent: &Intent,
) -> Probe {
    // A bare address has no name to indicate (RFC 6066 §3).
    let host_name = (route.kind != RouteKind::Address).then(|| exchange.host.clone());
    Probe {
        vantage: route.vantage.clone(),
        source: intent.source_for(ip),
        target: target.name(),
        host: exchange.host.clone(),
        ip,
        port: intent.port_for(target),
        ehlo_name: intent.ehlo_names.first().cloned(),
        mode: intent.mode,
        client_hello: ClientHello::Default,
        offer: None,
        sni: intent.sni.clone().or(host_name),
        repeat: 0,
        role: Role::Target,
        limits: intent.limits,
    }
}
