//! The second vantage point behind a real sshd, and all that can be wrong with it.
//!
//! Whatever it is, it is a fault of ours: what this machine sees stands, and nothing
//! that was started is left.

mod far;
mod faults;
mod processes;

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use mxray::sim::middlebox::{Behaviour, Refusal};
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use self::far::Far;
use crate::dns;
use crate::middlebox::Placed;
use crate::mta;
use crate::process::{self, Outcome};
use crate::sandbox;
use crate::topology::{CLEAN, CLIENT, RESOLVER};
use crate::world::{Play, World};

type Trial = fn(&World) -> Result<()>;

/// One trial a fault, and one a thing that is shown.
pub(crate) fn plays() -> Vec<Play> {
    let all: [(&str, Trial); 12] = [
        ("says what ip netns exec says", as_by_ip),
        ("a forced command, and no more than it", forced),
        ("the far side has no IPv6", without_ipv6),
        ("a clock a hundred years off", wrong_clock),
        ("a clock by which signatures are bad", misleading_clock),
        ("the agent is killed", |world| broken(world, "mxray agent ", Signal::KILL, "it died")),
        ("the server is killed", |world| {
            broken(
                world,
                "sshd: ann@notty",
                Signal::KILL,
                "it died: Connection to 192.0.2.130 closed",
            )
        }),
        ("the agent hangs", |world| {
            broken(world, "mxray agent ", Signal::STOP, "it did not answer for 10 s")
        }),
        ("no question reaches the terminal", no_question),
        ("SIGTERM before the first words", |world| told_to_end(world, Signal::TERM, false)),
        ("SIGTERM in the middle", |world| told_to_end(world, Signal::TERM, true)),
        ("Ctrl-C in the middle", |world| told_to_end(world, Signal::INT, true)),
    ];
    let faults = faults::CASES.into_iter().map(|case| -> Play {
        (format!("ssh: {}", case.title), Box::new(move |world| case.play(world)))
    });
    let more = all.into_iter().map(|(title, play)| (format!("ssh: {title}"), Box::new(play) as _));
    faults.chain(more).collect()
}

fn check(world: &World, vantage: &str) -> Result<(Outcome, Value)> {
    world.probe_with(mta::POSTFIX.domain, RESOLVER, &["--vantage", vantage])
}

fn word<'a>(report: &'a Value, pointer: &str) -> Option<&'a str> {
    report.pointer(pointer).and_then(Value::as_str)
}

/// The verdict with all its words.
fn verdict(report: &Value) -> Option<&Value> {
    report.pointer("/targets/0/verdict")
}

/// With a banner of the server, and one that the shell prints where the agent should.
fn as_by_ip(world: &World) -> Result<()> {
    let far = Far::start(world)?;
    let both = [mta::POSTFIX.ipv4, mta::POSTFIX.ipv6];
    let stripping = Behaviour::DropKeywordRefuse(Refusal::Unrecognized);
    for (behaviour, status) in [(Behaviour::Pass, "intact"), (stripping, "stripped")] {
        let _placed = Placed::on_path(behaviour, &both, &world.authority.file)?;
        let (_, direct) = check(world, &format!("clean={}", world.clean_agent()))?;
        for host in ["quiet", "noisy"] {
            let command = far.ssh(host, &format!("mxray {}", world.agent_words()));
            let (outcome, report) = check(world, &format!("clean={command}"))?;
            let context = || format!("{host}\n{outcome}\n{}", far.log());
            ensure!(word(&report, "/targets/0/verdict/status") == Some(status), context());
            ensure!(verdict(&report) == verdict(&direct), "{direct}\n{}", context());
            ensure!(report.pointer("/run/vantages/1/error") == Some(&Value::Null), context());
            ensure!(outcome.stderr.is_empty(), context());
        }
    }
    processes::none_left()
}

fn forced(world: &World) -> Result<()> {
    let far = Far::start(world)?;
    // Whatever is asked for, the agent is what runs: with its own options.
    for asked in ["mxray agent --stdio", "rm -rf /nonexistent", "mxray agent --allow-port 22"] {
        let (outcome, report) = check(world, &format!("clean={}", far.ssh("forced", asked)))?;
        ensure!(outcome.status.code() == Some(0), "{asked}\n{outcome}\n{}", far.log());
        ensure!(word(&report, "/targets/0/views/1/verdict/status") == Some("intact"), "{outcome}");
    }
    let vantage = format!("clean={}", far.ssh("forced", "mxray agent --allow-port 22"));
    let words = ["--vantage", vantage.as_str()];
    let (outcome, report) = world.probe_with("[203.0.113.62]:22", RESOLVER, &words)?;
    let error = word(&report, "/run/vantages/1/error").unwrap_or_default();
    ensure!(error.contains("it refuses: port 22 is not allowed at this agent"), "{outcome}");
    processes::none_left()
}

