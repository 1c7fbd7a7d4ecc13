//! The range of TLS that a server speaks: which part of it is asked for next.
//!
//! By elimination: a session offers what is still open, the server picks one or
//! refuses all. First the versions, then the suites of TLS 1.3 and the groups, then
//! weak suites, then the rest, so that a series that is cut short has the most
//! telling answers.
//!
//! Owns the order of questions and when to stop. Refuses to say what is weak.

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::probe::{Limits, Mode};
    use crate::model::tls::Handshake;
    use crate::model::transcript::{Event, EventKind, Transcript};
    use crate::tls::legacy::client_hello;

    /// What a server does with a hello.
    type Server = fn(&Offer) -> Vec<u8>;

    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

    fn probe() -> Probe {
        let patience = Duration::from_secs(1);
        Probe {
            vantage: "local".into(),
            source: None,
            target: "example.net".into(),
            host: "mx.example.net".into(),
            ip: [192, 0, 2, 1].into(),
            port: 25,
            ehlo_name: None,
            mode: Mode::Starttls,
            client_hello: ClientHello::Tailored,
            offer: next_offer(&Tally::of(&[])),
            sni: None,
            repeat: 0,
            role: Role::Range,
            limits: Limits { session: patience, greeting: patience },
        }
    }

    fn observed(probe: Probe, server: Server) -> Observation {
        let offer = probe.offer.clone().unwrap();
        let handshake = Handshake { failure: Some("silence".into()), ..Handshake::default() };
        let kinds = [
            EventKind::Sent(client_hello(&offer, &[7; 32], None)),
            EventKind::Received(server(&offer)),
            EventKind::HandshakeFailed(Box::new(handshake)),
        ];
        let transcript = Transcript { events: kinds.map(|kind| Event { at_us: 0, kind }).into() };
        Observation {
            id: "o1".into(),
            probe,
            started_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            transcript,
        }
    }

    /// Asks to the end.
    fn series(server: Server) -> Vec<Observation> {
        let mut series = vec![observed(probe(), server)];
        while let Some(next) = next_in_range(&series) {
            assert!(series.len() <= RANGE_SESSIONS);
            series.push(observed(next, server));
        }
        series
    }

    /// A ServerHello of TLS 1.2 with a suite and no extensions.
    fn hello(suite: u16) -> Vec<u8> {
        let mut bytes = vec![22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
        bytes.extend([9; 32]);
        bytes.push(0);
        bytes.extend(suite.to_be_bytes());
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_server_that_refuses_everything_is_asked_for_each_version_once() {
        assert_eq!(series(|_| ALERT.to_vec()).len(), 5);
    }

    #[test]
    fn three_failures_end_it() {
        assert_eq!(series(|_| Vec::new()).len(), RANGE_FAILURES);
        assert_eq!(series(|_| b"500 what\r\n".to_vec()).len(), RANGE_FAILURES);
    }

    #[test]
    fn suites_are_found_one_by_one_and_the_order_at_the_end() {
        // It has two static RSA suites and prefers the second, whatever we say.
        let series = series(|offer| {
            let picked = [0x0035, 0x002f].into_iter().find(|suite| offer.suites.contains(suite));
            picked.filter(|_| offer.version == 0x0303).map_or(ALERT.to_vec(), hello)
        });
        let asked: Vec<_> = series.iter().map(|seen| range::read(&seen.transcript)).collect();
        let tally = Tally::of(&asked);
        let version = tally.version(0x0303).unwrap();
        assert_eq!(version.suites, [0x0035, 0x002f]);
        assert_eq!((version.server_preference(), tally.unanswered), (Some(true), 0));
        // Five versions, weak suites, the second suite, and the end of them.
        assert_eq!(series.len(), 5 + 1 + 2);
    }

    #[test]
    fn an_answer_that_decides_nothing_does_not_keep_us_asking() {
        // Names no curve, so the groups stay open whatever it says.
        let series = series(|offer| match offer.version {
            0x0303 if offer.suites.contains(&0xc02f) => [hello(0xc02f), b"".to_vec()].concat(),
            _ => ALERT.to_vec(),
        });
        assert!(series.len() < 12, "{}", series.len());
    }

    #[test]
    fn a_server_that_speaks_everything_meets_the_budget() {
        let series = series(|offer| {
            let picked = offer.suites.iter().find(|suite| !is_ecdhe(**suite));
            picked.filter(|_| offer.version == 0x0303).map_or(ALERT.to_vec(), |suite| hello(*suite))
        });
        assert_eq!(series.len(), RANGE_SESSIONS);
    }

    #[test]
    fn a_421_ends_it() {
        let mut seen = observed(probe(), |_| ALERT.to_vec());
        let said = EventKind::Received(b"421 too many\r\n".to_vec());
        seen.transcript = Transcript { events: vec![Event { at_us: 0, kind: said }] };
        assert!(next_in_range(&[seen]).is_none());
    }
}
