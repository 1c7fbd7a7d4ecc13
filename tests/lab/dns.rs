//! Signed DNS: Knot as root and below, Unbound before it, and a forwarder that
//! hands no signatures on.
//!
//! * `.` and `test.` are signed, and the chain of trust is whole;
//! * `insecure.test.` is delegated without DS and not signed;
//! * `bogus.test.` is signed by another key than its DS says; so are zones that
//!   are added by [`Records::add_bogus_zone`].
//!
//! Owns zones, keys and the three servers. Refuses to know mail.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::forwarder;
use crate::mta::{self, Site};
use crate::process::{self, Daemon};
use crate::sandbox;
use crate::topology::{AUTHORITATIVE, DNS, RESOLVER, STRIPPING_RESOLVER};

/// A domain on Postfix whose zone is not signed.
pub(crate) const INSECURE: &str = "insecure.test";
/// A domain on Postfix whose zone is signed by the wrong key.
pub(crate) const BOGUS: &str = "bogus.test";
/// Zones with signatures.
const SIGNED: [&str; 3] = [".", "test.", "bogus.test."];
/// A DS that no key of `bogus.test.` has.
const WRONG_DS: &str = "4711 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// What the zones have beyond what this module puts there itself.
#[derive(Default)]
pub(crate) struct Records {
    signed: String,
    insecure: String,
    bogus: String,
    /// Zones of their own below `test.`, signed by another key than their DS says,
    /// and their records.
    own: Vec<(String, String)>,
    /// Zones that the server knows and cannot load.
    unserved: Vec<String>,
    /// Names of addresses, in the root zone.
    pointers: String,
}

impl Records {
    /// Adds a domain below `test.`: lines in zone-file form, `@` the domain and
    /// other names relative to it. They get into the zone that the domain is in.
    pub(crate) fn add(&mut self, domain: &str, lines: &str) {
        let is_below = |zone: &str| domain == zone || domain.ends_with(&format!(".{zone}"));
        let text = match domain {
            _ if is_below(INSECURE) => &mut self.insecure,
            _ if is_below(BOGUS) => &mut self.bogus,
            _ => &mut self.signed,
        };
        let _ = write!(text, "$ORIGIN {domain}.\n{lines}\n$ORIGIN .\n");
    }

    /// Adds the name of an address.
    pub(crate) fn add_pointer(&mut self, ip: &str, name: &str) {
        if let Ok(ip) = ip.parse() {
            let _ = writeln!(self.pointers, "{} PTR {name}.", reverse_name(ip));
        }
    }

    /// Adds a zone of its own whose signatures do not hold.
    pub(crate) fn add_bogus_zone(&mut self, zone: &str, lines: &str) {
        let _ = write!(self.signed, "{zone}. NS ns.test.\n{zone}. DS {WRONG_DS}\n");
        self.own.push((zone.to_owned(), format!("$ORIGIN {zone}.\n{lines}\n")));
    }

    /// Adds a zone that its server has no file of: SERVFAIL.
    pub(crate) fn add_unserved_zone(&mut self, zone: &str) {
        let _ = writeln!(self.signed, "{zone}. NS ns.test.");
        self.unserved.push(zone.to_owned());
    }
}

/// The name below which an address has its PTR records (RFC 1035 §3.5, RFC 3596 §2.5).
fn reverse_name(ip: IpAddr) -> String {
    let (parts, zone): (Vec<String>, _) = match ip {
        IpAddr::V4(ip) => (ip.octets().iter().map(u8::to_string).collect(), "in-addr.arpa."),
        IpAddr::V6(ip) => {
            (format!("{:032x}", ip.to_bits()).chars().map(String::from).collect(), "ip6.arpa.")
        }
    };
    let reversed: Vec<&str> = parts.iter().rev().map(String::as_str).collect();
    format!("{}.{zone}", reversed.join("."))
}

/// The running servers.
pub(crate) struct Dns {
    /// The root's DNSKEY in zone-file form.
    pub(crate) trust_anchor: PathBuf,
    daemons: [Daemon; 3],
}

impl Dns {
    /// Makes keys and zones, starts the servers, and waits until all of them answer.
    pub(crate) fn start(records: &Records) -> Result<Self> {
        let folder = sandbox::folder("dns")?;
        configure_knot(&folder, records)?;
        let key = ["generate", "algorithm=ecdsap256sha256", "ksk=yes", "zsk=yes"];
        let own = records.own.iter().map(|(zone, _)| zone.as_str());
        for zone in SIGNED.into_iter().chain(own) {
            keymgr(&folder, zone, &key)?;
        }
        write_zones(&folder, records)?;
        let trust_anchor = folder.join("root.key");
        fs::write(&trust_anchor, keymgr(&folder, ".", &["dnskey"])?)?;
        let mut daemons = [knot(&folder)?, unbound(&folder)?, forwarder()?];
        let [authoritative, resolver, stripping] = &mut daemons;
        authoritative.await_serving(|_| answers(AUTHORITATIVE[0], "flags: qr aa"))?;
        resolver.await_serving(|_| answers(RESOLVER, "flags: qr rd ra ad;"))?;
        stripping.await_serving(|_| answers(STRIPPING_RESOLVER, "flags: qr rd ra;"))?;
        Ok(Self { trust_anchor, daemons })
    }

