//! The PKIX verdict: path, dates and name of a recorded chain. Pure.
//!
//! Owns RFC 5280 path validation as far as webpki does it, and the telling apart
//! of what webpki calls by one name. Every reason that applies is given: webpki
//! stops at the first, so path, dates, name, keys and digests are asked apart; `path`
//! says what the presented certificates make up.
//! Refuses to know policies: whether a bad certificate matters is for `judge`.

mod path;

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use x509_parser::prelude::X509Certificate;

use super::certificate::{self, content, timestamp};
use super::name;
use super::ocsp;
use super::roots::Roots;
use super::signed::{Key, Signed};
use crate::model::tls::{Handshake, OcspStatus, Pkix, PkixReason, PkixStatus};
use path::{End, Path, is_self_issued};

pub(super) use path::is_trusted;

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// Links that [`completion`] adds at the most.
const MAX_LINKS: usize = 3;

/// Judges the chain of a handshake at the time at which it was recorded.
///
/// `reference` is the name that the leaf must carry (RFC 9525); without one the
/// name is not judged. `None` where no certificate was seen.
pub fn judge(
    handshake: &Handshake,
    reference: Option<&str>,
    at: Timestamp,
    roots: &Roots,
) -> Option<Pkix> {
    let (leaf_der, rest) = handshake.chain.split_first()?;
    let Some(leaf) = certificate::parse(leaf_der) else {
        return Some(verdict(vec![PkixReason::Malformed], None));
    };
    let names_match =
        reference.map(|reference| name::matches(reference, &certificate::presented(&leaf)));
    // Nobody forges a testimony that revokes his own certificate: it counts unless
    // the signature is known to be wrong.
    let revoked = ocsp::read(handshake, at, roots)
        .is_some_and(|ocsp| ocsp.status == OcspStatus::Revoked && ocsp.signed != Some(false));
    let days_left = timestamp(leaf.validity().not_after)
        .map(|end| (end.as_second() - at.as_second()).div_euclid(SECONDS_A_DAY));

    let path = Path::follow(leaf, path::parsed(rest), roots);
    let mut reasons = path_reasons(&path, &handshake.chain, at, roots);
    reasons.extend((names_match == Some(false)).then_some(PkixReason::NameMismatch));
    reasons.extend(revoked.then_some(PkixReason::Revoked));
    let public_root = path.leads_to_public_root(&handshake.chain);
    Some(Pkix { days_left, public_root, ..verdict(reasons, names_match) })
}

fn verdict(mut reasons: Vec<PkixReason>, names_match: Option<bool>) -> Pkix {
    reasons.sort_unstable();
    reasons.dedup();
    let status = if reasons.is_empty() { PkixStatus::Valid } else { PkixStatus::Invalid };
    Pkix { status, reasons, names_match, days_left: None, public_root: None }
}

/// The certificates out of `others` that continue a chain whose next link was not
/// sent, up to a trusted root; `None` where they do not lead there.
///
/// Whose they are matters not: a certificate proves itself by its signature.
pub fn completion<'a>(
    chain: &[Vec<u8>],
    others: &[&'a [u8]],
    at: Timestamp,
    roots: &Roots,
) -> Option<Vec<&'a [u8]>> {
    complete(chain, others, at, roots, MAX_LINKS)
}

fn complete<'a>(
    chain: &[Vec<u8>],
    others: &[&'a [u8]],
    at: Timestamp,
    roots: &Roots,
    links: usize,
) -> Option<Vec<&'a [u8]>> {
    let path = Path::of(chain, roots)?;
    if is_trusted_in_time(&path, chain, at, roots) {
        return Some(Vec::new());
    }
    if links == 0 {
        return None;
    }
    let last = path.certificates.last()?;
    let link = others.iter().find(|der| issued(der, last))?;
    let longer: Vec<Vec<u8>> = chain.iter().cloned().chain([link.to_vec()]).collect();
    let mut found = complete(&longer, others, at, roots, links - 1)?;
    found.insert(0, link);
    Some(found)
}

/// Whether the holder of this certificate issued that one: by its name, and by its
/// key as far as that can be told.
fn issued(der: &[u8], subject: &X509Certificate<'_>) -> bool {
    let Some(cert) = certificate::parse(der) else { return false };
    let named = cert.subject().as_raw() == subject.issuer().as_raw() && !is_self_issued(&cert);
    let key = Key::of(content(cert.public_key().raw));
    let signed = Signed::parse(content(subject.as_raw()));
    let proof = signed.zip(key).and_then(|(signed, key)| signed.is_signed_by(&key));
    named && proof != Some(false)
}

/// Trusted at that time, or at one inside every certificate's validity.
fn is_trusted_in_time(path: &Path<'_>, chain: &[Vec<u8>], at: Timestamp, roots: &Roots) -> bool {
    let store = roots.store();
    is_trusted(chain, at, store)
        || path.common_time().is_some_and(|time| is_trusted(chain, time, store))
}

/// The reasons that lie in the path: fitness, dates, trust.
fn path_reasons(
    path: &Path<'_>,
    chain: &[Vec<u8>],
    at: Timestamp,
    roots: &Roots,
) -> Vec<PkixReason> {
    let mut reasons = path.weaknesses();
    reasons.extend(path.unfitness());
    let trusted_now = path.is_anchor() || is_trusted(chain, at, roots.store());
    if !trusted_now || path.is_anchor() {
        reasons.extend(path.dates(at));
    }
    if trusted_now {
        return reasons;
    }
    // Good but for its dates? Only a time inside every certificate's validity can
    // tell. Where there is none, trust was not measured.
    let trusted_in_time = match path.common_time() {
        Some(time) => is_trusted(chain, time, roots.store()),
        None => path.end == End::Anchor,
    };
    if trusted_in_time {
        return reasons;
    }
    match path.end {
        End::SelfSigned => reasons.push(PkixReason::SelfSigned),
        End::Missing => reasons.push(PkixReason::IncompleteChain),
        // By its names the path is complete. A key, a digest or a form that webpki
        // does not take explains the failure; without one the signatures are wrong.
        End::Anchor if path.is_beyond_webpki() => {}
        End::Untrusted | End::Anchor => reasons.push(PkixReason::UnknownIssuer),
    }
    reasons
}
