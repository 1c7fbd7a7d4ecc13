//! The findings of several views as one list.
//!
//! Owns what is said once, of whom it is said, and what no longer holds once all
//! views have been heard.

use super::contrast::{Contrast, Kind};
use super::{Across, EVERYWHERE, Side, Spot, dns, words};
use crate::judge::catalogue::{self as catalogue, on_address, with_confidence};
use crate::judge::policies::Promised;
use crate::judge::rules;
use crate::model::finding::{Finding, Severity, Subject};
use crate::model::route::Route;
use crate::model::verdict::{Confidence, Status, Verdict};

/// A finding, and the places of the views that have it.
struct Said {
    finding: Finding,
    views: Vec<usize>,
}

/// Everything found, the gravest first.
pub(in crate::judge) fn findings(
    across: &Across<'_, '_>,
    promised: &Promised,
    verdict: &Verdict,
) -> Vec<Finding> {
    let mut said: Vec<Said> = Vec::new();
    for (place, side) in across.sides.iter().enumerate() {
        let evidence = &side.seen.evidence;
        for finding in rules::findings(evidence, &side.scene, promised, &side.verdict) {
            if !is_overturned(across, side, &finding) {
                note(&mut said, place, finding);
            }
        }
    }
    let count = across.sides.len();
    let mut found: Vec<Finding> =
        said.into_iter().map(|said| attributed(across, said, count)).collect();
    for finding in rules::promise::findings(&across.whole) {
        let is_known = |known: &Finding| known.id == finding.id && known.subject == finding.subject;
        if !found.iter().any(is_known) {
            found.push(finding);
        }
    }
    found.extend(across.contrasts.iter().map(of_contrast));
    found.extend(everywhere(across));
    let routes: Vec<&Route> =
        across.sides.iter().filter_map(|side| side.seen.evidence.routes.first()).collect();
    found.extend(dns::findings(&distinct(routes)));
    rules::ordered(found, verdict)
}

/// Several views of one vantage point share its route.
fn distinct(mut routes: Vec<&Route>) -> Vec<&Route> {
    let mut known = std::collections::BTreeSet::new();
    routes.retain(|route| known.insert(&route.vantage));
    routes
}

/// The same words are said once, and rest on all that they were said of.
fn note(said: &mut Vec<Said>, place: usize, finding: Finding) {
    let same = |known: &&mut Said| {
        let known = &known.finding;
        (&known.id, &known.subject, &known.explanation)
            == (&finding.id, &finding.subject, &finding.explanation)
    };
    let Some(known) = said.iter_mut().find(same) else {
        said.push(Said { finding, views: vec![place] });
        return;
    };
    known.finding.confidence = known.finding.confidence.max(finding.confidence);
    known.finding.severity = known.finding.severity.max(finding.severity);
    for id in finding.evidence {
        if !known.finding.evidence.contains(&id) {
            known.finding.evidence.push(id);
        }
    }
    known.views.push(place);
}

/// With the view's name, where not every view has it.
fn attributed(across: &Across<'_, '_>, said: Said, count: usize) -> Finding {
    let Said { mut finding, views } = said;
    let sides = views.iter().filter_map(|place| across.sides.get(*place));
    let names: Vec<String> = sides.map(|side| side.seen.view.name()).collect();
    let all = names.len() == count;
    if all {
        return finding;
    }
    if is_seen_to_work(across, &finding.subject) {
        finding.alternatives.retain(|one| !one.contains(EVERY_VIEW));
    }
    let explanation = format!("From {}: {}", names.join(" and "), finding.explanation);
    let severity = if is_about_view(across, &finding) {
        finding.severity.min(Severity::Notice)
    } else {
        finding.severity
    };
    Finding { severity, explanation, ..finding }
}

/// What an explanation says that another view excludes.
const EVERY_VIEW: &str = "from every view";

