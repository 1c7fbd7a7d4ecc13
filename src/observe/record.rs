//! Runs the dialogue over a socket and records it.
//!
//! Owns sockets, clocks and limits of one session. Refuses to decide what is said:
//! `smtp::dialogue` does.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::dial::{Dialled, Dialler, ending};
use super::stream::Stream;
use crate::model::observation::Observation;
use crate::model::probe::{ClientHello, Offer, Probe, Role};
use crate::model::session::Stage;
use crate::model::transcript::{Ended, Ending, Event, EventKind, Transcript};
use crate::smtp::dialogue::{Action, Dialogue, MAX_RESIDUE};
use crate::tls;

/// How much is read from a socket at once.
const READ_SIZE: usize = 16 * 1024;
/// How long the answer to QUIT is waited for (RFC 5321 §4.1.1.10 asks to).
const QUIT_PATIENCE: Duration = Duration::from_secs(2);
/// How long a reply that nobody asked for is listened for, inside TLS: a server that
/// has taken an injected command in answers it at once.
const LISTEN_PATIENCE: Duration = Duration::from_secs(4);
/// Segments of one reply that are kept apart; what follows is appended to the
/// last, so that a peer that sends single bytes cannot make the record grow.
const MAX_SEGMENTS: usize = 64;

/// Makes one connection as planned and returns what happened.
///
/// Never fails: what kept the connection from succeeding is in the transcript.
/// `progress` is told each stage as it begins. Once `stop` is done, the connection
/// is given up, and what happened until then is returned.
pub async fn observe(
    id: String,
    probe: Probe,
    dialler: &Dialler,
    progress: &(dyn Fn(Stage) + Sync),
    stop: impl Future<Output = ()>,
) -> Observation {
    let deadline = Instant::now() + probe.limits.session;
    let dialling = dialler.dial(probe.endpoint(), probe.source, deadline);
    recorded((id, &probe), dialling, deadline, progress, stop).await
}

/// Runs a connection until its end, or until `stop` is done.
pub(super) async fn recorded(
    (id, probe): (String, &Probe),
    dialling: impl Future<Output = Result<Dialled, Ending>>,
    deadline: Instant,
    progress: &(dyn Fn(Stage) + Sync),
    stop: impl Future<Output = ()>,
) -> Observation {
    let started_at = Timestamp::now();
    let mut recorder = Recorder::new();
    let ending = tokio::select! {
        ending = connection(probe, dialling, (&mut recorder, deadline), progress) => ending,
        () = stop => ending(Ended::LocalError, "interrupted"),
    };
    recorder.push(EventKind::Ended(ending));
    let transcript = Transcript { events: recorder.events };
    Observation { id, probe: probe.clone(), started_at, transcript }
}

/// One connection from the attempt to its end.
async fn connection(
    probe: &Probe,
    dialling: impl Future<Output = Result<Dialled, Ending>>,
    (recorder, deadline): (&mut Recorder, Instant),
    progress: &(dyn Fn(Stage) + Sync),
) -> Ending {
    progress(Stage::Connected);
    match dialling.await {
        Err(ending) => ending,
        Ok(up) => {
            recorder.push(EventKind::Connected { local: up.local });
            let argument = ehlo_argument(probe, &up);
            let dialogue = Dialogue::new(argument, probe.mode);
            let injects = probe.role == Role::Injection;
            let connection = Connection {
                dialogue: if injects { dialogue.injecting() } else { dialogue },
                probe,
                stream: None,
                recorder,
                deadline,
                awaited: None,
                listened_since: None,
            };
            connection.run(up.stream, progress).await
        }
    }
}

/// RFC 5321 §4.1.4: a client without a name gives the address literal of its
/// own end of the connection.
fn ehlo_argument(probe: &Probe, up: &Dialled) -> String {
    match (&probe.ehlo_name, up.local) {
        (Some(name), _) => name.clone(),
        (None, Some(local)) if local.is_ipv6() => format!("[IPv6:{}]", local.ip()),
        (None, Some(local)) => format!("[{}]", local.ip()),
        (None, None) => "[127.0.0.1]".to_owned(),
    }
}

/// Collects events with their times.
struct Recorder {
    started: Instant,
    events: Vec<Event>,
    segments: usize,
}

impl Recorder {
    fn new() -> Self {
        Self { started: Instant::now(), events: Vec::new(), segments: 0 }
    }

    fn push(&mut self, kind: EventKind) {
        let at_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.segments = 0;
        self.events.push(Event { at_us, kind });
    }

    fn received(&mut self, bytes: &[u8]) {
        if self.segments >= MAX_SEGMENTS
            && let Some(Event { kind: EventKind::Received(last), .. }) = self.events.last_mut()
        {
            last.extend_from_slice(bytes);
            return;
        }
        let segments = self.segments;
        self.push(EventKind::Received(bytes.to_vec()));
        self.segments = segments + 1;
    }

