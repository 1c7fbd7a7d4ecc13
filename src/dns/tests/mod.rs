//! Real sockets, real signatures: a resolver against the pretend one.

mod beside;
mod promises;
mod tampering;
mod trusted;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::testing::{Asked, Delegation, Server, World, is_dnssec, name};
use super::{Notice, Resolver, ResolverSettings, SILENCE, TrustAnchor, nameservers};
use crate::model::report::DnssecSource;
use crate::model::route::{Dnssec, LookupError, Route, RouteKind};

/// Short enough for a test that waits for it, long enough for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(3);

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

#[tokio::test]
async fn mx_hosts_come_by_preference_then_name_with_all_their_addresses() {
    let server = Server::honest(unsigned()).await;
    let route = route(&resolver(&server, NO_ANCHOR), "User@BOTH.Test.").await;
    assert_eq!(route.kind, RouteKind::Mx);
    assert_eq!((route.error, route.null_mx_beside_others), (None, false));
    let hosts: Vec<_> = route.exchanges.iter().map(|e| (e.preference, e.host.as_str())).collect();
    let expected = [(Some(10), "z.mx.test"), (Some(20), "a.mx.test"), (Some(20), "b.mx.test")];
    assert_eq!(hosts, expected);
    let [z, a, b] = &route.exchanges[..] else { panic!() };
    assert_eq!(z.ipv4.error, Some(LookupError::Nxdomain));
    assert_eq!(z.ipv6.error, Some(LookupError::Nxdomain));
    assert_eq!(a.ipv4.addresses, [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)]);
    assert_eq!(a.ipv6.addresses, ["2001:db8::1".parse::<Ipv6Addr>().unwrap()]);
    assert_eq!(b.ipv6.error, Some(LookupError::Nodata));
    assert!(route.exchanges.iter().all(|e| e.tlsa.is_none()));
}

#[tokio::test]
async fn null_mx_is_no_mail_and_beside_others_is_left_out() {
    let server = Server::honest(unsigned()).await;
    let resolver = resolver(&server, NO_ANCHOR);
    let null = route(&resolver, "null.test").await;
    assert_eq!((null.kind, null.error, null.exchanges.len()), (RouteKind::NullMx, None, 0));
    assert_eq!(server.count("null.test", RecordType::A), 0);
    let mixed = route(&resolver, "mixed.test").await;
    assert_eq!((mixed.kind, mixed.null_mx_beside_others), (RouteKind::Mx, true));
    assert_eq!(mixed.exchanges.len(), 1);
}

#[tokio::test]
async fn implicit_mx_needs_addresses() {
    let server = Server::honest(unsigned()).await;
    let resolver = resolver(&server, NO_ANCHOR);
    let implicit = route(&resolver, "implicit.test").await;
    assert_eq!(implicit.kind, RouteKind::ImplicitMx);
    assert_eq!(implicit.exchanges[0].host, "implicit.test");
    assert_eq!(implicit.exchanges[0].preference, None);
    assert_eq!(implicit.exchanges[0].ipv4.error, Some(LookupError::Nodata));
    let text = route(&resolver, "text.test").await;
    assert_eq!((text.kind, text.error), (RouteKind::None, Some(LookupError::Nodata)));
    let missing = route(&resolver, "missing.test").await;
    assert_eq!((missing.kind, missing.error), (RouteKind::None, Some(LookupError::Nxdomain)));
    assert_eq!(server.count("missing.test", RecordType::A), 0);
}

#[tokio::test]
async fn an_mx_lookup_that_fails_is_no_implicit_mx() {
    for (rcode, error) in [
        (ResponseCode::ServFail, LookupError::Servfail),
        (ResponseCode::Refused, LookupError::Refused),
        (ResponseCode::NotImp, LookupError::Other),
    ] {
        let twist = move |asked: &Asked, message| {
            Some(if asked.query.query_type() == RecordType::MX {
                code(message, rcode)
            } else {
                message
            })
        };
        let server = Server::twisted(unsigned(), twist).await;
        let route = route(&resolver(&server, NO_ANCHOR), "fallback.test").await;
        assert_eq!((route.kind, route.error), (RouteKind::None, Some(error)));
        assert!(route.exchanges.is_empty());
        assert_eq!(server.count("fallback.test", RecordType::A), 0);
        let detail = route.error_detail.unwrap();
        assert!(detail.contains("MX fallback.test"), "{detail}");
        assert!(detail.contains(&server.address.to_string()), "{detail}");
    }
}

