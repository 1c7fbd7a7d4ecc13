//! What each item of the menu does to a conversation, over loopback sockets.

mod inspect;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::inspect::{INJECTED_COMMAND, INJECTED_REPLY};
use super::*;

const PATIENCE: Duration = Duration::from_mins(1);
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
