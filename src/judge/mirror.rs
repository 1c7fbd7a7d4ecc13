//! Our sessions with a mirror, beside the mirror's own recordings of them.
//!
//! Owns what may be claimed of bytes that did not arrive as they were sent
//! (docs/detection.md §1 (e)): changed, taken out or put in, they are proof by
//! themselves, since TCP loses nothing in the middle. An end that is missing is
//! none: a failing network does that. Refuses to know how a recording came here.

mod difference;
mod end;
mod pairing;
#[cfg(test)]
mod tests;

use difference::hunks;
use end::{End, Streams};
use pairing::Pairing;

use super::address::Address;
use super::claim::Claim;
use super::reading::Reading;
use crate::model::entries;
use crate::model::evidence::Evidence;
use crate::model::mirror::{
    ByteDifference, ComparedSession, ComparedTls, DifferenceKind, Direction, MatchedBy,
    MirrorEvidence, MirrorOutcome, MirrorReport, MirrorSession,
};
use crate::model::tls::Handshake;
use crate::model::verdict::{Confidence, Status};

/// The word for `because` of claims that rest on a mirror.
pub(super) const MIRROR: &str = "mirror";
/// Most differences of a session that are listed.
const MOST_DIFFERENCES: usize = 64;
/// Most octets of one difference that are shown.
const MOST_SHOWN: usize = 1024;
/// Sessions that must agree where each by itself could be chance.
const OFTEN: usize = 2;

