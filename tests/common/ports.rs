//! One port at several addresses of this machine.

use std::io;
use std::net::IpAddr;

use tokio::net::TcpListener;

/// How many ports are tried before the machine is held to have none left.
const ATTEMPTS: usize = 32;

/// A listener at each address, and the port at which they all listen. Somebody else may
/// have the port of the first at another of them: then all begin anew.
pub(crate) async fn listeners(addresses: &[IpAddr]) -> (u16, Vec<TcpListener>) {
    for _ in 1..ATTEMPTS {
        if let Ok(all) = at_one_port(addresses).await {
            return all;
        }
    }
    at_one_port(addresses).await.unwrap()
}

async fn at_one_port(addresses: &[IpAddr]) -> io::Result<(u16, Vec<TcpListener>)> {
    let mut all = Vec::new();
    let mut port = 0;
    for ip in addresses {
        let listener = TcpListener::bind((*ip, port)).await?;
        port = listener.local_addr()?.port();
        all.push(listener);
    }
    Ok((port, all))
}
