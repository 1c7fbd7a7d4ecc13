//! Which views are of one machine.
//!
//! A saved report is a view with a name of its own, and the next day's is another: what
//! both show may still lie near that machine, and what differs differs by the time alone.
//! A machine is told by its own addresses. Several have the same private one, so that it
//! counts for nothing where servers saw different addresses behind it.
//!
//! Owns which views share a machine. Refuses to know what they saw of the target.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::judge::reading::Reading;
use crate::judge::views::Seen;

/// The place of the first view from the machine of each: its own, if it is the first.
pub(in crate::judge) fn firsts(views: &[Seen<'_>]) -> Vec<usize> {
    let all: Vec<Addresses> = views.iter().map(Addresses::of).collect();
    let mut vantages: BTreeMap<&str, usize> = BTreeMap::new();
    let mut owners: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let mut firsts: Vec<usize> = Vec::new();
    for (place, (view, addresses)) in views.iter().zip(&all).enumerate() {
        let known = vantages.get(view.view.vantage.as_str()).copied();
        let is_same = |other: &usize| all.get(*other).is_some_and(|other| other.agrees(addresses));
        let by_address =
            || addresses.own.iter().filter_map(|ip| owners.get(ip)).find(|at| is_same(at)).copied();
        let twin = known.or_else(by_address);
        let first = twin.and_then(|twin| firsts.get(twin).copied()).unwrap_or(place);
        firsts.push(first);
        vantages.entry(&view.view.vantage).or_insert(place);
        for ip in &addresses.own {
            owners.entry(*ip).or_insert(place);
        }
    }
    firsts
}

/// The addresses of a view.
struct Addresses {
    /// Those that its connections had; a proxy's are not known.
    own: BTreeSet<IpAddr>,
    /// Those that servers greeted it by (RFC 5321 §4.1.1.1).
    greeted_by: BTreeSet<String>,
}

impl Addresses {
    fn of(seen: &Seen<'_>) -> Self {
        let readings = || seen.readings.iter().chain(seen.control_readings.iter().flatten());
        let own = |reading: &Reading<'_>| Some(reading.session.local?.ip());
        // Every machine has the loopback address.
        let own = readings().filter_map(own).filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
        let greeted_by =
            readings().filter_map(|it| it.session.ehlo.as_ref()?.client_address_seen.clone());
        Self { own: own.collect(), greeted_by: greeted_by.collect() }
    }

    /// Whether servers, as far as they say, saw the same.
    fn agrees(&self, other: &Self) -> bool {
        let is_told = !self.greeted_by.is_empty() && !other.greeted_by.is_empty();
        !is_told || !self.greeted_by.is_disjoint(&other.greeted_by)
    }
}
