//! The fetch against policy hosts on loopback, by real sockets.

use super::*;
use crate::model::policy::{PolicyEvidence, TxtAnswer};
use crate::model::route::Dnssec;
use crate::model::tls::PkixReason;
use crate::policy::mta_sts::{Fault, Mode, Outcome, Record};
use crate::sim::internet::{Internet, Running};
use crate::sim::pki::Flaw;
use crate::sim::policy_host::{Answer, PolicyHost as Pretend};
use crate::tls::Roots;

const DOMAIN: &str = "example.net";
const POLICY: &str = "version: STSv1\r\nmode: enforce\r\nmx: *.example.net\r\nmax_age: 86400\r\n";

/// When a fetch counts as hanging, however busy the machine.
const LONGEST: Duration = Duration::from_mins(5);

fn v4(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn host(addresses: &[IpAddr]) -> PolicyHost {
    PolicyHost {
        domain: DOMAIN.to_owned(),
        addresses: addresses.to_vec(),
        refused: Vec::new(),
        sources: Vec::new(),
        error: None,
    }
}

fn patient() -> Patience {
    Patience { whole: Duration::from_mins(1), connect: Duration::from_secs(30) }
}

/// For peers that fall silent, after what a busy machine needs its time for.
fn impatient() -> Patience {
    Patience { whole: Duration::from_secs(6), connect: Duration::from_secs(4) }
}

async fn fetch_from(running: &Running, addresses: &[IpAddr], patience: Patience) -> PolicyFetch {
    let dialler = Dialler::pretend(running.endpoints().clone(), vec![v4(99)]);
    let host = host(addresses);
    let fetching = fetch(&host, &dialler, patience);
    tokio::time::timeout(LONGEST, fetching).await.expect("the fetch did not end")
}

/// The fetch from one policy host, and what a sender would hold.
async fn fetched(pretend: Pretend, patience: Patience) -> (PolicyFetch, Outcome) {
    let running = Internet::builder().policy_host(DOMAIN, [v4(1)], pretend).start().await.unwrap();
    let fetch = fetch_from(&running, &[v4(1)], patience).await;
    let held = held(&running, &fetch);
    (fetch, held)
}

fn held(running: &Running, fetch: &PolicyFetch) -> Outcome {
    let record = TxtAnswer {
        name: format!("_mta-sts.{DOMAIN}"),
        dnssec: Dnssec::Insecure,
        error: None,
        records: vec!["v=STSv1; id=1;".to_owned()],
    };
    let evidence = PolicyEvidence {
        mta_sts_record: Some(record),
        mta_sts_fetch: Some(fetch.clone()),
        tls_rpt_record: None,
    };
    let roots = Roots::webpki().with_pem(running.ca_pem().as_bytes()).unwrap();
    mta_sts::outcome(&evidence, &roots)
}

async fn fault(pretend: Pretend, patience: Patience) -> Fault {
    match fetched(pretend, patience).await {
        (_, Outcome::Faulty { record: Some(_), fault }) => fault,
        (fetch, other) => panic!("{other:?} after {fetch:?}"),
    }
}

#[tokio::test]
async fn a_policy_is_fetched_and_held() {
    let (fetch, held) = fetched(Pretend::serving(POLICY), patient()).await;
    assert_eq!(fetch.url, "https://mta-sts.example.net/.well-known/mta-sts.txt");
    assert_eq!(fetch.attempts, [FetchAttempt { ip: v4(1), error: None }]);
    assert_eq!((fetch.http_status, fetch.error.as_deref()), (Some(200), None));
    assert_eq!(fetch.body_bytes, Some(u64::try_from(POLICY.len()).unwrap()));
    assert_eq!((fetch.key_proven, fetch.chain.as_ref().map(Vec::len)), (Some(true), Some(2)));
    let Outcome::Policy { record, policy } = held else { panic!("{held:?}") };
    assert_eq!(record, Record { id: "1".to_owned() });
    assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, 86400));
    assert!(policy.lists("mx.example.net"));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (domain, to) = ("example.org", "https://mta-sts.example.org/.well-known/mta-sts.txt");
    let redirecting = Pretend::responding(301, &[("Location", to)], "");
    let running = Internet::builder()
        .policy_host(DOMAIN, [v4(1)], redirecting)
        .policy_host(domain, [v4(2)], Pretend::serving(POLICY))
        .start()
        .await
        .unwrap();
    let fetch = fetch_from(&running, &[v4(1), v4(2)], patient()).await;
    let fault = Fault::Redirect { status: 301, location: Some(to.to_owned()) };
    let record = Some(Record { id: "1".to_owned() });
    assert_eq!(held(&running, &fetch), Outcome::Faulty { record, fault });
    assert_eq!(fetch.attempts.len(), 1, "an answer is an answer");
}

#[tokio::test]
async fn status_200_only() {
    for status in [201, 204, 404, 500, 503] {
        let pretend = Pretend::responding(status, &[("Content-Type", "text/plain")], POLICY);
        assert_eq!(fault(pretend, patient()).await, Fault::HttpStatus(status));
    }
}

#[tokio::test]
async fn the_media_type_is_text_plain() {
    for (kind, good) in [
        (Some("text/plain"), true),
        (Some("TEXT/Plain ; charset=us-ascii"), true),
        (Some("text/html"), false),
        (Some("text/plainer"), false),
        (None, false),
    ] {
        let fields: Vec<_> = kind.iter().map(|kind| ("Content-Type", *kind)).collect();
        let (fetch, held) = fetched(Pretend::responding(200, &fields, POLICY), patient()).await;
        assert_eq!(fetch.media_type.as_deref(), kind);
        let fault = Fault::MediaType(kind.map(str::to_owned));
        let record = Some(Record { id: "1".to_owned() });
        let expected = Outcome::Faulty { record, fault };
        assert_eq!(held.policy().is_some(), good, "{kind:?}");
        assert!(good || held == expected, "{held:?}");
    }
}

