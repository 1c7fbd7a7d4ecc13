//! Every rule of RFC 7672 that peers get wrong, by name; bad input; properties.

use jiff::Timestamp;
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, KeyPair};

use super::usability::{DANE_EE, DANE_TA};
use super::*;
use crate::model::route::{
    AddressAnswer, Dnssec, Exchange, LookupError, Route, RouteKind, Tlsa, TlsaAnswer,
};
use crate::model::tls::{Dane, DaneStatus};
use crate::model::tlsa::{RecordStanding, RecordView};
use crate::tls::certificate;
use crate::tls::pki::{Authority, V1, at, authority, der, server, valid};

const MX: &str = "mx.example.net";
const DOMAIN: &str = "example.net";

fn exchange(tlsa: impl Into<Option<TlsaAnswer>>) -> Exchange {
    Exchange {
        host: MX.to_owned(),
        preference: Some(10),
        cname: vec![],
        cname_dnssec: None,
        ipv4: AddressAnswer { addresses: vec![], dnssec: Dnssec::Secure, error: None },
        ipv6: AddressAnswer {
            addresses: vec![],
            dnssec: Dnssec::Secure,
            error: Some(LookupError::Nodata),
        },
        tlsa: tlsa.into(),
    }
}

fn route(dnssec: Dnssec, error: Option<LookupError>) -> Route {
    Route {
        vantage: "local".to_owned(),
        kind: RouteKind::Mx,
        dnssec,
        error,
        error_detail: None,
        cname: vec![],
        null_mx_beside_others: false,
        exchanges: vec![],
    }
}

fn secure_mx() -> Route {
    route(Dnssec::Secure, None)
}

fn answer(dnssec: Dnssec, error: Option<LookupError>, records: &[Tlsa]) -> TlsaAnswer {
    TlsaAnswer { base_domain: MX.to_owned(), dnssec, error, records: records.to_vec() }
}

fn record(usage: u8, selector: u8, matching: u8, certificate: &[u8]) -> Tlsa {
    let data = data::of(certificate, selector, matching).unwrap();
    Tlsa { usage, selector, matching, data }
}

fn raw(usage: u8, selector: u8, matching: u8, data: &str) -> Tlsa {
    Tlsa { usage, selector, matching, data: data.to_owned() }
}

