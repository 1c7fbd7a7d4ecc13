//! `mxray egress` at a client whose Postfix is sound, and at one whose Postfix has
//! every classic mistake planted; the lines that it prints are then typed.
//! `MXRAY_EGRESS=FILE` has the text of the latter written, for docs/egress.md.
//!
//! Owns the configurations and what is expected of both. Nothing of them runs: only
//! `postconf` reads and edits them; what Postfix does with such settings is in `deeds`.

mod alone;
mod chroot;
mod deeds;
mod hosts;
mod premises;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use mxray::model::egress::{EgressReport, SpfResult};
use mxray::report::text::{self, Style};
use mxray::sim::middlebox::Behaviour;

use crate::dns::Records;
use crate::middlebox::Placed;
use crate::mta;
use crate::process::{self, Outcome};
use crate::sandbox;
use crate::topology::{CLIENT, ISP};
use crate::world::{Play, World};

/// The domain that the mail is from, and the name of the client's first addresses.
const FROM: &str = "egress.test";
const HELO: &str = "out.egress.test";
/// The client's addresses: those that the kernel prefers, and the others.
const IPV4: &str = "198.51.100.10";
const IPV6: &str = "2001:db8:100::10";
const LYING_IPV4: &str = "198.51.100.11";
/// What is asked.
const CONTROLS: [&str; 4] = ["--control", "postfix.test", "--control", "exim.test"];

const COMMON: &str = "compatibility_level = 3.6\nmyhostname = out.egress.test\n";
const SOUND: &str = "smtp_tls_security_level = dane\nsmtp_dns_support_level = dnssec\n\
    smtp_tls_loglevel = 1\n";
/// What goes in is encrypted, and everything about what goes out is wrong.
const BROKEN: &str = "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = /etc/key.pem\n\
    smtp_tls_loglevel = 0\ninet_protocols = ipv4\nsmtp_bind_address = 203.0.113.99\n";
const MASTER: &str = "smtp unix - - n - - smtp\nrelay unix - - n - - smtp -o syslog_name=relay\n";
/// Transports that go their own way.
const BROKEN_MASTER: &str = "bulk unix - - n - - smtp\n    -o smtp_bind_address6=2001:db8::99\n\
    slow unix - - n - - smtp -o { smtp_helo_name = slow.egress.test }\n";

/// Names of the client's addresses, and SPF records.
pub(crate) fn publish(records: &mut Records) {
    records.add(
        FROM,
        "@ TXT \"v=spf1 include:_spf.egress.test -all\"\n\
         _spf.egress.test. TXT \"v=spf1 ip4:198.51.100.10 ip6:2001:db8:100::10 -all\"\n\
         out A 198.51.100.10\nout AAAA 2001:db8:100::10\nliar A 192.0.2.99\nsecond A 198.51.100.11\n\
         slow A 198.51.100.10\nslow AAAA 2001:db8:100::10\n\
         six AAAA 2001:db8:100::11\n\
         loop TXT \"v=spf1 include:loop.egress.test -all\"",
    );
    let many: Vec<String> = (0..11).map(|n| format!("a:m{n}.egress.test")).collect();
    let hosts: Vec<String> = (0..11).map(|n| format!("m{n} A 192.0.2.{n}")).collect();
    let (many, hosts) = (many.join(" "), hosts.join("\n"));
    records.add(
        FROM,
        &format!(
            "exists TXT \"v=spf1 exists:%{{i}}.by.%{{d}} -all\"\n\
             198.51.100.10.by.exists A 127.0.0.2\n\
             named TXT \"v=spf1 exists:%{{h}}.by.%{{d}} -all\"\n\
             {HELO}.by.named A 127.0.0.2\n\
             redirected TXT \"v=spf1 redirect=_spf.egress.test\"\n\
             astray TXT \"v=spf1 redirect=out.egress.test\"\n\
             many TXT \"v=spf1 {many} -all\"\n{hosts}\n\
             two TXT \"v=spf1 ip4:198.51.100.10 -all\"\ntwo TXT \"v=spf1 -all\"\n\
             alias CNAME out\nastray-alias CNAME liar\n\
             dangling CNAME nowhere"
        ),
    );
    records.add_pointer(IPV4, HELO);
    records.add_pointer(IPV6, HELO);
    records.add_pointer(LYING_IPV4, "liar.egress.test");
}

type Trial = fn(&World) -> Result<()>;

