//! The range of TLS that a server speaks: which part of it is asked for next.
//!
//! By elimination: a session offers what is still open, the server picks one or
//! refuses all. First the versions, then the suites of TLS 1.3 and the groups, then
//! weak suites, then the rest, so that a series that is cut short has the most
//! telling answers.

use std::collections::BTreeSet;

use super::budget::{RANGE_FAILURES, RANGE_SESSIONS};
use super::second_look::said_421;
use crate::model::observation::Observation;
use crate::model::probe::{ClientHello, Offer, Probe, Role};
use crate::tls::range::suites::{TLS13, groups_of, is_ecdhe, is_weak, suites_of};
use crate::tls::range::{self, Answer, Tally, VersionTally};

/// The first question at one address of each host: the server's program and its
/// settings are most often the same behind all of them.
pub(super) fn range_probes(working: &[&Observation]) -> Vec<Probe> {
    let mut known = BTreeSet::new();
    let first = working.iter().filter(|seen| known.insert(seen.probe.host.clone()));
    let series = first.filter_map(|seen| {
        let offer = next_offer(&Tally::of(&[]))?;
        Some(Probe {
            role: Role::Range,
            client_hello: ClientHello::Tailored,
            offer: Some(offer),
            repeat: 0,
            ..seen.probe.clone()
        })
    });
    series.collect()
}

/// The next question of a series; `None` once all is known, the budget is spent, the
/// server has said 421, or too many questions had no answer.
pub fn next_in_range(series: &[Observation]) -> Option<Probe> {
    let last = series.last()?;
    if series.len() >= RANGE_SESSIONS || said_421(last) {
        return None;
    }
    let asked: Vec<_> = series.iter().map(|seen| range::read(&seen.transcript)).collect();
    let tally = Tally::of(&asked);
    if tally.unanswered >= RANGE_FAILURES {
        return None;
    }
    let next = next_offer(&tally)?;
    // An answer that decides nothing would be asked for again without end.
    let decided_nothing = asked
        .last()
        .is_some_and(|last| last.answer != Answer::Unknown && last.offer.as_ref() == Some(&next));
    let repeat = last.probe.repeat.saturating_add(1);
    (!decided_nothing).then(|| Probe { offer: Some(next), repeat, ..last.probe.clone() })
}

fn next_offer(tally: &Tally) -> Option<Offer> {
    let unknown = tally.versions.iter().find(|version| version.accepted.is_none());
    if let Some(version) = unknown {
        return Some(whole(version.version));
    }
    let spoken = || tally.versions.iter().filter(|version| version.accepted == Some(true));
    let newest = tally.version(TLS13).filter(|version| version.accepted == Some(true));
    newest
        .and_then(|version| suites(version, |_| true))
        .or_else(|| spoken().find_map(|version| suites(version, is_weak)))
        .or_else(|| tally.grouped().and_then(groups))
        .or_else(|| spoken().find_map(|version| suites(version, |_| true)))
        .or_else(|| spoken().find_map(order))
}

fn whole(version: u16) -> Offer {
    Offer { version, suites: suites_of(version), groups: groups_of(version) }
}

/// The suites that are still open.
fn suites(version: &VersionTally, of_kind: impl Fn(u16) -> bool) -> Option<Offer> {
    let open = version.open_suites(of_kind);
    (!open.is_empty()).then(|| Offer { suites: open, ..whole(version.version) })
}

/// The groups that are still open, with suites that go.
fn groups(version: &VersionTally) -> Option<Offer> {
    let open = version.open_groups();
    let mut suites = version.suites.clone();
    suites.retain(|suite| version.version == TLS13 || is_ecdhe(*suite));
    (!open.is_empty()).then_some(Offer { version: version.version, suites, groups: open })
}

/// What is spoken, the other way round than before; once.
fn order(version: &VersionTally) -> Option<Offer> {
    let turned = version.reversed();
    (turned.len() > 1 && version.server_preference().is_none())
        .then(|| Offer { suites: turned, ..whole(version.version) })
}
