//! A vantage point behind a command: `ssh host mxray agent --stdio`, `ip netns
//! exec …`, `docker exec -i …`.
//!
//! Owns the command's life, its first words, and what counts as its fault. Whatever
//! an agent does wrong (it dies, hangs, talks garbage, is of another version) ends
//! as a [`Fault`], which is about us and never about a target.

use std::collections::{HashMap, VecDeque};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::wire::{
    self, Answer, Ask, Greeting, Hello, LONGEST_ANSWER, PROTOCOL, PlannedProbe, Request, Resolve,
    Resolved, Say,
};
use crate::model::observation::Observation;
use crate::model::probe::Probe;
use crate::model::session::Stage;
use crate::observe::ProxyFault;

/// How long the command may take until its first words: an ssh connection to the
/// other end of the world, with a key.
pub const HELLO_PATIENCE: Duration = Duration::from_secs(20);

/// How long a lookup at the far end may take.
const RESOLVE_PATIENCE: Duration = Duration::from_mins(1);

/// How long the answer to a small question may take.
const CLOCK_PATIENCE: Duration = Duration::from_secs(10);

/// What a session may take beyond its own limits: the way to the agent and back,
/// and the agent's own turns.
const MARGIN: Duration = Duration::from_secs(30);

/// Lines before the first words that are passed over: login banners.
const BANNER_LINES: usize = 100;

/// Bytes of standard error that are kept for the message, from the end.
const LAST_WORDS: usize = 1024;

/// Why a vantage point does not observe, or no longer does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The command cannot be started.
    #[error("{command}: {error}")]
    Start {
        /// The command.
        command: String,
        /// The operating system's words.
        error: String,
    },
    /// It said nothing in time.
    #[error(
        "it said nothing for {0} s; if it asks for a password, let it use a key (ssh -o BatchMode=yes)"
    )]
    Silent(u64),
    /// It ended before it said who it is.
    #[error("it ended before it said who it is{0}")]
    EndedEarly(String),
    /// It is of another version, or another program.
    #[error(
        "it speaks {found:?}, and only {PROTOCOL:?} is known here: use the same mxray at both ends"
    )]
    Protocol {
        /// What it said it speaks.
        found: String,
    },
    /// It said something that makes no sense.
    #[error("it talks garbage: {0}")]
    Garbage(String),
    /// It ended, and was not to.
    #[error("it died{0}")]
    Died(String),
    /// It did not answer in time.
    #[error("it did not answer for {0} s")]
    Hangs(u64),
    /// The run was ended before it answered.
    #[error("interrupted")]
    Interrupted,
    /// It does not do what was asked.
    #[error("it refuses: {0}")]
    Refused(String),
    /// The proxy that leads there.
    #[error(transparent)]
    Proxy(#[from] ProxyFault),
}

impl Fault {
    /// Whether the agent is of no more use. One that refuses may do the next thing.
    fn is_final(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Interrupted)
    }
}

/// An agent that has said who it is.
pub struct Agent {
    hello: Hello,
    clock: ClockOffset,
    requests: mpsc::UnboundedSender<Request>,
    pending: Arc<Pending>,
    fault: watch::Sender<Option<Fault>>,
    next: AtomicU64,
    _child: Child,
}

/// How the far clock stands against ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOffset(SignedDuration);

impl ClockOffset {
    /// By the time at which the question left, the far clock, and the time at
    /// which its answer was here: half of the way is taken for each direction.
    fn measured(asked: Timestamp, far: Timestamp, answered: Timestamp) -> Self {
        let way = answered.duration_since(asked);
        Self(far.duration_since(asked) - way / 2)
    }

    /// In milliseconds; positive where the far clock is ahead.
    pub fn milliseconds(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }

    /// A time of the far clock, by ours.
    fn corrected(self, far: Timestamp) -> Timestamp {
        far.checked_sub(self.0).unwrap_or(far)
    }
}

/// Those who wait for an answer, by the id of their request.
type Pending = Mutex<HashMap<u64, mpsc::UnboundedSender<Say>>>;

