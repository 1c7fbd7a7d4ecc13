//! The user's half of the exchange: fetches what a mirror recorded.
//!
//! Owns the connection for it. The certificate there is not looked at: the token
//! vouches for the answer, whoever carries it, and the answer says whether somebody
//! stood between. Says EHLO, STARTTLS, the private verb
//! and QUIT, and has no way to say more. Refuses to compare.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::token::{self, Token};
use super::words::{Answer, LONGEST_LINE, MOST_AGE_S, MOST_LINES, Request};
use crate::model::mirror::{MirrorEvidence, MirrorSource, NO_MIRROR};
use crate::model::probe::ClientHello;
use crate::model::transcript::{Ended, Ending};
use crate::observe::Dialler;
use crate::smtp::reply::{Progress, Reply, ReplyReader};
use crate::tls::{self, certificate::hex};

/// How long one attempt may take.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// The request reaches so much further back than our first session, in seconds.
const SLACK_S: i64 = 5;
/// What is said in EHLO: who fetches recordings has nothing to hide and nothing to prove.
const EHLO: &str = "EHLO [127.0.0.1]";
/// Bytes read at once.
const READ_SIZE: usize = 16 * 1024;

/// A way to the recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// Where to connect.
    pub endpoint: SocketAddr,
    /// Whether TLS begins at once, as on the port for the exchange.
    pub implicit_tls: bool,
}

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The shared secret.
    pub token: &'a Token,
    /// The server name of the handshake.
    pub sni: Option<&'a str>,
    /// When our first session began.
    pub since: Timestamp,
    /// How long one attempt may take.
    pub patience: Duration,
}

/// Fetches the recordings by the first way that leads to them.
pub async fn fetch(doors: &[Door], wanted: Wanted<'_>, dialler: &Dialler) -> MirrorEvidence {
    let mut errors = Vec::new();
    for door in doors {
        match attempt(*door, wanted, dialler).await {
            Ok(fetched) => return evidence(*door, fetched),
            Err(error) => errors.push(format!("{}: {error}", door.endpoint)),
        }
    }
    MirrorEvidence::nothing(if errors.is_empty() {
        "no address of the mirror is known".to_owned()
    } else {
        errors.join("; ")
    })
}

/// What an exchange brought.
struct Fetched {
    answer: Answer,
    /// By how much the mirror's clock is ahead of ours.
    clock_offset_ms: i64,
    channel_is_shared: bool,
}

fn evidence(door: Door, fetched: Fetched) -> MirrorEvidence {
    let Fetched { answer, clock_offset_ms, channel_is_shared } = fetched;
    let implicit = door.implicit_tls;
    MirrorEvidence {
        source: if implicit { MirrorSource::ImplicitTls } else { MirrorSource::Starttls },
        error: None,
        clock_offset_ms: Some(clock_offset_ms),
        complete_since: Some(answer.complete_since),
        endpoint: Some(door.endpoint),
        channel_is_shared: Some(channel_is_shared),
        sessions: answer.sessions,
    }
}

async fn attempt(door: Door, wanted: Wanted<'_>, dialler: &Dialler) -> Result<Fetched, String> {
    let deadline = Instant::now() + wanted.patience;
    let stream = dialler.open(door.endpoint, deadline).await.map_err(unopened)?;
    let stream = if door.implicit_tls { stream } else { in_clear(stream, deadline).await? };
    let outcome = tls::connect(stream, wanted.sni, ClientHello::Default, deadline).await;
    let Some(stream) = outcome.stream else {
        let failure = outcome.handshake.failure.unwrap_or_default();
        return Err(format!("no TLS for the exchange: {failure}"));
    };
    let channel = token::channel(stream.get_ref().1);
    let mut talk = Talk { stream, deadline, buffer: Vec::new() };
    if door.implicit_tls {
        expect(220, &talk.reply().await?)?;
    }
    expect(250, &talk.command(EHLO).await?)?;
    let (answer, clock_offset_ms) = exchange(&mut talk, wanted).await?;
    let channel_is_shared = !channel.is_empty() && channel == answer.channel;
    Ok(Fetched { answer, clock_offset_ms, channel_is_shared })
}

/// Why no connection came about: the path's answer in words that are always the same,
/// and at this end the operating system's own.
fn unopened(ending: Ending) -> String {
    match (ending.how, ending.detail) {
        (Ended::LocalError, Some(detail)) => detail,
        (how, _) => how.words().to_owned(),
    }
}

