//! A recorded chain against one trust anchor named elsewhere, as by a TLSA record
//! of usage DANE-TA(2). Pure.
//!
//! Owns the path from the leaf to that anchor: signatures, dates, fitness. Refuses
//! to know who named the anchor, and the leaf's names.

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, Der, TrustAnchor};

use super::certificate;
use super::certificate::content;
use super::pkix::is_trusted;

/// A trust anchor, as DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anchor<'a> {
    /// A certificate; its own dates count too.
    Certificate(&'a [u8]),
    /// A bare `SubjectPublicKeyInfo`, whatever the issuer is called.
    Key(&'a [u8]),
}

/// Why there is no path to an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// There would be one, but for a certificate past its end.
    Expired,
    /// There would be one, but for a certificate before its start.
    NotYetValid,
    /// A signature, an issuer or a certificate's fitness is wrong.
    Untrusted,
}

/// Whether the chain, leaf first, leads to the anchor at that time.
///
/// # Errors
/// It does not; the fault says why.
pub fn verify(chain: &[Vec<u8>], anchor: Anchor<'_>, at: Timestamp) -> Result<(), PathFault> {
    let store = store(chain, anchor);
    let lifetime = Lifetime::of(anchor);
    let holds = |time: Timestamp| lifetime.contains(time) && is_trusted(chain, time, &store);
    if holds(at) {
        return Ok(());
    }
    // Good but for its dates? If any time suits all of a path, then also the last
    // second of the certificate that ends first.
    let ends = chain.iter().filter_map(|der| Some(Lifetime::read(der)?.last_second()));
    let Some(time) = ends.chain(Some(lifetime.last_second())).find(|time| holds(*time)) else {
        return Err(PathFault::Untrusted);
    };
    Err(if time < at { PathFault::Expired } else { PathFault::NotYetValid })
}

fn store(chain: &[Vec<u8>], anchor: Anchor<'_>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    match anchor {
        Anchor::Certificate(der) => {
            // One that webpki cannot take leads nowhere.
            let _ = store.add(CertificateDer::from(der.to_vec()));
        }
        // webpki finds anchors by name, and a bare key has none: it may be any
        // issuer's that the chain names.
        Anchor::Key(spki) => store.roots.extend(chain.iter().filter_map(|der| named(der, spki))),
    }
    store
}

/// The key under the name of a certificate's issuer.
fn named(der: &[u8], spki: &[u8]) -> Option<TrustAnchor<'static>> {
    let certificate = certificate::parse(der)?;
    Some(TrustAnchor {
        subject: Der::from(content(certificate.issuer().as_raw()).to_vec()),
        subject_public_key_info: Der::from(content(spki).to_vec()),
        name_constraints: None,
    })
}

/// From the first to the last second; in seconds since 1970.
#[derive(Clone, Copy)]
struct Lifetime {
    start: i64,
    end: i64,
}

impl Lifetime {
    fn of(anchor: Anchor<'_>) -> Self {
        let always = Self { start: i64::MIN, end: i64::MAX };
        match anchor {
            Anchor::Certificate(der) => Self::read(der).unwrap_or(always),
            Anchor::Key(_) => always,
        }
    }

    fn read(der: &[u8]) -> Option<Self> {
        let certificate = certificate::parse(der)?;
        let validity = certificate.validity();
        let (start, end) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        Some(Self { start, end })
    }

    fn contains(self, time: Timestamp) -> bool {
        (self.start..=self.end).contains(&time.as_second())
    }

    fn last_second(self) -> Timestamp {
        Timestamp::from_second(self.end.saturating_sub(1)).unwrap_or(Timestamp::MAX)
    }
}
