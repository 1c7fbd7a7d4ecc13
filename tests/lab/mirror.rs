//! A mirror in `mx`, checked by a client behind a real box.
//!
//! Owns the cases: what the box does, and what both transcripts together must show.

use anyhow::{Context as _, Result, ensure};
use mxray::sim::middlebox::Behaviour;
use serde_json::Value;

use crate::middlebox::Placed;
use crate::process::Daemon;
use crate::topology::{MX, RESOLVER};
use crate::world::{Play, World};

/// The mirror's addresses.
const IPV4: &str = "203.0.113.120";
const IPV6: &str = "2001:db8:203::120";
const TOKEN: &str = "a-token-that-only-the-lab-knows";

/// Outcome of every session, verdict, confidence, and a difference that must be among
/// those shown: what was sent, and what arrived.
type Shown =
    (&'static str, &'static str, Option<&'static str>, Option<(&'static str, &'static str)>);

const CASES: [(Behaviour, Shown); 6] = [
    (Behaviour::Pass, ("identical", "intact", None, None)),
    (
        Behaviour::DropKeyword,
        ("bytes-changed", "stripped", Some("proven"), Some((r"250-STARTTLS\r\n", ""))),
    ),
    (
        Behaviour::MaskAll,
        ("bytes-changed", "stripped", Some("proven"), Some((r"STARTTLS\r\n", r"XXXXXXXX\r\n"))),
    ),
    (
        Behaviour::ResetAtStarttls,
        ("cut-off", "stripped", Some("corroborated"), Some((r"STARTTLS\r\n", ""))),
    ),
    (Behaviour::ForeignCertificateClear, ("key-differs", "intercepted", Some("proven"), None)),
    (Behaviour::InjectCommand, ("bytes-changed", "intact", None, Some(("", r"NOOP\r\n")))),
];

/// One trial a case over each family.
pub(crate) fn plays() -> Vec<Play> {
    let play = |ip: &'static str, behaviour: Behaviour, shown: Shown| -> Play {
        let title = format!("mirror: {behaviour} on the path to {ip}");
        (title, Box::new(move |world| check(world, ip, behaviour, shown)))
    };
    let cases = CASES
        .iter()
        .flat_map(|(behaviour, shown)| [IPV4, IPV6].map(|ip| play(ip, *behaviour, *shown)));
    cases.collect()
}

fn check(world: &World, ip: &str, behaviour: Behaviour, shown: Shown) -> Result<()> {
    let _mirror = start()?;
    let placed = Placed::on_path(behaviour, &[ip], &world.authority.file)?;
    let mirror = format!("{TOKEN}@{ip}");
    let outcome = world.mxray(&["check", "--mirror", &mirror, "--json"], RESOLVER)?;
    let report: Value =
        serde_json::from_str(&outcome.stdout).with_context(|| outcome.to_string())?;
    ensure!(placed.redirected()? > 0, "the box was not on the path\n{}", placed.log());
    ensure!(!outcome.stdout.contains(TOKEN), "the token is in the report");
    let (outcome_word, status, confidence, difference) = shown;
    let told = |pointer: &str| report.pointer(pointer).and_then(Value::as_str);
    let found = (told("/targets/0/verdict/status"), told("/targets/0/verdict/confidence"));
    ensure!(found == (Some(status), confidence), "{found:?}\n{outcome}");
    let compared = report.pointer("/targets/0/mirror/compared").and_then(Value::as_array);
    let compared = compared.with_context(|| outcome.to_string())?;
    // The box looks at port 25; the mirror's other port is asked too, past it.
    let inspected = report.pointer("/targets/0/observations").and_then(Value::as_array);
    let inspected: Vec<&Value> = inspected
        .into_iter()
        .flatten()
        .filter(|it| it.pointer("/probe/port").and_then(Value::as_u64) == Some(25))
        .filter_map(|it| it.pointer("/id"))
        .collect();
    let compared = compared
        .iter()
        .filter(|it| it.pointer("/observation").is_some_and(|id| inspected.contains(&id)));
    let outcomes: Vec<_> =
        compared.clone().filter_map(|it| it.pointer("/outcome")?.as_str()).collect();
    ensure!(!outcomes.is_empty() && outcomes.iter().all(|it| *it == outcome_word), "{outcome}");
    if let Some((sent, received)) = difference {
        let differences =
            compared.filter_map(|it| it.pointer("/differences")?.as_array()).flatten();
        let same = |it: &Value| {
            it.pointer("/sent").and_then(Value::as_str) == Some(sent)
                && it.pointer("/received").and_then(Value::as_str) == Some(received)
        };
        ensure!(differences.clone().any(same), "not shown: {sent} as {received}\n{outcome}");
    }
    Ok(())
}

fn start() -> Result<Daemon> {
    let ipv6 = format!("[{IPV6}]");
    let listen = [format!("{IPV4}:25"), format!("{ipv6}:25")];
    let command = [
        env!("CARGO_BIN_EXE_mxray"),
        "mirror",
        "--token",
        TOKEN,
        "--name",
        "mirror.example.net",
        "--listen",
        &listen[0],
        "--listen",
        &listen[1],
        "--exchange",
        "465",
    ];
    let mut mirror = Daemon::start(MX, "mirror", &command)?;
    mirror.await_serving(|log| Ok(log.contains("certificate SHA-256")))?;
    Ok(mirror)
}
