//! The table of MX hosts and their addresses.
//!
//! Owns which session stands for an address and what each cell says. Refuses to
//! know widths: the table gives way by itself.

use std::net::IpAddr;

use crate::model::probe::{ClientHello, Family, LOCAL, Mode};
use crate::model::report::{AddressReport, HostReport, ObservationReport, TargetReport};
use crate::model::session::{HelloVerb, Stage, StarttlsOutcome};
use crate::model::tls::{DaneStatus, PkixStatus, TlsFacts};
use crate::report::page::{Line, Page, Tone};
use crate::report::table::{Table, VOID};

use super::{sessions, words};

const HEADINGS: [&str; 7] =
    ["address", "family", "STARTTLS", "TLS", "cipher suite", "key exchange", "certificate"];
/// TLS version, suite and group move to a second line first.
const FOLDING: [usize; 3] = [3, 4, 5];

/// Writes the table, unless no address was reached: then the lines about the
/// sessions say it all.
pub(super) fn write(page: &mut Page, target: &TargetReport, verbose: u8) {
    let greeted = |observation: &ObservationReport| observation.stages.contains(&Stage::Greeting);
    if !target.observations.iter().any(greeted) {
        return;
    }
    page.heading("Mail exchangers");
    let mut table = Table::new(&HEADINGS, &FOLDING);
    for host in &target.hosts {
        table.group(host_title(target, host));
        for address in &host.addresses {
            write_address(&mut table, target, (host, address), verbose);
        }
    }
    table.draw(page, 2);
}

fn host_title(target: &TargetReport, host: &HostReport) -> Line {
    let exchange = target
        .routes
        .iter()
        .flat_map(|route| &route.exchanges)
        .find(|exchange| exchange.host == host.host);
    let title = Line::new().name(&host.host);
    match exchange.and_then(|exchange| exchange.preference) {
        Some(preference) => title.toned(Tone::Faint, &format!(" (preference {preference})")),
        None => title,
    }
}

fn write_address(
    table: &mut Table<'_>,
    target: &TargetReport,
    (host, address): (&HostReport, &AddressReport),
    verbose: u8,
) {
    let sessions: Vec<&ObservationReport> = target
        .observations
        .iter()
        .filter(|observation| {
            let probe = &observation.probe;
            probe.role.is_judged() && probe.host == host.host && probe.ip == address.ip
        })
        .collect();
    if sessions.is_empty() {
        table.row(cells_unprobed(address), Vec::new());
    }
    let mut seen = Vec::new();
    for session in &sessions {
        let view = View::of(target, session);
        if seen.contains(&view) {
            continue;
        }
        let same: Vec<&ObservationReport> =
            sessions.iter().copied().filter(|other| View::of(target, other) == view).collect();
        let shown = representative(&same).unwrap_or(session);
        let mut notes = sessions::notes(shown, verbose);
        notes.extend(legacy_note(&same, shown));
        notes.extend(unsteady_note(target, shown));
        table.row(cells(shown, &view.label()), notes);
        seen.push(view);
    }
}

/// What sets one row of an address apart from another.
#[derive(PartialEq, Eq)]
struct View<'a> {
    vantage: &'a str,
    source: Option<IpAddr>,
    port: u16,
    ehlo_name: Option<&'a str>,
}

impl<'a> View<'a> {
    fn of(target: &TargetReport, observation: &'a ObservationReport) -> Self {
        let probe = &observation.probe;
        Self {
            vantage: &probe.vantage,
            source: words::telling_source(target, probe),
            port: probe.port,
            ehlo_name: probe.ehlo_name.as_deref(),
        }
    }

    /// What has to be said beside the address.
    fn label(&self) -> String {
        let port = if self.port == 25 { String::new() } else { format!(" port {}", self.port) };
        match (self.vantage, self.source) {
            (LOCAL, None) => port,
            (LOCAL, Some(source)) => format!("{port} from {source}"),
            (vantage, None) => format!("{port} from {vantage}"),
            (vantage, Some(source)) => format!("{port} from {vantage} ({source})"),
        }
    }
}

/// The first session with the usual ClientHello; where its handshake failed and
/// another kind of hello got through, the one that did.
fn representative<'a>(sessions: &[&'a ObservationReport]) -> Option<&'a ObservationReport> {
    let first = sessions
        .iter()
        .copied()
        .min_by_key(|session| (session.probe.client_hello, session.probe.repeat))?;
    let failed = first.tls.as_ref().is_some_and(|tls| tls.failure.is_some());
    let completed = |session: &&&ObservationReport| session.stages.contains(&Stage::Handshake);
    match sessions.iter().find(completed) {
        Some(other) if failed => Some(other),
        _ => Some(first),
    }
}

