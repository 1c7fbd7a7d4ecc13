use std::time::Duration;

use proptest::prelude::*;
use tokio::io::duplex;
use tokio::net::TcpStream;

use super::*;
use crate::model::probe::ClientHello;
use crate::tls::connect;
use crate::tls::openssl::OldServer;
use crate::tls::pki::{RSA1024, V1, der};

const MX: Option<&str> = Some("mx.example.net");

/// Far beyond what any of these exchanges takes: never reached.
fn later() -> Instant {
    Instant::now() + Duration::from_mins(2)
}

async fn probed(server: &OldServer) -> Handshake {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    probe(&mut stream, MX, later()).await
}

async fn refused(server: &OldServer) -> Handshake {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let outcome = connect(stream, MX, ClientHello::Classical, later()).await;
    assert!(outcome.stream.is_none(), "rustls does not speak this");
    outcome.handshake
}

const ALL: &str = "ALL:@SECLEVEL=0";

#[tokio::test]
async fn a_tls_10_server_is_named_as_such() {
    let arguments = ["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"];
    let Some(server) = OldServer::start("rsa1024", &arguments) else { return };
    assert_eq!(refused(&server).await.failure.as_deref(), Some("alert protocol_version"));
    let handshake = probed(&server).await;
    assert_eq!(handshake.failure.as_deref(), Some("legacy-only: TLSv1.0"));
    assert_eq!(handshake.version.as_deref(), Some("TLSv1.0"));
    assert_eq!(handshake.cipher_suite.as_deref(), Some("TLS_RSA_WITH_AES_128_CBC_SHA"));
    assert_eq!(handshake.chain, [der(RSA1024)]);
    assert_eq!((handshake.key_proven, handshake.alert), (None, None));
    assert_eq!(handshake.client_certificate_requested, Some(false));
}

#[tokio::test]
async fn a_tls_11_server_that_wants_a_certificate() {
    let arguments = ["-tls1_1", "-cipher", ALL, "-verify", "1"];
    let Some(server) = OldServer::start("v1", &arguments) else { return };
    let handshake = probed(&server).await;
    assert_eq!(handshake.failure.as_deref(), Some("legacy-only: TLSv1.1"));
    assert_eq!(handshake.client_certificate_requested, Some(true));
    assert_eq!(handshake.chain, [der(V1)]);
}

#[tokio::test]
async fn static_rsa_and_dhe_are_named_by_their_suite() {
    let arguments = ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"];
    let Some(server) = OldServer::start("rsa1024", &arguments) else { return };
    assert_eq!(refused(&server).await.failure.as_deref(), Some("alert handshake_failure"));
    let failure = probed(&server).await.failure;
    let expected = "legacy-only: TLSv1.2 TLS_RSA_WITH_AES_128_CBC_SHA";
    assert_eq!(failure.as_deref(), Some(expected));

    let arguments = ["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384:@SECLEVEL=0"];
    let Some(server) = OldServer::start("rsa1024", &arguments) else { return };
    let handshake = probed(&server).await;
    let expected = "legacy-only: TLSv1.2 TLS_DHE_RSA_WITH_AES_256_GCM_SHA384";
    assert_eq!(handshake.failure.as_deref(), Some(expected));
    // OpenSSL fits the group to the key of 1024 bits.
    assert_eq!(handshake.key_exchange_group.as_deref(), Some("DH 1024"));
}

#[tokio::test]
async fn a_curve_that_rustls_lacks_is_named() {
    let arguments = ["-tls1_2", "-cipher", ALL, "-groups", "P-521"];
    let Some(server) = OldServer::start("v1", &arguments) else { return };
    let handshake = probed(&server).await;
    let expected = "legacy-only: TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 secp521r1";
    assert_eq!(handshake.failure.as_deref(), Some(expected));
}

#[tokio::test]
async fn a_modern_server_is_not_called_legacy() {
    let Some(server) = OldServer::start("v1", &["-tls1_2"]) else { return };
    let failure = probed(&server).await.failure.unwrap();
    let expected = "answered a legacy ClientHello: TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    assert_eq!(failure, expected);
    let Some(server) = OldServer::start("v1", &["-tls1_3"]) else { return };
    let handshake = probed(&server).await;
    assert_eq!(handshake.failure.as_deref(), Some("alert protocol_version"));
    assert_eq!(handshake.alert.as_deref(), Some("protocol_version"));
}

#[tokio::test]
async fn old_leaves_prove_their_key_in_a_modern_handshake() {
    let cases = [
        ("v1", "-tls1_2", "ECDSA+SHA256", Some(true)),
        ("v1", "-tls1_2", "ECDSA+SHA512", Some(true)),
        ("v1", "-tls1_3", "ECDSA+SHA256", Some(true)),
        ("rsa1024", "-tls1_2", "RSA+SHA256", Some(true)),
        // Below 2048 bits no algorithm is at hand for these: not measured, not false.
        ("rsa1024", "-tls1_2", "RSA+SHA384", None),
        ("rsa1024", "-tls1_3", "RSA-PSS+SHA256", None),
    ];
    for (certificate, version, scheme, proven) in cases {
        let arguments = [version, "-cipher", ALL, "-sigalgs", scheme];
        let Some(server) = OldServer::start(certificate, &arguments) else { return };
        let stream = TcpStream::connect(server.address).await.unwrap();
        let handshake = connect(stream, MX, ClientHello::Default, later()).await.handshake;
        let case = format!("{certificate} {version} {scheme}");
        assert_eq!((handshake.failure, handshake.key_proven), (None, proven), "{case}");
    }
}

