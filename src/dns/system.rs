//! Whether the system's resolver tells other programs what is authentic.
//!
//! Owns asking it as Postfix does: over UDP, by the order of resolv.conf(5), for the
//! name servers of the root (postconf(5), `dnssec_probe`). Refuses to take its word for
//! anything: mxray validates by itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, Query};
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::trusted::{is_failure, request, response};
use super::{DNS_PORT, system_servers};
use crate::model::egress::SystemResolver;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// A datagram may be lost.
const ATTEMPTS: usize = 2;
/// Of the servers in resolv.conf(5), the C library asks so many.
const MOST_ASKED: usize = 3;
/// The largest datagram that is read, in octets.
const DATAGRAM: usize = 4096;

/// Whether the first of the resolvers of a file that answers sets the AD bit for the root
/// zone, which is signed. Takes 18 seconds at most.
pub async fn resolver_of(file: &Path) -> SystemResolver {
    let servers: Vec<SocketAddr> =
        servers_of(file).into_iter().map(|ip| (ip, DNS_PORT).into()).collect();
    let found = first_answer(&servers, PATIENCE).await;
    SystemResolver { file: Some(file.display().to_string()), ..found }
}

/// The resolvers that the C library asks by a file of the kind of resolv.conf(5): where it
/// is not there or names none, the one of this machine.
pub fn servers_of(file: &Path) -> Vec<IpAddr> {
    let named = system_servers(file).unwrap_or_default();
    let ips: Vec<IpAddr> = named.iter().take(MOST_ASKED).map(SocketAddr::ip).collect();
    if ips.is_empty() { vec![Ipv4Addr::LOCALHOST.into()] } else { ips }
}

async fn first_answer(servers: &[SocketAddr], patience: Duration) -> SystemResolver {
    let question = Query::query(Name::root(), RecordType::NS);
    for server in servers.iter().take(MOST_ASKED) {
        for _ in 0..ATTEMPTS {
            let asked = timeout(patience, exchange(*server, &question)).await;
            let Ok(Ok(message)) = asked else { continue };
            // The C library goes on to the next server too.
            if is_failure(&message) {
                break;
            }
            let sets_ad = Some(message.metadata.authentic_data);
            return SystemResolver { server: Some(server.to_string()), sets_ad, file: None };
        }
    }
    SystemResolver { server: None, sets_ad: None, file: None }
}

/// One exchange over UDP. Where the answer is cut short, its header still says what is
/// wanted.
async fn exchange(server: SocketAddr, question: &Query) -> io::Result<Message> {
    let request = request(question, false);
    let bytes = request.to_vec().map_err(io::Error::other)?;
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(&bytes).await?;
    let mut datagram = vec![0; DATAGRAM];
    // Ends with the time-out of the caller: what answers something else is not it.
    loop {
        let length = socket.recv(&mut datagram).await?;
        let bytes = datagram.get(..length).unwrap_or_default();
        if let Ok(message) = response(&request, bytes) {
            return Ok(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any answer takes: nobody waits for it.
    const LONG: Duration = Duration::from_mins(1);

    /// Answers with the question and these two octets of flags; where `lies`, after an
    /// answer with another id.
    async fn server(flags: [u8; 2], lies: bool) -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut query).await {
                let mut answer = query[..length].to_vec();
                answer[2..4].copy_from_slice(&flags);
                if lies {
                    let mut other = answer.clone();
                    other[0] ^= 0xff;
                    other[3] ^= 0x20;
                    socket.send_to(&other, client).await.unwrap();
                    socket.send_to(b"garbage", client).await.unwrap();
                }
                socket.send_to(&answer, client).await.unwrap();
            }
        });
        address
    }

    /// QR RD, then RA, AD and the code.
    const PLAIN: [u8; 2] = [0x81, 0x80];
    const AUTHENTIC: [u8; 2] = [0x81, 0xa0];
    const REFUSED: [u8; 2] = [0x81, 0x85];

    #[tokio::test]
    async fn the_ad_bit_of_the_first_server_that_answers_counts() {
        let (plain, authentic) = (server(PLAIN, true).await, server(AUTHENTIC, true).await);
        let refused = server(REFUSED, false).await;
        for (servers, answered, sets_ad) in [
            (vec![authentic, plain], Some(authentic), Some(true)),
            (vec![plain, authentic], Some(plain), Some(false)),
            (vec![refused, authentic], Some(authentic), Some(true)),
            (vec![refused], None, None),
            (vec![], None, None),
        ] {
            let found = first_answer(&servers, LONG).await;
            let server = answered.map(|server| server.to_string());
            assert_eq!(found, SystemResolver { server, sets_ad, file: None }, "{servers:?}");
        }
    }

    #[test]
    fn a_file_without_servers_stands_for_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        assert_eq!(servers_of(&file), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
        std::fs::write(&file, "search example.net\n").unwrap();
        assert_eq!(servers_of(&file), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
        std::fs::write(&file, "nameserver 192.0.2.53\nnameserver 2001:db8::53\n").unwrap();
        let named: [IpAddr; 2] = ["192.0.2.53".parse().unwrap(), "2001:db8::53".parse().unwrap()];
        assert_eq!(servers_of(&file), named);
    }

    #[tokio::test]
    async fn a_silent_server_is_not_known_and_the_next_one_is_asked() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = silent.local_addr().unwrap();
        let short = Duration::from_millis(50);
        let unknown = SystemResolver { server: None, sets_ad: None, file: None };
        assert_eq!(first_answer(&[address], short).await, unknown);
        let authentic = server(AUTHENTIC, false).await;
        let found = first_answer(&[address, authentic], Duration::from_secs(3)).await;
        assert_eq!(found.sets_ad, Some(true));
    }
}
