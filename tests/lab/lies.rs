//! A resolver that lies to the client, and a clean vantage point that asks another.
//!
//! What DNS answers differently is a difference between views as any other. A forged
//! answer in a signed zone is known for one by its signature; in an unsigned zone
//! only the other view tells.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::dns;
use crate::mta;
use crate::process::{self, Daemon};
use crate::sandbox;
use crate::topology::{CORE, DNS, RESOLVER};
use crate::world::{Play, World};

/// Where the liar listens, beside the true resolver.
const LIAR: &str = "192.0.2.56";
/// What it lies about, and the names of the lies.
const LIES: [(&str, &str); 6] = [
    ("mx.insecure.test.", "mx.insecure.test. A 203.0.113.65"),
    ("mx.insecure.test.", "mx.insecure.test. AAAA 2001:db8:203::65"),
    ("exim.test.", "exim.test. MX 10 mx.plain.test."),
    ("lied.insecure.test.", "lied.insecure.test. MX 10 mx.plain.test."),
    ("spared.insecure.test.", "spared.insecure.test. MX 10 mx.exim.test."),
    ("mx.opensmtpd.test.", "mx.opensmtpd.test. A 203.0.113.65"),
];

/// Who asks for a forged answer and validates finds it bogus; told so, mxray looks where
/// it leads all the same.
const BOGUS: &str = "with signatures that do not hold, and signed and secure";

/// A lie: the domain that is asked for, what is lied about it, and what is said of it from
/// the client alone and with the clean view.
struct Case {
    title: &'static str,
    domain: &'static str,
    /// Name, type, and a word of the forged answer.
    lie: (&'static str, &'static str, &'static str),
    alone: &'static str,
    together: (&'static str, Option<&'static str>),
    /// What else the difference has to say, beside that there is one.
    differs: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        title: "forged addresses of a server without STARTTLS",
        domain: dns::INSECURE,
        lie: ("mx.insecure.test", "A", mta::PLAIN.ipv4),
        alone: "not-offered",
        together: ("inconsistent", Some("suspected")),
        differs: "the A records of mx.insecure.test are 203.0.113.65, and 203.0.113.62",
    },
    Case {
        title: "a forged MX without STARTTLS",
        domain: "lied.insecure.test",
        lie: ("lied.insecure.test", "MX", "mx.plain.test."),
        alone: "not-offered",
        together: ("inconsistent", Some("suspected")),
        differs: "the hosts are mx.plain.test, and mx.insecure.test",
    },
    Case {
        title: "a forged MX with STARTTLS",
        domain: "spared.insecure.test",
        lie: ("spared.insecure.test", "MX", "mx.exim.test."),
        alone: "intact",
        together: ("intact", None),
        differs: "the hosts are mx.exim.test, and mx.insecure.test",
    },
    Case {
        title: "a forged MX in a signed zone",
        domain: mta::EXIM.domain,
        lie: (mta::EXIM.domain, "MX", "mx.plain.test."),
        alone: "not-offered",
        together: ("inconsistent", Some("suspected")),
        differs: BOGUS,
    },
    Case {
        title: "a forged address in a signed zone",
        domain: mta::OPENSMTPD.domain,
        lie: (mta::OPENSMTPD.host, "A", mta::PLAIN.ipv4),
        alone: "stripped",
        // Seen from here one family lacks what the other has, whoever led here.
        together: ("stripped", Some("suspected")),
        differs: BOGUS,
    },
];

/// One trial a lie, and one for what is not lied about.
pub(crate) fn plays() -> Vec<Play> {
    let cases = CASES.into_iter().map(|case| -> Play {
        (format!("lies: {}", case.title), Box::new(move |world| case.play(world)))
    });
    let honest: Play = ("lies: nothing is lied about".to_owned(), Box::new(honest));
    cases.chain([honest]).collect()
}

/// Domains of their own for lies about MX records.
pub(crate) fn publish(records: &mut dns::Records) {
    for domain in ["lied.insecure.test", "spared.insecure.test"] {
        records.add(domain, "@ MX 10 mx.insecure.test.");
    }
}

/// The resolver that lies.
fn liar() -> Result<Daemon> {
    let address = format!("{LIAR}/25");
    process::run(process::command(DNS, "ip").args(["address", "replace", &address, "dev", CORE]))?;
    let folder = sandbox::folder("dns")?;
    let path = folder.join("liar.conf");
    let mut text =
        format!(include_str!("etc/unbound.conf"), address = LIAR, folder = folder.display());
    text.push_str("server:\n");
    for (name, lie) in LIES {
        let _ = writeln!(text, "    local-zone: \"{name}\" typetransparent");
        let _ = writeln!(text, "    local-data: \"{lie}\"");
    }
    fs::write(&path, text)?;
    let command = ["unbound", "-d", "-p", "-c", &path.display().to_string()];
    let mut daemon = Daemon::start(DNS, "liar", &command)?;
    daemon.await_serving(|_| Ok(dns::ask(LIAR, "test.", "SOA")?.contains("NOERROR")))?;
    Ok(daemon)
}

impl Case {
    fn play(&self, world: &World) -> Result<()> {
        let _liar = liar()?;
        let (name, rrtype, forged) = self.lie;
        let truth = dns::ask(RESOLVER, name, rrtype)?;
        let lie = dns::ask(LIAR, name, rrtype)?;
        ensure!(lie.contains(forged) && !truth.contains(forged), "no lie\n{truth}\n{lie}");
        let (outcome, report) = world.probe(self.domain, LIAR)?;
        ensure!(status(&report).0 == Some(self.alone), "alone\n{outcome}");
        let clean = format!("clean={}", world.clean_agent());
        let (outcome, report) = world.probe_with(self.domain, LIAR, &["--vantage", &clean])?;
        let (expected, confidence) = self.together;
        let found = status(&report);
        ensure!(found == (Some(expected), confidence), "{found:?}\n{outcome}");
        let differs = dns_differs(&report).context("no dns-differs")?;
        ensure!(differs.contains(self.differs), "{differs}\n{outcome}");
        Ok(())
    }
}

/// The same resolver, asked about a domain that it says the truth of.
fn honest(world: &World) -> Result<()> {
    let _liar = liar()?;
    let clean = format!("clean={}", world.clean_agent());
    let (outcome, report) = world.probe_with(mta::POSTFIX.domain, LIAR, &["--vantage", &clean])?;
    ensure!(status(&report) == (Some("intact"), None), "{outcome}");
    ensure!(dns_differs(&report).is_none(), "{outcome}");
    Ok(())
}

fn status(report: &Value) -> (Option<&str>, Option<&str>) {
    let word = |pointer| report.pointer(pointer).and_then(Value::as_str);
    (word("/targets/0/verdict/status"), word("/targets/0/verdict/confidence"))
}

/// What is said of the difference.
fn dns_differs(report: &Value) -> Option<&str> {
    let findings = report.pointer("/targets/0/findings")?.as_array()?;
    let found = findings.iter().find(|one| one.get("id").is_some_and(|id| id == "dns-differs"))?;
    found.get("explanation")?.as_str()
}
