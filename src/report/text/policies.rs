//! What the domain promises: DANE, MTA-STS and where failures are reported.
//!
//! Owns the words for it. Refuses to say whether anybody keeps the promise.

use std::collections::BTreeSet;

use crate::model::report::{ListedHost, MtaStsReport, PolicyStatus, TargetReport, TlsRptReport};
use crate::model::route::{Dnssec, Exchange};
use crate::report::page::{Line, Page, Tone};

/// Most patterns, hosts or addresses that one line lists.
const LISTED: usize = 8;

const SECONDS_A_DAY: u32 = 24 * 60 * 60;

/// Writes one line for each promise; nothing where none was asked for.
pub(super) fn write(page: &mut Page, target: &TargetReport, verbose: u8) {
    let policies = &target.policies;
    let mut lines: Vec<Line> = dane(target).into_iter().collect();
    lines.extend(mta_sts(&policies.mta_sts));
    if verbose > 0 {
        lines.extend(details(&policies.mta_sts));
    }
    lines.extend(tls_rpt(&policies.tls_rpt));
    if lines.is_empty() {
        return;
    }
    page.heading("Promises");
    for line in lines {
        page.hanging(2, 2, &line);
    }
}

/// The hosts of which secure TLSA records were found; `None` where that is not known
/// of every host (the part about DNS says why).
fn dane(target: &TargetReport) -> Option<Line> {
    let exchanges: Vec<&Exchange> =
        target.routes.iter().flat_map(|route| &route.exchanges).collect();
    let hosts = |wanted: bool| -> BTreeSet<&str> {
        let found = exchanges.iter().filter(|exchange| promises(exchange) == Some(wanted));
        found.map(|exchange| exchange.host.as_str()).collect()
    };
    let (with, without) = (hosts(true), hosts(false));
    let line = Line::new().plain("DANE: ");
    if with.is_empty() {
        let all = !exchanges.is_empty() && exchanges.iter().all(|one| promises(one).is_some());
        return all.then(|| line.plain("none."));
    }
    let line = listed(line.plain("TLSA records of "), &with);
    let line = if without.is_empty() { line } else { listed(line.plain("; none of "), &without) };
    Some(line.plain("."))
}

fn listed(mut line: Line, hosts: &BTreeSet<&str>) -> Line {
    for (place, host) in hosts.iter().take(LISTED).enumerate() {
        line = line.plain(if place == 0 { "" } else { ", " }).name(host);
    }
    line.plain(&more(hosts.len()))
}

/// Whether DNS proved that a host has TLSA records, or that it has none.
fn promises(exchange: &Exchange) -> Option<bool> {
    let answer = exchange.tlsa.as_ref().filter(|answer| answer.dnssec == Dnssec::Secure)?;
    match answer.error {
        None => Some(!answer.records.is_empty()),
        Some(error) => error.is_denial().then_some(false),
    }
}

fn mta_sts(sts: &MtaStsReport) -> Option<Line> {
    let line = Line::new().plain("MTA-STS: ");
    Some(match sts.status {
        PolicyStatus::NotAsked => {
            sts.record.as_ref()?;
            line.plain("announced, and the policy was not fetched.")
        }
        PolicyStatus::Absent => line.plain("none."),
        PolicyStatus::Error => line.joined(error(sts.error.as_deref())),
        PolicyStatus::Present => policy(line, sts),
    })
}

/// What went wrong.
fn error(error: Option<&str>) -> Line {
    Line::of(Tone::Doubtful, error.unwrap_or("it could not be read")).sentence()
}

fn policy(line: Line, sts: &MtaStsReport) -> Line {
    let line = match sts.mode.as_deref() {
        Some(mode @ "enforce") => line.toned(Tone::Good, mode),
        Some(mode) => line.toned(Tone::Doubtful, mode),
        None => line.plain("mode unknown"),
    };
    let line = match sts.max_age {
        Some(age) => line.plain(&format!(", to be remembered for {}", duration(age))),
        None => line,
    };
    let (listed, unlisted): (Vec<&ListedHost>, Vec<&ListedHost>) =
        sts.hosts.iter().partition(|host| host.listed);
    match (&listed[..], &unlisted[..]) {
        ([], []) => line.plain("."),
        ([_], []) => line.plain("; it lists the MX host."),
        (_, []) => line.plain("; it lists every MX host."),
        (_, unlisted) => names(line.plain("; it "), unlisted).plain("."),
    }
}

fn names(line: Line, unlisted: &[&ListedHost]) -> Line {
    let mut line = line.toned(Tone::Bad, "does not list ");
    for (place, host) in unlisted.iter().take(LISTED).enumerate() {
        line = line.plain(if place == 0 { "" } else { ", " }).name(&host.host);
    }
    line.plain(&more(unlisted.len()))
}

