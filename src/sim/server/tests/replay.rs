//! Transcripts played as they were recorded.

use super::*;
use crate::model::tls::Handshake;
use crate::model::transcript::{Ended, Ending, Event, EventKind};

fn script(kinds: impl IntoIterator<Item = EventKind>) -> Transcript {
    let events = kinds.into_iter().map(|kind| Event { at_us: 0, kind }).collect();
    Transcript { events }
}

fn received(text: &str) -> EventKind {
    EventKind::Received(text.as_bytes().to_vec())
}

fn sent(text: &str) -> EventKind {
    EventKind::Sent(text.as_bytes().to_vec())
}

fn ended(how: Ended) -> EventKind {
    EventKind::Ended(Ending { how, detail: None })
}

#[tokio::test]
async fn a_transcript_is_played_through_the_handshake_to_its_end() {
    let transcript = script([
        EventKind::Connected { local: None },
        received("220 mx\r\n"),
        sent("EHLO somebody.example.org\r\n"),
        received("250-mx\r\n"),
        received("250 STARTTLS\r\n"),
        sent("STARTTLS\r\n"),
        received("220 go\r\n"),
        EventKind::HandshakeDone(Box::default()),
        sent("EHLO somebody.example.org\r\n"),
        received("250 secure\r\n"),
        ended(Ended::ByPeer),
    ]);
    let (mut client, pki) = visit(transcript).await;
    assert_eq!(client.reply().await, "220 mx\r\n");
    assert_eq!(client.ask(EHLO).await, "250-mx\r\n250 STARTTLS\r\n");
    assert_eq!(client.ask("STARTTLS\r\n").await, "220 go\r\n");
    let mut client = client.secure(&pki).await.unwrap();
    assert_eq!(client.ask(EHLO).await, "250 secure\r\n");
    assert_eq!(client.stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn residue_stands_in_the_segment_of_the_220() {
    let residue = EventKind::Residue(b"250 evil\r\n".to_vec());
    let (mut client, _) = visit(script([received("220 go\r\n"), residue])).await;
    let mut bytes = [0; 64];
    let read = client.stream.read(&mut bytes).await.unwrap();
    assert_eq!(&bytes[..read], b"220 go\r\n250 evil\r\n");
}

#[tokio::test]
async fn failed_handshakes_fail_as_recorded() {
    for (failure, expected) in [
        ("reset after ClientHello", "reset"),
        ("closed after ClientHello", "eof"),
        ("alert protocol_version", "ProtocolVersion"),
        ("alert handshake_failure", "HandshakeFailure"),
        ("not TLS", "corrupt"),
    ] {
        let handshake = Handshake { failure: Some(failure.to_owned()), ..Handshake::default() };
        let transcript =
            script([received("220 go\r\n"), EventKind::HandshakeFailed(Box::new(handshake))]);
        let (mut client, pki) = visit(transcript).await;
        client.reply().await;
        let error = client.secure(&pki).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{failure}: {error}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_the_script_is_cut_off() {
    let pki = Pki::new().unwrap();
    let transcript = script([received("220 mx\r\n"), sent("EHLO a\r\n"), received("250 mx\r\n")]);
    let server = Server::new(transcript.into(), HOST, &pki).unwrap();
    let (mut near, far) = hop::pair().await.unwrap();
    near.write_all(b"HELO a\r\n").await.unwrap();
    let error = server.serve(far, IpAddr::from([192, 0, 2, 7])).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}
