//! What a run brought home about one target: everything that judgement needs.
//!
//! Owns its shape. Refuses to hold an opinion.

use std::collections::BTreeMap;

use crate::model::mirror::MirrorEvidence;
use crate::model::observation::Observation;
use crate::model::policy::PolicyEvidence;
use crate::model::probe::Role;
use crate::model::report::Families;
use crate::model::route::Route;
use crate::model::target::Target;

/// Routes and observations of one target, before anybody has an opinion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// What was asked.
    pub target: Target,
    /// One route per vantage point that resolved; empty if the run ended before.
    pub routes: Vec<Route>,
    /// What was asked about the domain's promises.
    pub policies: PolicyEvidence,
    /// Every connection, in the order of host, family, address and time.
    pub observations: Vec<Observation>,
    /// Why the target was asked: for itself, as a control, as a canary.
    pub role: Role,
    /// Which families could be used at the first vantage point.
    pub families: Families,
    /// The same for every other vantage point, by its id.
    pub elsewhere: BTreeMap<String, Families>,
    /// What the target said of these sessions itself, where it is a mirror.
    pub mirror: Option<MirrorEvidence>,
}

impl Evidence {
    /// Which families could be used at a vantage point.
    pub fn families_at(&self, vantage: &str) -> Families {
        self.elsewhere.get(vantage).copied().unwrap_or(self.families)
    }
}
