//! Who observes: this process, an agent behind a command, or a saved report.
//!
//! Owns the question "where does this look from": looking names up there and
//! connecting from there. Refuses to plan and to judge: a vantage point only
//! observes, and what keeps it from observing is a fault of ours, never one of the
//! target's.

pub mod agent;
pub mod command;
pub mod local;
pub mod recorded;
pub mod wire;
