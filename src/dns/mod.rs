//! DNS: from a target to its [`Route`](crate::model::route::Route).
//!
//! Owns asking a recursive resolver and telling the DNSSEC status of each answer.
//! Steps of a lookup, and where they are:
//! 1. `. DNSKEY` with DO, once: does the resolver pass DNSSEC on? `lookup`
//! 2. the question, validated; again where the chain of trust could not be
//!    fetched; with CD set where the resolver itself failed; without validation
//!    where all that led nowhere. `lookup`
//!    Or, where the user trusts a resolver on loopback, its AD bit instead of all
//!    that. `trusted`
//! 3. the outcome read: records, CNAME links, error, status. `answer`
//! 4. MX, then A and AAAA of every host: the route. `route`
//! 5. what else is asked: `tlsa`, `txt`, `pointer`.
//!
//! Beside that, whether the system's own resolver validates for other programs. `system`
//!
//! Refuses to know SMTP, certificates, and what a status is worth.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::model::route::LookupError;

mod anchor;
mod answer;
mod denial;
mod lookup;
mod pointer;
mod route;
mod system;
mod tlsa;
mod trusted;
mod txt;
mod wire;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use anchor::TrustAnchor;
use answer::Answer;
pub use lookup::Resolver;
pub use route::{MAX_ADDRESSES, MAX_EXCHANGES};
pub use system::{resolver_of, servers_of};

/// Longest wait for one attempt at a question, by default. There are two.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a resolver may say nothing at all before [`Notice::ResolverSilent`].
pub const SILENCE: Duration = Duration::from_secs(3);

/// The port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// Where programs of this machine find its resolvers (resolv.conf(5)).
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Most servers that are used.
const MAX_SERVERS: usize = 8;

/// Most TLSA or TXT records of one answer. What has more is not cut short, which
/// might hide the one that matters, but counts as failed.
pub const MAX_RECORDS: usize = 256;

/// What a resolver needs to know.
#[derive(Clone)]
pub struct ResolverSettings {
    /// Recursive resolvers, asked over UDP and TCP; empty: the system's.
    pub servers: Vec<SocketAddr>,
    /// Where chains of trust begin.
    pub anchor: TrustAnchor,
    /// Whether the AD bit of the servers decides (RFC 4035 §3.2.3) instead of
    /// validation here: only for servers on this host's loopback, to which nobody
    /// stands between (RFC 4035 §4.9.3, RFC 7672 §2.2). They are asked over TCP.
    pub trust_ad: bool,
    /// Longest wait for one attempt at a question; a lookup makes at most two.
    pub timeout: Duration,
    /// Told at once what somebody who waits wants to know.
    pub notice: Option<Arc<dyn Fn(Notice) + Send + Sync>>,
}

impl Default for ResolverSettings {
    /// The system's resolvers, the root's anchor, [`DEFAULT_TIMEOUT`].
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            anchor: TrustAnchor::root(),
            trust_ad: false,
            timeout: DEFAULT_TIMEOUT,
            notice: None,
        }
    }
}

/// What somebody who waits wants to know before the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// No server has answered anything yet. Sent once.
    ResolverSilent {
        /// The servers asked, `address:port`.
        servers: Vec<String>,
        /// How long the first question has waited.
        after: Duration,
    },
}

/// Why there is no resolver: something in the settings or on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ResolverError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl ResolverError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// The resolvers of this machine.
fn system_servers(path: &Path) -> Result<Vec<SocketAddr>, ResolverError> {
    const HINT: &str = "name one with --resolver, such as --resolver 192.0.2.53";
    let text = std::fs::read_to_string(path).map_err(|error| {
        ResolverError::new(format!("{} cannot be read: {error}", path.display()), HINT)
    })?;
    let servers = nameservers(&text);
    if servers.is_empty() {
        let message = format!("{} names no usable resolver", path.display());
        return Err(ResolverError::new(message, HINT));
    }
    Ok(servers)
}

/// The `nameserver` lines of resolv.conf(5). One with a zone (`fe80::1%eth0`) is
/// left out: a socket address cannot carry the interface's name.
fn nameservers(text: &str) -> Vec<SocketAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let ip = words.next().filter(|word| *word == "nameserver").and(words.next())?;
        ip.parse::<IpAddr>().ok()
    });
    addresses.map(|ip| SocketAddr::new(ip, DNS_PORT)).take(MAX_SERVERS).collect()
}

/// The answer, unless it has too many records to be meant.
fn capped(answer: Answer) -> Answer {
    if answer.records.len() <= MAX_RECORDS {
        return answer;
    }
    Answer { records: Vec::new(), error: Some(LookupError::Other), ..answer }
}
