//! Runs `postconf` and hands on what it prints.
//!
//! Owns where it is found, how long it may take, how much it may print, and which
//! instances are asked for. Only reads: every call is one of `-n`, `-x`, `-M`. Refuses
//! to know what a setting means.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::future::join3;
use mxray::egress::postconf::{Configuration, WANTED, parameters, services};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::files;

/// The longest that one call may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// The most that is read of what one call prints, in bytes.
const MOST_PRINTED: u64 = 1 << 20;
/// Most instances that are read.
const MOST_INSTANCES: usize = 32;
/// Why nothing is asked of it any more.
const NOT_AGAIN: &str = "not asked for, since postconf did not end before";
/// Where it is, beside `PATH`: users who are not root often lack these.
const PLACES: [&str; 3] = ["postconf", "/usr/sbin/postconf", "/usr/local/sbin/postconf"];

/// Programs of other mail servers, and whose they are.
const OTHERS: [(&str, &str); 5] = [
    ("/usr/sbin/exim4", "Exim"),
    ("/usr/sbin/exim", "Exim"),
    ("/usr/sbin/smtpctl", "OpenSMTPD"),
    ("/usr/local/sbin/exim", "Exim"),
    ("/usr/local/sbin/smtpctl", "OpenSMTPD"),
];

/// Other mail servers that are installed here, each once.
pub(super) fn others() -> Vec<String> {
    let there = OTHERS.iter().filter(|(path, _)| Path::new(path).exists());
    let names: BTreeSet<&str> = there.map(|(_, name)| *name).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Postfix {
    /// One an instance; empty where there is no Postfix.
    pub(super) configurations: Vec<Configuration>,
    /// Instances of which nothing could be read, beside some that were.
    pub(super) unread: Vec<Configuration>,
    /// Why nothing at all could be read although it is there, or was asked for.
    pub(super) error: Option<String>,
}

impl Postfix {
    /// The name that the first instance says in EHLO.
    pub(super) fn helo_name(&self) -> Option<String> {
        let first = self.configurations.first()?;
        let name = first.value_for(first.default_service(), "smtp_helo_name")?;
        mxray::smtp::argument::is_ehlo_argument(name).then(|| name.to_owned())
    }
}

/// Reads the instances in these directories, or Postfix's own, and those that they
/// name; no call takes longer than `patience`.
pub(super) async fn read(directories: &[PathBuf], patience: Duration) -> Postfix {
    let mut wanted: Vec<Option<String>> =
        directories.iter().map(|path| Some(path.display().to_string())).collect();
    if wanted.is_empty() {
        wanted.push(None);
    }
    let mut postfix = Postfix::default();
    let (mut next, mut hangs) = (0, false);
    while let Some(directory) = wanted.get(next).cloned() {
        // Named by another one, and not by the user.
        let is_further = next >= directories.len().max(1);
        next += 1;
        if next > MOST_INSTANCES {
            let words = format!("only {MOST_INSTANCES} instances are read");
            postfix.unread.push(unread(directory, words));
            continue;
        }
        // What hung once would hang again, for every instance that is left.
        if hangs {
            postfix.unread.push(unread(directory, NOT_AGAIN.to_owned()));
            continue;
        }
        let begun = Instant::now();
        match instance(directory.as_deref(), patience).await {
            // A further instance that nobody starts sends nothing.
            Ok(configuration) if is_further && configuration.is_disabled() => {}
            Ok(configuration) => {
                let further = configuration.further_instances().into_iter().map(Some);
                let unknown: Vec<_> = further.filter(|one| !wanted.contains(one)).collect();
                wanted.extend(unknown);
                postfix.configurations.push(configuration);
            }
            // Without Postfix there is nothing to say, unless it was asked for.
            Err(Fault::Missing) if directories.is_empty() => {}
            Err(fault) => postfix.unread.push(unread(directory, fault.words())),
        }
        hangs = begun.elapsed() >= patience;
    }
    if postfix.configurations.is_empty() {
        let problems = postfix.unread.drain(..).filter_map(|one| one.problem);
        postfix.error = problems.reduce(|all, next| format!("{all}; {next}"));
    }
    postfix
}

fn unread(directory: Option<String>, problem: String) -> Configuration {
    Configuration { directory, problem: Some(problem), ..Configuration::default() }
}

/// Why a call gave nothing.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Failed(String),
}

