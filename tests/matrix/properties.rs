//! What is true of every row, and of every server that chance makes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::finding::Severity;
use mxray::model::observation::Observation;
use mxray::model::policy::PolicyEvidence;
use mxray::model::report::TargetReport;
use mxray::model::route::Dnssec;
use mxray::model::session::Stage;
use mxray::model::verdict::{Confidence, Status, Verdict};
use mxray::plan::budget;
use mxray::sim::internet::Path;
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::pki::{Flaw, TlsRange};
use mxray::sim::published::Published;
use mxray::sim::server::{Greeting, Profile, Software, Starttls};
use mxray::smtp;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::common::HOST;
use crate::innocent_views::{
    Evidenced, OF_THE_PATH, Sight, Together, again, all_looked, led_to, sight,
};
use crate::page::line;
use crate::promises::{By, promised};
use crate::world::{Row, Seen, seen, surveyed, target, with_controls};

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

#[test]
fn findings_are_raised_and_boxes_were_on_the_path() {
    for seen in seen() {
        let ids: Vec<_> = seen.report.findings.iter().map(|finding| &finding.id).collect();
        let raised = seen.finding.is_none_or(|id| ids.iter().any(|raised| *raised == id));
        assert!(raised, "{}: {ids:?}", line(seen));
        assert!(seen.boxes.iter().all(|(came, _)| *came > 0), "{}: {:?}", line(seen), seen.boxes);
    }
}

#[test]
fn a_healthy_domain_costs_one_session_an_address_and_nothing_beside_it() {
    let healthy = seen().iter().filter(|seen| seen.group == "pass");
    let mut number = 0;
    for seen in healthy {
        number += 1;
        assert!(
            sessions(&seen.outcome.evidence).values().all(|count| *count == 1),
            "{}",
            seen.name
        );
        assert_eq!(seen.outcome.evidence[0].observations.len(), 2, "{}", seen.name);
        assert!(seen.outcome.controls.is_empty(), "{}", seen.name);
        assert!(seen.boxes.iter().all(|(came, _)| *came <= 2), "{}", seen.name);
    }
    assert!(number > 0);
}

#[test]
fn no_address_has_more_sessions_than_the_budget() {
    let mut most = 0;
    for seen in seen() {
        for evidence in [&seen.outcome.evidence, &seen.outcome.controls] {
            for (ip, count) in sessions(evidence) {
                assert!(count <= budget::SESSIONS_PER_ADDRESS, "{}: {ip}: {count}", seen.name);
                most = most.max(count);
            }
        }
    }
    assert!(most > 3, "nothing was followed up");
}

fn sessions(evidence: &[Evidence]) -> BTreeMap<IpAddr, usize> {
    let mut count = BTreeMap::new();
    for observation in evidence.iter().flat_map(|evidence| &evidence.observations) {
        *count.entry(observation.probe.ip).or_default() += 1;
    }
    count
}

#[test]
fn less_evidence_never_makes_surer() {
    let (mut tried, mut against) = (0, 0);
    let mut surer = Vec::new();
    for seen in seen().iter().filter(|seen| is_sample(seen)) {
        let full = seen.report.verdict.confidence;
        for (gone, report) in one_less(seen) {
            tried += 1;
            let more = report.verdict.confidence > full;
            if more && speaks_against(&gone, seen) {
                against += 1;
            } else if more {
                let what = named(&gone);
                let (status, confidence) = (report.verdict.status, report.verdict.confidence);
                surer.push(format!("{}\n  without {what}: {status:?} {confidence:?}", line(seen)));
            }
        }
    }
    assert!(tried > 1000, "only {tried}");
    assert!(against * 100 < tried, "{against} of {tried} are excused");
    assert!(surer.is_empty(), "{} of {tried}:\n{}", surer.len(), surer.join("\n"));
}

/// A session in which STARTTLS was offered and worked, over a family in which
/// another session with the target had less: it contradicts the claim, and without
/// it the claim may be surer.
fn speaks_against(gone: &Observation, seen: &Seen) -> bool {
    let good = |observation: &Observation| {
        let session = smtp::read(&observation.transcript, observation.probe.mode);
        session.starttls.offered == Some(true) && session.stages.contains(&Stage::Handshake)
    };
    let mut others = seen.outcome.evidence[0].observations.iter();
    good(gone) && others.any(|other| other.probe.family() == gone.probe.family() && !good(other))
}

