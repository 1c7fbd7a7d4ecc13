//! The text of `mxray egress`: address × question, what is wrong, what to type.
//!
//! Owns its wording. Refuses to judge: the report says what is wrong.

use std::collections::BTreeMap;

use crate::model::egress::{
    DestinationView, EgressFinding, EgressReport, PostfixInstance, Source, SpfResult,
};
use crate::model::finding::Severity;
use crate::model::verdict::Status;
use crate::report::page::{Line, Page, Tone};
use crate::report::table::{Table, VOID};

use super::{Style, words};

const HEADINGS: [&str; 8] =
    ["Address", "Port 25", "STARTTLS", "TLS", "Reverse DNS", "EHLO name", "SPF", "Postfix"];
/// What moves below the row where the page is narrow: the long names.
const FOLDING: [usize; 2] = [3, 4];

/// The report as text.
///
/// Every line ends with a line feed. Lines to type are never wrapped.
pub fn render(report: &EgressReport, style: &Style) -> String {
    let mut page = Page::new(style.width, style.colour);
    page.hanging(0, 2, &summary(report));
    write_sources(&mut page, report, style);
    write_findings(&mut page, report);
    write_postfix(&mut page, report);
    write_remarks(&mut page, report);
    page.finish()
}

fn summary(report: &EgressReport) -> Line {
    let critical = |finding: &&EgressFinding| finding.severity == Severity::Critical;
    let graves = report.findings.iter().filter(critical).count();
    let addresses = counted(report.sources.len(), "address", "addresses");
    let line = Line::new().plain(&format!("Mail from this machine, by {addresses}: "));
    match (graves, report.findings.len()) {
        (0, 0) if report.not_asked.is_some() => {
            line.toned(Tone::Doubtful, "no way out was looked at, and nothing else is wrong")
        }
        (0, 0) => line.toned(Tone::Good, "nothing is wrong that was looked at"),
        (0, more) => line
            .toned(Tone::Good, "nothing critical")
            .plain(&format!(", {} to look at", counted(more, "thing", "things"))),
        (some, _) => line.toned(Tone::Bad, &counted(some, "critical fault", "critical faults")),
    }
    .sentence()
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

fn write_sources(page: &mut Page, report: &EgressReport, style: &Style) {
    if report.sources.is_empty() {
        return;
    }
    page.blank();
    let mut table = Table::new(&HEADINGS, &FOLDING).labelled();
    let level = report.postfix.first().and_then(|instance| instance.level.as_deref());
    for source in &report.sources {
        let cells = vec![
            address(source),
            port(source),
            starttls(source),
            tls(source),
            reverse(source),
            ehlo(source),
            spf(source),
            postfix(source, level),
        ];
        table.row(cells, notes(source, style));
    }
    table.draw(page, 0);
}

fn void() -> Line {
    Line::of(Tone::Faint, VOID)
}

fn address(source: &Source) -> Line {
    let line = Line::of(Tone::Strong, &source.ip.to_string());
    if source.preferred { line.plain("*") } else { line }
}

fn tried(source: &Source) -> impl Iterator<Item = &DestinationView> {
    source.destinations.iter().filter(|view| view.addresses > 0)
}

fn port(source: &Source) -> Line {
    let (reached, all) =
        (tried(source).filter(|view| view.reached > 0).count(), tried(source).count());
    match (reached, all) {
        (_, 0) => void(),
        (0, _) => Line::of(Tone::Bad, "closed"),
        (some, all) if some == all => Line::of(Tone::Good, "open"),
        (some, all) => Line::of(Tone::Doubtful, &format!("open to {some} of {all}")),
    }
}

/// The gravest of the verdicts: they are ordered so, but for a missing offer.
fn starttls(source: &Source) -> Line {
    let is_known = |status: &Status| {
        !matches!(
            status,
            Status::Blocked | Status::Unreachable | Status::Unresolvable | Status::Inconclusive
        )
    };
    let known: Vec<Status> = tried(source).map(|view| view.status).filter(is_known).collect();
    let gravest = match known.iter().min() {
        Some(Status::Intact) if known.contains(&Status::NotOffered) => Status::NotOffered,
        Some(status) => *status,
        None if tried(source).count() > 0 => return Line::of(Tone::Faint, "not known"),
        None => return void(),
    };
    Line::of(words::status_tone(gravest), words::status(gravest))
}

fn tls(source: &Source) -> Line {
    let mut seen: Vec<&str> =
        tried(source).flat_map(|view| &view.tls).map(String::as_str).collect();
    seen.sort_unstable();
    seen.dedup();
    if seen.is_empty() { void() } else { Line::of(Tone::Plain, &seen.join(", ")) }
}

fn reverse(source: &Source) -> Line {
    let Some(answer) = &source.reverse else { return void() };
    let confirmed = answer.names.iter().find(|name| name.confirmed == Some(true));
    match (confirmed, answer.names.first(), answer.error) {
        (Some(name), ..) => Line::of(Tone::Good, &name.name),
        (None, Some(name), _) if name.confirmed == Some(false) => {
            Line::of(Tone::Bad, &name.name).plain(" (does not lead back)")
        }
        (None, Some(name), _) => Line::of(Tone::Doubtful, &name.name).plain(" (not confirmed)"),
        (None, None, Some(error)) if error.is_denial() => Line::of(Tone::Bad, "none"),
        (None, None, None) => Line::of(Tone::Bad, "none"),
        (None, None, Some(_)) => Line::of(Tone::Doubtful, "no answer"),
    }
}

fn ehlo(source: &Source) -> Line {
    match source.ehlo.as_ref().map(|ehlo| ehlo.resolves) {
        None => void(),
        Some(Some(true)) => Line::of(Tone::Good, "fits"),
        Some(Some(false)) => Line::of(Tone::Bad, "other address"),
        Some(None) => Line::of(Tone::Doubtful, "no answer"),
    }
}

fn spf(source: &Source) -> Line {
    let Some(spf) = &source.spf else {
        let is_open = source.spf_unknown.is_some();
        return if is_open { Line::of(Tone::Doubtful, "not known") } else { void() };
    };
    let (tone, word) = match spf.result {
        SpfResult::Pass => (Tone::Good, "pass"),
        SpfResult::Fail => (Tone::Bad, "fail"),
        SpfResult::Softfail => (Tone::Doubtful, "softfail"),
        SpfResult::Neutral => (Tone::Doubtful, "neutral"),
        SpfResult::None => (Tone::Doubtful, "none"),
        SpfResult::Permerror => (Tone::Bad, "permerror"),
        SpfResult::Temperror => (Tone::Doubtful, "temperror"),
    };
    Line::of(tone, word)
}

fn postfix(source: &Source, level: Option<&str>) -> Line {
    let Some(level) = level else { return void() };
    let mut seen: Vec<&str> =
        tried(source).flat_map(|view| &view.postfix).map(String::as_str).collect();
    seen.sort_unstable();
    seen.dedup();
    let tone = match seen.as_slice() {
        [] => return void(),
        ["tls"] => Tone::Good,
        _ => Tone::Bad,
    };
    Line::of(tone, &seen.join(", ")).plain(&format!(" ({level})"))
}

/// What the row has no room for.
fn notes(source: &Source, style: &Style) -> Vec<Line> {
    let mut notes = Vec::new();
    if source.temporary == Some(true) {
        let words = "A temporary address (RFC 8981): it changes, and has no name; a server sends \
                     from a lasting one";
        notes.push(Line::of(Tone::Doubtful, words).sentence());
    }
    if let Some(public) = source.public.filter(|public| *public != source.ip) {
        notes.push(Line::of(Tone::Faint, &format!("Others see {public}")).sentence());
    }
    if source.public.is_none() {
        let words = "Which public address others see is not known: --public IP tells it";
        notes.push(Line::of(Tone::Doubtful, words).sentence());
    }
    if let Some(spf) = source.spf.as_ref().filter(|spf| spf.result == SpfResult::Temperror) {
        let why = spf.problem.as_deref().unwrap_or("DNS failed");
        let line = Line::of(Tone::Doubtful, "SPF could not be evaluated now: ").plain(why);
        notes.push(line.sentence());
    }
    if let Some(why) = &source.spf_unknown {
        let line = Line::of(Tone::Doubtful, "SPF could not be evaluated: ").plain(why);
        notes.push(line.plain("; --ehlo NAME tells it").sentence());
    }
    if !source.used {
        notes.push(Line::of(Tone::Faint, "No mail goes out by it as things are set").sentence());
    }
    if style.verbose > 0 {
        notes.extend(source.destinations.iter().map(destination));
        notes.extend(source.spf.as_ref().filter(|spf| !spf.decided_by.is_empty()).map(|spf| {
            let terms = spf.decided_by.join(", then ");
            Line::new()
                .plain("SPF decided by ")
                .plain(&terms)
                .plain(&format!(", {} of 10 lookups", spf.lookups))
        }));
    }
    notes
}

fn destination(view: &DestinationView) -> Line {
    let word = words::status(view.status);
    let line = Line::new().name(&view.target).plain(": ");
    line.toned(words::status_tone(view.status), word).plain(": ").plain(&view.summary).sentence()
}

fn write_findings(page: &mut Page, report: &EgressReport) {
    if report.findings.is_empty() {
        return;
    }
    page.heading("What is wrong, and what to change");
    for finding in &report.findings {
        write_finding(page, finding);
    }
    for line in endings(report) {
        page.hanging(2, 2, &line);
    }
}

/// How each instance takes up what was changed. One with another `inet_protocols` has to
/// be started anew (postconf(5)).
fn endings(report: &EgressReport) -> Vec<Line> {
    let mut restarts: BTreeMap<Option<&str>, bool> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| !finding.lines.is_empty()) {
        let is_start = finding.lines.iter().any(|line| line.contains("inet_protocols"));
        *restarts.entry(finding.instance.as_deref()).or_default() |= is_start;
    }
    let ending = |(instance, is_start): (Option<&str>, bool)| {
        let place = instance.map(|directory| format!(" -c {directory}")).unwrap_or_default();
        let words = if is_start {
            format!("Then: postfix{place} stop, and postfix{place} start")
        } else {
            format!("Then: postfix{place} reload")
        };
        Line::of(Tone::Faint, &words)
    };
    restarts.into_iter().map(ending).collect()
}

