//! What a sender would hold, from evidence written by hand.

use jiff::Timestamp;

use super::*;
use crate::model::policy::TxtAnswer;
use crate::model::route::Dnssec;

fn answer(records: &[&str]) -> TxtAnswer {
    TxtAnswer {
        name: "_mta-sts.example.net".to_owned(),
        dnssec: Dnssec::Insecure,
        error: None,
        records: records.iter().map(ToString::to_string).collect(),
    }
}

fn failed(error: LookupError) -> PolicyEvidence {
    let record = TxtAnswer { error: Some(error), ..answer(&[]) };
    PolicyEvidence { mta_sts_record: Some(record), ..PolicyEvidence::default() }
}

/// A fetch that came to nothing.
fn fetch() -> PolicyFetch {
    PolicyFetch {
        url: policy_url("example.net"),
        fetched_at: Timestamp::from_second(1_800_000_000).unwrap(),
        duration_ms: 1,
        attempts: Vec::new(),
        http_status: None,
        media_type: None,
        location: None,
        body_bytes: None,
        truncated: false,
        body: None,
        chain: None,
        key_proven: None,
        error: Some("no address".to_owned()),
    }
}

fn of(evidence: &PolicyEvidence) -> Outcome {
    outcome(evidence, &Roots::webpki())
}

#[test]
fn a_lookup_that_failed_is_not_the_absence_of_a_policy() {
    assert_eq!(of(&PolicyEvidence::default()), Outcome::NotAsked);
    for error in [LookupError::Nxdomain, LookupError::Nodata] {
        assert_eq!(of(&failed(error)), Outcome::Absent);
    }
    for error in [LookupError::Servfail, LookupError::Timeout, LookupError::Bogus] {
        let fault = Fault::Lookup(error);
        assert_eq!(of(&failed(error)), Outcome::Faulty { record: None, fault });
    }
}

#[test]
fn a_record_without_a_fetch_is_a_policy_that_nobody_asked_for() {
    let mta_sts_record = Some(answer(&["v=STSv1; id=a;"]));
    let announced = PolicyEvidence { mta_sts_record, ..PolicyEvidence::default() };
    assert_eq!(of(&announced), Outcome::NotAsked);
    let fetched = PolicyEvidence { mta_sts_fetch: Some(fetch()), ..announced };
    let record = Some(Record { id: "a".to_owned() });
    let fault = Fault::Fetch("no address".to_owned());
    assert_eq!(fault.result_type(), Some("sts-policy-fetch-error"));
    assert_eq!(of(&fetched), Outcome::Faulty { record, fault });
}

#[test]
fn without_its_certificates_a_fetch_proves_nothing() {
    let fetch = PolicyFetch { http_status: Some(200), error: None, ..fetch() };
    assert_eq!(fetched(&fetch, &Roots::webpki()), Ok(None));
    let unreadable = PolicyFetch { chain: Some(vec!["?".to_owned()]), ..fetch.clone() };
    assert_eq!(fetched(&unreadable, &Roots::webpki()), Ok(None));
    let junk = PolicyFetch { chain: Some(vec![BASE64_STANDARD.encode("junk")]), ..fetch };
    let fault = fetched(&junk, &Roots::webpki()).unwrap_err();
    assert_eq!(fault.result_type(), Some("sts-webpki-invalid"));
}

#[test]
fn the_policy_host_is_read_from_the_url() {
    assert_eq!(policy_url("example.net"), "https://mta-sts.example.net/.well-known/mta-sts.txt");
    assert_eq!(host_of(&policy_url("example.net")), policy_host("example.net"));
    assert_eq!(host_of(""), "");
}
