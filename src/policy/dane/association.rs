//! Certificate association data (RFC 6698 §2.1.4): from text to octets, and from a
//! certificate to what a record would hold of it. Pure.
//!
//! Owns what a record holds. Refuses to know usages, and what a match is worth.

use aws_lc_rs::digest::{self, digest};

use super::usability::{CERT, FULL, SHA256, SHA512, SPKI};
use crate::model::route::Tlsa;
use crate::tls::certificate;

/// The octets of the data; `None` if it is not hexadecimal or empty.
pub(super) fn decode(data: &str) -> Option<Vec<u8>> {
    if data.is_empty() || !data.len().is_multiple_of(2) {
        return None;
    }
    let digits = data.as_bytes().chunks_exact(2);
    digits.map(|pair| Some(nibble(*pair.first()?)? << 4 | nibble(*pair.last()?)?)).collect()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Whether undigested data is what its selector says.
pub(super) fn is_parsable(selector: u8, octets: &[u8]) -> bool {
    match selector {
        CERT => certificate::public_key(octets).is_some(),
        SPKI => certificate::is_public_key(octets),
        _ => false,
    }
}

/// What a record with this selector and matching type holds of a certificate, in
/// lower-case hexadecimal; `None` where the key is wanted and cannot be parsed.
pub(super) fn of(certificate: &[u8], selector: u8, matching: u8) -> Option<String> {
    let selected = match selector {
        CERT => certificate,
        SPKI => certificate::public_key(certificate)?,
        _ => return None,
    };
    match matching {
        FULL => Some(certificate::hex(selected)),
        SHA256 => Some(certificate::hex(digest(&digest::SHA256, selected).as_ref())),
        SHA512 => Some(certificate::hex(digest(&digest::SHA512, selected).as_ref())),
        _ => None,
    }
}

/// Whether the record holds this certificate's data.
pub(super) fn names(record: &Tlsa, certificate: &[u8]) -> bool {
    of(certificate, record.selector, record.matching)
        .is_some_and(|data| data.eq_ignore_ascii_case(&record.data))
}
