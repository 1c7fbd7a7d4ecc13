//! What is wrong with an address that mail leaves by: the way out, its name, SPF.
//!
//! Owns what one source's sessions and records amount to. Refuses to know Postfix.

mod ehlo;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::destination::address_seen;
use crate::model::egress::{
    DestinationView, EgressFinding, EgressReport, Source, SpfEvaluation, SpfResult,
};
use crate::model::finding::Severity;
use crate::model::operator::operator;
use crate::model::probe::Family;
use crate::model::route::PointerAnswer;
use crate::model::special_purpose::is_private;
use crate::model::verdict::{Confidence, Status};

/// Everything that is wrong with a source.
pub(super) fn findings(
    source: &Source,
    report: &EgressReport,
    relay_is_asked: bool,
) -> Vec<EgressFinding> {
    let mut found = Vec::new();
    found.extend(no_route(source));
    found.extend(match (is_relayed(report), relay_is_asked) {
        (true, true) => relay_unreached(source),
        // Whether the way to other hosts is open matters to no mail.
        (true, false) => None,
        (false, _) => closed(source),
    });
    found.extend(path(source));
    found.extend(not_offered(source, report));
    found.extend(unknown_outside(source));
    found.extend(translated(source));
    let outside = found.len();
    found.extend(source.reverse.as_ref().and_then(|answer| reverse(source, answer)));
    let names = source.ehlo.iter().chain(&source.further_ehlo);
    found.extend(names.filter_map(|name| ehlo::finding(source, name, &report.postfix)));
    found.extend(source.spf.as_ref().and_then(|spf| sender_policy(source, spf)));
    // Receivers see the relay's address, not this one.
    if is_relayed(report) {
        for finding in found.iter_mut().skip(outside) {
            finding.severity = finding.severity.min(Severity::Notice);
        }
    }
    found
}

/// Whether all mail goes to a relay, as far as Postfix's settings tell.
fn is_relayed(report: &EgressReport) -> bool {
    !report.postfix.is_empty() && report.postfix.iter().all(|one| one.relayhost.is_some())
}

/// Nobody greets at the relay, which is asked first.
fn relay_unreached(source: &Source) -> Option<EgressFinding> {
    let relay = *tried(source).first()?;
    if relay.reached > 0 || is_our_fault(relay) {
        return None;
    }
    let text = format!(
        "From {}, the relayhost {} could not be reached: {}",
        source.ip, relay.target, relay.summary
    );
    Some(finding(source, "relay-unreachable", Severity::Critical, text, None))
}

/// Whether nothing was learned for a reason on this side.
fn is_our_fault(view: &DestinationView) -> bool {
    ["local-error", "interrupted"].iter().any(|why| view.because.as_deref() == Some(why))
}

/// A finding on a source. What no mail goes out by breaks nothing yet.
fn finding(
    source: &Source,
    id: &str,
    severity: Severity,
    explanation: String,
    remedy: Option<&str>,
) -> EgressFinding {
    EgressFinding {
        id: id.to_owned(),
        severity: if source.used { severity } else { severity.min(Severity::Warning) },
        ip: Some(source.ip),
        instance: None,
        explanation,
        remedy: remedy.map(str::to_owned),
        lines: Vec::new(),
    }
}

fn no_route(source: &Source) -> Option<EgressFinding> {
    let text = format!(
        "{} has no route to the internet, or may not be used yet (`ip address` calls it tentative \
         then): nothing was asked from it",
        source.ip
    );
    (!source.routed).then(|| finding(source, "no-route", Severity::Notice, text, None))
}

/// Destinations that were tried from here.
fn tried(source: &Source) -> Vec<&DestinationView> {
    source.destinations.iter().filter(|one| one.addresses > 0).collect()
}

fn names<'a>(views: impl IntoIterator<Item = &'a DestinationView>) -> String {
    let names: Vec<&str> = views.into_iter().map(|view| view.target.as_str()).collect();
    names.join(", ")
}

/// How many of these are run by somebody of their own.
fn operators(views: &[&DestinationView]) -> usize {
    views.iter().map(|view| operator(&view.target)).collect::<BTreeSet<_>>().len()
}

/// Nobody greets. One destination alone may be down itself.
fn closed(source: &Source) -> Option<EgressFinding> {
    let tried = tried(source);
    if tried.is_empty() || tried.iter().any(|view| view.reached > 0) {
        return None;
    }
    if tried.iter().any(|view| is_our_fault(view)) {
        return None;
    }
    let (first, ip) = (tried.first()?, source.ip);
    let several = operators(&tried) > 1;
    let severity = if several { Severity::Critical } else { Severity::Warning };
    let text = format!(
        "From {ip}, port 25 could not be used at any address of {}: {}",
        names(tried.iter().copied()),
        first.summary
    );
    let remedy = if several {
        "Have the provider open outgoing port 25 for this address, look at the firewall here, or \
         let mail leave by another address"
    } else {
        "Name a destination of another operator with --control: this one may be down itself"
    };
    Some(finding(source, "port-25-closed", severity, text, Some(remedy)))
}

