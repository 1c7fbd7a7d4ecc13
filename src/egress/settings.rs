//! What is wrong with Postfix's settings, whatever the network does.
//!
//! Owns the findings on one instance and the lines that mend it. The rules are those
//! of postconf(5) and TLS_README. Refuses to know what was measured.

use std::net::IpAddr;

use super::postconf::{
    Configuration, DANE_LEVELS, Service, TLS_FILES, Table, bare_address, bind_setting,
};
use crate::model::egress::EgressFinding;
use crate::model::finding::Severity;
use crate::model::probe::Family;

/// `smtp_tls_security_level` as Postfix knows it.
const LEVELS: [&str; 9] =
    ["none", "may", "encrypt", "dane", "dane-only", "half-dane", "fingerprint", "verify", "secure"];

/// A finding on an instance.
pub(super) fn finding(
    configuration: &Configuration,
    id: &str,
    severity: Severity,
    explanation: impl Into<String>,
) -> EgressFinding {
    EgressFinding {
        id: id.to_owned(),
        severity,
        ip: None,
        instance: configuration.directory.clone(),
        explanation: explanation.into(),
        remedy: None,
        lines: Vec::new(),
    }
}

/// `postconf -e` for this instance.
pub(super) fn edit(configuration: &Configuration, setting: &str) -> String {
    format!("postconf{} -e '{setting}'", directory(configuration))
}

/// The same for a service: `postconf -P`.
fn edit_service(configuration: &Configuration, service: &Service, setting: &str) -> String {
    format!("postconf{} -P '{}/{setting}'", directory(configuration), service.id())
}

fn directory(configuration: &Configuration) -> String {
    configuration.directory.as_ref().map(|folder| format!(" -c {folder}")).unwrap_or_default()
}

/// Everything that is wrong with an instance; what goes before the rest comes first.
pub(super) fn findings(configuration: &Configuration, ours: &[IpAddr]) -> Vec<EgressFinding> {
    let mut findings = Vec::new();
    findings.extend(relay(configuration));
    findings.extend(level(configuration));
    findings.extend(requirements(configuration));
    findings.extend(log_level(configuration));
    findings.extend(absent_files(configuration));
    findings.extend(policy_maps(configuration));
    findings.extend(binding(configuration, None, ours));
    for service in configuration.transports() {
        findings.extend(transport(configuration, service, ours));
        findings.extend(binding(configuration, Some(service), ours));
    }
    findings
}

/// Mail that does not leave from here makes everything else matter less.
fn relay(configuration: &Configuration) -> Option<EgressFinding> {
    let relay = configuration.value("relayhost")?;
    Some(finding(
        configuration,
        "relayhost-set",
        Severity::Notice,
        format!(
            "relayhost is {relay}: mail does not leave from here directly, so what matters is the \
             way to that host, and the addresses by which it sends"
        ),
    ))
}

fn level(configuration: &Configuration) -> Option<EgressFinding> {
    let level = configuration.level(None)?;
    if level.word == "none" {
        return Some(no_level(configuration));
    }
    if level.word.contains('$') {
        return None;
    }
    if !LEVELS.contains(&level.word.as_str()) {
        let text = format!("smtp_tls_security_level is {}, which is no level", level.word);
        let mut found = finding(configuration, "tls-level-invalid", Severity::Critical, text);
        found.lines.push(edit(configuration, "smtp_tls_security_level = may"));
        return Some(found);
    }
    if level.from != "smtp_tls_security_level" {
        let text = format!(
            "The level comes from {}, which is obsolete since Postfix 2.3: later versions \
             leave it out",
            level.from
        );
        let mut found = finding(configuration, "tls-level-obsolete", Severity::Notice, text);
        let setting = format!("smtp_tls_security_level = {}", level.word);
        found.lines.push(edit(configuration, &setting));
        return Some(found);
    }
    None
}

