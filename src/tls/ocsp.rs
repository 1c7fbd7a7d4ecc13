//! The stapled OCSP response (RFC 6960 §4.2): what it says about the leaf, whether
//! it is current, and whether somebody with the right to say so signed it. Pure
//! and total.
//!
//! Owns the reading and the proof. Refuses to say what follows: `pkix` does.

use aws_lc_rs::digest::{self, Algorithm, digest};
use jiff::Timestamp;
use x509_parser::asn1_rs::{Any, Class, FromDer, Oid, Tag};
use x509_parser::prelude::{ASN1Time, X509Certificate};

use super::certificate::{self, timestamp};
use super::roots::Roots;
use super::signed::{Elements, Key, Signed};
use crate::model::tls::{Handshake, Ocsp, OcspStatus};

/// SingleResponses that are looked at; a staple has one.
const MAX_RESPONSES: usize = 16;
/// Certificates of delegated responders that are looked at; a staple has one.
const MAX_DELEGATES: usize = 4;
/// By how much our clock may run behind the responder's, in seconds.
const CLOCK_SKEW: i64 = 5 * 60;

/// What the staple of a handshake says about its leaf.
///
/// `None` where nothing was stapled, or the leaf cannot be read.
pub(super) fn read(handshake: &Handshake, at: Timestamp, roots: &Roots) -> Option<Ocsp> {
    let staple = handshake.ocsp_staple.as_deref()?;
    let (leaf, rest) = handshake.chain.split_first()?;
    let leaf = certificate::parse(leaf)?;
    let response = match Response::parse(staple) {
        Some(Ok(response)) => response,
        Some(Err(Refused)) => return Some(nothing(OcspStatus::Refused)),
        None => return Some(nothing(OcspStatus::Malformed)),
    };
    let issuers = issuers(&leaf, rest, roots);
    let signed = response.is_authorised(&issuers, at);
    let said =
        Ocsp { signed, produced_at: response.produced_at, ..nothing(OcspStatus::OtherCertificate) };
    let about_leaf = |single: &Single<'_>| single.is_about(&leaf, &issuers);
    let Some(single) = response.singles().find(about_leaf) else { return Some(said) };
    Some(Ocsp {
        status: single.status,
        current: single.is_current(at),
        this_update: single.this_update,
        next_update: single.next_update,
        revoked_at: single.revoked_at,
        ..said
    })
}

fn nothing(status: OcspStatus) -> Ocsp {
    Ocsp {
        status,
        signed: None,
        current: None,
        produced_at: None,
        this_update: None,
        next_update: None,
        revoked_at: None,
    }
}

/// Every key that the leaf's issuer may have: certificates sent along under its
/// name, and roots of that name.
fn issuers(leaf: &X509Certificate<'_>, rest: &[Vec<u8>], roots: &Roots) -> Vec<Key> {
    let name = leaf.issuer().as_raw();
    let sent = rest.iter().filter_map(|der| certificate::parse(der));
    let sent = sent.filter(|cert| cert.subject().as_raw() == name);
    let mut keys: Vec<Key> =
        sent.filter_map(|cert| Key::of(certificate::content(cert.public_key().raw))).collect();
    keys.extend(roots.keys_of(certificate::content(name)).filter_map(Key::of));
    keys
}

/// A successful response.
struct Response<'a> {
    signed: Signed<'a>,
    produced_at: Option<Timestamp>,
    /// The content of `responses`.
    list: &'a [u8],
}

/// The responder answered with an error status (RFC 6960 §2.3).
struct Refused;

impl<'a> Response<'a> {
    /// Down from OCSPResponse (RFC 6960 §4.2.1).
    fn parse(staple: &'a [u8]) -> Option<Result<Self, Refused>> {
        let (_, response) = Elements(staple).next()?;
        let mut fields = Elements(response.data);
        let (_, status) = fields.next().filter(|(_, status)| status.tag() == Tag::Enumerated)?;
        if status.data != [0] {
            return Some(Err(Refused));
        }
        let (_, explicit) = fields.next().filter(|(_, field)| is_context(field, 0))?;
        let (_, bytes) = Elements(explicit.data).next()?;
        let (_, basic) = Elements(bytes.data).find(|(_, one)| one.tag() == Tag::OctetString)?;
        let (_, basic) = Elements(basic.data).next()?;
        let signed = Signed::parse(basic.data)?;
        let (_, data) = Elements(signed.message).next()?;
        // ResponseData: version and responderID are context-tagged, producedAt is a
        // time, so the one SEQUENCE is the list.
        let is_list = |one: &Any<'_>| one.tag() == Tag::Sequence && one.class() == Class::Universal;
        let (_, list) = Elements(data.data).find(|(_, one)| is_list(one))?;
        let is_time = |one: &Any<'_>| one.tag() == Tag::GeneralizedTime;
        let produced = Elements(data.data).find(|(_, one)| is_time(one));
        let produced_at = produced.and_then(|(raw, _)| time(raw));
        Some(Ok(Self { signed, produced_at, list: list.data }))
    }

