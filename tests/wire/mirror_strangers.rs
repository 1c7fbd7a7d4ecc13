//! Who else comes to a mirror, and who stands on the way to it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mxray::model::evidence::Evidence;
use mxray::model::mirror::{MirrorOutcome, MirrorSource};
use mxray::model::probe::ClientHello;
use mxray::model::verdict::Status;
use mxray::observe::Dialler;
use mxray::sim::middlebox::Behaviour;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::mirror_stage::{
    EXCHANGE, MIRROR, PATIENCE, Stage, asked, exchange, judged, listener, mirror,
};

/// Files that may be open at once, as most systems have it from the start.
const OPEN_FILES: u64 = 1024;

/// Ends TLS between a user and a mirror's port for the exchange, with a certificate of its
/// own, reads everything, and may change every line of the mirror's.
struct Man {
    at: SocketAddr,
    /// Every line that the user said.
    said: Arc<Mutex<String>>,
    /// Every line that the mirror answered, as it was.
    answered: Arc<Mutex<String>>,
    _work: JoinSet<()>,
}

type Tamper = Arc<dyn Fn(String) -> String + Send + Sync>;

impl Man {
    async fn before(mirror: SocketAddr, tamper: Tamper) -> Self {
        let listener = listener().await;
        let at = listener.local_addr().unwrap();
        let (said, answered): (Arc<Mutex<String>>, Arc<Mutex<String>>) = Default::default();
        let heard = (said.clone(), answered.clone());
        let mut work = JoinSet::new();
        work.spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(own_certificate()));
            let mut sessions = JoinSet::new();
            while let Ok((user, _)) = listener.accept().await {
                let (acceptor, tamper, heard) = (acceptor.clone(), tamper.clone(), heard.clone());
                sessions.spawn(async move {
                    let user = acceptor.accept(user).await.unwrap();
                    carry(user, secured(mirror).await, &tamper, heard).await;
                });
            }
        });
        Self { at, said, answered, _work: work }
    }
}

type Heard = (Arc<Mutex<String>>, Arc<Mutex<String>>);

async fn carry<U, M>(user: U, mirror: M, tamper: &Tamper, (said, answered): Heard)
where
    U: tokio::io::AsyncRead + tokio::io::AsyncWrite,
    M: tokio::io::AsyncRead + tokio::io::AsyncWrite,
{
    let (from_user, mut to_user) = tokio::io::split(user);
    let (from_mirror, mut to_mirror) = tokio::io::split(mirror);
    let (mut from_user, mut from_mirror) = (BufReader::new(from_user), BufReader::new(from_mirror));
    let there = async {
        let mut line = String::new();
        while from_user.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            said.lock().unwrap().push_str(&line);
            let _ = to_mirror.write_all(line.as_bytes()).await;
            let _ = to_mirror.flush().await;
            line.clear();
        }
    };
    let back = async {
        let mut line = String::new();
        while from_mirror.read_line(&mut line).await.is_ok_and(|read| read > 0) {
            answered.lock().unwrap().push_str(&line);
            let _ = to_user.write_all(tamper(std::mem::take(&mut line)).as_bytes()).await;
            let _ = to_user.flush().await;
        }
    };
    tokio::join!(there, back);
}

fn own_certificate() -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![crate::mirror_table::NAME.to_owned()]).unwrap();
    let chain = vec![params.self_signed(&key).unwrap().der().clone()];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap()
}

/// TLS with the mirror, as a user has it who looks at no certificate.
async fn secured(mirror: SocketAddr) -> impl tokio::io::AsyncRead + tokio::io::AsyncWrite {
    let stream = TcpStream::connect(mirror).await.unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    mxray::tls::connect(stream, None, ClientHello::Default, deadline).await.stream.unwrap()
}

/// Fetches by way of that man, and nothing else.
async fn fetched_by_way_of(
    man: &Man,
    stage: &Stage,
    evidence: &Evidence,
) -> mxray::model::mirror::MirrorEvidence {
    let endpoints = HashMap::from([(SocketAddr::new(MIRROR, EXCHANGE), man.at)]);
    let dialler = Dialler::pretend(endpoints, vec![[198, 51, 100, 10].into()]);
    stage.fetch_by(&dialler, evidence, &[exchange()]).await
}

