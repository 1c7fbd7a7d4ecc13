//! Names and sizes of keys and signature algorithms.
//!
//! Refuses to say which of them are good enough.

use x509_parser::asn1_rs::Oid;
use x509_parser::prelude::SubjectPublicKeyInfo;
use x509_parser::public_key::PublicKey;

/// `EC P-256`, `RSA 2048`, `Ed25519`; the dotted OID for what has no name here.
pub(super) fn key(spki: &SubjectPublicKeyInfo<'_>) -> String {
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
pub(in crate::tls) fn rsa_bits(spki: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
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
pub(in crate::tls) fn curve_name(spki: &SubjectPublicKeyInfo<'_>) -> Option<String> {
    let oid = curve(spki)?;
    Some(known_curve(&oid).map_or(oid, |(name, _)| name.to_owned()))
}

/// Bits of the curve's field, as far as the curve is known here.
pub(in crate::tls) fn curve_bits(spki: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
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
pub(in crate::tls) fn signature(oid: &Oid<'_>) -> String {
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