/// Up to the 220 to STARTTLS.
async fn in_clear<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    deadline: Instant,
) -> Result<S, String> {
    let mut talk = Talk { stream, deadline, buffer: Vec::new() };
    expect(220, &talk.reply().await?)?;
    expect(250, &talk.command(EHLO).await?)?;
    expect(220, &talk.command("STARTTLS").await?)?;
    Ok(talk.stream)
}

fn expect(code: u16, reply: &Reply) -> Result<(), String> {
    if reply.code == code {
        return Ok(());
    }
    Err(format!("it said {} {} where {code} was expected", reply.code, reply.text()))
}

/// The answer, and by how much the mirror's clock is ahead of ours.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    talk: &mut Talk<S>,
    wanted: Wanted<'_>,
) -> Result<(Answer, i64), String> {
    let now = Timestamp::now();
    let age = now.as_second().saturating_sub(wanted.since.as_second()).saturating_add(SLACK_S);
    let nonce = token::random::<16>().map_err(|error| error.to_string())?;
    let request = Request {
        time: now.as_second(),
        nonce: hex(&nonce),
        age_s: u32::try_from(age.max(0)).unwrap_or(MOST_AGE_S).min(MOST_AGE_S),
    };
    talk.send(&request.line(wanted.token)).await?;
    let lines = talk.answer().await?;
    let answer =
        Answer::read(&lines, &request.nonce, wanted.token).map_err(|error| error.to_string())?;
    let offset = answer.now.as_millisecond().saturating_sub(now.as_millisecond());
    // Its end is nobody's concern any more.
    let _ = talk.command("QUIT").await;
    Ok((answer, offset))
}

/// Commands and replies over a stream.
struct Talk<S> {
    stream: S,
    deadline: Instant,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    async fn command(&mut self, line: &str) -> Result<Reply, String> {
        self.send(line).await?;
        self.reply().await
    }

    async fn send(&mut self, line: &str) -> Result<(), String> {
        let line = format!("{line}\r\n");
        let sending = async {
            self.stream.write_all(line.as_bytes()).await?;
            self.stream.flush().await
        };
        match timeout_at(self.deadline, sending).await {
            Ok(sent) => sent.map_err(|error| tls::in_words(&error)),
            Err(_) => Err("no time is left".to_owned()),
        }
    }

    async fn reply(&mut self) -> Result<Reply, String> {
        let mut reader = ReplyReader::default();
        loop {
            let bytes = self.read().await?;
            match reader.push(&bytes) {
                Progress::Incomplete => {}
                Progress::Complete(reply) => return Ok(reply),
                Progress::Broken(breach) => return Err(breach.to_string()),
            }
        }
    }

    /// The lines of the answer, without code and line end.
    async fn answer(&mut self) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await?;
            match line.split_at_checked(4) {
                Some(("250-", part)) if lines.len() < MOST_LINES => lines.push(part.to_owned()),
                Some(("250 ", part)) => {
                    lines.push(part.to_owned());
                    return Ok(lines);
                }
                Some(("250-", _)) => {
                    return Err(format!("its answer has more than {MOST_LINES} lines"));
                }
                _ => return Err(refusal(&line)),
            }
        }
    }

    async fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            if self.buffer.len() > LONGEST_LINE {
                return Err(format!("a line of its answer has more than {LONGEST_LINE} bytes"));
            }
            let bytes = self.read().await?;
            self.buffer.extend_from_slice(&bytes);
        }
    }

    async fn read(&mut self) -> Result<Vec<u8>, String> {
        let mut chunk = vec![0; READ_SIZE];
        let read = match timeout_at(self.deadline, self.stream.read(&mut chunk)).await {
            Err(_) => return Err("no answer in time".to_owned()),
            Ok(read) => read.map_err(|error| tls::in_words(&error))?,
        };
        if read == 0 {
            return Err("the connection was closed".to_owned());
        }
        chunk.truncate(read);
        Ok(chunk)
    }
}

/// What a reply that is no answer means.
fn refusal(line: &str) -> String {
    let shown = crate::smtp::reply::printable(line.as_bytes());
    match line.get(..3) {
        Some("504" | "535" | "454" | "554") => format!("the mirror refuses: {shown}"),
        _ => format!("{NO_MIRROR}: {shown}"),
    }
}
