//! What all answers say together.
//!
//! Owns what is open, refused and spoken. Refuses to plan the next question.

use super::suites::{self, TLS12, TLS13, VERSIONS};
use super::{Answer, Asked};
use crate::model::probe::Offer;
use crate::tls::legacy::{Flight, Hello};

/// What is known of an address after some questions.
#[derive(Debug)]
pub struct Tally {
    /// Each version, the newest first.
    pub versions: Vec<VersionTally>,
    /// Questions that have no answer.
    pub unanswered: usize,
    /// The smallest prime seen, in bits.
    pub dh_bits: Option<u32>,
    /// Whether any answer below TLS 1.3 picks compression, and whether it does
    /// without secure renegotiation or the extended master secret.
    pub old: Option<OldFeatures>,
}

/// By-products of an answer in TLS 1.2 or older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OldFeatures {
    /// TLS compression was picked.
    pub compression: bool,
    /// Secure renegotiation is indicated.
    pub secure_renegotiation: bool,
    /// The extended master secret is used.
    pub extended_master_secret: bool,
}

/// What is known of one version.
#[derive(Debug)]
pub struct VersionTally {
    /// 0x0300 to 0x0304.
    pub version: u16,
    /// Whether it is spoken; `None` before there is an answer.
    pub accepted: Option<bool>,
    /// Suites that were picked, in the order of the answers.
    pub suites: Vec<u16>,
    /// Groups that were picked, likewise.
    pub groups: Vec<u16>,
    /// Offers that were refused.
    refused: Vec<Offer>,
    /// What was offered and picked, in order.
    picked: Vec<(Offer, u16)>,
}

impl Tally {
    /// Counts up what was asked.
    pub fn of(asked: &[Asked]) -> Self {
        let mut tally = Self {
            versions: VERSIONS.map(VersionTally::new).into(),
            unanswered: 0,
            dh_bits: None,
            old: None,
        };
        for one in asked {
            tally.add(one);
        }
        tally
    }

    /// One version.
    pub fn version(&self, version: u16) -> Option<&VersionTally> {
        self.versions.iter().find(|one| one.version == version)
    }

    /// The version whose groups are asked for: the newest that uses any.
    pub fn grouped(&self) -> Option<&VersionTally> {
        let newest = self.version(TLS13).filter(|one| one.accepted == Some(true));
        newest.or_else(|| {
            self.version(TLS12)
                .filter(|one| one.suites.iter().any(|suite| suites::is_ecdhe(*suite)))
        })
    }

    fn add(&mut self, asked: &Asked) {
        let Some(offer) = &asked.offer else {
            self.unanswered += 1;
            return;
        };
        match &asked.answer {
            Answer::Unknown => self.unanswered += 1,
            Answer::Refused => self.refused(offer),
            Answer::Picked(flight) => {
                let Some(hello) = flight.hello else { return };
                self.by_products(hello, flight);
                // An older version than asked for: this one does not go with the offer.
                if hello.version != offer.version {
                    self.refused(offer);
                }
                let of_version = self.versions.iter_mut().find(|one| one.version == hello.version);
                if let Some(version) = of_version {
                    version.picked(offer, hello.suite, flight.named_group);
                }
            }
        }
    }

    fn refused(&mut self, offer: &Offer) {
        if let Some(version) = self.versions.iter_mut().find(|one| one.version == offer.version) {
            version.refused.push(offer.clone());
            version.accepted.get_or_insert(false);
        }
    }

    fn by_products(&mut self, hello: Hello, flight: &Flight) {
        if let Some(bits) = flight.prime_bits {
            self.dh_bits = Some(self.dh_bits.map_or(bits, |known| known.min(bits)));
        }
        if hello.version >= TLS13 {
            return;
        }
        let seen = OldFeatures {
            compression: hello.compression != 0,
            secure_renegotiation: hello.secure_renegotiation,
            extended_master_secret: hello.extended_master_secret,
        };
        // The first answer is that of the newest version.
        self.old.get_or_insert(seen);
    }
}

impl VersionTally {
    fn new(version: u16) -> Self {
        Self {
            version,
            accepted: None,
            suites: Vec::new(),
            groups: Vec::new(),
            refused: Vec::new(),
            picked: Vec::new(),
        }
    }

    fn picked(&mut self, offer: &Offer, suite: u16, group: Option<u16>) {
        self.accepted = Some(true);
        if !self.suites.contains(&suite) {
            self.suites.push(suite);
        }
        self.groups.extend(group.filter(|group| !self.groups.contains(group)));
        self.picked.push((offer.clone(), suite));
    }

    /// The suites of a kind that were neither picked nor refused together.
    pub fn open_suites(&self, of_kind: impl Fn(u16) -> bool) -> Vec<u16> {
        let mut open = suites::suites_of(self.version);
        open.retain(|suite| of_kind(*suite) && !self.suites.contains(suite));
        let all = suites::groups_of(self.version);
        let closed = self.refused.iter().filter(|offer| offer.groups.len() == all.len());
        let covers = |offer: &Offer| open.iter().all(|suite| offer.suites.contains(suite));
        if closed.into_iter().any(covers) { Vec::new() } else { open }
    }

    /// The groups that were neither picked nor refused together.
    pub fn open_groups(&self) -> Vec<u16> {
        let mut open = suites::groups_of(self.version);
        open.retain(|group| !self.groups.contains(group));
        // A refusal says something of groups where a suite was offered that goes.
        let of_groups = self
            .refused
            .iter()
            .filter(|offer| offer.suites.iter().any(|suite| self.suites.contains(suite)));
        let covers = |offer: &Offer| open.iter().all(|group| offer.groups.contains(group));
        if of_groups.into_iter().any(covers) { Vec::new() } else { open }
    }

    /// The suites picked, the other way round than we ordered them.
    pub fn reversed(&self) -> Vec<u16> {
        let mut order = suites::suites_of(self.version);
        order.reverse();
        order.retain(|suite| self.suites.contains(suite));
        order
    }

    /// Whether the server follows its own order; `None` before that is known.
    ///
    /// It does if it picks another than our first choice, or the same when our
    /// order is turned round.
    pub fn server_preference(&self) -> Option<bool> {
        let (_, first) = self.picked.first()?;
        let reversed = self.reversed();
        if reversed.len() < 2 {
            return None;
        }
        if reversed.last() != Some(first) {
            return Some(true);
        }
        let again = self.picked.iter().find(|(offer, _)| offer.suites == reversed);
        again.map(|(_, suite)| suite == first)
    }
}
