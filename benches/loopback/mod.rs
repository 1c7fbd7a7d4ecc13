//! What both benchmarks measure against: a mail server of the pretend internet on
//! a thread of its own, behind sockets of loopback, and a signed DNS for it.

#![allow(dead_code, reason = "each benchmark uses its part of this")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};

use mxray::sim::dns::{NameServer, Zone};
use mxray::sim::pki::Pki;
use mxray::sim::server::{Profile, Script, Server, Software};
use tokio::net::TcpListener;

/// The domain that the signed DNS serves.
pub(crate) const DOMAIN: &str = "bench.example";
/// Its one mail exchanger, which has [`LOOPBACK`] as its only address.
const EXCHANGER: &str = "mx.bench.example";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Where things are. They run until the process ends.
pub(crate) struct Loopback {
    /// The mail server.
    pub(crate) smtp: SocketAddr,
    /// The name server, which plays the resolver.
    pub(crate) resolver: SocketAddr,
    /// Its key, in zone-file form.
    pub(crate) trust_anchor: String,
    /// The root certificate of the mail server's chain.
    pub(crate) ca_pem: String,
}

/// Starts both servers.
pub(crate) fn start() -> Loopback {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(&tell));
    });
    told.recv().unwrap()
}

async fn serve(tell: &mpsc::Sender<Loopback>) {
    let mut zone = Zone::new();
    zone.mx(DOMAIN, 10, EXCHANGER).address(EXCHANGER, LOOPBACK);
    let names = NameServer::start(&zone).await.unwrap();
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let pki = Pki::new().unwrap();
    let loopback = Loopback {
        smtp: listener.local_addr().unwrap(),
        resolver: names.address(),
        trust_anchor: names.trust_anchor().unwrap().to_owned(),
        ca_pem: pki.root_pem().to_owned(),
    };
    let script = Script::from(Profile::new(Software::Postfix, EXCHANGER));
    let server = Arc::new(Server::new(script, EXCHANGER, &pki).unwrap());
    tell.send(loopback).unwrap();
    loop {
        let (stream, peer) = listener.accept().await.unwrap();
        let server = Arc::clone(&server);
        // A client that leaves early is no affair of a benchmark's.
        tokio::spawn(async move { server.serve(stream, peer.ip()).await.ok() });
    }
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
