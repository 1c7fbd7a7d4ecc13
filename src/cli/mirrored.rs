//! The mirror among the targets: what was typed of it, and its own transcripts.
//!
//! Owns the step from sessions with a mirror to evidence that holds both ends.
//! Refuses to compare them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mxray::mirror::fetch::{self, Door, Wanted};
use mxray::mirror::log;
use mxray::mirror::token::Token;
use mxray::model::evidence::Evidence;
use mxray::model::mirror::MirrorEvidence;
use mxray::model::probe::Role;
use mxray::model::target::{Target, TargetKind};
use mxray::observe::Dialler;

use crate::cli::arguments::options::mirror::{MirrorOptions, TokenOptions};
use crate::cli::failure::Failure;
use crate::cli::interruption::interrupted;

/// The port for the exchange, where none is named: that of submission inside TLS
/// (RFC 8314 §3.3), which few networks filter.
pub(crate) const EXCHANGE_PORT: u16 = 465;
/// Most ways to the recordings that are tried.
const MOST_DOORS: usize = 6;
/// What a missing or wrong token wants.
const TOKEN_HINT: &str = "`mxray mirror --new-token` makes one; both ends need the same, by \
                          --token-file, MXRAY_MIRROR_TOKEN, or in front of the @";

/// The mirror.
#[derive(Clone, Debug)]
pub(crate) struct MirrorSettings {
    /// Its host: never a mail domain.
    pub(crate) target: Target,
    token: Token,
    exchange: u16,
    log: Option<PathBuf>,
}

impl MirrorSettings {
    /// What was typed of a mirror; `None` where none was named.
    ///
    /// # Errors
    /// Host, token or file can't be used.
    pub(crate) fn resolve(options: &MirrorOptions) -> Result<Option<Self>, Failure> {
        let Some(typed) = &options.mirror else { return Ok(None) };
        let (own, host) = match typed.rsplit_once('@') {
            Some((token, host)) => (Some(token), host),
            None => (None, typed.as_str()),
        };
        let token = match own {
            Some(text) => read_token(text)?,
            None => token(&options.token)?,
        };
        let log = options.mirror_log.clone();
        if let Some(path) = &log {
            // What can't be read is said before anything is sent.
            recorded(path, &token)?;
        }
        let exchange = options.mirror_exchange;
        Ok(Some(Self { target: target(host)?, token, exchange, log }))
    }
}

/// The host, however it was named.
fn target(host: &str) -> Result<Target, Failure> {
    let target: Target = host.parse().map_err(|error: mxray::model::target::TargetError| {
        Failure::usage(format!("--mirror: {}", error.message), error.hint)
    })?;
    let kind = match target.kind {
        TargetKind::Domain(host) => TargetKind::Host { host, port: None },
        kind => kind,
    };
    // What is typed again from a report is a host too.
    let input = match &kind {
        TargetKind::Host { host, port: None } => format!("[{host}]"),
        _ => target.input,
    };
    Ok(Target { input, kind, ..target })
}

/// The secret, from wherever it is.
///
/// # Errors
/// There is none, or it can't be used.
pub(crate) fn token(options: &TokenOptions) -> Result<Token, Failure> {
    match (&options.token_file, &options.token) {
        (Some(path), _) => {
            let text = first_line(path).map_err(|error| {
                Failure::usage(format!("--token-file {}: {error}", path.display()), TOKEN_HINT)
            })?;
            read_token(text.trim())
        }
        (None, Some(text)) => read_token(text),
        (None, None) => Err(Failure::usage("a mirror needs a token", TOKEN_HINT)),
    }
}

fn read_token(text: &str) -> Result<Token, Failure> {
    Token::new(text).map_err(|error| Failure::usage(format!("the token: {error}"), TOKEN_HINT))
}

fn first_line(path: &Path) -> io::Result<String> {
    let mut line = String::new();
    let most = mxray::mirror::token::LONGEST as u64 + 2;
    BufReader::new(File::open(path)?.take(most)).read_line(&mut line)?;
    Ok(line)
}

/// The recordings of a file.
///
/// # Errors
/// It can't be read, or the token does not vouch for it.
pub(crate) fn recorded(path: &Path, token: &Token) -> Result<MirrorEvidence, Failure> {
    let sessions = log::read(path, token).map_err(|error| {
        Failure::usage(
            format!("--mirror-log {}: {error}", path.display()),
            "name a file that `mxray mirror --log FILE` wrote, and the token of that mirror; FILE.1 \
             beside it is read too",
        )
    })?;
    Ok(MirrorEvidence::of_log(sessions))
}

/// Fills in the mirror's own transcripts, where there is a mirror among the targets.
pub(crate) async fn complete(
    all: &mut [Evidence],
    mirror: Option<&MirrorSettings>,
    dialler: &Dialler,
) {
    let Some(mirror) = mirror else { return };
    let Some(evidence) = all.iter_mut().find(|it| it.target == mirror.target) else { return };
    evidence.role = Role::Mirror;
    for observation in evidence.observations.iter_mut().filter(|it| it.probe.role.is_judged()) {
        observation.probe.role = Role::Mirror;
    }
    evidence.mirror = Some(match &mirror.log {
        Some(path) => recorded(path, &mirror.token).unwrap_or_else(|failure| {
            let said = failure.complaint().map(|complaint| complaint.message.clone());
            let unsaid = || format!("{} cannot be read", path.display());
            MirrorEvidence::nothing(said.unwrap_or_else(unsaid))
        }),
        None => fetched(evidence, mirror, dialler).await,
    });
}

async fn fetched(
    evidence: &Evidence,
    mirror: &MirrorSettings,
    dialler: &Dialler,
) -> MirrorEvidence {
    let Some(since) = evidence.observations.iter().map(|seen| seen.started_at).min() else {
        return MirrorEvidence::nothing("there was no session to ask for".to_owned());
    };
    let sni = evidence.observations.first().and_then(|seen| seen.probe.sni.clone());
    let token = &mirror.token;
    let wanted = Wanted { token, sni: sni.as_deref(), since, patience: fetch::PATIENCE };
    let doors = doors(evidence, mirror.exchange);
    // A filtered port for the exchange keeps it waiting for minutes.
    tokio::select! {
        found = fetch::fetch(&doors, wanted, dialler) => found,
        () = interrupted() => MirrorEvidence::nothing("interrupted".to_owned()),
    }
}

/// The ways to the recordings, the likeliest first: behind STARTTLS where that has just
/// worked, then the port for the exchange, then the rest.
fn doors(evidence: &Evidence, exchange: u16) -> Vec<Door> {
    let mut doors: Vec<Door> = Vec::new();
    let mut add = |endpoint: SocketAddr, implicit_tls: bool| {
        let door = Door { endpoint, implicit_tls };
        if !doors.contains(&door) {
            doors.push(door);
        }
    };
    let asked = || evidence.observations.iter().filter(|seen| seen.probe.role.is_judged());
    let secured = asked().filter(|seen| {
        let handshake = seen.transcript.handshake();
        handshake.is_some_and(|handshake| handshake.failure.is_none())
    });
    for seen in secured {
        let implicit = seen.probe.mode == mxray::model::probe::Mode::ImplicitTls;
        add(seen.probe.endpoint(), implicit);
    }
    for seen in asked() {
        add(SocketAddr::new(seen.probe.ip, exchange), true);
    }
    doors.truncate(MOST_DOORS);
    doors
}
