//! Answers that differ with the session, the EHLO name or the port.
//!
//! Refuses to say who is at fault: a farm is innocent of it.

use crate::judge::Scene;
use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, on_address, with_confidence};
use crate::judge::reading::Reading;
use crate::model::finding::Finding;
use crate::model::probe::Mode;
use crate::model::verdict::Confidence;

pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for address in &scene.addresses {
        found.extend(flapping(address));
        for reading in &address.for_comparison {
            found.extend(by_ehlo_name(address, reading));
            found.extend(on_other_port(address, reading));
        }
    }
    found
}

fn flapping(address: &Address<'_>) -> Option<Finding> {
    if !address.flaps() {
        return None;
    }
    let (good, all) = address.good();
    let finding = catalogue::FLAPPING.raised(
        on_address(&address.host, address.ip),
        address.evidence(),
        format!(
            "STARTTLS was offered and worked at {} in {good} of {all} sessions.",
            address.label()
        ),
    );
    Some(with_confidence(finding, Confidence::Suspected))
}

fn by_ehlo_name(address: &Address<'_>, reading: &Reading<'_>) -> Option<Finding> {
    let main = address.best()?;
    let (here, there) = (&main.observation.probe, &reading.observation.probe);
    let offers = (main.session.starttls.offered?, reading.session.starttls.offered?);
    if here.ehlo_name == there.ehlo_name || here.port != there.port || offers.0 == offers.1 {
        return None;
    }
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "an address literal".into());
    let (with, without) = if offers.0 { (here, there) } else { (there, here) };
    let finding = catalogue::OFFER_FOLLOWS_EHLO_NAME.raised(
        on_address(&address.host, address.ip),
        vec![main.id(), reading.id()],
        format!(
            "{} offers STARTTLS to {} and not to {}.",
            address.label(),
            name(&with.ehlo_name),
            name(&without.ehlo_name)
        ),
    );
    Some(with_confidence(finding, Confidence::Suspected))
}

/// TLS on another port of an address that lacks it on the one asked about.
fn on_other_port(address: &Address<'_>, reading: &Reading<'_>) -> Option<Finding> {
    let main = address.best()?.observation.probe.port;
    let probe = &reading.observation.probe;
    if probe.port == main || !address.lacks() || !reading.completed() {
        return None;
    }
    let how = match probe.mode {
        Mode::Starttls => "by STARTTLS",
        Mode::ImplicitTls => "from the start",
    };
    Some(catalogue::OFFERED_ON_OTHER_PORT.raised(
        on_address(&address.host, address.ip),
        vec![reading.id()],
        format!("{} has TLS {how} on port {}.", address.label(), probe.port),
    ))
}
