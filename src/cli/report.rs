//! `mxray report FILE`: saved evidence, judged again.
//!
//! Owns the way from a file to a report. Opens no connection.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use mxray::judge::{self, Context};
use mxray::model::mirror::MirrorEvidence;
use mxray::model::probe::Role;
use mxray::model::report::Report;
use mxray::report::json::{self, ReadError};
use mxray::tls::Roots;
use mxray::vantage::recorded::{self, RecordedError};

use crate::cli::arguments::ReportArguments;
use crate::cli::deliver::deliver;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::mirrored;
use crate::cli::terminal::Terminal;

/// Largest file of reports that is read, in octets. One with as many observations of a target
/// as are judged, of 9 KiB each as measured with one certificate, has little more than half.
const LARGEST_REPORT: u64 = 1 << 30;
/// Octets that are read at once.
const CHUNK: u64 = 1 << 20;
/// Octets that are read of what begins as no report does: enough to say how.
const BEGINNING: u64 = 64;

/// Reads, judges and delivers.
///
/// # Errors
/// The file can't be read, or holds no evidence.
pub(crate) fn run(arguments: &ReportArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let path = &arguments.file;
    let text = read(path)?;
    let saved = json::read(&text).map_err(|error| unreadable(path, &error))?;
    let mirror = mirror(arguments)?;
    let report = judge_again(saved, mirror)
        .map_err(|error| unjudgeable(&spoken(path), &error, TOO_LARGE))?;
    deliver(report, &arguments.report.output, arguments.report.fail_on, terminal)
}

/// The transcripts of a mirror, where a file of them was named.
fn mirror(arguments: &ReportArguments) -> Result<Option<MirrorEvidence>, Failure> {
    let Some(path) = &arguments.mirror_log else { return Ok(None) };
    let token = mirrored::token(&arguments.token)?;
    mirrored::recorded(path, &token).map(Some)
}

/// What helps where a report cannot be judged again.
pub(crate) const NO_EVIDENCE: &str =
    "evidence is in the file of --save, and not in what --json prints";

/// What helps where there is more in a report than is judged.
pub(crate) const TOO_LARGE: &str =
    "no run of mxray is that large: name the file that --save wrote as it is";

/// A report that cannot be judged again, by the name of its file.
pub(crate) fn unjudgeable(name: &str, error: &anyhow::Error, too_large: &'static str) -> Failure {
    let too_many = matches!(error.downcast_ref(), Some(RecordedError::TooMany { .. }));
    Failure::usage(format!("{name}: {error}"), if too_many { too_large } else { NO_EVIDENCE })
}

/// What helps where a file is no report.
const NO_REPORT: &str = "name a file that `mxray check --save FILE` wrote";

/// What helps where a file holds reports of several runs.
const SEVERAL_RUNS: &str = "`mxray compare` judges several reports together";

/// What helps where a file was made smaller.
const COMPRESSED: &str =
    "unpack it first, as in: zcat FILE | mxray report - (zstdcat, xzcat for .zst, .xz)";

/// How files begin that gzip (RFC 1952 §2.3.1), zstd (RFC 8878 §3.1.1) and xz make.
const MAGIC: [&[u8]; 3] = [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd], b"\xfd7zXZ"];

/// A file that holds no report.
pub(crate) fn unreadable(path: &Path, error: &ReadError) -> Failure {
    let hint = if matches!(error, ReadError::Runs) { SEVERAL_RUNS } else { NO_REPORT };
    Failure::usage(format!("{}: {error}", spoken(path)), hint)
}

/// A file as it is called in a sentence.
pub(crate) fn spoken(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}

/// The text of a saved report, or of several; `-` is standard input.
///
/// # Errors
/// The file can't be read.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let octets = octets_of(path).map_err(|error| {
        Failure::usage(format!("cannot read {}: {error}", spoken(path)), NO_REPORT)
    })?;
    if MAGIC.iter().any(|magic| octets.starts_with(magic)) {
        return Err(Failure::usage(format!("{} is compressed", spoken(path)), COMPRESSED));
    }
    text_of(octets).ok_or_else(|| {
        let message = format!("cannot read {}: it is no text in UTF-8", spoken(path));
        Failure::usage(message, NO_REPORT)
    })
}

/// Octets as text. Where they are only the beginning of a file, a character may be torn.
fn text_of(mut octets: Vec<u8>) -> Option<String> {
    if let Err(error) = std::str::from_utf8(&octets)
        && error.error_len().is_none()
        && error.valid_up_to() > 0
        && !octets.starts_with(b"{")
    {
        octets.truncate(error.valid_up_to());
    }
    String::from_utf8(octets).ok()
}