fn write_finding(page: &mut Page, finding: &EgressFinding) {
    let (tone, severity) = words::severity(finding.severity);
    let mut line = Line::of(tone, severity).plain(": ").plain(&finding.explanation).sentence();
    if let Some(remedy) = &finding.remedy {
        line = line.plain(" ").plain(remedy).sentence();
    }
    line = line.toned(Tone::Faint, &format!(" [{}]", finding.id));
    page.hanging(2, 2, &line);
    for command in &finding.lines {
        page.fixed(6, &Line::of(Tone::Strong, command));
    }
}

fn write_postfix(page: &mut Page, report: &EgressReport) {
    if report.postfix.is_empty() && report.postfix_error.is_none() {
        return;
    }
    page.heading("Postfix");
    for instance in &report.postfix {
        page.hanging(2, 2, &instance_line(instance));
    }
    if let Some(error) = &report.postfix_error {
        let line = Line::of(Tone::Doubtful, "Its configuration could not be read: ").plain(error);
        page.hanging(2, 2, &line.sentence());
    }
}

fn instance_line(instance: &PostfixInstance) -> Line {
    let version = instance.version.as_deref().unwrap_or("of an unknown version");
    let place = instance.directory.as_deref().unwrap_or("the default instance");
    let mut line = Line::new().plain(&format!("{place}, Postfix {version}: level "));
    line = match &instance.level {
        Some(level) => line.toned(Tone::Strong, level),
        None => line.toned(Tone::Doubtful, "not known"),
    };
    let from = instance.level_from.as_deref();
    if let Some(from) = from.filter(|from| *from != "smtp_tls_security_level") {
        line = line.plain(&format!(" (by {from})"));
    }
    if let Some(relay) = &instance.relayhost {
        line = line.plain(" through ").plain(relay);
    }
    if let Some(name) = &instance.helo_name {
        line = line.plain(", greets as ").plain(name);
    }
    if let Some(problem) = &instance.problem {
        line = line.plain("; not all of it could be read: ").plain(problem);
    }
    line.sentence()
}

