//! What a domain promises by MTA-STS and TLSRPT: looked up, fetched, read, and its
//! faults said.

use std::net::IpAddr;

use mxray::model::finding::{Finding, Severity};
use mxray::model::report::{PolicyStatus, TargetReport};
use mxray::model::verdict::Status;
use mxray::report::{json, text};
use mxray::sim::dns::{Fault, RecordType};
use mxray::sim::internet::Internet;
use mxray::sim::pki::Flaw;
use mxray::sim::policy_host::{Answer, PolicyHost};
use mxray::sim::published::Published;
use mxray::sim::server::{Profile, Software, Starttls};
use mxray::survey::Event;
use mxray::vantage::recorded;

use crate::common::{self, Asking, DOMAIN, HOST, addresses, ids, report_on};

const RECORD: &str = "v=STSv1; id=20261122;";
const POLICY: &str = "version: STSv1\r\nmode: enforce\r\nmx: *.example.net\r\nmax_age: 604800\r\n";
const REPORTS: &str = "v=TLSRPTv1; rua=mailto:tls@example.net,https://reports.example.net/v1";

fn policy_addresses() -> [IpAddr; 2] {
    ["192.0.2.80".parse().unwrap(), "2001:db8::80".parse().unwrap()]
}

fn healthy() -> Internet {
    Internet::builder().domain(DOMAIN, &[(10, HOST)]).host(
        HOST,
        addresses(),
        Profile::new(Software::Postfix, HOST),
    )
}

/// A healthy domain with these texts at `_mta-sts`.
fn announcing(records: &[&str]) -> Internet {
    healthy().dns(|zone| {
        for record in records {
            zone.txt(&format!("_mta-sts.{DOMAIN}"), record);
        }
    })
}

/// A healthy domain that announces the policy of this host.
fn with(host: PolicyHost) -> Internet {
    announcing(&[RECORD]).policy_host(DOMAIN, policy_addresses(), host)
}

async fn judged(internet: Internet) -> TargetReport {
    let report = report_on(internet, Asking::default()).await;
    assert_eq!(report.verdict.status, Status::Intact, "{:?}", report.findings);
    report
}

fn finding<'a>(report: &'a TargetReport, id: &str) -> &'a Finding {
    report.findings.iter().find(|finding| finding.id == id).unwrap()
}

/// The one finding of a domain that is healthy but for its policy.
async fn only_finding(internet: Internet, id: &str) -> String {
    let report = judged(internet).await;
    assert_eq!(ids(&report), [id]);
    assert_eq!(report.policies.mta_sts.status, PolicyStatus::Error);
    assert!(report.policies.mta_sts.mode.is_none() && report.policies.mta_sts.hosts.is_empty());
    let finding = finding(&report, id);
    assert_eq!((finding.severity, finding.confidence), (Severity::Warning, None));
    finding.explanation.clone()
}

#[tokio::test]
async fn a_promise_in_good_order_is_reported_without_a_finding() {
    let running = with(PolicyHost::serving(POLICY))
        .dns(|zone| {
            zone.txt(&format!("_smtp._tls.{DOMAIN}"), REPORTS);
        })
        .start()
        .await
        .unwrap();
    let evidence = common::survey(&running, DOMAIN, Asking::default()).await;
    let report = common::judged(&running, &evidence);
    assert_eq!(ids(&report), [""; 0]);
    let sts = &report.policies.mta_sts;
    assert_eq!(sts.status, PolicyStatus::Present);
    assert_eq!(sts.id.as_deref(), Some("20261122"));
    assert_eq!((sts.mode.as_deref(), sts.max_age), (Some("enforce"), Some(604_800)));
    assert_eq!(sts.mx, ["*.example.net"]);
    let hosts: Vec<_> = sts.hosts.iter().map(|host| (host.host.as_str(), host.listed)).collect();
    assert_eq!(hosts, [(HOST, true)]);
    assert_eq!(report.policies.tls_rpt.status, PolicyStatus::Present);
    let rua = ["mailto:tls@example.net", "https://reports.example.net/v1"];
    assert_eq!(report.policies.tls_rpt.rua, rua);
}

