//! Agents behind commands: good ones, and all that can be wrong with one.

use std::net::SocketAddr;
use std::time::Duration;

use mxray::model::probe::{ClientHello, Limits, Mode, Probe, Role};
use mxray::model::report::{Families, FamilyUse};
use mxray::observe::{self, Dialler};
use mxray::sim::internet::Internet;
use mxray::sim::server::{Profile, Software};
use mxray::vantage::command::Agent;
use mxray::vantage::fault::Fault;
use mxray::vantage::wire::{PlannedProbe, Resolve, Wanted};

use tokio::io::AsyncWriteExt as _;

use crate::common::{DOMAIN, HOST, addresses};

pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_mxray");

fn internet() -> Internet {
    let profile = Profile::new(Software::Postfix, HOST);
    Internet::builder().domain(DOMAIN, &[(10, HOST)]).host(HOST, addresses(), profile)
}

fn probe_to(endpoint: SocketAddr) -> Probe {
    Probe {
        vantage: "far".to_owned(),
        source: None,
        target: DOMAIN.to_owned(),
        host: HOST.to_owned(),
        ip: endpoint.ip(),
        port: endpoint.port(),
        ehlo_name: Some("probe.example.org".to_owned()),
        mode: Mode::Starttls,
        client_hello: ClientHello::Default,
        offer: None,
        sni: Some(HOST.to_owned()),
        repeat: 0,
        role: Role::Target,
        limits: Limits { session: Duration::from_secs(10), greeting: Duration::from_secs(10) },
    }
}

async fn fault_of(command: &str) -> Fault {
    let started = Agent::start(command).await;
    assert!(started.is_err(), "{command}: it started");
    started.err().unwrap()
}

#[tokio::test]
async fn an_agent_sees_what_we_see() {
    let running = internet().start().await.unwrap();
    let endpoint = *running.endpoints().values().next().unwrap();
    let command = format!(
        "echo Welcome; exec {AGENT} agent --stdio --allow-special --allow-port {} \
                 --resolver {}",
        endpoint.port(),
        running.resolver()
    );
    let agent = Agent::start(&command).await.unwrap();
    assert!(agent.hello().tool.starts_with("mxray "), "{:?}", agent.hello());
    assert!(agent.clock().milliseconds().abs() < 1000, "one clock: {:?}", agent.clock());

    let there = agent.observe(probe_to(endpoint), &|_| {}).await.unwrap();
    let direct = Dialler::direct();
    let stop = std::future::pending();
    let here = observe::observe(String::new(), probe_to(endpoint), &direct, &|_| {}, stop).await;
    let session = |seen: &mxray::model::observation::Observation| {
        mxray::smtp::read(&seen.transcript, Mode::Starttls)
    };
    assert_eq!(session(&there).ehlo, session(&here).ehlo);
    assert_eq!(session(&there).stages, session(&here).stages);
    let chain = |seen: &mxray::model::observation::Observation| {
        seen.transcript.handshake().map(|handshake| handshake.chain.clone())
    };
    assert!(chain(&there).is_some_and(|chain| !chain.is_empty()));
    assert_eq!(chain(&there), chain(&here));

    let asked = Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::NotAsked };
    let wanted = Wanted { port: 25, hosts: 8, asked };
    let resolved = agent.resolve(Resolve { target: DOMAIN.to_owned(), wanted }).await.unwrap();
    assert_eq!(resolved.route.exchanges[0].host, HOST);
    assert_eq!(resolved.families.ipv6, FamilyUse::NotAsked);
    assert!(resolved.resolver.is_some());
    assert_eq!(agent.fault(), None);
}