impl Fault {
    fn words(self) -> String {
        match self {
            Self::Missing => "postconf is not installed, or not in PATH".to_owned(),
            Self::Failed(words) => words,
        }
    }
}

/// Reads one instance, by three calls at once.
async fn instance(directory: Option<&str>, patience: Duration) -> Result<Configuration, Fault> {
    let of_instance: Vec<&str> = directory.iter().flat_map(|path| ["-c", *path]).collect();
    let [set, master] = ["-n", "-M"].map(|word| [of_instance.as_slice(), &[word]].concat());
    let effective = [of_instance.as_slice(), &["-x"], &WANTED].concat();
    let called = join3(call(&set, patience), call(&master, patience), call(&effective, patience));
    let (set, master, effective) = called.await;
    let set = set?;
    let mut problems = Vec::new();
    let mut keep = |called: Result<String, Fault>| {
        called.unwrap_or_else(|fault| {
            problems.push(fault.words());
            String::new()
        })
    };
    let mut configuration = Configuration {
        directory: directory.map(str::to_owned),
        set: parameters(&set),
        effective: parameters(&keep(effective)),
        services: services(&keep(master)),
        problem: (!problems.is_empty()).then(|| problems.join("; ")),
        ..Configuration::default()
    };
    files::look(&mut configuration).await;
    Ok(configuration)
}

/// Runs it with these arguments; what it prints.
async fn call(arguments: &[&str], patience: Duration) -> Result<String, Fault> {
    for place in PLACES {
        match call_at(Path::new(place), arguments, patience).await {
            Err(Fault::Missing) => {}
            answered => return answered,
        }
    }
    Err(Fault::Missing)
}

async fn call_at(place: &Path, arguments: &[&str], patience: Duration) -> Result<String, Fault> {
    let line =
        format!("postconf {}", arguments.iter().take(3).copied().collect::<Vec<_>>().join(" "));
    match timeout(patience, printed(place, arguments)).await {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Err(Fault::Missing),
        Ok(Err(error)) => Err(Fault::Failed(format!("`{line}` failed: {error}"))),
        Err(_) => Err(Fault::Failed(format!("`{line}` took longer than {patience:?}"))),
    }
}

async fn printed(program: &Path, arguments: &[&str]) -> io::Result<String> {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (out, complaint) = tokio::join!(capped(child.stdout.take()), capped(child.stderr.take()));
    let (out, complaint) = (out?, complaint?);
    if out.len() as u64 > MOST_PRINTED {
        return Err(io::Error::other("it prints more than a configuration has"));
    }
    let status = child.wait().await?;
    if status.success() {
        return Ok(out);
    }
    // The last line is the reason; warnings come before it.
    match complaint.lines().last() {
        Some(reason) => Err(io::Error::other(format!("{status}: {reason}"))),
        None => Err(io::Error::other(status.to_string())),
    }
}

/// What comes, up to a cap and one byte more that tells.
async fn capped(stream: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(MOST_PRINTED + 1).read_to_end(&mut bytes).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far below what the script would take, and far above what it needs to begin.
    const SHORT: Duration = Duration::from_millis(200);

    async fn called(script: &str) -> Result<String, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("postconf");
        // Another process writes it. A child that a test beside this one starts holds, for
        // a moment, whatever is open for writing here: it could not be run (ETXTBSY).
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "printf '%s\\n' '#!/bin/sh' \"$1\" >\"$0\" && chmod 755 \"$0\""]);
        assert!(shell.arg(&place).arg(script).status().unwrap().success());
        call_at(&place, &["-c", "/etc/postfix-out", "-n", "ignored"], SHORT).await
    }

    #[tokio::test]
    async fn a_postconf_that_hangs_is_given_up() {
        // Silent, after a part of its output, and with its output closed.
        for script in ["exec sleep 600", "echo a = b; exec sleep 600", "exec sleep 600 >&- 2>&-"] {
            let words = "`postconf -c /etc/postfix-out -n` took longer than 200ms";
            // The script takes ten minutes.
            let given_up = timeout(Duration::from_mins(5), called(script)).await;
            assert_eq!(given_up, Ok(Err(Fault::Failed(words.to_owned()))), "{script}");
        }
    }
}
