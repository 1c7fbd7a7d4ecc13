//! Properties.

use super::*;

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
    assert_eq!(association::of(&world.leaf, 0, 1), Some(facts.sha256));
    assert_eq!(association::of(&world.leaf, 1, 1), facts.spki_sha256);
}
