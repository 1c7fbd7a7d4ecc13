//! The report as JSON.
//!
//! Owns the two forms, one object and one line a target, and what counts as
//! evidence. Refuses to know files.

use std::fmt::Write as _;

use serde::Serialize;

use crate::model::report::{Report, SCHEMA, TargetReport};
use crate::model::tlsa::TlsaReport;
use crate::report::escape::is_harmless;

/// One object, indented, ended by a line feed.
///
/// # Errors
/// None that the types of the report allow; the writer's own are passed on.
pub fn render(report: &impl Serialize) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(harmless(text))
}

/// One object a line, each with one target, the run and all controls: every line
/// is a report by itself.
///
/// # Errors
/// As [`render`].
pub fn ndjson(report: &Report) -> serde_json::Result<String> {
    lines(report.targets.iter().map(|target| Report {
        schema: report.schema.clone(),
        run: report.run.clone(),
        targets: vec![target.clone()],
        controls: report.controls.clone(),
    }))
}

/// The same for the report of `mxray tlsa`: one host a line.
///
/// # Errors
/// As [`render`].
pub fn tlsa_ndjson(report: &TlsaReport) -> serde_json::Result<String> {
    lines(report.hosts.iter().map(|host| TlsaReport {
        schema: report.schema.clone(),
        run: report.run.clone(),
        hosts: vec![host.clone()],
    }))
}

/// One object in one line, ended by a line feed.
///
/// # Errors
/// As [`render`].
pub fn line(report: &impl Serialize) -> serde_json::Result<String> {
    lines(std::iter::once(report))
}

fn lines(reports: impl Iterator<Item = impl Serialize>) -> serde_json::Result<String> {
    let mut lines = String::new();
    for report in reports {
        lines.push_str(&serde_json::to_string(&report)?);
        lines.push('\n');
    }
    Ok(harmless(lines))
}

/// The report without its evidence: transcripts, certificates and staples as
/// sent, policies as fetched, and extra CAs as PEM. What was read from them stays.
pub fn strip_evidence(mut report: Report) -> Report {
    report.run.trust.extra_ca_pem = None;
    for target in report.targets.iter_mut().chain(&mut report.controls) {
        strip_target(target);
    }
    report
}

fn strip_target(target: &mut TargetReport) {
    if let Some(fetch) = &mut target.policies.mta_sts.fetch {
        fetch.body = None;
        fetch.chain = None;
    }
    if let Some(mirror) = &mut target.mirror {
        mirror.sessions = None;
    }
    for observation in &mut target.observations {
        observation.transcript = None;
        let Some(tls) = &mut observation.tls else { continue };
        tls.ocsp_staple = None;
        for certificate in &mut tls.chain {
            certificate.der = None;
        }
    }
}

