//! What closer looks at servers showed, read from their transcripts.
//!
//! Owns the step from sessions to results. Refuses to weigh them: `rules` does.

use crate::model::evidence::Evidence;
use crate::model::injection::InjectionReport;
use crate::model::probe::Role;
use crate::model::range::TlsRange;
use crate::smtp;

/// The results; each `None` where no session was made for it.
#[derive(Debug, Default)]
pub(super) struct Closer {
    pub(super) injections: Option<Vec<InjectionReport>>,
    pub(super) ranges: Option<Vec<TlsRange>>,
}

impl Closer {
    pub(super) fn new(evidence: &Evidence) -> Self {
        Self { injections: some(injections(evidence)), ranges: None }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn injections(evidence: &Evidence) -> Vec<InjectionReport> {
    let tests = evidence.observations.iter().filter(|seen| seen.probe.role == Role::Injection);
    tests
        .map(|seen| InjectionReport {
            host: seen.probe.host.clone(),
            ip: seen.probe.ip,
            observation: seen.id.clone(),
            outcome: smtp::read_injection(&seen.transcript),
        })
        .collect()
}
