//! All addresses of a target together.
//!
//! Owns what is asked of an address's neighbours, indexed once, so that no rule walks
//! over all addresses for each of them. Refuses to claim anything: `claim` does.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Deref;

use super::address::Address;
use super::reading::Reading;
use super::standing;
use crate::model::evidence::Evidence;
use crate::model::probe::Family;
use crate::model::session::EhloAnswer;

/// The addresses in the order of the routes, each once a host.
#[derive(Debug, Default)]
pub(super) struct Addresses<'a> {
    all: Vec<Address<'a>>,
    by_host: HashMap<String, Vec<usize>>,
    /// Addresses that have STARTTLS, by family.
    having: HashMap<Family, HashSet<IpAddr>>,
    /// Whether all that greeted have it, by family; one where nobody greeted is not in it.
    all_have: HashMap<Family, bool>,
    /// Host, family and key of the addresses that have it steadily.
    steady_keys: HashSet<(String, Family, &'a str)>,
    /// The different answers to EHLO of those that have it, by their keys.
    answers: HashMap<&'a str, Vec<&'a EhloAnswer>>,
}

impl<'a> Addresses<'a> {
    /// Every address of every host of the routes, with its observations and standing.
    pub(super) fn of(evidence: &Evidence, readings: &'a [Reading<'a>]) -> Self {
        let main = Main::of(readings);
        let mut by_place: HashMap<(&str, IpAddr), Vec<&'a Reading<'a>>> = HashMap::new();
        for reading in readings {
            let probe = &reading.observation.probe;
            by_place.entry((&probe.host, probe.ip)).or_default().push(reading);
        }
        let mut known: HashSet<(&str, IpAddr)> = HashSet::new();
        let mut addresses = Vec::new();
        for exchange in evidence.routes.iter().flat_map(|route| &route.exchanges) {
            for ip in exchange.addresses() {
                if !known.insert((&exchange.host, ip)) {
                    continue;
                }
                let here = by_place.remove(&(exchange.host.as_str(), ip)).unwrap_or_default();
                let (readings, for_comparison): (Vec<_>, Vec<_>) =
                    here.into_iter().partition(|reading| main.holds(reading));
                let standing = standing::read(evidence.families.of(Family::of(ip)), ip, &readings);
                let host = exchange.host.clone();
                addresses.push(Address { host, ip, readings, for_comparison, standing });
            }
        }
        addresses.into_iter().collect()
    }

    /// The addresses of one host.
    pub(super) fn of_host(&self, host: &str) -> impl Iterator<Item = &Address<'a>> {
        let places = self.by_host.get(host).into_iter().flatten();
        places.filter_map(|place| self.all.get(*place))
    }

    /// Whether another address of the same family has STARTTLS.
    pub(super) fn another_has(&self, address: &Address<'_>) -> bool {
        let having = self.having.get(&address.family());
        having.is_some_and(|having| having.len() > usize::from(having.contains(&address.ip)))
    }

    /// Whether every address of a family that greeted has STARTTLS, and one did.
    pub(super) fn all_have(&self, family: Family) -> bool {
        self.all_have.get(&family) == Some(&true)
    }

    /// Whether an address of this host and family has STARTTLS steadily, with one of
    /// these keys.
    pub(super) fn shows_key(&self, host: &str, family: Family, keys: &BTreeSet<&str>) -> bool {
        keys.iter().any(|key| self.steady_keys.contains(&(host.to_owned(), family, *key)))
    }

    /// What addresses that have STARTTLS and one of these keys answered to EHLO.
    pub(super) fn answers(&self, keys: &BTreeSet<&str>) -> impl Iterator<Item = &'a EhloAnswer> {
        keys.iter().filter_map(|key| self.answers.get(*key)).flatten().copied()
    }

    fn index(&mut self, place: usize, address: &Address<'a>) {
        self.by_host.entry(address.host.clone()).or_default().push(place);
        let (family, has) = (address.family(), address.has());
        if address.greeted() {
            *self.all_have.entry(family).or_insert(true) &= has;
        }
        if !has {
            return;
        }
        self.having.entry(family).or_default().insert(address.ip);
        for key in address.keys() {
            if address.steady() {
                self.steady_keys.insert((address.host.clone(), family, key));
            }
            self.answered(key, address);
        }
    }

    /// What it answered under this key, unless it is known.
    fn answered(&mut self, key: &'a str, address: &Address<'a>) {
        let known = self.answers.entry(key).or_default();
        for answer in address.readings.iter().filter_map(|reading| reading.session.ehlo.as_ref()) {
            if known.iter().all(|other| other.keywords != answer.keywords) {
                known.push(answer);
            }
        }
    }
}

impl<'a> FromIterator<Address<'a>> for Addresses<'a> {
    fn from_iter<I: IntoIterator<Item = Address<'a>>>(addresses: I) -> Self {
        let mut indexed = Self::default();
        for (place, address) in addresses.into_iter().enumerate() {
            indexed.index(place, &address);
            indexed.all.push(address);
        }
        indexed
    }
}

impl<'a> Deref for Addresses<'a> {
    type Target = [Address<'a>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<'s, 'a> IntoIterator for &'s Addresses<'a> {
    type Item = &'s Address<'a>;
    type IntoIter = std::slice::Iter<'s, Address<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

/// The port, mode and EHLO name of the question itself, as its first session
/// had them. Sessions with others are for comparison.
struct Main<'a>(Option<&'a Reading<'a>>);

impl<'a> Main<'a> {
    fn of(readings: &'a [Reading<'a>]) -> Self {
        Self(readings.first())
    }

    fn holds(&self, reading: &Reading<'_>) -> bool {
        self.0.is_some_and(|first| {
            let (main, probe) = (&first.observation.probe, &reading.observation.probe);
            (main.port, main.mode, &main.ehlo_name) == (probe.port, probe.mode, &probe.ehlo_name)
        })
    }
}
