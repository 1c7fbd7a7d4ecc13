//! What `mxray check` takes.

use std::path::PathBuf;

use clap::Args;

use crate::cli::arguments::options::controls::ControlOptions;
use crate::cli::arguments::options::mirror::MirrorOptions;
use crate::cli::arguments::options::output::{EvidenceOptions, ReportOptions};
use crate::cli::arguments::options::probe::{CloserOptions, ProbeOptions};
use crate::cli::arguments::options::trust::TrustOptions;

const EXAMPLES: &str = "\
Examples:
  mxray check gmail.com                           every address of every MX host
  mxray check -4 --transcript mx1.example.net:25  one host, and what was said
  mxray check --postfix example.net               what Postfix would do there
  mxray check --deep --injection '[192.0.2.25]'   a server of your own, thoroughly
  mxray check --save proof.json example.net       evidence for `mxray report`
Look from elsewhere too:
  mxray check --vantage berlin='ssh -o BatchMode=yes berlin mxray agent --stdio' example.net
  mxray check --socks5 proxy.example.net:1080 example.net
  mxray check --source 192.0.2.25 --source 192.0.2.26 example.net
  mxray check --mirror mirror.example.net --token-file token
For other programs:
  mxray check --json example.net | jq '.targets[0].verdict'
  mxray check --quiet --fail-on warning --ndjson - < domains.txt

The exit status is explained by `mxray --help`.";

/// `mxray check`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
pub(crate) struct CheckArguments {
    /// A domain, mail address, [host]:port, host:port, or address; - reads one a line
    #[arg(value_name = "TARGET", required_unless_present = "mirror")]
    pub(crate) targets: Vec<String>,
    /// What is probed, and as whom.
    #[command(flatten)]
    pub(crate) probe: ProbeOptions,
    /// What is asked of servers besides.
    #[command(flatten)]
    pub(crate) closer: CloserOptions,
    /// Which other destinations are asked.
    #[command(flatten)]
    pub(crate) controls: ControlOptions,
    /// A mirror that is checked too.
    #[command(flatten)]
    pub(crate) mirror: MirrorOptions,
    /// Whom to believe.
    #[command(flatten)]
    pub(crate) trust: TrustOptions,
    /// Where the evidence goes.
    #[command(flatten)]
    pub(crate) evidence: EvidenceOptions,
    /// Write the certificates that were presented to FILE, as PEM
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) chain: Option<PathBuf>,
    /// What the report shows, and from where on it fails.
    #[command(flatten)]
    pub(crate) report: ReportOptions,
}
