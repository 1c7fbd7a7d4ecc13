//! What `mxray explain` prints: what may be claimed, and from what.
//!
//! Owns the layout of the catalogue as text. Refuses to hold an entry of it.

use crate::model::catalogue::{Catalogue, Entry, Ground, Meaning};
use crate::model::finding::Severity;
use crate::report::page::{Line, Page, Tone};

use super::{Style, words};

/// Every word of verdicts and every finding, one a line or two.
pub fn list(catalogue: &Catalogue, style: &Style) -> String {
    let mut page = Page::new(style.width, style.colour);
    page.paragraph(0, &Line::of(Tone::Strong, "Verdicts"));
    for meaning in catalogue.meanings {
        let word = words::status(meaning.status);
        let line = Line::of(Tone::Strong, word).plain(": ").plain(meaning.means);
        page.hanging(2, 4, &line);
    }
    page.heading("Findings");
    for entry in catalogue.entries() {
        let (tone, severity) = words::severity(entry.severity);
        let line = Line::of(tone, severity)
            .plain(" ")
            .toned(Tone::Strong, entry.id)
            .plain(": ")
            .plain(entry.evidence);
        page.hanging(2, 4, &line);
    }
    page.blank();
    page.paragraph(0, &Line::of(Tone::Faint, "`mxray explain NAME` tells all about one of them."));
    page.finish()
}

/// All about the verdict or the finding of that name; `None` where there is none.
pub fn one(catalogue: &Catalogue, name: &str, style: &Style) -> Option<String> {
    let mut page = Page::new(style.width, style.colour);
    let meaning = catalogue.meanings.iter().find(|one| words::status(one.status) == name);
    match meaning {
        Some(meaning) => verdict(&mut page, meaning, catalogue.claims),
        None => finding(&mut page, catalogue.entries().find(|entry| entry.id == name)?),
    }
    Some(page.finish())
}

/// Every name that can be explained.
pub fn names(catalogue: &Catalogue) -> Vec<&'static str> {
    let words = catalogue.meanings.iter().map(|meaning| words::status(meaning.status));
    words.chain(catalogue.entries().map(|entry| entry.id)).collect()
}

fn verdict(page: &mut Page, meaning: &Meaning, grounds: &[Ground]) {
    let word = words::status(meaning.status);
    let title = Line::of(words::status_tone(meaning.status), word).plain(": a verdict");
    page.paragraph(0, &title);
    labelled(page, "means", meaning.means);
    if !meaning.never.is_empty() {
        labelled(page, "not to be taken for", meaning.never);
    }
    for ground in grounds.iter().filter(|ground| ground.status == meaning.status) {
        let when = match ground.confidence {
            Some(confidence) => format!("{}, when", words::confidence(confidence)),
            None => "given when".to_owned(),
        };
        labelled(page, &when, ground.evidence);
        let places: Vec<&str> = ground.places.iter().map(|place| words::place(*place)).collect();
        if !places.is_empty() {
            let places =
                Line::of(Tone::Faint, "where, if it is said: ").plain(&places.join("; or "));
            page.hanging(4, 2, &places.sentence());
        }
    }
}

fn finding(page: &mut Page, entry: &Entry) {
    let (tone, severity) = words::severity(entry.severity);
    let title = Line::of(Tone::Strong, entry.id).plain(": a finding, ").toned(tone, severity);
    let title = match entry.severity {
        Severity::Critical => title.plain(" (a warning while it is only suspected)"),
        _ => title,
    };
    page.paragraph(0, &title);
    labelled(page, "what must be seen", entry.evidence);
    for alternative in entry.alternatives {
        labelled(page, "could also be", alternative);
    }
    labelled(page, "what to do", entry.remedy);
    labelled(page, "see", &entry.references.join(", "));
}

fn labelled(page: &mut Page, label: &str, text: &str) {
    let line = Line::of(Tone::Faint, label).toned(Tone::Faint, ": ").plain(text).sentence();
    page.hanging(2, 2, &line);
}
