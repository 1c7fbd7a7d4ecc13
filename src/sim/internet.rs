//! The pretend internet as a whole: hosts, domains, boxes on paths, and the map
//! from documentation addresses to loopback sockets.
//!
//! Owns which pretend address is served by what, through which box. Refuses to
//! use any address outside the documentation ranges (RFC 5737, RFC 3849) and any
//! name outside the reserved ones (RFC 2606), so that nothing pretended can be
//! taken for somebody.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::model::probe::Family;
use crate::sim::Error;
use crate::sim::dns::{NameServer, Zone};
use crate::sim::hop;
use crate::sim::middlebox::{Behaviour, Foreign, Middlebox, Scope};
use crate::sim::pki::Pki;
use crate::sim::policy_host::PolicyHost;
use crate::sim::published::Published;
use crate::sim::server::{Profile, Script, Server, Software};

/// The port of SMTP between mail servers.
const SMTP: u16 = 25;
/// The port of HTTPS.
const HTTPS: u16 = 443;
/// Domains that are reserved for documentation and tests (RFC 2606).
const RESERVED: [&str; 5] = ["example", "example.com", "example.net", "example.org", "test"];

/// Where the clean domain of [`Internet::demonstration`] lies.
pub const CLEAN: &str = "clean.example";
/// The domain of [`Internet::demonstration`] whose IPv4 path has a box on it.
pub const STRIPPED: &str = "stripped.example";

/// The client's IPv4 address in [`Internet::demonstration`].
pub const CLIENT_IPV4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
/// The client's IPv6 address in [`Internet::demonstration`].
pub const CLIENT_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0x10);

/// Which paths a box lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// To every address.
    All,
    /// To every address of a family.
    Family(Family),
    /// To one address.
    Address(IpAddr),
}

impl Path {
    fn leads_to(self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Family(family) => family == Family::of(address),
            Self::Address(one) => one == address,
        }
    }
}

/// The plan of a pretend internet.
#[derive(Debug, Default)]
pub struct Internet {
    hosts: Vec<Host>,
    closed: Vec<SocketAddr>,
    names: Vec<String>,
    boxes: Vec<(Path, Behaviour, Scope)>,
    zone: Zone,
    published: Vec<(String, Published)>,
    latency: Duration,
    clients: Vec<IpAddr>,
    past_boxes: bool,
}

#[derive(Debug)]
struct Host {
    name: String,
    endpoints: Vec<SocketAddr>,
    script: Script,
}

impl Internet {
    /// An empty one.
    pub fn builder() -> Self {
        Self::default()
    }

    /// A mail server at these addresses, port 25, and their A and AAAA records.
    /// Several calls with one name make nodes of one host, each with its own key.
    #[must_use]
    pub fn host(
        mut self,
        name: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
        script: impl Into<Script>,
    ) -> Self {
        let mut endpoints = Vec::new();
        for address in addresses {
            self.zone.address(name, address);
            endpoints.push(SocketAddr::new(address, SMTP));
        }
        self.service(name, endpoints, script)
    }

    /// A server at these endpoints, without DNS records: port 465 or 587, or an
    /// address that nothing points at.
    #[must_use]
    pub fn service(
        mut self,
        name: &str,
        endpoints: impl IntoIterator<Item = SocketAddr>,
        script: impl Into<Script>,
    ) -> Self {
        let endpoints = endpoints.into_iter().collect();
        self.hosts.push(Host { name: name.to_owned(), endpoints, script: script.into() });
        self
    }

    /// The policy host of a domain at these addresses, port 443, and their A and
    /// AAAA records. The record that announces a policy is not among them.
    #[must_use]
    pub fn policy_host(
        mut self,
        domain: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
        host: PolicyHost,
    ) -> Self {
        let name = format!("mta-sts.{domain}");
        let mut endpoints = Vec::new();
        for address in addresses {
            self.zone.address(&name, address);
            endpoints.push(SocketAddr::new(address, HTTPS));
        }
        self.service(&name, endpoints, host)
    }

    /// TLSA records for the keys that the servers of a host will have.
    #[must_use]
    pub fn tlsa(mut self, host: &str, published: Published) -> Self {
        self.published.push((host.to_owned(), published));
        self
    }

    /// A domain with its mail exchangers and their preferences.
    #[must_use]
    pub fn domain(mut self, domain: &str, exchanges: &[(u16, &str)]) -> Self {
        for (preference, exchange) in exchanges {
            self.zone.mx(domain, *preference, exchange);
        }
        // Asked for TLS reporting, the server can deny only what lies below a name
        // that exists.
        self.zone.txt(&format!("_tls.{domain}"), "pretend");
        self.names.push(domain.to_owned());
        self
    }

