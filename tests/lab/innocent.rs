//! The innocent causes of docs/detection.md §3, with real mail servers.
//!
//! Each cause is seen first by tools that are not mxray: by a shell's socket, word
//! by word, and by `posttls-finger` where certificates matter. A cause that is not
//! there fails, whatever mxray says.
//!
//! Owns what is expected. Refuses to know how anything is served.

mod causes;
mod servers;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use self::causes::{CAUSES, Cause, Seen};
pub(crate) use self::servers::{listeners, publish};
use crate::middlebox::Placed;
use crate::mta;
use crate::oracle;
use crate::process::Outcome;
use crate::topology::{CLIENT, CONTROL_IPV4, RESOLVER};
use crate::world::{Play, World};
use mxray::sim::middlebox::{Behaviour, Refusal};

/// A mail server of another operator, that offers STARTTLS to everybody.
const CONTROL: &str = "control.test";
/// What postscreen logs of a client that does not wait, or errs in its protocol.
const SPRUNG: [&str; 6] = [
    "PREGREET",
    "HANGUP",
    "COMMAND PIPELINING",
    "COMMAND TIME LIMIT",
    "NON-SMTP COMMAND",
    "BARE NEWLINE",
];

/// One trial a cause, one that shows what the control is worth, and one for the
/// traps of postscreen.
pub(crate) fn plays() -> Vec<Play> {
    let play = |cause: &'static Cause| -> Play {
        let title = format!("innocent: {}: {}", cause.domain, cause.title);
        (title, Box::new(move |world| cause.play(world).map(drop)))
    };
    let control: Play = (
        "innocent: beside a control that is stripped too, the suspicion would grow".to_owned(),
        Box::new(control_counts),
    );
    let traps: Play = (
        "innocent: screen.test: the pause is waited out, and no trap is sprung".to_owned(),
        Box::new(springs_no_trap),
    );
    CAUSES.iter().map(play).chain([control, traps]).collect()
}

impl Cause {
    /// Plays it to its end; gives the report.
    fn play(&self, world: &World) -> Result<Value> {
        for seen in self.truth {
            seen.holds().with_context(|| format!("the cause is not there: {}", self.domain))?;
        }
        (self.proof)(world).with_context(|| format!("the cause is not there: {}", self.domain))?;
        let mut options = Vec::new();
        if self.control {
            options.extend(["--control", CONTROL]);
        }
        let (outcome, report) = world.probe_with(self.domain, RESOLVER, &options)?;
        self.agrees(&report).with_context(|| outcome.to_string())?;
        let asked = report.pointer("/controls/0/observations/0").is_some();
        ensure!(asked == self.control, "whether a control was asked: {asked}\n{outcome}");
        Ok(report)
    }

    fn agrees(&self, report: &Value) -> Result<()> {
        let verdict = report.pointer("/targets/0/verdict").context("no verdict")?;
        let word = |key: &str| verdict.get(key).and_then(Value::as_str);
        let found = (word("status"), word("confidence"));
        ensure!(found == (Some(self.status), self.confidence), "{found:?}: {verdict}");
        if self.because.is_some() {
            ensure!(word("because") == self.because, "{verdict}");
        }
        let findings = report.pointer("/targets/0/findings").and_then(Value::as_array);
        let findings = findings.context("no findings")?;
        if self.confidence.is_none() {
            let suspected = findings.iter().find(|finding| !finding["confidence"].is_null());
            ensure!(suspected.is_none(), "a suspicion: {suspected:?}");
        }
        if self.status == "inconclusive" {
            ensure!(ids(findings).all(|id| !id.starts_with("starttls-")), "a finding of STARTTLS");
        }
        let Some(alternative) = self.alternative else { return Ok(()) };
        ensure!(alternatives(findings).any(|one| one == alternative), "{alternative}: not named");
        Ok(())
    }
}

fn ids(findings: &[Value]) -> impl Iterator<Item = &str> {
    findings.iter().filter_map(|finding| finding.get("id")?.as_str())
}

fn alternatives(findings: &[Value]) -> impl Iterator<Item = &str> {
    let lists = findings.iter().filter_map(|finding| finding.get("alternatives")?.as_array());
    lists.flatten().filter_map(Value::as_str)
}

impl Seen {
    /// Asks, and compares.
    fn holds(&self) -> Result<()> {
        let commands = ["EHLO oracle.example.org", "STARTTLS"];
        let replies = oracle::replies(self.from, self.at, &commands)?;
        let codes: Vec<&str> = replies.iter().filter_map(|reply| reply.get(..3)).collect();
        ensure!(codes.starts_with(self.codes), "{self:?}, but the socket saw {replies:#?}");
        let offered = replies.get(1).is_some_and(|reply| reply.contains("STARTTLS"));
        ensure!(offered == self.offered, "{self:?}, but the socket saw {replies:#?}");
        Ok(())
    }
}

/// The same view as that of a server with a policy, made by a box that takes the
/// control too: only then more than a suspicion.
fn control_counts(world: &World) -> Result<()> {
    let addresses = [mta::POSTFIX.ipv4, CONTROL_IPV4];
    let behaviour = Behaviour::DropKeywordRefuse(Refusal::NotImplemented);
    let placed = Placed::on_path(behaviour, &addresses, &world.authority.file)?;
    for at in addresses {
        ensure!(!oracle::offers_starttls(CLIENT, at)?, "{at}: not hidden");
    }
    let options = ["--control", CONTROL];
    let (outcome, report) = world.probe_with(mta::POSTFIX.domain, RESOLVER, &options)?;
    drop(placed);
    let told = |key| report.pointer(&format!("/targets/0/verdict/{key}")).and_then(Value::as_str);
    let found = (told("status"), told("confidence"));
    ensure!(found == (Some("stripped"), Some("corroborated")), "{found:?}\n{outcome}");
    Ok(())
}

fn springs_no_trap(world: &World) -> Result<()> {
    let logged = || -> Vec<String> {
        let said = world.said_by_servers();
        said.lines().filter(|line| line.contains("postscreen[")).map(str::to_owned).collect()
    };
    let before = logged().len();
    let (outcome, report) = world.probe("screen.test", RESOLVER)?;
    let said = logged().split_off(before);
    for own in ["CONNECT from [198.51.100.", "CONNECT from [2001:db8:100::"] {
        ensure!(said.iter().any(|line| line.contains(own)), "not {own}: {said:#?}\n{outcome}");
    }
    let sprung = said.iter().find(|line| SPRUNG.iter().any(|word| line.contains(word)));
    ensure!(sprung.is_none(), "{sprung:?}\n{outcome}");
    waited(&report, &outcome)
}

/// Both sessions saw the teaser, and got through to TLS all the same.
fn waited(report: &Value, outcome: &Outcome) -> Result<()> {
    let Some(sessions) = report.pointer("/targets/0/observations").and_then(Value::as_array) else {
        bail!("no sessions\n{outcome}");
    };
    ensure!(sessions.len() == 2, "{} sessions\n{outcome}", sessions.len());
    for session in sessions {
        let lines = session.pointer("/greeting/lines").and_then(Value::as_array);
        ensure!(lines.is_some_and(|lines| lines.len() == 2), "no teaser: {session}");
        let ms = session.get("greeting_ms").and_then(Value::as_u64);
        ensure!(ms.is_some_and(|ms| ms >= 5000), "no pause: {ms:?}\n{outcome}");
    }
    Ok(())
}
