//! The range of TLS that an address speaks: versions, suites, groups.
//!
//! Owns the shape of the result. Refuses to ask and to read: `plan` chooses the
//! questions, `tls` reads the answers.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one address of a host speaks, found by elimination: each session offers
/// what is still open, and the server picks one or refuses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsRange {
    /// The MX host.
    pub host: String,
    /// The address that was asked; the host's other addresses were not.
    pub ip: IpAddr,
    /// Sessions that were made for it.
    pub sessions: u32,
    /// Those sessions.
    pub observations: Vec<String>,
    /// Whether every question was answered. If not, the lists hold what is known,
    /// and more may be spoken.
    pub complete: bool,
    /// Each version, the newest first.
    pub versions: Vec<VersionRange>,
    /// Groups of the key exchange by their IANA names, in the order in which the
    /// server picked them; `None` where they were not asked for.
    pub groups: Option<Vec<String>>,
    /// Whether the list of groups is whole; `None` where they were not asked for.
    pub groups_complete: Option<bool>,
    /// The smallest prime of a finite-field exchange seen, in bits; `None` where none
    /// was seen.
    pub dh_bits: Option<u32>,
    /// Whether TLS compression was picked (RFC 3749); `None` without a TLS 1.2 or
    /// older answer.
    pub compression: Option<bool>,
    /// Whether secure renegotiation is indicated (RFC 5746); `None` as above.
    pub secure_renegotiation: Option<bool>,
    /// Whether the extended master secret is used (RFC 7627); `None` as above.
    pub extended_master_secret: Option<bool>,
}

/// One version of TLS at an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VersionRange {
    /// `SSLv3` to `TLSv1.3`.
    pub version: String,
    /// Whether the server speaks it; `None` where that has no answer.
    pub accepted: Option<bool>,
    /// The suites found, by their IANA names, in the order in which the server
    /// picked them.
    pub suites: Vec<String>,
    /// Whether the list of suites is whole. Suites that need a shared secret, a
    /// password or Kerberos are never asked for.
    pub complete: bool,
    /// Whether the server follows its own order of suites (true) or the client's;
    /// `None` where that was not asked, or one suite is all there is.
    pub server_preference: Option<bool>,
}
