//! What can be typed.
//!
//! Owns names, help texts and the reading of single values. Refuses to know
//! files, defaults of this machine, and what options mean together: `settings` does.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use mxray::plan::budget;

use crate::cli::exit::FailOn;
use crate::cli::failure::{Complaint, Failure};
use crate::cli::mirrored;
use crate::cli::settings::NamedVantage;
use crate::cli::values;

const EXAMPLES: &str = "\
Examples:
  mxray check gmail.com                 every address of every MX host of a domain
  mxray check user@example.net          the same, for the domain of a mail address
  mxray check '[mx1.example.net]:25'    one host, without its MX records
  mxray check --save proof.json a.example b.example
  mxray report proof.json               judge saved evidence again, without network
  mxray explain stripped                what a verdict or a finding rests on
  mxray demo                            all of it on a pretend internet, without network

Exit status:
  0  nothing to object to
  1  something at or above --fail-on (by default: mail goes in clear, to someone
     else, or is refused)
  2  usage or configuration
  3  nothing of the kind, but something could not be determined
  4  internal or output error";

const CHECK_EXAMPLES: &str = "\
Examples:
  mxray check gmail.com
  mxray check -4 --transcript mx1.example.net:25
  mxray check --json example.net | jq '.targets[0].verdict'
  mxray check --fail-on warning - < domains.txt

The exit status is explained by `mxray --help`.";

const AGENT_EXAMPLES: &str = "\
Examples:
  mxray check --vantage berlin='ssh berlin mxray agent --stdio' example.net
  mxray check --vantage clean='ip netns exec clean mxray agent --stdio' example.net

An agent looks names up and makes connections as its client plans them, and sends
back what it saw. It connects to the ports 25, 465 and 587 of public addresses and
to nothing else, unless its own options say so; it never sends mail.";

const MIRROR_EXAMPLES: &str = "\
Examples:
  mxray mirror --new-token > token
  mxray mirror --token-file token                     on a machine of your own
  mxray check --mirror mirror.example.net --token-file token
                                                      behind the suspect path
Where not even the port for the exchange can be reached, the transcripts travel as a
file:
  mxray mirror --token-file token --log mirror.log
  mxray check --mirror mirror.example.net --token-file token --save proof.json
  mxray report proof.json --mirror-log mirror.log --token-file token

The mirror greets anybody, does STARTTLS, and refuses every command of a mail
transaction: it accepts no mail and relays nothing. Only who has the token gets
transcripts.";

const POLICY_EXAMPLES: &str = "\
Examples:
  mxray policy example.net                          one line, with comments
  mxray policy - < domains.txt > tls_policy         a whole map; then: postmap tls_policy
  mxray policy -v '[mx1.example.net]:25'            and what each address keeps

A line is printed only for what every address of every exchange kept; comments say
what it needs, and why there is none. Exit status: 0, or 3 where something could not
be determined.";

const COMPARE_EXAMPLES: &str = "\
Examples:
  mxray check --save berlin.json example.net        on one machine
  mxray check --save office.json example.net        on another, or on another day
  mxray compare berlin.json office.json             all of it judged together
  cat *.json | mxray compare --save all.json -

Each file is a view, named as the file without its ending. The exit status is
explained by `mxray --help`.";

const EGRESS_EXAMPLES: &str = "\
Examples:
  mxray egress --from example.net         every address of this machine, and its Postfix
  mxray egress --source 192.0.2.25        one address
  mxray egress --no-controls              only DNS and Postfix's settings
  mxray egress --control a.example --control b.example --json

Run it on the server that sends. Exit status:
  0  nothing is wrong
  1  mail is refused, or goes in clear text (a critical finding)
  2  usage or configuration
  3  nothing of the kind, but something could not be determined
  4  internal or output error";

const TLSA_EXAMPLES: &str = "\
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

