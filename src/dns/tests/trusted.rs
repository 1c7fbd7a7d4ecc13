//! DNSSEC by the AD bit of a resolver on loopback.

use super::promises::{promising, tlsa};
use super::*;

fn trusting(server: &Server) -> Resolver {
    let settings = ResolverSettings { trust_ad: true, ..settings(&[server.address], NO_ANCHOR) };
    Resolver::new(settings).unwrap()
}

/// Sets AD as a validating resolver would, and refuses what does not hold.
fn validated(asked: &Asked, mut message: Message) -> Message {
    let is_in = |zone: &str| name(zone).zone_of(asked.query.name());
    let is_crossing = message.answers.iter().any(|record| name("plain.test").zone_of(&record.name));
    if is_in("bad.test") && !asked.checking_disabled {
        return code(message, ResponseCode::ServFail);
    }
    message.metadata.authentic_data = !is_in("plain.test") && !is_in("bad.test") && !is_crossing;
    message
}

async fn validating() -> Server {
    Server::twisted(promising(), |asked, message| Some(validated(asked, message))).await
}

#[tokio::test]
async fn the_ad_bit_of_a_declared_resolver_tells_secure_from_insecure() {
    let server = validating().await;
    let resolver = trusting(&server);
    assert_eq!(resolver.described(), None);
    let good = route(&resolver, "good.test").await;
    assert_eq!(statuses(&good), (Dnssec::Secure, Dnssec::Secure, Dnssec::Secure));
    assert_eq!(resolver.described().unwrap().dnssec, DnssecSource::TrustedAd);
    let plain = route(&resolver, "plain.test").await;
    assert_eq!(statuses(&plain), (Dnssec::Insecure, Dnssec::Insecure, Dnssec::Insecure));
    let records = tlsa(&resolver, "alias.good.test").await.unwrap();
    assert_eq!((&*records.base_domain, records.dnssec), ("mx.good.test", Dnssec::Secure));
    assert_eq!(records.records.len(), 1);
    let away = tlsa(&resolver, "away.good.test").await.unwrap();
    assert_eq!((&*away.base_domain, away.dnssec), ("away.good.test", Dnssec::Secure));
    assert_eq!(tlsa(&resolver, "mx.plain.test").await, None);
    let denied = tlsa(&resolver, "bare.good.test").await.unwrap();
    assert_eq!((denied.error, denied.dnssec), (Some(LookupError::Nxdomain), Dnssec::Secure));
    let denied = resolver.txt("mx.plain.test").await;
    assert_eq!((denied.error, denied.dnssec), (Some(LookupError::Nodata), Dnssec::Insecure));
}

/// It is the resolver that validates: a wildcard is no riddle to it.
#[tokio::test]
async fn what_a_wildcard_made_is_secure_where_the_resolver_says_so() {
    let server = validating().await;
    let answer = tlsa(&trusting(&server), "any.good.test").await.unwrap();
    assert_eq!((answer.error, answer.dnssec), (None, Dnssec::Secure));
}

#[tokio::test]
async fn servfail_that_cd_lifts_is_bogus_and_any_other_is_servfail() {
    let server = validating().await;
    let bad = route(&trusting(&server), "bad.test").await;
    assert_eq!(statuses(&bad), (Dnssec::Bogus, Dnssec::Bogus, Dnssec::Bogus));
    assert_eq!(bad.exchanges[0].ipv4.addresses, [Ipv4Addr::new(192, 0, 2, 1)]);
    let text = trusting(&server).txt("mx.bad.test").await;
    assert_eq!((text.error, text.dnssec), (Some(LookupError::Bogus), Dnssec::Bogus));

    let failing = |asked: &Asked, message| {
        let is_failing = name("good.test").zone_of(asked.query.name());
        let message = validated(asked, message);
        Some(if is_failing { code(message, ResponseCode::ServFail) } else { message })
    };
    let server = Server::twisted(promising(), failing).await;
    let good = route(&trusting(&server), "good.test").await;
    assert_eq!((good.error, good.dnssec), (Some(LookupError::Servfail), Dnssec::Indeterminate));
}

#[tokio::test]
async fn a_resolver_that_never_sets_ad_makes_nothing_insecure() {
    let server = Server::honest(promising()).await;
    let resolver = trusting(&server);
    for target in ["good.test", "plain.test"] {
        let unknown = Dnssec::Indeterminate;
        assert_eq!(statuses(&route(&resolver, target).await), (unknown, unknown, unknown));
    }
    assert_eq!(resolver.described().unwrap().dnssec, DnssecSource::Unavailable);
}

#[test]
fn the_ad_bit_of_a_resolver_across_the_network_is_never_trusted() {
    let made = |servers: &[&str]| {
        let servers: Vec<SocketAddr> = servers.iter().map(|s| s.parse().unwrap()).collect();
        Resolver::new(ResolverSettings { trust_ad: true, ..settings(&servers, NO_ANCHOR) })
    };
    for servers in [&["127.0.0.53:53", "[::1]:53"][..], &["[::ffff:127.0.0.1]:5353"]] {
        assert!(made(servers).is_ok(), "{servers:?}");
    }
    for servers in [&["192.0.2.53:53"][..], &["127.0.0.1:53", "192.168.0.1:53"], &["[fe80::1]:53"]]
    {
        let error = made(servers).err().unwrap();
        assert!(error.message.contains("is not on this host's loopback"), "{error}");
    }
}

#[tokio::test]
async fn a_declared_resolver_that_is_not_there_fails_fast() {
    // It hears itself alone, and nobody else can have its port.
    let held = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = held.local_addr().unwrap();
    held.connect(closed).unwrap();
    let settings =
        ResolverSettings { trust_ad: true, timeout: FOREVER, ..settings(&[closed], NO_ANCHOR) };
    let resolver = Resolver::new(settings).unwrap();
    let asked = tokio::time::timeout(HANG, route(&resolver, "example.test"));
    let route = asked.await.expect("waits for nobody");
    assert_eq!(route.error, Some(LookupError::Unreachable));
    assert_eq!(resolver.described(), None, "of a resolver that said nothing, nothing is known");
}
