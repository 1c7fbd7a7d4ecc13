//! One destination looked at from several views, in one run or as saved reports.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use jiff::SignedDuration;
use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::probe::Limits;
use mxray::model::report::{
    Families, FamilyUse, Report, Run, SCHEMA, TargetReport, Trust, Vantage, VantageKind,
};
use mxray::observe::Dialler;
use mxray::plan::{BUILT_IN_CONTROLS, Intent};
use mxray::sim::internet::{Internet, Running};
use mxray::survey::{self, Outcome, Survey};
use mxray::tls::Roots;
use mxray::vantage::merge::{self, Saved};
use mxray::vantage::{Observer, VantagePoint, local::Local, recorded};

use crate::common::{Beside, DOMAIN, EHLO_NAME, resolver};
use crate::world::{CONTROLS, PATIENCE};

const ROOMS: [&str; 3] = ["here", "berlin", "tokyo"];

/// What one view is of.
pub(crate) struct Sight {
    /// `None` where it is that of the view before.
    internet: Option<Internet>,
    /// How much later it looks, in days; for saved reports.
    days: i64,
    ehlo_name: &'static str,
    ipv6: bool,
}

pub(crate) fn sight(internet: Internet) -> Sight {
    Sight { internet: Some(internet), days: 0, ehlo_name: EHLO_NAME, ipv6: true }
}

/// Another view of the internet that the view before is of, with the same keys.
pub(crate) fn again() -> Sight {
    Sight { internet: None, days: 0, ehlo_name: EHLO_NAME, ipv6: true }
}

impl Sight {
    pub(crate) fn later(self, days: i64) -> Self {
        Self { days, ..self }
    }

    pub(crate) fn named(self, ehlo_name: &'static str) -> Self {
        Self { ehlo_name, ..self }
    }

    pub(crate) fn without_ipv6(self) -> Self {
        Self { ipv6: false, ..self }
    }
}

/// How the views come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// In one run.
    Live,
    /// As reports that each was saved by itself.
    Saved,
}
/// A survey of these views, all in one run.
async fn surveyed(views: Vec<(String, &Running, bool)>, ehlo_name: &str, roots: &Roots) -> Outcome {
    let point = |(id, running, ipv6): (String, &Running, bool)| {
        let mut sources = vec![IpAddr::from([198, 51, 100, 10])];
        sources.extend(ipv6.then(|| "2001:db8:100::10".parse::<IpAddr>().unwrap()));
        let endpoints: HashMap<SocketAddr, SocketAddr> = running.endpoints().clone();
        let local = Local {
            resolver: Some(resolver(running)),
            dialler: Dialler::pretend(endpoints, sources),
        };
        if id == "local" {
            return VantagePoint::here(local);
        }
        VantagePoint { id, observer: Observer::Local(Box::new(local)) }
    };
    let vantages: Vec<VantagePoint> = views.into_iter().map(point).collect();
    let beside = Beside { controls: CONTROLS.to_vec(), ..Beside::default() };
    let survey = Survey {
        vantages: vantages.into(),
        intent: Intent {
            ehlo_names: vec![ehlo_name.to_owned()],
            limits: Limits { session: PATIENCE, greeting: PATIENCE },
            repeats: 2,
            ..Intent::default()
        },
        asked: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable },
        controls: beside.settings(),
        roots: roots.clone(),
    };
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let targets = vec![DOMAIN.parse().unwrap()];
    let mut outcome = survey::run(survey, targets, events, std::future::pending()).await;
    for control in &mut outcome.controls {
        let place = CONTROLS.iter().position(|name| *name == control.target.name());
        control.target = BUILT_IN_CONTROLS[place.unwrap()].parse().unwrap();
    }
    outcome
}

/// What judgement needs, of all views.
pub(crate) struct Evidenced {
    pub(crate) target: Evidence,
    pub(crate) controls: Vec<Evidence>,
    pub(crate) roots: Roots,
}

impl Evidenced {
    pub(crate) fn judged(&self) -> TargetReport {
        let context = Context { roots: &self.roots, verify_name: None };
        judge::judge(&self.target, &self.controls, context)
    }
}

