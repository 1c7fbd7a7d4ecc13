//! What a destination shows of an address that mail leaves by.
//!
//! Owns what is taken from the report on one source. Refuses to know what of it is wrong:
//! `paths` does.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::model::egress::{DestinationView, Source};
use crate::model::probe::Family;
use crate::model::report::{ObservationReport, TargetReport};

/// What a destination showed, of the report on one source alone; `level` is that of
/// the Postfix whose deliveries are told.
pub fn view(report: &TargetReport, level: Option<&str>) -> DestinationView {
    let seen = || report.observations.iter();
    let offers: Vec<bool> = seen().filter_map(|one| one.starttls.offered).collect();
    let address = |one: &ObservationReport| one.ehlo.as_ref()?.client_address_seen.clone();
    let postfix = |one: &ObservationReport| {
        let level = one.postfix.as_ref()?.get(level?)?.as_ref()?;
        Some(level.delivery.clone())
    };
    DestinationView {
        target: report.target.clone(),
        status: report.verdict.status,
        confidence: report.verdict.confidence,
        summary: report.verdict.summary.clone(),
        because: report.verdict.because.clone(),
        addresses: report.verdict.addresses,
        reached: report.verdict.reached,
        offered: (!offers.is_empty()).then(|| offers.iter().all(|offered| *offered)),
        tls: unique(seen().filter_map(negotiated)),
        client_address_seen: unique(seen().filter_map(address)),
        postfix: unique(seen().filter_map(postfix)),
        observations: seen().map(|one| one.id.clone()).collect(),
    }
}

/// The address by which destinations know a source, where they say one and agree.
pub fn address_seen(source: &Source) -> Option<IpAddr> {
    let words = source.destinations.iter().flat_map(|view| &view.client_address_seen);
    let mut seen = words.filter_map(|word| word.parse::<IpAddr>().ok());
    let first = seen.next().filter(|ip| Family::of(*ip) == source.family)?;
    seen.all(|ip| ip == first).then_some(first)
}

fn unique(words: impl Iterator<Item = String>) -> Vec<String> {
    words.collect::<BTreeSet<_>>().into_iter().collect()
}

fn negotiated(observation: &ObservationReport) -> Option<String> {
    let tls = observation.tls.as_ref()?;
    let version = tls.version.as_ref()?;
    let group =
        tls.key_exchange_group.as_ref().map(|group| format!(" {group}")).unwrap_or_default();
    Some(format!("{version}{group}"))
}
