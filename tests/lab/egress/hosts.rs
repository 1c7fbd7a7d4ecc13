//! Hosts that are set up oddly: no family that Postfix may use, 464XLAT, many addresses,
//! addresses that are not ready, names that are not in DNS, tables that are out of date.
//!
//! Owns these and what is expected of each.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use mxray::model::egress::{EgressReport, SpfResult};

use super::{CONTROLS, FROM, HELO, IPV4, SOUND, configured, expect, found, measured, type_lines};
use crate::process;
use crate::topology::{CLIENT, ISP, RESOLVER};
use crate::world::World;

/// What is run in a network of its own, of which only loopback is left.
fn alone(deeds: &str, words: &[&str]) -> Result<(process::Outcome, EgressReport)> {
    let mut sh = process::command(CLIENT, "unshare");
    let line = format!("ip link set lo up && {deeds} && exec \"$0\" egress --json \"$@\"");
    sh.args(["--net", "sh", "-c", &line, env!("CARGO_BIN_EXE_mxray")]).args(words);
    let outcome = process::observe(sh.arg("--no-controls"))?;
    let report =
        serde_json::from_str(&outcome.stdout).with_context(|| format!("no report\n{outcome}"))?;
    Ok((outcome, report))
}

/// With IPv6 off and nothing else allowed no program of Postfix's runs.
pub(super) fn without_family(_: &World) -> Result<()> {
    let main = format!("{SOUND}inet_protocols = ipv6\n");
    let folder = configured("egress-familyless", &main, "")?.display().to_string();
    let deeds = format!(
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && ip address add {IPV4}/32 dev lo && \
         ! postfix -c {folder} check"
    );
    let words = ["--postfix-config", &folder];
    let (outcome, report) = alone(&deeds, &words)?;
    let told = report.findings.iter().find(|one| one.id == "inet-protocols-absent");
    let remedy = told.and_then(|one| one.remedy.as_deref()).with_context(|| outcome.to_string())?;
    ensure!(remedy.contains("ipv4") && outcome.status.code() == Some(1), "{outcome}");
    let mended = deeds
        .replace("! postfix", &format!("postconf -c {folder} -e inet_protocols=ipv4; postfix"));
    let (outcome, report) = alone(&mended, &words)?;
    ensure!(found(&report).iter().all(|id| !id.starts_with("inet-protocols")), "{outcome}");
    ensure!(report.postfix_error.is_none(), "{outcome}");
    Ok(())
}

/// The address that a host behind 464XLAT has for IPv4 is nobody's outside.
pub(super) fn xlat(_: &World) -> Result<()> {
    let folder = configured("egress-xlat", SOUND, "")?.display().to_string();
    let deeds = "ip address add 192.0.0.1/32 dev lo && ip route add default dev lo src 192.0.0.1";
    let (outcome, report) = alone(deeds, &["-4", "--postfix-config", &folder])?;
    let [source] = report.sources.as_slice() else { anyhow::bail!("{outcome}") };
    ensure!(source.public.is_none() && source.reverse.is_none(), "{outcome}");
    ensure!(found(&report).contains("public-address-unknown@192.0.0.1"), "{outcome}");
    Ok(())
}

/// Four of a family are asked from, and the rest is counted.
pub(super) fn twenty(world: &World) -> Result<()> {
    let all = || (22..42).map(|last| format!("198.51.100.{last}/32"));
    let address = |word: &str, ip: String| {
        process::run(process::command(CLIENT, "ip").args(["address", word, &ip, "dev", "lo"]))
    };
    all().try_for_each(|ip| address("add", ip).map(drop))?;
    let folder = configured("egress-twenty", SOUND, "")?.display().to_string();
    let seen = measured(world, &["-4", "--no-controls", "--postfix-config", &folder]);
    all().try_for_each(|ip| address("del", ip).map(drop))?;
    let (outcome, report) = seen?;
    ensure!(report.sources.len() == 4, "{outcome}");
    ensure!(report.sources.first().is_some_and(|one| one.ip.to_string() == IPV4), "{outcome}");
    ensure!(outcome.stderr.contains("18 more IPv4 addresses are left out"), "{outcome}");
    Ok(())
}

/// Neither a deprecated nor a tentative address is asked from, and who names the latter is
/// told why.
pub(super) fn unready(world: &World) -> Result<()> {
    const OLD: &str = "2001:db8:100::20";
    const NEW: &str = "2001:db8:100::22";
    let run = |line: &str| process::run(process::command(CLIENT, "sh").args(["-c", line]));
    // It is asked for so long whether somebody else has it.
    run(&format!(
        "sysctl -qw net.ipv6.conf.{ISP}.dad_transmits=60; ip address add {NEW}/64 dev {ISP}; \
         ip address add {OLD}/64 dev {ISP} nodad preferred_lft 0"
    ))?;
    let folder = configured("egress-unready", SOUND, "")?.display().to_string();
    let words = ["--no-controls", "--postfix-config", &folder];
    let seen = measured(world, &[["-6"].as_slice(), &words].concat());
    let named = world.egress(&[["--source", NEW].as_slice(), &words].concat());
    let bound = configured("egress-bound", &format!("{SOUND}smtp_bind_address6 = {NEW}\n"), "")?;
    let bound = bound.display().to_string();
    let tied = measured(world, &["-6", "--no-controls", "--postfix-config", &bound]);
    run(&format!(
        "ip address del {NEW}/64 dev {ISP}; ip address del {OLD}/64 dev {ISP}; \
         sysctl -qw net.ipv6.conf.{ISP}.dad_transmits=1"
    ))?;
    let ((outcome, report), named, (tied, second)) = (seen?, named?, tied?);
    let ips: Vec<String> = report.sources.iter().map(|one| one.ip.to_string()).collect();
    ensure!(!ips.iter().any(|ip| ip == OLD || ip == NEW), "{outcome}");
    ensure!(named.status.code() == Some(2), "{named}");
    ensure!(named.stderr.contains("may not be used yet"), "{named}");
    let told = second.findings.iter().find(|one| one.id == "no-route");
    ensure!(told.is_some_and(|one| one.explanation.contains("tentative")), "{tied}");
    Ok(())
}

