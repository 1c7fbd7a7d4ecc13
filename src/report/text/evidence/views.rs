//! Which two sessions show the claim best: one with the problem, one without it.
//!
//! Owns the choice. Refuses to word it.

use std::net::IpAddr;

use crate::model::finding::{Finding, Severity};
use crate::model::probe::{ClientHello, Mode, Role};
use crate::model::report::{ObservationReport, ProbeReport, Report, TargetReport};
use crate::model::session::{Stage, StarttlsOutcome};
use crate::model::tls::PkixStatus;
use crate::model::verdict::Status;

/// The findings on which `intercepted` rests.
const TELLS: [&str; 4] =
    ["greeting-from-nowhere", "one-key-for-all", "foreign-keys", "one-face-for-all"];
/// The finding that has both sides in its evidence.
const BY_VIEW: &str = "foreign-key-at-view";

/// Two sessions to hold against each other.
pub(super) struct Pair<'a> {
    /// Where the problem shows.
    pub(super) problem: &'a ObservationReport,
    /// The best session where it does not, and how it relates to the other.
    pub(super) other: Option<(&'a ObservationReport, String)>,
}

/// The pair that shows the verdict on a target; `None` where the verdict accuses
/// nothing on the path, or the report holds no transcripts.
pub(super) fn pair<'a>(report: &'a Report, target: &'a TargetReport) -> Option<Pair<'a>> {
    let (problem, avoid) = match target.verdict.status {
        Status::Stripped => (stripped(target)?, Vec::new()),
        Status::Intercepted => intercepted(report, target)?,
        _ => return None,
    };
    let controls = report.controls.iter().flat_map(|control| &control.observations);
    let candidates = target.observations.iter().chain(controls).filter(|session| {
        works(session) && session.transcript.is_some() && !avoid.contains(&session.id.as_str())
    });
    let nearest = candidates
        .filter_map(|other| relation(problem, other).map(|(rank, words)| (rank, other, words)))
        .min_by_key(|(rank, ..)| *rank);
    Some(Pair { problem, other: nearest.map(|(_, other, words)| (other, words)) })
}

/// TLS was completed, and STARTTLS offered before where it is not there from the start.
fn works(session: &ObservationReport) -> bool {
    let offered = session.starttls.outcome == StarttlsOutcome::Accepted;
    (offered || session.probe.mode == Mode::ImplicitTls)
        && session.stages.contains(&Stage::Handshake)
}

/// What answered was heard, or met by a handshake.
fn heard(session: &ObservationReport) -> bool {
    session.stages.contains(&Stage::Greeting) || session.tls.is_some()
}

/// Findings that are as sure as the verdict, and grave.
fn grounds(target: &TargetReport) -> impl Iterator<Item = &Finding> {
    target.findings.iter().filter(|finding| {
        finding.confidence.is_some()
            && finding.confidence == target.verdict.confidence
            && finding.severity >= Severity::Warning
    })
}

/// The session that shows stripping most plainly, among those that the verdict rests on.
fn stripped(target: &TargetReport) -> Option<&ObservationReport> {
    let evidence: Vec<&str> =
        grounds(target).flat_map(|finding| &finding.evidence).map(String::as_str).collect();
    let candidates = target.observations.iter().filter(|session| {
        let probe = &session.probe;
        evidence.contains(&session.id.as_str())
            && probe.role.is_judged()
            && probe.client_hello == ClientHello::Default
            && session.transcript.is_some()
            && heard(session)
            && !works(session)
    });
    candidates.min_by_key(|session| plainness(session))
}

fn plainness(session: &ObservationReport) -> u8 {
    let starttls = &session.starttls;
    let masked = session.ehlo.as_ref().is_some_and(|ehlo| !ehlo.masked.is_empty());
    match (starttls.echo_masked, starttls.outcome, starttls.offered) {
        (Some(true), ..) => 0,
        (_, StarttlsOutcome::AcceptedUnoffered, _) => 1,
        (_, _, Some(false)) if masked => 2,
        (_, _, Some(false)) => 3,
        _ => 4,
    }
}

/// The session that shows interception, and those that show it too.
fn intercepted<'a>(
    report: &'a Report,
    target: &'a TargetReport,
) -> Option<(&'a ObservationReport, Vec<&'a str>)> {
    if let Some(finding) = grounds(target).find(|finding| finding.id == BY_VIEW) {
        return foreign_at_view(target, finding);
    }
    let finding = grounds(target).find(|finding| TELLS.contains(&finding.id.as_str()))?;
    let held = |session: &&ObservationReport| {
        finding.evidence.contains(&session.id) && session.transcript.is_some() && heard(session)
    };
    let controls = report.controls.iter().flat_map(|control| &control.observations);
    // Where nothing can live, the greeting alone says it all.
    let mut canary = controls.filter(|session| session.probe.role == Role::Canary);
    let problem = canary.find(held).or_else(|| target.observations.iter().find(held))?;
    Some((problem, finding.evidence.iter().map(String::as_str).collect()))
}

/// The sessions at the view where the chain is not valid.
fn foreign_at_view<'a>(
    target: &'a TargetReport,
    finding: &Finding,
) -> Option<(&'a ObservationReport, Vec<&'a str>)> {
    let is_valid = |session: &&ObservationReport| {
        let pkix = session.tls.as_ref().and_then(|tls| tls.pkix.as_ref());
        pkix.is_some_and(|pkix| pkix.status == PkixStatus::Valid)
    };
    let foreign = target
        .observations
        .iter()
        .filter(|session| finding.evidence.contains(&session.id) && !is_valid(session));
    let problem = foreign.clone().find(|session| session.transcript.is_some() && heard(session))?;
    Some((problem, foreign.map(|session| session.id.as_str()).collect()))
}

/// The source of another session with the same address, from the same vantage point,
/// where that is what the two differ in.
fn other_source(here: &ProbeReport, there: &ProbeReport) -> Option<IpAddr> {
    let same = here.ip == there.ip && here.vantage == there.vantage;
    there.source.filter(|source| same && here.source.is_some_and(|own| own != *source))
}

/// How near another session is to the one with the problem, and in words.
/// `None` where it compares with nothing.
fn relation(problem: &ObservationReport, other: &ObservationReport) -> Option<(u8, String)> {
    let (here, there) = (&problem.probe, &other.probe);
    if here.port != there.port || there.role == Role::Canary {
        return None;
    }
    let family = there.family.label();
    Some(if there.role == Role::Control {
        let rank = if here.family == there.family { 4 } else { 5 };
        (rank, format!("at the control {} over {family}", there.target))
    } else if here.host != there.host {
        (3, format!("at another host over {family}"))
    } else if let Some(source) = other_source(here, there) {
        (0, format!("at the same address from {source}"))
    } else if here.ip == there.ip && here.vantage == there.vantage {
        (0, "at the same address in another session".to_owned())
    } else if here.ip == there.ip {
        (0, format!("at the same address seen from {}", there.vantage))
    } else if here.family == there.family {
        (2, "at another address of the same host".to_owned())
    } else {
        (1, format!("at the same host over {family}"))
    })
}
