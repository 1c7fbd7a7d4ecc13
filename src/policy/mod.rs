//! Promises: what a domain says in DNS and over HTTPS about TLS on its exchanges,
//! and what they mean for a sender.
//!
//! Owns parsing and matching, all of it pure: DANE ([`dane`]), MTA-STS
//! ([`mta_sts`]), TLSRPT ([`tls_rpt`]), and what Postfix would do at each of its
//! security levels ([`postfix`]). Refuses to ask anybody: `dns` brings the records,
//! `observe` fetches the policy, and `judge` says what a broken promise means.

pub mod dane;
mod fields;
pub mod mta_sts;
pub mod postfix;
pub mod tls_rpt;
