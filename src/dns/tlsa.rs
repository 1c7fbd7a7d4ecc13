//! TLSA records of a mail exchanger (RFC 6698), and under which name.
//!
//! Owns the choice of the TLSA base domain (RFC 7672 §2.1.3, §2.2). Refuses to
//! know what records promise, and which of them can be used.

use std::fmt::Write as _;

use hickory_resolver::proto::rr::{RData, RecordType};

use super::capped;
use super::lookup::Resolver;
use super::route::absolute;
use crate::model::route::{Dnssec, Exchange, LookupError, Tlsa, TlsaAnswer};

impl Resolver {
    /// The TLSA records for a port of an exchange.
    ///
    /// `None` where nothing is asked: the exchange has no address, or neither its
    /// addresses nor the first CNAME link from its host are secure. The exchange's
    /// own statuses say why; only where they say insecure is there no DANE.
    ///
    /// Never fails: a lookup that failed, or was bogus, keeps its error and status,
    /// and no other name is tried behind it (RFC 7672 §2.1.2). More than
    /// [`super::MAX_RECORDS`] records are [`LookupError::Other`].
    pub async fn tlsa(&self, exchange: &Exchange, port: u16) -> Option<TlsaAnswer> {
        let mut sought = None;
        for base in base_domains(exchange) {
            let answer = self.tlsa_at(base, port).await;
            let is_denied = is_denied(&answer);
            sought = Some(answer);
            if !is_denied {
                break;
            }
        }
        sought
    }

    async fn tlsa_at(&self, base: &str, port: u16) -> TlsaAnswer {
        let empty = TlsaAnswer {
            base_domain: base.to_owned(),
            dnssec: Dnssec::Indeterminate,
            error: Some(LookupError::Other),
            records: Vec::new(),
        };
        // RFC 6698 §3; a name that leaves no room for the prefix cannot be asked.
        let Some(owner) = absolute(&format!("_{port}._tcp.{base}")) else { return empty };
        let answer = capped(self.ask(owner, RecordType::TLSA).await);
        TlsaAnswer {
            dnssec: answer.dnssec,
            error: answer.error,
            records: answer.records.iter().filter_map(tlsa).collect(),
            ..empty
        }
    }
}

/// Under which names to look, in order (RFC 7672 §2.2.2).
fn base_domains(exchange: &Exchange) -> Vec<&str> {
    let Exchange { host, cname, ipv4, ipv6, .. } = exchange;
    let families =
        [(ipv4.addresses.is_empty(), ipv4.dnssec), (ipv6.addresses.is_empty(), ipv6.dnssec)];
    let mut addressed = families.iter().filter(|(is_empty, _)| !is_empty).peekable();
    if addressed.peek().is_none() {
        return Vec::new();
    }
    if addressed.any(|(_, status)| *status == Dnssec::Secure) {
        // RFC 7672 §2.2.3: the end of a secure chain of links first, then the host.
        return cname.last().into_iter().chain([host]).map(String::as_str).collect();
    }
    // RFC 7672 §2.1.3: a secure link out of the host's zone into an unsigned one.
    let is_link_secure = exchange.cname_dnssec == Some(Dnssec::Secure);
    if is_link_secure { vec![host] } else { Vec::new() }
}

/// Whether it is certain that there is nothing to go by under this name: records
/// are denied, or are in a zone that is not signed (RFC 7672 §2.2).
fn is_denied(answer: &TlsaAnswer) -> bool {
    match answer.dnssec {
        Dnssec::Insecure => answer.error.is_none_or(LookupError::is_denial),
        Dnssec::Secure => answer.error.is_some_and(LookupError::is_denial),
        Dnssec::Bogus | Dnssec::Indeterminate => false,
    }
}

fn tlsa(record: &RData) -> Option<Tlsa> {
    let RData::TLSA(tlsa) = record else { return None };
    let mut data = String::with_capacity(2 * tlsa.cert_data.len());
    for byte in &tlsa.cert_data {
        // Writing to a string cannot fail.
        let _ = write!(data, "{byte:02x}");
    }
    Some(Tlsa {
        usage: tlsa.cert_usage.into(),
        selector: tlsa.selector.into(),
        matching: tlsa.matching.into(),
        data,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::model::route::AddressAnswer;

    /// An exchange with one address a family; `None` has none.
    fn exchange(ipv4: Option<Dnssec>, ipv6: Option<Dnssec>, link: Option<Dnssec>) -> Exchange {
        let error = |status: Option<Dnssec>| status.is_none().then_some(LookupError::Nodata);
        let dnssec = |status: Option<Dnssec>| status.unwrap_or(Dnssec::Secure);
        Exchange {
            host: "mx.example".into(),
            preference: Some(10),
            cname: link.iter().flat_map(|_| ["one.example".into(), "end.example".into()]).collect(),
            cname_dnssec: link,
            ipv4: AddressAnswer {
                addresses: ipv4.map(|_| Ipv4Addr::LOCALHOST).into_iter().collect(),
                dnssec: dnssec(ipv4),
                error: error(ipv4),
            },
            ipv6: AddressAnswer {
                addresses: ipv6.map(|_| Ipv6Addr::LOCALHOST).into_iter().collect(),
                dnssec: dnssec(ipv6),
                error: error(ipv6),
            },
            tlsa: None,
        }
    }

    #[test]
    fn tlsa_is_sought_only_where_addresses_or_the_first_link_are_secure() {
        use Dnssec::{Bogus, Indeterminate, Insecure, Secure};
        let bases = |ipv4, ipv6, link| {
            let exchange = exchange(ipv4, ipv6, link);
            base_domains(&exchange).into_iter().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(bases(Some(Secure), None, None), ["mx.example"]);
        assert_eq!(bases(None, Some(Secure), None), ["mx.example"]);
        assert_eq!(bases(Some(Bogus), Some(Secure), None), ["mx.example"]);
        for status in [Bogus, Indeterminate, Insecure] {
            assert!(bases(Some(status), None, None).is_empty(), "{status:?}");
            assert!(bases(Some(status), Some(status), Some(status)).is_empty(), "{status:?}");
        }
        assert!(bases(None, None, None).is_empty(), "nothing to connect to");
        assert!(bases(None, None, Some(Secure)).is_empty(), "nothing to connect to");
    }

    #[test]
    fn at_the_end_of_secure_links_the_target_comes_first() {
        use Dnssec::{Insecure, Secure};
        let whole = exchange(Some(Secure), None, Some(Secure));
        assert_eq!(base_domains(&whole), ["end.example", "mx.example"]);
        let first_link = exchange(Some(Insecure), None, Some(Secure));
        assert_eq!(base_domains(&first_link), ["mx.example"]);
    }
}