/// An X-ray of the path to a mail exchanger
///
/// Speaks EHLO and STARTTLS with every IPv4 and IPv6 address of every MX host of a
/// domain, completes the TLS handshake, and says whether mail leaves this network
/// encrypted, or what is in its way. It never sends mail.
#[derive(Debug, Parser)]
#[command(name = "mxray", version, after_long_help = EXAMPLES, after_help = "More: --help")]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Probe the mail exchangers of domains, hosts or addresses
    #[command(after_long_help = CHECK_EXAMPLES, after_help = "More: --help")]
    Check(Box<CheckArguments>),
    /// Print the lines for Postfix's smtp_tls_policy_maps that a check supports
    #[command(after_long_help = POLICY_EXAMPLES, after_help = "More: --help")]
    Policy(Box<PolicyArguments>),
    /// Judge saved evidence again and report it, without network
    Report(ReportArguments),
    /// Judge saved reports of other machines or other days together, without network
    #[command(after_long_help = COMPARE_EXAMPLES, after_help = "More: --help")]
    Compare(CompareArguments),
    /// Print the TLSA records to publish for what a host presents now
    #[command(after_long_help = TLSA_EXAMPLES, after_help = "More: --help")]
    Tlsa(Box<TlsaArguments>),
    /// Say what mail that leaves from this machine meets, by each of its addresses
    #[command(after_long_help = EGRESS_EXAMPLES, after_help = "More: --help")]
    Egress(Box<EgressArguments>),
    /// Show a check of a pretend internet inside this process, without network
    Demo(DemoArguments),
    /// Observe for an mxray elsewhere: look up and connect here, judge there
    #[command(after_long_help = AGENT_EXAMPLES, after_help = "More: --help")]
    Agent(AgentArguments),
    /// Serve as a mirror: greet, and write down what comes, for whoever checks it
    #[command(after_long_help = MIRROR_EXAMPLES, after_help = "More: --help")]
    Mirror(Box<MirrorArguments>),
    /// Say what a verdict or a finding means, and what it rests on
    Explain {
        /// A verdict's word or a finding's id, as in a report [default: list all]
        name: Option<String>,
    },
    /// Print the JSON Schema of the report
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// What a text report shows besides, where the command makes one.
    pub(crate) fn show_options(&self) -> ShowOptions {
        match self {
            Self::Check(arguments) => arguments.show,
            Self::Report(arguments) => arguments.show,
            Self::Compare(arguments) => arguments.show,
            Self::Demo(arguments) => arguments.show,
            _ => ShowOptions::default(),
        }
    }

    /// How results are wanted, where the command gives a choice.
    pub(crate) fn output_options(&self) -> Option<&OutputOptions> {
        match self {
            Self::Check(arguments) => Some(&arguments.output),
            Self::Policy(arguments) => Some(&arguments.output),
            Self::Report(arguments) => Some(&arguments.output),
            Self::Compare(arguments) => Some(&arguments.output),
            Self::Tlsa(arguments) => Some(&arguments.output),
            Self::Egress(arguments) => Some(&arguments.output),
            Self::Demo(arguments) => Some(&arguments.output),
            Self::Agent(_)
            | Self::Mirror(_)
            | Self::Explain { .. }
            | Self::Schema
            | Self::Completions { .. } => None,
        }
    }
}

/// `mxray check`.
#[derive(Debug, Args)]
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
    /// Write the report with all evidence to FILE, for `mxray report FILE`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) save: Option<PathBuf>,
    /// Write the certificates that were presented to FILE, as PEM
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) chain: Option<PathBuf>,
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

/// A server of the user's own whose transcripts are laid beside ours.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Mirror")]
pub(crate) struct MirrorOptions {
    /// Check a server that runs `mxray mirror`, and lay its transcripts beside ours: proof
    /// of what was changed on the way
    #[arg(long, value_name = "[TOKEN@]HOST[:PORT]")]
    pub(crate) mirror: Option<String>,
    /// Port of the mirror for the exchange, where no TLS comes about behind STARTTLS
    #[arg(long, value_name = "PORT", default_value_t = mirrored::EXCHANGE_PORT)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..), requires = "mirror")]
    pub(crate) mirror_exchange: u16,
    /// Read the mirror's transcripts from FILE, which `mxray mirror --log FILE` wrote
    #[arg(long, value_name = "FILE", requires = "mirror")]
    pub(crate) mirror_log: Option<PathBuf>,
    /// The secret that is shared with the mirror.
    #[command(flatten)]
    pub(crate) token: TokenOptions,
}

