//! Servers in good and in bad order, without a box.

use std::time::Duration;

use mxray::model::probe::{ClientHello, Mode};
use mxray::model::route::{Dnssec, RouteKind};
use mxray::model::tls::{PkixReason, PkixStatus};
use mxray::model::verdict::Status;
use mxray::sim::internet::Internet;
use mxray::sim::pki::{Flaw, TlsRange};
use mxray::sim::server::{Greeting, Profile, Software, Starttls};

use crate::common::{self, Asking, DOMAIN, HOST, addresses};

fn serving(change: impl FnOnce(&mut Profile)) -> Internet {
    let mut profile = Profile::new(Software::Postfix, HOST);
    change(&mut profile);
    Internet::builder().domain(DOMAIN, &[(10, HOST)]).host(HOST, addresses(), profile)
}

#[tokio::test]
async fn every_software_in_good_order_is_intact() {
    for software in Software::ALL {
        let report = common::report_on(
            serving(|profile| *profile = Profile::new(software, HOST)),
            Asking::default(),
        )
        .await;
        assert_eq!(
            report.verdict.status,
            Status::Intact,
            "{software:?}: {}",
            report.verdict.summary
        );
        assert!(report.findings.is_empty(), "{software:?}: {:?}", report.findings);
        assert_eq!(report.observations.len(), 2, "one session an address");
        for observation in &report.observations {
            let tls = observation.tls.as_ref().unwrap();
            assert_eq!(tls.version.as_deref(), Some("TLSv1.3"));
            assert_eq!(tls.key_proven, Some(true));
            assert_eq!(tls.pkix.as_ref().unwrap().status, PkixStatus::Valid);
            assert_eq!(observation.stages.len(), 7);
        }
    }
}

#[tokio::test]
async fn the_route_is_signed_and_says_so() {
    let running = serving(|_| {}).start().await.unwrap();
    let report = common::report(&running, DOMAIN, Asking::default()).await;
    let route = &report.routes[0];
    assert_eq!(route.kind, RouteKind::Mx);
    assert_eq!(route.exchanges[0].preference, Some(10));
    let expected =
        if running.trust_anchor().is_some() { Dnssec::Secure } else { Dnssec::Indeterminate };
    assert_eq!(route.dnssec, expected);
    assert_eq!(route.exchanges[0].ipv6.dnssec, expected);
}

#[tokio::test]
async fn bad_certificates_are_findings_and_mail_is_still_encrypted() {
    for (flaw, reasons) in [
        (Flaw::SelfSigned, vec![PkixReason::SelfSigned]),
        (Flaw::Expired, vec![PkixReason::Expired]),
        (Flaw::NotYetValid, vec![PkixReason::NotYetValid]),
        (Flaw::WrongName, vec![PkixReason::NameMismatch]),
        (Flaw::MissingIntermediate, vec![PkixReason::IncompleteChain]),
        (Flaw::ExpiredWrongName, vec![PkixReason::Expired, PkixReason::NameMismatch]),
    ] {
        let report =
            common::report_on(serving(|profile| profile.flaw = flaw), Asking::default()).await;
        assert_eq!(report.verdict.status, Status::Intact, "{flaw:?}");
        let pkix = report.observations[0].tls.as_ref().unwrap().pkix.as_ref().unwrap();
        assert_eq!(pkix.reasons, reasons, "{flaw:?}");
        assert_eq!(report.findings.len(), 2 * reasons.len(), "{flaw:?}: {:?}", report.findings);
    }
}

#[tokio::test]
async fn a_server_that_hides_it_from_us_offers_nothing() {
    let report = common::report_on(
        serving(|profile| profile.starttls = Starttls::Hidden),
        Asking::default(),
    )
    .await;
    assert_eq!(report.verdict.status, Status::NotOffered);
}

#[tokio::test]
async fn a_dead_key_is_broken_tls_and_asked_twice() {
    let report = common::report_on(
        serving(|profile| profile.starttls = Starttls::DeadKey),
        Asking::default(),
    )
    .await;
    assert_eq!(report.verdict.status, Status::TlsBroken);
    assert_eq!(report.verdict.because.as_deref(), Some("starttls-tempfailed"));
    let first = report.observations.iter().filter(|seen| seen.probe.repeat < 2).count();
    assert_eq!(first, 4, "454 once is repeated once");
    assert_eq!(report.observations.len(), 8, "and twice more, since it looks odd");
}

#[tokio::test]
async fn greetings_that_turn_us_away_and_that_take_their_time() {
    for code in [421, 554] {
        let greeting = Greeting { code, ..Greeting::default() };
        let report =
            common::report_on(serving(|profile| profile.greeting = greeting), Asking::default())
                .await;
        assert_eq!(report.verdict.status, Status::Inconclusive, "{code}");
        assert_eq!(report.verdict.reached, 0);
    }
    let teaser = Greeting {
        teaser: vec!["mx.example.net please wait".into()],
        delay: Duration::from_millis(300),
        ..Greeting::default()
    };
    let report =
        common::report_on(serving(|profile| profile.greeting = teaser), Asking::default()).await;
    assert_eq!(report.verdict.status, Status::Intact, "{}", report.verdict.summary);
}

