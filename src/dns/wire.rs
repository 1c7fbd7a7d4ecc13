//! The way to the resolver: sockets, servers, and what failed on the way.
//!
//! Owns UDP and TCP to each server, the choice between servers, and the record of
//! failed fetches in a chain of trust. Refuses to know what an answer means.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, Stream, StreamExt, once};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::{
    DnsUdpSocket, RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime,
};
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsResponse, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::denial::relevant;

/// All servers of one resolver.
pub(super) struct Servers {
    /// Where they are, in the order named.
    pub(super) addresses: Vec<SocketAddr>,
    together: NameServerPool<Transport>,
    /// One pool a server, where there are several.
    apart: Vec<NameServerPool<Transport>>,
    limit: Duration,
    has_answered: AtomicBool,
}

/// The part of a question's time, as its denominator, for which the other
/// servers are waited for after one has failed.
const RETRY_PART: u32 = 4;

impl Servers {
    /// `timeout` limits one question, retransmissions and the change to TCP included.
    pub(super) fn new(addresses: &[SocketAddr], timeout: Duration) -> Self {
        let apart = if addresses.len() > 1 { addresses } else { &[] };
        let apart = apart.iter().map(|server| pool(std::slice::from_ref(server), timeout));
        Self {
            addresses: addresses.to_vec(),
            together: pool(addresses, timeout),
            apart: apart.collect(),
            limit: timeout,
            has_answered: AtomicBool::new(false),
        }
    }

    /// Whether any server has ever answered anything.
    pub(super) fn have_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    /// Remembers that a server has answered something.
    pub(super) fn note_answer(&self) {
        self.has_answered.store(true, Ordering::Relaxed);
    }

    /// Asks all servers as one; where one of several says that it failed or does
    /// not serve us, each by itself, so that the outcome is not a race.
    async fn ask(&self, request: DnsRequest) -> Result<DnsResponse, NetError> {
        let mut result = self.together.send(request.clone()).first_answer().await;
        if is_server_failure(&result) {
            let others = timeout(self.limit / RETRY_PART, self.ask_apart(request));
            result = others.await.ok().flatten().unwrap_or(result);
        }
        if matches!(result, Ok(_) | Err(NetError::Dns(_))) {
            self.note_answer();
        }
        result
    }

    /// The first answer that is neither a failed server's nor a lost one.
    async fn ask_apart(&self, request: DnsRequest) -> Option<Result<DnsResponse, NetError>> {
        let ask = |server: &NameServerPool<_>| server.send(request.clone()).first_answer();
        let mut asked: FuturesUnordered<_> = self.apart.iter().map(ask).collect();
        while let Some(result) = asked.next().await {
            if matches!(result, Ok(_) | Err(NetError::Dns(_))) && !is_server_failure(&result) {
                return Some(result);
            }
        }
        None
    }
}

fn is_server_failure(result: &Result<DnsResponse, NetError>) -> bool {
    matches!(
        result,
        Err(NetError::Dns(DnsError::ResponseCode(
            ResponseCode::ServFail | ResponseCode::Refused | ResponseCode::NotImp
        )))
    )
}

fn pool(addresses: &[SocketAddr], timeout: Duration) -> NameServerPool<Transport> {
    let mut options = ResolverOpts::default();
    options.timeout = timeout;
    let configs = addresses.iter().map(|server| {
        // Without TCP a truncated DNSKEY answer would become a false bogus.
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = server.port();
        }
        NameServerConfig::new(server.ip(), true, connections)
    });
    // Without hickory's features for DNS over TLS there is nothing in it.
    let context = PoolContext::new(options, TlsConfig {});
    NameServerPool::from_config(configs, Arc::new(context), Transport::default())
}

/// How long fetched links of a chain are used: shorter than any usual TTL of a key.
const LINKS_LIFETIME: Duration = Duration::from_mins(1);

/// Most links that are kept.
const MAX_LINKS_KEPT: usize = 4096;

/// A handle under the validator that remembers which fetches failed: the
/// validator itself reports those as bogus, like any signature that does not hold.
#[derive(Clone)]
pub(super) struct Wire {
    servers: Arc<Servers>,
    /// Whether to ask with CD set (RFC 4035 §3.2.2): the resolver then hands over
    /// what it could not validate itself.
    checking_disabled: bool,
    failed_zones: Arc<Mutex<BTreeSet<Name>>>,
    links: Arc<Mutex<Links>>,
}

impl Wire {
    pub(super) fn new(servers: Arc<Servers>, checking_disabled: bool) -> Self {
        Self { servers, checking_disabled, failed_zones: Arc::default(), links: Arc::default() }
    }

