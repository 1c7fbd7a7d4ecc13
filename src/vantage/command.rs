//! A vantage point behind a command: `ssh host mxray agent --stdio`, `ip netns
//! exec …`, `docker exec -i …`.
//!
//! Owns its first words, questions and answers, and what counts as its fault: what an
//! agent does wrong ends as a [`Fault`], which is about us and never about a target.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::child::{Child, Complaints};
use super::clock::ClockOffset;
use super::fault::{Ending, Fault};
use super::pending::{Pending, Waiting, hand_on};
use super::wire::{
    self, AT_ONCE, Answer, Ask, Greeting, Hello, LONGEST_ANSWER, PROTOCOL, PlannedProbe, Request,
    Resolve, Resolved, Say,
};
use crate::model::observation::Observation;
use crate::model::probe::Probe;
use crate::model::report::ProbeReport;
use crate::model::session::Stage;

/// How long the command may take until its first words: an ssh connection to the
/// other end of the world, with a key.
pub const HELLO_PATIENCE: Duration = Duration::from_secs(20);

/// How long a lookup at the far end may take.
const RESOLVE_PATIENCE: Duration = Duration::from_mins(1);

/// How long the answer to a small question may take.
const CLOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a line that a message quotes.
const EXCERPT: usize = 200;

/// Characters that are kept of what an agent says of itself, or of why it refuses.
const MOST_WORDS: usize = 300;

/// Addresses of its own that an agent is believed to have.
const MOST_SOURCES: usize = 16;

/// How often an agent that is being waited for is asked a small question, to tell one
/// that works from one that hangs.
const PULSE: Duration = Duration::from_secs(5);

/// What a session may take beyond its own limits: the way to the agent and back,
/// and the agent's own turns.
const MARGIN: Duration = Duration::from_secs(30);

/// Lines before the first words that are passed over: login banners.
const BANNER_LINES: usize = 100;

/// An agent that has said who it is.
pub struct Agent {
    hello: Hello,
    clock: ClockOffset,
    line: Arc<Line>,
    // These end with it, and the command with them.
    _tasks: JoinSet<()>,
}

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
        let (child, streams) = Child::start(command).map_err(failed)?;
        let mut complaints = Complaints::of(streams.errors);
        let mut output = BufReader::new(streams.output);
        let mut began = None;
        let hello = match timeout(HELLO_PATIENCE, hello(&mut output, &mut began)).await {
            Ok(Ok(Some(hello))) => hello,
            Ok(Ok(None)) => {
                return Err(Fault::EndedEarly(complaints.ending(&child, began).await));
            }
            Ok(Err(fault)) => return Err(fault),
            Err(_) => {
                let ending = Ending { status: None, words: complaints.last(), began };
                return Err(Fault::Silent { seconds: HELLO_PATIENCE.as_secs(), ending });
            }
        };
        let (line, queue) = Line::new();
        let line = Arc::new(line);
        let mut tasks = JoinSet::new();
        tasks.spawn(write(queue, streams.input));
        tasks.spawn(listen(output, complaints, child, line.clone()));
        let clock = line.measure_clock().await.map_err(Fault::at_the_first_question)?;
        tasks.spawn(feel_pulse(line.clone()));
        Ok(Self { hello, clock, line, _tasks: tasks })
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
        self.line.fault()
    }

    /// What DNS says of a target there.
    ///
    /// # Errors
    /// The agent failed or refuses, or its clock makes good signatures seem bad.
    pub async fn resolve(&self, wanted: Resolve) -> Result<Resolved, Fault> {
        let _slot = self.line.slots.acquire().await;
        let resolved = match self.line.ask(Ask::Resolve(wanted), RESOLVE_PATIENCE, &|_| {}).await? {
            Say::Route(resolved) => *resolved,
            _ => return Err(self.line.failed(Fault::Garbage(ANOTHER_ANSWER.into()))),
        };
        if let Some(excess) = resolved.excess() {
            return Err(self.line.failed(Fault::Garbage(excess)));
        }
        self.clock.fault_of(&resolved.route).map_or(Ok(resolved), Err)
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
        let _slot = self.line.slots.acquire().await;
        let patience = probe.limits.session + probe.limits.greeting + MARGIN;
        let planned = PlannedProbe::of(&probe);
        let asked = Timestamp::now();
        let ask = Ask::Probe(Box::new(planned.clone()));
        let Say::Observed(recording) = self.line.ask(ask, patience, progress).await? else {
            return Err(self.line.failed(Fault::Garbage(ANOTHER_ANSWER.into())));
        };
        let garbage = |what: String| self.line.failed(Fault::Garbage(what));
        if let Some(stray) = stray(&recording.probe, &planned.probe) {
            return Err(garbage(stray));
        }
        let observed = recording.observation("");
        let observed = observed.map_err(|error| garbage(format!("a recording: {error}")))?;
        // The least that can happen is that a connection attempt ends.
        if observed.transcript.events.is_empty() {
            return Err(garbage("a recording in which nothing happens".to_owned()));
        }
        let started_at = self.clock.corrected(observed.started_at, asked, Timestamp::now());
        // What was planned is what we planned, whatever comes back as such.
        Ok(Observation { probe, started_at, ..observed })
    }
}

