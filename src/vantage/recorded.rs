//! Evidence out of a saved report.

use std::str::FromStr as _;

use crate::model::entries::{self, EntryError};
use crate::model::evidence::Evidence;
use crate::model::report::{Families, FamilyUse, Report, TargetReport};
use crate::model::target::{Target, TargetError};

/// Why a report cannot be judged again.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// An observation is incomplete.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The target's own words cannot be read.
    #[error("the target {0:?} cannot be read: {1}")]
    Target(String, TargetError),
}

/// The evidence on every target of a saved report.
pub fn evidence(report: &Report) -> Result<Vec<Evidence>, RecordedError> {
    let families = report
        .run
        .vantages
        .first()
        .map_or(Families { ipv4: FamilyUse::NotAsked, ipv6: FamilyUse::NotAsked }, |vantage| {
            vantage.families
        });
    report.targets.iter().map(|target| of_target(target, families)).collect()
}

fn of_target(report: &TargetReport, families: Families) -> Result<Evidence, RecordedError> {
    let target = Target::from_str(&report.input)
        .map_err(|error| RecordedError::Target(report.input.clone(), error))?;
    let observations = report.observations.iter().map(entries::observation);
    Ok(Evidence {
        target,
        routes: report.routes.clone(),
        observations: observations.collect::<Result<_, _>>()?,
        families,
    })
}
