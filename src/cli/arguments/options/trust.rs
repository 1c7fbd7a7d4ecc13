//! Whom to believe: resolvers, trust anchors, certificate authorities.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::values;

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
