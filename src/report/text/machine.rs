//! What is so about this machine and this run, said once.
//!
//! Owns the facts about us, so that they are never read as facts about a target.
//! Refuses to know targets.

use crate::model::probe::Family;
use crate::model::report::{DnssecSource, FamilyUse, Report, Vantage, VantageKind};
use crate::model::route::LookupError;
use crate::report::page::{Line, Page, Tone};

/// Writes what limits the report from our side; nothing where nothing does.
pub(super) fn write(page: &mut Page, report: &Report) {
    let mut lines: Vec<Line> = report.run.vantages.iter().flat_map(vantage_facts).collect();
    if answered(report) {
        lines.extend(report.run.vantages.iter().filter_map(resolver_fact));
    }
    if report.run.ehlo_names.is_empty() && greeted(report) {
        lines.push(Line::new().plain(
            "No fully qualified name of this host is known, so EHLO gave the address, which \
             differs by family. Name one with --ehlo.",
        ));
    }
    if report.run.interrupted {
        lines.push(Line::of(
            Tone::Doubtful,
            "The run was interrupted: this is what was known by then.",
        ));
    }
    if lines.is_empty() {
        return;
    }
    page.heading("About this machine and this run");
    for line in lines {
        page.hanging(2, 2, &line);
    }
}

/// Whether a resolver answered at all: of one that did not, nothing is known.
fn answered(report: &Report) -> bool {
    let mut routes = report.targets.iter().flat_map(|target| &target.routes);
    routes
        .any(|route| !matches!(route.error, Some(LookupError::Timeout | LookupError::Unreachable)))
}

/// Whether any session came as far as EHLO.
fn greeted(report: &Report) -> bool {
    let mut sessions = report.targets.iter().flat_map(|target| &target.observations);
    sessions.any(|session| session.ehlo.is_some())
}

fn vantage_facts(vantage: &Vantage) -> Vec<Line> {
    let mut lines: Vec<Line> = recorded_fact(vantage).into_iter().collect();
    let here = match vantage.kind {
        VantageKind::Local => "This machine".to_owned(),
        _ => format!("Vantage point {}", vantage.id),
    };
    for family in [Family::Ipv4, Family::Ipv6] {
        let family_use = vantage.families.of(family);
        let label = family.label();
        match family_use {
            FamilyUse::Unusable => lines.push(Line::new().plain(&format!(
                "{here} has no working {label}: the {label} addresses were not tried, which says \
                 nothing about them."
            ))),
            // Of one run, said once; each recorded run was asked by itself.
            FamilyUse::NotAsked if vantage.kind == VantageKind::Local => {
                lines.push(Line::new().plain(&format!("{label} was left out, as asked.")));
            }
            FamilyUse::NotAsked if vantage.kind == VantageKind::Recorded => {
                let words = format!("{}: {label} was left out, as asked.", vantage.id);
                lines.push(Line::new().plain(&words));
            }
            FamilyUse::NotAsked | FamilyUse::Usable => {}
        }
    }
    if let Some(error) = &vantage.error {
        let line = Line::of(Tone::Doubtful, &here).plain(": ").plain(error);
        lines.push(
            line.plain("; what it has not seen is not known, and nothing is concluded from it")
                .sentence(),
        );
    }
    lines
}

/// Whose eyes these were, and when: two views of different days are no more than that.
fn recorded_fact(vantage: &Vantage) -> Option<Line> {
    let from = vantage.recorded.as_ref()?;
    let file = if from.file == "-" { "standard input" } else { &from.file };
    let made = from.started_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let line = Line::new().plain(&vantage.id).plain(": read from ").plain(file);
    let sources: Vec<String> = vantage.sources.iter().map(ToString::to_string).collect();
    let sources = match sources.as_slice() {
        [] => String::new(),
        _ => format!(" from {}", sources.join(" and ")),
    };
    Some(line.plain(&format!(", made {made}{sources} by {}.", vantage.tool)))
}

fn resolver_fact(vantage: &Vantage) -> Option<Line> {
    let resolver = vantage.resolver.as_ref()?;
    let (before, behind) = match resolver.dnssec {
        DnssecSource::Validated => return None,
        DnssecSource::TrustedAd => (
            "DNSSEC: not validated here. Its status is the word of the resolver (",
            "), as --trust-ad has it.",
        ),
        DnssecSource::Unavailable => (
            "DNSSEC: unavailable. The resolver (",
            ") strips the signatures (or, with --trust-ad, does not validate), so nothing is \
             judged by DNSSEC or DANE. Name another resolver with --resolver.",
        ),
    };
    let line = match vantage.kind {
        VantageKind::Local => Line::new(),
        _ => Line::new().plain("Vantage point ").plain(&vantage.id).plain(": "),
    };
    Some(line.plain(before).plain(&resolver.servers.join(", ")).plain(behind))
}