fn without_ipv6(world: &World) -> Result<()> {
    let far = Far::start(world)?;
    let route = ["2001:db8::/32", "via", "2001:db8:102::1"];
    let ip = |verb: &str| {
        process::run(process::command(CLEAN, "ip").args(["-6", "route", verb]).args(route))
    };
    ip("del")?;
    let command = far.ssh("quiet", &format!("mxray {}", world.agent_words()));
    let seen = check(world, &format!("clean={command}"));
    ip("add")?;
    let (outcome, report) = seen?;
    ensure!(word(&report, "/run/vantages/1/families/ipv6") == Some("unusable"), "{outcome}");
    ensure!(word(&report, "/run/vantages/1/families/ipv4") == Some("usable"), "{outcome}");
    ensure!(word(&report, "/targets/0/verdict/status") == Some("intact"), "{outcome}");
    ensure!(outcome.status.code() == Some(0), "{outcome}");
    Ok(())
}

/// An agent in another century.
fn behind_the_times(world: &World, far: &Far) -> String {
    let shift = r#"s/"\(now\|started_at\)":"20/"\1":"19/g"#;
    let command = format!("mxray {} | sed -u '{shift}'", world.agent_words());
    format!("clean={}", far.ssh("quiet", &format!("'{}'", command.replace('\'', r"'\''"))))
}

fn wrong_clock(world: &World) -> Result<()> {
    let far = Far::start(world)?;
    let before = Timestamp::now();
    let (outcome, report) = check(world, &behind_the_times(world, &far))?;
    let offset = report.pointer("/run/vantages/1/clock_offset_ms").and_then(Value::as_i64);
    ensure!(offset.is_some_and(|offset| offset < -3_100_000_000_000), "{offset:?}\n{outcome}");
    ensure!(outcome.stderr.contains("the clock at vantage point clean is -3"), "{outcome}");
    let seen = report.pointer("/targets/0/observations").and_then(Value::as_array);
    let clean = |seen: &&Value| word(seen, "/probe/vantage") == Some("clean");
    let clean: Vec<_> = seen.into_iter().flatten().filter(clean).collect();
    ensure!(clean.len() == 2, "{} sessions\n{outcome}", clean.len());
    for seen in clean {
        let at: Timestamp = word(seen, "/started_at").context("no time")?.parse()?;
        // Half of the way is taken for each direction: the error is below a second.
        ensure!(at.duration_since(before).as_secs().abs() < 60, "{at}\n{outcome}");
    }
    ensure!(word(&report, "/targets/0/verdict/status") == Some("intact"), "{outcome}");
    ensure!(outcome.status.code() == Some(0), "{outcome}");
    Ok(())
}

fn misleading_clock(world: &World) -> Result<()> {
    let far = Far::start(world)?;
    let vantage = behind_the_times(world, &far);
    let (outcome, report) = world.probe_with(dns::BOGUS, RESOLVER, &["--vantage", &vantage])?;
    let error = word(&report, "/run/vantages/1/error").unwrap_or_default();
    ensure!(error.starts_with("its clock is -3"), "{error}\n{outcome}");
    let routes = report.pointer("/targets/0/routes").and_then(Value::as_array);
    ensure!(routes.is_some_and(|routes| routes.len() == 1), "its word counts\n{outcome}");
    Ok(())
}

/// Lets nothing come back to the clean vantage point over IPv6, so that its sessions
/// there are under way for as long as they may.
struct Silence;

impl Silence {
    fn begin() -> Result<Self> {
        let rule = "table ip6 silence { chain output { type filter hook output priority 0; \
             tcp dport 25 drop; }; }";
        crate::topology::feed(process::command(CLEAN, "nft").args(["-f", "-"]), rule)?;
        Ok(Self)
    }

    /// Waits until a session is under way.
    fn is_felt(&self) -> Result<()> {
        let Self = self;
        processes::until("a session under way", || {
            let mut sockets = process::command(CLEAN, "ss");
            let open = process::run(sockets.args(["-Htn", "state", "syn-sent"]))?;
            Ok((!open.is_empty()).then_some(()))
        })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Best effort: the sandbox forgets what is left.
        let mut nft = process::command(CLEAN, "nft");
        let _ = process::run(nft.args(["delete", "table", "ip6", "silence"]));
    }
}

