//! Paths that do no harm: what they do to packets must not be taken for an attack.

use std::fs;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use mxray::model::mirror::{MatchedBy, MirrorOutcome, MirrorSource};
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::middlebox::{Behaviour, Refusal};

use super::{Asked, IPV4, IPV6, Mirror, TOKEN};
use crate::middlebox::Placed;
use crate::mirror_table;
use crate::mta;
use crate::process;
use crate::sandbox;
use crate::topology::{self, CORE, ISP};
use crate::world::{Play, World};

type Trial = fn(&World) -> Result<()>;

pub(super) fn plays() -> Vec<Play> {
    let all: [(&str, Trial); 6] = [
        ("translated addresses change no byte", translated),
        ("port 25 is forwarded to another server", port_forwarded),
        ("one family leads to another server altogether", led_elsewhere),
        ("every seventh packet is lost", lossy),
        ("two checks at the same time", at_once),
        ("the exchange is filtered, and the transcripts travel as a file", out_of_band),
    ];
    all.into_iter().map(|(title, play)| (format!("mirror: {title}"), Box::new(play) as _)).collect()
}

/// Rules in `isp`, gone when dropped.
struct Rules;

impl Rules {
    fn lay(ruleset: &str) -> Result<Self> {
        topology::feed(process::command(ISP, "nft").args(["-f", "-"]), ruleset)?;
        Ok(Self)
    }
}

impl Drop for Rules {
    fn drop(&mut self) {
        // Best effort: the sandbox forgets what is left.
        let _ = process::run(process::command(ISP, "nft").args(["flush", "ruleset"]));
    }
}

fn translated(world: &World) -> Result<()> {
    let mirror = Mirror::start(world)?;
    let _rules = Rules::lay(&format!(
        "table inet path {{\nchain out {{\ntype nat hook postrouting priority srcnat\n\
         oifname {CORE} masquerade\n}}\n}}\n"
    ))?;
    let asked = mirror.asked(world, &[])?;
    asked.is_clean()?;
    for session in &asked.mirror()?.compared {
        let client = session.client_seen.map(|client| client.ip().to_string());
        let translated = ["198.51.100.65", "2001:db8:101::1"];
        ensure!(client.is_some_and(|ip| translated.contains(&&*ip)), "{}", asked.outcome);
        ensure!(session.matched_by == Some(MatchedBy::Greeting), "{}", asked.outcome);
    }
    Ok(())
}

/// Something else answers on port 25 of an address whose other port is the mirror's: one
/// view cannot tell that from a box, and says no more than that it suspects one.
fn port_forwarded(world: &World) -> Result<()> {
    let mirror = Mirror::start(world)?;
    mirror.remembers();
    let _rules = forward("tcp dport 25")?;
    let asked = mirror.asked(world, &["-4"])?;
    let verdict = &asked.target.verdict;
    let found = (verdict.status, verdict.confidence);
    ensure!(found == (Status::Intercepted, Some(Confidence::Suspected)), "{}", asked.outcome);
    elsewhere(&asked)
}

/// Nothing at that address was ever the mirror: there is nothing to suspect.
fn led_elsewhere(world: &World) -> Result<()> {
    let mirror = Mirror::start(world)?;
    mirror.remembers();
    let _rules = forward("meta l4proto tcp")?;
    let asked = mirror.asked(world, &[])?;
    let verdict = &asked.target.verdict;
    ensure!(verdict.confidence.is_none(), "{verdict:?}\n{}", asked.outcome);
    elsewhere(&asked)
}

fn forward(what: &str) -> Result<Rules> {
    Rules::lay(&format!(
        "table ip path {{\nchain in {{\ntype nat hook prerouting priority dstnat\n\
         ip daddr {IPV4} {what} dnat to {}\n}}\n}}\n",
        mta::POSTFIX.ipv4
    ))
}

/// Over IPv4 no session came to the mirror, over IPv6 every one, and the report says so.
fn elsewhere(asked: &Asked) -> Result<()> {
    for session in asked.inspected("local")? {
        let seen = asked.target.observations.iter().find(|it| it.id == session.observation);
        let expected = match seen.map(|seen| seen.probe.ip.is_ipv4()) {
            Some(true) => MirrorOutcome::NotReached,
            _ => MirrorOutcome::Identical,
        };
        ensure!(session.outcome == expected, "{:?}\n{}", session.outcome, asked.outcome);
    }
    let finding = asked.target.findings.iter().find(|it| it.id == "mirror-not-reached");
    let finding = finding.with_context(|| asked.outcome.to_string())?;
    let forwarded = |cause: &String| cause.contains("leads to another machine");
    ensure!(finding.alternatives.iter().any(forwarded), "{finding:?}");
    Ok(())
}

