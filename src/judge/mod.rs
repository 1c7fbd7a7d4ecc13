//! From evidence to claims: cells, contrasts, findings, verdicts.
//!
//! Owns what may be claimed from what. Pure functions over plain values; the
//! same evidence always gives the same report. What was not measured is never
//! evidence, and every finding names what it rests on and what else could
//! explain it. Refuses to do I/O, to know the clock, and to change an observation.
//!
//! 1. `reading` reads each transcript back and judges its certificates.
//! 2. `compare` groups readings into cells and contrasts them.
//! 3. `promise` says what was promised of each host, and how each session and path
//!    stands to it.
//! 4. `address` gathers what was seen at each address, `standing` says how it
//!    stands, `mask` what was masked there, `controls` how each control stands.
//! 5. `claim`, `interception` and `dead_end` claim something of an address,
//!    a path and a route; `verdict` weighs the claims for host and target.
//! 6. `mirror` lays the recordings of a mirror beside ours.
//! 7. `views` cuts the evidence by who looked from where; each view is judged by
//!    itself, and `across` compares them.
//! 8. `policies` reads what the domain itself promises.
//! 9. `rules` adds findings, one file per family of claims.

mod across;
mod address;
mod catalogue;
mod claim;
mod closer;
mod compare;
mod controls;
mod dead_end;
mod describe;
mod held;
mod interception;
mod levels;
mod mask;
mod mirror;
mod policies;
mod promise;
mod reading;
mod rules;
mod signatures;
mod standing;
mod table;
mod verdict;
mod views;
mod whereabouts;

#[cfg(test)]
mod tests;

pub use describe::PROGRAM;
pub use table::CLAIMS;

use across::{Across, Side, machine};
use address::Address;
use closer::Closer;
use controls::Controls;
use interception::Tell;
use mirror::Mirrored;
use policies::Promised;
use promise::ledger::Ledger;
use promise::proof::{self, Promises, Witness};
use reading::Reading;
use views::Seen;

use crate::model::evidence::Evidence;
use crate::model::finding::Finding;
use crate::model::report::{HostReport, TargetReport, ViewReport};
use crate::model::verdict::{Status, Verdict};
use crate::tls::Roots;

/// What judgement needs besides evidence.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Which certificates are trusted.
    pub roots: &'a Roots,
    /// The name that certificates are checked for, instead of the MX host's.
    pub verify_name: Option<&'a str>,
}

impl Context<'_> {
    /// The same for controls: a name that the target's certificates must have is
    /// not theirs.
    fn plain(self) -> Self {
        Self { verify_name: None, ..self }
    }
}

/// What else bears on what one view saw.
#[derive(Clone, Copy)]
struct Beside<'b> {
    /// Promises that other targets and controls keep or break.
    witnesses: &'b [&'b Witness],
    /// What a mirror says of the sessions of all views.
    mirror: Option<&'b Mirrored>,
}

/// Everything that a rule may look at.
struct Scene<'a> {
    addresses: Vec<Address<'a>>,
    /// All readings of the target, those on other ports and with other names too.
    readings: &'a [Reading<'a>],
    controls: Controls<'a>,
    control_readings: &'a [Vec<Reading<'a>>],
    tells: Vec<Tell>,
    /// What closer looks at the servers showed.
    closer: Closer,
    promises: Promises,
    mirror: Option<Mirrored>,
    roots: &'a Roots,
}

