//! What control destinations and the canary showed.
//!
//! Owns the words for them, one line a destination. Refuses to weigh them.

use crate::model::probe::{Family, Role};
use crate::model::report::{ObservationReport, Report, TargetReport};
use crate::model::session::{Stage, StarttlsOutcome};
use crate::report::page::{Line, Page};

/// Writes the results; nothing where nobody else was asked.
pub(super) fn write(page: &mut Page, report: &Report) {
    let lines = facts(report);
    if lines.is_empty() {
        return;
    }
    page.heading("Controls");
    for line in lines {
        page.hanging(2, 2, &line);
    }
}

/// One line a control or canary; one that says so where none was asked.
pub(super) fn facts(report: &Report) -> Vec<Line> {
    report.controls.iter().filter_map(fact).collect()
}

fn fact(control: &TargetReport) -> Option<Line> {
    let role = control.observations.first()?.probe.role;
    let results: Vec<(Family, String)> = [Family::Ipv4, Family::Ipv6]
        .into_iter()
        .filter_map(|family| Some((family, result(&over(control, family), role)?)))
        .collect();
    let mut parts: Vec<(String, Vec<&str>)> = Vec::new();
    for (family, result) in results {
        match parts.iter_mut().find(|part| part.0 == result) {
            Some(part) => part.1.push(family.label()),
            None => parts.push((result, vec![family.label()])),
        }
    }
    let said: Vec<String> = parts
        .iter()
        .map(|(result, families)| format!("{result} over {}", families.join(" and ")))
        .collect();
    let lead = if role == Role::Canary { "canary: " } else { "control: " };
    let line = Line::new().plain(lead).name(&control.target).plain(" ");
    Some(line.plain(&said.join("; ")).sentence())
}

fn over(control: &TargetReport, family: Family) -> Vec<&ObservationReport> {
    control.observations.iter().filter(|session| session.probe.family == family).collect()
}

/// What the sessions over one family came to; the best of them counts.
fn result(sessions: &[&ObservationReport], role: Role) -> Option<String> {
    sessions.first()?;
    let greeting = |session: &&ObservationReport| {
        session
            .greeting
            .as_ref()
            .filter(|_| session.stages.contains(&Stage::Greeting))
            .map(|greeting| greeting.code)
    };
    let codes: Vec<u16> = sessions.iter().filter_map(greeting).collect();
    let greeted = codes.contains(&220);
    if role == Role::Canary {
        let words = if greeted {
            "greeted us, where nothing lives,"
        } else {
            "did not greet us, as nothing lives there,"
        };
        return Some(words.to_owned());
    }
    let completed = |session: &&&ObservationReport| session.stages.contains(&Stage::Handshake);
    let offered = sessions.iter().any(|session| session.starttls.offered == Some(true));
    let secured = sessions.iter().find(completed);
    let hidden = |session: &&&ObservationReport| {
        session.starttls.outcome == StarttlsOutcome::AcceptedUnoffered
    };
    Some(match (offered, secured, codes.first()) {
        (true, Some(_), _) => "offers STARTTLS, and TLS works,".to_owned(),
        (true, None, _) => "offers STARTTLS, and no TLS comes of it".to_owned(),
        (false, Some(_), _) if sessions.iter().any(|one| hidden(&one)) => {
            "does not offer STARTTLS, and accepts it all the same,".to_owned()
        }
        (false, _, Some(220)) => "does not offer STARTTLS".to_owned(),
        (false, _, Some(code)) => format!("turned us away with {code}"),
        (false, _, None) => "did not greet us".to_owned(),
    })
}
