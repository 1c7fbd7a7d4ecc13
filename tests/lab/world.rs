//! The lab as a whole: built once, by the first scenario that runs.
//!
//! Owns the order in which the parts start, and how mxray is run in it. Refuses
//! to know what a scenario expects.

use std::cell::OnceCell;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;

use anyhow::{Context as _, Result};
use libtest_mimic::Trial;
use serde_json::Value;

use crate::dane::{self, Exchanges};
use crate::dns::{Dns, Records};
use crate::egress;
use crate::injection;
use crate::innocent;
use crate::levels::{self, Sender};
use crate::lies;
use crate::middlebox;
use crate::mirror;
use crate::mta::Servers;
use crate::pki::Authority;
use crate::policy_host::PolicyHosts;
use crate::premises;
use crate::process::{self, Daemon, Outcome};
use crate::range;
use crate::scenarios;
use crate::shard;
use crate::ssh;
use crate::sts;
use crate::topology::{self, CLEAN, CLIENT, RESOLVER};
use crate::vantages::{self, References};

/// What every run says in EHLO.
const EHLO_NAME: &str = "probe.example.org";
/// Limit of a session in seconds, for a busy machine: a healthy one takes a moment.
const TIMEOUT: &str = "15";
/// Where a session meets with silence: it would stay silent for ever, and the healthy
/// ones beside it still have many times what they need.
pub(crate) const SILENCE: [&str; 2] = ["--timeout", "3"];

/// Everything that is running.
pub(crate) struct World {
    /// Who signed the servers' certificates.
    pub(crate) authority: Authority,
    /// A Postfix that sends.
    pub(crate) sender: Sender,
    dns: Dns,
    servers: Servers,
    policy_hosts: Daemon,
}

/// One trial: its title, and what it does.
pub(crate) type Play = (String, Box<dyn Fn(&World) -> Result<()> + Send>);

/// The premises, then the scenarios.
fn plays() -> Vec<Play> {
    let premises = premises::ALL.into_iter();
    let premises = premises.map(|(title, play)| -> Play { (title.to_owned(), Box::new(play)) });
    let scenarios = scenarios::all().into_iter().map(|scenario| -> Play {
        (scenario.title.clone(), Box::new(move |world| scenario.play(world)))
    });
    let more = dane::plays().into_iter().chain(sts::plays()).chain(levels::plays());
    let more = more.chain(mirror::plays());
    let closer = injection::plays().into_iter().chain(range::plays());
    let more = more.chain(egress::plays()).chain(innocent::plays()).chain(vantages::plays());
    let more = more.chain(ssh::plays()).chain(lies::plays());
    premises.chain(closer).chain(scenarios).chain(more).collect()
}

/// A trial a play, each played in the world of the thread that runs it.
pub(crate) fn trials() -> Vec<Trial> {
    let trial = |(number, (title, _)): (usize, Play)| {
        Trial::test(title, move || match shard::play(number) {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure.into()),
            Err(error) => Err(format!("{error:#}").into()),
        })
    };
    plays().into_iter().enumerate().map(trial).collect()
}

/// Plays what is asked for, by number, in a world that the first of them builds.
pub(crate) fn serve() -> Result<()> {
    let plays = plays();
    let world: OnceCell<Result<World, String>> = OnceCell::new();
    shard::serve(|number| {
        let played = panic::catch_unwind(AssertUnwindSafe(|| {
            let (_, play) = plays.get(number).ok_or("no such trial")?;
            let world = world.get_or_init(|| World::start().map_err(|error| format!("{error:#}")));
            let world =
                world.as_ref().map_err(|error| format!("the lab did not start: {error}"))?;
            play(world).map_err(|error| format!("{error:#}\n{}", world.logs()))
        }));
        played.unwrap_or_else(|_| Err("panicked".to_owned())).err()
    })
}

/// The same trials without a world: each fails with `reason`, or is reported as ignored.
pub(crate) fn trials_without(reason: &str, ignored: bool) -> Vec<Trial> {
    let trial = |(title, _): Play| {
        let reason = reason.to_owned();
        Trial::test(title, move || Err(reason.into())).with_ignored_flag(ignored)
    };
    plays().into_iter().map(trial).collect()
}