fn published(records: &[Tlsa]) -> Requirement {
    requirement(&secure_mx(), &exchange(answer(Dnssec::Secure, None, records)))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn judged_at(records: &[Tlsa], chain: &[Vec<u8>], at: Timestamp) -> Dane {
    judge(&published(records), chain, &names(&[MX, DOMAIN]), at).unwrap()
}

#[track_caller]
fn matched(records: &[Tlsa], chain: &[Vec<u8>]) {
    let dane = judged_at(records, chain, at());
    assert_eq!((dane.status, dane.reasons), (DaneStatus::Matched, vec![]));
    assert!(records.contains(&dane.record.unwrap()));
}

#[track_caller]
fn mismatched(records: &[Tlsa], chain: &[Vec<u8>], reasons: &[&str]) {
    let dane = judged_at(records, chain, at());
    assert_eq!((dane.status, dane.record), (DaneStatus::Mismatched, None));
    assert_eq!(dane.reasons, reasons);
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Root, intermediate and leaf, and the leaf's chain as a server presents it.
struct World {
    root: Authority,
    middle: Authority,
    leaf: Vec<u8>,
}

impl World {
    fn new() -> Self {
        Self::of(&server(&[MX]))
    }

    fn of(leaf: &CertificateParams) -> Self {
        let root = Authority::root("root");
        let middle = root.intermediate(authority("middle"));
        let leaf = middle.leaf(leaf);
        Self { root, middle, leaf }
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.leaf.clone(), self.middle.der.clone()]
    }

    fn whole(&self) -> Vec<Vec<u8>> {
        vec![self.leaf.clone(), self.middle.der.clone(), self.root.der.clone()]
    }
}

// What a sender must do (RFC 7672 §2).

#[test]
fn a_bogus_or_failed_mx_means_delay_and_not_no_dane() {
    let tlsa = answer(Dnssec::Secure, None, &[raw(3, 1, 1, &"ab".repeat(32))]);
    for (dnssec, error, why) in [
        (Dnssec::Bogus, None, Failure::Bogus),
        (Dnssec::Bogus, Some(LookupError::Bogus), Failure::Bogus),
        (Dnssec::Indeterminate, Some(LookupError::Bogus), Failure::Bogus),
        (
            Dnssec::Indeterminate,
            Some(LookupError::Servfail),
            Failure::Lookup(LookupError::Servfail),
        ),
        (Dnssec::Indeterminate, Some(LookupError::Timeout), Failure::Lookup(LookupError::Timeout)),
    ] {
        for tlsa in [Some(tlsa.clone()), None] {
            let asked = requirement(&route(dnssec, error), &exchange(tlsa));
            assert_eq!(asked, Requirement::Delay { why });
            let dane = judge(&asked, &[], &[], at()).unwrap();
            assert_eq!(
                (dane.status, dane.reasons),
                (DaneStatus::Bogus, names(&["dnssec-invalid"]))
            );
        }
    }
}

#[test]
fn a_tlsa_lookup_that_fails_or_is_bogus_forbids_this_exchange() {
    for (dnssec, error, why) in [
        (Dnssec::Bogus, None, Failure::Bogus),
        (Dnssec::Bogus, Some(LookupError::Nodata), Failure::Bogus),
        (Dnssec::Secure, Some(LookupError::Bogus), Failure::Bogus),
        (
            Dnssec::Indeterminate,
            Some(LookupError::Servfail),
            Failure::Lookup(LookupError::Servfail),
        ),
        (Dnssec::Indeterminate, Some(LookupError::Timeout), Failure::Lookup(LookupError::Timeout)),
        (Dnssec::Indeterminate, Some(LookupError::Refused), Failure::Lookup(LookupError::Refused)),
    ] {
        let asked = requirement(&secure_mx(), &exchange(answer(dnssec, error, &[])));
        assert_eq!(asked, Requirement::MustNotUse { why }, "{dnssec:?} {error:?}");
    }
}

#[test]
fn insecure_or_absent_records_are_no_dane() {
    let record = raw(3, 1, 1, &"ab".repeat(32));
    for (dnssec, error, records, why) in [
        (Dnssec::Insecure, None, vec![record], Absence::InsecureTlsa),
        (Dnssec::Insecure, Some(LookupError::Nxdomain), vec![], Absence::InsecureTlsa),
        (Dnssec::Secure, Some(LookupError::Nxdomain), vec![], Absence::NoRecords),
        (Dnssec::Secure, Some(LookupError::Nodata), vec![], Absence::NoRecords),
    ] {
        let asked = requirement(&secure_mx(), &exchange(answer(dnssec, error, &records)));
        assert_eq!(asked, Requirement::None { why });
        assert_eq!(judge(&asked, &[], &[], at()).unwrap().status, DaneStatus::None);
    }
}

#[test]
fn what_dnssec_could_not_determine_is_neither_a_promise_nor_its_absence() {
    for (error, records) in
        [(None, vec![raw(3, 1, 1, &"ab".repeat(32))]), (Some(LookupError::Nodata), vec![])]
    {
        let tlsa = answer(Dnssec::Indeterminate, error, &records);
        let asked = requirement(&secure_mx(), &exchange(tlsa));
        assert_eq!(asked, Requirement::NotAsked);
        assert_eq!(judge(&asked, &[], &[], at()).unwrap().status, DaneStatus::NotAsked);
    }
}

#[test]
fn without_a_lookup_only_the_addresses_can_say_why() {
    let with = |ipv4: Dnssec, ipv6: Dnssec, error: Option<LookupError>, link: Option<Dnssec>| {
        let mut exchange = exchange(None);
        (exchange.ipv4.dnssec, exchange.ipv6.dnssec) = (ipv4, ipv6);
        (exchange.ipv4.error, exchange.ipv6.error) = (error, error);
        exchange.cname_dnssec = link;
        exchange.cname = link.map(|_| "a.example".to_owned()).into_iter().collect();
        requirement(&secure_mx(), &exchange)
    };
    let none = Requirement::None { why: Absence::InsecureAddress };
    assert_eq!(with(Dnssec::Insecure, Dnssec::Insecure, None, None), none.clone());
    // The first CNAME link may be secure all the same.
    for (link, expected) in [
        (Dnssec::Insecure, none),
        (Dnssec::Secure, Requirement::NotAsked),
        (Dnssec::Indeterminate, Requirement::NotAsked),
    ] {
        assert_eq!(with(Dnssec::Insecure, Dnssec::Insecure, None, Some(link)), expected);
    }
    assert_eq!(with(Dnssec::Secure, Dnssec::Insecure, None, None), Requirement::NotAsked);
    assert_eq!(with(Dnssec::Secure, Dnssec::Secure, None, None), Requirement::NotAsked);
    let bogus = Requirement::MustNotUse { why: Failure::Bogus };
    assert_eq!(with(Dnssec::Bogus, Dnssec::Bogus, None, None), bogus);
    assert_eq!(with(Dnssec::Bogus, Dnssec::Secure, None, None), Requirement::NotAsked);
    let failed = Requirement::MustNotUse { why: Failure::Lookup(LookupError::Servfail) };
    let servfail = Some(LookupError::Servfail);
    assert_eq!(with(Dnssec::Indeterminate, Dnssec::Indeterminate, servfail, None), failed);
}

#[test]
fn an_address_has_no_name_to_look_up() {
    let route = Route { kind: RouteKind::Address, ..route(Dnssec::Indeterminate, None) };
    let asked = requirement(&route, &exchange(None));
    assert_eq!(asked, Requirement::None { why: Absence::NoName });
}

#[test]
fn all_unusable_means_tls_without_authentication() {
    let unusable = [raw(0, 1, 1, &"ab".repeat(32)), raw(1, 1, 1, &"ab".repeat(32))];
    let asked = published(&unusable);
    assert!(matches!(asked, Requirement::Encrypt { mx_secure: true, .. }));
    assert!(asked.promises_tls());
    let dane = judge(&asked, &[], &[], at()).unwrap();
    assert_eq!(dane.status, DaneStatus::Unusable);
    assert_eq!(dane.reasons, ["tlsa-invalid", "usages 0 and 1 are not for SMTP"]);
    // One usable record among them is enough to authenticate.
    let mixed = [unusable[0].clone(), raw(3, 1, 1, &"ab".repeat(32))];
    assert!(matches!(published(&mixed), Requirement::Authenticate { .. }));
}

#[test]
fn an_insecure_mx_is_carried_along() {
    let tlsa = answer(Dnssec::Secure, None, &[raw(3, 1, 1, &"ab".repeat(32))]);
    for dnssec in [Dnssec::Insecure, Dnssec::Indeterminate] {
        let asked = requirement(&route(dnssec, None), &exchange(tlsa.clone()));
        assert_eq!(asked.mx_secure(), Some(false));
        assert!(!asked.promises_tls());
    }
    assert_eq!(requirement(&secure_mx(), &exchange(None)).mx_secure(), None);
}

#[test]
fn reference_names_are_the_base_domain_and_next_hops_of_a_secure_mx() {
    let tlsa = answer(Dnssec::Secure, None, &[]);
    let of = |route: &Route, tlsa: Option<&TlsaAnswer>| {
        reference_names(DOMAIN, route, &exchange(tlsa.cloned()))
    };
    assert_eq!(of(&secure_mx(), Some(&tlsa)), [MX, DOMAIN]);
    assert_eq!(of(&secure_mx(), None), [MX, DOMAIN]);
    assert_eq!(of(&route(Dnssec::Insecure, None), Some(&tlsa)), [MX]);
    let expanded = Route { cname: names(&["a.example", "b.example"]), ..secure_mx() };
    assert_eq!(of(&expanded, Some(&tlsa)), [MX, DOMAIN, "b.example"]);
    let same = TlsaAnswer { base_domain: DOMAIN.to_uppercase(), ..tlsa };
    assert_eq!(of(&secure_mx(), Some(&same)), ["EXAMPLE.NET"]);
}

// Which records count (RFC 7672 §3.1, RFC 7671 §9).

fn standings(records: &[Tlsa]) -> Vec<Standing> {
    rate(records).into_iter().map(|rated| rated.standing).collect()
}

#[test]
fn usages_0_and_1_are_unusable_even_where_they_would_match() {
    let world = World::new();
    for usage in [0, 1] {
        let record = record(usage, 1, 1, &world.leaf);
        assert_eq!(standings(&[record]), [Standing::Unusable(Unusable::PkixUsage)]);
    }
}

#[test]
fn wrong_lengths_and_unknown_numbers_are_unusable_each_with_its_reason() {
    let digest = "ab".repeat(32);
    for (record, why) in [
        (raw(4, 1, 1, &digest), Unusable::UnknownUsage),
        (raw(255, 1, 1, &digest), Unusable::UnknownUsage),
        (raw(3, 2, 1, &digest), Unusable::UnknownSelector),
        (raw(3, 1, 3, &digest), Unusable::UnknownMatching),
        (raw(3, 1, 255, &digest), Unusable::UnknownMatching),
        (raw(3, 1, 2, &digest), Unusable::DigestLength),
        (raw(3, 1, 1, &digest[2..]), Unusable::DigestLength),
        (raw(3, 1, 1, &"ab".repeat(4096)), Unusable::DigestLength),
        (raw(3, 1, 1, &digest[1..]), Unusable::Data),
        (raw(3, 1, 1, ""), Unusable::Data),
        (raw(3, 1, 1, "not hexadecimal!"), Unusable::Data),
        (raw(3, 0, 0, &"ab".repeat(4096)), Unusable::Data),
        (raw(2, 1, 0, &"30".repeat(4096)), Unusable::Data),
    ] {
        assert_eq!(standings(&[record]), [Standing::Unusable(why)]);
    }
}

#[test]
fn only_the_strongest_digest_of_a_usage_and_selector_counts() {
    let world = World::new();
    let [weak, strong] = [1, 2].map(|matching| record(3, 1, matching, &world.leaf));
    let counts = Standing::Counts;
    assert_eq!(standings(&[weak.clone(), strong.clone()]), [Standing::Superseded, counts]);
    assert_eq!(standings(std::slice::from_ref(&weak)), [counts]);
    // Type 0 always counts, and supersedes nothing.
    let full = record(3, 1, 0, &world.leaf);
    assert_eq!(standings(&[full.clone(), weak.clone()]), [counts, counts]);
    assert_eq!(standings(&[full, strong.clone()]), [counts, counts]);
    // Another usage or selector is another matter.
    let other = [record(3, 0, 2, &world.leaf), record(2, 1, 2, &world.leaf)];
    assert_eq!(standings(&[weak.clone(), other[0].clone(), other[1].clone()]), [counts; 3]);
    // A strong one that is unusable supersedes nothing.
    let broken = raw(3, 1, 2, "abcd");
    assert_eq!(standings(&[weak.clone(), broken])[0], counts);
    // A stale strong digest makes the matching weak one worth nothing.
    let stale = record(3, 1, 2, &World::new().leaf);
    mismatched(&[weak, stale], &world.chain(), &["validation-failure"]);
}

// DANE-EE(3): name, expiry and chain are ignored (RFC 7672 §3.1.1).

#[test]
fn every_selector_and_matching_type_of_the_leaf_matches() {
    let world = World::new();
    for selector in [0, 1] {
        for matching in [0, 1, 2] {
            let record = record(DANE_EE, selector, matching, &world.leaf);
            matched(std::slice::from_ref(&record), &world.chain());
            let upper = Tlsa { data: record.data.to_uppercase(), ..record };
            matched(&[upper], &world.chain());
        }
    }
    mismatched(&[record(3, 1, 1, &World::new().leaf)], &world.chain(), &["validation-failure"]);
}

#[test]
fn ee_ignores_name_expiry_and_chain() {
    let expired = World::of(&valid(server(&["other.example"]), 2020, 2021));
    let record = record(DANE_EE, 1, 1, &expired.leaf);
    matched(std::slice::from_ref(&record), &expired.chain());
    matched(std::slice::from_ref(&record), std::slice::from_ref(&expired.leaf));
    matched(&[record], &[expired.leaf.clone(), b"no certificate".to_vec()]);
}

#[test]
fn ee_names_the_leaf_alone() {
    let world = World::new();
    mismatched(
        &[record(DANE_EE, 1, 1, &world.middle.der)],
        &world.chain(),
        &["validation-failure"],
    );
}

#[test]
fn an_old_x509_version_can_match_as_ee() {
    let v1 = der(V1);
    matched(&[record(DANE_EE, 1, 1, &v1)], &[v1]);
}

// DANE-TA(2): name, dates and a path to a presented anchor (RFC 7672 §3.1.2).

#[test]
fn ta_matches_an_intermediate_or_a_root_that_was_presented() {
    let world = World::new();
    for selector in [0, 1] {
        for matching in [0, 1, 2] {
            matched(&[record(DANE_TA, selector, matching, &world.middle.der)], &world.chain());
            matched(&[record(DANE_TA, selector, matching, &world.root.der)], &world.whole());
        }
    }
}

#[test]
fn ta_must_be_in_the_chain_unless_dns_holds_all_of_it() {
    let world = World::new();
    let root = &world.root.der;
    mismatched(&[record(DANE_TA, 0, 1, root)], &world.chain(), &["validation-failure"]);
    mismatched(&[record(DANE_TA, 1, 1, root)], &world.chain(), &["validation-failure"]);
    // 2 0 0 and 2 1 0.
    matched(&[record(DANE_TA, 0, 0, root)], &world.chain());
    matched(&[record(DANE_TA, 1, 0, root)], &world.chain());
    let alone = [world.leaf.clone()];
    matched(&[record(DANE_TA, 0, 0, &world.middle.der)], &alone);
    matched(&[record(DANE_TA, 1, 0, &world.middle.der)], &alone);
    let untrusted = &["certificate-not-trusted"];
    mismatched(&[record(DANE_TA, 0, 0, root)], &alone, untrusted);
    mismatched(&[record(DANE_TA, 1, 0, root)], &alone, untrusted);
}

#[test]
fn ta_wants_one_of_the_reference_names() {
    let world = World::of(&server(&[DOMAIN]));
    let records = [record(DANE_TA, 1, 1, &world.middle.der)];
    matched(&records, &world.chain());
    let judged =
        |list: &[&str]| judge(&published(&records), &world.chain(), &names(list), at()).unwrap();
    assert_eq!(judged(&[MX]).reasons, ["certificate-host-mismatch"]);
    assert_eq!(judged(&[]).status, DaneStatus::Mismatched);
    let other = World::of(&server(&["other.example"]));
    let records = [record(DANE_TA, 1, 1, &other.middle.der)];
    mismatched(&records, &other.chain(), &["certificate-host-mismatch"]);
    let wildcard = World::of(&server(&["*.example.net"]));
    matched(&[record(DANE_TA, 1, 1, &wildcard.middle.der)], &wildcard.chain());
}

#[test]
fn the_common_name_counts_only_without_a_dns_name() {
    let named = |alternatives: &[&str]| {
        let mut params = server(alternatives);
        params.distinguished_name.push(DnType::CommonName, MX);
        let world = World::of(&params);
        judged_at(&[record(DANE_TA, 1, 1, &world.middle.der)], &world.chain(), at()).status
    };
    assert_eq!(named(&[]), DaneStatus::Matched);
    assert_eq!(named(&["other.example"]), DaneStatus::Mismatched);
}

#[test]
fn dates_count_under_ta() {
    let expired = World::of(&valid(server(&[MX]), 2020, 2021));
    let records = [record(DANE_TA, 1, 1, &expired.middle.der)];
    mismatched(&records, &expired.chain(), &["certificate-expired"]);
    let early = World::of(&valid(server(&[MX]), 2030, 2031));
    let records = [record(DANE_TA, 1, 1, &early.middle.der)];
    mismatched(&records, &early.chain(), &["certificate-not-trusted"]);
    // Name and dates are both told.
    let both = World::of(&valid(server(&["other.example"]), 2020, 2021));
    let records = [record(DANE_TA, 1, 1, &both.middle.der)];
    let reasons = &["certificate-expired", "certificate-host-mismatch"];
    mismatched(&records, &both.chain(), reasons);
}

#[test]
fn the_dates_of_the_anchor_count_too() {
    let root = Authority::root("root");
    let old = root.intermediate(valid(authority("old"), 2020, 2026));
    let leaf = old.leaf(&valid(server(&[MX]), 2025, 2028));
    let chain = [leaf.clone(), old.der.clone()];
    for matching in [0, 1] {
        let records = [record(DANE_TA, 0, matching, &old.der)];
        mismatched(&records, &chain, &["certificate-expired"]);
        let then = judged_at(&records, &chain, time("2025-06-01T00:00:00Z"));
        assert_eq!(then.status, DaneStatus::Matched);
    }
    // A bare key has no dates of its own.
    matched(&[record(DANE_TA, 1, 0, &old.der)], std::slice::from_ref(&leaf));
}

#[test]
fn signatures_on_the_path_are_verified() {
    let world = World::new();
    // Another authority of the same name, presented in place of the true one.
    let impostor = Authority::root("root").intermediate(authority("middle"));
    let chain = [world.leaf.clone(), impostor.der.clone()];
    let untrusted = &["certificate-not-trusted"];
    mismatched(&[record(DANE_TA, 0, 1, &impostor.der)], &chain, untrusted);
    // An anchor that was sent along and issued nothing here.
    let stray = [world.leaf.clone(), world.middle.der.clone(), impostor.der.clone()];
    mismatched(&[record(DANE_TA, 0, 1, &impostor.der)], &stray, untrusted);
    matched(&[record(DANE_TA, 0, 1, &world.middle.der)], &stray);
    let mut forged = world.leaf.clone();
    *forged.last_mut().unwrap() ^= 1;
    let chain = [forged, world.middle.der.clone()];
    mismatched(&[record(DANE_TA, 0, 1, &world.middle.der)], &chain, untrusted);
}

#[test]
fn ta_never_names_the_leaf() {
    let key = KeyPair::generate().unwrap();
    let leaf = server(&[MX]).self_signed(&key).unwrap().der().to_vec();
    for matching in [0, 1, 2] {
        let records = [record(DANE_TA, 0, matching, &leaf)];
        mismatched(&records, std::slice::from_ref(&leaf), &["validation-failure"]);
        let twice = [leaf.clone(), leaf.clone()];
        mismatched(&records, &twice, &["validation-failure"]);
    }
    matched(&[record(DANE_EE, 0, 1, &leaf)], &[leaf]);
}

#[test]
fn any_usable_record_of_several_will_do() {
    let world = World::new();
    let stale = record(3, 1, 1, &World::new().leaf);
    matched(&[stale.clone(), record(2, 1, 1, &world.middle.der)], &world.chain());
    matched(&[record(3, 1, 1, &world.leaf), stale], &world.chain());
}

// Bad input.

#[test]
fn a_chain_of_30_certificates_is_capped() {
    let world = World::new();
    let mut chain = world.chain();
    while chain.len() < 30 {
        chain.push(Authority::root("filler").der);
    }
    matched(&[record(3, 1, 1, &world.leaf)], &chain);
    matched(&[record(2, 1, 1, &world.middle.der)], &chain);
    assert_eq!(matched_certificate(&record(2, 1, 1, &chain[15]), &chain), Some(15));
    assert_eq!(matched_certificate(&record(2, 1, 1, &chain[16]), &chain), None);
}

#[test]
fn an_unparsable_certificate_gives_a_reason() {
    let garbage = vec![b"no certificate".to_vec()];
    let world = World::new();
    mismatched(&[record(3, 1, 1, &world.leaf)], &garbage, &["validation-failure"]);
    let chain = [garbage[0].clone(), world.middle.der.clone()];
    let reasons = &["certificate-not-trusted", "certificate-host-mismatch"];
    mismatched(&[record(2, 1, 1, &world.middle.der)], &chain, reasons);
}

#[test]
fn without_a_certificate_nothing_was_measured() {
    let records = [record(3, 1, 1, &World::new().leaf)];
    assert_eq!(judge(&published(&records), &[], &names(&[MX]), at()), None);
    let views = rollover(&published(&records), &[], &names(&[MX]), at());
    assert_eq!((views[0].accepted, views[0].certificate), (None, None));
}

#[test]
fn more_anchors_than_anybody_publishes_end_soon() {
    let world = World::new();
    let records: Vec<Tlsa> =
        (0..40).map(|_| record(DANE_TA, 1, 0, &Authority::root("x").der)).collect();
    mismatched(&records, &world.whole(), &["certificate-not-trusted"]);
}

// What each record does now and later.

fn views(records: &[Tlsa], chain: &[Vec<u8>]) -> Vec<RecordView> {
    rollover(&published(records), chain, &names(&[MX]), at())
}

#[test]
fn what_survives_a_renewal() {
    let world = World::new();
    let view = |usage, selector, certificate: &[u8]| {
        let view = views(&[record(usage, selector, 1, certificate)], &world.chain()).remove(0);
        assert_eq!(view.accepted, Some(true));
        (view.certificate, view.survives_same_key, view.survives_new_key, view.until.is_some())
    };
    assert_eq!(view(3, 1, &world.leaf), (Some(0), Some(true), Some(false), false));
    assert_eq!(view(3, 0, &world.leaf), (Some(0), Some(false), Some(false), false));
    for selector in [0, 1] {
        let issuer = view(2, selector, &world.middle.der);
        assert_eq!(issuer, (Some(1), Some(true), Some(true), true));
    }
}

#[test]
fn an_anchor_stops_matching_at_its_end() {
    let root = Authority::root("root");
    let middle = root.intermediate(valid(authority("middle"), 2026, 2029));
    let chain = [middle.leaf(&server(&[MX])), middle.der.clone()];
    let end = Some(time("2029-01-01T00:00:00Z"));
    assert_eq!(views(&[record(2, 1, 1, &middle.der)], &chain)[0].until, end);
    // The anchor that only DNS has.
    assert_eq!(views(&[record(2, 0, 0, &middle.der)], &chain[..1])[0].until, end);
    assert_eq!(views(&[record(2, 1, 0, &middle.der)], &chain[..1])[0].until, None);
}

#[test]
fn a_pair_of_which_only_one_matches_is_shown() {
    let world = World::new();
    let now = record(3, 1, 1, &world.leaf);
    let stale = record(3, 1, 1, &World::new().leaf);
    let alone = |records: &[Tlsa]| {
        let views = views(records, &world.chain());
        let beside = unmatched_beside_match(&views);
        beside.iter().map(|view| view.record.clone()).collect::<Vec<_>>()
    };
    assert_eq!(alone(&[now.clone(), stale.clone()]), std::slice::from_ref(&stale));
    assert!(alone(&[stale]).is_empty());
    assert!(alone(&[now.clone(), record(2, 1, 1, &world.middle.der)]).is_empty());
    // Unusable and superseded ones are no pair.
    assert!(alone(&[now.clone(), record(1, 1, 1, &world.leaf)]).is_empty());
    let superseded = views(&[now, record(3, 1, 2, &world.leaf)], &world.chain()).remove(0);
    assert_eq!(superseded.standing, RecordStanding::Superseded);
    assert_eq!((superseded.certificate, superseded.accepted), (Some(0), None));
}

// Properties.

fn any_record() -> impl Strategy<Value = Tlsa> {
    let number = || prop_oneof![4 => 0u8..4, 1 => any::<u8>()];
    let data = prop_oneof![
        "[0-9a-f]{64}",
        "[0-9a-fA-F]{0,200}",
        ".{0,40}",
        Just("ab".repeat(64)),
        Just("30".repeat(4096)),
    ];
    (number(), number(), number(), data).prop_map(|(usage, selector, matching, data)| Tlsa {
        usage,
        selector,
        matching,
        data,
    })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..120)
}

