//! Peers that are no mail servers: a line that says what was seen, within the
//! time-out, memory flat, the other address unharmed.

use std::time::Duration;

use mxray::model::session::Stage;
use mxray::model::verdict::Status;
use mxray::sim::internet::Internet;
use mxray::sim::server::{Hostile, Profile, Software};
use mxray::survey::Event;
use tokio::task::JoinSet;

use crate::common::{self, Asking, DOMAIN, HOST, addresses};

/// More than any transcript of one session may hold: five capped replies.
const MOST_BYTES: usize = 5 * 64 * 1024;

/// Far more than the limits of [`Asking::impatient`], for a busy machine.
const LONGEST: Duration = Duration::from_mins(5);

#[tokio::test]
async fn hostile_peers_are_told_apart_and_harm_nobody() {
    // Together: most of it is waiting for silence to end.
    let mut work = JoinSet::new();
    for hostile in Hostile::ALL {
        work.spawn(harms_nobody(hostile));
    }
    work.join_all().await;
}

#[expect(clippy::indexing_slicing, reason = "an address that is not there fails the test")]
async fn harms_nobody(hostile: Hostile) {
    let [v4, v6] = addresses();
    let running = Internet::builder()
        .domain(DOMAIN, &[(10, HOST)])
        .host(HOST, [v4], hostile)
        .host(HOST, [v6], Profile::new(Software::Postfix, HOST))
        .start()
        .await
        .unwrap();
    let asking = common::report(&running, DOMAIN, Asking::impatient());
    let report = tokio::time::timeout(LONGEST, asking).await;
    assert!(report.is_ok(), "{hostile:?}: still asking");
    let report = report.unwrap();
    let (sick, well) = (&report.hosts[0].addresses[0], &report.hosts[0].addresses[1]);
    assert_eq!(well.verdict.status, Status::Intact, "{hostile:?}");
    assert_ne!(report.verdict.status, Status::Stripped, "{hostile:?}: no evidence of that");
    let entries = report.observations[0].transcript.iter().flatten();
    let bytes: usize = entries
        .map(|entry| {
            let text = entry.text.as_ref().map_or(0, String::len);
            text + entry.base64.as_ref().map_or(0, String::len)
        })
        .sum();
    assert!(bytes < MOST_BYTES, "{hostile:?}: {bytes} bytes");
    if hostile == Hostile::Nuls {
        return;
    }
    assert!(
        matches!(sick.verdict.status, Status::Unreachable | Status::Inconclusive),
        "{hostile:?}: {:?}",
        sick.verdict
    );
    let finding = &report.findings[0];
    assert!(finding.explanation.contains(HOST), "{hostile:?}: {}", finding.explanation);
}

/// Ctrl-C while an address keeps us waiting for its greeting.
#[tokio::test]
async fn an_interrupted_survey_keeps_what_was_heard() {
    let [v4, v6] = addresses();
    let running = Internet::builder()
        .domain(DOMAIN, &[(10, HOST)])
        .host(HOST, [v4], Hostile::NeverAnswers)
        .host(HOST, [v6], Profile::new(Software::Postfix, HOST))
        .start()
        .await
        .unwrap();
    let host = HOST.to_owned();
    let awaited = vec![
        Event::Stage { host: host.clone(), ip: v4, stage: Stage::Greeting },
        Event::Done { host, ip: v6 },
    ];
    let evidence = common::survey_until(&running, DOMAIN, Asking::default(), awaited).await;
    let report = common::judged(&running, &evidence);
    let [waiting, done] = report.observations.as_slice() else { panic!("{:?}", report.hosts) };
    assert_eq!(waiting.stages, [Stage::Connected]);
    assert_eq!(waiting.error.as_deref(), Some("interrupted"));
    assert!(done.stages.contains(&Stage::Quit));
    let [v4, v6] = report.hosts[0].addresses.as_slice() else { panic!("{:?}", report.hosts) };
    assert_eq!(v4.verdict.status, Status::Inconclusive);
    assert_eq!(v6.verdict.status, Status::Intact);
}
