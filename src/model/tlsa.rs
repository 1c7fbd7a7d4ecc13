//! What TLSA records do for what a server presents, now and after a renewal, and
//! the report of `mxray tlsa`.
//!
//! Owns the values and the JSON of that report. Refuses to weigh records:
//! `policy::dane` does.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::report::Run;
use crate::model::route::{Tlsa, TlsaAnswer};
use crate::model::tls::Dane;
use crate::model::verdict::{Status, Verdict};

/// Version of the report of `mxray tlsa`.
pub const TLSA_SCHEMA: &str = "mxray/tlsa/1";

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

/// The report of `mxray tlsa`: which records fit what servers present now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TlsaReport {
    /// [`TLSA_SCHEMA`].
    pub schema: String,
    /// How and when it was measured.
    pub run: Run,
    /// One per host, in the order named.
    pub hosts: Vec<TlsaHost>,
}

/// One host: what it presents, what is published, and what fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsaHost {
    /// The host, in A-labels.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// What the check made of it: where somebody may stand between, what was
    /// presented may not be the host's own.
    pub verdict: Verdict,
    /// Owner name of the records, with its trailing dot (RFC 6698 §3).
    pub owner: String,
    /// What DNS has now; `None` where it was not asked for.
    pub published: Option<TlsaAnswer>,
    /// What that answer asks of a sender: `not-asked`, `none`, `delay`,
    /// `must-not-use`, `encrypt`, `authenticate`.
    pub requirement: String,
    /// Why, in words, where DANE does not apply or cannot be done.
    pub because: Option<String>,
    /// The records that fit, those for the server's own keys first.
    pub proposals: Vec<TlsaProposal>,
    /// Each certificate that was presented, by address.
    pub presented: Vec<TlsaPresented>,
    /// Addresses that were asked and presented nothing.
    pub silent: Vec<IpAddr>,
}

/// A record that fits what is presented.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsaProposal {
    /// The record.
    pub record: Tlsa,
    /// The same as a line of a zone file.
    pub line: String,
    /// Subject of the certificate that it names.
    pub subject: Option<String>,
    /// End of that certificate.
    pub not_after: Option<Timestamp>,
    /// Where it was presented.
    pub addresses: Vec<IpAddr>,
    /// Whether a sender would accept every one of these on this record alone.
    pub works: bool,
    /// Why not, in RFC 8460's words.
    pub reasons: Vec<String>,
    /// Whether DNS has it already; `None` where DNS was not asked or failed.
    pub published: Option<bool>,
}

/// One certificate that an address presented, and what the published records make of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsaPresented {
    /// The address.
    pub ip: IpAddr,
    /// SHA-256 of the certificate.
    pub sha256: String,
    /// SHA-256 of its key; `None` if it cannot be parsed.
    pub spki_sha256: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Its end.
    pub not_after: Option<Timestamp>,
    /// What a sender that does DANE makes of it.
    pub dane: Option<Dane>,
    /// Every published record, held against it.
    pub records: Vec<RecordView>,
}

impl TlsaHost {
    /// Whether somebody else may have presented what was seen.
    pub fn is_doubtful(&self) -> bool {
        matches!(self.verdict.status, Status::Intercepted | Status::Stripped | Status::Inconsistent)
    }

    /// How many different keys were presented: more than one want a record each.
    pub fn keys(&self) -> usize {
        let keys = self.presented.iter().filter_map(|one| one.spki_sha256.as_deref());
        keys.collect::<std::collections::HashSet<_>>().len()
    }
}
