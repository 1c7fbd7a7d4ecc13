//! Real mail servers: Postfix, Exim and OpenSMTPD, each on one address of each family.
//!
//! None of them can take mail: every recipient is refused.
//! Owns their configuration and their processes. Refuses to know who asks.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::dns;
use crate::oracle;
use crate::pki::{Authority, KeyKind};
use crate::process::Daemon;
use crate::range;
use crate::sandbox;
use crate::topology::MX;

/// A domain, and where its only exchange is.
pub(crate) struct Site {
    /// The domain; its exchange is `mx.` below it.
    pub(crate) domain: &'static str,
    /// The exchange.
    pub(crate) host: &'static str,
    /// Its IPv4 address.
    pub(crate) ipv4: &'static str,
    /// Its IPv6 address.
    pub(crate) ipv6: &'static str,
}

/// Postfix with STARTTLS.
pub(crate) const POSTFIX: Site = Site {
    domain: "postfix.test",
    host: "mx.postfix.test",
    ipv4: "203.0.113.62",
    ipv6: "2001:db8:203::62",
};
/// Exim with STARTTLS.
pub(crate) const EXIM: Site = Site {
    domain: "exim.test",
    host: "mx.exim.test",
    ipv4: "203.0.113.63",
    ipv6: "2001:db8:203::63",
};
/// OpenSMTPD with STARTTLS.
pub(crate) const OPENSMTPD: Site = Site {
    domain: "opensmtpd.test",
    host: "mx.opensmtpd.test",
    ipv4: "203.0.113.64",
    ipv6: "2001:db8:203::64",
};
/// Postfix that never had STARTTLS.
pub(crate) const PLAIN: Site = Site {
    domain: "plain.test",
    host: "mx.plain.test",
    ipv4: "203.0.113.65",
    ipv6: "2001:db8:203::65",
};
/// Postfix that greets every client with 450.
pub(crate) const BUSY: Site = Site {
    domain: "busy.test",
    host: "mx.busy.test",
    ipv4: "203.0.113.66",
    ipv6: "2001:db8:203::66",
};
/// Postfix whose certificate is missing: it offers STARTTLS, and then only cipher
/// suites without a certificate.
pub(crate) const KEYLESS: Site = Site {
    domain: "keyless.test",
    host: "mx.keyless.test",
    ipv4: "203.0.113.67",
    ipv6: "2001:db8:203::67",
};
/// All of them.
pub(crate) const SITES: [&Site; 6] = [&POSTFIX, &EXIM, &OPENSMTPD, &PLAIN, &BUSY, &KEYLESS];

/// The running servers.
pub(crate) struct Servers(Vec<Daemon>);

impl Servers {
    /// Starts all of them, and waits until each completes a handshake on both families.
    /// `listeners` are further ones of Postfix, as lines of its `master.cf`.
    pub(crate) fn start(authority: &Authority, listeners: &str) -> Result<Self> {
        let mut servers = [
            (postfix(authority, listeners)?, &POSTFIX),
            (exim(authority)?, &EXIM),
            (opensmtpd(authority)?, &OPENSMTPD),
        ];
        for (daemon, site) in &mut servers {
            daemon.await_serving(|_| {
                Ok(oracle::greets(MX, site.ipv4)? && oracle::greets(MX, site.ipv6)?)
            })?;
        }
        Ok(Self(servers.into_iter().map(|(daemon, _)| daemon).collect()))
    }

    /// All that they said so far.
    pub(crate) fn said(&self) -> String {
        self.0.iter().map(Daemon::said).collect()
    }

    /// What they said, for a failure.
    pub(crate) fn logs(&self) -> String {
        self.0.iter().map(Daemon::log).collect::<Vec<_>>().join("\n")
    }
}

fn user_id(name: &str) -> Result<u32> {
    let passwd = fs::read_to_string("/etc/passwd")?;
    let id = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))
        .and_then(|fields| fields.get(2)?.parse().ok());
    id.with_context(|| format!("no user {name}"))
}

