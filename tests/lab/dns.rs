//! Signed DNS: Knot as root and below, Unbound before it.
//!
//! * `.` and `test.` are signed, and the chain of trust is whole;
//! * `insecure.test.` is delegated without DS and not signed;
//! * `bogus.test.` is signed by another key than its DS says.
//!
//! Owns zones, keys and the three servers. Refuses to know mail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::mta::{self, Site};
use crate::process::{self, Daemon};
use crate::sandbox::SCRATCH;
use crate::topology::{AUTHORITATIVE, DNS, RESOLVER, STRIPPING_RESOLVER};

/// A domain on Postfix whose zone is not signed.
pub const INSECURE: &str = "insecure.test";
/// A domain on Postfix whose zone is signed by the wrong key.
pub const BOGUS: &str = "bogus.test";
/// Zones with signatures.
const SIGNED: [&str; 3] = [".", "test.", "bogus.test."];
/// A DS that no key of `bogus.test.` has.
const WRONG_DS: &str =
    "4711 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// Record life in seconds, short enough for a SOA and long enough for a run.
const TTL: u32 = 3600;

/// The running servers.
pub struct Dns {
    /// The root's DNSKEY in zone-file form.
    pub trust_anchor: PathBuf,
    daemons: [Daemon; 3],
}

impl Dns {
    /// Makes keys and zones, starts the servers, and waits until both resolvers answer.
    pub fn start() -> Result<Self> {
        let folder = Path::new(SCRATCH).join("dns");
        fs::create_dir_all(folder.join("zones"))?;
        fs::write(folder.join("knot.conf"), knot_configuration(&folder))?;
        for zone in SIGNED {
            keymgr(&folder, &[zone, "generate", "algorithm=ecdsap256sha256", "ksk=yes"])?;
        }
        write_zones(&folder)?;
        let trust_anchor = folder.join("root.key");
        fs::write(&trust_anchor, keymgr(&folder, &[".", "dnskey"])?)?;
        let mut daemons = [
            knot(&folder)?,
            unbound(&folder, RESOLVER, "validator iterator")?,
            unbound(&folder, STRIPPING_RESOLVER, "iterator")?,
        ];
        let [authoritative, resolver, stripping] = &mut daemons;
        authoritative.await_serving(|| answers(AUTHORITATIVE[0], "flags: qr aa"))?;
        resolver.await_serving(|| answers(RESOLVER, "flags: qr rd ra ad"))?;
        stripping.await_serving(|| answers(STRIPPING_RESOLVER, "flags: qr rd ra;"))?;
        Ok(Self { trust_anchor, daemons })
    }

    /// What the servers said, for a failure.
    pub fn logs(&self) -> String {
        self.daemons.iter().map(Daemon::log).collect::<Vec<_>>().join("\n")
    }
}

/// Asks a server in its own namespace, with DO set.
pub fn ask(server: &str, name: &str, rrtype: &str) -> Result<String> {
    let mut kdig = process::command(DNS, "kdig");
    kdig.args([&format!("@{server}"), name, rrtype, "+dnssec", "+time=2", "+retry=0"]);
    Ok(process::observe(&mut kdig)?.stdout)
}

fn answers(server: &str, flags: &str) -> Result<bool> {
    let answer = ask(server, "test.", "SOA")?.to_ascii_lowercase();
    Ok(answer.contains("status: noerror") && answer.contains(flags))
}

fn keymgr(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut keymgr = Command::new("keymgr");
    process::run(keymgr.arg("-c").arg(folder.join("knot.conf")).args(arguments))
        .with_context(|| format!("keymgr {arguments:?}"))
}

fn knot(folder: &Path) -> Result<Daemon> {
    let configuration = folder.join("knot.conf").display().to_string();
    Daemon::start(DNS, "knotd", &["knotd", "-c", &configuration])
}

fn unbound(folder: &Path, address: &str, modules: &str) -> Result<Daemon> {
    let path = folder.join(format!("unbound-{address}.conf"));
    fs::write(&path, unbound_configuration(folder, address, modules))?;
    let name = format!("unbound-{address}");
    Daemon::start(DNS, &name, &["unbound", "-d", "-p", "-c", &path.display().to_string()])
}

