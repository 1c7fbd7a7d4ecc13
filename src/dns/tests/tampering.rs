//! Somebody between this machine and its resolver changes answers. What is forged
//! never becomes a promise, and what is taken away never becomes its absence.

use hickory_resolver::proto::dnssec::rdata::DNSSECRData;
use hickory_resolver::proto::rr::Record;
use hickory_resolver::proto::rr::rdata::tlsa::{CertUsage, Matching, Selector};
use hickory_resolver::proto::rr::rdata::{CNAME, NS, TLSA, TXT};

use super::promises::{promising, tlsa};
use super::*;
use crate::model::route::TlsaAnswer;

const MX: &str = "mx.good.test";
const TLSA_NAME: &str = "_25._tcp.mx.good.test";
const STS: &str = "_mta-sts.good.test";

/// A resolver behind a proxy, in the world of promises.
async fn behind(
    proxy: impl Fn(&Asked, Message) -> Option<Message> + Send + Sync + 'static,
) -> (Server, Resolver) {
    let world = promising();
    let anchor = world.root_dnskey();
    let server = Server::twisted(world, proxy).await;
    let resolver = resolver(&server, &anchor);
    (server, resolver)
}

fn set_data(message: &mut Message, kind: RecordType, data: &RData) {
    for record in message.answers.iter_mut().filter(|record| record.record_type() == kind) {
        record.data = data.clone();
    }
}

fn foreign_tlsa() -> RData {
    RData::TLSA(TLSA::new(CertUsage::DaneEe, Selector::Spki, Matching::Sha256, vec![0x66; 32]))
}

/// The honest answer to another question, to be replayed.
fn replayed(world: &World, owner: &str, kind: RecordType) -> Message {
    use hickory_resolver::proto::op::{Edns, Query};
    let mut request = Message::query();
    request.add_query(Query::query(name(owner), kind));
    let mut edns = Edns::new();
    edns.set_dnssec_ok(true);
    request.set_edns(edns);
    world.respond(&request)
}

/// A denial with somebody else's proof, or with none.
fn denied(message: Message, rcode: ResponseCode, proof: Option<&Message>) -> Message {
    let mut denial = code(message, rcode);
    denial.authorities = proof.map(|proof| proof.authorities.clone()).unwrap_or_default();
    denial
}

#[tokio::test]
async fn an_altered_address_is_bogus_and_earns_no_tlsa_lookup() {
    let (server, resolver) = behind(|_, mut message| {
        set_data(&mut message, RecordType::A, &RData::A(A(Ipv4Addr::new(198, 51, 100, 66))));
        Some(message)
    })
    .await;
    let route = route(&resolver, "[bare.good.test]").await;
    let exchange = &route.exchanges[0];
    assert_eq!(exchange.ipv4.dnssec, Dnssec::Bogus);
    assert_eq!(resolver.tlsa(exchange, 25).await, None);
    assert_eq!(server.count("_25._tcp.bare.good.test", RecordType::TLSA), 0);
    // The family that was left alone still has its promise.
    let mx = tlsa(&resolver, MX).await.unwrap();
    assert_eq!((mx.dnssec, mx.records.len()), (Dnssec::Secure, 1));
}

#[tokio::test]
async fn an_altered_or_added_tlsa_record_is_bogus() {
    let altered = |_: &Asked, mut message: Message| {
        set_data(&mut message, RecordType::TLSA, &foreign_tlsa());
        Some(message)
    };
    let added = |asked: &Asked, mut message: Message| {
        if asked.is(TLSA_NAME, RecordType::TLSA) {
            let owner = asked.query.name().clone();
            message.answers.insert(0, Record::from_rdata(owner, 3600, foreign_tlsa()));
        }
        Some(message)
    };
    let unsigned = |asked: &Asked, mut message: Message| {
        if asked.query.query_type() == RecordType::TLSA {
            let owner = asked.query.name().clone();
            message = code(message, ResponseCode::NoError);
            message.answers.push(Record::from_rdata(owner, 3600, foreign_tlsa()));
        }
        Some(message)
    };
    for (_server, resolver) in [behind(altered).await, behind(added).await, behind(unsigned).await]
    {
        let answer = tlsa(&resolver, MX).await.unwrap();
        assert_eq!(answer.dnssec, Dnssec::Bogus, "{answer:?}");
    }
    // Nor can a promise be put where there is none.
    let (_server, resolver) = behind(unsigned).await;
    let answer = tlsa(&resolver, "bare.good.test").await.unwrap();
    assert_eq!(answer.dnssec, Dnssec::Bogus, "{answer:?}");
}

/// What is left of the promise where every TLSA answer is turned into a denial,
/// with the proof that another name gets.
async fn denied_promise(rcode: ResponseCode, replay: Option<&str>) -> TlsaAnswer {
    let world = promising();
    let anchor = world.root_dnskey();
    let proof = replay.map(|owner| replayed(&world, owner, RecordType::TLSA));
    let proxy = move |asked: &Asked, message: Message| {
        let is_struck = asked.query.query_type() == RecordType::TLSA;
        Some(if is_struck { denied(message, rcode, proof.as_ref()) } else { message })
    };
    let server = Server::twisted(world, proxy).await;
    tlsa(&resolver(&server, &anchor), MX).await.unwrap()
}

