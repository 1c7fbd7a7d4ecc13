//! The command behind a vantage point, as a process.
//!
//! Owns its birth away from the user's terminal, its death with everything that it
//! started, and its complaints. Refuses to know what it is for.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::fault::Ending;

/// Bytes of standard error that are kept for the message, from the end.
const LAST_WORDS: usize = 1024;

/// How long is waited for the end of a command that has closed its output.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked at whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

/// A command that the shell runs, and all that it started.
pub(super) struct Child(tokio::process::Child);

/// The ends of its streams.
pub(super) struct Streams {
    /// What it reads.
    pub(super) input: ChildStdin,
    /// What it answers.
    pub(super) output: ChildStdout,
    /// What it complains about.
    pub(super) errors: ChildStderr,
}

impl Child {
    /// Has the shell run a command, in a session of its own: without a controlling
    /// terminal, so that neither ssh nor sudo can write a question into the user's,
    /// nor wait there for an answer.
    ///
    /// # Errors
    /// Neither `setsid` nor the shell can be started.
    pub(super) fn start(command: &str) -> io::Result<(Self, Streams)> {
        let mut session = Command::new("setsid");
        let mut shell = Command::new("/bin/sh");
        // Where there is no setsid, a process group of its own keeps it from reading
        // the terminal, and OpenSSH asks this program in the place of the terminal.
        shell.process_group(0).env("SSH_ASKPASS_REQUIRE", "force").env("SSH_ASKPASS", "false");
        let mut spawned = spawn(session.arg("/bin/sh"), command);
        if spawned.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            spawned = spawn(&mut shell, command);
        }
        let mut child = spawned?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = streams else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        Ok((Self(child), Streams { input, output, errors }))
    }

    /// Its exit status, where it ends soon and not by a signal. It is only looked at, and
    /// keeps its id, by which what it left running is still ended.
    pub(super) async fn status(&self) -> Option<i32> {
        let id = self.id()?;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = async {
            loop {
                match waitid(WaitId::Pid(id), look) {
                    Ok(Some(status)) => break status.exit_status(),
                    Ok(None) => sleep(LOOK).await,
                    Err(_) => break None,
                }
            }
        };
        timeout(END_PATIENCE, ended).await.ok()?
    }

    fn id(&self) -> Option<Pid> {
        self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }
}

fn spawn(shell: &mut Command, command: &str) -> io::Result<tokio::process::Child> {
    shell
        .arg("-c")
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

impl Drop for Child {
    /// Ends the command and all that it started: an ssh, a pipe behind it. It has not
    /// been waited for, so no other process can have its id.
    fn drop(&mut self) {
        if let Some(group) = self.id() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What a command writes to standard error: its end says what is wrong.
#[derive(Clone)]
pub(super) struct Complaints {
    kept: Arc<Mutex<VecDeque<u8>>>,
    ended: watch::Receiver<bool>,
}

impl Complaints {
    pub(super) fn of(errors: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let kept = Arc::<Mutex<VecDeque<u8>>>::default();
        let (end, ended) = watch::channel(false);
        tokio::spawn(keep(errors, kept.clone(), end));
        Self { kept, ended }
    }

    /// Its last line so far that says more than where help is.
    pub(super) fn last(&self) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(kept.make_contiguous()).into_owned();
        // Behind what is wrong, many programs name their help, and mxray what to type.
        let is_help = |line: &str| line.contains("--help") || line.starts_with("mxray: hint: ");
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
        let telling = lines().rfind(|line| !is_help(line));
        telling.or(lines().next_back()).unwrap_or_default().to_owned()
    }

    /// Its last line, once it has ended.
    pub(super) async fn at_the_end(&mut self) -> String {
        // What the command left running may keep the stream open.
        let _ = timeout(END_PATIENCE, self.ended.wait_for(|ended| *ended)).await;
        self.last()
    }

    /// How a command ended that said nothing else.
    pub(super) async fn ending(&mut self, child: &Child, began: Option<String>) -> Ending {
        let words = self.at_the_end().await;
        Ending { status: child.status().await, words, began }
    }
}

async fn keep(
    mut errors: impl AsyncRead + Unpin,
    kept: Arc<Mutex<VecDeque<u8>>>,
    end: watch::Sender<bool>,
) {
    let mut buffer = [0; 512];
    while let Ok(read @ 1..) = errors.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(buffer.get(..read).unwrap_or_default());
        let surplus = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..surplus);
    }
    end.send_replace(true);
}