#[tokio::test]
async fn each_family_has_its_own_error() {
    let twist = |asked: &Asked, message| {
        Some(if asked.query.query_type() == RecordType::AAAA {
            code(message, ResponseCode::ServFail)
        } else {
            message
        })
    };
    let server = Server::twisted(unsigned(), twist).await;
    let route = route(&resolver(&server, NO_ANCHOR), "[b.mx.test]:25").await;
    assert_eq!(route.kind, RouteKind::Host);
    assert_eq!(route.exchanges[0].ipv4.addresses, [Ipv4Addr::new(192, 0, 2, 3)]);
    assert_eq!(route.exchanges[0].ipv6.error, Some(LookupError::Servfail));
    assert_eq!(server.count("b.mx.test", RecordType::MX), 0);
}

#[tokio::test]
async fn cname_links_are_followed_and_told() {
    let server = Server::honest(unsigned()).await;
    let resolver = resolver(&server, NO_ANCHOR);
    let alias = route(&resolver, "alias.test").await;
    assert_eq!(alias.cname, ["link.test", "both.test"]);
    assert_eq!((alias.kind, alias.exchanges.len()), (RouteKind::Mx, 3));
    let aliased = route(&resolver, "aliased.test").await;
    assert_eq!(aliased.exchanges[0].cname, ["a.mx.test"]);
    assert_eq!(aliased.exchanges[0].host, "cn.mx.test");
    assert_eq!(aliased.exchanges[0].ipv4.addresses.len(), 2);
    let dangling = route(&resolver, "dangling.test").await;
    assert_eq!((dangling.kind, dangling.error), (RouteKind::None, Some(LookupError::Nxdomain)));
    assert_eq!(dangling.cname, ["nowhere.test"]);
    let endless = route(&resolver, "loop.test").await;
    assert_eq!((endless.kind, endless.error), (RouteKind::None, Some(LookupError::Other)));
    assert!(endless.error_detail.unwrap().contains("do not end"));
    assert_eq!(endless.cname, ["pool.test", "loop.test"], "each link once");
}

#[tokio::test]
async fn mx_hosts_without_addresses_stay_in_the_route() {
    let server = Server::honest(unsigned()).await;
    let resolver = resolver(&server, NO_ANCHOR);
    let void = route(&resolver, "void.test").await;
    assert_eq!((void.kind, void.error), (RouteKind::Mx, None));
    assert_eq!(void.exchanges[0].ipv4.error, Some(LookupError::Nxdomain));
    let literal = route(&resolver, "literal.test").await;
    assert_eq!(literal.exchanges[0].host, "192.0.2.1");
    assert_eq!(literal.exchanges[0].ipv4.error, Some(LookupError::Nxdomain));
    assert!(literal.error_detail.unwrap().contains("named as a host, and is an address"));
}

#[tokio::test]
async fn an_address_is_not_looked_up() {
    let server = Server::honest(unsigned()).await;
    let resolver = resolver(&server, NO_ANCHOR);
    let route = route(&resolver, "[IPv6:2001:db8::9]:25").await;
    assert_eq!(route.kind, RouteKind::Address);
    assert_eq!(route.exchanges[0].ipv6.addresses, ["2001:db8::9".parse::<Ipv6Addr>().unwrap()]);
    assert!(server.asked().is_empty());
    assert_eq!(resolver.described(), None);
}

#[tokio::test]
async fn an_internationalised_domain_is_asked_for_in_a_labels() {
    let server = Server::honest(unsigned()).await;
    let route = route(&resolver(&server, NO_ANCHOR), "bücher.test").await;
    assert_eq!(route.kind, RouteKind::Mx);
    assert!(server.count("xn--bcher-kva.test", RecordType::MX) > 0);
}

