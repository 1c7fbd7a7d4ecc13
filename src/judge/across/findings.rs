//! The findings of several views as one list.
//!
//! Owns what is said once, of whom it is said, and what no longer holds once all
//! views have been heard.

use std::collections::{HashMap, HashSet};

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
    let mut said = Sayings::default();
    for (place, side) in across.sides.iter().enumerate() {
        let evidence = &side.seen.evidence;
        for finding in rules::findings(evidence, &side.scene, promised, &side.verdict) {
            if !is_overturned(across, side, &finding) {
                said.note(place, finding);
            }
        }
    }
    let count = across.sides.len();
    let mut found: Vec<Finding> =
        said.all.into_iter().map(|said| attributed(across, said, count)).collect();
    let place = |finding: &Finding| (finding.id.clone(), finding.subject.clone());
    let mut known: HashSet<(String, Subject)> = found.iter().map(place).collect();
    let whole = rules::promise::findings(&across.whole);
    found.extend(whole.into_iter().filter(|finding| known.insert(place(finding))));
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

/// What was said so far.
#[derive(Default)]
struct Sayings {
    all: Vec<Said>,
    /// Where each is: kind, subject and words.
    places: HashMap<(String, Subject, String), usize>,
}

impl Sayings {
    /// The same words are said once, and rest on all that they were said of.
    fn note(&mut self, view: usize, finding: Finding) {
        let words = (finding.id.clone(), finding.subject.clone(), finding.explanation.clone());
        let place = *self.places.entry(words).or_insert(self.all.len());
        let Some(known) = self.all.get_mut(place) else {
            self.all.push(Said { finding, views: vec![view] });
            return;
        };
        known.finding.confidence = known.finding.confidence.max(finding.confidence);
        known.finding.severity = known.finding.severity.max(finding.severity);
        let mut resting: HashSet<String> = known.finding.evidence.iter().cloned().collect();
        let new = finding.evidence.into_iter().filter(|id| resting.insert(id.clone()));
        known.finding.evidence.extend(new);
        known.views.push(view);
    }
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

/// The address that a finding is about.
fn at<'c, 's, 'a>(across: &'c Across<'s, 'a>, subject: &Subject) -> Option<&'c Spot<'s, 'a>> {
    across.spot(subject.host.as_deref()?, subject.ip?)
}

/// Whether any view has STARTTLS at an address.
fn is_seen_to_work(across: &Across<'_, '_>, subject: &Subject) -> bool {
    at(across, subject).is_some_and(|spot| spot.measured().any(|look| look.address.has()))
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
    let saw = match finding.subject.ip {
        Some(ip) => across.measured.contains(&ip),
        None => !across.measured.is_empty(),
    };
    kept_out.contains(&finding.id.as_str()) && saw
}

/// What a view found by itself, and other vantage points explain.
fn is_overturned(across: &Across<'_, '_>, side: &Side<'_>, finding: &Finding) -> bool {
    if finding.id == catalogue::STARTTLS_LOST_ON_FAMILY.id {
        let claim = across.by_family(side, None);
        return claim.is_some_and(|claim| claim.because.as_deref() == Some(EVERYWHERE));
    }
    if finding.id == catalogue::PROMISE_DENIED.id {
        let all = &across.whole.promises.contradictions;
        return all.iter().all(|found| Some(&found.host) != finding.subject.host.as_ref());
    }
    if finding.id != catalogue::STARTTLS_LOST_NEAR_VANTAGE.id {
        return false;
    }
    let look = at(across, &finding.subject).and_then(|spot| {
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
        let claim = across.by_family(side, None);
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