fn knot_configuration(folder: &Path) -> String {
    let mut text = format!(
        "server:\n    listen: [\"{}@53\", \"{}@53\"]\n    rundir: \"{folder}\"\n\
         log:\n  - target: stderr\n    any: notice\n\
         database:\n    storage: \"{folder}\"\n\
         policy:\n  - id: lab\n    manual: on\n    single-type-signing: on\n    \
         algorithm: ecdsap256sha256\n\
         template:\n  - id: default\n    storage: \"{folder}/zones\"\n    \
         zonefile-sync: -1\n    journal-content: none\nzone:\n",
        AUTHORITATIVE[0],
        AUTHORITATIVE[1],
        folder = folder.display(),
    );
    for zone in SIGNED {
        text.push_str(&format!(
            "  - domain: {zone}\n    file: {}\n    dnssec-signing: on\n    dnssec-policy: lab\n",
            file_of(zone)
        ));
    }
    text.push_str(&format!("  - domain: {INSECURE}.\n    file: {INSECURE}.zone\n"));
    text
}

fn file_of(zone: &str) -> String {
    match zone {
        "." => "root.zone".to_owned(),
        name => format!("{name}zone"),
    }
}

fn write_zones(folder: &Path) -> Result<()> {
    let zones = folder.join("zones");
    fs::write(zones.join("root.zone"), root_zone(&keymgr(folder, &["test.", "ds"])?))?;
    fs::write(zones.join("test.zone"), test_zone())?;
    for domain in [INSECURE, BOGUS] {
        let text = format!("{}{}", apex(&format!("{domain}.")), records(domain, &mta::POSTFIX));
        fs::write(zones.join(format!("{domain}.zone")), text)?;
    }
    let [ipv4, ipv6] = AUTHORITATIVE;
    let hints = format!(". {TTL} NS ns.test.\nns.test. {TTL} A {ipv4}\nns.test. {TTL} AAAA {ipv6}\n");
    fs::write(folder.join("root.hints"), hints)?;
    Ok(())
}

fn apex(zone: &str) -> String {
    format!(
        "$TTL {TTL}\n{zone} SOA ns.test. hostmaster.test. 1 3600 600 604800 {TTL}\n{zone} NS ns.test.\n"
    )
}

fn name_server() -> String {
    format!("ns.test. A {}\nns.test. AAAA {}\n", AUTHORITATIVE[0], AUTHORITATIVE[1])
}

/// `keymgr … ds` prints one record a digest; all of them are right.
fn root_zone(ds: &str) -> String {
    format!("{}test. NS ns.test.\n{}{ds}\n", apex("."), name_server())
}

fn test_zone() -> String {
    let mut text = apex("test.") + &name_server();
    for site in mta::SITES {
        text.push_str(&records(site.domain, site));
    }
    text.push_str(&format!(
        "{INSECURE}. NS ns.test.\n{BOGUS}. NS ns.test.\n{BOGUS}. DS {WRONG_DS}\n"
    ));
    text
}

/// A domain with one exchange, `mx.` below it, at the site's two addresses.
fn records(domain: &str, site: &Site) -> String {
    format!(
        "{domain}. MX 10 mx.{domain}.\nmx.{domain}. A {}\nmx.{domain}. AAAA {}\n",
        site.ipv4, site.ipv6
    )
}

/// `test.` is special to Unbound, and answered by itself unless told otherwise.
fn unbound_configuration(folder: &Path, address: &str, modules: &str) -> String {
    format!(
        "server:\n  interface: {address}\n  access-control: 0.0.0.0/0 allow\n  \
         module-config: \"{modules}\"\n  root-hints: \"{folder}/root.hints\"\n  \
         trust-anchor-file: \"{folder}/root.key\"\n  local-zone: \"test.\" nodefault\n  \
         qname-minimisation: no\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  \
         directory: \"{folder}\"\n  pidfile: \"\"\n  use-syslog: no\n  num-threads: 1\n  \
         val-log-level: 2\n  do-not-query-localhost: no\nremote-control:\n  control-enable: no\n",
        folder = folder.display(),
    )
}
