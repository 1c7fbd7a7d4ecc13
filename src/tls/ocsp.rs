//! The status inside a stapled OCSP response (RFC 6960 §4.2.1). Pure and total.
//!
//! Owns one question: does the staple say that this certificate is revoked?
//! Refuses to verify the responder's signature: the peer presents the staple
//! about itself, and nobody forges a testimony that revokes his own certificate.
//! A "good" is therefore never taken as proof of anything.

use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

/// SingleResponses that are looked at; a staple has one.
const MAX_RESPONSES: usize = 16;

/// Whether the response says `revoked` about the certificate with this serial
/// number (the content octets of its INTEGER).
pub(super) fn is_revoked(staple: &[u8], serial: &[u8]) -> bool {
    responses(staple).is_some_and(|responses| {
        let responses = Elements(responses).take(MAX_RESPONSES);
        responses
            .filter_map(|single| status(single.data))
            .any(|(about, tag)| about == serial && tag == Tag(1))
    })
}

/// The content of `responses`, down from OCSPResponse.
fn responses(staple: &[u8]) -> Option<&[u8]> {
    let response = Elements(staple).next()?;
    let explicit = Elements(response.data).find(|field| is_context(field, 0))?;
    let bytes = Elements(explicit.data).next()?;
    let basic = Elements(bytes.data).find(|field| field.tag() == Tag::OctetString)?;
    let basic = Elements(basic.data).next()?;
    let data = Elements(basic.data).next()?;
    // ResponseData: version and responderID are context-tagged, producedAt is a
    // time, so the one SEQUENCE is the list.
    let list = Elements(data.data)
        .find(|field| field.tag() == Tag::Sequence && field.class() == Class::Universal)?;
    Some(list.data)
}

/// Serial number and certStatus tag of a SingleResponse: 0 good, 1 revoked, 2 unknown.
fn status(single: &[u8]) -> Option<(&[u8], Tag)> {
    let mut fields = Elements(single);
    let id = fields.next()?;
    let status = fields.next().filter(|status| status.class() == Class::ContextSpecific)?;
    let serial = Elements(id.data).find(|field| field.tag() == Tag::Integer)?;
    Some((serial.data, status.tag()))
}

fn is_context(field: &Any<'_>, number: u32) -> bool {
    field.class() == Class::ContextSpecific && field.tag() == Tag(number)
}

/// The DER values that follow each other, up to the first that is none.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = Any<'a>;

    fn next(&mut self) -> Option<Any<'a>> {
        let (rest, element) = Any::from_der(self.0).ok()?;
        self.0 = rest;
        Some(element)
    }
}
