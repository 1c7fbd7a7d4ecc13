//! Which recording of the mirror's is of which session of ours.
//!
//! A box may change the greeting, a translator of addresses our address, and in the
//! open internet strangers speak to the mirror too. So recordings are told by the id
//! in the greeting, by our own address and port, and last by time together with our
//! EHLO name, where no other recording fits. A guess is never made.

use jiff::{SignedDuration, Timestamp};

use crate::judge::reading::Reading;
use crate::model::mirror::{MatchedBy, MirrorEvidence, MirrorSession};
use crate::model::report::{Speaker, TranscriptEntry};
use crate::model::transcript::EventKind;

/// How far the beginnings of a session may lie apart at its two ends, clocks corrected.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);
/// The same where only our address and port tell: ports are used again.
const SAME_PORT: SignedDuration = SignedDuration::from_mins(5);

/// What is known of one session of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairing<'m> {
    /// This recording is of it.
    Found(&'m MirrorSession, MatchedBy),
    /// The mirror had none at that time, and would know.
    NotReached,
    /// None is known to be of it.
    Unknown,
}

/// The recording of each session, in the order of the sessions.
pub(super) fn pairs<'m>(readings: &[Reading<'_>], mirror: &'m MirrorEvidence) -> Vec<Pairing<'m>> {
    let mut pairs: Vec<Pairing<'m>> = readings
        .iter()
        .map(|reading| {
            let by =
                |how, found: Option<&'m MirrorSession>| found.map(|it| Pairing::Found(it, how));
            by(MatchedBy::Greeting, by_greeting(reading, mirror))
                .or_else(|| by(MatchedBy::Address, by_address(reading, mirror)))
                .unwrap_or(Pairing::Unknown)
        })
        .collect();
    let open: Vec<usize> = places(&pairs, |pair| *pair == Pairing::Unknown);
    for place in open {
        let Some(reading) = readings.get(place) else { continue };
        let found = by_time(reading, readings, &pairs, mirror);
        if let Some(pair) = pairs.get_mut(place) {
            *pair = found;
        }
    }
    pairs
}

fn places(pairs: &[Pairing<'_>], wanted: impl Fn(&Pairing<'_>) -> bool) -> Vec<usize> {
    let numbered = pairs.iter().enumerate();
    numbered.filter(|(_, pair)| wanted(pair)).map(|(place, _)| place).collect()
}

fn by_greeting<'m>(reading: &Reading<'_>, mirror: &'m MirrorEvidence) -> Option<&'m MirrorSession> {
    let greeting = reading.session.greeting.as_ref()?;
    let has = |id: &str| !id.is_empty() && greeting.lines.iter().any(|line| line.contains(id));
    mirror.sessions.iter().find(|session| has(&session.id))
}

fn by_address<'m>(reading: &Reading<'_>, mirror: &'m MirrorEvidence) -> Option<&'m MirrorSession> {
    let local = reading.session.local.filter(|local| local.port() != 0)?;
    let begun = begun(reading, mirror)?;
    let mut fitting = mirror
        .sessions
        .iter()
        .filter(|session| session.client == local && near(session, begun, SAME_PORT));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn by_time<'m>(
    reading: &Reading<'_>,
    readings: &[Reading<'_>],
    pairs: &[Pairing<'m>],
    mirror: &'m MirrorEvidence,
) -> Pairing<'m> {
    let Some(begun) = begun(reading, mirror) else { return Pairing::Unknown };
    let taken = |session: &MirrorSession| {
        pairs.iter().any(|pair| matches!(pair, Pairing::Found(it, _) if it.id == session.id))
    };
    let at_that_time: Vec<&MirrorSession> = mirror
        .sessions
        .iter()
        .filter(|session| near(session, begun, TOLERANCE) && !taken(session))
        .collect();
    let Some(name) = introduced(reading) else { return Pairing::Unknown };
    if at_that_time.iter().all(|session| is_a_strangers(session, &name)) {
        let knows = reading.greeted() && would_know(mirror, begun);
        return if knows { Pairing::NotReached } else { Pairing::Unknown };
    }
    let rivals = readings.iter().zip(pairs).filter(|(other, pair)| {
        let near = self::begun(other, mirror).is_some_and(|at| apart(at, begun) <= TOLERANCE);
        **pair == Pairing::Unknown && near
    });
    let named: Vec<_> =
        at_that_time.iter().copied().filter(|session| heard(session, &name)).collect();
    match (rivals.count(), named.as_slice()) {
        (1, [only]) => Pairing::Found(only, MatchedBy::Time),
        _ => Pairing::Unknown,
    }
}

/// Whether the mirror would have a session that began then.
fn would_know(mirror: &MirrorEvidence, begun: Timestamp) -> bool {
    let earliest = begun.saturating_sub(TOLERANCE);
    mirror.clock_offset_ms.is_some()
        && mirror.complete_since.is_some_and(|since| earliest.is_ok_and(|at| since <= at))
}

/// When our connection was up, by the mirror's clock.
fn begun(reading: &Reading<'_>, mirror: &MirrorEvidence) -> Option<Timestamp> {
    let connected = i64::try_from(reading.session.connect_us?).ok()?;
    let offset = SignedDuration::from_millis(mirror.clock_offset_ms.unwrap_or(0));
    let up = SignedDuration::from_micros(connected);
    let begun = reading.observation.started_at.saturating_add(up).ok()?;
    begun.saturating_add(offset).ok()
}

fn near(session: &MirrorSession, begun: Timestamp, tolerance: SignedDuration) -> bool {
    apart(session.started_at, begun) <= tolerance
}

fn apart(one: Timestamp, other: Timestamp) -> SignedDuration {
    one.duration_since(other).abs()
}

/// The argument of our EHLO, as it was sent.
fn introduced(reading: &Reading<'_>) -> Option<Vec<u8>> {
    let sent =
        reading.observation.transcript.events.iter().find_map(|event| match &event.kind {
            EventKind::Sent(bytes) => bytes.strip_prefix(b"EHLO "),
            _ => None,
        })?;
    Some(sent.trim_ascii_end().to_vec())
}

/// Whether somebody said this name to the mirror.
fn heard(session: &MirrorSession, name: &[u8]) -> bool {
    said(session).windows(name.len().max(1)).any(|window| window == name)
}

/// Somebody spoke, and not with our name.
fn is_a_strangers(session: &MirrorSession, name: &[u8]) -> bool {
    !said(session).is_empty() && !heard(session, name)
}

/// Everything that the client said to the mirror.
fn said(session: &MirrorSession) -> Vec<u8> {
    let from_client = session.transcript.iter().filter(|entry| entry.from == Speaker::Peer);
    from_client.filter_map(TranscriptEntry::bytes).flatten().collect()
}
