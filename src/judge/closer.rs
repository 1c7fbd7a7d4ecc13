//! What closer looks at servers showed, read from their transcripts.
//!
//! Owns the step from sessions to results. Refuses to weigh them: `rules` does.

use super::grouped::grouped;
use crate::model::evidence::Evidence;
use crate::model::injection::InjectionReport;
use crate::model::observation::Observation;
use crate::model::probe::Role;
use crate::model::range::{TlsRange, VersionRange};
use crate::smtp;
use crate::tls::legacy::{group_name, suite_name, version_name};
use crate::tls::range::{self, Tally, VersionTally};

/// The results; each `None` where no session was made for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Closer {
    pub(super) injections: Option<Vec<InjectionReport>>,
    pub(super) ranges: Option<Vec<TlsRange>>,
}

impl Closer {
    pub(super) fn new(evidence: &Evidence) -> Self {
        Self { injections: some(injections(evidence)), ranges: some(ranges(evidence)) }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn injections(evidence: &Evidence) -> Vec<InjectionReport> {
    let tests = evidence.observations.iter().filter(|seen| seen.probe.role == Role::Injection);
    tests
        .map(|seen| InjectionReport {
            host: seen.probe.host.clone(),
            ip: seen.probe.ip,
            observation: seen.id.clone(),
            outcome: smtp::read_injection(&seen.transcript),
        })
        .collect()
}

/// One entry an address, in the order in which they were asked.
fn ranges(evidence: &Evidence) -> Vec<TlsRange> {
    let asked = evidence.observations.iter().filter(|seen| seen.probe.role == Role::Range);
    let series = grouped(asked, |seen| (seen.probe.host.as_str(), seen.probe.ip));
    series.iter().filter_map(|(_, series)| range(series)).collect()
}

fn range(series: &[&Observation]) -> Option<TlsRange> {
    let probe = &series.first()?.probe;
    let asked: Vec<_> = series.iter().map(|seen| range::read(&seen.transcript)).collect();
    let tally = Tally::of(&asked);
    let versions: Vec<VersionRange> = tally.versions.iter().map(version).collect();
    let grouped = tally.grouped();
    let groups_complete = grouped.map(|version| version.open_groups().is_empty());
    let whole = |version: &VersionRange| {
        let ordered = version.server_preference.is_some() || version.suites.len() < 2;
        version.accepted.is_some() && version.complete && ordered
    };
    Some(TlsRange {
        host: probe.host.clone(),
        ip: probe.ip,
        sessions: u32::try_from(series.len()).unwrap_or(u32::MAX),
        observations: series.iter().map(|seen| seen.id.clone()).collect(),
        complete: versions.iter().all(whole) && groups_complete != Some(false),
        versions,
        groups: grouped.map(|version| names(&version.groups, group_name)),
        groups_complete,
        dh_bits: tally.dh_bits,
        compression: tally.old.map(|old| old.compression),
        secure_renegotiation: tally.old.map(|old| old.secure_renegotiation),
        extended_master_secret: tally.old.map(|old| old.extended_master_secret),
    })
}

fn version(tally: &VersionTally) -> VersionRange {
    let complete = match tally.accepted {
        Some(true) => tally.open_suites(|_| true).is_empty(),
        Some(false) => true,
        None => false,
    };
    VersionRange {
        version: version_name(tally.version),
        accepted: tally.accepted,
        suites: names(&tally.suites, suite_name),
        complete,
        server_preference: tally.server_preference(),
    }
}

fn names(codes: &[u16], name: impl Fn(u16) -> String) -> Vec<String> {
    codes.iter().map(|code| name(*code)).collect()
}