/// Starts a check in the background; its output is read when it has ended.
fn begin(world: &World, vantage: &str) -> Result<std::process::Child> {
    let words = ["check", mta::POSTFIX.domain, "--json", "--vantage", vantage];
    let mut command = world.command(CLIENT, &words, RESOLVER);
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

/// Something happens to a process at the far side while a session is under way.
fn broken(world: &World, process: &str, signal: Signal, words: &str) -> Result<()> {
    let far = Far::start(world)?;
    let silence = Silence::begin()?;
    let command = far.ssh("quiet", &format!("mxray {}", world.agent_words()));
    let child = begin(world, &format!("clean={command}"))?;
    silence.is_felt()?;
    let hit = processes::signal(process, signal)?;
    let seen = process::ended(child)?;
    // One that was stopped lives until somebody ends it.
    let _ = kill_process(hit, Signal::KILL);
    let report = serde_json::from_str(&seen.stdout).with_context(|| seen.to_string())?;
    faults::is_our_fault(&(seen, report), &[words])?;
    processes::none_left()
}

/// mxray is told to end while the far side is asked who it is, or while it works.
fn told_to_end(world: &World, signal: Signal, in_the_middle: bool) -> Result<()> {
    let far = Far::start(world)?;
    let agent = format!("mxray {}", world.agent_words());
    let silence = Silence::begin()?;
    let far_command = if in_the_middle { agent.as_str() } else { faults::HANGING };
    let child = begin(world, &format!("clean={}", far.ssh("quiet", far_command)))?;
    if in_the_middle {
        silence.is_felt()?;
    } else {
        processes::until("the far command", || processes::is_there("cat "))?;
    }
    processes::signal("mxray check ", signal)?;
    let seen = process::ended(child)?;
    ensure!(seen.status.code() == Some(3), "{seen}");
    if in_the_middle {
        let report: Value = serde_json::from_str(&seen.stdout).with_context(|| seen.to_string())?;
        ensure!(report.pointer("/run/interrupted") == Some(&Value::Bool(true)), "{seen}");
        ensure!(word(&report, "/targets/0/verdict/status") == Some("intact"), "{seen}");
    } else {
        let said = "mxray: error: interrupted before anything was measured";
        ensure!(seen.stderr.contains(said) && seen.stdout.is_empty(), "{seen}");
    }
    processes::none_left()
}

/// A terminal of its own shows what ssh asks there; with mxray before it, nothing, whether
/// or not there is a `setsid` to take the terminal away.
fn no_question(world: &World) -> Result<()> {
    let far = Far::start(world)?;
    let bare = format!("PATH={} ", without_setsid()?.display());
    for (host, question, words) in [
        ("locked", "password:", "let it use a key"),
        ("stranger", "continue connecting", "compare its fingerprint"),
    ] {
        // In the background, where `timeout` else puts it, it could not ask.
        let alone = at_a_terminal(&format!("timeout --foreground 3 {}", far.ssh(host, "true")))?;
        ensure!(alone.contains(question), "ssh asks nothing: {alone}");
        let command = far.ssh(host, &format!("mxray {}", world.agent_words()));
        let vantage = format!("clean={command}");
        let check =
            world.command(CLIENT, &["check", mta::POSTFIX.domain, "--vantage", &vantage], RESOLVER);
        for path in ["", &bare] {
            let shown = at_a_terminal(&format!("{path}{}", spelled(&check)))?;
            ensure!(!shown.contains(question), "{path}: a question at the terminal: {shown}");
            // The terminal breaks lines and the view draws over itself: words are looked for.
            let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            ensure!(shown.contains(words), "{path}: not said: {shown}");
        }
    }
    processes::none_left()
}

/// A folder with all that a check needs of `PATH`, and no more: as on macOS.
fn without_setsid() -> Result<PathBuf> {
    let folder = sandbox::folder("without-setsid")?;
    for tool in ["timeout", "ip", "ssh"] {
        let link = folder.join(tool);
        if !link.exists() {
            let found =
                process::run(Command::new("sh").args(["-c", &format!("command -v {tool}")]));
            symlink(found?.trim(), link)?;
        }
    }
    Ok(folder)
}

/// What a command shows that has a terminal for standard input and output.
fn at_a_terminal(line: &str) -> Result<String> {
    let mut script = process::command(CLIENT, "script");
    Ok(process::observe(script.args(["-qec", line, "/dev/null"]))?.stdout)
}

/// A command as a shell reads it.
fn spelled(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''")));
    quoted.collect::<Vec<_>>().join(" ")
}
