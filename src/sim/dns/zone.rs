//! What a zone holds, and which of its answers are spoilt.
//!
//! Owns names and records. Refuses to know signatures and sockets.

use std::net::IpAddr;

use hickory_server::proto::rr::rdata::{A, AAAA, CNAME, MX, TLSA, TXT};
use hickory_server::proto::rr::{Name, RData, RecordType};

use crate::model::route::Tlsa;
use crate::sim::Error;

/// The longest character-string of a TXT record (RFC 1035 §3.3).
const TXT_STRING: usize = 255;

/// How a name is answered instead of with its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// SERVFAIL.
    Servfail,
    /// REFUSED.
    Refused,
    /// Not at all.
    Silent,
    /// With its records and signatures that do not hold; needs a signed zone.
    Bogus,
}

/// Records and faults, by name.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    pub(super) records: Vec<(String, Content)>,
    pub(super) faults: Vec<(String, Option<RecordType>, Fault)>,
    pub(super) unsigned: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Mx(u16, String),
    Address(IpAddr),
    Cname(String),
    Txt(String),
    Tlsa(Tlsa),
}

impl Zone {
    /// No names at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves the zone unsigned: a network whose resolver knows no DNSSEC.
    pub fn unsigned(&mut self) -> &mut Self {
        self.unsigned = true;
        self
    }

    /// A mail exchanger; `.` with preference 0 is a null MX (RFC 7505 §3).
    pub fn mx(&mut self, domain: &str, preference: u16, exchange: &str) -> &mut Self {
        self.add(domain, Content::Mx(preference, exchange.to_owned()))
    }

    /// An address, A or AAAA.
    pub fn address(&mut self, host: &str, address: IpAddr) -> &mut Self {
        self.add(host, Content::Address(address))
    }

    /// An alias, followed within the answer.
    pub fn cname(&mut self, alias: &str, canonical: &str) -> &mut Self {
        self.add(alias, Content::Cname(canonical.to_owned()))
    }

    /// A text, cut into strings of 255 octets.
    pub fn txt(&mut self, name: &str, text: &str) -> &mut Self {
        self.add(name, Content::Txt(text.to_owned()))
    }

    /// A TLSA record; `name` is the whole of it, `_25._tcp.mx.example.net`.
    pub fn tlsa(&mut self, name: &str, record: Tlsa) -> &mut Self {
        self.add(name, Content::Tlsa(record))
    }

    /// Spoils the answers for a name, or only those of one type.
    pub fn fault(&mut self, name: &str, only: Option<RecordType>, fault: Fault) -> &mut Self {
        self.faults.push((name.to_owned(), only, fault));
        self
    }

    fn add(&mut self, name: &str, data: Content) -> &mut Self {
        self.records.push((name.to_owned(), data));
        self
    }
}

impl Content {
    pub(super) fn rdata(&self) -> Result<RData, Error> {
        Ok(match self {
            Self::Mx(preference, exchange) => RData::MX(MX::new(*preference, absolute(exchange)?)),
            Self::Address(IpAddr::V4(address)) => RData::A(A(*address)),
            Self::Address(IpAddr::V6(address)) => RData::AAAA(AAAA(*address)),
            Self::Cname(canonical) => RData::CNAME(CNAME(absolute(canonical)?)),
            Self::Txt(text) => {
                RData::TXT(TXT::from_bytes(text.as_bytes().chunks(TXT_STRING).collect()))
            }
            Self::Tlsa(tlsa) => RData::TLSA(TLSA::new(
                tlsa.usage.into(),
                tlsa.selector.into(),
                tlsa.matching.into(),
                bytes(&tlsa.data)?,
            )),
        })
    }
}

/// An absolute name, whether or not it is written with the last dot.
pub(super) fn absolute(name: &str) -> Result<Name, Error> {
    let mut parsed = Name::from_ascii(name).map_err(|error| Error::Dns(error.to_string()))?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

/// Hexadecimal digits as bytes.
fn bytes(digits: &str) -> Result<Vec<u8>, Error> {
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<_> = digits.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| Error::Dns(format!("{digits:?} is not hexadecimal")))
}
