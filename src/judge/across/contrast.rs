//! One address that two views see differently.
//!
//! Owns how sure that makes a claim and where it places the cause
//! (docs/detection.md §1, (c) and "another vantage sees the same address with
//! STARTTLS"). What differs is told of the view that is worse off.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Look, SEEN_ELSEWHERE, Spot};
use crate::judge::address::Address;
use crate::judge::claim::{self, Claim};
use crate::judge::controls::{Control, Path, different_operators};
use crate::judge::held::Loose;
use crate::judge::mask;
use crate::judge::standing::Standing;
use crate::judge::verdict::SESSIONS_FOR_KEYS;
use crate::judge::views::View;
use crate::model::probe::Family;
use crate::model::verdict::{Confidence, Place, Status};

/// What one view lacks and another has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::judge) enum Kind {
    /// STARTTLS as it should be.
    Lost,
    /// A key that somebody trusted vouches for.
    ForeignKey,
}

/// One address that is worse off at one view.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Contrast {
    pub(in crate::judge) kind: Kind,
    address: (String, IpAddr),
    /// The view that is worse off.
    pub(in crate::judge) here: View,
    /// A view that is not.
    pub(in crate::judge) there: View,
    pub(in crate::judge) confidence: Confidence,
    pub(in crate::judge) place: Option<Place>,
    /// Names of the controls that are worse off at the same view.
    pub(in crate::judge) controls: Vec<String>,
    pub(in crate::judge) evidence: Vec<String>,
    /// What else differs between the two.
    pub(in crate::judge) loose: Vec<Loose>,
}

impl Contrast {
    pub(in crate::judge) fn host(&self) -> &str {
        &self.address.0
    }

    pub(in crate::judge) fn ip(&self) -> IpAddr {
        self.address.1
    }

    pub(in crate::judge) fn is_at(&self, host: &str, ip: IpAddr) -> bool {
        self.host() == host && self.ip() == ip
    }

    pub(in crate::judge) fn claim(&self) -> Claim {
        let status = match self.kind {
            Kind::Lost => Status::Stripped,
            Kind::ForeignKey => Status::Intercepted,
        };
        Claim { place: self.place, ..Claim::because(status, SEEN_ELSEWHERE).sure(self.confidence) }
    }
}

/// What differs at one address: each view that is worse off, beside the steadiest
/// that is not.
pub(super) fn at(spot: &Spot<'_, '_>) -> Vec<Contrast> {
    let mut found = Vec::new();
    for here in &spot.looks {
        let asked = |there: &&Look<'_, '_>| is_same_question(here.address, there.address);
        let others = || spot.looks.iter().filter(asked);
        let better = others().filter(|there| is_lost(here.address, there.address));
        if let Some(there) = better.max_by_key(|there| reliance(here, there)) {
            found.push(lost(here, there));
        }
        let better = others().filter(|there| is_foreign(here.address, there.address));
        if let Some(there) = better.max_by_key(|there| reliance(here, there)) {
            found.push(foreign(here, there));
        }
    }
    found
}

/// What differs by view alone, before all else; repeats that agree before another
/// vantage point; that before the same key.
fn reliance(here: &Look<'_, '_>, there: &Look<'_, '_>) -> (bool, bool, bool, bool) {
    let shared = !here.address.keys().is_disjoint(&there.address.keys());
    let held = loose(here, there).is_empty();
    (held, there.address.steady(), there.side.machine != here.side.machine, shared)
}

fn loose(here: &Look<'_, '_>, there: &Look<'_, '_>) -> Vec<Loose> {
    let (own, other) = (here.address.circumstances(), there.address.circumstances());
    let mut found = own.loose(&other);
    let is_timed = found.iter().any(|it| matches!(it, Loose::Time(_)));
    let (one, another) = (&here.side, &there.side);
    let is_of_one = one.machine == another.machine && one.vantage() != another.vantage();
    // Another address of the machine differs by more than the time.
    if is_of_one && !is_timed && !sources(here).is_disjoint(&sources(there)) {
        found.extend(own.is_later_than(&other).map(Loose::Turn));
    }
    found
}

/// The addresses of ours from which it was asked.
fn sources(look: &Look<'_, '_>) -> BTreeSet<IpAddr> {
    look.address.readings.iter().filter_map(|reading| reading.source()).collect()
}

/// Another port has a listener of its own.
fn is_same_question(here: &Address<'_>, there: &Address<'_>) -> bool {
    here.question().is_some() && here.question() == there.question()
}

fn is_lost(here: &Address<'_>, there: &Address<'_>) -> bool {
    here.lacks() && there.has()
}

/// Nodes of a farm have keys of their own, all of them trusted; and whoever meets
/// several keys at one view met a farm. Asked for another name, a server may show
/// another key.
fn is_foreign(here: &Address<'_>, there: &Address<'_>) -> bool {
    let (own, other) = (here.keys(), there.keys());
    here.foreign()
        && here.server_names() == there.server_names()
        && there.trusted()
        && !there.foreign()
        && own.len() == 1
        && other.len() == 1
        && own.is_disjoint(&other)
}

