use std::sync::Arc;
use std::time::Duration;

use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello as Hello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use tokio::io::{DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::model::tls::OcspStatus;
use crate::tls::Roots;
use crate::tls::alert_in;
use crate::tls::pki::{Authority, SNAKEOIL, STAPLED, STAPLED_CA, der, server};

const MX: &str = "mx.example.net";

/// Far beyond what any of these exchanges takes: never reached.
fn later() -> Instant {
    Instant::now() + Duration::from_mins(2)
}

/// Presents a chain and signs with a key, whether they belong together or not.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: Hello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

struct Server {
    chain: Vec<Vec<u8>>,
    key: KeyPair,
    provider: CryptoProvider,
    versions: Vec<&'static SupportedProtocolVersion>,
    staple: Option<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Server {
    fn new() -> Self {
        let root = Authority::root("root");
        let (leaf, key) = root.leaf_and_key(&server(&[MX]));
        Self {
            chain: vec![leaf, root.der],
            key,
            provider: default_provider(),
            versions: vec![&TLS13, &TLS12],
            staple: None,
            client_ca: None,
        }
    }

    fn tls12() -> Self {
        Self { versions: vec![&TLS12], ..Self::new() }
    }

    fn with_groups(groups: &[&'static dyn SupportedKxGroup]) -> Self {
        let provider = CryptoProvider { kx_groups: groups.to_vec(), ..default_provider() };
        Self { provider, ..Self::new() }
    }

    fn config(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let key = self.provider.key_provider.load_private_key(key).unwrap();
        let chain = self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let mut certified = CertifiedKey::new(chain, key);
        certified.ocsp = self.staple.clone();
        let provider = Arc::new(self.provider.clone());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&self.versions)
            .unwrap();
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut store = RootCertStore::empty();
                store.add(CertificateDer::from(ca.clone())).unwrap();
                let store = Arc::new(store);
                let verifier = WebPkiClientVerifier::builder_with_provider(store, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        Arc::new(builder.with_cert_resolver(Arc::new(Fixed(Arc::new(certified)))))
    }

    async fn meet(&self, hello: ClientHello) -> Outcome<DuplexStream> {
        connect(serve(self.config()), Some(MX), hello, later()).await
    }
}

/// Answers one client with a greeting on the heels of the handshake.
fn serve(config: Arc<ServerConfig>) -> DuplexStream {
    let (near, far) = duplex(64 * 1024);
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        if let Ok(mut stream) = acceptor.accept(far).await {
            let _ = stream.write_all(b"220 hello\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    near
}

/// Sends fixed bytes once a client has spoken, then closes.
fn canned(answer: Vec<u8>) -> DuplexStream {
    let (near, mut far) = duplex(64 * 1024);
    tokio::spawn(async move {
        let mut hello = [0; 4096];
        let _ = far.read(&mut hello).await;
        let _ = far.write_all(&answer).await;
    });
    near
}

async fn failure(stream: DuplexStream) -> Handshake {
    let outcome = connect(stream, Some(MX), ClientHello::Default, later()).await;
    assert!(outcome.stream.is_none());
    outcome.handshake
}

#[tokio::test]
async fn a_staple_is_asked_for_and_verified() {
    let staple = include_bytes!("../../../testdata/certs/staple-delegated.der");
    let at = "2027-01-01T12:00:00Z".parse().unwrap();
    let chain = vec![der(STAPLED), der(STAPLED_CA)];
    for versions in [vec![&TLS13], vec![&TLS12]] {
        let bare = Server { versions, chain: chain.clone(), ..Server::new() };
        let facts = |handshake: &Handshake| {
            let facts = crate::tls::facts(handshake, None, at, &Roots::webpki(), false);
            (facts.chain[0].must_staple, facts.ocsp.map(|ocsp| (ocsp.status, ocsp.signed)))
        };
        let missing = bare.meet(ClientHello::Default).await.handshake;
        assert_eq!(facts(&missing), (Some(true), None));
        let stapled = Server { staple: Some(staple.to_vec()), ..bare };
        let handshake = stapled.meet(ClientHello::Default).await.handshake;
        assert_eq!(facts(&handshake), (Some(true), Some((OcspStatus::Good, Some(true)))));
    }
}

#[tokio::test]
async fn a_tls_13_handshake_is_recorded_and_its_stream_works() {
    let peer = Server { staple: Some(b"staple".to_vec()), ..Server::new() };
    let Outcome { handshake, stream } = peer.meet(ClientHello::Default).await;
    assert_eq!(handshake.failure, None);
    assert_eq!(handshake.sni.as_deref(), Some(MX));
    assert_eq!(handshake.version.as_deref(), Some("TLSv1.3"));
    assert_eq!(handshake.cipher_suite.as_deref(), Some("TLS_AES_256_GCM_SHA384"));
    assert_eq!(handshake.key_exchange_group.as_deref(), Some("X25519"));
    assert_eq!(handshake.signature_scheme.as_deref(), Some("ECDSA_NISTP256_SHA256"));
    assert_eq!(handshake.key_proven, Some(true));
    assert_eq!(handshake.client_certificate_requested, Some(false));
    assert_eq!(handshake.chain, peer.chain);
    assert_eq!(handshake.ocsp_staple.as_deref(), Some(&b"staple"[..]));
    let mut greeting = String::new();
    stream.unwrap().read_to_string(&mut greeting).await.unwrap();
    assert_eq!(greeting, "220 hello\r\n");
}

#[tokio::test]
async fn a_tls_12_handshake_is_recorded() {
    let Outcome { handshake, stream } = Server::tls12().meet(ClientHello::Default).await;
    assert!(stream.is_some());
    assert_eq!(handshake.version.as_deref(), Some("TLSv1.2"));
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    assert_eq!(handshake.cipher_suite.as_deref(), Some(suite));
    assert_eq!(handshake.key_exchange_group.as_deref(), Some("X25519"));
    assert_eq!(handshake.key_proven, Some(true));
}

#[tokio::test]
async fn each_connection_is_recorded_anew() {
    let peer = Server::new();
    // One configuration, so that the server remembers the session.
    let config = peer.config();
    for _ in 0..2 {
        let stream = serve(config.clone());
        let outcome = connect(stream, Some("twice.example"), ClientHello::Default, later()).await;
        // Reading takes the session tickets in, so that resumption would be possible.
        let _ = outcome.stream.unwrap().read_to_end(&mut Vec::new()).await;
        assert_eq!(outcome.handshake.chain, peer.chain);
    }
}

#[tokio::test]
async fn a_foreign_key_is_recorded_and_does_not_end_the_handshake() {
    for version in [&TLS12, &TLS13] {
        let foreign = KeyPair::generate().unwrap();
        let peer = Server { key: foreign, versions: vec![version], ..Server::new() };
        let Outcome { handshake, stream } = peer.meet(ClientHello::Default).await;
        assert!(stream.is_some());
        assert_eq!((handshake.key_proven, handshake.failure), (Some(false), None));
    }
}

#[tokio::test]
async fn a_foreign_key_of_another_kind_proves_nothing_either() {
    let leaf = der(SNAKEOIL); // RSA
    let peer = Server { chain: vec![leaf], versions: vec![&TLS13], ..Server::new() };
    let Outcome { handshake, stream } = peer.meet(ClientHello::Default).await;
    assert!(stream.is_some());
    assert_eq!(handshake.key_proven, Some(false));
}

#[tokio::test]
async fn ml_kem_is_on_offer_by_default_and_not_in_the_classical_hello() {
    // Our share is for X25519, so this takes a HelloRetryRequest.
    let strict = Server::with_groups(&[kx_group::X25519MLKEM768]);
    let handshake = strict.meet(ClientHello::Default).await.handshake;
    assert_eq!(handshake.key_exchange_group.as_deref(), Some("X25519MLKEM768"));
    let handshake = strict.meet(ClientHello::Classical).await.handshake;
    assert_eq!(handshake.failure.as_deref(), Some("alert handshake_failure"));

    let both = Server::with_groups(&[kx_group::X25519MLKEM768, kx_group::SECP256R1]);
    let handshake = both.meet(ClientHello::Classical).await.handshake;
    assert_eq!(handshake.key_exchange_group.as_deref(), Some("secp256r1"));
}

/// The size of the first hello to a name.
async fn hello_size(name: &'static str, hello: ClientHello) -> usize {
    let (near, mut far) = duplex(64 * 1024);
    let client = tokio::spawn(connect(near, Some(name), hello, later()));
    let read = far.read(&mut [0; 4096]).await.unwrap();
    drop(far);
    let handshake = client.await.unwrap().handshake;
    assert_eq!(handshake.failure.as_deref(), Some("closed after ClientHello"));
    read
}

#[tokio::test]
async fn the_first_hello_stays_small_whatever_the_name_preferred_before() {
    let name = "again.example";
    let strict = Server::with_groups(&[kx_group::X25519MLKEM768]);
    let before = hello_size(name, ClientHello::Default).await;
    assert!((200..400).contains(&before), "{before} bytes");
    assert!(hello_size(name, ClientHello::Classical).await < before);
    let outcome = connect(serve(strict.config()), Some(name), ClientHello::Default, later()).await;
    // Reading takes the session tickets in: nothing of them may be remembered.
    let _ = outcome.stream.unwrap().read_to_end(&mut Vec::new()).await;
    assert_eq!(hello_size(name, ClientHello::Default).await, before);
}

#[tokio::test]
async fn a_name_is_sent_only_where_it_is_a_domain_name() {
    let peer = Server::new();
    let sent = |sni| {
        let (stream, deadline) = (serve(peer.config()), later());
        async move { connect(stream, sni, ClientHello::Default, deadline).await.handshake }
    };
    assert_eq!(sent(Some("mx.example.net.")).await.sni.as_deref(), Some(MX));
    for none in [None, Some("192.0.2.1"), Some("2001:db8::1"), Some(""), Some("bad name")] {
        let handshake = sent(none).await;
        assert_eq!((handshake.sni, handshake.failure), (None, None), "{none:?}");
    }
}

#[tokio::test]
async fn a_wish_for_a_client_certificate_is_recorded() {
    let ca = Authority::root("clients").der;
    let asking = Server { client_ca: Some(ca.clone()), ..Server::tls12() };
    let handshake = asking.meet(ClientHello::Default).await.handshake;
    assert_eq!(handshake.client_certificate_requested, Some(true));
    // RFC 5246 §7.4.6: handshake_failure; rustls sends the newer name.
    assert_eq!(handshake.alert.as_deref(), Some("certificate_required"));
    assert_eq!(handshake.failure.as_deref(), Some("alert certificate_required"));
    assert_eq!(handshake.chain, asking.chain);

    // With TLS 1.3 our side is complete before the server says no.
    let asking = Server { client_ca: Some(ca), ..Server::new() };
    let Outcome { handshake, stream } = asking.meet(ClientHello::Default).await;
    assert_eq!(handshake.client_certificate_requested, Some(true));
    assert_eq!(handshake.failure, None);
    let error = stream.unwrap().read_u8().await.unwrap_err();
    assert_eq!(alert_in(&error).as_deref(), Some("certificate_required"));
}

#[tokio::test]
async fn alerts_keep_their_names() {
    let old = CryptoProvider {
        cipher_suites: vec![cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256],
        ..default_provider()
    };
    let peer = Server { provider: old, ..Server::tls12() };
    let handshake = peer.meet(ClientHello::Default).await.handshake;
    assert_eq!(handshake.failure.as_deref(), Some("alert handshake_failure"));
    assert_eq!(handshake.alert.as_deref(), Some("handshake_failure"));
    assert_eq!(handshake.client_certificate_requested, None);

    let handshake = failure(canned(vec![21, 3, 1, 0, 2, 2, 70])).await;
    assert_eq!(handshake.failure.as_deref(), Some("alert protocol_version"));
}

#[tokio::test]
async fn silence_close_and_clear_text_are_told_apart() {
    let (silent, _held) = duplex(64 * 1024);
    let soon = Instant::now() + Duration::from_millis(20);
    let outcome = connect(silent, Some(MX), ClientHello::Default, soon).await;
    assert_eq!(outcome.handshake.failure.as_deref(), Some("silence after ClientHello"));

    let closed = failure(canned(Vec::new())).await;
    assert_eq!(closed.failure.as_deref(), Some("closed after ClientHello"));
    for clear in ["220 mx.example.net ESMTP\r\n", "5", "SSH-2.0-OpenSSH_9.2\r\n"] {
        let handshake = failure(canned(clear.into())).await;
        assert_eq!(handshake.failure.as_deref(), Some("not TLS"), "{clear}");
    }
}

#[tokio::test]
async fn a_reset_is_told_from_a_close() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 64]).await;
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let outcome = connect(stream, Some(MX), ClientHello::Default, later()).await;
    assert_eq!(outcome.handshake.failure.as_deref(), Some("reset after ClientHello"));
}

/// The server's whole first flight for the hello that comes over `far`.
async fn first_flight(peer: &Server, far: &mut DuplexStream) -> Vec<u8> {
    let mut tls = ServerConnection::new(peer.config()).unwrap();
    let mut hello = vec![0; 4096];
    let read = far.read(&mut hello).await.unwrap();
    tls.read_tls(&mut &hello[..read]).unwrap();
    tls.process_new_packets().unwrap();
    let mut flight = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut flight).unwrap();
    }
    flight
}

