//! Whether DANE has the resolver that it needs.
//!
//! Owns the finding on a resolver that does not validate. Refuses to ask it, and to
//! know settings that are wrong by themselves.

use std::collections::BTreeSet;

use super::postconf::{Configuration, DaneUse};
use super::settings::without_records;
use crate::model::egress::{EgressFinding, EgressReport};
use crate::model::finding::Severity;

/// Postfix does DANE only by what its resolver calls authentic (RFC 7672 §2.2,
/// postconf(5), `dnssec_probe`).
pub(super) fn finding(
    configurations: &[Configuration],
    report: &EgressReport,
) -> Option<EgressFinding> {
    let resolver = report.resolver.as_ref().filter(|one| one.sets_ad == Some(false))?;
    let wanted: BTreeSet<DaneUse> = configurations.iter().flat_map(Configuration::dane).collect();
    if wanted.is_empty() {
        return None;
    }
    let server = resolver.server.as_deref().unwrap_or("of this machine");
    let file = resolver.file.as_deref().unwrap_or("/etc/resolv.conf");
    let explanation = format!(
        "The resolver {server} does not set AD for the root zone, which is signed: it does not \
         validate, or what stands before it strips DNSSEC. Postfix takes no TLSA record from it, \
         so that {}",
        without_records(&wanted)
    );
    let remedy =
        format!("Run a validating resolver on this machine, and let {file} name 127.0.0.1 alone");
    Some(EgressFinding {
        id: "resolver-does-not-validate".to_owned(),
        severity: Severity::Critical,
        ip: None,
        instance: None,
        explanation,
        remedy: Some(remedy),
        lines: Vec::new(),
    })
}