/// The classic: what comes in is encrypted, and what goes out is not.
fn no_level(configuration: &Configuration) -> EgressFinding {
    let for_server = |(name, value): (&String, &String)| {
        name.starts_with("smtpd_tls_") && !value.is_empty() && value != "none" && value != "no"
    };
    let has_server_tls = configuration.set.iter().any(for_server);
    let stated = configuration.value("smtp_tls_security_level").is_some();
    let what = if stated { "none" } else { "empty" };
    let but = if has_server_tls {
        "; the smtpd_tls_ settings are for mail that comes in, and change nothing about it"
    } else {
        ""
    };
    let text =
        format!("smtp_tls_security_level is {what}: all outgoing mail goes in clear text{but}");
    let id = if stated { "tls-level-none" } else { "tls-level-empty" };
    let mut found = finding(configuration, id, Severity::Critical, text);
    found.lines.push(edit(configuration, "smtp_tls_security_level = may"));
    found
}

/// What a level needs besides (TLS_README, "DANE" and "Certificate verification").
fn requirements(configuration: &Configuration) -> Vec<EgressFinding> {
    let mut found = Vec::new();
    let level = configuration.level_word(None).unwrap_or_default();
    if DANE_LEVELS.contains(&level.as_str()) {
        found.extend(dns_support(configuration, &level));
    }
    let lacks_ca = ["smtp_tls_CAfile", "smtp_tls_CApath"]
        .iter()
        .all(|name| configuration.value(name).is_none())
        && configuration.value("tls_append_default_CA") != Some("yes");
    if matches!(level.as_str(), "verify" | "secure") && lacks_ca {
        let text = format!(
            "The level is {level}, and neither smtp_tls_CAfile nor smtp_tls_CApath names a CA: no \
             certificate can be verified, so all mail is deferred"
        );
        let mut one = finding(configuration, "no-ca", Severity::Critical, text);
        let bundle = "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt";
        one.lines.push(edit(configuration, bundle));
        found.push(one);
    }
    found
}

fn dns_support(configuration: &Configuration, level: &str) -> Option<EgressFinding> {
    let support = configuration.value("smtp_dns_support_level").unwrap_or("not set");
    let lookup = configuration.value("smtp_host_lookup").unwrap_or("dns");
    let asks_dns = lookup.split([',', ' ']).any(|word| word == "dns");
    let unknown = support.contains('$') || lookup.contains('$');
    if unknown || (support == "dnssec" && asks_dns) {
        return None;
    }
    let what = if asks_dns {
        format!("smtp_dns_support_level is {support}")
    } else {
        format!("smtp_host_lookup is {lookup}")
    };
    let text = format!(
        "The level is {level}, and {what}: without DNSSEC lookups Postfix has no TLSA records, \
         logs a warning for every delivery, and does not do DANE"
    );
    let mut found = finding(configuration, "dane-without-dnssec", Severity::Critical, text);
    if support != "dnssec" {
        found.lines.push(edit(configuration, "smtp_dns_support_level = dnssec"));
    }
    if !asks_dns {
        found.lines.push(edit(configuration, "smtp_host_lookup = dns"));
    }
    Some(found)
}

fn log_level(configuration: &Configuration) -> Option<EgressFinding> {
    configuration.value("smtp_tls_loglevel").filter(|level| *level == "0")?;
    let text = "smtp_tls_loglevel is 0: the log does not say which mail went encrypted, nor why \
                some did not";
    let mut found = finding(configuration, "tls-loglevel-zero", Severity::Warning, text);
    found.lines.push(edit(configuration, "smtp_tls_loglevel = 1"));
    Some(found)
}