#[tokio::test]
async fn saved_evidence_is_judged_again_to_the_same_promise() {
    let running = with(PolicyHost::serving(POLICY)).start().await.unwrap();
    let evidence = common::survey(&running, DOMAIN, Asking::default()).await;
    let report = common::judged(&running, &evidence);
    let text = serde_json::to_string(&report).unwrap();
    let saved: TargetReport = serde_json::from_str(&text).unwrap();
    let again = recorded::evidence(&whole(saved)).unwrap();
    assert_eq!(again.targets[0].policies, evidence.policies);
    assert_eq!(common::judged(&running, &again.targets[0]).policies, report.policies);
    // Without the certificates nobody can tell: no promise, and no fault.
    let bare = recorded::evidence(&json::strip_evidence(whole(report))).unwrap_err();
    assert!(bare.to_string().contains("transcript"), "{bare}");
}

/// A report of one target as text.
fn page(report: &TargetReport) -> String {
    let style =
        text::Style { width: 100, colour: false, transcript: false, verbose: 0, postfix: false };
    text::render(&whole(report.clone()), &style)
}

/// A report of one target, with what the sample reports have around it.
fn whole(target: TargetReport) -> mxray::model::report::Report {
    let run = serde_json::json!({
        "tool": "mxray", "started_at": "2026-11-21T23:00:00Z", "duration_ms": 1, "ehlo_names": [],
        "trust": {"roots": "webpki-roots", "version": null, "extra_ca_sha256": [], "extra_ca_pem": null},
        "verify_name": null, "vantages": [], "interrupted": false,
    });
    let schema = mxray::model::report::SCHEMA.to_owned();
    let run = serde_json::from_value(run).unwrap();
    mxray::model::report::Report { schema, run, targets: vec![target], controls: Vec::new() }
}

#[tokio::test]
async fn a_domain_without_records_has_promised_nothing() {
    let report = judged(healthy()).await;
    assert_eq!(report.policies.mta_sts.status, PolicyStatus::Absent);
    assert_eq!(report.policies.tls_rpt.status, PolicyStatus::Absent);
    assert!(report.policies.mta_sts.fetch.is_none(), "nothing announces a policy");
    assert_eq!(ids(&report), [""; 0]);
}

#[tokio::test]
async fn a_host_that_was_named_is_not_asked_for_promises() {
    let running = with(PolicyHost::serving(POLICY)).start().await.unwrap();
    let report = common::report(&running, &format!("[{HOST}]"), Asking::default()).await;
    assert_eq!(report.policies.mta_sts.status, PolicyStatus::NotAsked);
    assert_eq!(report.policies.tls_rpt.status, PolicyStatus::NotAsked);
}

#[tokio::test]
async fn exactly_one_record_announces_a_policy() {
    let served = |records: &[&str]| {
        announcing(records).policy_host(DOMAIN, policy_addresses(), PolicyHost::serving(POLICY))
    };
    let two = served(&[RECORD, "v=STSv1; id=2;"]);
    assert!(only_finding(two, "sts-record-invalid").await.contains("2 TXT records"));
    let no_id = served(&["v=STSv1;"]);
    assert!(only_finding(no_id, "sts-record-invalid").await.contains("no id"));
    let beside = judged(served(&[RECORD, "v=spf1 -all"])).await;
    assert_eq!(beside.policies.mta_sts.status, PolicyStatus::Present);
}

#[tokio::test]
async fn a_record_in_several_strings_is_read_without_anything_between() {
    // The name server cuts texts into strings of 255 octets.
    let padding = format!("x-pad={}", "y".repeat(300));
    let record = format!("v=STSv1; {padding}; id=longest;");
    let internet =
        announcing(&[&record]).policy_host(DOMAIN, policy_addresses(), PolicyHost::serving(POLICY));
    let report = judged(internet).await;
    assert_eq!(report.policies.mta_sts.id.as_deref(), Some("longest"));
    assert_eq!(report.policies.mta_sts.status, PolicyStatus::Present);
}