    fn singles(&self) -> impl Iterator<Item = Single<'a>> {
        Elements(self.list).take(MAX_RESPONSES).filter_map(|(_, one)| Single::parse(one.data))
    }

    /// Whether the issuer signed it, or a responder with a certificate from that
    /// very issuer for this very purpose (RFC 6960 §4.2.2.2), valid at that time.
    fn is_authorised(&self, issuers: &[Key], at: Timestamp) -> Option<bool> {
        let mut told = issuers.iter().map(|key| self.signed.is_signed_by(key)).collect::<Vec<_>>();
        for der in self.delegates() {
            for issuer in issuers {
                told.extend(
                    delegated_key(der, issuer, at).map(|key| self.signed.is_signed_by(&key)),
                );
            }
        }
        if told.contains(&Some(true)) {
            return Some(true);
        }
        // Where one could not be tried, it may have been the one.
        (!told.is_empty() && !told.contains(&None)).then_some(false)
    }

    fn delegates(&self) -> impl Iterator<Item = &'a [u8]> {
        let explicit = Elements(self.signed.rest.0).find(|(_, field)| is_context(field, 0));
        let list = explicit.and_then(|(_, explicit)| Elements(explicit.data).next());
        let content = list.map_or(&[][..], |(_, list)| list.data);
        Elements(content).take(MAX_DELEGATES).map(|(raw, _)| raw)
    }
}

/// The key of a delegated responder, if its certificate makes it one.
fn delegated_key(der: &[u8], issuer: &Key, at: Timestamp) -> Option<Key> {
    let cert = certificate::parse(der)?;
    let usage = cert.extended_key_usage().ok().flatten()?;
    let validity = cert.validity();
    let is_valid = at.as_second() >= validity.not_before.timestamp()
        && at.as_second() <= validity.not_after.timestamp();
    let signed = Signed::parse(certificate::content(der))?;
    let authorised =
        usage.value.ocsp_signing && is_valid && signed.is_signed_by(issuer) == Some(true);
    authorised.then(|| Key::of(certificate::content(cert.public_key().raw))).flatten()
}

/// What is said about one certificate.
struct Single<'a> {
    /// The content of CertID.
    id: &'a [u8],
    status: OcspStatus,
    revoked_at: Option<Timestamp>,
    this_update: Option<Timestamp>,
    next_update: Option<Timestamp>,
}

impl<'a> Single<'a> {
    fn parse(single: &'a [u8]) -> Option<Self> {
        let mut fields = Elements(single);
        let (_, id) = fields.next()?;
        let (_, status) =
            fields.next().filter(|(_, status)| status.class() == Class::ContextSpecific)?;
        let (this_update, _) = fields.next()?;
        let next_update = fields.find(|(_, field)| is_context(field, 0));
        let next_update = next_update.and_then(|(_, next)| time(next.data));
        let (status, revoked_at) = match status.tag().0 {
            0 => (OcspStatus::Good, None),
            1 => {
                let when = Elements(status.data).next();
                (OcspStatus::Revoked, when.and_then(|(raw, _)| time(raw)))
            }
            _ => (OcspStatus::Unknown, None),
        };
        Some(Self { id: id.data, status, revoked_at, this_update: time(this_update), next_update })
    }

    /// RFC 6960 §4.1.1: hash algorithm, hash of the issuer's name and of its key,
    /// serial number. A key that was not seen, and a hash unknown here, are not held
    /// against it.
    fn is_about(&self, leaf: &X509Certificate<'_>, issuers: &[Key]) -> bool {
        let fields: Vec<Any<'_>> = Elements(self.id).map(|(_, field)| field).collect();
        let [algorithm, name, key, serial, ..] = fields.as_slice() else { return false };
        if serial.data != leaf.tbs_certificate.raw_serial() {
            return false;
        }
        let Some(hash) = Elements(algorithm.data).next().and_then(|(raw, _)| hash(raw)) else {
            return true;
        };
        let hashes_to = |bytes: &[u8], to: &[u8]| digest(hash, bytes).as_ref() == to;
        hashes_to(leaf.issuer().as_raw(), name.data)
            && (issuers.is_empty()
                || issuers.iter().any(|issuer| hashes_to(&issuer.bits, key.data)))
    }

    /// RFC 6960 §4.2.2.1. Without `nextUpdate` newer information may exist at any
    /// time, and nothing says that this is out of date.
    fn is_current(&self, at: Timestamp) -> Option<bool> {
        let begun = at.as_second() + CLOCK_SKEW >= self.this_update?.as_second();
        let over = self.next_update.is_some_and(|next| at > next);
        Some(begun && !over)
    }
}

fn hash(oid: &[u8]) -> Option<&'static Algorithm> {
    let (_, oid) = Oid::from_der(oid).ok()?;
    Some(match oid.to_id_string().as_str() {
        "1.3.14.3.2.26" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "2.16.840.1.101.3.4.2.1" => &digest::SHA256,
        "2.16.840.1.101.3.4.2.2" => &digest::SHA384,
        "2.16.840.1.101.3.4.2.3" => &digest::SHA512,
        _ => return None,
    })
}

fn time(der: &[u8]) -> Option<Timestamp> {
    let (_, time) = ASN1Time::from_der(der).ok()?;
    timestamp(time)
}

