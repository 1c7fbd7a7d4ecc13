//! The JSON contract, version 1: what scripts, monitors and other vantage points read.
//!
//! Owns the names and shapes. Fields may be added within version 1, never
//! renamed, retyped or given another meaning. What is unknown or was not
//! measured is `null`. Refuses to fill itself in: `judge` does.

mod connection;
mod policies;
mod run;

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::compare::{Cell, Contrast};
use crate::model::finding::Finding;
use crate::model::injection::InjectionReport;
use crate::model::mirror::MirrorReport;
use crate::model::probe::Family;
use crate::model::range::TlsRange;
use crate::model::route::Route;
use crate::model::verdict::{PartVerdict, Verdict};

pub use connection::{ObservationReport, PostfixLevel, ProbeReport, Speaker, TranscriptEntry};
pub use policies::{ListedHost, MtaStsReport, Policies, PolicyStatus, TlsRptReport};
pub use run::{
    DnssecSource, Families, FamilyUse, RecordedFrom, ResolverUsed, Run, Trust, Vantage, VantageKind,
};

/// The value of `schema` in every report of this version.
pub const SCHEMA: &str = "mxray/report/1";

/// One report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// How the run was made.
    pub run: Run,
    /// One entry a target.
    pub targets: Vec<TargetReport>,
    /// The same for control destinations and the canary.
    pub controls: Vec<TargetReport>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetReport {
    /// Canonical name.
    pub target: String,
    /// As typed.
    pub input: String,
    /// In Unicode, where it differs.
    pub unicode: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// One per vantage that resolved.
    pub routes: Vec<Route>,
    /// Each view of the target by itself; `None` where there was only one.
    pub views: Option<Vec<ViewReport>>,
    /// Each host and each of its addresses with its own verdict.
    pub hosts: Vec<HostReport>,
    /// What was promised.
    pub policies: Policies,
    /// Every connection.
    pub observations: Vec<ObservationReport>,
    /// Observations that share coordinates.
    pub cells: Vec<Cell>,
    /// Cells that differ on one axis.
    pub contrasts: Vec<Contrast>,
    /// The claims.
    pub findings: Vec<Finding>,
    /// Tests for STARTTLS command injection; `None` where none was made.
    pub injections: Option<Vec<InjectionReport>>,
    /// What the servers' TLS ranges over; `None` where that was not asked.
    pub tls_ranges: Option<Vec<TlsRange>>,
    /// What the target saw of these sessions itself, where it is a mirror.
    pub mirror: Option<MirrorReport>,
}

/// What one view says of a target by itself. A view is a vantage point and, where
/// it asked from several of its own addresses, one of them a family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViewReport {
    /// The vantage point.
    pub vantage: String,
    /// The source addresses that tell it from other views of the same vantage point;
    /// empty where that has only one.
    pub sources: Vec<IpAddr>,
    /// Its verdict.
    pub verdict: PartVerdict,
    /// Addresses that completed an SMTP greeting there.
    pub reached: u32,
    /// Every address that its resolver led to.
    pub addresses: Vec<ViewAddress>,
}

/// One address at one view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViewAddress {
    /// The MX host.
    pub host: String,
    /// The address.
    pub ip: IpAddr,
    /// Its verdict.
    pub verdict: PartVerdict,
}

/// One MX host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostReport {
    /// Its name.
    pub host: String,
    /// Its verdict.
    pub verdict: PartVerdict,
    /// Its addresses.
    pub addresses: Vec<AddressReport>,
}

/// One address of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressReport {
    /// The address.
    pub ip: IpAddr,
    /// Its family.
    pub family: Family,
    /// Its verdict.
    pub verdict: PartVerdict,
}
