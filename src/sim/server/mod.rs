//! Scripted mail servers with real STARTTLS.
//!
//! Owns what a far side says and when. A server is data: a [`Profile`] in good
//! or bad order, a [`Hostile`] peer, or a transcript to be played again. Refuses
//! to know addresses: it is given one accepted connection at a time.

mod hostile;
mod lines;
mod profile;
mod replay;
mod session;
mod software;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::model::transcript::Transcript;
use crate::sim::Error;
use crate::sim::pki::{Flaw, Pki, TlsRange};
use crate::sim::policy_host::{self, PolicyHost};

pub use self::hostile::Hostile;
pub use self::profile::{Greeting, Profile, Starttls};
pub use self::software::Software;

/// The longest that one session may last.
const LIFETIME: Duration = Duration::from_mins(10);

/// What a server does.
#[derive(Clone, Debug)]
pub enum Script {
    /// Speaks SMTP like this.
    Smtp(Box<Profile>),
    /// Does not behave like a mail server.
    Hostile(Hostile),
    /// Plays this; its TLS sessions show a valid certificate for the host.
    Replay(Transcript),
    /// Several servers behind one address, each with its own key: connection
    /// after connection the next of them answers, and behind the last the first.
    Farm(Vec<Self>),
    /// No mail server: the policy host of a domain.
    PolicyHost(PolicyHost),
}

impl From<Profile> for Script {
    fn from(profile: Profile) -> Self {
        Self::Smtp(Box::new(profile))
    }
}

impl From<PolicyHost> for Script {
    fn from(host: PolicyHost) -> Self {
        Self::PolicyHost(host)
    }
}

impl From<Hostile> for Script {
    fn from(hostile: Hostile) -> Self {
        Self::Hostile(hostile)
    }
}

impl From<Transcript> for Script {
    fn from(transcript: Transcript) -> Self {
        Self::Replay(transcript)
    }
}

/// A server that is ready for connections.
pub struct Server {
    /// One, unless it is a farm.
    nodes: Vec<Node>,
    connections: AtomicUsize,
}

/// One server with one key.
struct Node {
    script: Script,
    acceptor: TlsAcceptor,
    /// `SubjectPublicKeyInfo` in DER.
    key: Vec<u8>,
}

impl Server {
    /// With a new key and a certificate for `host`, as the profile wants it.
    pub fn new(script: Script, host: &str, pki: &Pki) -> Result<Self, Error> {
        let scripts = match script {
            Script::Farm(scripts) => scripts,
            one => vec![one],
        };
        let nodes = scripts.into_iter().map(|script| Node::new(script, host, pki));
        Ok(Self { nodes: nodes.collect::<Result<_, _>>()?, connections: AtomicUsize::new(0) })
    }

    /// The public key of each node, `SubjectPublicKeyInfo` in DER.
    pub fn keys(&self) -> Vec<Vec<u8>> {
        self.nodes.iter().map(|node| node.key.clone()).collect()
    }

    /// Carries one session to its end; `client` is the address that replies name.
    ///
    /// # Errors
    /// What ended the session other than in good order, 10 minutes having passed included.
    pub async fn serve(&self, stream: TcpStream, client: IpAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let ordinal = self.connections.fetch_add(1, Ordering::Relaxed);
        let Some(node) = self.nodes.get(ordinal % self.nodes.len().max(1)) else {
            return Ok(());
        };
        tokio::time::timeout(LIFETIME, node.act(stream, client.to_canonical()))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Node {
    fn new(script: Script, host: &str, pki: &Pki) -> Result<Self, Error> {
        let (flaw, tls) = match &script {
            Script::Smtp(profile) => (profile.flaw, profile.tls),
            Script::PolicyHost(host) => (host.flaw, TlsRange::default()),
            _ => (Flaw::None, TlsRange::default()),
        };
        let identity = pki.issue(&[host.to_owned()], flaw)?;
        let config = identity.server_config(&tls)?;
        let key = identity.public_key().to_vec();
        Ok(Self { script, acceptor: TlsAcceptor::from(config), key })
    }

    async fn act(&self, stream: TcpStream, client: IpAddr) -> io::Result<()> {
        match &self.script {
            Script::Smtp(profile) => session::serve(profile, &self.acceptor, stream, client).await,
            Script::Hostile(hostile) => hostile::serve(*hostile, stream).await,
            Script::Replay(transcript) => replay::serve(transcript, &self.acceptor, stream).await,
            Script::PolicyHost(host) => policy_host::serve(host, &self.acceptor, stream).await,
            // A farm of farms has no use: it hangs up.
            Script::Farm(_) => Ok(()),
        }
    }
}
