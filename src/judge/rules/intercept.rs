//! Tells that something other than the MX answered.
//!
//! Owns the wording of what `interception` has found. Refuses to weigh it.

use crate::judge::Scene;
use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, Entry, with_confidence};
use crate::judge::interception::{Kind, Tell, foreign_over};
use crate::judge::reading::Reading;
use crate::model::finding::{Finding, Subject};
use crate::model::probe::Family;
use crate::model::verdict::Confidence;

pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = scene.tells.iter().map(of_tell).collect();
    let told = scene.tells.iter().any(|tell| tell.kind == Kind::ForeignKeys);
    if !told {
        found
            .extend([Family::Ipv4, Family::Ipv6].into_iter().filter_map(|f| key_differs(scene, f)));
    }
    found.extend(client_address(scene));
    found
}

fn of_tell(tell: &Tell) -> Finding {
    let (entry, words) = words(tell);
    let finding = entry.raised(Subject::default(), tell.evidence.clone(), words);
    with_confidence(finding, tell.confidence)
}

fn words(tell: &Tell) -> (Entry, String) {
    let (family, controls) = (tell.family.label(), tell.controls.join(" and "));
    match tell.kind {
        Kind::GreetingFromNowhere => (
            catalogue::GREETING_FROM_NOWHERE,
            format!("Over {family} an address that belongs to no mail server greeted us with 220."),
        ),
        Kind::OneKey => (
            catalogue::ONE_KEY,
            format!("Over {family} the key proven here is also proven by {controls}."),
        ),
        Kind::ForeignKeys => (
            catalogue::FOREIGN_KEYS,
            format!(
                "Over {family} this target and {controls} show keys that no trusted issuer vouches \
                 for, and other, trusted ones over the other family."
            ),
        ),
        Kind::OneFace => (
            catalogue::ONE_FACE,
            format!(
                "Over {family} the greeting has the same host name and EHLO lists the same keywords \
                 as at {controls}."
            ),
        ),
    }
}

/// Seen by family only, and at this target only: the doubt is said.
fn key_differs(scene: &Scene<'_>, family: Family) -> Option<Finding> {
    if !foreign_over(&scene.addresses, family) {
        return None;
    }
    let shown = scene.addresses.iter().filter(|address| !address.keys().is_empty());
    let finding = catalogue::KEY_DIFFERS_BY_FAMILY.raised(
        Subject::default(),
        shown.flat_map(Address::evidence).collect(),
        format!(
            "Over {} the key is another one than over the other family, and no trusted issuer \
             vouches for it.",
            family.label()
        ),
    );
    Some(with_confidence(finding, Confidence::Suspected))
}

/// The client address that the server names: public, not ours, and unlike what
/// the controls name. Behind NAT all of them name the same one.
fn client_address(scene: &Scene<'_>) -> Vec<Finding> {
    let seen = |reading: &Reading<'_>| {
        let text = reading.session.ehlo.as_ref()?.client_address_seen.clone()?;
        text.parse::<std::net::IpAddr>().ok()
    };
    let controls = scene.controls.all.iter().flat_map(|control| &control.addresses);
    let named: Vec<_> = controls
        .flat_map(|address| &address.readings)
        .filter_map(|reading| seen(reading))
        .collect();
    let mut found = Vec::new();
    for address in &scene.addresses {
        let Some(reading) = address.best() else { continue };
        let Some(ip) = seen(reading) else { continue };
        let comparable: Vec<_> =
            named.iter().filter(|other| Family::of(**other) == Family::of(ip)).collect();
        if comparable.is_empty() || comparable.contains(&&ip) || reading.source() == Some(ip) {
            continue;
        }
        let subject = catalogue::on_address(&address.host, address.ip);
        let words = format!("{} sees us as {ip}; the controls do not.", address.label());
        let finding = catalogue::CLIENT_ADDRESS_FOREIGN.raised(subject, vec![reading.id()], words);
        found.push(with_confidence(finding, Confidence::Suspected));
    }
    found
}
