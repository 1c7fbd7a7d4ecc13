//! From a reading to the prediction for Postfix: picks out of the evidence what
//! `policy::postfix` wants to see.
//!
//! Owns which sessions stand for a sender. Refuses to know Postfix.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::reading::Reading;
use crate::model::evidence::Evidence;
use crate::model::probe::{ClientHello, Family, Mode, Role};
use crate::model::report::PostfixLevel;
use crate::model::route::{Dnssec, Exchange, Route, RouteKind};
use crate::policy::dane::{self, Requirement};
use crate::policy::postfix::{self, View};

/// The routes that senders were told, by vantage point, host and address.
pub(super) struct Told<'e> {
    evidence: &'e Evidence,
    routes: HashMap<&'e str, (&'e Route, Exchanges<'e>)>,
}

/// The MX hosts of a route by name and address.
type Exchanges<'e> = HashMap<(&'e str, IpAddr), &'e Exchange>;

impl<'e> Told<'e> {
    pub(super) fn new(evidence: &'e Evidence) -> Self {
        // The first of a name counts.
        let routes = evidence.routes.iter().rev();
        let routes = routes.map(|route| (route.vantage.as_str(), (route, exchanges(route))));
        Self { evidence, routes: routes.collect() }
    }
}

fn exchanges(route: &Route) -> Exchanges<'_> {
    // The first of a name and address counts.
    let exchanges = route.exchanges.iter().rev();
    let hosts = exchanges.flat_map(|exchange| {
        exchange.addresses().map(move |ip| ((exchange.host.as_str(), ip), exchange))
    });
    hosts.collect()
}

/// What Postfix would do at each level; `None` for a session that is no sender's:
/// one with a control, with another `ClientHello`, a repeat, or TLS from the start.
pub(super) fn levels(
    reading: &Reading<'_>,
    told: &Told<'_>,
) -> Option<BTreeMap<String, Option<PostfixLevel>>> {
    let probe = &reading.observation.probe;
    let is_senders = probe.role == Role::Target
        && probe.client_hello == ClientHello::Default
        && probe.mode == Mode::Starttls
        && probe.repeat == 0;
    if !is_senders {
        return None;
    }
    let evidence = told.evidence;
    let known = told.routes.get(probe.vantage.as_str());
    let route = known.map(|(route, _)| *route);
    let place = (probe.host.as_str(), probe.ip);
    // The MX host that the probe went to.
    let exchange = known.and_then(|(_, exchanges)| exchanges.get(&place).copied());
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