/// An alias is as good as what it stands for; what is no name in DNS is not to be published.
pub(super) fn greetings(world: &World) -> Result<()> {
    let of_postfix = format!("Set Postfix's myhostname, or its smtp_helo_name, to {HELO}");
    for (name, remedy) in [
        ("alias.egress.test", None),
        ("[198.51.100.10]", None),
        ("astray-alias.egress.test", Some("Have astray-alias.egress.test lead to 198.51.100.10")),
        ("dangling.egress.test", Some("Have dangling.egress.test lead to 198.51.100.10")),
        ("vm.localdomain", Some(of_postfix.as_str())),
        ("localhost", Some(&of_postfix)),
        ("box", Some(&of_postfix)),
        ("[198.51.100.11]", Some(&of_postfix)),
    ] {
        let main = format!("{SOUND}smtp_helo_name = {name}\n");
        let folder = configured("egress-greeting", &main, "")?.display().to_string();
        let words = ["--source", IPV4, "--no-controls", "--postfix-config", &folder];
        let (outcome, report) = measured(world, &words)?;
        let mismatch = format!("ehlo-name-mismatch@{IPV4}");
        let ids: Vec<&str> = remedy.iter().map(|_| mismatch.as_str()).collect();
        expect(&outcome, &report, 3, &ids)?;
        let told = report.findings.first().and_then(|one| one.remedy.as_deref());
        let is_told = told.unwrap_or_default().starts_with(remedy.unwrap_or_default());
        ensure!(is_told, "{name}: {told:?}");
    }
    Ok(())
}

/// A record that asks for the EHLO name is not evaluated where nobody knows that.
pub(super) fn nobody(_: &World) -> Result<()> {
    let of = |domain: &str, words: &[&str]| {
        // A host whose own name is a bare word, and no Postfix.
        let mut sh = process::command(CLIENT, "unshare");
        let line = "hostname box && exec \"$0\" egress --json \"$@\"";
        sh.args(["--uts", "sh", "-c", line, env!("CARGO_BIN_EXE_mxray")]);
        sh.args(["--source", IPV4, "--no-controls", "--from", domain]).args(words);
        sh.args(["--postfix-config", "/nonexistent", "--resolver", RESOLVER]);
        let outcome = process::observe(&mut sh)?;
        let report: EgressReport =
            serde_json::from_str(&outcome.stdout).with_context(|| outcome.to_string())?;
        ensure!(outcome.status.code() == Some(3), "{outcome}");
        let source = report.sources.into_iter().next().with_context(|| outcome.to_string())?;
        Ok((source.spf.map(|spf| spf.result), source.spf_unknown))
    };
    let named = "named.egress.test";
    let (result, why) = of(named, &[])?;
    ensure!(result.is_none() && why.as_ref().is_some_and(|why| why.contains("%{h}")), "{why:?}");
    ensure!(of(named, &["--ehlo", HELO])? == (Some(SpfResult::Pass), None), "it was told");
    ensure!(of(FROM, &[])? == (Some(SpfResult::Pass), None), "it does not depend on that");
    Ok(())
}

/// Port 465 without the mode for it.
pub(super) fn unwrapped(world: &World) -> Result<()> {
    let main = format!("{SOUND}smtp_tls_security_level = may\nrelayhost = [mx.postfix.test]:465\n");
    let folder = configured("egress-unwrapped", &main, "")?.display().to_string();
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 1, &["relayhost-set", "wrappermode-missing"])?;
    type_lines(&report)?;
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 3, &["relayhost-set"])
}

/// What was changed since a table was compiled is not in force, and nothing is said of it.
pub(super) fn stale(world: &World) -> Result<()> {
    let folder = configured("egress-stale", "", "")?;
    let table = folder.join("policy");
    let typed = format!("hash:{}", table.display());
    configured("egress-stale", &format!("{SOUND}smtp_tls_policy_maps = {typed}\n"), "")?;
    let folder = folder.display().to_string();
    fs::write(&table, "example.net encrypt\n")?;
    process::run(process::command(CLIENT, "postmap").args(["-c", &folder, &typed]))?;
    // The clock of a file system may be coarse.
    thread::sleep(Duration::from_millis(1100));
    fs::write(&table, "example.net none\n")?;
    let asked = ["-c", &folder, "-q", "example.net", &typed];
    let in_force = process::run(process::command(CLIENT, "postmap").args(asked))?;
    ensure!(in_force.trim() == "encrypt", "{in_force}");
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let words = [words.as_slice(), &CONTROLS].concat();
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 0, &["policy-map-stale"])?;
    type_lines(&report)?;
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 0, &["policy-map-clear"])
}
