//! One session at the mirror: lines in, replies out, everything written down.
//!
//! Owns the socket of one client, its deadlines and caps. Refuses to know other
//! sessions.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::dialogue::{Dialogue, Next, Turn};
use super::record::Record;
use super::server::Mirror;
use super::token;
use crate::model::probe::Mode;
use crate::model::tls::Handshake;
use crate::model::transcript::{Ended, Ending, EventKind};
use crate::tls;

/// How long a command is waited for.
const IDLE: Duration = Duration::from_secs(90);
/// How long a session may last.
const LIFETIME: Duration = Duration::from_mins(5);
/// How long the client's close is waited for behind the last reply.
const FAREWELL: Duration = Duration::from_secs(2);
/// Longest command line, its end included; the standard has 512 (RFC 5321 §4.5.3.1.4).
const LONGEST_LINE: usize = 2048;
/// Bytes read at once.
const READ_SIZE: usize = 4096;
/// First octet of a TLS handshake record (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// Carries one session to its end and writes down how it ended.
pub(super) async fn serve(mirror: &Mirror, record: &Record, stream: TcpStream, mode: Mode) {
    let deadline = Instant::now() + LIFETIME;
    let ending = match run(mirror, record, stream, (mode, deadline)).await {
        Ok(()) => Ending { how: Ended::ByUs, detail: None },
        Err(ending) => ending,
    };
    record.end(ending.how, ending.detail);
}

async fn run(
    mirror: &Mirror,
    record: &Record,
    stream: TcpStream,
    (mode, deadline): (Mode, Instant),
) -> Result<(), Ending> {
    let inside_tls = mode == Mode::ImplicitTls;
    let client = record.client().ip();
    let dialogue = Dialogue::new(mirror.host(), record.id(), client, inside_tls);
    let (buffer, channel) = (Vec::new(), String::new());
    let mut session = Session { mirror, record, dialogue, buffer, deadline, channel };
    let stream = if inside_tls {
        stream
    } else {
        match session.in_clear(stream).await? {
            Some(stream) => stream,
            None => return Ok(()),
        }
    };
    let mut stream = session.handshake(stream).await?;
    if inside_tls {
        session.greet(&mut stream).await?;
    }
    session.converse(&mut stream).await?;
    session.close(&mut stream).await;
    Ok(())
}

struct Session<'a> {
    mirror: &'a Mirror,
    record: &'a Record,
    dialogue: Dialogue,
    buffer: Vec<u8>,
    deadline: Instant,
    /// What binds the exchange to its TLS session.
    channel: String,
}

/// A connection, in clear or inside TLS.
trait Connection: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection for S {}

