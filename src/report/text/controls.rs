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

/// One line a control or canary.
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
    let lead = match role {
        Role::Canary => "nothing lives there: ",
        _ => "control: ",
    };
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
        return Some(if greeted { "greeted us with 220" } else { "did not greet us" }.to_owned());
    }
    let any = |holds: fn(&ObservationReport) -> bool| sessions.iter().any(|session| holds(session));
    let offered = any(|session| session.starttls.offered == Some(true));
    let completed = any(|session| session.stages.contains(&Stage::Handshake));
    let hidden = any(|session| session.starttls.outcome == StarttlsOutcome::AcceptedUnoffered);
    Some(match (greeted, codes.first()) {
        (true, _) if offered && completed => "offers STARTTLS and completes TLS".to_owned(),
        (true, _) if offered => "offers STARTTLS, but completes no TLS".to_owned(),
        (true, _) if hidden && completed => "does not offer STARTTLS, but accepts it".to_owned(),
        (true, _) => "does not offer STARTTLS".to_owned(),
        (false, Some(code)) => format!("turned us away with {code}"),
        (false, None) => "did not greet us".to_owned(),
    })
}
