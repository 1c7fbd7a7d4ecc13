//! The rules, one file per family of claims. Each looks at the addresses and
//! says what it found; none knows of another.

mod certificate;
mod consistency;
mod dane;
mod handshake;
mod injection;
mod intercept;
mod lifetime;
mod mirror;
mod mta_sts;
mod offer;
pub(super) mod promise;
mod range;
mod reach;
mod route;
mod signature;
mod staple;
mod tls_rpt;

use super::Scene;
use super::address::Address;
use super::catalogue::{Entry, on_address};
use super::policies::Promised;
use super::reading::Reading;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity};
use crate::model::probe::Role;
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
    found.extend(mirror::findings(scene));
    found.extend(offer::findings(scene, verdict));
    found.extend(intercept::findings(scene));
    found.extend(consistency::findings(scene));
    found.extend(signature::findings(scene));
    found.extend(handshake::findings(addresses));
    // Nobody has to vouch for a mirror's certificate: its token does for what it says.
    if evidence.role != Role::Mirror {
        found.extend(certificate::findings(scene));
        found.extend(lifetime::findings(addresses));
    }
    found.extend(staple::findings(addresses));
    found.extend(injection::findings(&scene.closer));
    found.extend(range::findings(&scene.closer));
    found.extend(reach::findings(addresses, verdict));
    found.extend(route::findings(evidence));
    found.extend(mta_sts::findings(evidence, promised));
    found.extend(tls_rpt::findings(evidence, promised));
    found.extend(dane::findings(scene));
    mirror::refute(scene, &mut found);
    ordered(found, verdict)
}

/// The gravest first, each as grave as the verdict on the whole lets it be.
pub(super) fn ordered(mut found: Vec<Finding>, verdict: &Verdict) -> Vec<Finding> {
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

/// One finding for each kind that sessions show, in the words of the first, resting
/// on every session that shows it.
fn by_session(
    address: &Address<'_>,
    shown: impl Fn(&Reading<'_>) -> Vec<(Entry, String)>,
) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for reading in &address.readings {
        for (entry, text) in shown(reading) {
            if let Some(known) = found.iter_mut().find(|known| known.id == entry.id) {
                known.evidence.push(reading.id());
                continue;
            }
            let subject = on_address(&address.host, address.ip);
            found.push(entry.raised(subject, vec![reading.id()], text));
        }
    }
    found
}
