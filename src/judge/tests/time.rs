//! Cells have an interval, and a turn within one is a contrast and no claim.

use super::*;
use crate::model::compare::{Axis, Contrast};

/// Sessions at one address, `+` with STARTTLS and `-` without.
fn in_order(order: &str) -> TargetReport {
    let all: Vec<Seen> = order
        .chars()
        .map(|sign| match sign {
            '+' => seen("mx1.example.net", V4, &[OFFERED, SECURED]),
            _ => seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
        })
        .collect();
    report(&all)
}

fn turns(order: &str) -> Vec<Contrast> {
    let contrasts = in_order(order).contrasts;
    contrasts.into_iter().filter(|contrast| contrast.axis == Axis::Time).collect()
}

#[test]
fn a_turn_has_two_sides_that_each_agree() {
    let turns = turns("++---");
    let [turn] = turns.as_slice() else { panic!("{turns:?}") };
    assert_eq!((turn.left.as_str(), turn.right.as_str()), ("c1", "c1"));
    assert_eq!(turn.turn.as_deref(), Some("o3"));
    assert!(turn.differences.contains(&"starttls.offered".to_owned()), "{turn:?}");
    assert!(turn.held.contains(&"ip".to_owned()) && turn.entailed.is_empty());
}

#[test]
fn what_comes_and_goes_or_came_once_is_no_turn() {
    for order in ["++++", "+-+-", "++-", "+--", "++-+-", "--+-"] {
        assert_eq!(turns(order), [], "{order}");
    }
}

#[test]
fn a_turn_is_flapping_all_the_same() {
    for order in ["++--", "+-+-"] {
        let report = in_order(order);
        let verdict = &report.verdict;
        assert_eq!(verdict.because.as_deref(), Some("flapping"), "{order}");
        assert_eq!((verdict.status, verdict.confidence), (Status::Inconclusive, None), "{order}");
        assert!(!report.cells[0].steady);
    }
}

#[test]
fn a_cell_has_its_interval() {
    let cell = &in_order("+++").cells[0];
    let second = |second| Some(jiff::Timestamp::from_second(second).unwrap());
    assert_eq!((cell.since, cell.until), (second(0), second(2)));
}
