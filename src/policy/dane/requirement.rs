//! From DNS answers to what a sender must do (RFC 7672 §2). Pure.
//!
//! Owns when a sender must authenticate, encrypt or wait. Refuses to know what a server
//! presents.

use super::usability::{Rated, Standing, rate};
use crate::model::route::{Dnssec, Exchange, LookupError, Route, RouteKind, TlsaAnswer};

/// What a sender that does DANE must do for one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// TLSA was not looked up, or DNSSEC could not tell: nothing is known.
    NotAsked,
    /// DANE does not apply; TLS is as opportunistic as without it.
    None {
        /// Why.
        why: Absence,
    },
    /// The MX answer failed or does not hold: mail to this domain is delayed
    /// (RFC 7672 §2.1.1), and that is not "no DANE".
    Delay {
        /// What happened to the MX lookup.
        why: Failure,
    },
    /// The address or TLSA answer failed or does not hold: this exchange must not
    /// be used (RFC 7672 §2.1.2).
    MustNotUse {
        /// What happened to the lookup.
        why: Failure,
    },
    /// TLSA records exist and none is usable: TLS is mandatory, authentication is
    /// not possible (RFC 7672 §2.2).
    Encrypt {
        /// Whether the MX answer was secure as well; see [`Self::mx_secure`].
        mx_secure: bool,
        /// Every record, and why it is not usable.
        records: Vec<Rated>,
    },
    /// Usable TLSA records exist: TLS is mandatory, and the chain must match one.
    Authenticate {
        /// Whether the MX answer was secure as well; see [`Self::mx_secure`].
        mx_secure: bool,
        /// The TLSA base domain: server name to indicate, first reference name.
        base_domain: String,
        /// Every record with its standing.
        records: Vec<Rated>,
    },
}

impl Requirement {
    /// Every record with its standing; empty where there are none that bind.
    pub fn records(&self) -> &[Rated] {
        match self {
            Self::Encrypt { records, .. } | Self::Authenticate { records, .. } => records,
            _ => &[],
        }
    }

    /// Whether the MX answer (for a host: its addresses) was secure; `None` where
    /// no TLSA record binds.
    ///
    /// Where it was not, TLSA records of the exchange may still be enforced
    /// (RFC 7672 §2.2.1: MAY), as Postfix does by default since 3.6.
    pub fn mx_secure(&self) -> Option<bool> {
        match self {
            Self::Encrypt { mx_secure, .. } | Self::Authenticate { mx_secure, .. } => {
                Some(*mx_secure)
            }
            _ => None,
        }
    }

    /// The requirement's word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotAsked => "not-asked",
            Self::None { .. } => "none",
            Self::Delay { .. } => "delay",
            Self::MustNotUse { .. } => "must-not-use",
            Self::Encrypt { .. } => "encrypt",
            Self::Authenticate { .. } => "authenticate",
        }
    }

    /// Why DANE does not apply or cannot be done, in words.
    pub fn because(&self) -> Option<String> {
        match self {
            Self::None { why } => Some(why.words().to_owned()),
            Self::Delay { why } => Some(format!("the MX lookup {}", why.words())),
            Self::MustNotUse { why } => Some(format!("a lookup for this host {}", why.words())),
            Self::NotAsked | Self::Encrypt { .. } | Self::Authenticate { .. } => None,
        }
    }

    /// Whether the domain and its exchange promise TLS securely: records exist, and
    /// both MX and TLSA answers are secure.
    pub fn promises_tls(&self) -> bool {
        self.mx_secure() == Some(true)
    }
}

/// Why DANE does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// The exchange's addresses are provably unsigned, so TLSA is not looked up
    /// (RFC 7672 §2.2.2).
    InsecureAddress,
    /// The TLSA answer is provably unsigned.
    InsecureTlsa,
    /// DNSSEC proves that there is no TLSA record.
    NoRecords,
    /// The target is an address: there is no name to look up.
    NoName,
}

impl Absence {
    /// The reason in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::InsecureAddress => "the host's addresses are not signed with DNSSEC",
            Self::InsecureTlsa => "the TLSA answer is not signed with DNSSEC",
            Self::NoRecords => "there is no TLSA record",
            Self::NoName => "an address has no TLSA records",
        }
    }
}

/// What happened to a lookup that DANE relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The answer's signatures do not hold.
    Bogus,
    /// There was no answer: SERVFAIL, a time-out, a refusal.
    Lookup(LookupError),
}

