//! Lines from a client, with a limit, over any stream.
//!
//! Owns the buffer. Refuses to know commands.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest line that a server reads; more ends the session.
const MAX_LINE: usize = 16 * 1024;
/// Bytes read at once.
const CHUNK: usize = 4096;

/// A stream and what was read from it behind the last line.
#[derive(Debug)]
pub(super) struct Lines<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Lines<S> {
    /// `buffer` counts as read already.
    pub(super) fn new(stream: S, buffer: Vec<u8>) -> Self {
        Self { stream, buffer }
    }

    /// The next line without its line end; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Some(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()));
            }
            if self.buffer.len() > MAX_LINE || !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// One write.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Closes in good order, TLS included.
    ///
    /// Waits for the peer's close: what it says until then, its own close_notify
    /// for one, would meet a closed socket and come back as a reset.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        self.drain().await
    }

    /// Reads and forgets until the peer closes.
    pub(super) async fn drain(&mut self) -> io::Result<()> {
        tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await.map(drop)
    }

    /// Waits until the peer has sent something or closed.
    pub(super) async fn something(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        Ok(())
    }

    /// The stream, and what was read behind the last line.
    pub(super) fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.buffer)
    }

    async fn fill(&mut self) -> io::Result<bool> {
        let mut chunk = [0; CHUNK];
        let read = self.stream.read(&mut chunk).await?;
        self.buffer.extend_from_slice(chunk.get(..read).unwrap_or_default());
        Ok(read > 0)
    }
}
