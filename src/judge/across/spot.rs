//! One address, as all views see it.
//!
//! Owns which claim of a view on an address another view overturns, and the one that
//! is left. Refuses to know the target: its verdict is made of these in `across`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Side;
use crate::judge::address::Address;
use crate::judge::claim::{self, Claim};
use crate::judge::grouped::grouped;
use crate::judge::verdict;
use crate::model::verdict::{Confidence, Place, Status};

/// One address, as one view sees it.
pub(in crate::judge) struct Look<'s, 'a> {
    pub(super) side: &'s Side<'a>,
    pub(super) address: &'s Address<'a>,
}

impl Look<'_, '_> {
    /// What the view claims of it by itself.
    pub(super) fn claim(&self) -> Claim {
        claim::of_address(self.address, &self.side.scene.addresses, &self.side.scene.controls)
    }

    /// Whether anything was learned of STARTTLS.
    pub(super) fn is_measured(&self) -> bool {
        let address = self.address;
        address.has() || address.lacks() || address.faulty() || address.flaps()
    }
}

/// One address, as every view sees it that has it on its route.
pub(in crate::judge) struct Spot<'s, 'a> {
    pub(super) host: &'s str,
    pub(super) ip: IpAddr,
    pub(super) looks: Vec<Look<'s, 'a>>,
}

impl<'s, 'a> Spot<'s, 'a> {
    pub(super) fn measured(&self) -> impl Iterator<Item = &Look<'s, 'a>> {
        self.looks.iter().filter(|look| look.is_measured())
    }

    /// Several machines measured it, and to none it gives STARTTLS as it
    /// should: what lies near one of them does not explain that.
    pub(super) fn is_bare_everywhere(&self) -> bool {
        let machines: BTreeSet<usize> = self.measured().map(|look| look.side.machine).collect();
        machines.len() > 1 && self.measured().all(|look| look.address.lacks())
    }

    /// What a look claims after the others have been heard.
    pub(super) fn heard(&self, look: &Look<'_, '_>) -> Claim {
        let claim = look.claim();
        let address = look.address;
        let shown = address.overwritten() || address.hidden() || address.masks_starttls();
        if claim.status == Status::Stripped && !shown && self.is_overturned(look, &claim) {
            return claim::by_standing(address);
        }
        claim
    }

    /// A claim that rests on controls alone: elsewhere the address is as bare, and
    /// nothing there says why.
    pub(super) fn is_overturned(&self, look: &Look<'_, '_>, claim: &Claim) -> bool {
        let family = look.address.family();
        self.is_bare_everywhere()
            && self.measured().any(|other| {
                let clean = other.side.scene.controls.clean_on(family);
                other.side.machine != look.side.machine
                    && other.claim().confidence.is_none()
                    && (clean || claim.confidence <= Some(Confidence::Suspected))
            })
    }

    /// The claim that all looks leave, and the look that makes it.
    pub(super) fn settled(&self) -> Option<(Claim, &Look<'s, 'a>)> {
        let claims: Vec<_> = self.looks.iter().map(|look| (self.heard(look), look)).collect();
        let words: BTreeSet<Status> =
            claims.iter().map(|(claim, _)| claim.status).filter(|one| is_settled(*one)).collect();
        let (claim, look) =
            claims.into_iter().min_by_key(|(claim, _)| (claim.rank().0, weight(claim)))?;
        if claim.confidence.is_none() && words.len() > 1 {
            return Some((Claim::plain(Status::Inconsistent).sure(Confidence::Suspected), look));
        }
        Some((self.placed(claim), look))
    }

    /// What every vantage point sees lies near the destination, unless controls say
    /// otherwise.
    pub(super) fn placed(&self, claim: Claim) -> Claim {
        let stripped = |look: &Look<'_, '_>| {
            let own = look.claim();
            own.status == Status::Stripped && own.place != Some(Place::NearVantage)
        };
        let moved = claim.status == Status::Stripped
            && claim.place != Some(Place::Node)
            && self.is_bare_everywhere()
            && self.measured().all(stripped);
        if moved { claim.at(Place::NearDestination) } else { claim }
    }
}

/// Whether it is known what becomes of STARTTLS.
pub(super) fn is_settled(status: Status) -> bool {
    matches!(status, Status::Intact | Status::NotOffered | Status::TlsBroken)
}

/// Which of several claims without confidence on one address is given, the lightest
/// first: what differs between sessions, what was measured, what was heard, and last
/// what a view could not see.
pub(super) fn weight(claim: &Claim) -> (u8, Status) {
    let weight = match claim.status {
        _ if claim.confidence.is_some() => 0,
        Status::Inconclusive if claim.because.as_deref() == Some("flapping") => 1,
        status if is_settled(status) => 2,
        Status::Inconclusive if !verdict::is_about_us(claim) => 3,
        Status::Inconclusive => 6,
        // Port 25 is shut near one vantage point: nothing about the target.
        Status::Blocked => 5,
        _ => 4,
    };
    (weight, claim.status)
}

/// Every address of every view, each once.
pub(super) fn spots<'s, 'a>(sides: &[&'s Side<'a>]) -> Vec<Spot<'s, 'a>> {
    let looks = sides
        .iter()
        .copied()
        .flat_map(|side| side.scene.addresses.iter().map(move |address| Look { side, address }));
    let places = grouped(looks, |look| (look.address.host.as_str(), look.address.ip));
    places.into_iter().map(|((host, ip), looks)| Spot { host, ip, looks }).collect()
}

/// What the target's own recordings say of each view's sessions, where it is a mirror. What
/// they say of every vantage point's lies near the destination.
pub(super) fn mirrored(spot: &Spot<'_, '_>) -> Vec<Claim> {
    let looks = || spot.looks.iter().filter(|look| look.side.scene.mirror.is_some());
    let claims: Vec<Claim> =
        looks().filter_map(|look| verdict::mirrored(look.address, &look.side.scene)).collect();
    let machines: BTreeSet<usize> = looks().map(|look| look.side.machine).collect();
    let alike = claims.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
    let open = claims.first().is_some_and(|claim| claim.place.is_none());
    if machines.len() < 2 || claims.len() < looks().count() || !alike || !open {
        return claims;
    }
    claims.into_iter().map(|claim| claim.at(Place::NearDestination)).collect()
}
