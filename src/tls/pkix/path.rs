//! The presented certificates that make up a leaf's path, and what is to be said of them.
//!
//! Refuses to weigh it: which reason is given is for the module above.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use x509_parser::prelude::{X509Certificate, X509Version};

use crate::model::tls::PkixReason;
use crate::tls::certificate::{self, content, curve_bits, rsa_bits};
use crate::tls::roots::Roots;

/// NIST SP 800-131A: below these, keys are no longer allowed.
const MIN_RSA_BITS: usize = 2048;
const MIN_CURVE_BITS: usize = 224;

/// Mozilla's roots, whatever a run trusts.
static PUBLIC: LazyLock<Roots> = LazyLock::new(Roots::webpki);

/// Where a path ends, going by names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
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
pub(super) struct Path<'a> {
    pub(super) certificates: Vec<X509Certificate<'a>>,
    pub(super) end: End,
    /// Whether the leaf itself is a trust anchor.
    leaf_is_anchor: bool,
}

pub(super) fn parsed(certificates: &[Vec<u8>]) -> Vec<X509Certificate<'_>> {
    certificates.iter().filter_map(|der| certificate::parse(der)).collect()
}

impl<'a> Path<'a> {
    /// The path of a presented chain.
    pub(super) fn of(chain: &'a [Vec<u8>], roots: &Roots) -> Option<Self> {
        let (leaf, rest) = chain.split_first()?;
        Some(Self::follow(certificate::parse(leaf)?, parsed(rest), roots))
    }

    /// Goes from the leaf to its issuer and on, each certificate at most once.
    /// Trust anchors stay out, even if they were sent: only their names and keys
    /// count.
    pub(super) fn follow(
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
    pub(super) fn is_anchor(&self) -> bool {
        self.leaf_is_anchor
    }

    /// Whether a public authority stands at its end; unknown where a link is missing,
    /// or no time is common to all.
    pub(super) fn leads_to_public_root(&self, chain: &[Vec<u8>]) -> Option<bool> {
        let time = self.common_time()?;
        (self.end != End::Missing).then(|| is_trusted(chain, time, PUBLIC.store()))
    }

    pub(super) fn dates(&self, at: Timestamp) -> Vec<PkixReason> {
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
    pub(super) fn common_time(&self) -> Option<Timestamp> {
        let validities = self.certificates.iter().map(|cert| cert.validity());
        let end = validities.clone().map(|validity| validity.not_after.timestamp()).min()? - 1;
        let begin = validities.map(|validity| validity.not_before.timestamp()).max()?;
        (begin <= end).then(|| Timestamp::from_second(end).ok()).flatten()
    }

    pub(super) fn weaknesses(&self) -> Vec<PkixReason> {
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
    pub(super) fn unfitness(&self) -> Option<PkixReason> {
        let leaf = self.certificates.first()?;
        let is_ca = leaf.is_ca() && !is_self_issued(leaf);
        let unfit = leaf.version() != X509Version::V3 || is_ca || !serves(leaf);
        unfit.then_some(PkixReason::Malformed)
    }

    /// Whether webpki cannot judge this path, so that its refusal says nothing. It
    /// takes any key in the leaf, but no short one to verify a signature with.
    pub(super) fn is_beyond_webpki(&self) -> bool {
        self.certificates.iter().skip(1).any(has_weak_key)
            || self.weaknesses().contains(&PkixReason::WeakSignature)
            || self.unfitness().is_some()
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

pub(super) fn is_self_issued(cert: &X509Certificate<'_>) -> bool {
    cert.subject().as_raw() == cert.issuer().as_raw()
}

fn is_anchor(cert: &X509Certificate<'_>, roots: &Roots) -> bool {
    roots.holds(content(cert.subject().as_raw()), content(cert.public_key().raw))
}

/// Whether webpki finds a path to an anchor, all of it valid at that time.
pub(in crate::tls) fn is_trusted(chain: &[Vec<u8>], at: Timestamp, store: &RootCertStore) -> bool {
    let Some((leaf, rest)) = chain.split_first() else { return false };
    let leaf = CertificateDer::from(leaf.as_slice());
    let Ok(leaf) = ParsedCertificate::try_from(&leaf) else { return false };
    let rest: Vec<_> = rest.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let algorithms = default_provider().signature_verification_algorithms;
    verify_server_cert_signed_by_trust_anchor(&leaf, store, &rest, now, algorithms.all).is_ok()
}
