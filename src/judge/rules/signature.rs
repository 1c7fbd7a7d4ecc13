//! Products that a session names, by what they write or by what they take out.
//! A product strips nothing by its name: these are notices.
//!
//! Refuses to know products: `signatures` has their table.

use std::collections::HashMap;

use crate::judge::Scene;
use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, on_address};
use crate::judge::grouped::grouped;
use crate::judge::signatures::{REMOVERS, Remover, SIGNATURES, Signature, names};
use crate::model::finding::Finding;
use crate::model::session::EhloAnswer;

pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let views = views(scene);
    for address in &scene.addresses {
        let written = SIGNATURES.iter().filter_map(|signature| written(address, signature));
        found.extend(written);
        let mut others = views.get(address.host.as_str()).into_iter().flatten();
        found.extend(others.find_map(|other| removed(address, other)));
    }
    found
}

/// Of each host the first address of each set of keywords. Beside one of its own set
/// an address misses nothing.
fn views<'s>(scene: &'s Scene<'_>) -> HashMap<&'s str, Vec<&'s Address<'s>>> {
    let listing = scene.addresses.iter().filter_map(|address| {
        let names = names(answer(address)?.1)?;
        Some((address, names))
    });
    let sets = grouped(listing, |(address, names)| (address.host.as_str(), names.clone()));
    let mut views: HashMap<&str, Vec<&Address<'_>>> = HashMap::new();
    for ((host, _), members) in sets {
        let first = members.first().map(|(address, _)| *address);
        views.entry(host).or_default().extend(first);
    }
    views
}

/// A text of a product stands in a session.
fn written(address: &Address<'_>, signature: &Signature) -> Option<Finding> {
    let lines = address.readings.iter().filter_map(|reading| {
        signature.found_in(&reading.session).map(|line| (reading.id(), line))
    });
    let (evidence, lines): (Vec<String>, Vec<String>) = lines.unzip();
    let line = lines.first()?.replace('\n', " / ");
    Some(catalogue::PRODUCT_SIGNATURE.raised(
        on_address(&address.host, address.ip),
        evidence,
        format!(
            "The {} of {} reads as that of {}: {line}",
            signature.part.label(),
            address.label(),
            signature.product,
        ),
    ))
}

/// A set of keywords is missing here and listed in another view of the host.
fn removed(address: &Address<'_>, other: &Address<'_>) -> Option<Finding> {
    let (here, there) = (answer(address)?, answer(other)?);
    let fits = |remover: &Remover| {
        remover.removed(here.1, there.1).map(|missing| (remover.product, missing))
    };
    let (product, missing) = REMOVERS.iter().find_map(fits)?;
    Some(catalogue::PRODUCT_SIGNATURE.raised(
        on_address(&address.host, address.ip),
        vec![here.0, there.0],
        format!(
            "{} lists {} and {} does not: just what {product} takes out.",
            other.label(),
            missing.join(", "),
            address.label(),
        ),
    ))
}

/// The first answer to EHLO at an address, with the id of its session.
fn answer<'a>(address: &'a Address<'_>) -> Option<(String, &'a EhloAnswer)> {
    address
        .readings
        .iter()
        .find_map(|reading| reading.session.ehlo.as_ref().map(|ehlo| (reading.id(), ehlo)))
}
