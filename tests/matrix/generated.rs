//! What is true of every server and every view that chance makes.

use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::finding::Severity;
use mxray::model::report::TargetReport;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::Path;
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::pki::{Flaw, TlsRange};
use mxray::sim::published::Published;
use mxray::sim::server::{Greeting, Profile, Software, Starttls};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::common::HOST;
use crate::innocent_views::{OF_THE_PATH, led_to};
use crate::promises::{By, promised};
use crate::sights::{Evidenced, Sight, Together, again, all_looked, sight};
use crate::world::{Row, surveyed, target, with_controls};

/// Servers that chance makes.
const GENERATED: usize = 40;
/// Innocent worlds that chance makes, each from two or three views.
const VIEWED: usize = 60;

/// Findings that say that something took STARTTLS away.
const STRIPPING: [&str; 6] = [
    "promise-denied",
    "starttls-overwritten",
    "starttls-hidden",
    "starttls-masked",
    "starttls-lost-on-family",
    "starttls-lost-near-vantage",
];

/// Servers in any order, good or bad, but for those that accept what they hide.
fn profiles() -> impl Strategy<Value = Profile> {
    let starttls = select(vec![
        Starttls::Works,
        Starttls::Works,
        Starttls::Hidden,
        Starttls::DeadKey,
        Starttls::OnGreetingLine,
        Starttls::AgainInsideTls,
        Starttls::InjectionProne,
        Starttls::NotTls,
        Starttls::Tls10Only,
        Starttls::LosesPostQuantum,
    ]);
    let flaw = select(vec![
        Flaw::None,
        Flaw::SelfSigned,
        Flaw::Expired,
        Flaw::WrongName,
        Flaw::MissingIntermediate,
    ]);
    let tls = select(vec![TlsRange::default(), TlsRange::TLS12, TlsRange::TLS13]);
    let code = prop_oneof![8 => Just(220), 1 => select(vec![421, 450, 554])];
    let refuses = prop_oneof![8 => Just(None), 1 => Just(Some(502))];
    select(Software::ALL.to_vec()).prop_flat_map(move |software| {
        let keywords = subsequence(software.keywords().to_vec(), 0..=software.keywords().len());
        (
            keywords.prop_shuffle(),
            starttls.clone(),
            flaw.clone(),
            tls.clone(),
            code.clone(),
            refuses.clone(),
        )
            .prop_map(move |(keywords, starttls, flaw, tls, code, refuses_ehlo)| {
                let mut profile = Profile::new(software, HOST);
                profile.keywords = keywords.into_iter().map(str::to_owned).collect();
                // Left out, and accepted all the same, it would be hidden.
                if !profile.keywords.iter().any(|line| line == "STARTTLS") {
                    profile.keywords.push("STARTTLS".to_owned());
                }
                profile.greeting = Greeting { code, ..Greeting::default() };
                (profile.starttls, profile.flaw, profile.tls) = (starttls, flaw, tls);
                // STARTTLS without EHLO contradicts itself (RFC 3207 §4).
                profile.refuses_ehlo = refuses_ehlo.filter(|_| starttls == Starttls::Hidden);
                profile
            })
    })
}

#[test]
fn a_box_that_changes_nothing_raises_no_stripping_finding_over_any_server() {
    let mut runner = TestRunner::deterministic();
    let made = (0..GENERATED).map(|_| profiles().new_tree(&mut runner).unwrap().current());
    let profiles: Vec<Profile> = made.collect();
    let rows = profiles.iter().enumerate().map(|(number, profile)| {
        let internet = target(with_controls(), profile.clone());
        // Without a promise, with DANE, with MTA-STS; kept or not.
        let internet = match number % 3 {
            0 => internet,
            1 => promised(internet, By::Dane),
            _ => promised(internet, By::MtaSts),
        };
        let internet = internet.box_on(Path::All, Behaviour::Pass, Scope::default());
        Row::new("generated", format!("{number}"), internet).innocent()
    });
    for (seen, profile) in surveyed(rows.collect()).iter().zip(&profiles) {
        let ids: Vec<_> = seen.report.findings.iter().map(|finding| finding.id.as_str()).collect();
        assert!(!ids.iter().any(|id| STRIPPING.contains(id)), "{ids:?}: {profile:#?}");
        let status = seen.report.verdict.status;
        assert!(!matches!(status, Status::Stripped | Status::Intercepted), "{profile:#?}");
        assert_ne!(seen.report.verdict.confidence, Some(Confidence::Proven), "{profile:#?}");
    }
}

