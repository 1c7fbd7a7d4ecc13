//! Promises that are denied on one path, broken on all, or made badly.
//!
//! Refuses to hold sessions against a promise, which `judge::promise` has done.

use std::collections::{BTreeSet, HashMap};

use crate::judge::Scene;
use crate::judge::catalogue::{self as catalogue, Entry, on_address, on_host, with_confidence};
use crate::judge::promise::contradiction::Contradiction;
use crate::judge::promise::keeping::{NOT_SUPPORTED, VALIDATION_FAILURE};
use crate::judge::promise::ledger::{Account, Settled};
use crate::judge::promise::{Force, Vow, words};
use crate::model::finding::{Finding, Subject};

pub(in crate::judge) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let promises = &scene.promises;
    let mut found: Vec<Finding> = promises.contradictions.iter().map(denied).collect();
    let mut unkept: Vec<Finding> = Vec::new();
    let mut unsupported: HashMap<Subject, usize> = HashMap::new();
    for finding in promises.ledger.accounts.iter().flat_map(broken) {
        // Without STARTTLS an address breaks both promises in one way.
        let same = (finding.id == catalogue::STARTTLS_NOT_SUPPORTED.id)
            .then(|| *unsupported.entry(finding.subject.clone()).or_insert(unkept.len()));
        match same.and_then(|place| unkept.get_mut(place)) {
            Some(known) => merge(known, &finding),
            None => unkept.push(finding),
        }
    }
    found.extend(unkept);
    found
}

/// Both promises in one finding: the sentences differ in who promises alone.
fn merge(known: &mut Finding, other: &Finding) {
    let by = |finding: &Finding| finding.explanation.split(PROMISES).next().map(str::to_owned);
    if let (Some(first), Some(second)) = (by(known), by(other))
        && first != second
    {
        let both = words::listed(&[first.as_str(), second.as_str()]);
        let rest = known.explanation.get(first.len() + PROMISES.len()..).unwrap_or_default();
        known.explanation = format!("{both} promise TLS for {rest}");
    }
    let new = other.evidence.iter().filter(|id| !known.evidence.contains(id)).cloned();
    known.evidence.extend(new.collect::<Vec<_>>());
}

/// Between who promises and for which host.
const PROMISES: &str = " promises TLS for ";

/// Kept on one path, denied on another.
fn denied(found: &Contradiction) -> Finding {
    let beside = found.witness.as_ref().map_or_else(String::new, |control| {
        format!("; on the same path the promise of {control}, which others operate, is denied too")
    });
    let finding = catalogue::PROMISE_DENIED.raised(
        on_host(&found.host),
        found.evidence.clone(),
        sentence(&format!("{}{beside}.", words::contrast(found))),
    );
    // Two operators at once leave no innocent explanation (docs/detection.md §1 (a)).
    let proven = found.confidence == crate::model::verdict::Confidence::Proven;
    let own = finding.alternatives.iter().cloned();
    let alternatives =
        if proven { Vec::new() } else { words::innocent(found).into_iter().chain(own).collect() };
    with_confidence(Finding { alternatives, ..finding }, found.confidence)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What each address does not keep: a finding for TLS that is not done, and one for
/// TLS that is not the promised one.
fn broken(account: &Account) -> Vec<Finding> {
    let mut found = Vec::new();
    for entry in account.entries.iter().filter(|entry| entry.settled != Settled::Kept) {
        for missing in [true, false] {
            let here = |word: &&'static str| (*word == NOT_SUPPORTED) == missing;
            let seen: BTreeSet<&str> = entry.words.iter().copied().filter(here).collect();
            if seen.is_empty() {
                continue;
            }
            found.push(kind(account, missing).raised(
                on_address(&account.promise.host, entry.ip),
                entry.evidence.clone(),
                explanation(account, &entry.ip.to_string(), &seen),
            ));
        }
    }
    found
}

fn kind(account: &Account, missing: bool) -> Entry {
    match (account.promise.force, account.promise.vow) {
        (Force::Testing, _) => catalogue::STS_TESTING,
        _ if missing => catalogue::STARTTLS_NOT_SUPPORTED,
        (_, Vow::MtaSts) => catalogue::STS_CERTIFICATE,
        (_, Vow::Dane | Vow::Encrypt) => catalogue::DANE_MISMATCH,
    }
}

fn explanation(account: &Account, ip: &str, seen: &BTreeSet<&str>) -> String {
    let (host, by) = (&account.promise.host, account.promise.vow.label());
    let what = match (account.promise.vow, seen.contains(NOT_SUPPORTED)) {
        (_, true) => "STARTTLS is not offered, or is refused",
        (Vow::MtaSts, _) => "its certificate is not valid for the MX host",
        _ if seen.contains(VALIDATION_FAILURE) => "its chain matches no usable TLSA record",
        _ => "its chain leads to an anchor of the TLSA records, and does not hold",
    };
    let seen: Vec<&str> = seen.iter().copied().collect();
    format!("{by}{PROMISES}{host}, and at {ip} {what} ({}).", seen.join(", "))
}
