//! What each item of the menu does to a conversation, over loopback sockets and
//! for any segmentation.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::inspect::{INJECTED_COMMAND, INJECTED_REPLY};
use super::*;
use crate::sim::pki::{Flaw, Pki, TlsRange};

const PATIENCE: Duration = Duration::from_secs(5);
/// How long nothing must come before it counts as silence.
const SILENCE: Duration = Duration::from_millis(150);
const GREETING: &str = "220 mx20.example.net ESMTP\r\n";
const EHLO: &str = "EHLO probe.example.org\r\n";
const OFFER: &str =
    "250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-DSN\r\n250 STARTTLS\r\n";
const READY: &str = "220 2.0.0 Ready\r\n";
const STARTTLS: &str = "STARTTLS\r\n";

/// The two ends of a connection through a box.
struct Ends {
    client: TcpStream,
    server: TcpStream,
    middlebox: Arc<Middlebox>,
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dialled = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (dialled, listener.accept().await.unwrap().0)
}

async fn through(middlebox: Middlebox) -> Ends {
    let middlebox = Arc::new(middlebox);
    let (client, inner) = pair().await;
    let (outer, server) = pair().await;
    let on_path = Arc::clone(&middlebox);
    tokio::spawn(async move { on_path.serve(inner, async { Ok(outer) }).await });
    Ends { client, server, middlebox }
}

async fn with(behaviour: &str) -> Ends {
    scoped(behaviour, "all").await
}

async fn scoped(behaviour: &str, scope: &str) -> Ends {
    let (behaviour, scope) = (behaviour.parse().unwrap(), scope.parse().unwrap());
    through(Middlebox::new(behaviour, scope)).await
}

