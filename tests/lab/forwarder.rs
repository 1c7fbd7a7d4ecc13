//! A forwarder as in many home routers: it knows no EDNS, so no signature passes it.
//!
//! Owns the bytes of a query that are taken away. Refuses to know what is asked.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The first argument of this binary when it is the forwarder.
pub(crate) const ARGUMENT: &str = "--forwarder";
/// How long the resolver may take before a query is forgotten.
const PATIENCE: Duration = Duration::from_secs(4);
/// The largest answer without EDNS (RFC 1035 §4.2.1).
const MAX_ANSWER: usize = 512;
/// Length of the header (RFC 1035 §4.1.1).
const HEADER: usize = 12;
/// In the header's fourth octet: authentic data, checking disabled (RFC 4035 §3.2).
const AD_AND_CD: u8 = 0b0011_0000;

/// What this binary does when it is the forwarder: one query at a time, for ever.
pub(crate) fn main(words: &[String]) -> Result<()> {
    let [listen, resolver] = words else { anyhow::bail!("expected two addresses") };
    let clients = UdpSocket::bind((listen.as_str(), 53))?;
    let upstream = UdpSocket::bind((listen.as_str(), 0))?;
    upstream.connect((resolver.as_str(), 53))?;
    upstream.set_read_timeout(Some(PATIENCE))?;
    let mut packet = [0; 4096];
    loop {
        let (length, client) = clients.recv_from(&mut packet)?;
        let Some(query) = packet.get(..length).and_then(without_edns) else { continue };
        upstream.send(&query)?;
        if let Ok(length) = upstream.recv(&mut packet) {
            let mut answer = packet.get(..length.min(MAX_ANSWER)).context("length")?.to_vec();
            clear_flags(&mut answer);
            clients.send_to(&answer, client)?;
        }
    }
}

/// Header and question, with nothing behind: the OPT record stood there (RFC 6891 §6.1.1).
fn without_edns(query: &[u8]) -> Option<Vec<u8>> {
    let mut end = HEADER;
    loop {
        let label = usize::from(*query.get(end)?);
        end += 1 + label;
        if label == 0 {
            break;
        }
    }
    let mut stripped = query.get(..end + 4)?.to_vec();
    stripped.get_mut(10..HEADER)?.fill(0);
    clear_flags(&mut stripped);
    Some(stripped)
}

fn clear_flags(message: &mut [u8]) {
    if let Some(flags) = message.get_mut(3) {
        *flags &= !AD_AND_CD;
    }
}