impl<'a> Scene<'a> {
    fn new(
        evidence: &Evidence,
        readings: &'a [Reading<'a>],
        controls: (&[Evidence], &'a [Vec<Reading<'a>>]),
        beside: Beside<'_>,
        context: Context<'a>,
    ) -> Self {
        let Beside { witnesses, mirror } = beside;
        let mirror = mirror.map(|mirror| mirror.of(readings));
        let (controls, control_readings) = controls;
        let addresses = address::group(evidence, readings);
        let own = ledger(evidence, readings, context);
        let shown = |(control, readings): (&Evidence, &Vec<Reading<'_>>)| {
            proof::witness(control, readings, &ledger(control, readings, context.plain()))
        };
        let beside: Vec<Witness> = controls.iter().zip(control_readings).map(shown).collect();
        let beside: Vec<&Witness> = beside.iter().chain(witnesses.iter().copied()).collect();
        let promises = Promises::new(own, &beside);
        let controls = Controls::new(controls, control_readings, &addresses, context.roots);
        let tells = interception::tells(&addresses, &controls);
        let roots = context.roots;
        let closer = Closer::new(evidence);
        Self {
            addresses,
            readings,
            controls,
            control_readings,
            tells,
            closer,
            promises,
            mirror,
            roots,
        }
    }

    /// Every session of the run, those of controls too.
    fn all_readings(&self) -> impl Iterator<Item = &'a Reading<'a>> {
        self.readings.iter().chain(self.control_readings.iter().flatten())
    }
}

fn ledger(evidence: &Evidence, readings: &[Reading<'_>], context: Context<'_>) -> Ledger {
    let renamed = context.verify_name.is_some();
    Ledger::new(evidence, promise::demands(evidence), readings, (context.roots, renamed))
}

/// Judges the evidence on every target of a run, beside that on its controls: a
/// promise that another target's hosts make is a yardstick as a control's is.
///
/// Each report is that of [`judge`] but for that.
pub fn judge_all(
    targets: &[Evidence],
    controls: &[Evidence],
    context: Context<'_>,
) -> Vec<TargetReport> {
    let witnesses: Vec<Option<Witness>> =
        targets.iter().map(|target| testimony(target, context)).collect();
    let beside = |place: usize| -> Vec<&Witness> {
        let others = witnesses.iter().enumerate().filter(|(other, _)| *other != place);
        others.filter_map(|(_, witness)| witness.as_ref()).collect()
    };
    let judged = targets.iter().enumerate();
    judged.map(|(place, target)| judge_beside(target, controls, &beside(place), context)).collect()
}

/// What a target shows of promises denied on one path; its sessions are read for
/// it only where there is a promise.
fn testimony(target: &Evidence, context: Context<'_>) -> Option<Witness> {
    if !promise::is_any(target, context.roots) {
        return None;
    }
    let readings = reading::read_all(target, context);
    Some(proof::witness(target, &readings, &ledger(target, &readings, context)))
}

/// Judges the evidence on one target, beside that on the controls of the run.
/// The report holds all evidence fields; `report::json` leaves them out where
/// they are not wanted.
pub fn judge(evidence: &Evidence, controls: &[Evidence], context: Context<'_>) -> TargetReport {
    judge_beside(evidence, controls, &[], context)
}

fn judge_beside(
    evidence: &Evidence,
    controls: &[Evidence],
    witnesses: &[&Witness],
    context: Context<'_>,
) -> TargetReport {
    let readings = reading::read_all(evidence, context);
    let control_readings: Vec<_> =
        controls.iter().map(|control| reading::read_all(control, context.plain())).collect();
    report(evidence, &readings, (controls, &control_readings), witnesses, context)
}

fn report<'a>(
    evidence: &Evidence,
    readings: &'a [Reading<'a>],
    controls: (&[Evidence], &'a [Vec<Reading<'a>>]),
    witnesses: &[&Witness],
    context: Context<'_>,
) -> TargetReport {
    let promised = Promised::read(evidence, context.roots);
    // Sessions on which nothing rests.
    let apart = reading::read_apart(evidence, context);
    let cells = compare::cells(readings);
    let contrasts = compare::contrasts(&cells, readings);
    let seen = views::all((evidence, readings), controls);
    let Closer { injections, ranges } = Closer::new(evidence);
    let mirror = mirror::compared(evidence, readings);
    let mirrored = mirror.as_ref().map(|mirror| Mirrored::whole(mirror, readings));
    let beside = Beside { witnesses, mirror: mirrored.as_ref() };
    let judged = match seen.as_slice() {
        [] => {
            let scene = Scene::new(evidence, readings, controls, beside, context);
            judged(evidence, &scene, &promised)
        }
        // Controls may have been asked from elsewhere too.
        [one] => judged(&one.evidence, &one.scene(beside, context), &promised),
        several => {
            let whole = Scene::new(evidence, readings, controls, beside, context);
            let side =
                |(seen, machine)| Side::new(seen, Seen::scene(seen, beside, context), machine);
            let machines = machine::firsts(several);
            let sides: Vec<Side<'_>> = several.iter().zip(machines).map(side).collect();
            judged_across(&Across::new(evidence.target.name(), &sides, whole), &promised)
        }
    };
    TargetReport {
        target: evidence.target.name(),
        input: evidence.target.input.clone(),
        unicode: evidence.target.unicode.clone(),
        verdict: judged.verdict,
        routes: evidence.routes.clone(),
        views: judged.views,
        hosts: judged.hosts,
        policies: promised.report(&evidence.policies),
        observations: readings
            .iter()
            .chain(&apart)
            .map(|reading| describe::observation(reading, evidence))
            .collect(),
        cells,
        contrasts,
        findings: judged.findings,
        injections,
        tls_ranges: ranges,
        mirror,
    }
}

