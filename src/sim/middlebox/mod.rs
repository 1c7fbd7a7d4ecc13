//! A box on the path that does to STARTTLS what real ones do.
//!
//! [`Middlebox::serve`] takes the client's connection and a connection to the
//! server, and knows nothing of how either came about: on loopback both belong
//! to this process, in a network namespace the first was redirected and the
//! second dialled with the client's own address.
//!
//! 1. [`Scope::admits`] decides by client and count whether this connection is meant.
//! 2. The inspector rewrites lines while the conversation is in clear text.
//! 3. A turn ends that: bytes pass untouched, or reset, silence, or TLS with a
//!    foreign certificate.

mod behaviour;
mod foreign;
mod inspect;
mod relay;
mod rewrite;
mod scope;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

pub use self::behaviour::{Behaviour, Refusal, UnknownBehaviour};
pub use self::foreign::Foreign;
use self::inspect::{Inspector, Moves, Turn};
pub use self::scope::{InvalidScope, Scope};

/// The longest that one connection through a box may last.
const LIFETIME: Duration = Duration::from_mins(10);
/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// A box with one behaviour, for any number of connections.
#[derive(Debug)]
pub struct Middlebox {
    behaviour: Behaviour,
    scope: Scope,
    foreign: Option<Foreign>,
    connections: AtomicU64,
    engaged: AtomicU64,
}

impl Middlebox {
    /// A box without certificates of its own: one whose behaviour
    /// [ends TLS](Behaviour::ends_tls) needs [`Middlebox::with_foreign`], or it
    /// closes every connection that reaches that point.
    pub fn new(behaviour: Behaviour, scope: Scope) -> Self {
        Self {
            behaviour,
            scope,
            foreign: None,
            connections: AtomicU64::new(0),
            engaged: AtomicU64::new(0),
        }
    }

    /// The same with an authority to end TLS.
    #[must_use]
    pub fn with_foreign(mut self, foreign: Foreign) -> Self {
        self.foreign = Some(foreign);
        self
    }

    /// How many connections came, and how many of them met the scope's conditions
    /// on client and count: a test's proof that the box was on the path.
    pub fn counts(&self) -> (u64, u64) {
        (self.connections.load(Ordering::Relaxed), self.engaged.load(Ordering::Relaxed))
    }

    /// Carries one connection to its end.
    ///
    /// `upstream` makes the connection to the server; it is not asked where the
    /// box answers by itself. Where it fails, the client's connection is reset. A
    /// reset by one side becomes a reset of the other.
    ///
    /// # Errors
    /// What ended the connection other than in good order, a reset by either
    /// side included, and 10 minutes having passed.
    pub async fn serve(
        &self,
        mut client: TcpStream,
        upstream: impl Future<Output = io::Result<TcpStream>>,
    ) -> io::Result<()> {
        let outcome = tokio::time::timeout(LIFETIME, self.carry(&mut client, upstream))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        if outcome.is_err() {
            // Best effort: the connection is over in any case.
            let _ = reset_on_close(&client);
        }
        outcome
    }

    async fn carry(
        &self,
        client: &mut TcpStream,
        upstream: impl Future<Output = io::Result<TcpStream>>,
    ) -> io::Result<()> {
        client.set_nodelay(true)?;
        let ordinal = self.connections.fetch_add(1, Ordering::Relaxed);
        let engaged = self.scope.admits(client.peer_addr()?.ip(), ordinal);
        self.engaged.fetch_add(u64::from(engaged), Ordering::Relaxed);
        if engaged && self.behaviour == Behaviour::Relay {
            return relay::serve(client).await;
        }
        let mut server = upstream.await?;
        server.set_nodelay(true)?;
        let outcome = if engaged && self.behaviour != Behaviour::Pass {
            self.inspect(client, &mut server).await
        } else {
            copy_bidirectional(client, &mut server).await.map(drop)
        };
        if outcome.is_err() {
            // Best effort, as above.
            let _ = reset_on_close(&server);
        }
        outcome
    }

    async fn inspect(&self, client: &mut TcpStream, server: &mut TcpStream) -> io::Result<()> {
        let mut inspector = Inspector::new(self.behaviour, &self.scope);
        match converse(&mut inspector, client, server).await? {
            None => Ok(()),
            Some(Turn::Open) => copy_bidirectional(client, server).await.map(drop),
            Some(Turn::Reset) => reset_on_close(client),
            Some(Turn::Silence) => drain(client).await,
            Some(Turn::ForeignTls) => self.foreign()?.tls(client, server).await,
            Some(Turn::ForeignClear) => self.foreign()?.clear(client, server).await,
        }
    }

    fn foreign(&self) -> io::Result<&Foreign> {
        self.foreign
            .as_ref()
            .ok_or_else(|| io::Error::other("this box has no certificate to end TLS with"))
    }
}

/// Carries lines in both directions until the inspection takes a turn, or both
/// sides have closed.
async fn converse(
    inspector: &mut Inspector<'_>,
    client: &mut TcpStream,
    server: &mut TcpStream,
) -> io::Result<Option<Turn>> {
    let (mut client_open, mut server_open) = (true, true);
    let (mut from_client, mut from_server) = (vec![0; CHUNK], vec![0; CHUNK]);
    while client_open || server_open {
        tokio::select! {
            biased;
            read = server.read(&mut from_server), if server_open => {
                let sent = from_server.get(..read?).unwrap_or_default();
                server_open = !sent.is_empty();
                let moves = if server_open { inspector.server_sent(sent) } else { inspector.server_closed() };
                perform(&moves, client, server).await?;
                if moves.turn.is_some() { return Ok(moves.turn) }
                if !server_open { client.shutdown().await? }
            }
            read = client.read(&mut from_client), if client_open => {
                let sent = from_client.get(..read?).unwrap_or_default();
                client_open = !sent.is_empty();
                let moves = if client_open { inspector.client_sent(sent) } else { inspector.client_closed() };
                perform(&moves, client, server).await?;
                if moves.turn.is_some() { return Ok(moves.turn) }
                if !client_open { server.shutdown().await? }
            }
        }
    }
    Ok(None)
}

/// One write a direction, so that a command stays one segment.
async fn perform(moves: &Moves, client: &mut TcpStream, server: &mut TcpStream) -> io::Result<()> {
    if !moves.to_client.is_empty() {
        client.write_all(&moves.to_client).await?;
    }
    if !moves.to_server.is_empty() {
        server.write_all(&moves.to_server).await?;
    }
    Ok(())
}

/// Reads and forgets until the client closes.
async fn drain(client: &mut TcpStream) -> io::Result<()> {
    tokio::io::copy(client, &mut tokio::io::sink()).await.map(drop)
}

/// Makes the coming close an RST instead of a FIN.
fn reset_on_close(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}
