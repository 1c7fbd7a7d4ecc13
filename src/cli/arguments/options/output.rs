//! How results are wanted, and where they go.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::exit::FailOn;

/// What the report shows, and from where on it fails.
#[derive(Debug, Args)]
pub(crate) struct ReportOptions {
    /// Exit with status 1 from this severity on
    #[arg(long, value_name = "SEVERITY", default_value = "critical", help_heading = "Output")]
    pub(crate) fail_on: FailOn,
    /// What a text report shows besides.
    #[command(flatten)]
    pub(crate) show: ShowOptions,
    /// How results are wanted.
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Where the evidence goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct EvidenceOptions {
    /// Write the report with all evidence to FILE, for `mxray report FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

/// How results are wanted.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Print one JSON object a target, one a line
    #[arg(long, conflicts_with = "json")]
    pub(crate) ndjson: bool,
    /// Write results to FILE instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// When to colour; auto honours NO_COLOR and CLICOLOR
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Say more; twice: everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No progress and no warnings on standard error
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

/// What a text report shows besides.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct ShowOptions {
    /// Add what was said on each connection, byte for byte
    #[arg(long, conflicts_with_all = ["json", "ndjson"])]
    pub(crate) transcript: bool,
    /// Add what Postfix would do with each address at each of its TLS security levels
    #[arg(long, conflicts_with_all = ["json", "ndjson"])]
    pub(crate) postfix: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
