//! Through a SOCKS5 proxy: what lies behind it is data, what is wrong with it is a
//! fault of ours.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use mxray::model::observation::Observation;
use mxray::model::probe::{ClientHello, Limits, Mode, Probe, Role};
use mxray::model::report::{Families, FamilyUse, Report, VantageKind};
use mxray::model::transcript::{Ended, EventKind};
use mxray::observe::{Proxy, ProxyFault};
use mxray::report::json;
use mxray::sim::internet::{Internet, Running};
use mxray::sim::server::{Profile, Software};
use mxray::sim::socks5::{self, Manner};
use mxray::smtp;
use mxray::vantage::fault::Fault;
use mxray::vantage::wire::Wanted;
use mxray::vantage::{Observer, VantagePoint};

use crate::common::{DOMAIN, HOST, addresses};

async fn internet() -> Running {
    let profile = Profile::new(Software::Postfix, HOST);
    let internet =
        Internet::builder().domain(DOMAIN, &[(10, HOST)]).host(HOST, addresses(), profile);
    internet.start().await.unwrap()
}

#[expect(clippy::indexing_slicing, reason = "a failed helper fails its test")]
fn probe_to(place: usize) -> Probe {
    let patience = Duration::from_mins(1);
    Probe {
        vantage: "far".to_owned(),
        source: None,
        target: DOMAIN.to_owned(),
        host: HOST.to_owned(),
        ip: addresses()[place],
        port: 25,
        ehlo_name: Some("probe.example.org".to_owned()),
        mode: Mode::Starttls,
        client_hello: ClientHello::Default,
        offer: None,
        sni: Some(HOST.to_owned()),
        repeat: 0,
        role: Role::Target,
        limits: Limits { session: patience, greeting: patience },
    }
}

fn vantage(address: SocketAddr) -> VantagePoint {
    let proxy = Proxy { host: address.ip().to_string(), port: address.port() };
    VantagePoint { id: "far".to_owned(), observer: Observer::Socks5(proxy) }
}

async fn observed(vantage: &VantagePoint, probe: Probe) -> Result<Observation, Fault> {
    vantage.observe(probe, &|_| {}, std::future::pending()).await
}

/// What a proxy of this manner makes of a probe.
async fn through(manner: Manner, probe: Probe) -> Result<Observation, Fault> {
    let proxy = socks5::Proxy::start(manner, HashMap::new()).await.unwrap();
    observed(&vantage(proxy.address()), probe).await
}

#[expect(clippy::panic, reason = "a failed helper fails its test")]
async fn fault(manner: Manner) -> ProxyFault {
    match through(manner.clone(), probe_to(0)).await {
        Err(Fault::Proxy(fault)) => fault,
        other => panic!("{manner:?}: {other:?}"),
    }
}

/// The end of a connection that never came about, with words for people.
#[expect(clippy::panic, reason = "a failed helper fails its test")]
fn ended(observation: &Observation) -> (Ended, String) {
    match &observation.transcript.events[..] {
        [only] => match &only.kind {
            EventKind::Ended(ending) => (ending.how, ending.detail.clone().unwrap()),
            other => panic!("{other:?}"),
        },
        events => panic!("{events:?}"),
    }
}

#[tokio::test]
async fn a_session_through_a_proxy_is_a_session_with_both_families() {
    let running = internet().await;
    let endpoints = running.endpoints().clone();
    let proxy = socks5::Proxy::start(Manner::Connects, endpoints).await.unwrap();
    let vantage = vantage(proxy.address());
    assert_eq!(vantage.kind(), VantageKind::Socks5);
    for place in 0..2 {
        let seen = observed(&vantage, probe_to(place)).await.unwrap();
        let session = smtp::read(&seen.transcript, Mode::Starttls);
        assert!(session.starttls.offered == Some(true), "{session:?}");
        let handshake = seen.transcript.handshake().unwrap();
        assert_eq!((handshake.failure.as_ref(), handshake.chain.is_empty()), (None, false));
        let EventKind::Connected { local } = seen.transcript.events[0].kind else {
            panic!("{seen:?}");
        };
        assert_eq!(local, None, "which address the proxy uses is not known");
    }
}

