//! What is behind one socket: a server, with the latency and the box before it.
//!
//! Owns the order on the path. Refuses to know what passes.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::sim::hop;
use crate::sim::middlebox::Middlebox;
use crate::sim::server::Server;

/// What stands behind one pretend endpoint.
pub(super) struct Site {
    pub(super) server: Arc<Server>,
    pub(super) middlebox: Option<Arc<Middlebox>>,
    pub(super) latency: Duration,
    /// Who the client is said to be.
    pub(super) client: Option<IpAddr>,
}

impl Site {
    /// Carries one connection, through the box if there is one.
    async fn carry(&self, client: TcpStream, peer: IpAddr) -> io::Result<()> {
        let peer = self.client.unwrap_or(peer);
        let Some(middlebox) = &self.middlebox else {
            return self.reach(client, peer).await;
        };
        // The server's end exists only once the box dials.
        let (dialled, accepted) = oneshot::channel();
        let upstream = async move {
            let (near, far) = hop::pair().await?;
            dialled.send(far).map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(near)
        };
        let server = async {
            match accepted.await {
                Ok(stream) => self.reach(stream, peer).await,
                Err(_) => Ok(()),
            }
        };
        let (through, beyond) = tokio::join!(middlebox.serve(client, upstream), server);
        through.and(beyond)
    }

    /// The server, with the latency before it.
    async fn reach(&self, stream: TcpStream, peer: IpAddr) -> io::Result<()> {
        if self.latency.is_zero() {
            return self.server.serve(stream, peer).await;
        }
        let (near, far) = hop::pair().await?;
        let late = hop::delay(stream, near, self.latency);
        let (carried, served) = tokio::join!(late, self.server.serve(far, peer));
        carried.and(served)
    }
}

/// Accepts until it is dropped, and its connections with it.
pub(super) async fn listen(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, peer)) = accepted {
                let site = Arc::clone(&site);
                connections.spawn(async move {
                    // How a pretend connection ends is for the client to see.
                    let _ = site.carry(stream, peer.ip()).await;
                });
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
