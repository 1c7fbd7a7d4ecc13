//! What `mxray agent` takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::cli::values;

const EXAMPLES: &str = "\
Examples:
  mxray check --vantage berlin='ssh berlin mxray agent --stdio' example.net
  mxray check --vantage clean='ip netns exec clean mxray agent --stdio' example.net

An agent looks names up and makes connections as its client plans them, and sends
back what it saw. It connects to the ports 25, 465 and 587 of public addresses and
to nothing else, unless its own options say so; it never sends mail.";

/// `mxray agent`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
pub(crate) struct AgentArguments {
    /// Speak over standard input and output
    #[arg(long, required = true)]
    pub(crate) stdio: bool,
    /// Port that may be connected to, beside 25, 465 and 587
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) allow_port: Vec<u16>,
    /// Allow special-purpose addresses too: loopback, private networks, documentation
    #[arg(long)]
    pub(crate) allow_special: bool,
    /// Recursive resolver to ask [default: the system's]
    #[arg(long, value_name = "IP[:PORT]", value_parser = values::resolver)]
    pub(crate) resolver: Vec<SocketAddr>,
    /// DNSKEY or DS records in zone-file form to begin DNSSEC validation with
    /// [default: the root's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_anchor: Option<PathBuf>,
}