async fn hears(stream: &mut (impl AsyncRead + Unpin), expected: &str) {
    let mut bytes = vec![0; expected.len()];
    let read = timeout(PATIENCE, stream.read_exact(&mut bytes)).await;
    assert!(matches!(read, Ok(Ok(_))), "{read:?} instead of {expected:?}");
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

async fn says(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn is_silent(stream: &mut TcpStream) {
    let read = timeout(SILENCE, stream.read_u8()).await;
    assert!(read.is_err(), "{read:?} instead of silence");
}

async fn is_reset(stream: &mut TcpStream) {
    let read = timeout(PATIENCE, stream.read_u8()).await.expect("not reset");
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

impl Ends {
    /// The server speaks, the client hears that.
    async fn down(&mut self, said: &str, heard: &str) {
        says(&mut self.server, said).await;
        hears(&mut self.client, heard).await;
    }

    /// The client speaks, the server hears that.
    async fn up(&mut self, said: &str, heard: &str) {
        says(&mut self.client, said).await;
        hears(&mut self.server, heard).await;
    }

    /// The client speaks, and hears an answer that is not the server's.
    async fn answered(&mut self, said: &str, answer: &str) {
        says(&mut self.client, said).await;
        hears(&mut self.client, answer).await;
        is_silent(&mut self.server).await;
    }

    /// Greeting, EHLO and the offer, which reaches the client like this.
    async fn offer(&mut self, seen: &str) {
        self.down(GREETING, GREETING).await;
        self.up(EHLO, EHLO).await;
        self.down(OFFER, seen).await;
    }

    /// STARTTLS and its 220 pass.
    async fn accept(&mut self) {
        self.up(STARTTLS, STARTTLS).await;
        self.down(READY, READY).await;
    }

    /// Text that a box would rewrite, were it still looking, passes untouched.
    async fn is_open(&mut self) {
        for text in [EHLO, STARTTLS, "\u{16}\u{3}\u{1}", "XFOO\r\n"] {
            self.up(text, text).await;
        }
        for text in [OFFER, GREETING, "partial"] {
            self.down(text, text).await;
        }
    }
}

#[tokio::test]
async fn pass_changes_nothing() {
    let mut ends = with("pass").await;
    ends.offer(OFFER).await;
    ends.accept().await;
    ends.is_open().await;
    drop(ends.server);
    assert_eq!(ends.client.read(&mut [0]).await.unwrap(), 0, "the server's close arrives");
}

#[tokio::test]
async fn drop_keyword_deletes_the_line_and_lets_the_command_pass() {
    let mut ends = with("drop-keyword").await;
    ends.offer("250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 DSN\r\n").await;
    ends.accept().await;
    ends.is_open().await;
}

#[tokio::test]
async fn drop_keyword_refuses_with_the_code_asked_for() {
    for code in ["500", "501", "502", "454", "200"] {
        let mut ends = with(&format!("drop-keyword-{code}")).await;
        ends.offer("250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 DSN\r\n").await;
        ends.answered(STARTTLS, &format!("{code} ")).await;
    }
}

#[tokio::test]
async fn mask_keyword_overwrites_the_line_and_lets_the_command_pass() {
    for (behaviour, mask) in [("mask-keyword", "XXXXXXXA"), ("mask-keyword-x", "XXXXXXXX")] {
        let mut ends = with(behaviour).await;
        ends.offer(&OFFER.replace("STARTTLS", mask)).await;
        ends.accept().await;
        ends.is_open().await;
    }
}

#[tokio::test]
async fn mask_all_overwrites_banner_keywords_and_command() {
    let mut ends = with("mask-all").await;
    ends.down(GREETING, "220 **20************ *****\r\n").await;
    ends.up(EHLO, EHLO).await;
    let masked = OFFER.replace("DSN", "XXA").replace("STARTTLS", "XXXXXXXB");
    ends.down(OFFER, &masked).await;
    ends.up(STARTTLS, "XXXXXXXX\r\n").await;
    ends.down("500 5.5.1 \"XXXXXXXX\"\r\n", "500 5.5.1 \"XXXXXXXX\"\r\n").await;
    ends.up("NOOP\r\n", "NOOP\r\n").await;
}

#[tokio::test]
async fn refuse_ehlo_leaves_helo() {
    let mut ends = with("refuse-ehlo").await;
    ends.down(GREETING, GREETING).await;
    ends.answered(EHLO, "502 5.5.1 Command not implemented\r\n").await;
    ends.up("HELO probe.example.org\r\n", "HELO probe.example.org\r\n").await;
    ends.down("250 mx\r\n", "250 mx\r\n").await;
}

#[tokio::test]
async fn resets_come_where_their_names_say() {
    let mut ends = with("reset-at-starttls").await;
    ends.offer(OFFER).await;
    says(&mut ends.client, STARTTLS).await;
    is_reset(&mut ends.client).await;
    assert_eq!(ends.server.read(&mut [0]).await.unwrap(), 0, "STARTTLS never arrived");

    let mut ends = with("reset-after-starttls").await;
    ends.offer(OFFER).await;
    ends.accept().await;
    is_reset(&mut ends.client).await;

    let mut ends = with("reset-at-client-hello").await;
    ends.offer(OFFER).await;
    ends.accept().await;
    is_silent(&mut ends.client).await;
    says(&mut ends.client, "\u{16}").await;
    is_reset(&mut ends.client).await;
}

#[tokio::test]
async fn silences_come_where_their_names_say() {
    let mut ends = with("silence-after-starttls").await;
    ends.offer(OFFER).await;
    says(&mut ends.client, STARTTLS).await;
    is_silent(&mut ends.client).await;
    is_silent(&mut ends.server).await;

    let mut ends = with("silence-at-client-hello").await;
    ends.offer(OFFER).await;
    ends.accept().await;
    says(&mut ends.client, "\u{16}").await;
    is_silent(&mut ends.client).await;
    is_silent(&mut ends.server).await;
}

#[tokio::test]
async fn a_refusal_by_the_server_passes_where_the_box_waits_for_220() {
    for behaviour in ["reset-after-starttls", "silence-at-client-hello", "foreign-certificate"] {
        let mut ends = with(behaviour).await;
        ends.offer(OFFER).await;
        ends.up(STARTTLS, STARTTLS).await;
        ends.down("454 4.7.0 later\r\n", "454 4.7.0 later\r\n").await;
        ends.up("QUIT\r\n", "QUIT\r\n").await;
    }
}

#[tokio::test]
async fn injected_text_stands_behind_the_220_in_one_segment() {
    let mut ends = with("inject").await;
    ends.offer(OFFER).await;
    ends.up(STARTTLS, STARTTLS).await;
    says(&mut ends.server, READY).await;
    let mut bytes = vec![0; 512];
    let read = timeout(PATIENCE, ends.client.read(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(bytes[..read], [READY.as_bytes(), INJECTED_REPLY].concat());
    ends.is_open().await;
}

#[tokio::test]
async fn an_injected_command_stands_behind_starttls() {
    let mut ends = with("inject-command").await;
    ends.offer(OFFER).await;
    let injected = String::from_utf8_lossy(INJECTED_COMMAND);
    ends.up(STARTTLS, &format!("{STARTTLS}{injected}")).await;
    ends.down(READY, READY).await;
    ends.is_open().await;
}

#[tokio::test]
async fn a_relay_answers_by_itself_and_dials_nobody() {
    let (mut client, inner) = pair().await;
    tokio::spawn(async move {
        let middlebox = Middlebox::new(Behaviour::Relay, Scope::default());
        middlebox.serve(inner, async { panic!("dialled") }).await
    });
    hears(&mut client, "220 smtp-relay.example.net ESMTP\r\n").await;
    says(&mut client, EHLO).await;
    hears(&mut client, "250-Requested mail action okay, completed\r\n").await;
    hears(&mut client, "250-SIZE 20000000\r\n250 8BITMIME\r\n").await;
    says(&mut client, STARTTLS).await;
    hears(&mut client, "502 ").await;
}

/// A client that trusts `roots` and asks for `mx.example.net`.
async fn handshake(
    roots: RootCertStore,
    stream: TcpStream,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("mx.example.net").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn acceptor(pki: &Pki) -> TlsAcceptor {
    let identity = pki.issue(&["mx.example.net".to_owned()], Flaw::None).unwrap();
    TlsAcceptor::from(identity.server_config(&TlsRange::default()).unwrap())
}

/// A store that trusts the box's own authority.
fn roots_of(foreign: &Foreign) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add(foreign.certificate().clone()).unwrap();
    store
}

#[tokio::test]
async fn tls_passes_through_a_box_that_only_touches_the_clear_phase() {
    for behaviour in ["pass", "drop-keyword", "mask-keyword"] {
        let pki = Pki::new().unwrap();
        let mut ends = with(behaviour).await;
        ends.down(GREETING, GREETING).await;
        ends.accept().await;
        let (server, roots) = (acceptor(&pki).accept(ends.server), pki.roots().unwrap());
        let (server, client) = tokio::join!(server, handshake(roots, ends.client));
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        says(&mut client, EHLO).await;
        hears(&mut server, EHLO).await;
        says(&mut server, OFFER).await;
        hears(&mut client, OFFER).await;
    }
}

#[tokio::test]
async fn a_foreign_certificate_is_not_the_servers_and_tls_goes_onward() {
    let pki = Pki::new().unwrap();
    let foreign = Foreign::trusting(pki.roots().unwrap()).unwrap();
    let box_roots = roots_of(&foreign);
    let middlebox = Middlebox::new(Behaviour::ForeignCertificate, Scope::default());
    let mut ends = through(middlebox.with_foreign(foreign)).await;
    ends.offer(OFFER).await;
    ends.accept().await;
    let server = acceptor(&pki).accept(ends.server);
    let (server, client) = tokio::join!(server, handshake(box_roots, ends.client));
    let (mut server, mut client) = (server.unwrap(), client.unwrap());
    says(&mut client, EHLO).await;
    hears(&mut server, EHLO).await;
}

#[tokio::test]
async fn a_foreign_certificate_is_not_trusted_by_those_who_trust_the_server() {
    let pki = Pki::new().unwrap();
    let foreign = Foreign::trusting(pki.roots().unwrap()).unwrap();
    let middlebox = Middlebox::new(Behaviour::ForeignCertificateClear, Scope::default());
    let mut ends = through(middlebox.with_foreign(foreign)).await;
    ends.offer(OFFER).await;
    ends.answered(STARTTLS, "220 2.0.0 Ready to start TLS\r\n").await;
    let error = handshake(pki.roots().unwrap(), ends.client).await.unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn a_foreign_certificate_with_clear_text_onward() {
    let foreign = Foreign::trusting(RootCertStore::empty()).unwrap();
    let box_roots = roots_of(&foreign);
    let middlebox = Middlebox::new(Behaviour::ForeignCertificateClear, Scope::default());
    let mut ends = through(middlebox.with_foreign(foreign)).await;
    ends.offer(OFFER).await;
    ends.answered(STARTTLS, "220 2.0.0 Ready to start TLS\r\n").await;
    let mut client = handshake(box_roots, ends.client).await.unwrap();
    says(&mut client, EHLO).await;
    hears(&mut ends.server, EHLO).await;
    says(&mut ends.server, OFFER).await;
    hears(&mut client, OFFER).await;
}

#[tokio::test]
async fn only_the_ehlo_name_that_is_meant_is_touched() {
    let mut ends = scoped("mask-all", "ehlo=probe.example.org").await;
    ends.down(GREETING, GREETING).await;
    ends.up("EHLO other.example.org\r\n", "EHLO other.example.org\r\n").await;
    ends.down(OFFER, OFFER).await;
    ends.up(EHLO, EHLO).await;
    ends.down(OFFER, &OFFER.replace("DSN", "XXA").replace("STARTTLS", "XXXXXXXB")).await;
}

#[tokio::test]
async fn a_connection_outside_the_scope_passes_and_is_counted() {
    let mut ends = scoped("mask-all", "family=ipv6").await;
    ends.offer(OFFER).await;
    assert_eq!(ends.middlebox.counts(), (1, 0));
    let mut ends = scoped("mask-keyword", "source=127.0.0.1").await;
    ends.offer(&OFFER.replace("STARTTLS", "XXXXXXXA")).await;
    assert_eq!(ends.middlebox.counts(), (1, 1));
}

#[tokio::test]
async fn a_reset_by_the_server_arrives_as_a_reset() {
    for behaviour in ["pass", "drop-keyword"] {
        let mut ends = with(behaviour).await;
        ends.down(GREETING, GREETING).await;
        reset_on_close(&ends.server).unwrap();
        drop(ends.server);
        is_reset(&mut ends.client).await;
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_dialled_resets_the_client() {
    let (mut client, inner) = pair().await;
    let middlebox = Middlebox::new(Behaviour::Pass, Scope::default());
    let refused = async { Err(io::ErrorKind::ConnectionRefused.into()) };
    assert!(middlebox.serve(inner, refused).await.is_err());
    is_reset(&mut client).await;
}

/// One turn of a conversation: who speaks, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Server,
    Client,
}

/// A whole session, with TLS-like bytes behind the 220 that look like SMTP.
const SESSION: [(Side, &str); 8] = [
    (Side::Server, "220-wait\r\n220 mx2.example.net ESMTP\r\n"),
    (Side::Client, EHLO),
    (Side::Server, OFFER),
    (Side::Client, STARTTLS),
    (Side::Server, READY),
    (Side::Client, "\u{16}\u{3}\u{1}EHLO x\r\nSTARTTLS\r\nXFOO\r\n"),
    (Side::Server, "\u{16}\u{3}\u{3}250-a\r\n250 STARTTLS\r\n"),
    (Side::Client, "rest"),
];

/// What reaches client and server, and the turn.
type Outcome = (Vec<u8>, Vec<u8>, Option<Turn>);

/// Runs a session through an inspector, each piece cut into chunks.
fn run(behaviour: Behaviour, scope: &Scope, session: &[(Side, &[u8])], cuts: &[usize]) -> Outcome {
    let mut inspector = Inspector::new(behaviour, scope);
    let (mut client, mut server, mut turn) = (Vec::new(), Vec::new(), None);
    let mut cuts = cuts.iter().copied().cycle();
    for (side, mut bytes) in session.iter().copied() {
        while !bytes.is_empty() {
            let (chunk, rest) = bytes.split_at(cuts.next().unwrap_or(1).clamp(1, bytes.len()));
            bytes = rest;
            let moves = match (turn, side) {
                (None, Side::Server) => inspector.server_sent(chunk),
                (None, Side::Client) => inspector.client_sent(chunk),
                (Some(Turn::Open), Side::Server) => {
                    Moves { to_client: chunk.to_vec(), turn, ..Moves::default() }
                }
                (Some(Turn::Open), Side::Client) => {
                    Moves { to_server: chunk.to_vec(), turn, ..Moves::default() }
                }
                (Some(_), _) => continue,
            };
            client.extend(moves.to_client);
            server.extend(moves.to_server);
            turn = moves.turn;
        }
    }
    (client, server, turn)
}

fn session() -> Vec<(Side, &'static [u8])> {
    SESSION.iter().map(|(side, text)| (*side, text.as_bytes())).collect()
}

fn said_by(session: &[(Side, &[u8])], who: Side) -> Vec<u8> {
    session.iter().filter(|(side, _)| *side == who).flat_map(|(_, bytes)| bytes.to_vec()).collect()
}

proptest! {
    #[test]
    fn any_segmentation_is_treated_alike(cuts in prop::collection::vec(1..40_usize, 1..20)) {
        for behaviour in Behaviour::ALL {
            let scope = Scope::default();
            let whole = run(behaviour, &scope, &session(), &[usize::MAX]);
            prop_assert_eq!(&whole, &run(behaviour, &scope, &session(), &cuts), "{}", behaviour);
        }
    }

    #[test]
    fn a_client_that_is_not_meant_sees_nothing_changed(
        cuts in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let scope: Scope = "ehlo=other.example.org".parse().unwrap();
        for behaviour in Behaviour::ALL {
            let (client, server, turn) = run(behaviour, &scope, &session(), &cuts);
            prop_assert_eq!(client, said_by(&session(), Side::Server), "{}", behaviour);
            prop_assert_eq!(server, said_by(&session(), Side::Client), "{}", behaviour);
            prop_assert_eq!(turn, Some(Turn::Open));
        }
    }

    #[test]
    fn bytes_behind_a_completed_starttls_are_never_touched(
        tail in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(1..40_usize, 1..20),
    ) {
        let clear = &session()[..5];
        let behaviours = ["pass", "drop-keyword", "mask-keyword", "mask-keyword-x", "inject"];
        for behaviour in behaviours {
            let (behaviour, scope) = (behaviour.parse().unwrap(), Scope::default());
            let mut longer = clear.to_vec();
            longer.extend([(Side::Client, tail.as_slice()), (Side::Server, tail.as_slice())]);
            let (client, server, _) = run(behaviour, &scope, clear, &cuts);
            let (longer_client, longer_server, _) = run(behaviour, &scope, &longer, &cuts);
            prop_assert_eq!(longer_client, [client.as_slice(), &tail].concat());
            prop_assert_eq!(longer_server, [server.as_slice(), &tail].concat());
        }
    }

    #[test]
    fn hostile_bytes_are_survived_and_never_pile_up(
        pieces in prop::collection::vec((any::<bool>(), "(220|250)?[- ]?(EHLO|STARTTLS|x|[^a])?\r?\n?"), 0..200),
    ) {
        for behaviour in Behaviour::ALL {
            let session: Vec<_> = pieces
                .iter()
                .map(|(from_server, text)| {
                    (if *from_server { Side::Server } else { Side::Client }, text.as_bytes())
                })
                .collect();
            run(behaviour, &Scope::default(), &session, &[7, 64]);
        }
    }
}

#[test]
fn a_line_that_never_ends_is_let_go_and_not_kept() {
    let scope = Scope::default();
    let endless = vec![b'2'; 200_000];
    let (client, _, turn) = run(Behaviour::MaskAll, &scope, &[(Side::Server, &endless)], &[1000]);
    assert_eq!((client, turn), (endless, Some(Turn::Open)));
}

#[test]
fn commands_pipelined_behind_starttls_are_read_only_after_a_refusal() {
    let scope = Scope::default();
    let session: [(Side, &[u8]); 4] = [
        (Side::Server, b"220 mx\r\n"),
        (Side::Client, b"STARTTLS\r\nEHLO a\r\n"),
        (Side::Server, b"502 5.5.1 no\r\n"),
        (Side::Server, b"250-mx\r\n250 STARTTLS\r\n"),
    ];
    let (client, server, turn) = run(Behaviour::DropKeyword, &scope, &session, &[usize::MAX]);
    assert_eq!(client, b"220 mx\r\n502 5.5.1 no\r\n250 mx\r\n");
    assert_eq!(server, b"STARTTLS\r\nEHLO a\r\n");
    assert_eq!(turn, None);
}
