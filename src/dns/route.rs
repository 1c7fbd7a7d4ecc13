//! From a target to its route: which hosts, in which order, at which addresses.
//!
//! Owns the rules of RFC 5321 §5.1 and RFC 7505. Refuses to know how an answer
//! was got and validated.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::future::{join, join_all};
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::answer::{Answer, lowest};
use super::lookup::Resolver;
use crate::model::route::{AddressAnswer, Dnssec, Exchange, LookupError, Route, RouteKind};
use crate::model::target::{Target, TargetKind};

/// Most MX hosts that are taken from one answer.
pub const MAX_EXCHANGES: usize = 64;

/// Most addresses of one family that are taken for one host.
pub const MAX_ADDRESSES: usize = 64;

impl Resolver {
    /// Follows a target to its hosts and their addresses, as `vantage` sees them.
    ///
    /// Never fails: each answer carries its own error and DNSSEC status.
    pub async fn route(&self, target: &Target, vantage: &str) -> Route {
        let empty = Route {
            vantage: vantage.to_owned(),
            kind: RouteKind::None,
            dnssec: Dnssec::Indeterminate,
            error: None,
            error_detail: None,
            cname: Vec::new(),
            null_mx_beside_others: false,
            exchanges: Vec::new(),
        };
        match &target.kind {
            TargetKind::Address { ip, .. } => {
                Route { kind: RouteKind::Address, exchanges: vec![named(*ip)], ..empty }
            }
            TargetKind::Host { host, .. } => self.host_route(host, empty).await,
            TargetKind::Domain(domain) => self.domain_route(domain, empty).await,
        }
    }

    async fn host_route(&self, host: &str, empty: Route) -> Route {
        let Some(name) = absolute(host) else {
            return unspeakable(host, empty);
        };
        let hosted = self.exchange(name, None).await;
        Route {
            kind: RouteKind::Host,
            dnssec: hosted.dnssec(),
            error_detail: joined(&hosted.notes),
            exchanges: vec![hosted.exchange],
            ..empty
        }
    }

    async fn domain_route(&self, domain: &str, empty: Route) -> Route {
        let Some(name) = absolute(domain) else {
            return unspeakable(domain, empty);
        };
        let mx = self.ask(name.clone(), RecordType::MX).await;
        let owner = mx.links.last().cloned().unwrap_or(name);
        let route =
            Route { dnssec: mx.dnssec, cname: mx.links.iter().map(plain).collect(), ..empty };
        match mx.error {
            None => self.mx_route(&mx, route).await,
            // RFC 5321 §5.1: only where the list of MX is empty, never after an error.
            Some(LookupError::Nodata) => self.implicit_route(owner, route).await,
            Some(error) => {
                let detail = self.described_error(&mx, "MX", &owner);
                Route { error: Some(error), error_detail: Some(detail), ..route }
            }
        }
    }

    async fn mx_route(&self, mx: &Answer, route: Route) -> Route {
        let chosen = Exchanges::of(&mx.records);
        if chosen.hosts.is_empty() {
            return Route { kind: RouteKind::NullMx, ..route };
        }
        let lookups = chosen.hosts.into_iter().map(|(preference, host)| {
            let host = host.to_lowercase();
            self.exchange(host, Some(preference))
        });
        let mut notes = chosen.notes;
        let mut exchanges = Vec::new();
        for hosted in join_all(lookups).await {
            notes.extend(hosted.notes);
            exchanges.push(hosted.exchange);
        }
        Route {
            kind: RouteKind::Mx,
            error_detail: joined(&notes),
            null_mx_beside_others: chosen.has_null,
            exchanges,
            ..route
        }
    }

    /// The domain as its own exchange, where it has addresses (RFC 5321 §5.1).
    async fn implicit_route(&self, owner: Name, route: Route) -> Route {
        let hosted = self.exchange(owner, None).await;
        let dnssec = lowest(route.dnssec, hosted.dnssec());
        let Some(error) = hosted.error() else {
            return Route {
                kind: RouteKind::ImplicitMx,
                dnssec,
                error_detail: joined(&hosted.notes),
                exchanges: vec![hosted.exchange],
                ..route
            };
        };
        let host = hosted.exchange.host;
        let detail = format!("no MX, and no address of {host}: {}", hosted.notes.join("; "));
        Route { dnssec, error: Some(error), error_detail: Some(detail), ..route }
    }

    /// The addresses of a host in A-labels, both families at once.
    ///
    /// Never fails: each answer carries its own error and status.
    pub async fn addresses(
        &self,
        host: &str,
    ) -> (AddressAnswer<Ipv4Addr>, AddressAnswer<Ipv6Addr>) {
        let Some(name) = absolute(host) else {
            let (error, dnssec) = (Some(LookupError::Other), Dnssec::Indeterminate);
            return (
                AddressAnswer { addresses: Vec::new(), dnssec, error },
                AddressAnswer { addresses: Vec::new(), dnssec, error },
            );
        };
        let (a, aaaa) = self.both_families(&name).await;
        (addresses(&a, v4), addresses(&aaaa, v6))
    }

    async fn both_families(&self, host: &Name) -> (Answer, Answer) {
        join(self.ask(host.clone(), RecordType::A), self.ask(host.clone(), RecordType::AAAA)).await
    }

    /// Status of the first CNAME link from a host. Where all links and the
    /// addresses at their end are secure it is known from them; else the link is
    /// asked for alone (RFC 7672 §2.1.3).
    async fn link_status(&self, host: &Name, a: &Answer, aaaa: &Answer) -> Option<Dnssec> {
        if a.links.is_empty() && aaaa.links.is_empty() {
            return None;
        }
        let is_secure =
            |answer: &Answer| !answer.links.is_empty() && answer.dnssec == Dnssec::Secure;
        if is_secure(a) || is_secure(aaaa) {
            return Some(Dnssec::Secure);
        }
        let link = self.ask(host.clone(), RecordType::CNAME).await;
        // A link that was there a moment ago and is not any more is no statement.
        Some(if link.error.is_none() {
            link.dnssec
        } else {
            lowest(link.dnssec, Dnssec::Indeterminate)
        })
    }

