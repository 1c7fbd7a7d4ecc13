//! What a mirror writes down, and how long it keeps it.
//!
//! Owns the transcript of a session under way and the shelf of those that are
//! kept. Refuses to know sockets.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::model::mirror::MirrorSession;
use crate::model::transcript::{Ended, Ending, Event, EventKind, Transcript};

/// Sessions that are kept; the oldest goes first.
const MOST_SESSIONS: usize = 512;
/// Octets that all kept sessions may have; the oldest goes first.
const MOST_OCTETS: usize = 16 << 20;
/// Octets that one session may say and hear; then it is ended. A check needs some 2000.
const MOST_OCTETS_A_SESSION: usize = 32 * 1024;
/// Segments that are kept apart; what follows is appended to the last, so that a
/// client that sends single bytes cannot make the record grow.
const MAX_SEGMENTS: usize = 256;

/// A session under way.
#[derive(Debug)]
pub(super) struct Record {
    id: String,
    started_at: Timestamp,
    started: Instant,
    client: SocketAddr,
    address: SocketAddr,
    presented_sha256: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    events: Vec<Event>,
    octets: usize,
    client_hello: Option<bool>,
    truncated: bool,
    is_exchange: bool,
}

/// Both ends of a connection, the client's first.
pub(super) type Ends = (SocketAddr, SocketAddr);

impl Record {
    pub(super) fn new(id: &str, (client, address): Ends, presented_sha256: &str) -> Self {
        let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
        let record = Self {
            id: id.to_owned(),
            started_at: Timestamp::now(),
            started: Instant::now(),
            client: plain(client),
            address: plain(address),
            presented_sha256: presented_sha256.to_owned(),
            inner: Mutex::default(),
        };
        record.push(EventKind::Connected { local: Some(record.address) });
        record
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn client(&self) -> SocketAddr {
        self.client
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, kind: EventKind) {
        let at_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut inner = self.inner();
        let segments = inner.events.len();
        match (&kind, inner.events.last_mut()) {
            (EventKind::Received(more), Some(Event { kind: EventKind::Received(last), .. }))
                if segments >= MAX_SEGMENTS =>
            {
                last.extend_from_slice(more);
            }
            _ => inner.events.push(Event { at_us, kind: kind.clone() }),
        }
        if let EventKind::Received(bytes) | EventKind::Sent(bytes) | EventKind::Residue(bytes) =
            kind
        {
            inner.octets += bytes.len();
        }
    }

    /// Whether more may be said.
    pub(super) fn has_room(&self) -> bool {
        self.inner().octets < MOST_OCTETS_A_SESSION
    }

    pub(super) fn client_hello(&self, came: bool) {
        self.inner().client_hello = Some(came);
    }

    pub(super) fn truncate(&self) {
        self.inner().truncated = true;
    }

    /// The session turned out to be one that fetches recordings: it is none itself.
    pub(super) fn is_exchange(&self) {
        self.inner().is_exchange = true;
    }

    pub(super) fn end(&self, how: Ended, detail: Option<String>) {
        self.push(EventKind::Ended(Ending { how, detail }));
    }

    fn is_over(&self) -> bool {
        matches!(self.inner().events.last(), Some(Event { kind: EventKind::Ended(_), .. }))
    }

    /// The session as far as it came; `None` where it is none that is kept.
    pub(super) fn session(&self) -> Option<MirrorSession> {
        let inner = self.inner();
        if inner.is_exchange {
            return None;
        }
        let transcript = Transcript { events: inner.events.clone() };
        Some(MirrorSession {
            id: self.id.clone(),
            started_at: self.started_at,
            client: self.client,
            address: self.address,
            presented_sha256: Some(self.presented_sha256.clone()),
            client_hello: inner.client_hello,
            truncated: inner.truncated,
            transcript: transcript.to_entries(),
        })
    }
}

/// The sessions that are kept, those under way among them.
#[derive(Debug)]
pub(super) struct Shelf {
    inner: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    records: VecDeque<Arc<Record>>,
    complete_since: Timestamp,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let kept = Kept { records: VecDeque::new(), complete_since: Timestamp::now() };
        Self { inner: Mutex::new(kept) }
    }

