//! Which TLSA records a sender can use (RFC 7672 §3.1, RFC 7671 §9). Pure.
//!
//! Owns the field values and digest agility. Refuses to know chains.

use super::association;
use crate::model::route::Tlsa;

/// DANE-TA(2): an issuer of the chain.
pub(super) const DANE_TA: u8 = 2;
/// DANE-EE(3): the server's own certificate or key.
pub(super) const DANE_EE: u8 = 3;
/// Selector Cert(0): the whole certificate.
pub(super) const CERT: u8 = 0;
/// Selector SPKI(1): the public key.
pub(super) const SPKI: u8 = 1;
/// Matching type Full(0): no digest.
pub(super) const FULL: u8 = 0;
/// Matching type SHA2-256(1).
pub(super) const SHA256: u8 = 1;
/// Matching type SHA2-512(2).
pub(super) const SHA512: u8 = 2;

const SHA256_OCTETS: usize = 32;
const SHA512_OCTETS: usize = 64;

/// A record with its standing in its RRset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rated {
    /// The record.
    pub record: Tlsa,
    /// Whether a sender looks at it.
    pub standing: Standing,
}

/// Whether a sender looks at a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Counts,
    /// Usable, but a stronger digest of the same usage and selector is there
    /// (RFC 7671 §9).
    Superseded,
    /// It cannot.
    Unusable(Unusable),
}

/// Why a record is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// PKIX-TA(0) and PKIX-EE(1) are not for SMTP (RFC 7672 §3.1.3).
    PkixUsage,
    /// A usage that is not assigned.
    UnknownUsage,
    /// A selector that is not assigned.
    UnknownSelector,
    /// A matching type that is not assigned.
    UnknownMatching,
    /// A digest of another length than its type has.
    DigestLength,
    /// Not hexadecimal, or Full(0) without a parsable certificate or key.
    Data,
}

impl Unusable {
    /// The reason in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::PkixUsage => "usages 0 and 1 are not for SMTP",
            Self::UnknownUsage => "unknown certificate usage",
            Self::UnknownSelector => "unknown selector",
            Self::UnknownMatching => "unknown matching type",
            Self::DigestLength => "the digest has the wrong length",
            Self::Data => "the data is no certificate or key",
        }
    }
}

/// Every record with its standing, in the given order.
pub fn rate(records: &[Tlsa]) -> Vec<Rated> {
    let faults: Vec<Option<Unusable>> = records.iter().map(fault).collect();
    let usable: Vec<&Tlsa> =
        records.iter().zip(&faults).filter(|(_, fault)| fault.is_none()).map(|(r, _)| r).collect();
    let standing = |record: &Tlsa, fault: Option<Unusable>| match fault {
        Some(fault) => Standing::Unusable(fault),
        None if is_superseded(record, &usable) => Standing::Superseded,
        None => Standing::Counts,
    };
    let rated = records.iter().zip(faults);
    rated
        .map(|(record, fault)| Rated { record: record.clone(), standing: standing(record, fault) })
        .collect()
}

/// RFC 7671 §9: of the digests that a usage and selector come with only the
/// strongest counts; Full(0) always does.
fn is_superseded(record: &Tlsa, usable: &[&Tlsa]) -> bool {
    record.matching == SHA256
        && usable.iter().any(|other| {
            (other.usage, other.selector, other.matching) == (record.usage, record.selector, SHA512)
        })
}

fn fault(record: &Tlsa) -> Option<Unusable> {
    match record.usage {
        // RFC 7672 §3.1.3: clients treat them as unusable.
        0 | 1 => return Some(Unusable::PkixUsage),
        DANE_TA | DANE_EE => {}
        _ => return Some(Unusable::UnknownUsage),
    }
    if !matches!(record.selector, CERT | SPKI) {
        return Some(Unusable::UnknownSelector);
    }
    if record.matching > SHA512 {
        return Some(Unusable::UnknownMatching);
    }
    let Some(octets) = association::decode(&record.data) else { return Some(Unusable::Data) };
    match record.matching {
        SHA256 => (octets.len() != SHA256_OCTETS).then_some(Unusable::DigestLength),
        SHA512 => (octets.len() != SHA512_OCTETS).then_some(Unusable::DigestLength),
        _ => (!association::is_parsable(record.selector, &octets)).then_some(Unusable::Data),
    }
}
