//! What `mxray demo` takes.

use clap::Args;

use crate::cli::arguments::options::output::{EvidenceOptions, OutputOptions, ShowOptions};

/// `mxray demo`.
#[derive(Debug, Args)]
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
