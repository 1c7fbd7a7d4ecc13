//! What each profile and hostile peer says, over loopback sockets.

mod replay;

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::sim::hop;

use super::*;

const PATIENCE: Duration = Duration::from_mins(1);
const SILENCE: Duration = Duration::from_millis(150);
const HOST: &str = "mx.example.net";
const EHLO: &str = "EHLO probe.example.org\r\n";

struct Client<S> {
    stream: S,
}

/// A session with a server that plays `script`.
async fn visit(script: impl Into<Script>) -> (Client<TcpStream>, Pki) {
    let pki = Pki::new().unwrap();
    let server = Server::new(script.into(), HOST, &pki).unwrap();
    let (stream, far) = hop::pair().await.unwrap();
    tokio::spawn(async move { server.serve(far, IpAddr::from([192, 0, 2, 7])).await });
    (Client { stream }, pki)
}

fn profile(software: Software, change: impl FnOnce(&mut Profile)) -> Profile {
    let mut profile = Profile::new(software, HOST);
    change(&mut profile);
    profile
}

fn starttls(starttls: Starttls) -> Profile {
    profile(Software::Postfix, |profile| profile.starttls = starttls)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// One complete reply.
    async fn reply(&mut self) -> String {
        let (mut heard, mut line) = (String::new(), String::new());
        loop {
            let byte = timeout(PATIENCE, self.stream.read_u8()).await;
            line.push(char::from(byte.expect(&heard).expect(&heard)));
            if line.ends_with('\n') {
                heard.push_str(&line);
                if line.as_bytes().get(3) != Some(&b'-') {
                    return heard;
                }
                line.clear();
            }
        }
    }

    async fn ask(&mut self, command: &str) -> String {
        self.say(command).await;
        self.reply().await
    }

    async fn offers_starttls(&mut self) -> bool {
        self.ask(EHLO).await.lines().skip(1).any(|line| line.ends_with("STARTTLS"))
    }

    async fn is_silent(&mut self) {
        assert!(timeout(SILENCE, self.stream.read_u8()).await.is_err());
    }
}

impl Client<TcpStream> {
    async fn secure(self, pki: &Pki) -> io::Result<Client<TlsStream<TcpStream>>> {
        self.secure_with(pki, rustls::ALL_VERSIONS).await
    }

    async fn secure_with(
        self,
        pki: &Pki,
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Client<TlsStream<TcpStream>>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(pki.roots().unwrap())
            .with_no_client_auth();
        let name = ServerName::try_from(HOST).unwrap();
        let handshake = TlsConnector::from(Arc::new(config)).connect(name, self.stream);
        Ok(Client { stream: timeout(PATIENCE, handshake).await.expect("a handshake that hangs")? })
    }
}

#[tokio::test]
async fn every_software_does_starttls_and_offers_it_only_once() {
    for software in Software::ALL {
        let (mut client, pki) = visit(Profile::new(software, HOST)).await;
        assert!(client.reply().await.starts_with("220 mx.example.net "));
        let ehlo = client.ask(EHLO).await;
        let keywords: Vec<_> = ehlo.lines().skip(1).map(|line| &line[4..]).collect();
        assert_eq!(keywords, software.keywords());
        assert!(client.ask("STARTTLS\r\n").await.starts_with("220 "));
        let mut client = client.secure(&pki).await.unwrap();
        assert!(!client.offers_starttls().await, "{software:?}");
        assert!(client.ask("QUIT\r\n").await.starts_with("221 "));
        assert_eq!(client.stream.read(&mut [0]).await.unwrap(), 0, "close_notify, then FIN");
    }
}

#[tokio::test]
async fn unknown_commands_are_answered_in_the_softwares_way() {
    for (software, reply) in [
        (Software::Postfix, "502 5.5.2 Error: command not recognized\r\n"),
        (Software::Exim, "500 unrecognized command\r\n"),
        (Software::Sendmail, "500 5.5.1 Command unrecognized: \"XXXXXXXX\"\r\n"),
        (Software::Exchange, "500 5.3.3 Unrecognized command 'XXXXXXXX'\r\n"),
    ] {
        let (mut client, _) = visit(Profile::new(software, HOST)).await;
        client.reply().await;
        assert_eq!(client.ask("XXXXXXXX\r\n").await, reply);
    }
}

#[tokio::test]
async fn no_mail_is_taken() {
    let (mut client, _) = visit(Profile::new(Software::Postfix, HOST)).await;
    client.reply().await;
    for command in ["MAIL FROM:<>\r\n", "RCPT TO:<a@example.net>\r\n", "DATA\r\n"] {
        assert!(client.ask(command).await.starts_with("503 "));
    }
}

#[tokio::test]
async fn the_clients_address_is_echoed() {
    for software in [Software::Exim, Software::Gmail, Software::Exchange] {
        let (mut client, _) = visit(Profile::new(software, HOST)).await;
        client.reply().await;
        assert!(client.ask(EHLO).await.contains("[192.0.2.7]"), "{software:?}");
    }
}

