//! MTA-STS: the TXT record, the policy, and which hosts it lists (RFC 8461).
//!
//! Owns what a sender that conforms to RFC 8461, and that remembers no earlier
//! policy, would hold after the lookup and the fetch that were recorded:
//! [`outcome`]. The certificate of the policy host is judged here, at the time of
//! the fetch, so that saved evidence can be judged again. Refuses to say whether
//! anybody keeps the promise.
//!
//! [`record`] reads the TXT record, [`policy`] the policy.

pub mod policy;
pub mod record;

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

pub use self::policy::{Mode, Policy, PolicyFault, matches};
pub use self::record::{Record, RecordFault};
use crate::model::policy::{PolicyEvidence, PolicyFetch};
use crate::model::route::LookupError;
use crate::model::tls::{Handshake, Pkix, PkixStatus};
use crate::tls::{Roots, pkix};

/// Where the record lies, before the domain (RFC 8461 §3.1).
pub const RECORD_LABEL: &str = "_mta-sts";

/// The name of the policy host of a domain (RFC 8461 §3.2).
pub fn policy_host(domain: &str) -> String {
    format!("mta-sts.{domain}")
}

/// Where the policy of a domain lies (RFC 8461 §3.2).
pub fn policy_url(domain: &str) -> String {
    format!("https://{}{POLICY_PATH}", policy_host(domain))
}

/// The path of the policy on its host (RFC 8461 §3.2).
pub const POLICY_PATH: &str = "/.well-known/mta-sts.txt";

/// What a sender that conforms to RFC 8461 would hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not looked up, or announced and not fetched: nothing is known.
    NotAsked,
    /// There is no policy, says DNS.
    Absent,
    /// There is one, and it is authentic.
    Policy {
        /// The record that announces it.
        record: Record,
        /// The policy.
        policy: Policy,
    },
    /// Something is there, or may be, and no sender can use it.
    Faulty {
        /// The record, where that much was good.
        record: Option<Record>,
        /// What is wrong.
        fault: Fault,
    },
}

impl Outcome {
    /// The policy, where there is a usable one.
    pub fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Policy { policy, .. } => Some(policy),
            _ => None,
        }
    }
}

/// Why there is no usable policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whether there is a record could not be found out.
    Lookup(LookupError),
    /// The record announces nothing that a sender would take.
    Record(RecordFault),
    /// No complete response came from the policy host.
    Fetch(String),
    /// The certificate of the policy host is not valid for its name.
    Certificate(Pkix),
    /// The policy host did not prove that it holds its certificate's key.
    KeyNotProven,
    /// The policy host redirects, which nobody may follow.
    Redirect {
        /// HTTP status.
        status: u16,
        /// Where it would have led.
        location: Option<String>,
    },
    /// The policy host answered with another status than 200.
    HttpStatus(u16),
    /// The body was longer than we read.
    TooLong {
        /// Octets that were read of it; `None` where a report does not say.
        read: Option<u64>,
    },
    /// The response is not text/plain; the media type as sent.
    MediaType(Option<String>),
    /// The body is no policy.
    Policy(PolicyFault),
}

impl Fault {
    /// The result type of RFC 8460 §4.3 that fits; `None` for what happens before
    /// there is anything to fetch.
    pub fn result_type(&self) -> Option<&'static str> {
        match self {
            Self::Lookup(_) | Self::Record(_) => None,
            Self::Fetch(_)
            | Self::Redirect { .. }
            | Self::HttpStatus(_)
            | Self::TooLong { .. }
            | Self::MediaType(_) => Some("sts-policy-fetch-error"),
            Self::Certificate(_) | Self::KeyNotProven => Some("sts-webpki-invalid"),
            Self::Policy(_) => Some("sts-policy-invalid"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(error) => {
                write!(f, "the record could not be looked up: {}", error.words())
            }
            Self::Record(fault) => fault.fmt(f),
            Self::Fetch(error) => write!(f, "the policy could not be fetched: {error}"),
            Self::Certificate(pkix) => {
                let reasons: Vec<&str> = pkix.reasons.iter().map(|reason| reason.words()).collect();
                write!(
                    f,
                    "the certificate of the policy host is not valid ({})",
                    reasons.join(", ")
                )
            }
            Self::KeyNotProven => {
                f.write_str("the policy host did not prove that it holds its certificate's key")
            }
            Self::Redirect { status, location: Some(location) } => {
                write!(f, "the policy host redirects ({status}) to {}", excerpt(location))
            }
            Self::Redirect { status, location: None } => {
                write!(f, "the policy host redirects ({status})")
            }
            Self::HttpStatus(status) => write!(f, "the policy host answered with status {status}"),
            Self::TooLong { read: Some(read) } => {
                write!(f, "the policy is longer than the {read} octets that are read of it")
            }
            Self::TooLong { read: None } => f.write_str("the policy is longer than is read of it"),
            Self::MediaType(Some(kind)) => {
                write!(f, "the policy is sent as {}, not as text/plain", excerpt(kind))
            }
            Self::MediaType(None) => f.write_str("the policy is sent without a media type"),
            Self::Policy(fault) => fault.fmt(f),
        }
    }
}

