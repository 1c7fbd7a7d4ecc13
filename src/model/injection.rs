//! Whether an address carries commands from the clear part of a session into TLS.
//!
//! Owns the words for what came of the test. Refuses to know how it is made: `smtp`
//! writes and reads the dialogue.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of the test for STARTTLS command injection at one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InjectionReport {
    /// The MX host.
    pub host: String,
    /// The address.
    pub ip: IpAddr,
    /// The session that shows it.
    pub observation: String,
    /// What came of it.
    pub outcome: InjectionOutcome,
}

/// What became of a NOOP that stood in clear behind STARTTLS (CVE-2011-0411).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InjectionOutcome {
    /// It was answered inside TLS, where nobody had asked: a stranger's command in
    /// clear would have been carried out as the sender's own.
    Vulnerable,
    /// Inside TLS there was silence, and then our own EHLO was answered.
    Clear,
    /// The server took the bytes amiss: no TLS came about. That protects as well.
    Refused,
    /// The session did not come so far, or ended in between: nothing is known.
    NotReached,
}
