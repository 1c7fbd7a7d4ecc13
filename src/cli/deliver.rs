//! A report on its way out: in the form that was asked for, and as an exit status.
//!
//! Owns which form goes where, files included. Refuses to know what a form looks like:
//! `mxray::report` does.

use std::path::Path;

use mxray::model::report::Report;
use mxray::report::{json, text};

use crate::cli::arguments::options::output::OutputOptions;
use crate::cli::exit::{self, Exit, FailOn};
use crate::cli::failure::Failure;
use crate::cli::file::write_file;
use crate::cli::terminal::Terminal;

/// Writes the report as the options say, and tells the exit status that goes with it.
///
/// # Errors
/// The pipe was closed, or writing failed.
pub(crate) fn deliver(
    report: Report,
    options: &OutputOptions,
    fail_on: FailOn,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let exit = exit::of_report(&report, fail_on);
    let text = if options.json {
        json::render(&json::strip_evidence(report)).map_err(Failure::internal)?
    } else if options.ndjson {
        json::ndjson(&json::strip_evidence(report)).map_err(Failure::internal)?
    } else {
        text::render(&report, &terminal.style())
    };
    terminal.results(&text)?;
    Ok(exit)
}

/// Writes the report with all evidence to the file of `--save`, where one was named.
///
/// # Errors
/// The file can't be written.
pub(crate) fn save(report: &Report, path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let text = json::render(report).map_err(Failure::internal)?;
    write_file(path, text.as_bytes())
}
