//! What Postfix would do with one address at each of its TLS security levels
//! (Postfix TLS_README, "Client TLS security levels"; read from the source of 3.7
//! and later).
//!
//! Owns the prediction: [`predict`], from what one session showed to delivery in
//! clear, over TLS (with the word that Postfix logs for it), or deferral with the
//! reason that it logs; and [`recommend`], from all of a target's predictions to a
//! line for `smtp_tls_policy_maps`. Refuses to guess: what one session cannot tell is
//! `None`. It presumes a Postfix with its defaults, a validating resolver beside it,
//! and the CAs that the session was judged by in its `smtp_tls_CAfile`; docs/postfix.md
//! says what follows from that.

mod names;
mod recommend;

pub use recommend::recommend;

use std::collections::BTreeMap;

use crate::model::report::PostfixLevel;
use crate::model::route::Dnssec;
use crate::model::session::{Stage, Starttls, StarttlsOutcome};
use crate::model::tls::{DaneStatus, PkixReason, TlsFacts};
use crate::policy::dane::{Rated, Requirement, Standing, Unusable};

/// The levels, from the weakest to the strongest, as `smtp_tls_security_level` spells them.
pub const LEVELS: [&str; 8] =
    ["none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure"];

/// Mail goes in clear.
pub const CLEAR: &str = "clear";
/// Mail goes over TLS.
pub const TLS: &str = "tls";
/// Mail waits, or goes by another address.
pub const DEFERRED: &str = "deferred";

/// The server presented a certificate and nobody vouches for it.
pub const UNTRUSTED: &str = "Untrusted";
/// A CA, or a TLSA record behind an insecure MX, vouches for the certificate.
pub const TRUSTED: &str = "Trusted";
/// The same, and the name or the record is the one that the level demands.
pub const VERIFIED: &str = "Verified";

const NOT_OFFERED: &str = "TLS is required, but was not offered by host";
const REFUSED: &str = "TLS is required, but host refused to start TLS";
const LOST: &str = "lost connection while receiving the STARTTLS response";
const TIMED_OUT: &str = "conversation timed out while receiving the STARTTLS response";
const HANDSHAKE: &str = "Cannot start TLS: handshake failure";
const THEN_IN_CLEAR: &str =
    "Cannot start TLS: handshake failure; the next attempt, minutes later, goes in clear";
const NOT_VERIFIED: &str = "Server certificate not verified";
const INSECURE_MX: &str = "non DNSSEC destination";
const NO_TLSA: &str = "no TLSA records found";
const UNUSABLE: &str = "TLSA records unusable";
const TLSA_ERROR: &str = "TLSA lookup error";
const NAME_SERVICE: &str = "Host or domain name not found. Name service error";

/// What one session and its surroundings showed.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The stages that the session completed.
    pub stages: &'a [Stage],
    /// STARTTLS: whether it was offered, and what came of it.
    pub starttls: &'a Starttls,
    /// What the handshake showed; `None` where none was tried.
    pub tls: Option<&'a TlsFacts>,
    /// What DANE asks of the exchange.
    pub requirement: &'a Requirement,
    /// Status of the MX answer; `None` where no MX record was involved.
    pub mx: Option<Dnssec>,
    /// Status of the answer that held this address; `None` where none was asked for.
    pub address: Option<Dnssec>,
    /// The exchange.
    pub host: &'a str,
    /// The domain that the mail is for: what Postfix calls the next hop.
    pub next_hop: &'a str,
}

/// What Postfix would do at each of [`LEVELS`]; `None` for a level where this
/// session does not tell.
pub fn predict(view: &View<'_>) -> BTreeMap<String, Option<PostfixLevel>> {
    LEVELS.into_iter().map(|level| (level.to_owned(), at(level, view))).collect()
}

fn at(level: &str, view: &View<'_>) -> Option<PostfixLevel> {
    // Without an answer to EHLO or HELO nothing was learned of this server.
    if !view.stages.contains(&Stage::Ehlo) {
        return None;
    }
    // A resolver that validates hands nothing on of a bogus answer.
    let is_bogus = view.mx == Some(Dnssec::Bogus) || view.address == Some(Dnssec::Bogus);
    if is_bogus || matches!(view.requirement, Requirement::Delay { .. }) {
        return Some(deferred(NAME_SERVICE));
    }
    match level {
        "none" => Some(clear()),
        "may" => may(view),
        "dane" => dane(view),
        "dane-only" => dane_only(view),
        "encrypt" => encrypt(view),
        "verify" => verify(view, |names| names.has(view.host)),
        // smtp_tls_secure_cert_match: nexthop, dot-nexthop.
        "secure" => {
            verify(view, |names| names.has(view.next_hop) || names.has_below(view.next_hop))
        }
        // Which fingerprint is right, only its owner knows.
        _ => mandatory(view, || None),
    }
}

