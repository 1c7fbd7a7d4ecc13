//! One run: survey with progress, judgement, and the report of both.
//!
//! Owns the clock of the run and Ctrl-C. Serves `check` and `demo`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use jiff::Timestamp;
use mxray::dns::{Notice, Resolver, ResolverError};
use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::probe::{Family, LOCAL};
use mxray::model::report::{Families, FamilyUse, Report, Run, SCHEMA, TargetReport, Vantage};
use mxray::model::target::TargetKind;
use mxray::observe::Dialler;
use mxray::survey::{self, Event, Outcome, Survey};
use mxray::vantage::command::Agent;
use mxray::vantage::fault::Fault;
use mxray::vantage::local::Local;
use mxray::vantage::{Observer, VantagePoint};
use tokio::sync::mpsc;

use crate::cli::arguments::options::probe::{NamedVantage, Way};
use crate::cli::failure::Failure;
use crate::cli::interruption::interrupted;
use crate::cli::mirrored;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;

/// The program of a vantage point that never said what it is.
const UNKNOWN_TOOL: &str = "unknown";

/// From this offset on a vantage point's clock is worth a warning, in milliseconds.
const LARGEST_CLOCK_OFFSET: i64 = 2000;

/// Surveys the targets and judges what came of it.
///
/// # Errors
/// No resolver can be had although a name is to be looked up.
pub(crate) async fn report(
    settings: Settings,
    dialler: Dialler,
    terminal: &Terminal,
) -> Result<Report, Failure> {
    let started_at = Timestamp::now();
    let clock = Instant::now();
    let ehlo_names = settings.intent.ehlo_names.clone();
    let asked = settings.asked;
    let (notices, said) = mpsc::unbounded_channel();
    let local = Local { resolver: resolver(&settings, notices)?, dialler: dialler.clone() };
    let vantages = tokio::select! {
        vantages = vantages(local, &settings.vantages, terminal) => vantages,
        () = interrupted() => return Err(Failure::interrupted()),
    };
    let mut outcome = surveyed(&settings, vantages.clone(), said, terminal).await;
    mirrored::complete(&mut outcome.evidence, settings.mirror.as_ref(), &dialler).await;
    let Settings { roots, verify_name, .. } = settings;
    let context = Context { roots: &roots, verify_name: verify_name.as_deref() };
    let beside = &outcome.controls;
    let targets = judge::judge_all(&outcome.evidence, beside, context);
    let plain = Context { verify_name: None, ..context };
    let controls = beside.iter().map(|control| judge::judge(control, &[], plain)).collect();
    let run = Run {
        tool: judge::PROGRAM.to_owned(),
        started_at,
        duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        ehlo_names,
        trust: roots.describe(),
        verify_name,
        vantages: vantages
            .iter()
            .map(|vantage| described(vantage, &outcome, &targets, asked))
            .collect(),
        interrupted: outcome.interrupted,
    };
    Ok(Report { schema: SCHEMA.to_owned(), run, targets, controls })
}

/// This process and the others that were named; each agent has said who it is, or
/// will not say anything.
async fn vantages(
    local: Local,
    named: &[NamedVantage],
    terminal: &Terminal,
) -> Arc<[VantagePoint]> {
    let started = join_all(named.iter().map(|named| observer(named, terminal))).await;
    let others = named
        .iter()
        .zip(started)
        .map(|(named, observer)| VantagePoint { id: named.name.clone(), observer });
    std::iter::once(VantagePoint::here(local)).chain(others).collect()
}

/// Who observes at another vantage point. One that never begins costs no more than
/// its own view: what it was to see is not measured, and the report says so.
async fn observer(named: &NamedVantage, terminal: &Terminal) -> Observer {
    let command = match &named.way {
        Way::Socks5(proxy) => return Observer::Socks5(proxy.clone()),
        Way::Command(command) => command,
    };
    let agent = match Agent::start(command).await {
        Ok(agent) => agent,
        Err(fault) => {
            terminal.warning(&format!("vantage point {}: {fault}", named.name));
            // An agent of another version does say hello.
            if !matches!(fault, Fault::Protocol { .. }) {
                terminal.hint(&format!(
                    "run `{command}` by hand: it should print one line that begins with \
                     {{\"hello\", and wait"
                ));
            }
            return Observer::Absent(fault);
        }
    };
    let offset = agent.clock().milliseconds();
    if offset.abs() > LARGEST_CLOCK_OFFSET {
        terminal.warning(&format!(
            "the clock at vantage point {} is {offset} ms from this one; its times are corrected \
             by that",
            named.name
        ));
    }
    Observer::Command(Box::new(agent))
}

