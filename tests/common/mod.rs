//! A run of the real survey on a pretend internet, for tests that need sockets.

pub(crate) mod words;

use std::net::IpAddr;
use std::time::Duration;

use mxray::dns::{Resolver, ResolverSettings, TrustAnchor};
use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::probe::{Limits, Mode};
use mxray::model::report::{Families, FamilyUse, TargetReport};
use mxray::observe::Dialler;
use mxray::plan::{Closer, Intent};
use mxray::sim::internet::{Internet, Running};
use mxray::survey::{self, ControlSettings, Event, Survey};
use mxray::tls::Roots;
use mxray::vantage::local::Local;
use mxray::vantage::{Observer, VantagePoint};
use tokio::sync::mpsc;

pub(crate) const V4: [u8; 4] = [203, 0, 113, 1];
pub(crate) const V6: [u16; 8] = [0x2001, 0xdb8, 0x203, 0, 0, 0, 0, 1];
pub(crate) const HOST: &str = "mx.example.net";
pub(crate) const DOMAIN: &str = "example.net";
pub(crate) const EHLO_NAME: &str = "probe.example.org";

/// Both addresses of [`HOST`].
pub(crate) fn addresses() -> [IpAddr; 2] {
    [IpAddr::from(V4), IpAddr::from(V6)]
}

/// How a test asks.
#[derive(Clone, Copy)]
pub(crate) struct Asking {
    pub(crate) mode: Mode,
    pub(crate) session: Duration,
    pub(crate) greeting: Duration,
    pub(crate) closer: Closer,
}

impl Default for Asking {
    /// Patient enough for a busy machine: no test waits for a time-out unless it
    /// is about one.
    fn default() -> Self {
        let patience = Duration::from_secs(20);
        Self {
            mode: Mode::Starttls,
            session: patience,
            greeting: patience,
            closer: Closer::default(),
        }
    }
}

impl Asking {
    /// For peers that never answer, while the others need it on a busy machine.
    pub(crate) fn impatient() -> Self {
        let patience = Duration::from_secs(5);
        Self { session: patience, greeting: patience, ..Self::default() }
    }
}

/// What is asked beside the target where something looks odd.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Domains that serve as controls.
    pub(crate) controls: Vec<&'static str>,
    /// Addresses where nothing lives; none asks no canary.
    pub(crate) canary: Vec<IpAddr>,
    /// The EHLO name of the second look.
    pub(crate) second_name: Option<&'static str>,
    /// A second vantage point, [`ELSEWHERE`].
    pub(crate) elsewhere: Option<Elsewhere>,
    /// Several source addresses here, of loopback.
    pub(crate) sources: Vec<IpAddr>,
}

/// The id of the second vantage point.
pub(crate) const ELSEWHERE: &str = "elsewhere";

/// What lies before the second vantage point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    /// No box.
    Clean,
    /// The same boxes.
    Same,
}

impl Beside {
    pub(crate) fn settings(&self) -> ControlSettings {
        ControlSettings {
            named: self.controls.iter().map(|name| name.parse().unwrap()).collect(),
            built_in: false,
            canary: self.canary.clone(),
            no_canary: self.canary.is_empty(),
            never_for: Vec::new(),
        }
    }
}

/// Surveys one target on the pretend internet, without controls and canary.
pub(crate) async fn survey(running: &Running, target: &str, asking: Asking) -> Evidence {
    outcome(running, target, asking, &Beside::default()).await.evidence.remove(0)
}

/// Surveys one target, and is interrupted once each of these has happened.
pub(crate) async fn survey_until(
    running: &Running,
    target: &str,
    asking: Asking,
    mut awaited: Vec<Event>,
) -> Evidence {
    let (events, mut happened) = mpsc::unbounded_channel();
    let stop = async move {
        while !awaited.is_empty() {
            // The sender lives as long as the survey.
            let event = happened.recv().await.unwrap();
            awaited.retain(|awaited| *awaited != event);
        }
    };
    let beside = Beside::default();
    let outcome = outcome_until(running, target, asking, &beside, (events, stop)).await;
    assert!(outcome.interrupted, "it was not interrupted");
    outcome.evidence.into_iter().next().unwrap()
}

