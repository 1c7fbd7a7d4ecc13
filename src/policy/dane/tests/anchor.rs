//! DANE-TA(2): name, dates and a path to a presented anchor (RFC 7672 §3.1.2).

use super::*;

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