fn write_remarks(page: &mut Page, report: &EgressReport) {
    page.blank();
    let line = match &report.not_asked {
        Some(why) => Line::new().plain("No destination was asked: ").plain(why),
        None => Line::new().plain("Asked: ").plain(&report.controls.join(", ")),
    };
    page.hanging(0, 2, &line.sentence());
    if !report.not_read.is_empty() {
        let verb = if report.not_read.len() == 1 { "is" } else { "are" };
        let line = Line::of(Tone::Doubtful, &report.not_read.join(" and "))
            .plain(&format!(" {verb} installed here too; only Postfix's settings are read"));
        page.hanging(0, 2, &line.sentence());
    }
    if report.sources.iter().any(|source| source.preferred) {
        let words = "* The operating system's own choice of its family";
        page.hanging(0, 2, &Line::of(Tone::Faint, words).sentence());
    }
    if report.interrupted {
        page.hanging(
            0,
            2,
            &Line::of(Tone::Doubtful, "Interrupted: this is what was known").sentence(),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A report whose every text tries to reach the terminal.
    fn hostile() -> EgressReport {
        let evil = "evil\u{1b}[2J.example";
        serde_json::from_value(json!({
            "schema": "mxray/egress/1", "tool": "mxray 0.1.0",
            "started_at": "2026-11-22T05:00:00Z", "duration_ms": 1, "interrupted": false,
            "controls": [evil], "not_asked": null, "postfix_error": evil,
            "sources": [{
                "ip": "2001:db8::1", "family": "ipv6", "preferred": true, "used": false,
                "temporary": true, "routed": true, "public": "2001:db8::1",
                "destinations": [
                    {"target": evil, "status": "not-offered", "confidence": null,
                     "summary": evil, "because": null, "addresses": 1, "reached": 1,
                     "offered": false, "tls": [], "client_address_seen": [evil],
                     "postfix": ["clear"], "observations": ["o1"]},
                    {"target": "b.example", "status": "intact", "confidence": null,
                     "summary": "well", "because": null, "addresses": 1, "reached": 0,
                     "offered": true, "tls": [evil], "client_address_seen": [],
                     "postfix": ["tls"], "observations": ["o2"]}],
                "reverse": {"dnssec": "insecure", "error": null,
                    "names": [{"name": evil, "confirmed": false}]},
                "ehlo": {"name": evil, "addresses": [], "resolves": false},
                "spf": {"domain": evil, "ip": "2001:db8::1", "result": "softfail",
                    "decided_by": [evil], "lookups": 3, "problem": evil}}],
            "postfix": [{"directory": evil, "version": evil, "level": evil, "level_from": evil,
                "relayhost": evil, "helo_name": evil, "transports": [], "problem": evil}],
            "findings": [{"id": "tls-level-none", "severity": "critical", "ip": null,
                "instance": evil, "explanation": evil, "remedy": evil,
                "lines": [format!("postconf -c {evil}/{} -e 'a = b'", "long".repeat(30))]}]
        }))
        .unwrap()
    }

    fn text(width: usize) -> String {
        render(&hostile(), &Style { width, ..PLAIN })
    }

    const PLAIN: Style =
        Style { width: 80, colour: false, transcript: false, postfix: false, verbose: 1 };

    #[test]
    fn nothing_reaches_the_terminal_unescaped() {
        for width in [40, 80, 120] {
            let text = text(width);
            assert!(!text.contains('\u{1b}') && text.ends_with('\n'), "{text}");
        }
    }

    #[test]
    fn each_question_has_its_answer_and_lines_to_type_stay_whole() {
        let text = text(120);
        for words in [
            "1 critical fault",
            "2001:db8::1*",
            "open to 1 of 2",
            "not-offered",
            "does not lead back",
            "other address",
            "softfail",
            "clear, tls (",
            "temporary address",
            "No mail goes out by it",
            "3 of 10 lookups",
            "Then: postfix -c evil",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(text.lines().any(|line| line.ends_with("-e 'a = b'") && line.contains("postconf")));
    }

    #[test]
    fn spf_that_depends_on_an_unknown_name_is_not_known() {
        let mut report = hostile();
        report.sources[0].spf = None;
        report.sources[0].spf_unknown = Some("the EHLO name is \u{1b} not known".to_owned());
        let text = render(&report, &Style { width: 160, ..PLAIN });
        let row = text.lines().find(|line| line.contains("2001:db8::1*")).unwrap();
        assert!(row.contains("not known") && !row.contains("softfail"), "{text}");
        assert!(text.contains("SPF could not be evaluated: the EHLO name is"), "{text}");
        assert!(text.contains("--ehlo NAME") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn what_moves_below_the_row_keeps_its_question() {
        let mut report = hostile();
        report.sources[0].reverse = None;
        let row = |width| render(&report, &Style { width, ..PLAIN });
        assert!(!row(160).contains("TLS: "), "{}", row(160));
        assert!(row(110).contains("TLS: ") && !row(110).contains("Reverse DNS: "), "{}", row(110));
    }

    #[test]
    fn each_instance_takes_its_lines_up_by_itself() {
        let mut report = hostile();
        let finding = report.findings[0].clone();
        let of = |instance: Option<&str>, line: &str| EgressFinding {
            instance: instance.map(str::to_owned),
            lines: vec![line.to_owned()],
            ..finding.clone()
        };
        let own = Some("/etc/postfix-out");
        report.findings = vec![
            of(own, "postconf -e 'inet_protocols = all'"),
            of(own, "postconf -e 'a = b'"),
            of(None, "postconf -e 'a = b'"),
            EgressFinding { lines: vec![], ..of(Some("/etc/postfix-in"), "") },
        ];
        let text = render(&report, &Style { width: 100, ..PLAIN });
        let endings: Vec<&str> =
            text.lines().map(str::trim).filter(|line| line.starts_with("Then: ")).collect();
        let restart =
            "Then: postfix -c /etc/postfix-out stop, and postfix -c /etc/postfix-out start";
        assert_eq!(endings, ["Then: postfix reload", restart]);
    }
}
