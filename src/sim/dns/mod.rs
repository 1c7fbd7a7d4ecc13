//! A name server on loopback, UDP and TCP, that knows everything.
//!
//! Owns one zone, the root, in which all names lie: `zone` what is planned, `signed`
//! the same signed by a key of its own making, whose DNSKEY is the trust anchor. To a
//! stub resolver it looks like the recursive resolver of a network. Refuses to know why
//! a name is looked up.

mod signed;
mod zone;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::Name;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{Catalog, MessageResponseBuilder};
use tokio::net::{TcpListener, UdpSocket};

use crate::sim::Error;
use signed::{Faults, load, sign};

pub use hickory_server::proto::rr::RecordType;
pub use zone::{Fault, Zone};

/// How long a TCP connection may be idle.
const IDLE: Duration = Duration::from_secs(10);
/// Responses that may wait on one TCP connection.
const TCP_RESPONSES: usize = 32;
/// Attempts to get one port number for both UDP and TCP.
const PORT_ATTEMPTS: usize = 16;

/// A name server that runs until it is dropped.
pub struct NameServer {
    address: SocketAddr,
    trust_anchor: Option<String>,
    /// Its tasks end with it.
    _server: Server<Handler>,
}

impl NameServer {
    /// Signs the zone with a new key and answers from 127.0.0.1.
    pub async fn start(zone: &Zone) -> Result<Self, Error> {
        let faults = Faults::planned(zone)?;
        let mut store = load(zone)?;
        let trust_anchor = if zone.unsigned { None } else { Some(sign(&mut store)?) };
        faults.spoil(&mut store)?;
        let mut catalog = Catalog::new();
        catalog.upsert(Name::root().into(), vec![Arc::new(store)]);
        let (udp, tcp) = sockets().await?;
        let address = udp.local_addr()?;
        let mut server = Server::new(Handler { catalog, faults });
        server.register_socket(udp);
        server.register_listener(tcp, IDLE, TCP_RESPONSES);
        Ok(Self { address, trust_anchor, _server: server })
    }

    /// Where it answers, UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root's DNSKEY in zone-file form; `None` where the zone is unsigned.
    pub fn trust_anchor(&self) -> Option<&str> {
        self.trust_anchor.as_deref()
    }
}

/// A UDP and a TCP socket with the same port number.
async fn sockets() -> Result<(UdpSocket, TcpListener), Error> {
    let mut last = None;
    for _ in 0..PORT_ATTEMPTS {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()).into())
}

/// Answers from the catalog unless a fault says otherwise.
struct Handler {
    catalog: Catalog,
    faults: Faults,
}

impl RequestHandler for Handler {
    // Written out as the trait's macro has it, which spares a dependency.
    fn handle_request<'s, 'r, 'f, R, T>(
        &'s self,
        request: &'r Request,
        response: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'f>>
    where
        R: ResponseHandler + 'f,
        T: Time + 'f,
        's: 'f,
        'r: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let query = request.request_info().ok().map(|asked| asked.query);
            let fault = query.and_then(|q| self.faults.of(q.name(), q.query_type()));
            match fault {
                None | Some(Fault::Bogus) => {
                    self.catalog.handle_request::<R, T>(request, response).await
                }
                Some(Fault::Servfail) => refuse(request, response, ResponseCode::ServFail).await,
                Some(Fault::Refused) => refuse(request, response, ResponseCode::Refused).await,
                Some(Fault::Silent) => nothing(request),
            }
        })
    }
}

async fn refuse(
    request: &Request,
    mut response: impl ResponseHandler,
    code: ResponseCode,
) -> ResponseInfo {
    let mut edns = Edns::new();
    edns.set_dnssec_ok(request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok));
    let message =
        MessageResponseBuilder::new(&request.queries, request.edns.as_ref().map(|_| &edns))
            .error_msg(&request.metadata, code);
    // A client that is gone needs no answer.
    response.send_response(message).await.unwrap_or_else(|_| nothing(request))
}

/// What the server's log is told where nothing was sent.
fn nothing(request: &Request) -> ResponseInfo {
    let metadata = Metadata::response_from_request(&request.metadata);
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
