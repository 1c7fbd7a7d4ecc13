//! A connection that is in clear first and inside TLS later.
//!
//! Owns the change from one to the other. Refuses to know what passes.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The connection of one probe.
pub(super) enum Stream {
    /// In clear.
    Clear(TcpStream),
    /// Inside TLS.
    Secured(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Reads what there is; 0 is the end. A peer that drops the connection
    /// without TLS's own goodbye has ended it just as well.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(buffer).await,
            Self::Secured(stream) => {
                acknowledge_at_once(stream.get_ref().0);
                match stream.read(buffer).await {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                    other => other,
                }
            }
        }
    }

    /// Writes one command in one write.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Clear(stream) => stream.write_all(bytes).await,
            Self::Secured(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Says goodbye in TLS, where there is TLS, and closes our direction.
    pub(super) async fn close(&mut self) {
        // The dialogue is over: a failure to say goodbye changes nothing.
        let _ = match self {
            Self::Clear(stream) => stream.shutdown().await,
            Self::Secured(stream) => stream.shutdown().await,
        };
    }
}

/// Acknowledges what has come without the usual delay.
///
/// A server whose TLS library writes session tickets one by one waits, by Nagle's
/// algorithm, for our acknowledgement before it answers the EHLO that follows: 40
/// ms for nothing (seen with Postfix and OpenSMTPD over OpenSSL 3). The kernel
/// forgets the wish, so it is said again before each read.
fn acknowledge_at_once(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // Only a matter of speed: without it everything works.
        let _ = socket2::SockRef::from(stream).set_tcp_quickack(true);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}
