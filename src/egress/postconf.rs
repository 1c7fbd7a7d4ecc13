//! What `postconf` prints, read.
//!
//! Owns the effective TLS level with the settings that came before it, the addresses that
//! Postfix binds to, and where it sends; `syntax` reads the lines, `tables` the levels of
//! single destinations, `transports` what master.cf adds. What holds a
//! `$` after expansion is left as it is and counts as not known. Refuses to run
//! anything, and to say what is wrong.

mod syntax;
mod tables;
mod transports;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use syntax::{parameters, services};
pub use tables::{Entry, Table, TableFile};
pub use transports::DaneUse;

use crate::model::egress::{PostfixInstance, Transport};
use crate::model::probe::Family;

/// The parameters whose effective values are wanted, defaults included.
pub const WANTED: [&str; 34] = [
    "compatibility_level",
    "default_transport",
    "disable_dns_lookups",
    "inet_interfaces",
    "inet_protocols",
    "mail_version",
    "multi_instance_directories",
    "multi_instance_enable",
    "queue_directory",
    "relay_transport",
    "relayhost",
    "sender_dependent_default_transport_maps",
    "sender_dependent_relayhost_maps",
    "smtp_address_preference",
    "smtp_bind_address",
    "smtp_bind_address6",
    "smtp_bind_address_enforce",
    "smtp_dns_support_level",
    "smtp_enforce_tls",
    "smtp_helo_name",
    "smtp_host_lookup",
    "smtp_tls_CAfile",
    "smtp_tls_CApath",
    "smtp_tls_cert_file",
    "smtp_tls_chain_files",
    "smtp_tls_enforce_peername",
    "smtp_tls_key_file",
    "smtp_tls_loglevel",
    "smtp_tls_policy_maps",
    "smtp_tls_security_level",
    "smtp_tls_wrappermode",
    "smtp_use_tls",
    "tls_append_default_CA",
    "transport_maps",
];

/// Settings of a transport that change what leaves, or by which address.
const TELLING: [&str; 12] = [
    "inet_protocols",
    "smtp_address_preference",
    "smtp_bind_address",
    "smtp_bind_address6",
    "smtp_dns_support_level",
    "smtp_enforce_tls",
    "smtp_helo_name",
    "smtp_host_lookup",
    "smtp_tls_policy_maps",
    "smtp_tls_security_level",
    "smtp_tls_wrappermode",
    "smtp_use_tls",
];

/// The levels that need DNSSEC.
pub const DANE_LEVELS: [&str; 3] = ["dane", "dane-only", "half-dane"];

/// Settings that name files without which Postfix sends without TLS.
pub const TLS_FILES: [&str; 4] =
    ["smtp_tls_CAfile", "smtp_tls_cert_file", "smtp_tls_key_file", "smtp_tls_chain_files"];

/// One instance, as `postconf` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Its directory; `None` for Postfix's own.
    pub directory: Option<String>,
    /// What main.cf sets (`postconf -n`).
    pub set: BTreeMap<String, String>,
    /// What holds, defaults included and expanded (`postconf -x`).
    pub effective: BTreeMap<String, String>,
    /// The services of master.cf (`postconf -M`).
    pub services: Vec<Service>,
    /// Those of [`Configuration::files`] that are not there.
    pub absent: Vec<String>,
    /// Those that `postmap` made before their source was last written.
    pub stale: Vec<String>,
    /// The source texts of lookup tables that could be read, by path.
    pub texts: BTreeMap<String, String>,
    /// What stands in the queue directory for clients that run there; `None` where none
    /// does, or it is not known.
    pub chroot: Option<Chroot>,
    /// Why parts of it could not be read.
    pub problem: Option<String>,
}

