//! One planned connection: where to, from where, and how.
//!
//! Owns everything about a connection that could explain a difference in its
//! outcome. Refuses to know sockets and what came back.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The id of the vantage point that is this process.
pub const LOCAL: &str = "local";

/// An address family.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// `IPv4` or `IPv6`, for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        }
    }
}

/// When TLS begins.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// In the dialogue, by STARTTLS (RFC 3207).
    Starttls,
    /// At once, before the greeting (RFC 8314 §3.3).
    ImplicitTls,
}

/// The shape of the `ClientHello`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ClientHello {
    /// As a modern sender's: TLS 1.2 and 1.3, X25519 first, X25519MLKEM768 on offer.
    Default,
    /// The same without post-quantum groups, so that neither the first hello nor
    /// one after a `HelloRetryRequest` exceeds a segment.
    Classical,
    /// Written by hand: SSL 3.0 to TLS 1.2, broad suites. Learns what an old
    /// server would have answered; completes no handshake.
    Legacy,
    /// Written by hand for one question about the range of versions, suites and
    /// groups; its bytes stand in the transcript. Completes no handshake.
    Tailored,
}

impl ClientHello {
    /// Its word, as in the report.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Classical => "classical",
            Self::Legacy => "legacy",
            Self::Tailored => "tailored",
        }
    }
}

/// Why this connection is made.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It is the question itself.
    Target,
    /// A destination with a different operator, to tell the path from the host.
    Control,
    /// An address where nothing can live, to unmask a terminating proxy.
    Canary,
    /// A cooperating server that reports what reached it.
    Mirror,
    /// Asks whether a command sent in clear behind STARTTLS is carried into TLS.
    Injection,
    /// Asks for one TLS version, suite or group.
    Range,
}

impl Role {
    /// Whether a session of this role is part of the question itself, so that
    /// verdicts may rest on it. A session that was made to learn about the server's
    /// TLS alone behaves as no sender does.
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::Injection | Self::Range)
    }
}

/// What a hand-written `ClientHello` offers, by code point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The highest version, 0x0300 (SSL 3.0) to 0x0303 (TLS 1.2); or 0x0304, TLS 1.3
    /// and nothing below.
    pub version: u16,
    /// Cipher suites, in order.
    pub suites: Vec<u16>,
    /// Groups of the key exchange, in order.
    pub groups: Vec<u16>,
}

/// One planned connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Who connects; `local` for this machine.
    pub vantage: String,
    /// The source address to bind, where the user or the plan named one.
    pub source: Option<IpAddr>,
    /// The target that this serves, by its canonical name.
    pub target: String,
    /// The MX host; the address itself where only an address was named.
    pub host: String,
    /// The address to dial.
    pub ip: IpAddr,
    /// TCP port.
    pub port: u16,
    /// Argument of EHLO: a domain name or an address literal (RFC 5321 §4.1.1.1).
    /// `None`: no name is known, and the address literal of the connection's own
    /// local address is used.
    pub ehlo_name: Option<String>,
    /// When TLS begins.
    pub mode: Mode,
    /// Shape of the `ClientHello`.
    pub client_hello: ClientHello,
    /// What a [`ClientHello::Tailored`] offers; `None` for the other shapes, and for
    /// a recorded session, whose transcript has the bytes.
    pub offer: Option<Offer>,
    /// Server name indication; `None` sends none (a bare address).
    pub sni: Option<String>,
    /// 0 for the first observation of these coordinates, then counted up.
    pub repeat: u32,
    /// Why this connection is made.
    pub role: Role,
    /// How long to wait.
    pub limits: Limits,
}

impl Probe {
    /// Where to connect.
    pub fn endpoint(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    /// The address family.
    pub fn family(&self) -> Family {
        Family::of(self.ip)
    }
}

/// How long one connection may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The whole session, patience for the greeting apart.
    pub session: Duration,
    /// From the connection's completion to the greeting's last line.
    pub greeting: Duration,
}
