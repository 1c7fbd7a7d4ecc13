//! What TLSA records do for what a server presents, now and after a renewal, and
//! the report of `mxray tlsa`.
//!
//! Owns the values and the JSON of that report. Refuses to weigh records:
//! `policy::dane` does.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::route::Tlsa;

/// One TLSA record against one presented chain: what it does now, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordView {
    /// The record.
    pub record: Tlsa,
    /// Whether a sender looks at it.
    pub standing: RecordStanding,
    /// Why it is not usable.
    pub unusable: Option<String>,
    /// Place in the chain, the server's own being 0, of the certificate that it
    /// names; `None` where it names none of them, or was not held against them.
    pub certificate: Option<usize>,
    /// Whether a sender would accept the session on this record alone; `None` where
    /// senders do not look at it or no chain was seen.
    pub accepted: Option<bool>,
    /// Why not, in RFC 8460's words where one fits.
    pub reasons: Vec<String>,
    /// Whether it goes on matching when the certificate is renewed with the same
    /// key; `None` where it does not match now.
    pub survives_same_key: Option<bool>,
    /// Whether it goes on matching when the certificate is renewed with a new key,
    /// as long as the issuer stays; `None` where it does not match now.
    pub survives_new_key: Option<bool>,
    /// When it stops matching whatever the server does: the end of the issuer that
    /// it names. `None` for the server's own certificate, whose end DANE ignores
    /// (RFC 7672 §3.1.1).
    pub until: Option<Timestamp>,
}

/// Whether senders look at a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordStanding {
    /// They do.
    Counts,
    /// A stronger digest of the same usage and selector is there (RFC 7671 §9).
    Superseded,
    /// It cannot be used.
    Unusable,
}
