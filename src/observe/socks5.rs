//! Connections through a SOCKS5 proxy (RFC 1928).
//!
//! Owns the few octets before the session, and the line between what a proxy says
//! of the path behind it, which is data, and what is wrong with the proxy itself,
//! which says nothing about any target. Refuses to look names up for a target: a
//! proxy is only ever handed an address.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::dial::{Dialled, ending};
use super::record::recorded;
use crate::model::observation::Observation;
use crate::model::probe::{Family, Probe};
use crate::model::session::Stage;
use crate::model::transcript::{Ended, Ending};

/// How long a proxy may take to let us in; the connection behind it has the
/// session's own limit.
const PATIENCE: Duration = Duration::from_secs(10);

/// Octets of an answer that are shown where it is not that of a SOCKS5 proxy.
const SHOWN: usize = 32;

/// How long the rest of such an answer is waited for.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Version of the protocol (RFC 1928 §3).
const VERSION: u8 = 5;

/// "No authentication required" (RFC 1928 §3).
const NO_AUTHENTICATION: u8 = 0;

/// A SOCKS5 proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its name or address; a name is looked up by this system.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// What is wrong with a proxy: a fault of ours, never one of a target's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// It cannot be connected to.
    #[error("the proxy cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer the connection attempt in time: something on the way to it drops
    /// that, or it is not there.
    #[error("no connection to the proxy {proxy} came about in {:.1} s", waited.as_secs_f64())]
    NoConnection {
        /// Its name or address, and its port.
        proxy: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It took the connection, and said nothing in time.
    #[error("the proxy took the connection and said nothing for {:.1} s", .0.as_secs_f64())]
    Silent(Duration),
    /// It closed the connection instead of an answer, or in the middle of it.
    #[error("the proxy closed the connection before it answered {0}")]
    Closed(Question),
    /// It speaks something else.
    #[error("what answers there is no SOCKS5 proxy: it began with {0:?}")]
    NoProxy(String),
    /// It wants to know who we are.
    #[error("the proxy wants authentication, which is not done here")]
    WantsAuthentication,
    /// Its rules forbid it.
    #[error("the proxy's rules do not allow a connection to {0}")]
    NotAllowed(SocketAddr),
    /// It does not do that, or failed by itself.
    #[error("the proxy made no connection to {to}: {why}")]
    Failed {
        /// Where to.
        to: SocketAddr,
        /// Its reply in words.
        why: String,
    },
}

/// What a proxy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// To let us in (RFC 1928 §3).
    Method,
    /// To connect to a target (RFC 1928 §4).
    Connect(SocketAddr),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("our greeting"),
            Self::Connect(to) => write!(f, "whether it connects to {to}"),
        }
    }
}

/// Why there is no connection.
enum Unconnected {
    /// What the proxy says of the path between it and the target.
    Path(Ending),
    /// The proxy's own fault.
    Fault(ProxyFault),
}

impl From<ProxyFault> for Unconnected {
    fn from(fault: ProxyFault) -> Self {
        Self::Fault(fault)
    }
}

/// Makes one connection through a proxy, as [`observe`](super::observe) does directly.
/// What the proxy says of the path behind it is in the record.
///
/// # Errors
/// The proxy itself failed: nothing was observed.
pub async fn observe_through(
    proxy: &Proxy,
    probe: Probe,
    progress: &(dyn Fn(Stage) + Sync),
    stop: impl Future<Output = ()>,
) -> Result<Observation, ProxyFault> {
    let deadline = Instant::now() + probe.limits.session;
    let mut fault = None;
    let dialling = async {
        proxy.dial(probe.endpoint(), deadline).await.map_err(|unconnected| match unconnected {
            Unconnected::Path(ending) => ending,
            Unconnected::Fault(wrong) => {
                let ending = ending(Ended::LocalError, wrong.to_string());
                fault = Some(wrong);
                ending
            }
        })
    };
    let observation = recorded((String::new(), &probe), dialling, deadline, progress, stop).await;
    fault.map_or(Ok(observation), Err)
}

impl Proxy {
    /// Connects to an address through the proxy. Which address of its own it uses
    /// there is not known: what it may say of it (RFC 1928 §6) is often false.
    async fn dial(&self, to: SocketAddr, end: Instant) -> Result<Dialled, Unconnected> {
        let patience = PATIENCE.min(end.duration_since(Instant::now()));
        let let_in_until = Instant::now() + patience;
        let reached = timeout_at(let_in_until, self.reached()).await;
        let no_connection = |_| ProxyFault::NoConnection { proxy: self.name(), waited: patience };
        let mut stream = reached.map_err(no_connection)??;
        let admitted = timeout_at(let_in_until, admitted(&mut stream)).await;
        admitted.map_err(|_| ProxyFault::Silent(patience))??;
        match timeout_at(end, connected(&mut stream, to)).await {
            // It has let us in, so what is silent lies behind it.
            Err(_) => Err(Unconnected::Path(ending(
                Ended::Timeout,
                "no answer to the connection attempt through the proxy",
            ))),
            Ok(Err(unconnected)) => Err(unconnected),
            Ok(Ok(())) => Ok(Dialled { stream, local: None }),
        }
    }