#[tokio::test]
async fn hostile_numbers_of_records_are_capped_and_told() {
    use std::fmt::Write;
    let mut text = String::new();
    for i in 0..100 {
        writeln!(text, "many 3600 IN MX 10 h{i:03}\nwide 3600 IN A 192.0.2.{i}").unwrap();
    }
    let world = World::default().zone(".", Delegation::Unsigned, "").zone(
        "test.",
        Delegation::Unsigned,
        &text,
    );
    let server = Server::honest(world).await;
    let resolver = resolver(&server, NO_ANCHOR);
    let many = route(&resolver, "many.test").await;
    assert_eq!(many.exchanges.len(), 64);
    assert!(many.error_detail.unwrap().contains("100 MX hosts; the first 64 are used"));
    let wide = route(&resolver, "[wide.test]").await;
    assert_eq!(wide.exchanges[0].ipv4.addresses.len(), 64);
    assert!(wide.error_detail.unwrap().contains("100 A records; 64 of them are used"));
}

#[tokio::test]
async fn a_truncated_answer_is_fetched_over_tcp() {
    let twist = |asked: &Asked, message: Message| {
        Some(if asked.is_tcp { message } else { message.truncate() })
    };
    let server = Server::twisted(unsigned(), twist).await;
    let route = route(&resolver(&server, NO_ANCHOR), "both.test").await;
    assert_eq!(route.exchanges.len(), 3);
    assert!(server.asked().iter().any(|asked| asked.is_tcp));
}

#[tokio::test]
async fn of_two_servers_the_one_that_works_decides() {
    let refusing = Server::twisted(unsigned(), |_, m| Some(code(m, ResponseCode::Refused))).await;
    let failing = Server::twisted(unsigned(), |_, m| Some(code(m, ResponseCode::ServFail))).await;
    let honest = Server::honest(unsigned()).await;
    let servers = [refusing.address, failing.address, honest.address];
    let resolver = Resolver::new(settings(&servers, NO_ANCHOR)).unwrap();
    let route = route(&resolver, "both.test").await;
    assert_eq!(route.exchanges.len(), 3);
}

#[tokio::test]
async fn a_silent_server_beside_another_neither_stops_nor_hides_it() {
    let silent = Server::twisted(unsigned(), |_, _| None).await;
    let failing = Server::twisted(unsigned(), |_, m| Some(code(m, ResponseCode::ServFail))).await;
    let honest = Server::honest(unsigned()).await;
    let started = Instant::now();
    let resolver = Resolver::new(settings(&[silent.address, honest.address], NO_ANCHOR)).unwrap();
    assert_eq!(route(&resolver, "both.test").await.exchanges.len(), 3);
    assert!(started.elapsed() < TIMEOUT);
    let resolver = Resolver::new(settings(&[silent.address, failing.address], NO_ANCHOR)).unwrap();
    let route = route(&resolver, "both.test").await;
    assert_eq!(route.error, Some(LookupError::Servfail));
}

