//! What may be claimed where a promise is kept on one path and denied on another,
//! and where nobody keeps it (docs/detection.md §1).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Force;
use super::keeping::Denial;
use super::ledger::{Account, Entry, Ledger, Path, Settled};
use crate::judge::claim::Claim;
use crate::judge::verdict::SESSIONS_FOR_KEYS;
use crate::model::evidence::Evidence;
use crate::model::operator::{network, operator};
use crate::model::verdict::{Confidence, Place, Status};

/// The word for a claim that rests on a promise.
pub(in crate::judge) const DENIED: &str = "promise-denied";
/// The word for a promise that some servers of a domain keep.
pub(in crate::judge) const IN_PART: &str = "promise-kept-in-part";
/// The word for a policy that lists other hosts.
pub(in crate::judge) const NOT_LISTED: &str = "mx-not-listed";

/// Sessions at every address on both sides before a contradiction is steady, where
/// it is not in the keys.
const SESSIONS: usize = 2;

/// A promise that is denied on one path and kept on another.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Contradiction {
    pub(in crate::judge) host: String,
    /// Where it is denied.
    pub(in crate::judge) on: Path,
    /// Where it is kept.
    pub(in crate::judge) elsewhere: Path,
    pub(in crate::judge) denial: Denial,
    pub(in crate::judge) confidence: Confidence,
    /// The other destination that shows the same on this path.
    pub(in crate::judge) witness: Option<String>,
    pub(in crate::judge) evidence: Vec<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Contradiction {
    fn claim(&self) -> Claim {
        let status = match self.denial {
            Denial::Missing => Status::Stripped,
            Denial::Foreign => Status::Intercepted,
        };
        let claim = Claim::because(status, DENIED).sure(self.confidence);
        match self.witness {
            Some(_) => claim.at(Place::NearVantage),
            None if self.on.family != self.elsewhere.family => claim.at(Place::FamilyPath),
            None => claim,
        }
    }
}

/// Another destination whose promise is denied on one path and kept on another.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Witness {
    /// Its name.
    name: String,
    found: Contradiction,
}

/// What a destination shows of promises denied on one path.
pub(in crate::judge) fn witnesses(evidence: &Evidence, ledger: &Ledger) -> Vec<Witness> {
    let name = evidence.target.name();
    let found = contradictions(ledger).into_iter();
    found.map(|found| Witness { name: name.clone(), found }).collect()
}

/// All promises of a target, beside those of the controls.
#[derive(Debug, Default)]
pub(in crate::judge) struct Promises {
    pub(in crate::judge) ledger: Ledger,
    pub(in crate::judge) contradictions: Vec<Contradiction>,
}

impl Promises {
    /// `beside` is what controls and other targets of the run show.
    pub(in crate::judge) fn new(ledger: Ledger, beside: &[Witness]) -> Self {
        let mut all = contradictions(&ledger);
        let mut known = BTreeSet::new();
        all.retain(|found| known.insert((found.host.clone(), found.on.clone(), found.denial)));
        let own = all.clone();
        for found in &mut all {
            // docs/detection.md §1 (a): two destinations with different operators.
            let steady = found.confidence == Confidence::Corroborated;
            let second = if let Some(witness) =
                beside.iter().find(|witness| is_other_operator(&witness.found, found))
            {
                found.witness = Some(witness.name.clone());
                Some(&witness.found)
            } else {
                own.iter().find(|other| is_other_operator(other, found))
            };
            let Some(second) = second else { continue };
            found.evidence.extend(second.evidence.clone());
            let mut known = BTreeSet::new();
            found.evidence.retain(|id| known.insert(id.clone()));
            if steady {
                found.confidence = Confidence::Proven;
            }
        }
        Self { ledger, contradictions: all }
    }

    /// The claims on a set of hosts.
    pub(in crate::judge) fn claims(&self, hosts: &BTreeSet<&str>) -> Vec<Claim> {
        let here = |host: &str| hosts.contains(host);
        let mut claims: Vec<Claim> = self
            .contradictions
            .iter()
            .filter(|found| here(&found.host))
            .map(Contradiction::claim)
            .collect();
        let binding: Vec<&Account> = self
            .ledger
            .accounts
            .iter()
            .filter(|account| account.is_binding() && here(&account.promise.host))
            .collect();
        claims.extend(failed(&binding));
        claims.extend(in_part(&binding));
        if self.ledger.lists_no_host {
            claims.push(Claim::because(Status::PolicyFailed, NOT_LISTED));
        }
        claims
    }