fn clear() -> PostfixLevel {
    PostfixLevel { delivery: CLEAR.to_owned(), log: None, reason: None }
}

fn tls(log: Option<&str>) -> PostfixLevel {
    PostfixLevel { delivery: TLS.to_owned(), log: log.map(str::to_owned), reason: None }
}

fn deferred(reason: &str) -> PostfixLevel {
    PostfixLevel { delivery: DEFERRED.to_owned(), log: None, reason: Some(reason.to_owned()) }
}

/// A completed handshake that does not satisfy the level. OpenSSL checks chain and
/// names in one, so that Postfix logs the connection as untrusted before it defers.
fn not_verified() -> PostfixLevel {
    PostfixLevel { log: Some(UNTRUSTED.to_owned()), ..deferred(NOT_VERIFIED) }
}

/// How far a session came with TLS, as Postfix would come.
enum Progress {
    /// Not offered: Postfix does not send STARTTLS then, whatever would come of it.
    NotOffered,
    /// STARTTLS was refused, and the session goes on.
    Refused,
    /// The session was over instead of a reply to STARTTLS; how Postfix logs that.
    NoReply(&'static str),
    /// The handshake fails for whoever tries.
    Failed,
    /// TLS, and EHLO inside it.
    Done,
    /// Another client may fare otherwise.
    Unknown,
}

fn progress(view: &View<'_>) -> Progress {
    // After HELO nothing is offered (RFC 5321 §3.2): `None` there.
    if view.starttls.offered != Some(true) {
        return Progress::NotOffered;
    }
    match view.starttls.outcome {
        StarttlsOutcome::Accepted => handshake(view),
        StarttlsOutcome::Refused | StarttlsOutcome::Tempfailed => Progress::Refused,
        // Postfix takes every 2xx for a yes, and everything else for a no.
        StarttlsOutcome::UnexpectedCode => match &view.starttls.reply {
            Some(reply) if !(200..300).contains(&reply.code) => Progress::Refused,
            _ => Progress::Unknown,
        },
        StarttlsOutcome::NoReply => Progress::NoReply(TIMED_OUT),
        StarttlsOutcome::Closed => Progress::NoReply(LOST),
        StarttlsOutcome::NotReached
        | StarttlsOutcome::RefusedUnoffered
        | StarttlsOutcome::AcceptedUnoffered => Progress::Unknown,
    }
}

/// A server that answers with an alert has something against this client's hello;
/// OpenSSL's has older versions, other suites, and suites without a certificate.
/// What is silent, resets, closes, or speaks no TLS fails for every client.
fn handshake(view: &View<'_>) -> Progress {
    const FOR_EVERYBODY: [&str; 4] = ["silence after", "reset after", "closed after", "not TLS"];
    let Some(tls) = view.tls else { return Progress::Unknown };
    if let Some(failure) = &tls.failure {
        let is_general = FOR_EVERYBODY.iter().any(|words| failure.starts_with(words));
        return if is_general { Progress::Failed } else { Progress::Unknown };
    }
    // A signature that does not hold for rustls may be a short key, which OpenSSL takes.
    let is_done = view.stages.contains(&Stage::EhloTls) && tls.key_proven != Some(false);
    if is_done { Progress::Done } else { Progress::Unknown }
}

fn may(view: &View<'_>) -> Option<PostfixLevel> {
    match progress(view) {
        Progress::NotOffered | Progress::Refused => Some(clear()),
        Progress::NoReply(how) => Some(deferred(how)),
        // The fallback waits until the message is older than minimal_backoff_time.
        Progress::Failed => Some(deferred(THEN_IN_CLEAR)),
        Progress::Done => Some(unauthenticated(view)),
        Progress::Unknown => None,
    }
}

/// Every level above `may`: TLS, and then what `done` says.
fn mandatory(view: &View<'_>, done: impl FnOnce() -> Option<PostfixLevel>) -> Option<PostfixLevel> {
    match progress(view) {
        Progress::NotOffered => Some(deferred(NOT_OFFERED)),
        Progress::Refused => Some(deferred(REFUSED)),
        Progress::NoReply(how) => Some(deferred(how)),
        Progress::Failed => Some(deferred(HANDSHAKE)),
        Progress::Done => done(),
        Progress::Unknown => None,
    }
}

fn encrypt(view: &View<'_>) -> Option<PostfixLevel> {
    mandatory(view, || Some(unauthenticated(view)))
}

/// Without authentication Postfix prefers suites that need no certificate, which
/// rustls does not have and TLS 1.3 neither: below, the log may say Anonymous.
fn unauthenticated(view: &View<'_>) -> PostfixLevel {
    let version = view.tls.and_then(|tls| tls.version.as_deref());
    let trusted = view.tls.and_then(chain_is_trusted);
    let log = trusted.filter(|_| version == Some("TLSv1.3"));
    tls(log.map(|trusted| if trusted { TRUSTED } else { UNTRUSTED }))
}

fn verify(view: &View<'_>, is_named: impl FnOnce(&names::Names) -> bool) -> Option<PostfixLevel> {
    mandatory(view, || {
        let names = names::Names::of(view.tls?.chain.first()?);
        // A name that does not match settles it, whatever the chain is worth.
        if !is_named(&names) {
            return Some(not_verified());
        }
        let trusted = chain_is_trusted(view.tls?)?;
        Some(if trusted { tls(Some(VERIFIED)) } else { not_verified() })
    })
}

/// Whether OpenSSL finds a path to a CA, names apart; `None` where it may see a
/// key, a digest or a form otherwise than we do. Postfix asks for no revocation.
fn chain_is_trusted(tls: &TlsFacts) -> Option<bool> {
    let reasons = &tls.pkix.as_ref()?.reasons;
    let any = |which: &[PkixReason]| reasons.iter().any(|reason| which.contains(reason));
    if any(&[
        PkixReason::Expired,
        PkixReason::NotYetValid,
        PkixReason::UnknownIssuer,
        PkixReason::SelfSigned,
        PkixReason::IncompleteChain,
    ]) {
        return Some(false);
    }
    let unsettled = [PkixReason::WeakKey, PkixReason::WeakSignature, PkixReason::Malformed];
    (!any(&unsettled)).then_some(true)
}

/// Opportunistic DANE: enforced where there are usable records, `encrypt` where
/// there are others, `may` where there are none.
fn dane(view: &View<'_>) -> Option<PostfixLevel> {
    match view.requirement {
        Requirement::NotAsked => None,
        Requirement::None { .. } => may(view),
        Requirement::Delay { .. } => Some(deferred(NAME_SERVICE)),
        Requirement::MustNotUse { .. } => Some(deferred(TLSA_ERROR)),
        Requirement::Encrypt { .. } => encrypt(view),
        // smtp_tls_dane_insecure_mx_policy = dane since Postfix 3.6: enforced all the
        // same, and logged as no more than Trusted.
        Requirement::Authenticate { .. } => match view.mx {
            None | Some(Dnssec::Secure) => mandatory(view, || matched(view, VERIFIED)),
            Some(Dnssec::Insecure) => mandatory(view, || matched(view, TRUSTED)),
            Some(Dnssec::Bogus | Dnssec::Indeterminate) => None,
        },
    }
}

/// The same without fallback. An insecure MX is looked at before TLSA.
fn dane_only(view: &View<'_>) -> Option<PostfixLevel> {
    if view.mx == Some(Dnssec::Insecure) {
        return Some(deferred(INSECURE_MX));
    }
    match view.requirement {
        Requirement::None { .. } => Some(deferred(NO_TLSA)),
        Requirement::Encrypt { records, .. } if records.iter().all(is_left_out) => {
            Some(deferred(UNUSABLE))
        }
        Requirement::Encrypt { .. } => mandatory(view, || Some(not_verified())),
        _ => dane(view),
    }
}

/// Whether Postfix itself leaves a record out when it reads the answer. What only
/// OpenSSL cannot use still leads to a connection, which then nothing can verify.
fn is_left_out(rated: &Rated) -> bool {
    let usage =
        matches!(rated.standing, Standing::Unusable(Unusable::PkixUsage | Unusable::UnknownUsage));
    // 255 is for private use, and Postfix's own for fingerprints.
    usage || rated.record.matching == u8::MAX
}

fn matched(view: &View<'_>, log: &str) -> Option<PostfixLevel> {
    match view.tls?.dane.as_ref()?.status {
        DaneStatus::Matched => Some(tls(Some(log))),
        DaneStatus::Mismatched if log == TRUSTED && names_next_hop(view) => None,
        DaneStatus::Mismatched => Some(not_verified()),
        _ => None,
    }
}

/// Behind an insecure MX, RFC 7672 §3.2.2 leaves the next hop out of the names for
/// usage 2 and Postfix does not: a certificate with that name may satisfy it.
fn names_next_hop(view: &View<'_>) -> bool {
    let leaf = view.tls.and_then(|tls| tls.chain.first());
    leaf.is_some_and(|leaf| names::Names::of(leaf).has(view.next_hop))
}

#[cfg(test)]
mod tests;
