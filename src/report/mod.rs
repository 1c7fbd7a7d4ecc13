//! Reports: from the values of [`crate::model::report`] to bytes.
//!
//! Owns every text that people read and the two JSON forms. All of it is pure:
//! a report goes in, a string comes out. Refuses to judge, to know the terminal,
//! and to write anything anywhere.

pub mod catalogue;
pub mod escape;
pub mod json;
mod page;
pub mod policy_map;
pub mod schema;
mod table;
pub mod text;

#[cfg(test)]
mod samples;
