//! The mirror as a server: listeners, sessions, recordings.
//!
//! Owns what all sessions share. Accepts no mail and relays nothing: it has no code
//! for either. Refuses to know addresses and files that its user named.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::gate::Gate;
use super::identity::Identity;
use super::log::Log;
use super::record::{Record, Shelf};
use super::session;
use super::token::{self, Token};
use super::words::{Answer, PROTOCOL, Refused, Request};
use crate::model::mirror::MirrorSession;
use crate::model::probe::Mode;
use crate::tls::certificate::hex;

/// Octets of a session's id.
const ID: usize = 8;
/// How long recordings that are asked for are waited for, while they are under way.
const SETTLING: Duration = Duration::from_secs(2);
/// How often is looked whether they are done.
const LOOK: Duration = Duration::from_millis(20);
/// Pause where no connection can be accepted, for want of file descriptors say.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a client that is turned away has to hear it.
const REFUSAL: Duration = Duration::from_secs(2);

/// How a mirror is made.
#[derive(Debug)]
pub struct Settings {
    /// Its name in greeting and EHLO.
    pub host: String,
    /// Its certificate.
    pub identity: Identity,
    /// What those have who may fetch its recordings.
    pub token: Token,
    /// Where it writes them to.
    pub log: Option<Log>,
    /// Name and version of the program.
    pub tool: String,
}

/// What happened, for whoever runs the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A session is over.
    Session(Box<MirrorSession>),
    /// Recordings were fetched.
    Fetched {
        /// By whom.
        client: std::net::SocketAddr,
        /// How many.
        sessions: usize,
    },
    /// Recordings were asked for and not handed over.
    Refused {
        /// Whom.
        client: std::net::SocketAddr,
        /// Why.
        why: Refused,
    },
    /// The log can't be written. Said once.
    Log(String),
}

/// A mirror.
#[derive(Debug)]
pub struct Mirror {
    host: String,
    identity: Identity,
    token: Token,
    tool: String,
    shelf: Shelf,
    gate: Gate,
    log: Mutex<Option<Log>>,
    notices: mpsc::UnboundedSender<Notice>,
}

impl Mirror {
    /// A mirror that has no listener yet. A closed receiver of notices is no error.
    pub fn new(settings: Settings, notices: mpsc::UnboundedSender<Notice>) -> Arc<Self> {
        let Settings { host, identity, token, log, tool } = settings;
        let (shelf, gate, log) = (Shelf::new(), Gate::new(), Mutex::new(log));
        Arc::new(Self { host, identity, token, tool, shelf, gate, log, notices })
    }

    /// Serves a listener until the future is dropped, and its sessions with it. With
    /// [`Mode::ImplicitTls`] sessions begin inside TLS (RFC 8314 §3.3).
    pub async fn serve(self: Arc<Self>, listener: TcpListener, mode: Mode) {
        let mut sessions = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        sessions.spawn(self.clone().session(stream, mode));
                    }
                    // One connection's fault, or ours for a while.
                    Err(_) => tokio::time::sleep(PAUSE).await,
                },
                Some(_) = sessions.join_next() => {}
            }
        }
    }

    async fn session(self: Arc<Self>, stream: TcpStream, mode: Mode) {
        // A client that is gone already had no session.
        let Ok(ends) = ends(&stream) else { return };
        let Some(_permit) = self.gate.enter(ends.0.ip()) else {
            return self.turn_away(stream, mode).await;
        };
        let Ok(id) = token::random::<ID>() else { return };
        let record = Arc::new(Record::new(&hex(&id), ends, &self.identity.sha256()));
        self.shelf.put(record.clone());
        session::serve(&self, &record, stream, mode).await;
        if let Some(session) = record.session() {
            self.keep(&session);
            let _ = self.notices.send(Notice::Session(Box::new(session)));
        }
    }

    /// RFC 5321 §3.1: a server that takes no session now says so.
    async fn turn_away(&self, mut stream: TcpStream, mode: Mode) {
        if mode == Mode::ImplicitTls {
            return;
        }
        let reply = format!("421 4.7.0 {} Too many sessions, try again later\r\n", self.host);
        let _ = tokio::time::timeout(REFUSAL, stream.write_all(reply.as_bytes())).await;
    }

    fn keep(&self, session: &MirrorSession) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let written = log.as_mut().map(|log| log.write(session, &self.token));
        if let Some(Err(error)) = written {
            *log = None;
            let _ = self.notices.send(Notice::Log(error.to_string()));
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn tls(&self) -> Arc<ServerConfig> {
        self.identity.config.clone()
    }

    /// The reply to a request for recordings, without its last line end; `channel` is what
    /// binds it to its TLS session.
    pub(super) async fn exchange(
        &self,
        arguments: &str,
        asked: &Record,
        channel: &str,
    ) -> Result<String, Refused> {
        let now = Timestamp::now();
        let client = asked.client();
        let admitted = self.admit(arguments, now);
        let request = admitted.inspect_err(|why| {
            let _ = self.notices.send(Notice::Refused { client, why: *why });
        })?;
        let age = SignedDuration::from_secs(request.age_s.into());
        let since = now.saturating_sub(age).unwrap_or(Timestamp::MIN);
        let settled = Instant::now() + SETTLING;
        while !self.shelf.is_settled(since, asked) && Instant::now() < settled {
            tokio::time::sleep(LOOK).await;
        }
        let (mut sessions, complete_since) = self.shelf.since(since);
        sessions.retain(|session| session.id != asked.id());
        let _ = self.notices.send(Notice::Fetched { client, sessions: sessions.len() });
        let (protocol, tool) = (PROTOCOL.to_owned(), self.tool.clone());
        let channel = channel.to_owned();
        let answer = Answer { protocol, tool, now, client, complete_since, channel, sessions };
        Ok(answer.reply(&request.nonce, &self.token))
    }

    fn admit(&self, arguments: &str, now: Timestamp) -> Result<Request, Refused> {
        let request = Request::read(arguments, &self.token)?;
        self.gate.admit(&request, now)?;
        Ok(request)
    }
}

fn ends(stream: &TcpStream) -> io::Result<super::record::Ends> {
    stream.set_nodelay(true)?;
    Ok((stream.peer_addr()?, stream.local_addr()?))
}