#[tokio::test]
async fn the_certificate_is_valid_for_the_policy_host_or_there_is_no_policy() {
    for (flaw, reason) in [
        (Flaw::WrongName, PkixReason::NameMismatch),
        (Flaw::Expired, PkixReason::Expired),
        (Flaw::NotYetValid, PkixReason::NotYetValid),
        (Flaw::SelfSigned, PkixReason::SelfSigned),
        (Flaw::MissingIntermediate, PkixReason::IncompleteChain),
    ] {
        let (fetch, held) = fetched(Pretend::serving(POLICY).flawed(flaw), patient()).await;
        assert!(fetch.body.is_some() && fetch.error.is_none(), "it is recorded all the same");
        let Outcome::Faulty { fault: fault @ Fault::Certificate(_), .. } = held else {
            panic!("{flaw:?}: {held:?}");
        };
        assert_eq!(fault.result_type(), Some("sts-webpki-invalid"));
        let Fault::Certificate(pkix) = fault else { unreachable!() };
        assert_eq!(pkix.reasons, [reason], "{flaw:?}");
    }
}

#[tokio::test]
async fn a_body_is_cut_off_at_64_kib() {
    let huge = vec![b'x'; 10 * 1024 * 1024];
    for pretend in [Pretend::serving(huge), Pretend::answering(Answer::Endless)] {
        let (fetch, held) = fetched(pretend, patient()).await;
        let cap = u64::try_from(BODY_CAP).unwrap();
        assert_eq!((fetch.truncated, fetch.body_bytes), (true, Some(cap)));
        assert!(matches!(held, Outcome::Faulty { fault: Fault::TooLong { .. }, .. }), "{held:?}");
    }
    let mut most = format!("{POLICY}x: ").into_bytes();
    most.resize(BODY_CAP, b'x');
    let (fetch, held) = fetched(Pretend::serving(most), patient()).await;
    assert!(!fetch.truncated && held.policy().is_some(), "{held:?}");
}

#[tokio::test]
async fn what_never_ends_is_ended() {
    for (answer, error) in [
        (Answer::NoTls, "TLS handshake failed: silence"),
        (Answer::Silent, "no HTTP response in time"),
        (Answer::Drips, "no HTTP response in time"),
        (Answer::Stalls, "did not end in time"),
    ] {
        let begun = std::time::Instant::now();
        let (fetch, held) = fetched(Pretend::answering(answer.clone()), impatient()).await;
        assert!(begun.elapsed() >= impatient().connect, "{answer:?}");
        let said = fetch.error.as_deref().unwrap_or_default();
        assert!(said.contains(error), "{answer:?}: {fetch:?}");
        let fault = Fault::Fetch(said.to_owned());
        assert_eq!(fault.result_type(), Some("sts-policy-fetch-error"));
        assert!(matches!(held, Outcome::Faulty { fault: other, .. } if other == fault));
    }
}

#[tokio::test]
async fn what_is_no_http_is_an_error() {
    let many = "X: y\r\n".repeat(2 * MAX_FIELDS);
    let long = format!("X: {}\r\n", "y".repeat(HEAD_CAP));
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes();
    for octets in [
        b"version: STSv1\n".to_vec(), // HTTP/0.9
        b"\0\xff\r\n\r\n".to_vec(),
        Vec::new(),
        head(&many),
        head(&long),
    ] {
        let pretend = Pretend::answering(Answer::Raw(octets));
        let fault = fault(pretend, patient()).await;
        assert!(matches!(&fault, Fault::Fetch(said) if said.starts_with("HTTP: ")), "{fault:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_no_policy() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 999\r\n\r\n";
    let pretend = Pretend::answering(Answer::Raw(format!("{head}{POLICY}").into_bytes()));
    let fault = fault(pretend, patient()).await;
    assert!(matches!(fault, Fault::Fetch(_)), "{fault:?}");
}

#[tokio::test]
async fn addresses_of_both_families_are_tried_in_turn() {
    let v6: IpAddr = "2001:db8::1".parse().unwrap();
    let running = Internet::builder()
        .closed(SocketAddr::new(v4(1), HTTPS))
        .policy_host(DOMAIN, [v4(2)], Pretend::answering(Answer::NoTls))
        .policy_host(DOMAIN, [v6], Pretend::serving(POLICY))
        .start()
        .await
        .unwrap();
    if !running.ipv6_available() {
        return;
    }
    let patience = Patience { connect: Duration::from_secs(4), ..patient() };
    let fetch = fetch_from(&running, &[v4(1), v4(2), v6], patience).await;
    let ips: Vec<_> = fetch.attempts.iter().map(|attempt| attempt.ip).collect();
    assert_eq!(ips, [v4(1), v4(2), v6]);
    let errors: Vec<_> = fetch.attempts.iter().map(|attempt| attempt.error.as_deref()).collect();
    assert!(errors[0].unwrap().contains("refused"), "{errors:?}");
    assert!(errors[1].unwrap().contains("silence"), "{errors:?}");
    assert_eq!((errors[2], fetch.error.as_deref()), (None, None));
    assert!(held(&running, &fetch).policy().is_some());
}

#[tokio::test]
async fn without_an_address_the_reason_is_kept() {
    let host = PolicyHost { error: Some("no address".to_owned()), ..host(&[]) };
    let fetch =
        fetch(&host, &Dialler::pretend(std::collections::HashMap::new(), Vec::new()), patient())
            .await;
    assert_eq!(fetch.error.as_deref(), Some("no address"));
    assert!(fetch.attempts.is_empty());
}
