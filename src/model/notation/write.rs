//! Transcript → text.
//!
//! Owns what is escaped. Refuses to leave anything out: what is written reads back the
//! same.

use std::fmt::{self, Write as _};

use super::{ENDED_WORDS, Speaker, TLS_FAILED_PLACES, TLS_PLACES};
use crate::model::tls::Handshake;
use crate::model::transcript::{Ended, Ending, EventKind, Transcript};

/// Columns of the time at the start of a line.
const TIME_WIDTH: usize = 9;

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut previous = None;
        for event in &self.events {
            let time = milliseconds(event.at_us);
            let speaker = Speaker::of(&event.kind);
            match speaker {
                Some(segment) => write_segment(f, &time, segment, previous == Some(segment.0))?,
                None => writeln!(f, "{time:>TIME_WIDTH$} -- {}", statement(&event.kind))?,
            }
            previous = speaker.map(|(speaker, _)| speaker);
        }
        Ok(())
    }
}

/// `12`, or `12.345` where microseconds are left over.
fn milliseconds(at_us: u64) -> String {
    match at_us % 1000 {
        0 => format!("{}", at_us / 1000),
        rest => format!("{}.{rest:03}", at_us / 1000),
    }
}

fn write_segment(
    f: &mut fmt::Formatter<'_>,
    time: &str,
    (speaker, bytes): (Speaker, &[u8]),
    new_segment: bool,
) -> fmt::Result {
    let marker = speaker.marker(new_segment);
    let mut first = Some((time, marker));
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
    if lines.peek().is_none() {
        return writeln!(f, "{time:>TIME_WIDTH$} {marker} \\");
    }
    for line in lines {
        let (time, marker) = first.take().unwrap_or(("", speaker.marker(false)));
        let text = content(line);
        let blank = if text.is_empty() { "" } else { " " };
        writeln!(f, "{time:>TIME_WIDTH$} {marker}{blank}{text}")?;
    }
    Ok(())
}

/// One line of bytes, with or without its end, as the notation has it.
fn content(line: &[u8]) -> String {
    let Some(whole) = line.strip_suffix(b"\r\n") else { return escape(line, false) + "\\" };
    let mut text = escape(whole, false);
    if text.ends_with(' ') {
        text.pop();
        text.push_str("\\x20");
    }
    text
}

fn escape(bytes: &[u8], quoted: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'"' if quoted => text.push_str("\\\""),
            b' '..=b'~' => text.push(char::from(*byte)),
            other => {
                let _ = write!(text, "\\x{other:02x}");
            }
        }
    }
    text
}

/// What stands behind `--`; empty for bytes.
fn statement(kind: &EventKind) -> String {
    match kind {
        EventKind::Connected { local: Some(local) } => format!("connected from {local}"),
        EventKind::Connected { local: None } => "connected".to_owned(),
        EventKind::HandshakeDone(handshake) => format!(
            "tls {} {} {}{}",
            word(handshake.version.as_deref()),
            word(handshake.cipher_suite.as_deref()),
            word(handshake.key_exchange_group.as_deref()),
            facts(handshake, &TLS_PLACES),
        ),
        EventKind::HandshakeFailed(handshake) => format!(
            "tls-failed {}{}",
            word(handshake.failure.as_deref()),
            facts(handshake, &TLS_FAILED_PLACES),
        ),
        EventKind::Ended(Ending { how, detail: None }) => format!("ended {}", ended_word(*how)),
        EventKind::Ended(Ending { how, detail: Some(detail) }) => {
            format!("ended {} \"{}\"", ended_word(*how), escape(detail.as_bytes(), true))
        }
        EventKind::Received(_) | EventKind::Sent(_) | EventKind::Residue(_) => String::new(),
    }
}

/// A value as a word: bare where it can be, else quoted; `-` where it is not known.
fn word(value: Option<&str>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/+-".contains(&byte);
    if !value.is_empty() && value != "-" && value.bytes().all(bare) {
        return value.to_owned();
    }
    format!("\"{}\"", escape(value.as_bytes(), true))
}

/// The known facts of a handshake as `key=value`, each with a blank before it,
/// but for those that stand in a place of their own.
fn facts(handshake: &Handshake, placed: &[&str]) -> String {
    let truth = |value: Option<bool>| value.map(|value| value.to_string());
    let mut text = String::new();
    for (key, value) in [
        ("version", handshake.version.clone()),
        ("cipher_suite", handshake.cipher_suite.clone()),
        ("key_exchange_group", handshake.key_exchange_group.clone()),
        ("failure", handshake.failure.clone()),
        ("sni", handshake.sni.clone()),
        ("signature_scheme", handshake.signature_scheme.clone()),
        ("key_proven", truth(handshake.key_proven)),
        ("alert", handshake.alert.clone()),
        ("client_certificate_requested", truth(handshake.client_certificate_requested)),
    ] {
        if value.is_some() && !placed.contains(&key) {
            let _ = write!(text, " {key}={}", word(value.as_deref()));
        }
    }
    text
}

/// The report's word (docs/report.md, `ended`).
fn ended_word(how: Ended) -> &'static str {
    ENDED_WORDS.iter().find(|(ended, _)| *ended == how).map_or("", |(_, word)| word)
}
