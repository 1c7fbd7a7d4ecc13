//! A SOCKS5 proxy (RFC 1928) on loopback: one that leads into the pretend internet,
//! and all that can be wrong with one.
//!
//! Owns the proxy's end of the protocol. Refuses to look names up: it takes
//! addresses only.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a proxy does with whoever connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Connects to the pretend internet.
    Connects,
    /// Lets everybody in, and answers each wish with this reply (RFC 1928 §6).
    Replies(u8),
    /// Answers the choice of a method with this one (RFC 1928 §3).
    Chooses(u8),
    /// Says this to whoever connects, and closes.
    Says(Vec<u8>),
    /// Lets everybody in, says this to each wish, and closes.
    SaysLater(Vec<u8>),
    /// Says nothing, ever.
    Silent,
    /// Lets everybody in, and says nothing more.
    SilentLater,
}

/// A proxy that runs until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    work: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy that reaches these pretend endpoints.
    ///
    /// # Errors
    /// There is no loopback socket.
    pub async fn start(
        manner: Manner,
        endpoints: HashMap<SocketAddr, SocketAddr>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let endpoints = Arc::new(endpoints);
        let work = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (manner, endpoints) = (manner.clone(), endpoints.clone());
                tokio::spawn(async move {
                    // Whoever goes away in the middle has gone away.
                    let _ = serve(stream, &manner, &endpoints).await;
                });
            }
        });
        Ok(Self { address, work })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    manner: &Manner,
    endpoints: &HashMap<SocketAddr, SocketAddr>,
) -> io::Result<()> {
    match manner {
        Manner::Silent => return std::future::pending().await,
        Manner::Says(words) => return last_words(stream, words).await,
        _ => {}
    }
    let version = stream.read_u8().await?;
    let methods = stream.read_u8().await?;
    let mut offered = vec![0; usize::from(methods)];
    stream.read_exact(&mut offered).await?;
    if let Manner::Chooses(method) = manner {
        return last_words(stream, &[version, *method]).await;
    }
    stream.write_all(&[5, 0]).await?;
    let wish = wish(&mut stream).await?;
    match manner {
        Manner::Connects => connect(stream, endpoints.get(&wish)).await,
        Manner::Replies(reply) => last_words(stream, &[5, *reply, 0, 1, 0, 0, 0, 0, 0, 0]).await,
        Manner::SaysLater(words) => last_words(stream, words).await,
        _ => std::future::pending().await,
    }
}

/// Where the client wants to be led (RFC 1928 §4).
async fn wish(stream: &mut TcpStream) -> io::Result<SocketAddr> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let ip: IpAddr = match head {
        [5, 1, 0, 1] => stream.read_u32().await.map(Ipv4Addr::from_bits)?.into(),
        [5, 1, 0, 4] => stream.read_u128().await.map(std::net::Ipv6Addr::from_bits)?.into(),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    Ok(SocketAddr::new(ip, stream.read_u16().await?))
}

async fn connect(mut stream: TcpStream, endpoint: Option<&SocketAddr>) -> io::Result<()> {
    let Some(endpoint) = endpoint else {
        return last_words(stream, &[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    };
    let Ok(mut far) = TcpStream::connect(endpoint).await else {
        return last_words(stream, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    };
    stream.set_nodelay(true)?;
    far.set_nodelay(true)?;
    // A bound address in the form of a name, which few expect.
    let mut reply = vec![5, 0, 0, 3, 13];
    reply.extend(b"proxy.example");
    reply.extend([0, 25]);
    stream.write_all(&reply).await?;
    copy_bidirectional(&mut stream, &mut far).await.map(|_| ())
}

/// Says something and closes, without a reset that would take it back.
async fn last_words(mut stream: TcpStream, words: &[u8]) -> io::Result<()> {
    stream.write_all(words).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(|_| ())
}
