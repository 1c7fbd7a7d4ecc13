//! What the mirror saw of our sessions, beside what we saw.
//!
//! Owns the wording and the layout of differences: what was sent, and below it what
//! arrived. Refuses to compare.

use crate::model::mirror::{
    ByteDifference, ComparedSession, ComparedTls, Direction, MirrorOutcome, MirrorReport,
    MirrorSource,
};
use crate::model::report::ProbeReport;
use crate::model::report::TargetReport;
use crate::report::page::{Line, Page, Tone};

/// Hexadecimal digits of a digest that tell two certificates apart for people.
const SHORT_DIGEST: usize = 16;

/// Writes the comparison, where the target is a mirror.
pub(super) fn write(page: &mut Page, target: &TargetReport, verbose: u8) {
    let Some(mirror) = &target.mirror else { return };
    page.heading("The mirror's view");
    if let Some(error) = &mirror.error {
        let line = Line::of(Tone::Doubtful, "Its transcripts could not be had: ").plain(error);
        return page.hanging(2, 2, &line.sentence());
    }
    page.hanging(2, 2, &source(mirror));
    if mirror.channel_is_shared == Some(false) {
        let words = "somebody on the way terminated TLS for the exchange, and could read it";
        page.hanging(2, 2, &Line::of(Tone::Doubtful, words).sentence());
    }
    let several = target.views.as_ref().is_some_and(|views| views.len() > 1);
    if several {
        let words = "It holds the sessions of every view, each found by the id in the greeting, by the \
                     address that it came from, or by its time and EHLO name.";
        page.hanging(2, 2, &Line::of(Tone::Faint, words));
    }
    let mut shown = Vec::new();
    for session in &mirror.compared {
        let probe = target.observations.iter().find(|seen| seen.id == session.observation);
        let Some(probe) = probe.map(|seen| &seen.probe) else { continue };
        let place = format!(" [{}]:{}", probe.ip, probe.port);
        let line = Line::new().plain(&session.observation).plain(" ").name(&probe.host);
        let line = line.plain(&place);
        let line = if several { from(line, probe) } else { line };
        let line = line.plain(": ").joined(outcome(session));
        page.hanging(2, 4, &line.sentence());
        // The first of its kind at each address is shown whole.
        let kind = (session.outcome, probe.ip, probe.vantage.as_str(), probe.source);
        if verbose > 0 || !shown.contains(&kind) {
            write_session(page, session);
        }
        shown.push(kind);
    }
}

/// The view that had the session.
fn from(line: Line, probe: &ProbeReport) -> Line {
    let line = line.plain(" from ").plain(&probe.vantage);
    match probe.source {
        Some(source) => line.plain(&format!(" ({source})")),
        None => line,
    }
}

fn source(mirror: &MirrorReport) -> Line {
    let words = match mirror.source {
        MirrorSource::Starttls => "Fetched from the mirror inside TLS, vouched for by the token.",
        MirrorSource::ImplicitTls => {
            "Fetched from the mirror's port for the exchange, vouched for by the token."
        }
        MirrorSource::File => "Read from the mirror's file, vouched for by the token.",
        MirrorSource::None => "Nothing was learned.",
    };
    Line::of(Tone::Faint, words)
}

fn outcome(session: &ComparedSession) -> Line {
    let number = session.differences.len() as u64 + session.more_differences;
    let places = if number == 1 { "1 place".to_owned() } else { format!("{number} places") };
    match session.outcome {
        MirrorOutcome::Identical => {
            Line::of(Tone::Good, "every byte arrived as it was sent, in both directions")
        }
        MirrorOutcome::CutOff => Line::of(Tone::Doubtful, "cut off on the way"),
        MirrorOutcome::BytesChanged => {
            Line::of(Tone::Bad, "changed on the way").plain(&format!(", in {places}"))
        }
        MirrorOutcome::KeyDiffers => Line::of(Tone::Bad, "TLS was not with the mirror"),
        MirrorOutcome::NotReached => {
            Line::of(Tone::Bad, "it never came to the mirror; something else greeted us")
        }
        MirrorOutcome::NotCompared => Line::of(Tone::Doubtful, "no recording of it is known"),
    }
}

fn write_session(page: &mut Page, session: &ComparedSession) {
    if session.outcome == MirrorOutcome::KeyDiffers
        && let Some(tls) = &session.tls
    {
        write_keys(page, tls);
    }
    if session.outcome == MirrorOutcome::CutOff
        && session.tls.as_ref().is_some_and(|tls| tls.client_hello_arrived == Some(false))
    {
        page.paragraph(4, &Line::new().plain("our ClientHello did not arrive"));
    }
    for difference in &session.differences {
        write_difference(page, difference);
    }
    if session.more_differences > 0 {
        let more = format!("and {} more places", session.more_differences);
        page.paragraph(4, &Line::of(Tone::Faint, &more));
    }
}

