//! Which views look from one place.
//!
//! Owns what tells that two views share the network near them: what both meet may then
//! lie there, and neither confirms the other (docs/detection.md §1, "where the box is").
//! Refuses to know what they saw of the target.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::across::machine;
use super::reading::Reading;
use super::views::Seen;
use crate::model::operator::network;
use crate::model::special_purpose::is_private;

/// What two views of one place have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    /// One machine, whichever of its addresses it used and whatever its views are called.
    Machine(usize),
    /// An address of this network, its own or the one that servers see.
    Network(IpAddr),
    /// Private addresses, and no word of what is in front of them: it may be the same.
    Hidden,
}

/// A number for the place of each view, from what it saw of the target and of controls.
/// Views of one number look from one network, or may well do. What is not known of any
/// address, as behind a proxy, is another place.
pub(super) fn places(views: &[Seen<'_>]) -> Vec<usize> {
    let mut known: BTreeMap<Mark, usize> = BTreeMap::new();
    let mut places: Vec<usize> = Vec::new();
    for (view, machine) in views.iter().zip(machine::firsts(views)) {
        let mut marks = marks(&view.readings, &view.control_readings);
        marks.insert(Mark::Machine(machine));
        let shared: BTreeSet<usize> =
            marks.iter().filter_map(|mark| known.get(mark)).copied().collect();
        let place = shared.first().copied().unwrap_or(places.len());
        // Who shares with two makes them one.
        if shared.len() > 1 {
            let numbers = places.iter_mut().chain(known.values_mut());
            numbers.filter(|number| shared.contains(number)).for_each(|number| *number = place);
        }
        known.extend(marks.into_iter().map(|mark| (mark, place)));
        places.push(place);
    }
    places
}

/// Whether two addresses of our own are known to be of one network. On loopback all are
/// alike and tell nothing.
pub(super) fn share_network(one: Option<IpAddr>, other: Option<IpAddr>) -> bool {
    let known = |ip: Option<IpAddr>| ip.filter(|ip| !ip.is_loopback()).map(network);
    known(one).is_some() && known(one) == known(other)
}

fn marks(readings: &[Reading<'_>], controls: &[Vec<Reading<'_>>]) -> BTreeSet<Mark> {
    let sources: BTreeSet<IpAddr> =
        readings.iter().filter_map(Reading::source).filter(|ip| !ip.is_loopback()).collect();
    let is_public = !sources.is_empty() && !sources.iter().any(|ip| is_private(*ip));
    // Servers say whom they see; only who is translated has to be told.
    let told = controls.iter().flatten().chain(readings).filter(|_| !is_public).filter_map(echo);
    let known = sources.iter().copied().chain(told).filter(|ip| !is_private(*ip)).map(network);
    let mut marks: BTreeSet<Mark> = known.map(Mark::Network).collect();
    if marks.is_empty() && !sources.is_empty() {
        marks.insert(Mark::Hidden);
    }
    marks
}

/// The address that a server says it sees, in its answer to EHLO.
fn echo(reading: &Reading<'_>) -> Option<IpAddr> {
    reading.session.ehlo.as_ref()?.client_address_seen.as_ref()?.parse().ok()
}
