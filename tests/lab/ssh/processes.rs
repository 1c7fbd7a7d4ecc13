//! Which processes there are in the sandbox, which has process numbers of its own.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// What a vantage point consists of: the client's ssh, the far agent, a far command.
const OURS: [&str; 4] = ["ssh -F ", "mxray agent ", "cat ", "mxray check "];

/// Processes that live, by number, with the words of their command.
fn all() -> Result<Vec<(Pid, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(id) = id.and_then(Pid::from_raw) else { continue };
        // One that has just ended has no words any more.
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let name = words.split(' ').next().unwrap_or_default().rsplit('/').next();
        let rest = words.split_once(' ').map_or("", |(_, rest)| rest);
        found.push((id, format!("{} {rest}", name.unwrap_or_default())));
    }
    Ok(found)
}

/// Looks until there is something to see.
pub(super) fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        ensure!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        thread::sleep(LOOK);
    }
}

/// Whether there is a process whose command begins so.
pub(super) fn is_there(beginning: &str) -> Result<Option<()>> {
    Ok(all()?.iter().any(|(_, words)| words.starts_with(beginning)).then_some(()))
}

/// Sends a signal to the process whose command begins so, once it is there.
pub(super) fn signal(beginning: &str, signal: Signal) -> Result<Pid> {
    let found = || Ok(all()?.into_iter().find(|(_, words)| words.starts_with(beginning)));
    let (id, _) = until(beginning, found)?;
    kill_process(id, signal).with_context(|| format!("{signal:?} to {beginning}"))?;
    Ok(id)
}

/// Waits until nothing of a vantage point is left, at either end.
pub(super) fn none_left() -> Result<()> {
    let left = || -> Result<Vec<String>> {
        let left = all()?.into_iter().map(|(_, words)| words);
        Ok(left.filter(|words| OURS.iter().any(|ours| words.starts_with(ours))).collect())
    };
    until("the end of all processes", || Ok(left()?.is_empty().then_some(())))
        .with_context(|| format!("left over: {:?}", left().unwrap_or_default()))
}