#[tokio::test]
async fn a_lookup_that_failed_is_not_the_absence_of_a_promise() {
    let internet = healthy().dns(|zone| {
        zone.fault(&format!("_mta-sts.{DOMAIN}"), Some(RecordType::TXT), Fault::Servfail);
        zone.fault(&format!("_smtp._tls.{DOMAIN}"), Some(RecordType::TXT), Fault::Servfail);
    });
    let report = judged(internet).await;
    assert_eq!(report.policies.mta_sts.status, PolicyStatus::Error);
    assert_eq!(report.policies.tls_rpt.status, PolicyStatus::Error);
    assert_eq!(ids(&report), ["policy-lookup-failed"; 2]);
    let said = &finding(&report, "policy-lookup-failed").explanation;
    assert!(
        said.contains("the resolver failed (SERVFAIL)") && said.contains("is not known"),
        "{said}"
    );
}

#[tokio::test]
async fn every_fault_of_a_policy_host_is_a_finding_that_says_which() {
    let at = format!("https://mta-sts.{DOMAIN}/.well-known/mta-sts.txt: ");
    let html = [("Content-Type", "text/html")];
    let huge = vec![b'x'; 10 * 1024 * 1024];
    for (host, id, words) in [
        (
            PolicyHost::responding(302, &[("Location", "/elsewhere")], ""),
            "sts-policy-redirected",
            "(302) to \"/elsewhere\"",
        ),
        (PolicyHost::responding(404, &[], ""), "sts-policy-status", "status 404"),
        (PolicyHost::responding(200, &html, POLICY), "sts-policy-media-type", "\"text/html\""),
        (PolicyHost::serving(huge), "sts-policy-too-long", "65536 octets"),
        (PolicyHost::answering(Answer::Endless), "sts-policy-too-long", "65536 octets"),
        (PolicyHost::answering(Answer::Raw(b"junk".to_vec())), "sts-policy-fetch-error", "HTTP: "),
        (PolicyHost::serving("<html>"), "sts-policy-invalid", "line 1 of the policy: \"<html>\""),
        (PolicyHost::serving(POLICY.replace("604800", "31557601")), "sts-policy-invalid", "line 4"),
    ] {
        let said = only_finding(with(host), id).await;
        assert!(said.starts_with(&at) && said.contains(words), "{id}: {said}");
    }
}

#[tokio::test]
async fn a_policy_host_with_a_certificate_for_another_name_has_no_policy() {
    let host = PolicyHost::serving(POLICY).flawed(Flaw::WrongName);
    let said = only_finding(with(host), "sts-webpki-invalid").await;
    assert!(said.contains("(other name)") && said.contains("somebody-else.example.org"), "{said}");
    let host = PolicyHost::serving(POLICY).flawed(Flaw::Expired);
    assert!(only_finding(with(host), "sts-webpki-invalid").await.contains("expired"));
}

#[tokio::test]
async fn a_policy_host_that_sends_30_certificates_has_a_policy_and_is_told() {
    let host = PolicyHost::serving(POLICY).flawed(Flaw::LongChain);
    let report = judged(with(host)).await;
    assert_eq!(report.policies.mta_sts.status, PolicyStatus::Present);
    assert_eq!(ids(&report), ["certificate-chain-too-long"]);
    let said = &report.findings[0];
    assert_eq!(said.subject.host.as_deref(), Some("mta-sts.example.net"));
    assert!(said.explanation.contains("a chain of 30 certificates"), "{}", said.explanation);
}

#[tokio::test]
async fn a_policy_host_without_address_is_a_fetch_that_failed() {
    let said = only_finding(announcing(&[RECORD]), "sts-policy-fetch-error").await;
    assert!(said.contains("mta-sts.example.net has no address"), "{said}");
}

