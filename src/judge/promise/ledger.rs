//! How each promise stands at each address and on each path.
//!
//! Owns what many sessions say of one promise together. Refuses to claim anything from
//! it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::keeping::{self, Denial, Failed, Outcome, Trust};
use super::{Demand, Force, Promise, Vow, lists_no_host, promises};
use crate::judge::grouped::grouped;
use crate::judge::held::Circumstances;
use crate::judge::reading::Reading;
use crate::model::evidence::Evidence;
use crate::model::probe::{Family, Mode};
use crate::tls::Roots;

/// A way to a destination, on which something may lie: who asked, from where, and
/// by which family.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::judge) struct Path {
    pub(in crate::judge) vantage: String,
    pub(in crate::judge) source: Option<IpAddr>,
    pub(in crate::judge) family: Family,
}

impl Path {
    fn of(reading: &Reading<'_>) -> Self {
        let probe = &reading.observation.probe;
        Self { vantage: probe.vantage.clone(), source: reading.source(), family: probe.family() }
    }

    /// Whether both begin at one vantage and use one family, whichever of its
    /// addresses the machine chose for each destination.
    pub(in crate::judge) fn is_alike(&self, other: &Self) -> bool {
        (&self.vantage, self.family) == (&other.vantage, other.family)
    }
}

/// How a promise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::judge) enum Settled {
    /// Kept in every session that says something.
    Kept,
    /// Denied in every one.
    Denied(Denial),
    /// Not kept in any, and not every time in a way that a path can cause.
    Broken,
    /// Kept in some, not in others.
    Mixed,
}

/// One promise at one address, over one path: what its sessions say. An address of
/// which nothing is known has no entry.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Entry {
    pub(in crate::judge) ip: IpAddr,
    pub(in crate::judge) path: Path,
    pub(in crate::judge) settled: Settled,
    /// RFC 8460's words for what went wrong.
    pub(in crate::judge) words: BTreeSet<&'static str>,
    /// How many sessions say it.
    pub(in crate::judge) sessions: usize,
    pub(in crate::judge) evidence: Vec<String>,
    /// The keys proven here.
    pub(in crate::judge) keys: BTreeSet<String>,
    /// When they were, and which names they gave.
    pub(in crate::judge) circumstances: Circumstances,
}

/// One promise, and everything that speaks of it.
#[derive(Clone, Debug)]
pub(in crate::judge) struct Account {
    pub(in crate::judge) promise: Promise,
    pub(in crate::judge) entries: Vec<Entry>,
}

/// All promises of one destination.
#[derive(Clone, Debug, Default)]
pub(in crate::judge) struct Ledger {
    pub(in crate::judge) demands: Vec<Demand>,
    pub(in crate::judge) accounts: Vec<Account>,
    /// MTA-STS enforces, and lists none of the hosts.
    pub(in crate::judge) lists_no_host: bool,
}

impl Ledger {
    pub(in crate::judge) fn new(
        evidence: &Evidence,
        demands: Vec<Demand>,
        readings: &[Reading<'_>],
        (roots, renamed): (&Roots, bool),
    ) -> Self {
        let trust = Trust { public: roots.is_public(), renamed };
        let asked = Asked::of(readings);
        let by_host = grouped(readings, |reading| reading.observation.probe.host.as_str());
        let by_host: HashMap<&str, Vec<&Reading<'_>>> = by_host.into_iter().collect();
        let account = |promise: Promise| {
            let here = by_host.get(promise.host.as_str()).map(Vec::as_slice).unwrap_or_default();
            Account { entries: entries(&promise, here, &asked, trust), promise }
        };
        let accounts = promises(evidence, &demands, roots).into_iter().map(account).collect();
        let lists_no_host = lists_no_host(evidence, &demands, roots);
        Self { demands, accounts, lists_no_host }
    }

    /// Whether every address that was measured keeps what DANE promises for it.
    pub(in crate::judge) fn dane_is_kept(&self) -> bool {
        let mut dane = self.accounts.iter().filter(|account| account.promise.vow == Vow::Dane);
        let bound: BTreeSet<&str> =
            dane.clone().map(|account| account.promise.host.as_str()).collect();
        !self.demands.is_empty()
            && self.demands.iter().all(|demand| bound.contains(demand.host.as_str()))
            && dane.all(Account::is_kept)
    }
}

impl Account {
    pub(in crate::judge) fn is_binding(&self) -> bool {
        self.promise.force == Force::Binding
    }

    /// Something is known, and all of it good.
    pub(in crate::judge) fn is_kept(&self) -> bool {
        !self.entries.is_empty() && self.entries.iter().all(|entry| entry.settled == Settled::Kept)
    }

    /// Something is known, and no session keeps it.
    pub(in crate::judge) fn is_failed(&self) -> bool {
        !self.entries.is_empty()
            && self
                .entries
                .iter()
                .all(|entry| matches!(entry.settled, Settled::Denied(_) | Settled::Broken))
    }