#[tokio::test]
async fn what_came_before_the_end_is_kept() {
    let peer = Server::tls12();
    let (near, mut far) = duplex(64 * 1024);
    let client = tokio::spawn(failure(near));
    let flight = first_flight(&peer, &mut far).await;
    far.write_all(&flight).await.unwrap();
    drop(far);
    let handshake = client.await.unwrap();
    // The write of our second flight may see the end before the read does.
    let failure = handshake.failure.unwrap();
    assert!(["closed after ServerHello", "reset after ServerHello"].contains(&failure.as_str()));
    assert_eq!(handshake.version.as_deref(), Some("TLSv1.2"));
    assert_eq!((handshake.chain, handshake.key_proven), (peer.chain, Some(true)));
}

#[tokio::test]
async fn a_server_that_chooses_what_rustls_lacks_is_legacy_only() {
    // ServerHello: TLS 1.0 and TLS_RSA_WITH_AES_128_CBC_SHA.
    let mut hello = vec![22, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0x00, 0x2f, 0]);
    let handshake = failure(canned(hello)).await;
    assert_eq!(handshake.failure.as_deref(), Some("legacy-only: TLSv1.0"));
    assert_eq!(handshake.version.as_deref(), Some("TLSv1.0"));
    assert_eq!(handshake.cipher_suite.as_deref(), Some("TLS_RSA_WITH_AES_128_CBC_SHA"));
}

#[tokio::test]
async fn an_endless_flight_is_cut() {
    let (near, mut far) = duplex(4096);
    let flood = tokio::spawn(async move {
        let mut sent = 0_usize;
        // Handshake records that belong to a message which never ends.
        let mut record = vec![22, 3, 3, 0x40, 0x00, 2, 0, 0xff, 0xff];
        record.resize(5 + 0x4000, 0);
        while far.write_all(&record).await.is_ok() {
            sent += record.len();
        }
        sent
    });
    let handshake = failure(near).await;
    assert!(handshake.failure.is_some());
    assert!(flood.await.unwrap() <= HANDSHAKE_CAP + 64 * 1024);
}
