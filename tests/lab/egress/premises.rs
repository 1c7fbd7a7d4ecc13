//! What stands around a sound Postfix: a relay, several instances, an address without a
//! name, a resolver that does not validate.
//!
//! Owns these surroundings and what is expected in each.

use anyhow::{Context as _, Result, ensure};

use super::{CONTROLS, IPV4, IPV6, SOUND, configured, expect, found, measured};
use crate::mta;
use crate::oracle::{self, Word};
use crate::process;
use crate::topology::{CLIENT, ISP, RESOLVER, SOURCES, STRIPPING_RESOLVER, resolve_by};
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
        let name = host.trim_end_matches(":2526").replace(['[', ']'], "");
        ensure!(report.controls == [name], "{outcome}");
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
    let enabled = format!("{SOUND}multi_instance_enable = yes\n");
    let first = configured("egress-first", &enabled, "")?.display().to_string();
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

/// The level of a single destination depends on the resolver as main.cf's does.
pub(super) fn policy_stripped(world: &World) -> Result<()> {
    let maps = format!("inline:{{ {{ {WITH_DANE} = dane-only }} }}");
    let main = format!("{SOUND}smtp_tls_security_level = may\nsmtp_tls_policy_maps = {maps}\n");
    let folder = configured("egress-policy", &main, "")?.display().to_string();
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let words = [words.as_slice(), &CONTROLS].concat();
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 0, &[])?;
    resolve_by(CLIENT, STRIPPING_RESOLVER)?;
    let seen = measured(world, &words);
    resolve_by(CLIENT, RESOLVER)?;
    let (outcome, report) = seen?;
    expect(&outcome, &report, 1, &["resolver-does-not-validate"])?;
    let told = &report.findings.first().context("no finding")?.explanation;
    ensure!(told.ends_with(&format!("dane-only defers all mail to {WITH_DANE}")), "{told}");
    Ok(())
}

/// A transport that is bound to the second address greets with that one's name.
pub(super) fn names(world: &World) -> Result<()> {
    let second = SOURCES.last().context("no second source")?;
    for (helo, ids) in [
        ("second.egress.test", &["transport-differs"][..]),
        ("out.egress.test", &["transport-differs", "ehlo-name-mismatch@198.51.100.11"]),
    ] {
        let master = format!(
            "bulk unix - - n - - smtp -o smtp_bind_address={second} -o smtp_helo_name={helo}\n"
        );
        let folder = configured("egress-names", SOUND, &master)?.display().to_string();
        let sources = ["--source", IPV4, "--source", second, "--postfix-config", &folder];
        let (outcome, report) = measured(world, &[sources.as_slice(), &CONTROLS].concat())?;
        // That address has a name that lies, whoever greets.
        let lies = "reverse-dns-unconfirmed@198.51.100.11";
        let ids: Vec<&str> = ids.iter().copied().chain([lies]).collect();
        expect(&outcome, &report, 1, &ids)?;
    }
    Ok(())
}

/// What the kernel makes of `use_tempaddr`, as one address with its flag.
pub(super) fn temporary(world: &World) -> Result<()> {
    // Nothing is used while it looks for duplicates.
    let on = ["net.ipv6.conf.isp.use_tempaddr=2", "net.ipv6.conf.isp.accept_dad=0"];
    process::run(process::command(CLIENT, "sysctl").arg("-qw").args(on))?;
    // With `mngtmpaddr` the kernel makes a temporary one beside it, and prefers that.
    let address = |word: &str| {
        let mut ip = process::command(CLIENT, "ip");
        ip.args(["-6", "address", word, "2001:db8:100:0:250:56ff:fe00:1/64", "dev", ISP]);
        process::run(ip.args(["mngtmpaddr", "nodad"]))
    };
    address("add")?;
    let folder = configured("egress-temporary", SOUND, "")?.display().to_string();
    let words = ["-6", "--no-controls", "--postfix-config", &folder];
    let seen = measured(world, &words);
    let listed = process::run(process::command(CLIENT, "ip").args(["-6", "address"]));
    address("del")?;
    let off = ["net.ipv6.conf.isp.use_tempaddr=0", "net.ipv6.conf.isp.accept_dad=1"];
    process::run(process::command(CLIENT, "sysctl").arg("-qw").args(off))?;
    let ((outcome, report), listed) = (seen?, listed?);
    let told = report.findings.iter().find(|one| one.id == "temporary-address");
    let told = told.with_context(|| format!("{listed}\n{outcome}"))?;
    let line = format!("postconf -c {folder} -e 'smtp_bind_address6 = {IPV6}'");
    ensure!(told.lines == [line], "{told:?}\n{listed}");
    Ok(())
}

/// What is wrong with an instance that nobody starts harms no mail.
pub(super) fn disabled(world: &World) -> Result<()> {
    let idle = configured("egress-idle", "smtp_tls_security_level = none\n", "")?;
    let idle = idle.display().to_string();
    let main = format!("{SOUND}multi_instance_directories = {idle}\n");
    let folder = configured("egress-enabled", &main, "")?.display().to_string();
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let (outcome, report) = measured(world, &[words.as_slice(), &CONTROLS].concat())?;
    expect(&outcome, &report, 0, &["several-instances"])?;
    let told = &report.findings.first().context("no finding")?.explanation;
    ensure!(told.ends_with(&format!("left out: {idle}")), "{told}");
    Ok(())
}

/// At `encrypt` mail to a server without STARTTLS waits, and does not go in clear.
pub(super) fn kept(world: &World) -> Result<()> {
    for (level, words) in [("encrypt", "waits in Postfix's queue"), ("may", "goes in clear text")] {
        let main = format!("{SOUND}smtp_tls_security_level = {level}\n");
        let folder = configured("egress-kept", &main, "")?.display().to_string();
        let options = ["--source", IPV4, "--postfix-config", &folder];
        let control = ["--control", mta::PLAIN.domain];
        let (outcome, report) = measured(world, &[options.as_slice(), &control].concat())?;
        expect(&outcome, &report, 0, &[&format!("starttls-not-offered@{IPV4}")])?;
        let told = &report.findings.first().context("no finding")?.explanation;
        ensure!(told.ends_with(words), "{level}: {told}");
    }
    Ok(())
}

/// Nothing is asked in its place.
pub(super) fn implicit(world: &World) -> Result<()> {
    let main = format!(
        "{SOUND}smtp_tls_security_level = encrypt\nsmtp_tls_wrappermode = yes\n\
         relayhost = [mx.postfix.test]:465\n"
    );
    let folder = configured("egress-implicit", &main, "")?.display().to_string();
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 3, &["relayhost-set"])?;
    let why = report.not_asked.as_deref().unwrap_or_default();
    ensure!(why.contains("relay"), "{why}");
    Ok(())
}
