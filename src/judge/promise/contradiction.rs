//! A promise that is kept on one path and denied on another.
//!
//! Owns when the two speak of the path, and how sure that is. Refuses to know what other
//! destinations show: `proof` holds them against each other.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::Force;
use super::keeping::Denial;
use super::ledger::{Account, Entry, Ledger, Path, Settled};
use crate::judge::claim::Claim;
use crate::judge::held::{Circumstances, Loose};
use crate::judge::verdict::SESSIONS_FOR_KEYS;
use crate::judge::whereabouts::share_network;
use crate::model::operator::{network, operator};
use crate::model::verdict::{Confidence, Place, Status};

/// The word for a claim that rests on a promise.
pub(in crate::judge) const DENIED: &str = "promise-denied";
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
    /// Whether both sides have the repeats that it takes, and nothing but the path
    /// differs between them.
    pub(super) steady: bool,
    /// Whether another vantage point meets the same at the same addresses: then no path
    /// near one of them explains it.
    pub(super) everywhere: bool,
    /// What else differs.
    pub(in crate::judge) loose: Vec<Loose>,
    /// The other destination that shows the same on this path.
    pub(in crate::judge) witness: Option<String>,
    pub(in crate::judge) evidence: Vec<String>,
    pub(super) addresses: BTreeSet<IpAddr>,
    /// Who operates the host, as far as its name and addresses tell.
    pub(super) operator: String,
    pub(super) networks: BTreeSet<IpAddr>,
}

impl Contradiction {
    pub(super) fn claim(&self) -> Claim {
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

/// Different registrable domains, no address in one network, one path.
pub(super) fn is_other_operator(left: &Contradiction, right: &Contradiction) -> bool {
    left.on.is_alike(&right.on)
        && left.operator != right.operator
        && left.networks.is_disjoint(&right.networks)
}

/// Promises denied on one path by every host that made one, and kept on another.
/// Where another host keeps its own on that path, the difference follows the host.
pub(super) fn contradictions(ledger: &Ledger) -> Vec<Contradiction> {
    let yardsticks: Vec<&Account> =
        ledger.accounts.iter().filter(|account| account.promise.force != Force::Testing).collect();
    let settled: Vec<_> = yardsticks.iter().map(|account| (*account, account.settled())).collect();
    let all = || {
        settled.iter().flat_map(|(account, paths)| {
            paths.iter().map(|(path, settled)| (*account, *path, *settled))
        })
    };
    let spared = all().filter(|(.., settled)| matches!(settled, Settled::Kept | Settled::Mixed));
    let spared: BTreeSet<(&str, &Path)> =
        spared.map(|(account, path, _)| (account.promise.vow.label(), path)).collect();
    let denied =
        all().filter(|(account, path, _)| !spared.contains(&(account.promise.vow.label(), *path)));
    let found = denied.filter_map(|(account, on, settled)| match settled {
        Settled::Denied(denial) => contradiction(account, on, denial),
        _ => None,
    });
    found.collect()
}

fn contradiction(account: &Account, on: &Path, denial: Denial) -> Option<Contradiction> {
    let addresses = |path: &Path| account.on(path).map(|entry| entry.ip).collect::<BTreeSet<_>>();
    let circumstances = |path: &Path| {
        account.on(path).fold(Circumstances::default(), |all, one| all.and(&one.circumstances))
    };
    let loose = |path: &Path| circumstances(on).loose(&circumstances(path));
    // The same machines, asked over another path at the same time, tell the most.
    let same = |path: &Path| addresses(on).is_subset(&addresses(path));
    let kept = account.settled().into_iter().filter(|(_, settled)| *settled == Settled::Kept);
    let kept = kept.map(|(path, _)| path);
    // The first of the best.
    let elsewhere =
        kept.min_by_key(|path| (!loose(path).is_empty(), !same(path), (*path).clone()))?;
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
    let loose = loose(elsewhere);
    let steady = both().all(|entry| entry.sessions >= wanted) && loose.is_empty();
    // A second machine that breaks its host's promise is more common than a box that
    // picks one destination: only the same address, kept elsewhere, rules it out.
    let sure = steady && same(elsewhere);
    Some(Contradiction {
        host: account.promise.host.clone(),
        on: on.clone(),
        elsewhere: elsewhere.clone(),
        denial,
        confidence: if sure { Confidence::Corroborated } else { Confidence::Suspected },
        steady,
        everywhere: is_everywhere(account, on, denial),
        loose,
        witness: None,
        evidence: both().flat_map(|entry| entry.evidence.clone()).collect(),
        operator: operator(&account.promise.host).to_owned(),
        networks: addresses(on).into_iter().map(network).collect(),
        addresses: addresses(on),
    })
}

/// Whether each address of this path is as bad, or shows the same key, to another
/// vantage point in another network, and good to none.
fn is_everywhere(account: &Account, on: &Path, denial: Denial) -> bool {
    let mut at: HashMap<IpAddr, Vec<&Entry>> = HashMap::new();
    for entry in &account.entries {
        at.entry(entry.ip).or_default().push(entry);
    }
    let is_apart = |one: &Path, other: &Path| !share_network(one.source, other.source);
    account.on(on).all(|here| {
        let others = || {
            let there = at.get(&here.ip).into_iter().flatten();
            there.copied().filter(|there| there.path.vantage != here.path.vantage)
        };
        let alike = |there: &Entry| {
            let shown = denial == Denial::Missing || !there.keys.is_disjoint(&here.keys);
            there.settled == here.settled && shown
        };
        others().any(|there| is_apart(&here.path, &there.path)) && others().all(alike)
    })
}