impl Failure {
    /// What happened, behind the lookup's name.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bogus => "gave an answer whose signatures do not hold",
            Self::Lookup(LookupError::Timeout) => "got no answer in time",
            Self::Lookup(LookupError::Servfail) => "failed (SERVFAIL)",
            Self::Lookup(LookupError::Refused) => "was refused (REFUSED)",
            Self::Lookup(_) => "failed",
        }
    }

    fn of(dnssec: Dnssec, error: Option<LookupError>) -> Option<Self> {
        match error {
            Some(LookupError::Bogus) => Some(Self::Bogus),
            _ if dnssec == Dnssec::Bogus => Some(Self::Bogus),
            Some(error) if !error.is_denial() => Some(Self::Lookup(error)),
            _ => None,
        }
    }
}

/// What a sender that does DANE must do for an exchange of this route.
pub fn requirement(route: &Route, exchange: &Exchange) -> Requirement {
    if let Some(why) = mx_failure(route) {
        return Requirement::Delay { why };
    }
    match &exchange.tlsa {
        _ if route.kind == RouteKind::Address => Requirement::None { why: Absence::NoName },
        None => unasked(exchange),
        Some(answer) => answered(route, answer),
    }
}

/// RFC 7672 §2.1.1: an MX answer that is bogus or failed delays the mail. For an
/// implicit MX or a host the status is that of the addresses, which are no such
/// answer.
fn mx_failure(route: &Route) -> Option<Failure> {
    match route.kind {
        RouteKind::Mx | RouteKind::NullMx | RouteKind::None => {
            Failure::of(route.dnssec, route.error)
        }
        RouteKind::ImplicitMx | RouteKind::Host | RouteKind::Address => None,
    }
}

/// Without a TLSA answer the addresses may still say why there is none.
fn unasked(exchange: &Exchange) -> Requirement {
    let (ipv4, ipv6) = (&exchange.ipv4, &exchange.ipv6);
    let families = [(ipv4.dnssec, ipv4.error), (ipv6.dnssec, ipv6.error)];
    // RFC 7672 §2.1.2: where no family has an answer that holds, the exchange
    // counts as unreachable.
    let failures = families.map(|(dnssec, error)| Failure::of(dnssec, error));
    if let [Some(why), Some(_)] = failures {
        return Requirement::MustNotUse { why };
    }
    // RFC 7672 §2.1.3: a secure first CNAME link would allow TLSA all the same.
    let insecure = families.iter().all(|(dnssec, _)| *dnssec == Dnssec::Insecure);
    let is_link_insecure = match exchange.cname_dnssec {
        Some(dnssec) => dnssec == Dnssec::Insecure,
        None => exchange.cname.is_empty(),
    };
    if insecure && is_link_insecure {
        return Requirement::None { why: Absence::InsecureAddress };
    }
    Requirement::NotAsked
}

fn answered(route: &Route, answer: &TlsaAnswer) -> Requirement {
    // RFC 7672 §2.1.2: a lookup that fails or is bogus is no denial.
    if let Some(why) = Failure::of(answer.dnssec, answer.error) {
        return Requirement::MustNotUse { why };
    }
    match answer.dnssec {
        Dnssec::Insecure => return Requirement::None { why: Absence::InsecureTlsa },
        Dnssec::Secure => {}
        Dnssec::Bogus | Dnssec::Indeterminate => return Requirement::NotAsked,
    }
    if answer.records.is_empty() {
        return Requirement::None { why: Absence::NoRecords };
    }
    let records = rate(&answer.records);
    let mx_secure = route.dnssec == Dnssec::Secure;
    if records.iter().any(|rated| rated.standing == Standing::Counts) {
        let base_domain = answer.base_domain.clone();
        return Requirement::Authenticate { mx_secure, base_domain, records };
    }
    // RFC 7672 §2.2: "at least one but none usable" makes TLS mandatory.
    Requirement::Encrypt { mx_secure, records }
}

/// The names of which a certificate under a DANE-TA(2) record must have one
/// (RFC 7672 §3.2.2): the TLSA base domain, and where the MX answer was secure
/// the next-hop domain, as asked and as its CNAME expands.
pub fn reference_names(next_hop: &str, route: &Route, exchange: &Exchange) -> Vec<String> {
    let base = exchange.tlsa.as_ref().map_or(&exchange.host, |answer| &answer.base_domain);
    let mut names = vec![base.clone()];
    if route.dnssec == Dnssec::Secure {
        names.push(next_hop.to_owned());
        names.extend(route.cname.last().cloned());
    }
    let mut known = std::collections::HashSet::new();
    names.retain(|name| known.insert(name.to_ascii_lowercase()));
    names
}