#[tokio::test]
async fn a_firstthat_is_not_there_fails_fast() {
    let closed = { std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let started = Instant::now();
    let resolver = Resolver::new(settings(&[closed], NO_ANCHOR)).unwrap();
    let route = route(&resolver, "example.test").await;
    assert_eq!((route.kind, route.error), (RouteKind::None, Some(LookupError::Unreachable)));
    assert!(route.error_detail.unwrap().contains(&closed.to_string()));
    assert!(started.elapsed() < TIMEOUT);
    assert_eq!(resolver.described(), None, "nobody has said that it strips DNSSEC");
}

#[tokio::test]
async fn a_silent_firstis_told_once_and_times_out() {
    let server = Server::twisted(unsigned(), |_, _| None).await;
    let notices = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&notices);
    let mut settings = settings(&[server.address], NO_ANCHOR);
    settings.notice = Some(Arc::new(move |notice| seen.lock().unwrap().push(notice)));
    let resolver = Resolver::new(settings).unwrap();
    let started = Instant::now();
    let (one, other) =
        tokio::join!(route(&resolver, "example.test"), route(&resolver, "[mx.example.test]"));
    assert_eq!(one.error, Some(LookupError::Timeout));
    assert_eq!(other.exchanges[0].ipv6.error, Some(LookupError::Timeout));
    assert!(started.elapsed() < 3 * TIMEOUT);
    let expected =
        Notice::ResolverSilent { servers: vec![server.address.to_string()], after: SILENCE };
    assert_eq!(*notices.lock().unwrap(), [expected]);
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

/// Three answers, each followed to the anchor, through zones with and without keys.
#[tokio::test]
async fn each_link_of_a_chain_is_fetched_once() {
    let world = signed();
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let resolver = resolver(&server, &anchor);
    for target in ["good.test", "plain.test", "good.test"] {
        route(&resolver, target).await;
    }
    let count = |owner, kind| server.count(owner, kind);
    // The preflight asks for the root's keys too, with CD.
    assert_eq!(count(".", RecordType::DNSKEY), 2);
    assert_eq!(count("test", RecordType::DNSKEY), 1);
    assert_eq!(count("good.test", RecordType::DNSKEY), 1);
    for zone in ["test", "good.test", "plain.test"] {
        assert_eq!(count(zone, RecordType::DS), 1, "{zone}");
    }
    assert_eq!(count("good.test", RecordType::MX), 2, "answers themselves are not kept");
}

#[tokio::test]
async fn secure_insecure_and_bogus_are_told_apart() {
    use Dnssec::{Bogus, Insecure, Secure};
    let world = signed();
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let resolver = resolver(&server, &anchor);
    assert_eq!(resolver.described(), None);
    let good = route(&resolver, "good.test").await;
    assert_eq!(statuses(&good), (Secure, Secure, Secure));
    assert_eq!(resolver.described().unwrap().dnssec, DnssecSource::Validated);
    assert_eq!(resolver.described().unwrap().servers, [server.address.to_string()]);
    let plain = route(&resolver, "plain.test").await;
    assert_eq!(statuses(&plain), (Insecure, Insecure, Insecure));
    // Used all the same, and marked.
    let bad = route(&resolver, "bad.test").await;
    assert_eq!(statuses(&bad), (Bogus, Bogus, Bogus));
    assert_eq!(bad.exchanges[0].ipv4.addresses, [Ipv4Addr::new(192, 0, 2, 1)]);
    let foreign = route(&resolver, "foreign.good.test").await;
    assert_eq!(statuses(&foreign), (Secure, Insecure, Insecure));
}

#[tokio::test]
async fn denials_have_a_status_too() {
    let world = signed();
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let resolver = resolver(&server, &anchor);
    let ask = async |owner: &str, kind| {
        let answer = resolver.ask(name(owner), kind).await;
        (answer.error, answer.dnssec)
    };
    let nodata = Some(LookupError::Nodata);
    let nxdomain = Some(LookupError::Nxdomain);
    assert_eq!(ask("lone.good.test", RecordType::MX).await, (nodata, Dnssec::Secure));
    assert_eq!(ask("none.good.test", RecordType::MX).await, (nxdomain, Dnssec::Secure));
    assert_eq!(ask("none.test", RecordType::MX).await, (nxdomain, Dnssec::Secure));
    assert_eq!(ask("lone.plain.test", RecordType::MX).await, (nodata, Dnssec::Insecure));
    assert_eq!(ask("none.plain.test", RecordType::MX).await, (nxdomain, Dnssec::Insecure));
    // A denial that does not hold denies nothing, and leads to no implicit MX.
    let bogus = Some(LookupError::Bogus);
    assert_eq!(ask("lone.bad.test", RecordType::MX).await, (bogus, Dnssec::Bogus));
    assert_eq!(ask("none.bad.test", RecordType::MX).await, (bogus, Dnssec::Bogus));
    let lone = route(&resolver, "lone.bad.test").await;
    assert_eq!((lone.kind, lone.error), (RouteKind::None, Some(LookupError::Bogus)));
    let implicit = route(&resolver, "lone.good.test").await;
    assert_eq!((implicit.kind, implicit.dnssec), (RouteKind::ImplicitMx, Dnssec::Secure));
}

#[tokio::test]
async fn a_cname_from_a_secure_zone_into_an_insecure_one_is_insecure() {
    let world = signed();
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let answer = resolver(&server, &anchor).ask(name("away.good.test"), RecordType::A).await;
    assert_eq!((answer.error, answer.dnssec), (None, Dnssec::Insecure));
    assert_eq!(answer.links, [name("mx.plain.test")]);
}

#[tokio::test]
async fn what_a_wildcard_made_has_the_status_of_the_proof_beside_it() {
    let world = signed();
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let first = resolver(&server, &anchor);
    for (owner, status) in
        [("any.wild.good.test", Dnssec::Secure), ("any.wild.plain.test", Dnssec::Insecure)]
    {
        let answer = first.ask(name(owner), RecordType::A).await;
        assert_eq!((answer.error, answer.dnssec), (None, status), "{owner}");
        assert_eq!(answer.records.len(), 1);
    }
    // Without the proof a closer name may exist.
    let world = signed();
    let anchor = world.root_dnskey();
    let twist = |asked: &Asked, mut message: Message| {
        if asked.query.query_type() == RecordType::A {
            message.authorities.clear();
        }
        Some(message)
    };
    let server = Server::twisted(world, twist).await;
    let resolver = resolver(&server, &anchor);
    let answer = resolver.ask(name("any.wild.good.test"), RecordType::A).await;
    assert_eq!((answer.error, answer.dnssec), (None, Dnssec::Indeterminate));
}

#[tokio::test]
async fn a_tampered_answer_is_bogus_and_used() {
    let world = signed();
    let anchor = world.root_dnskey();
    let forged = Ipv4Addr::new(198, 51, 100, 66);
    let twist = move |_: &Asked, mut message: Message| {
        for record in message.answers.iter_mut().filter(|r| r.record_type() == RecordType::A) {
            record.data = RData::A(A(forged));
        }
        Some(message)
    };
    let server = Server::twisted(world, twist).await;
    let route = route(&resolver(&server, &anchor), "good.test").await;
    assert_eq!(statuses(&route), (Dnssec::Secure, Dnssec::Bogus, Dnssec::Secure));
    assert_eq!(route.exchanges[0].ipv4.addresses, [forged]);
    assert_eq!(route.exchanges[0].ipv4.error, None);
}

#[tokio::test]
async fn a_record_that_is_taken_away_is_bogus() {
    let world = signed();
    let anchor = world.root_dnskey();
    let twist = |asked: &Asked, message| {
        Some(if asked.query.query_type() == RecordType::MX {
            code(message, ResponseCode::NoError)
        } else {
            message
        })
    };
    let server = Server::twisted(world, twist).await;
    let route = route(&resolver(&server, &anchor), "good.test").await;
    assert_eq!((route.kind, route.error), (RouteKind::None, Some(LookupError::Bogus)));
    assert_eq!(route.dnssec, Dnssec::Bogus);
}

#[tokio::test]
async fn behind_a_forwarder_that_strips_dnssec_everything_still_works() {
    let world = signed();
    let anchor = world.root_dnskey();
    let twist = |asked: &Asked, mut message: Message| {
        let kind = asked.query.query_type();
        message.answers.retain(|r| r.record_type() == kind || !is_dnssec(r));
        message.authorities.retain(|r| !is_dnssec(r));
        Some(message)
    };
    let server = Server::twisted(world, twist).await;
    let resolver = resolver(&server, &anchor);
    for target in ["good.test", "plain.test", "bad.test"] {
        let route = route(&resolver, target).await;
        let unknown = Dnssec::Indeterminate;
        assert_eq!(statuses(&route), (unknown, unknown, unknown), "{target}");
        assert_eq!(route.exchanges[0].ipv4.addresses, [Ipv4Addr::new(192, 0, 2, 1)]);
    }
    assert_eq!(resolver.described().unwrap().dnssec, DnssecSource::Unavailable);
    // Found out once.
    let after = server.asked().len();
    assert!(server.count(".", RecordType::DNSKEY) <= 2);
    route(&resolver, "[lone.good.test]").await;
    assert_eq!(server.asked().len(), after + 2);
}

#[tokio::test]
async fn a_chain_that_cannot_be_fetched_is_indeterminate_not_bogus() {
    for kind in [RecordType::DNSKEY, RecordType::DS] {
        let world = signed();
        let anchor = world.root_dnskey();
        let twist = move |asked: &Asked, message| {
            Some(if asked.is("good.test", kind) {
                code(message, ResponseCode::ServFail)
            } else {
                message
            })
        };
        let server = Server::twisted(world, twist).await;
        let resolver = resolver(&server, &anchor);
        let good = route(&resolver, "good.test").await;
        let unknown = Dnssec::Indeterminate;
        assert_eq!(statuses(&good), (unknown, unknown, unknown), "{kind}");
        assert_eq!(good.exchanges[0].ipv4.addresses.len(), 1);
        // It stays with the zone that it is about.
        let plain = route(&resolver, "plain.test").await;
        assert_eq!(plain.dnssec, Dnssec::Insecure);
        assert_eq!(route(&resolver, "bad.test").await.dnssec, Dnssec::Bogus);
    }
}

#[tokio::test]
async fn a_chain_that_fails_once_is_fetched_again() {
    let world = signed();
    let anchor = world.root_dnskey();
    let has_failed = Mutex::new(false);
    let twist = move |asked: &Asked, message| {
        let is_first = asked.is("good.test", RecordType::DS)
            && !std::mem::replace(&mut *has_failed.lock().unwrap(), true);
        Some(if is_first { code(message, ResponseCode::ServFail) } else { message })
    };
    let server = Server::twisted(world, twist).await;
    let good = route(&resolver(&server, &anchor), "good.test").await;
    assert_eq!(statuses(&good), (Dnssec::Secure, Dnssec::Secure, Dnssec::Secure));
}

#[tokio::test]
async fn keys_that_are_never_delivered_cost_one_time_out() {
    let world = signed();
    let anchor = world.root_dnskey();
    let twist =
        |asked: &Asked, message| (!asked.is("good.test", RecordType::DNSKEY)).then_some(message);
    let server = Server::twisted(world, twist).await;
    let started = Instant::now();
    let answer = resolver(&server, &anchor).ask(name("good.test"), RecordType::MX).await;
    assert_eq!((answer.error, answer.dnssec), (None, Dnssec::Indeterminate));
    assert!(started.elapsed() < 2 * TIMEOUT);
}

#[tokio::test]
async fn behind_a_validating_firsta_bogus_answer_is_got_with_cd() {
    let world = signed();
    let anchor = world.root_dnskey();
    let twist = |asked: &Asked, message| {
        let is_bogus = name("bad.test").zone_of(asked.query.name());
        Some(
            if is_bogus && !asked.checking_disabled && asked.query.query_type() != RecordType::DS {
                code(message, ResponseCode::ServFail)
            } else {
                message
            },
        )
    };
    let server = Server::twisted(world, twist).await;
    let resolver = resolver(&server, &anchor);
    let bad = route(&resolver, "bad.test").await;
    assert_eq!(statuses(&bad), (Dnssec::Bogus, Dnssec::Bogus, Dnssec::Bogus));
    assert_eq!(bad.exchanges[0].ipv4.addresses, [Ipv4Addr::new(192, 0, 2, 1)]);
    assert_eq!(route(&resolver, "good.test").await.dnssec, Dnssec::Secure);
}

#[tokio::test]
async fn a_ds_record_is_an_anchor_too() {
    let world = signed();
    let anchor = world.root_ds();
    let server = Server::honest(world).await;
    let resolver = resolver(&server, &anchor);
    assert_eq!(route(&resolver, "good.test").await.dnssec, Dnssec::Secure);
    assert_eq!(route(&resolver, "bad.test").await.dnssec, Dnssec::Bogus);
}

#[tokio::test]
async fn under_a_foreign_anchor_everything_is_bogus_and_works() {
    let server = Server::honest(signed()).await;
    let route = route(&resolver(&server, NO_ANCHOR), "good.test").await;
    assert_eq!(statuses(&route), (Dnssec::Bogus, Dnssec::Bogus, Dnssec::Bogus));
    assert_eq!(route.exchanges[0].ipv4.addresses.len(), 1);
}

#[test]
fn resolv_conf_names_servers() {
    let text = "# comment\nsearch example.net\nnameserver 192.0.2.53 # first\n\
                nameserver 2001:db8::53\nnameserver fe80::1%eth0\nnameserver nonsense\n\
                options edns0\n;nameserver 192.0.2.99\n";
    let expected: Vec<SocketAddr> =
        ["192.0.2.53:53", "[2001:db8::53]:53"].iter().map(|s| s.parse().unwrap()).collect();
    assert_eq!(nameservers(text), expected);
    let error = super::system_servers(std::path::Path::new("/nonexistent/resolv.conf"));
    assert!(error.unwrap_err().hint.contains("--resolver"));
}
