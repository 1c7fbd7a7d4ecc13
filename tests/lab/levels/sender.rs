//! A Postfix that sends, in `client`: one transport a level, chosen by the sender's
//! address, one queue and one log.
//!
//! Owns its configuration and how its log is read. Refuses to know what is predicted.
//! Nothing that it sends is taken: every server of the lab refuses every recipient,
//! and that it came to the recipient is what counts as a delivery.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use mxray::policy::postfix::LEVELS;

use crate::mta;
use crate::pki::Authority;
use crate::process::{self, Daemon};
use crate::sandbox;
use crate::topology::CLIENT;

/// Where it takes mail from itself.
const SUBMISSION: &str = "127.0.0.1:10025";
/// The transport whose levels are in a map, read when its first message comes.
const MAPPED: &str = "mapped";
/// The map, below the sender's folder.
const MAP: &str = "tls_policy";
/// The transport whose client runs in a chroot.
const CHROOTED: &str = "chrooted";
/// The longest that it may take over a message.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Transports with a mistake each: the name, and what master.cf sets for it.
const PLANTED: [(&str, &str); 24] = [
    ("map-absent", "smtp_tls_policy_maps=hash:/nonexistent/policy"),
    ("text-map-absent", "smtp_tls_policy_maps=texthash:/nonexistent/policy"),
    ("ca-absent", "smtp_tls_CAfile=/nonexistent/ca.pem"),
    ("ca-needed", "smtp_tls_CAfile=/nonexistent/ca.pem -o smtp_tls_security_level=encrypt"),
    ("cert-absent", "smtp_tls_cert_file=/nonexistent/key.pem"),
    ("key-alone", "smtp_tls_key_file=/nonexistent/key.pem"),
    ("level-empty", "smtp_tls_security_level="),
    ("elsewhere", "smtp_bind_address=203.0.113.99"),
    (
        "elsewhere6",
        "inet_protocols=all -o smtp_address_preference=ipv6 -o smtp_bind_address6=2001:db8::99",
    ),
    ("enforced", "smtp_bind_address=203.0.113.99 -o smtp_bind_address_enforce=yes"),
    (
        "other-family",
        "smtp_bind_address=2001:db8:100::10 -o inet_protocols=all -o smtp_address_preference=ipv4",
    ),
    ("unread-family", "smtp_bind_address=2001:db8:100::10"),
    ("bound-to-name", "smtp_bind_address=out.egress.test"),
    ("other-case", "smtp_tls_security_level=Encrypt"),
    ("invalid-level", "smtp_tls_security_level=yes"),
    ("map-invalid", "smtp_tls_policy_maps=static:dame"),
    ("map-clear", "smtp_tls_policy_maps=static:NONE"),
    ("map-inline", "{ smtp_tls_policy_maps=inline:{ {postfix.test = none} } }"),
    ("map-dane", "smtp_tls_policy_maps=static:dane -o smtp_dns_support_level=enabled"),
    ("map-dane-only", "smtp_tls_policy_maps=static:dane-only -o smtp_dns_support_level=enabled"),
    ("unsigned-dane-only", "smtp_tls_security_level=dane-only -o smtp_host_lookup=native"),
    ("wrapped", "smtp_tls_wrappermode=yes"),
    ("wrapped-25", "smtp_tls_wrappermode=yes -o smtp_tls_security_level=encrypt"),
    (CHROOTED, "smtp_tls_loglevel=1"),
];

/// What it did with one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// `clear`, `tls` or `deferred`.
    pub(crate) delivery: &'static str,
    /// The word before `TLS connection established`, where there was one.
    pub(crate) log: Option<String>,
    /// What it logged behind `status=`.
    pub(crate) status: String,
}

/// The running Postfix.
pub(crate) struct Sender {
    folder: PathBuf,
    daemon: Daemon,
}

impl Sender {
    /// Starts it, and waits until it takes mail.
    pub(crate) fn start(authority: &Authority) -> Result<Self> {
        let folder = sandbox::folder("sender")?;
        mta::prepare(&folder)?;
        let planted = PLANTED.map(|(name, _)| name);
        let names = LEVELS.into_iter().chain([MAPPED]).chain(planted);
        let transports: Vec<String> =
            names.map(|name| format!("{name}@sender.test={name}:")).collect();
        let main = format!(
            include_str!("../etc/sender-main.cf"),
            folder = folder.display(),
            ca = authority.file.display(),
            transports = transports.join(" "),
        );
        let services = LEVELS.map(|level| {
            format!(
                "{level} unix - - n - - smtp -o syslog_name={level} \
                 -o smtp_tls_security_level={level}\n"
            )
        });
        sandbox::write_aged(&folder.join("main.cf"), &main)?;
        let mapped = format!(
            "{MAPPED} unix - - n - - smtp -o syslog_name={MAPPED} -o smtp_tls_security_level=may \
             -o smtp_tls_policy_maps=texthash:{}\n",
            folder.join(MAP).display()
        );
        let fixed = include_str!("../etc/sender-master.cf");
        let planted = PLANTED.map(|(name, setting)| {
            let chroot = if name == CHROOTED { "y" } else { "n" };
            format!(
                "{name} unix - - {chroot} - - smtp -o syslog_name={name} -o smtp_tls_security_level=may \
                 -o {setting}\n"
            )
        });
        let master = fixed.to_owned() + &services.concat() + &mapped + &planted.concat();
        sandbox::write_aged(&folder.join("master.cf"), &master)?;
        let command = ["postfix", "-c", &folder.display().to_string(), "start-fg"];
        let mut daemon = Daemon::start(CLIENT, "sender", &command)?;
        daemon.await_serving(|log| Ok(log.contains("daemon started")))?;
        Ok(Self { folder, daemon })
    }

