//! Keys that follow the family, at several views.
//!
//! Owns where that places the cause. Refuses to look at keys: `verdict` does, one
//! view at a time.

use std::collections::BTreeSet;

use super::Side;
use crate::judge::claim::Claim;
use crate::judge::verdict;
use crate::model::verdict::Place;

/// What one view claims of keys by family. What is seen from every place where keys were
/// met lies near the destination (docs/detection.md §1, "where the box is").
pub(super) fn by_family(sides: &[&Side<'_>]) -> Option<Claim> {
    let met = |side: &&&Side<'_>| side.scene.addresses.iter().any(|one| !one.keys().is_empty());
    let claims: Vec<(usize, Option<Claim>)> = sides
        .iter()
        .filter(met)
        .map(|side| (side.place(), verdict::key_by_family(&side.scene.addresses)))
        .collect();
    let places: BTreeSet<usize> = claims.iter().map(|(place, _)| *place).collect();
    let everywhere = places.len() > 1 && claims.iter().all(|(_, claim)| claim.is_some());
    let claim = claims.into_iter().find_map(|(_, claim)| claim)?;
    Some(if everywhere { claim.at(Place::NearDestination) } else { claim })
}