/// No packet leaves: the dialler of these tests has no host at a public address.
#[tokio::test]
async fn a_public_domain_does_not_lead_us_to_a_web_server_behind_our_firewall() {
    let public = "mx2.example.net";
    let internet = with(PolicyHost::serving(POLICY)).domain(DOMAIN, &[(20, public)]).dns(|zone| {
        zone.address(public, "8.8.8.8".parse().unwrap());
    });
    let report = report_on(internet, Asking::default()).await;
    let fetch = report.policies.mta_sts.fetch.as_ref().unwrap();
    assert_eq!((fetch.http_status, fetch.attempts.len()), (None, 2));
    for attempt in &fetch.attempts {
        assert!(attempt.error.as_ref().unwrap().contains("special-purpose"), "{attempt:?}");
    }
    let said = &finding(&report, "sts-policy-fetch-error").explanation;
    assert!(said.contains("special-purpose address"), "{said}");
}

#[tokio::test]
async fn an_mx_host_that_the_policy_does_not_list_is_said() {
    for (mode, consequence) in [("enforce", "do not deliver"), ("testing", "report it")] {
        let policy = POLICY.replace("*.example.net", DOMAIN).replace("enforce", mode);
        let report = report_on(with(PolicyHost::serving(policy)), Asking::default()).await;
        // Of a policy that is enforced nobody is left to deliver to.
        let expected = if mode == "enforce" { Status::PolicyFailed } else { Status::Intact };
        assert_eq!(report.verdict.status, expected, "{mode}");
        let listed: Vec<bool> =
            report.policies.mta_sts.hosts.iter().map(|host| host.listed).collect();
        assert_eq!(listed, [false], "the pattern is compared with the host, not the domain");
        let found = finding(&report, "sts-mx-not-listed");
        if mode == "enforce" {
            let page = page(&report);
            assert_eq!(page.matches("lists none of its MX hosts").count(), 1, "{page}");
            assert!(!page.contains("Because:"), "{page}");
        }
        let critical = found.severity == Severity::Critical;
        assert_eq!(critical, mode == "enforce", "{mode}: {:?}", found.severity);
        assert_eq!(found.subject.host.as_deref(), Some(HOST));
        assert!(found.explanation.contains(consequence), "{}", found.explanation);
    }
}

/// RFC 8461 §4.2. The MX host fits the pattern, and so does its certificate, which
/// is for another host.
#[tokio::test]
async fn a_certificate_is_judged_for_the_mx_host_and_not_for_the_pattern() {
    let alias = "alias.example.net";
    let internet = Internet::builder()
        .domain(DOMAIN, &[(10, alias)])
        .host(HOST, addresses(), Profile::new(Software::Postfix, HOST))
        .dns(|zone| {
            zone.cname(alias, HOST).txt(&format!("_mta-sts.{DOMAIN}"), RECORD);
        })
        .policy_host(DOMAIN, policy_addresses(), PolicyHost::serving(POLICY));
    let report = report_on(internet, Asking::default()).await;
    assert!(report.policies.mta_sts.hosts.iter().all(|host| host.listed));
    assert_eq!(report.verdict.status, Status::PolicyFailed, "{:?}", report.findings);
    let said = &finding(&report, "sts-mx-certificate-invalid").explanation;
    assert!(said.contains(alias) && said.contains("certificate-host-mismatch"), "{said}");
}

/// The text report of a domain that promises by DANE and, in mode enforce, by MTA-STS.
async fn promising_twice(profile: Profile, published: Published) -> (TargetReport, String) {
    let internet = Internet::builder()
        .domain(DOMAIN, &[(10, HOST)])
        .host(HOST, addresses(), profile)
        .tlsa(HOST, published)
        .dns(|zone| {
            zone.txt(&format!("_mta-sts.{DOMAIN}"), RECORD);
        })
        .policy_host(DOMAIN, policy_addresses(), PolicyHost::serving(POLICY));
    let report = report_on(internet, Asking::default()).await;
    let page = page(&report);
    assert!(page.contains("DANE: TLSA records of mx.example.net."), "{page}");
    assert!(!page.contains("a reason named"), "{page}");
    (report, page)
}