/// What judgement of this source's own sessions says, other than that all is well:
/// one finding a kind, of the gravest.
fn path(source: &Source) -> Vec<EgressFinding> {
    let tried = tried(source);
    let broken = tried.iter().filter(|view| view.status == Status::TlsBroken).count();
    let kinds = [
        (Status::Intercepted, "intercepted"),
        (Status::Stripped, "starttls-stripped"),
        (Status::TlsBroken, "tls-broken"),
        (Status::PolicyFailed, "destination-refused"),
        (Status::Inconsistent, "inconsistent"),
    ];
    let of_kind = |(status, id): (Status, &str)| {
        let mut views: Vec<&DestinationView> =
            tried.iter().copied().filter(|view| view.status == status).collect();
        views.sort_by_key(|view| Reverse(view.confidence));
        let (first, others) = views.split_first()?;
        let is_grave = match status {
            Status::Intercepted | Status::Stripped => {
                first.confidence >= Some(Confidence::Corroborated)
            }
            Status::TlsBroken => broken > 1,
            _ => false,
        };
        let severity = if is_grave { Severity::Critical } else { Severity::Warning };
        Some(finding(source, id, severity, seen(source, first, others), None))
    };
    kinds.into_iter().filter_map(of_kind).collect()
}

/// The verdict on one destination, and which others share it.
fn seen(source: &Source, first: &DestinationView, others: &[&DestinationView]) -> String {
    let also = match others {
        [] => String::new(),
        others => format!("; the same at {}", names(others.iter().copied())),
    };
    let (ip, target) = (source.ip, &first.target);
    format!(
        "From {ip}, {target}: {}{also}; `mxray check --source {ip} {target}` has the evidence",
        first.summary.trim_end_matches('.')
    )
}

/// No offer here. What the same destination offers another source was taken away
/// from this one, or it treats the two apart.
fn not_offered(source: &Source, report: &EgressReport) -> Option<EgressFinding> {
    let judged = |view: &DestinationView| {
        matches!(view.status, Status::Stripped | Status::Intercepted | Status::Inconsistent)
    };
    let tried = tried(source);
    let lost: Vec<&DestinationView> =
        tried.iter().copied().filter(|view| view.offered == Some(false) && !judged(view)).collect();
    if lost.is_empty() {
        return None;
    }
    let elsewhere = |view: &&&DestinationView| {
        let others = report.sources.iter().filter(|other| other.ip != source.ip);
        let mut views = others.flat_map(|other| &other.destinations);
        views.any(|other| other.target == view.target && other.offered == Some(true))
    };
    let offered_elsewhere = lost.iter().filter(elsewhere).count();
    let has_it_here = tried.iter().any(|view| view.offered == Some(true));
    let severity = if offered_elsewhere > 1 || (operators(&lost) > 1 && !has_it_here) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let but = match offered_elsewhere {
        0 => "",
        _ => ", and is offered to another address of this machine",
    };
    // At the level that it has, Postfix may rather keep it.
    let is_kept = lost.iter().all(|view| view.postfix == ["deferred"]);
    let effect = if is_kept { "waits in Postfix's queue" } else { "goes in clear text" };
    let text = format!(
        "From {}, STARTTLS is not offered by {}{but}: mail by this address {effect}",
        source.ip,
        names(lost)
    );
    let remedy = "Look for a firewall or proxy on this address's way out that inspects SMTP \
                  (Cisco: no inspect esmtp, or allow-tls)";
    Some(finding(source, "starttls-not-offered", severity, text, Some(remedy)))
}

/// What is known of an address that is translated on the way.
fn unknown_outside(source: &Source) -> Option<EgressFinding> {
    const SAY: &str = "Say which one others see: --public IP";
    if source.public == Some(source.ip) || !source.routed {
        return None;
    }
    let ip = source.ip;
    let Some(public) = source.public else {
        let text = format!(
            "{ip} is a private address, and nobody says which public one others see: whether that \
             has reverse DNS, the EHLO name leads to it and SPF lists it is not known"
        );
        return Some(finding(source, "public-address-unknown", Severity::Notice, text, Some(SAY)));
    };
    if let Some(seen) = address_seen(source).filter(|seen| *seen != public) {
        let text = format!(
            "{ip} is translated on the way, and destinations see {seen}, not {public}: reverse \
             DNS, the EHLO name and SPF were held against {public}"
        );
        return Some(finding(source, "public-address-differs", Severity::Warning, text, None));
    }
    let text = format!("{ip} is translated on the way: others see {public}");
    Some(finding(source, "behind-nat", Severity::Notice, text, None))
}