impl Agent {
    /// Runs a command by the shell and waits for its first words.
    ///
    /// # Errors
    /// It cannot be started, says nothing in time, ends, or is of another version.
    pub async fn start(command: &str) -> Result<Self, Fault> {
        let failed = |error: std::io::Error| Fault::Start {
            command: command.to_owned(),
            error: error.to_string(),
        };
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            // Away from the terminal: a question for a password must not take it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Fault::EndedEarly(String::new()));
        };
        let words = LastWords::of(errors);
        let mut output = BufReader::new(output);
        let greeted = timeout(HELLO_PATIENCE, hello(&mut output)).await;
        let hello = match greeted {
            Err(_) => return Err(Fault::Silent(HELLO_PATIENCE.as_secs())),
            Ok(Ok(Some(hello))) => hello,
            Ok(Ok(None)) => return Err(Fault::EndedEarly(words.said().await)),
            Ok(Err(fault)) => return Err(fault),
        };
        if hello.protocol != PROTOCOL {
            return Err(Fault::Protocol { found: hello.protocol });
        }
        let mut agent = Self::running(hello, child, input, output, words);
        agent.clock = agent.measure_clock().await?;
        Ok(agent)
    }

    fn running(
        hello: Hello,
        child: Child,
        input: ChildStdin,
        output: BufReader<ChildStdout>,
        words: LastWords,
    ) -> Self {
        let (requests, queue) = mpsc::unbounded_channel();
        let pending = Arc::new(Pending::default());
        let fault = watch::Sender::new(None);
        tokio::spawn(write(queue, input));
        let listening = listen(output, words, pending.clone(), fault.clone());
        tokio::spawn(listening);
        let clock = ClockOffset::default();
        let next = AtomicU64::new(1);
        Self { hello, clock, requests, pending, fault, next, _child: child }
    }

    /// Who it is.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// How its clock stands against ours.
    pub fn clock(&self) -> ClockOffset {
        self.clock
    }

    /// What has kept it from observing, if anything has.
    pub fn fault(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }

    /// What DNS says of a target there.
    ///
    /// # Errors
    /// The agent failed or refuses.
    pub async fn resolve(&self, wanted: Resolve) -> Result<Resolved, Fault> {
        match self.ask(Ask::Resolve(wanted), RESOLVE_PATIENCE, &|_| {}).await? {
            Say::Route(resolved) => Ok(*resolved),
            _ => Err(self.failed(Fault::Garbage("an answer to another question".into()))),
        }
    }

    /// One connection from there. Its time is by our clock.
    ///
    /// # Errors
    /// The agent failed or refuses: nothing was observed.
    pub async fn observe(
        &self,
        probe: Probe,
        progress: &(dyn Fn(Stage) + Sync),
    ) -> Result<Observation, Fault> {
        let patience = probe.limits.session + probe.limits.greeting + MARGIN;
        let ask = Ask::Probe(Box::new(PlannedProbe::of(&probe)));
        let Say::Observed(recording) = self.ask(ask, patience, progress).await? else {
            return Err(self.failed(Fault::Garbage("an answer to another question".into())));
        };
        let observed = recording.observation("");
        let observed = observed
            .map_err(|error| self.failed(Fault::Garbage(format!("a recording: {error}"))))?;
        let started_at = self.clock.corrected(observed.started_at);
        // What was planned is what we planned, whatever comes back as such.
        Ok(Observation { probe, started_at, ..observed })
    }

    async fn measure_clock(&self) -> Result<ClockOffset, Fault> {
        let asked = Timestamp::now();
        match self.ask(Ask::Clock, CLOCK_PATIENCE, &|_| {}).await? {
            Say::Clock { now } => Ok(ClockOffset::measured(asked, now, Timestamp::now())),
            _ => Err(self.failed(Fault::Garbage("an answer to another question".into()))),
        }
    }

    /// Asks, and waits for the last word on it.
    async fn ask(
        &self,
        ask: Ask,
        patience: Duration,
        progress: &(dyn Fn(Stage) + Sync),
    ) -> Result<Say, Fault> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (answers, mut said) = mpsc::unbounded_channel();
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answers);
        if let Some(fault) = self.fault() {
            return Err(fault);
        }
        let _ = self.requests.send(Request { id, ask });
        let answered = timeout(patience, async {
            loop {
                match said.recv().await {
                    Some(Say::Stage(stage)) => progress(stage),
                    other => break other,
                }
            }
        });
        let answered = answered.await;
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        match answered {
            Ok(Some(Say::Refused(why))) => Err(Fault::Refused(why)),
            Ok(Some(say)) => Ok(say),
            Ok(None) => Err(self.fault().unwrap_or_else(|| Fault::Died(String::new()))),
            Err(_) => Err(self.failed(Fault::Hangs(patience.as_secs()))),
        }
    }

    /// Notes a fault; the first one stands.
    fn failed(&self, fault: Fault) -> Fault {
        note(&self.fault, &fault);
        fault
    }
}

