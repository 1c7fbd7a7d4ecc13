//! TLSA records on the way from DNS into a route.

use mxray::model::route::{Dnssec, LookupError, Tlsa, TlsaAnswer};
use mxray::sim::internet::Internet;
use mxray::sim::server::{Profile, Software};

use crate::common::{self, Asking, DOMAIN, HOST, addresses};

fn serving() -> Internet {
    let profile = Profile::new(Software::Postfix, HOST);
    Internet::builder().domain(DOMAIN, &[(10, HOST)]).host(HOST, addresses(), profile)
}

fn record() -> Tlsa {
    Tlsa { usage: 3, selector: 1, matching: 1, data: "ab".repeat(32) }
}

async fn tlsa(internet: Internet) -> Option<TlsaAnswer> {
    let running = internet.start().await.unwrap();
    let evidence = common::survey(&running, DOMAIN, Asking::default()).await;
    evidence.routes.first()?.exchanges.first()?.tlsa.clone()
}

#[tokio::test]
async fn a_survey_asks_every_secure_host_for_its_tlsa_records() {
    let promising = serving().dns(|zone| {
        zone.tlsa(&format!("_25._tcp.{HOST}"), record());
    });
    let answer = tlsa(promising).await.unwrap();
    assert_eq!((answer.dnssec, answer.error), (Dnssec::Secure, None));
    assert_eq!((answer.base_domain.as_str(), answer.records), (HOST, vec![record()]));
    let answer = tlsa(serving()).await.unwrap();
    assert_eq!((answer.dnssec, answer.error), (Dnssec::Secure, Some(LookupError::Nxdomain)));
}

#[tokio::test]
async fn without_signatures_nothing_is_asked() {
    let unsigned = serving().dns(|zone| {
        zone.unsigned().tlsa(&format!("_25._tcp.{HOST}"), record());
    });
    assert_eq!(tlsa(unsigned).await, None);
}
