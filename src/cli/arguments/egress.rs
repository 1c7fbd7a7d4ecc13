//! What `mxray egress` takes.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use crate::cli::arguments::options::output::OutputOptions;
use crate::cli::arguments::options::probe::ProbeOptions;
use crate::cli::arguments::options::trust::TrustOptions;
use crate::cli::values;

const EXAMPLES: &str = "\
Examples:
  mxray egress --from example.net         every address of this machine, and its Postfix
  mxray egress --source 192.0.2.25        one address
  mxray egress --public 203.0.113.7       behind NAT: the address that others see
  mxray egress --no-controls              only DNS and Postfix's settings
  mxray egress --postfix-config /etc/postfix-out
  mxray egress --control a.example --control b.example --json

Run it on the server that sends. It asks one address of one large provider from each
address here, and further ones only where that settles nothing. Exit status:
  0  nothing is wrong
  1  mail is refused, or goes in clear text (a critical finding)
  2  usage or configuration
  3  nothing of the kind, but something could not be determined
  4  internal or output error";

/// `mxray egress`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
pub(crate) struct EgressArguments {
    /// Domain that the mail is from: its SPF record is held against each address
    #[arg(long, value_name = "DOMAIN", value_parser = values::sender)]
    pub(crate) from: Option<String>,
    /// Configuration of Postfix to read; may be repeated [default: Postfix's own, and
    /// those of the instances that it names]
    #[arg(long, value_name = "DIR")]
    pub(crate) postfix_config: Vec<PathBuf>,
    /// Address by which others know this machine, where it is behind NAT; one a family
    /// [default: what a destination says that it sees]
    #[arg(long, value_name = "IP", value_parser = values::source)]
    pub(crate) public: Vec<IpAddr>,
    /// Destination that is known to offer STARTTLS; may be repeated, and two or more
    /// tell a fault here from one there [default: Postfix's relayhost, or else large
    /// providers, where this machine has a public address or one that is translated]
    #[arg(long, value_name = "TARGET")]
    pub(crate) control: Vec<String>,
    /// Make no connections
    #[arg(long, conflicts_with = "control")]
    pub(crate) no_controls: bool,
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