/// The octets of a file, without blanks in front, as far as they are worth reading: of one
/// that does not begin as a report does, the beginning.
fn octets_of(path: &Path) -> io::Result<Vec<u8>> {
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path)?),
    };
    octets_from(source, LARGEST_REPORT)
}

/// The same of any source, a report of so many octets at the most.
fn octets_from(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    // One octet more than allowed tells what is too large from what fits.
    let mut source = BufReader::new(source.take(most.saturating_add(1)));
    let blanks = skip_blanks(&mut source)?;
    let mut octets = Vec::new();
    if !source.fill_buf()?.starts_with(b"{") {
        source.take(BEGINNING).read_to_end(&mut octets)?;
        return Ok(octets);
    }
    let mut chunk = Vec::new();
    while (&mut source).take(CHUNK).read_to_end(&mut chunk)? > 0 {
        // RFC 8259 §7: unescaped, these stand nowhere in JSON. What has one is refused for it.
        let is_binary = chunk.iter().any(|octet| *octet < b' ' && !b"\t\n\r".contains(octet));
        octets.append(&mut chunk);
        if is_binary {
            return Ok(octets);
        }
    }
    if blanks.saturating_add(octets.len() as u64) > most {
        let words = format!("it has more than {most} octets, and no report is that large");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(octets)
}

/// Reads blanks (RFC 8259 §2), however many, and keeps none.
fn skip_blanks(source: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let here = source.fill_buf()?;
        let blanks = here.iter().take_while(|octet| b" \t\n\r".contains(octet)).count();
        let is_over = blanks < here.len() || here.is_empty();
        source.consume(blanks);
        skipped += blanks as u64;
        if is_over {
            return Ok(skipped);
        }
    }
}

/// The same run with what today's rules say of its evidence.
///
/// # Errors
/// It holds no evidence, or what it trusted can't be had.
pub(crate) fn judge_again(saved: Report, mirror: Option<MirrorEvidence>) -> anyhow::Result<Report> {
    let mut evidence = recorded::evidence(&saved)?;
    if let Some(mirror) = mirror {
        let asked = evidence.targets.iter_mut().find(|target| target.role == Role::Mirror);
        let asked = asked.ok_or_else(|| anyhow::anyhow!("it holds no session with a mirror"))?;
        asked.mirror = Some(mirror);
    }
    let roots = roots(&saved)?;
    let context = Context { roots: &roots, verify_name: saved.run.verify_name.as_deref() };
    let targets = judge::judge_all(&evidence.targets, &evidence.controls, context);
    let plain = Context { verify_name: None, ..context };
    let controls =
        evidence.controls.iter().map(|control| judge::judge(control, &[], plain)).collect();
    Ok(Report { targets, controls, ..saved })
}

/// The roots that the run trusted.
fn roots(saved: &Report) -> anyhow::Result<Roots> {
    let trust = &saved.run.trust;
    let roots = if trust.roots == "native" { Roots::native()? } else { Roots::webpki() };
    match &trust.extra_ca_pem {
        Some(pem) => Ok(roots.with_pem(pem.as_bytes())?),
        None => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what is read of it.
    struct Endless<'c>(u8, &'c mut u64);

    impl Read for Endless<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            into.fill(self.0);
            *self.1 += into.len() as u64;
            Ok(into.len())
        }
    }

    #[test]
    fn what_is_no_report_is_not_read_to_its_end() {
        for (first, octet) in [("", 0), ("", b'x'), ("", 0xff), ("{", 0), ("  {\"schema\":", 7)] {
            let mut read = 0;
            let source = first.as_bytes().chain(Endless(octet, &mut read));
            let octets = octets_from(source, LARGEST_REPORT).unwrap();
            assert!(octets.starts_with(first.trim_start().as_bytes()), "{first:?}");
            assert!(read <= CHUNK + 16384, "{read} octets behind {first:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_said_to_be() {
        let report = b" {\"schema\": \"mxray/report/1\"}\n";
        let length = report.len() as u64;
        let whole = octets_from(&report[..], length).unwrap();
        assert_eq!(whole, report[1..]);
        let error = octets_from(&report[..], length - 1).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("it has more than {} octets, and no report is that large", length - 1)
        );
        let mut read = 0;
        assert_eq!(octets_from(Endless(b' ', &mut read), 1 << 20).unwrap(), b"");
        assert!(read <= 2 << 20, "{read}");
    }

    #[test]
    fn a_torn_character_at_the_end_of_the_beginning_is_no_fault_of_the_file() {
        let text = "x".repeat(63) + "ü and so on";
        let octets = octets_from(text.as_bytes(), LARGEST_REPORT).unwrap();
        assert_eq!(octets.len() as u64, BEGINNING);
        assert_eq!(text_of(octets), Some("x".repeat(63)));
        assert_eq!(text_of(vec![0xff, b'x']), None);
    }
}