/// How a view differs from the one before it.
#[derive(Clone, Debug)]
enum Led {
    /// It does not.
    Alike,
    /// It has no IPv6.
    WithoutIpv6,
    /// DNS leads it to other servers of the host.
    Elsewhere(Box<Profile>),
    /// It is turned away.
    TurnedAway(u16),
}

fn leads() -> impl Strategy<Value = Vec<Led>> {
    let led = prop_oneof![
        Just(Led::Alike),
        Just(Led::WithoutIpv6),
        profiles().prop_map(|profile| Led::Elsewhere(Box::new(profile))),
        select(vec![421, 450, 554]).prop_map(Led::TurnedAway),
    ];
    proptest::collection::vec(led, 1..3)
}

/// A server for everybody, with or without a promise that is kept or not, and what
/// the views after the first have of it.
fn views(profile: &Profile, leads: Vec<Led>, number: usize) -> Vec<Sight> {
    let world = |last: u8, profile: Profile| {
        let internet = led_to(last, profile);
        match number % 3 {
            0 => internet,
            1 => internet.tlsa(HOST, Published::EveryKey),
            _ => internet.tlsa(HOST, Published::OldKey),
        }
    };
    let mut last = 11;
    let mut sights = vec![sight(world(last, profile.clone()))];
    for led in leads {
        last += 1;
        sights.push(match led {
            Led::Alike => again(),
            Led::WithoutIpv6 => again().without_ipv6(),
            Led::Elsewhere(other) => sight(world(last, *other)),
            Led::TurnedAway(code) => {
                let greeting = Greeting { code, ..Greeting::default() };
                sight(world(11, Profile { greeting, ..profile.clone() }))
            }
        });
    }
    sights
}

/// The same without what one vantage point was told and saw.
fn without_view(evidence: &Evidence, vantage: &str) -> Evidence {
    let mut less = evidence.clone();
    less.routes.retain(|route| route.vantage != vantage);
    less.observations.retain(|seen| seen.probe.vantage != vantage);
    less
}

fn one_view_less(seen: &Evidenced) -> Vec<(String, TargetReport)> {
    let context = Context { roots: &seen.roots, verify_name: None };
    let vantages = seen.target.routes.iter().map(|route| route.vantage.clone());
    let less = vantages.map(|vantage| {
        let less = |evidence: &Evidence| without_view(evidence, &vantage);
        let controls: Vec<Evidence> = seen.controls.iter().map(less).collect();
        let report = judge::judge(&less(&seen.target), &controls, context);
        (vantage, report)
    });
    less.collect()
}

#[test]
fn nobody_is_blamed_for_any_innocent_world_from_any_views_and_one_view_less_is_no_surer() {
    let mut runner = TestRunner::deterministic();
    let mut made = Vec::new();
    for number in 0..VIEWED {
        let profile = profiles().new_tree(&mut runner).unwrap().current();
        let leads = leads().new_tree(&mut runner).unwrap().current();
        let together = if number % 2 == 0 { Together::Live } else { Together::Saved };
        made.push((profile, leads, together));
    }
    let plans = made.iter().enumerate().map(|(number, (profile, leads, together))| {
        (views(profile, leads.clone(), number), *together)
    });
    let all = all_looked(plans.collect());
    let mut wrong = Vec::new();
    for (number, (seen, world)) in all.iter().zip(&made).enumerate() {
        let report = seen.judged();
        let verdict = &report.verdict;
        let grave = |found: &&mxray::model::finding::Finding| {
            found.severity == Severity::Critical && OF_THE_PATH.contains(&found.id.as_str())
        };
        let alarm = report.findings.iter().find(grave);
        if verdict.confidence > Some(Confidence::Suspected) || alarm.is_some() {
            wrong.push(format!("{number}: {verdict:?} {alarm:?}\n{world:#?}"));
        }
        for (gone, less) in one_view_less(seen) {
            // What everybody breaks is a fact, and goes before a suspicion.
            let fact = verdict.confidence.is_none() && verdict.status == Status::PolicyFailed;
            let suspicion = less.verdict.confidence == Some(Confidence::Suspected);
            if less.verdict.confidence > verdict.confidence && !(fact && suspicion) {
                let less = less.verdict;
                wrong.push(format!("{number} without {gone}: {less:?}\n{verdict:?}\n{world:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}
