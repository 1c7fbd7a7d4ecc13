//! Real sockets, real signatures: a resolver against the pretend one.

mod beside;
mod dnssec;
mod promises;
mod routing;
mod servers;
mod tampering;
mod trusted;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::testing::{Asked, Delegation, Server, World, is_dnssec, name};
use super::{Notice, Resolver, ResolverSettings, SILENCE, TrustAnchor, nameservers};
use crate::model::report::DnssecSource;
use crate::model::route::{Dnssec, LookupError, Route, RouteKind};

/// Short enough for a test that waits for it, long enough for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(3);
/// A time-out that nothing may wait for: who does hangs.
const FOREVER: Duration = Duration::from_hours(1);
/// When a test counts as hanging, however busy the machine.
const HANG: Duration = Duration::from_mins(5);

fn settings(servers: &[SocketAddr], anchor: &str) -> ResolverSettings {
    ResolverSettings {
        servers: servers.to_vec(),
        anchor: TrustAnchor::parse(anchor).unwrap(),
        trust_ad: false,
        timeout: TIMEOUT,
        notice: None,
    }
}

/// An anchor that no zone of a test has: nothing may depend on it.
const NO_ANCHOR: &str = ". IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";

fn resolver(server: &Server, anchor: &str) -> Resolver {
    Resolver::new(settings(&[server.address], anchor)).unwrap()
}

async fn route(resolver: &Resolver, target: &str) -> Route {
    resolver.route(&target.parse().unwrap(), "local").await
}

/// `mail.test` and what its hosts look like; unsigned.
fn unsigned() -> World {
    World::default().zone(".", Delegation::Unsigned, "").zone(
        "test.",
        Delegation::Unsigned,
        "both 3600 IN MX 20 B.Mx.Test.
         both 3600 IN MX 10 z.mx
         both 3600 IN MX 20 a.mx
         both 3600 IN MX 30 a.mx
         a.mx 3600 IN A 192.0.2.1
         a.mx 3600 IN A 192.0.2.2
         a.mx 3600 IN AAAA 2001:db8::1
         b.mx 3600 IN A 192.0.2.3
         null 3600 IN MX 0 .
         null 3600 IN A 192.0.2.4
         mixed 3600 IN MX 0 .
         mixed 3600 IN MX 10 b.mx
         implicit 3600 IN AAAA 2001:db8::5
         text 3600 IN TXT nothing
         alias 3600 IN CNAME link
         link 3600 IN CNAME both
         aliased 3600 IN MX 10 cn.mx
         cn.mx 3600 IN CNAME a.mx
         void 3600 IN MX 10 missing.mx
         literal 3600 IN MX 10 192.0.2.1.
         dangling 3600 IN CNAME nowhere
         loop 3600 IN CNAME pool
         pool 3600 IN CNAME loop
         fallback 3600 IN A 192.0.2.6
         xn--bcher-kva 3600 IN MX 10 b.mx",
    )
}

fn code(mut message: Message, code: ResponseCode) -> Message {
    message.answers.clear();
    message.authorities.clear();
    message.metadata.response_code = code;
    message
}

/// `good.test` signed, `plain.test` not, `bad.test` with a DS of another key.
fn signed() -> World {
    let records = "@ 3600 IN MX 10 mx
         mx 3600 IN A 192.0.2.1
         mx 3600 IN AAAA 2001:db8::1
         lone 3600 IN A 192.0.2.2
         away 3600 IN CNAME mx.plain.test.
         *.wild 3600 IN A 192.0.2.3
         foreign 3600 IN MX 10 mx.plain.test.";
    World::signed()
        .zone("good.test.", Delegation::Signed, records)
        .zone("plain.test.", Delegation::Unsigned, records)
        .zone("bad.test.", Delegation::WrongDs, records)
}

fn statuses(route: &Route) -> (Dnssec, Dnssec, Dnssec) {
    let exchange = &route.exchanges[0];
    (route.dnssec, exchange.ipv4.dnssec, exchange.ipv6.dnssec)
}
