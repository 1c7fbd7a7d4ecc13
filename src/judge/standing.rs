//! How an address stands: what became of STARTTLS there, over all its sessions.
//!
//! Owns the words for it. Refuses to claim anything: `claim` does.

use std::net::IpAddr;

use super::reading::Reading;
use crate::model::probe::{Family, Mode};
use crate::model::report::FamilyUse;
use crate::model::session::{Stage, StarttlsOutcome};
use crate::model::transcript::Ended;

/// What a handshake is said to have met where the peer went on in clear.
pub(super) const NOT_TLS: &str = "not TLS";
/// The word for a session that stopped between greeting and STARTTLS.
pub(super) const STALLED_EARLY: &str = "stalled-after-greeting";
/// The word for what went wrong at our own end.
const LOCAL_ERROR: &str = "local-error";
/// The word for a run that was ended before its time, as `observe` records it.
const INTERRUPTED: &str = "interrupted";

/// What became of STARTTLS at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not asked: its family cannot be used here or was left out, the run was
    /// interrupted, or something else at our own end kept us from asking.
    NotProbed(&'static str),
    /// No complete greeting.
    NotReached(String),
    /// A greeting that is a refusal (RFC 5321 §3.1): this address was not measured.
    TurnedAway(u16),
    /// It greeted, and the session stopped before STARTTLS had an answer.
    Stalled(&'static str),
    /// STARTTLS was sent without an offer, and refused.
    NotOffered,
    /// Offered or accepted, and no handshake was completed.
    Broken(Broken),
    /// TLS was completed.
    Secured,
}

/// Why no handshake was completed where STARTTLS was offered or accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// 5xx to the command.
    Refused,
    /// 4xx to the command, twice; never 421, 450 or 451.
    Tempfailed,
    /// Neither 220 nor an error: 200, 250, …
    UnexpectedCode,
    /// No reply to the command, or the connection was closed instead, twice.
    Swallowed,
    /// The server answers, but only with what modern clients no longer speak.
    LegacyOnly,
    /// The server refused the handshake by an alert.
    Alert,
    /// The handshake was reset, closed, met with silence or with something that
    /// is not TLS, twice.
    CutOff,
}

impl Broken {
    /// The word for `because`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Refused => "starttls-refused",
            Self::Tempfailed => "starttls-tempfailed",
            Self::UnexpectedCode => "starttls-unexpected-code",
            Self::Swallowed => "starttls-swallowed",
            Self::LegacyOnly => "legacy-only",
            Self::Alert => "handshake-refused",
            Self::CutOff => "handshake-cut-off",
        }
    }
}

/// How an address stands after all its sessions.
pub(super) fn read(family: FamilyUse, ip: IpAddr, readings: &[&Reading<'_>]) -> Standing {
    let Some(last) = readings.last() else {
        return Standing::NotProbed(match (family, Family::of(ip)) {
            (FamilyUse::Unusable, Family::Ipv4) => "ipv4-unusable",
            (FamilyUse::Unusable, Family::Ipv6) => "ipv6-unusable",
            (FamilyUse::NotAsked, _) => "not-asked",
            (FamilyUse::Usable, _) => "not-probed",
        });
    };
    // With implicit TLS a handshake alone is no mail server yet.
    let heard = |reading: &&&Reading<'_>| {
        reading.observation.probe.mode == Mode::Starttls || reading.greeted()
    };
    if readings.iter().filter(heard).any(|reading| reading.completed()) {
        return Standing::Secured;
    }
    // Turned away later, an address keeps what its sessions showed before.
    match readings.iter().rev().find(|reading| reading.greeted()) {
        Some(last) => after_greeting(readings, last),
        None => unheard(readings, last),
    }
}

