//! What is probed, from where, as whom, and how closely.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use mxray::observe::Proxy;
use mxray::plan::budget;

use crate::cli::values;

/// What is probed, and as whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Probing")]
pub(crate) struct ProbeOptions {
    /// Name to greet with [default: this host's fully qualified name, or else its
    /// address]; a second one is tried where something looks odd
    #[arg(long, value_name = "NAME", value_parser = values::ehlo_name)]
    pub(crate) ehlo: Vec<String>,
    /// Address of this machine to connect from; several are compared with each other
    #[arg(long, value_name = "IP", value_parser = values::source)]
    pub(crate) source: Vec<IpAddr>,
    /// Connect from every global address of this network interface
    #[arg(long, value_name = "NAME", conflicts_with = "source")]
    pub(crate) interface: Option<String>,
    /// Observe from elsewhere too: COMMAND runs `mxray agent --stdio` there, by ssh,
    /// `ip netns exec`, `docker exec -i` or the like
    #[arg(long, value_name = "NAME=COMMAND", value_parser = values::vantage)]
    pub(crate) vantage: Vec<NamedVantage>,
    /// Observe through this SOCKS5 proxy too; names are looked up here, and the proxy's
    /// own by this system
    #[arg(long, value_name = "[NAME=]HOST:PORT", value_parser = values::socks5)]
    pub(crate) socks5: Vec<NamedVantage>,
    /// Only IPv4
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Only IPv6
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// TCP port, where the target names none [default: 25, or 465 with --implicit-tls]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Seconds for a whole session; the wait for its greeting, up to 30, comes on top
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = values::seconds)]
    pub(crate) timeout: Duration,
    /// Server name to send in the TLS handshake [default: the MX host]
    #[arg(long, value_name = "NAME", value_parser = values::server_name)]
    pub(crate) sni: Option<String>,
    /// Begin with TLS at once, as on port 465
    #[arg(long)]
    pub(crate) implicit_tls: bool,
    /// Further sessions at each address where something looks odd
    #[arg(long, value_name = "N", default_value_t = budget::REPEATS)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=i64::from(budget::MOST_REPEATS)))]
    pub(crate) repeats: u32,
}

/// Another vantage point, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedVantage {
    /// Its id in the report.
    pub(crate) name: String,
    /// How one gets there.
    pub(crate) way: Way,
}

/// How one gets to another vantage point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The shell runs this.
    Command(String),
    /// Connections go through this proxy.
    Socks5(Proxy),
}

/// Closer looks at servers, each with sessions of its own.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Closer looks")]
pub(crate) struct CloserOptions {
    /// Test for STARTTLS command injection: one more session with each host and family,
    /// in which a NOOP follows STARTTLS in the same write
    #[arg(long, conflicts_with = "implicit_tls")]
    pub(crate) injection: bool,
    /// Find all TLS versions, cipher suites and groups, by up to 120 short sessions with
    /// one address of each host
    #[arg(long)]
    pub(crate) deep: bool,
    /// Take the second look (repeats, controls) even where nothing looks odd, for a report
    /// that `mxray compare` holds beside another
    #[arg(long)]
    pub(crate) second_look: bool,
}
