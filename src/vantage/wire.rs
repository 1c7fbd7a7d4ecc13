//! What a vantage point behind a command and its client say to each other: JSON
//! lines over standard input and output.
//!
//! ```text
//! agent → {"hello":{"protocol":"mxray/agent/1","tool":"mxray 0.1.0",…}}
//!       ← {"id":1,"ask":"clock"}
//! agent → {"id":1,"say":{"clock":{"now":"…"}}}
//!       ← {"id":2,"ask":{"resolve":{"target":"example.net","port":25,…}}}
//! agent → {"id":2,"say":{"route":{…}}}
//!       ← {"id":3,"ask":{"probe":{…}}}
//! agent → {"id":3,"say":{"stage":"greeting"}}
//! agent → {"id":3,"say":{"observed":{…}}}
//! ```
//!
//! Owns the words and the length of a line. Refuses to know who reads them: an
//! agent observes, and no word of this protocol lets it do more.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use crate::dns::{MAX_ADDRESSES, MAX_EXCHANGES, MAX_RECORDS};
use crate::model::entries::{self, Recording};
use crate::model::probe::{Limits, Probe};
use crate::model::report::{Families, ProbeReport, ResolverUsed};
use crate::model::route::Route;
use crate::model::session::Stage;

/// The version of this protocol. Both ends must speak the same.
pub const PROTOCOL: &str = "mxray/agent/1";

/// Longest line that an agent reads, in bytes: a request is small.
pub const LONGEST_REQUEST: u64 = 64 * 1024;

/// Longest line that a client reads, in bytes: a recording holds what a peer said,
/// which has caps of its own, and its certificates.
pub const LONGEST_ANSWER: u64 = 4 * 1024 * 1024;

/// Lookups and connections that an agent works on at once, and a client asks for at
/// once. What time it is may be asked at any time.
pub const AT_ONCE: usize = 32;

/// Lines of progress in one session that an agent is listened to for: many times as many
/// as there are stages.
pub const MOST_STAGES: usize = 256;

/// Lines that answer no question which is open, that an agent is listened to for: answers
/// that come too late.
pub const MOST_STRAY: usize = 16 * 1024;

/// The first line of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Who speaks.
    pub hello: Hello,
}

/// Who an agent is, and what it allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: String,
    /// Name and version of its program.
    pub tool: String,
    /// The name of its host, where it has one.
    pub host: Option<String>,
    /// Its clock.
    pub now: Timestamp,
    /// Its own global addresses, one a family at most: those it would use towards
    /// the public internet.
    pub sources: Vec<IpAddr>,
    /// Ports that it connects to.
    pub ports: Vec<u16>,
    /// Whether it connects to special-purpose addresses.
    pub special: bool,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Repeated in every answer.
    pub id: u64,
    /// What is wanted.
    pub ask: Ask,
}

/// What a client may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// What time it is.
    Clock,
    /// Where a target leads to.
    Resolve(Resolve),
    /// One connection.
    Probe(Box<PlannedProbe>),
}

/// A lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolve {
    /// The target as the user typed it.
    pub target: String,
    /// What is wanted beside its addresses.
    pub wanted: Wanted,
}

/// What is wanted of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Port of the sessions to come, for TLSA records.
    pub port: u16,
    /// Hosts whose TLSA records are looked up, at the most.
    pub hosts: usize,
    /// Families that are wanted.
    pub asked: Families,
}

/// A probe and its limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedProbe {
    /// The plan.
    pub probe: ProbeReport,
    /// Limit of the session, in milliseconds.
    pub session_ms: u64,
    /// Patience for the greeting, in milliseconds.
    pub greeting_ms: u64,
}

impl PlannedProbe {
    /// The form of a probe that travels.
    pub fn of(probe: &Probe) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            probe: ProbeReport::of(probe),
            session_ms: ms(probe.limits.session),
            greeting_ms: ms(probe.limits.greeting),
        }
    }

    /// The probe.
    pub fn probe(&self) -> Probe {
        let limits = Limits {
            session: Duration::from_millis(self.session_ms),
            greeting: Duration::from_millis(self.greeting_ms),
        };
        Probe { limits, ..entries::probe(&self.probe) }
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Of the request.
    pub id: u64,
    /// What is said.
    pub say: Say,
}

/// What an agent may say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Say {
    /// Its clock.
    Clock {
        /// What it shows.
        now: Timestamp,
    },
    /// A route, and what is known of the way there.
    Route(Box<Resolved>),
    /// A stage of a connection begins. More follows.
    Stage(Stage),
    /// A connection is over.
    Observed(Box<Recording>),
    /// It does not do that, and why.
    Refused(String),
}

/// A route as resolved at a vantage point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// What DNS said there.
    pub route: Route,
    /// Which families can be used there.
    pub families: Families,
    /// Whom it asked.
    pub resolver: Option<ResolverUsed>,
}

impl Resolved {
    /// What there is more of than an agent takes from DNS, in words; `None` where there is
    /// not. Each host and each address of a route costs sessions and time.
    pub fn excess(&self) -> Option<String> {
        let at_most = |count: usize, most: usize, what: &str| {
            (count > most)
                .then(|| format!("a route with {count} {what}, where {most} are the most"))
        };
        let exchanges = &self.route.exchanges;
        at_most(exchanges.len(), MAX_EXCHANGES, "MX hosts").or_else(|| {
            exchanges.iter().find_map(|exchange| {
                let tlsa = exchange.tlsa.as_ref().map_or(0, |tlsa| tlsa.records.len());
                at_most(exchange.ipv4.addresses.len(), MAX_ADDRESSES, "IPv4 addresses of one host")
                    .or_else(|| {
                        let count = exchange.ipv6.addresses.len();
                        at_most(count, MAX_ADDRESSES, "IPv6 addresses of one host")
                    })
                    .or_else(|| at_most(tlsa, MAX_RECORDS, "TLSA records of one host"))
            })
        })
    }
}

/// Why a line could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is longer than it may be.
    #[error("a line of more than {0} bytes")]
    TooLong(u64),
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The next line without its end; `None` at the end of the stream.
///
/// # Errors
/// It has more than `most` bytes, or reading failed.
pub async fn line<R: AsyncBufRead + Unpin>(
    from: &mut R,
    most: u64,
) -> Result<Option<Vec<u8>>, LineError> {
    let mut bytes = Vec::new();
    // One octet more than allowed tells a line that is too long from one that fits.
    let read = (&mut *from).take(most + 1).read_until(b'\n', &mut bytes).await?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() as u64 > most {
        return Err(LineError::TooLong(most));
    }
    Ok(Some(bytes))
}
