//! Every item of the middlebox menu, on the IPv4 path, against four kinds of
//! server, with the IPv6 path clean.

use std::sync::Arc;

use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::{Internet, Path};
use mxray::sim::middlebox::{Behaviour, Refusal, Scope};
use mxray::sim::server::{Profile, Software};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::common::{self, Asking, DOMAIN, HOST, addresses};

const SERVERS: [Software; 4] =
    [Software::Postfix, Software::Exim, Software::OpenSmtpd, Software::Sendmail];

/// Pretend internets at once: waiting for silence costs no processor.
const AT_ONCE: usize = 12;

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

/// What may be claimed from one vantage, with repeats, no promise and no control.
fn expected(behaviour: Behaviour, software: Software) -> (Status, Option<Confidence>) {
    match behaviour {
        // Injected bytes are a finding; a command injected behind ours meets a
        // server that does not fall for it.
        Behaviour::Pass | Behaviour::Inject | Behaviour::InjectCommand => (Status::Intact, None),
        // Seen by family only, a foreign key can be a second machine's.
        Behaviour::ForeignCertificate | Behaviour::ForeignCertificateClear => {
            (Status::Inconsistent, Some(Confidence::Suspected))
        }
        // A mask of Cisco's, or one that the other family decodes, and STARTTLS
        // accepted behind it.
        Behaviour::MaskKeyword | Behaviour::MaskKeywordX => {
            (Status::Stripped, Some(Confidence::Proven))
        }
        // The command is overwritten too: proof where the server quotes it.
        Behaviour::MaskAll if software == Software::Sendmail => {
            (Status::Stripped, Some(Confidence::Proven))
        }
        // Not offered, and accepted with the key that the other family shows.
        Behaviour::DropKeyword | Behaviour::RefuseEhlo => {
            (Status::Stripped, Some(Confidence::Corroborated))
        }
        // Lost over one family: a second listener explains that as well.
        _ => (Status::Stripped, Some(Confidence::Suspected)),
    }
}

async fn ask(software: Software, behaviour: Behaviour) -> Option<String> {
    let running = internet(software)
        .box_on(Path::Family(Family::Ipv4), behaviour, Scope::default())
        .start()
        .await
        .unwrap();
    let report = common::report(&running, DOMAIN, asking(behaviour)).await;
    let came: u64 = running.boxes().iter().map(|middlebox| middlebox.counts().0).sum();
    assert!(came > 0, "{behaviour} was not on the path");
    let found = (report.verdict.status, report.verdict.confidence);
    let summary = &report.verdict.summary;
    let grounds = mxray::judge::CLAIMS.claims.iter();
    let allowed = grounds.filter(|ground| ground.allows(&report.verdict)).count();
    assert!(allowed > 0, "no ground in the table: {:?}", report.verdict);
    (found != expected(behaviour, software))
        .then(|| format!("{software:?} {behaviour}: {found:?}: {summary}"))
}

#[tokio::test]
async fn every_item_of_the_menu_on_the_ipv4_path() {
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let mut work = JoinSet::new();
    for software in SERVERS {
        for behaviour in Behaviour::ALL {
            let at_once = at_once.clone();
            work.spawn(async move {
                let _permit = at_once.acquire_owned().await;
                ask(software, behaviour).await
            });
        }
    }
    let outcomes = work.join_all().await;
    assert_eq!(outcomes.len(), SERVERS.len() * Behaviour::ALL.len());
    let wrong: Vec<String> = outcomes.into_iter().flatten().collect();
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
    assert!(report.observations[0].starttls.residue_bytes > Some(0));
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
        // Two surveys, two times.
        let cells = |report: &mxray::model::report::TargetReport| {
            let mut cells = report.cells.clone();
            for cell in &mut cells {
                (cell.since, cell.until) = (None, None);
            }
            cells
        };
        assert_eq!(cells(&plain), cells(&passed));
        let talk = |report: &mxray::model::report::TargetReport| {
            let all = report.observations.iter().flat_map(|observation| &observation.transcript);
            all.flatten().filter_map(|entry| entry.text.clone()).collect::<Vec<_>>()
        };
        assert_eq!(talk(&plain), talk(&passed));
    }
}
