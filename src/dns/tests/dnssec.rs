//! Statuses of answers: secure, insecure, bogus, and what could not be told (RFC 4035 §4.3).

use super::*;

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
    // A question ends after two time-outs, without an answer.
    let answer = resolver(&server, &anchor).ask(name("good.test"), RecordType::MX).await;
    assert_eq!((answer.error, answer.dnssec), (None, Dnssec::Indeterminate));
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