/// The secret that a mirror and its user share.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Mirror")]
pub(crate) struct TokenOptions {
    /// Secret shared with the mirror; other users of this machine can see arguments
    #[arg(long, env = "MXRAY_MIRROR_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The same from the first line of FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

impl fmt::Debug for TokenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenOptions").field("token_file", &self.token_file).finish_non_exhaustive()
    }
}

/// `mxray mirror`.
#[derive(Debug, Args)]
pub(crate) struct MirrorArguments {
    /// Print a new token and do nothing else
    #[arg(long)]
    pub(crate) new_token: bool,
    /// Address and port to greet at; without an address, both families [default: 25]
    #[arg(long, value_name = "[IP:]PORT", value_parser = values::listen)]
    pub(crate) listen: Vec<Listen>,
    /// Address and port for the exchange of transcripts, inside TLS from the start; none
    /// for no such port [default: 465]
    #[arg(long, value_name = "[IP:]PORT|none", value_parser = values::exchange)]
    pub(crate) exchange: Option<Exchange>,
    /// Name to greet with [default: this host's fully qualified name]
    #[arg(long, value_name = "NAME", value_parser = values::server_name)]
    pub(crate) name: Option<String>,
    /// Keep key and certificate in FILE, and make them there the first time
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key"])]
    pub(crate) state: Option<PathBuf>,
    /// Certificate chain to present, as PEM [default: one made for the occasion]
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key, as PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Write every transcript to FILE, one a line, for where no exchange is possible
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// The secret that is shared with those who may have the transcripts.
    #[command(flatten)]
    pub(crate) token: TokenOptions,
}

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// The address; `None` is any of both families.
    pub(crate) ip: Option<IpAddr>,
    /// The port.
    pub(crate) port: u16,
}

/// Where transcripts are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// There.
    At(Listen),
    /// On no port of its own.
    Nowhere,
}

/// `mxray agent`.
#[derive(Debug, Args)]
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

/// What is probed, and as whom.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Probing")]
pub(crate) struct ProbeOptions {
    /// Name to greet with [default: this host's fully qualified name, or else its
    /// address]; a second one is tried where something looks odd
    #[arg(long, value_name = "NAME", value_parser = values::ehlo_name)]
    pub(crate) ehlo: Vec<String>,
    /// Address of this machine to connect from; several are compared with each other
    #[arg(long, value_name = "IP")]
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
}

/// Which other destinations are asked where something looks odd.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Controls")]
pub(crate) struct ControlOptions {
    /// Domain that is known to offer STARTTLS, to tell the path from the target; may
    /// be repeated [default: large providers, for a public target]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) control: Vec<String>,
    /// Ask no other destination
    #[arg(long, conflicts_with = "control")]
    pub(crate) no_controls: bool,
    /// Address where nothing lives, to unmask a proxy that answers for any; none for
    /// no such connection [default: a documentation address, for a public target]
    #[arg(long, value_name = "ADDRESS|none", value_parser = values::canary)]
    pub(crate) canary: Option<Canary>,
}

/// The canary, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Canary {
    /// This address.
    Nowhere(IpAddr),
    /// None at all.
    None,
}

/// Whom to believe.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustOptions {
    /// Resolver to ask; may be repeated [default: the system's]; its answers are
    /// validated here, unless --trust-ad
    #[arg(long, value_name = "IP[:PORT]", value_parser = values::resolver)]
    pub(crate) resolver: Vec<SocketAddr>,
    /// DNSKEY or DS records to begin DNSSEC with, in zone-file form [default: the root's]
    #[arg(long, value_name = "FILE")]
    pub(crate) trust_anchor: Option<PathBuf>,
    /// Take DNSSEC status from the AD bit of the resolver, which must validate and be on
    /// this host's loopback, instead of validating here
    #[arg(long, conflicts_with = "trust_anchor")]
    pub(crate) trust_ad: bool,
    /// Further CA certificates, as PEM; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,
    /// Root certificates to begin with
    #[arg(long, value_name = "SET", default_value = "webpki")]
    pub(crate) roots: RootSet,
    /// Name that certificates must have [default: the MX host]
    #[arg(long, value_name = "NAME", value_parser = values::server_name)]
    pub(crate) verify_name: Option<String>,
}