impl World {
    fn start() -> Result<Self> {
        topology::build().context("topology")?;
        middlebox::prepare().context("middlebox")?;
        let authority = Authority::new().context("pki")?;
        let dane = Exchanges::issue(&authority).context("certificates for DANE")?;
        let mut records = Records::default();
        dane.publish(&mut records).context("records for DANE")?;
        let sts = PolicyHosts::issue(&authority).context("certificates for MTA-STS")?;
        PolicyHosts::publish(&mut records);
        levels::publish(&mut records);
        egress::publish(&mut records);
        mirror::publish(&mut records);
        innocent::publish(&mut records);
        let references = References::issue(&authority).context("references")?;
        references.publish(&mut records);
        lies::publish(&mut records);
        let dns = Dns::start(&records).context("dns")?;
        let listeners = dane.listeners()
            + &sts.listener()
            + &levels::listeners(&authority)?
            + &innocent::listeners(&authority)?
            + &references.listeners();
        let servers = Servers::start(&authority, &listeners).context("mail servers")?;
        let policy_hosts = sts.start().context("policy hosts")?;
        let sender = Sender::start(&authority).context("a sending Postfix")?;
        Ok(Self { authority, sender, dns, servers, policy_hosts })
    }

    /// Runs `mxray check DOMAIN` at the client; gives what it did and its report.
    pub(crate) fn probe(&self, domain: &str, resolver: &str) -> Result<(Outcome, Value)> {
        self.probe_with(domain, resolver, &[])
    }

    /// The same with further options.
    pub(crate) fn probe_with(
        &self,
        domain: &str,
        resolver: &str,
        options: &[&str],
    ) -> Result<(Outcome, Value)> {
        let arguments = [&["check", domain, "--json"], options].concat();
        let outcome = self.mxray(&arguments, resolver)?;
        let report = serde_json::from_str(&outcome.stdout)
            .with_context(|| format!("no report\n{outcome}"))?;
        Ok((outcome, report))
    }

    /// The command of a second vantage point, with no box on its path.
    pub(crate) fn clean_agent(&self) -> String {
        format!("ip netns exec {CLEAN} {} {}", env!("CARGO_BIN_EXE_mxray"), self.agent_words())
    }

    /// What the program is told there.
    pub(crate) fn agent_words(&self) -> String {
        let anchor = self.dns.trust_anchor.display();
        format!("agent --stdio --allow-special --resolver {RESOLVER} --trust-anchor {anchor}")
    }

    /// Runs a command of mxray that probes, at the client; gives what it did.
    pub(crate) fn mxray(&self, words: &[&str], resolver: &str) -> Result<Outcome> {
        self.mxray_in(CLIENT, words, resolver)
    }

    /// The same elsewhere.
    pub(crate) fn mxray_in(
        &self,
        namespace: &str,
        words: &[&str],
        resolver: &str,
    ) -> Result<Outcome> {
        process::observe(&mut self.command(namespace, words, resolver))
    }

    /// Runs `mxray egress` at the client; gives what it did.
    pub(crate) fn egress(&self, words: &[&str]) -> Result<Outcome> {
        let mut mxray = process::command(CLIENT, env!("CARGO_BIN_EXE_mxray"));
        mxray.arg("egress").args(words).args(["--timeout", TIMEOUT, "--resolver", RESOLVER]);
        mxray.arg("--ca").arg(&self.authority.file);
        process::observe(mxray.arg("--trust-anchor").arg(&self.dns.trust_anchor))
    }

    /// That command in a namespace, for whoever wants to start it himself.
    pub(crate) fn command(&self, namespace: &str, words: &[&str], resolver: &str) -> Command {
        let mut mxray = process::command(namespace, env!("CARGO_BIN_EXE_mxray"));
        mxray.args(words).args(["--ehlo", EHLO_NAME, "--canary", "none"]);
        if !words.contains(&"--timeout") {
            mxray.args(["--timeout", TIMEOUT]);
        }
        if !words.contains(&"--control") {
            mxray.arg("--no-controls");
        }
        mxray.args(["--resolver", resolver]).arg("--ca").arg(&self.authority.file);
        mxray.arg("--trust-anchor").arg(&self.dns.trust_anchor);
        mxray
    }

    /// All that the mail servers said so far.
    pub(crate) fn said_by_servers(&self) -> String {
        self.servers.said()
    }

    fn logs(&self) -> String {
        format!("{}\n{}\n{}", self.dns.logs(), self.servers.logs(), self.policy_hosts.log())
    }
}
