//! Evidence out of a saved report.
//!
//! Owns what a saved report must have to be judged again. Refuses verdicts, which are
//! made anew.

mod caps;

use std::collections::BTreeSet;
use std::str::FromStr as _;

use crate::model::entries::{self, EntryError};
use crate::model::evidence::Evidence;
use crate::model::mirror::{MirrorEvidence, MirrorReport};
use crate::model::policy::PolicyEvidence;
use crate::model::probe::Role;
use crate::model::report::{Families, FamilyUse, Report, Run, TargetReport};
use crate::model::target::{Target, TargetError};

pub use caps::{
    MOST_ADDRESSES, MOST_CONTROLS, MOST_EXCHANGES, MOST_NAMED, MOST_OBSERVATIONS, MOST_RECORDINGS,
    MOST_SEEN, MOST_SOURCES, MOST_TARGETS, MOST_VANTAGES,
};

/// Why a report cannot be judged again.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// An observation is incomplete.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Two observations share their id, so that no finding says which it rests on.
    #[error("two observations of {target:?} are called {id:?}")]
    Twice {
        /// The target.
        target: String,
        /// The id.
        id: String,
    },
    /// More than any run makes.
    #[error("{place} has {count} {of}, and no more than {most} are judged")]
    TooMany {
        /// What has them: the report, or one of its targets.
        place: String,
        /// How many.
        count: usize,
        /// Of what.
        of: &'static str,
        /// How many are judged.
        most: usize,
    },
    /// The target's own words cannot be read.
    #[error("the target {0:?} cannot be read: {1}")]
    Target(String, TargetError),
}

/// The evidence of a saved report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// One entry a target.
    pub targets: Vec<Evidence>,
    /// Controls and the canary.
    pub controls: Vec<Evidence>,
}

/// The evidence on every target and every control of a saved report.
///
/// # Errors
/// It is incomplete, or there is more of it than any run makes.
pub fn evidence(report: &Report) -> Result<Recorded, RecordedError> {
    caps::of_report(report)?;
    let all = |reports: &[TargetReport]| {
        reports.iter().map(|target| of_target(target, &report.run)).collect::<Result<_, _>>()
    };
    Ok(Recorded { targets: all(&report.targets)?, controls: all(&report.controls)? })
}

/// Which families could be used at each vantage point that has looked at a target,
/// in the order of the run.
fn states(report: &TargetReport, run: &Run) -> Vec<(String, Families)> {
    let routes = report.routes.iter().map(|route| &route.vantage);
    let observations = report.observations.iter().map(|seen| &seen.probe.vantage);
    let looked: BTreeSet<&String> = routes.chain(observations).collect();
    let vantages = run.vantages.iter().filter(|vantage| looked.contains(&vantage.id));
    vantages.map(|vantage| (vantage.id.clone(), vantage.families)).collect()
}

fn of_target(report: &TargetReport, run: &Run) -> Result<Evidence, RecordedError> {
    let unasked = Families { ipv4: FamilyUse::NotAsked, ipv6: FamilyUse::NotAsked };
    let states = states(report, run);
    let anybody = states.first().map(|(_, families)| *families);
    let nobody = run.vantages.first().map(|vantage| vantage.families);
    let target = Target::from_str(&report.input)
        .map_err(|error| RecordedError::Target(report.input.clone(), error))?;
    caps::of_target(report)?;
    refuse_twins(report)?;
    let observations = report.observations.iter().map(entries::observation);
    let observations = observations.collect::<Result<Vec<_>, _>>()?;
    caps::of_views(&report.target, &observations)?;
    let role = report.observations.first().map_or(Role::Target, |seen| seen.probe.role);
    Ok(Evidence {
        target,
        routes: report.routes.clone(),
        policies: PolicyEvidence {
            mta_sts_record: report.policies.mta_sts.record.clone(),
            mta_sts_fetch: report.policies.mta_sts.fetch.clone(),
            tls_rpt_record: report.policies.tls_rpt.record.clone(),
        },
        observations,
        role,
        families: anybody.or(nobody).unwrap_or(unasked),
        elsewhere: states.into_iter().skip(1).collect(),
        mirror: report.mirror.as_ref().map(mirrored),
    })
}

/// Findings name what they rest on.
fn refuse_twins(report: &TargetReport) -> Result<(), RecordedError> {
    let mut ids = BTreeSet::new();
    match report.observations.iter().find(|seen| !ids.insert(&seen.id)) {
        Some(twice) => {
            Err(RecordedError::Twice { target: report.target.clone(), id: twice.id.clone() })
        }
        None => Ok(()),
    }
}

/// What a mirror said, as far as the report keeps it.
fn mirrored(report: &MirrorReport) -> MirrorEvidence {
    MirrorEvidence {
        source: report.source,
        error: report.error.clone(),
        clock_offset_ms: report.clock_offset_ms,
        complete_since: report.complete_since,
        endpoint: report.endpoint,
        channel_is_shared: report.channel_is_shared,
        sessions: report.sessions.clone().unwrap_or_default(),
    }
}
