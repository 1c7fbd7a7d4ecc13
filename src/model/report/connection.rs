//! One connection: what was planned, how far it came, and every byte of it.
//!
//! Owns the names in the JSON. Refuses to know how they are filled.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::probe::{ClientHello, Family, Mode, Role};
use crate::model::session::{EhloAnswer, EhloTls, Greeting, Stage, Starttls};
use crate::model::tls::TlsFacts;
use crate::model::transcript::Ended;

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObservationReport {
    /// `o1`, `o2`, …, unique within the report.
    pub id: String,
    /// What was planned.
    pub probe: ProbeReport,
    /// When the connection attempt began.
    pub started_at: Timestamp,
    /// The whole session, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Time to the TCP connection, in milliseconds.
    pub connect_ms: Option<u64>,
    /// From the connection to the greeting, in milliseconds.
    pub greeting_ms: Option<u64>,
    /// The handshake, in milliseconds.
    pub handshake_ms: Option<u64>,
    /// Stages completed, in order.
    pub stages: Vec<Stage>,
    /// By whom or by what the connection was over.
    pub ended: Option<Ended>,
    /// More about the end.
    pub error: Option<String>,
    /// The greeting.
    pub greeting: Option<Greeting>,
    /// The answer to EHLO or HELO in clear.
    pub ehlo: Option<EhloAnswer>,
    /// STARTTLS.
    pub starttls: Starttls,
    /// TLS; `None` where no handshake was tried.
    pub tls: Option<TlsFacts>,
    /// EHLO inside TLS.
    pub ehlo_tls: Option<EhloTls>,
    /// What Postfix would do at each of its levels; `None` while it is not predicted.
    pub postfix: Option<BTreeMap<String, Option<PostfixLevel>>>,
    /// Byte-exact events; in evidence only.
    pub transcript: Option<Vec<TranscriptEntry>>,
}

/// What Postfix would do at one level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PostfixLevel {
    /// `clear`, `tls` or `deferred`.
    pub delivery: String,
    /// Anonymous, Untrusted, Trusted or Verified.
    pub log: Option<String>,
    /// Why deferred.
    pub reason: Option<String>,
}

/// A probe in the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeReport {
    /// Who connected.
    pub vantage: String,
    /// Source address, as bound or as the operating system chose it.
    pub source: Option<IpAddr>,
    /// The target it serves.
    pub target: String,
    /// The MX host.
    pub host: String,
    /// The address dialled.
    pub ip: IpAddr,
    /// Its family.
    pub family: Family,
    /// TCP port.
    pub port: u16,
    /// EHLO argument; `None` is the address literal of the source.
    pub ehlo_name: Option<String>,
    /// When TLS begins.
    pub mode: Mode,
    /// Shape of the `ClientHello`.
    pub client_hello: ClientHello,
    /// Server name that was to be sent.
    pub sni: Option<String>,
    /// 0 for the first observation of these coordinates.
    pub repeat: u32,
    /// Why the connection was made.
    pub role: Role,
}

/// One event of a transcript in the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TranscriptEntry {
    /// Milliseconds since the connection attempt began.
    pub at_ms: u64,
    /// The same in microseconds.
    pub at_us: u64,
    /// Whose bytes, or `path` for an event that carries none.
    pub from: Speaker,
    /// Whether the bytes went inside TLS.
    pub tls: bool,
    /// The bytes as text, line ends included; `None` where not UTF-8.
    pub text: Option<String>,
    /// The bytes in base64, where not UTF-8.
    pub base64: Option<String>,
    /// The event, where it carries no bytes, or residue behind the 220.
    pub event: Option<String>,
    /// More about the event: the local address, the error, by whom it ended.
    pub detail: Option<String>,
}

/// Whose bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// The far side.
    Peer,
    /// This program.
    Us,
    /// Neither: the connection itself.
    Path,
}
