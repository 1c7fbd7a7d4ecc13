//! What is looked up beside MX and addresses: TLSA, TXT, PTR.

use std::fmt::Write as _;

use super::*;
use crate::dns::MAX_RECORDS;
use crate::model::route::TlsaAnswer;

const DIGEST: &str = "d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971";

/// `good.test` signed, `plain.test` not, and links across.
pub(super) fn promising() -> World {
    let records = format!(
        "@ 3600 IN MX 10 mx
         mx 3600 IN A 192.0.2.1
         mx 3600 IN AAAA 2001:db8::1
         _25._tcp.mx 3600 IN TLSA 3 1 1 {DIGEST}
         bare 3600 IN A 192.0.2.2
         alias 3600 IN CNAME link
         link 3600 IN CNAME mx
         own 3600 IN CNAME bare
         _25._tcp.own 3600 IN TLSA 2 0 1 {DIGEST}
         none 3600 IN CNAME bare
         away 3600 IN CNAME mx.plain.test.
         _25._tcp.away 3600 IN TLSA 3 1 1 {DIGEST}
         back 3600 IN CNAME mx.good.test.
         _25._tcp.back 3600 IN TLSA 3 1 1 {DIGEST}
         into 3600 IN CNAME away.good.test.
         _465._tcp.mx 3600 IN CNAME _25._tcp.mx
         _587._tcp.mx 3600 IN CNAME _25._tcp.mx.plain.test.
         any 3600 IN A 192.0.2.3
         *._tcp.any 3600 IN TLSA 3 1 1 {DIGEST}
         _mta-sts 3600 IN TXT \"v=STSv1; \" \"id=20261122;\"
         _mta-sts 3600 IN TXT \"other\""
    );
    let good = format!("{records}\n_smtp._tls 3600 IN CNAME _smtp._tls.plain.test.");
    let plain = format!("{records}\n_smtp._tls 3600 IN TXT \"v=TLSRPTv1; rua=mailto:a@test\"");
    World::signed()
        .zone("good.test.", Delegation::Signed, &good)
        .zone("plain.test.", Delegation::Unsigned, &plain)
        .zone("bad.test.", Delegation::WrongDs, &good)
}

/// The only exchange of a host target, and its TLSA answer.
pub(super) async fn tlsa(resolver: &Resolver, host: &str) -> Option<TlsaAnswer> {
    let route = route(resolver, &format!("[{host}]")).await;
    resolver.tlsa(&route.exchanges[0], 25).await
}

fn tlsa_questions(server: &Server) -> usize {
    let asked = server.asked();
    asked.iter().filter(|asked| asked.query.query_type() == RecordType::TLSA).count()
}

async fn honest() -> (Server, Resolver) {
    let world = promising();
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let resolver = resolver(&server, &anchor);
    (server, resolver)
}

#[tokio::test]
async fn a_secure_host_has_its_tlsa_records_for_one_question() {
    let (server, resolver) = honest().await;
    let answer = tlsa(&resolver, "mx.good.test").await.unwrap();
    assert_eq!(answer.base_domain, "mx.good.test");
    assert_eq!((answer.dnssec, answer.error), (Dnssec::Secure, None));
    let [record] = &answer.records[..] else { panic!("{answer:?}") };
    assert_eq!((record.usage, record.selector, record.matching), (3, 1, 1));
    assert_eq!(record.data, DIGEST);
    assert_eq!(tlsa_questions(&server), 1);
    let bare = tlsa(&resolver, "bare.good.test").await.unwrap();
    assert_eq!((bare.dnssec, bare.error), (Dnssec::Secure, Some(LookupError::Nxdomain)));
}

#[tokio::test]
async fn tlsa_is_looked_up_only_where_the_address_rrset_is_secure() {
    let (server, resolver) = honest().await;
    for (host, status) in [("mx.plain.test", Dnssec::Insecure), ("mx.bad.test", Dnssec::Bogus)] {
        let route = route(&resolver, &format!("[{host}]")).await;
        assert_eq!(resolver.tlsa(&route.exchanges[0], 25).await, None, "{host}");
        assert_eq!(route.exchanges[0].ipv4.dnssec, status);
    }
    let address = route(&resolver, "192.0.2.1").await;
    assert_eq!(resolver.tlsa(&address.exchanges[0], 25).await, None);
    assert_eq!(tlsa_questions(&server), 0, "not even asked");
}

