//! The legacy ClientHello: what an old server would have answered.
//!
//! rustls speaks neither TLS 1.0 and 1.1 nor static RSA nor finite-field DHE, and
//! cannot say why an old server failed. So a hello is written by hand
//! ([`client_hello`], pure), the answer is read ([`Reader`], pure), and
//! [`probe`] carries them over a stream. No handshake is completed, no key is
//! agreed. Refuses to judge: weak TLS is told from a broken path, no more.

mod answer;
mod hello;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

pub use answer::{Flight, Reader};
pub use hello::client_hello;

use super::failure::Stop;
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
    let exchange = exchange(stream, sni.as_deref(), &mut reader);
    let stop = timeout_at(deadline, exchange).await.unwrap_or(Err(Stop::Silence)).err();
    let flight = reader.into_flight();
    let failure = flight.words().or_else(|| Some(stop?.words("ClientHello")));
    Handshake {
        sni,
        version: flight.version,
        cipher_suite: flight.cipher_suite,
        key_exchange_group: flight.group,
        alert: flight.alert,
        client_certificate_requested: flight.client_certificate_requested,
        chain: flight.chain,
        failure,
        ..Handshake::default()
    }
}

async fn exchange<S>(stream: &mut S, sni: Option<&str>, reader: &mut Reader) -> Result<(), Stop>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| Stop::Io(std::io::Error::other("no random numbers")))?;
    stream.write_all(&client_hello(&random, sni)).await?;
    stream.flush().await?;
    let mut buffer = vec![0; 4096];
    let mut taken = 0;
    while !reader.is_done() {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(Stop::Closed);
        }
        taken += read;
        if taken > FLIGHT_CAP {
            return Err(Stop::TooLong);
        }
        reader.push(buffer.get(..read).unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