fn note(noted: &watch::Sender<Option<Fault>>, fault: &Fault) {
    noted.send_if_modified(|known| {
        let first = known.is_none() && fault.is_final();
        if first {
            *known = Some(fault.clone());
        }
        first
    });
}

/// The agent's first words, behind whatever a login prints first; `None` where the
/// stream ends before.
async fn hello(output: &mut BufReader<ChildStdout>) -> Result<Option<Hello>, Fault> {
    let mut banner = None;
    for _ in 0..BANNER_LINES {
        let line = wire::line(output, wire::LONGEST_REQUEST).await;
        let line = line.map_err(|error| Fault::Garbage(error.to_string()))?;
        let Some(line) = line else { return Ok(None) };
        if let Ok(Greeting { hello }) = serde_json::from_slice(&line) {
            return Ok(Some(hello));
        }
        banner.get_or_insert(line);
    }
    let first = String::from_utf8_lossy(&banner.unwrap_or_default()).into_owned();
    Err(Fault::Garbage(format!("it began with {first:?} and never said who it is")))
}

async fn write(mut queue: mpsc::UnboundedReceiver<Request>, mut to: ChildStdin) {
    while let Some(request) = queue.recv().await {
        let Ok(mut line) = serde_json::to_vec(&request) else { continue };
        line.push(b'\n');
        // Where the agent is gone, the end of its output says so.
        if to.write_all(&line).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

/// Hands answers to those who wait for them, until the stream ends or makes no sense.
async fn listen(
    mut output: BufReader<ChildStdout>,
    words: LastWords,
    pending: Arc<Pending>,
    fault: watch::Sender<Option<Fault>>,
) {
    let ended = loop {
        let line = match wire::line(&mut output, LONGEST_ANSWER).await {
            Ok(Some(line)) => line,
            Ok(None) => break Fault::Died(words.said().await),
            Err(error) => break Fault::Garbage(error.to_string()),
        };
        let Ok(Answer { id, say }) = serde_json::from_slice(&line) else {
            break Fault::Garbage(format!("{:?}", excerpt(&line)));
        };
        let waiting = pending.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer that came too late is dropped.
        if let Some(waiting) = waiting.get(&id) {
            let _ = waiting.send(say);
        }
    };
    note(&fault, &ended);
    // Whoever still waits is told by the end of his channel.
    pending.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// The beginning of a line, for a message.
fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line.get(..80).unwrap_or(line)).into_owned()
}

/// What a command writes to standard error: its end says why it ended.
struct LastWords(oneshot::Receiver<String>);

impl LastWords {
    fn of(errors: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (said, words) = oneshot::channel();
        tokio::spawn(async move {
            let _ = said.send(last_words(errors).await);
        });
        Self(words)
    }

    /// `: ` and its last line, once it has ended; nothing if it said nothing.
    async fn said(self) -> String {
        let words = timeout(Duration::from_secs(1), self.0).await;
        match words {
            Ok(Ok(words)) if !words.is_empty() => format!(": {words}"),
            _ => String::new(),
        }
    }
}

async fn last_words(mut errors: impl AsyncRead + Unpin) -> String {
    let mut kept: VecDeque<u8> = VecDeque::new();
    let mut buffer = [0; 512];
    while let Ok(read @ 1..) = errors.read(&mut buffer).await {
        kept.extend(buffer.get(..read).unwrap_or_default());
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(kept.make_contiguous()).into_owned();
    text.trim_end().lines().last().unwrap_or_default().to_owned()
}
