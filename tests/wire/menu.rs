//! Every item of the middlebox menu, on the IPv4 path, against four kinds of
//! server, with the IPv6 path clean.

use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::{Internet, Path};
use mxray::sim::middlebox::{Behaviour, Refusal, Scope};
use mxray::sim::server::{Profile, Software};

use crate::common::{self, Asking, DOMAIN, HOST, addresses};

const SERVERS: [Software; 4] =
    [Software::Postfix, Software::Exim, Software::OpenSmtpd, Software::Sendmail];

fn internet(software: Software) -> Internet {
    Internet::builder().domain(DOMAIN, &[(10, HOST)]).host(
        HOST,
        addresses(),
        Profile::new(software, HOST),
    )
}

/// Silence needs somebody who stops waiting.
fn asking(behaviour: Behaviour) -> Asking {
    match behaviour {
        Behaviour::SilenceAfterStarttls | Behaviour::SilenceAtClientHello => Asking::impatient(),
        _ => Asking::default(),
    }
}

/// What may be claimed from one vantage, one run, no promise and no control.
fn expected(behaviour: Behaviour, software: Software) -> (Status, Option<Confidence>) {
    let suspected = (Status::Stripped, Some(Confidence::Suspected));
    let proven = (Status::Stripped, Some(Confidence::Proven));
    match behaviour {
        // The handshake works, whoever holds the other end: a foreign key needs
        // a second view of the same address, and injected bytes are a finding. A
        // command injected behind ours meets a server that does not fall for it.
        Behaviour::Pass
        | Behaviour::ForeignCertificate
        | Behaviour::ForeignCertificateClear
        | Behaviour::Inject
        | Behaviour::InjectCommand => (Status::Intact, None),
        // A mask of Cisco's, and STARTTLS accepted behind it.
        Behaviour::MaskKeyword => proven,
        // The command is overwritten too: proof where the server quotes it.
        Behaviour::MaskAll if software == Software::Sendmail => proven,
        _ => suspected,
    }
}

#[tokio::test]
async fn every_item_of_the_menu_on_the_ipv4_path() {
    let mut wrong = Vec::new();
    for software in SERVERS {
        for behaviour in Behaviour::ALL {
            let running = internet(software)
                .box_on(Path::Family(Family::Ipv4), behaviour, Scope::default())
                .start()
                .await
                .unwrap();
            let report = common::report(&running, DOMAIN, asking(behaviour)).await;
            let (seen, _) = running.boxes()[0].counts();
            assert!(seen > 0, "{behaviour} was not on the path");
            let found = (report.verdict.status, report.verdict.confidence);
            if found != expected(behaviour, software) {
                let summary = &report.verdict.summary;
                wrong.push(format!("{software:?} {behaviour}: {found:?}: {summary}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn both_paths_stripped_is_not_offered_from_one_vantage() {
    let behaviour = Behaviour::DropKeywordRefuse(Refusal::NotImplemented);
    let boxed = internet(Software::Postfix).box_on(Path::All, behaviour, Scope::default());
    let report = common::report_on(boxed, Asking::default()).await;
    assert_eq!(report.verdict.status, Status::NotOffered);
}

#[tokio::test]
async fn injected_bytes_are_kept_as_evidence_and_out_of_tls() {
    let boxed = internet(Software::Postfix).box_on(
        Path::Family(Family::Ipv4),
        Behaviour::Inject,
        Scope::default(),
    );
    let report = common::report_on(boxed, Asking::default()).await;
    assert!(common::ids(&report).contains(&"clear-text-after-220"));
    assert!(report.observations[0].starttls.residue_bytes > 0);
    assert!(report.observations[0].tls.as_ref().unwrap().failure.is_none());
}

#[tokio::test]
async fn a_box_that_changes_nothing_yields_what_no_box_yields() {
    for software in SERVERS {
        let plain = common::report_on(internet(software), Asking::default()).await;
        let boxed = internet(software).box_on(Path::All, Behaviour::Pass, Scope::default());
        let passed = common::report_on(boxed, Asking::default()).await;
        assert_eq!(plain.verdict, passed.verdict);
        assert_eq!(plain.findings, passed.findings);
        assert_eq!(plain.cells, passed.cells);
        let talk = |report: &mxray::model::report::TargetReport| {
            let all = report.observations.iter().flat_map(|observation| &observation.transcript);
            all.flatten().filter_map(|entry| entry.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(talk(&plain), talk(&passed));
    }
}
