//! Whether one session keeps a promise, breaks it, or says nothing of it
//! (docs/detection.md §1, "denies").
//!
//! Refuses to know other sessions and other paths.

use super::Vow;
use crate::judge::reading::Reading;
use crate::model::probe::Mode;
use crate::model::session::{Oddity, StarttlsOutcome};
use crate::model::tls::{Certificate, DaneStatus, PkixReason, PkixStatus, TlsFacts};

/// RFC 8460 §4.3.
pub(in crate::judge) const NOT_SUPPORTED: &str = "starttls-not-supported";
pub(in crate::judge) const VALIDATION_FAILURE: &str = "validation-failure";
pub(in crate::judge) const HOST_MISMATCH: &str = "certificate-host-mismatch";
pub(in crate::judge) const NOT_TRUSTED: &str = "certificate-not-trusted";
pub(in crate::judge) const EXPIRED: &str = "certificate-expired";

/// What one session says of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::judge) enum Outcome {
    /// It is kept.
    Kept,
    /// It is not.
    Failed(Failed),
    /// A 4xx to the command: it fails the promise where it comes again.
    Tempfailed,
    /// Nothing: not reached, cut off, timed out, or of a kind that says nothing.
    Unknown,
}

/// How a promise is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::judge) struct Failed {
    /// How it is denied, so that a hand on the path is conceivable; `None` for what
    /// only the destination itself does: dates, a broken chain, a stale record.
    pub(in crate::judge) denial: Option<Denial>,
    /// RFC 8460's word.
    pub(in crate::judge) word: &'static str,
}

/// What denies a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::judge) enum Denial {
    /// No offer, or a refusal of the command.
    Missing,
    /// A key whose possession was proved, and that is not the promised one.
    Foreign,
}

/// How certificates were judged in this run.
#[derive(Clone, Copy, Debug)]
pub(in crate::judge) struct Trust {
    /// The roots are the public ones that senders have, not this machine's own.
    pub(in crate::judge) public: bool,
    /// The user named another host name for the certificates.
    pub(in crate::judge) renamed: bool,
}

/// What this session says of a promise about its host.
pub(in crate::judge) fn outcome(reading: &Reading<'_>, vow: Vow, trust: Trust) -> Outcome {
    let starttls = &reading.session.starttls;
    let authenticated = authenticated(reading, vow, trust);
    if let Outcome::Failed(_) = authenticated {
        return authenticated;
    }
    if reading.observation.probe.mode == Mode::ImplicitTls {
        return authenticated;
    }
    match starttls.offered {
        // Whatever comes of sending it anyway, senders see no offer.
        Some(false) => without_offer(reading),
        Some(true) if reading.completed() => authenticated,
        Some(true) if reading.turned_away() => Outcome::Unknown,
        Some(true) => match starttls.outcome {
            StarttlsOutcome::Refused | StarttlsOutcome::UnexpectedCode => {
                failed(Some(Denial::Missing), NOT_SUPPORTED)
            }
            StarttlsOutcome::Tempfailed => Outcome::Tempfailed,
            _ => Outcome::Unknown,
        },
        // After HELO nothing can be offered.
        None => Outcome::Unknown,
    }
}

fn failed(denial: Option<Denial>, word: &'static str) -> Outcome {
    Outcome::Failed(Failed { denial, word })
}

/// On the greeting line no sender sees the offer, and no path writes it there.
fn without_offer(reading: &Reading<'_>) -> Outcome {
    let misplaced = reading.session.oddities.contains(&Oddity::StarttlsOnGreetingLine);
    failed((!misplaced).then_some(Denial::Missing), NOT_SUPPORTED)
}

