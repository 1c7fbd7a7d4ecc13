//! The box in `isp`: redirection there, and this binary run again as the box.
//!
//! nftables redirects connections from the client to port 25 of the chosen
//! addresses; the box asks the kernel where each was going and dials on with the
//! client's own address, so that the server sees, and echoes, what it would see
//! without a box.
//!
//! Owns redirection, counting and dialling. Refuses to know what is done to a
//! conversation: `mxray::sim::middlebox` does that.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use mxray::sim::middlebox::{Behaviour, Foreign, Middlebox, Scope};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::process;
use crate::topology::{self, ISP};

/// The first argument of this binary when it is the box.
pub const ARGUMENT: &str = "--middlebox";
/// Where connections are redirected to.
const PORT: u16 = 2525;
/// What the box says when it listens.
const READY: &str = "ready";
/// Local ports of the box, apart from the client's, whose address it borrows: a
/// connection from the same port to the same server would meet the client's own
/// in the connection table.
const PORTS: &str = "net.ipv4.ip_local_port_range=20000 29999";
/// Sends answers to the borrowed address to the box instead of the client.
const WAY_BACK: [&str; 4] = [
    "rule add fwmark 1 lookup 100",
    "route add local 0.0.0.0/0 dev lo table 100",
    "-6 rule add fwmark 1 lookup 100",
    "-6 route add local ::/0 dev lo table 100",
];

/// Prepares `isp` for any number of boxes, one at a time.
pub fn prepare() -> Result<()> {
    process::run(process::command(ISP, "sysctl").args(["-qw", PORTS]))?;
    for line in WAY_BACK {
        process::run(Command::new("ip").args(["-netns", ISP]).args(line.split(' ')))?;
    }
    Ok(())
}

/// A box at work; dropped, it and its redirection are gone.
pub struct Placed {
    child: Child,
}

impl Placed {
    /// Puts a box on the way to these addresses, and waits until it listens.
    pub fn on_path(behaviour: Behaviour, destinations: &[&str], ca: &Path) -> Result<Self> {
        let mut child = Command::new("ip")
            .args(["netns", "exec", ISP])
            .arg(std::env::current_exe()?)
            .args([ARGUMENT, behaviour.name()])
            .arg(ca)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the box has no output")?;
        let placed = Self { child };
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(line.trim_end() == READY, "the box {behaviour} did not start: {line:?}");
        redirect(destinations)?;
        Ok(placed)
    }

    /// Connections redirected so far.
    pub fn redirected(&self) -> Result<u64> {
        let listed =
            process::run(process::command(ISP, "nft").args(["-j", "list", "counters"]))?;
        let listed: Value = serde_json::from_str(&listed)?;
        let objects = listed.get("nftables").and_then(Value::as_array).context("no counters")?;
        let packets = |object: &Value| object.pointer("/counter/packets")?.as_u64();
        Ok(objects.iter().filter_map(packets).sum())
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        // Best effort: the sandbox ends what is left.
        let _ = process::run(process::command(ISP, "nft").args(["flush", "ruleset"]));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn redirect(destinations: &[&str]) -> Result<()> {
    let (ipv6, ipv4): (Vec<&str>, Vec<&str>) =
        destinations.iter().partition(|address| address.contains(':'));
    let rules: String = [("ip", ipv4), ("ip6", ipv6)]
        .into_iter()
        .filter(|(_, addresses)| !addresses.is_empty())
        .map(|(family, addresses)| rule(family, &addresses.join(", ")))
        .collect();
    let ruleset = format!(
        "table inet box {{\n counter redirected {{ }}\n\
         chain towards_server {{\n type nat hook prerouting priority dstnat\n{rules} }}\n\
         chain way_back {{\n type filter hook prerouting priority mangle\n \
         iifname \"{core}\" socket transparent 1 meta mark set 1\n }}\n}}\n",
        core = topology::CORE,
    );
    topology::feed(process::command(ISP, "nft").args(["-f", "-"]), &ruleset)
}

/// The first packet of a connection meets this rule, the others follow it.
fn rule(family: &str, addresses: &str) -> String {
    format!(
        " iifname \"{}\" {family} daddr {{ {addresses} }} tcp dport 25 \
         counter name redirected redirect to :{PORT}\n",
        topology::CLIENT,
    )
}

/// What this binary does when it is the box.
pub fn main(words: &[String]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let [behaviour, ca] = words else { bail!("expected a behaviour and a file") };
        runtime.block_on(serve(behaviour.parse()?, Path::new(ca)))
    });
    let Err(error) = served else { return ExitCode::SUCCESS };
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr(), "middlebox: {error:?}");
    ExitCode::FAILURE
}

async fn serve(behaviour: Behaviour, ca: &Path) -> Result<()> {
    let mut middlebox = Middlebox::new(behaviour, Scope::default());
    if behaviour.ends_tls() {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&fs::read(ca)?)?)?;
        middlebox = middlebox.with_foreign(Foreign::trusting(roots)?);
    }
    let middlebox = Arc::new(middlebox);
    let ipv4 = listener(Domain::IPV4, Ipv4Addr::UNSPECIFIED.into())?;
    let ipv6 = listener(Domain::IPV6, Ipv6Addr::UNSPECIFIED.into())?;
    writeln!(io::stdout(), "{READY}")?;
    loop {
        let (client, from) = tokio::select! {
            accepted = ipv4.accept() => accepted?,
            accepted = ipv6.accept() => accepted?,
        };
        let middlebox = Arc::clone(&middlebox);
        tokio::spawn(async move {
            let upstream = original_destination(&client).map(|to| dial(from.ip(), to));
            let upstream = async move { upstream?.await };
            if let Err(error) = middlebox.serve(client, upstream).await {
                // Said for a failure's log only.
                let _ = writeln!(io::stderr(), "{from}: {error}");
            }
        });
    }
}

fn listener(domain: Domain, any: IpAddr) -> Result<TcpListener> {
    let socket = Socket::new(domain, Type::STREAM, None)?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(any, PORT).into())?;
    socket.listen(64)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into())?)
}

fn original_destination(client: &TcpStream) -> io::Result<SocketAddr> {
    let socket = SockRef::from(client);
    let address = if client.local_addr()?.is_ipv4() {
        socket.original_dst_v4()?
    } else {
        socket.original_dst_v6()?
    };
    address.as_socket().ok_or_else(|| io::Error::other("the destination is no IP address"))
}

/// Connects with an address that is not this machine's (`IP_TRANSPARENT`).
async fn dial(source: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    match source {
        IpAddr::V4(_) => socket.set_ip_transparent_v4(true)?,
        IpAddr::V6(_) => socket.set_ip_transparent_v6(true)?,
    }
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.set_nonblocking(true)?;
    TcpSocket::from_std_stream(socket.into()).connect(to).await
}
