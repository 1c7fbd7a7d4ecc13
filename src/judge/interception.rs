//! Something other than the MX answered. Each tell has its trap, and without
//! controls none of them is more than a suspicion (docs/detection.md §2).
//!
//! Owns the tells. Refuses to word the findings, which `rules::intercept` does.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::address::Address;
use super::claim::Claim;
use super::controls::{Control, Controls, Path, different_operators, other};
use super::reading::Reading;
use crate::model::probe::Family;
use crate::model::verdict::{Confidence, Place, Status};

/// A tell of interception over one family.
#[derive(Debug)]
pub(super) struct Tell {
    pub(super) kind: Kind,
    pub(super) family: Family,
    pub(super) confidence: Confidence,
    /// What it rests on, controls and canary included.
    pub(super) evidence: Vec<String>,
    /// Names of the controls that show it too.
    pub(super) controls: Vec<String>,
}

/// Which tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A greeting from an address where nothing can live.
    GreetingFromNowhere,
    /// One key at the target and at controls of other operators.
    OneKey,
    /// An untrusted key over this family and a trusted one over the other, at
    /// the target and at controls.
    ForeignKeys,
    /// One greeting host and one EHLO body at the target and at controls of two
    /// other operators.
    OneFace,
}

/// Every tell, over both families.
pub(super) fn tells(addresses: &[Address<'_>], controls: &Controls<'_>) -> Vec<Tell> {
    let families = [Family::Ipv4, Family::Ipv6];
    let found = families.into_iter().flat_map(|family| {
        let here: Vec<&Address<'_>> = addresses
            .iter()
            .filter(|address| address.family() == family && address.greeted())
            .collect();
        [
            nowhere(&here, controls, family),
            one_key(&here, controls, family),
            foreign_keys(&here, addresses, controls, family),
            one_face(&here, controls, family),
        ]
    });
    found.flatten().collect()
}

/// The claim that the tells support.
pub(super) fn claim(tells: &[Tell]) -> Option<Claim> {
    let confidence = tells.iter().map(|tell| tell.confidence).max()?;
    Some(Claim::plain(Status::Intercepted).sure(confidence).at(Place::NearVantage))
}

fn tell(kind: Kind, family: Family, here: &[&Address<'_>], controls: &[&Control<'_>]) -> Tell {
    let steady = here.iter().all(|address| address.steady());
    // One other destination can have its own reason for showing the same: a
    // default key of a server package, a second machine behind the AAAA.
    let several = kind == Kind::GreetingFromNowhere || different_operators(controls) >= 2;
    let confidence =
        if steady && several { Confidence::Corroborated } else { Confidence::Suspected };
    let mut evidence: Vec<String> = here.iter().flat_map(|address| address.evidence()).collect();
    evidence.extend(controls.iter().flat_map(|control| control.evidence(family)));
    let controls = controls.iter().map(|control| control.name.clone()).collect();
    Tell { kind, family, confidence, evidence, controls }
}

/// Only a greeting counts: VPNs and accelerators accept any connection.
fn nowhere(here: &[&Address<'_>], controls: &Controls<'_>, family: Family) -> Option<Tell> {
    let greeting = controls.canary_greeting(family)?;
    if here.is_empty() {
        return None;
    }
    let mut found = tell(Kind::GreetingFromNowhere, family, here, &[]);
    found.evidence.push(greeting.id());
    Some(found)
}

/// Some server packages ship one default key; operators of large providers do not
/// share one.
fn one_key(here: &[&Address<'_>], controls: &Controls<'_>, family: Family) -> Option<Tell> {
    let mut shown: HashMap<&str, BTreeSet<IpAddr>> = HashMap::new();
    for address in here {
        for key in address.keys() {
            shown.entry(key).or_default().insert(address.ip);
        }
    }
    // At one address both meet the same server.
    let elsewhere = |key: &str, ip: IpAddr| {
        shown.get(key).is_some_and(|ips| ips.len() > usize::from(ips.contains(&ip)))
    };
    let shares = |control: &&Control<'_>| {
        let mut theirs = control.addresses.iter().filter(|address| address.family() == family);
        theirs.any(|address| address.keys().into_iter().any(|key| elsewhere(key, address.ip)))
    };
    let sharing: Vec<_> = controls.all.iter().filter(shares).collect();
    seen_at_all(&sharing, controls, family).then(|| tell(Kind::OneKey, family, here, &sharing))
}

/// Some controls show it, and none that works over this family does not: a hand
/// on the path takes them all.
fn seen_at_all(showing: &[&Control<'_>], controls: &Controls<'_>, family: Family) -> bool {
    let spared = |control: &Control<'_>| {
        control.over(family) == Path::Works
            && !showing.iter().any(|other| std::ptr::eq(*other, control))
    };
    !showing.is_empty() && !controls.all.iter().any(spared)
}

/// A second machine behind the AAAA has a key of its own; controls do not lose
/// theirs with it.
fn foreign_keys(
    here: &[&Address<'_>],
    all: &[Address<'_>],
    controls: &Controls<'_>,
    family: Family,
) -> Option<Tell> {
    if !foreign_over(all, family) {
        return None;
    }
    let also: Vec<_> =
        controls.all.iter().filter(|control| foreign_over(&control.addresses, family)).collect();
    seen_at_all(&also, controls, family).then(|| tell(Kind::ForeignKeys, family, here, &also))
}

/// Over this family every key is untrusted, over the other one is trusted, and
/// no key is the same.
pub(super) fn foreign_over(addresses: &[Address<'_>], family: Family) -> bool {
    let of = |family| addresses.iter().filter(move |address| address.family() == family);
    let shown = |address: &&Address<'_>| !address.keys().is_empty();
    let here: Vec<_> = of(family).filter(shown).collect();
    let there: Vec<_> = of(other(family)).filter(shown).collect();
    !here.is_empty()
        && here.iter().all(|address| address.foreign())
        && there.iter().any(|address| address.trusted())
        && keys(&here).is_disjoint(&keys(&there))
}

/// The proven keys of several addresses.
fn keys<'a>(addresses: &[&Address<'a>]) -> BTreeSet<&'a str> {
    addresses.iter().flat_map(|address| address.keys()).collect()
}

/// Default bodies are equal everywhere; the greeting host is not.
fn one_face(here: &[&Address<'_>], controls: &Controls<'_>, family: Family) -> Option<Tell> {
    let face = |address: &Address<'_>| address.best().and_then(Reading::face);
    let ours = here.iter().find_map(|address| face(address))?;
    let same: Vec<_> = controls
        .all
        .iter()
        .filter(|control| {
            control
                .addresses
                .iter()
                .filter(|address| address.family() == family)
                .any(|address| face(address).as_ref() == Some(&ours))
        })
        .collect();
    (different_operators(&same) >= 2).then(|| tell(Kind::OneFace, family, here, &same))
}
