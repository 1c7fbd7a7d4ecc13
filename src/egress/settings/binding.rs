//! Addresses that Postfix binds to in vain.
//!
//! Owns what Postfix does then (postconf(5), `smtp_bind_address`). Refuses to know which
//! address would do.

use std::net::IpAddr;

use super::{edit, finding, place};
use crate::egress::postconf::{Configuration, Service, bare_address, bind_setting};
use crate::model::egress::EgressFinding;
use crate::model::finding::Severity;
use crate::model::probe::Family;

/// A source that this machine does not have.
pub(super) fn binding(
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
    let own = configuration.concerns(service, &[setting]);
    let value = configuration.value_for(service, setting).filter(|_| own)?;
    let place = place(service);
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
    found.lines.push(edit(configuration, service, setting, ""));
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
