//! DANE for SMTP: what a sender must do for an exchange, which TLSA records
//! count, and whether a presented chain matches one (RFC 7672, RFC 7671, RFC 6698).
//!
//! Owns the rules, all of them pure: [`requirement`] reads the DNS answers,
//! [`rate`] weighs each record, [`judge`] holds a chain against them, [`rollover`]
//! shows each record's present and future, [`publish`] finds the records that fit.
//! Refuses to ask DNS, and to say what a broken promise means for a domain.

mod association;
mod evaluate;
mod publish;
mod requirement;
mod rollover;
mod usability;

pub use evaluate::{judge, matched_certificate};
pub use publish::publish;
pub use requirement::{Absence, Failure, Requirement, reference_names, requirement};
pub use rollover::{rollover, unmatched_beside_match};
pub use usability::{Rated, Standing, Unusable, rate};

/// Certificates of a presented chain that are considered, leaf first. A chain
/// that needs more is refused by senders as well (Postfix's
/// `smtp_tls_scert_verifydepth` is 9).
pub const MOST_CERTIFICATES: usize = 16;

#[cfg(test)]
mod tests;
