//! A plan put into effect: servers, boxes and name server started, and a loopback
//! socket opened for each pretend endpoint.
//!
//! Owns sockets and tasks, which end with it. Refuses to know what is said on them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use super::site::{self, Site};
use super::{HTTPS, Internet, Path};
use crate::model::probe::Family;
use crate::sim::Error;
use crate::sim::dns::NameServer;
use crate::sim::middlebox::{Foreign, Middlebox};
use crate::sim::pki::Pki;
use crate::sim::server::Server;

impl Internet {
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
        self.listeners.spawn(site::listen(listener, Arc::new(site)));
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

fn loopback(endpoint: SocketAddr) -> IpAddr {
    if endpoint.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

async fn ipv6_available() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_ok()
}