#[tokio::test]
async fn an_agent_does_no_more_than_its_options_allow() {
    let running = internet().start().await.unwrap();
    let endpoint = *running.endpoints().values().next().unwrap();
    let special = format!("exec {AGENT} agent --stdio --allow-special --resolver 127.0.0.1");
    let ports =
        format!("exec {AGENT} agent --stdio --allow-port {} --resolver 127.0.0.1", endpoint.port());
    for (command, word) in [(special, "--allow-port"), (ports, "--allow-special")] {
        let agent = Agent::start(&command).await.unwrap();
        let refused = agent.observe(probe_to(endpoint), &|_| {}).await.unwrap_err();
        assert!(matches!(&refused, Fault::Refused(why) if why.contains(word)), "{refused}");
        assert_eq!(agent.fault(), None, "a refusal is no fault");
    }
    let both = format!(
        "exec {AGENT} agent --stdio --allow-special --allow-port {} --resolver 127.0.0.1",
        endpoint.port()
    );
    let agent = Agent::start(&both).await.unwrap();
    for role in [Role::Injection, Role::Range] {
        let probe = Probe { role, ..probe_to(endpoint) };
        let refused = agent.observe(probe, &|_| {}).await.unwrap_err();
        assert!(matches!(refused, Fault::Refused(_)), "{role:?}: {refused}");
    }
    for ip in ["::ffff:127.0.0.1", "::ffff:224.0.0.1", "0.0.0.0", "::", "ff02::1", "224.0.0.1"] {
        let probe = Probe { ip: ip.parse().unwrap(), ..probe_to(endpoint) };
        let refused = agent.observe(probe, &|_| {}).await.unwrap_err();
        assert!(matches!(refused, Fault::Refused(_)), "{ip}: {refused}");
    }
    for (name, is_sent) in [("mx_1.example.net", true), ("a b", false), ("a\r\nb", false)] {
        let probe = Probe { sni: Some(name.to_owned()), ..probe_to(endpoint) };
        let seen = agent.observe(probe, &|_| {}).await.unwrap();
        let sni = seen.transcript.handshake().and_then(|handshake| handshake.sni.as_deref());
        assert_eq!(sni, is_sent.then_some(name), "an answer of DNS is no reason to refuse");
    }
    for bad in ["p\r\nMAIL FROM:<a@example.net>", "", "two words", "[not an address]"] {
        let probe = Probe { ehlo_name: Some(bad.to_owned()), ..probe_to(endpoint) };
        let refused = agent.observe(probe, &|_| {}).await.unwrap_err();
        assert!(matches!(refused, Fault::Refused(_)), "{bad:?}: {refused}");
    }
}

