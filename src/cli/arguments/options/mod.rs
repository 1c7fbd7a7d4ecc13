//! Options that several commands take, as groups that each of them includes.
//!
//! Owns their names and help texts. Refuses to know which command takes which.

pub(crate) mod controls;
pub(crate) mod mirror;
pub(crate) mod output;
pub(crate) mod probe;
pub(crate) mod trust;