#[tokio::test]
async fn starttls_is_treated_as_the_profile_says() {
    for (manner, offered, reply) in [
        (Starttls::Works, true, "220 "),
        (Starttls::Hidden, false, "502 5.5.1 "),
        (Starttls::HiddenYetWorks, false, "220 "),
        (Starttls::DeadKey, true, "454 4.7.0 "),
        (Starttls::OnGreetingLine, false, "220 "),
    ] {
        let (mut client, _) = visit(starttls(manner)).await;
        client.reply().await;
        assert_eq!(client.offers_starttls().await, offered, "{manner:?}");
        assert!(client.ask("STARTTLS\r\n").await.starts_with(reply), "{manner:?}");
    }
    let (mut client, _) = visit(starttls(Starttls::OnGreetingLine)).await;
    client.reply().await;
    assert!(client.ask(EHLO).await.starts_with("250-STARTTLS\r\n"));
    assert!(client.ask("STARTTLS now\r\n").await.starts_with("501 "), "RFC 3207: no parameter");
}

#[tokio::test]
async fn starttls_is_offered_again_inside_tls_where_asked_for() {
    let (mut client, pki) = visit(starttls(Starttls::AgainInsideTls)).await;
    client.reply().await;
    client.ask("STARTTLS\r\n").await;
    let mut client = client.secure(&pki).await.unwrap();
    assert!(client.offers_starttls().await);
    assert!(client.ask("STARTTLS\r\n").await.starts_with("554 "));
}

#[tokio::test]
async fn only_an_injection_prone_server_keeps_what_came_in_clear() {
    for (manner, first) in [(Starttls::InjectionProne, "250 2.0.0 "), (Starttls::Works, "221 ")] {
        let (mut client, pki) = visit(starttls(manner)).await;
        client.reply().await;
        client.ask("STARTTLS\r\nNOOP\r\n").await;
        let mut client = client.secure(&pki).await.unwrap();
        assert!(client.ask("QUIT\r\n").await.starts_with(first), "{manner:?}");
    }
}

#[tokio::test]
async fn what_is_not_tls_is_seen_as_such() {
    let (mut client, pki) = visit(starttls(Starttls::NotTls)).await;
    client.reply().await;
    client.ask("STARTTLS\r\n").await;
    let error = client.secure(&pki).await.err().unwrap().to_string();
    assert!(error.contains("corrupt") || error.contains("invalid"), "{error}");

    let (mut client, pki) = visit(starttls(Starttls::Tls10Only)).await;
    client.reply().await;
    client.ask("STARTTLS\r\n").await;
    let error = client.secure(&pki).await.err().unwrap().to_string();
    assert!(error.contains("incompatible") || error.contains("version"), "{error}");
}

#[tokio::test]
async fn the_server_hello_of_tls_1_0_can_be_read() {
    let (mut client, _) = visit(starttls(Starttls::Tls10Only)).await;
    client.reply().await;
    client.ask("STARTTLS\r\n").await;
    client.say("\u{16}").await;
    let mut record = [0; 47];
    client.stream.read_exact(&mut record).await.unwrap();
    let (rest, parsed) = tls_parser::parse_tls_plaintext(&record).unwrap();
    assert!(rest.is_empty());
    let [tls_parser::TlsMessage::Handshake(tls_parser::TlsMessageHandshake::ServerHello(hello))] =
        parsed.msg.as_slice()
    else {
        panic!("{parsed:?}");
    };
    assert_eq!((hello.version, hello.cipher.0), (tls_parser::TlsVersion::Tls10, 0x2f));
}

#[tokio::test]
async fn versions_are_restricted() {
    let old = profile(Software::Postfix, |profile| profile.tls = TlsRange::TLS12);
    let (mut client, pki) = visit(old.clone()).await;
    client.reply().await;
    client.ask("STARTTLS\r\n").await;
    let client = client.secure(&pki).await.unwrap();
    let (_, connection) = client.stream.get_ref();
    assert_eq!(connection.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_2));

    let (mut client, pki) = visit(old).await;
    client.reply().await;
    client.ask("STARTTLS\r\n").await;
    let error = client.secure_with(&pki, &[&rustls::version::TLS13]).await.err().unwrap();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
}

#[tokio::test]
async fn implicit_tls_comes_before_the_greeting() {
    let submission = profile(Software::Postfix, |profile| profile.implicit_tls = true);
    let (client, pki) = visit(submission).await;
    let mut client = client.secure(&pki).await.unwrap();
    assert!(client.reply().await.starts_with("220 "));
    assert!(!client.offers_starttls().await);
}

