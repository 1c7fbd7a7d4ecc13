//! Golden transcripts: one file a case, one loop over them all.
//!
//! A file of `testdata/transcripts/` is `key: value` headers, an empty line, and
//! a transcript in the notation of `model::notation`. `title` and `source` are
//! for people; `mode` is `starttls` (the default) or `implicit-tls`; every other
//! header is an expectation about the session that `smtp::read` makes of the
//! transcript. One that is left out is not compared, but `offered`, `outcome` and
//! `stages` are required, and a key that nobody knows is an error.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test target: only functions marked #[test] are exempt by clippy.toml"
)]

use std::fs;
use std::path::{Path, PathBuf};

use mxray::model::notation::NotationError;
use mxray::model::probe::Mode;
use mxray::model::session::{EhloAnswer, Keyword, MaskedLine, Session};
use mxray::model::transcript::{Event, EventKind, Transcript};
use mxray::smtp;
use serde::Serialize;

/// Fewer files than this and the loop has lost its corpus.
const FEWEST_CASES: usize = 80;

const REQUIRED: [&str; 5] = ["title", "source", "offered", "outcome", "stages"];

/// What stands for "there is none".
const NONE: &str = "none";

struct Case {
    headers: Vec<(String, String)>,
    transcript: Transcript,
}

impl Case {
    fn parse(text: &str) -> Result<Self, String> {
        let (head, body) = text.split_once("\n\n").ok_or("no empty line behind the headers")?;
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once(':').ok_or(format!("not a header: {line}"))?;
            // Several masked lines are several headers.
            if key != "masked" && headers.iter().any(|(known, _)| known == key) {
                return Err(format!("header stated twice: {key}"));
            }
            headers.push((key.to_owned(), value.trim().to_owned()));
        }
        if let Some(missing) = REQUIRED.iter().find(|key| !headers.iter().any(|(k, _)| k == *key)) {
            return Err(format!("header missing: {missing}"));
        }
        let offset = head.lines().count() + 1;
        let transcript = body.parse().map_err(|error: NotationError| {
            format!("file line {}: {}", offset + error.line, error.fault)
        })?;
        Ok(Self { headers, transcript })
    }

    fn mode(&self) -> Result<Mode, String> {
        match self.headers.iter().find(|(key, _)| key == "mode").map(|(_, value)| value.as_str()) {
            None | Some("starttls") => Ok(Mode::Starttls),
            Some("implicit-tls") => Ok(Mode::ImplicitTls),
            Some(other) => Err(format!("not a mode: {other}")),
        }
    }

    /// The expectations, the masked lines together as one.
    fn expectations(&self) -> Vec<(&str, String)> {
        let mut expected: Vec<(&str, String)> = Vec::new();
        for (key, value) in &self.headers {
            match expected.iter_mut().find(|(known, _)| known == key) {
                Some((_, values)) => values.extend(["\n", value]),
                None => expected.push((key, value.clone())),
            }
        }
        expected.retain(|(key, _)| !matches!(*key, "title" | "source" | "mode"));
        expected
    }

    /// Every difference between what is expected and what was read.
    fn failures(&self) -> Result<Vec<String>, String> {
        let mode = self.mode()?;
        let session = smtp::read(&self.transcript, mode);
        let mut failures = Vec::new();
        for (key, expected) in self.expectations() {
            let found = observed(key, &session).ok_or(format!("unknown header: {key}"))?;
            if found != expected {
                failures.push(format!("{key}\n  expected: {expected}\n  found:    {found}"));
            }
        }
        if self.transcript.to_string().parse().as_ref() != Ok(&self.transcript) {
            failures.push("the transcript does not survive writing and reading".to_owned());
        }
        if smtp::read(&in_single_bytes(&self.transcript), mode) != session {
            failures.push("the session depends on how the bytes were segmented".to_owned());
        }
        Ok(failures)
    }
}

/// The same transcript, received byte by byte.
fn in_single_bytes(transcript: &Transcript) -> Transcript {
    let split = |event: &Event| match &event.kind {
        EventKind::Received(bytes) => bytes
            .iter()
            .map(|byte| Event { at_us: event.at_us, kind: EventKind::Received(vec![*byte]) })
            .collect(),
        _ => vec![event.clone()],
    };
    Transcript { events: transcript.events.iter().flat_map(split).collect() }
}