#[tokio::test]
async fn no_offer_breaks_both_promises_in_one_finding() {
    let hidden = Profile { starttls: Starttls::Hidden, ..Profile::new(Software::Postfix, HOST) };
    let (report, page) = promising_twice(hidden, Published::EveryKey).await;
    assert_eq!(report.verdict.status, Status::PolicyFailed);
    let found: Vec<_> =
        report.findings.iter().filter(|one| one.id == "starttls-not-supported").collect();
    assert_eq!(found.len(), addresses().len(), "{found:?}");
    for finding in found {
        let said = &finding.explanation;
        assert!(said.starts_with("DANE and MTA-STS promise TLS for mx.example.net, "), "{said}");
    }
    assert!(page.contains("DANE and MTA-STS promise TLS"), "{page}");
}

#[tokio::test]
async fn a_leaf_that_is_no_certificate_keeps_no_promise() {
    let unreadable =
        Profile { flaw: Flaw::UnreadableLeaf, ..Profile::new(Software::Postfix, HOST) };
    let (report, _) = promising_twice(unreadable, Published::OldKey).await;
    assert_eq!(report.verdict.status, Status::PolicyFailed, "{:?}", report.findings);
    for id in ["validation-failure", "sts-mx-certificate-invalid", "certificate-malformed"] {
        assert!(ids(&report).contains(&id), "{id}: {:?}", report.findings);
    }
}

#[tokio::test]
async fn a_mode_that_protects_nothing_is_a_notice() {
    let none = "version: STSv1\nmode: none\nmax_age: 0\n".to_owned();
    for (policy, mode) in [(POLICY.replace("enforce", "testing"), "testing"), (none, "none")] {
        let report = judged(with(PolicyHost::serving(policy))).await;
        assert_eq!(report.policies.mta_sts.mode.as_deref(), Some(mode));
        assert_eq!(ids(&report), ["sts-not-enforced"]);
        assert_eq!(finding(&report, "sts-not-enforced").severity, Severity::Notice);
    }
}

#[tokio::test]
async fn a_report_address_that_is_none_is_said() {
    let record = "v=TLSRPTv1; rua=mailto:tls@example.net,tls@example.net";
    let internet = healthy().dns(|zone| {
        zone.txt(&format!("_smtp._tls.{DOMAIN}"), record);
    });
    let report = judged(internet).await;
    assert_eq!(report.policies.tls_rpt.rua, ["mailto:tls@example.net"]);
    assert_eq!(ids(&report), ["tls-rpt-record-invalid"]);
}

/// No session waits for a policy host that never answers, and Ctrl-C keeps the rest.
#[tokio::test]
async fn an_interrupted_fetch_keeps_the_records_and_is_no_fault() {
    let host = PolicyHost::answering(Answer::Silent);
    let running = with(host).start().await.unwrap();
    let done = |ip| Event::Done { host: HOST.to_owned(), ip };
    let mut awaited = addresses().map(done).to_vec();
    awaited.push(Event::FetchingPolicy { target: DOMAIN.to_owned() });
    let evidence = common::survey_until(&running, DOMAIN, Asking::default(), awaited).await;
    let report = common::judged(&running, &evidence);
    assert_eq!(report.verdict.status, Status::Intact, "{:?}", report.findings);
    assert_eq!(ids(&report), [""; 0]);
    let sts = &report.policies.mta_sts;
    assert_eq!((sts.status, sts.id.as_deref()), (PolicyStatus::NotAsked, None));
    assert_eq!(sts.record.as_ref().unwrap().records, [RECORD]);
    assert!(sts.fetch.is_none());
}

#[tokio::test]
async fn the_text_says_what_was_promised_and_nothing_raw() {
    let policy = POLICY.replace("max_age: ", "x: \u{1b}[2J\r\nmax_age: ");
    let report = judged(with(PolicyHost::serving(policy))).await;
    let page = page(&report);
    assert!(page.contains("Promises"), "{page}");
    assert!(!page.contains('\u{1b}'), "{page}");
}
