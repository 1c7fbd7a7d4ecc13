//! Dials an address, never a name.
//!
//! Owns the connection attempt, its source and how it fails. Refuses to resolve, and to
//! know what is said.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use crate::model::probe::Family;
use crate::model::transcript::{Ended, Ending};

/// Opens TCP connections: directly, or into a pretend internet on loopback.
#[derive(Clone, Debug, Default)]
pub struct Dialler {
    pretend: Option<Arc<Pretend>>,
}

/// Where the hosts of a pretend internet really listen.
#[derive(Debug)]
struct Pretend {
    endpoints: HashMap<SocketAddr, SocketAddr>,
    sources: Vec<IpAddr>,
}

/// A connection that is up.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) stream: TcpStream,
    pub(super) local: Option<SocketAddr>,
}

impl Dialler {
    /// Dials the addresses themselves.
    pub fn direct() -> Self {
        Self::default()
    }

    /// Dials into a pretend internet: pretend endpoint to loopback socket. An
    /// endpoint that is not listed has no host. `sources` are the pretend
    /// addresses of this machine, one a family at most.
    pub fn pretend(endpoints: HashMap<SocketAddr, SocketAddr>, sources: Vec<IpAddr>) -> Self {
        Self { pretend: Some(Arc::new(Pretend { endpoints, sources })) }
    }

    /// The source address that the operating system would use towards an address;
    /// an error where there is no address or route of its family. Sends nothing.
    pub fn source_towards(&self, ip: IpAddr) -> io::Result<IpAddr> {
        let Some(pretend) = &self.pretend else { return route_to(ip) };
        let source = pretend.sources.iter().find(|source| Family::of(**source) == Family::of(ip));
        source.copied().ok_or_else(|| io::ErrorKind::NetworkUnreachable.into())
    }

    /// Whether an address lies in the prefix of a local interface. Where the
    /// interfaces cannot be listed every address might, and the answer is yes. In
    /// a pretend internet none does.
    pub fn is_on_link(&self, ip: IpAddr) -> bool {
        self.pretend.is_none() && super::link::covers(ip).unwrap_or(true)
    }

    /// Opens a connection that is no probe.
    ///
    /// # Errors
    /// How the attempt ended.
    pub async fn open(&self, endpoint: SocketAddr, deadline: Instant) -> Result<TcpStream, Ending> {
        self.dial(endpoint, None, deadline).await.map(|up| up.stream)
    }

    /// Connects, or says how the attempt ended.
    pub(super) async fn dial(
        &self,
        endpoint: SocketAddr,
        source: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<Dialled, Ending> {
        let (real, source) = match &self.pretend {
            None => (endpoint, source),
            Some(pretend) => match pretend.endpoints.get(&endpoint) {
                // One of several loopback addresses tells a pretend client from another.
                Some(real) => (*real, source.filter(IpAddr::is_loopback)),
                None => return Err(ending(Ended::Unreachable, "no such host")),
            },
        };
        let connect = connect(real, source);
        let stream = match timeout_at(deadline, connect).await {
            Err(_) => return Err(ending(Ended::Timeout, "no answer to the connection attempt")),
            Ok(Err(error)) => return Err(failed(&error)),
            Ok(Ok(stream)) => stream,
        };
        let local = match &self.pretend {
            None => stream.local_addr().ok(),
            Some(_) if source.is_some() => stream.local_addr().ok(),
            Some(_) => self.source_towards(endpoint.ip()).ok().map(|ip| SocketAddr::new(ip, 0)),
        };
        Ok(Dialled { stream, local })
    }
}

/// The source address that the operating system would use towards an address.
///
/// By a connected UDP socket, which sends nothing. An error where this machine
/// has no address or no route of that family.
pub fn route_to(ip: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((ip, 25))?;
    let source = socket.local_addr()?.ip();
    let usable = match source {
        // A link-local source reaches nothing behind a router.
        IpAddr::V6(source) => {
            !source.is_unicast_link_local()
                || matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
        }
        IpAddr::V4(_) => true,
    };
    if usable { Ok(source) } else { Err(io::ErrorKind::NetworkUnreachable.into()) }
}

/// Whether a source address is this machine's own, and has a route to the internet
/// of its family: by a bound and connected UDP socket, which sends nothing.
pub fn route_from(source: IpAddr) -> io::Result<()> {
    let somewhere: IpAddr = match source {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    let socket = UdpSocket::bind((source, 0))?;
    // What is bound to loopback reaches loopback.
    if source.is_loopback() { Ok(()) } else { socket.connect((somewhere, 25)) }
}

async fn connect(endpoint: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if endpoint.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0)).map_err(|error| {
            io::Error::new(io::ErrorKind::AddrNotAvailable, format!("source {source}: {error}"))
        })?;
    }
    // One command is one segment: boxes that inspect per segment would otherwise
    // be made to look guilty by our own doing.
    socket.set_nodelay(true)?;
    socket.connect(endpoint).await.map_err(|error| match (error.kind(), source) {
        // A source that cannot lead there: one of loopback, for one.
        (kind @ io::ErrorKind::InvalidInput, Some(source)) => {
            io::Error::new(kind, format!("source {source}: {error}"))
        }
        _ => error,
    })
}

fn failed(error: &io::Error) -> Ending {
    use io::ErrorKind as Kind;
    let how = match error.kind() {
        Kind::ConnectionRefused => Ended::Refused,
        Kind::ConnectionReset | Kind::ConnectionAborted => Ended::Reset,
        Kind::TimedOut => Ended::Timeout,
        // EACCES and EPERM: an ICMP "administratively prohibited", or our own firewall.
        Kind::NetworkUnreachable
        | Kind::HostUnreachable
        | Kind::NetworkDown
        | Kind::PermissionDenied => Ended::Unreachable,
        _ => Ended::LocalError,
    };
    ending(how, error.to_string())
}

pub(super) fn ending(how: Ended, detail: impl Into<String>) -> Ending {
    Ending { how, detail: Some(detail.into()) }
}
