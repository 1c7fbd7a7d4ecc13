//! A claim, what it rests on, and what else could explain it.
//!
//! Owns its shape and the order of severities. Refuses to know the catalogue.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::verdict::Confidence;

/// How much a finding matters. Ordered: `Notice < Warning < Critical`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Notice,
    /// Will break, is weak, or is a suspicion.
    Warning,
    /// Mail goes in clear or to someone else, or is refused.
    Critical,
}

/// What a finding is about; `None` is "all of them".
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Subject {
    /// The MX host.
    pub host: Option<String>,
    /// One address of it.
    pub ip: Option<IpAddr>,
}

/// A claim with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its name in the catalogue: `starttls-hidden`, `certificate-expired`, …
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// How sure it is; `None` for a plain fact.
    pub confidence: Option<Confidence>,
    /// What it is about.
    pub subject: Subject,
    /// Ids of the observations it rests on; empty only where it rests on
    /// DNS and HTTPS alone.
    pub evidence: Vec<String>,
    /// What was seen and what it means.
    pub explanation: String,
    /// The innocent explanations that still stand.
    pub alternatives: Vec<String>,
    /// What to do.
    pub remedy: Option<String>,
}
