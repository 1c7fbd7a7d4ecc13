//! Why a command ended without a result.
//!
//! What the far side or the path did is never a failure: that is in the report.
//!
//! Owns the kinds of failure, each with its exit status and a hint.

use std::fmt::Display;

use crate::cli::exit::Exit;

/// Why a command ended without a result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Whoever read the results stopped reading: nothing to complain about.
    ClosedPipe,
    /// What was typed, or a file that was named, can't be used.
    Usage(Complaint),
    /// The program or its output failed.
    Internal(Complaint),
    /// The user ended it before there was anything to report.
    Interrupted(Complaint),
}

/// What is said on standard error: one line, and one more that helps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A usage or configuration error, with what to do about it.
    pub(crate) fn usage(message: impl Display, hint: impl Display) -> Self {
        Self::Usage(Complaint { message: message.to_string(), hint: Some(hint.to_string()) })
    }

    /// An internal or output error.
    pub(crate) fn internal(message: impl Display) -> Self {
        Self::Internal(Complaint { message: message.to_string(), hint: None })
    }

    /// The end before there was anything to report.
    pub(crate) fn interrupted() -> Self {
        let message = "interrupted before anything was measured".to_owned();
        Self::Interrupted(Complaint { message, hint: None })
    }

    /// The exit status that goes with it (docs/report.md).
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::ClosedPipe => Exit::Fine,
            Self::Usage(_) => Exit::Usage,
            Self::Internal(_) => Exit::Internal,
            Self::Interrupted(_) => Exit::Undetermined,
        }
    }

    /// What is to be said of it.
    pub(crate) fn complaint(&self) -> Option<&Complaint> {
        match self {
            Self::ClosedPipe => None,
            Self::Usage(complaint) | Self::Internal(complaint) | Self::Interrupted(complaint) => {
                Some(complaint)
            }
        }
    }
}
