//! `mxray tlsa` as its user meets it: a mail server and a signed zone on loopback,
//! and the records that it prints published and asked for again.

#![expect(clippy::unwrap_used, reason = "a failed helper fails its test")]

#[path = "common/ports.rs"]
mod ports;
#[path = "common/program.rs"]
mod program;

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Output, Stdio};
use std::sync::Arc;

use mxray::model::route::Tlsa;
use mxray::model::tls::DaneStatus;
use mxray::model::tlsa::{TLSA_SCHEMA, TlsaHost, TlsaReport};
use mxray::sim::dns::{NameServer, Zone};
use mxray::sim::pki::{Flaw, Pki};
use mxray::sim::server::{Profile, Script, Server, Software, Starttls};
use tokio::net::TcpListener;

const HOST: &str = "mx.example.net";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Mail servers for [`HOST`], each with a key of its own, one an address.
struct World {
    port: u16,
    addresses: Vec<IpAddr>,
}

impl World {
    async fn new(nodes: Vec<Profile>) -> Self {
        let pki = Pki::new().unwrap();
        let addresses: Vec<IpAddr> =
            (1..=nodes.len()).map(|last| [127, 0, 0, u8::try_from(last).unwrap()].into()).collect();
        let (port, listeners) = ports::listeners(&addresses).await;
        for (profile, listener) in nodes.into_iter().zip(listeners) {
            let server = Arc::new(Server::new(Script::from(profile), HOST, &pki).unwrap());
            tokio::spawn(serve(server, listener));
        }
        Self { port, addresses }
    }

    async fn of(change: impl FnOnce(&mut Profile)) -> Self {
        let mut profile = Profile::new(Software::Postfix, HOST);
        change(&mut profile);
        Self::new(vec![profile]).await
    }

    /// Runs `mxray tlsa` with these records in a signed zone.
    async fn ask(&self, published: &[Tlsa], options: &[&str]) -> Output {
        let mut zone = Zone::new();
        for ip in &self.addresses {
            zone.address(HOST, *ip);
        }
        for record in published {
            zone.tlsa(&format!("_{}._tcp.{HOST}", self.port), record.clone());
        }
        self.ask_zone(&zone, options).await
    }

    async fn ask_zone(&self, zone: &Zone, options: &[&str]) -> Output {
        let names = NameServer::start(zone).await.unwrap();
        let anchor = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(anchor.path(), names.trust_anchor().unwrap()).unwrap();
        let mut command = program::mxray();
        command
            .args(["tlsa", &format!("{HOST}:{}", self.port), "--ehlo", "probe.example.org"])
            .args(["--resolver", &names.address().to_string()])
            .args(["--trust-anchor", anchor.path().to_str().unwrap()])
            .args(options)
            .stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn report(&self, published: &[Tlsa]) -> (TlsaHost, Option<i32>) {
        host_of(self.ask(published, &["--json"]).await)
    }
}

/// The one host of a JSON report, and the exit status.
fn host_of(output: Output) -> (TlsaHost, Option<i32>) {
    let text = String::from_utf8(output.stdout).unwrap();
    let mut report: TlsaReport = serde_json::from_str(&text).unwrap();
    assert_eq!((report.schema.as_str(), report.hosts.len()), (TLSA_SCHEMA, 1));
    (report.hosts.remove(0), output.status.code())
}

async fn serve(server: Arc<Server>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.serve(stream, LOOPBACK).await });
    }
}

fn records(host: &TlsaHost) -> Vec<Tlsa> {
    host.proposals.iter().map(|proposal| proposal.record.clone()).collect()
}

fn status(host: &TlsaHost) -> Option<DaneStatus> {
    Some(host.presented.first()?.dane.as_ref()?.status)
}

#[tokio::test]
async fn the_records_printed_match_once_they_are_published() {
    let world = World::of(|_| {}).await;
    let (before, exit) = world.report(&[]).await;
    assert_eq!((exit, before.requirement.as_str()), (Some(0), "none"));
    assert_eq!(before.owner, format!("_{}._tcp.{HOST}.", world.port));
    let kinds: Vec<_> =
        before.proposals.iter().map(|one| (one.record.usage, one.works, one.published)).collect();
    assert_eq!(kinds, [(3, true, Some(false)), (2, true, Some(false))]);
    assert_eq!(before.presented[0].spki_sha256.as_ref(), Some(&before.proposals[0].record.data));

    for record in records(&before) {
        let (after, exit) = world.report(std::slice::from_ref(&record)).await;
        assert_eq!((exit, after.requirement.as_str()), (Some(0), "authenticate"));
        assert_eq!(status(&after), Some(DaneStatus::Matched));
        let published = after.proposals.iter().filter(|one| one.published == Some(true));
        assert_eq!(published.map(|one| &one.record).collect::<Vec<_>>(), [&record]);
    }
}