fn is_context(field: &Any<'_>, number: u32) -> bool {
    field.class() == Class::ContextSpecific && field.tag() == Tag(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::pki::{RSA1024, STAPLED, STAPLED_CA, at, der};

    const GOOD: &[u8] = include_bytes!("../../testdata/certs/staple-good.der");
    const WEEK: &[u8] = include_bytes!("../../testdata/certs/staple-week.der");
    const DELEGATED: &[u8] = include_bytes!("../../testdata/certs/staple-delegated.der");
    const UNFIT: &[u8] = include_bytes!("../../testdata/certs/staple-unfit.der");
    const STRANGER: &[u8] = include_bytes!("../../testdata/certs/staple-stranger.der");
    const UNKNOWN: &[u8] = include_bytes!("../../testdata/certs/staple-unknown.der");
    /// `tryLater` (RFC 6960 §4.2.1).
    const TRY_LATER: &[u8] = &[0x30, 3, 0x0a, 1, 3];

    fn said(chain: &[&str], staple: &[u8], at: &str, roots: &Roots) -> Ocsp {
        let handshake = Handshake {
            chain: chain.iter().map(|pem| der(pem)).collect(),
            ocsp_staple: Some(staple.to_vec()),
            ..Handshake::default()
        };
        read(&handshake, at.parse().unwrap(), roots).unwrap()
    }

    fn said_now(staple: &[u8]) -> Ocsp {
        said(&[STAPLED, STAPLED_CA], staple, "2027-01-01T12:00:00Z", &Roots::webpki())
    }

    #[test]
    fn issuer_and_its_delegate_are_believed_and_nobody_else() {
        for (staple, status, signed) in [
            (GOOD, OcspStatus::Good, true),
            (DELEGATED, OcspStatus::Good, true),
            (UNKNOWN, OcspStatus::Unknown, true),
            // A certificate of the same issuer, for another purpose.
            (UNFIT, OcspStatus::Good, false),
            // The issuer's name, and another key.
            (STRANGER, OcspStatus::Revoked, false),
        ] {
            let ocsp = said_now(staple);
            assert_eq!((ocsp.status, ocsp.signed), (status, Some(signed)));
            assert_eq!(ocsp.current, Some(true));
        }
        let revoked_at = said_now(STRANGER).revoked_at.unwrap();
        assert_eq!(revoked_at.to_string(), "2025-01-01T00:00:00Z");
    }

    #[test]
    fn the_issuer_may_be_a_root_that_was_not_sent_or_nobody_known() {
        let trusted = Roots::webpki().with_pem(STAPLED_CA.as_bytes()).unwrap();
        let time = "2027-01-01T12:00:00Z";
        assert_eq!(said(&[STAPLED], GOOD, time, &trusted).signed, Some(true));
        let unknown = said(&[STAPLED], GOOD, time, &Roots::webpki());
        assert_eq!((unknown.status, unknown.signed), (OcspStatus::Good, None));
    }

    #[test]
    fn dates_count_at_the_time_of_the_observation() {
        let current = |at| said(&[STAPLED, STAPLED_CA], WEEK, at, &Roots::webpki()).current;
        assert_eq!(current("2026-11-21T12:00:00Z"), Some(false));
        assert_eq!(current("2026-11-22T04:50:00Z"), Some(true), "a clock a little behind");
        assert_eq!(current("2026-11-28T12:00:00Z"), Some(true));
        assert_eq!(current("2026-11-30T12:00:00Z"), Some(false));
        let ocsp = said_now(WEEK);
        assert_eq!(ocsp.next_update.unwrap().to_string(), "2026-11-29T04:52:26Z");
    }

    #[test]
    fn what_says_nothing_about_the_leaf_is_named() {
        let other = said(&[RSA1024], GOOD, "2027-01-01T12:00:00Z", &Roots::webpki());
        assert_eq!((other.status, other.current), (OcspStatus::OtherCertificate, None));
        assert_eq!(said_now(TRY_LATER).status, OcspStatus::Refused);
        assert_eq!(said_now(b"garbage").status, OcspStatus::Malformed);
        let none = Handshake { chain: vec![der(STAPLED)], ..Handshake::default() };
        assert_eq!(read(&none, at(), &Roots::webpki()), None);
    }

    #[test]
    fn one_bit_of_the_signature_decides() {
        let mut forged = GOOD.to_vec();
        let signature = said_now(GOOD);
        assert_eq!(signature.signed, Some(true));
        // `producedAt` lies inside what is signed: one second more.
        let place = forged.windows(8).position(|octets| octets.starts_with(b"20261122")).unwrap();
        forged[place + 13] ^= 1;
        let ocsp = said_now(&forged);
        assert_eq!((ocsp.status, ocsp.signed), (OcspStatus::Good, Some(false)));
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_staple_never_panics(place in 0_usize..2000, byte: u8, cut in 0_usize..700) {
            let mut staple = DELEGATED.to_vec();
            let place = place % staple.len();
            staple[place] = byte;
            said_now(&staple);
            said_now(&staple[..cut.min(staple.len())]);
        }
    }
}
