//! Extensions that the parser does not read: timestamps of public logs, TLS features.
//!
//! Owns their DER. Refuses to say whether they are missed.

use x509_parser::asn1_rs::Any;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The extension with embedded signed certificate timestamps (RFC 6962 §3.3).
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
/// The extension with TLS features (RFC 7633 §6).
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";

/// RFC 6962 §3.3: an OCTET STRING with a list in the presentation language of TLS,
/// a length of two octets before the list and before each of its elements.
pub(super) fn scts(certificate: &X509Certificate<'_>) -> Option<u32> {
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
pub(super) fn must_staple(certificate: &X509Certificate<'_>) -> Option<bool> {
    let Some(value) = extension(certificate, TLS_FEATURE) else { return Some(false) };
    let (_, features) = Vec::<u16>::from_der(value).ok()?;
    Some(features.contains(&5))
}

fn extension<'a>(certificate: &'a X509Certificate<'_>, oid: &str) -> Option<&'a [u8]> {
    let mut extensions = certificate.extensions().iter();
    let found = extensions.find(|extension| extension.oid.to_id_string() == oid);
    found.map(|extension| extension.value)
}
