//! The PKIX verdict: path, dates and name of a recorded chain. Pure.
//!
//! Owns RFC 5280 path validation as far as webpki does it, and the telling apart
//! of what webpki calls by one name. Every reason that applies is given: webpki
//! stops at the first, so path, dates, name, keys and digests are asked apart.
//! Refuses to know policies: whether a bad certificate matters is for `judge`.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use x509_parser::prelude::{X509Certificate, X509Version};

use super::certificate::{self, content, curve_bits, rsa_bits, timestamp};
use super::name;
use super::ocsp;
use super::roots::Roots;
use super::signed::{Key, Signed};
use crate::model::tls::{Handshake, OcspStatus, Pkix, PkixReason, PkixStatus};

const SECONDS_A_DAY: i64 = 24 * 60 * 60;
/// NIST SP 800-131A: below these, keys are no longer allowed.
const MIN_RSA_BITS: usize = 2048;
const MIN_CURVE_BITS: usize = 224;

/// Links that [`completion`] adds at the most.
const MAX_LINKS: usize = 3;

/// Mozilla's roots, whatever a run trusts.
static PUBLIC: LazyLock<Roots> = LazyLock::new(Roots::webpki);

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

    let path = Path::follow(leaf, parsed(rest), roots);
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

/// Whether webpki finds a path to an anchor, all of it valid at that time.
pub(super) fn is_trusted(chain: &[Vec<u8>], at: Timestamp, store: &RootCertStore) -> bool {
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

fn parsed(certificates: &[Vec<u8>]) -> Vec<X509Certificate<'_>> {
    certificates.iter().filter_map(|der| certificate::parse(der)).collect()
}

impl<'a> Path<'a> {
    /// The path of a presented chain.
    fn of(chain: &'a [Vec<u8>], roots: &Roots) -> Option<Self> {
        let (leaf, rest) = chain.split_first()?;
        Some(Self::follow(certificate::parse(leaf)?, parsed(rest), roots))
    }

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

