//! The real check over real sockets, against the pretend internet on loopback.

#![expect(clippy::unwrap_used, reason = "a pretend internet that does not start fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod injection;
mod menu;
mod range;
mod servers;