#[tokio::test]
async fn a_sha_1_signature_is_taken_and_verified() {
    let arguments = ["-tls1_2", "-cipher", ALL, "-sigalgs", "RSA+SHA1"];
    let Some(server) = OldServer::start("rsa1024", &arguments) else { return };
    let stream = TcpStream::connect(server.address).await.unwrap();
    let handshake = connect(stream, MX, ClientHello::Default, later()).await.handshake;
    assert_eq!(handshake.signature_scheme.as_deref(), Some("RSA_PKCS1_SHA1"));
    assert_eq!((handshake.key_proven, handshake.failure), (Some(true), None));
}

async fn answered(answer: &[u8]) -> String {
    let (mut near, mut far) = duplex(64 * 1024);
    far.write_all(answer).await.unwrap();
    far.shutdown().await.unwrap();
    probe(&mut near, MX, later()).await.failure.unwrap()
}

#[tokio::test]
async fn endings_without_a_server_hello_have_their_words() {
    assert_eq!(answered(b"").await, "closed after ClientHello");
    assert_eq!(answered(b"220 hello\r\n").await, "not TLS");
    assert_eq!(answered(&[21, 3, 0, 0, 2, 2, 40]).await, "alert handshake_failure");
    // change_cipher_spec is passed over, a warning does not end it.
    let warned = [20, 3, 1, 0, 1, 1, 21, 3, 1, 0, 2, 1, 112, 21, 3, 1, 0, 2, 2, 80];
    assert_eq!(answered(&warned).await, "alert internal_error");

    let (mut silent, _held) = duplex(64 * 1024);
    let soon = Instant::now() + Duration::from_millis(20);
    let failure = probe(&mut silent, MX, soon).await.failure;
    assert_eq!(failure.as_deref(), Some("silence after ClientHello"));
}

#[tokio::test]
async fn an_endless_flight_is_cut() {
    let (mut near, mut far) = duplex(4096);
    let flood = tokio::spawn(async move {
        let mut record = vec![22, 3, 1, 0x40, 0x00, 11, 0xff, 0xff, 0xff];
        record.resize(5 + 0x4000, 0);
        let mut sent = 0;
        while far.write_all(&record).await.is_ok() {
            sent += record.len();
        }
        sent
    });
    let failure = probe(&mut near, MX, later()).await.failure;
    assert_eq!(failure.as_deref(), Some("too many bytes after ClientHello"));
    drop(near);
    assert!(flood.await.unwrap() <= FLIGHT_CAP + 32 * 1024);
}

/// A flight as records: ServerHello, Certificate, ServerHelloDone.
fn flight() -> Vec<u8> {
    let mut messages = vec![2, 0, 0, 38, 3, 0];
    messages.extend([7; 32]);
    messages.extend([0, 0x00, 0x05, 0]);
    messages.extend([11, 0, 0, 9, 0, 0, 6, 0, 0, 3, 1, 2, 3]);
    messages.extend([14, 0, 0, 0]);
    // Cut in the middle of a message, as records may be (RFC 5246 §6.2.1).
    let (first, second) = messages.split_at(20);
    let record = |part: &[u8]| {
        let length = u8::try_from(part.len()).unwrap();
        [&[22, 3, 0, 0, length][..], part].concat()
    };
    [record(first), record(second)].concat()
}

proptest! {
    #[test]
    fn segmentation_changes_nothing(cuts in proptest::collection::vec(0_usize..100, 0..8)) {
        let bytes = flight();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut reader = Reader::default();
        for pair in cuts.windows(2) {
            reader.push(&bytes[pair[0]..pair[1]]);
        }
        prop_assert!(reader.is_done());
        let flight = reader.into_flight();
        prop_assert_eq!(flight.legacy_only(), Some("legacy-only: SSLv3".to_owned()));
        prop_assert_eq!(flight.cipher_suite.as_deref(), Some("TLS_RSA_WITH_RC4_128_SHA"));
        prop_assert_eq!(flight.chain, vec![vec![1, 2, 3]]);
    }

    #[test]
    fn hostile_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        place in 0_usize..90,
        byte: u8,
    ) {
        let mut reader = Reader::default();
        reader.push(&bytes);
        let _ = reader.into_flight().words();

        let mut damaged = flight();
        let place = place % damaged.len();
        damaged[place] = byte;
        damaged.extend(&bytes);
        let mut reader = Reader::default();
        reader.push(&damaged);
        let _ = reader.into_flight().words();
    }

    #[test]
    fn messages_of_any_content_never_panic(
        kind in 0_u8..24,
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let length = u8::try_from(body.len()).unwrap();
        let header = [22, 3, 3, 0, length + 4, kind, 0, 0, length];
        let mut reader = Reader::default();
        reader.push(&flight()[..67]);
        reader.push(&[&header[..], &body].concat());
        let _ = reader.into_flight().words();
    }
}
