//! What Postfix would do with each address: one row an address, one column a level.
//!
//! Owns the words of the cells and the footnotes. Refuses to predict.

use std::collections::BTreeMap;

use crate::model::report::{ObservationReport, PostfixLevel, Report, TargetReport};
use crate::report::page::{Line, Page, Tone};
use crate::report::table::{Table, VOID};

const HEADINGS: [&str; 9] =
    ["address", "none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure"];
/// What everybody knows, and what cannot be told here, move to a second line first.
const FOLDING: [usize; 2] = [1, 6];

const PRESUMED: &str = "Its defaults, a resolver that validates, and in smtp_tls_CAfile the CAs of \
    this check: without them, Trusted is Untrusted, and verify and secure defer. TLS: delivered so, \
    and the log's word is not known.";

/// Writes the rows, where anything was predicted.
pub(super) fn write(page: &mut Page, target: &TargetReport) {
    let mut table = Table::new(&HEADINGS, &FOLDING);
    let mut reasons: Vec<&str> = Vec::new();
    let mut host = None;
    for session in &target.observations {
        let Some(levels) = &session.postfix else { continue };
        if host.replace(session.probe.host.as_str()) != Some(session.probe.host.as_str()) {
            table.group(Line::new().name(&session.probe.host));
        }
        table.row(cells(session, levels, &mut reasons), Vec::new());
    }
    if host.is_none() {
        return;
    }
    page.heading("What Postfix would do (smtp_tls_security_level)");
    table.draw(page, 2);
    for (number, reason) in (1..).zip(&reasons) {
        page.hanging(2, 5, &Line::of(Tone::Faint, &format!("{number}: ")).plain(reason));
    }
}

/// What every prediction of the run presumes, once; nothing where there is none.
pub(super) fn write_presumptions(page: &mut Page, report: &Report) {
    let mut sessions = report.targets.iter().flat_map(|target| &target.observations);
    if !sessions.any(|session| session.postfix.is_some()) {
        return;
    }
    page.heading("What is presumed of Postfix");
    page.paragraph(2, &Line::new().plain(PRESUMED));
}

fn cells<'a>(
    session: &'a ObservationReport,
    levels: &'a BTreeMap<String, Option<PostfixLevel>>,
    reasons: &mut Vec<&'a str>,
) -> Vec<Line> {
    let probe = &session.probe;
    let port = if probe.port == 25 { String::new() } else { format!(" port {}", probe.port) };
    let mut cells = vec![Line::new().plain(&probe.ip.to_string()).toned(Tone::Faint, &port)];
    for name in HEADINGS.iter().skip(1) {
        cells.push(cell(levels.get(*name).and_then(Option::as_ref), reasons));
    }
    cells
}

fn cell<'a>(level: Option<&'a PostfixLevel>, reasons: &mut Vec<&'a str>) -> Line {
    let Some(level) = level else { return Line::of(Tone::Faint, VOID) };
    match (level.delivery.as_str(), level.log.as_deref()) {
        ("clear", _) => Line::of(Tone::Bad, "clear"),
        ("tls", Some("Verified")) => Line::of(Tone::Good, "Verified"),
        ("tls", Some(log)) => Line::new().plain(log),
        ("tls", None) => Line::new().plain("TLS"),
        _ => deferred(level, reasons),
    }
}

fn deferred<'a>(level: &'a PostfixLevel, reasons: &mut Vec<&'a str>) -> Line {
    let line = Line::of(Tone::Doubtful, "defer");
    let Some(reason) = level.reason.as_deref() else { return line };
    let known = reasons.iter().position(|known| *known == reason);
    let number = known.unwrap_or_else(|| {
        reasons.push(reason);
        reasons.len() - 1
    });
    line.toned(Tone::Faint, &format!(" {}", number + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn level(delivery: &str, log: Option<&str>, reason: Option<&str>) -> PostfixLevel {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        PostfixLevel { delivery: delivery.to_owned(), log: owned(log), reason: owned(reason) }
    }

    fn page(width: usize) -> String {
        let mut target = samples::intact().targets.remove(0);
        let levels = [
            ("none", level("clear", None, None)),
            ("may", level("tls", None, None)),
            ("encrypt", level("tls", Some("Untrusted"), None)),
            ("dane", level("tls", Some("Verified"), None)),
            ("dane-only", level("deferred", None, Some("no TLSA records found"))),
            ("verify", level("deferred", Some("Untrusted"), Some("not \x1b verified"))),
            ("secure", level("deferred", None, Some("no TLSA records found"))),
        ];
        let levels: BTreeMap<_, _> =
            levels.into_iter().map(|(name, level)| (name.to_owned(), Some(level))).collect();
        for session in &mut target.observations {
            session.postfix = Some(levels.clone());
        }
        let mut page = Page::new(width, false);
        write(&mut page, &target);
        page.finish()
    }

    #[test]
    fn one_row_an_address_and_each_reason_once() {
        let text = page(120);
        let rows = text.lines().filter(|line| line.contains("Untrusted  Verified")).count();
        assert!(rows > 1, "{text}");
        assert!(text.contains("defer 1"), "{text}");
        assert_eq!(text.matches("1: no TLSA records found").count(), 1, "{text}");
        assert!(text.contains("2: not \\x1b verified"), "{text}");
    }

    #[test]
    fn a_narrow_page_loses_nothing() {
        let text = page(50);
        for word in ["clear", "Untrusted", "Verified", "defer 1", "dane-only"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn nothing_is_written_where_nothing_is_predicted() {
        let mut target = samples::intact().targets.remove(0);
        for session in &mut target.observations {
            session.postfix = None;
        }
        let mut page = Page::new(80, false);
        write(&mut page, &target);
        let mut report = samples::intact();
        report.targets = vec![target];
        write_presumptions(&mut page, &report);
        assert_eq!(page.finish(), "");
    }
}
