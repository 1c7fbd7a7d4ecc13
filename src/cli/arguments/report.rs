//! What `mxray report` takes.

use std::path::PathBuf;

use clap::Args;

use crate::cli::arguments::options::mirror::TokenOptions;
use crate::cli::arguments::options::output::ReportOptions;

const EXAMPLES: &str = "\
Examples:
  mxray report proof.json                          as `mxray check --save` saw it
  mxray report --transcript --postfix proof.json   and more of it
  mxray report proof.json --mirror-log mirror.log --token-file token
  ssh berlin cat proof.json | mxray report -

Several files are judged together by `mxray compare`. The exit status is explained
by `mxray --help`.";

/// `mxray report`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
pub(crate) struct ReportArguments {
    /// A report written by `mxray check --save`; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Lay the transcripts of a mirror beside it, from FILE, which `mxray mirror --log FILE`
    /// wrote, and from FILE.1 beside that, which was full before
    #[arg(long, value_name = "FILE", help_heading = "Mirror")]
    pub(crate) mirror_log: Option<PathBuf>,
    /// The secret that was shared with the mirror.
    #[command(flatten)]
    pub(crate) token: TokenOptions,
    /// What the report shows, and from where on it fails.
    #[command(flatten)]
    pub(crate) report: ReportOptions,
}
