//! What an independent prober sees: `posttls-finger`, of the Postfix project.
//!
//! Owns how it is asked and how its words are read. Refuses to know mxray.

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

/// What `posttls-finger -l LEVEL DOMAIN` does: MX, addresses, TLSA and servers are its own to find.
pub(crate) fn domain(namespace: &str, level: &str, domain: &str) -> Result<Outcome> {
    let folder = configured()?;
    let mut finger = process::command(namespace, "posttls-finger");
    finger.env("MAIL_CONFIG", folder).args(["-c", "-t", "10", "-T", "10", "-l", level, domain]);
    process::observe(&mut finger)
}