/// Postfix sends without TLS where it cannot load one of these.
fn absent_files(configuration: &Configuration) -> Vec<EgressFinding> {
    let level = configuration.level_word(None).unwrap_or_default();
    if level == "none" {
        return Vec::new();
    }
    let effect = match level.as_str() {
        "may" => "all mail goes in clear text",
        _ => "mail that must be encrypted is deferred, and other mail goes in clear text",
    };
    // The default of one names the other: what main.cf sets is said once.
    let is_set = |name: &&&str| configuration.set.contains_key(**name);
    let is_absent = |name: &&&str| {
        let value = configuration.opened(name).unwrap_or_default();
        configuration.absent.iter().any(|path| value.split([',', ' ']).any(|word| word == path))
    };
    let absent = TLS_FILES.iter().filter(is_set).filter(is_absent).map(|name| {
        let value = configuration.value(name).unwrap_or_default();
        let text =
            format!("{name} is {value}, which is not there: Postfix has no TLS then, and {effect}");
        let mut found = finding(configuration, "tls-file-absent", Severity::Critical, text);
        let bundle = "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt";
        let setting =
            if name.ends_with("CAfile") { bundle.to_owned() } else { format!("{name} =") };
        found.lines.push(edit(configuration, &setting));
        found
    });
    absent.collect()
}

/// A table that cannot be opened defers all mail, other than to destinations that a
/// table before it has.
fn absent_tables(configuration: &Configuration) -> Vec<EgressFinding> {
    let tables = configuration.policy_tables().into_iter();
    let absent = tables.filter(|table| configuration.absent.contains(&table.file)).map(|table| {
        let Table { typed, source, file, is_compiled } = table;
        let text = format!(
            "smtp_tls_policy_maps names {typed}, and {file} is not there: Postfix defers all \
             mail, whatever the level (client TLS configuration problem)"
        );
        let mut found = finding(configuration, "policy-map-absent", Severity::Critical, text);
        if is_compiled && !configuration.absent.contains(&source) {
            found.lines.push(format!("postmap{} {typed}", directory(configuration)));
        } else {
            let words = "Write the table, or take it out of smtp_tls_policy_maps";
            found.remedy = Some(words.to_owned());
        }
        found
    });
    absent.collect()
}

fn policy_maps(configuration: &Configuration) -> Vec<EgressFinding> {
    let Some(maps) = configuration.value("smtp_tls_policy_maps") else { return Vec::new() };
    let absent = absent_tables(configuration);
    if !absent.is_empty() {
        return absent;
    }
    let text = format!("smtp_tls_policy_maps is {maps}: some destinations may have another level");
    vec![finding(configuration, "tls-policy-maps", Severity::Notice, text)]
}

/// A source that this machine does not have.
fn binding(
    configuration: &Configuration,
    service: Option<&Service>,
    ours: &[IpAddr],
) -> Vec<EgressFinding> {
    let families = [Family::Ipv4, Family::Ipv6].into_iter();
    families.filter_map(|family| bound_elsewhere(configuration, service, family, ours)).collect()
}

fn bound_elsewhere(
    configuration: &Configuration,
    service: Option<&Service>,
    family: Family,
    ours: &[IpAddr],
) -> Option<EgressFinding> {
    let setting = bind_setting(family);
    // What is inherited from main.cf is said there.
    let own = service.is_none_or(|service| service.value(setting).is_some());
    let value = configuration.value_for(service, setting).filter(|_| own)?;
    let place = service.map(|one| format!(" of {} in master.cf", one.id())).unwrap_or_default();
    if value.contains('$') {
        return None;
    }
    let mut found = match bare_address(value) {
        Some(ip) if Family::of(ip) == family => {
            if ours.contains(&ip) || ip.is_unspecified() {
                return None;
            }
            not_ours(configuration, service, &format!("{setting}{place}"), ip)
        }
        ip => unusable(configuration, service, &format!("{setting}{place} is {value}"), ip),
    };
    if !configuration.uses(service, family) {
        found.severity = Severity::Notice;
    }
    let line = match service {
        None => edit(configuration, &format!("{setting} =")),
        Some(service) => edit_service(configuration, service, &format!("{setting}=")),
    };
    found.lines.push(line);
    Some(found)
}

