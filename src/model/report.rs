//! The JSON contract, version 1: what scripts, monitors and other vantage points read.
//!
//! Owns the names and shapes. Fields may be added within version 1, never
//! renamed, retyped or given another meaning. What is unknown or was not
//! measured is `null`. Refuses to fill itself in: `judge` does.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::compare::{Cell, Contrast};
use crate::model::finding::Finding;
use crate::model::injection::InjectionReport;
use crate::model::mirror::MirrorReport;
use crate::model::policy::{PolicyFetch, TxtAnswer};
use crate::model::probe::{ClientHello, Family, Mode, Role};
use crate::model::range::TlsRange;
use crate::model::route::Route;
use crate::model::session::{EhloAnswer, EhloTls, Greeting, Stage, Starttls};
use crate::model::tls::TlsFacts;
use crate::model::transcript::Ended;
use crate::model::verdict::{PartVerdict, Verdict};

/// The value of `schema` in every report of this version.
pub const SCHEMA: &str = "mxray/report/1";

/// One report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// How the run was made.
    pub run: Run,
    /// One entry a target.
    pub targets: Vec<TargetReport>,
    /// The same for control destinations and the canary.
    pub controls: Vec<TargetReport>,
}

/// How the run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Name and version of the program.
    pub tool: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The EHLO names used; empty where only an address literal was known.
    pub ehlo_names: Vec<String>,
    /// Which certificates were trusted.
    pub trust: Trust,
    /// The name that certificates had to have, instead of the MX host's.
    pub verify_name: Option<String>,
    /// Who observed.
    pub vantages: Vec<Vantage>,
    /// True where the run was interrupted and the report holds what was known so far.
    pub interrupted: bool,
}

/// Which certificates were trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trust {
    /// `webpki-roots` or `native`.
    pub roots: String,
    /// Version of the root collection, where it has one.
    pub version: Option<String>,
    /// SHA-256 of each extra CA given.
    pub extra_ca_sha256: Vec<String>,
    /// The extra CAs as PEM; in evidence only.
    pub extra_ca_pem: Option<String>,
}

/// One vantage point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vantage {
    /// Its name; `local` is this machine.
    pub id: String,
    /// What kind it is.
    pub kind: VantageKind,
    /// Source addresses seen in use, one per family at least where it is usable.
    pub sources: Vec<IpAddr>,
    /// Whether each family can be used here.
    pub families: Families,
    /// Its clock against ours, in milliseconds; `None` if not measured.
    pub clock_offset_ms: Option<i64>,
    /// Name and version of its program.
    pub tool: String,
    /// What kept it from observing.
    pub error: Option<String>,
    /// The resolver that it asked; `None` where nothing was looked up, and where no
    /// server has answered anything: then the routes have the error.
    pub resolver: Option<ResolverUsed>,
    /// Where its observations were read; `None` where they were made in this run.
    pub recorded: Option<RecordedFrom>,
}

/// The saved report that a vantage point's observations were read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedFrom {
    /// Name of the file, without its folder; `-` is standard input.
    pub file: String,
    /// The vantage point's id in that report.
    pub vantage: String,
    /// What kind it was there.
    pub kind: VantageKind,
    /// When the run of that report began.
    pub started_at: Timestamp,
}

impl Vantage {
    /// Whether it looks names up. A proxy is sent where this machine goes, so its
    /// route is a copy of this machine's, and no second opinion.
    pub fn looks_up(&self) -> bool {
        let kind = self.recorded.as_ref().map_or(self.kind, |from| from.kind);
        kind != VantageKind::Socks5
    }
}

/// What kind a vantage point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VantageKind {
    /// This process.
    Local,
    /// This process, from another source address.
    Source,
    /// An agent behind a command.
    Command,
    /// Through a SOCKS5 proxy.
    Socks5,
    /// Read from a file.
    Recorded,
}

/// Whether each family can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Families {
    /// IPv4.
    pub ipv4: FamilyUse,
    /// IPv6.
    pub ipv6: FamilyUse,
}

impl Families {
    /// The state of one family.
    pub fn of(&self, family: Family) -> FamilyUse {
        match family {
            Family::Ipv4 => self.ipv4,
            Family::Ipv6 => self.ipv6,
        }
    }
}

/// Whether a family can be used from a vantage point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FamilyUse {
    /// There is an address and a route.
    Usable,
    /// This machine has none: a fact about us, never about the target.
    Unusable,
    /// The user left it out.
    NotAsked,
}

/// The resolver that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolverUsed {
    /// Its servers, `address:port`.
    pub servers: Vec<String>,
    /// How far DNSSEC status can be told through it.
    pub dnssec: DnssecSource,
}