/// What is wrong with the recording of another session than the one that was asked
/// for; `None` where it is that one.
fn stray(recorded: &ProbeReport, planned: &ProbeReport) -> Option<String> {
    let is_it = recorded.ip == planned.ip
        && recorded.port == planned.port
        && recorded.mode == planned.mode
        && recorded.client_hello == planned.client_hello;
    let place = |probe: &ProbeReport| format!("[{}]:{}", probe.ip, probe.port);
    (!is_it).then(|| {
        format!("a recording of {} where {} was asked for", place(recorded), place(planned))
    })
}

/// What is wrong with an answer of another kind than its question.
const ANOTHER_ANSWER: &str = "an answer to another question";

/// Questions to an agent and its answers.
struct Line {
    requests: mpsc::UnboundedSender<Request>,
    pending: Mutex<Pending>,
    fault: watch::Sender<Option<Fault>>,
    next: AtomicU64,
    /// So much work has the agent at once, that no patience is spent on its queue.
    slots: Semaphore,
}

impl Line {
    fn new() -> (Self, mpsc::UnboundedReceiver<Request>) {
        let (requests, queue) = mpsc::unbounded_channel();
        let line = Self {
            requests,
            pending: Mutex::default(),
            fault: watch::Sender::new(None),
            next: AtomicU64::new(1),
            slots: Semaphore::new(AT_ONCE),
        };
        (line, queue)
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }

    async fn measure_clock(&self) -> Result<ClockOffset, Fault> {
        let asked = Timestamp::now();
        match self.ask(Ask::Clock, CLOCK_PATIENCE, &|_| {}).await? {
            Say::Clock { now } => Ok(ClockOffset::measured(asked, now, Timestamp::now())),
            _ => Err(self.failed(Fault::Garbage(ANOTHER_ANSWER.into()))),
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
        self.pending().insert(id, Waiting { answers, stages: 0 });
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
        self.pending().remove(&id);
        match answered {
            Ok(Some(Say::Refused(why))) => Err(Fault::Refused(shortened(&why))),
            Ok(Some(say)) => Ok(say),
            Ok(None) => Err(self.fault().unwrap_or_else(|| Fault::Died(Ending::default()))),
            Err(_) => Err(self.failed(Fault::Hangs(patience.as_secs()))),
        }
    }

    /// Notes a fault; the first one stands.
    fn failed(&self, fault: Fault) -> Fault {
        self.fault.send_if_modified(|known| {
            let first = known.is_none() && fault.is_final();
            if first {
                *known = Some(fault.clone());
            }
            first
        });
        fault
    }

    /// Notes a fault behind which nothing comes any more.
    fn end(&self, fault: Fault) {
        self.failed(fault);
        // Whoever still waits is told by the end of his channel.
        self.pending().clear();
    }
}

/// Asks a small question now and then while somebody waits for an answer to a large
/// one, for as long as there is an answer.
async fn feel_pulse(line: Arc<Line>) {
    loop {
        sleep(PULSE).await;
        if line.pending().is_empty() {
            continue;
        }
        if let Err(fault) = line.measure_clock().await {
            return line.end(fault);
        }
    }
}

/// The agent's first words, behind whatever a login prints first, which ends up in
/// `began`; `None` where the stream ends before.
async fn hello(
    output: &mut BufReader<ChildStdout>,
    began: &mut Option<String>,
) -> Result<Option<Hello>, Fault> {
    for _ in 0..BANNER_LINES {
        let line = wire::line(output, wire::LONGEST_REQUEST).await;
        let line = line.map_err(|error| Fault::Garbage(error.to_string()))?;
        let Some(line) = line else { return Ok(None) };
        if let Some(said) = greeting(&line) {
            return hello_of(said, &line).map(Some);
        }
        began.get_or_insert_with(|| excerpt(&line));
    }
    let began = began.take().unwrap_or_default();
    Err(Fault::Garbage(format!("it began with {began:?} and never said who it is")))
}

/// An agent's greeting in whatever version, also where a login left its last line open
/// before it.
fn greeting(line: &[u8]) -> Option<Value> {
    const BEGINNING: &[u8] = br#"{"hello":"#;
    let at = line.windows(BEGINNING.len()).position(|window| window == BEGINNING)?;
    serde_json::from_slice(line.get(at..)?).ok()
}

/// Who an agent is by its greeting, which another version may word otherwise.
fn hello_of(greeting: Value, line: &[u8]) -> Result<Hello, Fault> {
    let protocol = greeting.pointer("/hello/protocol").and_then(Value::as_str);
    if let Some(found) = protocol.filter(|protocol| *protocol != PROTOCOL) {
        return Err(Fault::Protocol { found: shortened(found) });
    }
    let Ok(Greeting { mut hello }) = serde_json::from_value(greeting) else {
        return Err(garbage(line));
    };
    hello.tool = shortened(&hello.tool);
    hello.sources.truncate(MOST_SOURCES);
    Ok(hello)
}

/// What is wrong with a line that is no answer.
fn garbage(line: &[u8]) -> Fault {
    if serde_json::from_slice::<Request>(line).is_ok() {
        return Fault::Garbage(
            "it sends back what it is asked, as a terminal does: let it run without one (ssh -T; \
             docker exec -i, not -it)"
                .into(),
        );
    }
    Fault::Garbage(format!("{:?}", excerpt(line)))
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
/// The command ends with it.
async fn listen(
    mut output: BufReader<ChildStdout>,
    mut complaints: Complaints,
    child: Child,
    line: Arc<Line>,
) {
    let mut stray = 0;
    let ended = loop {
        let said = match wire::line(&mut output, LONGEST_ANSWER).await {
            Ok(Some(said)) => said,
            Ok(None) => break Fault::Died(complaints.ending(&child, None).await),
            Err(error) => break Fault::Garbage(error.to_string()),
        };
        let Ok(Answer { id, say }) = serde_json::from_slice(&said) else {
            break garbage(&said);
        };
        if let Err(flood) = hand_on(&mut line.pending(), id, say, &mut stray) {
            break flood;
        }
    };
    line.end(ended);
}

/// The beginning of a line, for a message.
fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line.get(..EXCERPT).unwrap_or(line)).trim_end().to_owned()
}

/// As much of an agent's words as a message or a report has room for.
fn shortened(words: &str) -> String {
    words.chars().take(MOST_WORDS).collect()
}
