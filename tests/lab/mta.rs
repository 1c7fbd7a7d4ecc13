//! Real mail servers: Postfix, Exim and OpenSMTPD, each on one address of each family.
//!
//! None of them can take mail: every recipient is refused.
//! Owns their configuration and their processes. Refuses to know who asks.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::dns;
use crate::oracle;
use crate::pki::{Authority, Identity, KeyKind};
use crate::process::{self, Daemon};
use crate::sandbox::SCRATCH;
use crate::topology::MX;

/// A domain, and where its only exchange is.
pub struct Site {
    /// The domain; its exchange is `mx.` below it.
    pub domain: &'static str,
    /// The exchange.
    pub host: &'static str,
    /// Its IPv4 address.
    pub ipv4: &'static str,
    /// Its IPv6 address.
    pub ipv6: &'static str,
}

/// Postfix with STARTTLS.
pub const POSTFIX: Site = Site {
    domain: "postfix.test",
    host: "mx.postfix.test",
    ipv4: "203.0.113.62",
    ipv6: "2001:db8:203::62",
};
/// Exim with STARTTLS.
pub const EXIM: Site = Site {
    domain: "exim.test",
    host: "mx.exim.test",
    ipv4: "203.0.113.63",
    ipv6: "2001:db8:203::63",
};
/// OpenSMTPD with STARTTLS.
pub const OPENSMTPD: Site = Site {
    domain: "opensmtpd.test",
    host: "mx.opensmtpd.test",
    ipv4: "203.0.113.64",
    ipv6: "2001:db8:203::64",
};
/// Postfix that never had STARTTLS.
pub const PLAIN: Site = Site {
    domain: "plain.test",
    host: "mx.plain.test",
    ipv4: "203.0.113.65",
    ipv6: "2001:db8:203::65",
};
/// Postfix that answers every client with 421 after its greeting was due.
pub const BUSY: Site = Site {
    domain: "busy.test",
    host: "mx.busy.test",
    ipv4: "203.0.113.66",
    ipv6: "2001:db8:203::66",
};
/// All of them.
pub const SITES: [&Site; 5] = [&POSTFIX, &EXIM, &OPENSMTPD, &PLAIN, &BUSY];

/// The running servers.
pub struct Servers(Vec<Daemon>);

impl Servers {
    /// Starts all of them, and waits until each completes a handshake on both families.
    pub fn start(authority: &Authority) -> Result<Self> {
        fs::create_dir_all(oracle::CONFIGURATION)?;
        fs::write(
            Path::new(oracle::CONFIGURATION).join("main.cf"),
            "compatibility_level = 3.6\ninet_interfaces = all\ninet_protocols = all\n",
        )?;
        let mut servers =
            [(postfix(authority)?, &POSTFIX), (exim(authority)?, &EXIM), (opensmtpd(authority)?, &OPENSMTPD)];
        for (daemon, site) in &mut servers {
            daemon.await_serving(|| {
                Ok(oracle::greets(MX, site.ipv4)? && oracle::greets(MX, site.ipv6)?)
            })?;
        }
        Ok(Self(servers.into_iter().map(|(daemon, _)| daemon).collect()))
    }

    /// What they said, for a failure.
    pub fn logs(&self) -> String {
        self.0.iter().map(Daemon::log).collect::<Vec<_>>().join("\n")
    }
}

fn folder(name: &str) -> Result<String> {
    let folder = Path::new(SCRATCH).join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder.display().to_string())
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

fn postfix(authority: &Authority) -> Result<Daemon> {
    let hosts = [POSTFIX.host, &format!("mx.{}", dns::INSECURE), &format!("mx.{}", dns::BOGUS)];
    let identity = authority.issue(&hosts, KeyKind::P256)?;
    let (configuration, data) = (folder("postfix")?, folder("postfix-data")?);
    chown(&data, Some(user_id("postfix")?), None)?;
    let main = postfix_main(&identity, &folder("postfix-queue")?, &data);
    fs::write(format!("{configuration}/main.cf"), &main)?;
    fs::write(format!("{configuration}/master.cf"), postfix_master())?;
    // The programs ask the main configuration which others are allowed.
    fs::create_dir_all("/etc/postfix")?;
    fs::write("/etc/postfix/main.cf", format!("{main}alternate_config_directories = {configuration}\n"))?;
    fs::write("/etc/postfix/master.cf", postfix_master())?;
    Daemon::start(MX, "postfix", &["postfix", "-c", &configuration, "start-fg"])
}

