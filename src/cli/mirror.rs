//! `mxray mirror`: serves until it is told to stop.
//!
//! Owns sockets to listen at, files that were named, and what is said meanwhile.

mod invitation;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mxray::judge::PROGRAM;
use mxray::mirror::identity::{Identity, IdentityError};
use mxray::mirror::log::Log;
use mxray::mirror::server::{Mirror, Notice, Settings};
use mxray::mirror::token;
use mxray::model::mirror::MirrorSession;
use mxray::model::probe::Mode;
use mxray::model::report::Speaker;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::cli::arguments::{Exchange, Listen, MirrorArguments};
use crate::cli::check::block_on;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::interruption::interrupted;
use crate::cli::terminal::Terminal;
use crate::cli::{host_name, mirrored};
use invitation::invitation;

/// Port of SMTP between mail servers.
const SMTP: u16 = 25;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;
/// The name where this host has none.
const UNNAMED: &str = "mirror.invalid";
/// Most characters of what a stranger said that are shown.
const SHOWN: usize = 300;

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// Something that was typed can't be used, or nothing can be listened at.
pub(crate) fn run(arguments: &MirrorArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    if arguments.new_token {
        let token = token::generate().map_err(Failure::internal)?;
        return terminal.results(&format!("{token}\n")).map(|()| Exit::Fine);
    }
    let settings = settings(arguments)?;
    block_on(serve(arguments, settings, terminal))?
}

fn settings(arguments: &MirrorArguments) -> Result<Settings, Failure> {
    let token = mirrored::token(&arguments.token)?;
    let host = arguments.name.clone().or_else(host_name::fully_qualified);
    let host = host.unwrap_or_else(|| UNNAMED.to_owned());
    let identity = identity(arguments, &host)?;
    let log = arguments.log.as_ref().map(|path| {
        Log::open(path).map_err(|error| {
            let message = format!("--log {}: {error}", path.display());
            Failure::usage(message, "name a file that can be written to")
        })
    });
    Ok(Settings { host, identity, token, log: log.transpose()?, tool: PROGRAM.to_owned() })
}

fn identity(arguments: &MirrorArguments, host: &str) -> Result<Identity, Failure> {
    let unusable = |what: String| {
        move |error: IdentityError| {
            Failure::usage(format!("{what}: {error}"), "both are wanted as PEM")
        }
    };
    match (&arguments.cert, &arguments.key, &arguments.state) {
        (Some(cert), Some(key), _) => Identity::from_files(cert, key).map_err(unusable(format!(
            "{} and {}",
            cert.display(),
            key.display()
        ))),
        (_, _, Some(state)) => {
            Identity::kept(state, host).map_err(unusable(format!("--state {}", state.display())))
        }
        _ => Identity::generate(host)
            .map(|(identity, _)| identity)
            .map_err(unusable("a certificate".to_owned())),
    }
}

async fn serve(
    arguments: &MirrorArguments,
    settings: Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let everywhere = [Listen { ip: None, port: SMTP }];
    let named = if arguments.listen.is_empty() { &everywhere[..] } else { &arguments.listen };
    let exchange = arguments
        .exchange
        .unwrap_or(Exchange::At(Listen { ip: None, port: mirrored::EXCHANGE_PORT }));
    let mut listeners = Vec::new();
    for listen in named {
        listeners.extend(open(*listen, Mode::Starttls, terminal)?);
    }
    if let Exchange::At(listen) = exchange {
        listeners.extend(open(listen, Mode::ImplicitTls, terminal)?);
    }
    let fingerprint = settings.identity.sha256();
    terminal.remark("mirror", &format!("{}, certificate SHA-256 {fingerprint}", settings.host));
    let at = |wanted| {
        let mut these = listeners.iter().filter(move |(_, mode)| *mode == wanted);
        these.find_map(|(listener, _)| listener.local_addr().ok())
    };
    let ends = (at(Mode::Starttls), at(Mode::ImplicitTls));
    for line in invitation(&settings.host, ends, arguments) {
        terminal.remark("elsewhere", &line);
    }
    let (notices, mut happening) = mpsc::unbounded_channel();
    let mirror = Mirror::new(settings, notices);
    let mut serving = JoinSet::new();
    for (listener, mode) in listeners {
        serving.spawn(mirror.clone().serve(listener, mode));
    }
    let mut stop = std::pin::pin!(interrupted());
    loop {
        tokio::select! {
            () = &mut stop => return Ok(Exit::Fine),
            Some(notice) = happening.recv() => say(&notice, terminal),
        }
    }
}

/// Sockets at one place; without an address, one a family that this machine has.
fn open(
    listen: Listen,
    mode: Mode,
    terminal: &Terminal,
) -> Result<Vec<(TcpListener, Mode)>, Failure> {
    let any: [IpAddr; 2] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    let ips = listen.ip.map_or_else(|| any.to_vec(), |ip| vec![ip]);
    let mut listeners = Vec::new();
    let mut errors = Vec::new();
    for ip in ips {
        match bind(SocketAddr::new(ip, listen.port)) {
            Ok(listener) => {
                if let Ok(at) = listener.local_addr() {
                    let what = if mode == Mode::Starttls { "SMTP" } else { "the exchange" };
                    terminal.remark("listening", &format!("at {at} for {what}"));
                }
                listeners.push((listener, mode));
            }
            Err(error) => errors.push((ip, error)),
        }
    }
    match errors.into_iter().next() {
        Some((ip, error)) if listeners.is_empty() => Err(unavailable(ip, listen.port, &error)),
        // A machine without IPv6, say.
        Some((ip, error)) => {
            terminal.warning(&format!("cannot listen at {ip} port {}: {error}", listen.port));
            Ok(listeners)
        }
        None => Ok(listeners),
    }
}

fn unavailable(ip: IpAddr, port: u16, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need root or CAP_NET_BIND_SERVICE; --listen and --exchange name others"
        }
        io::ErrorKind::AddrInUse => {
            "something else listens there, a mail server perhaps; --listen and --exchange name others"
        }
        _ => "--listen and --exchange name addresses of this machine and ports",
    };
    Failure::usage(format!("cannot listen at {ip} port {port}: {error}"), hint)
}

fn bind(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    if at.is_ipv6() {
        // IPv4 has a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn say(notice: &Notice, terminal: &Terminal) {
    match notice {
        Notice::Session(session) => terminal.remark("session", &summary(session)),
        Notice::Fetched { client, sessions } => {
            terminal.remark("exchange", &format!("{client} fetched {sessions} transcripts"));
        }
        Notice::Refused { client, why } => {
            terminal.warning(&format!("{client} got no transcripts: {}", why.reply()));
        }
        Notice::Log(error) => {
            terminal.warning(&format!("nothing more is written to the log: {error}"));
        }
    }
}

/// One session in a line: who, and what they said.
fn summary(session: &MirrorSession) -> String {
    let said = session.transcript.iter().filter_map(|entry| match entry.from {
        Speaker::Peer => entry.text.as_deref().map(str::trim_end),
        Speaker::Us => None,
        Speaker::Path => entry.event.as_deref().filter(|event| event.starts_with("tls")),
    });
    let said: Vec<&str> = said.collect();
    let said = said.join(", ");
    let shown: String = said.chars().take(SHOWN).collect();
    let more = if shown.len() < said.len() { " …" } else { "" };
    format!("{} from {}: {shown}{more}", session.id, session.client)
}
