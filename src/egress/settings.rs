//! What is wrong with Postfix's settings, whatever the network does.
//!
//! Owns the findings on one instance and the lines that mend it: main.cf first, then each
//! transport of master.cf by what it has for itself. The rules are those of postconf(5) and
//! TLS_README; what Postfix does was seen (docs/egress.md). Refuses to know what was measured.

mod binding;
mod chroot;
mod files;
mod policies;
mod relay;
mod transport;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::postconf::{Configuration, DaneUse, Service};
use crate::model::egress::EgressFinding;
use crate::model::finding::Severity;

/// `smtp_tls_security_level` as Postfix knows it.
const LEVELS: [&str; 9] =
    ["none", "may", "encrypt", "dane", "dane-only", "half-dane", "fingerprint", "verify", "secure"];
const LEVEL: &str = "smtp_tls_security_level";
/// What decides the level.
const LEVEL_SETTINGS: [&str; 3] = [LEVEL, "smtp_use_tls", "smtp_enforce_tls"];

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

/// The line that sets a parameter of this instance, in main.cf or for a service.
pub(super) fn edit(
    configuration: &Configuration,
    service: Option<&Service>,
    name: &str,
    value: &str,
) -> String {
    let place = directory(configuration);
    match service {
        None => format!("postconf{place} -e '{}'", format!("{name} = {value}").trim_end()),
        Some(service) => format!("postconf{place} -P '{}/{name}={value}'", service.id()),
    }
}

fn directory(configuration: &Configuration) -> String {
    configuration.directory.as_ref().map(|folder| format!(" -c {folder}")).unwrap_or_default()
}

/// Whose setting it is, where it is not main.cf's.
fn place(service: Option<&Service>) -> String {
    service.map(|one| format!(" of {} in master.cf", one.id())).unwrap_or_default()
}

/// Everything that is wrong with an instance; what goes before the rest comes first.
pub(super) fn findings(configuration: &Configuration, ours: &[IpAddr]) -> Vec<EgressFinding> {
    let mut findings = Vec::new();
    findings.extend(relay::relay(configuration));
    findings.extend(relay::other_ways(configuration));
    for service in configuration.subjects() {
        let found = of_service(configuration, service, ours);
        let differs = service.and_then(|one| transport::transport(configuration, one, &found));
        findings.extend(found);
        findings.extend(differs);
    }
    findings.extend(chroot::chroot(configuration));
    findings
}

/// What is wrong with main.cf, or with what a service has for itself.
fn of_service(
    configuration: &Configuration,
    service: Option<&Service>,
    ours: &[IpAddr],
) -> Vec<EgressFinding> {
    let mut found = Vec::new();
    found.extend(level(configuration, service));
    found.extend(relay::wrapper(configuration, service));
    found.extend(dns_support(configuration, service));
    found.extend(no_ca(configuration, service));
    found.extend(log_level(configuration, service));
    found.extend(files::absent(configuration, service));
    found.extend(policies::policies(configuration, service));
    found.extend(binding::binding(configuration, service, ours));
    found
}