/// Makes the folders that a Postfix wants below its own.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    for part in ["queue", "data"] {
        fs::create_dir_all(folder.join(part))?;
    }
    chown(folder.join("data"), Some(user_id("postfix")?), None)?;
    Ok(())
}

/// The programs ask the main configuration folder which others are allowed, so
/// the same files stand in both.
fn postfix(authority: &Authority, listeners: &str) -> Result<Daemon> {
    let hosts = [POSTFIX.host, &format!("mx.{}", dns::INSECURE), &format!("mx.{}", dns::BOGUS)];
    let identity = authority.issue(&hosts, KeyKind::P256)?;
    let folder = sandbox::folder("postfix")?;
    prepare(&folder)?;
    let main = format!(
        include_str!("etc/postfix-main.cf"),
        folder = folder.display(),
        interfaces = [POSTFIX, PLAIN, BUSY, KEYLESS]
            .map(|site| [site.ipv4, site.ipv6].join(", "))
            .join(", "),
        key = identity.key.display(),
        certificate = identity.certificate.display(),
    );
    let master = postfix_master() + listeners + &range::old_listener(authority)?;
    fs::create_dir_all("/etc/postfix")?;
    for folder in [Path::new("/etc/postfix"), &folder] {
        sandbox::write_aged(&folder.join("main.cf"), &main)?;
        sandbox::write_aged(&folder.join("master.cf"), &master)?;
    }
    let folder = folder.display().to_string();
    Daemon::start(MX, "postfix", &["postfix", "-c", &folder, "start-fg"])
}

/// One listener an address, so that each site has its own name and ways.
fn postfix_master() -> String {
    let variants = [
        (&POSTFIX, ""),
        (&PLAIN, " -o smtpd_tls_security_level=none"),
        (&BUSY, " -o smtpd_client_restrictions=defer -o smtpd_delay_reject=no"),
        (&KEYLESS, " -o smtpd_tls_chain_files=/nonexistent"),
    ];
    let listeners = variants.iter().flat_map(|(site, options)| {
        [site.ipv4, site.ipv6].map(|address| {
            let host = site.host;
            format!("[{address}]:25 inet n - n - - smtpd -o myhostname={host}{options}\n")
        })
    });
    include_str!("etc/postfix-master.cf").to_owned() + &listeners.collect::<String>()
}

/// Exim gives up its rights for a configuration named by `-C`, so it gets the
/// place of its own.
fn exim(authority: &Authority) -> Result<Daemon> {
    let identity = authority.issue(&[EXIM.host], KeyKind::Rsa2048)?;
    let folder = sandbox::folder("exim")?;
    for path in [&folder, &identity.key] {
        chown(path, Some(user_id("Debian-exim")?), None)?;
    }
    let text = format!(
        include_str!("etc/exim4.conf"),
        host = EXIM.host,
        ipv4 = EXIM.ipv4,
        ipv6 = EXIM.ipv6,
        folder = folder.display(),
        key = identity.key.display(),
        certificate = identity.certificate.display(),
    );
    fs::create_dir_all("/etc/exim4")?;
    fs::write("/etc/exim4/exim4.conf", text)?;
    Daemon::start(MX, "exim", &["exim4", "-bdf"])
}

/// Debian 12's build signs nothing with an RSA key in TLS 1.3.
fn opensmtpd(authority: &Authority) -> Result<Daemon> {
    let identity = authority.issue(&[OPENSMTPD.host], KeyKind::P384)?;
    for (path, mode) in [("/var/spool/smtpd", 0o711), ("/var/lib/opensmtpd/empty", 0o755)] {
        fs::create_dir_all(path)?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    let text = format!(
        include_str!("etc/smtpd.conf"),
        host = OPENSMTPD.host,
        ipv4 = OPENSMTPD.ipv4,
        ipv6 = OPENSMTPD.ipv6,
        key = identity.key.display(),
        certificate = identity.certificate.display(),
    );
    let configuration = sandbox::folder("opensmtpd")?.join("smtpd.conf");
    fs::write(&configuration, text)?;
    let configuration = configuration.display().to_string();
    Daemon::start(MX, "opensmtpd", &["smtpd", "-d", "-f", &configuration])
}
