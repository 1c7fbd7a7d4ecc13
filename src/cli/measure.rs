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
use mxray::model::probe::Family;
use mxray::model::report::{Families, FamilyUse, Report, Run, SCHEMA, TargetReport, Vantage};
use mxray::model::target::TargetKind;
use mxray::observe::Dialler;
use mxray::survey::{self, Outcome, Survey};
use mxray::vantage::command::{Agent, Fault};
use mxray::vantage::local::Local;
use mxray::vantage::{Observer, VantagePoint};
use tokio::sync::mpsc;

use crate::cli::arguments::options::probe::{NamedVantage, Way};
use crate::cli::failure::Failure;
use crate::cli::mirrored;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;

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
    let vantages = vantages(local, &settings.vantages, terminal).await?;
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

/// This process and the others that were named; each agent has said who it is.
async fn vantages(
    local: Local,
    named: &[NamedVantage],
    terminal: &Terminal,
) -> Result<Arc<[VantagePoint]>, Failure> {
    let started = join_all(named.iter().map(|named| observer(named, terminal))).await;
    let mut vantages = vec![VantagePoint::here(local)];
    for (named, observer) in named.iter().zip(started) {
        vantages.push(VantagePoint { id: named.name.clone(), observer: observer? });
    }
    Ok(vantages.into())
}

/// Who observes at another vantage point.
async fn observer(named: &NamedVantage, terminal: &Terminal) -> Result<Observer, Failure> {
    let command = match &named.way {
        Way::Socks5(proxy) => return Ok(Observer::Socks5(proxy.clone())),
        Way::Command(command) => command,
    };
    let agent = Agent::start(command).await;
    let agent = agent.map_err(|fault| unusable(&named.name, command, &fault))?;
    let offset = agent.clock().milliseconds();
    if offset.abs() > LARGEST_CLOCK_OFFSET {
        terminal.warning(&format!(
            "the clock at vantage point {} is {offset} ms from this one; its times are corrected \
             by that",
            named.name
        ));
    }
    Ok(Observer::Command(agent))
}

/// A vantage point that never began is a fault of what was typed, or of that machine.
fn unusable(name: &str, command: &str, fault: &Fault) -> Failure {
    Failure::usage(
        format!("vantage point {name}: {fault}"),
        format!(
            "run `{command}` by hand: it should print one line that begins with {{\"hello\", and \
             wait"
        ),
    )
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
    let mut survey = std::pin::pin!(survey::run(survey, targets, events, interrupted()));
    let mut progress = terminal.progress();
    loop {
        tokio::select! {
            outcome = &mut survey => return outcome,
            Some(event) = happening.recv() => progress.show(&event),
            Some(notice) = said.recv() => progress.warn(&words(&notice)),
        }
    }
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

/// Ctrl-C: the report then holds what is known so far. Where no handler can be
/// had, the key ends the process as usual.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
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
    let agent = match &vantage.observer {
        Observer::Local(_) | Observer::Socks5(_) => None,
        Observer::Command(agent) => Some(agent),
    };
    Vantage {
        id: vantage.id.clone(),
        kind: vantage.kind(),
        sources: sources.into_iter().collect(),
        families: families(&outcome.evidence, &vantage.id, asked),
        clock_offset_ms: Some(agent.map_or(0, |agent| agent.clock().milliseconds())),
        tool: agent.map_or_else(|| judge::PROGRAM.to_owned(), |agent| agent.hello().tool.clone()),
        error: outcome.faults.get(&vantage.id).cloned(),
        resolver: outcome.resolvers.get(&vantage.id).cloned(),
        recorded: None,
    }
}

/// A family is usable if it was for any target.
fn families(evidence: &[Evidence], vantage: &str, asked: Families) -> Families {
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
