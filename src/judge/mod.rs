//! From evidence to claims: cells, contrasts, findings, verdicts.
//!
//! Owns what may be claimed from what. Pure functions over plain values; the
//! same evidence always gives the same report. What was not measured is never
//! evidence, and every finding names what it rests on and what else could
//! explain it. Refuses to do I/O, to know the clock, and to change an observation.
//!
//! 1. `reading` reads each transcript back and judges its certificates.
//! 2. `compare` groups readings into cells and contrasts them.
//! 3. `address` gathers what was seen at each address, `standing` says how it
//!    stands, `mask` what was masked there, `controls` how each control stands.
//! 4. `claim`, `interception` and `dead_end` claim something of an address,
//!    a path and a route; `verdict` weighs the claims for host and target.
//! 5. `rules` adds findings, one file per family of claims.

mod address;
mod catalogue;
mod claim;
mod closer;
mod compare;
mod controls;
mod dead_end;
mod describe;
mod interception;
mod mask;
mod reading;
mod rules;
mod signatures;
mod standing;
mod table;
mod verdict;

#[cfg(test)]
mod tests;

pub use describe::PROGRAM;
pub use table::CLAIMS;

use address::Address;
use closer::Closer;
use controls::Controls;
use interception::Tell;
use reading::Reading;

use crate::model::evidence::Evidence;
use crate::model::policy::PolicyEvidence;
use crate::model::report::{MtaStsReport, Policies, PolicyStatus, TargetReport, TlsRptReport};
use crate::model::verdict::Status;
use crate::tls::Roots;

/// What judgement needs besides evidence.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Which certificates are trusted.
    pub roots: &'a Roots,
    /// The name that certificates are checked for, instead of the MX host's.
    pub verify_name: Option<&'a str>,
}

/// Everything that a rule may look at.
struct Scene<'a> {
    addresses: Vec<Address<'a>>,
    /// All readings of the target, those on other ports and with other names too.
    readings: &'a [Reading<'a>],
    controls: Controls<'a>,
    tells: Vec<Tell>,
    /// What closer looks at the servers showed.
    closer: Closer,
}

impl<'a> Scene<'a> {
    fn new(
        evidence: &Evidence,
        readings: &'a [Reading<'a>],
        controls: &[Evidence],
        control_readings: &'a [Vec<Reading<'a>>],
    ) -> Self {
        let addresses = address::group(evidence, readings);
        let controls = Controls::new(controls, control_readings, &addresses);
        let tells = interception::tells(&addresses, &controls);
        let closer = Closer::new(evidence);
        Self { addresses, readings, controls, tells, closer }
    }
}

/// Judges the evidence on one target, beside that on the controls of the run.
/// The report holds all evidence fields; `report::json` leaves them out where
/// they are not wanted.
pub fn judge(evidence: &Evidence, controls: &[Evidence], context: Context<'_>) -> TargetReport {
    let all = reading::read_all(evidence, context);
    // What closer looks did, no sender does: no claim about the path rests on it.
    let (readings, apart): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|reading| reading.observation.probe.role.is_judged());
    // A name that the target's certificates must have is not the controls'.
    let plain = Context { verify_name: None, ..context };
    let control_readings: Vec<_> =
        controls.iter().map(|control| reading::read_all(control, plain)).collect();
    let scene = Scene::new(evidence, &readings, controls, &control_readings);
    let cells = compare::cells(&readings);
    let contrasts = compare::contrasts(&cells, &readings);
    let verdict = verdict::of_target(evidence, &scene);
    let findings = rules::findings(evidence, &scene, &verdict);
    TargetReport {
        target: evidence.target.name(),
        input: evidence.target.input.clone(),
        unicode: evidence.target.unicode.clone(),
        verdict,
        routes: evidence.routes.clone(),
        hosts: verdict::of_hosts(&scene),
        policies: policies(&evidence.policies),
        observations: readings.iter().chain(&apart).map(describe::observation).collect(),
        cells,
        contrasts,
        findings,
        injections: scene.closer.injections,
        tls_ranges: scene.closer.ranges,
    }
}

/// What looks odd about a target after its first sessions, in words that say
/// what a second look is for; `None` for a healthy one, and for one whose fault
/// is plainly its own.
pub fn suspicion(evidence: &Evidence, roots: &Roots) -> Option<String> {
    let report = judge(evidence, &[], Context { roots, verify_name: None });
    let verdict = &report.verdict;
    let own_fault = ["legacy-only", "starttls-on-greeting-line"];
    if verdict.because.as_deref().is_some_and(|because| own_fault.contains(&because)) {
        return None;
    }
    // A key that nobody trusted vouches for is most often the server's own making;
    // only controls can tell it from a box that ends TLS for everybody.
    let untrusted = catalogue::CERTIFICATE_NOT_TRUSTED.id;
    let odd = match verdict.status {
        Status::Intact => report
            .findings
            .iter()
            .find(|finding| finding.confidence.is_some() || finding.id == untrusted)
            .map(|finding| finding.explanation.trim_end_matches('.')),
        Status::NoMail | Status::Unresolvable => None,
        // Nobody was asked: nothing can be asked again.
        _ => (!report.observations.is_empty()).then(|| describe::seen(&verdict.summary)),
    };
    odd.map(|odd| format!("{odd}: asking again, and asking controls"))
}

/// What was asked about the domain's promises, not yet read.
fn policies(asked: &PolicyEvidence) -> Policies {
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
            record: asked.mta_sts_record.clone(),
            fetch: asked.mta_sts_fetch.clone(),
        },
        tls_rpt: TlsRptReport {
            status,
            rua: Vec::new(),
            error: None,
            record: asked.tls_rpt_record.clone(),
        },
        baseline: None,
    }
}
