//! Which mirror is checked too, and the secret shared with it.
//!
//! Refuses to show the secret, not even to a debugger.

use std::fmt;
use std::path::PathBuf;

use clap::Args;

use crate::cli::mirrored;

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
    /// Read the mirror's transcripts from FILE, which `mxray mirror --log FILE` wrote, and
    /// from FILE.1 beside it, which was full before
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
