//! What was promised of each host, by whom, and how far it binds.
//!
//! Owns the yardstick: DANE by the rules of [`policy::dane`](crate::policy::dane),
//! MTA-STS by those of [`policy::mta_sts`](crate::policy::mta_sts). What did not
//! come with proof of its origin (a TLSA answer that is not secure, a policy that
//! was not had over valid HTTPS) is no promise. Refuses to know whether anybody
//! keeps one: [`keeping`] reads that from sessions, [`ledger`] adds it up by path,
//! [`contradiction`] finds what is kept on one path and denied on another, [`proof`]
//! says what may be claimed from it and [`words`] how it is said.

pub(super) mod contradiction;
pub(super) mod keeping;
pub(super) mod ledger;
pub(super) mod proof;
pub(super) mod words;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::grouped::grouped;
use super::held::{Circumstances, Loose};
use crate::model::evidence::Evidence;
use crate::model::route::{Exchange, Route};
use crate::policy::dane::{self, Absence, Requirement};
use crate::policy::mta_sts::{self, Mode};
use crate::tls::Roots;

/// What DANE asks of one host.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    pub(super) host: String,
    pub(super) requirement: Requirement,
    /// The names of which a certificate must have one (RFC 7672 §3.2.2).
    pub(super) names: Vec<String>,
}

/// What each vantage point was told of each host.
pub(super) struct Told<'e> {
    next_hop: String,
    routes: Vec<(&'e Route, HashMap<&'e str, &'e Exchange>)>,
    /// When each vantage point looked.
    looked: HashMap<&'e str, Circumstances>,
}

impl<'e> Told<'e> {
    pub(super) fn new(evidence: &'e Evidence) -> Self {
        let by_host = |route: &'e Route| {
            // The first of a name counts.
            let exchanges = route.exchanges.iter().rev();
            exchanges.map(|exchange| (exchange.host.as_str(), exchange)).collect()
        };
        let looks = grouped(&evidence.observations, |seen| seen.probe.vantage.as_str());
        let looked = looks.into_iter().map(|(vantage, looks)| {
            (vantage, Circumstances::between(looks.iter().map(|seen| seen.started_at)))
        });
        Self {
            next_hop: evidence.target.name(),
            routes: evidence.routes.iter().map(|route| (route, by_host(route))).collect(),
            looked: looked.collect(),
        }
    }

    /// What DANE asked of a host, as one vantage point was told. Where that is no
    /// authentic answer, an authentic one of another vantage point at the same time
    /// counts; one of another day may be about another key.
    pub(super) fn demand_at(&self, vantage: &str, host: &str) -> Option<Demand> {
        let told = |(route, exchanges): &(&Route, HashMap<&str, &Exchange>)| {
            Some(demand(&self.next_hop, route, exchanges.get(host)?))
        };
        let own = self.routes.iter().filter(|(route, _)| route.vantage == vantage).find_map(told);
        if own.as_ref().is_some_and(Demand::is_authentic) {
            return own;
        }
        let now = self.circumstances(vantage);
        let near = |(route, _): &&(&Route, HashMap<&str, &Exchange>)| {
            let then = self.circumstances(&route.vantage);
            !now.loose(&then).iter().any(|loose| matches!(loose, Loose::Time(_)))
        };
        let mut others = self.routes.iter().filter(near).filter_map(told);
        others.find(|demand| !demand.requirement.records().is_empty()).or(own)
    }

    fn circumstances(&self, vantage: &str) -> Circumstances {
        self.looked.get(vantage).cloned().unwrap_or_default()
    }
}

impl Demand {
    /// Whether DNSSEC vouches for the answer, be it records or that there are none.
    fn is_authentic(&self) -> bool {
        !self.requirement.records().is_empty() || self.denies()
    }

    /// Whether it is certain that there was no record.
    fn denies(&self) -> bool {
        matches!(self.requirement, Requirement::None { why: Absence::NoRecords })
    }
}

