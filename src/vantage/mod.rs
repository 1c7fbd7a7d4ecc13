//! Who observes: this process, or somebody in the past.
//!
//! Owns the ways in which evidence comes here. Refuses to judge it.

pub mod recorded;