/// One trial a thing that is shown.
pub(crate) fn plays() -> Vec<Play> {
    let all: [(&str, Trial); 28] = [
        ("nothing is wrong with a sound Postfix", sound),
        ("each planted mistake is named, and mended by its lines", broken),
        ("each mistake alone is named once, and mended by its lines", alone::each),
        ("a private address is known by what destinations see", natted),
        ("a transport in clear is named, and mended by its line", transport),
        ("port 25 is closed at one family only", closed),
        ("SPF that loops, and SPF that is not there", policies),
        ("a real Postfix does what is said of each mistake", deeds::done),
        ("what matters behind a relayhost is the way to it", premises::relayed),
        ("IPv6 without reverse DNS is named alone", premises::nameless),
        ("it is said which instances were read, and which not", premises::instances),
        ("DANE behind a resolver that strips DNSSEC is named", premises::stripped),
        ("a chroot with another resolver is named, and mended by its line", chroot::resolved),
        ("DANE for a single destination needs the resolver too", premises::policy_stripped),
        ("each transport's name is held against its own address", premises::names),
        ("mail by a temporary address is bound to a lasting one", premises::temporary),
        ("an instance that is not enabled is left out", premises::disabled),
        ("a level that demands TLS keeps mail from a server without", premises::kept),
        ("a relay with implicit TLS is not looked for among providers", premises::implicit),
        ("no network, and no Postfix where one was named", nothing),
        ("Postfix without a family that the machine has is named", hosts::without_family),
        ("an address of 464XLAT is private", hosts::xlat),
        ("of twenty addresses four are asked from", hosts::twenty),
        ("addresses that are deprecated or tentative are left out", hosts::unready),
        ("a name that is not in DNS is not to be published", hosts::greetings),
        ("SPF that depends on an unknown EHLO name is not known", hosts::nobody),
        ("port 465 without implicit TLS is named, and mended by its lines", hosts::unwrapped),
        ("what a table that is out of date says is not in force", hosts::stale),
    ];
    all.into_iter().map(|(title, play)| (format!("egress: {title}"), Box::new(play) as _)).collect()
}

/// A configuration directory of its own.
fn configured(name: &str, main: &str, master: &str) -> Result<PathBuf> {
    let folder = sandbox::folder(name)?;
    sandbox::write_aged(&folder.join("main.cf"), &format!("{COMMON}{main}"))?;
    sandbox::write_aged(&folder.join("master.cf"), &format!("{MASTER}{master}"))?;
    Ok(folder)
}

fn measured(world: &World, words: &[&str]) -> Result<(Outcome, EgressReport)> {
    let outcome = world.egress(&[words, &["--json"]].concat())?;
    let report =
        serde_json::from_str(&outcome.stdout).with_context(|| format!("no report\n{outcome}"))?;
    Ok((outcome, report))
}

/// Findings as `id` or `id@address`.
fn found(report: &EgressReport) -> BTreeSet<String> {
    let word = |ip: Option<std::net::IpAddr>| ip.map(|ip| format!("@{ip}")).unwrap_or_default();
    let findings = report.findings.iter();
    findings.map(|finding| format!("{}{}", finding.id, word(finding.ip))).collect()
}

fn expect(outcome: &Outcome, report: &EgressReport, status: i32, expected: &[&str]) -> Result<()> {
    let expected: BTreeSet<String> = expected.iter().map(|id| (*id).to_owned()).collect();
    let found = found(report);
    ensure!(found == expected, "found {found:#?}, expected {expected:#?}\n{outcome}");
    ensure!(outcome.status.code() == Some(status), "not status {status}\n{outcome}");
    Ok(())
}

fn sound(world: &World) -> Result<()> {
    let folder = configured("egress-sound", SOUND, "")?.display().to_string();
    let words = ["--source", IPV4, "--source", IPV6, "--from", FROM, "--postfix-config", &folder];
    let (outcome, report) = measured(world, &[words.as_slice(), &CONTROLS].concat())?;
    expect(&outcome, &report, 0, &[])?;
    for source in &report.sources {
        let spf = source.spf.as_ref().map(|spf| (spf.result, spf.decided_by.len()));
        ensure!(spf == Some((SpfResult::Pass, 2)), "{outcome}");
        let ehlo = source.ehlo.as_ref().context("no EHLO name")?;
        ensure!((ehlo.name.as_str(), ehlo.resolves) == (HELO, Some(true)), "{outcome}");
        for view in &source.destinations {
            ensure!(view.observations.len() == 1, "one session is enough\n{outcome}");
            ensure!(view.postfix == ["tls"] && view.reached > 0, "{outcome}");
            ensure!(view.tls.iter().all(|tls| tls.starts_with("TLSv1.3 ")), "{outcome}");
        }
    }
    Ok(())
}

