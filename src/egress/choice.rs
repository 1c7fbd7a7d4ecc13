//! Whether Postfix sends by the addresses that work.
//!
//! Owns what is wrong only in view of the network: a family that the settings leave
//! out although it is the good one, or prefer although it is the bad one. Refuses to
//! know settings that are wrong by themselves.

use std::net::IpAddr;

use super::postconf::{Configuration, Service, bind_setting};
use super::settings::{edit, finding};
use crate::model::egress::{EgressFinding, EgressReport, Source};
use crate::model::finding::Severity;
use crate::model::probe::Family;
use crate::model::route::LookupError;
use crate::model::special_purpose::is_private;
use crate::model::verdict::Status;

/// What mail by the addresses of a family meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// STARTTLS worked at a destination at least, and was lost at none.
    Good,
    /// Port 25 is closed to it, STARTTLS is lost, or it has no name.
    Bad,
    /// This machine has no address of it that others know.
    Absent,
    /// Nothing of it is known.
    Unknown,
}

/// The findings on one instance.
pub(super) fn findings(
    configuration: &Configuration,
    report: &EgressReport,
    ours: &[IpAddr],
) -> Option<EgressFinding> {
    let ways = [Family::Ipv4, Family::Ipv6].map(|family| {
        let has_one = ours.iter().any(|ip| Family::of(*ip) == family && !is_private(*ip));
        (family, if has_one || ours.is_empty() { way(report, family) } else { Way::Absent })
    });
    let [(_, ipv4), (_, ipv6)] = ways;
    hidden(configuration, Family::Ipv6, (ipv6, ipv4))
        .or_else(|| hidden(configuration, Family::Ipv4, (ipv4, ipv6)))
        .or_else(|| preferred(configuration, Family::Ipv4, (ipv4, ipv6)))
        .or_else(|| preferred(configuration, Family::Ipv6, (ipv6, ipv4)))
}

/// None of Postfix's programs runs, postconf's reading included, where the machine has no
/// address of a family that `inet_protocols` names.
pub(super) fn no_interface(report: &EgressReport, ours: &[IpAddr]) -> Option<EgressFinding> {
    /// What they end with (Postfix 3.7.11).
    const WORDS: &str = "could not find any active network interfaces";
    let instances = report.postfix.iter().map(|one| (one.directory.clone(), &one.problem));
    let mut said = [(None, &report.postfix_error)].into_iter().chain(instances);
    let (instance, _) =
        said.find(|(_, said)| said.as_ref().is_some_and(|said| said.contains(WORDS)))?;
    let has = |family| ours.iter().any(|ip| Family::of(*ip) == family && !ip.is_loopback());
    let remedy = match (has(Family::Ipv4), has(Family::Ipv6)) {
        (true, false) => "Set inet_protocols to ipv4 (`postconf -e` still works), or turn IPv6 on",
        (false, true) => "Set inet_protocols to ipv6 (`postconf -e` still works)",
        _ => "Set inet_protocols to a family that this machine has (`postconf -e` still works)",
    };
    Some(EgressFinding {
        id: "inet-protocols-absent".to_owned(),
        severity: Severity::Critical,
        ip: None,
        instance,
        explanation: "This machine has no address of any family that inet_protocols names: every \
                      program of Postfix ends with a fatal error, and no mail leaves"
            .to_owned(),
        remedy: Some(remedy.to_owned()),
        lines: Vec::new(),
    })
}

