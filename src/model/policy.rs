//! What DNS and a policy host said about a domain's promises, before anybody has
//! an opinion.
//!
//! Owns the evidence for MTA-STS (RFC 8461) and TLSRPT (RFC 8460): the TXT answers
//! and the fetch. Refuses to parse a record or a policy: `policy` does that.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::route::{Dnssec, LookupError};

/// Everything that was asked about a domain's promises. `None` is "not asked".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyEvidence {
    /// The TXT answer at `_mta-sts.<domain>`.
    pub mta_sts_record: Option<TxtAnswer>,
    /// The fetch of the policy; `None` also where no record announced one.
    pub mta_sts_fetch: Option<PolicyFetch>,
    /// The TXT answer at `_smtp._tls.<domain>`.
    pub tls_rpt_record: Option<TxtAnswer>,
}

/// The answer to a TXT lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TxtAnswer {
    /// The name asked, lower case, without the trailing dot.
    pub name: String,
    /// Status of the answer, CNAME links included.
    pub dnssec: Dnssec,
    /// Why there are no records, where there are none.
    pub error: Option<LookupError>,
    /// The records, in the order of the answer; the strings of each joined without
    /// anything between (RFC 8461 §3.1), bytes that are not UTF-8 as `\xNN`.
    pub records: Vec<String>,
}

/// One fetch of an MTA-STS policy (RFC 8461 §3.3), as it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyFetch {
    /// What was asked for, `https://mta-sts.<domain>/.well-known/mta-sts.txt`.
    pub url: String,
    /// When it began.
    pub fetched_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The addresses tried, in order; the last is the one that served, if any did.
    pub attempts: Vec<FetchAttempt>,
    /// HTTP status; `None` where no response came.
    pub http_status: Option<u16>,
    /// `Content-Type`, as sent.
    pub media_type: Option<String>,
    /// `Location`, where the host redirects (which nobody follows, RFC 8461 §3.3).
    pub location: Option<String>,
    /// Octets of the body that were read.
    pub body_bytes: Option<u64>,
    /// True where the body was longer than the cap and is cut off there.
    pub truncated: bool,
    /// The body, base64; in evidence only.
    pub body: Option<String>,
    /// The certificates that the policy host presented, leaf first, base64 of the
    /// DER; in evidence only.
    pub chain: Option<Vec<String>>,
    /// Whether the handshake signature proves that the host holds the leaf's key.
    pub key_proven: Option<bool>,
    /// Why there is no complete response; for people.
    pub error: Option<String>,
}

/// One address of a policy host, tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FetchAttempt {
    /// The address.
    pub ip: IpAddr,
    /// Why it gave no response; `None` for the one that did.
    pub error: Option<String>,
}
