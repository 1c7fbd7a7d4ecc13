//! What DNS itself shows: CNAMEs, hosts without address, bogus answers.
//!
//! Refuses to know sessions.

use std::net::IpAddr;

use crate::judge::catalogue::{self as catalogue, on_host};
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Subject};
use crate::model::route::{Dnssec, Exchange, LookupError, Route};
use crate::smtp::argument::is_domain_name;

pub(super) fn findings(evidence: &Evidence) -> Vec<Finding> {
    evidence.routes.iter().flat_map(of_route).collect()
}

fn of_route(route: &Route) -> Vec<Finding> {
    let mut found = Vec::new();
    if route.null_mx_beside_others {
        found.push(catalogue::NULL_MX_BESIDE_OTHERS.raised(
            Subject::default(),
            Vec::new(),
            "A null MX stands beside other MX records.",
        ));
    }
    if route.dnssec == Dnssec::Bogus || route.error == Some(LookupError::Bogus) {
        found.push(catalogue::DNS_BOGUS.raised(
            Subject::default(),
            Vec::new(),
            "The DNSSEC signatures of the answer that leads to the mail servers do not hold; \
             without validation there was an answer, and it was used here. Senders behind a \
             validating resolver get none, and do not deliver.",
        ));
    }
    found.extend(route.exchanges.iter().flat_map(of_exchange));
    found
}

fn of_exchange(exchange: &Exchange) -> Vec<Finding> {
    let host = &exchange.host;
    let mut found = Vec::new();
    if exchange.preference.is_some() && !exchange.cname.is_empty() {
        found.push(catalogue::MX_IS_CNAME.raised(
            on_host(host),
            Vec::new(),
            format!("The MX host {host} is an alias of {}.", exchange.cname.join(", then ")),
        ));
    }
    if exchange.preference.is_some() && !is_host_name(host) {
        found.push(catalogue::MX_HOST_MALFORMED.raised(
            on_host(host),
            Vec::new(),
            format!("An MX record names \"{host}\", which is no domain name."),
        ));
    }
    let errors = [exchange.ipv4.error, exchange.ipv6.error];
    let empty = exchange.ipv4.addresses.is_empty() && exchange.ipv6.addresses.is_empty();
    let denied = errors.iter().flatten().all(|error| error.is_denial());
    if empty && denied {
        found.push(catalogue::MX_WITHOUT_ADDRESS.raised(
            on_host(host),
            Vec::new(),
            format!("The MX host {host} has no address."),
        ));
    }
    for (label, error) in ["A", "AAAA"].iter().zip(errors) {
        if let Some(error) = error.filter(|error| !error.is_denial()) {
            found.push(catalogue::DNS_FAILED.raised(
                on_host(host),
                Vec::new(),
                format!("The {label} lookup of {host} failed: {}.", words(error)),
            ));
        }
    }
    if exchange.ipv4.dnssec == Dnssec::Bogus || exchange.ipv6.dnssec == Dnssec::Bogus {
        found.push(catalogue::DNS_BOGUS.raised(
            on_host(host),
            Vec::new(),
            format!(
                "The DNSSEC signatures of the addresses of {host} do not hold. Senders behind a \
                 validating resolver find no way to it."
            ),
        ));
    }
    found
}

/// Whether a name may be that of a host. Names of real ones have underscores in them
/// (RFC 2181 §11); an address has the shape of a name and is none (RFC 5321 §5.1).
fn is_host_name(host: &str) -> bool {
    is_domain_name(&host.replace('_', "x")) && host.parse::<IpAddr>().is_err()
}

fn words(error: LookupError) -> &'static str {
    match error {
        LookupError::Nxdomain => "the name does not exist",
        LookupError::Nodata => "there is no such record",
        LookupError::Servfail => "the resolver said SERVFAIL",
        LookupError::Refused => "the resolver refused",
        LookupError::Bogus => "the DNSSEC signatures of the answer do not hold",
        LookupError::Timeout => "no answer in time",
        LookupError::Unreachable => "no resolver could be reached",
        LookupError::Other => "no usable answer",
    }
}
