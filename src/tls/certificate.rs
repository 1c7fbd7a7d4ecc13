//! One certificate's facts, read from its DER. Pure and total.
//!
//! Owns the reading of what webpki refuses too: X.509 v1, short keys, SHA-1. What
//! cannot be parsed keeps its digest. Refuses to say whether anything is good
//! enough: `pkix` does. Names are hostile text: control characters are escaped here.

use std::fmt::Write as _;
use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use x509_parser::asn1_rs::{Any, Oid};
use x509_parser::prelude::{
    ASN1Time, AttributeTypeAndValue, FromDer, GeneralName, SubjectPublicKeyInfo, X509Certificate,
    X509Name,
};
use x509_parser::public_key::PublicKey;

use super::name::Presented;
use crate::model::tls::Certificate;

/// The extension with embedded signed certificate timestamps (RFC 6962 §3.3).
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
/// The extension with TLS features (RFC 7633 §6).
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";

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

/// RFC 6962 §3.3: an OCTET STRING with a list in the presentation language of TLS,
/// a length of two octets before the list and before each of its elements.
fn scts(certificate: &X509Certificate<'_>) -> Option<u32> {
    let Some(value) = extension(certificate, SCT_LIST) else { return Some(0) };
    let (_, octets) = Any::from_der(value).ok().filter(|(rest, _)| rest.is_empty())?;
    let (mut list, after) = prefixed(octets.data)?;
    let mut count = 0;
    while !list.is_empty() {
        (_, list) = prefixed(list)?;
        count += 1;
    }
    after.is_empty().then_some(count)
}

/// A vector behind its length of two octets, and what follows it.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// RFC 7633 §4.1: a list of TLS extensions; 5 is `status_request`.
fn must_staple(certificate: &X509Certificate<'_>) -> Option<bool> {
    let Some(value) = extension(certificate, TLS_FEATURE) else { return Some(false) };
    let (_, features) = Vec::<u16>::from_der(value).ok()?;
    Some(features.contains(&5))
}

fn extension<'a>(certificate: &'a X509Certificate<'_>, oid: &str) -> Option<&'a [u8]> {
    let mut extensions = certificate.extensions().iter();
    let found = extensions.find(|extension| extension.oid.to_id_string() == oid);
    found.map(|extension| extension.value)
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
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

/// Control characters as `\xNN`, octet by octet: they never reach a terminal.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "\\x{byte:02x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// RFC 4514 §2: last RDN first, joined by commas.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let rdn = |rdn: &x509_parser::x509::RelativeDistinguishedName<'_>| {
        rdn.iter().map(attribute).collect::<Vec<_>>().join("+")
    };
    let mut rdns: Vec<String> = name.iter_rdn().map(rdn).collect();
    rdns.reverse();
    rdns.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let kind = attribute_type(&oid).unwrap_or(&oid);
    match attribute.as_str() {
        Ok(value) => format!("{kind}={}", attribute_value(value)),
        Err(_) => format!("{kind}=#{}", hex(attribute.as_slice())),
    }
}

/// The short names of RFC 4514 §3, and emailAddress, which everybody knows.
fn attribute_type(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

/// RFC 4514 §2.4: special characters behind a backslash.
fn attribute_value(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (place, character) in value.chars().enumerate() {
        let special = matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';')
            || (character == '#' && place == 0)
            || (character == ' ' && (place == 0 || place == last));
        if special {
            out.push('\\');
        }
        out.push(character);
    }
    escape(&out)
}

/// `EC P-256`, `RSA 2048`, `Ed25519`; the dotted OID for what has no name here.
fn key(spki: &SubjectPublicKeyInfo<'_>) -> String {
    if let Some(bits) = rsa_bits(spki) {
        return format!("RSA {bits}");
    }
    if let Some(curve) = curve_name(spki) {
        return format!("EC {curve}");
    }
    let oid = spki.algorithm.algorithm.to_id_string();
    let name = match oid.as_str() {
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "1.2.840.10040.4.1" => "DSA",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        other => other,
    };
    name.to_owned()
}

/// Bits of the RSA modulus; `None` for another kind of key.
pub(super) fn rsa_bits(spki: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    match spki.parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let significant = rsa.modulus.iter().skip_while(|byte| **byte == 0);
            let unused = significant.clone().next().map_or(0, |first| first.leading_zeros());
            Some(significant.count() * 8 - usize::try_from(unused).unwrap_or(0))
        }
        _ => None,
    }
}

/// `P-256`; the dotted OID for a curve unknown here, `None` for another kind of key.
pub(super) fn curve_name(spki: &SubjectPublicKeyInfo<'_>) -> Option<String> {
    let oid = curve(spki)?;
    Some(known_curve(&oid).map_or(oid, |(name, _)| name.to_owned()))
}

/// Bits of the curve's field, as far as the curve is known here.
pub(super) fn curve_bits(spki: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    known_curve(&curve(spki)?).map(|(_, bits)| bits)
}

/// The OID of the named curve of an elliptic-curve key (RFC 5480 §2.1.1).
fn curve(spki: &SubjectPublicKeyInfo<'_>) -> Option<String> {
    if spki.algorithm.algorithm.to_id_string() != "1.2.840.10045.2.1" {
        return None;
    }
    let parameters = spki.algorithm.parameters.as_ref()?;
    parameters.as_oid().ok().map(|oid| oid.to_id_string())
}