#[tokio::test]
async fn a_proxy_looks_nothing_up() {
    let vantage = vantage(([127, 0, 0, 1], 1).into());
    let asked = Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable };
    let wanted = Wanted { port: 25, hosts: 8, asked };
    assert_eq!(vantage.resolve(&DOMAIN.parse().unwrap(), wanted).await, Ok(None));
}

#[tokio::test]
async fn what_a_proxy_says_of_the_path_behind_it_is_data() {
    for (reply, how, words) in [
        (3, Ended::Unreachable, "network unreachable"),
        (4, Ended::Unreachable, "host unreachable"),
        (5, Ended::Refused, "connection refused"),
        (6, Ended::Unreachable, "TTL expired"),
    ] {
        let seen = through(Manner::Replies(reply), probe_to(0)).await.unwrap();
        assert_eq!(ended(&seen), (how, format!("the proxy says: {words}")), "{reply}");
    }
    let nowhere = through(Manner::Connects, probe_to(0)).await.unwrap();
    assert_eq!(ended(&nowhere).0, Ended::Unreachable);
}

#[tokio::test]
async fn a_proxy_that_waits_for_the_target_waits_for_the_target() {
    let patience = Duration::from_secs(4);
    let limits = Limits { session: patience, greeting: patience };
    let probe = Probe { limits, ..probe_to(0) };
    let seen = through(Manner::SilentLater, probe).await.unwrap();
    let (how, words) = ended(&seen);
    assert_eq!(how, Ended::Timeout);
    assert!(words.contains("through the proxy"), "{words}");
}

