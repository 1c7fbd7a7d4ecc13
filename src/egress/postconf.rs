//! What `postconf` prints, read.
//!
//! Owns the syntax of `postconf -n`, `-x` and `-M`, the effective TLS level with the
//! settings that came before it, and the addresses that Postfix binds to. What holds a
//! `$` after expansion is left as it is and counts as not known. Refuses to run
//! anything, and to say what is wrong.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::egress::{PostfixInstance, Transport};
use crate::model::probe::Family;

/// The parameters whose effective values are wanted, defaults included.
pub const WANTED: [&str; 27] = [
    "default_transport",
    "disable_dns_lookups",
    "inet_interfaces",
    "inet_protocols",
    "mail_version",
    "multi_instance_directories",
    "relay_transport",
    "relayhost",
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
    "smtp_use_tls",
    "tls_append_default_CA",
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

/// Settings that name files without which Postfix sends without TLS.
pub const TLS_FILES: [&str; 4] =
    ["smtp_tls_CAfile", "smtp_tls_cert_file", "smtp_tls_key_file", "smtp_tls_chain_files"];

/// A lookup table in a file (DATABASE_README).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `type:path`, as typed.
    pub typed: String,
    /// The file that Postfix opens.
    pub file: String,
    /// Whether `postmap` makes that file.
    pub is_compiled: bool,
}

impl Table {
    fn of(typed: &str) -> Option<Self> {
        let (kind, path) = typed.split_once(':').filter(|(_, path)| path.starts_with('/'))?;
        let (file, is_compiled) = match kind {
            "hash" | "btree" => (format!("{path}.db"), true),
            "lmdb" | "cdb" => (format!("{path}.{kind}"), true),
            "texthash" | "regexp" | "pcre" | "cidr" => (path.to_owned(), false),
            _ => return None,
        };
        Some(Self { typed: typed.to_owned(), file, is_compiled })
    }
}

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
    /// Why parts of it could not be read.
    pub problem: Option<String>,
}

/// A line of master.cf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// `unix`, `inet`, …
    pub kind: String,
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

/// Lines that begin with a blank continue the one before (postconf(5)).
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let continues = line.starts_with([' ', '\t']);
        match lines.last_mut() {
            _ if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
            Some(last) if continues => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim().to_owned()),
        }
    }
    lines
}

