//! The rules, one file per family of claims. Each looks at the addresses and
//! says what it found; none knows of another.

mod certificate;
mod consistency;
mod handshake;
mod injection;
mod intercept;
mod offer;
mod range;
mod reach;
mod route;
mod signature;

use super::Scene;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::verdict::{Status, Verdict};

/// Everything found, the gravest first.
pub(super) fn findings(evidence: &Evidence, scene: &Scene<'_>, verdict: &Verdict) -> Vec<Finding> {
    let addresses = &scene.addresses;
    let mut found = offer::findings(scene, verdict);
    found.extend(intercept::findings(scene));
    found.extend(consistency::findings(scene));
    found.extend(signature::findings(scene));
    found.extend(handshake::findings(addresses));
    found.extend(certificate::findings(addresses));
    found.extend(injection::findings(&scene.closer));
    found.extend(range::findings(&scene.closer));
    found.extend(reach::findings(addresses, verdict));
    found.extend(route::findings(evidence));
    // A fact about one address is critical where it is the state of the whole
    // domain; beside addresses that do better it is a warning.
    if !matches!(verdict.status, Status::NotOffered | Status::TlsBroken) {
        for finding in found.iter_mut().filter(|finding| finding.confidence.is_none()) {
            finding.severity = finding.severity.min(Severity::Warning);
        }
    }
    // A stable sort: within a severity the order of the rules and addresses stays.
    found.sort_by_key(|finding| std::cmp::Reverse((finding.severity, finding.confidence)));
    found
}