fn write_keys(page: &mut Page, tls: &ComparedTls) {
    let short = |digest: &Option<String>| -> String {
        let digest = digest.as_deref().unwrap_or("none");
        digest.chars().take(SHORT_DIGEST).collect()
    };
    let line = format!(
        "certificate shown here {}, presented by the mirror {}",
        short(&tls.seen_sha256),
        short(&tls.presented_sha256)
    );
    page.hanging(4, 2, &Line::new().plain(&line));
    if tls.completed_there != Some(true) {
        page.paragraph(4, &Line::new().plain("the mirror completed no handshake"));
    }
}

fn write_difference(page: &mut Page, difference: &ByteDifference) {
    let way = match difference.direction {
        Direction::ToMirror => "to the mirror",
        Direction::FromMirror => "from the mirror",
    };
    let tls = if difference.tls { ", inside TLS" } else { "" };
    let place = format!("{way}{tls}, line {}, byte {}:", difference.line, difference.offset);
    page.paragraph(4, &Line::of(Tone::Faint, &place));
    write_bytes(page, "sent    ", Tone::Good, &difference.sent);
    write_bytes(page, "arrived ", Tone::Bad, &difference.received);
}

/// One row a line, blanks kept: bytes are evidence.
fn write_bytes(page: &mut Page, label: &str, tone: Tone, text: &str) {
    let rows = if text.is_empty() { vec!["(nothing)"] } else { rows(text) };
    for (at, row) in rows.iter().enumerate() {
        let label = if at == 0 { label } else { "        " };
        let line = Line::of(Tone::Faint, label).toned(tone, row);
        for piece in line.folded(page.width().saturating_sub(6), label.len()) {
            page.fixed(6, &piece);
        }
    }
}

/// The lines of an escaped text, each with its escaped end.
fn rows(text: &str) -> Vec<&str> {
    text.split_inclusive("\\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mirror::DifferenceKind;
    use crate::model::verdict::Status;
    use crate::report::samples;

    #[test]
    fn what_was_sent_stands_above_what_arrived_and_bytes_cannot_steer_a_terminal() {
        let difference = ByteDifference {
            direction: Direction::FromMirror,
            tls: false,
            kind: DifferenceKind::Changed,
            offset: 48,
            line: 2,
            sent: r"250-STARTTLS\r\n250-SIZE\r\n".into(),
            received: "250-XXXXXXXA\u{1b}[2J".into(),
        };
        let session =
            |observation: &str, outcome, differences: &[ByteDifference]| ComparedSession {
                observation: observation.into(),
                session: Some("k3jx".into()),
                matched_by: None,
                client_seen: None,
                outcome,
                tls: None,
                differences: differences.to_vec(),
                more_differences: 0,
            };
        let verdict = (Status::Stripped, None, "");
        let mut target = samples::target(
            "mx.example.net",
            verdict,
            vec![samples::session("o1", "mx.example.net", "203.0.113.5")],
        );
        let id = target.observations[0].id.clone();
        target.mirror = Some(MirrorReport {
            source: MirrorSource::ImplicitTls,
            error: None,
            clock_offset_ms: Some(3),
            complete_since: None,
            endpoint: None,
            channel_is_shared: None,
            compared: vec![
                session(&id, MirrorOutcome::BytesChanged, &[difference]),
                session(&id, MirrorOutcome::Identical, &[]),
            ],
            sessions: None,
        });
        let mut page = Page::new(100, false);
        write(&mut page, &target, 0);
        let text = page.finish();
        assert!(text.contains("changed on the way, in 1 place."), "{text}");
        assert!(text.contains("from the mirror, line 2, byte 48:"), "{text}");
        assert!(
            text.contains("      sent    250-STARTTLS\\r\\n\n              250-SIZE"),
            "{text}"
        );
        assert!(text.contains("      arrived 250-XXXXXXXA\\x1b[2J"), "{text}");
        assert!(text.contains("every byte arrived as it was sent"), "{text}");
        target.mirror.as_mut().unwrap().error = Some("no answer in time".into());
        let mut page = Page::new(100, false);
        write(&mut page, &target, 0);
        assert!(page.finish().contains("could not be had: no answer in time."));
    }
}
