//! A terminating proxy that answers by itself, for any destination.
//!
//! Owns its canned conversation (docs/detection.md, terminating proxies). Refuses to
//! know where the client wanted to go.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The longest command that is read; more closes the connection.
const MAX_LINE: u64 = 4096;
/// What it says first.
pub(super) const BANNER: &[u8] = b"220 smtp-relay.example.net ESMTP\r\n";
/// What it says to every EHLO.
pub(super) const EHLO: &[u8] =
    b"250-Requested mail action okay, completed\r\n250-SIZE 20000000\r\n250 8BITMIME\r\n";

/// Answers until the client quits or closes.
pub(super) async fn serve(client: &mut TcpStream) -> io::Result<()> {
    client.write_all(BANNER).await?;
    let mut client = BufReader::new(client);
    loop {
        let mut line = Vec::new();
        (&mut client).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let verb = super::rewrite::verb(&line).to_ascii_uppercase();
        client.write_all(reply(&verb)).await?;
        if verb == b"QUIT" {
            return client.shutdown().await;
        }
    }
}

fn reply(verb: &[u8]) -> &'static [u8] {
    match verb {
        b"EHLO" => EHLO,
        b"HELO" | b"NOOP" | b"RSET" => b"250 Requested mail action okay, completed\r\n",
        b"QUIT" => b"221 Service closing transmission channel\r\n",
        _ => b"502 Command not implemented\r\n",
    }
}