    /// Whether any fetch for a chain of trust has failed.
    pub(super) fn has_failed(&self) -> bool {
        !self.failed_zones.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether such a fetch failed at or above a name.
    pub(super) fn has_failed_above(&self, name: &Name) -> bool {
        let zones = self.failed_zones.lock().unwrap_or_else(PoisonError::into_inner);
        zones.iter().any(|zone| zone.zone_of(name))
    }

    async fn exchange(self, mut request: DnsRequest) -> Result<DnsResponse, NetError> {
        request.metadata.checking_disabled = self.checking_disabled;
        let Some(query) = request.queries.first().cloned() else {
            return self.servers.ask(request).await;
        };
        if !is_link_of_chain(query.query_type()) {
            return cleared(&query, self.servers.ask(request).await);
        }
        let zone = query.name().clone();
        let answer = self.links.lock().unwrap_or_else(PoisonError::into_inner).of(query.clone());
        let ask = async || cleared(&query, self.servers.ask(request).await);
        let result = answer.get_or_init(ask).await.clone();
        if result.as_ref().is_err_and(|error| !error.is_no_records_found()) {
            self.failed_zones.lock().unwrap_or_else(PoisonError::into_inner).insert(zone);
        }
        result
    }
}

/// The outcome without the records that cannot deny what was asked for.
fn cleared(
    question: &Query,
    outcome: Result<DnsResponse, NetError>,
) -> Result<DnsResponse, NetError> {
    match outcome {
        Ok(mut response) => {
            let authorities = std::mem::take(&mut response.authorities);
            response.authorities = relevant(question, &response.answers, authorities);
            Ok(response)
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(mut none))) => {
            let authorities = none.authorities.take().map(|all| all.to_vec()).unwrap_or_default();
            let kept = relevant(question, &[], authorities);
            none.authorities = (!kept.is_empty()).then(|| kept.into());
            none.soa = none.soa.filter(|soa| soa.name.zone_of(question.name()));
            Err(DnsError::NoRecordsFound(none).into())
        }
        other => other,
    }
}

/// An answer that several may be waiting for.
type Shared = Arc<OnceCell<Result<DnsResponse, NetError>>>;

/// The links of chains of trust that were fetched: the validator itself asks for
/// each of them again for every answer that it follows to the anchor. A failed
/// fetch is in it too; the next question gets a new validator for that.
#[derive(Default)]
struct Links {
    since: Option<Instant>,
    answers: HashMap<Query, Shared>,
}

impl Links {
    fn of(&mut self, query: Query) -> Shared {
        let is_stale = self.since.is_none_or(|since| since.elapsed() > LINKS_LIFETIME);
        if is_stale || self.answers.len() >= MAX_LINKS_KEPT {
            *self = Self { since: Some(Instant::now()), answers: HashMap::new() };
        }
        self.answers.entry(query).or_default().clone()
    }
}

/// What a validator fetches by itself on the way from an answer to the anchor.
fn is_link_of_chain(kind: RecordType) -> bool {
    matches!(kind, RecordType::DS | RecordType::DNSKEY | RecordType::NS)
}

impl DnsHandle for Wire {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = Transport;

    fn send(&self, request: DnsRequest) -> Self::Response {
        Box::pin(once(self.clone().exchange(request)))
    }
}

/// Tokio's sockets, with UDP connected to its server.
#[derive(Clone, Default)]
pub(super) struct Transport(TokioRuntimeProvider);

impl RuntimeProvider for Transport {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = ConnectedUdp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.0.create_handle()
    }

    fn connect_tcp(
        &self,
        server_addr: SocketAddr,
        bind_addr: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.0.connect_tcp(server_addr, bind_addr, timeout)
    }

    fn bind_udp(
        &self,
        local_addr: SocketAddr,
        server_addr: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        let bound = self.0.bind_udp(local_addr, server_addr);
        Box::pin(async move { bound.await.map(ConnectedUdp) })
    }
}

/// A UDP socket that connects when it first sends. Only a connected one hears
/// that nobody listens there (ICMP port unreachable), instead of a time-out.
pub(super) struct ConnectedUdp(UdpSocket);

impl ConnectedUdp {
    /// Waits for a datagram, or for an error: on Linux that alone does not make a
    /// socket readable.
    async fn datagram(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        tokio::select! {
            received = self.0.recv_from(buf) => return received,
            () = self.failure() => {}
        }
        match self.0.take_error()? {
            Some(error) => Err(error),
            None => self.0.recv_from(buf).await,
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    async fn failure(&self) {
        self.0.ready(tokio::io::Interest::ERROR).await.ok();
    }

    /// Elsewhere an error does make a socket readable.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    async fn failure(&self) {
        std::future::pending().await
    }
}

impl DnsUdpSocket for ConnectedUdp {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buf = ReadBuf::new(buf);
        self.0.poll_recv_from(cx, &mut buf).map_ok(|from| (buf.filled().len(), from))
    }

    fn recv_from<'s, 'b, 'f>(
        &'s self,
        buf: &'b mut [u8],
    ) -> Pin<Box<dyn Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'f>>
    where
        's: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(self.datagram(buf))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        if self.0.peer_addr().is_err() {
            SockRef::from(&self.0).connect(&target.into())?;
        }
        self.0.poll_send(cx, buf)
    }
}
