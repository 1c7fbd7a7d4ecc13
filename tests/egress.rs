//! `mxray egress` as its user meets it: mail servers and a zone on loopback, and a
//! `postconf` that prints what a test wants.

#![expect(clippy::unwrap_used, reason = "a failed helper fails its test")]

#[path = "common/ports.rs"]
mod ports;
#[path = "common/program.rs"]
mod program;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mxray::model::egress::{EGRESS_SCHEMA, EgressReport};
use mxray::model::verdict::Status;
use mxray::sim::dns::{Fault, NameServer, Zone};
use mxray::sim::pki::Pki;
use mxray::sim::server::{Profile, Script, Server, Software, Starttls};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Two destinations, each an address of loopback.
const DESTINATIONS: [[u8; 4]; 2] = [[127, 0, 0, 3], [127, 0, 0, 4]];
/// A source of ours that is not the destinations'.
const SOURCE: &str = "127.0.0.2";

/// What `postconf` prints for a sound Postfix.
const SOUND: &str = "echo 'smtp_tls_security_level = may'\necho 'smtp_tls_loglevel = 1'\n\
    echo 'smtp_helo_name = mail.example.net'\necho 'mail_version = 3.9.1'\n";

struct World {
    port: u16,
    ca: TempDir,
    names: NameServer,
    tools: TempDir,
}

impl World {
    /// Destinations of this kind, and a `postconf` that runs this script.
    async fn new(starttls: bool, postconf: &str) -> Self {
        let pki = Pki::new().unwrap();
        let (port, listeners) = ports::listeners(&DESTINATIONS.map(IpAddr::from)).await;
        for listener in listeners {
            let mut profile = Profile::new(Software::Exim, "mx.example.net");
            if !starttls {
                profile.starttls = Starttls::Hidden;
            }
            let server = Server::new(Script::from(profile), "mx.example.net", &pki).unwrap();
            tokio::spawn(serve(Arc::new(server), listener));
        }
        let ca = tempfile::tempdir().unwrap();
        fs::write(ca.path().join("ca.pem"), pki.root_pem()).unwrap();
        let mut zone = Zone::new();
        zone.address("mail.example.net", SOURCE.parse().unwrap());
        zone.fault("silent.example.net", None, Fault::Silent);
        let names = NameServer::start(&zone).await.unwrap();
        let tools = tempfile::tempdir().unwrap();
        write_program(&tools.path().join("postconf"), &format!("#!/bin/sh\n{postconf}"));
        Self { port, ca, names, tools }
    }

    async fn run(&self, options: &[&str]) -> Output {
        let mut command = self.command(options);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = program::mxray();
        let path = format!("{}:/usr/bin:/bin", self.tools.path().display());
        command.env("PATH", path).args(["egress", "--source", SOURCE]).args(options);
        command.args(["--resolver", &self.names.address().to_string(), "--timeout", "60"]);
        command.arg("--ca").arg(self.ca.path().join("ca.pem")).stdin(Stdio::null());
        command
    }

    /// Runs it, and sends it what Ctrl-C does once it is time; none that hangs then.
    async fn interrupted(&self, options: &[&str], time: impl Future<Output = ()>) -> Output {
        let mut command = self.command(options);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        time.await;
        kill_process(pid, Signal::INT).unwrap();
        timeout(Duration::from_mins(2), ended).await.unwrap().unwrap()
    }

    fn controls(&self) -> Vec<String> {
        let named = DESTINATIONS.iter().map(|ip| format!("{}:{}", Ipv4Addr::from(*ip), self.port));
        named.flat_map(|target| ["--control".to_owned(), target]).collect()
    }

    async fn report(&self) -> (EgressReport, Option<i32>) {
        let controls = self.controls();
        let mut options: Vec<&str> = controls.iter().map(String::as_str).collect();
        options.push("--json");
        let output = self.run(&options).await;
        let text = String::from_utf8(output.stdout).unwrap();
        (serde_json::from_str(&text).unwrap(), output.status.code())
    }
}