/// Compares every session with the mirror's recording of it; `None` where the
/// target is no mirror.
pub(super) fn compared(evidence: &Evidence, readings: &[Reading<'_>]) -> Option<MirrorReport> {
    let mirror = evidence.mirror.as_ref()?;
    let pairs = pairing::pairs(readings, mirror);
    let compared = readings.iter().zip(pairs).map(|(reading, pair)| session(reading, pair));
    Some(MirrorReport { compared: compared.collect(), ..report_of(mirror) })
}

fn report_of(mirror: &MirrorEvidence) -> MirrorReport {
    MirrorReport {
        source: mirror.source,
        error: mirror.error.clone(),
        clock_offset_ms: mirror.clock_offset_ms,
        complete_since: mirror.complete_since,
        compared: Vec::new(),
        sessions: Some(mirror.sessions.clone()),
    }
}

fn session(reading: &Reading<'_>, pair: Pairing<'_>) -> ComparedSession {
    let without = |outcome| ComparedSession {
        observation: reading.id(),
        session: None,
        matched_by: None,
        client_seen: None,
        outcome,
        tls: None,
        differences: Vec::new(),
        more_differences: 0,
    };
    match pair {
        Pairing::NotReached => without(MirrorOutcome::NotReached),
        Pairing::Unknown => without(MirrorOutcome::NotCompared),
        Pairing::Found(theirs, by) => {
            beside(reading, theirs, by).unwrap_or_else(|| without(MirrorOutcome::NotCompared))
        }
    }
}

/// `None` where the recording makes no sense.
fn beside(reading: &Reading<'_>, theirs: &MirrorSession, by: MatchedBy) -> Option<ComparedSession> {
    let events = entries::transcript(&theirs.id, &theirs.transcript, &Handshake::default()).ok()?;
    let there = End::of(&events.events);
    let here = End::of(&reading.observation.transcript.events);
    let tls = tls(reading, &here, &there, theirs);
    let mut differences = streams(&here, &there, theirs.truncated);
    let more = differences.len().saturating_sub(MOST_DIFFERENCES);
    let outcome = outcome(&tls, &differences);
    differences.truncate(MOST_DIFFERENCES);
    Some(ComparedSession {
        observation: reading.id(),
        session: Some(theirs.id.clone()),
        matched_by: Some(by),
        client_seen: Some(theirs.client),
        outcome,
        tls: Some(tls),
        differences,
        more_differences: u64::try_from(more).unwrap_or(u64::MAX),
    })
}

fn outcome(tls: &ComparedTls, differences: &[ByteDifference]) -> MirrorOutcome {
    let any = |lost: bool| differences.iter().any(|it| (it.kind == DifferenceKind::Lost) == lost);
    // Both ends are of one program and agree on everything: a handshake that does not
    // come to its end was stopped.
    let stopped = tls.completed_here.is_some() && tls.same != Some(true);
    if tls.same == Some(false) {
        MirrorOutcome::KeyDiffers
    } else if any(false) {
        MirrorOutcome::BytesChanged
    } else if any(true) || stopped {
        MirrorOutcome::CutOff
    } else {
        MirrorOutcome::Identical
    }
}

/// TLS at both ends.
fn tls(reading: &Reading<'_>, here: &End, there: &End, theirs: &MirrorSession) -> ComparedTls {
    let facts = reading.tls.as_ref();
    let seen = facts.and_then(|facts| Some(facts.chain.first()?.sha256.clone()));
    let presented = theirs.presented_sha256.clone();
    let proven = facts.and_then(|facts| facts.key_proven);
    let is_another = seen.is_some() && presented.is_some() && seen != presented;
    let same = match (here.completed, there.completed) {
        _ if is_another || proven == Some(false) => Some(false),
        (Some(true), Some(true)) => Some(true),
        // Somebody else did a handshake with the mirror.
        (None, Some(true)) => Some(false),
        // One end may be done when the other is cut off (RFC 8446 §4.4.4).
        _ => None,
    };
    ComparedTls {
        completed_here: here.completed,
        completed_there: there.completed,
        client_hello_arrived: here.completed.map(|_| theirs.client_hello == Some(true)),
        seen_sha256: seen,
        presented_sha256: presented,
        same,
    }
}

/// The differences in both directions, in clear and, where both ends had TLS, inside it.
fn streams(here: &End, there: &End, truncated: bool) -> Vec<ByteDifference> {
    let both = here.completed == Some(true) && there.completed == Some(true);
    let hears_us = there.read_to_the_end() && !truncated;
    let directed = |tls: bool, ours: &Streams, theirs: &Streams| {
        let way = |direction| Way { direction, tls };
        let there = differences(way(Direction::ToMirror), &ours.sent, &theirs.received, hears_us);
        let back = differences(
            way(Direction::FromMirror),
            &theirs.sent,
            &ours.received,
            here.read_to_the_end(),
        );
        [there, back]
    };
    let clear = directed(false, &here.clear, &there.clear);
    let inside =
        if both { directed(true, &here.inside, &there.inside) } else { Default::default() };
    let [clear_there, clear_back] = clear;
    let [inside_there, inside_back] = inside;
    [clear_there, inside_there, clear_back, inside_back].concat()
}

#[derive(Clone, Copy)]
struct Way {
    direction: Direction,
    tls: bool,
}

/// The differences in one direction. An end that is missing is one only where the
/// receiver would have read it.
fn differences(way: Way, sent: &[u8], received: &[u8], reads_on: bool) -> Vec<ByteDifference> {
    let mut found = Vec::new();
    for hunk in hunks(sent, received) {
        let was = sent.get(hunk.sent.clone()).unwrap_or_default();
        let came = received.get(hunk.received.clone()).unwrap_or_default();
        let kind = match (was.is_empty(), came.is_empty()) {
            _ if hunk.is_cut_off(sent, received) && !reads_on => continue,
            _ if hunk.is_cut_off(sent, received) => DifferenceKind::Lost,
            (true, _) => DifferenceKind::Inserted,
            (false, true) => DifferenceKind::Removed,
            (false, false) => DifferenceKind::Changed,
        };
        let before = sent.get(..hunk.sent.start).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        found.push(ByteDifference {
            direction: way.direction,
            tls: way.tls,
            kind,
            offset: u64::try_from(hunk.sent.start).unwrap_or(u64::MAX),
            line: u64::try_from(line).unwrap_or(u64::MAX),
            sent: shown(was),
            received: shown(came),
        });
    }
    found
}

/// Bytes as text, the unprintable ones escaped; long ones are cut, and say so.
fn shown(bytes: &[u8]) -> String {
    let head = bytes.get(..MOST_SHOWN).unwrap_or(bytes);
    let escaped = |byte: &u8| match byte {
        b'"' | b'\'' => char::from(*byte).to_string(),
        _ => byte.escape_ascii().to_string(),
    };
    let text: String = head.iter().map(escaped).collect();
    match bytes.len() - head.len() {
        0 => text,
        more => format!("{text} (and {more} more bytes)"),
    }
}

/// One compared session with its reading.
pub(super) type Seen<'r, 'a> = (&'r ComparedSession, &'a Reading<'a>);

/// The compared sessions with an address; those on other ports are another question.
pub(super) fn at<'r, 'a>(
    report: Option<&'r MirrorReport>,
    address: &Address<'a>,
) -> Vec<Seen<'r, 'a>> {
    let compared = report.map(|report| report.compared.as_slice()).unwrap_or_default();
    let reading = |session: &ComparedSession| {
        address.readings.iter().find(|reading| reading.id() == session.observation).copied()
    };
    compared.iter().filter_map(|session| Some((session, reading(session)?))).collect()
}

/// What a mirror says of an address, where it says anything bad.
pub(super) fn claim(seen: &[Seen<'_, '_>]) -> Option<Claim> {
    let with = |outcome| seen.iter().filter(move |(session, _)| session.outcome == outcome);
    let claim = |status, sure| Some(Claim::because(status, MIRROR).sure(sure));
    if with(MirrorOutcome::KeyDiffers).next().is_some() {
        return claim(Status::Intercepted, Confidence::Proven);
    }
    if with(MirrorOutcome::BytesChanged).any(|seen| is_lost(seen)) {
        return claim(Status::Stripped, Confidence::Proven);
    }
    let sure = often(seen);
    if with(MirrorOutcome::NotReached).next().is_some() {
        return claim(Status::Intercepted, sure);
    }
    if with(MirrorOutcome::CutOff).any(|seen| is_lost(seen)) {
        return claim(Status::Stripped, sure);
    }
    None
}

/// How sure what each session by itself could show by chance makes: only where all do.
pub(super) fn often(seen: &[Seen<'_, '_>]) -> Confidence {
    let told = seen.iter().map(|(session, _)| session.outcome);
    let told: Vec<_> = told.filter(|outcome| *outcome != MirrorOutcome::NotCompared).collect();
    let agree = told.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
    if told.len() >= OFTEN && agree { Confidence::Corroborated } else { Confidence::Suspected }
}

/// The mirror offers STARTTLS to everybody: the offer did not come, or no TLS came of it.
pub(super) fn is_lost((session, reading): &Seen<'_, '_>) -> bool {
    let secured = session.tls.as_ref().is_some_and(|tls| tls.same == Some(true));
    // Before the greeting nothing is known of STARTTLS.
    reading.greeted() && (reading.session.starttls.offered != Some(true) || !secured)
}

/// What was seen, for the sentence of a verdict.
pub(super) fn words(name: &str, status: Status, report: Option<&MirrorReport>) -> String {
    let compared = report.map(|report| report.compared.as_slice()).unwrap_or_default();
    let any = |outcome| compared.iter().any(|session| session.outcome == outcome);
    match status {
        Status::Intercepted if any(MirrorOutcome::KeyDiffers) => {
            format!("TLS for the mirror {name} ended somewhere else: its own transcript shows it")
        }
        Status::Intercepted => {
            format!("something greeted us for the mirror {name}, and no session of ours came there")
        }
        _ if any(MirrorOutcome::BytesChanged) => format!(
            "bytes between here and the mirror {name} were changed on the way, and STARTTLS was \
             lost by it: the transcripts of both ends show where"
        ),
        _ => format!(
            "sessions with the mirror {name} were cut off on the way at STARTTLS: neither end did it"
        ),
    }
}