/// Longest quotation of what a peer wrote, in characters.
const EXCERPT: usize = 80;

/// The beginning of a text that a peer wrote.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("\"{}…\"", text.get(..end).unwrap_or_default()),
        None => format!("\"{text}\""),
    }
}

/// What a sender that conforms to RFC 8461 would hold after this lookup and fetch.
///
/// `roots` are the certificates trusted for the policy host, judged at the time of
/// the fetch.
pub fn outcome(evidence: &PolicyEvidence, roots: &Roots) -> Outcome {
    let Some(answer) = &evidence.mta_sts_record else { return Outcome::NotAsked };
    let faulty = |record, fault| Outcome::Faulty { record, fault };
    match answer.error {
        Some(error) if error.is_denial() => return Outcome::Absent,
        Some(error) => return faulty(None, Fault::Lookup(error)),
        None => {}
    }
    let record = match record::read(&answer.records) {
        Ok(Some(record)) => record,
        Ok(None) => return Outcome::Absent,
        Err(fault) => return faulty(None, Fault::Record(fault)),
    };
    let Some(fetch) = &evidence.mta_sts_fetch else { return Outcome::NotAsked };
    match fetched(fetch, roots) {
        Ok(Some(policy)) => Outcome::Policy { record, policy },
        Ok(None) => Outcome::NotAsked,
        Err(fault) => faulty(Some(record), fault),
    }
}

/// The policy that a fetch brought; `None` where its evidence was left out.
fn fetched(fetch: &PolicyFetch, roots: &Roots) -> Result<Option<Policy>, Fault> {
    let failed = || fetch.error.clone().map_or(Ok(None), |error| Err(Fault::Fetch(error)));
    let Some(pkix) = certificate(fetch, roots) else { return failed() };
    // RFC 8461 §3.3: no policy but over TLS with a certificate that is valid for
    // the policy host.
    if pkix.status == PkixStatus::Invalid {
        return Err(Fault::Certificate(pkix));
    }
    if fetch.key_proven == Some(false) {
        return Err(Fault::KeyNotProven);
    }
    match fetch.http_status {
        None => return failed(),
        Some(200) => {}
        // RFC 8461 §3.3: redirects are not followed, and any other code than 200
        // is no policy.
        Some(status @ 300..400) => {
            return Err(Fault::Redirect { status, location: fetch.location.clone() });
        }
        Some(status) => return Err(Fault::HttpStatus(status)),
    }
    if fetch.truncated {
        return Err(Fault::TooLong { read: fetch.body_bytes });
    }
    if let Some(error) = &fetch.error {
        return Err(Fault::Fetch(error.clone()));
    }
    // RFC 8461 §3.2: parameters are ignored.
    let kind = fetch.media_type.as_deref().and_then(|kind| kind.split(';').next());
    if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain")) {
        return Err(Fault::MediaType(fetch.media_type.clone()));
    }
    let Some(body) = fetch.body.as_ref().and_then(|body| BASE64_STANDARD.decode(body).ok()) else {
        return Ok(None);
    };
    policy::read(&body).map(Some).map_err(Fault::Policy)
}

/// The verdict on the policy host's certificate at the time of the fetch; `None`
/// where it showed none, or the evidence was left out.
pub fn certificate(fetch: &PolicyFetch, roots: &Roots) -> Option<Pkix> {
    let chain: Option<Vec<Vec<u8>>> =
        fetch.chain.as_ref()?.iter().map(|der| BASE64_STANDARD.decode(der).ok()).collect();
    let handshake = Handshake { chain: chain?, ..Handshake::default() };
    pkix::judge(&handshake, Some(host_of(&fetch.url)), fetch.fetched_at, roots)
}

/// The leaf that the policy host presented, as DER.
pub fn presented(fetch: &PolicyFetch) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(fetch.chain.as_ref()?.first()?).ok()
}

/// The host in a URL that [`policy_url`] made.
pub fn host_of(url: &str) -> &str {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    rest.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
