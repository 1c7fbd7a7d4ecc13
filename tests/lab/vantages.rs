//! The menu from one vantage point, from two and from two saved reports, of the same
//! minutes and of different days, with a real box wherever the table of
//! docs/detection.md §5 has one.
//!
//! Owns how each place is made in the lab. What is expected is read from the table.

mod references;
mod views;

use anyhow::{Context as _, Result, ensure};
use mxray::model::verdict::{Confidence, Place, Status};
use mxray::sim::middlebox::{Behaviour, Refusal};

pub(crate) use self::references::References;
use self::views::{Asking, Said, Second};
use crate::middlebox::{Placed, Router, Taken, is_silent};
use crate::mta;
use crate::oracle;
use crate::topology::{CLEAN, CLIENT, REFERENCES, SOURCES};
use crate::views_table::{Claim, Controls, Expected, Site, ViewsTable};
use crate::world::{Play, World};

/// A domain whose IPv4 listener has no STARTTLS, and its addresses.
const LISTENERS: (&str, [&str; 2]) = ("listeners.test", ["203.0.113.126", "2001:db8:203::126"]);

/// One trial a box, a place and a choice of controls, and those that have a name.
/// Waiting for silence takes longest, so it begins first.
pub(crate) fn plays() -> Vec<Play> {
    let table = ViewsTable::read();
    let mut cases: Vec<Case> = Behaviour::ALL
        .into_iter()
        .flat_map(|behaviour| Site::ALL.map(|site| (behaviour, site)))
        .flat_map(|(behaviour, site)| {
            [Controls::Asked, Controls::NotAsked].map(|controls| Case { behaviour, site, controls })
        })
        .filter(|case| !case.is_waited_for_twice(&table))
        .collect();
    cases.sort_by_key(|case| !is_silent(case.behaviour));
    let menu = cases
        .into_iter()
        .map(|case| -> Play { (case.title(), Box::new(move |world| case.play(world))) });
    let cleared = "vantages: an IPv4 listener that really lacks STARTTLS is cleared by the second";
    let both = "vantages: a path stripped over both families is not-offered from one, \
                stripped from two";
    let once = "vantages: a saved report with one session at each address leaves a suspicion";
    let named: [Play; 3] = [
        (cleared.to_owned(), Box::new(listener_is_cleared)),
        (both.to_owned(), Box::new(stripped_over_both)),
        (once.to_owned(), Box::new(looked_once)),
    ];
    menu.chain(named).collect()
}

/// A box, where it is, and whether controls are asked.
#[derive(Clone, Copy)]
struct Case {
    behaviour: Behaviour,
    site: Site,
    controls: Controls,
}

impl Case {
    fn title(self) -> String {
        let controls = match self.controls {
            Controls::Asked => "controls asked",
            Controls::NotAsked => "no control asked",
        };
        format!("vantages: {}, {}, {controls}", self.behaviour, self.site.words())
    }

    /// Whether the same silence, which lasts half a minute, is waited for with controls
    /// already, and the table has it in the same row.
    fn is_waited_for_twice(self, table: &ViewsTable) -> bool {
        let [asked, not_asked] =
            [Controls::Asked, Controls::NotAsked].map(|it| table.letter(self.site, it));
        is_silent(self.behaviour) && self.controls == Controls::NotAsked && asked == not_asked
    }

    /// Whether the second view has the box on its path, too.
    fn is_edge(self) -> bool {
        matches!(self.site, Site::EdgeIpv4 | Site::EdgeBoth)
    }

    /// Each view by a run of its own, both runs compared, of the same minutes and with
    /// days between, and both views in one run.
    fn play(self, world: &World) -> Result<()> {
        let placed = self.placed(world)?;
        let asking = self.asking();
        let expected = ViewsTable::read().expected(self.site, self.controls, self.behaviour);
        let log = || placed.log();
        let mut counted = 0;
        let mut is_on_path = |expected: bool| -> Result<()> {
            let before = std::mem::replace(&mut counted, placed.redirected()?);
            let taken = counted - before;
            ensure!((taken > 0) == expected, "the box took {taken} connections");
            Ok(())
        };
        says(&asking.client(world)?, expected.one).with_context(log)?;
        is_on_path(true).context("from the client")?;
        let second = asking.second_twice(world)?;
        is_on_path(self.is_edge()).context("from the second view")?;
        if !self.is_edge() {
            says(&second, INTACT).context("a clean path")?;
        }
        says(&Asking::saved()?, expected.saved).context("saved")?;
        if self.is_played_days_apart() {
            self.play_days_apart(world, expected).context("days apart").with_context(log)?;
            is_on_path(self.is_client_later() || self.is_edge()).context("days apart")?;
        }
        says(&asking.together(world)?, expected.two).context("from two").with_context(log)?;
        is_on_path(true).context("from two")
    }

