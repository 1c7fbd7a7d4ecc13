//! Bad input.

use super::*;

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