    /// Where nobody listens: connections are refused.
    #[must_use]
    pub fn closed(mut self, endpoint: SocketAddr) -> Self {
        self.closed.push(endpoint);
        self
    }

    /// More DNS: aliases, texts, faults.
    #[must_use]
    pub fn dns(mut self, change: impl FnOnce(&mut Zone)) -> Self {
        change(&mut self.zone);
        self
    }

    /// A box, which looks at mail and lets HTTPS pass. Where several lie on one path,
    /// the first has it.
    #[must_use]
    pub fn box_on(mut self, path: Path, behaviour: Behaviour, scope: Scope) -> Self {
        self.boxes.push((path, behaviour, scope));
        self
    }

    /// Opens a second way to every server that has a box before it, past the box: for
    /// a client elsewhere. See [`Running::clean_endpoints`].
    #[must_use]
    pub fn past_boxes(mut self) -> Self {
        self.past_boxes = true;
        self
    }

    /// How late bytes are in each direction, between server and box or client.
    /// The connection itself is up at once.
    #[must_use]
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// The address under which servers see a client of that family, and name it
    /// in their replies, instead of its loopback address. One a family.
    #[must_use]
    pub fn client(mut self, address: impl Into<IpAddr>) -> Self {
        self.clients.push(address.into());
        self
    }

    /// Two domains: [`CLEAN`] with two exchangers in good order, and
    /// [`STRIPPED`], whose exchanger has a box on its IPv4 path that masks
    /// banner, keyword and command, and a clean IPv6 path.
    pub fn demonstration() -> Self {
        let v4 = |last| IpAddr::V4(Ipv4Addr::new(203, 0, 113, last));
        let v6 = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x203, 0, 0, 0, 0, last));
        let (first, second, exchanger) =
            ("mx1.clean.example", "mx2.clean.example", "mx.stripped.example");
        Self::builder()
            .client(CLIENT_IPV4)
            .client(CLIENT_IPV6)
            .domain(CLEAN, &[(10, first), (20, second)])
            .host(first, [v4(11), v6(0x11)], Profile::new(Software::Postfix, first))
            .host(second, [v4(12), v6(0x12)], Profile::new(Software::Exim, second))
            .domain(STRIPPED, &[(10, exchanger)])
            .host(exchanger, [v4(62), v6(0x62)], Profile::new(Software::Sendmail, exchanger))
            .box_on(Path::Address(v4(62)), Behaviour::MaskAll, Scope::default())
    }

    /// Opens the sockets and starts serving.
    ///
    /// # Errors
    /// An address or name that is not reserved for documentation, a certificate
    /// or zone that cannot be made, no socket on 127.0.0.1.
    pub async fn start(mut self) -> Result<Running, Error> {
        self.refuse_what_is_real()?;
        let pki = Pki::new()?;
        let boxes = self.boxes(&pki)?;
        let mut servers = Vec::new();
        for host in self.hosts {
            let server = Server::new(host.script, &host.name, &pki)?;
            servers.push((host.name, host.endpoints, Arc::new(server)));
        }
        for (host, published) in self.published {
            let of_host = servers.iter().filter(|(name, ..)| *name == host);
            let keys: Vec<Vec<u8>> = of_host.flat_map(|(.., server)| server.keys()).collect();
            published.publish(&mut self.zone, &host, &keys);
        }
        let resolver = NameServer::start(&self.zone).await?;
        let mut running = Running {
            endpoints: HashMap::new(),
            clean: HashMap::new(),
            resolver,
            ca_pem: pki.root_pem().to_owned(),
            ipv6: ipv6_available().await,
            boxes: boxes.iter().map(|(_, middlebox)| Arc::clone(middlebox)).collect(),
            closed: Vec::new(),
            listeners: JoinSet::new(),
        };
        for (_, endpoints, server) in servers {
            for endpoint in endpoints {
                // A box looks at mail.
                let on_path = boxes
                    .iter()
                    .find(|(path, _)| endpoint.port() != HTTPS && path.leads_to(endpoint.ip()));
                let site = Site {
                    server: Arc::clone(&server),
                    middlebox: on_path.map(|(_, middlebox)| Arc::clone(middlebox)),
                    latency: self.latency,
                    client: self
                        .clients
                        .iter()
                        .copied()
                        .find(|client| Family::of(*client) == Family::of(endpoint.ip())),
                };
                if self.past_boxes && site.middlebox.is_some() {
                    let past = Site { middlebox: None, server: Arc::clone(&server), ..site };
                    running.open_past(endpoint, past).await?;
                }
                running.open(endpoint, site).await?;
            }
        }
        for endpoint in self.closed {
            running.close(endpoint)?;
        }
        Ok(running)
    }

    fn refuse_what_is_real(&self) -> Result<(), Error> {
        let endpoints = self.hosts.iter().flat_map(|host| &host.endpoints).chain(&self.closed);
        let addresses = endpoints.map(SocketAddr::ip).chain(self.clients.iter().copied());
        for address in addresses {
            if !is_documentation(address) {
                return Err(Error::NotReserved(address.to_string()));
            }
        }
        let names = self.hosts.iter().map(|host| &host.name).chain(&self.names);
        for name in names {
            if !is_reserved(name) {
                return Err(Error::NotReserved(name.clone()));
            }
        }
        Ok(())
    }

    fn boxes(&self, pki: &Pki) -> Result<Vec<(Path, Arc<Middlebox>)>, Error> {
        let mut boxes = Vec::new();
        for (path, behaviour, scope) in &self.boxes {
            let mut middlebox = Middlebox::new(*behaviour, scope.clone());
            if behaviour.ends_tls() {
                middlebox = middlebox.with_foreign(Foreign::trusting(pki.roots()?)?);
            }
            boxes.push((*path, Arc::new(middlebox)));
        }
        Ok(boxes)
    }
}

