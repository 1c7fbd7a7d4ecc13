//! The PKIX verdict: path, dates and name of a recorded chain. Pure.
//!
//! Owns RFC 5280 path validation as far as webpki does it, and the telling apart
//! of what webpki calls by one name. Every reason that applies is given: webpki
//! stops at the first, so path, dates, name, keys and digests are asked apart.
//! Refuses to know policies: whether a bad certificate matters is for `judge`.

use std::time::Duration;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::prelude::{X509Certificate, X509Version};

use super::certificate::{self, curve_bits, rsa_bits, timestamp};
use super::name;
use super::ocsp;
use super::roots::Roots;
use crate::model::tls::{Handshake, Pkix, PkixReason, PkixStatus};

const SECONDS_A_DAY: i64 = 24 * 60 * 60;
/// NIST SP 800-131A: below these, keys are no longer allowed.
const MIN_RSA_BITS: usize = 2048;
const MIN_CURVE_BITS: usize = 224;

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
        return Some(verdict(vec![PkixReason::Malformed], None, None));
    };
    let names_match =
        reference.map(|reference| name::matches(reference, &certificate::presented(&leaf)));
    let staple = handshake.ocsp_staple.as_deref();
    let revoked =
        staple.is_some_and(|staple| ocsp::is_revoked(staple, leaf.tbs_certificate.raw_serial()));
    let days_left = timestamp(leaf.validity().not_after)
        .map(|end| (end.as_second() - at.as_second()).div_euclid(SECONDS_A_DAY));

    let others = rest.iter().filter_map(|der| certificate::parse(der)).collect();
    let path = Path::follow(leaf, others, roots);
    let mut reasons = path_reasons(&path, &handshake.chain, at, roots);
    reasons.extend((names_match == Some(false)).then_some(PkixReason::NameMismatch));
    reasons.extend(revoked.then_some(PkixReason::Revoked));
    Some(verdict(reasons, names_match, days_left))
}

fn verdict(
    mut reasons: Vec<PkixReason>,
    names_match: Option<bool>,
    days_left: Option<i64>,
) -> Pkix {
    reasons.sort_unstable();
    reasons.dedup();
    let status = if reasons.is_empty() { PkixStatus::Valid } else { PkixStatus::Invalid };
    Pkix { status, reasons, names_match, days_left }
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

/// Whether webpki finds a path to an anchor, all of it valid at that time.
fn is_trusted(chain: &[Vec<u8>], at: Timestamp, store: &RootCertStore) -> bool {
    let Some((leaf, rest)) = chain.split_first() else { return false };
    let leaf = CertificateDer::from(leaf.as_slice());
    let Ok(leaf) = ParsedCertificate::try_from(&leaf) else { return false };
    let rest: Vec<_> = rest.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let algorithms = default_provider().signature_verification_algorithms;
    verify_server_cert_signed_by_trust_anchor(&leaf, store, &rest, now, algorithms.all).is_ok()
}

/// Where a path ends, going by names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// At an issuer that is a trust anchor.
    Anchor,
    /// At the leaf, which names itself as its issuer.
    SelfSigned,
    /// At the leaf: its issuer was not sent.
    Missing,
    /// At an issuer that was sent and is not trusted.
    Untrusted,
}

/// The presented certificates that make up the leaf's path, by subject and issuer.
struct Path<'a> {
    certificates: Vec<X509Certificate<'a>>,
    end: End,
    /// Whether the leaf itself is a trust anchor.
    leaf_is_anchor: bool,
}

impl<'a> Path<'a> {
    /// Goes from the leaf to its issuer and on, each certificate at most once.
    /// Trust anchors stay out, even if they were sent: only their names and keys
    /// count.
    fn follow(
        leaf: X509Certificate<'a>,
        mut others: Vec<X509Certificate<'a>>,
        roots: &Roots,
    ) -> Self {
        let leaf_is_anchor = is_anchor(&leaf, roots);
        let mut end = if is_self_issued(&leaf) { End::SelfSigned } else { End::Missing };
        let mut issuer = leaf.tbs_certificate.issuer.as_raw();
        let mut certificates = vec![leaf];
        loop {
            if roots.has_subject(content(issuer)) {
                end = End::Anchor;
                break;
            }
            let Some(place) = others.iter().position(|cert| cert.subject().as_raw() == issuer)
            else {
                break;
            };
            if end == End::Missing {
                end = End::Untrusted;
            }
            let next = others.swap_remove(place);
            issuer = next.tbs_certificate.issuer.as_raw();
            certificates.push(next);
        }
        Self { certificates, end, leaf_is_anchor }
    }