/// No 220: either nothing was heard, or a refusal.
fn unheard(readings: &[&Reading<'_>], last: &Reading<'_>) -> Standing {
    let session = &last.session;
    if last.observation.probe.mode == Mode::ImplicitTls && last.handshake_failure().is_some() {
        return broken_handshake(readings);
    }
    if let Some(greeting) = &session.greeting {
        return Standing::TurnedAway(greeting.code);
    }
    Standing::NotReached(match (session.stopped_at, session.ended) {
        (_, Some(Ended::Refused)) => "refused".into(),
        (_, Some(Ended::Unreachable)) => "network-unreachable".into(),
        (_, Some(Ended::Protocol)) => "not-smtp".into(),
        (_, Some(Ended::LocalError)) if session.error.as_deref() == Some(INTERRUPTED) => {
            return Standing::NotProbed(INTERRUPTED);
        }
        (_, Some(Ended::LocalError)) => return Standing::NotProbed(LOCAL_ERROR),
        (Some(Stage::Connected), Some(Ended::Timeout)) => "connect-timeout".into(),
        (_, Some(Ended::Timeout)) => "greeting-timeout".into(),
        (_, Some(Ended::Reset)) => "reset".into(),
        _ => "closed-before-greeting".into(),
    })
}

fn after_greeting(readings: &[&Reading<'_>], last: &Reading<'_>) -> Standing {
    let offered = readings.iter().any(|reading| reading.session.starttls.offered == Some(true));
    let failures: Vec<&str> =
        readings.iter().filter_map(|reading| reading.handshake_failure()).collect();
    if !failures.is_empty() {
        let in_clear = failures.iter().all(|failure| *failure == NOT_TLS);
        return if in_clear && !offered {
            Standing::NotOffered
        } else {
            broken_handshake(readings)
        };
    }
    let unanswered = |reading: &&&Reading<'_>| reading.unanswered();
    let swallowed = readings.iter().filter(unanswered).count() > 1;
    match last.session.starttls.outcome {
        StarttlsOutcome::NotReached
        | StarttlsOutcome::NoReply
        | StarttlsOutcome::Accepted
        | StarttlsOutcome::AcceptedUnoffered
            if last.session.ended == Some(Ended::LocalError) =>
        {
            Standing::NotProbed(LOCAL_ERROR)
        }
        StarttlsOutcome::NotReached => Standing::Stalled(STALLED_EARLY),
        StarttlsOutcome::Refused => Standing::Broken(Broken::Refused),
        StarttlsOutcome::Tempfailed if last.turned_away() => {
            Standing::Stalled("starttls-tempfailed")
        }
        StarttlsOutcome::Tempfailed if offered && readings.len() > 1 => {
            Standing::Broken(Broken::Tempfailed)
        }
        StarttlsOutcome::UnexpectedCode if offered => Standing::Broken(Broken::UnexpectedCode),
        // Neither offered nor accepted, twice: a passing fault would have passed.
        StarttlsOutcome::Tempfailed if readings.len() > 1 => Standing::NotOffered,
        StarttlsOutcome::Tempfailed => Standing::Stalled("starttls-tempfailed"),
        // 250 or the like to a command that was not offered: not accepted either.
        StarttlsOutcome::RefusedUnoffered | StarttlsOutcome::UnexpectedCode => Standing::NotOffered,
        StarttlsOutcome::NoReply | StarttlsOutcome::Closed if offered && swallowed => {
            Standing::Broken(Broken::Swallowed)
        }
        _ => Standing::Stalled("stalled-at-starttls"),
    }
}

/// The last word on the handshake comes from the legacy hello, where it got an
/// answer. A handshake that was cut off once, and never tried again to its end,
/// may have met a passing fault.
fn broken_handshake(readings: &[&Reading<'_>]) -> Standing {
    let failures: Vec<&str> =
        readings.iter().filter_map(|reading| reading.handshake_failure()).collect();
    if failures.iter().any(|failure| failure.starts_with("legacy-only")) {
        Standing::Broken(Broken::LegacyOnly)
    } else if failures.iter().any(|failure| failure.starts_with("alert")) {
        Standing::Broken(Broken::Alert)
    } else if failures.len() > 1 {
        Standing::Broken(Broken::CutOff)
    } else {
        Standing::Stalled("handshake-cut-off")
    }
}