/// What DANE asks of every host of the routes.
pub(super) fn demands(evidence: &Evidence) -> Vec<Demand> {
    let mut demands: Vec<Demand> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for route in &evidence.routes {
        for exchange in &route.exchanges {
            let demand = demand(&evidence.target.name(), route, exchange);
            let place = *places.entry(&exchange.host).or_insert(demands.len());
            match demands.get_mut(place) {
                // A secure answer is authentic wherever it was had.
                Some(known) if known.requirement.records().is_empty() => *known = demand,
                Some(_) => {}
                None => demands.push(demand),
            }
        }
    }
    demands
}

fn demand(next_hop: &str, route: &Route, exchange: &Exchange) -> Demand {
    Demand {
        host: exchange.host.clone(),
        requirement: dane::requirement(route, exchange),
        names: dane::reference_names(next_hop, route, exchange),
    }
}

/// Whether anything is promised at all.
pub(super) fn is_any(evidence: &Evidence, roots: &Roots) -> bool {
    !promises(evidence, &demands(evidence), roots).is_empty()
}

/// One promise about one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) host: String,
    pub(super) vow: Vow,
    pub(super) force: Force,
}

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vow {
    /// TLS with a chain that matches a usable TLSA record.
    Dane,
    /// TLSA records of which none is usable: TLS, and no more (RFC 7672 §2.2).
    Encrypt,
    /// TLS with a chain that is valid for the MX host (RFC 8461 §4.2).
    MtaSts,
}

/// How far a promise binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Force {
    /// Senders that know it refuse to deliver rather than do without.
    Binding,
    /// The host's own word, which the domain does not vouch for: its TLSA answer is
    /// secure, the MX answer is not (RFC 7672 §2.2.1). It tells what the host can
    /// do; senders need not insist on it.
    HostOnly,
    /// MTA-STS in mode testing: deliver all the same, and report (RFC 8461 §5).
    Testing,
}

/// Every promise about the hosts of the routes.
pub(super) fn promises(evidence: &Evidence, demands: &[Demand], roots: &Roots) -> Vec<Promise> {
    let mut found: Vec<Promise> = demands.iter().filter_map(by_dane).collect();
    let outcome = mta_sts::outcome(&evidence.policies, roots);
    let Some(policy) = outcome.policy() else { return found };
    let force = match policy.mode {
        Mode::Enforce => Force::Binding,
        Mode::Testing => Force::Testing,
        Mode::None => return found,
    };
    let listed = demands.iter().filter(|demand| policy.lists(&demand.host));
    found.extend(listed.map(|demand| Promise {
        host: demand.host.clone(),
        vow: Vow::MtaSts,
        force,
    }));
    found
}

fn by_dane(demand: &Demand) -> Option<Promise> {
    let vow = match demand.requirement {
        Requirement::Authenticate { .. } => Vow::Dane,
        Requirement::Encrypt { .. } => Vow::Encrypt,
        _ => return None,
    };
    let force = if demand.requirement.promises_tls() { Force::Binding } else { Force::HostOnly };
    Some(Promise { host: demand.host.clone(), vow, force })
}

/// Whether MTA-STS in mode enforce lists a host of the domain: senders that know the
/// policy deliver there by TLS or not at all (RFC 8461 §5).
pub(super) fn enforces(evidence: &Evidence, roots: &Roots) -> bool {
    let binds = |promise: &Promise| promise.vow == Vow::MtaSts && promise.force == Force::Binding;
    promises(evidence, &demands(evidence), roots).iter().any(binds)
}

/// Whether MTA-STS in mode enforce lists not one of the domain's hosts: no sender
/// that knows the policy may deliver anywhere (RFC 8461 §5).
pub(super) fn lists_no_host(evidence: &Evidence, demands: &[Demand], roots: &Roots) -> bool {
    let outcome = mta_sts::outcome(&evidence.policies, roots);
    outcome.policy().is_some_and(|policy| {
        let listed = demands.iter().any(|demand| policy.lists(&demand.host));
        policy.mode == Mode::Enforce && !demands.is_empty() && !listed
    })
}
