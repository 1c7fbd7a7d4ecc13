//! A presented chain against the records of a requirement (RFC 7672 §3). Pure.
//!
//! Owns usages, names, dates and which record matches. Refuses to know where records come
//! from.

use std::collections::HashMap;

use jiff::Timestamp;

use super::requirement::Requirement;
use super::usability::{CERT, DANE_TA, FULL, Rated, Standing, Unusable};
use super::{MOST_CERTIFICATES, association};
use crate::model::route::Tlsa;
use crate::model::tls::{Dane, DaneStatus};
use crate::tls::anchored::{self, Anchor, PathFault};
use crate::tls::{certificate, name};

/// Distinct anchors of one RRset to which a path is sought.
const MOST_ANCHORS: usize = 8;

/// RFC 8460 §4.3.2.2.
const TLSA_INVALID: &str = "tlsa-invalid";
const DNSSEC_INVALID: &str = "dnssec-invalid";
/// RFC 8460 §4.3.1, §4.3.2.
const CERTIFICATE_EXPIRED: &str = "certificate-expired";
const CERTIFICATE_HOST_MISMATCH: &str = "certificate-host-mismatch";
const CERTIFICATE_NOT_TRUSTED: &str = "certificate-not-trusted";
const VALIDATION_FAILURE: &str = "validation-failure";

/// Whether a chain (DER, leaf first) fulfils a requirement at that time.
///
/// `names` are the [`reference_names`](super::reference_names). `None` where records
/// are to be matched and no certificate was seen. Whether the peer holds the leaf's
/// key is not asked here: see [`key_proven`](crate::model::tls::Handshake::key_proven).
pub fn judge(
    requirement: &Requirement,
    chain: &[Vec<u8>],
    names: &[String],
    at: Timestamp,
) -> Option<Dane> {
    let (status, reasons) = match requirement {
        Requirement::NotAsked => (DaneStatus::NotAsked, vec![]),
        Requirement::None { .. } => (DaneStatus::None, vec![]),
        Requirement::Delay { .. } | Requirement::MustNotUse { .. } => {
            (DaneStatus::Bogus, vec![DNSSEC_INVALID.to_owned()])
        }
        Requirement::Encrypt { records, .. } => (DaneStatus::Unusable, unusable(records)),
        Requirement::Authenticate { .. } if chain.is_empty() => return None,
        Requirement::Authenticate { records, .. } => {
            return Some(matched(records, &Session::new(chain, names, at)));
        }
    };
    Some(Dane { status, record: None, reasons })
}

/// Place in the chain, the server's own being 0, of the certificate that a record
/// names: the server's own for DANE-EE(3), one of the others for DANE-TA(2)
/// (RFC 7671 §5.1, §5.2).
pub fn matched_certificate(record: &Tlsa, chain: &[Vec<u8>]) -> Option<usize> {
    let leaf = chain.first()?;
    if record.usage != DANE_TA {
        return association::names(record, leaf).then_some(0);
    }
    let issuers = chain.iter().enumerate().take(MOST_CERTIFICATES).skip(1);
    issuers
        .filter(|(_, der)| *der != leaf)
        .find(|(_, der)| association::names(record, der))
        .map(|(at, _)| at)
}

fn unusable(records: &[Rated]) -> Vec<String> {
    let faults = records.iter().filter_map(|rated| match rated.standing {
        Standing::Unusable(fault) => Some(fault),
        Standing::Counts | Standing::Superseded => None,
    });
    let mut reasons = vec![TLSA_INVALID.to_owned()];
    reasons.extend(faults.map(Unusable::words).map(str::to_owned));
    deduplicated(reasons)
}

fn matched(records: &[Rated], session: &Session<'_>) -> Dane {
    let counting = records.iter().filter(|rated| rated.standing == Standing::Counts);
    let mut reasons = Vec::new();
    let mut tried = Tried::default();
    for Rated { record, .. } in counting {
        match session.accepts(record, &mut tried) {
            Ok(()) => {
                let record = Some(record.clone());
                return Dane { status: DaneStatus::Matched, record, reasons: vec![] };
            }
            Err(mut why) => reasons.append(&mut why),
        }
    }
    Dane { status: DaneStatus::Mismatched, record: None, reasons: telling(reasons) }
}

