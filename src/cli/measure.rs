//! One run: survey with progress, judgement, and the report of both.
//!
//! Owns the clock of the run and Ctrl-C. Serves `check` and `demo`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use mxray::dns::{Notice, Resolver, ResolverError};
use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::probe::Family;
use mxray::model::report::{
    Families, FamilyUse, Report, Run, SCHEMA, TargetReport, Vantage, VantageKind,
};
use mxray::model::target::TargetKind;
use mxray::observe::Dialler;
use mxray::survey::{self, Outcome, Survey};
use tokio::sync::mpsc;

use crate::cli::failure::Failure;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;

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
    let outcome = surveyed(&settings, dialler, terminal).await?;
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
        vantages: vec![local(&outcome, &targets, asked)],
        interrupted: outcome.interrupted,
    };
    Ok(Report { schema: SCHEMA.to_owned(), run, targets, controls })
}

/// Runs the survey and shows what it is doing.
async fn surveyed(
    settings: &Settings,
    dialler: Dialler,
    terminal: &Terminal,
) -> Result<Outcome, Failure> {
    let (notices, mut said) = mpsc::unbounded_channel();
    let (events, mut happening) = mpsc::unbounded_channel();
    let survey = Survey {
        resolver: resolver(settings, notices)?,
        dialler,
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
            outcome = &mut survey => return Ok(outcome),
            Some(event) = happening.recv() => progress.show(&event),
            Some(notice) = said.recv() => progress.warn(&words(&notice)),
        }
    }
}

/// A resolver, if there is a name among the targets: its settings cost a file
/// to read, which an address does not need.
fn resolver(
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

/// This process as a vantage point.
fn local(outcome: &Outcome, targets: &[TargetReport], asked: Families) -> Vantage {
    let observations = targets.iter().flat_map(|target| &target.observations);
    let sources: BTreeSet<_> =
        observations.filter_map(|observation| observation.probe.source).collect();
    Vantage {
        id: survey::LOCAL.to_owned(),
        kind: VantageKind::Local,
        sources: sources.into_iter().collect(),
        families: families(&outcome.evidence, asked),
        clock_offset_ms: Some(0),
        tool: judge::PROGRAM.to_owned(),
        error: None,
        resolver: outcome.resolver.clone(),
    }
}

/// A family is usable if it was for any target.
fn families(evidence: &[Evidence], asked: Families) -> Families {
    let state = |family: Family| {
        let states = || evidence.iter().map(|evidence| evidence.families.of(family));
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
