//! What DNS said about a target: its exchanges and their addresses.
//!
//! Every answer carries its own DNSSEC status and its own error, per family:
//! NXDOMAIN, NODATA, SERVFAIL, a time-out and a bogus answer are five different
//! facts (RFC 5321 §5.1, RFC 4035 §4.3). Refuses to know how answers are got.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::target::{Target, TargetKind};

/// The DNSSEC status of an answer (RFC 4035 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dnssec {
    /// Signed, and the chain of trust reaches the anchor.
    Secure,
    /// Provably unsigned.
    Insecure,
    /// Signed, and the signatures do not hold.
    Bogus,
    /// Not determined: validation was unavailable, or failed for want of an answer.
    Indeterminate,
}

/// Why a lookup gave no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LookupError {
    /// The name does not exist (RFC 1035 RCODE 3).
    Nxdomain,
    /// The name exists, but has no record of this type.
    Nodata,
    /// The resolver failed (RCODE 2).
    Servfail,
    /// The resolver refused to answer (RCODE 5).
    Refused,
    /// The answer's signatures do not hold, and without validation there was no
    /// answer either.
    Bogus,
    /// No answer in time.
    Timeout,
    /// The resolver could not be reached at all.
    Unreachable,
    /// Any other failure: an unusual RCODE, an unparsable message, a CNAME loop.
    Other,
}

impl LookupError {
    /// Whether this answer says for certain that there is no such record.
    pub fn is_denial(self) -> bool {
        matches!(self, Self::Nxdomain | Self::Nodata)
    }

    /// The same for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nxdomain => "the name does not exist (NXDOMAIN)",
            Self::Nodata => "no such record",
            Self::Servfail => "the resolver failed (SERVFAIL)",
            Self::Refused => "the resolver refused to answer (REFUSED)",
            Self::Bogus => "the DNSSEC signatures do not hold (bogus)",
            Self::Timeout => "no answer in time",
            Self::Unreachable => "the resolver could not be reached",
            Self::Other => "the lookup failed",
        }
    }
}

/// How a target leads to hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// The domain has MX records.
    Mx,
    /// No MX, but addresses: the domain is its own exchange (RFC 5321 §5.1).
    ImplicitMx,
    /// `MX 0 .`: the domain takes no mail (RFC 7505).
    NullMx,
    /// The user named a host: no MX lookup.
    Host,
    /// The user named an address: no lookup.
    Address,
    /// DNS led nowhere; `error` says why.
    None,
}

/// What one vantage point's resolver said about a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Route {
    /// The vantage point that resolved, `local` for this machine.
    pub vantage: String,
    /// How the target leads to hosts.
    pub kind: RouteKind,
    /// Status of the MX answer (of the address answers for an implicit MX or a host).
    pub dnssec: Dnssec,
    /// Why there are no exchanges, where there are none.
    pub error: Option<LookupError>,
    /// More about the error, for people: which server, which name.
    pub error_detail: Option<String>,
    /// CNAME links followed from the domain before the MX was found, in order.
    pub cname: Vec<String>,
    /// True where a null MX stands beside other MX records (RFC 7505 §3 forbids it).
    pub null_mx_beside_others: bool,
    /// The hosts, by preference, then by name.
    pub exchanges: Vec<Exchange>,
}

impl Route {
    /// The route of a target that needs no DNS at all: an address.
    pub fn of_address(target: &Target, vantage: &str) -> Option<Self> {
        match target.kind {
            TargetKind::Address { ip, .. } => Self::of_addresses(&[ip], vantage),
            TargetKind::Domain(_) | TargetKind::Host { .. } => None,
        }
    }

