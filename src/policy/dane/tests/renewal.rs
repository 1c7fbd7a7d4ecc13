//! What each record does now and later.

use super::*;

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
