//! The names of an address: PTR records, each asked for its addresses in turn.
//!
//! Owns the reverse names (RFC 1035 §3.5, RFC 3596 §2.5) and the confirmation.
//! Refuses to know what a name without confirmation means to a mail server.

use std::net::IpAddr;

use futures_util::future::join_all;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::answer::Answer;
use super::lookup::Resolver;
use super::route::{plain, v4, v6};
use crate::model::route::{LookupError, PointerAnswer, PointerName};

/// Most names of one address that are confirmed; the others are named only.
const MAX_CONFIRMED: usize = 8;

/// Most names that are taken from one answer.
const MAX_NAMES: usize = 64;

impl Resolver {
    /// The names of an address, and whether they lead back to it.
    ///
    /// Never fails: the answer carries its own error and status.
    pub async fn pointer(&self, ip: IpAddr) -> PointerAnswer {
        let answer = self.ask(Name::from(ip), RecordType::PTR).await;
        let targets = answer.records.iter().filter_map(|record| match record {
            RData::PTR(target) => Some(&target.0),
            _ => None,
        });
        let names = targets.take(MAX_NAMES).enumerate().map(async |(place, name)| PointerName {
            name: plain(name),
            confirmed: if place < MAX_CONFIRMED { self.leads_back(name, ip).await } else { None },
        });
        PointerAnswer { dnssec: answer.dnssec, error: answer.error, names: join_all(names).await }
    }

    /// Whether a name has this address. `None` where it could not be found out.
    async fn leads_back(&self, name: &Name, ip: IpAddr) -> Option<bool> {
        let kind = if ip.is_ipv4() { RecordType::A } else { RecordType::AAAA };
        let Answer { records, error, .. } = self.ask(name.clone(), kind).await;
        let address =
            |record: &RData| v4(record).map(IpAddr::V4).or_else(|| v6(record).map(IpAddr::V6));
        match error {
            None => Some(records.iter().filter_map(address).any(|known| known == ip)),
            Some(error) if LookupError::is_denial(error) => Some(false),
            Some(_) => None,
        }
    }
}