#[tokio::test]
async fn greetings_other_than_220_and_late_ones() {
    let refusing = |code| profile(Software::Postfix, |profile| profile.greeting.code = code);
    let (mut client, _) = visit(refusing(421)).await;
    assert!(client.reply().await.starts_with("421 "));
    assert_eq!(client.stream.read(&mut [0]).await.unwrap(), 0);
    let (mut client, _) = visit(refusing(554)).await;
    assert!(client.reply().await.starts_with("554 "));
    assert!(client.ask(EHLO).await.starts_with("503 "));
    assert!(client.ask("QUIT\r\n").await.starts_with("221 "));

    let teasing = profile(Software::Postfix, |profile| {
        profile.greeting.teaser = vec!["wait".to_owned()];
        profile.greeting.delay = SILENCE * 2;
    });
    let begun = std::time::Instant::now();
    let (mut client, _) = visit(teasing).await;
    let mut teaser = [0; 10];
    client.stream.read_exact(&mut teaser).await.unwrap();
    assert_eq!(&teaser, b"220-wait\r\n");
    assert!(client.reply().await.starts_with("220 "));
    assert!(begun.elapsed() >= SILENCE * 2, "not late");
}

#[tokio::test]
async fn ehlo_is_refused_and_helo_is_not() {
    let old = profile(Software::Sendmail, |profile| profile.refuses_ehlo = Some(500));
    let (mut client, _) = visit(old).await;
    client.reply().await;
    assert!(client.ask(EHLO).await.starts_with("500 "));
    assert!(client.ask("HELO probe.example.org\r\n").await.starts_with("250 "));
}

#[tokio::test]
async fn hostile_peers_do_what_their_names_say() {
    for hostile in Hostile::ALL {
        let (mut client, _) = visit(hostile).await;
        let mut bytes = vec![0; 4096];
        let patience = if hostile == Hostile::NeverAnswers { SILENCE } else { PATIENCE };
        let mut read = timeout(patience, client.stream.read(&mut bytes)).await;
        if hostile == Hostile::KeywordsForEver {
            assert!(bytes.starts_with(b"220 "));
            client.say(EHLO).await;
            read = timeout(PATIENCE, client.stream.read(&mut bytes)).await;
        }
        let heard = &bytes[..read.as_ref().map_or(0, |read| *read.as_ref().unwrap_or(&0))];
        match hostile {
            Hostile::Ssh => assert!(heard.starts_with(b"SSH-2.0-")),
            Hostile::Garbage => assert!(!heard.is_ascii()),
            Hostile::NeverEndsLine => assert!(!heard.is_empty() && !heard.contains(&b'\n')),
            Hostile::GreetsForEver => assert!(heard.starts_with(b"220-") && heard.len() > 512),
            Hostile::DripsForEver => assert!(heard.starts_with(b"220-") && heard.len() < 64),
            Hostile::NeverAnswers => assert!(read.is_err()),
            Hostile::ClosesAtOnce => assert!(matches!(read, Ok(Ok(0)))),
            Hostile::ResetsAtOnce => assert!(matches!(read, Ok(Err(_)))),
            Hostile::StallsAfterGreeting => {
                assert!(heard.starts_with(b"220 "));
                client.say(EHLO).await;
                client.is_silent().await;
            }
            Hostile::KeywordsForEver => assert!(heard.starts_with(b"250-") && heard.len() > 512),
            Hostile::Nuls => assert!(heard.contains(&0)),
        }
    }
}

#[tokio::test]
async fn hostile_clients_are_survived() {
    let endless = vec![b'a'; 40_000];
    let hostile: [&[u8]; 5] =
        [b"\0\xff\r\n", b"EHLO\r\n", b"\r\n\r\n", &endless, b"STARTTLS\r\n\x16\x03"];
    for bytes in hostile {
        let pki = Pki::new().unwrap();
        let server =
            Server::new(Profile::new(Software::Sendmail, HOST).into(), HOST, &pki).unwrap();
        let (mut near, far) = hop::pair().await.unwrap();
        let session = tokio::spawn(async move {
            let client = IpAddr::from([192, 0, 2, 7]);
            server.serve(far, client).await
        });
        near.write_all(bytes).await.unwrap();
        near.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // A reset is one of the ways in which a server may end this.
        let _ = timeout(PATIENCE, near.read_to_end(&mut rest)).await.expect("never ends");
        // Only a panic makes the join fail; how the session ended does not matter.
        let _ = timeout(PATIENCE, session).await.expect("never ends").expect("panicked");
    }
}

#[tokio::test]
async fn a_farm_answers_node_after_node() {
    let pki = Pki::new().unwrap();
    let nodes = [Software::Postfix, Software::Exim];
    let nodes = nodes.map(|software| Script::from(profile(software, |_| {})));
    let server = Arc::new(Server::new(Script::Farm(nodes.into()), HOST, &pki).unwrap());
    let mut greetings = Vec::new();
    for _ in 0..3 {
        let (stream, far) = hop::pair().await.unwrap();
        let server = Arc::clone(&server);
        tokio::spawn(async move { server.serve(far, IpAddr::from([192, 0, 2, 7])).await });
        greetings.push(Client { stream }.reply().await);
    }
    assert!(greetings[0].contains("Postfix") && greetings[1].contains("Exim"), "{greetings:?}");
    assert_eq!(greetings[0], greetings[2]);
}
