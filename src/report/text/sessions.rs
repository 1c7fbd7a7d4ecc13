//! What one session showed, and one line for each that did not get through.
//!
//! Owns the wording of a session. Refuses to compare sessions.

use std::borrow::Cow;

use crate::model::probe::Mode;
use crate::model::report::{ObservationReport, TargetReport};
use crate::model::session::{EhloAnswer, Stage, StarttlsOutcome};
use crate::model::tls::{Ocsp, TlsFacts};
use crate::model::transcript::Ended;
use crate::report::page::{Line, Page, Tone};

use super::words;

/// Longest text of a reply that is quoted, in characters.
const QUOTE: usize = 160;

/// One line for each session that was not completed: host, address, view, stage, what was
/// seen.
pub(super) fn write_cut_short(page: &mut Page, target: &TargetReport) {
    let judged = target.observations.iter().filter(|session| session.probe.role.is_judged());
    let lines: Vec<Line> = judged.filter_map(|session| cut_short(target, session)).collect();
    if lines.is_empty() {
        return;
    }
    page.heading("Sessions that did not get through");
    for line in lines {
        page.hanging(2, 4, &line);
    }
}

fn cut_short(target: &TargetReport, session: &ObservationReport) -> Option<Line> {
    let seen = refusal(session).or_else(|| broken_off(session))?;
    let probe = &session.probe;
    let address = format!(" [{}]:{}", probe.ip, probe.port);
    let line = Line::new().name(&probe.host).plain(&address);
    let line = match words::seen_from(target, probe) {
        Some(view) => line.plain(" from ").plain(&view).plain(","),
        None => line,
    };
    Some(line.plain(" ").joined(seen))
}

/// A server that answered, and said no.
fn refusal(session: &ObservationReport) -> Option<Line> {
    let greeting = session.greeting.as_ref()?;
    if greeting.code != 220 {
        let text = format!("greeted with {} {}", greeting.code, quote(&greeting.lines.join(" / ")));
        return Some(Line::of(Tone::Doubtful, text.trim_end()));
    }
    let ehlo = session.ehlo.as_ref()?;
    if (200..300).contains(&ehlo.code) {
        return None;
    }
    let text = format!(
        "refused the greeting by name: {} {}",
        ehlo.code,
        quote(ehlo.greeting.as_deref().unwrap_or_default())
    );
    Some(Line::of(Tone::Doubtful, text.trim_end()))
}

/// A session that ended before its time.
fn broken_off(session: &ObservationReport) -> Option<Line> {
    let ended = session.ended?;
    if session.stages.contains(&Stage::Quit) || ended == Ended::ByUs && session.error.is_none() {
        return None;
    }
    let stage = stage_under_way(session)?.under_way();
    let line = match session.duration_ms {
        Some(duration) => {
            Line::new().plain(&format!("{stage}, after {}: ", milliseconds(duration)))
        }
        None => Line::new().plain(stage).plain(": "),
    };
    let failure = session.tls.as_ref().and_then(|tls| tls.failure.as_deref());
    let details: Vec<&str> = failure.into_iter().chain(session.error.as_deref()).collect();
    let detail = details.join("; ");
    let how = ended.words();
    if detail.to_ascii_lowercase().starts_with(how) {
        return Some(line.toned(Tone::Doubtful, &quote(&detail)));
    }
    let line = line.toned(Tone::Doubtful, how);
    if detail.is_empty() {
        return Some(line);
    }
    Some(line.plain(" (").plain(&quote(&detail)).plain(")"))
}

/// The first stage that was not completed, in the order of the session's mode.
fn stage_under_way(session: &ObservationReport) -> Option<Stage> {
    const IMPLICIT_TLS: [Stage; 5] =
        [Stage::Connected, Stage::Handshake, Stage::Greeting, Stage::EhloTls, Stage::Quit];
    let order: &[Stage] = match session.probe.mode {
        Mode::Starttls => &Stage::ALL,
        Mode::ImplicitTls => &IMPLICIT_TLS,
    };
    order.iter().copied().find(|stage| !session.stages.contains(stage))
}

/// What is to be said below the row of an address.
pub(super) fn notes(session: &ObservationReport, verbose: u8) -> Vec<Line> {
    let mut notes = Vec::new();
    notes.extend(starttls_note(session));
    notes.extend(session.ehlo.as_ref().and_then(masked_note));
    notes.extend(residue_note(session));
    notes.extend(failure_note(session));
    if verbose > 0 {
        notes.extend(timing_note(session));
        notes.extend(session.ehlo.as_ref().map(keywords_note));
        notes.extend(session.tls.as_ref().into_iter().flat_map(chain_notes));
        notes.extend(session.tls.as_ref().and_then(|tls| tls.ocsp.as_ref()).map(staple_note));
    }
    notes
}