fn level(configuration: &Configuration, service: Option<&Service>) -> Option<EgressFinding> {
    let level = configuration.level(service)?;
    if !configuration.concerns(service, &LEVEL_SETTINGS) || level.word.contains('$') {
        return None;
    }
    // What a service has in place of TLS is said of the transport.
    if level.word == "none" {
        return service.is_none().then(|| no_level(configuration));
    }
    let place = place(service);
    if !LEVELS.contains(&level.word.as_str()) {
        let text = format!(
            "{LEVEL}{place} is {}, which is no level: Postfix's client ends with a fatal error, \
             and mail waits",
            level.word
        );
        let mut found = finding(configuration, "tls-level-invalid", Severity::Critical, text);
        found.lines.push(edit(configuration, service, LEVEL, "may"));
        return Some(found);
    }
    if level.from != LEVEL {
        let text = format!(
            "The level{place} comes from {}, which is obsolete since Postfix 2.3: later versions \
             leave it out",
            level.from
        );
        let mut found = finding(configuration, "tls-level-obsolete", Severity::Notice, text);
        found.lines.push(edit(configuration, service, LEVEL, &level.word));
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
    let stated = configuration.value(LEVEL).is_some();
    let what = if stated { "none" } else { "empty" };
    let but = if has_server_tls {
        "; the smtpd_tls_ settings are for mail that comes in, and change nothing about it"
    } else {
        ""
    };
    let text = format!("{LEVEL} is {what}: all outgoing mail goes in clear text{but}");
    let id = if stated { "tls-level-none" } else { "tls-level-empty" };
    let mut found = finding(configuration, id, Severity::Critical, text);
    found.lines.push(edit(configuration, None, LEVEL, "may"));
    found
}

/// What becomes of mail at levels of DANE where Postfix has no TLSA records.
pub(super) fn without_records(wanted: &BTreeSet<DaneUse>) -> String {
    /// Destinations that are named; more are only counted.
    const MOST_NAMED: usize = 3;
    let effect = |is_only: bool, words: &str| {
        let of_kind = || wanted.iter().filter(|one| (one.level == "dane-only") == is_only);
        let destinations: Vec<&str> =
            of_kind().filter_map(|one| one.destination.as_deref()).collect();
        let more = match destinations.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = destinations.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
        of_kind().next()?;
        // What holds for all need not be said of single ones.
        let is_all = of_kind().any(|one| one.destination.is_none());
        let to = if is_all { String::new() } else { format!(" to {named}{more}") };
        Some(format!("{words}{to}"))
    };
    let effects =
        [effect(false, "dane does no more than may"), effect(true, "dane-only defers all mail")];
    effects.into_iter().flatten().collect::<Vec<_>>().join(", and ")
}

fn dns_support(configuration: &Configuration, service: Option<&Service>) -> Option<EgressFinding> {
    const SUPPORT: &str = "smtp_dns_support_level";
    const LOOKUP: &str = "smtp_host_lookup";
    let names = [LEVEL_SETTINGS.as_slice(), &[SUPPORT, LOOKUP, "smtp_tls_policy_maps"]].concat();
    let wanted = configuration.dane_wanted(service);
    let first = wanted.first().filter(|_| configuration.concerns(service, &names))?;
    let support = configuration.value_for(service, SUPPORT).unwrap_or("not set");
    let lookup = configuration.value_for(service, LOOKUP).unwrap_or("dns");
    let asks_dns = lookup.split([',', ' ']).any(|word| word == "dns");
    let unknown = support.contains('$') || lookup.contains('$');
    if unknown || (support == "dnssec" && asks_dns) {
        return None;
    }
    let what =
        if asks_dns { format!("{SUPPORT} is {support}") } else { format!("{LOOKUP} is {lookup}") };
    let place = place(service);
    let from = match &first.destination {
        None => format!("The {LEVEL}{place} is {}", first.level),
        Some(_) => format!("The smtp_tls_policy_maps{place} ask for {}", first.level),
    };
    let text = format!(
        "{from}, and {what}: without DNSSEC lookups Postfix has no TLSA records, and logs a \
         warning for every delivery; {}",
        without_records(&wanted)
    );
    let mut found = finding(configuration, "dane-without-dnssec", Severity::Critical, text);
    if support != "dnssec" {
        found.lines.push(edit(configuration, service, SUPPORT, "dnssec"));
    }
    if !asks_dns {
        found.lines.push(edit(configuration, service, LOOKUP, "dns"));
    }
    Some(found)
}

/// Certificates are held against nothing (TLS_README, "Certificate verification").
fn no_ca(configuration: &Configuration, service: Option<&Service>) -> Option<EgressFinding> {
    const CAS: [&str; 2] = ["smtp_tls_CAfile", "smtp_tls_CApath"];
    let names = [LEVEL_SETTINGS.as_slice(), &CAS, &["tls_append_default_CA"]].concat();
    let level = configuration.level_word(service)?;
    let lacks_ca = CAS.iter().all(|name| configuration.value_for(service, name).is_none())
        && configuration.value_for(service, "tls_append_default_CA") != Some("yes");
    let is_needed = matches!(level.as_str(), "verify" | "secure");
    if !is_needed || !lacks_ca || !configuration.concerns(service, &names) {
        return None;
    }
    let text = format!(
        "The {LEVEL}{} is {level}, and neither smtp_tls_CAfile nor smtp_tls_CApath names a CA: no \
         certificate can be verified, so all mail is deferred",
        place(service)
    );
    let mut found = finding(configuration, "no-ca", Severity::Critical, text);
    found.lines.push(edit(configuration, service, "smtp_tls_CAfile", files::BUNDLE));
    Some(found)
}

fn log_level(configuration: &Configuration, service: Option<&Service>) -> Option<EgressFinding> {
    const NAME: &str = "smtp_tls_loglevel";
    configuration.value_for(service, NAME).filter(|level| *level == "0")?;
    if !configuration.concerns(service, &[NAME]) {
        return None;
    }
    let text = format!(
        "{NAME}{} is 0: the log does not say which mail went encrypted, nor why some did not",
        place(service)
    );
    let mut found = finding(configuration, "tls-loglevel-zero", Severity::Warning, text);
    found.lines.push(edit(configuration, service, NAME, "1"));
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::postconf::{Chroot, parameters, services};
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
        let expected = ["/etc/ca.pem", "/etc/cert.pem", "/etc/more", "/etc/tls", "/etc/tls.db"];
        assert!(files.iter().eq(expected), "{files:?}");
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
            assert!(!files.iter().any(|file| file == "/etc/key.pem"), "{main}: {files:?}");
            assert!(!files.iter().any(|file| file == "/etc/b.pem"), "{main}: {files:?}");
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

    /// What a transport has for itself is judged like main.cf, and mended in master.cf.
    #[rustfmt::skip]
    const OWN: [(&str, &str, Severity, Option<&str>); 12] = [
        ("-o smtp_tls_security_level=yes", "tls-level-invalid", Severity::Critical, Some("smtp_tls_security_level=may")),
        ("-o smtp_tls_security_level=secure", "no-ca", Severity::Critical, Some("smtp_tls_CAfile=/etc/ssl/certs/ca-certificates.crt")),
        ("-o smtp_dns_support_level=enabled", "dane-without-dnssec", Severity::Critical, Some("smtp_dns_support_level=dnssec")),
        ("-o smtp_host_lookup=native", "dane-without-dnssec", Severity::Critical, Some("smtp_host_lookup=dns")),
        ("-o smtp_tls_loglevel=0", "tls-loglevel-zero", Severity::Warning, Some("smtp_tls_loglevel=1")),
        ("-o smtp_tls_CAfile=/absent", "tls-file-absent", Severity::Critical, Some("smtp_tls_CAfile=/etc/ssl/certs/ca-certificates.crt")),
        ("-o smtp_tls_chain_files=/absent", "tls-file-absent", Severity::Critical, Some("smtp_tls_chain_files=")),
        ("-o smtp_tls_policy_maps=texthash:/absent", "policy-map-absent", Severity::Critical, None),
        ("-o smtp_tls_policy_maps=static:dame", "policy-map-invalid", Severity::Warning, None),
        ("-o smtp_bind_address=192.0.2.9", "bind-address-not-ours", Severity::Warning, Some("smtp_bind_address=")),
        ("-o smtp_tls_wrappermode=yes -o smtp_tls_security_level=may", "wrappermode-level", Severity::Critical, Some("smtp_tls_security_level=encrypt")),
        ("-o smtp_tls_security_level=Encrypt", "transport-differs", Severity::Notice, None),
    ];

    #[test]
    fn what_a_transport_has_for_itself_is_judged_for_it() {
        for (options, id, severity, setting) in OWN {
            let configuration = Configuration {
                set: parameters(SOUND),
                effective: parameters(SOUND),
                services: services(&format!("bulk unix - - n - - smtp {options}")),
                absent: vec!["/absent".to_owned()],
                ..Configuration::default()
            };
            let found = findings(&configuration, &[[192, 0, 2, 1].into()]);
            // That it has settings of its own is said of those that are in order.
            let grave: Vec<_> = found.iter().filter(|one| one.id == id).collect();
            let [one] = grave.as_slice() else { panic!("{options}: {found:?}") };
            let lines: Vec<String> =
                setting.map(|one| format!("postconf -P 'bulk/unix/{one}'")).into_iter().collect();
            assert_eq!((one.severity, &one.lines), (severity, &lines), "{options}");
            assert!(one.explanation.contains("bulk/unix in master.cf"), "{}", one.explanation);
            let others = found.iter().filter(|one| one.id != id && one.id != "transport-differs");
            assert_eq!(others.count(), 0, "{options}: {found:?}");
        }
    }

    /// What main.cf says is not in force where the transport of all mail has its own.
    #[test]
    fn what_is_overridden_is_not_judged() {
        let master = "smtp unix - - n - - smtp -o smtp_tls_security_level=may\n\
            relay unix - - n - - smtp -o syslog_name=relay";
        let main = "smtp_tls_security_level =\nsmtp_tls_loglevel = 1";
        assert_eq!(
            found(main, master),
            [("transport-differs".to_owned(), Severity::Notice, vec![])]
        );
        assert_eq!(found(main, "relay unix - - n - - smtp")[0].0, "tls-level-empty");
    }

    #[test]
    fn what_tables_say_is_judged() {
        let maps = "smtp_tls_security_level = may\nsmtp_tls_loglevel = 1\n\
            smtp_tls_policy_maps = hash:/t\nsmtp_dns_support_level = enabled";
        let with = |text: &str, is_stale: bool| {
            let configuration = Configuration {
                effective: parameters(maps),
                texts: [("/t".to_owned(), text.to_owned())].into(),
                stale: is_stale.then(|| "/t.db".to_owned()).into_iter().collect(),
                ..Configuration::default()
            };
            let found = findings(&configuration, &[]).into_iter();
            found.map(|one| (one.id, one.lines, one.explanation)).collect::<Vec<_>>()
        };
        assert_eq!(with("a.example secure match=nexthop\n", false), [], "sound, and read");
        for (text, stale, id, line, words) in [
            (
                "a.example dane\n",
                false,
                "dane-without-dnssec",
                Some("postconf -e 'smtp_dns_support_level = dnssec'"),
                "no more than may to a.example",
            ),
            (
                "a.example dane-only\n",
                false,
                "dane-without-dnssec",
                Some("postconf -e 'smtp_dns_support_level = dnssec'"),
                "defers all mail to a.example",
            ),
            ("a.example none\n", false, "policy-map-clear", None, "a.example"),
            (
                "a.example dame\nb.example ,\n",
                false,
                "policy-map-invalid",
                None,
                "a.example, b.example",
            ),
            // Neither is in force yet.
            ("a.example none\n", true, "policy-map-stale", Some("postmap hash:/t"), "older"),
            ("a.example dame\n", true, "policy-map-stale", Some("postmap hash:/t"), "older"),
        ] {
            let found = with(text, stale);
            let [(known, lines, explanation)] = found.as_slice() else { panic!("{found:?}") };
            assert_eq!(
                (known.as_str(), lines.as_slice()),
                (id, line.map(str::to_owned).as_slice())
            );
            assert!(explanation.contains(words), "{explanation}");
        }
    }

    #[test]
    fn implicit_tls_that_is_half_set_is_named() {
        let relay = "relayhost = [relay.example.net]:465";
        for (main, id, lines) in [
            (
                format!("{relay}\nsmtp_tls_wrappermode = yes\nsmtp_tls_security_level = may"),
                "wrappermode-level",
                1,
            ),
            (format!("{relay}\nsmtp_tls_security_level = may"), "wrappermode-missing", 2),
            (format!("{relay}\nsmtp_tls_security_level = encrypt"), "wrappermode-missing", 1),
            (
                "smtp_tls_wrappermode = yes\nsmtp_tls_security_level = encrypt".to_owned(),
                "wrappermode-port",
                1,
            ),
        ] {
            let found = found(&format!("smtp_tls_loglevel = 1\n{main}"), "");
            let found: Vec<_> = found.iter().filter(|one| one.0 != "relayhost-set").collect();
            let [one] = found.as_slice() else { panic!("{main}: {found:?}") };
            assert_eq!((one.0.as_str(), one.1, one.2.len()), (id, Severity::Critical, lines));
        }
        let sound =
            format!("{relay}\nsmtp_tls_wrappermode = yes\nsmtp_tls_security_level = encrypt");
        assert_eq!(found(&sound, "").len(), 1, "the relay alone");
    }

    #[test]
    fn a_chroot_with_another_resolver_is_named_with_its_line() {
        let with = |column: &str, main: &str, exists: bool, servers: [u8; 4], answers: bool| {
            let configuration = Configuration {
                effective: parameters(&format!("{SOUND}{main}")),
                services: services(&format!("smtp unix - - {column} - - smtp")),
                chroot: Some(Chroot {
                    file: "/q/etc/resolv.conf".to_owned(),
                    exists,
                    servers: vec![servers.into()],
                    outside: vec![[192, 0, 2, 53].into()],
                    answers,
                }),
                ..Configuration::default()
            };
            let found = findings(&configuration, &[[192, 0, 2, 1].into()]).into_iter();
            found.map(|one| (one.id, one.severity, one.lines)).collect::<Vec<_>>()
        };
        let named = |id: &str, severity| {
            let line = "install -D -m 644 /etc/resolv.conf /q/etc/resolv.conf".to_owned();
            vec![(id.to_owned(), severity, vec![line])]
        };
        let own = [127, 0, 0, 1];
        let absent = named("chroot-resolver-absent", Severity::Critical);
        assert_eq!(with("y", "", false, own, false), absent);
        let differs = named("chroot-resolver-differs", Severity::Warning);
        assert_eq!(with("y", "", true, [192, 0, 2, 54], true), differs);
        assert_eq!(with("y", "", true, [192, 0, 2, 53], true), []);
        assert_eq!(with("n", "", false, own, false), []);
        // The default is a chroot below the compatibility level 1 alone.
        assert_eq!(with("-", "", false, own, false), []);
        assert_eq!(with("-", "compatibility_level = 3.6", false, own, false), []);
        assert_eq!(with("-", "compatibility_level = 0", false, own, false), absent);
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
