//! What may be claimed, and from what: the shapes of the catalogue.
//!
//! Owns the nouns of what `docs/detection.md` and `mxray explain` print.
//! Refuses to hold an entry: `judge` does.

use crate::model::finding::{Finding, Severity, Subject};
use crate::model::verdict::{Confidence, Place, Status, Verdict};

/// Everything that may be claimed.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue {
    /// Each verdict's word, in the order that decides between claims of equal confidence.
    pub meanings: &'static [Meaning],
    /// What each claim rests on.
    pub claims: &'static [Ground],
    /// Every kind of finding, a table a family.
    pub families: &'static [&'static [Entry]],
}

impl Catalogue {
    /// Every kind of finding, in the order of its family.
    pub fn entries(&self) -> impl Iterator<Item = &'static Entry> + use<> {
        self.families.iter().copied().flatten()
    }
}

/// What a verdict's word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The word.
    pub status: Status,
    /// What it says.
    pub means: &'static str,
    /// What must not be taken for it, or it for that; empty where nothing is near.
    pub never: &'static str,
}

/// One ground on which a verdict may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The verdict.
    pub status: Status,
    /// How sure it is on this ground; `None` where the verdict claims nothing.
    pub confidence: Option<Confidence>,
    /// What must have been seen.
    pub evidence: &'static str,
    /// Where the cause may be said to be; a verdict may also leave it open.
    pub places: &'static [Place],
}

impl Ground {
    /// Whether a verdict claims what this ground allows, and no more.
    pub fn allows(&self, verdict: &Verdict) -> bool {
        self.status == verdict.status
            && self.confidence == verdict.confidence
            && verdict.place.is_none_or(|place| self.places.contains(&place))
    }
}

/// One kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, which never changes.
    pub id: &'static str,
    /// How much it matters; a suspicion of it is a warning at most.
    pub severity: Severity,
    /// What must have been seen.
    pub evidence: &'static str,
    /// Innocent explanations that stand unless something rules them out.
    pub alternatives: &'static [&'static str],
    /// What to do.
    pub remedy: &'static str,
    /// Where the rule comes from.
    pub references: &'static [&'static str],
}

impl Entry {
    /// A finding of this kind, resting on these observations.
    pub fn raised(
        &self,
        subject: Subject,
        evidence: Vec<String>,
        explanation: impl Into<String>,
    ) -> Finding {
        Finding {
            id: self.id.to_owned(),
            severity: self.severity,
            confidence: None,
            subject,
            evidence,
            explanation: explanation.into(),
            alternatives: self.alternatives.iter().map(ToString::to_string).collect(),
            remedy: Some(self.remedy.to_owned()),
        }
    }
}