fn starttls_note(session: &ObservationReport) -> Option<Line> {
    let starttls = &session.starttls;
    let lead = match starttls.outcome {
        StarttlsOutcome::AcceptedUnoffered => "not offered, but accepted when sent anyway",
        _ if starttls.echo_masked == Some(true) => "the command was overwritten on the way",
        StarttlsOutcome::Refused => "offered, but refused when sent",
        StarttlsOutcome::Tempfailed => "refused for now",
        StarttlsOutcome::UnexpectedCode => "answered as RFC 3207 does not know",
        StarttlsOutcome::NoReply => "no reply to STARTTLS",
        StarttlsOutcome::Closed => "the connection was over instead of a reply to STARTTLS",
        _ => return None,
    };
    let line = Line::new().plain(lead);
    match &starttls.reply {
        Some(reply) => {
            let text = format!(": {} {}", reply.code, quote(&reply.text.replace('\n', " / ")));
            Some(line.plain(text.trim_end()))
        }
        None => Some(line),
    }
}

fn masked_note(ehlo: &EhloAnswer) -> Option<Line> {
    if ehlo.masked.is_empty() {
        return None;
    }
    let lines: Vec<&str> = ehlo.masked.iter().map(|line| line.text.as_str()).collect();
    Some(Line::new().plain("masked lines: ").plain(&quote(&lines.join(", "))))
}

fn residue_note(session: &ObservationReport) -> Option<Line> {
    let bytes = session.starttls.residue_bytes.unwrap_or(0);
    (bytes > 0).then(|| Line::of(Tone::Bad, &format!("{bytes} bytes in clear behind the 220")))
}

fn failure_note(session: &ObservationReport) -> Option<Line> {
    let failure = session.tls.as_ref()?.failure.as_deref()?;
    Some(Line::new().plain("TLS handshake: ").plain(failure))
}

fn timing_note(session: &ObservationReport) -> Option<Line> {
    let parts: Vec<String> = [
        ("connect", session.connect_ms),
        ("greeting", session.greeting_ms),
        ("handshake", session.handshake_ms),
        ("all", session.duration_ms),
    ]
    .into_iter()
    .filter_map(|(name, time)| time.map(|time| format!("{name} {}", milliseconds(time))))
    .collect();
    (!parts.is_empty()).then(|| Line::of(Tone::Faint, &format!("time: {}", parts.join(", "))))
}

fn keywords_note(ehlo: &EhloAnswer) -> Line {
    let names: Vec<&str> = ehlo.keywords.iter().map(|keyword| keyword.name.as_str()).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(" ") };
    Line::of(Tone::Faint, "keywords: ").plain(&names)
}

fn chain_notes(tls: &TlsFacts) -> Vec<Line> {
    let unknown = "not readable";
    let name = |text: &Option<String>| text.clone().unwrap_or_else(|| unknown.to_owned());
    tls.chain
        .iter()
        .map(|certificate| {
            let mut line = Line::of(Tone::Faint, "certificate: ")
                .plain(&name(&certificate.subject))
                .plain(", issued by ")
                .plain(&name(&certificate.issuer));
            if let Some(end) = certificate.not_after {
                line = line.plain(&format!(", until {}", end.strftime("%Y-%m-%d")));
            }
            if let Some(key) = &certificate.key {
                line = line.plain(", ").plain(key);
            }
            if let Some(scts @ 1..) = certificate.scts {
                line = line.plain(&format!(", {scts} SCTs"));
            }
            if !certificate.names.is_empty() {
                line = line.plain(", names: ").plain(&certificate.names.join(" "));
            }
            line
        })
        .collect()
}

/// What is stapled, and what of it was verified.
fn staple_note(ocsp: &Ocsp) -> Line {
    let mut line = Line::of(Tone::Faint, "OCSP response: ").plain(words::ocsp_status(ocsp.status));
    if let Some(signed) = ocsp.signed {
        line = line.plain(if signed {
            ", signed by the issuer"
        } else {
            ", not signed by the issuer"
        });
    }
    match ocsp.next_update {
        Some(next) => line.plain(&format!(", until {}", next.strftime("%Y-%m-%d"))),
        None => line,
    }
}

/// A text from the wire, cut where it is long.
pub(super) fn quote(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTE) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

fn milliseconds(time: u64) -> String {
    if time < 10_000 {
        return format!("{time} ms");
    }
    format!("{}.{} s", time / 1000, time % 1000 / 100)
}