/// How the DNSSEC status of answers comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DnssecSource {
    /// Validated here.
    Validated,
    /// By the AD bit of a resolver on loopback that the user declared trusted.
    TrustedAd,
    /// The resolver strips DNSSEC, or sets no AD bit where it is to be trusted:
    /// nothing is judged by it.
    Unavailable,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetReport {
    /// Canonical name.
    pub target: String,
    /// As typed.
    pub input: String,
    /// In Unicode, where it differs.
    pub unicode: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// One per vantage that resolved.
    pub routes: Vec<Route>,
    /// Each view of the target by itself; `None` where there was only one.
    pub views: Option<Vec<ViewReport>>,
    /// Each host and each of its addresses with its own verdict.
    pub hosts: Vec<HostReport>,
    /// What was promised.
    pub policies: Policies,
    /// Every connection.
    pub observations: Vec<ObservationReport>,
    /// Observations that share coordinates.
    pub cells: Vec<Cell>,
    /// Cells that differ on one axis.
    pub contrasts: Vec<Contrast>,
    /// The claims.
    pub findings: Vec<Finding>,
    /// Tests for STARTTLS command injection; `None` where none was made.
    pub injections: Option<Vec<InjectionReport>>,
    /// What the servers' TLS ranges over; `None` where that was not asked.
    pub tls_ranges: Option<Vec<TlsRange>>,
    /// What the target saw of these sessions itself, where it is a mirror.
    pub mirror: Option<MirrorReport>,
}

/// What one view says of a target by itself. A view is a vantage point and, where
/// it asked from several of its own addresses, one of them a family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViewReport {
    /// The vantage point.
    pub vantage: String,
    /// The source addresses that tell it from other views of the same vantage point;
    /// empty where that has only one.
    pub sources: Vec<IpAddr>,
    /// Its verdict.
    pub verdict: PartVerdict,
    /// Addresses that completed an SMTP greeting there.
    pub reached: u32,
    /// Every address that its resolver led to.
    pub addresses: Vec<ViewAddress>,
}

/// One address at one view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViewAddress {
    /// The MX host.
    pub host: String,
    /// The address.
    pub ip: IpAddr,
    /// Its verdict.
    pub verdict: PartVerdict,
}

/// One MX host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostReport {
    /// Its name.
    pub host: String,
    /// Its verdict.
    pub verdict: PartVerdict,
    /// Its addresses.
    pub addresses: Vec<AddressReport>,
}

/// One address of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressReport {
    /// The address.
    pub ip: IpAddr,
    /// Its family.
    pub family: Family,
    /// Its verdict.
    pub verdict: PartVerdict,
}

/// What was promised for the domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Policies {
    /// MTA-STS (RFC 8461).
    pub mta_sts: MtaStsReport,
    /// SMTP TLS Reporting (RFC 8460).
    pub tls_rpt: TlsRptReport,
    /// What an earlier report showed, once there is history.
    pub baseline: Option<serde_json::Value>,
}

/// Whether a policy exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyStatus {
    /// Not looked up.
    NotAsked,
    /// Looked up, and there is none.
    Absent,
    /// There is one.
    Present,
    /// It could not be got or read.
    Error,
}

/// MTA-STS as found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MtaStsReport {
    /// Whether there is one.
    pub status: PolicyStatus,
    /// Id from the TXT record.
    pub id: Option<String>,
    /// enforce, testing or none.
    pub mode: Option<String>,
    /// MX patterns.
    pub mx: Vec<String>,
    /// Seconds.
    pub max_age: Option<u32>,
    /// Each MX host, and whether the policy lists it.
    pub hosts: Vec<ListedHost>,
    /// What went wrong.
    pub error: Option<String>,
    /// The TXT answer that announces a policy; `None` where it was not asked for.
    pub record: Option<TxtAnswer>,
    /// The fetch of the policy; body and certificates in evidence only.
    pub fetch: Option<PolicyFetch>,
}

/// Whether an MTA-STS policy lists a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedHost {
    /// The MX host.
    pub host: String,
    /// Whether a pattern matches it.
    pub listed: bool,
}

/// TLSRPT as found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsRptReport {
    /// Whether there is one.
    pub status: PolicyStatus,
    /// Report addresses.
    pub rua: Vec<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// The TXT answer; `None` where it was not asked for.
    pub record: Option<TxtAnswer>,
}

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
    pub postfix: Option<std::collections::BTreeMap<String, Option<PostfixLevel>>>,
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
