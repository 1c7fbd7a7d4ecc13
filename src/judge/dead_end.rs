//! Where DNS alone decides.
//!
//! Owns the claims on targets that have no address to ask. Refuses to know sessions.

use super::claim::Claim;
use crate::model::route::{LookupError, Route, RouteKind};
use crate::model::verdict::Status;

/// The claim on a route that leads to no address; `None` where it leads somewhere.
pub(super) fn of_route(route: &Route) -> Option<Claim> {
    match route.kind {
        RouteKind::NullMx => return Some(Claim::because(Status::NoMail, "null-mx")),
        RouteKind::None => {}
        _ if without_address(route) => return Some(address_less(route)),
        _ => return None,
    }
    Some(match route.error {
        // The domain exists, and has neither MX nor addresses.
        Some(LookupError::Nodata) | None => Claim::because(Status::NoMail, "no-mx-no-address"),
        Some(error) => Claim::because(Status::Unresolvable, word(error)),
    })
}

fn without_address(route: &Route) -> bool {
    route
        .exchanges
        .iter()
        .all(|exchange| exchange.ipv4.addresses.is_empty() && exchange.ipv6.addresses.is_empty())
}

/// No host has an address: for certain, or only as far as DNS answered.
fn address_less(route: &Route) -> Claim {
    let errors =
        route.exchanges.iter().flat_map(|exchange| [exchange.ipv4.error, exchange.ipv6.error]);
    let failure = errors.flatten().find(|error| !error.is_denial());
    let because = failure.map_or("mx-without-address", word);
    Claim::because(Status::Unresolvable, because)
}

fn word(error: LookupError) -> &'static str {
    match error {
        LookupError::Nxdomain => "nxdomain",
        LookupError::Nodata => "nodata",
        LookupError::Servfail => "servfail",
        LookupError::Refused => "dns-refused",
        LookupError::Bogus => "bogus",
        LookupError::Timeout => "timeout",
        LookupError::Unreachable => "resolver-unreachable",
        LookupError::Other => "dns-error",
    }
}
