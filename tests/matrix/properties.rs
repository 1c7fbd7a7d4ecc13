//! What is true of every row.

use std::collections::BTreeMap;
use std::net::IpAddr;

use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::observation::Observation;
use mxray::model::policy::PolicyEvidence;
use mxray::model::report::TargetReport;
use mxray::model::route::Dnssec;
use mxray::model::session::Stage;
use mxray::model::verdict::{Confidence, Status, Verdict};
use mxray::plan::budget;
use mxray::smtp;

use crate::page::line;
use crate::world::{Seen, seen};

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