/// Hosts without IPv6 see the address of a NAT64 (RFC 6146).
fn translated(source: &Source) -> Option<EgressFinding> {
    let address = |word: &str| -> Option<IpAddr> {
        let ip = word.parse().ok().filter(IpAddr::is_ipv4)?;
        (source.family == Family::Ipv6 && !is_private(ip)).then_some(ip)
    };
    let as_ipv4 =
        |view: &DestinationView| view.client_address_seen.iter().find_map(|word| address(word));
    let mut views = source.destinations.iter();
    let (seen, target) = views.find_map(|view| Some((as_ipv4(view)?, &view.target)))?;
    let text = format!(
        "From {}, {target} sees {seen}: a NAT64 on the way, or a proxy there, translates. Behind a \
         NAT64 hosts without IPv6 look at that address, of which reverse DNS, the EHLO name and \
         SPF were not asked",
        source.ip
    );
    Some(finding(source, "behind-nat64", Severity::Notice, text, None))
}

/// Large receivers refuse mail from an address without a name that leads back to it.
fn reverse(source: &Source, answer: &PointerAnswer) -> Option<EgressFinding> {
    const REMEDY: &str = "Have whoever owns the address set its PTR record to the EHLO name; \
                          where that cannot be done for IPv6, keep mail off it";
    if answer.error.is_some_and(|error| !error.is_denial()) {
        return None;
    }
    let public = source.public?;
    let family = source.family.label();
    if answer.names.is_empty() {
        let text = format!(
            "{public} has no reverse DNS: large receivers refuse or junk mail from such an \
             {family} address"
        );
        return Some(finding(source, "no-reverse-dns", Severity::Critical, text, Some(REMEDY)));
    }
    let listed: Vec<&str> = answer.names.iter().map(|name| name.name.as_str()).collect();
    let (listed, count) = (listed.join(", "), listed.len());
    if answer.names.iter().all(|name| name.confirmed == Some(false)) {
        let text = format!(
            "The reverse DNS of {public} is {listed}, which does not lead back to it: receivers \
             take that for none"
        );
        return Some(finding(
            source,
            "reverse-dns-unconfirmed",
            Severity::Critical,
            text,
            Some(REMEDY),
        ));
    }
    // Several names are no fault (RFC 2181 §10.2), where each leads back.
    let lies = answer.names.iter().any(|name| name.confirmed == Some(false));
    lies.then(|| {
        let text = format!(
            "{public} has {count} names, not all of which lead back to it: {listed}; receivers \
             look at one of them, and not always the same"
        );
        let mut found = finding(source, "several-reverse-names", Severity::Warning, text, None);
        found.remedy = Some("Take those that do not lead back out of its PTR records".to_owned());
        found
    })
}

fn sender_policy(source: &Source, spf: &SpfEvaluation) -> Option<EgressFinding> {
    let SpfEvaluation { domain, ip, result, decided_by, problem, .. } = spf;
    let term = decided_by.last().map(|term| format!(" by {term}")).unwrap_or_default();
    let problem = problem.as_deref().unwrap_or_default();
    let kind = if ip.is_ipv4() { "ip4" } else { "ip6" };
    let (id, severity, text) = match result {
        SpfResult::Pass | SpfResult::Temperror => return None,
        SpfResult::Fail => (
            "spf-fail",
            Severity::Critical,
            format!("SPF of {domain} forbids {ip}{term}: receivers refuse its mail from here"),
        ),
        SpfResult::Softfail => (
            "spf-softfail",
            Severity::Warning,
            format!("SPF of {domain} does not list {ip}{term}: receivers suspect its mail"),
        ),
        SpfResult::Neutral => (
            "spf-neutral",
            Severity::Warning,
            format!("SPF of {domain} says nothing of {ip}{term}"),
        ),
        SpfResult::None => {
            ("spf-none", Severity::Warning, format!("{domain} publishes no SPF record"))
        }
        SpfResult::Permerror => (
            "spf-permerror",
            Severity::Critical,
            format!("SPF of {domain} cannot be used, so that nothing passes: {problem}"),
        ),
    };
    let remedy = match result {
        SpfResult::Permerror => "Mend the record".to_owned(),
        SpfResult::None => format!("Publish {domain} TXT \"v=spf1 {kind}:{ip} -all\""),
        _ => format!("Add {kind}:{ip} to the SPF record of {domain}"),
    };
    Some(finding(source, id, severity, text, Some(&remedy)))
}