#[tokio::test]
async fn who_ends_tls_on_the_way_to_the_exchange_is_found_out_and_learns_no_token() {
    let stage = Stage::set(Behaviour::DropKeyword).await;
    let evidence = stage.survey().await;
    let man = Man::before(stage.exchange, Arc::new(|line| line)).await;
    let past = stage.fetch(&stage.token, &evidence, &[exchange()]).await;
    assert_eq!(past.channel_is_shared, Some(true));
    assert!(
        !judged(&Evidence { mirror: Some(past), ..evidence.clone() })
            .findings
            .iter()
            .any(|it| it.id == "mirror-exchange-intercepted")
    );

    let fetched = fetched_by_way_of(&man, &stage, &evidence).await;
    assert_eq!((fetched.error.as_deref(), fetched.channel_is_shared), (None, Some(false)));
    let report = judged(&Evidence { mirror: Some(fetched), ..evidence });
    assert_eq!(report.verdict.status, Status::Stripped, "what it proves, it proves");
    assert!(report.findings.iter().any(|it| it.id == "mirror-exchange-intercepted"));

    // The man has read the request and its code, and not the secret; and what he has read
    // is worth nothing a second time, nor for another question.
    let said = man.said.lock().unwrap().clone();
    let request = said.lines().find(|line| line.starts_with("XMXRAY ")).unwrap().to_owned();
    assert!(!said.contains(&stage.secret));
    assert!(asked(&stage, &request).await.starts_with("554 5.7.7 "));
    let words: Vec<&str> = request.split(' ').collect();
    let [verb, version, time, nonce, age, mac] = words[..] else { panic!("{request}") };
    let longer = format!("{verb} {version} {time} {nonce} {age}0 {mac}");
    let anew = format!("{verb} {version} {time} {} {age} {mac}", nonce.replace('a', "b"));
    for forged in [longer, anew.replace(nonce, &"0".repeat(32))] {
        assert!(asked(&stage, &forged).await.starts_with("535 5.7.8 "), "{forged}");
    }
}

#[tokio::test]
async fn who_ends_tls_on_the_way_cannot_change_keep_or_make_an_answer() {
    let stage = Stage::set(Behaviour::DropKeyword).await;
    let evidence = stage.survey().await;
    let keeper = Man::before(stage.exchange, Arc::new(|line| line)).await;
    assert_eq!(fetched_by_way_of(&keeper, &stage, &evidence).await.error, None);
    let kept = keeper.answered.lock().unwrap().clone();
    let kept: String = kept.split_inclusive('\n').filter(|line| is_answer(line)).collect();
    assert!(kept.contains("250-"));

    let one_letter = |line: String| if is_answer(&line) { flipped(&line) } else { line };
    let shorter = |line: String| if line.starts_with("250-ey") { String::new() } else { line };
    let first = Arc::new(Mutex::new(Some(kept)));
    let earlier = move |line: String| {
        if is_answer(&line) { first.lock().unwrap().take().unwrap_or_default() } else { line }
    };
    let made = |line: String| match (is_answer(&line), line.starts_with("250 ")) {
        (true, true) => "250-e30=\r\n250 00\r\n".to_owned(),
        (true, false) => String::new(),
        (false, _) => line,
    };
    let tampers: [(&str, Tamper); 4] = [
        ("one letter", Arc::new(one_letter)),
        ("a part less", Arc::new(shorter)),
        ("an earlier answer", Arc::new(earlier)),
        ("one of his own", Arc::new(made)),
    ];
    for (what, tamper) in tampers {
        let man = Man::before(stage.exchange, tamper).await;
        let fetched = fetched_by_way_of(&man, &stage, &evidence).await;
        let error = fetched.error.unwrap_or_default();
        assert!(error.contains("the token does not vouch for the answer"), "{what}: {error}");
        assert_eq!((fetched.source, fetched.sessions.len()), (MirrorSource::None, 0), "{what}");
    }
}

