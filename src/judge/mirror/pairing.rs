//! Which recording of the mirror's is of which session of ours.
//!
//! A box may change the greeting, a translator of addresses our address, and in the
//! open internet strangers speak to the mirror too. So recordings are told by the id
//! in the greeting, by our own address and port, and last by time together with our
//! EHLO name, where no other recording fits. A mirror's recordings hold the sessions of
//! every vantage point. A guess is never made.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use jiff::{SignedDuration, Timestamp};

use crate::judge::reading::Reading;
use crate::model::mirror::{MatchedBy, MirrorEvidence, MirrorSession};
use crate::model::probe::Family;
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
    let index = Index::of(mirror);
    let mut pairs: Vec<Pairing<'m>> = readings
        .iter()
        .map(|reading| {
            let by =
                |how, found: Option<&'m MirrorSession>| found.map(|it| Pairing::Found(it, how));
            by(MatchedBy::Greeting, index.by_greeting(reading))
                .or_else(|| by(MatchedBy::Address, index.by_address(reading, mirror)))
                .unwrap_or(Pairing::Unknown)
        })
        .collect();
    let paths: BTreeSet<Path> = readings.iter().map(Path::of).collect();
    let told = pairs.clone();
    let free = free(&told, mirror);
    for path in paths {
        by_time(&path, readings, (&told, &mut pairs), (&free, mirror));
    }
    pairs
}

/// From where and over which family: sessions of one path come one after the other,
/// those of several at the same time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    family: Family,
    vantage: String,
    source: Option<IpAddr>,
}

impl Path {
    fn of(reading: &Reading<'_>) -> Self {
        let probe = &reading.observation.probe;
        let vantage = probe.vantage.clone();
        Self { family: probe.family(), vantage, source: reading.source() }
    }
}

/// The recordings by what our sessions know of them.
struct Index<'m> {
    sessions: &'m [MirrorSession],
    /// The first with each id.
    ids: HashMap<&'m [u8], usize>,
    /// How long ids are: a mirror's are all alike.
    lengths: BTreeSet<usize>,
    clients: HashMap<SocketAddr, Vec<&'m MirrorSession>>,
}

impl<'m> Index<'m> {
    fn of(mirror: &'m MirrorEvidence) -> Self {
        let mut ids = HashMap::new();
        let mut clients: HashMap<SocketAddr, Vec<&'m MirrorSession>> = HashMap::new();
        for (place, session) in mirror.sessions.iter().enumerate() {
            ids.entry(session.id.as_bytes()).or_insert(place);
            clients.entry(session.client).or_default().push(session);
        }
        ids.remove(&b""[..]);
        let lengths = ids.keys().map(|id| id.len()).collect();
        Self { sessions: &mirror.sessions, ids, lengths, clients }
    }

