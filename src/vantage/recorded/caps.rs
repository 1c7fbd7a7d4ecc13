//! How much of a saved report is judged.
//!
//! Owns the caps: what judging takes grows with each of these, and with some of their
//! products, and a file may say anything. Each is a multiple of what the largest run
//! writes. Refuses to know files.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::RecordedError;
use crate::dns::{MAX_ADDRESSES, MAX_EXCHANGES};
use crate::model::observation::Observation;
use crate::model::probe::Family;
use crate::model::report::{Report, TargetReport};
use crate::model::route::Route;
use crate::model::transcript::EventKind;

/// Most targets of a report: as many as a run takes.
pub const MOST_TARGETS: usize = 1_000_000;
/// Most controls. A run asks three of its own choice, and those that were named.
pub const MOST_CONTROLS: usize = 1024;
/// Most vantage points, and so most routes of one target: a report a day, compared
/// over more than two years.
pub const MOST_VANTAGES: usize = 1024;
/// Most source addresses that one target was asked from, over all vantage points.
pub const MOST_SOURCES: usize = 1024;
/// Most addresses of one target that are judged: twice what a run asks from one vantage
/// point. Judging takes time and memory for each, and nobody waits for more.
pub const MOST_ADDRESSES: usize = 4096;
/// Most observations of one target that are judged, for the same reason.
pub const MOST_OBSERVATIONS: usize = 16 * MOST_ADDRESSES;
/// Most observations of one target, counted once for each view that they are part of:
/// with many sources of one family and few of the other, the few serve every view.
pub const MOST_SEEN: usize = 4 * MOST_OBSERVATIONS;
/// Most MX hosts of one route: four times what is taken from an answer.
pub const MOST_EXCHANGES: usize = 4 * MAX_EXCHANGES;
/// Most addresses that the routes of one target name, counted once for each route: what
/// 32 vantage points are told of the largest zone that is followed.
pub const MOST_NAMED: usize = 32 * MAX_EXCHANGES * 2 * MAX_ADDRESSES;
/// Most recordings of a mirror's: more than twice what fits into its log.
pub const MOST_RECORDINGS: usize = 1 << 19;

/// Refuses what has more of anything than is judged.
fn at_most(
    place: &str,
    count: usize,
    (of, most): (&'static str, usize),
) -> Result<(), RecordedError> {
    if count <= most {
        return Ok(());
    }
    Err(RecordedError::TooMany { place: place.to_owned(), count, of, most })
}

/// Of the run as a whole.
pub(super) fn of_report(report: &Report) -> Result<(), RecordedError> {
    let place = "the report";
    at_most(place, report.targets.len(), ("targets", MOST_TARGETS))?;
    at_most(place, report.controls.len(), ("controls", MOST_CONTROLS))?;
    at_most(place, report.run.vantages.len(), ("vantage points", MOST_VANTAGES))
}

/// Of one target, before its transcripts are read.
pub(super) fn of_target(report: &TargetReport) -> Result<(), RecordedError> {
    let place = format!("{:?}", report.target);
    let exchanges = report.routes.iter().map(|route| route.exchanges.len()).max();
    let recordings = report.mirror.as_ref().and_then(|mirror| mirror.sessions.as_ref());
    let asked: BTreeSet<IpAddr> = report.observations.iter().map(|seen| seen.probe.ip).collect();
    let vantages: BTreeSet<&str> =
        report.observations.iter().map(|seen| seen.probe.vantage.as_str()).collect();
    for (count, cap) in [
        (report.routes.len(), ("routes", MOST_VANTAGES)),
        (vantages.len(), ("vantage points", MOST_VANTAGES)),
        (exchanges.unwrap_or(0), ("MX hosts in one route", MOST_EXCHANGES)),
        (report.routes.iter().map(named).sum(), ("addresses in its routes", MOST_NAMED)),
        (report.observations.len(), ("observations", MOST_OBSERVATIONS)),
        (asked.len(), ("addresses", MOST_ADDRESSES)),
        (recordings.map_or(0, Vec::len), ("recordings of a mirror", MOST_RECORDINGS)),
    ] {
        at_most(&place, count, cap)?;
    }
    Ok(())
}

fn named(route: &Route) -> usize {
    let of = route.exchanges.iter().map(|it| it.ipv4.addresses.len() + it.ipv6.addresses.len());
    of.sum()
}

/// Of one target's views, which its transcripts tell apart.
pub(super) fn of_views(target: &str, observations: &[Observation]) -> Result<(), RecordedError> {
    type Asked = (BTreeSet<IpAddr>, usize);
    let place = format!("{target:?}");
    let mut asked: BTreeMap<&str, [Asked; 2]> = BTreeMap::new();
    for seen in observations {
        let [ipv4, ipv6] = asked.entry(seen.probe.vantage.as_str()).or_default();
        let (sources, count) = if seen.probe.family() == Family::Ipv4 { ipv4 } else { ipv6 };
        sources.extend(source(seen));
        *count += 1;
    }
    let sources = asked.values().flatten().map(|(sources, _)| sources.len()).sum();
    at_most(&place, sources, ("source addresses", MOST_SOURCES))?;
    let seen = asked.values().map(|families| {
        let views = families.iter().map(|(sources, _)| sources.len()).max().unwrap_or(0).max(1);
        let of_family = |(sources, count): &Asked| (views - sources.len() + 1).min(views) * count;
        families.iter().map(of_family).sum::<usize>()
    });
    at_most(&place, seen.sum(), ("observations in all of its views", MOST_SEEN))
}

/// The address that a session came from.
fn source(seen: &Observation) -> Option<IpAddr> {
    let local = seen.transcript.events.iter().find_map(|event| match event.kind {
        EventKind::Connected { local } => local,
        _ => None,
    });
    local.map(|local| local.ip()).or(seen.probe.source)
}
