//! One certificate's facts, read from its DER. Pure and total.
//!
//! Owns the reading of what webpki refuses too: X.509 v1, short keys, SHA-1. What
//! cannot be parsed keeps its digest. Refuses to say whether anything is good
//! enough: `pkix` does. Names are hostile text: control characters are escaped here.

mod algorithm;
mod distinguished_name;
mod extension;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use x509_parser::asn1_rs::Any;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, SubjectPublicKeyInfo, X509Certificate};

use super::name::Presented;
use crate::model::tls::Certificate;
use algorithm::key;
use distinguished_name::{distinguished_name, escape};
use extension::{must_staple, scts};

pub(super) use algorithm::{curve_bits, curve_name, rsa_bits, signature};

/// The facts of one certificate; with `evidence`, its DER as well.
pub fn facts(der: &[u8], evidence: bool) -> Certificate {
    let parsed = parse(der);
    let tbs = parsed.as_ref().map(|cert| &cert.tbs_certificate);
    Certificate {
        sha256: sha256(der),
        spki_sha256: tbs.map(|tbs| sha256(tbs.subject_pki.raw)),
        subject: tbs.map(|tbs| distinguished_name(&tbs.subject)),
        issuer: tbs.map(|tbs| distinguished_name(&tbs.issuer)),
        names: parsed.as_ref().map(names).unwrap_or_default(),
        not_before: tbs.and_then(|tbs| timestamp(tbs.validity.not_before)),
        not_after: tbs.and_then(|tbs| timestamp(tbs.validity.not_after)),
        key: tbs.map(|tbs| key(&tbs.subject_pki)),
        signature: parsed.as_ref().map(|cert| signature(&cert.signature_algorithm.algorithm)),
        serial: tbs.map(|tbs| hex(tbs.raw_serial())),
        self_signed: tbs.map(|tbs| tbs.subject.as_raw() == tbs.issuer.as_raw()),
        scts: parsed.as_ref().and_then(scts),
        must_staple: parsed.as_ref().and_then(must_staple),
        der: evidence.then(|| BASE64_STANDARD.encode(der)),
    }
}

/// The certificate, if it can be parsed and nothing follows it.
pub(super) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Some(certificate),
        _ => None,
    }
}

/// The DER of the certificate's `SubjectPublicKeyInfo`; `None` if it cannot be parsed.
pub fn public_key(der: &[u8]) -> Option<&[u8]> {
    parse(der).map(|certificate| certificate.tbs_certificate.subject_pki.raw)
}

/// Whether this is the DER of a `SubjectPublicKeyInfo`, and nothing follows it.
pub fn is_public_key(der: &[u8]) -> bool {
    matches!(SubjectPublicKeyInfo::from_der(der), Ok(([], _)))
}

/// The names of a server as RFC 7672 §3.2.3 has them: those of subjectAltName, or,
/// where it has no dNSName, the common name. `None` if it cannot be parsed.
pub fn names_with_common(der: &[u8]) -> Option<Presented> {
    let certificate = parse(der)?;
    let mut names = presented(&certificate);
    if names.domains.is_empty() {
        let common = certificate.subject().iter_common_name().last();
        let common = common.and_then(|name| name.as_str().ok());
        names.domains.extend(common.map(escape));
    }
    Some(names)
}

/// The content of a DER value, its header left out.
pub(super) fn content(der: &[u8]) -> &[u8] {
    Any::from_der(der).map_or(der, |(_, any)| any.data)
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

pub(super) fn timestamp(time: ASN1Time) -> Option<Timestamp> {
    Timestamp::from_second(time.timestamp()).ok()
}

/// The dNSName and iPAddress entries of subjectAltName (RFC 5280 §4.2.1.6).
///
/// The common name is no name of the server (RFC 9525 §2).
pub(super) fn presented(certificate: &X509Certificate<'_>) -> Presented {
    let mut presented = Presented::default();
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return presented;
    };
    for entry in &extension.value.general_names {
        match entry {
            GeneralName::DNSName(name) => presented.domains.push(escape(name)),
            GeneralName::IPAddress(bytes) => presented.addresses.extend(address(bytes)),
            _ => {}
        }
    }
    presented
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Presented { mut domains, addresses } = presented(certificate);
    domains.extend(addresses.iter().map(ToString::to_string));
    domains
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}
