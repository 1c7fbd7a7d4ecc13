//! The box: redirection in a router, and this binary run again as the box.
//!
//! It stands in `isp`, before the client alone, or at the destination's edge, in
//! `core`, before every vantage point. nftables hands connections to port 25 of the
//! chosen addresses to the box, which is for the client the address that it asked
//! for (`tproxy`), and dials on with the client's own address, so that the server
//! sees, and echoes, what it would see without a box. No connection is tracked: an
//! entry left by one box could misdirect a connection past the next.
//!
//! Owns redirection, counting and dialling. Refuses to know what is done to a
//! conversation: `mxray::sim::middlebox` does that.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use mxray::sim::middlebox::{Behaviour, Foreign, Middlebox, Scope};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::process::{self, Daemon};
use crate::topology::{self, CLEAN, CLIENT, CORE, ISP, MX};

/// The first argument of this binary when it is the box.
pub(crate) const ARGUMENT: &str = "--middlebox";
/// Where the box listens.
const PORT: u16 = 2525;
/// What the box says when it listens.
const READY: &str = "ready";
/// Local ports of the box, apart from the client's, whose address it borrows: two
/// connections from the same port to the same server would be one.
const PORTS: &str = "net.ipv4.ip_local_port_range=20000 29999";
/// A router asks for the socket of a packet after it has found the way, not before:
/// else what a box left behind (`TIME_WAIT`) would claim packets that are to be
/// forwarded, and those are dropped.
const NO_EARLY_DEMUX: &str = "net.ipv4.ip_early_demux=0";
/// Gives the box what is for the addresses that it borrows.
const WAY_BACK: [&str; 4] = [
    "rule add fwmark 1 lookup 100",
    "route add local 0.0.0.0/0 dev lo table 100",
    "-6 rule add fwmark 1 lookup 100",
    "-6 route add local ::/0 dev lo table 100",
];

/// Prepares the routers for any number of boxes, one at a time.
pub(crate) fn prepare() -> Result<()> {
    for router in [ISP, CORE] {
        process::run(process::command(router, "sysctl").args(["-qw", PORTS, NO_EARLY_DEMUX]))?;
        for line in WAY_BACK {
            process::run(Command::new("ip").args(["-netns", router]).args(line.split(' ')))?;
        }
    }
    Ok(())
}

/// Whether a session behind such a box ends by nothing but a limit.
pub(crate) fn is_silent(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::SilenceAfterStarttls | Behaviour::SilenceAtClientHello)
}

/// The router that a box is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Router {
    /// The client's access network.
    Access,
    /// The destination's edge, which the clean vantage point has to pass, too.
    Edge,
}

impl Router {
    fn namespace(self) -> &'static str {
        match self {
            Self::Access => ISP,
            Self::Edge => CORE,
        }
    }

    /// Where connections come from.
    fn inward(self) -> &'static [&'static str] {
        match self {
            Self::Access => &[CLIENT],
            Self::Edge => &[ISP, CLEAN],
        }
    }

    /// Where they go on to.
    fn onward(self) -> &'static str {
        match self {
            Self::Access => CORE,
            Self::Edge => MX,
        }
    }
}

/// The connections that a box takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<'a> {
    /// Where it stands.
    pub(crate) router: Router,
    /// Addresses of both families that they go to.
    pub(crate) to: &'a [&'a str],
    /// The addresses that they come from; none are all.
    pub(crate) from: &'a [&'a str],
}

/// A box at work; dropped, it and its redirection are gone.
pub(crate) struct Placed {
    router: Router,
    daemon: Daemon,
}

impl Placed {
    /// Puts a box on the client's way to these addresses, and waits until it listens.
    pub(crate) fn on_path(behaviour: Behaviour, to: &[&str], ca: &Path) -> Result<Self> {
        Self::taking(behaviour, Taken { router: Router::Access, to, from: &[] }, ca)
    }

    /// The same anywhere.
    pub(crate) fn taking(behaviour: Behaviour, taken: Taken<'_>, ca: &Path) -> Result<Self> {
        let router = taken.router;
        let program = env::current_exe()?.display().to_string();
        let ca = ca.display().to_string();
        let command = [&program, ARGUMENT, behaviour.name(), &ca];
        let mut daemon = Daemon::start(router.namespace(), "middlebox", &command)?;
        daemon.await_serving(|said| Ok(said.lines().any(|line| line == READY)))?;
        redirect(taken)?;
        Ok(Self { router, daemon })
    }

    /// Connections redirected so far.
    pub(crate) fn redirected(&self) -> Result<u64> {
        let mut nft = process::command(self.router.namespace(), "nft");
        let listed = process::run(nft.args(["-j", "list", "counters"]))?;
        let listed: Value = serde_json::from_str(&listed)?;
        let objects = listed.get("nftables").and_then(Value::as_array).context("no counters")?;
        let packets = |object: &Value| object.pointer("/counter/packets")?.as_u64();
        objects.iter().find_map(packets).with_context(|| format!("no counter: {}", self.log()))
    }

    /// What the box said, for a failure.
    pub(crate) fn log(&self) -> String {
        self.daemon.log()
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        // Best effort: the sandbox forgets what is left.
        let mut nft = process::command(self.router.namespace(), "nft");
        let _ = process::run(nft.args(["flush", "ruleset"]));
    }
}

fn redirect(taken: Taken<'_>) -> Result<()> {
    let Taken { router, to, from } = taken;
    let of_family = |addresses: &[&str], ipv6: bool| -> Vec<String> {
        let own = addresses.iter().filter(|ip| ip.contains(':') == ipv6);
        own.map(ToString::to_string).collect()
    };
    let redirections = [("ip", false), ("ip6", true)].map(|(family, ipv6)| {
        let (to, own) = (of_family(to, ipv6), of_family(from, ipv6));
        if to.is_empty() || (own.is_empty() && !from.is_empty()) {
            return String::new();
        }
        let inward = router.inward().join(", ");
        let from = match own.as_slice() {
            [] => String::new(),
            own => format!("{family} saddr {{ {} }} ", own.join(", ")),
        };
        let taken = format!(
            "iifname {{ {inward} }} {from}{family} daddr {{ {} }} tcp dport 25",
            to.join(", ")
        );
        format!(
            "{taken} tcp flags & (syn | ack) == syn counter name redirected\n\
             {taken} tproxy {family} to :{PORT} meta mark set 1 accept"
        )
    });
    let ruleset = format!(
        include_str!("etc/box.nft"),
        redirections = redirections.join("\n"),
        onward = router.onward()
    );
    topology::feed(process::command(router.namespace(), "nft").args(["-f", "-"]), &ruleset)
}

/// What this binary does when it is the box, for ever.
pub(crate) fn main(words: &[String]) -> Result<()> {
    let [behaviour, ca] = words else { bail!("expected a behaviour and a file") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(behaviour.parse()?, Path::new(ca)))
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
            // What the client asked for is the box's own end.
            let upstream = client.local_addr().map(|to| dial(from.ip(), to));
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
    set_transparent(&socket, any)?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::new(any, PORT).into())?;
    socket.listen(64)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into())?)
}

/// Allows addresses that are not this machine's.
fn set_transparent(socket: &Socket, ip: IpAddr) -> io::Result<()> {
    match ip {
        IpAddr::V4(_) => socket.set_ip_transparent_v4(true),
        IpAddr::V6(_) => socket.set_ip_transparent_v6(true),
    }
}

/// Connects with the client's address.
async fn dial(source: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    set_transparent(&socket, source)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.set_nonblocking(true)?;
    TcpSocket::from_std_stream(socket.into()).connect(to).await
}