/// One server of the menu, and everything else.
fn is_sample(seen: &Seen) -> bool {
    let software = ["Exim", "OpenSmtpd", "Gmail"];
    seen.group.contains(' ') || !software.iter().any(|name| seen.name.ends_with(name))
}

/// The judgement with each observation left out in turn, the controls' too.
fn one_less(seen: &Seen) -> Vec<(Observation, TargetReport)> {
    let (evidence, controls) = (&seen.outcome.evidence[0], &seen.outcome.controls);
    let context = Context { roots: &seen.roots, verify_name: None };
    let mut found = Vec::new();
    for place in 0..evidence.observations.len() {
        let mut less = evidence.clone();
        let gone = less.observations.remove(place);
        found.push((gone, judge::judge(&less, controls, context)));
    }
    for control in 0..controls.len() {
        for place in 0..controls[control].observations.len() {
            let mut less = controls.clone();
            let gone = less[control].observations.remove(place);
            found.push((gone, judge::judge(evidence, &less, context)));
        }
    }
    found
}

/// Everything that was asked of a destination but its promises.
fn without_promises(evidence: &Evidence) -> Evidence {
    let mut less = evidence.clone();
    less.policies = PolicyEvidence::default();
    for exchange in less.routes.iter_mut().flat_map(|route| &mut route.exchanges) {
        exchange.tlsa = None;
    }
    less
}

/// The same with TLSA answers of this status.
fn with_tlsa(evidence: &Evidence, dnssec: Dnssec) -> Evidence {
    let mut changed = evidence.clone();
    changed.policies = PolicyEvidence::default();
    let exchanges = changed.routes.iter_mut().flat_map(|route| &mut route.exchanges);
    for answer in exchanges.filter_map(|exchange| exchange.tlsa.as_mut()) {
        answer.dnssec = dnssec;
    }
    changed
}

fn with_a_promise() -> impl Iterator<Item = &'static Seen> {
    seen().iter().filter(|seen| seen.group.contains("promises"))
}

#[test]
fn a_promise_taken_away_never_makes_surer() {
    let mut tried = 0;
    let mut surer = Vec::new();
    for seen in with_a_promise() {
        let (evidence, controls) = (&seen.outcome.evidence[0], &seen.outcome.controls);
        let context = Context { roots: &seen.roots, verify_name: None };
        let full = seen.report.verdict.confidence;
        let mut reports = vec![judge::judge(&without_promises(evidence), controls, context)];
        for place in 0..controls.len() {
            let mut less = controls.clone();
            less[place] = without_promises(&controls[place]);
            reports.push(judge::judge(evidence, &less, context));
        }
        for report in reports {
            tried += 1;
            // What everybody breaks is a fact, and goes before a suspicion.
            let fact = seen.report.verdict.status == Status::PolicyFailed;
            let suspicion = report.verdict.confidence == Some(Confidence::Suspected);
            if report.verdict.confidence > full && !(fact && suspicion) {
                surer.push(format!("{}: {:?}", line(seen), report.verdict));
            }
        }
    }
    assert!(tried > 400, "only {tried}");
    assert!(surer.is_empty(), "{surer:#?}");
}

#[test]
fn a_tlsa_answer_that_is_not_secure_is_never_a_promise() {
    let mut tried = 0;
    for seen in with_a_promise() {
        let (evidence, controls) = (&seen.outcome.evidence[0], &seen.outcome.controls);
        let context = Context { roots: &seen.roots, verify_name: None };
        for dnssec in [Dnssec::Insecure, Dnssec::Bogus, Dnssec::Indeterminate] {
            let changed = |evidence: &Evidence| with_tlsa(evidence, dnssec);
            let controls: Vec<Evidence> = controls.iter().map(changed).collect();
            let without: Vec<Evidence> = controls.iter().map(without_promises).collect();
            // The sentence may say what senders make of a bogus answer; the claim may not.
            let claim = |verdict: Verdict| Verdict { summary: String::new(), ..verdict };
            let found = claim(judge::judge(&changed(evidence), &controls, context).verdict);
            let expected = judge::judge(&without_promises(evidence), &without, context).verdict;
            assert_eq!(found, claim(expected), "{}: {dnssec:?}", seen.name);
            assert_ne!(found.status, Status::PolicyFailed, "{}: {dnssec:?}", seen.name);
            tried += 1;
        }
    }
    assert!(tried > 400, "only {tried}");
}

fn named(observation: &Observation) -> String {
    let probe = &observation.probe;
    format!("{} {} repeat {} ({:?})", probe.host, probe.ip, probe.repeat, probe.ehlo_name)
}

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