    /// Its configuration directory, with its queue.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sends a message to a domain at each level, and waits for what becomes of them.
    pub(crate) fn send(domain: &str) -> Result<Vec<Attempt>> {
        let before = lines()?.len();
        for level in LEVELS {
            submit(level, domain)?;
        }
        LEVELS.into_iter().map(|level| Self::attempt(level, domain, before)).collect()
    }

    /// Sends a message to each domain at `may`, or what this map says in its place.
    pub(crate) fn send_by_map(&self, map: &str, domains: &[&str]) -> Result<Vec<Attempt>> {
        fs::write(self.folder.join(MAP), map)?;
        let before = lines()?.len();
        for domain in domains {
            submit(MAPPED, domain)?;
        }
        domains.iter().map(|domain| Self::attempt(MAPPED, domain, before)).collect()
    }

    /// Sends a message by a transport, and waits for what becomes of it.
    pub(crate) fn send_by(transport: &str, domain: &str) -> Result<Attempt> {
        let before = lines()?.len();
        submit(transport, domain)?;
        Self::attempt(transport, domain, before)
    }

    /// Sends a message by a transport whose client ends before anything becomes of it,
    /// and waits for its last words.
    pub(crate) fn fail_by(transport: &str, domain: &str, words: &str) -> Result<()> {
        let before = lines()?.len();
        submit(transport, domain)?;
        let deadline = Instant::now() + PATIENCE;
        let is_last =
            |line: &&String| line.contains(&format!("{transport}/")) && line.contains(words);
        while lines()?.iter().skip(before).find(is_last).is_none() {
            ensure!(Instant::now() < deadline, "{transport} never said {words}");
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Has it try again what it deferred, until a message at this level is delivered.
    pub(crate) fn try_again(&self, level: &str, domain: &str) -> Result<Attempt> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = lines()?.len();
            let folder = self.folder.display().to_string();
            process::run(process::command(CLIENT, "postfix").args(["-c", &folder, "flush"]))?;
            let attempt = Self::attempt(level, domain, before)?;
            if attempt.delivery != "deferred" || Instant::now() > deadline {
                return Ok(attempt);
            }
        }
    }

    /// All that it said so far.
    pub(crate) fn said(&self) -> String {
        self.daemon.said()
    }

    /// The last of what it said, for a failure.
    pub(crate) fn log(&self) -> String {
        self.daemon.log()
    }

    /// Waits for the line that says what became of a message, behind so many others.
    fn attempt(level: &str, domain: &str, behind: usize) -> Result<Attempt> {
        let to = format!("to=<{level}@{domain}>");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = lines()?;
            let is_status = |line: &String| line.contains(&to) && line.contains(" status=");
            if let Some(at) = lines.iter().skip(behind).position(is_status) {
                let until = lines.get(..=behind + at).unwrap_or_default();
                return read(until).with_context(|| lines.join("\n"));
            }
            if Instant::now() > deadline {
                bail!("nothing became of {to} at {level}\n{}", lines.join("\n"));
            }
            thread::sleep(LOOK);
        }
    }
}

/// The log so far.
fn lines() -> Result<Vec<String>> {
    let log = fs::read(sandbox::folder("log")?.join("sender"))?;
    Ok(String::from_utf8_lossy(&log).lines().map(ToOwned::to_owned).collect())
}

/// Hands the sender a message; the local part of its addresses is the transport.
fn submit(transport: &str, domain: &str) -> Result<()> {
    let mut source = process::command(CLIENT, "smtp-source");
    source.args(["-c", "-l", "64", "-f", &format!("{transport}@sender.test")]);
    source.args(["-t", &format!("{transport}@{domain}"), &format!("inet:{SUBMISSION}")]);
    process::run(&mut source).map(drop)
}

/// Reads an attempt from the log that ends with its status line: the same process
/// logs the connection just before.
fn read(lines: &[String]) -> Option<Attempt> {
    let (last, before) = lines.split_last()?;
    let (_, status) = last.split_once(" status=")?;
    let process = process_of(last)?;
    let log = before
        .iter()
        .rev()
        .filter(|line| process_of(line) == Some(process))
        .take_while(|line| !line.contains(" status="))
        .find_map(|line| line.split_once(" TLS connection established to "))
        .and_then(|(head, _)| head.rsplit(' ').next())
        .map(ToOwned::to_owned);
    let came_to_the_recipient = status.starts_with("sent")
        || ["MAIL FROM", "RCPT TO"]
            .iter()
            .any(|command| status.contains(&format!("(in reply to {command} command)")));
    let delivery = match (came_to_the_recipient, &log) {
        (true, Some(_)) => "tls",
        (true, None) => "clear",
        (false, _) => "deferred",
    };
    Some(Attempt { delivery, log, status: status.to_owned() })
}

/// `dane/smtp[123]`, of a log line.
fn process_of(line: &str) -> Option<&str> {
    line.split(' ').find(|word| word.contains("/smtp["))
}
