//! What `mxray compare` takes.

use std::path::PathBuf;

use clap::Args;

use crate::cli::arguments::options::output::ReportOptions;

const EXAMPLES: &str = "\
Examples:
  mxray check --save berlin.json example.net        on one machine
  mxray check --save office.json example.net        on another, or on another day
  mxray compare berlin.json office.json             all of it judged together
  cat *.json | mxray compare --save all.json -

Each file is a view, named as the file without its ending. The exit status is
explained by `mxray --help`.";

/// `mxray compare`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
pub(crate) struct CompareArguments {
    /// A report written by `mxray check --save`; - reads standard input
    #[arg(value_name = "REPORT", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Write the report of all views with all evidence to FILE, for `mxray report FILE`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) save: Option<PathBuf>,
    /// What the report shows, and from where on it fails.
    #[command(flatten)]
    pub(crate) report: ReportOptions,
}