#[tokio::test]
async fn what_is_wrong_with_a_proxy_is_a_fault_of_ours() {
    let to: SocketAddr = (addresses()[0], 25).into();
    assert_eq!(fault(Manner::Replies(2)).await, ProxyFault::NotAllowed(to));
    assert!(ProxyFault::NotAllowed(to).to_string().contains("rules do not allow"));
    for (reply, words) in [(1, "general"), (7, "CONNECT"), (8, "IPv4"), (99, "reply 99")] {
        let failed = fault(Manner::Replies(reply)).await;
        assert!(
            matches!(&failed, ProxyFault::Failed { why, .. } if why.contains(words)),
            "{failed}"
        );
    }
    for method in [2, 0xff] {
        assert_eq!(fault(Manner::Chooses(method)).await, ProxyFault::WantsAuthentication);
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_said_to_be_none() {
    let web = b"HTTP/1.0 400 Bad request\r\n\r\n".to_vec();
    for manner in [Manner::Says(web.clone()), Manner::SaysLater(web)] {
        let said = fault(manner).await;
        assert!(
            matches!(&said, ProxyFault::NoProxy(said) if said.starts_with("HTTP/1.0")),
            "{said}"
        );
    }
    // SOCKS4's answer, and a bound address of no known form.
    let old = fault(Manner::Says(vec![0, 0x5a, 0, 0, 0, 0, 0, 0])).await;
    assert!(matches!(old, ProxyFault::NoProxy(_)), "{old}");
    let odd = fault(Manner::SaysLater(vec![5, 0, 0, 9])).await;
    assert!(matches!(odd, ProxyFault::NoProxy(_)), "{odd}");
    for cut in [vec![], vec![5]] {
        let said = fault(Manner::Says(cut)).await.to_string();
        assert_eq!(said, "the proxy closed the connection before it answered our greeting");
    }
    let to = SocketAddr::from((addresses()[0], 25));
    for cut in [vec![], vec![5, 0, 0], vec![5, 0, 0, 1, 127]] {
        let said = fault(Manner::SaysLater(cut)).await.to_string();
        let words = format!(
            "the proxy closed the connection before it answered whether it connects to {to}"
        );
        assert_eq!(said, words);
    }
    let words = fault(Manner::Says(b"\x1b[2Jhello".to_vec())).await.to_string();
    assert!(words.chars().all(|letter| !letter.is_control()), "{words:?}");
}

#[tokio::test]
async fn a_dead_or_silent_proxy_is_named() {
    let dead = observed(&vantage(([127, 0, 0, 1], 1).into()), probe_to(0)).await;
    assert!(
        matches!(&dead, Err(Fault::Proxy(ProxyFault::Unreachable(why))) if why.starts_with("127.0.0.1:")),
        "{dead:?}"
    );
    let patience = Duration::from_secs(2);
    let limits = Limits { session: patience, greeting: patience };
    let silent = through(Manner::Silent, Probe { limits, ..probe_to(0) }).await;
    assert!(matches!(silent, Err(Fault::Proxy(ProxyFault::Silent(_)))), "{silent:?}");
    let words = silent.unwrap_err().to_string();
    assert_eq!(words, "the proxy took the connection and said nothing for 2.0 s");
}

/// A full queue of connections drops further ones, as a firewall does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_proxy_that_no_connection_comes_to_is_not_said_to_be_silent() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let full = socket.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    let moment = Duration::from_secs(1);
    while let Ok(connected) =
        tokio::time::timeout(moment, tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(connected.unwrap());
    }
    let limits = Limits { session: moment, greeting: moment };
    let fault = observed(&vantage(address), Probe { limits, ..probe_to(0) }).await.unwrap_err();
    let words = format!("no connection to the proxy {address} came about in 1.0 s");
    assert_eq!(fault.to_string(), words);
}

/// The real program with a proxy as second view, asked for one loopback address.
async fn check(target: SocketAddr, proxy: SocketAddr) -> Report {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_mxray"))
        .args([
            "check",
            &target.to_string(),
            "--json",
            "--quiet",
            "--no-controls",
            "--repeats",
            "0",
        ])
        .args(["--ehlo", "probe.example.org", "--socks5", &proxy.to_string()])
        .output()
        .await
        .unwrap();
    json::read(std::str::from_utf8(&output.stdout).unwrap()).unwrap()
}

#[tokio::test]
async fn a_check_has_the_proxy_as_a_view_of_its_own() {
    let running = internet().await;
    let endpoint = *running.endpoints().values().find(|endpoint| endpoint.is_ipv4()).unwrap();
    let endpoints = HashMap::from([(endpoint, endpoint)]);
    let proxy = socks5::Proxy::start(Manner::Connects, endpoints).await.unwrap();
    let report = check(endpoint, proxy.address()).await;
    let [here, there] = &report.run.vantages[..] else { panic!("{:?}", report.run) };
    assert_eq!((here.id.as_str(), there.id.as_str()), ("local", "socks5"));
    assert_eq!((there.kind, &there.error, &there.resolver), (VantageKind::Socks5, &None, &None));
    assert_eq!(there.sources, [] as [std::net::IpAddr; 0]);
    let views: Vec<_> =
        report.targets[0].observations.iter().map(|seen| seen.probe.vantage.as_str()).collect();
    assert_eq!(views, ["local", "socks5"]);
    let offered = report.targets[0].observations.iter().map(|seen| seen.starttls.offered);
    assert!(offered.eq([Some(true); 2]));
}

#[tokio::test]
async fn a_proxy_that_refuses_port_25_says_nothing_about_the_target() {
    let running = internet().await;
    let endpoint = *running.endpoints().values().find(|endpoint| endpoint.is_ipv4()).unwrap();
    let proxy = socks5::Proxy::start(Manner::Replies(2), HashMap::new()).await.unwrap();
    let report = check(endpoint, proxy.address()).await;
    let error = report.run.vantages[1].error.as_deref().unwrap();
    assert!(error.contains("rules do not allow a connection to 127.0.0.1"), "{error}");
    let seen = &report.targets[0].observations;
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.probe.vantage == "local"));
    let nobody = socks5::Proxy::start(Manner::Silent, HashMap::new()).await.unwrap().address();
    let alone = check(endpoint, nobody).await;
    assert_eq!(alone.targets[0].verdict, report.targets[0].verdict, "as with a proxy that is dead");
}
