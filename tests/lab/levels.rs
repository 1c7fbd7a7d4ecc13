//! Every level of Postfix: what `mxray check` predicts for an address, and what a
//! real Postfix at that level then does there and logs.
//!
//! Owns the comparison. Refuses to know how anything is served or sent.
//! `MXRAY_LEVELS=FILE` has a row of the table in docs/postfix.md written for each
//! trial that agreed.

mod cases;
mod sender;
mod servers;

use std::env;
use std::fs::File;
use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use mxray::policy::postfix::LEVELS;
use mxray::sim::middlebox::Behaviour;
use serde_json::Value;

use self::cases::{BOXED, CASES, LINES, UNTOLD};
use self::sender::Attempt;
pub(crate) use self::sender::Sender;
pub(crate) use self::servers::{listeners, publish};
use crate::middlebox::Placed;
use crate::mta;
use crate::topology::RESOLVER;
use crate::world::{Play, World};

/// One trial a domain, and one for the fallback to clear text.
pub(crate) fn plays() -> Vec<Play> {
    let of_domain = |&(title, domain): &(&'static str, &'static str)| -> Play {
        let name = format!("levels: {domain}: {title}");
        (name, Box::new(move |world| agree(world, title, domain).map(drop)))
    };
    let of_box = |&(title, behaviour): &(&'static str, Behaviour)| -> Play {
        let name = format!("levels: {} behind a box: {title}", mta::POSTFIX.domain);
        (name, Box::new(move |world| agree_behind(world, title, behaviour)))
    };
    let fallback: Play = (
        "levels: may goes in clear at the attempt after a failed handshake".to_owned(),
        Box::new(falls_back),
    );
    let mapped: Play = (
        "levels: the lines of mxray policy hold in a real Postfix".to_owned(),
        Box::new(lines_hold),
    );
    let cases = CASES.iter().map(of_domain).chain(BOXED.iter().map(of_box));
    cases.chain([fallback, mapped]).collect()
}

/// What is printed is a map that Postfix reads, each line is the strongest that the
/// domain keeps, and mail gets through by it.
fn lines_hold(world: &World) -> Result<()> {
    let domains: Vec<&str> = LINES.iter().map(|row| row.0).collect();
    let outcome = world.mxray(&[&["policy"], domains.as_slice()].concat(), RESOLVER)?;
    let lines: Vec<&str> =
        outcome.stdout.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let expected: Vec<&str> = LINES.iter().filter_map(|row| row.1).collect();
    ensure!(lines == expected, "{lines:#?}\n{outcome}");
    let attempts = world.sender.send_by_map(&outcome.stdout, &domains)?;
    for ((domain, _, log), attempt) in LINES.iter().zip(&attempts) {
        ensure!(attempt.log.as_deref() == *log, "{domain}: {attempt:?}\n{outcome}");
        let delivery = if log.is_some() { "tls" } else { "clear" };
        ensure!(attempt.delivery == delivery, "{domain}: {attempt:?}\n{outcome}");
    }
    Ok(())
}

fn agree_behind(world: &World, title: &str, behaviour: Behaviour) -> Result<()> {
    let ca = &world.authority.file;
    let placed = Placed::on_path(behaviour, &[mta::POSTFIX.ipv4], ca)?;
    agree(world, title, mta::POSTFIX.domain)?;
    ensure!(placed.redirected()? > 0, "nothing was redirected");
    Ok(())
}

/// What Postfix says of the next attempt, it must do: and not before.
fn falls_back(world: &World) -> Result<()> {
    let site = &mta::POSTFIX;
    let behaviour = Behaviour::ResetAtClientHello;
    let _placed = Placed::on_path(behaviour, &[site.ipv4], &world.authority.file)?;
    let attempts = agree(world, "the handshake is reset, again", site.domain)?;
    let may = LEVELS.iter().position(|level| *level == "may");
    let first = may.and_then(|may| attempts.get(may)).context("no may")?;
    ensure!(first.delivery == "deferred", "{first:?}");
    let next = world.sender.try_again("may", site.domain)?;
    ensure!(next.delivery == "clear", "{next:?}");
    Ok(())
}

/// Compares prediction and deed at each level; gives the deeds.
fn agree(world: &World, title: &str, domain: &str) -> Result<Vec<Attempt>> {
    let (outcome, report) = world.probe(domain, RESOLVER)?;
    let predicted = prediction(&report);
    let attempts = Sender::send(domain)?;
    for (level, attempt) in LEVELS.iter().zip(&attempts) {
        let context =
            || format!("{domain} at {level}: {attempt:?}\n{outcome}\n{}", world.sender.log());
        match &predicted {
            Some(levels) => {
                let predicted = levels.get(*level).context("a level is missing")?;
                let may_be_unknown = *level == "fingerprint" || UNTOLD.contains(&domain);
                ensure!(!predicted.is_null() || may_be_unknown, "not predicted: {}", context());
                compare(predicted, attempt).with_context(context)?;
            }
            // Nobody was asked: nothing may get through, whatever the level.
            None => ensure!(attempt.delivery == "deferred", context()),
        }
    }
    record(title, predicted.as_ref(), &attempts)?;
    Ok(attempts)
}

/// The levels as predicted for the first IPv4 address; `None` where none was asked.
fn prediction(report: &Value) -> Option<Value> {
    let observations = report.pointer("/targets/0/observations")?.as_array()?;
    let predicted = observations.iter().filter(|observation| {
        observation.pointer("/probe/family").is_some_and(|family| family == "ipv4")
    });
    predicted.map(|observation| &observation["postfix"]).find(|levels| levels.is_object()).cloned()
}

/// A level that is not predicted agrees with everything; a word of the log that is
/// not predicted, with every word.
fn compare(predicted: &Value, attempt: &Attempt) -> Result<()> {
    if predicted.is_null() {
        return Ok(());
    }
    ensure!(predicted["delivery"] == attempt.delivery, "predicted {predicted}");
    if let Some(log) = predicted["log"].as_str() {
        ensure!(attempt.log.as_deref() == Some(log), "predicted {predicted}");
    }
    if let Some(reason) = predicted["reason"].as_str() {
        let words = words_of(reason);
        ensure!(attempt.status.contains(words), "predicted {predicted}, by its words: {words}");
    }
    Ok(())
}

/// The part of a reason that stands in Postfix's log; there, the host's name stands
/// before it.
fn words_of(reason: &str) -> &str {
    let reason = reason.split(';').next().unwrap_or(reason);
    let before_the_host = ["TLS is required, but host ", "lost connection ", "conversation "];
    before_the_host.iter().find_map(|words| reason.strip_prefix(words)).unwrap_or(reason)
}

/// Adds a row to the table of docs/postfix.md.
fn record(title: &str, predicted: Option<&Value>, attempts: &[Attempt]) -> Result<()> {
    let Some(path) = env::var_os("MXRAY_LEVELS") else { return Ok(()) };
    let cells = LEVELS.iter().zip(attempts).map(|(level, attempt)| {
        let word = match (attempt.delivery, &attempt.log) {
            ("tls", Some(log)) => log,
            (delivery, _) => delivery,
        };
        let predicted = predicted.map_or(&Value::Null, |levels| &levels[level]);
        let is_told = attempt.delivery != "tls" || !predicted["log"].is_null();
        let is_known = !predicted.is_null() && is_told;
        if is_known { word.to_owned() } else { format!("({word})") }
    });
    let row = cells.collect::<Vec<_>>().join(" | ");
    let mut file = File::options().create(true).append(true).open(path)?;
    writeln!(file, "| {title} | {row} |")?;
    Ok(())
}