/// TLS from the first octet at port 465, beside STARTTLS at port 25.
fn with_submissions(greeting: Greeting) -> Internet {
    let profile = Profile { implicit_tls: true, greeting, ..Profile::new(Software::Postfix, HOST) };
    let endpoints = addresses().map(|ip| std::net::SocketAddr::new(ip, 465));
    serving(|_| {}).service(HOST, endpoints, profile)
}

#[tokio::test]
async fn implicit_tls_begins_before_the_greeting() {
    let asking = Asking { mode: Mode::ImplicitTls, ..Asking::default() };
    let report = common::report_on(with_submissions(Greeting::default()), asking).await;
    assert_eq!(report.verdict.status, Status::Intact, "{}", report.verdict.summary);
    assert_eq!(report.observations[0].probe.port, 465);
    assert_eq!(report.observations[0].starttls.offered, None);
}

#[tokio::test]
async fn a_tls_server_that_never_greets_is_no_mail_server() {
    let late = Greeting { delay: Duration::from_mins(1), ..Greeting::default() };
    let asking = Asking { mode: Mode::ImplicitTls, ..Asking::impatient() };
    let report = common::report_on(with_submissions(late), asking).await;
    assert_eq!(report.verdict.status, Status::Unreachable, "{}", report.verdict.summary);
    assert_eq!(report.verdict.reached, 0);
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_nothing_else() {
    let [v4, v6] = addresses();
    let internet = Internet::builder()
        .domain(DOMAIN, &[(10, HOST)])
        .dns(|zone| {
            zone.address(HOST, v4);
            zone.address(HOST, v6);
        })
        .closed((v4, 25).into())
        .closed((v6, 25).into());
    let report = common::report_on(internet, Asking::default()).await;
    assert_eq!(report.verdict.status, Status::Unreachable);
    assert_eq!(report.verdict.because.as_deref(), Some("refused"));
    assert_eq!(common::ids(&report), ["address-not-reached", "address-not-reached"]);
}

#[tokio::test]
async fn saved_evidence_comes_to_the_same_verdict() {
    let running = serving(|profile| profile.flaw = Flaw::Expired).start().await.unwrap();
    let evidence = common::survey(&running, DOMAIN, Asking::default()).await;
    let first = common::judged(&running, &evidence);
    let saved = serde_json::to_string(&first).unwrap();
    let read: mxray::model::report::TargetReport = serde_json::from_str(&saved).unwrap();
    let again = mxray::model::evidence::Evidence {
        observations: read
            .observations
            .iter()
            .map(|observation| mxray::model::entries::observation(observation).unwrap())
            .collect(),
        ..evidence
    };
    assert_eq!(common::judged(&running, &again), first);
}

#[tokio::test]
async fn an_old_server_is_said_to_be_old_and_not_broken() {
    let report = common::report_on(
        serving(|profile| profile.starttls = Starttls::Tls10Only),
        Asking::default(),
    )
    .await;
    let hellos = |report: &mxray::model::report::TargetReport| {
        let all = report.observations.iter().map(|seen| seen.probe.client_hello);
        all.take(3).collect::<Vec<_>>()
    };
    let ladder = [ClientHello::Default, ClientHello::Classical, ClientHello::Legacy];
    assert_eq!(hellos(&report), ladder);
    assert_eq!(report.verdict.status, Status::TlsBroken);
    assert_eq!(report.verdict.because.as_deref(), Some("legacy-only"));
    let tls = report.observations[2].tls.as_ref().unwrap();
    assert_eq!(tls.version.as_deref(), Some("TLSv1.0"));
    assert!(common::ids(&report).contains(&"tls-legacy-only"));

    let report = common::report_on(
        serving(|profile| profile.starttls = Starttls::NotTls),
        Asking::default(),
    )
    .await;
    assert_eq!(report.verdict.status, Status::TlsBroken);
    assert_eq!(report.verdict.because.as_deref(), Some("handshake-cut-off"));
}

#[tokio::test]
async fn oddities_of_the_offer_are_findings() {
    for (starttls, status, id) in [
        (Starttls::OnGreetingLine, Status::NotOffered, "starttls-on-greeting-line"),
        (Starttls::AgainInsideTls, Status::Intact, "starttls-inside-tls"),
        (Starttls::HiddenYetWorks, Status::Stripped, "starttls-hidden"),
    ] {
        let report =
            common::report_on(serving(|profile| profile.starttls = starttls), Asking::default())
                .await;
        assert!(common::ids(&report).contains(&id), "{starttls:?}: {:?}", report.findings);
        assert_eq!(report.verdict.status, status, "{starttls:?}: {}", report.verdict.summary);
    }
}

#[tokio::test]
async fn tls12_only_and_tls13_only_are_both_fine() {
    for (range, version) in [(TlsRange::TLS12, "TLSv1.2"), (TlsRange::TLS13, "TLSv1.3")] {
        let report =
            common::report_on(serving(|profile| profile.tls = range), Asking::default()).await;
        assert_eq!(report.verdict.status, Status::Intact);
        let tls = report.observations[0].tls.as_ref().unwrap();
        assert_eq!(tls.version.as_deref(), Some(version));
        assert!(tls.cipher_suite.is_some() && tls.key_exchange_group.is_some());
    }
}
