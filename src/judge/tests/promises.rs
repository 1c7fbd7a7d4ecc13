//! Promises in whole reports: what is said of a target, its hosts and addresses.
//! TLSA records that cannot be used promise TLS of any kind, which hand-written
//! sessions without certificates can keep and deny.

use super::*;
use crate::judge::{judge_all, suspicion};
use crate::model::finding::{Finding, Severity};
use crate::model::report::AddressReport;
use crate::model::route::{Tlsa, TlsaAnswer};
use crate::model::tls::DaneStatus;

const HOST: &str = "mx1.example.net";
const FAR: [&str; 2] = ["198.51.100.1", "2001:db8:100::1"];
const THIRD: [&str; 2] = ["192.0.2.1", "2001:db8:c000::1"];

/// A destination whose one host, with such addresses, shows this over each family,
/// twice, and has TLSA records in answers of this status.
fn promising(
    (name, host): (&'static str, &'static str),
    ips: [&str; 2],
    shown: [&[&str]; 2],
    dnssec: Dnssec,
) -> Evidence {
    let at = |place: usize| seen(host, ips[place], shown[place]);
    let all = [at(0), at(1), at(0), at(1)];
    let mut route = route(vec![exchange(host, &all)]);
    route.dnssec = dnssec;
    route.exchanges[0].tlsa = Some(TlsaAnswer {
        base_domain: host.to_owned(),
        dnssec,
        error: None,
        records: vec![Tlsa { usage: 1, selector: 1, matching: 1, data: "00".repeat(32) }],
    });
    evidence(name, route, &all, BOTH)
}

const GOOD: &[&str] = &[OFFERED, SECURED];
const BAD: &[&str] = &[HIDDEN, REFUSED];

fn split(party: (&'static str, &'static str), ips: [&str; 2]) -> Evidence {
    promising(party, ips, [BAD, GOOD], Dnssec::Secure)
}

fn claim(report: &TargetReport) -> (Status, Option<Confidence>) {
    (report.verdict.status, report.verdict.confidence)
}

fn context(roots: &Roots) -> Context<'_> {
    Context { roots, verify_name: None }
}

#[test]
fn a_promise_denied_on_one_family_is_said_of_host_and_address_and_earns_a_second_look() {
    let evidence = split(("example.net", HOST), [V4, V6]);
    let report = judged(&evidence, &[]);
    assert_eq!(claim(&report), (Status::Stripped, Some(Confidence::Suspected)));
    let host = &report.hosts[0];
    assert_eq!(host.verdict.status, Status::Stripped);
    let status = |address: &AddressReport| address.verdict.status;
    let all: Vec<Status> = host.addresses.iter().map(status).collect();
    assert_eq!(all, [Status::Stripped, Status::Intact]);
    // That senders do not deliver there is a fact; that it is the path's doing is none.
    assert_eq!(report.findings[0].id, "starttls-not-supported");
    let denied = report.findings.iter().find(|found| found.id == "promise-denied");
    let found: &Finding = denied.unwrap();
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(found.evidence, ["o1", "o3", "o2", "o4"], "where it is denied first");
    assert!(!found.alternatives.is_empty() && found.explanation.starts_with("Over IPv4 mx1"));
    let dane = report.observations[1].tls.as_ref().unwrap().dane.as_ref().unwrap();
    assert_eq!(dane.status, DaneStatus::Unusable);
    assert!(suspicion(&evidence, &Roots::webpki()).is_some());
}

#[test]
fn two_targets_of_one_run_prove_for_each_other() {
    let roots = Roots::webpki();
    let targets = [
        split(("example.net", HOST), [V4, V6]),
        split(("example.com", "mx.example.com"), FAR),
        promising(("example.org", "mx.example.org"), THIRD, [BAD, BAD], Dnssec::Secure),
    ];
    let reports = judge_all(&targets, &[], context(&roots));
    let proven = (Status::Stripped, Some(Confidence::Proven));
    let claims: Vec<_> = reports.iter().map(claim).collect();
    assert_eq!(claims, [proven, proven, (Status::PolicyFailed, None)]);
    assert!(reports[0].verdict.summary.contains("example.com"), "{}", reports[0].verdict.summary);
    assert!(reports[0].findings[0].alternatives.is_empty());
    let alone = judge_all(&targets[..1], &[], context(&roots));
    assert_eq!(alone[0], judged(&targets[0], &[]));
}

/// Of many targets some have a second machine that breaks their promise.
#[test]
fn two_targets_prove_nothing_where_a_third_is_clean_on_the_same_path() {
    let roots = Roots::webpki();
    let third = promising(("example.org", "mx.example.org"), THIRD, [GOOD, GOOD], Dnssec::Secure);
    let targets = [
        split(("example.net", HOST), [V4, V6]),
        split(("example.com", "mx.example.com"), FAR),
        third,
    ];
    let reports = judge_all(&targets, &[], context(&roots));
    let suspected = (Status::Stripped, Some(Confidence::Suspected));
    let claims: Vec<_> = reports.iter().map(claim).collect();
    assert_eq!(claims, [suspected, suspected, (Status::Intact, None)]);
    let control = Evidence { role: Role::Control, ..targets[2].clone() };
    let reports = judge_all(&targets[..2], &[control], context(&roots));
    assert_eq!(claim(&reports[0]), suspected);
}

