//! A server that plays a transcript: it sends what was received, and waits for
//! what was sent.
//!
//! Owns the reading of events as a script. Refuses to know what the words mean.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::model::tls::Handshake;
use crate::model::transcript::{Ended, EventKind, Transcript};

use super::lines::Lines;

/// TLS alert descriptions (RFC 8446 §6) by name; others play as `handshake_failure`.
const ALERTS: [(&str, u8); 5] = [
    ("handshake_failure", 40),
    ("protocol_version", 70),
    ("insufficient_security", 71),
    ("internal_error", 80),
    ("unrecognized_name", 112),
];

/// Plays `transcript` to its end.
///
/// # Errors
/// The client sent another verb than the script has there, or the connection failed.
pub(super) async fn serve(
    transcript: &Transcript,
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<()> {
    let events: Vec<_> = transcript.events.iter().map(|event| &event.kind).collect();
    let mut phases = events.splitn(2, |kind| matches!(kind, EventKind::HandshakeDone(_)));
    let clear = phases.next().unwrap_or_default();
    let mut lines = Lines::new(stream, Vec::new());
    if let Some(ending) = play(clear, &mut lines).await? {
        return end(ending, lines).await;
    }
    let Some(inside) = phases.next() else {
        return lines.close().await;
    };
    let (stream, _) = lines.into_parts();
    let mut lines = Lines::new(acceptor.accept(stream).await?, Vec::new());
    match play(inside, &mut lines).await? {
        Some(Finale::Ended(Ended::Reset)) => {
            SockRef::from(lines.into_parts().0.get_ref().0).set_linger(Some(Duration::ZERO))
        }
        Some(Finale::Ended(Ended::ByPeer)) | None => lines.close().await,
        Some(_) => lines.drain().await,
    }
}

/// How a script ends.
enum Finale<'a> {
    Ended(Ended),
    HandshakeFailed(&'a Handshake),
}

/// Plays events up to the first that ends the script.
async fn play<'a, S>(
    events: &[&'a EventKind],
    lines: &mut Lines<S>,
) -> io::Result<Option<Finale<'a>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // What stood behind the 220 in one segment must do so again.
    let mut ours = Vec::new();
    for event in events {
        if let EventKind::Received(bytes) | EventKind::Residue(bytes) = event {
            ours.extend_from_slice(bytes);
            continue;
        }
        if !ours.is_empty() {
            lines.send(&std::mem::take(&mut ours)).await?;
        }
        match event {
            EventKind::Sent(bytes) => expect(bytes, lines).await?,
            EventKind::HandshakeFailed(handshake) => {
                return Ok(Some(Finale::HandshakeFailed(handshake)));
            }
            EventKind::Ended(ending) => return Ok(Some(Finale::Ended(ending.how))),
            _ => {}
        }
    }
    lines.send(&ours).await?;
    Ok(None)
}

/// Waits for as many lines as were sent, with the same verbs.
async fn expect<S>(sent: &[u8], lines: &mut Lines<S>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for expected in sent.split_inclusive(|byte| *byte == b'\n') {
        let expected = String::from_utf8_lossy(expected);
        let line = lines.next().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if !verb(&line).eq_ignore_ascii_case(verb(&expected)) {
            let text = format!("the script has {expected:?} where the client sent {line:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
    }
    Ok(())
}

fn verb(line: &str) -> &str {
    line.split_ascii_whitespace().next().unwrap_or_default()
}

async fn end(finale: Finale<'_>, mut lines: Lines<TcpStream>) -> io::Result<()> {
    match finale {
        Finale::HandshakeFailed(handshake) => fail(handshake, lines).await,
        Finale::Ended(Ended::ByPeer) => lines.close().await,
        Finale::Ended(Ended::Reset | Ended::Refused | Ended::Unreachable) => reset(lines),
        Finale::Ended(_) => lines.drain().await,
    }
}

/// Lets a handshake fail in the way that was recorded.
async fn fail(handshake: &Handshake, mut lines: Lines<TcpStream>) -> io::Result<()> {
    lines.something().await?;
    let failure = handshake.failure.as_deref().unwrap_or_default();
    match failure.split_ascii_whitespace().next() {
        Some("reset") => return reset(lines),
        Some("closed") => return lines.close().await,
        Some("silence") => {}
        Some("not") => lines.send(b"500 not TLS\r\n").await?,
        _ => {
            let alert = ALERTS.iter().find(|(name, _)| failure.contains(name));
            // Record: alert, TLS 1.2, two bytes; fatal, description.
            lines.send(&[21, 3, 3, 0, 2, 2, alert.map_or(40, |(_, code)| *code)]).await?;
        }
    }
    lines.drain().await
}

fn reset(lines: Lines<TcpStream>) -> io::Result<()> {
    SockRef::from(&lines.into_parts().0).set_linger(Some(Duration::ZERO))
}
