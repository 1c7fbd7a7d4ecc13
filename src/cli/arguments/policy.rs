//! What `mxray policy` takes.

use clap::Args;

use crate::cli::arguments::options::controls::ControlOptions;
use crate::cli::arguments::options::output::{EvidenceOptions, OutputOptions};
use crate::cli::arguments::options::probe::ProbeOptions;
use crate::cli::arguments::options::trust::TrustOptions;

const EXAMPLES: &str = "\
Examples:
  mxray policy example.net                          one line, with comments
  mxray policy - < domains.txt > tls_policy         a whole map; then: postmap tls_policy
  mxray policy -v '[mx1.example.net]:25'            and what each address keeps

A line is printed only for what every address of every exchange kept; comments say
what it needs, and why there is none. Exit status: 0, or 3 where something could not
be determined.";

/// `mxray policy`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
pub(crate) struct PolicyArguments {
    /// A domain, mail address, [host]:port, host:port, or address; - reads one a line
    #[arg(value_name = "DOMAIN", required = true)]
    pub(crate) targets: Vec<String>,
    /// What is probed, and as whom.
    #[command(flatten)]
    pub(crate) probe: ProbeOptions,
    /// Which other destinations are asked.
    #[command(flatten)]
    pub(crate) controls: ControlOptions,
    /// Whom to believe.
    #[command(flatten)]
    pub(crate) trust: TrustOptions,
    /// Where the evidence goes.
    #[command(flatten)]
    pub(crate) evidence: EvidenceOptions,
    /// How results are wanted.
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}
