//! The matrix of addresses and views.
//!
//! Owns what each view says of each address, side by side. Refuses to compare: the
//! verdict has done so.

use std::net::IpAddr;

use crate::model::report::{TargetReport, ViewReport};
use crate::model::verdict::PartVerdict;
use crate::report::page::{Line, Page, Tone};
use crate::report::table::{Table, VOID};

use super::words;

/// Writes the matrix; nothing where there was one view.
pub(super) fn write(page: &mut Page, target: &TargetReport) {
    let Some(views) = target.views.as_ref().filter(|views| views.len() > 1) else { return };
    page.heading("Seen from");
    let names: Vec<String> = views.iter().map(name).collect();
    let mut headings = vec!["address"];
    headings.extend(names.iter().map(String::as_str));
    let mut table = Table::new(&headings, &[]);
    let mut last = None;
    for (host, ip) in addresses(views) {
        if last != Some(host) {
            table.group(Line::new().name(host));
            last = Some(host);
        }
        let at = |view: &ViewReport| {
            let here = view.addresses.iter().find(|one| one.host == host && one.ip == ip);
            here.map_or_else(|| Line::of(Tone::Faint, VOID), |one| cell(&one.verdict))
        };
        let mut cells = vec![Line::new().plain(&ip.to_string())];
        cells.extend(views.iter().map(at));
        table.row(cells, Vec::new());
    }
    table.group(Line::new().plain("all that each saw"));
    let mut cells = vec![Line::of(Tone::Faint, "verdict")];
    cells.extend(views.iter().map(|view| cell(&view.verdict)));
    table.row(cells, Vec::new());
    table.draw(page, 2);
}

/// `berlin`, `local (192.0.2.7)`.
fn name(view: &ViewReport) -> String {
    let sources: Vec<String> = view.sources.iter().map(ToString::to_string).collect();
    if sources.is_empty() {
        return view.vantage.clone();
    }
    format!("{} ({})", view.vantage, sources.join(" and "))
}

/// Every address of every view, each once, a host's together.
fn addresses(views: &[ViewReport]) -> Vec<(&str, IpAddr)> {
    let all = || views.iter().flat_map(|view| &view.addresses);
    let mut found: Vec<(&str, IpAddr)> = Vec::new();
    for host in all().map(|one| one.host.as_str()) {
        if found.iter().any(|(known, _)| *known == host) {
            continue;
        }
        for one in all().filter(|one| one.host == host) {
            if !found.contains(&(host, one.ip)) {
                found.push((host, one.ip));
            }
        }
    }
    found
}

/// Why an address that was on the route was asked nothing.
const UNASKED: [&str; 4] = ["not-probed", "not-asked", "ipv4-unusable", "ipv6-unusable"];

fn cell(verdict: &PartVerdict) -> Line {
    if verdict.because.as_deref().is_some_and(|because| UNASKED.contains(&because)) {
        return Line::of(Tone::Faint, "not asked");
    }
    let line = Line::of(words::status_tone(verdict.status), words::status(verdict.status));
    match verdict.confidence {
        Some(confidence) => line.plain(" (").plain(words::confidence(confidence)).plain(")"),
        None => line,
    }
}
