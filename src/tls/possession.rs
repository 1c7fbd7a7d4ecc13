//! Handshake signatures that webpki will not verify: X.509 v1 leaves, RSA keys
//! below 2048 bits, SHA-1.
//!
//! Owns the one question whether a signature was made by the key in the leaf.
//! Refuses to say whether such a key or digest is good enough: `pkix` does.

use aws_lc_rs::signature::{self, RsaParameters, UnparsedPublicKey, VerificationAlgorithm};
use rustls::SignatureScheme;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Whether `signature` over `message` was made by the key in `leaf`; `None` where
/// the leaf cannot be parsed or no algorithm at hand can tell.
pub(super) fn proven(
    leaf: &[u8],
    scheme: SignatureScheme,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
    let spki = leaf.public_key();
    let algorithm = algorithm(scheme, spki.parsed().ok()?.key_size())?;
    let key = UnparsedPublicKey::new(algorithm, &spki.subject_public_key.data);
    Some(key.verify(message, signature).is_ok())
}

/// The algorithm for a scheme and a key of so many bits.
fn algorithm(
    scheme: SignatureScheme,
    key_bits: usize,
) -> Option<&'static dyn VerificationAlgorithm> {
    rsa(scheme, key_bits)
        .map(|parameters| parameters as &dyn VerificationAlgorithm)
        .or_else(|| ecdsa(scheme, key_bits))
}

fn rsa(scheme: SignatureScheme, key_bits: usize) -> Option<&'static RsaParameters> {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA1 => {
            Some(&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY)
        }
        SignatureScheme::RSA_PKCS1_SHA256 => {
            Some(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY)
        }
        SignatureScheme::RSA_PKCS1_SHA512 => {
            Some(&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY)
        }
        // Nothing smaller is on offer for these: below 2048 bits we cannot tell.
        _ if key_bits < 2048 => None,
        SignatureScheme::RSA_PKCS1_SHA384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        SignatureScheme::RSA_PSS_SHA256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        SignatureScheme::RSA_PSS_SHA384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        SignatureScheme::RSA_PSS_SHA512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// ECDSA in a leaf that webpki refuses to parse (v1), by the curve's size.
fn ecdsa(scheme: SignatureScheme, key_bits: usize) -> Option<&'static dyn VerificationAlgorithm> {
    match (scheme, key_bits) {
        (SignatureScheme::ECDSA_NISTP256_SHA256, 256) => Some(&signature::ECDSA_P256_SHA256_ASN1),
        (SignatureScheme::ECDSA_NISTP384_SHA384, 384) => Some(&signature::ECDSA_P384_SHA384_ASN1),
        _ => None,
    }
}
