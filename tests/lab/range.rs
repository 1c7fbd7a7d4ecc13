//! What `--deep` finds, beside what sslyze finds at the same address.
//!
//! Owns the comparison, and a listener of Postfix that speaks everything its
//! OpenSSL can still be talked into. Both are run from the same namespace.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::mta::{self, Site};
use crate::pki::{Authority, KeyKind};
use crate::process;
use crate::sandbox;
use crate::topology::{CLIENT, RESOLVER};
use crate::world::{Play, World};

/// Where Postfix speaks old TLS as well.
const OLD_PORT: u16 = 2525;
/// Version in our words, and the key of its result in sslyze's.
const VERSIONS: [(&str, &str); 5] = [
    ("TLSv1.3", "tls_1_3_cipher_suites"),
    ("TLSv1.2", "tls_1_2_cipher_suites"),
    ("TLSv1.1", "tls_1_1_cipher_suites"),
    ("TLSv1.0", "tls_1_0_cipher_suites"),
    ("SSLv3", "ssl_3_0_cipher_suites"),
];
/// What sslyze is asked for.
const OPTIONS: [&str; 9] = [
    "--starttls=smtp",
    "--sslv3",
    "--tlsv1",
    "--tlsv1_1",
    "--tlsv1_2",
    "--tlsv1_3",
    "--elliptic_curves",
    "--quiet",
    // Exim takes few connections at once.
    "--slow_connection",
];

/// One trial a server.
pub(crate) fn plays() -> Vec<Play> {
    let postfix = &mta::POSTFIX;
    let servers = [(postfix, 25), (&mta::EXIM, 25), (&mta::OPENSMTPD, 25), (postfix, OLD_PORT)];
    let plays = servers.map(|(site, port)| -> Play {
        let title = format!("{}: range of TLS at port {port}, as sslyze sees it", site.domain);
        (title, Box::new(move |world| agrees(world, site, port)))
    });
    plays.into()
}

/// A line for `master.cf`: every version and every suite, with an RSA key.
pub(crate) fn old_listener(authority: &Authority) -> Result<String> {
    let identity = authority.issue(&["old.postfix.test"], KeyKind::Rsa2048)?;
    let (key, certificate) = (identity.key.display(), identity.certificate.display());
    let ip = mta::POSTFIX.ipv4;
    Ok(format!(
        "[{ip}]:{OLD_PORT} inet n - n - - smtpd -o smtpd_tls_protocols=>=SSLv3 \
         -o smtpd_tls_ciphers=null -o tls_null_cipherlist=ALL:COMPLEMENTOFALL:@SECLEVEL=0 \
         -o smtpd_tls_chain_files={key},{certificate} -o tls_preempt_cipherlist=yes\n"
    ))
}

fn agrees(world: &World, site: &Site, port: u16) -> Result<()> {
    let target = format!("[{}]:{port}", site.ipv4);
    let (outcome, report) = world.probe_with(&target, RESOLVER, &["--deep"])?;
    let range = report.pointer("/targets/0/tls_ranges/0").with_context(|| outcome.to_string())?;
    let told = sslyze(&format!("{}:{port}", site.ipv4))?;
    let mut wrong = Vec::new();
    for (version, key) in VERSIONS {
        let ours = suites(range, version);
        let (theirs, refused) =
            (told_of(&told, key, "accepted")?, told_of(&told, key, "rejected")?);
        let missed: Vec<_> = theirs.difference(&ours).collect();
        let wrongly: Vec<_> = ours.intersection(&refused).collect();
        // What sslyze does not know, OpenSSL has to confirm.
        let alone = ours.iter().filter(|name| !theirs.contains(*name) && !refused.contains(*name));
        let mut unconfirmed = Vec::new();
        for name in alone {
            if !confirmed(site.ipv4, port, name)? {
                unconfirmed.push(name);
            }
        }
        if !(missed.is_empty() && wrongly.is_empty() && unconfirmed.is_empty()) {
            wrong.push(format!(
                "{version}: missed {missed:?}, not there {wrongly:?} {unconfirmed:?}"
            ));
        }
    }
    let (ours, theirs) = (groups(range), curves(&told)?);
    if ours != theirs {
        wrong.push(format!("groups: {ours:?}, and sslyze has {theirs:?}"));
    }
    ensure!(wrong.is_empty(), "{target}: {wrong:#?}\n{range:#}");
    ensure!(range.pointer("/complete") == Some(&Value::Bool(true)), "not complete\n{range:#}");
    Ok(())
}

