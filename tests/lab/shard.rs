//! Several worlds side by side, so that one's waiting is another's work.
//!
//! Each thread of the test runner has a sandbox of its own, entered at the first
//! trial that the thread takes: this binary again, which plays what it is told by
//! a line of standard input and answers with a line of standard output. Counting,
//! filters and the exit status stay where they are: with the runner.
//!
//! Owns those two lines. Refuses to know what a trial does, and what a world is.

use std::cell::RefCell;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::sandbox;

/// Worlds at once; docs/lab.md has the measurement.
pub(crate) const SHARDS: usize = 6;

thread_local! {
    /// The sandbox of this thread; the kernel ends it with the thread at the latest.
    static OWN: RefCell<Option<Shard>> = const { RefCell::new(None) };
}

/// A sandbox that plays trials, one at a time.
struct Shard {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Plays a trial in the sandbox of this thread; gives why it failed, if it did.
///
/// # Errors
/// The sandbox cannot be entered, or ended before it answered: the next trial
/// enters another.
pub(crate) fn play(number: usize) -> Result<Option<String>> {
    let mut shard = match OWN.take() {
        Some(shard) => shard,
        None => Shard::enter()?,
    };
    let answer = shard.play(number)?;
    OWN.set(Some(shard));
    Ok(answer)
}

/// What a sandbox does: it plays what it is told to until nothing more comes.
pub(crate) fn serve(play: impl Fn(usize) -> Option<String>) -> Result<()> {
    for line in io::stdin().lines() {
        let failure = play(line?.parse().context("no number of a trial")?);
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, &failure)?;
        writeln!(stdout)?;
    }
    Ok(())
}

impl Shard {
    fn enter() -> Result<Self> {
        let mut command = sandbox::command()?;
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().context("cannot enter the sandbox")?;
        let orders = child.stdin.take().context("no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, orders, answers })
    }

    fn play(&mut self, number: usize) -> Result<Option<String>> {
        writeln!(self.orders, "{number}").context("the sandbox takes no trial")?;
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the sandbox ended: {}", self.child.wait()?);
        }
        serde_json::from_str(&line).with_context(|| format!("no answer: {line}"))
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        // Best effort: it may have ended, and takes all that runs inside along.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