/// What the session holds under the name of a header; `None` for an unknown name.
fn observed(key: &str, session: &Session) -> Option<String> {
    let greeting = session.greeting.as_ref();
    let starttls = &session.starttls;
    let ehlo = session.ehlo.as_ref();
    let of_ehlo = |show: fn(&EhloAnswer) -> String| ehlo.map_or(NONE.into(), show);
    Some(match key {
        "stages" => list(session.stages.iter().map(word)),
        "stopped-at" => optional(session.stopped_at.as_ref().map(word)),
        "ended" => optional(session.ended.as_ref().map(word)),
        "error" => optional(session.error.clone()),
        "oddities" => list(session.oddities.iter().map(word)),
        "local" => optional(session.local.map(|local| local.to_string())),
        "connect-us" => optional(session.connect_us.map(|us| us.to_string())),
        "greeting-us" => optional(session.greeting_us.map(|us| us.to_string())),
        "handshake-us" => optional(session.handshake_us.map(|us| us.to_string())),
        "duration-us" => session.duration_us.to_string(),
        "greeting-code" => optional(greeting.map(|greeting| greeting.code.to_string())),
        "greeting-lines" => greeting.map_or(NONE.into(), |greeting| greeting.lines.join(" | ")),
        "greeting-masked" => greeting.map_or(NONE.into(), |greeting| yes_no(greeting.masked)),
        "ehlo-code" => of_ehlo(|ehlo| ehlo.code.to_string()),
        "verb" => of_ehlo(|ehlo| word(&ehlo.verb)),
        "ehlo-greeting" => of_ehlo(|ehlo| optional(ehlo.greeting.clone())),
        "keywords" => of_ehlo(|ehlo| list(ehlo.keywords.iter().map(keyword))),
        "masked" => of_ehlo(|ehlo| masks(&ehlo.masked)),
        "client-address-seen" => of_ehlo(|ehlo| optional(ehlo.client_address_seen.clone())),
        "refused-with" => of_ehlo(|ehlo| optional(ehlo.refused_with.map(|c| c.to_string()))),
        "offered" => starttls.offered.map_or("unknown".into(), yes_no),
        "outcome" => word(&starttls.outcome),
        "reply" => optional(starttls.reply.as_ref().map(|reply| reply.code.to_string())),
        "reply-text" => {
            optional(starttls.reply.as_ref().map(|reply| reply.text.replace('\n', " | ")))
        }
        "echo-masked" => yes_no(starttls.echo_masked == Some(true)),
        "residue" => starttls.residue_bytes.unwrap_or(0).to_string(),
        "ehlo-tls-code" => optional(session.ehlo_tls.as_ref().map(|tls| tls.code.to_string())),
        "ehlo-tls-keywords" => session
            .ehlo_tls
            .as_ref()
            .map_or(NONE.into(), |tls| list(tls.keywords.iter().map(keyword))),
        _ => return None,
    })
}

fn yes_no(truth: bool) -> String {
    if truth { "yes" } else { "no" }.to_owned()
}

fn optional(value: Option<String>) -> String {
    value.unwrap_or_else(|| NONE.to_owned())
}

fn list(words: impl Iterator<Item = String>) -> String {
    let words = words.collect::<Vec<_>>().join(", ");
    if words.is_empty() { NONE.to_owned() } else { words }
}

/// The word that the report uses.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => panic!("not a word: {other:?}"),
    }
}

fn keyword(keyword: &Keyword) -> String {
    match &keyword.params {
        Some(params) => format!("{}={params}", keyword.name),
        None => keyword.name.clone(),
    }
}

/// One line each: text, kind, position, neighbours. The length is that of the text.
fn masks(masked: &[MaskedLine]) -> String {
    let shown = masked.iter().map(|mask| {
        assert_eq!(mask.length, mask.text.trim_end().len(), "length of {}", mask.text);
        format!(
            "{} {} {} after={} before={}",
            mask.text,
            word(&mask.kind),
            mask.position,
            mask.after.as_deref().unwrap_or("-"),
            mask.before.as_deref().unwrap_or("-"),
        )
    });
    let shown = shown.collect::<Vec<_>>().join("\n");
    if shown.is_empty() { NONE.to_owned() } else { shown }
}

fn case_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/transcripts");
    let entries = fs::read_dir(&folder).expect("the corpus").map(|entry| entry.unwrap().path());
    let text = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "txt");
    let mut files: Vec<PathBuf> = entries.filter(text).collect();
    files.sort();
    files
}

#[test]
fn every_transcript_reads_as_its_headers_say() {
    let files = case_files();
    assert!(files.len() >= FEWEST_CASES, "only {} files", files.len());
    let mut report = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy();
        let text = fs::read_to_string(path).unwrap();
        let failures = match Case::parse(&text).and_then(|case| case.failures()) {
            Ok(failures) => failures,
            Err(broken) => vec![broken],
        };
        report.extend(failures.into_iter().map(|failure| format!("{name}: {failure}")));
    }
    assert!(report.is_empty(), "\n{}", report.join("\n"));
}

#[test]
fn a_broken_case_is_an_error_and_never_a_pass() {
    let good = "title: t\nsource: s\noffered: unknown\noutcome: not-reached\nstages: none\n\n";
    let failures = |text: &str| Case::parse(text).and_then(|case| case.failures());
    assert_eq!(failures(good), Ok(Vec::new()));
    let wrong = failures(&good.replace("unknown", "yes")).unwrap();
    assert_eq!(wrong, ["offered\n  expected: yes\n  found:    unknown"]);
    for (text, error) in [
        (good.replace("\n\n", "\ncolour: blue\n\n"), "unknown header: colour"),
        (good.replace("\n\n", "\nreply: 220\nreply: 220\n\n"), "header stated twice: reply"),
        (good.replace("stages: none\n", ""), "header missing: stages"),
        (good.replace("\n\n", "\nmode: x\n\n"), "not a mode: x"),
        (good.trim_end().to_owned(), "no empty line behind the headers"),
        (
            format!("{good}X: hello\n"),
            "file line 7: `X:` is not a marker (--, S:, S;, C:, C;, S+ or S+;)",
        ),
    ] {
        assert_eq!(failures(&text), Err(error.to_owned()));
    }
}