/// Postfix warns and goes on without binding (postconf(5), `smtp_bind_address_enforce`).
fn not_ours(
    configuration: &Configuration,
    service: Option<&Service>,
    setting: &str,
    ip: IpAddr,
) -> EgressFinding {
    let enforced = configuration.value_for(service, "smtp_bind_address_enforce") == Some("yes");
    let (severity, effect) = if enforced {
        (Severity::Critical, "mail is deferred")
    } else {
        (Severity::Warning, "Postfix warns, and mail goes out by another address")
    };
    let text = format!("{setting} is {ip}, which is no address of this machine: {effect}");
    finding(configuration, "bind-address-not-ours", severity, text)
}

/// The client ends at once where it cannot read the address, and master starts it again
/// a minute later. It reads one of the other family where it uses that.
fn unusable(
    configuration: &Configuration,
    service: Option<&Service>,
    setting: &str,
    ip: Option<IpAddr>,
) -> EgressFinding {
    let what = match ip {
        Some(IpAddr::V6(_)) => "an IPv6 address, which belongs in smtp_bind_address6",
        Some(IpAddr::V4(_)) => "an IPv4 address, which belongs in smtp_bind_address",
        None => "no address",
    };
    let is_read = ip.is_some_and(|ip| configuration.uses(service, Family::of(ip)));
    let (severity, effect) = if is_read {
        (Severity::Warning, "Postfix warns, and mail goes out by another address")
    } else {
        (Severity::Critical, "Postfix's client ends with a fatal error, and mail waits")
    };
    let text = format!("{setting}, {what}: {effect}");
    finding(configuration, "bind-address-unusable", severity, text)
}

