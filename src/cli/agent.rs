//! `mxray agent --stdio`: observes here what an mxray elsewhere plans.
//!
//! Owns what is set up before the first question. Refuses to know questions and answers:
//! `mxray::vantage::agent` does.

use mxray::dns::{Resolver, ResolverError, ResolverSettings};
use mxray::judge::PROGRAM;
use mxray::observe::Dialler;
use mxray::vantage::agent::{Agent, Allowed, PORTS, serve};
use mxray::vantage::local::Local;
use tokio::io::BufReader;

use crate::cli::arguments::AgentArguments;
use crate::cli::check::block_on;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::host_name;
use crate::cli::settings;

/// Serves one client until its stream ends.
///
/// # Errors
/// The resolver's settings can't be used, or the client's stream broke.
pub(crate) fn run(arguments: &AgentArguments) -> Result<Exit, Failure> {
    let settings = ResolverSettings {
        servers: arguments.resolver.clone(),
        anchor: settings::anchor(arguments.trust_anchor.as_deref())?,
        ..ResolverSettings::default()
    };
    let resolver = Resolver::new(settings)
        .map_err(|ResolverError { message, hint }| Failure::usage(message, hint))?;
    let mut ports = PORTS.to_vec();
    ports.extend(&arguments.allow_port);
    let agent = Agent {
        local: Local { resolver: Some(resolver), dialler: Dialler::direct() },
        allowed: Allowed { ports, special: arguments.allow_special },
        tool: PROGRAM.to_owned(),
        host: host_name::fully_qualified(),
    };
    let served = block_on(async {
        serve(agent, BufReader::new(tokio::io::stdin()), tokio::io::stdout()).await
    })?;
    served.map(|()| Exit::Fine).map_err(|error| Failure::internal(format!("the client: {error}")))
}