    /// The first whose id stands in the greeting, wherever: a box may have written around it.
    fn by_greeting(&self, reading: &Reading<'_>) -> Option<&'m MirrorSession> {
        let greeting = reading.session.greeting.as_ref()?;
        let lines = greeting.lines.iter().map(String::as_bytes);
        let named = lines.flat_map(|line| {
            let fitting = self.lengths.range(..=line.len());
            fitting.flat_map(move |length| line.windows(*length))
        });
        let first = named.filter_map(|window| self.ids.get(window)).min()?;
        self.sessions.get(*first)
    }

    fn by_address(
        &self,
        reading: &Reading<'_>,
        mirror: &MirrorEvidence,
    ) -> Option<&'m MirrorSession> {
        let local = reading.session.local.filter(|local| local.port() != 0)?;
        let begun = begun(reading, mirror)?;
        let from = self.clients.get(&local)?.iter().copied();
        let mut fitting = from.filter(|session| near(session, begun, SAME_PORT));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}

/// Fills in what is still open on one path. Sessions with one address come one after
/// the other, so that as many recordings as sessions, each near its session in time,
/// are of these in their order, if no session of another path can have made them. With
/// several addresses there is no order.
fn by_time<'m>(
    path: &Path,
    readings: &[Reading<'_>],
    (told, pairs): (&[Pairing<'m>], &mut [Pairing<'m>]),
    (free, mirror): (&[&'m MirrorSession], &MirrorEvidence),
) {
    let (open, elsewhere) = all_open(path, readings, told, mirror);
    let may_be = |sessions: &[Open<'_, '_>], it: &MirrorSession| {
        around(sessions, it.started_at, |open| open.begun).iter().any(|open| open.may_be(it))
    };
    let named: Vec<&'m MirrorSession> =
        free.iter().copied().filter(|it| is_over(it, path.family) && may_be(&open, it)).collect();
    let ips: BTreeSet<_> = open.iter().map(|open| open.reading.observation.probe.ip).collect();
    let is_ours = open.len() == named.len()
        && open.iter().zip(&named).all(|(open, it)| open.may_be(it))
        && !named.iter().any(|it| may_be(&elsewhere, it));
    let in_order = is_ours && ips.len() == 1;
    for (at, open) in open.iter().enumerate() {
        let found = match named.get(at) {
            Some(session) if in_order => Pairing::Found(session, MatchedBy::Time),
            _ if open.was_not_reached(free, mirror) => Pairing::NotReached,
            _ => Pairing::Unknown,
        };
        if let Some(pair) = pairs.get_mut(open.place) {
            *pair = found;
        }
    }
}

fn is_over(session: &MirrorSession, family: Family) -> bool {
    Family::of(session.client.ip()) == family
}

/// The sessions over this family that have no recording yet, in the order of time:
/// those of this path, and those of others.
fn all_open<'r, 'a>(
    path: &Path,
    readings: &'r [Reading<'a>],
    told: &[Pairing<'_>],
    mirror: &MirrorEvidence,
) -> (Vec<Open<'r, 'a>>, Vec<Open<'r, 'a>>) {
    let mut open: Vec<Open<'r, 'a>> = readings
        .iter()
        .enumerate()
        .filter(|(place, _)| told.get(*place) == Some(&Pairing::Unknown))
        .filter(|(_, reading)| reading.observation.probe.family() == path.family)
        .filter_map(|(place, reading)| Open::of(place, reading, mirror))
        .collect();
    open.sort_by_key(|open| open.begun);
    open.into_iter().partition(|open| Path::of(open.reading) == *path)
}

/// Those of a list in the order of time that began about then.
fn around<T>(list: &[T], then: Timestamp, begun: impl Fn(&T) -> Timestamp) -> &[T] {
    let early = |one: &T| begun(one) < then && apart(begun(one), then) > TOLERANCE;
    let not_late = |one: &T| begun(one) <= then || apart(begun(one), then) <= TOLERANCE;
    let (first, end) = (list.partition_point(early), list.partition_point(not_late));
    list.get(first..end).unwrap_or_default()
}

/// The recordings that no session has yet, in the order of time.
fn free<'m>(told: &[Pairing<'m>], mirror: &'m MirrorEvidence) -> Vec<&'m MirrorSession> {
    let taken = told.iter().filter_map(|pair| match pair {
        Pairing::Found(it, _) => Some(it.id.as_str()),
        _ => None,
    });
    let taken: BTreeSet<&str> = taken.collect();
    let open = mirror.sessions.iter().filter(|session| !taken.contains(session.id.as_str()));
    let mut open: Vec<&MirrorSession> = open.collect();
    open.sort_by_key(|session| session.started_at);
    open
}

/// A session of ours without a recording yet.
struct Open<'r, 'a> {
    place: usize,
    reading: &'r Reading<'a>,
    begun: Timestamp,
    /// The argument of our EHLO.
    name: Vec<u8>,
}

impl<'r, 'a> Open<'r, 'a> {
    fn of(place: usize, reading: &'r Reading<'a>, mirror: &MirrorEvidence) -> Option<Self> {
        let (begun, name) = (begun(reading, mirror)?, introduced(reading)?);
        Some(Self { place, reading, begun, name })
    }

    /// Whether a recording was made at that time, of somebody with our name.
    fn may_be(&self, session: &MirrorSession) -> bool {
        near(session, self.begun, TOLERANCE) && heard(session, &self.name)
    }

    /// Whether we were greeted while the mirror, which would know, had only strangers.
    fn was_not_reached(&self, free: &[&MirrorSession], mirror: &MirrorEvidence) -> bool {
        let mut then = around(free, self.begun, |session| session.started_at).iter();
        self.reading.greeted()
            && would_know(mirror, self.begun)
            && then.all(|session| is_a_strangers(session, &self.name))
    }
}

/// Whether the mirror would have a session that began then.
fn would_know(mirror: &MirrorEvidence, begun: Timestamp) -> bool {
    let earliest = begun.saturating_sub(TOLERANCE);
    mirror.clock_offset_ms.is_some()
        && mirror.complete_since.is_some_and(|since| earliest.is_ok_and(|at| since <= at))
}

/// When our connection was up, by the mirror's clock. A log does not tell that clock, and
/// it is taken to be right: nothing is concluded from what is not found by it
/// ([`would_know`]).
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