    /// A connection to the proxy.
    async fn reached(&self) -> Result<TcpStream, ProxyFault> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let unreachable = |error| ProxyFault::Unreachable(format!("{}: {error}", self.name()));
        let stream = stream.map_err(unreachable)?;
        // As everywhere: one command is one segment.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// `proxy.example:1080`, `[2001:db8::1]:1080`.
    fn name(&self) -> String {
        let Self { host, port } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// Gets past the choice of a method (RFC 1928 §3).
async fn admitted(stream: &mut TcpStream) -> Result<(), ProxyFault> {
    let closed = ProxyFault::Closed(Question::Method);
    send(stream, &[VERSION, 1, NO_AUTHENTICATION], &closed).await?;
    match receive::<2>(stream, &closed).await? {
        [VERSION, NO_AUTHENTICATION] => Ok(()),
        // 0xff: none of the methods offered, and we offer none with a secret.
        [VERSION, _] => Err(ProxyFault::WantsAuthentication),
        other => Err(no_proxy(stream, &other).await),
    }
}

/// Asks for the connection (RFC 1928 §4) and reads the reply (§6), not one octet
/// more: what follows is the target's.
async fn connected(stream: &mut TcpStream, to: SocketAddr) -> Result<(), Unconnected> {
    let mut request = vec![VERSION, 1, 0];
    match to.ip() {
        IpAddr::V4(ip) => {
            request.push(1);
            request.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            request.push(4);
            request.extend(ip.octets());
        }
    }
    request.extend(to.port().to_be_bytes());
    let closed = ProxyFault::Closed(Question::Connect(to));
    send(stream, &request, &closed).await?;
    let [version, reply] = receive::<2>(stream, &closed).await?;
    if version != VERSION {
        return Err(no_proxy(stream, &[version, reply]).await.into());
    }
    if reply != 0 {
        return Err(refused(reply, to));
    }
    let [reserved, kind] = receive::<2>(stream, &closed).await?;
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(receive::<1>(stream, &closed).await?[0]),
        _ => return Err(no_proxy(stream, &[version, reply, reserved, kind]).await.into()),
    };
    let mut bound = vec![0; length + 2];
    stream.read_exact(&mut bound).await.map_err(|_| closed)?;
    Ok(())
}

/// A reply other than success (RFC 1928 §6).
fn refused(reply: u8, to: SocketAddr) -> Unconnected {
    let path =
        |how, words: &str| Unconnected::Path(ending(how, format!("the proxy says: {words}")));
    let failed = |why: String| Unconnected::Fault(ProxyFault::Failed { to, why });
    match reply {
        2 => ProxyFault::NotAllowed(to).into(),
        3 => path(Ended::Unreachable, "network unreachable"),
        4 => path(Ended::Unreachable, "host unreachable"),
        5 => path(Ended::Refused, "connection refused"),
        6 => path(Ended::Unreachable, "TTL expired"),
        1 => failed("general failure".to_owned()),
        7 => failed("it does not do CONNECT".to_owned()),
        8 => failed(format!("it does not do {}", Family::of(to.ip()).label())),
        other => failed(format!("reply {other}, which has no meaning")),
    }
}

async fn send(stream: &mut TcpStream, bytes: &[u8], closed: &ProxyFault) -> Result<(), ProxyFault> {
    stream.write_all(bytes).await.map_err(|_| closed.clone())
}

async fn receive<const LENGTH: usize>(
    stream: &mut TcpStream,
    closed: &ProxyFault,
) -> Result<[u8; LENGTH], ProxyFault> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes).await.map_err(|_| closed.clone())?;
    Ok(bytes)
}

/// What speaks there instead, as far as it is here already.
async fn no_proxy(stream: &mut TcpStream, begun: &[u8]) -> ProxyFault {
    let mut rest = [0; SHOWN];
    let read = timeout(A_MOMENT, stream.read(&mut rest)).await;
    let length = read.ok().and_then(Result::ok).unwrap_or(0);
    let words = [begun, rest.get(..length).unwrap_or(&[])].concat();
    ProxyFault::NoProxy(String::from_utf8_lossy(&words).into_owned())
}