/// A pretend internet that runs until it is dropped.
pub struct Running {
    endpoints: HashMap<SocketAddr, SocketAddr>,
    /// Those that a client elsewhere reaches past a box.
    clean: HashMap<SocketAddr, SocketAddr>,
    resolver: NameServer,
    ca_pem: String,
    ipv6: bool,
    boxes: Vec<Arc<Middlebox>>,
    /// Bound and not listening, which keeps the port refusing.
    closed: Vec<TcpSocket>,
    /// Each task ends with this, and its connections with it.
    listeners: JoinSet<()>,
}

impl Running {
    /// Pretend endpoint to loopback socket. A dialler must treat a pretend
    /// address that is not in here as unreachable, and never dial it.
    pub fn endpoints(&self) -> &HashMap<SocketAddr, SocketAddr> {
        &self.endpoints
    }

    /// The same for a client on paths without a box; equal to [`Self::endpoints`]
    /// unless [`Internet::past_boxes`] was asked for.
    pub fn clean_endpoints(&self) -> HashMap<SocketAddr, SocketAddr> {
        let mut endpoints = self.endpoints.clone();
        endpoints.extend(self.clean.iter().map(|(pretend, real)| (*pretend, *real)));
        endpoints
    }

    /// The resolver, UDP and TCP.
    pub fn resolver(&self) -> SocketAddr {
        self.resolver.address()
    }

    /// The root zone's DNSKEY in zone-file form, for `--trust-anchor`; `None`
    /// where the zone was left unsigned.
    pub fn trust_anchor(&self) -> Option<&str> {
        self.resolver.trust_anchor()
    }

    /// The root certificate, for `--ca`.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Whether this machine has `::1`. Without it the IPv6 endpoints are left
    /// out, and the AAAA records remain: the hosts have the addresses all the same.
    pub fn ipv6_available(&self) -> bool {
        self.ipv6
    }

    /// The boxes, in the order in which they were planned; their counts tell a
    /// test whether they were on the path.
    pub fn boxes(&self) -> &[Arc<Middlebox>] {
        &self.boxes
    }

    async fn open(&mut self, endpoint: SocketAddr, site: Site) -> Result<(), Error> {
        if let Some(real) = self.listen_for(endpoint, site).await? {
            self.endpoints.insert(endpoint, real);
        }
        Ok(())
    }

    async fn open_past(&mut self, endpoint: SocketAddr, site: Site) -> Result<(), Error> {
        if let Some(real) = self.listen_for(endpoint, site).await? {
            self.clean.insert(endpoint, real);
        }
        Ok(())
    }

    /// The socket that stands for an endpoint; `None` for IPv6 where there is none.
    async fn listen_for(
        &mut self,
        endpoint: SocketAddr,
        site: Site,
    ) -> Result<Option<SocketAddr>, Error> {
        if endpoint.is_ipv6() && !self.ipv6 {
            return Ok(None);
        }
        let listener = TcpListener::bind((loopback(endpoint), 0)).await?;
        let real = listener.local_addr()?;
        self.listeners.spawn(listen(listener, Arc::new(site)));
        Ok(Some(real))
    }

