//! A probe, when it ran, and its transcript.
//!
//! Owns that these three belong together. Refuses to know what was learned.

use jiff::Timestamp;

use crate::model::probe::Probe;
use crate::model::transcript::Transcript;

/// One connection as it went. Immutable, and without opinion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// `o1`, `o2`, …, unique within a report.
    pub id: String,
    /// What was planned.
    pub probe: Probe,
    /// When the connection attempt began.
    pub started_at: Timestamp,
    /// What happened.
    pub transcript: Transcript,
}