    /// Both families of one host, and the first of its links.
    async fn exchange(&self, host: Name, preference: Option<u16>) -> Hosted {
        let (a, aaaa) = self.both_families(&host).await;
        let cname_dnssec = self.link_status(&host, &a, &aaaa).await;
        let mut notes = Vec::new();
        if let Some(literal) = literal(&host) {
            notes.push(format!("{literal} is named as a host, and is an address (RFC 5321 §5.1)"));
        }
        for (answer, kind) in [(&a, "A"), (&aaaa, "AAAA")] {
            if answer.error.is_some_and(|error| error != LookupError::Nodata) {
                notes.push(self.described_error(answer, kind, &host));
            }
            if answer.records.len() > MAX_ADDRESSES {
                let count = answer.records.len();
                let host = plain(&host);
                notes.push(format!(
                    "{host} has {count} {kind} records; {MAX_ADDRESSES} of them are used"
                ));
            }
        }
        let links = if a.links.is_empty() { &aaaa.links } else { &a.links };
        let exchange = Exchange {
            host: plain(&host),
            preference,
            cname: links.iter().map(plain).collect(),
            cname_dnssec,
            ipv4: addresses(&a, v4),
            ipv6: addresses(&aaaa, v6),
            tlsa: None,
        };
        Hosted { exchange, notes }
    }

    fn described_error(&self, answer: &Answer, kind: &str, name: &Name) -> String {
        let detail = answer.detail.as_deref().unwrap_or("no records");
        let servers = self.server_names().join(", ");
        format!("{kind} {}: {detail} (resolver {servers})", plain(name))
    }
}

/// One host as looked up, and what is to be said about that.
struct Hosted {
    exchange: Exchange,
    notes: Vec<String>,
}

impl Hosted {
    fn dnssec(&self) -> Dnssec {
        lowest(self.exchange.ipv4.dnssec, self.exchange.ipv6.dnssec)
    }

    /// Why there is no address in either family: what was not denied for certain
    /// comes first, since an address may hide behind it.
    fn error(&self) -> Option<LookupError> {
        let (v4, v6) = (self.exchange.ipv4.error?, self.exchange.ipv6.error?);
        Some(if v4.is_denial() { v6 } else { v4 })
    }
}

/// What an MX answer says, read by RFC 5321 §5.1 and RFC 7505.
struct Exchanges {
    /// By preference, then by name; each host once, at its best preference.
    hosts: Vec<(u16, Name)>,
    has_null: bool,
    notes: Vec<String>,
}

impl Exchanges {
    fn of(records: &[RData]) -> Self {
        let mut hosts: Vec<(u16, Name)> = records
            .iter()
            .filter_map(|record| match record {
                RData::MX(mx) => Some((mx.preference, mx.exchange.to_lowercase())),
                _ => None,
            })
            .collect();
        let before = hosts.len();
        hosts.retain(|(_, host)| !host.is_root());
        let has_null = hosts.len() < before;
        hosts.sort_by_cached_key(|(preference, host)| (*preference, plain(host)));
        let mut seen = std::collections::HashSet::new();
        hosts.retain(|(_, host)| seen.insert(host.clone()));
        let mut notes = Vec::new();
        if hosts.len() > MAX_EXCHANGES {
            notes.push(format!("{} MX hosts; the first {MAX_EXCHANGES} are used", hosts.len()));
            hosts.truncate(MAX_EXCHANGES);
        }
        Self { hosts, has_null, notes }
    }
}

/// The exchange that an address target is: nothing was looked up.
fn named(ip: IpAddr) -> Exchange {
    let (v4, v6) = match ip {
        IpAddr::V4(v4) => (vec![v4], vec![]),
        IpAddr::V6(v6) => (vec![], vec![v6]),
    };
    Exchange {
        host: ip.to_string(),
        preference: None,
        cname: Vec::new(),
        cname_dnssec: None,
        ipv4: AddressAnswer::named(v4),
        ipv6: AddressAnswer::named(v6),
        tlsa: None,
    }
}

fn addresses<A>(answer: &Answer, address: fn(&RData) -> Option<A>) -> AddressAnswer<A> {
    AddressAnswer {
        addresses: answer.records.iter().filter_map(address).take(MAX_ADDRESSES).collect(),
        dnssec: answer.dnssec,
        error: answer.error,
    }
}

pub(super) fn v4(record: &RData) -> Option<Ipv4Addr> {
    if let RData::A(a) = record { Some(a.0) } else { None }
}

pub(super) fn v6(record: &RData) -> Option<Ipv6Addr> {
    if let RData::AAAA(aaaa) = record { Some(aaaa.0) } else { None }
}

/// A route to nowhere, for a name that DNS cannot carry.
fn unspeakable(name: &str, empty: Route) -> Route {
    let detail = format!("{name} is not a name that DNS can carry");
    Route { error: Some(LookupError::Other), error_detail: Some(detail), ..empty }
}

/// A name in A-labels as an absolute one.
pub(super) fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// Lower case, no trailing dot.
pub(super) fn plain(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

/// The address that somebody put where a host name belongs.
fn literal(host: &Name) -> Option<String> {
    let text = plain(host);
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_string())
}

fn joined(notes: &[String]) -> Option<String> {
    (!notes.is_empty()).then(|| notes.join("; "))
}
