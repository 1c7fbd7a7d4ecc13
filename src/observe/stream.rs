//! A connection that is in clear first and inside TLS later.

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
            Self::Secured(stream) => match stream.read(buffer).await {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                other => other,
            },
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
