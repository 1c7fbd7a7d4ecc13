//! DANE-EE(3): name, expiry and chain are ignored (RFC 7672 §3.1.1).

use super::*;

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
