//! Handshake signatures that webpki will not verify: X.509 v1 leaves, RSA keys
//! below 2048 bits, SHA-1, keys on another curve than the scheme's name says.
//!
//! Owns the one question whether a signature was made by the key in the leaf.
//! Refuses to say whether such a key or digest is good enough: `pkix` does.

use aws_lc_rs::signature::{self as algorithms, UnparsedPublicKey, VerificationAlgorithm};
use rustls::SignatureScheme;

use super::certificate::{self, curve_bits, curve_name, rsa_bits};

/// Whether `signature` over `message` was made by the key in `leaf`.
///
/// `Some(false)` too where the key is of another kind than the signature. `None`
/// where the leaf cannot be parsed or no algorithm at hand can tell.
pub(super) fn proven(
    leaf: &[u8],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let leaf = certificate::parse(leaf)?;
    let spki = leaf.public_key();
    let (fits, algorithm) = if let Some(bits) = rsa_bits(spki) {
        (is_rsa(scheme), rsa(scheme, bits))
    } else if curve_bits(spki).is_some() {
        (is_ecdsa(scheme), ecdsa(scheme, &curve_name(spki)?))
    } else {
        return None;
    };
    if !fits {
        return Some(false);
    }
    let key = UnparsedPublicKey::new(algorithm?, &spki.subject_public_key.data);
    Some(key.verify(message, signature).is_ok())
}

fn is_rsa(scheme: SignatureScheme) -> bool {
    format!("{scheme:?}").starts_with("RSA_")
}

fn is_ecdsa(scheme: SignatureScheme) -> bool {
    format!("{scheme:?}").starts_with("ECDSA_")
}

fn rsa(scheme: SignatureScheme, bits: usize) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match scheme {
        SignatureScheme::RSA_PKCS1_SHA1 => {
            &algorithms::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
        }
        SignatureScheme::RSA_PKCS1_SHA256 => {
            &algorithms::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        SignatureScheme::RSA_PKCS1_SHA512 => {
            &algorithms::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        // Nothing smaller is on offer for these.
        _ if bits < 2048 => return None,
        SignatureScheme::RSA_PKCS1_SHA384 => &algorithms::RSA_PKCS1_2048_8192_SHA384,
        SignatureScheme::RSA_PSS_SHA256 => &algorithms::RSA_PSS_2048_8192_SHA256,
        SignatureScheme::RSA_PSS_SHA384 => &algorithms::RSA_PSS_2048_8192_SHA384,
        SignatureScheme::RSA_PSS_SHA512 => &algorithms::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// In TLS 1.2 the scheme fixes the digest, not the curve (RFC 8446 §4.2.3).
fn ecdsa(scheme: SignatureScheme, curve: &str) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (scheme, curve) {
        (SignatureScheme::ECDSA_SHA1_Legacy, "P-256") => &algorithms::ECDSA_P256_SHA1_ASN1,
        (SignatureScheme::ECDSA_NISTP256_SHA256, "P-256") => &algorithms::ECDSA_P256_SHA256_ASN1,
        (SignatureScheme::ECDSA_NISTP384_SHA384, "P-256") => &algorithms::ECDSA_P256_SHA384_ASN1,
        (SignatureScheme::ECDSA_NISTP521_SHA512, "P-256") => &algorithms::ECDSA_P256_SHA512_ASN1,
        (SignatureScheme::ECDSA_NISTP256_SHA256, "P-384") => &algorithms::ECDSA_P384_SHA256_ASN1,
        (SignatureScheme::ECDSA_NISTP384_SHA384, "P-384") => &algorithms::ECDSA_P384_SHA384_ASN1,
        (SignatureScheme::ECDSA_NISTP521_SHA512, "P-384") => &algorithms::ECDSA_P384_SHA512_ASN1,
        (SignatureScheme::ECDSA_SHA1_Legacy, "P-521") => &algorithms::ECDSA_P521_SHA1_ASN1,
        (SignatureScheme::ECDSA_NISTP256_SHA256, "P-521") => &algorithms::ECDSA_P521_SHA256_ASN1,
        (SignatureScheme::ECDSA_NISTP384_SHA384, "P-521") => &algorithms::ECDSA_P521_SHA384_ASN1,
        (SignatureScheme::ECDSA_NISTP521_SHA512, "P-521") => &algorithms::ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}
