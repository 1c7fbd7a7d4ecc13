//! What was said on each connection.
//!
//! Owns where transcripts stand in the text. Their notation is the model's.

use crate::model::entries;
use crate::model::report::{ObservationReport, TargetReport};
use crate::report::page::{Line, Page, Tone};

/// Writes the transcript of each session that the report has one of.
pub(super) fn write(page: &mut Page, target: &TargetReport) {
    for session in target.observations.iter().filter(|session| session.transcript.is_some()) {
        let probe = &session.probe;
        page.blank();
        let place = format!(" [{}]:{}", probe.ip, probe.port);
        page.hanging(
            0,
            2,
            &Line::of(Tone::Strong, "Transcript ")
                .toned(Tone::Strong, &session.id)
                .plain(" ")
                .name(&probe.host)
                .plain(&place),
        );
        write_session(page, session);
    }
}

/// The lines as they are: wrapped, they would not be the notation any more.
fn write_session(page: &mut Page, session: &ObservationReport) {
    match entries::observation(session) {
        Ok(observation) => {
            for line in observation.transcript.to_string().lines() {
                page.fixed(0, &Line::new().plain(line));
            }
        }
        Err(error) => {
            let text = format!("this transcript cannot be read: {error}");
            page.paragraph(2, &Line::of(Tone::Doubtful, &text));
        }
    }
}
