//! `mxray report FILE`: saved evidence, judged again.
//!
//! Owns the way from a file to a report. Opens no connection.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use mxray::judge::{self, Context};
use mxray::model::mirror::MirrorEvidence;
use mxray::model::probe::Role;
use mxray::model::report::Report;
use mxray::report::json::{self, ReadError};
use mxray::tls::Roots;
use mxray::vantage::recorded;

use crate::cli::arguments::ReportArguments;
use crate::cli::deliver::deliver;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::mirrored;
use crate::cli::terminal::Terminal;

/// Largest report that is read, in bytes.
const LARGEST_REPORT: u64 = 1 << 30;

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
        .map_err(|error| Failure::usage(format!("{}: {error}", spoken(path)), NO_EVIDENCE))?;
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
    String::from_utf8(octets).map_err(|_| {
        let message = format!("cannot read {}: it is no text in UTF-8", spoken(path));
        Failure::usage(message, NO_REPORT)
    })
}

fn octets_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(File::open(path)?),
    };
    source.take(LARGEST_REPORT).read_to_end(&mut octets)?;
    Ok(octets)
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
