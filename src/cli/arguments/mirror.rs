//! What `mxray mirror` takes.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use crate::cli::arguments::options::mirror::TokenOptions;
use crate::cli::values;

const EXAMPLES: &str = "\
Examples:
  (umask 077; mxray mirror --new-token > token)       nobody else may read it
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

/// `mxray mirror`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "More: --help")]
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
    /// Write every transcript to FILE, one a line, for where no exchange is possible; at 64 MiB
    /// it is kept as FILE.1, in the place of an earlier one, and another is begun
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
