//! What may be claimed of all promises together: where one is denied on a path that
//! others tell of too, where some keep it, and where nobody does (docs/detection.md §1).
//!
//! Refuses to know what a promise says: whether it is kept is known by then.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::Vow;
use super::contradiction::{Contradiction, contradictions, is_other_operator};
use super::keeping::Denial;
use super::ledger::{Account, Entry, Ledger, Settled};
use crate::judge::claim::Claim;
use crate::judge::grouped::grouped;
use crate::judge::reading::Reading;
use crate::model::evidence::Evidence;
use crate::model::probe::Family;
use crate::model::verdict::{Confidence, Status};

/// The word for a promise that some servers of a domain keep.
pub(in crate::judge) const IN_PART: &str = "promise-kept-in-part";
/// The word for a policy that lists other hosts.
pub(in crate::judge) const NOT_LISTED: &str = "mx-not-listed";

/// Another destination, and what it shows of the paths.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Witness {
    /// Its name.
    name: String,
    denied: Vec<Contradiction>,
    /// Paths that nobody touches on the way to it.
    clean: BTreeSet<Clean>,
}

/// A vantage point and a family over which a destination has STARTTLS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Clean {
    vantage: String,
    family: Family,
    /// With a key that is promised, or that a trusted issuer vouches for.
    is_vouched: bool,
}

impl Clean {
    fn speaks_against(&self, found: &Contradiction) -> bool {
        (&self.vantage, self.family) == (&found.on.vantage, found.on.family)
            && (self.is_vouched || found.denial == Denial::Missing)
    }
}

