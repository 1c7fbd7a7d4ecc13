//! Every record of an RRset against one chain: what it does now, and after a
//! renewal. Pure.
//!
//! Owns what is to come of each. Refuses to decide whether mail goes now.

use jiff::Timestamp;

use super::evaluate::{Session, Tried, matched_certificate};
use super::requirement::Requirement;
use super::usability::{CERT, DANE_TA, Rated, SPKI, Standing};
use crate::model::route::Tlsa;
use crate::model::tlsa::{RecordStanding, RecordView};
use crate::tls::certificate;

/// Every record that binds, in the order of the answer, against what was presented
/// (DER, leaf first; empty where none was seen) at that time.
pub fn rollover(
    requirement: &Requirement,
    chain: &[Vec<u8>],
    names: &[String],
    at: Timestamp,
) -> Vec<RecordView> {
    against(requirement.records(), chain, names, at)
}

/// The same for records that need not bind.
pub(super) fn against(
    records: &[Rated],
    chain: &[Vec<u8>],
    names: &[String],
    at: Timestamp,
) -> Vec<RecordView> {
    let session = Session::new(chain, names, at);
    let mut tried = Tried::default();
    let seen = !chain.is_empty();
    records
        .iter()
        .map(|rated| {
            let counts = seen && rated.standing == Standing::Counts;
            let outcome = counts.then(|| session.accepts(&rated.record, &mut tried));
            view(rated, chain, outcome)
        })
        .collect()
}

/// The records that senders look at and that name nothing presented, where another
/// one is accepted: the next key's, published ahead, or one left behind by a
/// renewal. Empty where all match, or none.
pub fn unmatched_beside_match(views: &[RecordView]) -> Vec<&RecordView> {
    if !views.iter().any(|view| view.accepted == Some(true)) {
        return Vec::new();
    }
    views.iter().filter(|view| view.accepted == Some(false)).collect()
}

fn view(rated: &Rated, chain: &[Vec<u8>], outcome: Option<Result<(), Vec<String>>>) -> RecordView {
    let record = &rated.record;
    let (standing, unusable) = match rated.standing {
        Standing::Counts => (RecordStanding::Counts, None),
        Standing::Superseded => (RecordStanding::Superseded, None),
        Standing::Unusable(fault) => (RecordStanding::Unusable, Some(fault.words().to_owned())),
    };
    let place = if unusable.is_none() { matched_certificate(record, chain) } else { None };
    let accepted = outcome.as_ref().map(Result::is_ok);
    let matches = accepted == Some(true);
    RecordView {
        record: record.clone(),
        standing,
        unusable,
        certificate: place,
        accepted,
        reasons: outcome.and_then(Result::err).unwrap_or_default(),
        survives_same_key: matches.then(|| survives_same_key(record)),
        survives_new_key: matches.then_some(record.usage == DANE_TA),
        until: until(record, place.and_then(|place| chain.get(place))),
    }
}

/// A key stays, a certificate does not; an issuer outlives those that it issues.
fn survives_same_key(record: &Tlsa) -> bool {
    record.usage == DANE_TA || record.selector == SPKI
}

/// The end of the issuer that a DANE-TA(2) record names: dates count there
/// (RFC 7672 §3.1.2), and not for DANE-EE(3).
fn until(record: &Tlsa, presented: Option<&Vec<u8>>) -> Option<Timestamp> {
    if record.usage != DANE_TA {
        return None;
    }
    if let Some(der) = presented {
        return certificate::facts(der, false).not_after;
    }
    let octets = super::association::decode(&record.data).filter(|_| record.selector == CERT)?;
    certificate::facts(&octets, false).not_after
}
