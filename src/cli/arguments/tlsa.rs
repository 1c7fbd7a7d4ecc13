//! What `mxray tlsa` takes.

use clap::Args;

use crate::cli::arguments::options::output::OutputOptions;
use crate::cli::arguments::options::probe::ProbeOptions;
use crate::cli::arguments::options::trust::TrustOptions;

const EXAMPLES: &str = "\
Examples:
  mxray tlsa mx1.example.net
  mxray tlsa mx1.example.net:587 mx2.example.net
  mxray tlsa --json mx1.example.net | jq -r '.hosts[].proposals[].line'

Exit status:
  0  the records are printed, and what is published fits
  1  published records exist and do not fit, so that senders that do DANE refuse;
     or somebody may stand between, and what was presented is not the host's own
  2  usage or configuration
  3  an address presented no certificate
  4  internal or output error";

/// `mxray tlsa`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
pub(crate) struct TlsaArguments {
    /// A host, or host:port; its MX records are not looked up. - reads one a line
    #[arg(value_name = "HOST", required = true)]
    pub(crate) hosts: Vec<String>,
    /// What is probed, and as whom.
    #[command(flatten)]
    pub(crate) probe: ProbeOptions,
    /// Whom to believe.
    #[command(flatten)]
    pub(crate) trust: TrustOptions,
    /// How results are wanted.
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}
