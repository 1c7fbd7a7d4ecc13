//! What stands around a sound Postfix: a relay, several instances, an address without a
//! name, a resolver that does not validate.
//!
//! Owns these surroundings and what is expected in each.

use anyhow::{Context as _, Result, ensure};

use super::{CONTROLS, IPV4, IPV6, SOUND, configured, expect, found, measured};
use crate::oracle::{self, Word};
use crate::topology::{CLIENT, RESOLVER, STRIPPING_RESOLVER, resolve_by};
use crate::world::World;

/// An address of the client that has no name, and a name that leads to it.
const NAMELESS: &str = "2001:db8:100::11";
const NAMELESS_HELO: &str = "six.egress.test";
/// A domain whose certificate is the one of its TLSA record.
const WITH_DANE: &str = "ee-key.test";

/// The relay is asked without being named.
pub(super) fn relayed(world: &World) -> Result<()> {
    let sources = ["--source", IPV4, "--source", IPV6];
    let relay = format!("relay-unreachable@{IPV4}");
    let relay6 = format!("relay-unreachable@{IPV6}");
    let silent = ["relayhost-set", &relay, &relay6];
    for (host, status, ids) in [
        ("[mx.postfix.test]", 0, &["relayhost-set"][..]),
        ("postfix.test", 0, &["relayhost-set"]),
        ("[mx.postfix.test]:2526", 1, &silent),
    ] {
        let main = format!("{SOUND}relayhost = {host}\n");
        let folder = configured("egress-relayed", &main, "")?.display().to_string();
        let words = [sources.as_slice(), &["--postfix-config", &folder]].concat();
        let (outcome, report) = measured(world, &words)?;
        expect(&outcome, &report, status, ids)?;
        ensure!(report.controls == [host.replace(['[', ']'], "")], "{outcome}");
        let reached = report.sources.iter().flat_map(|source| &source.destinations);
        let reached: u32 = reached.map(|view| view.reached).sum();
        ensure!((reached > 0) == (status == 0), "{outcome}");
    }
    Ok(())
}

pub(super) fn nameless(world: &World) -> Result<()> {
    let main = format!("{SOUND}smtp_helo_name = {NAMELESS_HELO}\n");
    let folder = configured("egress-nameless", &main, "")?.display().to_string();
    let words = ["--source", NAMELESS, "--postfix-config", &folder];
    let (outcome, report) = measured(world, &[words.as_slice(), &CONTROLS].concat())?;
    expect(&outcome, &report, 1, &["no-reverse-dns@2001:db8:100::11"])
}

/// One of two instances has no main.cf: the other is read, and nothing is called sound.
pub(super) fn instances(world: &World) -> Result<()> {
    let first = configured("egress-first", SOUND, "")?.display().to_string();
    let absent = "/nonexistent/postfix-out";
    let main = format!("{SOUND}multi_instance_directories = {first}, {absent}\n");
    let folder = configured("egress-several", &main, "")?.display().to_string();
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let (outcome, report) = measured(world, &[words.as_slice(), &CONTROLS].concat())?;
    expect(&outcome, &report, 3, &["several-instances"])?;
    let told = &report.findings.first().context("no finding")?.explanation;
    let words = format!("read: {folder}, {first}; not read, or not wholly: {absent}");
    ensure!(told.contains(&words), "{told}\n{outcome}");
    ensure!(report.postfix_error.is_none(), "two of three were read\n{outcome}");
    let [_, _, last] = report.postfix.as_slice() else { anyhow::bail!("{outcome}") };
    ensure!(last.directory.as_deref() == Some(absent) && last.level.is_none(), "{outcome}");
    ensure!(last.problem.as_deref().is_some_and(|why| why.contains(absent)), "{outcome}");
    Ok(())
}

/// What the system's own resolver hands on decides for Postfix, whatever mxray asks.
pub(super) fn stripped(world: &World) -> Result<()> {
    let folder = configured("egress-stripped", SOUND, "")?.display().to_string();
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let words = [words.as_slice(), &CONTROLS].concat();
    let judged = || anyhow::Ok((oracle::dane(CLIENT, WITH_DANE)?, measured(world, &words)?));
    let (before, (outcome, report)) = judged()?;
    ensure!(before.word == Word::Verified, "{}", before.outcome);
    expect(&outcome, &report, 0, &[])?;
    resolve_by(CLIENT, STRIPPING_RESOLVER)?;
    let seen = judged();
    resolve_by(CLIENT, RESOLVER)?;
    let (after, (outcome, report)) = seen?;
    ensure!(after.word == Word::NoRecords, "{}: {}", after.word, after.outcome);
    expect(&outcome, &report, 1, &["resolver-does-not-validate"])?;
    let resolver = report.resolver.as_ref().context("no resolver")?;
    let server = format!("{STRIPPING_RESOLVER}:53");
    ensure!(resolver.server.as_ref() == Some(&server), "{resolver:?}, {:?}", found(&report));
    ensure!(resolver.sets_ad == Some(false), "{resolver:?}");
    Ok(())
}