    /// One view again, days after the other.
    fn play_days_apart(self, world: &World, expected: Expected) -> Result<()> {
        let asking = self.asking();
        let (alone, saved) = if self.is_client_later() {
            (asking.client_later(world)?, Asking::saved_client_later()?)
        } else {
            (asking.second_later(world)?, Asking::saved_second_later()?)
        };
        let on_day = match (self.is_client_later(), self.is_edge()) {
            (true, _) => Some(expected.one),
            (false, false) => Some(INTACT),
            (false, true) => None,
        };
        on_day.map_or(Ok(()), |claim| says(&alone, claim))?;
        says(&saved, expected.days_apart)
    }

    /// A third of the menu, each box and each place among it, for two more runs a trial
    /// take their time.
    fn is_played_days_apart(self) -> bool {
        let behaviour = Behaviour::ALL.iter().position(|it| *it == self.behaviour);
        let site = Site::ALL.iter().position(|it| *it == self.site);
        let controls = usize::from(self.controls == Controls::Asked);
        behaviour.zip(site).is_some_and(|(one, other)| (one + other + controls).is_multiple_of(3))
    }

    /// Whose report is the later one, where days are between: each place has both, but
    /// silence is not waited for once more.
    fn is_client_later(self) -> bool {
        self.controls == Controls::NotAsked && !is_silent(self.behaviour)
    }

    fn asking(self) -> Asking {
        Asking {
            domain: mta::POSTFIX.domain,
            controls: self.controls == Controls::Asked,
            silent: is_silent(self.behaviour),
            second: if self.site == Site::OneSource { Second::Source } else { Second::Machine },
        }
    }

    /// Puts the box where the table has it.
    fn placed(self, world: &World) -> Result<Placed> {
        use Site::{EdgeBoth, NearBoth, NearIpv4, OneSource, TargetBoth};
        let is_near = matches!(self.site, NearIpv4 | NearBoth | OneSource);
        let has_ipv6 = matches!(self.site, NearBoth | TargetBoth | EdgeBoth);
        let target = [mta::POSTFIX.ipv4, mta::POSTFIX.ipv6];
        let references = REFERENCES.into_iter().filter(|_| is_near);
        let to: Vec<&str> = std::iter::once(target)
            .chain(references)
            .flatten()
            .filter(|ip| has_ipv6 || !ip.contains(':'))
            .collect();
        let from = if self.site == OneSource { &SOURCES[1..] } else { &[] };
        let router = if self.is_edge() { Router::Edge } else { Router::Access };
        let taken = Taken { router, to: &to, from };
        Placed::taking(self.behaviour, taken, &world.authority.file)
    }
}

const INTACT: Claim = (Status::Intact, None, None);

fn says(said: &Said, expected: Claim) -> Result<()> {
    let Said { claim, outcome, .. } = said;
    ensure!(*claim == expected, "{claim:?}, expected {expected:?}\n{outcome}");
    Ok(())
}

/// No box at all: both views meet a listener without STARTTLS, and nobody took it.
fn listener_is_cleared(world: &World) -> Result<()> {
    let (domain, [ipv4, ipv6]) = LISTENERS;
    for namespace in [CLIENT, CLEAN] {
        ensure!(!oracle::offers_starttls(namespace, ipv4)?, "{ipv4} offers STARTTLS");
        ensure!(oracle::offers_starttls(namespace, ipv6)?, "{ipv6} does not offer STARTTLS");
    }
    let claim = |status, place| (status, Some(Confidence::Suspected), Some(place));
    let suspected = claim(Status::Stripped, Place::FamilyPath);
    let cleared = claim(Status::Inconsistent, Place::NearDestination);
    for controls in [false, true] {
        let asking = Asking { domain, controls, silent: false, second: Second::Machine };
        says(&asking.client(world)?, suspected)?;
        says(&asking.second_twice(world)?, suspected)?;
        says(&Asking::saved()?, cleared).context("saved")?;
        says(&asking.together(world)?, cleared).context("from two")?;
    }
    Ok(())
}

/// What one view must call `not-offered`, whatever is asked beside it.
fn stripped_over_both(world: &World) -> Result<()> {
    let behaviour = Behaviour::DropKeywordRefuse(Refusal::NotImplemented);
    for controls in [Controls::Asked, Controls::NotAsked] {
        let case = Case { behaviour, site: Site::TargetBoth, controls };
        let expected = ViewsTable::read().expected(case.site, controls, behaviour);
        ensure!(expected.one.0 == Status::NotOffered, "the table has {:?}", expected.one);
        for two in [expected.two, expected.saved] {
            ensure!(two.0 == Status::Stripped, "the table has {two:?}");
        }
        case.play(world)?;
    }
    Ok(())
}

/// Without a second look on the clean path nothing there is steady.
fn looked_once(world: &World) -> Result<()> {
    let behaviour = Behaviour::DropKeywordRefuse(Refusal::NotImplemented);
    let case = Case { behaviour, site: Site::TargetBoth, controls: Controls::NotAsked };
    let _placed = case.placed(world)?;
    let asking = case.asking();
    says(&asking.client(world)?, (Status::NotOffered, None, None))?;
    says(&asking.second(world)?, INTACT)?;
    says(&Asking::saved()?, (Status::Stripped, Some(Confidence::Suspected), None))
}
