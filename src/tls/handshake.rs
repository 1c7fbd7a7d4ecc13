//! One TLS handshake over a stream, recorded as far as it came.
//!
//! Owns the exchange with the peer up to the end of the handshake. Never fails:
//! what the peer or the path did is data. Refuses to judge what it saw, and to
//! know how the stream was opened.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client_hello;
use super::failure::{Stop, may_be_tls};
use super::legacy::Reader;
use super::recorder::Recorder;
use crate::model::probe::ClientHello;
use crate::model::tls::Handshake;

/// Bytes that the peer may send before the handshake is complete: twice the
/// largest handshake message that rustls takes.
pub const HANDSHAKE_CAP: usize = 128 * 1024;

/// Bytes read at once; below rustls' buffer for early application data (16 KiB),
/// so that a greeting on the heels of the handshake always fits.
const READ_SIZE: usize = 8 * 1024;

/// What became of a handshake.
#[derive(Debug)]
pub struct Outcome<S> {
    /// What was recorded; [`Handshake::failure`] says whether it was completed.
    pub handshake: Handshake,
    /// The stream inside TLS; `None` if the handshake was not completed.
    pub stream: Option<TlsStream<S>>,
}

/// Performs one handshake and records it.
///
/// No certificate is refused. `sni` is sent if it is a domain name in A-label
/// form; an address or anything else sends none. The deadline covers the whole
/// handshake; what was recorded before it passed is kept. For
/// [`ClientHello::Legacy`] use [`legacy::probe`](super::legacy::probe).
pub async fn connect<S>(
    stream: S,
    sni: Option<&str>,
    hello: ClientHello,
    deadline: Instant,
) -> Outcome<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    connect_alpn(stream, sni, hello, &[], deadline).await
}

/// The same with application protocols on offer (RFC 7301), the preferred one first.
pub async fn connect_alpn<S>(
    mut stream: S,
    sni: Option<&str>,
    hello: ClientHello,
    protocols: &[&[u8]],
    deadline: Instant,
) -> Outcome<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let recorder = Arc::new(Recorder::default());
    let (sni, name) = server_name(sni);
    let mut handshake = Handshake { sni, ..Handshake::default() };
    let config = client_hello::config(hello, protocols, &recorder);
    let session = config.and_then(|config| ClientConnection::new(config, name));
    let mut tls = match session {
        Ok(session) => session,
        Err(error) => {
            handshake.failure = Some(format!("local error: {error}"));
            return Outcome { handshake, stream: None };
        }
    };

    let mut seen = Vec::new();
    let exchange = exchange(&mut stream, &mut tls, &mut seen);
    let ended = timeout_at(deadline, exchange).await.unwrap_or(Err(Stop::Silence));
    record(&mut handshake, &tls, &recorder);
    if let Err(stop) = ended {
        fail(&mut handshake, &stop, &seen);
        return Outcome { handshake, stream: None };
    }
    match adopt(stream, tls).await {
        Ok(stream) => Outcome { handshake, stream: Some(stream) },
        Err(stop) => {
            fail(&mut handshake, &stop, &seen);
            Outcome { handshake, stream: None }
        }
    }
}

/// Makes a stream of a session that is done.
///
/// The connector's own session is replaced by ours, and it finds nothing left to
/// exchange. It would have driven the handshake too, but drops the session, and all
/// that it knew, with a handshake that fails.
async fn adopt<S>(stream: S, tls: ClientConnection) -> Result<TlsStream<S>, Stop>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let placeholder = client_hello::placeholder().map_err(Stop::Tls)?;
    let connector = TlsConnector::from(placeholder);
    Ok(connector.connect_with(no_name(), stream, |fresh| *fresh = tls).await?)
}

/// The name to send, and rustls' form of it: an address stands for sending none.
pub(super) fn server_name(sni: Option<&str>) -> (Option<String>, ServerName<'static>) {
    let trimmed = sni.map(|name| name.trim_end_matches('.').to_owned());
    let parsed = trimmed.clone().and_then(|name| ServerName::try_from(name).ok());
    match parsed {
        Some(name @ ServerName::DnsName(_)) => (trimmed, name),
        _ => (None, no_name()),
    }
}

