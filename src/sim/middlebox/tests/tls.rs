//! Handshakes through a box, and handshakes with it.

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::sim::pki::{Flaw, Pki, TlsRange};

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