    /// Whether the peer has said anything inside TLS.
    fn heard_inside_tls(&self) -> bool {
        let inside = self.events.iter().rev();
        inside
            .take_while(|event| !matches!(event.kind, EventKind::HandshakeDone(_)))
            .any(|event| matches!(event.kind, EventKind::Received(_)))
    }
}

/// One connection under way.
struct Connection<'a> {
    dialogue: Dialogue,
    probe: &'a Probe,
    stream: Option<Stream>,
    recorder: &'a mut Recorder,
    /// The end of the whole session; the wait for the greeting moves it.
    deadline: Instant,
    /// What is being waited for, and since when: a peer that sends a byte now and
    /// then must not begin the wait anew.
    awaited: Option<(Stage, Instant)>,
    /// Since when an unasked reply is listened for.
    listened_since: Option<Instant>,
}

impl Connection<'_> {
    async fn run(mut self, stream: TcpStream, progress: &(dyn Fn(Stage) + Sync)) -> Ending {
        self.stream = Some(Stream::Clear(stream));
        let mut action = self.dialogue.start();
        loop {
            progress(self.dialogue.stage());
            let next = match action {
                Action::Receive => self.receive().await,
                Action::Listen => self.listen().await,
                Action::Send(bytes) => self.send(bytes).await,
                Action::StartTls { residue } => self.start_tls(residue).await,
                Action::Close { ended, detail } => {
                    self.close().await;
                    return Ending { how: ended, detail };
                }
            };
            action = match next {
                Ok(action) => action,
                Err(ending) => return ending,
            };
        }
    }

    async fn receive(&mut self) -> Result<Action, Ending> {
        let stage = self.dialogue.stage();
        let begun = Instant::now();
        let since = self.awaited.filter(|(awaited, _)| *awaited == stage).map_or(begun, |it| it.1);
        self.awaited = Some((stage, since));
        let deadline = match stage {
            Stage::Greeting => since + self.probe.limits.greeting,
            Stage::Quit => self.deadline.min(since + QUIT_PATIENCE),
            _ => self.deadline,
        };
        let mut buffer = vec![0; READ_SIZE];
        let Some(stream) = self.stream.as_mut() else { return Err(no_stream()) };
        let outcome = timeout_at(deadline, stream.read(&mut buffer)).await;
        if stage == Stage::Greeting {
            self.deadline += begun.elapsed();
        }
        match outcome {
            Err(_) | Ok(Err(_) | Ok(0)) if stage == Stage::Quit => Err(over()),
            Err(_) => Err(self.timed_out(stage)),
            Ok(Err(error)) => Err(self.broken_off(&error)),
            Ok(Ok(0)) => Err(Ending { how: Ended::ByPeer, detail: None }),
            Ok(Ok(length)) => Ok(self.take(buffer.get(..length).unwrap_or(&[]))),
        }
    }

    /// Waits for what nobody has asked for; silence is an answer, too. The wait is
    /// ours and does not count towards the session's limit.
    async fn listen(&mut self) -> Result<Action, Ending> {
        let begun = Instant::now();
        let since = *self.listened_since.get_or_insert(begun);
        let mut buffer = vec![0; READ_SIZE];
        let Some(stream) = self.stream.as_mut() else { return Err(no_stream()) };
        let outcome = timeout_at(since + LISTEN_PATIENCE, stream.read(&mut buffer)).await;
        self.deadline += begun.elapsed();
        match outcome {
            Err(_) => Ok(self.dialogue.silent()),
            Ok(Err(error)) => Err(self.broken_off(&error)),
            Ok(Ok(0)) => Err(Ending { how: Ended::ByPeer, detail: None }),
            Ok(Ok(length)) => Ok(self.take(buffer.get(..length).unwrap_or(&[]))),
        }
    }

    /// Hands bytes to the dialogue; bytes behind a 220 to STARTTLS are recorded apart.
    fn take(&mut self, bytes: &[u8]) -> Action {
        let action = self.dialogue.received(bytes);
        let behind = match &action {
            Action::StartTls { residue } => residue.len().min(bytes.len()),
            _ => 0,
        };
        self.recorder.received(bytes.get(..bytes.len() - behind).unwrap_or(bytes));
        action
    }

    async fn send(&mut self, bytes: Vec<u8>) -> Result<Action, Ending> {
        let Some(stream) = self.stream.as_mut() else { return Err(no_stream()) };
        let outcome = timeout_at(self.deadline, stream.send(&bytes)).await;
        let stage = self.dialogue.stage();
        match outcome {
            Err(_) => Err(self.timed_out(stage)),
            Ok(Err(_)) if stage == Stage::Quit => Err(over()),
            Ok(Err(error)) => Err(self.broken_off(&error)),
            Ok(Ok(())) => {
                self.recorder.push(EventKind::Sent(bytes));
                Ok(Action::Receive)
            }
        }
    }

    async fn start_tls(&mut self, mut residue: Vec<u8>) -> Result<Action, Ending> {
        let Some(Stream::Clear(stream)) = self.stream.take() else { return Err(no_stream()) };
        // A TLS server is silent until it has our ClientHello: whatever is in the
        // socket now was sent in clear.
        if self.probe.mode == crate::model::probe::Mode::Starttls {
            drain(&stream, &mut residue);
        }
        if !residue.is_empty() {
            self.recorder.push(EventKind::Residue(residue));
        }
        if let Some(offer) = &self.probe.offer {
            return Ok(self.offer(stream, offer).await);
        }
        if self.probe.client_hello == ClientHello::Legacy {
            return Ok(self.legacy(stream).await);
        }
        let sni = self.probe.sni.as_deref();
        let outcome = tls::connect(stream, sni, self.probe.client_hello, self.deadline).await;
        let handshake = Box::new(outcome.handshake);
        let Some(stream) = outcome.stream else {
            self.recorder.push(EventKind::HandshakeFailed(handshake));
            return Ok(self.dialogue.not_secured());
        };
        self.recorder.push(EventKind::HandshakeDone(handshake));
        self.stream = Some(Stream::Secured(Box::new(stream)));
        Ok(self.dialogue.secured())
    }

    async fn legacy(&mut self, mut stream: TcpStream) -> Action {
        let sni = self.probe.sni.as_deref();
        let handshake = tls::legacy::probe(&mut stream, sni, self.deadline).await;
        self.recorder.push(EventKind::HandshakeFailed(Box::new(handshake)));
        self.dialogue.not_secured()
    }

    /// One question about the range; its bytes are the evidence.
    async fn offer(&mut self, mut stream: TcpStream, offer: &Offer) -> Action {
        let sni = self.probe.sni.as_deref();
        let exchange = tls::legacy::ask(&mut stream, offer, sni, self.deadline).await;
        self.recorder.push(EventKind::Sent(exchange.sent));
        if !exchange.received.is_empty() {
            self.recorder.push(EventKind::Received(exchange.received));
        }
        self.recorder.push(EventKind::HandshakeFailed(Box::new(exchange.handshake)));
        self.dialogue.not_secured()
    }

    async fn close(&mut self) {
        if let Some(stream) = self.stream.as_mut() {
            // Bounded: a peer that reads nothing could keep a goodbye waiting.
            let _ = timeout_at(Instant::now() + QUIT_PATIENCE, stream.close()).await;
        }
    }

    fn timed_out(&self, stage: Stage) -> Ending {
        let patience = match stage {
            Stage::Greeting => self.probe.limits.greeting,
            _ => self.probe.limits.session,
        };
        ending(Ended::Timeout, format!("no {} within {} s", awaited(stage), patience.as_secs_f64()))
    }

    /// A read or write failed. A TLS 1.3 server that rejects us does so only
    /// after our side of the handshake is done: its alert is the handshake's end.
    fn broken_off(&mut self, error: &io::Error) -> Ending {
        if let Some(alert) = tls::alert_in(error)
            && !self.recorder.heard_inside_tls()
        {
            self.rejected(&alert);
        }
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                ending(Ended::Reset, error.to_string())
            }
            io::ErrorKind::InvalidData => ending(Ended::Protocol, tls::in_words(error)),
            io::ErrorKind::TimedOut => ending(Ended::Timeout, error.to_string()),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                ending(Ended::Unreachable, error.to_string())
            }
            _ => ending(Ended::LocalError, error.to_string()),
        }
    }

    fn rejected(&mut self, alert: &str) {
        let done = self.recorder.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::HandshakeDone(handshake) => Some(handshake.clone()),
            _ => None,
        });
        if let Some(mut handshake) = done {
            handshake.alert = Some(alert.to_owned());
            handshake.failure = Some(format!("alert {alert}"));
            self.recorder.push(EventKind::HandshakeFailed(handshake));
        }
    }
}

/// Takes what is already in the socket, up to [`MAX_RESIDUE`].
fn drain(stream: &TcpStream, residue: &mut Vec<u8>) {
    let mut buffer = vec![0; READ_SIZE];
    while residue.len() < MAX_RESIDUE {
        match stream.try_read(&mut buffer) {
            Ok(length) if length > 0 => {
                residue.extend_from_slice(buffer.get(..length).unwrap_or(&[]));
            }
            _ => break,
        }
    }
    residue.truncate(MAX_RESIDUE);
}

fn awaited(stage: Stage) -> &'static str {
    match stage {
        Stage::Connected => "connection",
        Stage::Greeting => "complete greeting",
        Stage::Ehlo => "complete answer to EHLO",
        Stage::Starttls => "answer to STARTTLS",
        Stage::Handshake => "TLS handshake",
        Stage::EhloTls => "complete answer to EHLO inside TLS",
        Stage::Quit => "answer to QUIT",
    }
}

/// The dialogue is over and QUIT was sent: however the peer takes it, it was us.
fn over() -> Ending {
    Ending { how: Ended::ByUs, detail: None }
}

fn no_stream() -> Ending {
    ending(Ended::LocalError, "no connection")
}
