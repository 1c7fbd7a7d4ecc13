//! Where mail goes instead of the exchangers of its recipients.
//!
//! Owns relays, implicit TLS to them, and ways that are not looked at. Refuses to know
//! whether a relay was reached.

use super::{LEVEL, LEVEL_SETTINGS, edit, finding, place};
use crate::egress::postconf::{Configuration, Service};
use crate::model::egress::EgressFinding;
use crate::model::finding::Severity;

const WRAPPER: &str = "smtp_tls_wrappermode";
/// Settings by which some mail goes another way than the rest.
const OTHER_WAYS: [&str; 3] = [
    "sender_dependent_default_transport_maps",
    "sender_dependent_relayhost_maps",
    "transport_maps",
];
/// Names of port 465 (RFC 8314).
const IMPLICIT: [&str; 3] = ["465", "smtps", "submissions"];

/// Mail that does not leave from here makes everything else matter less.
pub(super) fn relay(configuration: &Configuration) -> Option<EgressFinding> {
    let hop = configuration.next_hop()?;
    let name = if configuration.value("relayhost") == Some(hop) {
        "relayhost"
    } else {
        "The next hop of default_transport"
    };
    Some(finding(
        configuration,
        "relayhost-set",
        Severity::Notice,
        format!(
            "{name} is {hop}: mail does not leave from here directly, so what matters is the \
             way to that host, and the addresses by which it sends"
        ),
    ))
}

/// What some mail meets is not known.
pub(super) fn other_ways(configuration: &Configuration) -> Option<EgressFinding> {
    let set = OTHER_WAYS.iter().filter(|name| configuration.value(name).is_some());
    let set: Vec<&str> = set.copied().collect();
    if set.is_empty() {
        return None;
    }
    let text = format!(
        "{} may send some mail by other hosts or transports, which are not looked up",
        set.join(" and ")
    );
    let mut found = finding(configuration, "other-routes", Severity::Notice, text);
    found.remedy = Some("--control asks a host of yours too".to_owned());
    Some(found)
}

/// Implicit TLS that is half set: the mode without a level or a port, or the port without
/// the mode.
pub(super) fn wrapper(
    configuration: &Configuration,
    service: Option<&Service>,
) -> Option<EgressFinding> {
    let names = [LEVEL_SETTINGS.as_slice(), &[WRAPPER]].concat();
    if !configuration.concerns(service, &names) {
        return None;
    }
    let level = configuration.level_word(service)?;
    let is_weak = matches!(level.as_str(), "none" | "may");
    let port = configuration.next_hop().and_then(|hop| hop.rsplit_once(':'));
    let to_implicit = port.is_some_and(|(_, port)| IMPLICIT.contains(&port));
    let carries_all = match service {
        None => true,
        Some(service) => configuration.default_service() == Some(service),
    };
    let place = place(service);
    let critical = |id, text| Some(finding(configuration, id, Severity::Critical, text));
    if configuration.value_for(service, WRAPPER) == Some("yes") {
        if is_weak {
            let text = format!(
                "{WRAPPER}{place} is yes, and {LEVEL} is {level}: Postfix defers all mail by it \
                 (requires \"{LEVEL} = encrypt\")"
            );
            let mut found = critical("wrappermode-level", text)?;
            found.lines.push(edit(configuration, service, LEVEL, "encrypt"));
            return Some(found);
        }
        if carries_all && !to_implicit {
            let text = format!(
                "{WRAPPER}{place} is yes, and mail does not go to port 465: a server that waits \
                 for STARTTLS cannot be spoken to like that, and mail is deferred"
            );
            let mut found = critical("wrappermode-port", text)?;
            found.lines.push(edit(configuration, service, WRAPPER, "no"));
            return Some(found);
        }
        return None;
    }
    if !carries_all || !to_implicit {
        return None;
    }
    let hop = configuration.next_hop().unwrap_or_default();
    let text = format!(
        "Mail goes to {hop}, a port of implicit TLS, and {WRAPPER}{place} is not yes: Postfix \
         waits for a greeting in clear text there, and all mail is deferred"
    );
    let mut found = critical("wrappermode-missing", text)?;
    if is_weak {
        found.lines.push(edit(configuration, service, LEVEL, "encrypt"));
    }
    found.lines.push(edit(configuration, service, WRAPPER, "yes"));
    Some(found)
}