    /// What the servers said, for a failure.
    pub(crate) fn logs(&self) -> String {
        self.daemons.iter().map(Daemon::log).collect::<Vec<_>>().join("\n")
    }
}

/// Asks a server in its own namespace, with DO set.
pub(crate) fn ask(server: &str, name: &str, rrtype: &str) -> Result<String> {
    let mut kdig = process::command(DNS, "kdig");
    kdig.args([&format!("@{server}"), name, rrtype, "+dnssec", "+time=2", "+retry=0"]);
    Ok(process::observe(&mut kdig)?.stdout)
}

fn answers(server: &str, flags: &str) -> Result<bool> {
    let answer = ask(server, "test.", "SOA")?.to_ascii_lowercase();
    Ok(answer.contains("status: noerror") && answer.contains(flags))
}

fn keymgr(folder: &Path, zone: &str, arguments: &[&str]) -> Result<String> {
    let mut keymgr = Command::new("keymgr");
    keymgr.arg("-c").arg(folder.join("knot.conf")).arg(zone).args(arguments);
    process::run(&mut keymgr).with_context(|| format!("keymgr for {zone}"))
}

fn knot(folder: &Path) -> Result<Daemon> {
    let configuration = folder.join("knot.conf").display().to_string();
    Daemon::start(DNS, "knotd", &["knotd", "-c", &configuration])
}

fn unbound(folder: &Path) -> Result<Daemon> {
    let path = folder.join("unbound.conf");
    let folder = folder.display();
    let text = format!(include_str!("etc/unbound.conf"), address = RESOLVER, folder = folder);
    fs::write(&path, text)?;
    Daemon::start(DNS, "unbound", &["unbound", "-d", "-p", "-c", &path.display().to_string()])
}

fn forwarder() -> Result<Daemon> {
    let program = env::current_exe()?.display().to_string();
    let command = [&program, forwarder::ARGUMENT, STRIPPING_RESOLVER, RESOLVER];
    Daemon::start(DNS, "forwarder", &command)
}

fn configure_knot(folder: &Path, records: &Records) -> Result<()> {
    let [ipv4, ipv6] = AUTHORITATIVE;
    let mut text = format!(
        include_str!("etc/knot.conf"),
        folder = folder.display(),
        insecure = INSECURE,
        bogus = BOGUS,
        ipv4 = ipv4,
        ipv6 = ipv6,
    );
    for (zone, _) in &records.own {
        let _ = write!(text, "  - domain: \"{zone}.\"\n    template: signed\n");
    }
    for zone in &records.unserved {
        let _ = writeln!(text, "  - domain: \"{zone}.\"");
    }
    Ok(fs::write(folder.join("knot.conf"), text)?)
}

fn write_zones(folder: &Path, records: &Records) -> Result<()> {
    let zones = folder.join("zones");
    fs::create_dir_all(&zones)?;
    // keymgr prints a record a digest; all of them are right.
    let ds = keymgr(folder, "test.", &["ds"])?;
    let root =
        format!("{}test. NS ns.test.\n{}{ds}\n{}", apex("."), name_server(), records.pointers);
    fs::write(zones.join("root.zone"), root)?;
    fs::write(zones.join("test.zone"), test_zone() + &records.signed)?;
    for (domain, more) in [(INSECURE, &records.insecure), (BOGUS, &records.bogus)] {
        let text = apex(&format!("{domain}.")) + &mail(domain, &mta::POSTFIX) + more;
        fs::write(zones.join(format!("{domain}.zone")), text)?;
    }
    for (zone, lines) in &records.own {
        let text = apex(&format!("{zone}.")) + lines;
        fs::write(zones.join(format!("{zone}.zone")), text)?;
    }
    fs::write(folder.join("root.hints"), format!("$TTL 3600\n. NS ns.test.\n{}", name_server()))?;
    Ok(())
}

fn test_zone() -> String {
    let mail: String = mta::SITES.iter().map(|site| mail(site.domain, site)).collect();
    let delegations =
        format!("{INSECURE}. NS ns.test.\n{BOGUS}. NS ns.test.\n{BOGUS}. DS {WRONG_DS}\n");
    format!("{}{}{mail}{delegations}", apex("test."), name_server())
}

fn apex(zone: &str) -> String {
    format!(
        "$TTL 3600\n{zone} SOA ns.test. hostmaster.test. 1 3600 600 604800 3600\n\
         {zone} NS ns.test.\n"
    )
}

fn name_server() -> String {
    let [ipv4, ipv6] = AUTHORITATIVE;
    format!("ns.test. A {ipv4}\nns.test. AAAA {ipv6}\n")
}

/// A domain with one exchange, `mx.` below it, at the site's two addresses.
fn mail(domain: &str, site: &Site) -> String {
    let Site { ipv4, ipv6, .. } = site;
    format!("{domain}. MX 10 mx.{domain}.\nmx.{domain}. A {ipv4}\nmx.{domain}. AAAA {ipv6}\n")
}