#[tokio::test]
async fn the_text_has_lines_for_a_zone_file_and_says_what_dns_has() {
    let world = World::of(|_| {}).await;
    let (before, _) = world.report(&[]).await;
    let own = before.proposals[0].clone();
    let stale = Tlsa { data: "ab".repeat(32), ..own.record.clone() };
    let output = world.ask(&[own.record, stale], &[]).await;
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line.trim() == own.line), "{text}");
    for words in [
        "1 key presented at 1 address.",
        "in DNS already",
        "3 1 1 abababababababab…: fits nothing that is presented: the next key's, or left",
        "fits; as long as the key stays",
        "Renew with the same key",
        "A 2 1 1 record fails",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[tokio::test]
async fn records_at_the_end_of_a_secure_alias_are_found_and_its_name_is_indicated() {
    const REAL: &str = "real.example.net";
    let world = World::of(|_| {}).await;
    let own = world.report(&[]).await.0.proposals[0].record.clone();
    let mut zone = Zone::new();
    zone.cname(HOST, REAL).address(REAL, LOOPBACK);
    zone.tlsa(&format!("_{}._tcp.{REAL}", world.port), own);
    let (host, exit) = host_of(world.ask_zone(&zone, &["--json"]).await);
    assert_eq!((exit, status(&host)), (Some(0), Some(DaneStatus::Matched)));
    assert_eq!(host.owner, format!("_{}._tcp.{REAL}.", world.port));
    // The certificate has the alias's name, which is the next hop's here.
    assert!(host.proposals.iter().all(|one| one.works), "{:?}", host.proposals);
}

#[tokio::test]
async fn records_that_do_not_fit_are_exit_1() {
    let world = World::of(|_| {}).await;
    let stale = Tlsa { usage: 3, selector: 1, matching: 1, data: "ab".repeat(32) };
    let (host, exit) = world.report(std::slice::from_ref(&stale)).await;
    assert_eq!((exit, status(&host)), (Some(1), Some(DaneStatus::Mismatched)));
    assert_eq!(host.presented[0].records[0].accepted, Some(false));
    // None usable: TLS without authentication, which is no refusal.
    let unusable = Tlsa { usage: 1, ..stale };
    let (host, exit) = world.report(&[unusable]).await;
    assert_eq!((exit, status(&host)), (Some(0), Some(DaneStatus::Unusable)));
    assert_eq!(host.requirement, "encrypt");
}

#[tokio::test]
async fn different_keys_want_a_record_each() {
    let node = || Profile::new(Software::Postfix, HOST);
    let world = World::new(vec![node(), node()]).await;
    let (host, exit) = world.report(&[]).await;
    assert_eq!((exit, host.keys(), host.presented.len()), (Some(0), 2, 2));
    let usages: Vec<u8> = host.proposals.iter().map(|one| one.record.usage).collect();
    assert_eq!(usages, [3, 3, 2]);
    assert_eq!(host.proposals[2].addresses, world.addresses);
    // Only one of them published: the other address is refused.
    let (host, exit) = world.report(&records(&host)[..1]).await;
    let dane: Vec<_> = host.presented.iter().map(|one| one.dane.as_ref().unwrap().status).collect();
    assert_eq!((exit, dane), (Some(1), vec![DaneStatus::Matched, DaneStatus::Mismatched]));
}

#[tokio::test]
async fn an_issuer_is_proposed_only_where_senders_would_take_it() {
    for (flaw, expected) in [
        (Flaw::WrongName, Some("certificate-host-mismatch")),
        (Flaw::Expired, Some("certificate-expired")),
        (Flaw::MissingIntermediate, None),
        (Flaw::SelfSigned, None),
    ] {
        let world = World::of(|profile| profile.flaw = flaw).await;
        let (host, _) = world.report(&[]).await;
        let own = &host.proposals[0];
        assert!(own.works && own.record.usage == 3, "{flaw:?}");
        let issuer = host.proposals.get(1);
        let reasons = issuer.map(|one| (one.works, one.reasons.join(" ")));
        assert_eq!(reasons, expected.map(|reason| (false, reason.to_owned())), "{flaw:?}");
    }
}

#[tokio::test]
async fn without_tls_there_is_a_clear_word_and_exit_3() {
    let world = World::of(|profile| profile.starttls = Starttls::Hidden).await;
    let output = world.ask(&[], &[]).await;
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("no certificate was presented"), "{text}");
    assert!(!text.contains("IN TLSA"), "{text}");
    assert!(!text.contains("Do not publish"), "{text}");
    let (host, _) = world.report(&[]).await;
    assert_eq!((host.silent, host.proposals.len()), (vec![LOOPBACK], 0));
}

#[tokio::test]
async fn ndjson_is_one_host_a_line() {
    let world = World::of(|_| {}).await;
    let output = world.ask(&[], &["--ndjson"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    let host: TlsaReport = serde_json::from_str(&text).unwrap();
    assert_eq!(host.hosts[0].because.as_deref(), Some("there is no TLSA record"));
}

#[test]
fn an_address_has_no_records() {
    let mut command = program::mxray();
    let output = command.args(["tlsa", "192.0.2.1"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("TLSA records belong to a name"), "{said}");
}