fn suites(range: &Value, version: &str) -> BTreeSet<String> {
    let versions = range.pointer("/versions").and_then(Value::as_array).into_iter().flatten();
    let of_version =
        versions.filter(|one| one.pointer("/version").and_then(Value::as_str) == Some(version));
    let suites = of_version.filter_map(|one| one.pointer("/suites")?.as_array()).flatten();
    suites.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The groups found that sslyze asks for as well: curves, and neither finite fields
/// nor hybrids.
fn groups(range: &Value) -> BTreeSet<String> {
    let groups = range.pointer("/groups").and_then(Value::as_array).into_iter().flatten();
    let names = groups.filter_map(Value::as_str);
    let curves = names.filter(|name| !name.starts_with("ffdhe") && !name.contains("MLKEM"));
    curves.map(str::to_owned).collect()
}

/// The same as sslyze has it, in IANA's names.
fn curves(told: &Value) -> Result<BTreeSet<String>> {
    let curves = told
        .pointer("/elliptic_curves/result/supported_curves")
        .and_then(Value::as_array)
        .with_context(|| format!("sslyze says nothing of curves\n{told:#}"))?;
    let names = curves.iter().filter_map(|curve| curve.pointer("/name")?.as_str());
    Ok(names.map(|name| name.replace("prime256v1", "secp256r1")).collect())
}

/// What sslyze tells of one address.
fn sslyze(address: &str) -> Result<Value> {
    let file = sandbox::folder("sslyze")?.join("told.json");
    let mut sslyze = process::command(CLIENT, program());
    sslyze.args(OPTIONS).arg(format!("--json_out={}", file.display())).arg(address);
    let outcome = process::observe(&mut sslyze)?;
    let text = fs::read_to_string(&file).with_context(|| outcome.to_string())?;
    fs::remove_file(&file)?;
    let told: Value = serde_json::from_str(&text)?;
    let result = told.pointer("/server_scan_results/0/scan_result").filter(|one| one.is_object());
    result.cloned().with_context(|| format!("sslyze has no result\n{outcome}\n{told:#}"))
}

/// Whether OpenSSL comes to terms on a suite of TLS 1.2 or older.
fn confirmed(ip: &str, port: u16, suite: &str) -> Result<bool> {
    let all = ["ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"];
    let known = process::run(process::command(CLIENT, "openssl").args(all))?;
    let line = known.lines().find(|line| line.split_whitespace().next() == Some(suite));
    let Some(name) = line.and_then(|line| line.split_whitespace().nth(2)) else {
        return Ok(false);
    };
    let mut openssl = process::command(CLIENT, "openssl");
    openssl.args(["s_client", "-starttls", "smtp", "-tls1_2", "-connect"]);
    openssl.arg(format!("{ip}:{port}")).arg("-cipher").arg(format!("{name}:@SECLEVEL=0"));
    let outcome = process::observe(&mut openssl)?;
    Ok(outcome.stdout.contains(&format!("Cipher is {name}")))
}

/// Where `.ci/lab-install` puts it.
fn program() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab/sslyze/bin/sslyze")
}

fn told_of(told: &Value, key: &str, what: &str) -> Result<BTreeSet<String>> {
    let accepted = told
        .pointer(&format!("/{key}/result/{what}_cipher_suites"))
        .and_then(Value::as_array)
        .with_context(|| {
            format!(
                "sslyze says nothing of {key}: {}",
                told.pointer(&format!("/{key}/error_trace")).unwrap_or(&Value::Null)
            )
        })?;
    let names = accepted.iter().filter_map(|one| one.pointer("/cipher_suite/name")?.as_str());
    Ok(names.map(str::to_owned).collect())
}