/// What clients in a chroot have in the place of the system's own resolv.conf(5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chroot {
    /// The file in the queue directory.
    pub file: String,
    /// Whether it is there.
    pub exists: bool,
    /// The resolvers that they ask: with none named, the C library asks 127.0.0.1.
    pub servers: Vec<IpAddr>,
    /// The resolvers that other programs of this machine ask.
    pub outside: Vec<IpAddr>,
    /// Whether one of `servers` answers.
    pub answers: bool,
}

/// A line of master.cf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// `unix`, `inet`, …
    pub kind: String,
    /// Whether it runs in a chroot, as typed: `y`, `n`, or `-` for the default.
    pub chroot: String,
    /// The program.
    pub command: String,
    /// `-o name=value`, in order.
    pub overrides: Vec<(String, String)>,
}

impl Service {
    /// As `postconf -P` names it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.kind)
    }

    /// What it sets for itself.
    pub fn value(&self, name: &str) -> Option<&str> {
        let named = self.overrides.iter().rev().find(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }
}

/// A level, and the setting that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// As `smtp_tls_security_level` spells it.
    pub word: String,
    /// The setting.
    pub from: &'static str,
}

impl Configuration {
    /// What holds; `None` where it is empty or not known.
    pub fn value(&self, name: &str) -> Option<&str> {
        let known = self.effective.get(name).or_else(|| self.set.get(name));
        known.map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What holds for a service; `None` stands for main.cf alone.
    pub fn value_for<'a>(&'a self, service: Option<&'a Service>, name: &str) -> Option<&'a str> {
        match service.and_then(|service| service.value(name)) {
            Some(own) => Some(own).filter(|value| !value.is_empty()),
            None => self.value(name),
        }
    }

    /// The level at which mail is sent (postconf(5), `smtp_tls_security_level`: where it
    /// is empty, `smtp_enforce_tls` and `smtp_use_tls` decide). `None` where `postconf`
    /// did not print it: defaults differ from version to version.
    pub fn level(&self, service: Option<&Service>) -> Option<Level> {
        const NAME: &str = "smtp_tls_security_level";
        let is_yes = |name| self.value_for(service, name) == Some("yes");
        if let Some(level) = self.value_for(service, NAME) {
            // Postfix reads them in any case.
            return Some(Level { word: level.to_ascii_lowercase(), from: NAME });
        }
        if is_yes("smtp_enforce_tls") {
            let named = self.value_for(service, "smtp_tls_enforce_peername") != Some("no");
            let word = if named { "verify" } else { "encrypt" };
            return Some(Level { word: word.to_owned(), from: "smtp_enforce_tls" });
        }
        if is_yes("smtp_use_tls") {
            return Some(Level { word: "may".to_owned(), from: "smtp_use_tls" });
        }
        let is_own = service.is_some_and(|service| service.value(NAME).is_some());
        let is_told = is_own || self.effective.contains_key(NAME) || self.set.contains_key(NAME);
        is_told.then(|| Level { word: "none".to_owned(), from: NAME })
    }

    /// The word of [`Self::level`].
    pub fn level_word(&self, service: Option<&Service>) -> Option<String> {
        self.level(service).map(|level| level.word)
    }

    /// The directories of further instances (postmulti(1)).
    pub fn further_instances(&self) -> Vec<String> {
        let value = self.value("multi_instance_directories").unwrap_or_default();
        list(value).map(ToOwned::to_owned).collect()
    }

    /// Whether postmulti(1) leaves it alone, as it does with a new instance.
    pub fn is_disabled(&self) -> bool {
        self.value("multi_instance_enable") == Some("no")
    }

    /// The address that a service binds to for a family: its own setting, or the only
    /// one of `inet_interfaces` (postconf(5), `smtp_bind_address`).
    pub fn bound(&self, service: Option<&Service>, family: Family) -> Option<IpAddr> {
        let parsed = |text: &str| bare_address(text).filter(|ip| Family::of(*ip) == family);
        if let Some(value) = self.value_for(service, bind_setting(family)) {
            return parsed(value).filter(|ip| !ip.is_unspecified());
        }
        let interfaces = self.value_for(service, "inet_interfaces").unwrap_or_default();
        let mut addresses = list(interfaces).filter_map(parsed);
        let only = addresses.next().filter(|_| addresses.next().is_none());
        only.filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    }

    /// Every address of a family that mail is bound to, by main.cf or a transport.
    pub fn all_bound(&self, family: Family) -> Vec<IpAddr> {
        self.subjects().filter_map(|service| self.bound(service, family)).collect()
    }

    /// Where all mail to other domains goes: the next hop of `default_transport`, or
    /// `relayhost` (postconf(5)); `None` where it leaves directly.
    pub fn next_hop(&self) -> Option<&str> {
        let transport =
            self.value("default_transport").filter(|_| self.default_service().is_some());
        let named = transport.and_then(|value| value.split_once(':')).map(|(_, hop)| hop);
        named.filter(|hop| !hop.is_empty()).or_else(|| self.value("relayhost"))
    }

    /// The host of [`Self::next_hop`], as a target is typed: `[host]:port`, or a domain
    /// whose MX are asked. `None` where mail leaves directly, or where it goes by another
    /// way than SMTP with STARTTLS.
    pub fn relay(&self) -> Option<String> {
        let relay = self.next_hop().filter(|relay| !relay.contains(['$', ',', ' ', '/']))?;
        // Implicit TLS has no STARTTLS to look at.
        if self.value_for(self.default_service(), "smtp_tls_wrappermode") == Some("yes") {
            return None;
        }
        let (host, port) = match relay.rsplit_once(':') {
            // The colons of `[ipv6:…]` stand within the brackets.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (relay, None),
        };
        let host = host.replace("[ipv6:", "[").replace("[IPv6:", "[");
        match port {
            None | Some("smtp") => Some(host),
            Some("submission") => Some(format!("{host}:587")),
            Some("465" | "smtps" | "submissions") => None,
            Some(port) => port.parse::<u16>().ok().map(|port| format!("{host}:{port}")),
        }
    }

    /// Whether a family is used at all (`inet_protocols`).
    pub fn uses(&self, service: Option<&Service>, family: Family) -> bool {
        let protocols = self.value_for(service, "inet_protocols").unwrap_or("all");
        let word = if family == Family::Ipv4 { "ipv4" } else { "ipv6" };
        // A value with `$` or an unknown word may be anything.
        let known = |word: &str| matches!(word, "all" | "ipv4" | "ipv6");
        list(protocols).any(|one| one == "all" || one == word || !known(one))
    }

    /// What the report says of it.
    pub fn describe(&self) -> PostfixInstance {
        let service = self.default_service();
        let level = self.level(service);
        let helo = self.value_for(service, "smtp_helo_name").filter(|name| !name.contains('$'));
        PostfixInstance {
            directory: self.directory.clone(),
            version: self.value("mail_version").map(ToOwned::to_owned),
            level_from: level.as_ref().map(|level| level.from.to_owned()),
            level: level.map(|level| level.word),
            relayhost: self.next_hop().map(ToOwned::to_owned),
            helo_name: helo.map(ToOwned::to_owned),
            transports: self.transports().filter_map(|one| self.describe_transport(one)).collect(),
            problem: self.problem.clone(),
        }
    }

    fn describe_transport(&self, service: &Service) -> Option<Transport> {
        let settings = self.own_settings(service);
        (!settings.is_empty()).then(|| Transport {
            service: service.id(),
            settings,
            level: self.level_word(Some(service)),
        })
    }
}

/// An address, which may stand in brackets (postconf(5), `smtp_bind_address`).
pub fn bare_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.strip_prefix("ipv6:").or_else(|| bare.strip_prefix("IPv6:")).unwrap_or(bare);
    bare.parse().ok()
}

/// The setting that binds a family.
pub fn bind_setting(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "smtp_bind_address",
        Family::Ipv6 => "smtp_bind_address6",
    }
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split([',', ' ', '\t']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
