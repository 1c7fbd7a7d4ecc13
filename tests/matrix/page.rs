//! The confusion matrix in docs/detection.md, held equal to what was computed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::score::{Score, score, words};
use crate::world::{Seen, seen};

const BEGIN: &str = "<!-- matrix:begin -->";
const END: &str = "<!-- matrix:end -->";
/// Set, it writes the block instead of comparing it.
const UPDATE: &str = "MXRAY_UPDATE";

#[test]
fn no_false_alarm_and_no_overclaim() {
    let wrong = |seen: &&Seen| {
        matches!(score(seen), Score::FalseAlarm | Score::Overclaim | Score::OtherWord)
    };
    let wrong: Vec<String> = seen().iter().filter(wrong).map(line).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_page_has_the_matrix_that_was_computed() {
    let block = rendered(seen());
    // The result of this run, for whoever reads the test's output.
    writeln!(std::io::stdout(), "{block}").unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/detection.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (kept, tail) = rest.split_once(END).unwrap();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}\n{block}{END}{tail}")).unwrap();
    } else {
        assert!(kept.trim() == block.trim(), "run with {UPDATE}=1 to write this:\n{block}");
    }
}

/// One row in words: what was found, what is permitted, and why.
pub(crate) fn line(seen: &Seen) -> String {
    let verdict = &seen.report.verdict;
    let found = words((verdict.status, verdict.confidence));
    let permitted = words((seen.permitted.status, seen.permitted.confidence));
    format!(
        "{}: {}: {found}; permitted: {permitted} ({})",
        seen.group, seen.name, seen.permitted.why
    )
}

fn rendered(all: &[Seen]) -> String {
    let mut text = String::new();
    let count = |wanted| all.iter().filter(|seen| score(seen) == wanted).count();
    let totals = Score::ALL.map(|score| format!("{} {}", count(score), score.label()));
    let _ = writeln!(text, "{} cases: {}.\n", all.len(), totals.join(", "));
    by_group(&mut text, all);
    by_claim(&mut text, all);
    text.push_str("\nTampered with, and no view taken can show it:\n");
    reasons(&mut text, all, Score::AsFarAsSeen);
    text.push_str("\nInnocent, and from here not to be told from a box:\n");
    reasons(&mut text, all, Score::Doubted);
    let short: Vec<&Seen> =
        all.iter().filter(|seen| matches!(score(seen), Score::Weaker | Score::Missed)).collect();
    if short.is_empty() {
        text.push_str("\nNothing that the views permit is missed.\n");
    } else {
        text.push_str("\nLess is said than the views permit:\n");
        for seen in short {
            let _ = writeln!(text, "* {}", line(seen));
        }
    }
    text
}

/// Why the rows of one score could not be told better; a second vantage or a
/// promise would.
fn reasons(text: &mut String, all: &[Seen], wanted: Score) {
    let mut reasons: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for seen in all.iter().filter(|seen| score(seen) == wanted) {
        let permitted = words((seen.permitted.status, seen.permitted.confidence));
        *reasons.entry((seen.permitted.why, permitted)).or_default() += 1;
    }
    for ((why, permitted), number) in reasons {
        let _ = writeln!(text, "* {number} × `{permitted}`: {why}");
    }
}

/// A line for every box and every kind of innocent cause, a column for every score.
fn by_group(text: &mut String, all: &[Seen]) {
    let mut groups: Vec<&str> = Vec::new();
    for seen in all {
        if !groups.contains(&seen.group.as_str()) {
            groups.push(&seen.group);
        }
    }
    let labels = Score::ALL.map(Score::label);
    let _ = writeln!(text, "| on the path | cases | {} |", labels.join(" | "));
    let _ = writeln!(text, "|---|---|{}", "---|".repeat(labels.len()));
    for group in groups {
        let rows: Vec<&Seen> = all.iter().filter(|seen| seen.group == group).collect();
        let cells = Score::ALL.map(|wanted| {
            match rows.iter().filter(|seen| score(seen) == wanted).count() {
                0 => String::new(),
                number => number.to_string(),
            }
        });
        let _ = writeln!(text, "| {group} | {} | {} |", rows.len(), cells.join(" | "));
    }
}

/// The confusion matrix: what may be said at best, against what was said.
fn by_claim(text: &mut String, all: &[Seen]) {
    let mut pairs: BTreeMap<(bool, String, String), usize> = BTreeMap::new();
    for seen in all {
        let permitted = words((seen.permitted.status, seen.permitted.confidence));
        let found = words((seen.report.verdict.status, seen.report.verdict.confidence));
        *pairs.entry((!seen.guilty, permitted, found)).or_default() += 1;
    }
    text.push_str("\n| truth | permitted at best | said | cases |\n|---|---|---|---|\n");
    for ((innocent, permitted, found), number) in pairs {
        let truth = if innocent { "innocent" } else { "tampered" };
        let _ = writeln!(text, "| {truth} | {permitted} | {found} | {number} |");
    }
}
