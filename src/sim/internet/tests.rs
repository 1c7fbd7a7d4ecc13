use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::*;
use crate::sim::server::Hostile;

const PATIENCE: Duration = Duration::from_mins(1);
const HOST: &str = "mx.example.net";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn postfix() -> Profile {
    Profile::new(Software::Postfix, HOST)
}

async fn dial(running: &Running, endpoint: &str) -> io::Result<TcpStream> {
    TcpStream::connect(running.endpoints()[&endpoint.parse().unwrap()]).await
}

/// What the server says up to the end of a line that begins like this.
async fn hear(stream: &mut TcpStream, last: &str) -> String {
    let mut heard = String::new();
    while !heard.lines().any(|line| line.starts_with(last)) || !heard.ends_with('\n') {
        let byte = timeout(PATIENCE, stream.read_u8()).await;
        heard.push(char::from(byte.expect(&heard).expect(&heard)));
    }
    heard
}

async fn ehlo(stream: &mut TcpStream) -> (String, String) {
    let greeting = hear(stream, "220 ").await;
    stream.write_all(b"EHLO probe.example.org\r\n").await.unwrap();
    (greeting, hear(stream, "250 ").await)
}

#[tokio::test]
async fn the_demonstration_is_clean_but_for_one_path() {
    let running = Internet::demonstration().start().await.unwrap();
    assert_eq!(running.endpoints().len(), if running.ipv6_available() { 6 } else { 3 });
    for (endpoint, local) in running.endpoints() {
        let mut stream = TcpStream::connect(local).await.unwrap();
        let (greeting, offer) = ehlo(&mut stream).await;
        let masked = endpoint.ip() == ip("203.0.113.62");
        assert_eq!(greeting.contains("****"), masked, "{endpoint}");
        assert_eq!(offer.contains("STARTTLS"), !masked, "{endpoint}");
        let us = if endpoint.is_ipv4() { "[198.51.100.10]" } else { "[IPv6:2001:db8:100::10]" };
        let echoes = !offer.contains("mx1.clean");
        assert_eq!(offer.contains(us), echoes, "Postfix alone names no client: {offer}");
        stream.write_all(b"STARTTLS\r\n").await.unwrap();
        let reply = hear(&mut stream, if masked { "500 " } else { "220 " }).await;
        assert_eq!(reply.contains("\"XXXXXXXX\""), masked, "{endpoint}");
    }
    assert_eq!(running.boxes()[0].counts(), (1, 1));
    assert!(running.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(running.trust_anchor().unwrap().contains("DNSKEY 257 3 13"));
}

#[tokio::test]
async fn a_box_lies_only_on_its_path() {
    let running = Internet::builder()
        .host(HOST, [ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")], postfix())
        .box_on(Path::Address(ip("192.0.2.1")), Behaviour::MaskKeywordX, Scope::default())
        .box_on(Path::Family(Family::Ipv4), Behaviour::DropKeyword, Scope::default())
        .start()
        .await
        .unwrap();
    let mut seen = Vec::new();
    for endpoint in ["192.0.2.1:25", "192.0.2.2:25", "[2001:db8::1]:25"] {
        if endpoint.starts_with('[') && !running.ipv6_available() {
            continue;
        }
        let (_, offer) = ehlo(&mut dial(&running, endpoint).await.unwrap()).await;
        seen.push((offer.contains("STARTTLS"), offer.contains("XXXXXXXX")));
    }
    assert_eq!(seen[..2], [(false, true), (false, false)]);
    assert!(seen.get(2).is_none_or(|v6| *v6 == (true, false)));
}

#[tokio::test]
async fn a_closed_port_refuses_and_a_silent_one_does_not_greet() {
    let running = Internet::builder()
        .closed("192.0.2.9:25".parse().unwrap())
        .host(HOST, [ip("192.0.2.1")], Hostile::NeverAnswers)
        .start()
        .await
        .unwrap();
    let error = dial(&running, "192.0.2.9:25").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let mut silent = dial(&running, "192.0.2.1:25").await.unwrap();
    assert!(timeout(Duration::from_millis(150), silent.read_u8()).await.is_err());
}

#[tokio::test]
async fn latency_counts_in_each_direction() {
    const LATENCY: Duration = Duration::from_millis(40);
    let running = Internet::builder()
        .host(HOST, [ip("192.0.2.1")], postfix())
        .box_on(Path::All, Behaviour::MaskKeyword, Scope::default())
        .latency(LATENCY)
        .start()
        .await
        .unwrap();
    let begin = Instant::now();
    let (_, offer) = ehlo(&mut dial(&running, "192.0.2.1:25").await.unwrap()).await;
    assert!(offer.contains("XXXXXXXA"));
    assert!(begin.elapsed() >= LATENCY * 3, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn everything_ends_with_it() {
    let running =
        Internet::builder().host(HOST, [ip("192.0.2.1")], postfix()).start().await.unwrap();
    let local = running.endpoints()[&"192.0.2.1:25".parse().unwrap()];
    let mut stream = TcpStream::connect(local).await.unwrap();
    hear(&mut stream, "220 ").await;
    drop(running);
    let ended = timeout(PATIENCE, stream.read(&mut [0; 64])).await.expect("still open");
    assert!(matches!(ended, Ok(0) | Err(_)));
    // The listener's task is dropped by the runtime, not in the call itself.
    let refused = timeout(PATIENCE, async {
        while TcpStream::connect(local).await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    refused.await.expect("still listening");
}

#[tokio::test]
async fn what_could_be_somebodys_is_refused() {
    let plans = [
        Internet::builder().host(HOST, [ip("8.8.8.8")], postfix()),
        Internet::builder().host("mx.google.com", [ip("192.0.2.1")], postfix()),
        Internet::builder().domain("notexample.net", &[]),
        Internet::builder().closed("127.0.0.1:25".parse().unwrap()),
    ];
    for plan in plans {
        assert!(matches!(plan.start().await, Err(Error::NotReserved(_))));
    }
}
