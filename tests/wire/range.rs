//! The range of TLS that a server speaks, found by elimination.

use mxray::model::entries;
use mxray::model::evidence::Evidence;
use mxray::model::probe::ClientHello;
use mxray::model::range::TlsRange;
use mxray::model::report::{ObservationReport, TargetReport};
use mxray::model::verdict::Status;
use mxray::plan::Closer;
use mxray::sim::internet::Internet;
use mxray::sim::pki::TlsRange as Spoken;
use mxray::sim::server::{Profile, Software};

use crate::common::{self, Asking, DOMAIN, HOST, addresses, ids};

fn serving(change: impl FnOnce(&mut Profile)) -> Internet {
    let mut profile = Profile::new(Software::Postfix, HOST);
    change(&mut profile);
    Internet::builder().domain(DOMAIN, &[(10, HOST)]).host(HOST, addresses(), profile)
}

fn deep() -> Asking {
    let closer = Closer { injection: false, range: true };
    Asking { closer, ..Asking::default() }
}

fn one(report: &TargetReport) -> &TlsRange {
    let ranges = report.tls_ranges.as_ref().unwrap();
    assert_eq!(ranges.len(), 1, "one address a host");
    ranges.first().unwrap()
}

fn spoken(range: &TlsRange) -> Vec<(&str, Option<bool>, usize)> {
    let versions = range.versions.iter();
    versions.map(|one| (one.version.as_str(), one.accepted, one.suites.len())).collect()
}

#[tokio::test]
async fn a_modern_server_speaks_what_its_library_does() {
    let report = common::report_on(serving(|_| {}), deep()).await;
    let range = one(&report);
    assert!(range.complete, "{range:#?}");
    let no = |version| (version, Some(false), 0);
    // rustls with an ECDSA key: three suites of TLS 1.3, three of TLS 1.2.
    let expected = [
        ("TLSv1.3", Some(true), 3),
        ("TLSv1.2", Some(true), 3),
        no("TLSv1.1"),
        no("TLSv1.0"),
        no("SSLv3"),
    ];
    assert_eq!(spoken(range), expected);
    let mut groups = range.groups.clone().unwrap();
    groups.sort();
    assert_eq!(groups, ["X25519", "X25519MLKEM768", "secp256r1", "secp384r1"]);
    assert_eq!(range.compression, Some(false));
    assert_eq!(range.dh_bits, None, "rustls has no finite-field exchange");
    assert_eq!(report.verdict.status, Status::Intact);
    assert_eq!(ids(&report), [] as [&str; 0]);
    assert_eq!((report.verdict.reached, report.cells.len()), (2, 2), "no verdict rests on it");
}

#[tokio::test]
async fn a_server_without_tls_13_has_its_groups_asked_in_tls_12() {
    let report = common::report_on(serving(|profile| profile.tls = Spoken::TLS12), deep()).await;
    let range = one(&report);
    assert!(range.complete, "{range:#?}");
    let newest: Vec<_> = spoken(range).into_iter().take(2).collect();
    assert_eq!(newest, [("TLSv1.3", Some(false), 0), ("TLSv1.2", Some(true), 3)]);
    let mut groups = range.groups.clone().unwrap();
    groups.sort();
    assert_eq!(groups, ["X25519", "secp256r1", "secp384r1"]);
    assert_eq!(range.secure_renegotiation, Some(true));
    assert_eq!(range.extended_master_secret, Some(true));
    assert_eq!(ids(&report), ["tls13-missing"]);
}

#[tokio::test]
async fn saved_evidence_gives_the_same_table() {
    let running = serving(|_| {}).start().await.unwrap();
    let evidence = common::survey(&running, DOMAIN, deep()).await;
    let report = common::judged(&running, &evidence);
    let read = report.observations.iter().map(|one| entries::observation(one).unwrap());
    let again = common::judged(&running, &Evidence { observations: read.collect(), ..evidence });
    assert_eq!(one(&again), one(&report));
    assert_eq!(again.findings, report.findings);
}

#[tokio::test]
async fn without_being_asked_no_range_is_measured() {
    let report = common::report_on(serving(|_| {}), Asking::default()).await;
    assert_eq!(report.tls_ranges, None);
    let tailored = |one: &ObservationReport| one.probe.client_hello == ClientHello::Tailored;
    assert!(!report.observations.iter().any(tailored));
}