/// What the legacy hello learned, if the row does not show it already.
fn legacy_note(sessions: &[&ObservationReport], shown: &ObservationReport) -> Option<Line> {
    let legacy = sessions.iter().find(|session| {
        session.probe.client_hello == ClientHello::Legacy && session.id != shown.id
    })?;
    let tls = legacy.tls.as_ref()?;
    let version = tls.version.as_deref()?;
    // What speaks TLS 1.2 at least is not old: its handshake broke for another reason.
    let modern = ["TLSv1.2", "TLSv1.3"].contains(&version);
    let words = if modern { "answers an old ClientHello with " } else { "legacy TLS only: " };
    let mut line = Line::of(Tone::Bad, words).plain(version);
    if let Some(suite) = &tls.cipher_suite {
        line = line.plain(", ").plain(suite);
    }
    Some(line)
}

/// That repeats of this session came out differently.
fn unsteady_note(target: &TargetReport, shown: &ObservationReport) -> Option<Line> {
    let cell = target.cells.iter().find(|cell| cell.observations.contains(&shown.id))?;
    if cell.steady {
        return None;
    }
    let text = format!(
        "not steady: STARTTLS offered in {} and TLS completed in {} of {} sessions",
        cell.offered, cell.completed, cell.of
    );
    Some(Line::of(Tone::Doubtful, &text))
}

fn cells_unprobed(address: &AddressReport) -> Vec<Line> {
    let mut cells = vec![
        Line::new().plain(&address.ip.to_string()),
        Line::new().plain(address.family.label()),
        Line::of(Tone::Faint, "not tried"),
    ];
    cells.extend(std::iter::repeat_n(Line::of(Tone::Faint, VOID), HEADINGS.len() - cells.len()));
    cells
}

fn cells(session: &ObservationReport, label: &str) -> Vec<Line> {
    let probe = &session.probe;
    let tls = session.tls.as_ref();
    let value = |text: Option<&String>| match text {
        Some(text) => Line::new().plain(text),
        None => Line::of(Tone::Faint, VOID),
    };
    vec![
        Line::new().plain(&probe.ip.to_string()).toned(Tone::Faint, label),
        Line::new().plain(Family::of(probe.ip).label()),
        starttls_cell(session),
        version_cell(tls),
        value(tls.and_then(|tls| tls.cipher_suite.as_ref())),
        value(tls.and_then(|tls| tls.key_exchange_group.as_ref())),
        certificate_cell(tls),
    ]
}

fn starttls_cell(session: &ObservationReport) -> Line {
    let starttls = &session.starttls;
    if session.probe.mode == Mode::ImplicitTls {
        return if session.stages.contains(&Stage::Connected) {
            Line::new().plain("implicit TLS")
        } else {
            Line::of(Tone::Faint, "not reached")
        };
    }
    if starttls.echo_masked == Some(true) {
        return Line::of(Tone::Bad, "overwritten");
    }
    let masked = session.ehlo.as_ref().is_some_and(|ehlo| !ehlo.masked.is_empty());
    let after_helo = session.ehlo.as_ref().is_some_and(|ehlo| ehlo.verb == HelloVerb::Helo);
    match (starttls.offered, starttls.outcome) {
        (Some(true), StarttlsOutcome::Accepted) => Line::of(Tone::Good, "offered"),
        (Some(true), outcome) => Line::of(Tone::Bad, words::starttls_outcome(outcome)),
        (Some(false), _) if masked => Line::of(Tone::Bad, "masked"),
        (_, StarttlsOutcome::AcceptedUnoffered) => Line::of(Tone::Bad, "hidden"),
        (Some(false), _) => Line::of(Tone::Bad, "not offered"),
        (None, _) if after_helo => Line::of(Tone::Doubtful, "unknown"),
        (None, _) => Line::of(Tone::Faint, "not reached"),
    }
}

fn version_cell(tls: Option<&TlsFacts>) -> Line {
    match tls {
        None => Line::of(Tone::Faint, VOID),
        Some(tls) if tls.failure.is_some() => Line::of(Tone::Bad, "TLS failed"),
        Some(tls) => match tls.version.as_deref() {
            Some(version @ ("TLSv1.2" | "TLSv1.3")) => Line::new().plain(version),
            Some(version) => Line::of(Tone::Bad, version),
            None => Line::of(Tone::Faint, VOID),
        },
    }
}

fn certificate_cell(tls: Option<&TlsFacts>) -> Line {
    let dane = tls.and_then(|tls| tls.dane.as_ref()).map(|dane| dane.status);
    match dane {
        Some(DaneStatus::Matched) => return Line::of(Tone::Good, "DANE matches"),
        Some(DaneStatus::Mismatched) => return Line::of(Tone::Bad, "DANE mismatch"),
        _ => {}
    }
    let Some(pkix) = tls.and_then(|tls| tls.pkix.as_ref()) else {
        return Line::of(Tone::Faint, VOID);
    };
    if pkix.status == PkixStatus::Valid {
        let days = pkix.days_left.map(|days| match days {
            1 => ", 1 day left".to_owned(),
            days => format!(", {days} days left"),
        });
        let days = days.unwrap_or_default();
        return Line::of(Tone::Good, "valid").plain(&days);
    }
    let reasons: Vec<&str> = pkix.reasons.iter().map(|reason| reason.words()).collect();
    let text = if reasons.is_empty() { "invalid".to_owned() } else { reasons.join(", ") };
    Line::of(Tone::Doubtful, &text)
}