/// How many are left out of a list.
fn more(count: usize) -> String {
    match count.saturating_sub(LISTED) {
        0 => String::new(),
        left_out => format!(" and {left_out} more"),
    }
}

fn duration(seconds: u32) -> String {
    match (seconds / SECONDS_A_DAY, seconds) {
        (0, 1) => "1 second".to_owned(),
        (0, seconds) => format!("{seconds} seconds"),
        (1, _) => "1 day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

/// Id and patterns, and the addresses of the policy host that gave no response.
fn details(sts: &MtaStsReport) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(id) = &sts.id {
        lines.push(Line::of(Tone::Faint, "MTA-STS id: ").plain(id));
    }
    if !sts.mx.is_empty() {
        let patterns = sts.mx.get(..LISTED).unwrap_or(&sts.mx).join(", ");
        let line = Line::of(Tone::Faint, "MTA-STS mx patterns: ").plain(&patterns);
        lines.push(line.plain(&more(sts.mx.len())));
    }
    let attempts = sts.fetch.iter().flat_map(|fetch| &fetch.attempts);
    lines.extend(attempts.filter_map(|attempt| {
        let ip = attempt.ip.to_string();
        let error = attempt.error.as_deref()?;
        Some(Line::of(Tone::Faint, "MTA-STS policy host ").plain(&format!("[{ip}]: {error}")))
    }));
    lines
}

fn tls_rpt(rpt: &TlsRptReport) -> Option<Line> {
    let line = Line::new().plain("TLS reporting: ");
    Some(match rpt.status {
        PolicyStatus::NotAsked => return None,
        PolicyStatus::Absent => line.plain("none."),
        PolicyStatus::Error => line.joined(error(rpt.error.as_deref())),
        PolicyStatus::Present => {
            let rua = rpt.rua.get(..LISTED).unwrap_or(&rpt.rua).join(", ");
            let line = line.plain("to ").plain(&rua).plain(&more(rpt.rua.len())).plain(".");
            match &rpt.error {
                Some(fault) => line.plain(" ").joined(error(Some(fault))),
                None => line,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::Status;
    use crate::report::samples;

    fn page(change: impl FnOnce(&mut TargetReport), verbose: u8) -> String {
        let mut target = samples::target("example.net", (Status::Intact, None, ""), Vec::new());
        change(&mut target);
        let mut page = Page::new(200, false);
        write(&mut page, &target, verbose);
        page.finish()
    }

    fn hosts(listed: &[(&str, bool)]) -> Vec<ListedHost> {
        let host = |(host, listed): &(&str, bool)| ListedHost {
            host: (*host).to_owned(),
            listed: *listed,
        };
        listed.iter().map(host).collect()
    }

    #[test]
    fn nothing_is_said_of_what_was_not_asked() {
        assert_eq!(page(|_| {}, 1), "");
    }

    #[test]
    fn a_policy_in_one_line() {
        let with = |listed: &[(&str, bool)]| {
            let change = |target: &mut TargetReport| {
                let sts = &mut target.policies.mta_sts;
                sts.status = PolicyStatus::Present;
                sts.mode = Some("enforce".to_owned());
                sts.max_age = Some(604_800);
                sts.hosts = hosts(listed);
            };
            page(change, 0)
        };
        let good = with(&[("mx1.example.net", true), ("mx2.example.net", true)]);
        let line = "  MTA-STS: enforce, to be remembered for 7 days; it lists every MX host.\n";
        assert!(good.ends_with(line), "{good}");
        let bad = with(&[("mx1.example.net", true), ("mx.example.org", false)]);
        assert!(bad.contains("it does not list mx.example.org."), "{bad}");
    }

    #[test]
    fn a_fault_is_said_and_escaped() {
        let text = page(
            |target| {
                let sts = &mut target.policies.mta_sts;
                sts.status = PolicyStatus::Error;
                sts.error = Some("line 1 of the policy: \"\u{1b}[2J\" is no key: value".to_owned());
                let rpt = &mut target.policies.tls_rpt;
                rpt.status = PolicyStatus::Present;
                rpt.rua = (0..10).map(|number| format!("mailto:r{number}@example.net")).collect();
            },
            0,
        );
        assert!(text.contains("MTA-STS: line 1 of the policy") && !text.contains('\u{1b}'));
        assert!(text.contains("and 2 more."), "{text}");
    }

    #[test]
    fn details_are_for_those_who_ask() {
        let change = |target: &mut TargetReport| {
            let sts = &mut target.policies.mta_sts;
            sts.status = PolicyStatus::Present;
            sts.id = Some("20261122".to_owned());
            sts.mx = vec!["*.example.net".to_owned()];
        };
        assert!(!page(change, 0).contains("20261122"));
        let text = page(change, 1);
        assert!(text.contains("id: 20261122") && text.contains("*.example.net"), "{text}");
    }
}
