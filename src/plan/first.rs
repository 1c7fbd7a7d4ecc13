//! The first question: one session to every address of every host.
//!
//! Owns what the user wants of every connection. Refuses to know answers.

use std::net::IpAddr;

use super::budget;
use super::closer::Closer;
use crate::model::probe::{ClientHello, Family, LOCAL, Limits, Mode, Probe, Role};
use crate::model::report::{Families, FamilyUse};
use crate::model::route::{Dnssec, Exchange, Route, RouteKind};
use crate::model::target::Target;

/// Which addresses of a target are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Breadth {
    /// All of them.
    #[default]
    Every,
    /// One of each family: the one at this place, counted from 0, of the addresses in
    /// the order in which senders try their hosts.
    OneAFamily(usize),
}

/// What the user wants of every connection.
#[derive(Clone, Debug)]
pub struct Intent {
    /// EHLO arguments: the first for every session, the second for the second
    /// look; empty is the address literal of the connection's own end.
    pub ehlo_names: Vec<String>,
    /// Source addresses of this process; each is a view of its own. Empty: as the
    /// operating system chooses.
    pub sources: Vec<IpAddr>,
    /// Which addresses of each target are asked.
    pub breadth: Breadth,
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
    /// Whether the second look is taken without a suspicion, too.
    pub second_look: bool,
    /// Whether a suspicion is followed to other ports of the same host.
    pub other_ports: bool,
    /// What is asked of servers besides.
    pub closer: Closer,
}

impl Default for Intent {
    /// STARTTLS once at every address, with the limits of [`budget`], as the address
    /// literal of the connection's own end; no other port, no second look.
    fn default() -> Self {
        Self {
            ehlo_names: Vec::new(),
            sources: Vec::new(),
            breadth: Breadth::Every,
            port: None,
            mode: Mode::Starttls,
            sni: None,
            limits: Limits { session: budget::SESSION, greeting: budget::GREETING_PATIENCE },
            repeats: budget::REPEATS,
            second_look: false,
            other_ports: false,
            closer: Closer::default(),
        }
    }
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

    /// The sources of a family that a vantage point shall use, one view each. Ours
    /// are nobody else's.
    fn sources_for(&self, ip: IpAddr, vantage: &str) -> Vec<Option<IpAddr>> {
        let same = |source: &&IpAddr| vantage == LOCAL && Family::of(**source) == Family::of(ip);
        let named: Vec<_> = self.sources.iter().filter(same).copied().map(Some).collect();
        if named.is_empty() { vec![None] } else { named }
    }
}

/// One probe for every address of every exchange whose family can be used, from
/// every source address that was named.
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
    let addressed: Vec<(&Exchange, IpAddr)> = match intent.breadth {
        Breadth::Every => addressed.collect(),
        Breadth::OneAFamily(place) => {
            let of = |family| addressed.clone().filter(move |(_, ip)| Family::of(*ip) == family);
            let nth = |family| of(family).nth(place);
            [Family::Ipv4, Family::Ipv6].into_iter().filter_map(nth).collect()
        }
    };
    addressed
        .into_iter()
        .flat_map(|(exchange, ip)| {
            let sources = intent.sources_for(ip, &route.vantage);
            let planned = probe(target, route, exchange, ip, intent);
            sources.into_iter().map(move |source| Probe { source, ..planned.clone() })
        })
        .collect()
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
    let host_name = (route.kind != RouteKind::Address).then(|| server_name(exchange));
    Probe {
        vantage: route.vantage.clone(),
        source: None,
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

/// The name that senders indicate: the MX host, or the TLSA base domain where DANE
/// applies (RFC 7672 §2.2, §8.1).
fn server_name(exchange: &Exchange) -> String {
    let answer = exchange.tlsa.as_ref();
    let bound = answer.filter(|tlsa| tlsa.dnssec == Dnssec::Secure && !tlsa.records.is_empty());
    bound.map_or(&exchange.host, |tlsa| &tlsa.base_domain).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::route::{AddressAnswer, Tlsa, TlsaAnswer};

    #[test]
    fn one_address_of_each_family_is_asked_from_every_source_of_it() {
        let answer = |host: &str, ipv4: [u8; 4], ipv6: &str| Exchange {
            host: host.to_owned(),
            preference: Some(10),
            cname: Vec::new(),
            cname_dnssec: None,
            ipv4: AddressAnswer::named(vec![ipv4.into()]),
            ipv6: AddressAnswer::named(vec![ipv6.parse().unwrap()]),
            tlsa: None,
        };
        let route = Route {
            vantage: LOCAL.to_owned(),
            kind: RouteKind::Mx,
            dnssec: Dnssec::Insecure,
            error: None,
            error_detail: None,
            cname: Vec::new(),
            null_mx_beside_others: false,
            exchanges: vec![
                answer("mx1.example.net", [192, 0, 2, 1], "2001:db8::1"),
                answer("mx2.example.net", [192, 0, 2, 2], "2001:db8::2"),
            ],
        };
        let intent = |breadth| Intent {
            sources: ["198.51.100.1", "198.51.100.2", "2001:db8:1::1"]
                .map(|ip| ip.parse().unwrap())
                .into(),
            breadth,
            ..Intent::default()
        };
        let target: Target = "example.net".parse().unwrap();
        let families = Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable };
        let asked = |breadth| -> Vec<String> {
            let probes = first_probes(&target, &route, families, &intent(breadth));
            probes.iter().map(|probe| probe.ip.to_string()).collect()
        };
        let of = |place| asked(Breadth::OneAFamily(place));
        assert_eq!(of(0), ["192.0.2.1", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(of(1), ["192.0.2.2", "192.0.2.2", "2001:db8::2"]);
        assert!(of(2).is_empty());
        assert_eq!(asked(Breadth::Every).len(), 6);
    }

    #[test]
    fn the_server_name_is_the_tlsa_base_domain_where_records_bind() {
        let record = Tlsa { usage: 3, selector: 1, matching: 1, data: "ab".repeat(32) };
        let answer = |dnssec, records: &[Tlsa]| TlsaAnswer {
            base_domain: "real.example.net".to_owned(),
            dnssec,
            error: None,
            records: records.to_vec(),
        };
        let with = |tlsa: Option<TlsaAnswer>| {
            server_name(&Exchange {
                host: "mx.example.net".to_owned(),
                preference: Some(10),
                cname: vec!["real.example.net".to_owned()],
                cname_dnssec: Some(Dnssec::Secure),
                ipv4: AddressAnswer::named(vec![]),
                ipv6: AddressAnswer::named(vec![]),
                tlsa,
            })
        };
        let records = [record];
        assert_eq!(with(Some(answer(Dnssec::Secure, &records))), "real.example.net");
        for none in [
            None,
            Some(answer(Dnssec::Secure, &[])),
            Some(answer(Dnssec::Insecure, &records)),
            Some(answer(Dnssec::Indeterminate, &records)),
        ] {
            assert_eq!(with(none), "mx.example.net");
        }
    }
}
