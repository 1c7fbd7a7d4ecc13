//! Commands that end, and daemons that do not.
//!
//! Owns how both are started in a network namespace, how long they may take,
//! and what a failure shows. Refuses to know what they are for.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::sandbox;

/// The longest that a command may take, in seconds, as `timeout` spells it.
const COMMAND_SECONDS: &str = "120";
/// The longest that a daemon may take to serve.
const START: Duration = Duration::from_mins(1);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Lines of a log that a failure shows.
const LOG_LINES: usize = 60;

/// A command in a network namespace, ended when it takes too long.
pub(crate) fn command(namespace: &str, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=1", COMMAND_SECONDS, "ip", "netns", "exec", namespace]);
    command.arg(program.as_ref()).stdin(Stdio::null());
    command
}

/// What a command did and said.
pub(crate) struct Outcome {
    line: String,
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it complained about.
    pub(crate) stderr: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, status, stdout, stderr } = self;
        write!(f, "$ {line}\n{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// Runs to the end, whatever the exit status.
pub(crate) fn observe(command: &mut Command) -> Result<Outcome> {
    let line = spelled(command);
    let output = command.output().with_context(|| format!("cannot start: {line}"))?;
    Ok(outcome(line, &output))
}

/// Waits for the end of one that was started with its output piped.
pub(crate) fn ended(child: Child) -> Result<Outcome> {
    let line = format!("process {}", child.id());
    Ok(outcome(line, &child.wait_with_output()?))
}

fn outcome(line: String, output: &Output) -> Outcome {
    Outcome {
        line,
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs to the end, and a failure of the command is an error; gives what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let outcome = observe(command)?;
    if !outcome.status.success() {
        bail!("{outcome}");
    }
    Ok(outcome.stdout)
}

fn spelled(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A program that serves until it is dropped.
pub(crate) struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `program` in the foreground; what it says goes into a file beside the others.
    pub(crate) fn start(namespace: &str, name: &str, command: &[&str]) -> Result<Self> {
        let log = sandbox::folder("log")?.join(name);
        let file = File::create(&log)?;
        let child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .args(command)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Waits until `serving` holds. A daemon that ends before, or takes longer
    /// than a minute, is an error that shows its log.
    pub(crate) fn await_serving(
        &mut self,
        mut serving: impl FnMut(&str) -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + START;
        while !serving(&self.log())? {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended: {status}\n{}", self.name, self.log());
            }
            if Instant::now() > deadline {
                bail!("{} does not serve after {START:?}\n{}", self.name, self.log());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// All that it said so far.
    pub(crate) fn said(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The last lines of what it said.
    pub(crate) fn log(&self) -> String {
        let text = self.said();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
        format!("--- log of {}\n{}", self.name, tail.join("\n"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Best effort: it may have ended, and the sandbox ends what is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