    fn close(&mut self, endpoint: SocketAddr) -> Result<(), Error> {
        if endpoint.is_ipv6() && !self.ipv6 {
            return Ok(());
        }
        let socket = if endpoint.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.bind(SocketAddr::new(loopback(endpoint), 0))?;
        self.endpoints.insert(endpoint, socket.local_addr()?);
        self.closed.push(socket);
        Ok(())
    }
}

/// What stands behind one pretend endpoint.
struct Site {
    server: Arc<Server>,
    middlebox: Option<Arc<Middlebox>>,
    latency: Duration,
    /// Who the client is said to be.
    client: Option<IpAddr>,
}

impl Site {
    /// Carries one connection, through the box if there is one.
    async fn carry(&self, client: TcpStream, peer: IpAddr) -> io::Result<()> {
        let peer = self.client.unwrap_or(peer);
        let Some(middlebox) = &self.middlebox else {
            return self.reach(client, peer).await;
        };
        // The server's end exists only once the box dials.
        let (dialled, accepted) = oneshot::channel();
        let upstream = async move {
            let (near, far) = hop::pair().await?;
            dialled.send(far).map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(near)
        };
        let server = async {
            match accepted.await {
                Ok(stream) => self.reach(stream, peer).await,
                Err(_) => Ok(()),
            }
        };
        let (through, beyond) = tokio::join!(middlebox.serve(client, upstream), server);
        through.and(beyond)
    }

    /// The server, with the latency before it.
    async fn reach(&self, stream: TcpStream, peer: IpAddr) -> io::Result<()> {
        if self.latency.is_zero() {
            return self.server.serve(stream, peer).await;
        }
        let (near, far) = hop::pair().await?;
        let late = hop::delay(stream, near, self.latency);
        let (carried, served) = tokio::join!(late, self.server.serve(far, peer));
        carried.and(served)
    }
}

