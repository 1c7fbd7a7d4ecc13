//! Sentences about what several views show together.
//!
//! Owns their wording. Refuses to know what may be claimed: it is told.

use super::contrast::{Contrast, Kind};
use super::{Across, DNS_DIFFERS, EVERYWHERE, SEEN_ELSEWHERE, Side, Spot, of_verdict};
use crate::judge::claim::Claim;
use crate::judge::describe;
use crate::judge::held::Loose;
use crate::judge::mirror::{MIRROR, Mirrored};
use crate::judge::promise::words::listed;
use crate::model::probe::Family;
use crate::model::verdict::{Confidence, Place, Status};

/// What was seen, by whom, and which further view would settle what is open.
pub(super) fn summary(across: &Across<'_, '_>, claim: &Claim) -> String {
    let several = across.is_from_several();
    if let Some(side) = alone(across, claim).filter(|_| !several) {
        return side.verdict.summary.clone();
    }
    let seen = sentence(across, claim);
    let loose = surest(across, claim).and_then(|contrast| contrast.loose.first());
    // Views of one place leave open what one view leaves open.
    let apart = across.is_from_several_places();
    let further = || if apart { settled_by(claim) } else { describe::settled_by(claim) };
    match loose.map(|loose| loose.settled_by()).or_else(further) {
        Some(view) => seen + describe::AND_THEN + view,
        None => seen,
    }
}

/// The first view that says just this by itself.
fn alone<'s, 'a>(across: &Across<'s, 'a>, claim: &Claim) -> Option<&'s Side<'a>> {
    let same = |side: &&Side<'a>| {
        let own = of_verdict(&side.verdict);
        (own.status, own.confidence, &own.because)
            == (claim.status, claim.confidence, &claim.because)
    };
    across.sides.iter().copied().find(same)
}

fn sentence(across: &Across<'_, '_>, claim: &Claim) -> String {
    match claim.because.as_deref() {
        Some(SEEN_ELSEWHERE) => {
            return surest(across, claim).map_or_else(String::new, contrast);
        }
        Some(EVERYWHERE) => return everywhere(across),
        Some(DNS_DIFFERS) => {
            return format!(
                "DNS leads the vantage points to different servers of {}, and these differ in \
                 STARTTLS",
                across.name
            );
        }
        _ => {}
    }
    let Some(side) = alone(across, claim) else {
        return describe::sentence(&across.name, &across.whole, claim);
    };
    let names: Vec<String> = across
        .sides
        .iter()
        .filter(|other| other.verdict.status == side.verdict.status)
        .map(|side| side.seen.view.name())
        .collect();
    let seen = describe::sentence(&across.name, &side.scene, claim);
    if claim.status == Status::Intact {
        return describe::sentence(&across.name, &across.whole, claim);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!("{seen}, as seen from {}{}", listed(&names), cleared(across, claim))
}

/// The views whose every byte came to a mirror, and from it, as it was sent.
fn cleared(across: &Across<'_, '_>, claim: &Claim) -> String {
    let clears = |side: &&&Side<'_>| side.scene.mirror.as_ref().is_some_and(Mirrored::clears_all);
    let names: Vec<String> =
        across.sides.iter().filter(clears).map(|side| side.seen.view.name()).collect();
    if names.is_empty() || claim.because.as_deref() != Some(MIRROR) {
        return String::new();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    format!("; from {} every byte arrives as it was sent", listed(&names))
}

/// The contrast on which the claim rests.
fn surest<'s>(across: &'s Across<'_, '_>, claim: &Claim) -> Option<&'s Contrast> {
    let meant = claim.because.as_deref() == Some(SEEN_ELSEWHERE);
    let status = |one: &&Contrast| meant && one.claim().status == claim.status;
    // The first of the surest: a later one of equals would win otherwise.
    across.contrasts.iter().filter(status).rev().max_by_key(|one| one.confidence)
}

/// What explains a difference that is not of the path, where more than the view
/// differs.
pub(super) fn innocent(contrast: &Contrast) -> Vec<&'static str> {
    let innocent = |loose: &Loose| match (loose, contrast.kind) {
        (Loose::Time(..0) | Loose::Turn(false), Kind::Lost) => "STARTTLS was switched on meanwhile",
        (Loose::Time(_) | Loose::Turn(_), Kind::Lost) => {
            "STARTTLS was switched off or broke meanwhile"
        }
        (Loose::Time(_) | Loose::Turn(_), Kind::ForeignKey) => {
            "the key was renewed or replaced meanwhile"
        }
        (Loose::EhloName, _) => "the server treats EHLO names differently",
    };
    contrast.loose.iter().map(innocent).collect()
}

/// One address that two views see differently, and what else differs between them.
pub(super) fn contrast(contrast: &Contrast) -> String {
    let loose = contrast.loose.iter().map(|loose| loose.words());
    std::iter::once(difference(contrast)).chain(loose).collect::<Vec<_>>().join("; ")
}

fn difference(contrast: &Contrast) -> String {
    let (here, there) = (contrast.here.name(), contrast.there.name());
    let at = format!("{} [{}]", contrast.host(), contrast.ip());
    let at = if contrast.host() == contrast.ip().to_string() { contrast.host() } else { &at };
    let names: Vec<&str> = contrast.controls.iter().map(String::as_str).collect();
    let names = listed(&names);
    match contrast.kind {
        Kind::Lost => {
            let beside = if names.is_empty() {
                String::new()
            } else {
                format!("; from {here} it does not work at {names} either")
            };
            format!(
                "STARTTLS does not work at {at} from {here}, and works at the same address from \
                 {there}{beside}"
            )
        }
        Kind::ForeignKey => {
            let beside = if names.is_empty() {
                String::new()
            } else {
                let show = if contrast.controls.len() == 1 { "shows" } else { "show" };
                format!("; {names} {show} the same difference")
            };
            format!(
                "at {at}, {here} is shown a key that no trusted issuer vouches for, and {there} \
                 another, trusted one{beside}"
            )
        }
    }
}

/// The same lack from every vantage point.
pub(super) fn everywhere(across: &Across<'_, '_>) -> String {
    let bare: Vec<&Spot<'_, '_>> =
        across.spots.iter().filter(|spot| spot.is_bare_everywhere()).collect();
    let family = bare.first().map_or(Family::Ipv4, |spot| Family::of(spot.ip));
    format!(
        "every vantage point sees the same: over {} STARTTLS works at no address of {} that was \
         measured, so no path near one of them explains it",
        family.label(),
        across.name
    )
}

/// The further view that would settle what a claim of views in several places leaves open.
fn settled_by(claim: &Claim) -> Option<&'static str> {
    let from_outside = "ask the operator, or look from inside the destination's network: only that \
                        tells the server's own doing from a box at its edge";
    match (claim.status, claim.confidence) {
        (Status::Inconsistent | Status::Stripped, _)
            if claim.place == Some(Place::NearDestination) =>
        {
            Some(from_outside)
        }
        (Status::NotOffered, _) if claim.because.is_none() => Some(from_outside),
        (Status::Stripped | Status::Intercepted, Some(Confidence::Suspected)) => {
            Some("ask more often from each of them (--repeats)")
        }
        (Status::Inconclusive, _) if claim.because.as_deref() == Some("flapping") => {
            Some("ask more often (--repeats)")
        }
        _ => None,
    }
}

/// A sentence of its own.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
