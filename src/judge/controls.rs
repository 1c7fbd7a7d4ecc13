//! What control destinations and the canary say about the path.
//!
//! A control counts only where its operator is not the target's: the same
//! registrable domain is the same operator, and so is the same network
//! (`model::operator::network`).
//!
//! Owns that rule, and whether a path is clean. Refuses to claim anything of the target.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::address::Address;
use super::addresses::Addresses;
use super::promise;
use super::reading::Reading;
use crate::model::evidence::Evidence;
use crate::model::operator::{BUILT_IN_CONTROLS, network, operator};
use crate::model::probe::{Family, Role};
use crate::model::route::{Dnssec, Exchange};
use crate::tls::Roots;

/// One control destination.
#[derive(Debug)]
pub(super) struct Control<'a> {
    pub(super) name: String,
    operators: BTreeSet<String>,
    networks: BTreeSet<IpAddr>,
    /// Whether it is known from elsewhere to have STARTTLS: built in, or promised.
    vouched: bool,
    pub(super) addresses: Addresses<'a>,
    /// What it shows over IPv4 and over IPv6.
    paths: [Path; 2],
}

/// What a control shows over one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// STARTTLS is offered and works.
    Works,
    /// It is not offered, refused or broken.
    Lost,
    /// No address let a session come as far as STARTTLS.
    Failed,
    /// It was not asked over this family.
    Unmeasured,
}

/// All controls of a run, and the canary.
#[derive(Debug, Default)]
pub(super) struct Controls<'a> {
    pub(super) all: Vec<Control<'a>>,
    pub(super) canary: Vec<&'a Reading<'a>>,
}

/// The operators of a set of addresses.
fn operators(addresses: &[Address<'_>]) -> BTreeSet<String> {
    addresses.iter().map(|address| operator(&address.host).to_owned()).collect()
}

/// The networks of those that were asked.
fn networks(addresses: &[Address<'_>]) -> BTreeSet<IpAddr> {
    let asked = addresses.iter().filter(|address| !address.readings.is_empty());
    asked.map(|address| network(address.ip)).collect()
}

/// Whether a destination is known to have STARTTLS whatever is seen today: one of
/// the providers built in, one with TLSA records in a secure zone (RFC 7672 §2.2),
/// or one whose MTA-STS policy enforces and lists a host of it (RFC 8461 §5).
fn is_vouched(evidence: &Evidence, roots: &Roots) -> bool {
    let promises = |exchange: &Exchange| {
        let tlsa = exchange.tlsa.as_ref();
        tlsa.is_some_and(|tlsa| tlsa.dnssec == Dnssec::Secure && !tlsa.records.is_empty())
    };
    BUILT_IN_CONTROLS.contains(&evidence.target.name().as_str())
        || evidence.routes.iter().flat_map(|route| &route.exchanges).any(promises)
        || promise::enforces(evidence, roots)
}

impl<'a> Controls<'a> {
    /// Reads controls for a target whose operators are these.
    pub(super) fn new(
        evidence: &[Evidence],
        readings: &'a [Vec<Reading<'a>>],
        target: &[Address<'_>],
        roots: &Roots,
    ) -> Self {
        let (ours, nearby) = (operators(target), networks(target));
        let mut controls = Self::default();
        for (evidence, readings) in evidence.iter().zip(readings) {
            if evidence.role == Role::Canary {
                controls.canary.extend(readings.iter());
                continue;
            }
            let addresses = Addresses::of(evidence, readings);
            let (operators, networks) = (operators(&addresses), networks(&addresses));
            if operators.is_disjoint(&ours) && networks.is_disjoint(&nearby) {
                let (name, vouched) = (evidence.target.name(), is_vouched(evidence, roots));
                let paths = [Family::Ipv4, Family::Ipv6].map(|family| over(&addresses, family));
                controls.all.push(Control { name, operators, networks, vouched, addresses, paths });
            }
        }
        controls
    }

    /// Controls that lose STARTTLS over this family and have it over the other.
    pub(super) fn lost_on(&self, family: Family) -> Vec<&Control<'a>> {
        let other = other(family);
        let lost = |control: &&Control<'_>| {
            control.over(family) == Path::Lost && control.over(other) == Path::Works
        };
        self.all.iter().filter(lost).collect()
    }

    /// Controls that lose STARTTLS wherever they were measured, this family included.
    pub(super) fn lost_everywhere(&self, family: Family) -> Vec<&Control<'a>> {
        let other = other(family);
        let lost = |control: &&Control<'_>| {
            control.over(family) == Path::Lost && control.over(other) != Path::Works
        };
        self.all.iter().filter(lost).collect()
    }

    /// Whether a control has STARTTLS over this family.
    pub(super) fn clean_on(&self, family: Family) -> bool {
        self.all.iter().any(|control| control.over(family) == Path::Works)
    }

    /// Whether controls of at least two operators fail over this family, and none
    /// comes as far as STARTTLS.
    pub(super) fn fail_on(&self, family: Family) -> bool {
        let measured = self.all.iter().filter(|control| control.over(family) != Path::Unmeasured);
        let measured: Vec<_> = measured.collect();
        measured.iter().all(|control| control.over(family) == Path::Failed)
            && different_operators(&measured) >= 2
    }

    /// Whether a control greeted over this family.
    pub(super) fn greet_on(&self, family: Family) -> bool {
        let greets = |address: &Address<'_>| address.family() == family && address.greeted();
        self.all.iter().any(|control| control.addresses.iter().any(greets))
    }

    /// The canary's session over this family, if it greeted.
    pub(super) fn canary_greeting(&self, family: Family) -> Option<&'a Reading<'a>> {
        let greeted = |reading: &&&Reading<'_>| {
            reading.observation.probe.family() == family && reading.greeted()
        };
        self.canary.iter().find(greeted).copied()
    }
}

