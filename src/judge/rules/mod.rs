//! The rules, one file per family of claims. Each looks at the addresses and
//! says what it found; none knows of another.

mod certificate;
mod consistency;
mod dane;
mod handshake;
mod intercept;
mod mta_sts;
mod offer;
mod promise;
mod reach;
mod route;
mod signature;
mod tls_rpt;

use super::Scene;
use super::policies::Promised;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::verdict::{Status, Verdict};

/// Everything found, the gravest first.
pub(super) fn findings(
    evidence: &Evidence,
    scene: &Scene<'_>,
    promised: &Promised,
    verdict: &Verdict,
) -> Vec<Finding> {
    let addresses = &scene.addresses;
    let mut found = promise::findings(scene);
    found.extend(offer::findings(scene, verdict));
    found.extend(intercept::findings(scene));
    found.extend(consistency::findings(scene));
    found.extend(signature::findings(scene));
    found.extend(handshake::findings(addresses));
    found.extend(certificate::findings(addresses));
    found.extend(reach::findings(addresses, verdict));
    found.extend(route::findings(evidence));
    found.extend(mta_sts::findings(evidence, promised));
    found.extend(tls_rpt::findings(evidence, promised));
    found.extend(dane::findings(scene));
    // A fact about one address is critical where it is the state of the whole
    // domain; beside addresses that do better it is a warning.
    let states = [Status::NotOffered, Status::TlsBroken, Status::PolicyFailed];
    if !states.contains(&verdict.status) {
        for finding in found.iter_mut().filter(|finding| finding.confidence.is_none()) {
            finding.severity = finding.severity.min(Severity::Warning);
        }
    }
    // A stable sort: within a severity the order of the rules and addresses stays.
    found.sort_by_key(|finding| std::cmp::Reverse((finding.severity, finding.confidence)));
    found
}
