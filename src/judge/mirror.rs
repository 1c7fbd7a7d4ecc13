//! Our sessions with a mirror, beside the mirror's own recordings of them.
//!
//! Owns what may be claimed of bytes that did not arrive as they were sent
//! (docs/detection.md §1 (e)): changed, taken out or put in, they are proof by
//! themselves, since TCP loses nothing in the middle. An end that is missing is
//! none: a failing network does that. Refuses to know how a recording came here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;

mod difference;
mod end;
mod pairing;
#[cfg(test)]
mod tests;
mod words;

use difference::hunks;
use end::{End, Streams};
use pairing::Pairing;
pub(super) use words::words;

use super::Scene;
use super::address::Address;
use super::claim::{self, Claim};
use super::reading::Reading;
use crate::model::entries;
use crate::model::evidence::Evidence;
use crate::model::mirror::{
    ByteDifference, ComparedSession, ComparedTls, DifferenceKind, Direction, MatchedBy,
    MirrorEvidence, MirrorOutcome, MirrorReport, MirrorSession,
};
use crate::model::session::StarttlsOutcome;
use crate::model::tls::Handshake;
use crate::model::transcript::Ended;
use crate::model::verdict::{Confidence, Place, Status};

/// The word for `because` of claims that rest on a mirror.
pub(super) const MIRROR: &str = "mirror";
/// Most differences of a session that are listed.
const MOST_DIFFERENCES: usize = 64;
/// Most octets of one difference that are shown.
const MOST_SHOWN: usize = 1024;
/// Sessions that must agree where each by itself could be chance.
const OFTEN: usize = 2;