/// Reads `name = value` lines; what is no such line is left out, and the last of a
/// name counts.
pub fn parameters(text: &str) -> BTreeMap<String, String> {
    let lines = logical_lines(text);
    let pairs = lines.iter().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Reads the services of `postconf -M`; lines with fewer than eight fields are left out.
pub fn services(text: &str) -> Vec<Service> {
    logical_lines(text).iter().filter_map(|line| service(line)).collect()
}

fn service(line: &str) -> Option<Service> {
    let words = words(line);
    let (name, kind, command) = (words.first()?, words.get(1)?, words.get(7)?);
    let mut overrides = Vec::new();
    let mut rest = words.get(8..)?.iter();
    while let Some(word) = rest.next() {
        let setting = match word.strip_prefix("-o") {
            Some("") => rest.next()?.as_str(),
            Some(joined) => joined,
            None => continue,
        };
        if let Some((name, value)) = setting.split_once('=') {
            overrides.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Some(Service { name: name.clone(), kind: kind.clone(), command: command.clone(), overrides })
}

/// Words apart by blanks; what stands in braces is one, without them (master(5)).
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let braced = rest.starts_with('{').then(|| closing(rest)).flatten();
        let (word, behind) = if let Some(end) = braced {
            (rest.get(1..end), rest.get(end + 1..))
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (rest.get(..end), rest.get(end..))
        };
        words.push(word.unwrap_or_default().trim().to_owned());
        rest = behind.unwrap_or_default().trim_start();
    }
    words
}

/// Where the brace closes with which a text begins.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
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
            return Some(Level { word: level.to_owned(), from: NAME });
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

    /// The client transports of master.cf.
    pub fn transports(&self) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(|service| service.command == "smtp" && service.kind == "unix")
    }

    /// Whether mail to the internet goes by a transport: the ones that
    /// `default_transport` and `relay_transport` name.
    pub fn is_main(&self, service: &Service) -> bool {
        let names = ["default_transport", "relay_transport"].map(|name| self.value(name));
        let mut names = names.into_iter().flatten().filter_map(|value| value.split(':').next());
        service.name == "smtp" || names.any(|name| name == service.name)
    }

    /// The directories of further instances (postmulti(1)).
    pub fn further_instances(&self) -> Vec<String> {
        let value = self.value("multi_instance_directories").unwrap_or_default();
        list(value).map(ToOwned::to_owned).collect()
    }

    /// The address that a service binds to for a family: its own setting, or the only
    /// one of `inet_interfaces` (postconf(5), `smtp_bind_address`).
    pub fn bound(&self, service: Option<&Service>, family: Family) -> Option<IpAddr> {
        let parsed = |text: &str| {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<IpAddr>().ok().filter(|ip| Family::of(*ip) == family)
        };
        if let Some(value) = self.value_for(service, bind_setting(family)) {
            return parsed(value).filter(|ip| !ip.is_unspecified());
        }
        let interfaces = self.value_for(service, "inet_interfaces").unwrap_or_default();
        let mut addresses = list(interfaces).filter_map(parsed);
        let only = addresses.next().filter(|_| addresses.next().is_none());
        only.filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    }

    /// Every file that outgoing TLS needs, as far as it can be told: certificates, keys
    /// and the tables of `smtp_tls_policy_maps`.
    pub fn files(&self) -> Vec<String> {
        let named = TLS_FILES.iter().filter_map(|name| self.value(name)).flat_map(list);
        let named = named.filter(|path| path.starts_with('/')).map(ToOwned::to_owned);
        let tables = self.policy_tables().into_iter().map(|table| table.file);
        named.chain(tables).collect()
    }

    /// The tables of `smtp_tls_policy_maps` that are files.
    pub fn policy_tables(&self) -> Vec<Table> {
        let maps = self.value("smtp_tls_policy_maps").unwrap_or_default();
        // A table may hold others in braces: pipemap, unionmap, inline.
        let maps = if maps.contains(['{', '$']) { "" } else { maps };
        list(maps).filter_map(Table::of).collect()
    }

    /// Every address of a family that mail is bound to, by main.cf or a transport.
    pub fn all_bound(&self, family: Family) -> Vec<IpAddr> {
        let services = std::iter::once(None).chain(self.transports().map(Some));
        services.filter_map(|service| self.bound(service, family)).collect()
    }

    /// The host that `relayhost` names, as a target is typed: `[host]:port`, or a domain
    /// whose MX are asked. `None` where mail leaves directly, or where it goes by another
    /// way than SMTP with STARTTLS.
    pub fn relay(&self) -> Option<String> {
        let relay = self.value("relayhost").filter(|relay| !relay.contains(['$', ',', ' ']))?;
        let (host, port) = match relay.rsplit_once(':') {
            // The colons of `[ipv6:…]` stand within the brackets.
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (relay, None),
        };
        let host = host.replace("[ipv6:", "[").replace("[IPv6:", "[");
        match port {
            None | Some("smtp") => Some(host),
            Some("submission") => Some(format!("{host}:587")),
            // Implicit TLS has no STARTTLS to look at.
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
        let level = self.level(None);
        let helo = self.value("smtp_helo_name").filter(|name| !name.contains('$'));
        PostfixInstance {
            directory: self.directory.clone(),
            version: self.value("mail_version").map(ToOwned::to_owned),
            level_from: level.as_ref().map(|level| level.from.to_owned()),
            level: level.map(|level| level.word),
            relayhost: self.value("relayhost").map(ToOwned::to_owned),
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

    /// The telling settings by which a service differs from main.cf.
    pub fn own_settings(&self, service: &Service) -> Vec<String> {
        let differs = |(name, value): &&(String, String)| {
            TELLING.contains(&name.as_str()) && self.value(name).unwrap_or_default() != value
        };
        let own = service.overrides.iter().filter(differs);
        own.map(|(name, value)| format!("{name} = {value}").trim_end().to_owned()).collect()
    }
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
mod tests {
    use super::*;

    fn configuration(main: &str, master: &str) -> Configuration {
        let effective = parameters(main);
        Configuration { effective, services: services(master), ..Configuration::default() }
    }

    fn level(main: &str) -> (String, &'static str) {
        let Level { word, from } = configuration(main, "").level(None).unwrap();
        (word, from)
    }

    #[test]
    fn lines_are_read_with_their_continuations() {
        let read = parameters(
            "mydestination = a.example,\n    b.example\n# remark = no\n\nrelayhost =\nbroken\n\
             smtp_tls_policy_maps=hash:/etc/postfix/a=b\nmyhostname = ${fqdn?{a}:{b}}\n",
        );
        assert_eq!(read["mydestination"], "a.example, b.example");
        assert_eq!(read["relayhost"], "");
        assert_eq!(read["smtp_tls_policy_maps"], "hash:/etc/postfix/a=b");
        assert_eq!(read["myhostname"], "${fqdn?{a}:{b}}");
        assert_eq!(read.len(), 4);
    }

    #[test]
    fn services_are_read_with_their_options() {
        let read = services(
            "smtp       inet  n       -       y       -       -       smtpd\n\
             bulk       unix  -       -       y       -       -       smtp -v\n    \
                 -o smtp_tls_security_level=none -osmtp_bind_address=192.0.2.1\n    \
                 -o { smtp_helo_name = bulk.example.net } -o syslog_name=postfix/bulk\n\
             short unix -\n",
        );
        let ids: Vec<String> = read.iter().map(Service::id).collect();
        assert_eq!(ids, ["smtp/inet", "bulk/unix"]);
        assert_eq!(read[1].command, "smtp");
        assert_eq!(read[1].value("smtp_tls_security_level"), Some("none"));
        assert_eq!(read[1].value("smtp_bind_address"), Some("192.0.2.1"));
        assert_eq!(read[1].value("smtp_helo_name"), Some("bulk.example.net"));
        assert_eq!(read[1].value("smtp_tls_loglevel"), None);
    }

    #[test]
    fn a_relay_is_read_as_a_target() {
        for (relayhost, target) in [
            ("", None),
            ("example.net", Some("example.net")),
            ("[mx.example.net]", Some("[mx.example.net]")),
            ("[mx.example.net]:submission", Some("[mx.example.net]:587")),
            ("[mx.example.net]:2525", Some("[mx.example.net]:2525")),
            ("[192.0.2.1]:587", Some("[192.0.2.1]:587")),
            ("[ipv6:2001:db8::1]", Some("[2001:db8::1]")),
            ("[mx.example.net]:465", None),
            ("[mx.example.net]:other", None),
            ("$mydomain", None),
        ] {
            let read = configuration(&format!("relayhost = {relayhost}"), "").relay();
            assert_eq!(read.as_deref(), target, "{relayhost}");
            let parsed = target.map(str::parse::<crate::model::target::Target>);
            assert!(parsed.is_none_or(|parsed| parsed.is_ok()), "{relayhost}");
        }
    }

    #[test]
    fn garbage_is_read_as_nothing() {
        for text in ["", "\0\0", "{{{{", "}", "a b c d e f g -o", "= = =", "a b c d e f g h -o {x"]
        {
            let _ = (parameters(text), services(text));
        }
        assert_eq!(services("a b c d e f g smtp -o"), []);
    }

    #[test]
    fn the_level_is_that_of_the_old_settings_where_the_new_one_is_empty() {
        let new = "smtp_tls_security_level";
        assert_eq!(configuration("", "").level(None), None, "not known");
        assert_eq!(level("smtp_tls_security_level ="), ("none".to_owned(), new));
        assert_eq!(level("smtp_tls_security_level = dane"), ("dane".to_owned(), new));
        assert_eq!(
            level("smtp_tls_security_level = may\nsmtp_enforce_tls = yes"),
            ("may".to_owned(), new)
        );
        assert_eq!(level("smtp_use_tls = yes"), ("may".to_owned(), "smtp_use_tls"));
        assert_eq!(level("smtp_tls_security_level =\nsmtp_use_tls = no"), ("none".to_owned(), new));
        assert_eq!(level("smtp_enforce_tls = yes"), ("verify".to_owned(), "smtp_enforce_tls"));
        assert_eq!(
            level("smtp_enforce_tls = yes\nsmtp_tls_enforce_peername = no"),
            ("encrypt".to_owned(), "smtp_enforce_tls")
        );
    }

    #[test]
    fn a_transport_has_its_own_level_and_addresses() {
        let read = configuration(
            "smtp_tls_security_level = dane\ninet_interfaces = 192.0.2.1, 127.0.0.1, 2001:db8::1",
            "clear unix - - y - - smtp -o smtp_tls_security_level=\n\
             bulk unix - - y - - smtp -o smtp_bind_address=192.0.2.9 -o inet_protocols=ipv4\n\
             same unix - - y - - smtp -o smtp_tls_security_level=dane\n\
             local unix - - y - - local -o smtp_tls_security_level=none",
        );
        let transports = read.describe().transports;
        let levels: Vec<_> =
            transports.iter().map(|one| (&*one.service, one.level.as_deref())).collect();
        assert_eq!(levels, [("clear/unix", Some("none")), ("bulk/unix", Some("dane"))]);
        assert_eq!(transports[0].settings, ["smtp_tls_security_level ="]);
        let bulk = read.transports().nth(1);
        assert_eq!(read.bound(bulk, Family::Ipv4), Some([192, 0, 2, 9].into()));
        assert_eq!(read.bound(None, Family::Ipv6), "2001:db8::1".parse().ok());
        assert_eq!(read.bound(None, Family::Ipv4), None, "two of this family");
        assert!(!read.uses(bulk, Family::Ipv6) && read.uses(bulk, Family::Ipv4));
        assert!(read.uses(None, Family::Ipv6));
    }
}
