//! Peers that do not behave like a mail server at all.
//!
//! Owns their manners. Refuses to know what a client makes of them.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What such a peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hostile {
    /// Speaks SSH.
    Ssh,
    /// Sends binary bytes with line ends among them.
    Garbage,
    /// Sends a line that never ends, as fast as it is read.
    NeverEndsLine,
    /// Sends `220-` lines for ever, as fast as they are read.
    GreetsForEver,
    /// Sends a greeting byte by byte, never reaching its end: every read succeeds,
    /// and only a limit on the whole wait ends it.
    DripsForEver,
    /// Accepts the connection and says nothing: a black hole that only a greeting
    /// patience can end. Time-outs of the connection attempt are not simulated.
    NeverAnswers,
    /// Closes at once.
    ClosesAtOnce,
    /// Resets at once.
    ResetsAtOnce,
    /// Greets, then answers EHLO with nothing.
    StallsAfterGreeting,
    /// Greets, then sends `250-` lines for ever.
    KeywordsForEver,
    /// A greeting with NULs in it.
    Nuls,
}

impl Hostile {
    /// All of them, for matrices.
    pub const ALL: [Self; 11] = [
        Self::Ssh,
        Self::Garbage,
        Self::NeverEndsLine,
        Self::GreetsForEver,
        Self::DripsForEver,
        Self::NeverAnswers,
        Self::ClosesAtOnce,
        Self::ResetsAtOnce,
        Self::StallsAfterGreeting,
        Self::KeywordsForEver,
        Self::Nuls,
    ];
}

/// Runs until the client closes.
pub(super) async fn serve(hostile: Hostile, mut stream: TcpStream) -> io::Result<()> {
    const GREETING: &[u8] = b"220 hostile.example.net ESMTP\r\n";
    match hostile {
        Hostile::Ssh => stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await?,
        Hostile::Garbage => stream.write_all(&garbage()).await?,
        Hostile::NeverEndsLine => return flood(&mut stream, &[b'2'; 1024]).await,
        Hostile::GreetsForEver => return flood(&mut stream, b"220-and another line\r\n").await,
        Hostile::DripsForEver => return drip(&mut stream).await,
        Hostile::NeverAnswers => {}
        Hostile::ClosesAtOnce => return stream.shutdown().await,
        Hostile::ResetsAtOnce => return SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
        Hostile::StallsAfterGreeting => stream.write_all(GREETING).await?,
        Hostile::KeywordsForEver => {
            stream.write_all(GREETING).await?;
            stream.read_u8().await?;
            return flood(&mut stream, b"250-XAGAIN\r\n").await;
        }
        Hostile::Nuls => stream.write_all(b"220 \0mx\0\0 ESMTP\0\r\n").await?,
    }
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}

/// Every byte value, many times, in an order that repeats.
fn garbage() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(2048).map(|byte| byte.wrapping_mul(167).wrapping_add(13)).collect()
}

/// As fast as the client reads, until it closes.
async fn flood(stream: &mut TcpStream, piece: &[u8]) -> io::Result<()> {
    let block = piece.repeat(64);
    loop {
        stream.write_all(&block).await?;
    }
}

/// A byte at a time, until the client closes.
async fn drip(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"220-").await?;
    loop {
        stream.write_all(b"a").await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
