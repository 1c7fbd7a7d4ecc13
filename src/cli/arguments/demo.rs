//! What `mxray demo` takes.

use clap::Args;

use crate::cli::arguments::options::output::{EvidenceOptions, OutputOptions, ShowOptions};

const EXAMPLES: &str = "\
Examples:
  mxray demo                      a domain in good order, and one that is stripped
  mxray demo --transcript         and what was said on each connection
  mxray demo --save demo.json     evidence to try `mxray report` with

Ends with status 0, although one of its domains is stripped.";

/// `mxray demo`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
pub(crate) struct DemoArguments {
    /// Where the evidence goes.
    #[command(flatten)]
    pub(crate) evidence: EvidenceOptions,
    /// What a text report shows besides.
    #[command(flatten)]
    pub(crate) show: ShowOptions,
    /// How results are wanted.
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}
