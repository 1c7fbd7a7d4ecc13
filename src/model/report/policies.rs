//! What was promised for a domain as a whole, as found.
//!
//! Owns the names in the JSON. Refuses to know who keeps a promise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::policy::{PolicyFetch, TxtAnswer};

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