/// Runs the survey and shows what it is doing.
pub(crate) async fn surveyed(
    settings: &Settings,
    vantages: Arc<[VantagePoint]>,
    mut said: mpsc::UnboundedReceiver<Notice>,
    terminal: &Terminal,
) -> Outcome {
    let (events, mut happening) = mpsc::unbounded_channel();
    let survey = Survey {
        vantages,
        intent: settings.intent.clone(),
        asked: settings.asked,
        controls: settings.controls.clone(),
        roots: settings.roots.clone(),
    };
    let targets = settings.targets.clone();
    let absent: Vec<String> = absent(&survey.vantages).map(|absent| absent.id.clone()).collect();
    let told = |event: &Event| is_fault_of(event, &absent);
    let mut survey = std::pin::pin!(survey::run(survey, targets, events, interrupted()));
    let mut progress = terminal.progress();
    let outcome = loop {
        tokio::select! {
            outcome = &mut survey => break outcome,
            Some(event) = happening.recv() => if !told(&event) { progress.show(&event) },
            Some(notice) = said.recv() => progress.warn(&words(&notice)),
        }
    };
    // What failed last is said too; the rest was progress.
    while let Ok(event) = happening.try_recv() {
        if matches!(event, Event::VantageFault { .. }) && !told(&event) {
            progress.show(&event);
        }
    }
    outcome
}

/// Whether an event is the fault of one of these vantage points.
fn is_fault_of(event: &Event, ids: &[String]) -> bool {
    matches!(event, Event::VantageFault { vantage, .. } if ids.contains(vantage))
}

/// Agents that never began.
fn absent(vantages: &[VantagePoint]) -> impl Iterator<Item = &VantagePoint> {
    vantages.iter().filter(|vantage| matches!(vantage.observer, Observer::Absent(_)))
}

/// A resolver, if there is a name among the targets: its settings cost a file
/// to read, which an address does not need.
pub(crate) fn resolver(
    settings: &Settings,
    notices: mpsc::UnboundedSender<Notice>,
) -> Result<Option<Resolver>, Failure> {
    let needs_one =
        settings.targets.iter().any(|target| !matches!(target.kind, TargetKind::Address { .. }));
    if !needs_one {
        return Ok(None);
    }
    let mut wanted = settings.resolver.clone();
    wanted.notice = Some(Arc::new(move |notice| {
        // Nobody listens any more: the run is over.
        let _ = notices.send(notice);
    }));
    let resolver = Resolver::new(wanted)
        .map_err(|ResolverError { message, hint }| Failure::usage(message, hint))?;
    Ok(Some(resolver))
}

fn words(notice: &Notice) -> String {
    match notice {
        Notice::ResolverSilent { servers, after } => format!(
            "the resolver {} has not answered for {} s; is this machine online? \
             (mxray demo needs no network)",
            servers.join(", "),
            after.as_secs()
        ),
    }
}

/// A vantage point as the report describes it.
fn described(
    vantage: &VantagePoint,
    outcome: &Outcome,
    targets: &[TargetReport],
    asked: Families,
) -> Vantage {
    let observations = targets.iter().flat_map(|target| &target.observations);
    let ours = observations.filter(|observation| observation.probe.vantage == vantage.id);
    let seen = ours.filter_map(|observation| observation.probe.source);
    let sources: BTreeSet<_> = seen.chain(vantage.sources().iter().copied()).collect();
    let (clock_offset_ms, tool, absence) = match &vantage.observer {
        Observer::Local(_) | Observer::Socks5(_) => (Some(0), judge::PROGRAM.to_owned(), None),
        Observer::Command(agent) => {
            (Some(agent.clock().milliseconds()), agent.hello().tool.clone(), None)
        }
        Observer::Absent(fault) => (None, UNKNOWN_TOOL.to_owned(), Some(fault.to_string())),
    };
    Vantage {
        id: vantage.id.clone(),
        kind: vantage.kind(),
        sources: sources.into_iter().collect(),
        families: families(&outcome.evidence, &vantage.id, asked),
        clock_offset_ms,
        tool,
        error: absence.or_else(|| outcome.faults.get(&vantage.id).cloned()),
        resolver: outcome.resolvers.get(&vantage.id).cloned(),
        recorded: None,
    }
}

/// A family is usable if it was for any target. A vantage point that failed before it
/// led anywhere was asked over none.
fn families(evidence: &[Evidence], vantage: &str, asked: Families) -> Families {
    let mut routes = evidence.iter().flat_map(|evidence| &evidence.routes);
    if vantage != LOCAL && !routes.any(|route| route.vantage == vantage) {
        return Families { ipv4: FamilyUse::NotAsked, ipv6: FamilyUse::NotAsked };
    }
    let state = |family: Family| {
        let states = || evidence.iter().map(|evidence| evidence.families_at(vantage).of(family));
        if asked.of(family) == FamilyUse::NotAsked {
            FamilyUse::NotAsked
        } else if states().any(|state| state == FamilyUse::Usable) {
            FamilyUse::Usable
        } else {
            FamilyUse::Unusable
        }
    };
    Families { ipv4: state(Family::Ipv4), ipv6: state(Family::Ipv6) }
}