/// Compares every session that was connected with the mirror's recording of it; `None` where the
/// target is no mirror.
pub(super) fn compared(evidence: &Evidence, readings: &[Reading<'_>]) -> Option<MirrorReport> {
    let mirror = evidence.mirror.as_ref()?;
    let pairs = pairing::pairs(readings, mirror);
    // A connection that never was has nothing to compare.
    let connected =
        readings.iter().zip(pairs).filter(|(reading, _)| reading.session.connect_us.is_some());
    let compared = connected.map(|(reading, pair)| session(reading, pair));
    Some(MirrorReport { compared: compared.collect(), ..report_of(mirror) })
}

fn report_of(mirror: &MirrorEvidence) -> MirrorReport {
    MirrorReport {
        source: mirror.source,
        error: mirror.error.clone(),
        clock_offset_ms: mirror.clock_offset_ms,
        complete_since: mirror.complete_since,
        endpoint: mirror.endpoint,
        channel_is_shared: mirror.channel_is_shared,
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
        let line = before.split(|byte| *byte == b'\n').count();
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

/// The comparison as far as one view is concerned, and what the whole of it says.
#[derive(Debug)]
pub(super) struct Mirrored {
    pub(super) error: Option<String>,
    /// Where the recordings were fetched through somebody else's TLS.
    pub(super) read_on_the_way: Option<SocketAddr>,
    pub(super) compared: Vec<ComparedSession>,
    /// Where in that list each observation is.
    places: HashMap<String, usize>,
    /// Where sessions of ours went that came to the mirror, from wherever; and from where
    /// its recordings were fetched.
    reached: BTreeSet<SocketAddr>,
}

fn places(compared: &[ComparedSession]) -> HashMap<String, usize> {
    let places = compared.iter().enumerate();
    places.map(|(place, session)| (session.observation.clone(), place)).collect()
}

impl Mirrored {
    /// Everything that was compared.
    pub(super) fn whole(report: &MirrorReport, readings: &[Reading<'_>]) -> Self {
        let came = report.compared.iter().filter(|it| it.session.is_some());
        let came: HashSet<&str> = came.map(|it| it.observation.as_str()).collect();
        let arrived = |reading: &&Reading<'_>| came.contains(reading.observation.id.as_str());
        let reached = readings.iter().filter(arrived);
        let reached = reached.map(|reading| reading.observation.probe.endpoint());
        Self {
            error: report.error.clone(),
            read_on_the_way: report.endpoint.filter(|_| report.channel_is_shared == Some(false)),
            places: places(&report.compared),
            compared: report.compared.clone(),
            reached: reached.chain(report.endpoint).collect(),
        }
    }

    /// The part that is about these sessions.
    pub(super) fn of(&self, readings: &[Reading<'_>]) -> Self {
        let ids = readings.iter().map(|reading| &reading.observation.id);
        let mut own: Vec<usize> = ids.filter_map(|id| self.places.get(id).copied()).collect();
        own.sort_unstable();
        let compared: Vec<ComparedSession> =
            own.into_iter().filter_map(|place| self.compared.get(place).cloned()).collect();
        Self {
            error: self.error.clone(),
            read_on_the_way: self.read_on_the_way,
            places: places(&compared),
            compared,
            reached: self.reached.clone(),
        }
    }

    /// The compared sessions with an address; those on other ports are another question.
    pub(super) fn at<'r, 'a>(&'r self, address: &Address<'a>) -> Vec<Seen<'r, 'a>> {
        let mut here: Vec<(usize, &'a Reading<'a>)> = address
            .readings
            .iter()
            .filter_map(|reading| Some((*self.places.get(&reading.observation.id)?, *reading)))
            .collect();
        here.sort_by_key(|(place, _)| *place);
        let compared = here.into_iter();
        compared.filter_map(|(at, reading)| Some((self.compared.get(at)?, reading))).collect()
    }

    /// What the mirror says of an address, where it says anything bad.
    pub(super) fn claim(&self, address: &Address<'_>) -> Option<Claim> {
        let seen = self.at(address);
        let with = |outcome| seen.iter().filter(move |(session, _)| session.outcome == outcome);
        let claim = |status, sure| Some(Claim::because(status, MIRROR).sure(sure));
        if with(MirrorOutcome::KeyDiffers).next().is_some() {
            return claim(Status::Intercepted, Confidence::Proven);
        }
        if with(MirrorOutcome::BytesChanged).any(is_lost) {
            return claim(Status::Stripped, Confidence::Proven);
        }
        if with(MirrorOutcome::NotReached).next().is_some() {
            return claim(Status::Intercepted, self.elsewhere(&seen)?);
        }
        if with(MirrorOutcome::CutOff).any(is_lost) {
            return claim(Status::Stripped, cut_off(&seen)?);
        }
        None
    }

    /// Whether bytes were changed between an address and here, and STARTTLS was lost by it,
    /// in every session that got there.
    pub(super) fn shows_loss(&self, address: &Address<'_>) -> bool {
        let seen = self.at(address);
        let mut lost = seen.iter().filter(|(it, _)| it.outcome != MirrorOutcome::NotCompared);
        lost.clone().next().is_some()
            && lost.all(|seen| seen.0.outcome == MirrorOutcome::BytesChanged && is_lost(seen))
    }

    /// How sure it is that somebody else stands in the mirror's place: its address leads
    /// there from another view; at least another port of it does; or nobody knows that it
    /// is the mirror's at all, and nothing may be claimed.
    pub(super) fn elsewhere(&self, seen: &[Seen<'_, '_>]) -> Option<Confidence> {
        let asked = seen.first()?.1.observation.probe.endpoint();
        if self.reached.contains(&asked) {
            return Some(often(seen));
        }
        let [first, last] = [0, u16::MAX].map(|port| SocketAddr::new(asked.ip(), port));
        let beside = self.reached.range(first..=last).next().is_some();
        beside.then_some(Confidence::Suspected)
    }
}

impl Mirrored {
    /// Whether every byte of every session with an address arrived as it was sent.
    pub(super) fn clears(&self, address: &Address<'_>) -> bool {
        let seen = self.at(address);
        !seen.is_empty() && seen.iter().all(|(it, _)| it.outcome == MirrorOutcome::Identical)
    }

    /// Whether every byte of every session arrived as it was sent.
    pub(super) fn clears_all(&self) -> bool {
        let mut compared = self.compared.iter();
        !self.compared.is_empty() && compared.all(|it| it.outcome == MirrorOutcome::Identical)
    }
}

/// Where what the mirror shows of an address seems to lie: other destinations lose STARTTLS
/// from here too; or over the other family every byte arrives as it was sent.
pub(super) fn place(address: &Address<'_>, scene: &Scene<'_>) -> Option<Place> {
    if !claim::controls_lost(address, &scene.controls).is_empty() {
        return Some(Place::NearVantage);
    }
    let mirrored = scene.mirror.as_ref()?;
    let is_across = |other: &&Address<'_>| other.greeted() && other.family() != address.family();
    let mut across = scene.addresses.of_host(&address.host).filter(is_across).peekable();
    let over_family = across.peek().is_some() && across.all(|other| mirrored.clears(other));
    over_family.then_some(Place::FamilyPath)
}

/// How sure what each session by itself could show by chance makes: only where all do.
fn often(seen: &[Seen<'_, '_>]) -> Confidence {
    let told = seen.iter().map(|(session, _)| session.outcome);
    let told: Vec<_> = told.filter(|outcome| *outcome != MirrorOutcome::NotCompared).collect();
    let agree = told.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
    if told.len() >= OFTEN && agree { Confidence::Corroborated } else { Confidence::Suspected }
}

/// How sure it is that sessions were cut off on purpose; `None` where others of them came
/// through, or ended elsewhere than at STARTTLS, as on a path that loses packets.
pub(super) fn cut_off(seen: &[Seen<'_, '_>]) -> Option<Confidence> {
    let mut compared =
        seen.iter().filter(|(session, _)| session.outcome != MirrorOutcome::NotCompared);
    let all = compared.clone().all(|seen| {
        let asked = seen.1.session.starttls.outcome != StarttlsOutcome::NotReached;
        seen.0.outcome == MirrorOutcome::CutOff && asked && is_lost(seen)
    });
    let silent = compared.any(loses_large_packets);
    let sure = if silent { Confidence::Suspected } else { often(seen) };
    all.then_some(sure)
}

/// Our ClientHello came to the mirror, and its answer, which may be larger than what some
/// paths carry, did not come back.
fn loses_large_packets((session, reading): &Seen<'_, '_>) -> bool {
    let arrived = session.tls.as_ref().is_some_and(|tls| tls.client_hello_arrived == Some(true));
    arrived && End::of(&reading.observation.transcript.events).ended == Some(Ended::Timeout)
}

/// The mirror offers STARTTLS to everybody: the offer did not come, or no TLS came of it.
pub(super) fn is_lost((session, reading): &Seen<'_, '_>) -> bool {
    let secured = session.tls.as_ref().is_some_and(|tls| tls.same == Some(true));
    // Before the greeting nothing is known of STARTTLS.
    reading.greeted() && (reading.session.starttls.offered != Some(true) || !secured)
}
