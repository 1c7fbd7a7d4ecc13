//! From evidence to claims: cells, contrasts, findings, verdicts.
//!
//! Owns what may be claimed from what. Pure functions over plain values; the
//! same evidence always gives the same report. What was not measured is never
//! evidence, and every finding names what it rests on and what else could
//! explain it. Refuses to do I/O, to know the clock, and to change an observation.
//!
//! 1. [`reading`] reads each transcript back and judges its certificates.
//! 2. [`compare`] groups readings into cells and contrasts them.
//! 3. [`address`] says of each address how it stands.
//! 4. [`verdict`] claims something of address, host and domain.
//! 5. [`rules`] adds findings, one file per family of claims.

mod address;
mod catalogue;
mod compare;
mod describe;
mod reading;
mod rules;
mod verdict;

#[cfg(test)]
mod tests;

pub use catalogue::{CATALOGUE, Entry};
pub use describe::PROGRAM;

use crate::model::evidence::Evidence;
use crate::model::report::{MtaStsReport, Policies, PolicyStatus, TargetReport, TlsRptReport};
use crate::tls::Roots;

/// What judgement needs besides evidence.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Which certificates are trusted.
    pub roots: &'a Roots,
    /// The name that certificates are checked for, instead of the MX host's.
    pub verify_name: Option<&'a str>,
}

/// Judges the evidence on one target. The report holds all evidence fields;
/// `report::json` leaves them out where they are not wanted.
pub fn judge(evidence: &Evidence, context: Context<'_>) -> TargetReport {
    let readings = reading::read_all(evidence, context);
    let addresses = address::group(evidence, &readings);
    let cells = compare::cells(&readings);
    let contrasts = compare::contrasts(&cells, &readings);
    let verdict = verdict::of_target(evidence, &addresses);
    let findings = rules::findings(evidence, &addresses, &verdict);
    TargetReport {
        target: evidence.target.name(),
        input: evidence.target.input.clone(),
        unicode: evidence.target.unicode.clone(),
        verdict,
        routes: evidence.routes.clone(),
        hosts: verdict::of_hosts(&addresses),
        policies: not_asked(),
        observations: readings.iter().map(describe::observation).collect(),
        cells,
        contrasts,
        findings,
    }
}

/// Promises are not looked up yet.
fn not_asked() -> Policies {
    let status = PolicyStatus::NotAsked;
    Policies {
        mta_sts: MtaStsReport {
            status,
            id: None,
            mode: None,
            mx: Vec::new(),
            max_age: None,
            hosts: Vec::new(),
            error: None,
        },
        tls_rpt: TlsRptReport { status, rua: Vec::new(), error: None },
        baseline: None,
    }
}
