//! What a sending server's own addresses and its Postfix do to outgoing mail.
//!
//! Owns the names and shapes of `mxray egress --json`, version 1; fields may be
//! added within it. What was not measured is `None`. Refuses to fill itself in:
//! `egress` judges, and the command line measures.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::finding::Severity;
use crate::model::probe::Family;
use crate::model::route::PointerAnswer;
use crate::model::verdict::{Confidence, Status};

/// The value of `schema`.
pub const EGRESS_SCHEMA: &str = "mxray/egress/1";

/// What `mxray egress` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EgressReport {
    /// Always [`EGRESS_SCHEMA`].
    pub schema: String,
    /// Name and version of the program.
    pub tool: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// True where it was interrupted, and holds what was known so far.
    pub interrupted: bool,
    /// The destinations that were asked; empty where none was.
    pub controls: Vec<String>,
    /// Why no destination was asked; `None` where some were.
    pub not_asked: Option<String>,
    /// Every address of this machine that mail can leave by.
    pub sources: Vec<Source>,
    /// Postfix, one entry an instance; empty where there is none.
    pub postfix: Vec<PostfixInstance>,
    /// Why Postfix could not be read; `None` where it was, or where there is none.
    pub postfix_error: Option<String>,
    /// The resolver that Postfix asks; `None` where nothing depends on it: no instance
    /// sends at a level of DANE.
    #[serde(default)]
    pub resolver: Option<SystemResolver>,
    /// Other mail servers that are installed, whose settings are not read.
    #[serde(default)]
    pub not_read: Vec<String>,
    /// What is wrong, the gravest first.
    pub findings: Vec<EgressFinding>,
}

/// The resolver that this machine's programs ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemResolver {
    /// The first of resolv.conf(5) that answered, `address:port`; `None` where none did.
    pub server: Option<String>,
    /// Whether it sets the AD bit for the root's name servers, which are signed
    /// (RFC 4035 §3.2.3); `None` where that is not known.
    pub sets_ad: Option<bool>,
    /// The resolv.conf(5) that names it: of clients in a chroot, the one in there. `None` in
    /// reports of earlier versions.
    #[serde(default)]
    pub file: Option<String>,
}

/// One address that mail can leave by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The address, as this machine has it.
    pub ip: IpAddr,
    /// Its family.
    pub family: Family,
    /// Whether the operating system chooses it by itself for its family.
    pub preferred: bool,
    /// Whether mail goes out by it: named by the user, chosen by the operating
    /// system, or bound to in Postfix.
    pub used: bool,
    /// Whether the kernel calls it temporary (RFC 8981); `None` where it does not say.
    pub temporary: Option<bool>,
    /// Whether there is a route from it to the internet.
    pub routed: bool,
    /// The address by which others know it: itself, or behind NAT what the user says,
    /// or what the destinations say that they see; `None` where nobody says.
    pub public: Option<IpAddr>,
    /// What each destination showed from here.
    pub destinations: Vec<DestinationView>,
    /// Reverse DNS of the public address; `None` where it was not asked.
    pub reverse: Option<PointerAnswer>,
    /// The EHLO name; `None` where none is known.
    pub ehlo: Option<EhloName>,
    /// Further EHLO names of mail that leaves by it: of other transports and instances of
    /// Postfix.
    #[serde(default)]
    pub further_ehlo: Vec<EhloName>,
    /// SPF of `--from`; `None` where it was not asked, or is not known.
    pub spf: Option<SpfEvaluation>,
    /// Why SPF is not known although it was asked: it depends on an EHLO name that is not
    /// known.
    #[serde(default)]
    pub spf_unknown: Option<String>,
}

/// One destination as seen from one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DestinationView {
    /// The destination.
    pub target: String,
    /// The verdict on what this source alone saw.
    pub status: Status,
    /// How sure it is.
    pub confidence: Option<Confidence>,
    /// The verdict in words.
    pub summary: String,
    /// Why, where there is a reason.
    pub because: Option<String>,
    /// Addresses tried.
    pub addresses: u32,
    /// Addresses that greeted.
    pub reached: u32,
    /// Whether every address that answered EHLO offered STARTTLS; `None` where none did.
    pub offered: Option<bool>,
    /// Protocol version and key exchange of each completed handshake, each once.
    pub tls: Vec<String>,
    /// Our address as the destination says that it sees it.
    pub client_address_seen: Vec<String>,
    /// What Postfix would do at the level of the first instance, `clear`, `tls` or
    /// `deferred`, each once; empty where it is not known.
    pub postfix: Vec<String>,
    /// Ids of the observations, as in the report of a check.
    pub observations: Vec<String>,
}

/// The EHLO name held against an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EhloName {
    /// The name.
    pub name: String,
    /// Its addresses of the source's family.
    pub addresses: Vec<IpAddr>,
    /// Whether the public address is among them; `None` where that is not known.
    pub resolves: Option<bool>,
}

/// Result of SPF (RFC 7208 §2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SpfResult {
    /// There is no record.
    None,
    /// The record says nothing of this address.
    Neutral,
    /// The address is allowed.
    Pass,
    /// The address is not allowed.
    Fail,
    /// The address is probably not allowed.
    Softfail,
    /// DNS failed for now.
    Temperror,
    /// The record cannot be used.
    Permerror,
}

/// SPF of one domain for one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpfEvaluation {
    /// The domain.
    pub domain: String,
    /// The address.
    pub ip: IpAddr,
    /// The result.
    pub result: SpfResult,
    /// The terms that decided, from the domain's own record inward; empty where none
    /// did.
    pub decided_by: Vec<String>,
    /// Terms that cost a lookup, of ten allowed (RFC 7208 §4.6.4).
    pub lookups: u32,
    /// What is wrong with record or DNS, where something is.
    pub problem: Option<String>,
}

/// One Postfix instance, as configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PostfixInstance {
    /// Its configuration directory; `None` for Postfix's own.
    pub directory: Option<String>,
    /// Postfix's version.
    pub version: Option<String>,
    /// The level at which it delivers, as `smtp_tls_security_level` spells it; `None`
    /// where that is not known.
    pub level: Option<String>,
    /// The setting that decides the level.
    pub level_from: Option<String>,
    /// `relayhost`; `None` where mail leaves directly.
    pub relayhost: Option<String>,
    /// The name that it says in EHLO; `None` where that is not known.
    pub helo_name: Option<String>,
    /// Transports in master.cf with settings of their own that matter here.
    pub transports: Vec<Transport>,
    /// Why it, or parts of it, could not be read.
    pub problem: Option<String>,
}

/// A client transport in master.cf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transport {
    /// `smtp/unix`, as `postconf -P` names it.
    pub service: String,
    /// Its settings that differ from main.cf, `name = value`.
    pub settings: Vec<String>,
    /// The level at which it delivers; `None` where that is not known.
    pub level: Option<String>,
}

/// What is wrong, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EgressFinding {
    /// Its name: `no-reverse-dns`, `tls-level-empty`, …
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// The address that it is about.
    pub ip: Option<IpAddr>,
    /// The Postfix instance that it is about: its configuration directory.
    pub instance: Option<String>,
    /// What was seen and what it means.
    pub explanation: String,
    /// What to do, where a command alone does not.
    pub remedy: Option<String>,
    /// Lines to type.
    pub lines: Vec<String>,
}
