//! Several saved reports as one, so that what was seen elsewhere or on another day
//! stands beside what was seen here.
//!
//! Owns the names of the views, the numbers of the observations, and what of the
//! runs cannot be had twice. Refuses to know files and to judge: verdicts, cells
//! and findings of the reports are left behind, and made anew from the evidence.

mod names;
mod policies;
mod runs;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use jiff::Timestamp;

use self::names::{labels, renamed};
use super::recorded::{self, RecordedError};
use crate::model::mirror::MirrorReport;
use crate::model::probe::Role;
use crate::model::report::{
    ObservationReport, RecordedFrom, Report, Run, SCHEMA, TargetReport, Vantage, VantageKind,
};
use crate::model::target::Target;

/// A saved report and the file that it was read from.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Name of the file, behind that of its folder where two files are called alike;
    /// `-` is standard input.
    pub file: String,
    /// What it holds.
    pub report: Report,
}

/// Reports as one.
#[derive(Clone, Debug)]
pub struct Merged {
    /// All views and all evidence. Verdicts and findings in it are leftovers of the
    /// first report that has the target: it wants to be judged.
    pub report: Report,
    /// Where the reports differ in what one judgement can have only once.
    pub remarks: Vec<String>,
}

/// Why reports cannot be held against each other.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// One of them cannot be judged again.
    #[error("{file}: {error}")]
    Unusable {
        /// Its file.
        file: String,
        /// What is wrong.
        error: RecordedError,
    },
    /// Two of them hold the same observations: the second would confirm nothing.
    #[error("{first} and {second} hold the same observations")]
    Twice {
        /// The name of the one that came first.
        first: String,
        /// The name of the other.
        second: String,
    },
    /// Nothing was seen twice.
    #[error("nothing can be compared: no target was observed in more than one view ({about})")]
    Nothing {
        /// What each report is about.
        about: String,
    },
}

/// Makes one report of several.
///
/// # Errors
/// A report has no evidence, two hold the same, or no target was observed in two views.
pub fn merge(saved: Vec<Saved>) -> Result<Merged, MergeError> {
    for Saved { file, report } in &saved {
        recorded::evidence(report)
            .map_err(|error| MergeError::Unusable { file: file.clone(), error })?;
    }
    let labels = labels(&saved);
    once_each(&saved, &labels)?;
    let mut merging = Merging::default();
    let runs: Vec<Run> = saved.iter().map(|saved| saved.report.run.clone()).collect();
    let mut remarks = runs::differing(&saved, &labels);
    let about = about(&saved, &labels);
    for (saved, label) in saved.into_iter().zip(labels) {
        merging.add(saved, &label);
    }
    let Merging { vantages, targets, controls, differing, .. } = merging;
    if !targets.iter().any(is_seen_twice) {
        return Err(MergeError::Nothing { about });
    }
    remarks.extend(differing);
    let run = runs::joined(runs, vantages).ok_or(MergeError::Nothing { about })?;
    Ok(Merged { report: Report { schema: SCHEMA.to_owned(), run, targets, controls }, remarks })
}

/// No observation may stand for two: not even where a merged report comes beside
/// one that it was made of.
fn once_each(saved: &[Saved], labels: &[String]) -> Result<(), MergeError> {
    type Place = (Timestamp, IpAddr, u16);
    let mut known: HashMap<Place, Vec<(&String, &ObservationReport)>> = HashMap::new();
    for (Saved { report, .. }, label) in saved.iter().zip(labels) {
        for seen in report.targets.iter().flat_map(|target| &target.observations) {
            let place = (seen.started_at, seen.probe.ip, seen.probe.port);
            let others = known.entry(place).or_default();
            let is_twin = |(other, same): &&(&String, &ObservationReport)| {
                *other != label && same.transcript == seen.transcript
            };
            if let Some((first, _)) = others.iter().find(is_twin) {
                let (first, second) = ((*first).clone(), label.clone());
                return Err(MergeError::Twice { first, second });
            }
            others.push((label, seen));
        }
    }
    Ok(())
}

/// Most targets of a report that are named.
const NAMED: usize = 3;

/// What each report is about, in words.
fn about(saved: &[Saved], labels: &[String]) -> String {
    let of_report = |(Saved { report, .. }, label): (&Saved, &String)| {
        let names = report.targets.iter().take(NAMED).map(|target| target.target.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        match report.targets.len().saturating_sub(NAMED) {
            0 => format!("{label}: {names}"),
            more => format!("{label}: {names} and {more} more"),
        }
    };
    saved.iter().zip(labels).map(of_report).collect::<Vec<_>>().join("; ")
}

/// Whether at least two views have observations of a target.
fn is_seen_twice(target: &TargetReport) -> bool {
    let views = target.observations.iter().map(|seen| &seen.probe.vantage);
    views.collect::<BTreeSet<_>>().len() > 1
}

/// What makes two entries the same target: whether it is a control, what was typed
/// as it was understood, and its role.
type Key = (bool, String, Role);

/// Reports being put together.
#[derive(Default)]
struct Merging {
    vantages: Vec<Vantage>,
    targets: Vec<TargetReport>,
    controls: Vec<TargetReport>,
    places: HashMap<Key, usize>,
    given: usize,
    differing: Vec<String>,
}

/// How the names of one report become those of the merged one.
struct Renaming<'a> {
    label: &'a str,
    is_only: bool,
    numbers: BTreeMap<String, String>,
}

impl Renaming<'_> {
    fn vantage(&self, id: &str) -> String {
        renamed(self.label, id, self.is_only)
    }
}

