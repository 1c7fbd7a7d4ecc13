//! One word for a host and for the whole target, by the tables of docs/detection.md §1.
//!
//! Owns which of many claims speaks for a host and for a target. Refuses to word it.

use std::collections::BTreeSet;

use super::Scene;
use super::address::Address;
use super::claim::{self, Claim};
use super::controls::other;
use super::grouped::grouped;
use super::standing::Standing;
use super::{dead_end, describe, interception, mirror};
use crate::model::evidence::Evidence;
use crate::model::probe::Family;
use crate::model::report::{AddressReport, HostReport};
use crate::model::verdict::{Confidence, Place, Status, Verdict};

/// The word for an offer that follows the EHLO name.
pub(super) const BY_EHLO_NAME: &str = "ehlo-name";

/// The verdict on the whole target.
pub(super) fn of_target(evidence: &Evidence, scene: &Scene<'_>) -> Verdict {
    let addresses = &scene.addresses;
    let claim = match evidence.routes.iter().find_map(dead_end::of_route) {
        Some(claim) => claim,
        None if evidence.routes.is_empty() => Claim::because(Status::Inconclusive, "interrupted"),
        None => of_addresses(&addresses.iter().collect::<Vec<_>>(), scene, true),
    };
    let reached = addresses.iter().filter(|address| address.greeted()).count();
    let probed = addresses.iter().filter(|address| !address.readings.is_empty()).count();
    Verdict {
        summary: describe::summary(evidence, scene, &claim),
        status: claim.status,
        confidence: claim.confidence,
        because: claim.because,
        place: claim.place,
        reached: u32::try_from(reached).unwrap_or(u32::MAX),
        addresses: u32::try_from(probed).unwrap_or(u32::MAX),
    }
}

/// The verdict on every host and every address of it.
pub(super) fn of_hosts(scene: &Scene<'_>) -> Vec<HostReport> {
    let hosts = grouped(&scene.addresses, |address| address.host.as_str());
    let report = |(host, here): (&str, Vec<&Address<'_>>)| {
        let addresses = here.iter().map(|address| AddressReport {
            ip: address.ip,
            family: address.family(),
            verdict: of_address(address, scene).part(),
        });
        HostReport {
            host: host.to_owned(),
            verdict: of_addresses(&here, scene, false).part(),
            addresses: addresses.collect(),
        }
    };
    hosts.into_iter().map(report).collect()
}

/// The claim on one address, by what it shows or by what was promised for it.
pub(super) fn of_address(address: &Address<'_>, scene: &Scene<'_>) -> Claim {
    let own = claim::of_address(address, &scene.addresses, &scene.controls);
    let promised = scene.promises.of_address(&address.host, address.ip);
    let claims = [Some(own.clone()), promised, mirrored(address, scene)];
    claims.into_iter().flatten().min_by_key(Claim::rank).unwrap_or(own)
}

/// What the target's own recordings say of an address, where it is a mirror.
pub(super) fn mirrored(address: &Address<'_>, scene: &Scene<'_>) -> Option<Claim> {
    let claim = scene.mirror.as_ref()?.claim(address)?;
    Some(Claim { place: mirror::place(address, scene), ..claim })
}