/// A transport that goes its own way. An address that it binds to in vain is said
/// elsewhere.
fn transport(
    configuration: &Configuration,
    service: &Service,
    ours: &[IpAddr],
) -> Option<EgressFinding> {
    let is_said = |setting: &String| {
        [Family::Ipv4, Family::Ipv6].into_iter().any(|family| {
            setting.split(' ').next() == Some(bind_setting(family))
                && bound_elsewhere(configuration, Some(service), family, ours).is_some()
        })
    };
    let mut own = configuration.own_settings(service);
    own.retain(|setting| !is_said(setting));
    if own.is_empty() {
        return None;
    }
    let id = service.id();
    let listed = own.join(", ");
    let main = configuration.level_word(None).filter(|level| level != "none");
    let own_level = configuration.level_word(Some(service));
    let is_clear = own_level.as_deref() == Some("none") && main.is_some();
    if !is_clear {
        let text = format!("The transport {id} in master.cf has settings of its own: {listed}");
        return Some(finding(configuration, "transport-differs", Severity::Notice, text));
    }
    // Mail that nobody routes there may be meant to go in clear.
    let is_main = configuration.is_main(service);
    let severity = if is_main { Severity::Critical } else { Severity::Warning };
    let which = if is_main { "all mail to the internet" } else { "mail by it" };
    let text = format!(
        "The transport {id} in master.cf has settings of its own, {listed}: {which} goes in clear \
         text, whatever main.cf says"
    );
    let mut found = finding(configuration, "transport-in-clear", severity, text);
    let setting = format!("smtp_tls_security_level={}", main.as_deref().unwrap_or("may"));
    found.lines.push(edit_service(configuration, service, &setting));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::postconf::{parameters, services};
    use super::*;

    /// What a sound Postfix prints.
    const SOUND: &str = "smtp_tls_security_level = dane\nsmtp_dns_support_level = dnssec\n\
        smtp_host_lookup = dns\nsmtp_tls_loglevel = 1\ninet_protocols = all\n\
        default_transport = smtp\nsmtp_bind_address = 192.0.2.1\n";

    fn found(main: &str, master: &str) -> Vec<(String, Severity, Vec<String>)> {
        let configuration = Configuration {
            set: parameters(main),
            effective: parameters(main),
            services: services(master),
            ..Configuration::default()
        };
        let found = findings(&configuration, &[[192, 0, 2, 1].into()]).into_iter();
        found.map(|one| (one.id, one.severity, one.lines)).collect()
    }

    fn only(main: &str, master: &str) -> (String, Severity, Vec<String>) {
        let mut found = found(&format!("{SOUND}{main}\n"), master);
        assert_eq!(found.len(), 1, "{main} {master}: {found:?}");
        found.remove(0)
    }

    #[test]
    fn a_sound_configuration_has_no_finding() {
        let master = "smtp unix - - y - - smtp\nrelay unix - - y - - smtp -o syslog_name=x";
        assert_eq!(found(SOUND, master), []);
    }

    /// What main.cf says, the finding, and the setting of the line that mends it.
    #[rustfmt::skip]
    const MISTAKES: [(&str, &str, Severity, Option<&str>); 17] = [
        ("smtp_tls_security_level =\nsmtpd_tls_cert_file = /c", "tls-level-empty", Severity::Critical, Some("smtp_tls_security_level = may")),
        ("smtp_tls_security_level = none", "tls-level-none", Severity::Critical, Some("smtp_tls_security_level = may")),
        ("smtp_tls_security_level = yes", "tls-level-invalid", Severity::Critical, Some("smtp_tls_security_level = may")),
        ("smtp_tls_security_level =\nsmtp_use_tls = yes", "tls-level-obsolete", Severity::Notice, Some("smtp_tls_security_level = may")),
        ("smtp_dns_support_level = enabled", "dane-without-dnssec", Severity::Critical, Some("smtp_dns_support_level = dnssec")),
        ("smtp_host_lookup = native", "dane-without-dnssec", Severity::Critical, Some("smtp_host_lookup = dns")),
        ("smtp_tls_security_level = secure", "no-ca", Severity::Critical, Some("smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt")),
        ("smtp_tls_loglevel = 0", "tls-loglevel-zero", Severity::Warning, Some("smtp_tls_loglevel = 1")),
        ("smtp_bind_address = 192.0.2.9", "bind-address-not-ours", Severity::Warning, Some("smtp_bind_address =")),
        ("smtp_bind_address = 2001:db8::9", "bind-address-unusable", Severity::Warning, Some("smtp_bind_address =")),
        ("smtp_bind_address = 2001:db8::9\ninet_protocols = ipv4", "bind-address-unusable", Severity::Critical, Some("smtp_bind_address =")),
        ("smtp_bind_address = out.example.net", "bind-address-unusable", Severity::Critical, Some("smtp_bind_address =")),
        ("smtp_bind_address6 = 192.0.2.1", "bind-address-unusable", Severity::Warning, Some("smtp_bind_address6 =")),
        ("smtp_bind_address6 = 2001:db8::9\ninet_protocols = ipv4", "bind-address-not-ours", Severity::Notice, Some("smtp_bind_address6 =")),
        ("smtp_bind_address6 = 2001:db8::9\nsmtp_bind_address_enforce = yes", "bind-address-not-ours", Severity::Critical, Some("smtp_bind_address6 =")),
        ("smtp_tls_policy_maps = hash:/x", "tls-policy-maps", Severity::Notice, None),
        ("relayhost = [relay.example.net]", "relayhost-set", Severity::Notice, None),
    ];

    #[test]
    fn each_mistake_in_main_cf_is_named_with_its_line() {
        for (main, id, severity, setting) in MISTAKES {
            let lines: Vec<String> =
                setting.map(|setting| format!("postconf -e '{setting}'")).into_iter().collect();
            assert_eq!(only(main, ""), (id.to_owned(), severity, lines), "{main}");
        }
    }

    #[test]
    fn files_that_are_not_there_are_named_once_each() {
        let main = "smtp_tls_security_level = may\nsmtp_tls_loglevel = 1\n\
            smtp_tls_cert_file = /etc/cert.pem\nsmtp_tls_CAfile = /etc/ca.pem\n\
            smtp_tls_policy_maps = hash:/etc/tls, texthash:/etc/more, socketmap:inet:x:1:y";
        let mut configuration = Configuration {
            set: parameters(main),
            effective: parameters(&format!("{main}\nsmtp_tls_key_file = /etc/cert.pem")),
            ..Configuration::default()
        };
        let files = configuration.files();
        let certificates = ["/etc/ca.pem", "/etc/cert.pem", "/etc/cert.pem"];
        assert_eq!(files, [&certificates[..], &["/etc/tls", "/etc/tls.db", "/etc/more"]].concat());
        configuration.absent = files.into_iter().filter(|path| path != "/etc/tls").collect();
        let found = findings(&configuration, &[]).into_iter();
        let graves = found.filter(|one| one.severity == Severity::Critical);
        let graves: Vec<_> = graves.map(|one| (one.id, one.lines)).collect();
        let file =
            |line: &str| ("tls-file-absent".to_owned(), vec![format!("postconf -e '{line}'")]);
        let map = |lines| ("policy-map-absent".to_owned(), lines);
        let bundle = "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt";
        let expected = [
            file(bundle),
            file("smtp_tls_cert_file ="),
            map(vec!["postmap hash:/etc/tls".to_owned()]),
            map(vec![]),
        ];
        assert_eq!(graves, expected);
    }

    /// A key without a certificate is not loaded, nor is either beside chain files.
    #[test]
    fn files_that_are_not_opened_need_not_be_there() {
        for main in [
            "smtp_tls_key_file = /etc/key.pem",
            "smtp_tls_chain_files = /etc/a.pem\nsmtp_tls_cert_file = /etc/b.pem",
        ] {
            let effective = parameters(main);
            let configuration = Configuration { effective, ..Configuration::default() };
            let files = configuration.files();
            assert!(!files.contains(&"/etc/key.pem".to_owned()), "{main}: {files:?}");
            assert!(!files.contains(&"/etc/b.pem".to_owned()), "{main}: {files:?}");
        }
    }

    #[test]
    fn what_is_not_expanded_is_not_judged() {
        assert_eq!(found("smtp_tls_security_level = ${x?{may}:{none}}", ""), []);
        let main = format!("{SOUND}smtp_dns_support_level = $x\nsmtp_bind_address = $y\n");
        assert_eq!(found(&main, ""), []);
    }

    #[test]
    fn transports_with_settings_of_their_own_are_named() {
        let clear = "-o smtp_tls_security_level=none";
        let (id, severity, lines) = only("", &format!("smtp unix - - y - - smtp {clear}"));
        assert_eq!((id.as_str(), severity), ("transport-in-clear", Severity::Critical));
        assert_eq!(lines, ["postconf -P 'smtp/unix/smtp_tls_security_level=dane'"]);
        let (id, severity, _) = only("", &format!("slow unix - - y - - smtp {clear}"));
        assert_eq!((id.as_str(), severity), ("transport-in-clear", Severity::Warning));
        let chosen = "default_transport = slow:";
        let (_, severity, _) = only(chosen, &format!("slow unix - - y - - smtp {clear}"));
        assert_eq!(severity, Severity::Critical);
        let (id, severity, _) = only("", "b unix - - y - - smtp -o smtp_helo_name=b.example");
        assert_eq!((id.as_str(), severity), ("transport-differs", Severity::Notice));
    }

    #[test]
    fn lines_name_the_instance() {
        let directory = Some("/etc/postfix-out".to_owned());
        let set = parameters("smtp_tls_security_level =");
        let configuration = Configuration { directory, set, ..Configuration::default() };
        let found = findings(&configuration, &[]).remove(0);
        assert_eq!(found.instance.as_deref(), Some("/etc/postfix-out"));
        assert_eq!(
            found.lines,
            ["postconf -c /etc/postfix-out -e 'smtp_tls_security_level = may'"]
        );
    }
}
