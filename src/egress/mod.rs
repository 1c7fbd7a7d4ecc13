//! What a sending server does to its own mail: judged from what the command line
//! measured, read and looked up.
//!
//! Owns SPF for one address ([`spf`]), the reading of Postfix's configuration
//! ([`postconf`]), and the findings: `settings` on Postfix alone, `paths` on each
//! source as `destination` tells of it, `choice` on Postfix's choice among them, `resolver`
//! on what DANE rests on. Pure: no sockets, no commands, no
//! files; `mxray egress` brings everything here as plain values. Refuses to know how
//! the path to a destination is judged: `judge` has done that, one source at a time.

mod choice;
mod destination;
mod paths;
pub mod postconf;
mod resolver;
mod settings;
pub mod spf;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;

pub use destination::{address_seen, view};
use postconf::{Configuration, Service};

use crate::model::egress::{EgressFinding, EgressReport, PostfixInstance, SpfResult};
use crate::model::finding::Severity;
use crate::model::probe::Family;
use crate::model::verdict::Status;

/// Everything that is wrong: what makes the rest matter less first, then the gravest.
/// `ours` are all addresses of this machine.
pub fn findings(
    report: &EgressReport,
    configurations: &[Configuration],
    ours: &[IpAddr],
) -> Vec<EgressFinding> {
    let mut findings: Vec<EgressFinding> = Vec::new();
    for configuration in configurations {
        findings.extend(settings::findings(configuration, ours));
        findings.extend(choice::findings(configuration, report, ours));
    }
    findings.extend(several_instances(configurations, report));
    findings.extend(choice::no_interface(report, ours));
    findings.extend(resolver::finding(configurations, report));
    // A relay that can be asked is asked first.
    let relay = configurations.first().and_then(Configuration::relay).is_some();
    for source in &report.sources {
        findings.extend(paths::findings(source, report, relay));
        findings.extend(choice::temporary(source, report, configurations));
    }
    let is_relayed = |finding: &EgressFinding| finding.id == "relayhost-set";
    findings.sort_by_key(|finding| (!is_relayed(finding), Reverse(finding.severity)));
    findings
}

fn several_instances(
    configurations: &[Configuration],
    report: &EgressReport,
) -> Option<EgressFinding> {
    let name = |one: &PostfixInstance| {
        one.directory.clone().unwrap_or_else(|| "the default one".to_owned())
    };
    let (unread, read): (Vec<_>, Vec<_>) =
        report.postfix.iter().partition(|one| one.problem.is_some());
    let names = |list: Vec<&PostfixInstance>| list.into_iter().map(name).collect::<Vec<_>>();
    let (unread, read) = (names(unread), names(read).join(", "));
    let but = match unread.as_slice() {
        [] => String::new(),
        some => format!("; not read, or not wholly: {}", some.join(", ")),
    };
    let declared: BTreeSet<String> =
        configurations.iter().flat_map(Configuration::further_instances).collect();
    let is_told = |directory: &&String| {
        report.postfix.iter().any(|one| one.directory.as_ref() == Some(directory))
    };
    let idle: Vec<&str> = declared.iter().filter(|one| !is_told(one)).map(String::as_str).collect();
    let idle = match idle.as_slice() {
        [] => String::new(),
        some => format!("; not enabled for postmulti, and left out: {}", some.join(", ")),
    };
    (!declared.is_empty()).then(|| EgressFinding {
        id: "several-instances".to_owned(),
        severity: Severity::Notice,
        ip: None,
        instance: None,
        explanation: format!(
            "Postfix has several instances, each with settings of its own; read: {read}{but}{idle}"
        ),
        remedy: None,
        lines: Vec::new(),
    })
}

/// Whether something that was asked for could not be found out.
pub fn is_undetermined(report: &EgressReport) -> bool {
    let no_path = report.not_asked.is_some() || report.sources.iter().all(|one| !one.used);
    report.interrupted
        || no_path
        || report.postfix_error.is_some()
        || report.resolver.as_ref().is_some_and(|resolver| resolver.sets_ad.is_none())
        || report
            .postfix
            .iter()
            .any(|instance| instance.problem.is_some() || instance.level.is_none())
        || report.sources.iter().filter(|source| source.used).any(|source| {
            let unknown = |status| {
                matches!(
                    status,
                    Status::Blocked
                        | Status::Unreachable
                        | Status::Unresolvable
                        | Status::Inconclusive
                )
            };
            let reverse = source.reverse.as_ref();
            source.public.is_none()
                || source.destinations.iter().all(|one| unknown(one.status))
                || reverse.is_some_and(|answer| answer.error.is_some_and(|why| !why.is_denial()))
                || source.spf.as_ref().is_some_and(|spf| spf.result == SpfResult::Temperror)
                || source.spf_unknown.is_some()
                || source.ehlo.as_ref().is_none_or(|ehlo| ehlo.resolves.is_none())
                || source.further_ehlo.iter().any(|ehlo| ehlo.resolves.is_none())
        })
}

/// The names that mail which leaves by an address greets with, by instance and transport;
/// what is not expanded is not known.
pub fn greetings(configurations: &[Configuration], ip: IpAddr, preferred: bool) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for configuration in configurations {
        for service in configuration.senders() {
            let name = configuration.value_for(service, "smtp_helo_name");
            let known = name.filter(|name| !name.contains('$')).map(str::to_owned);
            if sends_by(configuration, service, (ip, preferred)) {
                names.extend(known.filter(|name| !names.contains(name)));
            }
        }
    }
    names
}

/// Whether a service binds to an address, or binds to none of its family and the operating
/// system prefers it.
fn sends_by(
    configuration: &Configuration,
    service: Option<&Service>,
    (ip, preferred): (IpAddr, bool),
) -> bool {
    let family = Family::of(ip);
    let bound = configuration.bound(service, family);
    configuration.uses(service, family) && bound.map_or(preferred, |bound| bound == ip)
}

/// Whether mail goes out by an address: Postfix binds to it, or binds to none of its
/// family and the operating system prefers it. Without Postfix the latter decides.
pub fn is_used(configurations: &[Configuration], ip: IpAddr, preferred: bool) -> bool {
    let by_any = |configuration: &Configuration| {
        let mut senders = configuration.senders().into_iter();
        senders.any(|service| sends_by(configuration, service, (ip, preferred)))
    };
    if configurations.is_empty() { preferred } else { configurations.iter().any(by_any) }
}

#[cfg(test)]
mod tests;