    fn inner(&self) -> MutexGuard<'_, Kept> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, record: Arc<Record>) {
        let mut kept = self.inner();
        kept.records.push_back(record);
        let octets = |record: &Arc<Record>| record.inner().octets;
        let mut all: usize = kept.records.iter().map(octets).sum();
        while kept.records.len() > MOST_SESSIONS || all > MOST_OCTETS {
            let Some(oldest) = kept.records.pop_front() else { break };
            all -= octets(&oldest).min(all);
            kept.complete_since =
                kept.records.front().map_or(oldest.started_at, |next| next.started_at);
        }
    }

    /// The sessions that began at that time or later, and since when they are all
    /// that there were.
    pub(super) fn since(&self, time: Timestamp) -> (Vec<MirrorSession>, Timestamp) {
        let kept = self.inner();
        let wanted = kept.records.iter().filter(|record| record.started_at >= time);
        let sessions = wanted.filter_map(|record| record.session()).collect();
        (sessions, kept.complete_since.max(time))
    }

    /// Whether all sessions but one that began at that time or later are over.
    pub(super) fn is_settled(&self, time: Timestamp, but: &Record) -> bool {
        let kept = self.inner();
        let mut wanted = kept.records.iter().filter(|record| record.started_at >= time);
        wanted.all(|record| record.id == but.id || record.is_over())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::TranscriptEntry;

    fn record(id: &str) -> Arc<Record> {
        let ends =
            ("[::ffff:198.51.100.10]:40000".parse().unwrap(), "203.0.113.5:25".parse().unwrap());
        Arc::new(Record::new(id, ends, "ab"))
    }

    #[tokio::test]
    async fn sessions_under_way_are_on_the_shelf_and_exchanges_are_not() {
        let shelf = Shelf::new();
        let (one, other) = (record("one"), record("other"));
        shelf.put(one.clone());
        shelf.put(other.clone());
        one.push(EventKind::Received(b"QUIT\r\n".to_vec()));
        other.is_exchange();
        let (sessions, _) = shelf.since(Timestamp::UNIX_EPOCH);
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions[0].transcript[1].text.as_deref(), Some("QUIT\r\n"));
        assert_eq!(sessions[0].client, "198.51.100.10:40000".parse().unwrap(), "as IPv4");
        assert!(!shelf.is_settled(Timestamp::UNIX_EPOCH, &other));
        one.end(Ended::ByUs, None);
        assert!(shelf.is_settled(Timestamp::UNIX_EPOCH, &other));
        assert_eq!(shelf.since(Timestamp::MAX).0, []);
    }

    #[tokio::test]
    async fn the_shelf_has_an_end_and_says_since_when_it_is_complete() {
        let shelf = Shelf::new();
        let begun = shelf.since(Timestamp::UNIX_EPOCH).1;
        let records: Vec<_> = (0..MOST_SESSIONS + 3).map(|n| record(&n.to_string())).collect();
        for record in &records {
            shelf.put(record.clone());
        }
        let (sessions, complete_since) = shelf.since(Timestamp::UNIX_EPOCH);
        assert_eq!(sessions.len(), MOST_SESSIONS);
        assert_eq!(complete_since, records[3].started_at);
        assert!(complete_since > begun);
    }

    #[tokio::test]
    async fn single_bytes_do_not_make_the_record_grow() {
        let record = record("one");
        for _ in 0..10_000 {
            record.push(EventKind::Received(b"a".to_vec()));
        }
        let session = record.session().unwrap();
        assert!(session.transcript.len() <= MAX_SEGMENTS + 1);
        let bytes: usize = session
            .transcript
            .iter()
            .filter_map(TranscriptEntry::bytes)
            .map(|bytes| bytes.len())
            .sum();
        assert_eq!(bytes, 10_000);
        assert!(record.has_room());
    }
}
