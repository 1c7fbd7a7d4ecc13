//! The range of TLS that a server speaks, read from sessions that each offered a
//! part of it.
//!
//! Owns the reading of a question and its answer out of a transcript ([`read`]), the
//! list of what is asked for ([`suites`]) and what all answers say together
//! ([`Tally`]). Pure. Refuses to choose questions (`plan` does) and to judge.

pub mod suites;
mod tally;

use tls_parser::{
    TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_extensions, parse_tls_plaintext,
};

pub use tally::{Tally, VersionTally};

use crate::model::probe::Offer;
use crate::model::transcript::{EventKind, Transcript};
use crate::tls::legacy::{Flight, Reader};

/// Content type of handshake messages (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// What came of one question.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A ServerHello or HelloRetryRequest that picks from the offer.
    Picked(Flight),
    /// An alert, or the connection closed in place of an answer.
    Refused,
    /// Nothing is known: the session did not come so far, there was silence, or
    /// something that is no answer to the offer.
    Unknown,
}

/// A question and its answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// What was offered; `None` where the session ended before.
    pub offer: Option<Offer>,
    /// What came of it.
    pub answer: Answer,
}

/// Reads a session that asked for a part of the range.
pub fn read(transcript: &Transcript) -> Asked {
    let mut offer = None;
    let mut reader = Reader::brief();
    let mut failure = None;
    for event in &transcript.events {
        match &event.kind {
            EventKind::Sent(bytes) if bytes.first() == Some(&HANDSHAKE) => {
                offer = read_offer(bytes);
            }
            EventKind::Received(bytes) if offer.is_some() && !reader.is_done() => {
                reader.push(bytes);
            }
            EventKind::HandshakeFailed(handshake) => failure = handshake.failure.as_deref(),
            _ => {}
        }
    }
    let answer = match &offer {
        Some(offer) => answer(offer, reader.into_flight(), failure),
        None => Answer::Unknown,
    };
    Asked { offer, answer }
}

fn answer(offer: &Offer, flight: Flight, failure: Option<&str>) -> Answer {
    if let Some(hello) = flight.hello {
        let group = flight.named_group.is_none_or(|group| offer.groups.contains(&group));
        let version = hello.version <= offer.version;
        // RFC 8446 §4.2.8: where no share was offered, a group has to be named.
        let group = group && (hello.version < suites::TLS13 || flight.named_group.is_some());
        let fits = version && group && offer.suites.contains(&hello.suite);
        return if fits { Answer::Picked(flight) } else { Answer::Unknown };
    }
    // A server that wants no such client may as well hang up without an alert.
    let hung_up = |failure: &str| failure.starts_with("closed") || failure.starts_with("reset");
    if !flight.not_tls && (flight.alert.is_some() || failure.is_some_and(hung_up)) {
        return Answer::Refused;
    }
    Answer::Unknown
}

/// The offer of a ClientHello that this program wrote.
fn read_offer(record: &[u8]) -> Option<Offer> {
    let (_, record) = parse_tls_plaintext(record).ok()?;
    let hello = record.msg.iter().find_map(|message| match message {
        TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello)) => Some(hello),
        _ => None,
    })?;
    let mut offer = Offer {
        version: hello.version.0,
        suites: hello.ciphers.iter().map(|suite| suite.0).collect(),
        groups: Vec::new(),
    };
    let extensions = hello.ext.and_then(|bytes| parse_tls_extensions(bytes).ok());
    for extension in extensions.into_iter().flat_map(|(_, extensions)| extensions) {
        match extension {
            TlsExtension::SupportedVersions(versions) => {
                offer.version = versions.first().map_or(offer.version, |version| version.0);
            }
            TlsExtension::EllipticCurves(groups) => {
                offer.groups = groups.iter().map(|group| group.0).collect();
            }
            _ => {}
        }
    }
    Some(offer)
}

#[cfg(test)]
mod tests;