#[tokio::test]
async fn a_secure_cname_chain_tries_the_target_first_then_the_original_name() {
    let (server, resolver) = honest().await;
    let alias = tlsa(&resolver, "alias.good.test").await.unwrap();
    assert_eq!((alias.base_domain.as_str(), alias.dnssec), ("mx.good.test", Dnssec::Secure));
    assert_eq!(server.count("_25._tcp.alias.good.test", RecordType::TLSA), 0);
    let own = tlsa(&resolver, "own.good.test").await.unwrap();
    assert_eq!((own.base_domain.as_str(), own.dnssec), ("own.good.test", Dnssec::Secure));
    assert_eq!(own.records[0].usage, 2);
    assert_eq!(server.count("_25._tcp.bare.good.test", RecordType::TLSA), 1);
    let none = tlsa(&resolver, "none.good.test").await.unwrap();
    assert_eq!((none.base_domain.as_str(), none.dnssec), ("none.good.test", Dnssec::Secure));
    assert!(none.error.unwrap().is_denial());
}

#[tokio::test]
async fn a_secure_first_link_into_an_insecure_zone_makes_the_host_the_base_domain() {
    let (server, resolver) = honest().await;
    let exchange = route(&resolver, "[away.good.test]").await.exchanges.remove(0);
    assert_eq!(exchange.cname_dnssec, Some(Dnssec::Secure));
    assert_eq!(exchange.ipv4.dnssec, Dnssec::Insecure);
    let away = resolver.tlsa(&exchange, 25).await.unwrap();
    assert_eq!((away.base_domain.as_str(), away.dnssec), ("away.good.test", Dnssec::Secure));
    assert_eq!(server.count("_25._tcp.mx.plain.test", RecordType::TLSA), 0);
    // A link in an unsigned zone is as good as none, wherever it leads.
    for host in ["back.plain.test", "into.plain.test"] {
        let exchange = route(&resolver, &format!("[{host}]")).await.exchanges.remove(0);
        assert_eq!(exchange.cname_dnssec, Some(Dnssec::Insecure), "{host}");
        assert_eq!(resolver.tlsa(&exchange, 25).await, None, "{host}");
    }
    let plain = route(&resolver, "[mx.good.test]").await.exchanges.remove(0);
    assert_eq!(plain.cname_dnssec, None);
}

#[tokio::test]
async fn a_tlsa_lookup_that_fails_is_not_absent_and_no_other_name_is_tried() {
    for (answer, error) in [
        (Some(ResponseCode::ServFail), LookupError::Servfail),
        (Some(ResponseCode::Refused), LookupError::Refused),
        (None, LookupError::Timeout),
    ] {
        let world = promising();
        let anchor = world.root_dnskey();
        let twist = move |asked: &Asked, message| match answer {
            _ if !asked.is("_25._tcp.bare.good.test", RecordType::TLSA) => Some(message),
            Some(rcode) => Some(code(message, rcode)),
            None => None,
        };
        let server = Server::twisted(world, twist).await;
        let resolver = resolver(&server, &anchor);
        let own = tlsa(&resolver, "own.good.test").await.unwrap();
        assert_eq!(own.base_domain, "bare.good.test");
        assert_eq!((own.error, own.dnssec), (Some(error), Dnssec::Indeterminate));
        assert_eq!(server.count("_25._tcp.own.good.test", RecordType::TLSA), 0);
    }
}

#[tokio::test]
async fn aliases_of_tlsa_records_count_into_the_status() {
    let (_server, resolver) = honest().await;
    let exchange = route(&resolver, "[mx.good.test]").await.exchanges.remove(0);
    let secure = resolver.tlsa(&exchange, 465).await.unwrap();
    assert_eq!((secure.dnssec, secure.records.len()), (Dnssec::Secure, 1));
    assert_eq!(secure.base_domain, "mx.good.test");
    let insecure = resolver.tlsa(&exchange, 587).await.unwrap();
    assert_eq!((insecure.dnssec, insecure.records.len()), (Dnssec::Insecure, 1));
}

#[tokio::test]
async fn a_wildcard_of_tlsa_records_is_a_promise() {
    let (_server, resolver) = honest().await;
    let answer = tlsa(&resolver, "any.good.test").await.unwrap();
    assert_eq!((answer.dnssec, answer.records.len()), (Dnssec::Secure, 1));
}

fn with_tlsa(records: &str) -> World {
    let text = format!("mx 3600 IN A 192.0.2.1\n{records}");
    World::signed().zone("good.test.", Delegation::Signed, &text)
}

