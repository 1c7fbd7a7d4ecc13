//! Certificates that nobody should present, over real handshakes: a finding with the
//! reason, never a crash, never silence.

use mxray::model::finding::Finding;
use mxray::model::report::TargetReport;
use mxray::model::verdict::Status;
use mxray::sim::internet::Internet;
use mxray::sim::pki::Flaw;
use mxray::sim::server::{Profile, Software};

use crate::common::{self, Asking, DOMAIN, HOST, addresses};

const SECOND: &str = "mx2.example.net";

fn flawed(host: &str, flaw: Flaw) -> Profile {
    Profile { flaw, ..Profile::new(Software::Postfix, host) }
}

/// The report on one server at both addresses.
async fn presenting(flaw: Flaw) -> TargetReport {
    let internet = Internet::builder().domain(DOMAIN, &[(10, HOST)]);
    common::report_on(internet.host(HOST, addresses(), flawed(HOST, flaw)), Asking::default()).await
}

#[track_caller]
fn finding<'a>(report: &'a TargetReport, id: &str) -> &'a Finding {
    let found = report.findings.iter().find(|finding| finding.id == id);
    found.ok_or_else(|| format!("no {id}: {:?}", common::ids(report))).unwrap()
}

#[tokio::test]
async fn an_unparsable_leaf_is_said_to_be_one() {
    let report = presenting(Flaw::UnreadableLeaf).await;
    assert_eq!(report.verdict.status, Status::Intact, "mail is encrypted all the same");
    let text = &finding(&report, "certificate-malformed").explanation;
    assert!(text.ends_with("cannot be read as X.509."), "{text}");
    let leaf = &report.observations[0].tls.as_ref().unwrap().chain[0];
    assert_eq!((leaf.subject.as_ref(), leaf.scts), (None, None));
    assert!(leaf.der.is_some());
}

#[tokio::test]
async fn an_unparsable_link_is_not_passed_over() {
    let report = presenting(Flaw::UnreadableLink).await;
    let text = &finding(&report, "certificate-malformed").explanation;
    assert!(text.contains("2 certificates, of which number 2 cannot be read"), "{text}");
    assert!(common::ids(&report).contains(&"certificate-chain-incomplete"));
}

#[tokio::test]
async fn a_chain_of_30_certificates_is_valid_and_told() {
    let report = presenting(Flaw::LongChain).await;
    assert_eq!(report.verdict.status, Status::Intact);
    assert_eq!(common::ids(&report), ["certificate-chain-too-long"; 2]);
    assert!(report.findings[0].explanation.contains("30 certificates"));
}

#[tokio::test]
async fn a_certificate_of_64_kib_has_its_reason() {
    let report = presenting(Flaw::Huge).await;
    assert_eq!(report.verdict.status, Status::TlsBroken);
    let text = &finding(&report, "handshake-failed").explanation;
    assert!(text.contains("protocol error"), "{text}");
    assert!(text.contains("(handshake payload too large)"), "{text}");
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told_with_its_lifetime() {
    let report = presenting(Flaw::EndsSoon).await;
    assert_eq!(report.verdict.status, Status::Intact);
    let text = &finding(&report, "certificate-expires-soon").explanation;
    assert!(text.contains("out of the 90 days"), "{text}");
}

#[tokio::test]
async fn a_link_that_another_host_sends_would_complete_the_chain() {
    let [v4, v6] = addresses();
    let internet = Internet::builder()
        .domain(DOMAIN, &[(10, HOST), (20, SECOND)])
        .host(HOST, [v4], flawed(HOST, Flaw::MissingIntermediate))
        .host(SECOND, [v6], flawed(SECOND, Flaw::None));
    let report = common::report_on(internet, Asking::default()).await;
    let finding = finding(&report, "certificate-chain-incomplete");
    let which = "mxray pretend intermediate\", which mx2.example.net [2001:db8:203::1] sends.";
    assert!(finding.explanation.ends_with(which), "{}", finding.explanation);
    assert_eq!(finding.evidence.len(), 2, "{:?}", finding.evidence);

    let alone = presenting(Flaw::MissingIntermediate).await;
    let text = &self::finding(&alone, "certificate-chain-incomplete").explanation;
    assert!(!text.contains("complete with"), "{text}");
}

#[tokio::test]
async fn a_node_that_a_renewal_did_not_reach_is_named() {
    let [v4, v6] = addresses();
    let internet = Internet::builder()
        .domain(DOMAIN, &[(10, HOST)])
        .host(HOST, [v4], flawed(HOST, Flaw::Expired))
        .host(HOST, [v6], flawed(HOST, Flaw::None));
    let report = common::report_on(internet, Asking::default()).await;
    let text = &finding(&report, "certificate-expired").explanation;
    assert!(text.ends_with("so this node was left behind."), "{text}");
    let both = presenting(Flaw::Expired).await;
    let text = &finding(&both, "certificate-expired").explanation;
    assert!(!text.contains("left behind"), "{text}");
}