    /// The route of one machine at these addresses, named after the first of them;
    /// `None` where there is none.
    pub fn of_addresses(addresses: &[IpAddr], vantage: &str) -> Option<Self> {
        let exchange = Exchange {
            host: addresses.first()?.to_string(),
            preference: None,
            cname: Vec::new(),
            cname_dnssec: None,
            ipv4: AddressAnswer::named(addresses.iter().filter_map(ipv4).collect()),
            ipv6: AddressAnswer::named(addresses.iter().filter_map(ipv6).collect()),
            tlsa: None,
        };
        Some(Self {
            vantage: vantage.to_owned(),
            kind: RouteKind::Address,
            dnssec: Dnssec::Indeterminate,
            error: None,
            error_detail: None,
            cname: Vec::new(),
            null_mx_beside_others: false,
            exchanges: vec![exchange],
        })
    }
}

fn ipv4(ip: &IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V4(ip) => Some(*ip),
        IpAddr::V6(_) => None,
    }
}

fn ipv6(ip: &IpAddr) -> Option<Ipv6Addr> {
    match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some(*ip),
    }
}

/// One MX host and its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// Host name: lower case, A-labels, no trailing dot. An address target has its address here.
    pub host: String,
    /// MX preference; `None` where no MX record was involved.
    pub preference: Option<u16>,
    /// CNAME links followed from the host, in order. Illegal for an MX target
    /// (RFC 5321 §5.1, RFC 2181 §10.3), seen all the same.
    pub cname: Vec<String>,
    /// Status of the first of these links alone, asked for itself where the
    /// addresses at their end are not secure (RFC 7672 §2.1.3): a secure link makes
    /// the host itself a TLSA base domain. `None` where there is no link.
    pub cname_dnssec: Option<Dnssec>,
    /// The A answer.
    pub ipv4: AddressAnswer<Ipv4Addr>,
    /// The AAAA answer.
    pub ipv6: AddressAnswer<Ipv6Addr>,
    /// The TLSA answer; `None` where it was not asked for: neither family's
    /// addresses are secure, nor is `cname_dnssec` (RFC 7672 §2.2.2). Whether that
    /// is because the zone is unsigned (no DANE) or because an answer failed or is
    /// bogus (nothing is known) is what those statuses say.
    pub tlsa: Option<TlsaAnswer>,
}

impl Exchange {
    /// Every address of the host, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let ipv4 = self.ipv4.addresses.iter().copied().map(IpAddr::V4);
        ipv4.chain(self.ipv6.addresses.iter().copied().map(IpAddr::V6))
    }
}

/// The answer to one address lookup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressAnswer<A> {
    /// The addresses, in the order of the answer.
    pub addresses: Vec<A>,
    /// Status of this answer.
    pub dnssec: Dnssec,
    /// Why there are no addresses, where there are none.
    pub error: Option<LookupError>,
}

impl<A> AddressAnswer<A> {
    /// An answer that was never asked for, because the address itself was named.
    pub fn named(addresses: Vec<A>) -> Self {
        Self { addresses, dnssec: Dnssec::Indeterminate, error: None }
    }
}

/// The answer to a TLSA lookup (RFC 6698).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsaAnswer {
    /// The TLSA base domain under which records were found, or last sought
    /// (RFC 7672 §2.2.3).
    pub base_domain: String,
    /// Status of the answer.
    pub dnssec: Dnssec,
    /// Why there are no records, where there are none.
    pub error: Option<LookupError>,
    /// The records.
    pub records: Vec<Tlsa>,
}

/// One TLSA record (RFC 6698 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tlsa {
    /// Certificate usage.
    pub usage: u8,
    /// Selector.
    pub selector: u8,
    /// Matching type.
    pub matching: u8,
    /// Certificate association data in hexadecimal.
    pub data: String,
}

/// The names of an address, by its PTR records (RFC 1035 §3.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PointerAnswer {
    /// Status of the PTR answer, CNAME links included (RFC 2317).
    pub dnssec: Dnssec,
    /// Why there are no names, where there are none.
    pub error: Option<LookupError>,
    /// The names, in the order of the answer.
    pub names: Vec<PointerName>,
}

/// One name of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PointerName {
    /// Lower case, A-labels, no trailing dot.
    pub name: String,
    /// Whether the name leads back to the address; `None` where its own lookup
    /// failed or was not made.
    pub confirmed: Option<bool>,
}
