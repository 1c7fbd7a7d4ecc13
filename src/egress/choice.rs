//! Whether Postfix sends by the addresses that work.
//!
//! Owns what is wrong only in view of the network: a family that the settings leave
//! out although it is the good one, or prefer although it is the bad one. Refuses to
//! know settings that are wrong by themselves.

use super::postconf::Configuration;
use super::settings::{edit, finding};
use crate::model::egress::{EgressFinding, EgressReport, Source};
use crate::model::finding::Severity;
use crate::model::probe::Family;
use crate::model::route::LookupError;
use crate::model::verdict::Status;

/// What mail by the addresses of a family meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// STARTTLS worked at a destination at least, and was lost at none.
    Good,
    /// Port 25 is closed to it, STARTTLS is lost, or it has no name.
    Bad,
    /// Nothing of it is known, or there is no such address.
    Unknown,
}

/// The findings on one instance.
pub(super) fn findings(
    configuration: &Configuration,
    report: &EgressReport,
) -> Option<EgressFinding> {
    let ways = [Family::Ipv4, Family::Ipv6].map(|family| (family, way(report, family)));
    let [(_, ipv4), (_, ipv6)] = ways;
    hidden(configuration, Family::Ipv6, (ipv6, ipv4))
        .or_else(|| hidden(configuration, Family::Ipv4, (ipv4, ipv6)))
        .or_else(|| preferred(configuration, Family::Ipv4, (ipv4, ipv6)))
        .or_else(|| preferred(configuration, Family::Ipv6, (ipv6, ipv4)))
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
    if configuration.uses(None, left_out) || way != Way::Good {
        return None;
    }
    let used = configuration.value("inet_protocols").unwrap_or_default();
    let (severity, but) = match other {
        Way::Bad => (Severity::Critical, ", and the family that is left has a fault"),
        _ => (Severity::Notice, ""),
    };
    let text =
        format!("inet_protocols is {used}, although {} works from here{but}", left_out.label());
    let mut found = finding(configuration, "inet-protocols-hides-path", severity, text);
    found.lines.push(edit(configuration, "inet_protocols = all"));
    Some(found)
}

/// Both families are used, and one of them has a fault: Postfix can be told to try
/// the other first.
fn preferred(
    configuration: &Configuration,
    good: Family,
    (way, other): (Way, Way),
) -> Option<EgressFinding> {
    let uses_both = [Family::Ipv4, Family::Ipv6].iter().all(|one| configuration.uses(None, *one));
    let preference = configuration.value("smtp_address_preference").unwrap_or("any");
    if !uses_both || way != Way::Good || other != Way::Bad || preference == word(good) {
        return None;
    }
    let text = format!(
        "smtp_address_preference is {preference}, although only {} is free of faults from here; \
         until the other is mended, let Postfix try it first",
        good.label()
    );
    let mut found = finding(configuration, "address-preference", Severity::Warning, text);
    let setting = format!("smtp_address_preference = {}", word(good));
    found.lines.push(edit(configuration, &setting));
    Some(found)
}
