//! What a comparison with a mirror shows, in words.
//!
//! Refuses to compare.

use super::Mirrored;
use crate::model::mirror::MirrorOutcome;
use crate::model::verdict::Status;

/// What was seen, for the sentence of a verdict.
pub(in crate::judge) fn words(name: &str, status: Status, mirrored: Option<&Mirrored>) -> String {
    let compared = mirrored.map(|mirrored| mirrored.compared.as_slice()).unwrap_or_default();
    let any = |outcome| compared.iter().any(|session| session.outcome == outcome);
    match status {
        Status::Intercepted if any(MirrorOutcome::KeyDiffers) => {
            format!("TLS for the mirror {name} ended somewhere else: its own transcript shows it")
        }
        Status::Intercepted => {
            format!("something greeted us for the mirror {name}, and no session of ours came there")
        }
        _ if any(MirrorOutcome::BytesChanged) => format!(
            "bytes between here and the mirror {name} were changed on the way, and STARTTLS was \
             lost by it: the transcripts of both ends show where"
        ),
        _ => format!(
            "sessions with the mirror {name} were cut off on the way at STARTTLS: neither end did it"
        ),
    }
}