/// Root certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RootSet {
    /// Mozilla's, as built in: the same everywhere
    Webpki,
    /// Those of this operating system
    Native,
}

/// `mxray policy`.
#[derive(Debug, Args)]
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
    /// Write the report with all evidence to FILE, for `mxray report FILE`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) save: Option<PathBuf>,
    /// How results are wanted.
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// `mxray report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// A report written by `mxray check --save`; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Lay the transcripts of a mirror beside it, from FILE, which `mxray mirror --log FILE` wrote
    #[arg(long, value_name = "FILE", help_heading = "Mirror")]
    pub(crate) mirror_log: Option<PathBuf>,
    /// The secret that was shared with the mirror.
    #[command(flatten)]
    pub(crate) token: TokenOptions,
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

/// `mxray compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// A report written by `mxray check --save`; - reads standard input
    #[arg(value_name = "REPORT", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Write the report of all views with all evidence to FILE, for `mxray report FILE`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) save: Option<PathBuf>,
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

/// `mxray tlsa`.
#[derive(Debug, Args)]
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

/// `mxray egress`.
#[derive(Debug, Args)]
pub(crate) struct EgressArguments {
    /// Domain that the mail is from: its SPF record is held against each address
    #[arg(long, value_name = "DOMAIN", value_parser = values::sender)]
    pub(crate) from: Option<String>,
    /// Configuration of Postfix to read; may be repeated [default: Postfix's own, and
    /// those of the instances that it names]
    #[arg(long, value_name = "DIR")]
    pub(crate) postfix_config: Vec<PathBuf>,
    /// Destination that is known to offer STARTTLS; may be repeated, and two or more
    /// tell a fault here from one there [default: large providers, where this machine
    /// has a public address]
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

/// `mxray demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Write the report with all evidence to FILE, for `mxray report FILE`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) save: Option<PathBuf>,
    /// What a text report shows besides.
    #[command(flatten)]
    pub(crate) show: ShowOptions,
    /// How results are wanted.
    #[command(flatten)]
    pub(crate) output: OutputOptions,
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

/// What was typed.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A command.
    Command(Arguments),
    /// A wish for help or for the version: the text of it.
    Help(String),
}

/// Reads the arguments, the program's own name first.
///
/// # Errors
/// What was typed is not a command; the complaint says what to type instead.
pub(crate) fn parse(typed: impl IntoIterator<Item = OsString>) -> Result<Parsed, Failure> {
    let typed: Vec<OsString> = typed.into_iter().collect();
    let error = match Arguments::try_parse_from(&typed) {
        Ok(arguments) => return Ok(Parsed::Command(arguments)),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Ok(Parsed::Help(error.render().ansi().to_string()))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Err(Failure::usage(
            "no command was given",
            "`mxray check DOMAIN` is the main one, `mxray demo` needs no network, \
             `mxray --help` tells all",
        )),
        _ => {
            let complaint = complaint(&error);
            let hint = misspelt_topic(&error, &typed).or(complaint.hint);
            Err(Failure::Usage(Complaint { hint, ..complaint }))
        }
    }
}

/// Least likeness of a word to a command that it was meant for, by Jaro.
const LIKENESS: f64 = 0.8;

