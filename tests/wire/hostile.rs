//! Peers that are no mail servers: a line that says what was seen, within the
//! time-out, memory flat, the other address unharmed.

use mxray::model::verdict::Status;
use mxray::sim::internet::Internet;
use mxray::sim::server::{Hostile, Profile, Software};

use crate::common::{self, Asking, DOMAIN, HOST, addresses};

/// More than any transcript of one session may hold: five capped replies.
const MOST_BYTES: usize = 5 * 64 * 1024;

#[tokio::test]
async fn hostile_peers_are_told_apart_and_harm_nobody() {
    for hostile in Hostile::ALL {
        let [v4, v6] = addresses();
        let running = Internet::builder()
            .domain(DOMAIN, &[(10, HOST)])
            .host(HOST, [v4], hostile)
            .host(HOST, [v6], Profile::new(Software::Postfix, HOST))
            .start()
            .await
            .unwrap();
        let report = common::report(&running, DOMAIN, Asking::impatient()).await;
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
            continue;
        }
        assert!(
            matches!(sick.verdict.status, Status::Unreachable | Status::Inconclusive),
            "{hostile:?}: {:?}",
            sick.verdict
        );
        let finding = &report.findings[0];
        assert!(finding.explanation.contains(HOST), "{hostile:?}: {}", finding.explanation);
    }
}
