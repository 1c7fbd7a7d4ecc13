//! Two views of one domain: each by a process of its own, both of them in one run,
//! and both as saved reports held together.
//!
//! Owns how mxray is asked for them. Refuses to know what is on the path.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use mxray::report::json;

use super::references::DOMAINS;
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
    /// Name and sources of each view, where there are several.
    views: Vec<(String, Vec<IpAddr>)>,
    pub(super) outcome: Outcome,
}

impl Asking {
    /// The client's view alone, saved.
    pub(super) fn client(self, world: &World) -> Result<Said> {
        let [_, other] = SOURCES;
        alone(world, CLIENT, "client", &self.words(&[other]))
    }

    /// The second view alone, saved. It looks once where nothing looks odd, and that
    /// often is too little for a comparison.
    pub(super) fn second(self, world: &World) -> Result<Said> {
        let [own, _] = SOURCES;
        alone(world, self.second.namespace(), "second", &self.words(&[own]))
    }

    /// The same with a second look, whatever it met.
    pub(super) fn second_twice(self, world: &World) -> Result<Said> {
        let [own, _] = SOURCES;
        let words = [self.words(&[own]), vec!["--second-look"]].concat();
        alone(world, self.second.namespace(), "second", &words)
    }

    /// What `mxray compare` makes of both saved reports.
    pub(super) fn saved() -> Result<Said> {
        let mut mxray = process::command(CLIENT, env!("CARGO_BIN_EXE_mxray"));
        mxray.args(["compare", "--json", &file("client")?, &file("second")?]);
        let said = read(process::observe(&mut mxray)?)?;
        let names: Vec<&str> = said.views.iter().map(|(name, _)| name.as_str()).collect();
        ensure!(names == ["client", "second"], "the views are {:?}", said.views);
        Ok(said)
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

/// One view by a process of its own.
fn alone(world: &World, namespace: &str, name: &str, words: &[&str]) -> Result<Said> {
    let file = file(name)?;
    let words = [words, &["--save", &file]].concat();
    let said = read(world.mxray_in(namespace, &words, RESOLVER)?)?;
    ensure!(said.views.is_empty(), "more than one view: {:?}", said.views);
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
        views: views.map(|view| (view.vantage.clone(), view.sources.clone())).collect(),
        outcome,
    })
}
