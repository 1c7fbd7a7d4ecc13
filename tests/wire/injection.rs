//! The test for command injection, against servers that are and are not prone to it.

use mxray::model::injection::InjectionOutcome;
use mxray::model::probe::Role;
use mxray::model::report::TargetReport;
use mxray::model::transcript::EventKind;
use mxray::model::verdict::Status;
use mxray::plan::Closer;
use mxray::sim::internet::Internet;
use mxray::sim::server::{Profile, Software, Starttls};
use mxray::smtp::dialogue::INJECTION;

use crate::common::{self, Asking, DOMAIN, HOST, addresses, ids};

fn serving(starttls: Starttls) -> Internet {
    let mut profile = Profile::new(Software::Postfix, HOST);
    profile.starttls = starttls;
    Internet::builder().domain(DOMAIN, &[(10, HOST)]).host(HOST, addresses(), profile)
}

fn injecting() -> Asking {
    let closer = Closer { injection: true, range: false };
    Asking { closer, ..Asking::default() }
}

fn outcomes(report: &TargetReport) -> Vec<InjectionOutcome> {
    report.injections.iter().flatten().map(|test| test.outcome).collect()
}

#[tokio::test]
async fn a_prone_server_is_found_and_its_verdict_stays() {
    let report = common::report_on(serving(Starttls::InjectionProne), injecting()).await;
    assert_eq!(outcomes(&report), [InjectionOutcome::Vulnerable; 2]);
    assert_eq!(ids(&report), ["command-injection", "command-injection"]);
    assert_eq!(report.verdict.status, Status::Intact);
    assert_eq!((report.verdict.reached, report.verdict.addresses), (2, 2));
    let judged: u32 = report.cells.iter().map(|cell| cell.of).sum();
    assert_eq!(judged, 2, "the sessions that inject are in no cell");
}

#[tokio::test]
async fn a_sound_server_is_cleared() {
    let report = common::report_on(serving(Starttls::Works), injecting()).await;
    assert_eq!(outcomes(&report), [InjectionOutcome::Clear; 2]);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[tokio::test]
async fn where_no_tls_works_nothing_is_injected() {
    let report = common::report_on(serving(Starttls::Hidden), injecting()).await;
    assert_eq!(report.injections, None);
    assert!(report.observations.iter().all(|seen| seen.probe.role == Role::Target));
}

#[tokio::test]
async fn injects_only_when_asked_to_and_shows_the_one_write() {
    let running = serving(Starttls::InjectionProne).start().await.unwrap();
    for (asking, expected) in [(Asking::default(), 0), (injecting(), 2)] {
        let evidence = common::survey(&running, DOMAIN, asking).await;
        let events = evidence.observations.iter().flat_map(|seen| &seen.transcript.events);
        let sent = events.filter_map(|event| match &event.kind {
            EventKind::Sent(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        let noops: Vec<_> =
            sent.filter(|bytes| bytes.windows(4).any(|word| word == b"NOOP")).collect();
        assert_eq!(noops, vec![INJECTION; expected]);
    }
}