pub(crate) async fn looked(sights: Vec<Sight>, together: Together) -> Evidenced {
    let mut views: Vec<(Arc<Running>, i64, &'static str, bool)> = Vec::new();
    for sight in sights {
        let running = match sight.internet {
            Some(internet) => Arc::new(internet.start().await.unwrap()),
            None => Arc::clone(&views.last().unwrap().0),
        };
        views.push((running, sight.days, sight.ehlo_name, sight.ipv6));
    }
    let mut roots = Roots::webpki();
    for (running, ..) in &views {
        roots = roots.with_pem(running.ca_pem().as_bytes()).unwrap();
    }
    if together == Together::Live {
        let ids = std::iter::once("local").chain(ROOMS);
        let seen =
            ids.zip(&views).map(|(id, (running, _, _, v6))| (id.to_owned(), &**running, *v6));
        let outcome = surveyed(seen.collect(), EHLO_NAME, &roots).await;
        let target = outcome.evidence.into_iter().next().unwrap();
        return Evidenced { target, controls: outcome.controls, roots };
    }
    let mut saved = Vec::new();
    for ((running, days, ehlo_name, ipv6), room) in views.iter().zip(ROOMS) {
        let seen = vec![("local".to_owned(), &**running, *ipv6)];
        let mut outcome = surveyed(seen, ehlo_name, &roots).await;
        let all = outcome.evidence.iter_mut().chain(&mut outcome.controls);
        for seen in all.flat_map(|evidence| &mut evidence.observations) {
            seen.started_at += SignedDuration::from_hours(24 * days);
        }
        saved.push(Saved { file: format!("{room}.json"), report: report(&outcome, &roots, *ipv6) });
    }
    let merged = merge::merge(saved).unwrap();
    let recorded = recorded::evidence(&merged.report).unwrap();
    let target = recorded.targets.into_iter().next().unwrap();
    Evidenced { target, controls: recorded.controls, roots }
}

/// As `--save` writes it.
fn report(outcome: &Outcome, roots: &Roots, ipv6: bool) -> Report {
    let context = Context { roots, verify_name: None };
    let started_at = outcome.evidence[0].observations[0].started_at;
    let ipv6 = if ipv6 { FamilyUse::Usable } else { FamilyUse::Unusable };
    let vantage = Vantage {
        id: "local".to_owned(),
        kind: VantageKind::Local,
        sources: Vec::new(),
        families: Families { ipv4: FamilyUse::Usable, ipv6 },
        clock_offset_ms: Some(0),
        tool: "mxray 0.1.0".to_owned(),
        error: None,
        resolver: None,
        recorded: None,
    };
    let trust = Trust {
        roots: "webpki-roots".to_owned(),
        version: None,
        extra_ca_sha256: Vec::new(),
        extra_ca_pem: None,
    };
    let judged = |evidence: &Evidence| judge::judge(evidence, &[], context);
    Report {
        schema: SCHEMA.to_owned(),
        run: Run {
            tool: "mxray 0.1.0".to_owned(),
            started_at,
            duration_ms: 0,
            ehlo_names: Vec::new(),
            trust,
            verify_name: None,
            vantages: vec![vantage],
            interrupted: false,
        },
        targets: outcome.evidence.iter().map(judged).collect(),
        controls: outcome.controls.iter().map(judged).collect(),
    }
}

/// Worlds looked at, some at once.
pub(crate) fn all_looked(worlds: Vec<(Vec<Sight>, Together)>) -> Vec<Evidenced> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut work = tokio::task::JoinSet::new();
        let at_once = Arc::new(tokio::sync::Semaphore::new(12));
        for (place, (sights, together)) in worlds.into_iter().enumerate() {
            let at_once = Arc::clone(&at_once);
            work.spawn(async move {
                let _permit = at_once.acquire_owned().await;
                (place, looked(sights, together).await)
            });
        }
        let mut all = work.join_all().await;
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, seen)| seen).collect()
    })
}
