//! Which records count (RFC 7672 §3.1, RFC 7671 §9).

use super::*;

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