#[tokio::test]
async fn a_tlsa_record_of_4_kib_survives_and_a_flood_counts_as_failed() {
    let large = "ab".repeat(4096);
    let world = with_tlsa(&format!("_25._tcp.mx 3600 IN TLSA 3 0 0 {large}"));
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let answer = tlsa(&resolver(&server, &anchor), "mx.good.test").await.unwrap();
    assert_eq!((answer.dnssec, answer.records[0].data.as_str()), (Dnssec::Secure, &*large));

    let mut flood = String::new();
    for i in 0..=MAX_RECORDS {
        writeln!(flood, "_25._tcp.mx 3600 IN TLSA 3 1 1 {i:064x}").unwrap();
    }
    let world = with_tlsa(&flood);
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let answer = tlsa(&resolver(&server, &anchor), "mx.good.test").await.unwrap();
    assert_eq!((answer.records.len(), answer.error), (0, Some(LookupError::Other)));
}

/// Numbers that no standard gives a meaning to, and lengths that no digest has.
#[tokio::test]
async fn strange_tlsa_records_reach_the_report_as_they_are() {
    let world = with_tlsa(
        "_25._tcp.mx 3600 IN TLSA 7 9 200 00
         _25._tcp.mx 3600 IN TLSA 255 255 255 ff
         _25._tcp.mx 3600 IN TLSA 3 1 1 abcd",
    );
    let anchor = world.root_dnskey();
    let server = Server::honest(world).await;
    let answer = tlsa(&resolver(&server, &anchor), "mx.good.test").await.unwrap();
    let mut seen: Vec<_> =
        answer.records.iter().map(|r| (r.usage, r.selector, r.matching, r.data.as_str())).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(3, 1, 1, "abcd"), (7, 9, 200, "00"), (255, 255, 255, "ff")]);
}

#[tokio::test]
async fn txt_records_come_joined_with_the_status_of_their_links() {
    let (_server, resolver) = honest().await;
    let mut sts = resolver.txt("_MTA-STS.good.test.").await;
    sts.records.sort();
    assert_eq!(sts.name, "_mta-sts.good.test");
    assert_eq!((sts.dnssec, sts.error), (Dnssec::Secure, None));
    assert_eq!(sts.records, ["other", "v=STSv1; id=20261122;"]);
    let rpt = resolver.txt("_smtp._tls.good.test").await;
    assert_eq!((rpt.dnssec, rpt.error), (Dnssec::Insecure, None));
    assert_eq!(rpt.records, ["v=TLSRPTv1; rua=mailto:a@test"]);
    let none = resolver.txt("_mta-sts.bare.good.test").await;
    assert_eq!((none.dnssec, none.error), (Dnssec::Secure, Some(LookupError::Nxdomain)));
    let none = resolver.txt("mx.plain.test").await;
    assert_eq!((none.dnssec, none.error), (Dnssec::Insecure, Some(LookupError::Nodata)));
    let unspeakable = resolver.txt(&"a".repeat(70)).await;
    assert_eq!(unspeakable.error, Some(LookupError::Other));
}

#[tokio::test]
async fn addresses_of_a_host_come_with_their_status() {
    let (_server, resolver) = honest().await;
    let (ipv4, ipv6) = resolver.addresses("alias.good.test").await;
    assert_eq!(ipv4.addresses, [Ipv4Addr::new(192, 0, 2, 1)]);
    assert_eq!((ipv4.dnssec, ipv6.dnssec), (Dnssec::Secure, Dnssec::Secure));
    let (ipv4, ipv6) = resolver.addresses("bare.plain.test").await;
    assert_eq!((ipv4.dnssec, ipv6.error), (Dnssec::Insecure, Some(LookupError::Nodata)));
}

#[tokio::test]
async fn names_of_an_address_are_confirmed_by_their_own_addresses() {
    let world = promising().zone(
        "arpa.",
        Delegation::Unsigned,
        "1.2.0.192.in-addr 3600 IN PTR mx.good.test.
             1.2.0.192.in-addr 3600 IN PTR bare.good.test.
             1.2.0.192.in-addr 3600 IN PTR broken.good.test.",
    );
    let anchor = world.root_dnskey();
    let twist = |asked: &Asked, message| {
        let is_broken = *asked.query.name() == name("broken.good.test");
        Some(if is_broken { code(message, ResponseCode::ServFail) } else { message })
    };
    let server = Server::twisted(world, twist).await;
    let resolver = resolver(&server, &anchor);
    let answer = resolver.pointer("192.0.2.1".parse().unwrap()).await;
    assert_eq!((answer.dnssec, answer.error), (Dnssec::Insecure, None));
    let mut names: Vec<_> = answer.names.iter().map(|n| (&*n.name, n.confirmed)).collect();
    names.sort_unstable();
    let expected =
        [("bare.good.test", Some(false)), ("broken.good.test", None), ("mx.good.test", Some(true))];
    assert_eq!(names, expected);
    let none = resolver.pointer("192.0.2.9".parse().unwrap()).await;
    assert_eq!((none.names.len(), none.error), (0, Some(LookupError::Nxdomain)));
}