/// The claim on a set of addresses: a host's or the whole target's. The claim
/// held with the highest confidence wins; between equals, the order of `Status`.
fn of_addresses(addresses: &[&Address<'_>], scene: &Scene<'_>, whole: bool) -> Claim {
    let single =
        |address: &&Address<'_>| claim::of_address(address, &scene.addresses, &scene.controls);
    let own: Vec<Claim> = addresses.iter().map(single).collect();
    let mut claims: Vec<Claim> =
        own.iter().filter(|claim| claim.confidence.is_some()).cloned().collect();
    claims.extend(by_family(addresses, scene));
    claims.extend(addresses.iter().filter_map(|address| mirrored(address, scene)));
    let hosts = addresses.iter().map(|address| address.host.as_str()).collect();
    claims.extend(scene.promises.claims(&hosts));
    if whole {
        claims.extend(interception::claim(&scene.tells));
        claims.extend(key_by_family(&scene.addresses));
        claims.extend(by_ehlo_name(scene));
    }
    claims.sort_by_key(Claim::rank);
    claims.into_iter().next().unwrap_or_else(|| without_suspicion(addresses, &own, scene))
}

/// Every address of one family lacks what every address of the other has.
pub(super) fn by_family(addresses: &[&Address<'_>], scene: &Scene<'_>) -> Option<Claim> {
    let without =
        [Family::Ipv4, Family::Ipv6].into_iter().find(|family| splits(addresses, *family))?;
    let measured: Vec<_> = addresses.iter().filter(|address| address.greeted()).collect();
    let steady = measured.iter().all(|address| address.steady() && !address.falls_silent());
    // All of one family: the same controls for each.
    let lost = addresses
        .iter()
        .find(|address| address.family() == without)
        .map(|address| claim::controls_lost(address, &scene.controls))?;
    let stripped = Claim::plain(Status::Stripped);
    Some(match (lost.len(), claim::different_known(&lost)) {
        (_, 1..) if steady => stripped.sure(Confidence::Corroborated).at(Place::NearVantage),
        (1.., _) => stripped.sure(Confidence::Suspected).at(Place::NearVantage),
        // Separate listeners are more common than a box that picks one destination.
        _ => stripped.sure(Confidence::Suspected).at(Place::FamilyPath),
    })
}

/// Whether this family lacks everywhere what the other has everywhere.
pub(super) fn splits(addresses: &[&Address<'_>], without: Family) -> bool {
    let of = |family| {
        let measured = addresses.iter().filter(move |address| {
            address.family() == family
                && (address.lacks() || address.has() || address.faulty() || address.flaps())
        });
        measured.copied().collect::<Vec<_>>()
    };
    let (lacking, having) = (of(without), of(other(without)));
    let hosts = |all: &[&Address<'_>]| -> BTreeSet<String> {
        all.iter().map(|address| address.host.clone()).collect()
    };
    !lacking.is_empty()
        && !having.is_empty()
        && lacking.iter().all(|address| address.lacks())
        && having.iter().all(|address| address.has())
        // Families of different hosts differ by host, not by family.
        && !hosts(&lacking).is_disjoint(&hosts(&having))
}

/// Sessions at every address before keys are said to follow the family: fewer
/// could all have met the same node of a farm.
pub(super) const SESSIONS_FOR_KEYS: usize = 3;

/// An untrusted key over one family and a trusted one over the other, seen at
/// this target only: a second machine as likely as a hand on the path.
pub(super) fn key_by_family(addresses: &[Address<'_>]) -> Option<Claim> {
    let keyed = |address: &&Address<'_>| !address.keys().is_empty();
    let often = |address: &Address<'_>| address.sessions().count() >= SESSIONS_FOR_KEYS;
    let foreign = addresses.iter().filter(keyed).all(often)
        && [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .any(|family| interception::foreign_over(addresses, family));
    foreign.then(|| Claim {
        because: Some("key-by-family".into()),
        ..Claim::plain(Status::Inconsistent).sure(Confidence::Suspected).at(Place::FamilyPath)
    })
}

/// The first EHLO name gets no STARTTLS at an address where another one does, or
/// the other way round.
pub(super) fn by_ehlo_name(scene: &Scene<'_>) -> Option<Claim> {
    let differs = |address: &Address<'_>| {
        let Some(main) = address.best().filter(|_| address.has() || address.lacks()) else {
            return false;
        };
        let named = address.for_comparison.iter().filter(|reading| {
            let (here, there) = (&main.observation.probe, &reading.observation.probe);
            here.port == there.port && here.ehlo_name != there.ehlo_name
        });
        let mut offers = named.filter_map(|reading| reading.session.starttls.offered);
        offers.any(|offered| offered != address.has())
    };
    scene
        .addresses
        .iter()
        .any(differs)
        .then(|| Claim::because(Status::Inconsistent, BY_EHLO_NAME).sure(Confidence::Suspected))
}

/// No address and no pair of families raises a suspicion.
pub(super) fn without_suspicion(
    addresses: &[&Address<'_>],
    claims: &[Claim],
    scene: &Scene<'_>,
) -> Claim {
    let settled = [Status::Intact, Status::NotOffered, Status::TlsBroken];
    let any = |status: &Status| claims.iter().any(|claim| claim.status == *status);
    // Greeted and then stalled, or now so and now so: neither good nor bad.
    let unsettled = addresses.iter().zip(claims).find(|(address, claim)| {
        matches!(address.standing, Standing::Stalled(_))
            || claim.because.as_deref() == Some("flapping")
    });
    match settled.iter().filter(|status| any(status)).count() {
        0 => unmeasured(addresses, claims, scene),
        1 => match (unsettled, claims.iter().find(|claim| settled.contains(&claim.status))) {
            (Some((_, unsettled)), _) => unsettled.clone(),
            (None, Some(claim)) => uniform(claim, claims),
            (None, None) => unmeasured(addresses, claims, scene),
        },
        _ => Claim::plain(Status::Inconsistent).sure(Confidence::Suspected),
    }
}

/// All measured addresses agree; they need not agree on the reason.
fn uniform(claim: &Claim, claims: &[Claim]) -> Claim {
    let same = claims.iter().filter(|other| other.status == claim.status);
    let reasons: BTreeSet<_> = same.map(|other| &other.because).collect();
    let because = if reasons.len() == 1 { claim.because.clone() } else { None };
    Claim { because, ..claim.clone() }
}

/// Nothing was learned of STARTTLS anywhere.
fn unmeasured(addresses: &[&Address<'_>], claims: &[Claim], scene: &Scene<'_>) -> Claim {
    if blocked(addresses, scene) {
        let because = uniform(claims.first().unwrap_or(&Claim::plain(Status::Blocked)), claims);
        return Claim { status: Status::Blocked, ..because.at(Place::NearVantage) };
    }
    let heard = |claim: &&Claim| claim.status == Status::Inconclusive && !is_about_us(claim);
    if let Some(claim) = claims.iter().find(heard) {
        return claim.clone();
    }
    let unreachable: Vec<Claim> =
        claims.iter().filter(|claim| claim.status == Status::Unreachable).cloned().collect();
    if let Some(claim) = unreachable.first() {
        return uniform(claim, &unreachable);
    }
    match claims.first() {
        Some(claim) => uniform(claim, claims),
        None => Claim::because(Status::Inconclusive, "nothing-to-probe"),
    }
}

/// No session comes as far as STARTTLS, and over every family that was tried
/// controls of different operators fail too.
fn blocked(addresses: &[&Address<'_>], scene: &Scene<'_>) -> bool {
    if addresses.iter().any(|address| !address.readings.is_empty() && !address.kept_out()) {
        return false;
    }
    let tried = |family: Family| {
        addresses.iter().any(|address| address.family() == family && !address.readings.is_empty())
    };
    let families = [Family::Ipv4, Family::Ipv6].into_iter().filter(|family| tried(*family));
    let families: Vec<Family> = families.collect();
    !families.is_empty() && families.iter().all(|family| scene.controls.fail_on(*family))
}

/// The address was not asked: a fact about this machine or this run.
pub(super) fn is_about_us(claim: &Claim) -> bool {
    let words =
        ["ipv4-unusable", "ipv6-unusable", "not-asked", "not-probed", "local-error", "interrupted"];
    claim.because.as_deref().is_some_and(|because| words.contains(&because))
}