/// What a record of the set came close with says more than that others name
/// something else.
fn telling(reasons: Vec<String>) -> Vec<String> {
    let close: Vec<String> =
        reasons.iter().filter(|reason| *reason != VALIDATION_FAILURE).cloned().collect();
    deduplicated(if close.is_empty() { reasons } else { close })
}

fn deduplicated(mut reasons: Vec<String>) -> Vec<String> {
    let mut known = std::collections::HashSet::new();
    reasons.retain(|reason| known.insert(reason.clone()));
    reasons
}

/// Anchors to which a path was sought, and what came of it.
pub(super) type Tried = HashMap<Vec<u8>, Result<(), PathFault>>;

/// What was presented, to whom, and when.
pub(super) struct Session<'a> {
    chain: &'a [Vec<u8>],
    names: &'a [String],
    at: Timestamp,
}

impl<'a> Session<'a> {
    pub(super) fn new(chain: &'a [Vec<u8>], names: &'a [String], at: Timestamp) -> Self {
        Self { chain: chain.get(..MOST_CERTIFICATES).unwrap_or(chain), names, at }
    }

    /// Whether a sender accepts the chain on this record alone; why not, in
    /// RFC 8460's words.
    pub(super) fn accepts(&self, record: &Tlsa, tried: &mut Tried) -> Result<(), Vec<String>> {
        if record.usage == DANE_TA {
            return self.anchored(record, tried);
        }
        // RFC 7672 §3.1.1: DANE-EE(3) ignores name, dates and issuers.
        let matches = matched_certificate(record, self.chain) == Some(0);
        if matches { Ok(()) } else { Err(vec![VALIDATION_FAILURE.to_owned()]) }
    }

    /// RFC 7672 §3.1.2: DANE-TA(2) wants a path to the anchor, dates and a name.
    fn anchored(&self, record: &Tlsa, tried: &mut Tried) -> Result<(), Vec<String>> {
        let Some(path) = self.best_path(record, tried) else {
            return Err(vec![VALIDATION_FAILURE.to_owned()]);
        };
        let mut reasons = Vec::new();
        match path {
            Ok(()) => {}
            Err(PathFault::Expired) => reasons.push(CERTIFICATE_EXPIRED.to_owned()),
            Err(PathFault::NotYetValid | PathFault::Untrusted) => {
                reasons.push(CERTIFICATE_NOT_TRUSTED.to_owned());
            }
        }
        if !self.is_named() {
            reasons.push(CERTIFICATE_HOST_MISMATCH.to_owned());
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// The best of the paths to whatever the record names; `None` where it names
    /// nothing that is at hand.
    fn best_path(&self, record: &Tlsa, tried: &mut Tried) -> Option<Result<(), PathFault>> {
        let (leaf, issuers) = self.chain.split_first()?;
        let named = issuers.iter().filter(|der| *der != leaf && association::names(record, der));
        let mut paths: Vec<_> =
            named.map(|der| self.path(Anchor::Certificate(der), tried)).collect();
        // RFC 7672 §3.1.2, RFC 7671 §5.2.2: a whole certificate or key in DNS serves
        // as the anchor though it was not presented.
        let octets = association::decode(&record.data)
            .filter(|octets| record.matching == FULL && octets != leaf);
        paths.extend(octets.map(|octets| {
            let is_certificate = record.selector == CERT;
            let anchor =
                if is_certificate { Anchor::Certificate(&octets) } else { Anchor::Key(&octets) };
            self.path(anchor, tried)
        }));
        paths.into_iter().min_by_key(|path| match path {
            Ok(()) => 0,
            Err(PathFault::Expired | PathFault::NotYetValid) => 1,
            Err(PathFault::Untrusted) => 2,
        })
    }

    fn path(&self, anchor: Anchor<'_>, tried: &mut Tried) -> Result<(), PathFault> {
        let (Anchor::Certificate(der) | Anchor::Key(der)) = anchor;
        if let Some(known) = tried.get(der) {
            return *known;
        }
        if tried.len() == MOST_ANCHORS {
            return Err(PathFault::Untrusted);
        }
        let path = anchored::verify(self.chain, anchor, self.at);
        tried.insert(der.to_vec(), path);
        path
    }

    fn is_named(&self) -> bool {
        let presented = self.chain.first().and_then(|leaf| certificate::names_with_common(leaf));
        presented.is_some_and(|presented| {
            self.names.iter().any(|reference| name::matches(reference, &presented))
        })
    }
}
