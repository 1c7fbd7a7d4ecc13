//! Whom `mxray egress` asks from which address, and when that is enough.
//!
//! Owns the sparing: one address a family of one destination, of another operator
//! where that did not settle it, and only then more. Refuses to connect and to judge.

use std::net::IpAddr;

use mxray::model::egress::{DestinationView, Source};
use mxray::model::evidence::Evidence;
use mxray::model::observation::Observation;
use mxray::model::operator::built_in_controls;
use mxray::model::probe::{Family, Role};
use mxray::model::report::{Families, FamilyUse};
use mxray::model::target::Target;
use mxray::model::verdict::Status;
use mxray::plan::Breadth;

/// Providers that are asked at the most where nothing is named.
const MOST_BUILT_IN: usize = 3;
/// Destinations that have to agree on bad news.
const AGREEING: usize = 2;

/// Some destinations, asked at once.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Round {
    pub(super) targets: Vec<Target>,
    pub(super) breadth: Breadth,
    /// When a source takes part.
    when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    /// No destination greeted it so far.
    Unreached,
    /// It is not known yet whether mail by it is safe.
    Unsettled,
}

impl Round {
    /// Whether a source is asked from in this round, by what it saw so far.
    pub(super) fn is_for(&self, source: &Source) -> bool {
        match self.when {
            When::Always => true,
            When::Unreached => source.destinations.iter().all(|view| view.reached == 0),
            When::Unsettled => !is_settled(&source.destinations),
        }
    }
}

/// Destinations that somebody named: each is asked, and at a second address of each
/// where nobody greeted.
pub(super) fn named(targets: &[Target]) -> Vec<Round> {
    let round = |place, when| Round {
        targets: targets.to_vec(),
        breadth: Breadth::OneAFamily(place),
        when,
    };
    vec![round(0, When::Always), round(1, When::Unreached)]
}

/// Large providers, one after the other, each for the sources that need it.
pub(super) fn built_in() -> Vec<Round> {
    let targets = built_in_controls().into_iter();
    let round = |target| Round {
        targets: vec![target],
        breadth: Breadth::OneAFamily(0),
        when: When::Unsettled,
    };
    targets.take(MOST_BUILT_IN).map(round).collect()
}

/// One intact session speaks for the way out; bad news takes two that agree, since a
/// destination may be down or choosy itself.
fn is_settled(views: &[DestinationView]) -> bool {
    let mut known = views.iter().filter(|view| view.addresses > 0).map(|view| view.status);
    let Some(first) = known.next() else { return false };
    let rest: Vec<Status> = known.collect();
    first == Status::Intact
        || rest.contains(&Status::Intact)
        || (rest.len() + 1 >= AGREEING && rest.iter().all(|status| *status == first))
}

/// What was learned of a destination, over all rounds.
#[derive(Debug)]
struct Asked {
    evidence: Evidence,
    /// From where it was asked.
    sources: Vec<IpAddr>,
}

/// Everything that the rounds brought home, each destination once.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    asked: Vec<Asked>,
    /// Observations so far: ids go on counting.
    observations: usize,
}

impl Gathered {
    /// Adds a round that was made from these sources.
    pub(super) fn add(&mut self, outcome: Vec<Evidence>, sources: &[IpAddr]) {
        for mut evidence in outcome {
            for observation in &mut evidence.observations {
                self.observations += 1;
                observation.id = format!("o{}", self.observations);
            }
            let known = |asked: &&mut Asked| asked.evidence.target == evidence.target;
            match self.asked.iter_mut().find(known) {
                Some(asked) => asked.evidence.observations.append(&mut evidence.observations),
                None => self.asked.push(Asked { evidence, sources: sources.to_vec() }),
            }
        }
    }

    /// The names of all that were asked.
    pub(super) fn names(&self) -> Vec<String> {
        self.asked.iter().map(|asked| asked.evidence.target.name()).collect()
    }

    /// What one source saw, each destination without the others' sessions.
    pub(super) fn of(&self, source: IpAddr) -> Vec<Evidence> {
        let asked = self.asked.iter().filter(|asked| asked.sources.contains(&source));
        asked.map(|asked| of_source(&asked.evidence, source)).collect()
    }
}

fn of_source(evidence: &Evidence, source: IpAddr) -> Evidence {
    let is_own = |one: &&Observation| one.probe.source == Some(source);
    let observations = evidence.observations.iter().filter(is_own).cloned().collect();
    let families = match Family::of(source) {
        Family::Ipv4 => Families { ipv6: FamilyUse::NotAsked, ..evidence.families },
        Family::Ipv6 => Families { ipv4: FamilyUse::NotAsked, ..evidence.families },
    };
    Evidence { observations, families, ..evidence.clone() }
}

/// The others, as what they are beside one.
pub(super) fn beside(all: &[Evidence], place: usize) -> Vec<Evidence> {
    let others = all.iter().enumerate().filter(|(other, _)| *other != place);
    others.map(|(_, other)| Evidence { role: Role::Control, ..other.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use mxray::model::operator::operator;

    use super::*;

    fn view(status: Status) -> DestinationView {
        DestinationView {
            target: "a.example".to_owned(),
            status,
            confidence: None,
            summary: String::new(),
            because: None,
            addresses: 1,
            reached: u32::from(!matches!(status, Status::Unreachable | Status::Blocked)),
            offered: None,
            tls: Vec::new(),
            client_address_seen: Vec::new(),
            postfix: Vec::new(),
            observations: Vec::new(),
        }
    }

    #[test]
    fn one_intact_session_is_enough_and_bad_news_takes_two() {
        use Status::{Blocked, Intact, NotOffered, PolicyFailed};
        for (seen, settled) in [
            (vec![], false),
            (vec![Intact], true),
            (vec![Blocked], false),
            (vec![Blocked, Blocked], true),
            (vec![NotOffered, NotOffered], true),
            (vec![Blocked, PolicyFailed], false),
            (vec![NotOffered, Intact], true),
        ] {
            let views: Vec<_> = seen.iter().copied().map(view).collect();
            assert_eq!(is_settled(&views), settled, "{seen:?}");
        }
        let nothing = DestinationView { addresses: 0, ..view(Intact) };
        assert!(!is_settled(&[nothing]), "a destination without this family says nothing");
    }

    #[test]
    fn built_in_destinations_are_of_different_operators() {
        let rounds = built_in();
        let names: Vec<String> =
            rounds.iter().flat_map(|round| &round.targets).map(Target::name).collect();
        let mut operators: Vec<&str> = names.iter().map(|name| operator(name)).collect();
        operators.dedup();
        assert_eq!((rounds.len(), operators.len()), (MOST_BUILT_IN, MOST_BUILT_IN), "{names:?}");
        assert!(rounds.iter().all(|round| round.breadth == Breadth::OneAFamily(0)));
    }
}
