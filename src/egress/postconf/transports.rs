//! The client transports of one instance, and what each of them rests on.
//!
//! Owns which of them carries mail, which setting of main.cf is in force at all, and the
//! files and levels of each. Refuses to say what is wrong.

use std::collections::BTreeSet;

use super::{Configuration, DANE_LEVELS, Entry, Service, TELLING, TLS_FILES, Table, list};

/// A level of DANE at which mail is sent with DNSSEC lookups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DaneUse {
    /// As `smtp_tls_security_level` spells it.
    pub level: String,
    /// The destination of `smtp_tls_policy_maps` that has it; `None` for all of them.
    pub destination: Option<String>,
}

impl Configuration {
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

    /// The transport of mail to the internet, where master.cf has it.
    pub fn default_service(&self) -> Option<&Service> {
        let name = self.value("default_transport").unwrap_or("smtp").split(':').next();
        self.transports().find(|service| Some(service.name.as_str()) == name)
    }

    /// Whether a rule that rests on these settings is about a service. `None` stands for
    /// main.cf, which it is about unless the transport of mail to the internet has one of
    /// them for itself.
    pub fn concerns(&self, service: Option<&Service>, names: &[&str]) -> bool {
        let has_own = |service: &Service| names.iter().any(|name| service.value(name).is_some());
        match service {
            Some(service) => has_own(service),
            None => !self.default_service().is_some_and(has_own),
        }
    }

    /// main.cf, and each transport.
    pub fn subjects(&self) -> impl Iterator<Item = Option<&Service>> {
        std::iter::once(None).chain(self.transports().map(Some))
    }

    /// What mail is sent by: each transport, or main.cf where none is known.
    pub fn senders(&self) -> Vec<Option<&Service>> {
        let transports: Vec<_> = self.transports().map(Some).collect();
        if transports.is_empty() { vec![None] } else { transports }
    }

    /// Where Postfix does DANE, so that its resolver has to validate.
    pub fn dane(&self) -> BTreeSet<DaneUse> {
        let doing = self.senders().into_iter().filter(|service| self.does_dane(*service));
        doing.flat_map(|service| self.dane_wanted(service)).collect()
    }

    /// Whether a service asks for TLSA records.
    fn does_dane(&self, service: Option<&Service>) -> bool {
        let lookup = self.value_for(service, "smtp_host_lookup").unwrap_or("dns");
        self.value_for(service, "smtp_dns_support_level") == Some("dnssec")
            && list(lookup).any(|word| word == "dns")
            && !self.dane_wanted(service).is_empty()
    }

    /// The resolv.conf(5) of each service that does DANE.
    pub fn dane_resolver_files(&self) -> BTreeSet<&str> {
        const SYSTEM: &str = "/etc/resolv.conf";
        let chrooted = self.chrooted();
        let file = |service: Option<&Service>| match &self.chroot {
            Some(chroot) if service.is_some_and(|one| chrooted.contains(&one)) => {
                chroot.file.as_str()
            }
            _ => SYSTEM,
        };
        self.senders().into_iter().filter(|one| self.does_dane(*one)).map(file).collect()
    }

    /// The levels of DANE that a service is told to use, whether or not it can.
    pub fn dane_wanted(&self, service: Option<&Service>) -> BTreeSet<DaneUse> {
        let own = self.level_word(service).map(|level| DaneUse { level, destination: None });
        let listed = self
            .policies(service)
            .into_iter()
            .map(|entry| DaneUse { level: entry.level, destination: Some(entry.destination) });
        let wanted = own.into_iter().chain(listed);
        wanted.filter(|one| DANE_LEVELS.contains(&one.level.as_str())).collect()
    }

    /// The tables of `smtp_tls_policy_maps`. What holds a `$` may be anything.
    pub fn policy_tables(&self, service: Option<&Service>) -> Vec<Table> {
        let maps = self.value_for(service, "smtp_tls_policy_maps").unwrap_or_default();
        if maps.contains('$') { Vec::new() } else { Table::list(maps) }
    }

    /// What those of them say that could be read. The text of one that was compiled before
    /// it was changed is not what Postfix goes by.
    pub fn policies(&self, service: Option<&Service>) -> Vec<Entry> {
        let is_in_force =
            |table: &Table| table.file().is_none_or(|file| !self.stale.contains(&file.opened));
        let tables = self.policy_tables(service).into_iter().filter(is_in_force);
        tables.filter_map(|table| table.read(&self.texts)).flatten().collect()
    }

    /// Every file that outgoing TLS needs, as far as it can be told: certificates, keys
    /// and the tables of `smtp_tls_policy_maps`, with what these are made of.
    pub fn files(&self) -> BTreeSet<String> {
        let named = self.subjects().flat_map(|service| {
            TLS_FILES.iter().filter_map(move |name| self.opened(service, name)).flat_map(list)
        });
        let named = named.filter(|path| path.starts_with('/')).map(ToOwned::to_owned);
        let tables = self.table_files().into_iter().flat_map(|(source, file)| [source, file]);
        named.chain(tables).collect()
    }

    /// The tables that are files: what is written by hand, and what Postfix opens.
    pub fn table_files(&self) -> BTreeSet<(String, String)> {
        let tables = self.subjects().flat_map(|service| self.policy_tables(service));
        let pair =
            |table: Table| table.file().map(|file| (file.source.clone(), file.opened.clone()));
        tables.filter_map(pair).collect()
    }

    /// What a setting of [`TLS_FILES`] names, unless Postfix does not look at it: a key
    /// without a certificate, and either beside `smtp_tls_chain_files`.
    pub fn opened<'a>(&'a self, service: Option<&'a Service>, name: &str) -> Option<&'a str> {
        let is_pair = matches!(name, "smtp_tls_cert_file" | "smtp_tls_key_file");
        let is_needed = self.value_for(service, "smtp_tls_chain_files").is_none()
            && self.value_for(service, "smtp_tls_cert_file").is_some();
        self.value_for(service, name).filter(|_| !is_pair || is_needed)
    }

    /// The transports that run in a chroot. The default is `y` below the compatibility
    /// level 1, and `n` from there on (COMPATIBILITY_README); where the level is not known,
    /// it is not taken for one.
    pub fn chrooted(&self) -> Vec<&Service> {
        let level = self.value("compatibility_level").unwrap_or("1");
        let by_default = level.split('.').next().and_then(|one| one.parse::<u32>().ok()) == Some(0);
        let is_chrooted =
            |service: &&Service| service.chroot == "y" || (service.chroot == "-" && by_default);
        self.transports().filter(is_chrooted).collect()
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
