//! TLS: handshakes recorded, certificates read, and the PKIX verdict.
//!
//! Owns what a handshake shows ([`handshake`], [`legacy`]) and what is read from
//! that record afterwards ([`certificate`], [`name`], [`pkix`], [`roots`]; all
//! pure). The two halves meet only in [`Handshake`]: recording needs no roots, and
//! judging needs no network. Refuses to know SMTP and DANE.

mod client_hello;
mod failure;
pub mod handshake;
pub mod legacy;
mod possession;
mod recorder;

pub use failure::alert_in;
pub use handshake::{Outcome, connect};
