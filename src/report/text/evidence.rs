//! The evidence page: one claim, made to be sent to whoever runs the path.
//!
//! Owns its order: when, from where, to where; both views with the difference
//! marked; what controls showed; how to see it again by hand. Stands on its own,
//! so it repeats what the report says elsewhere. Refuses to accuse anybody, and
//! to show anything of which no transcript is in the report.

mod again;
mod dialogue;
mod views;

use crate::model::report::{ObservationReport, Report, TargetReport};
use crate::report::page::{Line, Page, Tone};

use super::{controls, words};
use views::Pair;

/// Writes the page of each target that has a claim to show.
pub(super) fn write(page: &mut Page, report: &Report) {
    for target in &report.targets {
        if let Some(pair) = views::pair(report, target) {
            write_page(page, report, target, &pair);
        }
    }
}

fn write_page(page: &mut Page, report: &Report, target: &TargetReport, pair: &Pair<'_>) {
    page.heading("Evidence, made to be sent on");
    let verdict = &target.verdict;
    let mut claim =
        Line::new().name(&target.target).plain(": ").plain(words::status(verdict.status));
    if let Some(confidence) = verdict.confidence {
        claim = claim.plain(&format!(" ({})", words::confidence(confidence)));
    }
    page.paragraph(2, &claim.plain(": ").plain(&verdict.summary).sentence());
    page.hanging(2, 3, &header("A", "with the problem", pair.problem));
    match &pair.other {
        Some((other, relation)) => {
            let title = format!("without it, {relation}");
            page.hanging(2, 3, &header("B", &title, other));
        }
        None => page.paragraph(
            2,
            &Line::of(
                Tone::Doubtful,
                "No other view without the problem was taken to compare with.",
            )
            .plain(" One from another network would settle what is open."),
        ),
    }
    if let Some(line) = steadiness(target, pair.problem) {
        page.paragraph(2, &line);
    }
    page.blank();
    dialogue::write(page, pair.problem, pair.other.as_ref().map(|(other, _)| *other));
    page.blank();
    let mut controls = controls::facts(report);
    if controls.is_empty() {
        controls.push(Line::new().plain("No control destination was asked."));
    }
    for line in &controls {
        page.hanging(2, 2, line);
    }
    again::write(page, pair);
    let by = format!(
        "Measured by {}; times are UTC by the clock of the machine that measured.",
        report.run.tool
    );
    page.blank();
    page.paragraph(2, &Line::of(Tone::Faint, &by));
}

/// When, from where, to where.
fn header(letter: &str, title: &str, session: &ObservationReport) -> Line {
    let probe = &session.probe;
    let when = session.started_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let from = match probe.source {
        Some(source) => format!(", from {source} to "),
        None => ", source address not recorded, to ".to_owned(),
    };
    let line = Line::of(Tone::Strong, letter).plain(": ").plain(title).plain(": ");
    let line = line.plain(&when).plain(&from).name(&probe.host);
    line.plain(&format!(" [{}], port {} ({})", probe.ip, probe.port, session.id))
}

/// In how many of how many sessions like this one.
fn steadiness(target: &TargetReport, problem: &ObservationReport) -> Option<Line> {
    let cell = target.cells.iter().find(|cell| cell.observations.contains(&problem.id))?;
    if cell.of < 2 {
        return None;
    }
    Some(Line::new().plain(&format!(
        "Sessions like A: {}; STARTTLS offered in {} and TLS completed in {} of them.",
        cell.of, cell.offered, cell.completed
    )))
}

#[cfg(test)]
mod tests;
