//! The legacy ClientHello: what an old server would have answered.
//!
//! rustls speaks neither TLS 1.0 and 1.1 nor static RSA nor finite-field DHE, and
//! cannot say why an old server failed. So a hello is written by hand
//! ([`client_hello`], pure), the answer is read ([`Reader`], pure), and
//! [`probe`] carries them over a stream. No handshake is completed, no key is
//! agreed. The same serves [`ask`], one question about the range of what a server
//! speaks. Refuses to judge: weak TLS is told from a broken path, no more.

mod answer;
mod hello;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

pub use answer::{Flight, Hello, Reader, group_name, suite_name, version_name};
pub use hello::{client_hello, legacy_offer};

use super::failure::Stop;
use crate::model::probe::Offer;
use crate::model::tls::Handshake;

/// Bytes of the server's flight that are read at most.
pub const FLIGHT_CAP: usize = 64 * 1024;

/// Sends the legacy hello and records the answer.
///
/// [`Handshake::failure`] is always set, since nothing is completed:
/// `legacy-only: …` where a ServerHello names what a modern sender does not speak,
/// `answered a legacy ClientHello: …` where it names what one does, otherwise the
/// alert, the reset, the silence. The deadline covers the whole of it.
pub async fn probe<S>(stream: &mut S, sni: Option<&str>, deadline: Instant) -> Handshake
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (sni, _) = super::handshake::server_name(sni);
    let mut reader = Reader::default();
    let hello = hello(&legacy_offer(), sni.as_deref());
    let exchange = exchange(stream, &hello, |bytes| {
        reader.push(bytes);
        reader.is_done()
    });
    let stop = timeout_at(deadline, exchange).await.unwrap_or(Err(Stop::Silence)).err();
    let flight = reader.into_flight();
    let failure = flight.words().or_else(|| Some(stop?.words("ClientHello")));
    Handshake { failure, chain: flight.chain.clone(), ..facts(sni, &flight) }
}

/// A question about the range, and what came back, byte for byte.
#[derive(Debug)]
pub struct Exchange {
    /// The record with the ClientHello.
    pub sent: Vec<u8>,
    /// The answer, as far as it was read.
    pub received: Vec<u8>,
    /// The same read. [`Handshake::failure`] is always set, since nothing is
    /// completed; the chain is left out, for the target's own sessions have it.
    pub handshake: Handshake,
}

/// Why a handshake ends that was made for a question about the range.
pub const ANSWERED: &str = "left after the ServerHello";

/// Offers this and no more, and reads the answer until its parameters are known.
pub async fn ask<S>(stream: &mut S, offer: &Offer, sni: Option<&str>, deadline: Instant) -> Exchange
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (sni, _) = super::handshake::server_name(sni);
    let mut reader = Reader::brief();
    let mut received = Vec::new();
    let sent = hello(offer, sni.as_deref());
    let exchange = exchange(stream, &sent, |bytes| {
        received.extend_from_slice(bytes);
        reader.push(bytes);
        reader.is_done()
    });
    let stop = timeout_at(deadline, exchange).await.unwrap_or(Err(Stop::Silence)).err();
    let flight = reader.into_flight();
    let answered = flight.hello.map(|_| ANSWERED.to_owned());
    let failure = answered.or_else(|| flight.words()).or_else(|| Some(stop?.words("ClientHello")));
    let handshake = Handshake { failure, ..facts(sni, &flight) };
    Exchange { sent, received, handshake }
}

fn facts(sni: Option<String>, flight: &Flight) -> Handshake {
    Handshake {
        sni,
        version: flight.version.clone(),
        cipher_suite: flight.cipher_suite.clone(),
        key_exchange_group: flight.group.clone(),
        alert: flight.alert.clone(),
        client_certificate_requested: flight.client_certificate_requested,
        ..Handshake::default()
    }
}

/// A hello with fresh random bytes; without a source of them, with zeroes, which
/// cost nothing where no key is agreed.
fn hello(offer: &Offer, sni: Option<&str>) -> Vec<u8> {
    let mut random = [0; 32];
    let _ = aws_lc_rs::rand::fill(&mut random);
    client_hello(offer, &random, sni)
}

/// Sends a hello and hands on what comes, until `enough` says so.
async fn exchange<S>(
    stream: &mut S,
    hello: &[u8],
    mut enough: impl FnMut(&[u8]) -> bool,
) -> Result<(), Stop>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.write_all(hello).await?;
    stream.flush().await?;
    let mut buffer = vec![0; 4096];
    let mut taken = 0;
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(Stop::Closed);
        }
        taken += read;
        if taken > FLIGHT_CAP {
            return Err(Stop::TooLong);
        }
        if enough(buffer.get(..read).unwrap_or_default()) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
