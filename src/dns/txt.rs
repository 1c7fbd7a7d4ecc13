//! TXT records, as MTA-STS (RFC 8461 §3.1) and TLSRPT (RFC 8460 §3) publish them.
//!
//! Owns the joining of strings and what becomes of bytes that are no text.
//! Refuses to know what a record says.

use std::fmt::Write as _;

use hickory_resolver::proto::rr::rdata::TXT;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::capped;
use super::lookup::Resolver;
use super::route::absolute;
use crate::model::policy::TxtAnswer;
use crate::model::route::{Dnssec, LookupError};

impl Resolver {
    /// The TXT records of a name in A-labels, CNAME links followed.
    ///
    /// Never fails: the answer carries its own error and status. A name that DNS
    /// cannot carry and an answer of more than [`super::MAX_RECORDS`] records are
    /// [`LookupError::Other`].
    pub async fn txt(&self, name: &str) -> TxtAnswer {
        let asked = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let Some(owner) = absolute(&asked) else {
            return TxtAnswer {
                name: asked,
                dnssec: Dnssec::Indeterminate,
                error: Some(LookupError::Other),
                records: Vec::new(),
            };
        };
        let answer = capped(self.ask(owner, RecordType::TXT).await);
        let texts = answer.records.iter().filter_map(|record| match record {
            RData::TXT(txt) => Some(text(txt)),
            _ => None,
        });
        TxtAnswer {
            name: asked,
            dnssec: answer.dnssec,
            error: answer.error,
            records: texts.collect(),
        }
    }
}

/// The strings of a record without anything between them (RFC 8461 §3.1, RFC 7208
/// §3.3); bytes that are not UTF-8 as `\xNN`, also where a character is cut in two
/// by the end of the record, but not by that of a string.
fn text(record: &TXT) -> String {
    let bytes = record.txt_data.concat();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(strings: &[&[u8]]) -> String {
        text(&TXT::from_bytes(strings.to_vec()))
    }

    #[test]
    fn strings_of_a_record_are_joined_without_anything_between() {
        assert_eq!(joined(&[b"v=STSv1; id=2026", b"1122;"]), "v=STSv1; id=20261122;");
        assert_eq!(joined(&[b"", b"a", b"", b" b"]), "a b");
        assert_eq!(joined(&[b""]), "");
        assert_eq!(joined(&[b"caf\xc3", b"\xa9"]), "café");
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        assert_eq!(joined(&[b"a\xff\0b\xc3"]), "a\\xff\0b\\xc3");
    }
}
