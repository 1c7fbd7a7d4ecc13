//! Which other destinations are asked.

use std::net::IpAddr;

use clap::Args;

use crate::cli::values;

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
