//! From a target to its route: MX, implicit MX, null MX, aliases, addresses (RFC 5321 §5.1).

use super::*;

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
