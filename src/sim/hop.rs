//! Stretches of the path inside this process: socket pairs, and latency on them.
//!
//! Owns when bytes and ends arrive. Refuses to look at them.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Bytes that travel together.
const CHUNK: usize = 16 * 1024;
/// Chunks on the way in one direction; more waits at the sender.
const IN_FLIGHT: usize = 64;

/// Two ends of one loopback connection. Real sockets, so that a reset is one.
pub(super) async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    near.set_nodelay(true)?;
    loop {
        let (far, peer) = listener.accept().await?;
        // Anybody on this machine may connect to the listener in between.
        if peer == near.local_addr()? {
            far.set_nodelay(true)?;
            return Ok((near, far));
        }
    }
}

/// Carries bytes between two connections, each direction late by `latency`.
///
/// # Errors
/// One side failed; the other has been reset.
pub(super) async fn delay(
    mut near: TcpStream,
    mut far: TcpStream,
    latency: Duration,
) -> io::Result<()> {
    let outcome = {
        let (near_read, near_write) = near.split();
        let (far_read, far_write) = far.split();
        let there = late(near_read, far_write, latency);
        let back = late(far_read, near_write, latency);
        tokio::try_join!(there, back).map(drop)
    };
    if outcome.is_err() {
        SockRef::from(&near).set_linger(Some(Duration::ZERO))?;
        SockRef::from(&far).set_linger(Some(Duration::ZERO))?;
    }
    outcome
}

/// One direction, its end included.
async fn late(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, latency: Duration) -> io::Result<()> {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let reading = async move {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk).await?;
            let bytes = chunk.get(..read).unwrap_or_default().to_vec();
            let sent = sender.send((Instant::now() + latency, bytes)).await;
            if read == 0 || sent.is_err() {
                return Ok(());
            }
        }
    };
    let writing = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            if bytes.is_empty() {
                return to.shutdown().await;
            }
            to.write_all(&bytes).await?;
        }
        Ok(())
    };
    tokio::try_join!(reading, writing).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_and_the_end_arrive_late_and_whole() {
        const LATENCY: Duration = Duration::from_millis(60);
        let ((mut client, near), (far, mut server)) =
            (pair().await.unwrap(), pair().await.unwrap());
        tokio::spawn(delay(near, far, LATENCY));
        let begin = Instant::now();
        server.write_all(b"220 mx\r\n").await.unwrap();
        server.shutdown().await.unwrap();
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"220 mx\r\n");
        assert!(begin.elapsed() >= LATENCY);
        client.write_all(b"QUIT\r\n").await.unwrap();
        let mut bytes = [0; 6];
        server.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"QUIT\r\n");
        assert!(begin.elapsed() >= LATENCY * 2);
    }

    #[tokio::test]
    async fn a_reset_goes_on_as_a_reset() {
        let ((mut client, near), (far, server)) = (pair().await.unwrap(), pair().await.unwrap());
        tokio::spawn(delay(near, far, Duration::from_millis(1)));
        SockRef::from(&server).set_linger(Some(Duration::ZERO)).unwrap();
        drop(server);
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
