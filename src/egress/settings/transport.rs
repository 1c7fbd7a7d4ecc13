//! Transports in master.cf with settings of their own.
//!
//! Owns that they are there, and what mail by them in clear text means. Refuses to judge
//! what is wrong with a single setting of theirs.

use super::{edit, finding};
use crate::egress::postconf::{Configuration, Service};
use crate::model::egress::EgressFinding;
use crate::model::finding::Severity;

/// A transport that goes its own way; `said` is what is wrong with settings of it.
pub(super) fn transport(
    configuration: &Configuration,
    service: &Service,
    said: &[EgressFinding],
) -> Option<EgressFinding> {
    let is_said = |setting: &String| {
        let name = setting.split(' ').next().unwrap_or_default();
        said.iter().any(|one| one.explanation.split([' ', ',']).any(|word| word == name))
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
    let level = main.as_deref().unwrap_or("may");
    found.lines.push(edit(configuration, Some(service), "smtp_tls_security_level", level));
    Some(found)
}
