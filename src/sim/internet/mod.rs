//! The pretend internet as a whole: hosts, domains, boxes on paths, and the map
//! from documentation addresses to loopback sockets.
//!
//! Owns which pretend address is served by what, through which box: here the plan, in
//! `running` what came of it, in `site` what is behind one socket. Refuses to use any
//! address or name that is not reserved (`reserved`), so that nothing pretended can be
//! taken for somebody.

mod reserved;
mod running;
mod site;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::model::probe::Family;
use crate::sim::Error;
use crate::sim::dns::Zone;
use crate::sim::middlebox::{Behaviour, Scope};
use crate::sim::policy_host::PolicyHost;
use crate::sim::published::Published;
use crate::sim::server::{Profile, Script, Software};

pub use running::Running;

/// The port of SMTP between mail servers.
const SMTP: u16 = 25;
/// The port of HTTPS.
const HTTPS: u16 = 443;

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

    fn refuse_what_is_real(&self) -> Result<(), Error> {
        let endpoints = self.hosts.iter().flat_map(|host| &host.endpoints).chain(&self.closed);
        let addresses = endpoints.map(SocketAddr::ip).chain(self.clients.iter().copied());
        for address in addresses {
            if !reserved::is_documentation(address) {
                return Err(Error::NotReserved(address.to_string()));
            }
        }
        let names = self.hosts.iter().map(|host| &host.name).chain(&self.names);
        for name in names {
            if !reserved::is_reserved(name) {
                return Err(Error::NotReserved(name.clone()));
            }
        }
        Ok(())
    }
}