impl Session<'_> {
    /// Up to a 220 to STARTTLS; `None` where the session ended before.
    async fn in_clear(&mut self, mut stream: TcpStream) -> Result<Option<TcpStream>, Ending> {
        self.greet(&mut stream).await?;
        if self.converse(&mut stream).await? {
            return Ok(Some(stream));
        }
        self.close(&mut stream).await;
        Ok(None)
    }

    async fn greet(&mut self, stream: &mut impl Connection) -> Result<(), Ending> {
        let greeting = self.dialogue.greeting();
        self.send(stream, &greeting).await
    }

    /// Commands and replies. True where STARTTLS was accepted.
    async fn converse(&mut self, stream: &mut impl Connection) -> Result<bool, Ending> {
        loop {
            let turn = match self.line(stream).await? {
                Some(line) => self.dialogue.command(&line),
                None => return Ok(false),
            };
            let turn = match turn.next {
                Next::Exchange(arguments) => self.exchange(stream, &arguments).await?,
                _ => turn,
            };
            if turn.next == Next::StartTls {
                // RFC 3207 §4.2: what stands behind the command is no part of what
                // follows. It is in the record.
                self.buffer.clear();
            }
            self.send(stream, &turn.reply).await?;
            match turn.next {
                Next::StartTls => return Ok(true),
                Next::Close => return Ok(false),
                Next::Continue | Next::Exchange(_) => {}
            }
        }
    }

    /// Hands the recordings over, or says why not. Neither request nor answer is part
    /// of a recording.
    async fn exchange(
        &mut self,
        stream: &mut impl Connection,
        arguments: &str,
    ) -> Result<Turn, Ending> {
        match self.mirror.exchange(arguments, self.record, &self.channel).await {
            Err(refused) => {
                Ok(Turn { reply: format!("{}\r\n", refused.reply()), next: Next::Close })
            }
            Ok(reply) => {
                self.record.is_exchange();
                self.write(stream, reply.as_bytes()).await?;
                Ok(Turn { reply: "\r\n".to_owned(), next: Next::Continue })
            }
        }
    }

    /// The next line with its end; `None` where the session is to be closed.
    async fn line(&mut self, stream: &mut impl Connection) -> Result<Option<Vec<u8>>, Ending> {
        let patience = self.deadline.min(Instant::now() + IDLE);
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.buffer.drain(..=end).collect()));
            }
            if self.buffer.len() > LONGEST_LINE || !self.record.has_room() {
                self.record.truncate();
                let goodbye = self.dialogue.too_long();
                self.send(stream, &goodbye.reply).await?;
                return Ok(None);
            }
            let mut chunk = [0; READ_SIZE];
            let Ok(read) = timeout_at(patience, stream.read(&mut chunk)).await else {
                let goodbye = self.dialogue.idle();
                self.send(stream, &goodbye.reply).await?;
                return Err(Ending { how: Ended::Timeout, detail: None });
            };
            let read = read.or_else(end_of_stream).map_err(|error| broken(&error))?;
            let bytes = chunk.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                return Err(Ending { how: Ended::ByPeer, detail: None });
            }
            self.record.push(EventKind::Received(bytes.to_vec()));
            self.buffer.extend_from_slice(bytes);
        }
    }

    async fn send(&mut self, stream: &mut impl Connection, reply: &str) -> Result<(), Ending> {
        self.write(stream, reply.as_bytes()).await?;
        self.record.push(EventKind::Sent(reply.as_bytes().to_vec()));
        Ok(())
    }

    async fn write(&mut self, stream: &mut impl Connection, bytes: &[u8]) -> Result<(), Ending> {
        let patience = self.deadline.min(Instant::now() + IDLE);
        let writing = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        match timeout_at(patience, writing).await {
            Err(_) => Err(Ending { how: Ended::Timeout, detail: None }),
            Ok(Err(error)) => Err(broken(&error)),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// The handshake, recorded as far as it came.
    async fn handshake(&mut self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Ending> {
        let failed = |failure: String| {
            let failure = Some(failure);
            EventKind::HandshakeFailed(Box::new(Handshake { failure, ..Handshake::default() }))
        };
        let patience = self.deadline.min(Instant::now() + IDLE);
        let first = match timeout_at(patience, first_octet(&stream)).await {
            Ok(first) => first,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        self.record.client_hello(matches!(first, Ok(Some(HANDSHAKE_RECORD))));
        let before = match first {
            Ok(Some(HANDSHAKE_RECORD)) => None,
            Ok(Some(_)) => Some((Ended::Protocol, self.in_place_of_tls(&stream).to_owned())),
            Ok(None) => Some((Ended::ByPeer, "closed before ClientHello".to_owned())),
            Err(error) => Some((broken(&error).how, "no ClientHello".to_owned())),
        };
        if let Some((how, failure)) = before {
            self.record.push(failed(failure));
            return Err(Ending { how, detail: None });
        }
        let acceptor = TlsAcceptor::from(self.mirror.tls());
        match timeout_at(patience, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                self.record.push(EventKind::HandshakeDone(Box::new(facts(&stream))));
                self.dialogue.secured();
                self.channel = token::channel(stream.get_ref().1);
                Ok(stream)
            }
            Ok(Err(error)) => {
                let alert = tls::alert_in(&error).map(|alert| format!("alert {alert}"));
                self.record.push(failed(alert.unwrap_or_else(|| tls::in_words(&error))));
                Err(broken(&error))
            }
            Err(_) => {
                self.record.push(failed("silence after ServerHello".to_owned()));
                Err(Ending { how: Ended::Timeout, detail: None })
            }
        }
    }

    /// Clear text where a ClientHello should be: it is part of the record.
    fn in_place_of_tls(&self, stream: &TcpStream) -> &'static str {
        let mut chunk = [0; READ_SIZE];
        if let Ok(read) = stream.try_read(&mut chunk) {
            let bytes = chunk.get(..read).unwrap_or_default();
            self.record.push(EventKind::Received(bytes.to_vec()));
        }
        "not TLS"
    }

    /// Closes in good order and waits for the client's close: what it says until then
    /// would come back to it as a reset.
    async fn close(&self, stream: &mut impl Connection) {
        let farewell = async {
            stream.shutdown().await?;
            let mut chunk = [0; READ_SIZE];
            while stream.read(&mut chunk).await? > 0 {}
            io::Result::Ok(())
        };
        // However that goes, the session is over.
        let _ = timeout_at(Instant::now() + FAREWELL, farewell).await;
    }
}

/// The octet that comes first, which stays in the socket; `None` at the end of the stream.
async fn first_octet(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut first = [0; 1];
    let read = stream.peek(&mut first).await?;
    Ok(first.first().copied().filter(|_| read > 0))
}

fn facts(stream: &TlsStream<TcpStream>) -> Handshake {
    let session = stream.get_ref().1;
    Handshake {
        sni: session.server_name().map(str::to_owned),
        version: session.protocol_version().map(|version| {
            // rustls writes TLSv1_3.
            format!("{version:?}").replace('_', ".")
        }),
        ..Handshake::default()
    }
}

/// A peer that drops the connection without TLS's own goodbye has ended it just as well.
fn end_of_stream(error: io::Error) -> io::Result<usize> {
    if error.kind() == io::ErrorKind::UnexpectedEof { Ok(0) } else { Err(error) }
}

fn broken(error: &io::Error) -> Ending {
    let how = match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Ended::Reset,
        io::ErrorKind::UnexpectedEof => Ended::ByPeer,
        io::ErrorKind::TimedOut => Ended::Timeout,
        io::ErrorKind::InvalidData => Ended::Protocol,
        _ => Ended::LocalError,
    };
    Ending { how, detail: Some(tls::in_words(error)) }
}