/// A text of JSON with nothing in it that could steer a terminal: such characters
/// stand inside strings only, and JSON can spell them out (RFC 8259 §7).
pub(super) fn harmless(text: String) -> String {
    if text.chars().all(|letter| letter == '\n' || is_harmless(letter)) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if letter == '\n' || is_harmless(letter) {
            safe.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    safe
}

/// Why a text is not a report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is nothing but blanks.
    #[error("is empty, and not a report of mxray")]
    Empty,
    /// It begins as no JSON object does.
    #[error("not a report of mxray: that is a JSON object, and this begins with {first:?}")]
    NoObject {
        /// Its first character that is no blank.
        first: char,
    },
    /// It is not JSON, or not of this shape.
    #[error("not a report of mxray: {0}")]
    Shape(#[from] serde_json::Error),
    /// Its lines do not belong together.
    #[error("the lines are of several runs, and a report is of one")]
    Runs,
    /// It is of another version.
    #[error("a report of version {found:?}, and only {SCHEMA:?} is known")]
    Version {
        /// Its `schema`.
        found: String,
    },
}

/// A report from JSON, one object or the lines of one run. Fields that are not
/// known are passed over: they may be added within a version.
///
/// # Errors
/// The text is not JSON, lacks a field, has another `schema`, or is of several runs.
pub fn read(text: &str) -> Result<Report, ReadError> {
    let mut reports = read_all(text)?;
    match (reports.pop(), reports.is_empty()) {
        (Some(report), true) => Ok(report),
        _ => Err(ReadError::Runs),
    }
}

/// The reports of a text that holds one or several, one behind the other as
/// [`ndjson`] writes them. Lines of one run are put together again.
///
/// # Errors
/// As [`read`]; a text that holds none is no report either.
pub fn read_all(text: &str) -> Result<Vec<Report>, ReadError> {
    match text.trim_start().chars().next() {
        None => return Err(ReadError::Empty),
        Some('{') => {}
        Some(first) => return Err(ReadError::NoObject { first }),
    }
    for version in serde_json::Deserializer::from_str(text).into_iter::<Version>() {
        let version = version?;
        if version.schema != SCHEMA {
            return Err(ReadError::Version { found: version.schema });
        }
    }
    let mut reports: Vec<Report> = Vec::new();
    for report in serde_json::Deserializer::from_str(text).into_iter::<Report>() {
        let report = report?;
        match reports.iter_mut().find(|known| known.run == report.run) {
            // Each line repeats the run and its controls.
            Some(known) => known.targets.extend(report.targets),
            None => reports.push(report),
        }
    }
    Ok(reports)
}

#[derive(serde::Deserialize)]
struct Version {
    schema: String,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::entries::{EntryError, observation};
    use crate::model::report::ObservationReport;
    use crate::report::samples;

    fn all_samples() -> Vec<Report> {
        vec![
            samples::intact(),
            samples::stripped(),
            samples::unreachable(),
            samples::no_mail(),
            samples::unresolvable(),
            samples::inconclusive(),
            samples::idn(),
            samples::hostile_with("\x1b[2J\r\n\u{202e}\u{0}"),
        ]
    }

    /// A report re-read by types that know every field: what is written again is
    /// what was read, so no field was passed over and none was filled in.
    fn read_strictly(text: &str) -> Report {
        let report = read(text).unwrap();
        let before: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&report).unwrap(), before);
        report
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        for report in all_samples() {
            assert_eq!(read_strictly(&render(&report).unwrap()), report);
        }
    }

    proptest::proptest! {
        #[test]
        fn json_can_be_shown_and_means_the_same(wild in proptest::prelude::any::<String>()) {
            let report = samples::hostile_with(&wild);
            let text = render(&report).unwrap();
            assert!(text.chars().all(|letter| letter == '\n' || is_harmless(letter)));
            assert_eq!(read_strictly(&text), report);
        }
    }

    #[test]
    fn a_line_has_one_target_and_is_a_report() {
        let report = samples::idn();
        let text = ndjson(&report).unwrap();
        let lines: Vec<Report> = text.lines().map(read_strictly).collect();
        assert_eq!(lines.len(), 2);
        for (line, target) in lines.iter().zip(&report.targets) {
            assert_eq!(line.targets, std::slice::from_ref(target));
            assert_eq!(line.run, report.run);
        }
    }

    #[test]
    fn lines_of_one_run_are_one_report_again() {
        let report = samples::idn();
        let lines = ndjson(&report).unwrap();
        assert_eq!(read(&lines).unwrap(), report);
        assert_eq!(read(lines.trim_end()).unwrap(), report);
        let mut other = report.clone();
        other.run.interrupted ^= true;
        let both = lines.clone() + &ndjson(&other).unwrap();
        assert!(matches!(read(&both), Err(ReadError::Runs)));
        assert!(matches!(read(&(lines + "{\"schema\":")), Err(ReadError::Shape(_))));
        assert!(matches!(read(""), Err(ReadError::Empty)));
    }

    #[test]
    fn reports_of_several_runs_are_read_in_their_order() {
        let (one, mut other) = (samples::idn(), samples::stripped());
        other.run.duration_ms += 1;
        let text = ndjson(&one).unwrap() + &render(&other).unwrap();
        assert_eq!(read_all(&text).unwrap(), [one.clone(), other]);
        assert_eq!(read_all(&render(&one).unwrap()).unwrap(), [one]);
        for text in ["[1]", "not JSON"] {
            assert!(matches!(read_all(text), Err(ReadError::NoObject { .. })), "{text}");
        }
        assert!(matches!(read_all("{not JSON"), Err(ReadError::Shape(_))));
        for text in ["", " \n"] {
            assert!(matches!(read_all(text), Err(ReadError::Empty)), "{text}");
        }
    }

    #[test]
    fn without_evidence_only_evidence_is_missing() {
        let mut whole = samples::stripped();
        whole.run.trust.extra_ca_pem = Some("-----BEGIN CERTIFICATE-----".to_owned());
        let bare = serde_json::to_value(strip_evidence(whole.clone())).unwrap();
        let mut expected = serde_json::to_value(&whole).unwrap();
        expected["run"]["trust"]["extra_ca_pem"] = Value::Null;
        for position in 0..2 {
            let session = &mut expected["targets"][0]["observations"][position];
            assert!(!session["transcript"].is_null());
            session["transcript"] = Value::Null;
            session["tls"]["ocsp_staple"] = Value::Null;
            session["tls"]["chain"][0]["der"] = Value::Null;
        }
        assert_eq!(bare, expected);
    }

    #[test]
    fn fields_of_a_later_program_are_passed_over() {
        let mut value = serde_json::to_value(samples::no_mail()).unwrap();
        value["run"]["weather"] = Value::from("fine");
        assert_eq!(read(&value.to_string()).unwrap(), samples::no_mail());
    }

    #[test]
    fn another_version_and_another_file_are_told_apart() {
        let version = read(r#"{"schema": "mxray/report/2"}"#).unwrap_err();
        assert!(matches!(version, ReadError::Version { found } if found == "mxray/report/2"));
        for text in ["{}", "{{", r#"{"schema": "mxray/report/1"}"#] {
            assert!(matches!(read(text), Err(ReadError::Shape(_))), "{text}");
        }
    }

    #[test]
    fn the_json_of_a_stripped_domain() {
        insta::assert_snapshot!(render(&strip_evidence(samples::stripped())).unwrap());
    }

    #[test]
    fn evidence_that_is_missing_is_said_to_be_missing() {
        let whole = samples::session("o1", "mx1.example.net", "203.0.113.62");
        assert!(observation(&whole).is_ok_and(|seen| seen.transcript.events.len() == 1));
        let mut bare = whole.clone();
        bare.tls.as_mut().unwrap().chain[0].der = None;
        assert_eq!(observation(&bare), Err(EntryError::NoDer("o1".into())));
        let mut broken = whole.clone();
        broken.tls.as_mut().unwrap().chain[0].der = Some("%".into());
        assert_eq!(observation(&broken), Err(EntryError::Base64("o1".into())));
        let silent = ObservationReport { transcript: None, ..whole };
        assert_eq!(observation(&silent), Err(EntryError::NoTranscript("o1".into())));
    }
}
