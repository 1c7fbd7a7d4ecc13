//! What an independent prober sees: `posttls-finger`, of the Postfix project.
//!
//! Owns how it is asked and how its words are read. Refuses to know mxray.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::process::{self, Outcome};
use crate::sandbox;

/// All that it wants to be told.
const CONFIGURATION: &str = "compatibility_level = 3.6\ninet_interfaces = all\n";

/// One handshake as the oracle saw it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// `TLSv1.3`, …
    pub(crate) version: String,
    /// The suite in OpenSSL's name, which for TLS 1.3 is IANA's.
    pub(crate) cipher_suite: String,
    /// Group of the key exchange.
    pub(crate) key_exchange_group: String,
    /// SHA-256 of the leaf, lower-case hexadecimal.
    pub(crate) certificate_sha256: String,
}

/// Whether something says 220 at port 25 of an address.
pub(crate) fn greets(namespace: &str, address: &str) -> Result<bool> {
    Ok(ask(namespace, address, &["-l", "none"])?.stdout.contains("< 220 "))
}

/// Whether the EHLO reply of an address offers STARTTLS; an address without an
/// EHLO reply is an error.
pub(crate) fn offers_starttls(namespace: &str, address: &str) -> Result<bool> {
    let outcome = ask(namespace, address, &["-l", "may"])?;
    ensure!(outcome.stdout.contains("< 250 "), "{outcome}");
    Ok(outcome.stdout.contains("< 250-STARTTLS") || outcome.stdout.contains("< 250 STARTTLS"))
}

/// A verified handshake with `host` at `address`, or an error that shows what came instead.
pub(crate) fn handshake(
    namespace: &str,
    host: &str,
    address: &str,
    ca: &Path,
) -> Result<Handshake> {
    let ca = ca.display().to_string();
    let options = ["-C", "-l", "secure", "-s", host, "-F", &ca];
    let outcome = ask_matching(namespace, address, &options, host)?;
    ensure!(outcome.stdout.contains("Verified TLS connection established"), "{outcome}");
    read(&outcome.stdout).with_context(|| outcome.to_string())
}

/// Says commands one by one, each after the whole reply to what came before it.
const DIALOGUE: &str = r#"
reply() {
  while IFS= read -r -t 15 line <&3; do
    printf '%s\n' "$line"
    [[ $line =~ ^[0-9]{3}" " ]] && return
  done
  exit 0
}
exec 3<>"/dev/tcp/$1/25" || exit 1
shift
reply
for command; do printf '%s\r\n' "$command" >&3; reply; done
"#;

/// What port 25 of an address replies in clear, by nothing but a shell's socket:
/// the greeting first, then one reply a command. Fewer where it closes before.
pub(crate) fn replies(namespace: &str, address: &str, commands: &[&str]) -> Result<Vec<String>> {
    let mut bash = process::command(namespace, "bash");
    bash.args(["-c", DIALOGUE, "dialogue", address]).args(commands);
    let said = process::run(&mut bash)?.replace('\r', "");
    let mut replies = vec![String::new()];
    for line in said.lines() {
        if let Some(reply) = replies.last_mut() {
            reply.push_str(line);
            reply.push('\n');
        }
        if line.as_bytes().get(3) == Some(&b' ') {
            replies.push(String::new());
        }
    }
    replies.retain(|reply| !reply.is_empty());
    Ok(replies)
}

fn configured() -> Result<PathBuf> {
    let folder = sandbox::folder("oracle")?;
    sandbox::write_aged(&folder.join("main.cf"), CONFIGURATION)?;
    Ok(folder)
}

fn ask(namespace: &str, address: &str, options: &[&str]) -> Result<Outcome> {
    ask_matching(namespace, address, options, "")
}

fn ask_matching(namespace: &str, address: &str, options: &[&str], name: &str) -> Result<Outcome> {
    let mut finger = process::command(namespace, "posttls-finger");
    finger.env("MAIL_CONFIG", configured()?).args(["-t", "10", "-T", "10", "-d", "sha256"]);
    finger.args(options).arg(format!("[{address}]"));
    if !name.is_empty() {
        finger.arg(name);
    }
    process::observe(&mut finger)
}

/// `… established to …: TLSv1.3 with cipher X (256/256 bits) key-exchange X25519 …`
/// and, below, `cert digest=AB:CD:…` of the leaf first.
fn read(text: &str) -> Option<Handshake> {
    let (_, line) =
        text.lines().find_map(|line| line.split_once(" TLS connection established to "))?;
    let before = |mark: &str| line.split(mark).next()?.rsplit(' ').next().map(ToOwned::to_owned);
    let after = |mark: &str| line.split_once(mark)?.1.split(' ').next().map(ToOwned::to_owned);
    let (_, digest) = text.split_once("cert digest=")?;
    Some(Handshake {
        version: before(" with cipher ")?,
        cipher_suite: after(" with cipher ")?,
        key_exchange_group: after(" key-exchange ")?,
        certificate_sha256: digest.lines().next()?.replace(':', "").to_ascii_lowercase(),
    })
}