/// Accepts until it is dropped, and its connections with it.
async fn listen(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, peer)) = accepted {
                let site = Arc::clone(&site);
                connections.spawn(async move {
                    // How a pretend connection ends is for the client to see.
                    let _ = site.carry(stream, peer.ip()).await;
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

fn loopback(endpoint: SocketAddr) -> IpAddr {
    if endpoint.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

async fn ipv6_available() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok()
}

/// RFC 5737 §3, RFC 3849 §2.
fn is_documentation(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_documentation(),
        IpAddr::V6(v6) => matches!(v6.segments(), [0x2001, 0xdb8, ..]),
    }
}

fn is_reserved(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    RESERVED.iter().any(|zone| {
        name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::sim::server::Hostile;

    const PATIENCE: Duration = Duration::from_secs(5);
    const HOST: &str = "mx.example.net";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn postfix() -> Profile {
        Profile::new(Software::Postfix, HOST)
    }

    async fn dial(running: &Running, endpoint: &str) -> io::Result<TcpStream> {
        TcpStream::connect(running.endpoints()[&endpoint.parse().unwrap()]).await
    }

    /// What the server says up to the end of a line that begins like this.
    async fn hear(stream: &mut TcpStream, last: &str) -> String {
        let mut heard = String::new();
        while !heard.lines().any(|line| line.starts_with(last)) || !heard.ends_with('\n') {
            let byte = timeout(PATIENCE, stream.read_u8()).await;
            heard.push(char::from(byte.expect(&heard).expect(&heard)));
        }
        heard
    }

    async fn ehlo(stream: &mut TcpStream) -> (String, String) {
        let greeting = hear(stream, "220 ").await;
        stream.write_all(b"EHLO probe.example.org\r\n").await.unwrap();
        (greeting, hear(stream, "250 ").await)
    }

    #[tokio::test]
    async fn the_demonstration_is_clean_but_for_one_path() {
        let running = Internet::demonstration().start().await.unwrap();
        assert_eq!(running.endpoints().len(), if running.ipv6_available() { 6 } else { 3 });
        for (endpoint, local) in running.endpoints() {
            let mut stream = TcpStream::connect(local).await.unwrap();
            let (greeting, offer) = ehlo(&mut stream).await;
            let masked = endpoint.ip() == ip("203.0.113.62");
            assert_eq!(greeting.contains("****"), masked, "{endpoint}");
            assert_eq!(offer.contains("STARTTLS"), !masked, "{endpoint}");
            let us = if endpoint.is_ipv4() { "[198.51.100.10]" } else { "[IPv6:2001:db8:100::10]" };
            let echoes = !offer.contains("mx1.clean");
            assert_eq!(offer.contains(us), echoes, "Postfix alone names no client: {offer}");
            stream.write_all(b"STARTTLS\r\n").await.unwrap();
            let reply = hear(&mut stream, if masked { "500 " } else { "220 " }).await;
            assert_eq!(reply.contains("\"XXXXXXXX\""), masked, "{endpoint}");
        }
        assert_eq!(running.boxes()[0].counts(), (1, 1));
        assert!(running.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(running.trust_anchor().unwrap().contains("DNSKEY 257 3 13"));
    }

    #[tokio::test]
    async fn a_box_lies_only_on_its_path() {
        let running = Internet::builder()
            .host(HOST, [ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")], postfix())
            .box_on(Path::Address(ip("192.0.2.1")), Behaviour::MaskKeywordX, Scope::default())
            .box_on(Path::Family(Family::Ipv4), Behaviour::DropKeyword, Scope::default())
            .start()
            .await
            .unwrap();
        let mut seen = Vec::new();
        for endpoint in ["192.0.2.1:25", "192.0.2.2:25", "[2001:db8::1]:25"] {
            if endpoint.starts_with('[') && !running.ipv6_available() {
                continue;
            }
            let (_, offer) = ehlo(&mut dial(&running, endpoint).await.unwrap()).await;
            seen.push((offer.contains("STARTTLS"), offer.contains("XXXXXXXX")));
        }
        assert_eq!(seen[..2], [(false, true), (false, false)]);
        assert!(seen.get(2).is_none_or(|v6| *v6 == (true, false)));
    }

    #[tokio::test]
    async fn a_closed_port_refuses_and_a_silent_one_does_not_greet() {
        let running = Internet::builder()
            .closed("192.0.2.9:25".parse().unwrap())
            .host(HOST, [ip("192.0.2.1")], Hostile::NeverAnswers)
            .start()
            .await
            .unwrap();
        let error = dial(&running, "192.0.2.9:25").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let mut silent = dial(&running, "192.0.2.1:25").await.unwrap();
        assert!(timeout(Duration::from_millis(150), silent.read_u8()).await.is_err());
    }

    #[tokio::test]
    async fn latency_counts_in_each_direction() {
        const LATENCY: Duration = Duration::from_millis(40);
        let running = Internet::builder()
            .host(HOST, [ip("192.0.2.1")], postfix())
            .box_on(Path::All, Behaviour::MaskKeyword, Scope::default())
            .latency(LATENCY)
            .start()
            .await
            .unwrap();
        let begin = Instant::now();
        let (_, offer) = ehlo(&mut dial(&running, "192.0.2.1:25").await.unwrap()).await;
        assert!(offer.contains("XXXXXXXA"));
        assert!(begin.elapsed() >= LATENCY * 3, "{:?}", begin.elapsed());
    }

    #[tokio::test]
    async fn everything_ends_with_it() {
        let running =
            Internet::builder().host(HOST, [ip("192.0.2.1")], postfix()).start().await.unwrap();
        let local = running.endpoints()[&"192.0.2.1:25".parse().unwrap()];
        let mut stream = TcpStream::connect(local).await.unwrap();
        hear(&mut stream, "220 ").await;
        drop(running);
        let ended = timeout(PATIENCE, stream.read(&mut [0; 64])).await.expect("still open");
        assert!(matches!(ended, Ok(0) | Err(_)));
        // The listener's task is dropped by the runtime, not in the call itself.
        let refused = timeout(PATIENCE, async {
            while TcpStream::connect(local).await.is_ok() {
                tokio::task::yield_now().await;
            }
        });
        refused.await.expect("still listening");
    }

    #[tokio::test]
    async fn what_could_be_somebodys_is_refused() {
        let plans = [
            Internet::builder().host(HOST, [ip("8.8.8.8")], postfix()),
            Internet::builder().host("mx.google.com", [ip("192.0.2.1")], postfix()),
            Internet::builder().domain("notexample.net", &[]),
            Internet::builder().closed("127.0.0.1:25".parse().unwrap()),
        ];
        for plan in plans {
            assert!(matches!(plan.start().await, Err(Error::NotReserved(_))));
        }
    }
}