#[tokio::test]
async fn a_command_that_is_no_agent_is_a_fault_of_ours() {
    let missing = fault_of("/no/such/command --stdio").await;
    let said = missing.to_string();
    assert!(matches!(&missing, Fault::EndedEarly(end) if end.status == Some(127)), "{missing}");
    assert!(said.contains("no/such") && said.contains("write mxray's whole path"), "{said}");
    let false_ = fault_of("echo no route to host >&2; exit 255").await;
    assert!(
        matches!(&false_, Fault::EndedEarly(end) if end.words == "no route to host"),
        "{false_}"
    );
    let banner = fault_of("yes Welcome to this machine").await;
    assert!(matches!(&banner, Fault::Garbage(words) if words.contains("Welcome")), "{banner}");
    let long = fault_of("head -c 100000000 /dev/zero").await;
    assert!(matches!(&long, Fault::Garbage(words) if words.contains("more than")), "{long}");
    let old = fault_of(
        r#"echo '{"hello":{"protocol":"mxray/agent/9","tool":"mxray 9.0","host":null,"now":"2026-11-21T23:00:00Z","sources":[],"ports":[25],"special":false}}'; cat"#,
    )
    .await;
    assert!(matches!(&old, Fault::Protocol { found } if found == "mxray/agent/9"), "{old}");
    let new = fault_of(r#"echo '{"hello":{"protocol":"mxray/agent/10","who":7}}'; cat"#).await;
    assert!(matches!(&new, Fault::Protocol { found } if found == "mxray/agent/10"), "{new}");
    let lacking = fault_of(r#"echo '{"hello":{"protocol":"mxray/agent/1"}}'; cat"#).await;
    assert!(matches!(&lacking, Fault::Garbage(_)), "{lacking}");
}

/// Whether a process is there. One that has ended and waits for its parent is not.
pub(crate) fn is_alive(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

#[tokio::test]
async fn whatever_a_command_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("process");
    // The shell waits for a process that closes nothing and hears nothing.
    let sleeper =
        format!("sh -c 'echo $$ >{}; trap \"\" TERM INT; sleep 600' | cat", file.display());
    let command = greets_then(&format!(
        r#"echo '{{"id":1,"say":{{"clock":{{"now":"2026-11-21T23:00:00Z"}}}}}}'; {sleeper}"#
    ));
    let agent = Agent::start(&command).await.unwrap();
    let process = loop {
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        if written.ends_with('\n') {
            break written.trim().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(is_alive(&process));
    drop(agent);
    let deadline = std::time::Instant::now() + Duration::from_mins(2);
    while is_alive(&process) {
        assert!(std::time::Instant::now() < deadline, "{process} lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_agent_that_hangs_is_told_from_one_that_works() {
    let clock = r#"echo '{"id":1,"say":{"clock":{"now":"2026-11-21T23:00:00Z"}}}'"#;
    let agent = Agent::start(&greets_then(&format!("{clock}; exec sleep 600"))).await.unwrap();
    let probe = probe_to(SocketAddr::from(([203, 0, 113, 1], 25)));
    // The agent would go on for ten minutes.
    let observed = tokio::time::timeout(Duration::from_mins(5), agent.observe(probe, &|_| {}));
    let fault = observed.await.expect("never given up").unwrap_err();
    assert_eq!(fault, Fault::Hangs(10));
}

#[tokio::test]
async fn an_agent_that_nobody_hears_ends() {
    let mut agent = tokio::process::Command::new(AGENT)
        .args(["agent", "--stdio"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut asks = agent.stdin.take().unwrap();
    drop(agent.stdout.take());
    let ended = tokio::time::timeout(Duration::from_mins(2), async {
        // Its input stays open.
        let _ = asks.write_all(b"{\"id\":1,\"ask\":\"clock\"}\n").await;
        agent.wait().await
    });
    assert!(ended.await.is_ok_and(|ended| ended.is_ok()));
}

#[tokio::test]
async fn first_words_behind_an_open_line_are_heard() {
    let command = format!("printf 'Last login: never '; exec {AGENT} agent --stdio");
    assert!(Agent::start(&command).await.is_ok());
}

#[tokio::test]
async fn a_command_runs_in_a_session_of_its_own() {
    // A session of its own begins without a controlling terminal, where ssh and sudo
    // would ask. The shell's name has no blank, so the sixth word is the session.
    let fault = fault_of("set -- $(cat /proc/$$/stat); echo $(($6 - $$)) >&2; exit 1").await;
    assert!(matches!(&fault, Fault::EndedEarly(end) if end.words == "0"), "{fault}");
}

/// The first words of an agent, and then `behind` by the shell.
fn greets_then(behind: &str) -> String {
    format!(
        r#"echo '{{"hello":{{"protocol":"mxray/agent/1","tool":"mxray 0.1.0","host":null,"now":"2026-11-21T23:00:00Z","sources":[],"ports":[25],"special":false}}}}'; read line; {behind}"#
    )
}

#[tokio::test]
async fn an_agent_that_fails_in_the_middle_is_a_fault_of_ours() {
    let clock = r#"echo '{"id":1,"say":{"clock":{"now":"2026-11-21T23:00:00Z"}}}'; read line;"#;
    let died = fault_of(&greets_then("echo killed >&2; exit 9")).await;
    assert!(matches!(&died, Fault::Died(end) if end.words == "killed"), "{died}");
    let endpoint = SocketAddr::from(([203, 0, 113, 1], 25));
    for (behind, garbage) in [
        ("exit 1", false),
        ("echo garbage; cat", true),
        ("head -c 100000000 /dev/zero; cat", true),
        (r#"echo '{"id":2,"say":{"clock":{"now":"2026-11-21T23:00:00Z"}}}'; cat"#, true),
    ] {
        let agent = Agent::start(&greets_then(&format!("{clock} {behind}"))).await.unwrap();
        // Its clock stands a year off; nothing of that reaches a time.
        let fault = agent.observe(probe_to(endpoint), &|_| {}).await.unwrap_err();
        assert_eq!(matches!(fault, Fault::Garbage(_)), garbage, "{behind}: {fault}");
        assert_eq!(agent.fault(), Some(fault.clone()), "{behind}");
        let after = agent.observe(probe_to(endpoint), &|_| {}).await.unwrap_err();
        assert_eq!(after, fault, "the first fault stands, at once");
    }
}

/// A recording of a session with an endpoint, as an agent hands it over.
fn recording_of(endpoint: SocketAddr, transcript: &str) -> String {
    let probe = serde_json::to_string(&PlannedProbe::of(&probe_to(endpoint)).probe).unwrap();
    format!(
        r#"{{"id":2,"say":{{"observed":{{"probe":{probe},"started_at":"2036-01-01T00:00:00Z","transcript":[{transcript}],"handshake":null}}}}}}"#
    )
}

#[tokio::test]
async fn an_agent_is_believed_only_what_it_can_have_seen() {
    let clock = r#"echo '{"id":1,"say":{"clock":{"now":"2026-11-21T23:00:00Z"}}}'; read line;"#;
    let asked = SocketAddr::from(([203, 0, 113, 1], 25));
    let other = SocketAddr::from(([203, 0, 113, 2], 25));
    let refused = r#"{"at_ms":1,"at_us":1000,"from":"path","tls":false,"text":null,"base64":null,"event":"ended refused","detail":null}"#;
    let observed = async |recording: String| {
        let behind = format!("{clock} echo '{recording}'; cat");
        let agent = Agent::start(&greets_then(&behind)).await.unwrap();
        agent.observe(probe_to(asked), &|_| {}).await
    };
    let before = jiff::Timestamp::now();
    let seen = observed(recording_of(asked, refused)).await.unwrap();
    let during = before..=jiff::Timestamp::now();
    assert!(during.contains(&seen.started_at), "ten years ahead: {}", seen.started_at);
    for (recording, words) in [
        (recording_of(other, refused), "[203.0.113.2]:25 where [203.0.113.1]:25"),
        (recording_of(asked, ""), "nothing happens"),
    ] {
        let fault = observed(recording).await.unwrap_err();
        let said = fault.to_string();
        assert!(matches!(fault, Fault::Garbage(_)) && said.contains(words), "{said}");
    }
}