/// What the oracle makes of a domain's DANE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A record matched.
    Verified,
    /// The same, and the MX records were not secure.
    Trusted,
    /// Records count, and the certificate is refused for this reason.
    Refused(&'static str),
    /// TLS without authentication: there are records, and none can be used.
    Unusable,
    /// TLS without authentication: there are no records.
    NoRecords,
    /// The lookup of the records failed; the host is not used.
    LookupError,
    /// No address was found to connect to.
    NotReached,
    /// The host was reached and offers no STARTTLS.
    NoStarttls,
}

/// What the oracle did with a domain.
pub(crate) struct Judgement {
    /// What it makes of it.
    pub(crate) word: Word,
    /// The record that matched, as it prints it: upper-case hexadecimal, and the
    /// middle of long data left out.
    pub(crate) record: Option<String>,
    /// All that it said.
    pub(crate) outcome: Outcome,
}

/// Why the oracle refuses a certificate.
const REFUSALS: [&str; 3] =
    ["no matching DANE TLSA records", "hostname mismatch", "certificate has expired"];

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "Verified",
            Self::Trusted => "Trusted",
            Self::Refused(reason) => return write!(f, "Untrusted, verification failed: {reason}"),
            Self::Unusable => "Untrusted, no usable TLSA records",
            Self::NoRecords => "Untrusted, no TLSA records",
            Self::LookupError => "TLSA lookup error",
            Self::NotReached => "Destination address lookup failed",
            Self::NoStarttls => "no TLS: STARTTLS is not offered",
        })
    }
}

/// What `posttls-finger -l dane` makes of a domain (or of a host in brackets): MX,
/// addresses, TLSA records and servers are its own to find. Where it goes on
/// without authentication, `-l dane-only` is asked why.
pub(crate) fn dane(namespace: &str, target: &str) -> Result<Judgement> {
    let ask = |level| {
        let mut finger = process::command(namespace, "posttls-finger");
        finger.env("MAIL_CONFIG", configured()?);
        process::observe(finger.args(["-t", "10", "-T", "10", "-l", level, target]))
    };
    let outcome = ask("dane")?;
    let record = matched(&outcome.stdout);
    if let Some(word) = enforced(&outcome.stdout) {
        return Ok(Judgement { word, record, outcome });
    }
    let only = ask("dane-only")?;
    let word = unenforced(&outcome.stdout, &only.stdout);
    let word = word.with_context(|| format!("{outcome}\n{only}"))?;
    Ok(Judgement { word, record, outcome })
}

/// `Matched DANE EE certificate at depth 0: 3 1 1 ABCD…`
fn matched(said: &str) -> Option<String> {
    let (_, line) = said.lines().find_map(|line| line.split_once("Matched DANE "))?;
    line.rsplit_once(": ").map(|(_, record)| record.to_owned())
}

/// What needs no second question.
fn enforced(said: &str) -> Option<Word> {
    // It names the certificate's place where DANE decides, and not where nothing does.
    let refusal = |line: &str| {
        let (place, _) = line.split_once(" certificate verification failed for ")?;
        let is_dane = place.ends_with(": server") || place.ends_with(": CA");
        REFUSALS.into_iter().find(|known| is_dane && line.ends_with(known))
    };
    if let Some(reason) = said.lines().find_map(refusal) {
        return Some(Word::Refused(reason));
    }
    let words = [
        ("Verified TLS connection established", Word::Verified),
        ("Trusted TLS connection established", Word::Trusted),
        ("TLSA lookup error", Word::LookupError),
        ("Destination address lookup failed", Word::NotReached),
    ];
    words.into_iter().find(|(text, _)| said.contains(text)).map(|(_, word)| word)
}

fn unenforced(dane: &str, only: &str) -> Option<Word> {
    let established = dane.contains("Untrusted TLS connection established");
    if established && only.contains("no TLSA records found, resorting") {
        return Some(Word::NoRecords);
    }
    let unusable = ["no usable TLSA records found", "all TLSA records unusable"];
    if established && unusable.iter().any(|text| only.contains(text)) {
        return Some(Word::Unusable);
    }
    let is_plain = dane.contains("< 250 ") && !dane.contains("STARTTLS");
    is_plain.then_some(Word::NoStarttls)
}