/// A box strips IPv4, Postfix is told to use nothing else, and so on.
fn broken(world: &World) -> Result<()> {
    let second = format!("{SOUND}multi_instance_enable = yes\n");
    let sound = configured("egress-second", &second, "")?.display().to_string();
    let main = format!("{BROKEN}multi_instance_directories = {sound}\n");
    let folder = configured("egress-broken", &main, BROKEN_MASTER)?.display().to_string();
    let ipv4 = [mta::POSTFIX.ipv4, mta::EXIM.ipv4];
    let box_on_path = Placed::on_path(Behaviour::DropKeyword, &ipv4, &world.authority.file)?;
    let words = ["--from", FROM, "--postfix-config", &folder];
    let words = [words.as_slice(), &CONTROLS].concat();
    record(world, &words)?;
    let (outcome, report) = measured(world, &words)?;
    let network = [
        "starttls-stripped@198.51.100.10",
        "starttls-stripped@198.51.100.11",
        "reverse-dns-unconfirmed@198.51.100.11",
        "ehlo-name-mismatch@198.51.100.11",
        "spf-fail@198.51.100.11",
        "no-reverse-dns@2001:db8:100::11",
        "ehlo-name-mismatch@2001:db8:100::11",
        "spf-fail@2001:db8:100::11",
    ];
    let planted = [
        "tls-level-empty",
        "tls-loglevel-zero",
        "inet-protocols-hides-path",
        "bind-address-not-ours",
        "transport-differs",
        "several-instances",
        // The second instance uses both families, and one of them is stripped.
        "address-preference",
    ];
    expect(&outcome, &report, 1, &[network.as_slice(), &planted].concat())?;
    let bound = report.findings.iter().filter(|finding| finding.id == "bind-address-not-ours");
    ensure!(bound.count() == 2, "main.cf and master.cf\n{outcome}");
    drop(box_on_path);
    type_lines(&report)?;
    let (outcome, report) = measured(world, &words)?;
    let healthy: Vec<&str> = network.into_iter().filter(|id| !id.starts_with("starttls")).collect();
    // Mended: what is left is a fact, not a fault.
    let left = ["transport-differs", "several-instances"];
    expect(&outcome, &report, 0, &[healthy.as_slice(), &left].concat())
}

/// The same as text, for docs/egress.md.
fn record(world: &World, words: &[&str]) -> Result<()> {
    let Some(path) = env::var_os("MXRAY_EGRESS") else { return Ok(()) };
    let (_, report) = measured(world, words)?;
    let style = Style { width: 80, colour: false, transcript: false, postfix: false, verbose: 0 };
    Ok(fs::write(path, text::egress::render(&report, &style))?)
}

/// Types every line as printed.
fn type_lines(report: &EgressReport) -> Result<()> {
    let lines: BTreeSet<&String> = report.findings.iter().flat_map(|one| &one.lines).collect();
    for line in lines {
        process::run(process::command(CLIENT, "sh").args(["-c", line]))?;
    }
    Ok(())
}

fn transport(world: &World) -> Result<()> {
    let master = "bulk unix - - n - - smtp -o smtp_tls_security_level=none\n";
    let main = format!("{SOUND}default_transport = bulk\n");
    let folder = configured("egress-transport", &main, master)?.display().to_string();
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let words = [words.as_slice(), &CONTROLS].concat();
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 1, &["transport-in-clear"])?;
    type_lines(&report)?;
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 0, &[])
}

