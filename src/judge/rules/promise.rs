//! Promises that are denied on one path, broken on all, or made badly.

use std::collections::BTreeSet;

use crate::judge::Scene;
use crate::judge::catalogue::{self as catalogue, Entry, on_address, on_host, with_confidence};
use crate::judge::promise::keeping::{NOT_SUPPORTED, VALIDATION_FAILURE};
use crate::judge::promise::ledger::{Account, Settled};
use crate::judge::promise::proof::Contradiction;
use crate::judge::promise::{Force, Vow, words};
use crate::model::finding::Finding;

pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let promises = &scene.promises;
    let mut found: Vec<Finding> = promises.contradictions.iter().map(denied).collect();
    for account in &promises.ledger.accounts {
        found.extend(broken(account));
    }
    found
}

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
    let alternatives = if proven { Vec::new() } else { finding.alternatives.clone() };
    with_confidence(Finding { alternatives, ..finding }, found.confidence)
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What each address does not keep, one finding an address and kind of failure.
fn broken(account: &Account) -> Vec<Finding> {
    let kinds: [(&[&str], fn(Vow) -> Entry); 2] = [
        (&[NOT_SUPPORTED], |_| catalogue::STARTTLS_NOT_SUPPORTED),
        (&[], |vow| match vow {
            Vow::MtaSts => catalogue::STS_CERTIFICATE,
            Vow::Dane | Vow::Encrypt => catalogue::DANE_MISMATCH,
        }),
    ];
    let mut found = Vec::new();
    for entry in account.entries.iter().filter(|entry| entry.settled != Settled::Kept) {
        for (place, (wanted, of)) in kinds.iter().enumerate() {
            let is_here = |word: &&&'static str| wanted.contains(*word) == (place == 0);
            let seen: BTreeSet<&str> = entry.words.iter().filter(is_here).copied().collect();
            if seen.is_empty() {
                continue;
            }
            let kind = if account.promise.force == Force::Testing {
                catalogue::STS_TESTING
            } else {
                of(account.promise.vow)
            };
            found.push(kind.raised(
                on_address(&account.promise.host, entry.ip),
                entry.evidence.clone(),
                explanation(account, &entry.ip.to_string(), &seen),
            ));
        }
    }
    found
}

fn explanation(account: &Account, ip: &str, seen: &BTreeSet<&str>) -> String {
    let (host, by) = (&account.promise.host, account.promise.vow.label());
    let what = match (account.promise.vow, seen.contains(NOT_SUPPORTED)) {
        (_, true) => "STARTTLS is not offered or refused there",
        (Vow::MtaSts, _) => "its certificate is not valid for the MX host",
        _ if seen.contains(VALIDATION_FAILURE) => "its chain matches no usable TLSA record",
        _ => "its chain leads to an anchor of the TLSA records, and does not hold",
    };
    let seen: Vec<&str> = seen.iter().copied().collect();
    format!("{by} promises TLS for {host}, and at {ip} {what} ({}).", seen.join(", "))
}