/// Name and bits of the field of a curve (RFC 5480 §2.1.1.1, RFC 5639, SEC 2).
fn known_curve(oid: &str) -> Option<(&'static str, usize)> {
    Some(match oid {
        "1.2.840.10045.3.1.7" => ("P-256", 256),
        "1.3.132.0.34" => ("P-384", 384),
        "1.3.132.0.35" => ("P-521", 521),
        "1.2.840.10045.3.1.1" => ("P-192", 192),
        "1.3.132.0.33" => ("P-224", 224),
        "1.3.132.0.10" => ("secp256k1", 256),
        "1.3.132.0.32" => ("secp224k1", 224),
        "1.3.132.0.31" => ("secp192k1", 192),
        "1.3.132.0.30" => ("secp160r2", 160),
        "1.3.132.0.9" => ("secp160k1", 160),
        "1.3.132.0.8" => ("secp160r1", 160),
        "1.3.132.0.7" => ("secp112r2", 112),
        "1.3.132.0.6" => ("secp112r1", 112),
        "1.3.36.3.3.2.8.1.1.7" => ("brainpoolP256r1", 256),
        "1.3.36.3.3.2.8.1.1.11" => ("brainpoolP384r1", 384),
        "1.3.36.3.3.2.8.1.1.13" => ("brainpoolP512r1", 512),
        _ => return None,
    })
}

/// The algorithm's own name in its standard; the dotted OID for one unknown here.
pub(super) fn signature(oid: &Oid<'_>) -> String {
    let oid = oid.to_id_string();
    let name = match oid.as_str() {
        "1.2.840.113549.1.1.2" => "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14" => "sha224WithRSAEncryption",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1" => "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.10040.4.3" => "dsa-with-sha1",
        "2.16.840.1.101.3.4.3.2" => "dsa-with-sha256",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        "2.16.840.1.101.3.4.3.17" => "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18" => "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19" => "ML-DSA-87",
        other => other,
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::pki::{Authority, RSA1024, SHA1, STAPLED, V1, der, server};

    /// `openssl x509 -in sha1.pem -outform DER | sha256sum`
    const CERTIFICATE_SHA256: &str =
        "5e20541bce77579d16472c858e8cdf85f717a8192e2e674c25ab39a9c745de66";
    /// `openssl x509 -pubkey -noout -in sha1.pem | openssl pkey -pubin -outform DER | sha256sum`
    const KEY_SHA256: &str = "1f8db00efb25a0b25166248b2f3de2c0b26e225d01263e94503f7bef9c8d2b74";

    #[test]
    fn facts_are_those_that_openssl_prints() {
        let facts = facts(&der(SHA1), false);
        assert_eq!(facts.subject.as_deref(), Some("CN=sha1.example"));
        assert_eq!(facts.issuer.as_deref(), Some("CN=Old CA,O=Example"));
        assert_eq!(facts.serial.as_deref(), Some("1234"));
        assert_eq!(facts.key.as_deref(), Some("RSA 2048"));
        assert_eq!(facts.signature.as_deref(), Some("sha1WithRSAEncryption"));
        assert_eq!(facts.names, ["sha1.example"]);
        assert_eq!(facts.self_signed, Some(false));
        assert_eq!(facts.der, None);
        assert_eq!(facts.sha256, CERTIFICATE_SHA256);
        assert_eq!(facts.spki_sha256.as_deref(), Some(KEY_SHA256));
    }

    #[test]
    fn what_webpki_refuses_is_read_all_the_same() {
        assert_eq!(facts(&der(RSA1024), false).key.as_deref(), Some("RSA 1024"));
        let v1 = facts(&der(V1), true);
        assert_eq!(v1.key.as_deref(), Some("EC P-256"));
        assert_eq!(v1.signature.as_deref(), Some("ecdsa-with-SHA256"));
        assert_eq!((v1.self_signed, v1.names), (Some(true), vec![]));
        assert_eq!(v1.der, Some(BASE64_STANDARD.encode(der(V1))));
    }

    #[test]
    fn dates_and_both_kinds_of_names_come_out() {
        let root = Authority::root("root");
        let names = ["mx.example.net", "2001:db8::1", "192.0.2.1"];
        let facts = facts(&root.leaf(&server(&names)), false);
        assert_eq!(facts.names, names);
        assert_eq!(facts.not_before, Some("2026-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(facts.not_after, Some("2028-01-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn timestamps_are_counted_and_a_broken_list_is_no_number() {
        let stapled = facts(&der(STAPLED), false);
        assert_eq!((stapled.scts, stapled.must_staple), (Some(2), Some(true)));
        let plain = facts(&der(SHA1), false);
        assert_eq!((plain.scts, plain.must_staple), (Some(0), Some(false)));
        // The second timestamp claims to be longer than its list.
        let mut broken = der(STAPLED);
        let place = broken.windows(5).position(|octets| octets == b"\0\x03def").unwrap();
        broken[place + 1] = 4;
        let broken = facts(&broken, false);
        assert_eq!((broken.scts, broken.names.len()), (None, 1));
    }

    #[test]
    fn what_is_no_certificate_keeps_its_digest() {
        let facts = facts(b"", false);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(facts.sha256, empty);
        assert_eq!((facts.subject, facts.key, facts.not_after), (None, None, None));
        let mut trailing = der(V1);
        trailing.push(0);
        assert_eq!(super::facts(&trailing, false).subject, None);
    }

    #[test]
    fn hostile_names_cannot_reach_a_terminal() {
        assert_eq!(escape("mx\u{1b}[2Jé\u{85}"), "mx\\x1b[2Jé\\xc2\\x85");
        assert_eq!(attribute_value(" a,b\n"), "\\ a\\,b\\x0a");
        assert_eq!(attribute_value("#1 "), "\\#1\\ ");
    }
}
