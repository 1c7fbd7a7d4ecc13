//! How long a suspicion takes to be settled: a stripped domain with five
//! exchangers over both families, 100 ms away, beside two controls.
//!
//! Four sessions at once to one operator is politeness, not work. So the same
//! is measured with each exchanger under an operator of its own: the difference
//! is what pacing costs.

#![expect(clippy::print_stdout, reason = "the figures are the result")]
#![expect(
    clippy::unwrap_used,
    reason = "a pretend internet that does not start ends the benchmark"
)]

use std::net::IpAddr;
use std::time::{Duration, Instant};

use mxray::dns::{Resolver, ResolverSettings, TrustAnchor};
use mxray::judge::{self, Context};
use mxray::model::probe::Family;
use mxray::model::report::{Families, FamilyUse};
use mxray::observe::Dialler;
use mxray::plan::Intent;
use mxray::sim::internet::{CLIENT_IPV4, CLIENT_IPV6, Internet, Path, Running};
use mxray::sim::middlebox::{Behaviour, Refusal, Scope};
use mxray::sim::server::{Profile, Software};
use mxray::survey::{self, ControlSettings, Survey};
use mxray::tls::Roots;
use mxray::vantage::VantagePoint;
use mxray::vantage::local::Local;

/// One way; there and back is twice this.
const LATENCY: Duration = Duration::from_millis(50);
const DOMAIN: &str = "example.net";
const CONTROLS: [&str; 2] = ["one.example.com", "two.example.org"];
const RUNS: usize = 5;

fn addresses(last: u8) -> [IpAddr; 2] {
    [
        IpAddr::from([203, 0, 113, last]),
        IpAddr::from([0x2001, 0xdb8, 0x203, 0, 0, 0, 0, u16::from(last)]),
    ]
}

/// Five exchangers; each with an operator of its own, if they are to be apart.
fn internet(apart: bool) -> Internet {
    let names: Vec<String> = (1..=5)
        .map(|n| if apart { format!("mx.operator{n}.example") } else { format!("mx{n}.{DOMAIN}") })
        .collect();
    let exchanges: Vec<(u16, &str)> = names.iter().map(|name| (10, name.as_str())).collect();
    let mut internet = Internet::builder().latency(LATENCY).domain(DOMAIN, &exchanges);
    for (name, last) in names.iter().zip(1..) {
        internet = internet.host(name, addresses(last), Profile::new(Software::Gmail, name));
    }
    for (domain, last) in CONTROLS.iter().zip(101..) {
        let host = format!("mx.{domain}");
        internet = internet.domain(domain, &[(10, &host)]).host(
            &host,
            addresses(last),
            Profile::new(Software::Postfix, &host),
        );
    }
    let stripping = Behaviour::DropKeywordRefuse(Refusal::NotImplemented);
    internet.box_on(Path::Family(Family::Ipv4), stripping, Scope::default())
}

fn survey_of(running: &Running) -> Survey {
    let anchor = TrustAnchor::parse(running.trust_anchor().unwrap()).unwrap();
    let servers = vec![running.resolver()];
    let settings = ResolverSettings { servers, anchor, ..ResolverSettings::default() };
    let sources = vec![IpAddr::from(CLIENT_IPV4), IpAddr::from(CLIENT_IPV6)];
    Survey {
        vantages: [VantagePoint::here(Local {
            resolver: Some(Resolver::new(settings).unwrap()),
            dialler: Dialler::pretend(running.endpoints().clone(), sources),
        })]
        .into(),
        intent: Intent { ehlo_names: vec!["probe.example.org".to_owned()], ..Intent::default() },
        asked: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable },
        controls: ControlSettings {
            named: CONTROLS.iter().map(|name| name.parse().unwrap()).collect(),
            ..ControlSettings::default()
        },
        roots: Roots::webpki().with_pem(running.ca_pem().as_bytes()).unwrap(),
    }
}

/// One whole survey; its time, its sessions, and its verdict.
async fn settle(apart: bool) -> (Duration, usize, String) {
    let running = internet(apart).start().await.unwrap();
    let survey = survey_of(&running);
    let roots = survey.roots.clone();
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let targets = vec![DOMAIN.parse().unwrap()];
    let began = Instant::now();
    let outcome = survey::run(survey, targets, events, std::future::pending()).await;
    let took = began.elapsed();
    let evidence = outcome.evidence.first().unwrap();
    let context = Context { roots: &roots, verify_name: None };
    let verdict = judge::judge(evidence, &outcome.controls, context).verdict;
    let words = format!("{:?}, {:?}", verdict.status, verdict.confidence);
    (took, evidence.observations.len(), words)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("a stripped domain, 5 MX hosts over both families, 100 ms away; {RUNS} runs, medians");
    let mut medians = Vec::new();
    for (apart, name) in [(false, "one operator (4 sessions at once)"), (true, "five operators")] {
        let mut times = Vec::new();
        let mut last = (0, String::new());
        for _ in 0..RUNS {
            let (took, sessions, verdict) = settle(apart).await;
            times.push(took);
            last = (sessions, verdict);
        }
        times.sort();
        let median = times.get(RUNS / 2).copied().unwrap_or_default();
        medians.push(median);
        println!("{name:36} {:>6} ms  {} sessions  {}", median.as_millis(), last.0, last.1);
    }
    if let [paced, free] = medians.as_slice() {
        let pacing = paced.saturating_sub(*free);
        println!("of {} ms, {} ms are pacing", paced.as_millis(), pacing.as_millis());
    }
}