/// The client translates its own private address, as a provider's network does.
fn natted(world: &World) -> Result<()> {
    const PRIVATE: &str = "10.9.8.7";
    let interface = format!("{PRIVATE}/32");
    let address = |word| {
        process::run(process::command(CLIENT, "ip").args(["addr", word, &interface, "dev", "lo"]))
    };
    let nft = |ruleset: &str| process::run(process::command(CLIENT, "nft").arg(ruleset));
    address("add")?;
    let rule = format!(
        "table ip egress {{ chain out {{ type nat hook postrouting priority 100; \
         ip saddr {PRIVATE} snat to {IPV4}; }}\n}}\n"
    );
    let folder = configured("egress-natted", SOUND, "")?.display().to_string();
    let postfix = ["--source", PRIVATE, "--from", FROM, "--postfix-config", &folder];
    let seen = nft(&rule).and_then(|_| {
        let asked = measured(world, &[postfix.as_slice(), &["--control", "exim.test"]].concat())?;
        let silent = measured(world, &[postfix.as_slice(), &["--no-controls"]].concat())?;
        let typed = ["--no-controls", "--public", IPV4];
        let typed = measured(world, &[postfix.as_slice(), &typed].concat())?;
        Ok([asked, silent, typed])
    });
    nft("delete table ip egress")?;
    address("del")?;
    let [(asked, first), (silent, second), (typed, third)] = seen?;
    expect(&asked, &first, 0, &["behind-nat@10.9.8.7"])?;
    expect(&silent, &second, 3, &["public-address-unknown@10.9.8.7"])?;
    expect(&typed, &third, 3, &["behind-nat@10.9.8.7"])?;
    for (outcome, report) in [(&asked, &first), (&typed, &third)] {
        let source = report.sources.first().context("no source")?;
        ensure!(source.public.map(|ip| ip.to_string()).as_deref() == Some(IPV4), "{outcome}");
        let spf = source.spf.as_ref().map(|spf| spf.result);
        ensure!(spf == Some(SpfResult::Pass), "{outcome}");
        let resolves = source.ehlo.as_ref().and_then(|ehlo| ehlo.resolves);
        ensure!(resolves == Some(true), "{outcome}");
    }
    Ok(())
}

/// A route back that is not there: nothing answers over IPv6.
fn closed(world: &World) -> Result<()> {
    let route = ["-6", "route", "add", "blackhole", "2001:db8:203::/64"];
    let undo = ["-6", "route", "del", "blackhole", "2001:db8:203::/64"];
    process::run(process::command(ISP, "ip").args(route))?;
    let seen =
        measured(world, &[["--source", IPV4, "--source", IPV6].as_slice(), &CONTROLS].concat());
    process::run(process::command(ISP, "ip").args(undo))?;
    let (outcome, report) = seen?;
    let ids = found(&report);
    ensure!(ids.contains("port-25-closed@2001:db8:100::10"), "{ids:?}\n{outcome}");
    ensure!(!ids.contains("port-25-closed@198.51.100.10"), "{ids:?}\n{outcome}");
    ensure!(outcome.status.code() == Some(1), "{outcome}");
    Ok(())
}

fn policies(world: &World) -> Result<()> {
    let folder = configured("egress-policies", SOUND, "")?.display().to_string();
    for (domain, id, status) in [
        ("loop.egress.test", Some("spf-permerror@198.51.100.10"), 1),
        ("astray.egress.test", Some("spf-permerror@198.51.100.10"), 1),
        ("many.egress.test", Some("spf-permerror@198.51.100.10"), 1),
        ("two.egress.test", Some("spf-permerror@198.51.100.10"), 1),
        ("exists.egress.test", None, 3),
        ("named.egress.test", None, 3),
        ("redirected.egress.test", None, 3),
        ("exim.test", Some("spf-none@198.51.100.10"), 3),
        (FROM, None, 3),
    ] {
        let words = ["--source", IPV4, "--from", domain, "--no-controls"];
        let postfix = ["--postfix-config", folder.as_str()];
        let (outcome, report) = measured(world, &[words.as_slice(), &postfix].concat())?;
        let ids: Vec<String> =
            found(&report).into_iter().filter(|id| id.starts_with("spf")).collect();
        ensure!(ids == id.into_iter().collect::<Vec<_>>(), "{ids:?}\n{outcome}");
        ensure!(outcome.status.code() == Some(status), "{outcome}");
    }
    Ok(())
}

/// Nothing to measure is not determined, and not fine.
fn nothing(_: &World) -> Result<()> {
    let mut mxray = process::command(CLIENT, "unshare");
    mxray.args(["--net", env!("CARGO_BIN_EXE_mxray"), "egress", "--json"]);
    let outcome = process::observe(mxray.args(["--postfix-config", "/nonexistent"]))?;
    let report: EgressReport =
        serde_json::from_str(&outcome.stdout).with_context(|| outcome.to_string())?;
    let error = report.postfix_error.as_deref().unwrap_or_default();
    ensure!(error.contains("/nonexistent"), "{outcome}");
    ensure!(report.sources.is_empty() && report.controls.is_empty(), "{outcome}");
    ensure!(report.not_asked.is_some() && report.findings.is_empty(), "{outcome}");
    ensure!(outcome.status.code() == Some(3), "{outcome}");
    Ok(())
}