/// What judgement adds to the evidence.
struct Judged {
    verdict: Verdict,
    hosts: Vec<HostReport>,
    views: Option<Vec<ViewReport>>,
    findings: Vec<Finding>,
}

fn judged(evidence: &Evidence, scene: &Scene<'_>, promised: &Promised) -> Judged {
    let verdict = verdict::of_target(evidence, scene);
    let findings = rules::findings(evidence, scene, promised, &verdict);
    Judged { verdict, hosts: verdict::of_hosts(scene), views: None, findings }
}

/// The same for several views: each has been judged by itself.
fn judged_across(across: &Across<'_, '_>, promised: &Promised) -> Judged {
    let verdict = across.verdict();
    let findings = across::findings::findings(across, promised, &verdict);
    Judged { hosts: across.hosts(), views: across.views(), findings, verdict }
}

impl Seen<'_> {
    /// What one view saw, as if it were all.
    fn scene<'a>(&'a self, beside: Beside<'_>, context: Context<'a>) -> Scene<'a> {
        let controls = (&*self.controls, &*self.control_readings);
        Scene::new(&self.evidence, &self.readings, controls, beside, context)
    }
}

/// What looks odd about a target after its first sessions, in words that say
/// what a second look is for; `None` for a healthy one, and for one whose fault
/// is plainly its own.
pub fn suspicion(evidence: &Evidence, roots: &Roots) -> Option<String> {
    let context = Context { roots, verify_name: None };
    let readings = reading::read_all(evidence, context);
    let report = report(evidence, &readings, (&[], &[]), &[], context);
    let verdict = &report.verdict;
    let own_fault = ["legacy-only", "starttls-on-greeting-line"];
    if verdict.because.as_deref().is_some_and(|because| own_fault.contains(&because)) {
        return None;
    }
    // A key that nobody trusted vouches for is most often the server's own making;
    // only controls can tell it from a box that ends TLS for everybody. Where it is
    // the one that DANE promises, nothing is open.
    let untrusted = catalogue::CERTIFICATE_NOT_TRUSTED.id;
    let vouched = ledger(evidence, &readings, context).dane_is_kept();
    let is_odd =
        |finding: &&Finding| finding.confidence.is_some() || (finding.id == untrusted && !vouched);
    let odd = match verdict.status {
        Status::Intact => report
            .findings
            .iter()
            .find(is_odd)
            .map(|finding| finding.explanation.trim_end_matches('.')),
        Status::NoMail | Status::Unresolvable => None,
        // Nobody was asked: nothing can be asked again.
        _ => (!report.observations.is_empty()).then(|| describe::seen(&verdict.summary)),
    };
    odd.map(|odd| format!("{odd}: asking again, and asking controls"))
}