fn postfix_main(identity: &Identity, queue: &str, data: &str) -> String {
    format!(
        "compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\n\
         command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
         myhostname = {}\ninet_interfaces = {}, {}\ninet_protocols = all\n\
         mynetworks = 127.0.0.0/8\nmydestination =\nalias_maps =\nalias_database =\n\
         smtpd_relay_restrictions = reject\nmaillog_file = /dev/stdout\n\
         smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {}, {}\n",
        POSTFIX.host,
        POSTFIX.ipv4,
        POSTFIX.ipv6,
        identity.key.display(),
        identity.certificate.display(),
    )
}

fn postfix_master() -> String {
    let mut text = String::from(
        "postlog unix-dgram n - n - 1 postlogd\nanvil unix - - n - 1 anvil\n\
         tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\n\
         cleanup unix n - n - 0 cleanup\nproxymap unix - - n - - proxymap\n\
         qmgr unix n - n 300 1 qmgr\npickup unix n - n 60 1 pickup\n",
    );
    let variants = [
        (&POSTFIX, ""),
        (&PLAIN, " -o smtpd_tls_security_level=none"),
        (&BUSY, " -o smtpd_client_restrictions=defer -o smtpd_delay_reject=no"),
    ];
    for (site, options) in variants {
        for address in [site.ipv4, site.ipv6] {
            text.push_str(&format!(
                "[{address}]:25 inet n - n - - smtpd -o myhostname={}{options}\n",
                site.host
            ));
        }
    }
    text
}

/// Exim gives up its rights for a configuration named by `-C`, so it gets the
/// place of its own.
fn exim(authority: &Authority) -> Result<Daemon> {
    let identity = authority.issue(&[EXIM.host], KeyKind::P384)?;
    let spool = folder("exim")?;
    for path in [Path::new(&spool), &identity.key] {
        chown(path, Some(user_id("Debian-exim")?), None)?;
    }
    fs::create_dir_all("/etc/exim4")?;
    fs::write("/etc/exim4/exim4.conf", exim_configuration(&identity, &spool))?;
    Daemon::start(MX, "exim", &["exim4", "-bdf"])
}

fn exim_configuration(identity: &Identity, spool: &str) -> String {
    format!(
        "primary_hostname = {}\nlocal_interfaces = <; {} ; {}\ndaemon_smtp_ports = 25\n\
         tls_advertise_hosts = *\ntls_certificate = {}\ntls_privatekey = {}\n\
         spool_directory = {spool}\nlog_file_path = {spool}/%slog\nkeep_environment =\n\
         host_lookup =\nrfc1413_query_timeout = 0s\nacl_smtp_rcpt = nobody\n\
         begin acl\nnobody:\n  deny\n",
        EXIM.host,
        EXIM.ipv4,
        EXIM.ipv6,
        identity.certificate.display(),
        identity.key.display(),
    )
}

fn opensmtpd(authority: &Authority) -> Result<Daemon> {
    let identity = authority.issue(&[OPENSMTPD.host], KeyKind::Rsa2048)?;
    fs::set_permissions(&identity.key, Permissions::from_mode(0o600))?;
    for (path, mode) in [("/var/spool/smtpd", 0o711), ("/var/lib/opensmtpd/empty", 0o755)] {
        fs::create_dir_all(path)?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    let configuration = format!("{}/smtpd.conf", folder("opensmtpd")?);
    fs::write(&configuration, opensmtpd_configuration(&identity))?;
    process::run(Command::new("smtpd").args(["-n", "-f", &configuration]))?;
    Daemon::start(MX, "opensmtpd", &["smtpd", "-d", "-f", &configuration])
}

fn opensmtpd_configuration(identity: &Identity) -> String {
    let Site { host, ipv4, ipv6, .. } = OPENSMTPD;
    format!(
        "pki \"{host}\" cert \"{}\"\npki \"{host}\" key \"{}\"\n\
         listen on {ipv4} port 25 tls pki \"{host}\" hostname \"{host}\"\n\
         listen on {ipv6} port 25 tls pki \"{host}\" hostname \"{host}\"\n\
         match from any for any reject\n",
        identity.certificate.display(),
        identity.key.display(),
    )
}
