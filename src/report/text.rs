//! The report that people read.
//!
//! Owns the order of its parts: the verdict in one sentence, the table of
//! addresses, sessions that did not get through, what each view says, what differs, findings, DNS,
//! promises, what to do next, and once for the whole run what controls showed, what is so
//! about this machine, and the evidence page of each claim about a path.
//! Refuses to judge: it only words what the report says.

mod addresses;
mod advice;
mod certificates;
mod controls;
mod differences;
mod dns;
pub mod egress;
mod evidence;
pub mod explain;
mod findings;
mod injection;
mod machine;
mod matrix;
mod mirror;
mod policies;
mod postfix;
mod range;
mod sessions;
pub mod tlsa;
mod transcripts;
pub(super) mod words;

use crate::model::report::{Report, TargetReport};
use crate::model::verdict::{Status, Verdict};
use crate::report::page::{Line, Page, Tone};

/// How the text shall look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns of the page.
    pub width: usize,
    /// Whether ANSI colours (SGR) are used.
    pub colour: bool,
    /// Whether the transcript of each session follows, where the report holds one.
    pub transcript: bool,
    /// Whether what Postfix would do at each level follows.
    pub postfix: bool,
    /// 0: what matters; 1: also timings, keywords and certificates; 2: also every contrast.
    pub verbose: u8,
}

/// The report as text.
///
/// Every line ends with a line feed. Nothing that came off the wire reaches the
/// text unescaped.
pub fn render(report: &Report, style: &Style) -> String {
    let mut page = Page::new(style.width, style.colour);
    for (position, target) in report.targets.iter().enumerate() {
        if position > 0 {
            page.blank();
            page.rule();
            page.blank();
        }
        write_target(&mut page, report, target, style);
    }
    if style.postfix {
        postfix::write_presumptions(&mut page, report);
    }
    controls::write(&mut page, report);
    machine::write(&mut page, report);
    evidence::write(&mut page, report);
    page.finish()
}

fn write_target(page: &mut Page, report: &Report, target: &TargetReport, style: &Style) {
    write_verdict(page, target);
    addresses::write(page, target, style.verbose);
    certificates::write(page, target);
    sessions::write_cut_short(page, target);
    matrix::write(page, target);
    mirror::write(page, target, style.verbose);
    differences::write(page, target, style.verbose);
    findings::write(page, target, style.verbose);
    injection::write(page, target);
    range::write(page, target, style.verbose);
    dns::write(page, report, target);
    policies::write(page, target, style.verbose);
    advice::write(page, report, target);
    if style.postfix {
        postfix::write(page, target);
    }
    if style.transcript {
        transcripts::write(page, target);
    }
}

/// The verdict in one sentence, and how much was seen.
fn write_verdict(page: &mut Page, target: &TargetReport) {
    let verdict = &target.verdict;
    let mut line = Line::new().name(&target.target);
    if let Some(unicode) = &target.unicode {
        line = line.plain(" (").plain(unicode).plain(")");
    }
    line =
        line.plain(": ").toned(words::status_tone(verdict.status), words::status(verdict.status));
    if let Some(confidence) = verdict.confidence {
        line = line.plain(" (").plain(words::confidence(confidence)).plain(")");
    }
    if !verdict.summary.is_empty() {
        line = line.plain(": ").plain(&verdict.summary);
    }
    page.hanging(0, 2, &line.sentence());
    write_extent(page, verdict);
}

/// Reasons that are the sentence of the verdict itself.
const SAID_ALREADY: [&str; 3] = ["promise-denied", "promise-kept-in-part", "mx-not-listed"];

/// Why, where, and at how many addresses.
fn write_extent(page: &mut Page, verdict: &Verdict) {
    let mut line = Line::new();
    let is_said = |because: &&String| SAID_ALREADY.contains(&because.as_str());
    if let Some(because) = verdict.because.as_ref().filter(|because| !is_said(because)) {
        line = line.plain("Because: ").plain(&words::because(verdict.status, because)).plain(". ");
    }
    if let Some(place) = verdict.place {
        line = line.plain("Where: ").plain(words::place(place)).plain(". ");
    }
    if verdict.addresses > 0 || verdict.status == Status::Unreachable {
        let extent = format!("{} of {} addresses greeted us.", verdict.reached, verdict.addresses);
        line = line.toned(Tone::Faint, &extent);
    }
    page.paragraph(2, &line);
}

#[cfg(test)]
mod tests;