/// `mxray help chek`: the word stands where no target can.
fn misspelt_topic(error: &clap::Error, typed: &[OsString]) -> Option<String> {
    let asks_help = typed.get(1).is_some_and(|word| word == "help");
    if error.kind() != ErrorKind::InvalidSubcommand || !asks_help {
        return None;
    }
    let word = typed.last()?.to_string_lossy();
    let command = Arguments::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    let likest =
        names.max_by(|one, other| strsim::jaro(one, &word).total_cmp(&strsim::jaro(other, &word)));
    let likest = likest.filter(|name| strsim::jaro(name, &word) >= LIKENESS);
    Some(match likest {
        Some(name) => format!("mxray help {name}"),
        None => "`mxray --help` lists the commands".to_owned(),
    })
}

/// clap's report as one line, and one that helps.
fn complaint(error: &clap::Error) -> Complaint {
    let rendered = error.render().to_string();
    let first = rendered.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    let message = words.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message).to_owned();
    let hint = match mistaken_target(error) {
        Some(target) => format!("mxray check {target}"),
        None => hint(error.kind(), &rendered),
    };
    Complaint { message, hint: Some(hint) }
}

/// What helps against a mistake: clap's own tip, or what fits its kind.
fn hint(kind: ErrorKind, rendered: &str) -> String {
    let behind = |prefix: &str| -> Vec<&str> {
        rendered.lines().filter_map(|line| line.trim().strip_prefix(prefix)).collect()
    };
    let tips = behind("tip: ");
    if !tips.is_empty() {
        return tips.join("; ");
    }
    match kind {
        ErrorKind::ArgumentConflict => "leave one of them out".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("type {}", behind("Usage: ").join(" ")),
        _ => "the --help of the command says what it takes".to_owned(),
    }
}

/// A target where a command should stand: `mxray example.net`.
fn mistaken_target(error: &clap::Error) -> Option<&str> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let looks_like_one = word.contains(['.', '@', ':', '[']);
    let is_typo = error.get(ContextKind::SuggestedSubcommand).is_some();
    (looks_like_one || !is_typo).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed, Failure> {
        parse(line.split(' ').map(OsString::from))
    }

    fn refused(line: &str) -> Complaint {
        match parsed(line) {
            Err(Failure::Usage(complaint)) => complaint,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_target_in_the_place_of_a_command_is_understood() {
        for target in ["gmail.com", "user@example.net", "[mx1.example.net]:25", "localhost"] {
            let complaint = refused(&format!("mxray {target}"));
            assert_eq!(complaint.hint, Some(format!("mxray check {target}")));
        }
    }

    #[test]
    fn typos_are_named_and_mended() {
        let complaint = refused("mxray chekc gmail.com");
        assert_eq!(complaint.message, "unrecognized subcommand 'chekc'");
        assert!(complaint.hint.unwrap().contains("check"));
        assert_eq!(refused("mxray help chek").hint.unwrap(), "mxray help check");
        assert!(refused("mxray help example.net").hint.unwrap().contains("--help"));
        let complaint = refused("mxray check --tiemout 3 gmail.com");
        assert_eq!(complaint.message, "unexpected argument '--tiemout' found");
        assert!(complaint.hint.unwrap().contains("--timeout"));
        let complaint = refused("mxray check --roots mozilla gmail.com");
        assert!(complaint.message.contains("[possible values: webpki, native]"));
    }

    #[test]
    fn conflicts_are_refused() {
        for line in [
            "mxray",
            "mxray check",
            "mxray check -4 -6 a.example",
            "mxray check --json --ndjson a.example",
            "mxray check --json --transcript a.example",
            "mxray check -q -v a.example",
            "mxray check --port 0 a.example",
            "mxray check --timeout 0 a.example",
            "mxray check --ehlo two\u{a0}words a.example",
            "mxray check --resolver resolver.example a.example",
            "mxray report",
            "mxray compare",
            "mxray completions ksh",
        ] {
            let complaint = refused(line);
            assert!(!complaint.message.is_empty() && complaint.hint.is_some(), "{line}");
            assert!(!complaint.message.contains('\n'), "{line}");
        }
    }

    #[test]
    fn help_and_version_are_results() {
        for line in ["mxray --help", "mxray -V", "mxray help check", "mxray check -h"] {
            assert!(matches!(parsed(line), Ok(Parsed::Help(text)) if !text.is_empty()), "{line}");
        }
    }
}
