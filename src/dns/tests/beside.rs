//! Genuine NSEC records that resolvers hand over beside an answer, and that deny
//! something else than what was asked.

use hickory_resolver::proto::dnssec::rdata::DNSSECRData;
use hickory_resolver::proto::op::{Edns, Query};
use hickory_resolver::proto::rr::{Name, Record};

use super::*;

/// The authority section of an answer of this world, DNSSEC records and all.
fn proof(world: &World, owner: &str, kind: RecordType) -> Vec<Record> {
    let mut request = Message::query();
    request.add_query(Query::query(name(owner), kind));
    request.set_edns(Edns::new());
    request.edns.as_mut().unwrap().set_dnssec_ok(true);
    let mut proof = world.respond(&request).authorities;
    proof.retain(|record| record.record_type() != RecordType::SOA && !covers_soa(record));
    assert!(proof.iter().any(|record| record.record_type() == RecordType::NSEC), "{proof:?}");
    proof
}

fn covers_soa(record: &Record) -> bool {
    matches!(&record.data, RData::DNSSEC(DNSSECRData::RRSIG(rrsig))
        if rrsig.input().type_covered == RecordType::SOA)
}

/// Asks for the address of `owner` where these records stand beside the answer.
async fn beside(world: World, owner: &str, proof: Vec<Record>) -> (Vec<Name>, Dnssec, usize) {
    let anchor = world.root_dnskey();
    let asked_for = owner.to_owned();
    let server = Server::twisted(world, move |asked: &Asked, mut message: Message| {
        if asked.is(&asked_for, RecordType::A) && !message.answers.is_empty() {
            message.add_authorities(proof.clone());
        }
        Some(message)
    })
    .await;
    let answer = resolver(&server, &anchor).ask(name(owner), RecordType::A).await;
    assert_eq!(answer.error, None, "{answer:?}");
    (answer.links, answer.dnssec, answer.records.len())
}

fn aliases() -> World {
    signed().zone(
        "alias.test.",
        Delegation::Signed,
        "www 3600 IN CNAME mx.good.test.
         out 3600 IN CNAME mx.plain.test.",
    )
}

#[tokio::test]
async fn a_denial_beside_an_alias_leaves_its_status_alone() {
    for denied in ["nothing.alias.test", "alias.test"] {
        let world = aliases();
        let proof = proof(&world, denied, RecordType::TXT);
        let (links, dnssec, records) = beside(world, "www.alias.test", proof).await;
        assert_eq!((links, dnssec, records), (vec![name("mx.good.test")], Dnssec::Secure, 1));
    }
}

#[tokio::test]
async fn a_denial_beside_addresses_leaves_their_status_alone() {
    let world = aliases();
    let proof = proof(&world, "nothing.good.test", RecordType::TXT);
    let (_, dnssec, records) = beside(world, "mx.good.test", proof).await;
    assert_eq!((dnssec, records), (Dnssec::Secure, 1));
}

/// The proof that a delegation has no DS stands beside what lies below it.
#[tokio::test]
async fn a_denial_of_ds_beside_an_unsigned_delegation_leaves_it_insecure() {
    for owner in ["mx.plain.test", "out.alias.test"] {
        let world = aliases();
        let proof = proof(&world, "plain.test", RecordType::DS);
        let (_, dnssec, records) = beside(world, owner, proof).await;
        assert_eq!((dnssec, records), (Dnssec::Insecure, 1), "{owner}");
    }
}

/// What is forged stays bogus beside a genuine proof.
#[tokio::test]
async fn a_denial_beside_a_forged_address_does_not_save_it() {
    let world = aliases();
    let anchor = world.root_dnskey();
    let proof = proof(&world, "nothing.good.test", RecordType::TXT);
    let server = Server::twisted(world, move |asked: &Asked, mut message: Message| {
        if asked.is("mx.good.test", RecordType::A) {
            for record in message.answers.iter_mut().filter(|r| r.record_type() == RecordType::A) {
                record.data = RData::A(A(Ipv4Addr::new(198, 51, 100, 66)));
            }
            message.add_authorities(proof.clone());
        }
        Some(message)
    })
    .await;
    let answer = resolver(&server, &anchor).ask(name("mx.good.test"), RecordType::A).await;
    assert_eq!((answer.error, answer.dnssec), (None, Dnssec::Bogus));
}