    /// Whether a public authority stands at its end; unknown where a link is missing,
    /// or no time is common to all.
    fn leads_to_public_root(&self, chain: &[Vec<u8>]) -> Option<bool> {
        let time = self.common_time()?;
        (self.end != End::Missing).then(|| is_trusted(chain, time, PUBLIC.store()))
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

    /// Whether webpki cannot judge this path, so that its refusal says nothing. It
    /// takes any key in the leaf, but no short one to verify a signature with.
    fn is_beyond_webpki(&self) -> bool {
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

fn is_self_issued(cert: &X509Certificate<'_>) -> bool {
    cert.subject().as_raw() == cert.issuer().as_raw()
}

fn is_anchor(cert: &X509Certificate<'_>, roots: &Roots) -> bool {
    roots.holds(content(cert.subject().as_raw()), content(cert.public_key().raw))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{ExtendedKeyUsagePurpose, KeyPair};

    use super::PkixReason::*;
    use super::*;
    use crate::tls::pki::{
        Authority, OLD_CA, RSA1024, SHA1, SNAKEOIL, STAPLED, STAPLED_CA, V1, at, authority, der,
        server, valid,
    };

    const MX: &str = "mx.example.net";

    fn judged(chain: Vec<Vec<u8>>, reference: &str, roots: &Roots) -> Pkix {
        let handshake = Handshake { chain, ..Handshake::default() };
        judge(&handshake, Some(reference), at(), roots).unwrap()
    }

    fn good(chain: Vec<Vec<u8>>, reference: &str, roots: &Roots) {
        let pkix = judged(chain, reference, roots);
        assert_eq!((pkix.status, pkix.reasons), (PkixStatus::Valid, vec![]));
        assert_eq!(pkix.names_match, Some(true));
    }

    #[track_caller]
    fn bad(chain: Vec<Vec<u8>>, reference: &str, roots: &Roots, reasons: &[PkixReason]) {
        let pkix = judged(chain, reference, roots);
        assert_eq!((pkix.status, pkix.reasons.as_slice()), (PkixStatus::Invalid, reasons));
    }

    #[test]
    fn a_chain_to_a_trusted_root_is_valid_with_or_without_the_root_sent() {
        let root = Authority::root("root");
        let middle = root.intermediate(authority("middle"));
        let leaf = middle.leaf(&server(&[MX]));
        good(vec![leaf.clone(), middle.der.clone()], MX, &root.trusted());
        good(vec![leaf.clone(), middle.der.clone(), root.der.clone()], MX, &root.trusted());
        good(vec![leaf, root.der.clone(), middle.der.clone()], MX, &root.trusted());
    }

    #[test]
    fn wildcards_and_addresses_are_names_too() {
        let root = Authority::root("root");
        let leaf = root.leaf(&server(&["*.example.net", "192.0.2.1"]));
        good(vec![leaf.clone()], MX, &root.trusted());
        good(vec![leaf.clone()], "192.0.2.1", &root.trusted());
        bad(vec![leaf.clone()], "a.mx.example.net", &root.trusted(), &[NameMismatch]);
        bad(vec![leaf], "192.0.2.2", &root.trusted(), &[NameMismatch]);
    }

    #[test]
    fn the_common_name_is_no_name() {
        let root = Authority::root("root");
        bad(vec![root.leaf(&server(&[MX]))], "mx", &root.trusted(), &[NameMismatch]);
    }

    #[test]
    fn every_reason_is_given() {
        let root = Authority::root("root");
        let expired = root.leaf(&valid(server(&[MX]), 2025, 2026));
        bad(vec![expired.clone()], MX, &root.trusted(), &[Expired]);
        bad(vec![expired.clone()], "other.example", &root.trusted(), &[Expired, NameMismatch]);
        let all = [Expired, NameMismatch, IncompleteChain];
        bad(vec![expired], "other.example", &Roots::webpki(), &all);
        let early = root.leaf(&valid(server(&[MX]), 2028, 2029));
        bad(vec![early], MX, &root.trusted(), &[NotYetValid]);
    }

    #[test]
    fn dates_count_along_the_path_and_do_not_hide_trust() {
        let root = Authority::root("root");
        let middle = root.intermediate(valid(authority("middle"), 2020, 2026));
        let leaf = middle.leaf(&server(&[MX]));
        // The issuer ended when the leaf began: at no time were both valid.
        bad(vec![leaf, middle.der.clone()], MX, &root.trusted(), &[Expired]);
        let newer = root.intermediate(valid(authority("newer"), 2026, 2040));
        let leaf = newer.leaf(&valid(server(&[MX]), 2020, 2027));
        bad(vec![leaf, newer.der.clone()], MX, &root.trusted(), &[Expired]);
    }

    #[test]
    fn missing_intermediate_private_ca_and_forged_issuer_are_told_apart() {
        let root = Authority::root("root");
        let middle = root.intermediate(authority("middle"));
        let leaf = middle.leaf(&server(&[MX]));
        bad(vec![leaf], MX, &root.trusted(), &[IncompleteChain]);

        let private = Authority::root("private");
        let leaf = private.leaf(&server(&[MX]));
        bad(vec![leaf.clone()], MX, &root.trusted(), &[IncompleteChain]);
        bad(vec![leaf, private.der.clone()], MX, &root.trusted(), &[UnknownIssuer]);

        let forger = Authority::root("root");
        let leaf = forger.leaf(&server(&[MX]));
        bad(vec![leaf.clone()], MX, &root.trusted(), &[UnknownIssuer]);
        bad(vec![leaf, forger.der.clone()], MX, &root.trusted(), &[UnknownIssuer]);
    }

    #[test]
    fn self_signed_is_not_also_an_unknown_issuer_and_can_be_trusted() {
        let key = KeyPair::generate().unwrap();
        let own = server(&[MX]).self_signed(&key).unwrap();
        let trusted = Roots::webpki().with_pem(own.pem().as_bytes()).unwrap();
        bad(vec![own.der().to_vec()], MX, &Roots::webpki(), &[SelfSigned]);
        good(vec![own.der().to_vec()], MX, &trusted);
        let expired = valid(server(&[MX]), 2020, 2025).self_signed(&key).unwrap();
        bad(vec![expired.der().to_vec()], MX, &Roots::webpki(), &[Expired, SelfSigned]);
        // The same name and key, but its dates are over: trusted, and expired.
        bad(vec![expired.der().to_vec()], MX, &trusted, &[Expired]);
    }

    #[test]
    fn the_usual_snakeoil_is_self_signed_and_nothing_else() {
        let roots = Roots::webpki();
        let pkix = judged(vec![der(SNAKEOIL)], MX, &roots);
        assert_eq!(pkix.reasons, [SelfSigned, NameMismatch]);
        let trusted = roots.with_pem(SNAKEOIL.as_bytes()).unwrap();
        assert_eq!(judged(vec![der(SNAKEOIL)], MX, &trusted).reasons, [NameMismatch]);
    }

    #[test]
    fn short_keys_old_digests_and_old_versions() {
        let rsa = "rsa1024.example";
        bad(vec![der(RSA1024)], rsa, &Roots::webpki(), &[SelfSigned, WeakKey]);
        let trusted = Roots::webpki().with_pem(RSA1024.as_bytes()).unwrap();
        bad(vec![der(RSA1024)], rsa, &trusted, &[WeakKey]);

        let sha1 = "sha1.example";
        let old = Roots::webpki().with_pem(OLD_CA.as_bytes()).unwrap();
        bad(vec![der(SHA1)], sha1, &old, &[WeakSignature]);
        let reasons = [UnknownIssuer, WeakSignature];
        bad(vec![der(SHA1), der(OLD_CA)], sha1, &Roots::webpki(), &reasons);

        let reasons = [SelfSigned, NameMismatch, Malformed];
        bad(vec![der(V1)], "v1.example", &Roots::webpki(), &reasons);
    }

    #[test]
    fn what_no_server_should_present_is_malformed() {
        let root = Authority::root("root");
        let middle = root.intermediate(authority("middle"));
        bad(vec![middle.der], MX, &root.trusted(), &[NameMismatch, Malformed]);
        let mut client = server(&[MX]);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        bad(vec![root.leaf(&client)], MX, &root.trusted(), &[Malformed]);
        let pkix = judged(vec![b"no certificate".to_vec()], MX, &root.trusted());
        assert_eq!((pkix.reasons, pkix.names_match), (vec![Malformed], None));
        assert_eq!(pkix.days_left, None);
    }

    #[test]
    fn a_staple_that_says_revoked_is_heard_only_about_its_own_leaf() {
        let staple = include_bytes!("../../testdata/certs/ocsp-revoked.der");
        let good_staple = include_bytes!("../../testdata/certs/ocsp-good.der");
        let old = Roots::webpki().with_pem(OLD_CA.as_bytes()).unwrap();
        let reasons = |leaf: &str, staple: &[u8]| {
            let ocsp_staple = Some(staple.to_vec());
            let handshake =
                Handshake { chain: vec![der(leaf)], ocsp_staple, ..Handshake::default() };
            judge(&handshake, None, at(), &old).unwrap().reasons
        };
        assert_eq!(reasons(SHA1, staple), [Revoked, WeakSignature]);
        assert_eq!(reasons(SHA1, good_staple), [WeakSignature]);
        assert_eq!(reasons(RSA1024, staple), [SelfSigned, WeakKey]);
        assert_eq!(reasons(SHA1, b"garbage"), [WeakSignature]);
    }

    #[test]
    fn a_revocation_that_the_issuer_did_not_sign_is_not_heard() {
        let stranger = include_bytes!("../../testdata/certs/staple-stranger.der");
        let reasons = |chain: Vec<Vec<u8>>| {
            let ocsp_staple = Some(stranger.to_vec());
            let handshake = Handshake { chain, ocsp_staple, ..Handshake::default() };
            judge(&handshake, None, at(), &Roots::webpki()).unwrap().reasons
        };
        assert_eq!(reasons(vec![der(STAPLED), der(STAPLED_CA)]), [UnknownIssuer]);
        // Whose signature it is cannot be told: taken at its word against itself.
        assert_eq!(reasons(vec![der(STAPLED)]), [IncompleteChain, Revoked]);
    }

    #[test]
    fn a_missing_link_seen_elsewhere_completes_the_path() {
        let root = Authority::root("root");
        let upper = root.intermediate(authority("upper"));
        let lower = upper.intermediate(authority("lower"));
        let chain = vec![lower.leaf(&server(&[MX]))];
        let stranger = Authority::root("lower");
        let found = |others: &[&[u8]]| {
            let found = completion(&chain, others, at(), &root.trusted())?;
            Some(found.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>())
        };
        let whole = Some(vec![lower.der.clone(), upper.der.clone()]);
        assert_eq!(found(&[&upper.der, &stranger.der, b"none", &lower.der]), whole);
        assert_eq!(found(&[&stranger.der, &upper.der]), None, "a name proves nothing");
        assert_eq!(found(&[&lower.der]), None);
        assert_eq!(completion(&chain, &[&upper.der, &lower.der], at(), &Roots::webpki()), None);
    }

    #[test]
    fn what_a_run_trusts_beside_is_no_public_root() {
        let root = Authority::root("root");
        let leaf = root.leaf(&server(&[MX]));
        let trusted = judged(vec![leaf.clone()], MX, &root.trusted());
        assert_eq!((trusted.status, trusted.public_root), (PkixStatus::Valid, Some(false)));
        assert_eq!(judged(vec![leaf], MX, &Roots::webpki()).public_root, None, "a link is missing");
    }

    #[test]
    fn without_chain_or_reference_nothing_is_claimed() {
        let roots = Roots::webpki();
        assert_eq!(judge(&Handshake::default(), Some(MX), at(), &roots), None);
        let root = Authority::root("root");
        let chain = vec![root.leaf(&server(&[MX]))];
        let handshake = Handshake { chain, ..Handshake::default() };
        let pkix = judge(&handshake, None, at(), &root.trusted()).unwrap();
        assert_eq!((pkix.status, pkix.names_match), (PkixStatus::Valid, None));
    }

    #[test]
    fn days_are_whole_and_negative_once_past() {
        let root = Authority::root("root");
        let chain = vec![root.leaf(&server(&[MX]))];
        let handshake = Handshake { chain, ..Handshake::default() };
        let days = |at: &str| {
            judge(&handshake, None, at.parse().unwrap(), &root.trusted()).unwrap().days_left
        };
        assert_eq!(days("2027-12-30T00:00:00Z"), Some(2));
        assert_eq!(days("2027-12-31T12:00:00Z"), Some(0));
        assert_eq!(days("2028-01-01T12:00:00Z"), Some(-1));
    }

    proptest! {
        #[test]
        fn a_damaged_chain_never_panics(
            place in 0_usize..2000,
            byte: u8,
            staple in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut chain = vec![der(SHA1), der(OLD_CA)];
            for cert in &mut chain {
                let place = place % cert.len();
                cert[place] = byte;
            }
            let handshake =
                Handshake { chain, ocsp_staple: Some(staple), ..Handshake::default() };
            let facts = crate::tls::facts(&handshake, Some(MX), at(), &Roots::webpki(), true);
            prop_assert_eq!(facts.chain.len(), 2);
            prop_assert!(facts.pkix.is_some());
        }
    }
}