/// What a destination shows of promises denied on one path, and of paths that are
/// clean.
pub(in crate::judge) fn witness(
    evidence: &Evidence,
    readings: &[Reading<'_>],
    ledger: &Ledger,
) -> Witness {
    let kept = ledger.accounts.iter().flat_map(|account| {
        account.entries.iter().filter(|entry| entry.settled == Settled::Kept).map(|entry| Clean {
            vantage: entry.path.vantage.clone(),
            family: entry.path.family,
            is_vouched: account.promise.vow != Vow::Encrypt,
        })
    });
    // Another port is another path to a box.
    let port = readings.first().map(|first| first.observation.probe.port);
    let works = readings.iter().filter(|reading| {
        reading.completed()
            && reading.session.starttls.offered == Some(true)
            && port == Some(reading.observation.probe.port)
    });
    let shown = works.map(|reading| Clean {
        vantage: reading.observation.probe.vantage.clone(),
        family: reading.observation.probe.family(),
        is_vouched: reading.trusted() == Some(true),
    });
    Witness {
        name: evidence.target.name(),
        denied: contradictions(ledger),
        clean: kept.chain(shown).collect(),
    }
}

/// All promises of a target, beside those of the controls.
#[derive(Debug, Default)]
pub(in crate::judge) struct Promises {
    pub(in crate::judge) ledger: Ledger,
    pub(in crate::judge) contradictions: Vec<Contradiction>,
    by_host: HashMap<String, OfHost>,
    /// The claim on each address of a host that breaks a binding promise.
    broken: HashMap<(String, IpAddr), Claim>,
}

/// Where in the lists what concerns one host stands.
#[derive(Debug, Default)]
struct OfHost {
    contradictions: Vec<usize>,
    accounts: Vec<usize>,
}

impl Promises {
    /// `beside` is what controls and other targets of the run show.
    pub(in crate::judge) fn new(ledger: Ledger, beside: &[&Witness]) -> Self {
        let mut all = contradictions(&ledger);
        let mut known = BTreeSet::new();
        all.retain(|found| known.insert((found.host.clone(), found.on.clone(), found.denial)));
        let own = all.clone();
        let several = of_several_operators(&own);
        for found in &mut all {
            // docs/detection.md §1 (a): two destinations with different operators. Where
            // a third is not touched, each of the two may have a machine of its own that
            // breaks its promise.
            let mut clean = beside.iter().flat_map(|witness| &witness.clean);
            if clean.any(|clean| clean.speaks_against(found)) {
                continue;
            }
            let other = beside.iter().find_map(|witness| {
                let mut denied = witness.denied.iter();
                Some((witness, denied.find(|other| is_other_operator(other, found))?))
            });
            let second = if let Some((witness, other)) = other {
                found.witness = Some(witness.name.clone());
                Some(other)
            } else {
                let path = (found.on.vantage.as_str(), found.on.family);
                let mut others = several.get(&path).into_iter().flatten().copied();
                others.find(|other| is_other_operator(other, found))
            };
            let Some(second) = second else { continue };
            found.everywhere = false;
            found.evidence.extend(second.evidence.clone());
            let mut known = BTreeSet::new();
            found.evidence.retain(|id| known.insert(id.clone()));
            if found.steady {
                found.confidence = Confidence::Proven;
            }
        }
        // What is left for one destination follows its machines: kept in part.
        all.retain(|found| !found.everywhere);
        Self {
            by_host: by_host(&ledger, &all),
            broken: broken(&ledger),
            ledger,
            contradictions: all,
        }
    }

    /// The claims on a set of hosts.
    pub(in crate::judge) fn claims(&self, hosts: &BTreeSet<&str>) -> Vec<Claim> {
        let here = || hosts.iter().filter_map(|host| self.by_host.get(*host));
        let found: BTreeSet<usize> =
            here().flat_map(|host| &host.contradictions).copied().collect();
        let accounts: BTreeSet<usize> = here().flat_map(|host| &host.accounts).copied().collect();
        let found = found.into_iter().filter_map(|place| self.contradictions.get(place));
        let mut claims: Vec<Claim> = found.map(Contradiction::claim).collect();
        let binding: Vec<&Account> = accounts
            .into_iter()
            .filter_map(|place| self.ledger.accounts.get(place))
            .filter(|account| account.is_binding())
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
        let here = self.by_host.get(host).into_iter().flat_map(|host| &host.contradictions);
        let denied = here
            .filter_map(|place| self.contradictions.get(*place))
            .filter(|found| found.addresses.contains(&ip))
            .max_by_key(|found| found.confidence);
        if let Some(found) = denied {
            return Some(found.claim());
        }
        self.broken.get(&(host.to_owned(), ip)).cloned()
    }
}

fn by_host(ledger: &Ledger, contradictions: &[Contradiction]) -> HashMap<String, OfHost> {
    let mut hosts: HashMap<String, OfHost> = HashMap::new();
    for (place, found) in contradictions.iter().enumerate() {
        hosts.entry(found.host.clone()).or_default().contradictions.push(place);
    }
    for (place, account) in ledger.accounts.iter().enumerate() {
        hosts.entry(account.promise.host.clone()).or_default().accounts.push(place);
    }
    hosts
}

/// By the first binding promise that each address breaks.
fn broken(ledger: &Ledger) -> HashMap<(String, IpAddr), Claim> {
    let mut broken = HashMap::new();
    for account in ledger.accounts.iter().filter(|account| account.is_binding()) {
        let fails = |entry: &&Entry| matches!(entry.settled, Settled::Denied(_) | Settled::Broken);
        for entry in account.entries.iter().filter(fails) {
            let place = (account.promise.host.clone(), entry.ip);
            broken.entry(place).or_insert_with(|| policy_failed(&entry.words));
        }
    }
    broken
}

/// The contradictions on each kind of path on which several operators have one.
fn of_several_operators(all: &[Contradiction]) -> HashMap<(&str, Family), Vec<&Contradiction>> {
    let paths = grouped(all, |found| (found.on.vantage.as_str(), found.on.family));
    let differ = |found: &[&Contradiction]| {
        found.windows(2).any(|pair| matches!(pair, [one, other] if one.operator != other.operator))
    };
    paths.into_iter().filter(|(_, found)| differ(found)).collect()
}

fn policy_failed(words: &BTreeSet<&'static str>) -> Claim {
    match (words.first(), words.len()) {
        (Some(word), 1) => Claim::because(Status::PolicyFailed, *word),
        _ => Claim::plain(Status::PolicyFailed),
    }
}

/// A promise that every path tried breaks, at every host of which it is known.
fn failed(binding: &[&Account]) -> Option<Claim> {
    let open = |account: &&&Account| !account.is_failed() && !account.entries.is_empty();
    let open = mechanisms(binding.iter().copied().filter(|account| open(&account)));
    let fails =
        |account: &&&Account| account.is_failed() && !open.contains(account.promise.vow.label());
    let words: BTreeSet<_> =
        binding.iter().filter(fails).flat_map(|account| account.words()).collect();
    (!words.is_empty()).then(|| policy_failed(&words))
}

/// A promise that some addresses keep and some do not: to those no sender that
/// knows it delivers. Only a difference between paths says more.
fn in_part(binding: &[&Account]) -> Option<Claim> {
    let has = |account: &Account, settled: Settled| {
        account.entries.iter().any(|entry| entry.settled == settled)
    };
    let kept = mechanisms(binding.iter().copied().filter(|account| has(account, Settled::Kept)));
    let parted = |account: &&Account| {
        let kept = kept.contains(account.promise.vow.label());
        has(account, Settled::Mixed) || (!account.entries.is_empty() && !account.is_kept() && kept)
    };
    let found = binding.iter().any(parted);
    found.then(|| Claim::because(Status::Inconsistent, IN_PART).sure(Confidence::Suspected))
}

/// The mechanisms of these promises.
fn mechanisms<'a>(accounts: impl Iterator<Item = &'a Account>) -> BTreeSet<&'static str> {
    accounts.map(|account| account.promise.vow.label()).collect()
}
