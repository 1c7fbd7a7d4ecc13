//! A zone as the server has it: loaded, signed, and spoilt where it was planned.
//!
//! Owns keys and signatures of the zone. Refuses to know sockets.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hickory_server::dnssec::NxProofKind;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::proto::dnssec::crypto::EcdsaSigningKey;
use hickory_server::proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_server::proto::dnssec::{Algorithm, DnssecSigner, SigningKey};
use hickory_server::proto::rr::rdata::{A, NS, SOA};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordSet, RecordType, RrKey};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, ZoneType};

use super::zone::{Content, Fault, Zone, absolute};
use crate::sim::Error;

/// Time to live of every record, in seconds.
const TTL: u32 = 300;
/// How long signatures are valid.
const SIGNED_FOR: Duration = Duration::from_hours(24 * 30);

/// Top-level domains that exist though nothing else may lie in them. The server's
/// proof that a name does not exist holds only below a name that does.
const TOP_LEVEL: [&str; 5] = ["com", "example", "net", "org", "test"];

pub(super) fn load(zone: &Zone) -> Result<InMemoryZoneHandler, Error> {
    let root = Name::root();
    let server = absolute("ns.example.net")?;
    let soa =
        SOA::new(server.clone(), absolute("hostmaster.example.net")?, 1, 3600, 600, 86400, 60);
    let mut records = BTreeMap::new();
    let mut insert = |name: Name, rdata: RData| {
        let key = RrKey::new(LowerName::from(&name), rdata.record_type());
        let set = records
            .entry(key)
            .or_insert_with(|| RecordSet::with_ttl(name.clone(), rdata.record_type(), TTL));
        set.insert(Record::from_rdata(name, TTL, rdata), 0);
    };
    insert(root.clone(), RData::SOA(soa));
    insert(root.clone(), RData::NS(NS(server.clone())));
    insert(server, RData::A(A(Ipv4Addr::new(192, 0, 2, 53))));
    for name in TOP_LEVEL {
        insert(absolute(name)?, Content::Txt("pretend".to_owned()).rdata()?);
    }
    for (name, data) in &zone.records {
        insert(absolute(name)?, data.rdata()?);
    }
    let proof = (!zone.unsigned).then_some(NxProofKind::Nsec);
    InMemoryZoneHandler::<TokioRuntimeProvider>::new(
        root,
        records,
        ZoneType::Primary,
        AxfrPolicy::Deny,
        proof,
    )
    .map_err(Error::Dns)
}

/// Signs the zone, and returns its key as a trust anchor.
pub(super) fn sign(store: &mut InMemoryZoneHandler) -> Result<String, Error> {
    let dns = |error: &dyn std::fmt::Display| Error::Dns(error.to_string());
    let algorithm = Algorithm::ECDSAP256SHA256;
    let pkcs8 = EcdsaSigningKey::generate_pkcs8(algorithm).map_err(|error| dns(&error))?;
    let key = EcdsaSigningKey::from_pkcs8(&pkcs8, algorithm).map_err(|error| dns(&error))?;
    let public = key.to_public_key().map_err(|error| dns(&error))?;
    let dnskey = DNSKEY::from_key(&public);
    let anchor = format!(". {TTL} IN DNSKEY {dnskey}\n");
    let signer = DnssecSigner::new(dnskey, Box::new(key), Name::root(), SIGNED_FOR);
    store.add_zone_signing_key_mut(signer).map_err(|error| dns(&error))?;
    store.secure_zone_mut().map_err(|error| dns(&error))?;
    Ok(anchor)
}

/// Which answers are spoilt, in the server's own form of names.
pub(super) struct Faults(Vec<(LowerName, Option<RecordType>, Fault)>);

impl Faults {
    /// Those of a zone.
    pub(super) fn planned(zone: &Zone) -> Result<Self, Error> {
        let read = |(name, only, fault): &(String, Option<RecordType>, Fault)| {
            Ok((LowerName::from(&absolute(name)?), *only, *fault))
        };
        Ok(Self(zone.faults.iter().map(read).collect::<Result<_, Error>>()?))
    }

    pub(super) fn of(&self, name: &LowerName, record_type: RecordType) -> Option<Fault> {
        let hit = |(at, only, _): &&(LowerName, Option<RecordType>, Fault)| {
            at == name && only.is_none_or(|only| only == record_type)
        };
        self.0.iter().find(hit).map(|(_, _, fault)| *fault)
    }

    /// Breaks the signatures of the names that are to be bogus.
    pub(super) fn spoil(&self, store: &mut InMemoryZoneHandler) -> Result<(), Error> {
        for (key, set) in store.records_get_mut() {
            if self.of(key.name(), key.record_type) == Some(Fault::Bogus) {
                let signatures = set.rrsigs().iter().map(broken).collect::<Result<_, _>>()?;
                Arc::make_mut(set).set_rrsigs(signatures);
            }
        }
        Ok(())
    }
}

/// The same signature record with other bits in the signature.
fn broken(record: &Record) -> Result<Record, Error> {
    let RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) = &record.data else {
        return Err(Error::Dns("a signature record that is none".to_owned()));
    };
    let signature = rrsig.sig().iter().map(|byte| !byte).collect();
    let mut record = record.clone();
    let rrsig = RRSIG::from_sig(rrsig.input().clone(), signature);
    record.data = RData::DNSSEC(DNSSECRData::RRSIG(rrsig));
    Ok(record)
}