/// Surveys one target on the pretend internet, beside others.
pub(crate) async fn outcome(
    running: &Running,
    target: &str,
    asking: Asking,
    beside: &Beside,
) -> survey::Outcome {
    let (events, _) = mpsc::unbounded_channel();
    outcome_until(running, target, asking, beside, (events, std::future::pending())).await
}

/// The pretend addresses of each vantage point, which have networks of their own.
pub(crate) fn own_addresses(place: u8) -> [IpAddr; 2] {
    let beside = u16::from(place);
    [[198, 18, place, 10].into(), [0x2001, 0xdb8, 0x100 + beside, 0, 0, 0, 0, 0x10].into()]
}

async fn outcome_until(
    running: &Running,
    target: &str,
    asking: Asking,
    beside: &Beside,
    (events, stop): (mpsc::UnboundedSender<Event>, impl Future<Output = ()>),
) -> survey::Outcome {
    assert!(running.ipv6_available(), "this machine has no IPv6 on loopback: these tests need ::1");
    let local = |endpoints, place| Local {
        resolver: Some(resolver(running)),
        dialler: Dialler::pretend(endpoints, own_addresses(place).to_vec()),
    };
    let mut vantages = vec![VantagePoint::here(local(running.endpoints().clone(), 0))];
    if let Some(elsewhere) = beside.elsewhere {
        let endpoints = match elsewhere {
            Elsewhere::Clean => running.clean_endpoints(),
            Elsewhere::Same => running.endpoints().clone(),
        };
        let observer = Observer::Local(Box::new(local(endpoints, 1)));
        vantages.push(VantagePoint { id: ELSEWHERE.to_owned(), observer });
    }
    let names = [Some(EHLO_NAME), beside.second_name].into_iter().flatten();
    let ehlo_names = names.map(str::to_owned).collect();
    let survey = Survey {
        vantages: vantages.into(),
        intent: Intent {
            ehlo_names,
            sources: beside.sources.clone(),
            mode: asking.mode,
            limits: Limits { session: asking.session, greeting: asking.greeting },
            repeats: 2,
            closer: asking.closer,
            ..Intent::default()
        },
        asked: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable },
        controls: beside.settings(),
        roots: roots(running),
    };
    let targets = vec![target.parse().unwrap()];
    survey::run(survey, targets, events, stop).await
}

pub(crate) fn resolver(running: &Running) -> Resolver {
    let anchor = running.trust_anchor().map(|text| TrustAnchor::parse(text).unwrap());
    let settings = ResolverSettings {
        servers: vec![running.resolver()],
        anchor: anchor.unwrap_or_else(TrustAnchor::root),
        ..ResolverSettings::default()
    };
    Resolver::new(settings).unwrap()
}

/// Surveys and judges one target.
pub(crate) async fn report(running: &Running, target: &str, asking: Asking) -> TargetReport {
    let evidence = survey(running, target, asking).await;
    judged(running, &evidence)
}

/// Judges with the pretend internet's root trusted.
pub(crate) fn judged(running: &Running, evidence: &Evidence) -> TargetReport {
    judged_beside(running, evidence, &[])
}

/// The same beside controls and canary.
pub(crate) fn judged_beside(
    running: &Running,
    evidence: &Evidence,
    controls: &[Evidence],
) -> TargetReport {
    let roots = roots(running);
    let report = judge::judge(evidence, controls, Context { roots: &roots, verify_name: None });
    words::assert_plain(&report);
    report
}

/// Builds, starts, surveys [`DOMAIN`], judges.
pub(crate) async fn report_on(internet: Internet, asking: Asking) -> TargetReport {
    let running = internet.start().await.unwrap();
    report(&running, DOMAIN, asking).await
}

/// The ids of all findings.
pub(crate) fn ids(report: &TargetReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.id.as_str()).collect()
}

/// The public roots and the pretend internet's.
pub(crate) fn roots(running: &Running) -> Roots {
    Roots::webpki().with_pem(running.ca_pem().as_bytes()).unwrap()
}
