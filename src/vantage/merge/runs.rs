//! The runs of several reports as one.
//!
//! Owns what of a run there can be only once, and says where the runs differ in it.
//! Refuses to know what they found.

use super::Saved;
use crate::model::report::{Run, Trust, Vantage};

/// What one judgement can have only once, where the runs differ in it.
pub(super) fn differing(saved: &[Saved], labels: &[String]) -> Vec<String> {
    let runs: Vec<(&String, &Run)> =
        labels.iter().zip(saved.iter().map(|saved| &saved.report.run)).collect();
    let Some(((first, ours), others)) = runs.split_first() else { return Vec::new() };
    let interrupted = runs.iter().filter(|(_, run)| run.interrupted);
    let mut remarks: Vec<String> = interrupted
        .map(|(label, _)| {
            format!("{label} was interrupted: what it had not asked by then is not known")
        })
        .collect();
    for (label, run) in others {
        if run.trust.extra_ca_sha256 != ours.trust.extra_ca_sha256 {
            remarks.push(format!(
                "{label} trusted other authorities than {first}; all are judged by those that any \
                 of them trusted"
            ));
        }
        if run.trust.roots != ours.trust.roots {
            remarks.push(format!(
                "{label} trusted the roots {}, and {first} {}; all are judged by those of {first}",
                run.trust.roots, ours.trust.roots
            ));
        }
        if run.verify_name != ours.verify_name {
            remarks.push(format!(
                "{label} wanted another name in certificates than {first}; all are judged as \
                 {first} had it"
            ));
        }
    }
    remarks
}

/// The runs as one; `None` where there is none.
pub(super) fn joined(runs: Vec<Run>, vantages: Vec<Vantage>) -> Option<Run> {
    let mut names: Vec<String> = Vec::new();
    for name in runs.iter().flat_map(|run| &run.ehlo_names) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let started_at = runs.iter().map(|run| run.started_at).min()?;
    let duration_ms = runs.iter().map(|run| run.duration_ms).fold(0, u64::saturating_add);
    let interrupted = runs.iter().any(|run| run.interrupted);
    let trust = joined_trust(&runs)?;
    let first = runs.into_iter().next()?;
    Some(Run { started_at, duration_ms, ehlo_names: names, trust, vantages, interrupted, ..first })
}

/// The authorities that any run trusted: a certificate that one of them knew must
/// not look foreign where another did not know it. Roots are those of the first.
fn joined_trust(runs: &[Run]) -> Option<Trust> {
    let mut joined = runs.first()?.trust.clone();
    for trust in runs.iter().skip(1).map(|run| &run.trust) {
        let known = &mut joined.extra_ca_sha256;
        let before = known.len();
        for authority in &trust.extra_ca_sha256 {
            if !known.contains(authority) {
                known.push(authority.clone());
            }
        }
        if let Some(pem) = trust.extra_ca_pem.as_ref().filter(|_| known.len() > before) {
            let mut all = joined.extra_ca_pem.take().unwrap_or_default();
            all.push('\n');
            all.push_str(pem);
            joined.extra_ca_pem = Some(all);
        }
    }
    Some(joined)
}
