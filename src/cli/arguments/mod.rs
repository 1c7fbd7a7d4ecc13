//! What can be typed.
//!
//! Owns names, help texts and the reading of single values: a file a command, and
//! under `options` what several of them take. Refuses to know files, defaults of this
//! machine, and what options mean together: `settings` does.

mod agent;
mod check;
mod compare;
mod demo;
#[cfg(test)]
mod documented;
mod egress;
mod mirror;
pub(crate) mod options;
mod parse;
mod policy;
mod report;
mod tlsa;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use agent::AgentArguments;
pub(crate) use check::CheckArguments;
pub(crate) use compare::CompareArguments;
pub(crate) use demo::DemoArguments;
pub(crate) use egress::EgressArguments;
pub(crate) use mirror::{Exchange, Listen, MirrorArguments};
pub(crate) use parse::{Parsed, parse};
pub(crate) use policy::PolicyArguments;
pub(crate) use report::ReportArguments;
pub(crate) use tlsa::TlsaArguments;

use options::output::{OutputOptions, ShowOptions};

const EXAMPLES: &str = "\
Examples:
  mxray check gmail.com                 every address of every MX host of a domain
  mxray check user@example.net          the same, for the domain of a mail address
  mxray check '[mx1.example.net]:25'    one host, without its MX records
  mxray check --save proof.json a.example b.example
  mxray report proof.json               judge saved evidence again, without network
  mxray explain stripped                what a verdict or a finding rests on
  mxray egress --from example.net       this server, before it sends
  mxray demo                            all of it on a pretend internet, without network

Exit status:
  0  nothing to object to
  1  something at or above --fail-on (by default: mail goes in clear, to someone
     else, or is refused)
  2  usage or configuration
  3  nothing of the kind, but something could not be determined
  4  internal or output error";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  mxray explain                     every verdict and every finding
  mxray explain stripped            a verdict
  mxray explain starttls-hidden     a finding";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  mxray schema > report-1.json
  mxray schema tlsa";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  mxray completions bash > ~/.local/share/bash-completion/completions/mxray
  mxray completions zsh > /usr/local/share/zsh/site-functions/_mxray
  mxray completions fish > ~/.config/fish/completions/mxray.fish";

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
    Check(Box<CheckArguments>),
    /// Print the lines for Postfix's smtp_tls_policy_maps that a check supports
    Policy(Box<PolicyArguments>),
    /// Judge saved evidence again and report it, without network
    Report(ReportArguments),
    /// Judge saved reports of other machines or other days together, without network
    Compare(CompareArguments),
    /// Print the TLSA records to publish for what a host presents now
    Tlsa(Box<TlsaArguments>),
    /// Say what mail that leaves from this machine meets, by each of its addresses
    Egress(Box<EgressArguments>),
    /// Show a check of a pretend internet inside this process, without network
    Demo(DemoArguments),
    /// Observe for an mxray elsewhere: look up and connect here, judge there
    Agent(AgentArguments),
    /// Serve as a mirror: greet, and write down what comes, for whoever checks it
    Mirror(Box<MirrorArguments>),
    /// Say what a verdict or a finding means, and what it rests on
    #[command(after_long_help = EXPLAIN_EXAMPLES, after_help = "More: --help")]
    Explain {
        /// A verdict's word or a finding's id, as in a report [default: list all]
        name: Option<String>,
    },
    /// Print the JSON Schema of the report, or of what another command prints
    #[command(after_long_help = SCHEMA_EXAMPLES, after_help = "More: --help")]
    Schema {
        /// Whose
        #[arg(value_name = "OF", default_value = "report")]
        of: SchemaOf,
    },
    /// Print a completion script for a shell
    #[command(after_long_help = COMPLETIONS_EXAMPLES, after_help = "More: --help")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Whose JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// What check, compare, report and demo print, and what --save writes
    #[value(aliases = ["check", "compare", "demo"])]
    Report,
    /// What tlsa prints
    Tlsa,
    /// What policy prints
    Policy,
    /// What egress prints
    Egress,
}

impl Command {
    /// What a text report shows besides, where the command makes one.
    pub(crate) fn show_options(&self) -> ShowOptions {
        match self {
            Self::Check(arguments) => arguments.report.show,
            Self::Report(arguments) => arguments.report.show,
            Self::Compare(arguments) => arguments.report.show,
            Self::Demo(arguments) => arguments.show,
            _ => ShowOptions::default(),
        }
    }

    /// How results are wanted, where the command gives a choice.
    pub(crate) fn output_options(&self) -> Option<&OutputOptions> {
        match self {
            Self::Check(arguments) => Some(&arguments.report.output),
            Self::Policy(arguments) => Some(&arguments.output),
            Self::Report(arguments) => Some(&arguments.report.output),
            Self::Compare(arguments) => Some(&arguments.report.output),
            Self::Tlsa(arguments) => Some(&arguments.output),
            Self::Egress(arguments) => Some(&arguments.output),
            Self::Demo(arguments) => Some(&arguments.output),
            Self::Agent(_)
            | Self::Mirror(_)
            | Self::Explain { .. }
            | Self::Schema { .. }
            | Self::Completions { .. } => None,
        }
    }
}
