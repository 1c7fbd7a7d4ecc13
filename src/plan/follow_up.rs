//! What an odd first answer earns: the same again after a 4xx, another shape of
//! the `ClientHello` after a failed handshake.
//!
//! Owns that short ladder. Refuses to know other addresses, and what the answer means.

use crate::model::observation::Observation;
use crate::model::probe::{ClientHello, Mode, Probe};
use crate::model::session::{Session, Stage, StarttlsOutcome};
use crate::model::transcript::{Ended, EventKind};
use crate::smtp;

/// The next probe of an address, given what the last one met; `None` when
/// nothing more can be learned by asking again.
///
/// A handshake that fails with the default `ClientHello` is tried with a small
/// classical one, since some boxes drop a large one, and then with a legacy
/// one, which learns what an old server speaks (docs/detection.md §3).
pub fn follow_up(last: &Observation) -> Option<Probe> {
    let session = smtp::read(&last.transcript, last.probe.mode);
    // A 454, or silence to an offered STARTTLS, can be a passing fault: only one
    // that repeats says something.
    let busy = session.starttls.reply.as_ref().is_some_and(|reply| reply.code == 421);
    let passing = match session.starttls.outcome {
        StarttlsOutcome::Tempfailed => !busy,
        StarttlsOutcome::NoReply | StarttlsOutcome::Closed => {
            session.starttls.offered == Some(true) && session.ended != Some(Ended::LocalError)
        }
        _ => false,
    };
    if passing && last.probe.repeat == 0 {
        return Some(Probe { repeat: 1, ..last.probe.clone() });
    }
    if !handshake_failed(last, &session) {
        return None;
    }
    let client_hello = match last.probe.client_hello {
        ClientHello::Default => ClientHello::Classical,
        ClientHello::Classical => ClientHello::Legacy,
        ClientHello::Legacy | ClientHello::Tailored => return None,
    };
    Some(Probe { client_hello, ..last.probe.clone() })
}

/// Whether the handshake began and came to nothing. A peer that completed it
/// and then rejected us (TLS 1.3 asking for a client certificate) is not asked again.
fn handshake_failed(observation: &Observation, session: &Session) -> bool {
    let began = match observation.probe.mode {
        Mode::Starttls => session.stages.contains(&Stage::Starttls),
        Mode::ImplicitTls => session.stages.contains(&Stage::Connected),
    };
    let done = |kind: &EventKind| matches!(kind, EventKind::HandshakeDone(_));
    let failed = |kind: &EventKind| matches!(kind, EventKind::HandshakeFailed(_));
    let events = &observation.transcript.events;
    began
        && events.iter().any(|event| failed(&event.kind))
        && !events.iter().any(|event| done(&event.kind))
}