proptest! {
    #[test]
    fn any_record_and_any_chain_give_an_outcome(
        records in prop::collection::vec(any_record(), 0..6),
        chain in prop::collection::vec(bytes(), 0..4),
        reference in ".{0,20}",
        second in -62_135_596_800_i64..253_402_207_200,
    ) {
        let at = Timestamp::from_second(second).unwrap();
        let asked = published(&records);
        let dane = judge(&asked, &chain, &[reference], at);
        prop_assert_eq!(rollover(&asked, &chain, &[], at).len(), asked.records().len());
        prop_assert!(dane.is_none_or(|dane| dane.status != DaneStatus::Bogus));
    }

    #[test]
    fn records_with_real_data_held_against_a_broken_chain_give_an_outcome(
        place in 0usize..600, value: u8, usage in 2u8..4, selector in 0u8..2, matching in 0u8..3,
    ) {
        let world = World::new();
        let records = [record(usage, selector, matching, &world.middle.der)];
        let mut chain = world.chain();
        for certificate in &mut chain {
            let place = place % certificate.len();
            certificate[place] = value;
        }
        let dane = judged_at(&records, &chain, at());
        prop_assert_eq!(dane.status == DaneStatus::Matched, dane.reasons.is_empty());
    }

    #[test]
    fn removing_a_matching_record_never_makes_a_mismatch_a_match(
        picks in prop::collection::vec((0usize..4, 2u8..4, 0u8..2, 0u8..3), 1..6), without in 0usize..6,
    ) {
        let (world, stranger) = (World::new(), World::new());
        let sources =
            [&world.leaf, &world.middle.der, &stranger.leaf, &stranger.middle.der];
        let records: Vec<Tlsa> = picks
            .iter()
            .map(|&(source, usage, selector, matching)| record(usage, selector, matching, sources[source]))
            .collect();
        let before = judged_at(&records, &world.chain(), at());
        let views = views(&records, &world.chain());
        // The set and its records tell the same story.
        let accepted = views.iter().any(|view| view.accepted == Some(true));
        prop_assert_eq!(accepted, before.status == DaneStatus::Matched);
        let without = without % records.len();
        let mut fewer = records.clone();
        let removed = fewer.remove(without);
        if fewer.is_empty() {
            return Ok(());
        }
        let after = judged_at(&fewer, &world.chain(), at());
        // Only a stale stronger digest may have stood in the way (RFC 7671 §9).
        if after.status == DaneStatus::Matched && before.status != DaneStatus::Matched {
            prop_assert_eq!(removed.matching, 2);
            prop_assert_eq!(views[without].accepted, Some(false));
        }
    }
}

#[test]
fn digests_are_those_of_the_certificate_facts() {
    let world = World::new();
    let facts = certificate::facts(&world.leaf, false);
    assert_eq!(data::of(&world.leaf, 0, 1), Some(facts.sha256));
    assert_eq!(data::of(&world.leaf, 1, 1), facts.spki_sha256);
}