    pub(in crate::judge) fn on<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.path == *path)
    }

    /// How it stands over each path of which something is known, all addresses taken
    /// together.
    pub(in crate::judge) fn settled(&self) -> BTreeMap<&Path, Settled> {
        let mut settled: BTreeMap<&Path, Settled> = BTreeMap::new();
        for entry in &self.entries {
            let known = settled.entry(&entry.path).or_insert(entry.settled);
            *known = together(*known, entry.settled);
        }
        settled
    }

    /// RFC 8460's words for what went wrong, wherever it did.
    pub(in crate::judge) fn words(&self) -> BTreeSet<&'static str> {
        self.entries.iter().flat_map(|entry| entry.words.iter().copied()).collect()
    }
}

fn together(left: Settled, right: Settled) -> Settled {
    match (left, right) {
        (left, right) if left == right => left,
        (Settled::Kept | Settled::Mixed, _) | (_, Settled::Kept | Settled::Mixed) => Settled::Mixed,
        // One without an offer, one with a foreign key: denied, and the offer is
        // the lesser claim.
        (Settled::Denied(left), Settled::Denied(right)) => Settled::Denied(left.min(right)),
        _ => Settled::Broken,
    }
}

/// The sessions of the host that speak of its promise, by address and path.
fn entries(
    promise: &Promise,
    here: &[&Reading<'_>],
    asked: &Asked<'_>,
    trust: Trust,
) -> Vec<Entry> {
    let told = here
        .iter()
        .copied()
        .filter(|reading| asked.holds(reading, promise.vow))
        // A record that was published later, or withdrawn before, binds no session.
        .filter(|reading| promise.vow == Vow::MtaSts || reading.bound);
    let places = grouped(told, |reading| (reading.observation.probe.ip, Path::of(reading)));
    let entry = |((ip, path), sessions): ((IpAddr, Path), Vec<&Reading<'_>>)| {
        entry(ip, path, &sessions, (promise.vow, trust))
    };
    places.into_iter().filter_map(entry).collect()
}

/// The port that was asked, for which TLSA was looked up, and its mode; and of each
/// vantage point the EHLO name that it gave first. Sessions with others are for
/// comparison. MTA-STS speaks of relaying between servers by STARTTLS only
/// (RFC 8461 §1).
struct Asked<'a> {
    first: Option<&'a Reading<'a>>,
    names: BTreeMap<&'a str, &'a Option<String>>,
}

impl<'a> Asked<'a> {
    fn of(readings: &'a [Reading<'a>]) -> Self {
        let mut names = BTreeMap::new();
        for probe in readings.iter().map(|reading| &reading.observation.probe) {
            names.entry(probe.vantage.as_str()).or_insert(&probe.ehlo_name);
        }
        Self { first: readings.first(), names }
    }

    fn holds(&self, reading: &Reading<'_>, vow: Vow) -> bool {
        let probe = &reading.observation.probe;
        let named = self.names.get(probe.vantage.as_str()) == Some(&&probe.ehlo_name);
        named
            && self.first.is_some_and(|first| {
                let asked = &first.observation.probe;
                let relays = asked.mode == Mode::Starttls && asked.port == 25;
                (vow != Vow::MtaSts || relays)
                    && (asked.port, asked.mode) == (probe.port, probe.mode)
            })
    }
}

fn entry(
    ip: IpAddr,
    path: Path,
    sessions: &[&Reading<'_>],
    (vow, trust): (Vow, Trust),
) -> Option<Entry> {
    let said: Vec<(&Reading<'_>, Outcome)> =
        sessions.iter().map(|reading| (*reading, keeping::outcome(reading, vow, trust))).collect();
    // A 4xx once can be a passing fault (docs/detection.md §3).
    let again = said.iter().filter(|(_, outcome)| *outcome == Outcome::Tempfailed).count() > 1;
    let refused = Failed { denial: Some(Denial::Missing), word: keeping::NOT_SUPPORTED };
    let known = said.into_iter().filter_map(|(reading, outcome)| match outcome {
        Outcome::Kept => Some((reading, None)),
        Outcome::Failed(failed) => Some((reading, Some(failed))),
        Outcome::Tempfailed => again.then_some((reading, Some(refused))),
        Outcome::Unknown => None,
    });
    let known: Vec<(&Reading<'_>, Option<Failed>)> = known.collect();
    let settled = known.iter().map(|(_, failed)| settle(*failed)).reduce(together)?;
    let keys = known.iter().filter_map(|(reading, _)| reading.proven_key().map(str::to_owned));
    Some(Entry {
        ip,
        path,
        settled,
        words: known.iter().filter_map(|(_, failed)| failed.map(|failed| failed.word)).collect(),
        sessions: known.len(),
        evidence: known.iter().map(|(reading, _)| reading.id()).collect(),
        keys: keys.collect(),
        circumstances: Circumstances::of(known.iter().map(|(reading, _)| *reading)),
    })
}

fn settle(failed: Option<Failed>) -> Settled {
    match failed.map(|failed| failed.denial) {
        None => Settled::Kept,
        Some(Some(denial)) => Settled::Denied(denial),
        Some(None) => Settled::Broken,
    }
}