/// A line of the recordings: base64 or a code, and no keyword of EHLO.
fn is_answer(line: &str) -> bool {
    let text = line.get(4..).unwrap_or_default().trim_end();
    line.starts_with("250") && text.len() >= 64 && !text.contains(' ')
}

/// The same with another letter in the middle.
fn flipped(line: &str) -> String {
    let (head, tail) = line.split_at(line.len() / 2);
    let (letter, tail) = tail.split_at(1);
    format!("{head}{}{tail}", if letter == "a" { 'b' } else { 'a' })
}

/// A connection from another address of loopback: a stranger's.
async fn from_stranger(number: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 9, number), 0).into())?;
    socket.connect(to).await
}

/// Lets this process hold both ends of some hundred connections beside what other tests
/// hold, where its limit is no more than a custom of the system.
fn may_open_many() {
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(most >= OPEN_FILES, "ulimit -Hn is {most}: this test needs {OPEN_FILES} open files");
    setrlimit(Resource::RLIMIT_NOFILE, now.max(OPEN_FILES), most).unwrap();
}

#[tokio::test]
async fn ten_thousand_connections_and_those_that_only_wait_shut_nobody_out() {
    may_open_many();
    let stage = Stage::set(Behaviour::DropKeyword).await;
    let mut waiting = Vec::new();
    for number in 1..=8 {
        for _ in 0..25 {
            let mut slow = from_stranger(number, stage.direct).await.unwrap();
            let _ = slow.write_all(b"E").await;
            waiting.push(slow);
        }
    }
    for _ in 0..10_000 {
        drop(from_stranger(9, stage.direct).await.unwrap());
    }
    let report = stage.checked().await;
    assert_eq!(report.verdict.status, Status::Stripped);
    let compared = &mirror(&report).compared;
    assert!(!compared.is_empty());
    assert!(compared.iter().all(|it| it.outcome == MirrorOutcome::BytesChanged), "{compared:?}");
}

#[tokio::test]
async fn a_hundred_megabytes_and_garbage_end_their_own_session_only() {
    let stage = Stage::set(Behaviour::Pass).await;
    let flood = b"NOOP\r\n".repeat(16 * 1024);
    let mut stream = from_stranger(1, stage.direct).await.unwrap();
    let mut taken = 0;
    while taken < 100 << 20 {
        match tokio::time::timeout(Duration::from_secs(5), stream.write_all(&flood)).await {
            Ok(Ok(())) => taken += flood.len(),
            _ => break,
        }
    }
    drop(stream);
    // Garbage in the place of TLS, at both ports.
    let mut stream = from_stranger(2, stage.exchange).await.unwrap();
    let _ = stream.write_all(&[0xff; 4096]).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"220"), "nothing is said outside TLS");
    let mut stream = from_stranger(2, stage.direct).await.unwrap();
    let garbage = [b"STARTTLS\r\n".as_slice(), &[22, 3, 1, 255, 255], &[0xff; 4096]].concat();
    let _ = stream.write_all(&garbage).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.ends_with(b"220 2.0.0 Ready to start TLS\r\n"));

    let evidence = stage.survey().await;
    let fetched = stage.fetch(&stage.token, &evidence, &[exchange()]).await;
    let stranger = |ip: IpAddr| ip != IpAddr::from(Ipv4Addr::LOCALHOST);
    let strangers: Vec<_> = fetched.sessions.iter().filter(|it| stranger(it.client.ip())).collect();
    assert_eq!(strangers.len(), 3);
    assert!(strangers.iter().any(|it| it.truncated));
    for session in strangers {
        let octets =
            |entry: &mxray::model::report::TranscriptEntry| entry.bytes().map_or(0, |it| it.len());
        assert!(session.transcript.iter().map(octets).sum::<usize>() < 64 * 1024);
    }
    assert_eq!(
        judged(&Evidence { mirror: Some(fetched), ..evidence }).verdict.status,
        Status::Intact
    );
}
