//! Who signed what: the one form that certificates and OCSP responses share.
//!
//! Owns the proof that a key signed something, with whatever algorithm is at hand.
//! Refuses to say who may sign: `pkix` and `ocsp` do.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::alg_id;
use x509_parser::asn1_rs::{Any, FromDer};

/// A modulus of 2048 bits: with less, no algorithm at hand verifies anything.
const MIN_RSA_OCTETS: usize = 256;

/// A public key: content of the algorithm identifier, and the key's bits.
pub(super) struct Key {
    algorithm: Vec<u8>,
    pub(super) bits: Vec<u8>,
}

impl Key {
    /// From the content of a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    pub(super) fn of(spki: &[u8]) -> Option<Self> {
        let mut fields = Elements(spki);
        let (_, algorithm) = fields.next()?;
        let (_, bits) = fields.next()?;
        Some(Self { algorithm: algorithm.data.to_vec(), bits: bit_string(bits.data)?.to_vec() })
    }
}

/// Something signed: the three fields of Certificate and of BasicOCSPResponse.
pub(super) struct Signed<'a> {
    pub(super) message: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    pub(super) rest: Elements<'a>,
}

impl<'a> Signed<'a> {
    pub(super) fn parse(content: &'a [u8]) -> Option<Self> {
        let mut fields = Elements(content);
        let (message, _) = fields.next()?;
        let (_, algorithm) = fields.next()?;
        let (_, signature) = fields.next()?;
        let signature = bit_string(signature.data)?;
        Some(Self { message, algorithm: algorithm.data, signature, rest: fields })
    }

    /// Whether this key signed it; `None` where no algorithm at hand can tell.
    pub(super) fn is_signed_by(&self, key: &Key) -> Option<bool> {
        let all = default_provider().signature_verification_algorithms.all;
        let mut fitting = all
            .iter()
            .filter(|known| {
                known.signature_alg_id().as_ref() == self.algorithm
                    && known.public_key_alg_id().as_ref() == key.algorithm
            })
            .peekable();
        let is_rsa = fitting.peek()?.public_key_alg_id() == alg_id::RSA_ENCRYPTION;
        if is_rsa && key.bits.len() < MIN_RSA_OCTETS {
            return None;
        }
        Some(fitting.any(|algorithm| {
            algorithm.verify_signature(&key.bits, self.message, self.signature).is_ok()
        }))
    }
}

/// The octets of a BIT STRING that has no unused bits.
fn bit_string(content: &[u8]) -> Option<&[u8]> {
    match content.split_first() {
        Some((0, bits)) => Some(bits),
        _ => None,
    }
}

/// The DER values that follow each other, each whole and read, up to the first
/// that is none.
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (&'a [u8], Any<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (rest, element) = Any::from_der(self.0).ok()?;
        let raw = self.0.get(..self.0.len().checked_sub(rest.len())?)?;
        self.0 = rest;
        Some((raw, element))
    }
}