    /// Whether the leaf is trusted as such: given as a CA, or a root that serves
    /// itself. webpki would refuse a CA as a leaf.
    fn is_anchor(&self) -> bool {
        self.leaf_is_anchor
    }

    fn dates(&self, at: Timestamp) -> Vec<PkixReason> {
        let past =
            |cert: &X509Certificate<'_>| at.as_second() > cert.validity().not_after.timestamp();
        let early =
            |cert: &X509Certificate<'_>| at.as_second() < cert.validity().not_before.timestamp();
        let expired = self.certificates.iter().any(past).then_some(PkixReason::Expired);
        let not_yet = self.certificates.iter().any(early).then_some(PkixReason::NotYetValid);
        expired.into_iter().chain(not_yet).collect()
    }

    /// A time inside every certificate's validity: the last second of the one that
    /// ends first, if all have begun by then.
    fn common_time(&self) -> Option<Timestamp> {
        let validities = self.certificates.iter().map(|cert| cert.validity());
        let end = validities.clone().map(|validity| validity.not_after.timestamp()).min()? - 1;
        let begin = validities.map(|validity| validity.not_before.timestamp()).max()?;
        (begin <= end).then(|| Timestamp::from_second(end).ok()).flatten()
    }

    fn weaknesses(&self) -> Vec<PkixReason> {
        let key = self.certificates.iter().any(has_weak_key).then_some(PkixReason::WeakKey);
        let signature = self.certificates.iter().enumerate().any(|(place, cert)| {
            // Nobody relies on the signature of a root on itself.
            (place == 0 || !is_self_issued(cert)) && has_weak_signature(cert)
        });
        let signature = signature.then_some(PkixReason::WeakSignature);
        key.into_iter().chain(signature).collect()
    }

    /// What makes the leaf unfit for a server (RFC 5280 §4.2.1). A self-signed one
    /// with the CA flag is the usual home-made certificate, and self-signed says it.
    fn unfitness(&self) -> Option<PkixReason> {
        let leaf = self.certificates.first()?;
        let is_ca = leaf.is_ca() && !is_self_issued(leaf);
        let unfit = leaf.version() != X509Version::V3 || is_ca || !serves(leaf);
        unfit.then_some(PkixReason::Malformed)
    }

    /// Whether webpki cannot judge this path, so that its refusal says nothing.
    fn is_beyond_webpki(&self) -> bool {
        !self.weaknesses().is_empty() || self.unfitness().is_some()
    }
}

/// Whether extended key usage, where it is there, allows a server (RFC 5280 §4.2.1.12).
fn serves(leaf: &X509Certificate<'_>) -> bool {
    match leaf.extended_key_usage() {
        Ok(Some(usage)) => usage.value.server_auth || usage.value.any,
        Ok(None) => true,
        Err(_) => false,
    }
}

fn has_weak_key(cert: &X509Certificate<'_>) -> bool {
    let spki = cert.public_key();
    rsa_bits(spki).is_some_and(|bits| bits < MIN_RSA_BITS)
        || curve_bits(spki).is_some_and(|bits| bits < MIN_CURVE_BITS)
}

fn has_weak_signature(cert: &X509Certificate<'_>) -> bool {
    let name = certificate::signature(&cert.signature_algorithm.algorithm).to_ascii_lowercase();
    ["md2", "md5", "sha1"].iter().any(|digest| name.starts_with(digest) || name.ends_with(digest))
}

fn is_self_issued(cert: &X509Certificate<'_>) -> bool {
    cert.subject().as_raw() == cert.issuer().as_raw()
}

fn is_anchor(cert: &X509Certificate<'_>, roots: &Roots) -> bool {
    roots.holds(content(cert.subject().as_raw()), content(cert.public_key().raw))
}

/// The content of a DER value, which is how trust anchors keep names and keys.
fn content(der: &[u8]) -> &[u8] {
    Any::from_der(der).map_or(der, |(_, any)| any.data)
}
