//! What happened on one connection, byte for byte and in order.
//!
//! Owns the events. Refuses to know what they mean: `smtp::read` does that.

use std::net::SocketAddr;

use crate::model::tls::Handshake;

/// Byte-exact events of one connection, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The events.
    pub events: Vec<Event>,
}

impl Transcript {
    /// The handshake, completed or not; the last word where a peer first
    /// completed one and then rejected us, as in TLS 1.3.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::HandshakeDone(handshake) | EventKind::HandshakeFailed(handshake) => {
                Some(handshake.as_ref())
            }
            _ => None,
        })
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Microseconds since the connection attempt began.
    pub at_us: u64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The TCP connection is up; `local` is our end of it.
    Connected {
        /// Our own address and port.
        local: Option<SocketAddr>,
    },
    /// Bytes from the peer; inside TLS if a handshake has been done before.
    Received(Vec<u8>),
    /// Bytes from us, one event a write.
    Sent(Vec<u8>),
    /// Bytes that stood in clear behind the 220 to STARTTLS, kept out of the TLS session.
    Residue(Vec<u8>),
    /// The TLS handshake was completed.
    HandshakeDone(Box<Handshake>),
    /// The TLS handshake was not completed; `Handshake::failure` says why.
    HandshakeFailed(Box<Handshake>),
    /// The connection is over.
    Ended(Ending),
}

/// How the connection was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// By whom or by what.
    pub how: Ended,
    /// More, for people: the operating system's words, the limit that was hit.
    pub detail: Option<String>,
}

/// By whom or by what a connection was over.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// We closed it, the dialogue being over.
    ByUs,
    /// The peer closed it in good order (FIN).
    ByPeer,
    /// The peer or the path reset it.
    Reset,
    /// A limit ran out.
    Timeout,
    /// The connection attempt was refused (RST).
    Refused,
    /// The connection attempt failed: no route, or ICMP says prohibited.
    Unreachable,
    /// The peer broke the protocol in a way that leaves nothing to say: a cap
    /// was hit, or what it sent is not SMTP.
    Protocol,
    /// Something at our own end: no socket, source address not ours, interrupted.
    LocalError,
}

impl Ended {
    /// The same for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::ByUs => "ended by us",
            Self::ByPeer => "closed by the other side",
            Self::Reset => "connection reset",
            Self::Timeout => "nothing came in time",
            Self::Refused => "connection refused",
            Self::Unreachable => "not reachable (no route, or prohibited on the way)",
            Self::Protocol => "what came is not SMTP, or never ends",
            Self::LocalError => "a problem at this end",
        }
    }
}
