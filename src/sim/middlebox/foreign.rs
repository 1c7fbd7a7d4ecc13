//! TLS ended on the way: a certificate of the box's own towards the client.
//!
//! Owns the box's authority and key. As inspection products do, it makes a leaf
//! for the name that the client asks for, over one and the same key. Refuses to
//! know SMTP.

use std::io;
use std::sync::Arc;

use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::Acceptor;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};

use crate::sim::Error;
use crate::sim::pki::{Authority, TlsRange};

/// The name in the leaf, and asked for onward, where the client sends none.
const UNNAMED: &str = "unnamed.example.net";

/// What a box needs to end TLS.
#[derive(Debug)]
pub struct Foreign {
    authority: Authority,
    key: KeyPair,
    onward: Arc<ClientConfig>,
}

impl Foreign {
    /// An authority that nobody trusts; `onward` is how the box itself speaks TLS
    /// to the server.
    pub fn new(onward: Arc<ClientConfig>) -> Result<Self, Error> {
        let authority = Authority::root("Middlebox Inspection CA")?;
        Ok(Self { authority, key: KeyPair::generate()?, onward })
    }

    /// The same, the box trusting these roots.
    pub fn trusting(roots: RootCertStore) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self::new(Arc::new(config))
    }

    /// The authority's certificate, for those who shall trust it.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.authority.certificate()
    }

    /// Both ends TLS, the box between them reading everything.
    pub(super) async fn tls(
        &self,
        client: &mut TcpStream,
        server: &mut TcpStream,
    ) -> io::Result<()> {
        let (mut client, name) = self.accept(client).await?;
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let connector = TlsConnector::from(Arc::clone(&self.onward));
        let mut server = connector.connect(name, server).await?;
        relay(&mut client, &mut server).await
    }

    /// TLS towards the client only.
    pub(super) async fn clear(
        &self,
        client: &mut TcpStream,
        server: &mut TcpStream,
    ) -> io::Result<()> {
        let (mut client, _) = self.accept(client).await?;
        relay(&mut client, server).await
    }

    /// The handshake with the client, and the name that it asked for.
    async fn accept<'a>(
        &self,
        client: &'a mut TcpStream,
    ) -> io::Result<(TlsStream<&'a mut TcpStream>, String)> {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), client).await?;
        let name = hello.client_hello().server_name().unwrap_or(UNNAMED).to_owned();
        let identity = self
            .authority
            .sign(&self.key, std::slice::from_ref(&name))
            .map_err(io::Error::other)?;
        let config = identity.server_config(&TlsRange::default()).map_err(io::Error::other)?;
        Ok((hello.into_stream(config).await?, name))
    }
}

async fn relay(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> io::Result<()> {
    copy_bidirectional(client, server).await.map(drop)
}
