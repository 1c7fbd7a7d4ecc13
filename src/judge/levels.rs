//! From a reading to the prediction for Postfix: picks out of the evidence what
//! `policy::postfix` wants to see.
//!
//! Owns which sessions stand for a sender. Refuses to know Postfix.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::reading::Reading;
use crate::model::evidence::Evidence;
use crate::model::probe::{ClientHello, Family, Mode, Role};
use crate::model::report::PostfixLevel;
use crate::model::route::{Dnssec, Exchange, Route, RouteKind};
use crate::policy::dane::{self, Requirement};
use crate::policy::postfix::{self, View};

/// What Postfix would do at each level; `None` for a session that is no sender's:
/// one with a control, with another `ClientHello`, a repeat, or TLS from the start.
pub(super) fn levels(
    reading: &Reading<'_>,
    evidence: &Evidence,
) -> Option<BTreeMap<String, Option<PostfixLevel>>> {
    let probe = &reading.observation.probe;
    let is_senders = probe.role == Role::Target
        && probe.client_hello == ClientHello::Default
        && probe.mode == Mode::Starttls
        && probe.repeat == 0;
    if !is_senders {
        return None;
    }
    let route = evidence.routes.iter().find(|route| route.vantage == probe.vantage);
    let exchange = route.and_then(|route| exchange(route, &probe.host, probe.ip));
    // TLSA was looked up for the port of the question (RFC 7672 §2.2.3).
    let is_asked =
        evidence.observations.first().is_some_and(|first| first.probe.port == probe.port);
    let requirement = match (route, exchange) {
        (Some(route), Some(exchange)) if is_asked => dane::requirement(route, exchange),
        _ => Requirement::NotAsked,
    };
    Some(postfix::predict(&View {
        stages: &reading.session.stages,
        starttls: &reading.session.starttls,
        tls: reading.tls.as_ref(),
        requirement: &requirement,
        mx: route.and_then(mx),
        address: exchange.map(|exchange| address(exchange, probe.family())),
        host: &probe.host,
        next_hop: &evidence.target.name(),
    }))
}

/// The MX host that a probe went to.
fn exchange<'a>(route: &'a Route, host: &str, ip: IpAddr) -> Option<&'a Exchange> {
    route.exchanges.iter().find(|exchange| {
        let has_address = match ip {
            IpAddr::V4(ip) => exchange.ipv4.addresses.contains(&ip),
            IpAddr::V6(ip) => exchange.ipv6.addresses.contains(&ip),
        };
        exchange.host == host && has_address
    })
}

/// Status of the MX answer, where there was one.
fn mx(route: &Route) -> Option<Dnssec> {
    (route.kind == RouteKind::Mx).then_some(route.dnssec)
}

/// Status of the answer with the exchange's addresses of a family.
fn address(exchange: &Exchange, family: Family) -> Dnssec {
    match family {
        Family::Ipv4 => exchange.ipv4.dnssec,
        Family::Ipv6 => exchange.ipv6.dnssec,
    }
}
