//! Two views of one domain: each by a process of its own, both of them in one run,
//! and both as saved reports held together, of the same minutes or days apart.
//!
//! Owns how mxray is asked for them. Refuses to know what is on the path.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use mxray::report::json;

use super::references::DOMAINS;
use crate::clock;
use crate::process::{self, Outcome};
use crate::sandbox;
use crate::topology::{CLEAN, CLIENT, RESOLVER, SOURCES};
use crate::views_table::Claim;
use crate::world::{SILENCE, World};

/// What tells the second view from the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Second {
    /// Another machine.
    Machine,
    /// The first of the client's IPv4 addresses; the client's view is then that of
    /// the other.
    Source,
}

impl Second {
    fn namespace(self) -> &'static str {
        match self {
            Self::Machine => CLEAN,
            Self::Source => CLIENT,
        }
    }
}

/// A domain, and how it is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    pub(super) domain: &'static str,
    pub(super) controls: bool,
    /// Whether sessions meet with silence.
    pub(super) silent: bool,
    pub(super) second: Second,
}

/// What a run said.
pub(super) struct Said {
    pub(super) claim: Claim,
    started_at: Timestamp,
    /// Name and sources of each view, where there are several.
    views: Vec<(String, Vec<IpAddr>)>,
    pub(super) outcome: Outcome,
}

impl Asking {
    /// The client's view alone, saved.
    pub(super) fn client(self, world: &World) -> Result<Said> {
        let [_, other] = SOURCES;
        alone(world, CLIENT, "client", &self.words(&[other]), Clock::Right)
    }

    /// The same by a clock that is two days on.
    pub(super) fn client_later(self, world: &World) -> Result<Said> {
        let [_, other] = SOURCES;
        alone(world, CLIENT, LATER_CLIENT, &self.words(&[other]), Clock::DaysOn)
    }

    /// The second view alone, saved. It looks once where nothing looks odd, and that
    /// often is too little for a comparison.
    pub(super) fn second(self, world: &World) -> Result<Said> {
        let [own, _] = SOURCES;
        alone(world, self.second.namespace(), "second", &self.words(&[own]), Clock::Right)
    }

    /// The same with a second look, whatever it met.
    pub(super) fn second_twice(self, world: &World) -> Result<Said> {
        let [own, _] = SOURCES;
        let words = [self.words(&[own]), vec!["--second-look"]].concat();
        alone(world, self.second.namespace(), "second", &words, Clock::Right)
    }

    /// The same by a clock that is two days on.
    pub(super) fn second_later(self, world: &World) -> Result<Said> {
        let [own, _] = SOURCES;
        let words = [self.words(&[own]), vec!["--second-look"]].concat();
        alone(world, self.second.namespace(), LATER_SECOND, &words, Clock::DaysOn)
    }

    /// What `mxray compare` makes of both saved reports.
    pub(super) fn saved() -> Result<Said> {
        compared(["client", "second"])
    }

    /// The same, the second view's having been made days after the client's.
    pub(super) fn saved_second_later() -> Result<Said> {
        compared(["client", LATER_SECOND])
    }

    /// The same, the client's having been made days after the second view's.
    pub(super) fn saved_client_later() -> Result<Said> {
        compared([LATER_CLIENT, "second"])
    }

    /// Both in one run.
    pub(super) fn together(self, world: &World) -> Result<Said> {
        let vantage = format!("clean={}", world.clean_agent());
        let mut words = self.words(&SOURCES);
        if self.second == Second::Machine {
            words.extend(["--vantage", &vantage]);
        }
        let said = read(world.mxray_in(CLIENT, &words, RESOLVER)?)?;
        let views: Vec<_> =
            said.views.iter().map(|(name, ips)| (name.as_str(), ips.as_slice())).collect();
        let [own, other] = SOURCES.map(|ip| ip.parse().map(|ip: IpAddr| [ip]));
        let (own, other) = (own?, other?);
        let expected = match self.second {
            Second::Machine => [("local", [].as_slice()), ("clean", &[])],
            Second::Source => [("local", own.as_slice()), ("local", &other)],
        };
        ensure!(views == expected, "the views are {views:?}");
        Ok(said)
    }

    fn words<'a>(self, sources: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec!["check", self.domain, "--json"];
        for ip in sources.iter().filter(|_| self.second == Second::Source) {
            words.extend(["--source", *ip]);
        }
        if self.silent {
            words.extend(SILENCE);
        }
        for domain in DOMAINS.iter().filter(|_| self.controls) {
            words.extend(["--control", *domain]);
        }
        words
    }
}

/// The reports that a clock made which is days on.
const LATER_CLIENT: &str = "client-later";
const LATER_SECOND: &str = "second-later";

/// What a process of its own takes for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Right,
    DaysOn,
}

/// One view by a process of its own.
fn alone(world: &World, namespace: &str, name: &str, words: &[&str], clock: Clock) -> Result<Said> {
    let file = file(name)?;
    let words = [words, &["--save", &file]].concat();
    let mut mxray = world.command(namespace, &words, RESOLVER);
    if clock == Clock::DaysOn {
        clock::set_on(&mut mxray);
    }
    let said = read(process::observe(&mut mxray)?)?;
    ensure!(said.views.is_empty(), "more than one view: {:?}", said.views);
    let on = said.started_at.duration_since(Timestamp::now());
    let is_on = on > clock::ON - SignedDuration::from_hours(1);
    ensure!(is_on == (clock == Clock::DaysOn), "its clock was on by {on:#}\n{}", said.outcome);
    Ok(said)
}

/// What `mxray compare` makes of two saved reports.
fn compared(names: [&str; 2]) -> Result<Said> {
    let mut mxray = process::command(CLIENT, env!("CARGO_BIN_EXE_mxray"));
    mxray.args(["compare", "--json"]);
    for name in names {
        mxray.arg(file(name)?);
    }
    let said = read(process::observe(&mut mxray)?)?;
    let views: Vec<&str> = said.views.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(views == names, "the views are {:?}", said.views);
    Ok(said)
}

/// Where the report of a view is kept; compared, the view is called after it.
fn file(name: &str) -> Result<String> {
    Ok(sandbox::folder("views")?.join(format!("{name}.json")).display().to_string())
}

fn read(outcome: Outcome) -> Result<Said> {
    let report = json::read(&outcome.stdout).with_context(|| format!("no report\n{outcome}"))?;
    let target = report.targets.first().with_context(|| format!("no target\n{outcome}"))?;
    let verdict = &target.verdict;
    let views = target.views.iter().flatten();
    Ok(Said {
        claim: (verdict.status, verdict.confidence, verdict.place),
        started_at: report.run.started_at,
        views: views.map(|view| (view.vantage.clone(), view.sources.clone())).collect(),
        outcome,
    })
}
