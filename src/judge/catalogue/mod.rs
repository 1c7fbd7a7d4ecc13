//! The catalogue of findings: every claim that can be made, in one table a family.
//!
//! Owns id, severity, evidence rule, innocent alternatives and remedy of each.
//! What was seen in a case is said by the rule that raises it.

mod certificate;
mod closer;
mod mirror;
mod path;
mod policy;
mod promise;
mod route;
mod session;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub(super) use crate::model::catalogue::Entry;
use crate::model::finding::{Finding, Severity, Subject};
use crate::model::verdict::Confidence;

pub(super) use certificate::*;
pub(super) use closer::*;
pub(super) use mirror::*;
pub(super) use path::*;
pub(super) use policy::*;
pub(super) use promise::*;
pub(super) use route::*;
pub(super) use session::*;

/// The entries of a family as constants, and all of them in their order.
macro_rules! table {
    ($table:ident: $($name:ident: $id:literal, $severity:ident, $evidence:literal, [$($alternative:expr),* $(,)?], $remedy:literal, [$($reference:literal),* $(,)?];)*) => {
        $(
            pub(in crate::judge) const $name: Entry = Entry {
                id: $id,
                severity: Severity::$severity,
                evidence: $evidence,
                alternatives: &[$($alternative),*],
                remedy: $remedy,
                references: &[$($reference),*],
            };
        )*
        pub(super) const $table: &[Entry] = &[$($name),*];
    };
}
use table;

/// Every kind of finding, family by family.
pub(super) const CATALOGUE: &[&[Entry]] =
    &[MIRROR, PATH, PROMISE, SESSION, CERTIFICATE, CLOSER, STAPLE, ROUTE, POLICY];

/// A finding with its confidence; a mere suspicion is a warning at most
/// (docs/report.md, severities).
pub(super) fn with_confidence(finding: Finding, confidence: Confidence) -> Finding {
    let severity = match confidence {
        Confidence::Suspected => finding.severity.min(Severity::Warning),
        _ => finding.severity,
    };
    Finding { severity, confidence: Some(confidence), ..finding }
}

pub(super) fn on_address(host: &str, ip: IpAddr) -> Subject {
    Subject { host: Some(host.to_owned()), ip: Some(ip) }
}

pub(super) fn on_host(host: &str) -> Subject {
    Subject { host: Some(host.to_owned()), ip: None }
}
