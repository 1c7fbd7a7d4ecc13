//! The values that travel from DNS to the report.
//!
//! Owns the nouns (target, route, probe, transcript, observation, session,
//! cell, contrast, finding, verdict) and the JSON contract made of them.
//! Refuses to know sockets, clocks, files, and how any of the values came about.

pub mod catalogue;
pub mod compare;
pub mod egress;
pub mod entries;
pub mod evidence;
pub mod finding;
pub mod injection;
pub mod mirror;
pub mod notation;
pub mod observation;
pub mod operator;
pub mod policy;
pub mod policy_map;
pub mod probe;
pub mod range;
pub mod report;
pub mod route;
pub mod session;
pub mod special_purpose;
pub mod target;
pub mod tls;
pub mod tlsa;
pub mod transcript;
pub mod verdict;
