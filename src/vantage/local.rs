//! This process as a vantage point: its resolver and its sockets.
//!
//! Owns nothing but these two. Refuses to judge, and to know other views.

use std::net::IpAddr;

use futures_util::future::join_all;

use super::wire::{Resolved, Wanted};
use crate::dns::Resolver;
use crate::model::observation::Observation;
use crate::model::probe::{Family, Probe};
use crate::model::report::{Families, FamilyUse, ResolverUsed};
use crate::model::route::{Dnssec, Exchange, LookupError, Route, RouteKind};
use crate::model::session::Stage;
use crate::model::target::Target;
use crate::observe::{self, Dialler};

/// What observes from here.
pub struct Local {
    /// Looks names up; `None` where every target is an address.
    pub resolver: Option<Resolver>,
    /// Opens connections.
    pub dialler: Dialler,
}

impl Local {
    /// What DNS says of a target, as seen by the vantage point of this name, with
    /// what the first `hosts` exchanges promise for a port.
    pub async fn resolve(&self, target: &Target, wanted: Wanted, vantage: &str) -> Resolved {
        let route = match (Route::of_address(target, vantage), &self.resolver) {
            (Some(route), _) => route,
            (None, Some(resolver)) => {
                let mut route = resolver.route(target, vantage).await;
                ask_tlsa(resolver, &mut route, wanted).await;
                route
            }
            (None, None) => unresolved(vantage),
        };
        let families = self.usable_families(&route, wanted.asked);
        Resolved { route, families, resolver: self.resolver_used() }
    }

    /// The resolver that was asked; `None` before the first lookup.
    pub fn resolver_used(&self) -> Option<ResolverUsed> {
        self.resolver.as_ref().and_then(Resolver::described)
    }

    /// One connection.
    pub async fn observe(
        &self,
        probe: Probe,
        progress: &(dyn Fn(Stage) + Sync),
        stop: impl Future<Output = ()>,
    ) -> Observation {
        observe::observe(String::new(), probe, &self.dialler, progress, stop).await
    }

    /// Finds out which families this machine can use: by the route to the target's
    /// own addresses, else by the route to a documentation address (RFC 5737, RFC
    /// 3849). Sends nothing.
    pub fn usable_families(&self, route: &Route, asked: Families) -> Families {
        let somewhere: [IpAddr; 2] = [
            std::net::Ipv4Addr::new(192, 0, 2, 1).into(),
            std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ];
        let usable = |family: Family| {
            let known = route.exchanges.iter().flat_map(Exchange::addresses);
            let mut candidates = known.chain(somewhere).filter(|ip| Family::of(*ip) == family);
            if candidates.any(|ip| self.dialler.source_towards(ip).is_ok()) {
                FamilyUse::Usable
            } else {
                FamilyUse::Unusable
            }
        };
        let state = |family| match asked.of(family) {
            FamilyUse::NotAsked => FamilyUse::NotAsked,
            _ => usable(family),
        };
        Families { ipv4: state(Family::Ipv4), ipv6: state(Family::Ipv6) }
    }
}

/// Fills in what the hosts that will be probed promise, all at once.
async fn ask_tlsa(resolver: &Resolver, route: &mut Route, wanted: Wanted) {
    let exchanges = || route.exchanges.iter().take(wanted.hosts);
    let answers = exchanges().map(|exchange| resolver.tlsa(exchange, wanted.port));
    let answers = join_all(answers).await;
    for (exchange, answer) in route.exchanges.iter_mut().zip(answers) {
        exchange.tlsa = answer;
    }
}

/// A name, and nobody to ask.
fn unresolved(vantage: &str) -> Route {
    Route {
        vantage: vantage.to_owned(),
        kind: RouteKind::None,
        dnssec: Dnssec::Indeterminate,
        error: Some(LookupError::Unreachable),
        error_detail: Some("no resolver is configured".to_owned()),
        cname: Vec::new(),
        null_mx_beside_others: false,
        exchanges: Vec::new(),
    }
}