fn lost(here: &Look<'_, '_>, there: &Look<'_, '_>) -> Contrast {
    let family = here.address.family();
    let lost = claim::controls_lost(here.address, &here.side.scene.controls);
    let near = (!lost.is_empty()).then_some(Place::NearVantage);
    let steady = here.address.steady() && there.address.steady() && !here.address.falls_silent();
    // docs/detection.md §1: one node's dead key, unless controls have it as well.
    let declines = here.address.declines() && lost.is_empty();
    let confidence = match steady && !declines {
        true if !loose(here, there).is_empty() => Confidence::Suspected,
        true if is_unmasked(here, there) || is_proof(here, there) => Confidence::Proven,
        true => Confidence::Corroborated,
        false => Confidence::Suspected,
    };
    Contrast {
        confidence,
        place: near.or_else(|| family_path(here, Kind::Lost)),
        ..contrast(Kind::Lost, here, there, (&lost, family))
    }
}

/// Hidden but accepted here, with the key that is proven there. After HELO nothing is
/// hidden: nothing can be offered.
fn is_same_server(here: &Look<'_, '_>, there: &Look<'_, '_>) -> bool {
    let (own, other) = (here.address, there.address);
    own.hidden()
        && own.standing == Standing::Secured
        && !own.fell_to_helo()
        && !own.keys().is_disjoint(&other.keys())
}

/// docs/detection.md §1 (b): what stands under a mask here, with STARTTLS accepted
/// behind it, can be read there, at the same key.
fn is_unmasked(here: &Look<'_, '_>, there: &Look<'_, '_>) -> bool {
    is_same_server(here, there) && mask::decoded(here.address, std::slice::from_ref(there.address))
}

/// docs/detection.md §1 (c): hidden but accepted here, offered there, with the same
/// proven key, and controls of different operators hidden in the same way.
fn is_proof(here: &Look<'_, '_>, there: &Look<'_, '_>) -> bool {
    let family = here.address.family();
    let hides = |control: &&Control<'_>| {
        let hidden = |address: &Address<'_>| {
            address.family() == family && address.hidden() && !address.offered()
        };
        let elsewhere = there.side.scene.controls.all.iter().find(|one| one.name == control.name);
        control.addresses.iter().any(hidden)
            && elsewhere.is_some_and(|control| control.over(family) == Path::Works)
    };
    let controls = &here.side.scene.controls;
    let hiding: Vec<_> = controls.all.iter().filter(hides).collect();
    is_same_server(here, there) && !controls.clean_on(family) && different_operators(&hiding) >= 2
}

fn foreign(here: &Look<'_, '_>, there: &Look<'_, '_>) -> Contrast {
    let family = here.address.family();
    let often = |look: &Look<'_, '_>| {
        look.address.steady() && look.address.sessions().count() >= SESSIONS_FOR_KEYS
    };
    let also = |control: &&Control<'_>| {
        let elsewhere = there.side.scene.controls.all.iter().find(|one| one.name == control.name);
        elsewhere.is_some_and(|other| shows_foreign(control, other, family))
    };
    let controls: Vec<_> = here.side.scene.controls.all.iter().filter(also).collect();
    let near = (!controls.is_empty()).then_some(Place::NearVantage);
    // A client that is always led to the same node of a farm meets one key as well.
    let spared = here.side.scene.controls.all.iter().any(|control| control.is_vouched_on(family));
    let sure = often(here)
        && often(there)
        && loose(here, there).is_empty()
        && !controls.is_empty()
        && !spared;
    Contrast {
        confidence: if sure { Confidence::Corroborated } else { Confidence::Suspected },
        place: near.or_else(|| family_path(here, Kind::ForeignKey)),
        ..contrast(Kind::ForeignKey, here, there, (&controls, family))
    }
}

/// Whether the same control, at an address of this family, shows a foreign key too.
fn shows_foreign(here: &Control<'_>, there: &Control<'_>, family: Family) -> bool {
    let own = here.addresses.iter().filter(|own| own.family() == family);
    let mut pairs = own.flat_map(|own| there.addresses.iter().map(move |other| (own, other)));
    pairs.any(|(own, other)| own.ip == other.ip && is_foreign(own, other))
}

/// The other family of the same host is as it should be at the same view.
fn family_path(here: &Look<'_, '_>, kind: Kind) -> Option<Place> {
    let is_good = |other: &Address<'_>| match kind {
        Kind::Lost => other.has(),
        Kind::ForeignKey => other.trusted(),
    };
    let across: Vec<&Address<'_>> = here
        .side
        .scene
        .addresses
        .iter()
        .filter(|other| other.host == here.address.host && other.greeted())
        .filter(|other| other.family() != here.address.family())
        .collect();
    let good = !across.is_empty() && across.iter().all(|other| is_good(other));
    good.then_some(Place::FamilyPath)
}

fn contrast(
    kind: Kind,
    here: &Look<'_, '_>,
    there: &Look<'_, '_>,
    (controls, family): (&[&Control<'_>], Family),
) -> Contrast {
    let mut evidence = here.address.evidence();
    evidence.extend(there.address.evidence());
    evidence.extend(controls.iter().flat_map(|control| control.evidence(family)));
    Contrast {
        kind,
        address: (here.address.host.clone(), here.address.ip),
        here: here.side.seen.view.clone(),
        there: there.side.seen.view.clone(),
        confidence: Confidence::Suspected,
        place: None,
        controls: controls.iter().map(|control| control.name.clone()).collect(),
        evidence,
        loose: loose(here, there),
    }
}
