//! Lines for Postfix's `smtp_tls_policy_maps`, and what they rest on.
//!
//! Owns the names and shapes of `mxray policy --json`, version 1; fields may be added
//! within it. Refuses to choose a line: `policy::postfix` does.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The value of `schema`.
pub const SCHEMA: &str = "mxray/policy/1";

/// What `mxray policy` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyMap {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Name and version of the program.
    pub tool: String,
    /// When the measurement began.
    pub started_at: Timestamp,
    /// One a target, in the order named.
    pub policies: Vec<PolicyEntry>,
}

/// What the observations support for one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyEntry {
    /// The destination as Postfix looks it up: the domain, or `[host]:port`.
    pub destination: String,
    /// `dane-only`, `secure` or `encrypt`; `None` where no level above `may` is
    /// supported.
    pub level: Option<String>,
    /// Attributes of the line, `match=…` for example.
    pub attributes: Vec<String>,
    /// The line; `None` where none is recommended.
    pub line: Option<String>,
    /// The line that would be recommended if every address had been reached and had
    /// kept it too; `None` where there is a line, or none to think of.
    pub candidate: Option<String>,
    /// True where something that the choice rests on could not be determined.
    pub undetermined: bool,
    /// What it rests on, what it needs, and why nothing stronger, one sentence each.
    pub remarks: Vec<String>,
    /// Every address that DNS names.
    pub addresses: Vec<PolicyAddress>,
}

/// What one address keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyAddress {
    /// The MX host.
    pub host: String,
    /// The address.
    pub ip: IpAddr,
    /// The sessions that it was judged by; empty where it was not reached.
    pub observations: Vec<String>,
    /// Whether mail at this level gets through to it; `None` where that is not known.
    pub dane_only: Option<bool>,
    /// The same, with the names of the `match` attribute that is proposed.
    pub secure: Option<bool>,
    /// The same.
    pub encrypt: Option<bool>,
}
