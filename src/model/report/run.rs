//! How a run was made: what it trusted, and who observed by which families and resolver.
//!
//! Owns the names in the JSON. Refuses to know targets.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::probe::Family;

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