impl Merging {
    fn add(&mut self, saved: Saved, label: &str) {
        let Saved { file, report } = saved;
        let Report { run, targets, controls, .. } = report;
        let is_only = run.vantages.len() < 2;
        let mut renaming = Renaming { label, is_only, numbers: BTreeMap::new() };
        for vantage in run.vantages {
            let from = RecordedFrom {
                file: file.clone(),
                vantage: vantage.id.clone(),
                kind: vantage.recorded.as_ref().map_or(vantage.kind, |from| from.kind),
                started_at: run.started_at,
            };
            self.vantages.push(Vantage {
                id: renaming.vantage(&vantage.id),
                kind: VantageKind::Recorded,
                // Against the clock of another run, which nobody has measured.
                clock_offset_ms: None,
                recorded: Some(from),
                ..vantage
            });
        }
        for (list, is_control) in [(targets, false), (controls, true)] {
            for target in list {
                self.add_target(target, is_control, &mut renaming);
            }
        }
    }

    fn add_target(&mut self, target: TargetReport, is_control: bool, renaming: &mut Renaming<'_>) {
        let target = self.renamed(target, renaming);
        let list = if is_control { &mut self.controls } else { &mut self.targets };
        let known =
            key(&target, is_control).map(|key| self.places.entry(key).or_insert(list.len()));
        let Some(same) = known.and_then(|place| list.get_mut(*place)) else {
            list.push(target);
            return;
        };
        same.routes.extend(target.routes);
        same.observations.extend(target.observations);
        same.mirror = both_mirrors(same.mirror.take(), target.mirror);
        if !policies::add(&mut same.policies, target.policies) {
            self.differing.push(format!(
                "{}: {} was told other policies than an earlier report; it is judged by those of \
                 the first that was told the most",
                same.target, renaming.label
            ));
        }
    }

    /// The names of the merged report. An observation that serves two targets keeps
    /// one number.
    fn renamed(&mut self, mut target: TargetReport, renaming: &mut Renaming<'_>) -> TargetReport {
        for route in &mut target.routes {
            route.vantage = renaming.vantage(&route.vantage);
        }
        for seen in &mut target.observations {
            seen.probe.vantage = renaming.vantage(&seen.probe.vantage);
            let given = renaming.numbers.entry(seen.id.clone()).or_insert_with(|| {
                self.given += 1;
                format!("o{}", self.given)
            });
            seen.id.clone_from(given);
        }
        target
    }
}

/// `None` where the target cannot be read, which [`recorded::evidence`] has refused.
fn key(target: &TargetReport, is_control: bool) -> Option<Key> {
    let role = match target.observations.first() {
        Some(seen) => seen.probe.role,
        None if is_control => Role::Control,
        None => Role::Target,
    };
    let kind = target.input.parse::<Target>().ok()?.kind;
    Some((is_control, format!("{kind:?}"), role))
}

/// What a mirror kept of the sessions of two reports. It was read for each by itself,
/// so sessions of one may be missing in what was read for the other: that none was
/// found says nothing any more.
fn both_mirrors(ours: Option<MirrorReport>, theirs: Option<MirrorReport>) -> Option<MirrorReport> {
    let (mut ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (one, other) => {
            let only = one.or(other)?;
            return Some(MirrorReport { complete_since: None, ..only });
        }
    };
    let sessions = ours.sessions.get_or_insert_default();
    let mut known: HashSet<String> = sessions.iter().map(|known| known.id.clone()).collect();
    let new = theirs.sessions.clone().unwrap_or_default().into_iter();
    sessions.extend(new.filter(|session| known.insert(session.id.clone())));
    let heard = if ours.error.is_some() { &theirs } else { &ours };
    let (source, endpoint) = (heard.source, heard.endpoint);
    Some(MirrorReport {
        source,
        endpoint,
        error: ours.error.and(theirs.error),
        clock_offset_ms: ours.clock_offset_ms.filter(|one| theirs.clock_offset_ms == Some(*one)),
        complete_since: None,
        ..ours
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mirror::{MirrorSession, MirrorSource};

    fn mirror(sessions: &[&str], offset: i64) -> MirrorReport {
        let session = |id: &&str| MirrorSession {
            id: (*id).to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            client: ([192, 0, 2, 1], 40000).into(),
            address: ([192, 0, 2, 2], 25).into(),
            presented_sha256: None,
            client_hello: None,
            truncated: false,
            transcript: Vec::new(),
        };
        MirrorReport {
            source: MirrorSource::File,
            error: None,
            clock_offset_ms: Some(offset),
            complete_since: Some(Timestamp::UNIX_EPOCH),
            endpoint: None,
            channel_is_shared: Some(true),
            compared: Vec::new(),
            sessions: Some(sessions.iter().map(session).collect()),
        }
    }

    #[test]
    fn a_session_that_a_mirror_was_not_asked_for_is_not_missing_there() {
        let one = both_mirrors(None, Some(mirror(&["a"], 5))).unwrap();
        assert_eq!((one.complete_since, one.clock_offset_ms), (None, Some(5)));
        let two = both_mirrors(Some(mirror(&["a", "b"], 5)), Some(mirror(&["b", "c"], 6))).unwrap();
        assert_eq!((two.complete_since, two.clock_offset_ms), (None, None));
        let ids: Vec<String> = two.sessions.unwrap().into_iter().map(|it| it.id).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        assert_eq!(both_mirrors(None, None), None);
    }
}
