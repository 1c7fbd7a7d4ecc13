//! What is said of something that is no target.
//!
//! Owns what of it may be printed. Refuses to know what is wrong.

use thiserror::Error;

/// Longest part of an input that an error message repeats, in characters.
const MAX_ECHO: usize = 80;

/// Why something is not a target, and what to type instead.
///
/// Control characters of the input are escaped, so both texts may be printed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct TargetError {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl TargetError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// The beginning of what was typed, safe to print.
pub(super) fn echo(typed: &str) -> String {
    let mut shown = String::new();
    for c in typed.chars().take(MAX_ECHO) {
        if matches!(c, '\'' | '"' | '\\') {
            shown.push(c);
        } else {
            shown.extend(c.escape_debug());
        }
    }
    shown
}
