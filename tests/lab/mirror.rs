//! A mirror in `mx`, checked by a client behind a real box.
//!
//! Owns the mirror, how it is asked, and the menu: every behaviour over each family,
//! and the very bytes that both transcripts must show. Refuses to know how bytes are
//! compared.

mod paths;
mod views;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mxray::judge;
use mxray::model::mirror::{ComparedSession, MirrorOutcome, MirrorReport};
use mxray::model::report::{Report, TargetReport};
use mxray::model::verdict::Status;
use mxray::sim::middlebox::Behaviour;

use crate::dns::Records;
use crate::middlebox::Placed;
use crate::mirror_table::{self, NAME, Shown};
use crate::pki::KeyKind;
use crate::process::{Daemon, Outcome};
use crate::topology::{MX, RESOLVER};
use crate::world::{Play, World};

/// The mirror's addresses.
const IPV4: &str = "203.0.113.120";
const IPV6: &str = "2001:db8:203::120";
/// Its name in DNS.
const HOST: &str = "mirror.test";
const TOKEN: &str = "a-token-that-only-the-lab-knows";
/// How long a mirror must have been there to know that it had no session before one.
const MEMORY: Duration = Duration::from_millis(2500);

/// The mirror's name in the lab's zone.
pub(crate) fn publish(records: &mut Records) {
    records.add(HOST, &format!("@ A {IPV4}\n@ AAAA {IPV6}"));
}

/// The menu over each family, then views and paths.
pub(crate) fn plays() -> Vec<Play> {
    let play = |family: &'static str, ip: &'static str, behaviour: Behaviour| -> Play {
        let title = format!("mirror: {behaviour} on the path to {ip}");
        (title, Box::new(move |world| menu(world, (family, ip), behaviour)))
    };
    let menu = Behaviour::ALL
        .into_iter()
        .flat_map(|behaviour| [("-4", IPV4), ("-6", IPV6)].map(|(on, ip)| play(on, ip, behaviour)));
    menu.chain(views::plays()).chain(paths::plays()).collect()
}

fn menu(world: &World, (family, ip): (&str, &str), behaviour: Behaviour) -> Result<()> {
    for behaviour in [Behaviour::Pass, behaviour] {
        // One that remembers nothing: what it had a moment ago could be meant, too, where
        // only the time tells.
        let mirror = Mirror::start(world)?;
        if behaviour == Behaviour::Relay {
            mirror.remembers();
        }
        let placed = Placed::on_path(behaviour, &[ip], &world.authority.file)?;
        let asked = mirror.asked(world, &[family])?;
        ensure!(placed.redirected()? > 0, "the box was not on the path\n{}", placed.log());
        let expected = mirror_table::expected(behaviour);
        asked.shows(behaviour, &expected).with_context(|| asked.outcome.to_string())?;
    }
    Ok(())
}

/// A mirror at both of its addresses.
struct Mirror {
    daemon: Daemon,
    begun: Instant,
}

impl Mirror {
    /// With a certificate that the lab's authority signed: a box that ends TLS insists on it.
    fn start(world: &World) -> Result<Self> {
        let identity = world.authority.issue(&[HOST], KeyKind::P256)?;
        let (certificate, key) =
            (identity.certificate.display().to_string(), identity.key.display().to_string());
        Self::start_with(&["--cert", &certificate, "--key", &key])
    }

    fn start_with(more: &[&str]) -> Result<Self> {
        let listen = [format!("{IPV4}:25"), format!("[{IPV6}]:25")];
        let command = [env!("CARGO_BIN_EXE_mxray"), "mirror", "--token", TOKEN, "--name", NAME];
        let places = ["--listen", &listen[0], "--listen", &listen[1], "--exchange", "465"];
        let command = [&command[..], &places[..], more].concat();
        let mut daemon = Daemon::start(MX, "mirror", &command)?;
        daemon.await_serving(|log| Ok(log.contains("certificate SHA-256")))?;
        Ok(Self { daemon, begun: Instant::now() })
    }

    /// Waits until it would know of a session that began now, and of none.
    fn remembers(&self) {
        thread::sleep(MEMORY.saturating_sub(self.begun.elapsed()));
    }

    /// A check of it from the client.
    fn asked(&self, world: &World, options: &[&str]) -> Result<Asked> {
        let mirror = format!("{TOKEN}@{HOST}");
        let outcome = world
            .mxray(&[&["check", "--mirror", &mirror, "--json"], options].concat(), RESOLVER)
            .with_context(|| self.daemon.log())?;
        ensure!(!outcome.stdout.contains(TOKEN), "the token is in the report");
        ensure!(!self.daemon.said().contains(TOKEN), "the token is in what the mirror says");
        Asked::of(outcome)
    }
}

/// A check of the mirror, and what it reports.
struct Asked {
    outcome: Outcome,
    target: TargetReport,
}

impl Asked {
    fn of(outcome: Outcome) -> Result<Self> {
        let report: Report =
            serde_json::from_str(&outcome.stdout).with_context(|| outcome.to_string())?;
        let target = report.targets.into_iter().next().context("no target")?;
        let grounds = judge::CLAIMS.claims.iter();
        let claimed = target.verdict.confidence.is_some();
        let allowed = !claimed || grounds.clone().any(|ground| ground.allows(&target.verdict));
        ensure!(allowed, "no ground for {:?}\n{outcome}", target.verdict);
        Ok(Self { outcome, target })
    }

    fn mirror(&self) -> Result<&MirrorReport> {
        self.target.mirror.as_ref().with_context(|| format!("no mirror\n{}", self.outcome))
    }

    /// The sessions of a view with port 25: what the box looks at.
    fn inspected(&self, vantage: &str) -> Result<Vec<&ComparedSession>> {
        let is_meant = |id: &str| {
            let seen = self.target.observations.iter().find(|seen| seen.id == id);
            seen.is_some_and(|seen| seen.probe.port == 25 && seen.probe.vantage == vantage)
        };
        Ok(self.mirror()?.compared.iter().filter(|it| is_meant(&it.observation)).collect())
    }

    /// Verdict, and the very bytes of every session through the box.
    fn shows(&self, behaviour: Behaviour, expected: &Shown) -> Result<()> {
        let verdict = &self.target.verdict;
        let found = (verdict.status, verdict.confidence);
        let wanted = (expected.status, expected.confidence);
        ensure!(found == wanted, "the verdict is {found:?}, expected {wanted:?}");
        self.changed(behaviour, expected, "local")
    }

    /// The very bytes of every session of a view.
    fn changed(&self, behaviour: Behaviour, expected: &Shown, vantage: &str) -> Result<()> {
        let sessions = self.inspected(vantage)?;
        ensure!(!sessions.is_empty(), "{vantage} had no session");
        for session in sessions {
            let shown = mirror_table::shown(behaviour, session);
            let wanted = (expected.outcome, expected.differences.clone());
            ensure!(shown == wanted, "{}: {shown:#?}, expected {wanted:#?}", session.observation);
        }
        Ok(())
    }

    /// No byte was changed in any session, and nothing is claimed.
    fn is_clean(&self) -> Result<()> {
        let identical = |it: &ComparedSession| it.outcome == MirrorOutcome::Identical;
        let compared = &self.mirror()?.compared;
        ensure!(!compared.is_empty() && compared.iter().all(identical), "{}", self.outcome);
        ensure!(self.target.verdict.status == Status::Intact, "{}", self.outcome);
        Ok(())
    }
}