/// Another process writes it. A child that a test beside this one starts holds, for a
/// moment, whatever is open for writing here, and such a program cannot be run (ETXTBSY).
fn write_program(path: &Path, text: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "printf '%s' \"$1\" >\"$0\" && chmod 755 \"$0\""]).arg(path).arg(text);
    assert!(shell.status().unwrap().success());
}

async fn serve(server: Arc<Server>, listener: TcpListener) {
    while let Ok((stream, peer)) = listener.accept().await {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.serve(stream, peer.ip()).await });
    }
}

fn ids(report: &EgressReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.id.as_str()).collect()
}

#[tokio::test]
async fn a_source_is_asked_and_its_address_is_the_one_that_destinations_see() {
    let world = World::new(true, SOUND).await;
    let (report, code) = world.report().await;
    assert_eq!(report.schema, EGRESS_SCHEMA);
    let [source] = report.sources.as_slice() else { panic!("{report:?}") };
    let ours: IpAddr = SOURCE.parse().unwrap();
    assert_eq!((source.ip, source.public), (ours, Some(ours)), "Exim says who it sees");
    assert_eq!(source.destinations.len(), 2);
    for view in &source.destinations {
        assert_eq!((view.reached, view.offered), (1, Some(true)), "{view:?}");
        assert_eq!(view.postfix, ["tls"]);
        assert!(view.tls[0].starts_with("TLSv1.3 "), "{view:?}");
    }
    let ehlo = source.ehlo.as_ref().unwrap();
    assert_eq!((ehlo.name.as_str(), ehlo.resolves), ("mail.example.net", Some(true)));
    // This name server answers for no reverse zone, so nothing is known of that.
    assert_eq!((ids(&report), code), (vec![], Some(3)));
    assert!(source.reverse.as_ref().unwrap().error.is_some());
    let [postfix] = report.postfix.as_slice() else { panic!("{report:?}") };
    assert_eq!(
        (postfix.level.as_deref(), postfix.version.as_deref()),
        (Some("may"), Some("3.9.1"))
    );
}

#[tokio::test]
async fn destinations_without_starttls_are_told_from_a_closed_port() {
    let world = World::new(false, SOUND).await;
    let (report, code) = world.report().await;
    assert!(ids(&report).contains(&"starttls-not-offered"), "{:?}", ids(&report));
    assert_eq!(code, Some(1));
    let views = report.sources.iter().flat_map(|source| &source.destinations);
    assert!(views.clone().all(|view| view.postfix == ["clear"]), "{report:?}");
    assert!(views.clone().all(|view| view.status == Status::NotOffered), "{report:?}");
}