/// What a completed handshake says.
fn authenticated(reading: &Reading<'_>, vow: Vow, trust: Trust) -> Outcome {
    let Some(tls) = reading.tls.as_ref().filter(|_| reading.completed()) else {
        return Outcome::Unknown;
    };
    match vow {
        Vow::Encrypt => Outcome::Kept,
        // No sender can take a leaf that is no certificate for the promised one,
        // whoever sent it.
        Vow::Dane if is_unreadable(tls) => failed(None, VALIDATION_FAILURE),
        Vow::MtaSts if is_unreadable(tls) => failed(None, NOT_TRUSTED),
        // Whoever did not prove the key may not hold it.
        _ if tls.key_proven != Some(true) => Outcome::Unknown,
        Vow::Dane => by_dane(tls),
        Vow::MtaSts => by_mta_sts(tls, trust),
    }
}

/// Whether the leaf cannot be read, so that no key could be proven either.
fn is_unreadable(tls: &TlsFacts) -> bool {
    let has_key = |leaf: &Certificate| leaf.spki_sha256.is_some();
    tls.key_proven.is_none() && tls.chain.first().is_some_and(|leaf| !has_key(leaf))
}

fn by_dane(tls: &TlsFacts) -> Outcome {
    let Some(dane) = &tls.dane else { return Outcome::Unknown };
    match dane.status {
        DaneStatus::Matched => return Outcome::Kept,
        DaneStatus::Mismatched => {}
        _ => return Outcome::Unknown,
    }
    let word = [EXPIRED, HOST_MISMATCH, NOT_TRUSTED]
        .into_iter()
        .find(|word| dane.reasons.iter().any(|reason| reason == word))
        .unwrap_or(VALIDATION_FAILURE);
    // An anchor that matches, and dates or names that do not: the destination's
    // own chain. A chain that is valid for the host but for its dates: its own key,
    // and a record that was not renewed with it.
    let own = match word {
        VALIDATION_FAILURE => is_vouched(tls),
        NOT_TRUSTED => is_vouched(tls) || has_dates(tls),
        _ => true,
    };
    failed((!own).then_some(Denial::Foreign), word)
}

/// Valid for the host, but for dates.
fn is_vouched(tls: &TlsFacts) -> bool {
    tls.pkix.as_ref().is_some_and(|pkix| {
        pkix.names_match == Some(true) && pkix.reasons.iter().all(|reason| is_date(*reason))
    })
}

fn has_dates(tls: &TlsFacts) -> bool {
    tls.pkix.iter().flat_map(|pkix| &pkix.reasons).any(|reason| is_date(*reason))
}

fn is_date(reason: PkixReason) -> bool {
    matches!(reason, PkixReason::Expired | PkixReason::NotYetValid)
}

/// RFC 8461 §4.2: trusted, in its dates, and for the MX host.
fn by_mta_sts(tls: &TlsFacts, trust: Trust) -> Outcome {
    let Some(pkix) = &tls.pkix else { return Outcome::Unknown };
    let has = |wanted: &[PkixReason]| pkix.reasons.iter().any(|reason| wanted.contains(reason));
    // Judged for another name, the chain says nothing of this one.
    if trust.renamed || pkix.names_match.is_none() {
        return Outcome::Unknown;
    }
    if pkix.status == PkixStatus::Valid {
        return Outcome::Kept;
    }
    let untrusted = has(&[PkixReason::SelfSigned, PkixReason::UnknownIssuer]);
    // Another collection of roots may lack what senders trust.
    if untrusted && !trust.public {
        return Outcome::Unknown;
    }
    if untrusted {
        return failed(Some(Denial::Foreign), NOT_TRUSTED);
    }
    // A public authority vouches for it, for another name: a listener with another
    // host's certificate is far more common than a box that has one.
    if has(&[PkixReason::NameMismatch]) {
        return failed(None, HOST_MISMATCH);
    }
    if has(&[PkixReason::IncompleteChain, PkixReason::Malformed, PkixReason::WeakSignature]) {
        return failed(None, NOT_TRUSTED);
    }
    if has(&[PkixReason::Expired]) {
        return failed(None, EXPIRED);
    }
    if has(&[PkixReason::NotYetValid]) {
        return failed(None, VALIDATION_FAILURE);
    }
    // Revoked, or a short key: senders differ in what they make of it.
    Outcome::Unknown
}
