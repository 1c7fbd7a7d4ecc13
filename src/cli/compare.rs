//! `mxray compare REPORT…`: saved evidence of other machines or other days, judged
//! together.
//!
//! Owns the way from files to one report. Opens no connection.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use mxray::report::json;
use mxray::vantage::merge::{self, MergeError, Saved};
use mxray::vantage::recorded::RecordedError;

use crate::cli::arguments::CompareArguments;
use crate::cli::deliver::{deliver, save};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::report::{
    NO_EVIDENCE, TOO_LARGE, judge_again, read, spoken, unjudgeable, unreadable,
};
use crate::cli::terminal::Terminal;

/// What helps where reports are too many to be judged together.
const FEWER: &str = "compare fewer reports at once";

/// Reads, merges, judges and delivers.
///
/// # Errors
/// A file can't be read or holds no evidence, or there is nothing to compare.
pub(crate) fn run(arguments: &CompareArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut known = HashSet::new();
    if let Some(path) = arguments.files.iter().find(|path| !known.insert(*path)) {
        let hint = "each report is one view: name it once";
        return Err(Failure::usage(format!("{} is named twice", spoken(path)), hint));
    }
    let mut reports = Vec::new();
    for path in &arguments.files {
        reports.extend(saved(path, &arguments.files)?);
    }
    let merged = merge::merge(reports).map_err(|error| refused(&error))?;
    for remark in &merged.remarks {
        terminal.warning(remark);
    }
    let report = judge_again(merged.report, None)
        .map_err(|error| unjudgeable("the reports together", &error, FEWER))?;
    let saved = save(&report, arguments.save.as_deref());
    // A file that cannot be written does not cost the report.
    let exit = deliver(report, &arguments.report.output, arguments.report.fail_on, terminal)?;
    saved.map(|()| exit)
}

/// The reports of a file, one of these.
fn saved(path: &Path, files: &[PathBuf]) -> Result<Vec<Saved>, Failure> {
    let text = read(path)?;
    let reports = json::read_all(&text).map_err(|error| unreadable(path, &error))?;
    let name = name(path, files);
    Ok(reports.into_iter().map(|report| Saved { file: name.clone(), report }).collect())
}

/// The name of a file, with its folder's where another file has the same name: both
/// machines may have called it `proof.json`.
fn name(path: &Path, files: &[PathBuf]) -> String {
    let own = path.file_name().unwrap_or(path.as_os_str());
    let namesakes = files.iter().filter(|file| file.file_name() == path.file_name()).count();
    let folder = path.parent().and_then(Path::file_name).filter(|_| namesakes > 1);
    match folder {
        Some(folder) => format!("{}/{}", folder.to_string_lossy(), own.to_string_lossy()),
        None => own.to_string_lossy().into_owned(),
    }
}

fn refused(error: &MergeError) -> Failure {
    let hint = match error {
        MergeError::Unusable { error: RecordedError::TooMany { .. }, .. } => TOO_LARGE,
        MergeError::Unusable { .. } => NO_EVIDENCE,
        MergeError::Twice { .. } => "each report is one view: leave out the one that holds another",
        MergeError::Nothing { .. } => {
            "name reports on the same target, made elsewhere or at another time, by \
             `mxray check --save FILE`"
        }
    };
    Failure::usage(error, hint)
}
