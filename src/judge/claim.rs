//! What may be claimed of one address, by the rules of docs/detection.md §1.
//!
//! Owns the order of claims and how sure each is. Refuses to know its sentence.

use std::cmp::Reverse;

use super::address::Address;
use super::addresses::Addresses;
use super::controls::{self, Control, Controls, other};
use super::mask;
use super::standing::Standing;
use crate::model::verdict::{Confidence, PartVerdict, Place, Status};

/// A verdict before its sentence is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) status: Status,
    pub(super) confidence: Option<Confidence>,
    pub(super) because: Option<String>,
    pub(super) place: Option<Place>,
}

impl Claim {
    pub(super) fn plain(status: Status) -> Self {
        Self { status, confidence: None, because: None, place: None }
    }

    pub(super) fn because(status: Status, because: impl Into<String>) -> Self {
        Self { because: Some(because.into()), ..Self::plain(status) }
    }

    pub(super) fn sure(self, confidence: Confidence) -> Self {
        Self { confidence: Some(confidence), ..self }
    }

    pub(super) fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Which of two claims is given: the smaller. The highest confidence wins;
    /// between equals, the order of `Status`. A promise that is broken everywhere is
    /// a fact, and goes before what is only suspected.
    pub(super) fn rank(&self) -> (Reverse<u8>, Status) {
        let weight = match (self.confidence, self.status) {
            (Some(Confidence::Proven), _) => 4,
            (Some(Confidence::Corroborated), _) => 3,
            (None, Status::PolicyFailed) => 2,
            (Some(Confidence::Suspected), _) => 1,
            (None, _) => 0,
        };
        (Reverse(weight), self.status)
    }

    pub(super) fn part(self) -> PartVerdict {
        PartVerdict { status: self.status, confidence: self.confidence, because: self.because }
    }
}

/// The claim on one address. `all` are the target's addresses, this one among them.
pub(super) fn of_address(
    address: &Address<'_>,
    all: &Addresses<'_>,
    controls: &Controls<'_>,
) -> Claim {
    if let Some(confidence) = stripping(address, all, controls) {
        let claim = Claim::plain(Status::Stripped).sure(confidence);
        return match place(address, all, controls) {
            Some(place) => claim.at(place),
            None => claim,
        };
    }
    if address.flaps() {
        return Claim::because(Status::Inconclusive, "flapping");
    }
    by_standing(address)
}

pub(super) fn by_standing(address: &Address<'_>) -> Claim {
    match &address.standing {
        Standing::NotProbed(why) | Standing::Stalled(why) => {
            Claim::because(Status::Inconclusive, *why)
        }
        Standing::NotReached(why) => Claim::because(Status::Unreachable, why),
        Standing::TurnedAway(code) => {
            Claim::because(Status::Inconclusive, format!("greeting-{code}"))
        }
        Standing::NotOffered if address.fell_to_helo() => {
            Claim::because(Status::NotOffered, "ehlo-refused")
        }
        Standing::NotOffered => Claim::plain(Status::NotOffered),
        Standing::Broken(broken) => Claim::because(Status::TlsBroken, broken.word()),
        Standing::Secured if address.misplaced() => {
            Claim::because(Status::NotOffered, "starttls-on-greeting-line")
        }
        Standing::Secured => Claim::plain(Status::Intact),
    }
}

/// What an address shows of stripping by itself or beside the controls, without
/// its other family.
pub(super) fn stripping(
    address: &Address<'_>,
    all: &Addresses<'_>,
    controls: &Controls<'_>,
) -> Option<Confidence> {
    // docs/detection.md §1 (d): nobody but a box writes eight X's where STARTTLS stood.
    if address.overwritten() {
        return Some(Confidence::Proven);
    }
    let lost = controls_lost(address, controls);
    let surely = different_known(&lost);
    if address.hidden() {
        return Some(hidden(address, all, surely > 0));
    }
    if address.misplaced() {
        return None;
    }
    // Broken in a way that a path can cause, here and at controls that nobody
    // breaks at the same time.
    let lost = controls::different_operators(&lost);
    if address.lacks() && address.steady() && lost >= 2 {
        let sure = surely >= 2 && !address.falls_silent();
        return Some(if sure { Confidence::Corroborated } else { Confidence::Suspected });
    }
    if address.standing != Standing::NotOffered || address.offered() {
        return None;
    }
    let masked = address.masks_starttls();
    match (address.steady(), lost) {
        (true, 1) if masked && surely > 0 => Some(Confidence::Corroborated),
        (_, 1..) => Some(Confidence::Suspected),
        _ => masked.then_some(Confidence::Suspected),
    }
}

/// (b): a mask of Cisco's of eight letters, or any that another view of the same
/// server decodes, and behind it STARTTLS is accepted.
pub(super) fn masks_offer(address: &Address<'_>, all: &Addresses<'_>) -> bool {
    // A 220 alone is no acceptance: a canned proxy says it to anything.
    address.hidden()
        && address.standing == Standing::Secured
        && (address.has_cisco_mask_of_eight()
            || mask::decoded(address, all.answers(&address.keys())))
}

/// Hidden, and accepted when it is sent anyway.
fn hidden(address: &Address<'_>, all: &Addresses<'_>, controls_lost: bool) -> Confidence {
    if masks_offer(address, all) {
        return Confidence::Proven;
    }
    let keys = address.keys();
    let same_key_offered = all.shows_key(&address.host, other(address.family()), &keys);
    // After HELO nothing can be offered: there the certificate alone says little.
    let vouched = address.trusted() && !address.fell_to_helo();
    if address.steady() && (controls_lost || same_key_offered || vouched) {
        return Confidence::Corroborated;
    }
    Confidence::Suspected
}

/// The controls that lose STARTTLS on the path of this address: over its family
/// only, or everywhere. None counts where a control is clean on that path.
pub(super) fn controls_lost<'c, 'a>(
    address: &Address<'_>,
    controls: &'c Controls<'a>,
) -> Vec<&'c Control<'a>> {
    let family = address.family();
    if controls.clean_on(family) {
        return Vec::new();
    }
    let mut lost = controls.lost_on(family);
    let everywhere = controls.lost_everywhere(family);
    // A control without STARTTLS over either family could be one that never had
    // it: a single one says nothing.
    if controls::different_operators(&everywhere) >= 2 {
        lost.extend(everywhere);
    }
    lost
}

/// How many operators these controls have, of those known to have STARTTLS.
pub(super) fn different_known(lost: &[&Control<'_>]) -> usize {
    let known = lost.iter().filter(|control| control.is_known_to_have());
    controls::different_operators(&known.copied().collect::<Vec<_>>())
}

/// Where the cause seems to be, as far as this address and the controls say.
pub(super) fn place(
    address: &Address<'_>,
    all: &Addresses<'_>,
    controls: &Controls<'_>,
) -> Option<Place> {
    if !controls_lost(address, controls).is_empty() {
        return Some(Place::NearVantage);
    }
    if all.another_has(address) {
        return Some(Place::Node);
    }
    all.all_have(other(address.family())).then_some(Place::FamilyPath)
}