/// TCP repairs what is lost; a session that fails for it beside others is no suspicion.
fn lossy(world: &World) -> Result<()> {
    let mirror = Mirror::start(world)?;
    let _rules = Rules::lay(
        "table inet path {\ncounter lost {\n}\nchain on {\ntype filter hook forward priority filter\n\
         tcp sport 25 numgen inc mod 7 0 counter name lost drop\n\
         tcp dport 25 numgen inc mod 7 0 counter name lost drop\n}\n}\n",
    )?;
    let asked = mirror.asked(world, &[])?;
    let counters = process::run(process::command(ISP, "nft").args(["list", "counters"]))?;
    ensure!(!counters.contains("packets 0 "), "nothing was lost: {counters}");
    ensure!(asked.target.verdict.confidence.is_none(), "{}", asked.outcome);
    let harmless = [MirrorOutcome::Identical, MirrorOutcome::CutOff];
    let compared = &asked.mirror()?.compared;
    ensure!(compared.iter().all(|it| harmless.contains(&it.outcome)), "{}", asked.outcome);
    ensure!(compared.iter().any(|it| it.outcome == MirrorOutcome::Identical), "{}", asked.outcome);
    Ok(())
}

/// Both say the same name from the same address, and a box that hides greetings and ports
/// leaves only the time: a session is told by its own recording or by none.
fn at_once(world: &World) -> Result<()> {
    let mirror = Mirror::start(world)?;
    for behaviour in [Behaviour::Pass, Behaviour::MaskAll] {
        let _placed = Placed::on_path(behaviour, &[IPV4, IPV6], &world.authority.file)?;
        let both: Vec<Result<Asked>> = thread::scope(|scope| {
            let checks = [(); 2].map(|()| scope.spawn(|| mirror.asked(world, &[])));
            checks.into_iter().filter_map(|check| check.join().ok()).collect()
        });
        ensure!(both.len() == 2, "a check panicked");
        let expected = mirror_table::expected(behaviour);
        let own = (expected.outcome, expected.differences);
        for asked in both {
            let asked = asked?;
            for session in asked.inspected("local")? {
                let shown = mirror_table::shown(behaviour, session);
                let unknown =
                    behaviour == Behaviour::MaskAll && shown.0 == MirrorOutcome::NotCompared;
                ensure!(shown == own || unknown, "{shown:#?}\n{}", asked.outcome);
            }
        }
    }
    Ok(())
}

/// Neither TLS on port 25 nor the port for the exchange: the mirror's file says what the
/// box did.
fn out_of_band(world: &World) -> Result<()> {
    let log = sandbox::folder("mirror")?.join("mirror.log");
    let path = log.display().to_string();
    let mirror = Mirror::start_with(&["--log", &path])?;
    let saved = sandbox::folder("mirror")?.join("proof.json").display().to_string();
    let refused = Behaviour::DropKeywordRefuse(Refusal::NotImplemented);
    let placed = Placed::on_path(refused, &[IPV4, IPV6], &world.authority.file)?;
    let filter = "table inet filter {\nchain on {\ntype filter hook forward priority filter\n\
                  tcp dport 465 reject with tcp reset\n}\n}\n";
    topology::feed(process::command(ISP, "nft").args(["-f", "-"]), filter)?;
    let asked = mirror.asked(world, &["--save", &saved])?;
    ensure!(placed.redirected()? > 0, "the box was not on the path\n{}", placed.log());
    ensure!(asked.mirror()?.source == MirrorSource::None, "{}", asked.outcome);
    ensure!(asked.target.verdict.confidence.is_none(), "{}", asked.outcome);
    drop((placed, mirror));
    // What became full before lies beside it.
    let former = format!("{path}.1");
    fs::rename(&log, &former)?;
    fs::write(&log, "")?;
    let words = ["report", &saved, "--mirror-log", &path, "--token", TOKEN, "--json"];
    let mut report = process::command(topology::CLIENT, env!("CARGO_BIN_EXE_mxray"));
    let again = Asked::of(process::observe(report.args(words))?)?;
    let verdict = &again.target.verdict;
    let found = (verdict.status, verdict.confidence);
    ensure!(found == (Status::Stripped, Some(Confidence::Proven)), "{}", again.outcome);
    let refused = mirror_table::expected(refused);
    again.changed(Behaviour::Pass, &refused, "local").with_context(|| again.outcome.to_string())
}
