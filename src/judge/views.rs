//! Who looked from where, and what was seen from there alone.
//!
//! Owns the cut of a run's evidence into views. A view judges by itself what it
//! saw; `across` compares. Refuses to judge.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::reading::Reading;
use super::whereabouts;
use crate::model::evidence::Evidence;
use crate::model::probe::Family;

/// A vantage point, and of each family the source address, where several were used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) vantage: String,
    ipv4: Option<IpAddr>,
    ipv6: Option<IpAddr>,
}

impl View {
    /// `berlin`, `local (192.0.2.7)`.
    pub(super) fn name(&self) -> String {
        let sources: Vec<String> = self.sources().iter().map(ToString::to_string).collect();
        if sources.is_empty() {
            return self.vantage.clone();
        }
        format!("{} ({})", self.vantage, sources.join(" and "))
    }

    /// The source addresses that tell it from other views of the same vantage point.
    pub(super) fn sources(&self) -> Vec<IpAddr> {
        self.ipv4.into_iter().chain(self.ipv6).collect()
    }

    fn holds(&self, reading: &Reading<'_>) -> bool {
        let probe = &reading.observation.probe;
        let source = match probe.family() {
            Family::Ipv4 => self.ipv4,
            Family::Ipv6 => self.ipv6,
        };
        probe.vantage == self.vantage && (source.is_none() || source == reading.source())
    }

    fn readings<'a>(&self, all: &[Reading<'a>]) -> Vec<Reading<'a>> {
        all.iter().filter(|reading| self.holds(reading)).cloned().collect()
    }

    /// The routes that it was told, and which families it can use. Of observations
    /// only those on which no reading is based: the others are there as readings.
    fn evidence(&self, whole: &Evidence) -> Evidence {
        let told = whole.routes.iter().filter(|route| route.vantage == self.vantage);
        let apart = whole
            .observations
            .iter()
            .filter(|seen| seen.probe.vantage == self.vantage && !seen.probe.role.is_judged());
        Evidence {
            target: whole.target.clone(),
            routes: told.cloned().collect(),
            policies: whole.policies.clone(),
            observations: apart.cloned().collect(),
            role: whole.role,
            families: whole.families_at(&self.vantage),
            elsewhere: BTreeMap::new(),
            mirror: whole.mirror.clone(),
        }
    }
}

/// What one view saw of a target and of the controls.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) view: View,
    /// Views with one number look from one place.
    pub(super) place: usize,
    pub(super) evidence: Evidence,
    pub(super) readings: Vec<Reading<'a>>,
    pub(super) controls: Vec<Evidence>,
    pub(super) control_readings: Vec<Vec<Reading<'a>>>,
}

/// What each view saw; one that failed before it saw anything saw nothing, and is
/// left out.
pub(super) fn all<'a>(
    (evidence, readings): (&Evidence, &[Reading<'a>]),
    (controls, control_readings): (&[Evidence], &[Vec<Reading<'a>>]),
) -> Vec<Seen<'a>> {
    let seen = views(evidence, readings).into_iter().map(|view| Seen {
        evidence: view.evidence(evidence),
        readings: view.readings(readings),
        controls: controls.iter().map(|control| view.evidence(control)).collect(),
        control_readings: control_readings.iter().map(|all| view.readings(all)).collect(),
        view,
        place: 0,
    });
    let mut seen: Vec<Seen<'a>> = seen.collect();
    let places = whereabouts::places(&seen);
    for (one, place) in seen.iter_mut().zip(places) {
        one.place = place;
    }
    seen
}

/// Every view that a target was looked at from, the first vantage point's first.
fn views(evidence: &Evidence, readings: &[Reading<'_>]) -> Vec<View> {
    let mut vantages: Vec<&str> = Vec::new();
    let told = evidence.routes.iter().map(|route| route.vantage.as_str());
    let looked = readings.iter().map(|reading| reading.observation.probe.vantage.as_str());
    for vantage in told.chain(looked) {
        if !vantages.contains(&vantage) {
            vantages.push(vantage);
        }
    }
    vantages.iter().flat_map(|vantage| at(vantage, readings)).collect()
}

/// The views of one vantage point: one, unless it asked the same addresses from
/// several of its own. The first of each family make a view, the second another,
/// so that both have both families to compare; where one family has fewer, its
/// last serves again.
fn at(vantage: &str, readings: &[Reading<'_>]) -> Vec<View> {
    let ours = || readings.iter().filter(|reading| reading.observation.probe.vantage == vantage);
    let [ipv4, ipv6] = [Family::Ipv4, Family::Ipv6].map(|family| {
        sources(&ours().filter(|it| it.observation.probe.family() == family).collect::<Vec<_>>())
    });
    let nth = |sources: &[IpAddr], place: usize| sources.get(place).or(sources.last()).copied();
    let count = ipv4.len().max(ipv6.len()).max(1);
    let view = |place| View {
        vantage: vantage.to_owned(),
        ipv4: nth(&ipv4, place),
        ipv6: nth(&ipv6, place),
    };
    (0..count).map(view).collect()
}

/// Our own addresses, if one address was asked from several of them in turn; a
/// machine that chooses another for each destination has one view all the same.
fn sources(readings: &[&Reading<'_>]) -> Vec<IpAddr> {
    let mut by_address: BTreeMap<IpAddr, BTreeSet<IpAddr>> = BTreeMap::new();
    let mut found: Vec<IpAddr> = Vec::new();
    for reading in readings {
        let Some(source) = reading.source() else { continue };
        by_address.entry(reading.observation.probe.ip).or_default().insert(source);
        if !found.contains(&source) {
            found.push(source);
        }
    }
    if by_address.values().any(|sources| sources.len() > 1) { found } else { Vec::new() }
}