/// Whether any view has STARTTLS at an address.
fn is_seen_to_work(across: &Across<'_, '_>, subject: &Subject) -> bool {
    let here = |spot: &&Spot<'_, '_>| {
        subject.host.as_deref() == Some(spot.host) && subject.ip == Some(spot.ip)
    };
    across.spots.iter().filter(here).flat_map(Spot::measured).any(|look| look.address.has())
}

/// What kept one view from seeing an address that another view saw: nothing about
/// the target.
fn is_about_view(across: &Across<'_, '_>, finding: &Finding) -> bool {
    let kept_out = [
        catalogue::ADDRESS_NOT_REACHED.id,
        catalogue::ADDRESS_TURNED_AWAY.id,
        catalogue::SESSION_STALLED.id,
        catalogue::PORT_BLOCKED.id,
    ];
    let here = |spot: &&Spot<'_, '_>| finding.subject.ip.is_none_or(|ip| spot.ip == ip);
    kept_out.contains(&finding.id.as_str())
        && across.spots.iter().filter(here).any(|spot| spot.measured().next().is_some())
}

/// What a view found by itself, and other vantage points explain.
fn is_overturned(across: &Across<'_, '_>, side: &Side<'_>, finding: &Finding) -> bool {
    if finding.id == catalogue::STARTTLS_LOST_ON_FAMILY.id {
        let claim = across.by_family(side, |_| true);
        return claim.is_some_and(|claim| claim.because.as_deref() == Some(EVERYWHERE));
    }
    if finding.id == catalogue::PROMISE_DENIED.id {
        let all = &across.whole.promises.contradictions;
        return all.iter().all(|found| Some(&found.host) != finding.subject.host.as_ref());
    }
    if finding.id != catalogue::STARTTLS_LOST_NEAR_VANTAGE.id {
        return false;
    }
    let subject = (finding.subject.host.as_deref(), finding.subject.ip);
    let spot = across.spots.iter().find(|spot| (Some(spot.host), Some(spot.ip)) == subject);
    let look = spot.and_then(|spot| {
        let own = spot.looks.iter().find(|look| std::ptr::eq(look.side, side))?;
        Some((spot, own))
    });
    look.is_some_and(|(spot, look)| spot.heard(look).status != Status::Stripped)
}

fn of_contrast(contrast: &Contrast) -> Finding {
    let entry = match contrast.kind {
        Kind::Lost => catalogue::STARTTLS_LOST_AT_VIEW,
        Kind::ForeignKey => catalogue::FOREIGN_KEY_AT_VIEW,
    };
    let finding = entry.raised(
        on_address(contrast.host(), contrast.ip()),
        contrast.evidence.clone(),
        format!("{}.", words::capital(&words::contrast(contrast))),
    );
    // The same server gives controls nothing to do with the client's standing there.
    let policy = |alternative: &String| contrast.controls.is_empty() || !is_policy(alternative);
    let own = finding.alternatives.iter().filter(|one| policy(one)).cloned();
    let alternatives = match contrast.confidence {
        Confidence::Proven => Vec::new(),
        _ => words::innocent(contrast).into_iter().map(str::to_owned).chain(own).collect(),
    };
    with_confidence(Finding { alternatives, ..finding }, contrast.confidence)
}

fn is_policy(alternative: &str) -> bool {
    alternative.starts_with("the operator treats")
}

/// A family without STARTTLS that every vantage point sees alike.
fn everywhere(across: &Across<'_, '_>) -> Option<Finding> {
    let alike = |side: &&&Side<'_>| {
        let claim = across.by_family(side, |_| true);
        claim.is_some_and(|claim| claim.because.as_deref() == Some(EVERYWHERE))
    };
    across.sides.iter().find(alike)?;
    let bare = || across.spots.iter().filter(|spot| spot.is_bare_everywhere());
    let looks = bare().flat_map(Spot::measured);
    let evidence = looks.flat_map(|look| look.address.evidence()).collect();
    let text = format!("{}.", words::capital(&words::everywhere(across)));
    let finding = catalogue::BARE_EVERYWHERE.raised(Subject::default(), evidence, text);
    Some(with_confidence(finding, Confidence::Suspected))
}
