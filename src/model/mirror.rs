//! What a mirror saw of our sessions, and how that compares with what we saw.
//!
//! A mirror is a server of the user's own behind the suspect path. Owns what it
//! recorded ([`MirrorSession`], [`MirrorEvidence`]) and the outcome of the
//! comparison ([`MirrorReport`], the `mirror` object of the report). Refuses to
//! compare, and to know how a recording came here.

use std::net::SocketAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::report::TranscriptEntry;

/// How a failed fetch begins where something other than a mirror answered.
pub const NO_MIRROR: &str = "what answers there is no mirror of mxray";

/// One session as the mirror recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MirrorSession {
    /// Its id, which stands in the mirror's greeting.
    pub id: String,
    /// When it was accepted, by the mirror's clock.
    pub started_at: Timestamp,
    /// The client as the mirror saw it: behind address translation, not our own address.
    pub client: SocketAddr,
    /// The mirror's end of the connection.
    pub address: SocketAddr,
    /// SHA-256 of the certificate that the mirror presents, lower-case hexadecimal.
    pub presented_sha256: Option<String>,
    /// Whether anything like a `ClientHello` came; `None` where none was waited for.
    pub client_hello: Option<bool>,
    /// Whether a limit was hit and the session was ended for it.
    pub truncated: bool,
    /// What happened, byte for byte: `us` is the mirror, `peer` whoever spoke to it.
    pub transcript: Vec<TranscriptEntry>,
}

/// How the mirror's recordings came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MirrorSource {
    /// Fetched from the mirror inside TLS, behind STARTTLS.
    Starttls,
    /// Fetched from the mirror's port for the exchange, inside TLS from the start.
    ImplicitTls,
    /// Read from a file that the mirror wrote.
    File,
    /// Not at all.
    None,
}

/// What was learned from a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorEvidence {
    /// How it came here.
    pub source: MirrorSource,
    /// Why nothing was learned.
    pub error: Option<String>,
    /// By how much the mirror's clock is ahead of ours, in milliseconds; `None`
    /// where that is not known.
    pub clock_offset_ms: Option<i64>,
    /// Every session that the mirror accepted since then is among `sessions`, by
    /// its clock; `None` where some may be missing.
    pub complete_since: Option<Timestamp>,
    /// Where they were fetched.
    pub endpoint: Option<SocketAddr>,
    /// Whether the TLS session in which they were fetched was with the mirror itself
    /// (RFC 9266): where not, somebody on the way could read them, and change nothing.
    pub channel_is_shared: Option<bool>,
    /// Sessions that the mirror accepted, other people's among them.
    pub sessions: Vec<MirrorSession>,
}

impl MirrorEvidence {
    /// What a log tells: sessions, and neither the mirror's clock nor which are missing.
    pub fn of_log(sessions: Vec<MirrorSession>) -> Self {
        Self {
            source: MirrorSource::File,
            error: None,
            clock_offset_ms: None,
            complete_since: None,
            endpoint: None,
            channel_is_shared: None,
            sessions,
        }
    }

    /// Nothing was learned, and why.
    pub fn nothing(error: String) -> Self {
        let source = MirrorSource::None;
        Self { source, error: Some(error), ..Self::of_log(Vec::new()) }
    }
}

/// The `mirror` object of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MirrorReport {
    /// How the mirror's recordings came here.
    pub source: MirrorSource,
    /// Why nothing was learned.
    pub error: Option<String>,
    /// By how much the mirror's clock is ahead of ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Every session that the mirror accepted since then is known; `None` where
    /// some may be missing.
    pub complete_since: Option<Timestamp>,
    /// Where the recordings were fetched.
    #[serde(default)]
    pub endpoint: Option<SocketAddr>,
    /// Whether the TLS session in which they were fetched was with the mirror itself
    /// (RFC 9266): where not, somebody on the way could read them, and change nothing.
    #[serde(default)]
    pub channel_is_shared: Option<bool>,
    /// One entry a session of ours, of whichever view.
    pub compared: Vec<ComparedSession>,
    /// The recordings; in evidence only.
    pub sessions: Option<Vec<MirrorSession>>,
}

/// One session of ours beside the mirror's recording of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedSession {
    /// Id of the observation.
    pub observation: String,
    /// Id of the mirror's session; `None` where none is known to be the same.
    pub session: Option<String>,
    /// By what the two were told to be the same.
    pub matched_by: Option<MatchedBy>,
    /// The client as the mirror saw it.
    pub client_seen: Option<SocketAddr>,
    /// What the comparison says.
    pub outcome: MirrorOutcome,
    /// TLS at both ends; `None` where there is no recording.
    pub tls: Option<ComparedTls>,
    /// Bytes that did not arrive as they were sent, in the order of the stream, the
    /// direction to the mirror first.
    pub differences: Vec<ByteDifference>,
    /// Further differences that are not listed.
    pub more_differences: u64,
}

/// By what a recording was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// The id in the greeting that came here.
    Greeting,
    /// Our address and port, as the mirror saw them.
    Address,
    /// Its time and our EHLO name, which no other session has.
    Time,
}

/// What the comparison of a session says.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MirrorOutcome {
    /// Every byte arrived as it was sent, and the key is the mirror's.
    Identical,
    /// Bytes at the end did not arrive, or the connection was cut: a failing
    /// network does that too.
    CutOff,
    /// Bytes were changed, taken out or put in.
    BytesChanged,
    /// TLS was not with the mirror.
    KeyDiffers,
    /// We were greeted, and the mirror had no session of ours.
    NotReached,
    /// No recording is known to be of this session.
    NotCompared,
}

/// TLS at both ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedTls {
    /// Whether our handshake was completed; `None` where none was tried.
    pub completed_here: Option<bool>,
    /// Whether the mirror's was.
    pub completed_there: Option<bool>,
    /// Whether the `ClientHello` that we sent came to the mirror; `None` where none was sent.
    pub client_hello_arrived: Option<bool>,
    /// SHA-256 of the certificate that we were shown.
    pub seen_sha256: Option<String>,
    /// SHA-256 of the certificate that the mirror presents.
    pub presented_sha256: Option<String>,
    /// Whether both ends had the same TLS session, by certificate and proof of its
    /// key; `None` where neither end completed one.
    pub same: Option<bool>,
}

/// A place where bytes did not arrive as they were sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByteDifference {
    /// Which way the bytes went.
    pub direction: Direction,
    /// Whether they went inside TLS.
    pub tls: bool,
    /// What became of them.
    pub kind: DifferenceKind,
    /// Bytes that were sent in this direction before, counted within TLS apart.
    pub offset: u64,
    /// Line in which that is, from 1.
    pub line: u64,
    /// What was sent, with `\r`, `\n`, `\xNN` and the like for bytes that cannot be shown.
    pub sent: String,
    /// What arrived.
    pub received: String,
}

/// Which way bytes went.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From here to the mirror.
    ToMirror,
    /// From the mirror to here.
    FromMirror,
}

/// What became of bytes on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// Others arrived in their place.
    Changed,
    /// They were taken out of a stream that went on, or was ended in good order.
    Removed,
    /// They were put in.
    Inserted,
    /// They are missing at the end of a stream that was broken off.
    Lost,
}
