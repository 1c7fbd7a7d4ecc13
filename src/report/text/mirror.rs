//! What the mirror saw of our sessions, beside what we saw.
//!
//! Owns the wording and the layout of differences: what was sent, and below it what
//! arrived. Refuses to compare.

use crate::model::mirror::{
    ByteDifference, ComparedSession, ComparedTls, Direction, MirrorOutcome, MirrorReport,
    MirrorSource,
};
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
    let mut shown: Vec<(MirrorOutcome, std::net::IpAddr)> = Vec::new();
    for session in &mirror.compared {
        let probe = target.observations.iter().find(|seen| seen.id == session.observation);
        let Some(probe) = probe.map(|seen| &seen.probe) else { continue };
        let place = format!(" [{}]:{}", probe.ip, probe.port);
        let line = Line::new().plain(&session.observation).plain(" ").name(&probe.host);
        let line = line.plain(&place).plain(": ").joined(outcome(session));
        page.hanging(2, 4, &line.sentence());
        // The first of its kind at each address is shown whole.
        let kind = (session.outcome, probe.ip);
        if verbose > 0 || !shown.contains(&kind) {
            write_session(page, session);
        }
        shown.push(kind);
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
