//! The parts of docs/detection.md that are made of the catalogue, as Markdown.
//!
//! Owns the tables and their columns. Refuses to hold an entry of the catalogue.

use std::fmt::Write as _;

use crate::model::catalogue::{Catalogue, Entry, Ground};
use crate::report::text::words;

/// The table of verdicts: what each word means and what it is not.
pub fn verdicts(catalogue: &Catalogue) -> String {
    let mut text = String::from("| verdict | means | never confuse with |\n|---|---|---|\n");
    for meaning in catalogue.meanings {
        let word = words::status(meaning.status);
        let _ = writeln!(text, "| `{word}` | {} | {} |", meaning.means, meaning.never);
    }
    text
}

/// The table of claims, and every finding.
pub fn findings(catalogue: &Catalogue) -> String {
    let mut text = String::from(
        "### What each claim rests on\n\
         | verdict | confidence | what must have been seen | where, if it is said |\n\
         |---|---|---|---|\n",
    );
    catalogue.claims.iter().for_each(|ground| push_ground(&mut text, ground));
    text.push_str("\n### Findings\n");
    text.push_str(
        "A finding that is only suspected is a warning at most.\n\n\
         | finding | severity | what must be seen | could also be | what to do | see |\n\
         |---|---|---|---|---|---|\n",
    );
    catalogue.entries().for_each(|entry| push_entry(&mut text, entry));
    text
}

fn push_ground(text: &mut String, ground: &Ground) {
    let confidence = ground.confidence.map_or("", words::confidence);
    let places: Vec<&str> = ground.places.iter().map(|place| words::place(*place)).collect();
    let status = words::status(ground.status);
    let (evidence, places) = (ground.evidence, places.join("; "));
    let _ = writeln!(text, "| `{status}` | {confidence} | {evidence} | {places} |");
}

fn push_entry(text: &mut String, entry: &Entry) {
    let (_, severity) = words::severity(entry.severity);
    let alternatives = entry.alternatives.join("; ");
    let references = entry.references.join(", ");
    let Entry { id, evidence, remedy, .. } = entry;
    let _ = writeln!(
        text,
        "| `{id}` | {severity} | {evidence} | {alternatives} | {remedy} | {references} |"
    );
}