/// For an address rustls sends no name (RFC 6066 §3).
fn no_name() -> ServerName<'static> {
    ServerName::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Exchanges messages until the handshake is complete; `seen` gets every byte.
async fn exchange<S>(
    stream: &mut S,
    tls: &mut ClientConnection,
    seen: &mut Vec<u8>,
) -> Result<(), Stop>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut buffer = vec![0; READ_SIZE];
    loop {
        let written = flush(stream, tls).await;
        if !tls.is_handshaking() {
            return written;
        }
        // A peer that rejects us may have closed already: its alert is still to be read.
        let read = match (stream.read(&mut buffer).await, written) {
            (Ok(0) | Err(_), Err(stop)) => return Err(stop),
            (Ok(0), Ok(())) => return Err(Stop::Closed),
            (read, _) => read?,
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if seen.len() + bytes.len() > HANDSHAKE_CAP {
            return Err(Stop::TooLong);
        }
        seen.extend_from_slice(bytes);
        if let Err(stop) = feed(tls, bytes) {
            // Our alert, if there is one; the handshake is over either way.
            let _ = flush(stream, tls).await;
            return Err(stop);
        }
    }
}

fn feed(tls: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), Stop> {
    while !bytes.is_empty() {
        let taken = tls.read_tls(&mut bytes)?;
        tls.process_new_packets().map_err(Stop::Tls)?;
        // After a close_notify nothing more is taken (RFC 8446 §6.1).
        if taken == 0 {
            break;
        }
    }
    Ok(())
}

/// Writes all that rustls has to send, in one write.
async fn flush<S>(stream: &mut S, tls: &mut ClientConnection) -> Result<(), Stop>
where
    S: AsyncWrite + Unpin,
{
    let mut out = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut out)?;
    }
    if out.is_empty() {
        return Ok(());
    }
    stream.write_all(&out).await?;
    Ok(stream.flush().await?)
}

fn record(handshake: &mut Handshake, tls: &ClientConnection, recorder: &Recorder) {
    let shown = recorder.take();
    handshake.version = tls.protocol_version().map(|version| {
        // rustls writes TLSv1_3.
        format!("{version:?}").replace('_', ".")
    });
    handshake.cipher_suite = tls.negotiated_cipher_suite().map(|suite| {
        // rustls writes TLS13_AES_…, IANA TLS_AES_….
        format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
    });
    handshake.key_exchange_group =
        tls.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
    handshake.signature_scheme = shown.signature_scheme;
    handshake.key_proven = shown.key_proven;
    // Before the end, a request may still have been to come.
    let known = shown.client_certificate_requested || !tls.is_handshaking();
    handshake.client_certificate_requested = known.then_some(shown.client_certificate_requested);
    handshake.chain = shown.chain;
    handshake.ocsp_staple = shown.ocsp_staple;
}

fn fail(handshake: &mut Handshake, stop: &Stop, seen: &[u8]) {
    handshake.alert = stop.alert();
    if !may_be_tls(seen) {
        handshake.failure = Some("not TLS".to_owned());
        return;
    }
    if let (Stop::Tls(_), None) = (stop, &handshake.alert) {
        read_again(handshake, seen);
    }
    if handshake.failure.is_some() {
        return;
    }
    let after = if handshake.cipher_suite.is_some() { "ServerHello" } else { "ClientHello" };
    handshake.failure = Some(stop.words(after));
}

/// A server that answers with what rustls does not speak, TLS 1.0 say, has told us
/// so in clear.
fn read_again(handshake: &mut Handshake, seen: &[u8]) {
    let mut reader = Reader::default();
    reader.push(seen);
    let flight = reader.into_flight();
    if handshake.cipher_suite.is_some() || flight.version.is_none() {
        return;
    }
    handshake.failure = flight.legacy_only();
    handshake.version = flight.version;
    handshake.cipher_suite = flight.cipher_suite;
    handshake.key_exchange_group = flight.group;
    handshake.chain = flight.chain;
}

#[cfg(test)]
mod tests;
