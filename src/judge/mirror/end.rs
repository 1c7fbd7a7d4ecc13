//! What one end of a session sent and heard, apart by direction and by TLS.
//!
//! Owns the order of octets at one end. Refuses to know the other end.

use crate::model::transcript::{Ended, Event, EventKind};

/// One end's view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    pub(super) clear: Streams,
    pub(super) inside: Streams,
    /// Whether the handshake was completed; `None` where none was tried.
    pub(super) completed: Option<bool>,
    pub(super) ended: Option<Ended>,
}

/// The bytes of both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Streams {
    pub(super) sent: Vec<u8>,
    pub(super) received: Vec<u8>,
}

impl End {
    pub(super) fn of(events: &[Event]) -> Self {
        let mut end = Self::default();
        let mut inside_tls = false;
        for event in events {
            let streams = if inside_tls { &mut end.inside } else { &mut end.clear };
            match &event.kind {
                EventKind::Sent(bytes) => streams.sent.extend_from_slice(bytes),
                EventKind::Received(bytes) => streams.received.extend_from_slice(bytes),
                // It stood behind the 220, in clear.
                EventKind::Residue(bytes) => end.clear.received.extend_from_slice(bytes),
                EventKind::HandshakeDone(_) => {
                    inside_tls = true;
                    end.completed = Some(true);
                }
                EventKind::HandshakeFailed(_) => end.completed = Some(false),
                EventKind::Ended(ending) => end.ended = Some(ending.how),
                EventKind::Connected { .. } => {}
            }
        }
        end
    }

    /// Whether this end read all that came: where it stopped by itself, by a limit
    /// of ours, or is not done yet, an end that is missing says nothing.
    pub(super) fn read_to_the_end(&self) -> bool {
        matches!(self.ended, Some(Ended::ByPeer | Ended::Reset | Ended::Timeout))
    }
}