#[test]
fn no_offer_on_any_path_breaks_the_promise() {
    let of = |dnssec| judged(&promising(("example.net", HOST), [V4, V6], [BAD, BAD], dnssec), &[]);
    let report = of(Dnssec::Secure);
    assert_eq!(claim(&report), (Status::PolicyFailed, None));
    assert_eq!(report.verdict.because.as_deref(), Some("starttls-not-supported"));
    assert_eq!(report.findings[0].id, "starttls-not-supported");
    assert_eq!(report.findings[0].severity, Severity::Critical);
    assert_eq!(report.hosts[0].addresses[0].verdict.status, Status::PolicyFailed);
    for dnssec in [Dnssec::Insecure, Dnssec::Indeterminate, Dnssec::Bogus] {
        let report = of(dnssec);
        assert_eq!(claim(&report), (Status::NotOffered, None), "{dnssec:?}");
        assert!(!ids(&report).contains(&"starttls-not-supported"), "{dnssec:?}");
    }
}

#[test]
fn tlsa_without_a_secure_mx_tells_and_does_not_bind() {
    let of = |shown| {
        let mut evidence = promising(("example.net", HOST), [V4, V6], shown, Dnssec::Secure);
        evidence.routes[0].dnssec = Dnssec::Insecure;
        judged(&evidence, &[])
    };
    let report = of([BAD, BAD]);
    assert_eq!(claim(&report), (Status::NotOffered, None));
    assert!(ids(&report).contains(&"tlsa-without-secure-mx"));
    assert_eq!(claim(&of([BAD, GOOD])), (Status::Stripped, Some(Confidence::Suspected)));
}

#[test]
fn a_tlsa_lookup_that_fails_is_no_denial_of_dane() {
    for (error, dnssec, id) in [
        (LookupError::Servfail, Dnssec::Indeterminate, "tlsa-lookup-failed"),
        (LookupError::Timeout, Dnssec::Indeterminate, "tlsa-lookup-failed"),
        (LookupError::Bogus, Dnssec::Bogus, "dnssec-invalid"),
    ] {
        let mut evidence = promising(("example.net", HOST), [V4, V6], [GOOD, GOOD], dnssec);
        evidence.routes[0].dnssec = Dnssec::Secure;
        let answer = evidence.routes[0].exchanges[0].tlsa.as_mut().unwrap();
        answer.error = Some(error);
        answer.records.clear();
        let report = judged(&evidence, &[]);
        assert_eq!(claim(&report), (Status::Intact, None), "{error:?}");
        assert!(ids(&report).contains(&id), "{:?}", ids(&report));
        assert!(report.findings[0].severity >= Severity::Warning, "{:?}", report.findings);
        let summary = &report.verdict.summary;
        assert!(summary.contains("senders that do DANE do not deliver"), "{summary}");
        let dane = report.observations[0].tls.as_ref().unwrap().dane.as_ref().unwrap();
        assert_eq!(dane.status, DaneStatus::Bogus);
    }
}

/// A DANE sender delays, and any other behind a validating resolver gets no answer.
#[test]
fn a_bogus_mx_answer_is_in_the_first_sentence_of_an_intact_verdict() {
    let mut evidence = promising(("example.net", HOST), [V4, V6], [GOOD, GOOD], Dnssec::Bogus);
    evidence.routes[0].exchanges[0].tlsa = None;
    let report = judged(&evidence, &[]);
    assert_eq!(claim(&report), (Status::Intact, None));
    assert_eq!(report.findings[0].id, "dns-bogus");
    assert_eq!(report.findings[0].severity, Severity::Warning);
    assert!(report.findings[0].explanation.contains("do not deliver"));
    let summary = &report.verdict.summary;
    assert!(summary.contains("; but senders behind a validating resolver do not"), "{summary}");
}

#[test]
fn one_host_of_two_that_may_not_be_used_is_passed_over() {
    let (other, ip) = ("mx2.example.net", "203.0.113.2");
    let all = [seen(HOST, V4, GOOD), seen(other, ip, GOOD)];
    let mut route = route(vec![exchange(HOST, &all), exchange(other, &all)]);
    route.dnssec = Dnssec::Secure;
    route.exchanges[1].tlsa = Some(TlsaAnswer {
        base_domain: other.to_owned(),
        dnssec: Dnssec::Bogus,
        error: Some(LookupError::Bogus),
        records: Vec::new(),
    });
    let summary = judged(&evidence("example.net", route, &all, BOTH), &[]).verdict.summary;
    let end = "; but the signatures of the address or TLSA answer for mx2.example.net do not hold, \
               and senders that do DANE pass over it";
    assert!(summary.ends_with(end), "{summary}");
    let healthy = promising(("example.net", HOST), [V4, V6], [GOOD, GOOD], Dnssec::Secure);
    let summary = judged(&healthy, &[]).verdict.summary;
    assert!(!summary.contains("but"), "{summary}");
}