/// A server's mail leaves by an address that changes and has no name (RFC 8981), while
/// there is a lasting one.
pub(super) fn temporary(
    source: &Source,
    report: &EgressReport,
    configurations: &[Configuration],
) -> Option<EgressFinding> {
    let is_left_to_chance = |one: &&Configuration| {
        let service = one.default_service();
        one.uses(service, source.family) && one.bound(service, source.family).is_none()
    };
    let configuration = configurations.iter().find(is_left_to_chance)?;
    if !source.used || source.temporary != Some(true) {
        return None;
    }
    let is_lasting =
        |one: &&Source| one.family == source.family && one.temporary == Some(false) && one.routed;
    // One that has a name of its own does better.
    let has_name = |one: &&Source| {
        one.reverse
            .as_ref()
            .is_some_and(|answer| answer.names.iter().any(|name| name.confirmed == Some(true)))
    };
    let lasting = || report.sources.iter().filter(is_lasting);
    let text = format!(
        "{} is a temporary address, which the kernel prefers: it changes within days, and has no \
         reverse DNS that fits",
        source.ip
    );
    let mut found = finding(configuration, "temporary-address", Severity::Warning, text);
    found.ip = Some(source.ip);
    match lasting().find(has_name).or_else(|| lasting().next()) {
        Some(other) => {
            let (service, setting) = (configuration.default_service(), bind_setting(source.family));
            let value = other.ip.to_string();
            found.lines.push(edit(configuration, own(service, setting), setting, &value));
        }
        None => found.remedy = Some("Give this machine a lasting address".to_owned()),
    }
    Some(found)
}

fn way(report: &EgressReport, family: Family) -> Way {
    let mut known = Way::Unknown;
    let ours = |one: &&Source| one.family == family && (one.used || one.preferred);
    for source in report.sources.iter().filter(ours) {
        if is_bad(source) {
            return Way::Bad;
        }
        if source.destinations.iter().any(|view| view.status == Status::Intact) {
            known = Way::Good;
        }
    }
    known
}

fn is_bad(source: &Source) -> bool {
    let lost = |status| {
        matches!(status, Status::Stripped | Status::Intercepted | Status::TlsBroken)
            || status == Status::NotOffered
    };
    let tried = || source.destinations.iter().filter(|view| view.addresses > 0);
    let unreached = tried().count() > 1 && tried().all(|view| view.reached == 0);
    let nameless = source.reverse.as_ref().is_some_and(|answer| {
        answer.error.is_some_and(LookupError::is_denial)
            || (answer.error.is_none()
                && answer.names.iter().all(|name| name.confirmed == Some(false)))
    });
    unreached || nameless || tried().any(|view| lost(view.status))
}

/// The transport of mail to the internet, where it has a setting for itself.
fn own<'a>(service: Option<&'a Service>, name: &str) -> Option<&'a Service> {
    service.filter(|service| service.value(name).is_some())
}

fn word(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

/// `inet_protocols` leaves the good family out.
fn hidden(
    configuration: &Configuration,
    left_out: Family,
    (way, other): (Way, Way),
) -> Option<EgressFinding> {
    let service = configuration.default_service();
    if configuration.uses(service, left_out) || way != Way::Good {
        return None;
    }
    let used = configuration.value_for(service, "inet_protocols").unwrap_or_default();
    let (severity, but) = match other {
        Way::Bad => (Severity::Critical, ", and the family that is left has a fault"),
        Way::Absent => (Severity::Critical, ", and this machine has no other address"),
        _ => (Severity::Notice, ""),
    };
    let text =
        format!("inet_protocols is {used}, although {} works from here{but}", left_out.label());
    let mut found = finding(configuration, "inet-protocols-hides-path", severity, text);
    found.lines.push(edit(configuration, own(service, "inet_protocols"), "inet_protocols", "all"));
    Some(found)
}

/// Both families are used, and one of them has a fault: Postfix can be told to try
/// the other first.
fn preferred(
    configuration: &Configuration,
    good: Family,
    (way, other): (Way, Way),
) -> Option<EgressFinding> {
    let service = configuration.default_service();
    let uses_both =
        [Family::Ipv4, Family::Ipv6].iter().all(|one| configuration.uses(service, *one));
    let preference = configuration.value_for(service, "smtp_address_preference").unwrap_or("any");
    if !uses_both || way != Way::Good || other != Way::Bad || preference == word(good) {
        return None;
    }
    let text = format!(
        "smtp_address_preference is {preference}, although only {} is free of faults from here; \
         until the other is mended, let Postfix try it first",
        good.label()
    );
    let mut found = finding(configuration, "address-preference", Severity::Warning, text);
    let setting = "smtp_address_preference";
    found.lines.push(edit(configuration, own(service, setting), setting, word(good)));
    Some(found)
}