#[tokio::test]
async fn a_tlsa_answer_turned_into_a_denial_is_bogus_not_absent() {
    // Nothing at all, then real proofs: of other names of the zone, of the zone
    // above it, and of one that is not signed.
    let replays = ["bare.good.test", "nowhere.good.test", "goodz.test", "zz.plain.test"];
    let replays: Vec<Option<&str>> = std::iter::once(None).chain(replays.map(Some)).collect();
    for rcode in [ResponseCode::NoError, ResponseCode::NXDomain] {
        for replay in &replays {
            let answer = denied_promise(rcode, *replay).await;
            assert_eq!(answer.dnssec, Dnssec::Bogus, "{rcode} {replay:?} {answer:?}");
            assert_eq!(answer.error, Some(LookupError::Bogus), "{rcode} {replay:?}");
        }
    }
}

/// A wildcard's records, put in the place of those that a name has of its own.
#[tokio::test]
async fn a_wildcard_replayed_over_a_name_that_exists_is_no_promise() {
    let records = "mx 3600 IN A 192.0.2.1
         _25._tcp.mx 3600 IN TLSA 3 1 1 00
         *._tcp.mx 3600 IN TLSA 3 1 1 66";
    let world = World::signed().zone("good.test.", Delegation::Signed, records);
    let anchor = world.root_dnskey();
    let expanded = replayed(&world, "_9._tcp.mx.good.test", RecordType::TLSA);
    let server = Server::twisted(world, move |asked, mut message| {
        if asked.is(TLSA_NAME, RecordType::TLSA) {
            message.answers = expanded.answers.clone();
            message.authorities = expanded.authorities.clone();
            for record in &mut message.answers {
                record.name = asked.query.name().clone();
            }
        }
        Some(message)
    })
    .await;
    let answer = tlsa(&resolver(&server, &anchor), MX).await.unwrap();
    assert_eq!(answer.records[0].data, "66", "the signature holds");
    assert_eq!(answer.dnssec, Dnssec::Indeterminate);
}

/// A link out of the signed zone, to where anything can be said.
#[tokio::test]
async fn a_forged_link_into_an_unsigned_zone_leads_to_no_insecure_answer() {
    for kind in [RecordType::TLSA, RecordType::A, RecordType::TXT] {
        let (_server, resolver) = behind(move |asked, mut message| {
            if asked.query.query_type() == kind && name("good.test").zone_of(asked.query.name()) {
                message = code(message, ResponseCode::NoError);
                let target = RData::CNAME(CNAME(name("mx.plain.test")));
                let owner = asked.query.name().clone();
                message.answers.push(Record::from_rdata(owner, 3600, target));
            }
            Some(message)
        })
        .await;
        let answer = resolver.ask(name(MX), kind).await;
        assert_eq!(answer.dnssec, Dnssec::Bogus, "{kind} {answer:?}");
        // Nor does it become a secure first link.
        if kind == RecordType::A {
            let exchange = route(&resolver, "[bare.good.test]").await.exchanges.remove(0);
            assert_ne!(exchange.cname_dnssec, Some(Dnssec::Secure));
            assert_ne!(exchange.cname_dnssec, Some(Dnssec::Insecure));
        }
    }
}

#[tokio::test]
async fn a_stripped_ds_makes_no_zone_insecure() {
    for replay in [None, Some("plain.test"), Some("nowhere.test"), Some("zz.plain.test")] {
        let world = promising();
        let anchor = world.root_dnskey();
        let proof = replay.map(|owner| replayed(&world, owner, RecordType::DS));
        let proxy = move |asked: &Asked, message: Message| {
            let is_struck = asked.is("good.test", RecordType::DS);
            let denied = |message| denied(message, ResponseCode::NoError, proof.as_ref());
            Some(if is_struck { denied(message) } else { message })
        };
        let server = Server::twisted(world, proxy).await;
        let resolver = resolver(&server, &anchor);
        let good = route(&resolver, "good.test").await;
        let (mx, a, aaaa) = statuses(&good);
        for status in [mx, a, aaaa, resolver.txt(STS).await.dnssec] {
            assert_eq!(status, Dnssec::Bogus, "{replay:?}");
        }
        assert_eq!(resolver.tlsa(&good.exchanges[0], 25).await, None);
    }
}