    /// The claim on one address.
    pub(in crate::judge) fn of_address(&self, host: &str, ip: IpAddr) -> Option<Claim> {
        let denied = self
            .contradictions
            .iter()
            .filter(|found| found.host == host && found.addresses.contains(&ip))
            .max_by_key(|found| found.confidence);
        if let Some(found) = denied {
            return Some(found.claim());
        }
        let accounts = self
            .ledger
            .accounts
            .iter()
            .filter(|account| account.is_binding() && account.promise.host == host);
        let mut entries = accounts.flat_map(|account| &account.entries);
        let fails = |entry: &&Entry| {
            entry.ip == ip && matches!(entry.settled, Settled::Denied(_) | Settled::Broken)
        };
        entries.find(fails).map(|entry| policy_failed(&entry.words))
    }
}

fn policy_failed(words: &BTreeSet<&'static str>) -> Claim {
    match (words.first(), words.len()) {
        (Some(word), 1) => Claim::because(Status::PolicyFailed, *word),
        _ => Claim::plain(Status::PolicyFailed),
    }
}

/// A promise that every path tried breaks, at every host of which it is known.
fn failed(binding: &[&Account]) -> Option<Claim> {
    let fails = |account: &&&Account| {
        account.is_failed()
            && akin(binding, account).all(|other| other.is_failed() || other.entries.is_empty())
    };
    let words: BTreeSet<_> =
        binding.iter().filter(fails).flat_map(|account| account.words()).collect();
    (!words.is_empty()).then(|| policy_failed(&words))
}

/// A promise that some addresses keep and some do not: to those no sender that
/// knows it delivers. Only a difference between paths says more.
fn in_part(binding: &[&Account]) -> Option<Claim> {
    let parted = |account: &&&Account| {
        let mixed = account.entries.iter().any(|entry| entry.settled == Settled::Mixed);
        let kept = akin(binding, account)
            .any(|other| other.entries.iter().any(|entry| entry.settled == Settled::Kept));
        mixed || (!account.entries.is_empty() && !account.is_kept() && kept)
    };
    let found = binding.iter().any(|account| parted(&account));
    found.then(|| Claim::because(Status::Inconsistent, IN_PART).sure(Confidence::Suspected))
}

fn akin<'a>(
    accounts: &'a [&'a Account],
    one: &'a Account,
) -> impl Iterator<Item = &'a &'a Account> {
    accounts.iter().filter(|other| other.promise.vow.is_akin(one.promise.vow))
}

/// Different registrable domains, no address in one network, one path.
fn is_other_operator(left: &Contradiction, right: &Contradiction) -> bool {
    let networks = |found: &Contradiction| -> BTreeSet<IpAddr> {
        found.addresses.iter().map(|ip| network(*ip)).collect()
    };
    left.on.is_alike(&right.on)
        && operator(&left.host) != operator(&right.host)
        && networks(left).is_disjoint(&networks(right))
}

/// Promises denied on one path by every host that made one, and kept on another.
/// Where another host keeps its own on that path, the difference follows the host.
fn contradictions(ledger: &Ledger) -> Vec<Contradiction> {
    let yardsticks: Vec<&Account> =
        ledger.accounts.iter().filter(|account| account.promise.force != Force::Testing).collect();
    let mut found = Vec::new();
    for account in &yardsticks {
        for on in account.paths() {
            let spared = akin(&yardsticks, account)
                .any(|other| matches!(other.settled(on), Some(Settled::Kept | Settled::Mixed)));
            if let (false, Some(Settled::Denied(denial))) = (spared, account.settled(on)) {
                found.extend(contradiction(account, on, denial));
            }
        }
    }
    found
}

fn contradiction(account: &Account, on: &Path, denial: Denial) -> Option<Contradiction> {
    let kept = |path: &&&Path| account.settled(path) == Some(Settled::Kept);
    let paths = account.paths();
    let elsewhere = *paths.iter().find(kept)?;
    let keys = |path: &Path| -> BTreeSet<String> {
        account.on(path).flat_map(|entry| entry.keys.iter().cloned()).collect()
    };
    // The key that keeps it elsewhere is not foreign here.
    if denial == Denial::Foreign && !keys(on).is_disjoint(&keys(elsewhere)) {
        return None;
    }
    let both = || account.on(on).chain(account.on(elsewhere));
    let wanted = match denial {
        Denial::Missing => SESSIONS,
        Denial::Foreign => SESSIONS_FOR_KEYS,
    };
    let steady = both().all(|entry| entry.sessions >= wanted);
    Some(Contradiction {
        host: account.promise.host.clone(),
        on: on.clone(),
        elsewhere: elsewhere.clone(),
        denial,
        confidence: if steady { Confidence::Corroborated } else { Confidence::Suspected },
        witness: None,
        evidence: both().flat_map(|entry| entry.evidence.clone()).collect(),
        addresses: account.on(on).map(|entry| entry.ip).collect(),
    })
}