/// How many of these controls have operators of their own: no two share a
/// registrable domain or a network.
pub(super) fn different_operators(controls: &[&Control<'_>]) -> usize {
    let mut apart: Vec<&Control<'_>> = Vec::new();
    for control in controls {
        if apart.iter().all(|other| control.is_apart_from(other)) {
            apart.push(control);
        }
    }
    apart.len()
}

/// What these addresses show over one family.
fn over(addresses: &[Address<'_>], family: Family) -> Path {
    let here = || addresses.iter().filter(move |address| address.family() == family);
    let probed = || here().filter(|address| !address.readings.is_empty());
    if here().any(Address::has) {
        Path::Works
    } else if here().any(Address::lacks) {
        Path::Lost
    } else if probed().next().is_some() && probed().all(Address::kept_out) {
        Path::Failed
    } else {
        Path::Unmeasured
    }
}

pub(super) fn other(family: Family) -> Family {
    match family {
        Family::Ipv4 => Family::Ipv6,
        Family::Ipv6 => Family::Ipv4,
    }
}

impl Control<'_> {
    fn is_apart_from(&self, other: &Self) -> bool {
        self.operators.is_disjoint(&other.operators) && self.networks.is_disjoint(&other.networks)
    }

    /// Whether it is known to have STARTTLS: from elsewhere, or because it showed it
    /// somewhere in this run. One that never did may never have had it.
    pub(super) fn is_known_to_have(&self) -> bool {
        let shows = |address: &Address<'_>| address.has() || address.offered() || address.hidden();
        self.vouched || self.addresses.iter().any(shows)
    }

    /// Whether STARTTLS works over this family with a key that a trusted issuer
    /// vouches for: no hand on the path ends TLS there.
    pub(super) fn is_vouched_on(&self, family: Family) -> bool {
        let here = self.addresses.iter().filter(|address| address.family() == family);
        here.clone().any(|address| address.has() && address.trusted())
    }

    /// What it shows over one family.
    pub(super) fn over(&self, family: Family) -> Path {
        let [ipv4, ipv6] = self.paths;
        match family {
            Family::Ipv4 => ipv4,
            Family::Ipv6 => ipv6,
        }
    }

    /// The ids of its observations over one family.
    pub(super) fn evidence(&self, family: Family) -> Vec<String> {
        let here = self.addresses.iter().filter(|address| address.family() == family);
        here.flat_map(Address::evidence).collect()
    }
}