/// A zone cut that is not there, below a signed one, "proven" unsigned by a genuine
/// opt-out record of the zone above (RFC 5155 §8.6, RFC 6840 §4.1).
#[tokio::test]
async fn an_invented_delegation_makes_no_signed_host_insecure() {
    let world = promising();
    let anchor = world.root_dnskey();
    let proof = world.opt_out("test.", MX);
    let server = Server::twisted(world, move |asked, message| {
        let owner = asked.query.name().clone();
        let kind = asked.query.query_type();
        if !name(MX).zone_of(&owner) {
            return Some(message);
        }
        let mut forged = code(message, ResponseCode::NoError);
        let data = match kind {
            RecordType::A => RData::A(A(Ipv4Addr::new(198, 51, 100, 66))),
            RecordType::TLSA => foreign_tlsa(),
            RecordType::NS if owner == name(MX) => RData::NS(NS(name("ns.evil.test"))),
            _ => {
                forged.authorities.clone_from(&proof);
                return Some(forged);
            }
        };
        forged.answers.push(Record::from_rdata(owner, 3600, data));
        Some(forged)
    })
    .await;
    let resolver = resolver(&server, &anchor);
    let address = resolver.ask(name(MX), RecordType::A).await;
    assert_eq!((address.error, address.dnssec), (None, Dnssec::Bogus));
    let records = resolver.ask(name(TLSA_NAME), RecordType::TLSA).await;
    assert_eq!((records.error, records.dnssec), (None, Dnssec::Bogus));
}

fn without_signatures(mut message: Message) -> Message {
    let is_signature =
        |record: &Record| matches!(&record.data, RData::DNSSEC(DNSSECRData::RRSIG(_)));
    message.answers.retain(|record| !is_signature(record));
    message.authorities.retain(|record| !is_signature(record));
    message
}

#[tokio::test]
async fn stripped_signatures_make_an_answer_bogus() {
    for kind in [RecordType::TLSA, RecordType::TXT, RecordType::A, RecordType::MX] {
        let (_server, resolver) = behind(move |asked, message| {
            let is_struck = asked.query.query_type() == kind;
            Some(if is_struck { without_signatures(message) } else { message })
        })
        .await;
        for owner in [TLSA_NAME, STS, MX, "good.test", "nothing.good.test"] {
            let answer = resolver.ask(name(owner), kind).await;
            assert_eq!(answer.dnssec, Dnssec::Bogus, "{owner} {kind} {answer:?}");
        }
    }
}

#[tokio::test]
async fn where_all_signatures_are_stripped_nothing_is_promised_or_denied() {
    let (server, resolver) = behind(|_, message| Some(without_signatures(message))).await;
    let good = route(&resolver, "good.test").await;
    let unknown = Dnssec::Indeterminate;
    assert_eq!(statuses(&good), (unknown, unknown, unknown));
    assert_eq!(resolver.tlsa(&good.exchanges[0], 25).await, None);
    let text = resolver.txt(STS).await;
    assert_eq!((text.dnssec, text.records.len()), (unknown, 2));
    assert_eq!(resolver.txt("_mta-sts.bare.good.test").await.dnssec, unknown);
    assert_eq!(resolver.described().unwrap().dnssec, DnssecSource::Unavailable);
    assert!(server.asked().iter().all(|asked| asked.query.query_type() != RecordType::TLSA));
}

#[tokio::test]
async fn an_altered_or_removed_txt_record_is_bogus() {
    let (_server, resolver) = behind(|_, mut message| {
        let text = RData::TXT(TXT::new(vec!["v=STSv1; id=1;".into()]));
        set_data(&mut message, RecordType::TXT, &text);
        Some(message)
    })
    .await;
    assert_eq!(resolver.txt(STS).await.dnssec, Dnssec::Bogus);
    // One of two records taken out, then both.
    let (_server, resolver) = behind(|asked, mut message| {
        if asked.is(STS, RecordType::TXT) {
            message.answers.remove(0);
        }
        Some(message)
    })
    .await;
    assert_eq!(resolver.txt(STS).await.dnssec, Dnssec::Bogus);
    for rcode in [ResponseCode::NoError, ResponseCode::NXDomain] {
        let (_server, resolver) = behind(move |asked, message| {
            Some(if asked.is(STS, RecordType::TXT) { code(message, rcode) } else { message })
        })
        .await;
        let text = resolver.txt(STS).await;
        assert_eq!((text.dnssec, text.error), (Dnssec::Bogus, Some(LookupError::Bogus)));
    }
}

#[tokio::test]
async fn a_forged_ad_bit_changes_nothing() {
    let (_server, resolver) = behind(|_, mut message| {
        message.metadata.authentic_data = true;
        Some(message)
    })
    .await;
    let status = async |target| statuses(&route(&resolver, target).await);
    assert_eq!(status("plain.test").await, (Dnssec::Insecure, Dnssec::Insecure, Dnssec::Insecure));
    assert_eq!(status("bad.test").await, (Dnssec::Bogus, Dnssec::Bogus, Dnssec::Bogus));
    let (_server, resolver) = behind(|_, message| {
        let mut message = without_signatures(message);
        message.metadata.authentic_data = true;
        Some(message)
    })
    .await;
    let good = route(&resolver, "good.test").await;
    let unknown = Dnssec::Indeterminate;
    assert_eq!(statuses(&good), (unknown, unknown, unknown));
}