#[tokio::test]
async fn a_postconf_that_fails_is_a_sentence() {
    for (script, words) in [
        ("echo 'postconf: fatal: bad' >&2; exit 1", "postconf: fatal: bad"),
        ("yes", "more than a configuration has"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let world = World::new(true, script).await;
        let output = world.run(&["--no-controls", "--json"]).await;
        let report: EgressReport = serde_json::from_slice(&output.stdout).unwrap();
        let error = report.postfix_error.as_deref().unwrap_or_default();
        assert!(error.contains(words), "{script}: {error}");
        assert_eq!(output.status.code(), Some(3), "{script}");
    }
}

/// One that does not end costs its limit once, not once a call or an instance, and the
/// rest is measured all the same.
#[tokio::test]
async fn a_postconf_that_hangs_is_said_and_the_rest_goes_on() {
    // Whatever is asked; all but main.cf; and only of the second of three instances.
    let later = "case \"$*\" in *x-out*) exec sleep 600;; esac\n\
        echo 'multi_instance_directories = /etc/x-out /etc/y-out'\n";
    let but_main = "case \"$*\" in *-n) ;; *) exec sleep 600;; esac\n";
    let runs =
        ["exec sleep 600".to_owned(), format!("{but_main}{SOUND}"), format!("{later}{SOUND}")];
    let runs = runs.map(|script| async move {
        let world = World::new(true, &script).await;
        let started = Instant::now();
        let (report, code) = world.report().await;
        assert!(started.elapsed() < Duration::from_mins(5), "{script}: {:?}", started.elapsed());
        assert_eq!(code, Some(3), "{script}");
        let [source] = report.sources.as_slice() else { panic!("{script}: {report:?}") };
        assert!(source.destinations.iter().all(|view| view.offered == Some(true)), "{script}");
        report
    });
    let [all, but_main, later] = futures_util::future::join_all(runs).await.try_into().unwrap();
    let words = "took longer than 10s";
    assert!(all.postfix_error.as_deref().is_some_and(|why| why.contains(words)), "{all:?}");
    let problem = |report: &EgressReport, place: usize| {
        report.postfix[place].problem.clone().unwrap_or_default()
    };
    assert!(problem(&but_main, 0).contains(words), "{but_main:?}");
    assert_eq!(but_main.postfix[0].level.as_deref(), Some("may"), "what was read is kept");
    assert!(problem(&later, 1).contains(words), "{later:?}");
    assert!(problem(&later, 2).contains("did not end before"), "{later:?}");
    assert_eq!(problem(&later, 0), "");
}

/// A resolver that is silent costs seconds.
#[tokio::test]
async fn an_interrupted_run_tells_what_it_knows() {
    let world = World::new(true, SOUND).await;
    let controls = world.controls();
    let mut options: Vec<&str> = controls.iter().map(String::as_str).collect();
    options.extend(["--json", "--ehlo", "mail.example.net", "--from", "silent.example.net"]);
    // The silence lasts for about eight seconds; when it begins is the machine's affair.
    for seconds in [4, 8, 12, 16, 20, 24, 28, 32] {
        let time = tokio::time::sleep(Duration::from_secs(seconds));
        let output = world.interrupted(&options, time).await;
        if output.stdout.is_empty() {
            continue;
        }
        let report: EgressReport = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((report.interrupted, output.status.code()), (true, Some(3)), "{report:?}");
        let [source] = report.sources.as_slice() else { panic!("{report:?}") };
        let resolves = source.ehlo.as_ref().and_then(|ehlo| ehlo.resolves);
        let greeted = source.destinations.iter().all(|view| view.offered == Some(true));
        if greeted && resolves == Some(true) {
            assert_eq!(source.spf, None);
            return;
        }
    }
    panic!("what was answered is not kept");
}

#[tokio::test]
async fn a_run_that_was_interrupted_at_postconf_knows_nothing() {
    let world = World::new(true, "echo > \"$0.begun\"; exec sleep 600").await;
    let begun = world.tools.path().join("postconf.begun");
    let time = async {
        while !begun.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let output = world.interrupted(&["--json"], time).await;
    assert_eq!((output.stdout.len(), output.status.code()), (0, Some(3)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("interrupted before anything was measured"), "{said}");
}

#[tokio::test]
async fn a_postconf_that_prints_nothing_sensible_says_nothing_wrong() {
    let world = World::new(true, "printf '\\000\\377\\033[2J = x\\n'").await;
    let output = world.run(&["--no-controls"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(!text.contains("critical: "), "{text}");
    assert!(text.contains("level not known"), "{text}");
}

#[tokio::test]
async fn what_is_typed_wrong_stops_at_once() {
    let world = World::new(true, SOUND).await;
    for options in [
        ["--source", "192.0.2.9"],
        ["--from", "192.0.2.1"],
        ["--vantage", "a=true"],
        ["--control", "two words"],
    ] {
        let output = world.run(&options).await;
        assert_eq!(output.status.code(), Some(2), "{options:?}");
        assert!(output.stdout.is_empty(), "{options:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("mxray: hint: "), "{options:?}");
    }
}
