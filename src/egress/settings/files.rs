//! Files without which Postfix has no TLS.
//!
//! Owns what becomes of mail then. Refuses to know the tables of `smtp_tls_policy_maps`.

use super::{edit, finding, place};
use crate::egress::postconf::{Configuration, Service, TLS_FILES};
use crate::model::egress::EgressFinding;
use crate::model::finding::Severity;

/// Where Debian and others keep the CAs.
pub(super) const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Postfix sends without TLS where it cannot load one of these.
pub(super) fn absent(
    configuration: &Configuration,
    service: Option<&Service>,
) -> Vec<EgressFinding> {
    let level = configuration.level_word(service.or(configuration.default_service()));
    let level = level.unwrap_or_default();
    if level == "none" {
        return Vec::new();
    }
    let effect = match (level.as_str(), service) {
        ("may", None) => "all mail goes in clear text",
        ("may", Some(_)) => "mail by it goes in clear text",
        _ => "mail that must be encrypted is deferred, and other mail goes in clear text",
    };
    // The default of one names the other: what is set is said once.
    let is_set = |name: &&&str| match service {
        Some(service) => service.value(name).is_some(),
        None => configuration.set.contains_key(**name) && configuration.concerns(None, &[**name]),
    };
    let is_absent = |name: &&&str| {
        let value = configuration.opened(service, name).unwrap_or_default();
        configuration.absent.iter().any(|path| value.split([',', ' ']).any(|word| word == path))
    };
    let absent = TLS_FILES.iter().filter(is_set).filter(is_absent).map(|name| {
        let value = configuration.value_for(service, name).unwrap_or_default();
        let text = format!(
            "{name}{} is {value}, which is not there: Postfix has no TLS then, and {effect}",
            place(service)
        );
        let mut found = finding(configuration, "tls-file-absent", Severity::Critical, text);
        let value = if name.ends_with("CAfile") { BUNDLE } else { "" };
        found.lines.push(edit(configuration, service, name, value));
        found
    });
    absent.collect()
}
