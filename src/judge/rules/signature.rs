//! Products that a session names, by what they write or by what they take out.
//! A product strips nothing by its name: these are notices.

use crate::judge::Scene;
use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, on_address};
use crate::judge::signatures::{REMOVERS, Remover, SIGNATURES, Signature};
use crate::model::finding::Finding;
use crate::model::session::EhloAnswer;

pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for address in &scene.addresses {
        let written = SIGNATURES.iter().filter_map(|signature| written(address, signature));
        found.extend(written);
        let others = scene
            .addresses
            .iter()
            .filter(|other| other.host == address.host && other.ip != address.ip);
        found.extend(others.filter_map(|other| removed(address, other)).take(1));
    }
    found
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
