//! From what every address of a target kept to a line for `smtp_tls_policy_maps`.
//!
//! Owns the choice: the strongest of `dane-only`, `secure` and `encrypt` that every
//! address of every exchange kept in every session, and no line where one was not
//! reached or did not keep it. Refuses to word a whole file: `report::policy_map` does.

use std::net::IpAddr;

use super::names::Names;
use super::{TLS, VERIFIED, chain_is_trusted};
use crate::model::policy_map::{PolicyAddress, PolicyEntry};
use crate::model::probe::{Family, LOCAL};
use crate::model::report::{
    Families, FamilyUse, MtaStsReport, ObservationReport, PolicyStatus, PostfixLevel, TargetReport,
};
use crate::model::route::Dnssec;
use crate::model::session::Stage;
use crate::model::target::{Target, TargetKind};
use crate::model::tls::DaneStatus;
use crate::model::verdict::Status;

const SERVERNAME: &str = "servername=hostname";

/// What the observations of a target support. `families` says which addresses could
/// be reached from here at all.
pub fn recommend(target: &TargetReport, families: Families) -> PolicyEntry {
    let mut entry = PolicyEntry {
        destination: destination(target),
        level: None,
        attributes: Vec::new(),
        line: None,
        candidate: None,
        undetermined: false,
        remarks: Vec::new(),
        addresses: Vec::new(),
    };
    let names = match_names(target);
    entry.addresses = addresses(target, &names.names);
    if let Some(remark) = no_line_at_all(target) {
        entry.remarks.push(remark);
        entry.undetermined = !matches!(target.verdict.status, Status::NoMail);
        return entry;
    }
    let (wanted, foreign): (Vec<_>, Vec<_>) = entry
        .addresses
        .iter()
        .cloned()
        .partition(|address| families.of(Family::of(address.ip)) != FamilyUse::Unusable);
    choose(&mut entry, &names, &wanted);
    let basis = line_rests_on(&entry, target, &wanted);
    entry.remarks.insert(0, basis);
    entry.remarks.extend(not_seen(&wanted, &foreign, families));
    entry
}

/// Postfix looks up what stands as next hop: a domain as it is, a host in brackets.
fn destination(target: &TargetReport) -> String {
    let Ok(Target { kind, .. }) = target.input.parse::<Target>() else {
        return target.target.clone();
    };
    match kind {
        TargetKind::Domain(name) => name,
        TargetKind::Host { host, port } => bracketed(&host, port),
        TargetKind::Address { ip: IpAddr::V4(ip), port } => bracketed(&ip.to_string(), port),
        TargetKind::Address { ip: IpAddr::V6(ip), port } => bracketed(&format!("ipv6:{ip}"), port),
    }
}

fn bracketed(host: &str, port: Option<u16>) -> String {
    port.map_or_else(|| format!("[{host}]"), |port| format!("[{host}]:{port}"))
}

/// Why no line is to be made of these observations, whatever the addresses kept.
fn no_line_at_all(target: &TargetReport) -> Option<String> {
    match target.verdict.status {
        Status::NoMail => Some("takes no mail".to_owned()),
        Status::Unresolvable => Some(format!("nothing is known: {}", target.verdict.summary)),
        // What a path does to these sessions, a line would make permanent.
        Status::Intercepted | Status::Stripped => Some(format!(
            "no line is made of what was seen, since the path may be at fault: {}",
            target.verdict.summary
        )),
        _ if has_broken_promise(target) => Some(format!(
            "no line is made, since it would take the place of a promise that is not kept: {}",
            target.verdict.summary
        )),
        _ => None,
    }
}

/// Whether DANE or an enforced MTA-STS policy is not kept somewhere: a sender that
/// knows it waits, and a line of another level would let the mail go all the same.
fn has_broken_promise(target: &TargetReport) -> bool {
    let in_part = target.verdict.because.as_deref() == Some("promise-kept-in-part");
    let dane = target.observations.iter().filter_map(|session| session.tls.as_ref()?.dane.as_ref());
    target.verdict.status == Status::PolicyFailed
        || in_part
        || dane.into_iter().any(|dane| dane.status == DaneStatus::Mismatched)
}

/// The names that certificates are to have, and where they come from.
struct MatchNames {
    /// As in `match=`; empty for Postfix's own default.
    names: Vec<String>,
    remark: String,
}

/// The policy of the domain, where it has one; the domain itself, where all
/// certificates are for it; else the MX hosts as they are today.
fn match_names(target: &TargetReport) -> MatchNames {
    if let Some(names) = sts_names(&target.policies.mta_sts) {
        let remark = match target.policies.mta_sts.mode.as_deref() {
            Some("testing") => {
                "the names are those of its MTA-STS policy (RFC 8461), which is in mode testing: \
                 the domain does not promise yet to keep to them"
            }
            _ => "the names are those of its MTA-STS policy (RFC 8461)",
        };
        let remark = remark.to_owned();
        return MatchNames { names, remark };
    }
    let default = [target.target.clone(), format!(".{}", target.target)];
    let sessions = sessions(target);
    let all_default = sessions.iter().all(|session| is_secure(session, &default) == Some(true));
    if !sessions.is_empty() && all_default {
        let remark = "every certificate is for the domain or a name below it".to_owned();
        return MatchNames { names: Vec::new(), remark };
    }
    let mut names: Vec<String> =
        target.hosts.iter().map(|host| host.host.clone()).filter(|host| is_name(host)).collect();
    names.dedup();
    let is_signed = target.routes.iter().all(|route| route.dnssec == Dnssec::Secure);
    let source = if is_signed { "signed" } else { "not signed: ask the operator for them" };
    let remark = format!(
        "the names are those of the MX records of today, which are {source}; when they change, \
         mail waits until this line does"
    );
    MatchNames { names, remark }
}

fn is_name(host: &str) -> bool {
    host.parse::<IpAddr>().is_err()
}

fn sts_names(policy: &MtaStsReport) -> Option<Vec<String>> {
    let binds = matches!(policy.mode.as_deref(), Some("enforce" | "testing"));
    if policy.status != PolicyStatus::Present || !binds || policy.mx.is_empty() {
        return None;
    }
    // Postfix spells `*.example.net` as `.example.net`.
    let spelled = |pattern: &String| pattern.strip_prefix('*').unwrap_or(pattern).to_owned();
    Some(policy.mx.iter().map(spelled).collect())
}

/// The sessions that stand for a sender here: those of this machine with a
/// prediction, at the port that was asked for.
fn sessions(target: &TargetReport) -> Vec<&ObservationReport> {
    let here = || target.observations.iter().filter(|session| session.probe.vantage == LOCAL);
    let predicted = || here().filter(|session| session.postfix.is_some());
    let port = predicted().next().map(|session| session.probe.port);
    predicted().filter(|session| Some(session.probe.port) == port).collect()
}

/// Every address that DNS names, with what it keeps.
fn addresses(target: &TargetReport, names: &[String]) -> Vec<PolicyAddress> {
    let default = [target.target.clone(), format!(".{}", target.target)];
    let names = if names.is_empty() { &default } else { names };
    let sessions = sessions(target);
    let mut found: Vec<PolicyAddress> = Vec::new();
    for (host, ip) in named(target) {
        if found.iter().any(|known| known.host == host && known.ip == ip) {
            continue;
        }
        let of_address: Vec<&ObservationReport> = sessions
            .iter()
            .copied()
            .filter(|session| session.probe.host == host && session.probe.ip == ip)
            .filter(|session| session.stages.contains(&Stage::Ehlo))
            .collect();
        let steady = of_address.iter().all(|session| is_steady(target, session));
        let all = |kept: &dyn Fn(&ObservationReport) -> Option<bool>| {
            if steady { every(of_address.iter().map(|session| kept(session))) } else { Some(false) }
        };
        found.push(PolicyAddress {
            host,
            ip,
            observations: of_address.iter().map(|session| session.id.clone()).collect(),
            dane_only: all(&|session| gets_through(session, "dane-only", Some(VERIFIED))),
            secure: all(&|session| is_secure(session, names)),
            encrypt: all(&|session| gets_through(session, "encrypt", None)),
        });
    }
    found
}

/// Every host and address of every route.
fn named(target: &TargetReport) -> Vec<(String, IpAddr)> {
    let exchanges = target.routes.iter().flat_map(|route| &route.exchanges);
    exchanges
        .flat_map(|exchange| exchange.addresses().map(|ip| (exchange.host.clone(), ip)))
        .collect()
}

/// Whether something holds in every session; `None` without a session, and where one
/// does not tell and none denies it.
fn every(mut kept: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let first = kept.next()?;
    kept.fold(first, |sum, kept| match (sum, kept) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    })
}

/// Whether repeats of a session came out alike.
fn is_steady(target: &TargetReport, session: &ObservationReport) -> bool {
    let cell = target.cells.iter().find(|cell| cell.observations.contains(&session.id));
    cell.is_none_or(|cell| cell.steady)
}

/// Whether mail at a level goes over TLS, with that word in the log.
fn gets_through(session: &ObservationReport, level: &str, log: Option<&str>) -> Option<bool> {
    let PostfixLevel { delivery, log: logged, .. } =
        session.postfix.as_ref()?.get(level)?.as_ref()?;
    Some(delivery == TLS && (log.is_none() || logged.as_deref() == log))
}

/// Whether the level `secure` with these names is satisfied.
fn is_secure(session: &ObservationReport, names: &[String]) -> Option<bool> {
    if !gets_through(session, "encrypt", None)? {
        return Some(false);
    }
    let tls = session.tls.as_ref()?;
    let presented = Names::of(tls.chain.first()?);
    let is_named = names.iter().any(|name| match name.strip_prefix('.') {
        Some(parent) => presented.has_below(parent),
        None => presented.has(name),
    });
    if is_named { chain_is_trusted(tls) } else { Some(false) }
}

/// The strongest level that every reached address kept; a line of it only where every
/// address was reached.
fn choose(entry: &mut PolicyEntry, names: &MatchNames, wanted: &[PolicyAddress]) {
    let reached: Vec<&PolicyAddress> =
        wanted.iter().filter(|address| !address.observations.is_empty()).collect();
    let kept = |level: fn(&PolicyAddress) -> Option<bool>| {
        !reached.is_empty() && reached.iter().all(|address| level(address) == Some(true))
    };
    let (level, attributes) = if kept(|address| address.dane_only) {
        ("dane-only", Vec::new())
    } else if kept(|address| address.secure) {
        ("secure", secure_attributes(&names.names))
    } else if kept(|address| address.encrypt) {
        ("encrypt", Vec::new())
    } else {
        // Not denied, and not known either.
        entry.undetermined = reached.iter().all(|address| address.encrypt != Some(false));
        return;
    };
    let words = std::iter::once(level).chain(attributes.iter().map(String::as_str));
    let line = format!("{} {}", entry.destination, words.collect::<Vec<_>>().join(" "));
    if reached.len() == wanted.len() {
        entry.level = Some(level.to_owned());
        entry.attributes = attributes;
        entry.line = Some(line);
    } else {
        entry.candidate = Some(line);
        entry.undetermined = true;
    }
    if level == "secure" {
        entry.remarks.push(names.remark.clone());
    }
}

/// SNI as in the sessions that were seen: without it, Postfix sends none at this level.
fn secure_attributes(names: &[String]) -> Vec<String> {
    let names = (!names.is_empty()).then(|| format!("match={}", names.join(":")));
    names.into_iter().chain([SERVERNAME.to_owned()]).collect()
}

/// What the choice rests on.
fn line_rests_on(entry: &PolicyEntry, target: &TargetReport, wanted: &[PolicyAddress]) -> String {
    let line = entry.line.as_ref().or(entry.candidate.as_ref());
    match line.and_then(|line| line.split(' ').nth(1)) {
        Some("dane-only") => "TLSA records match at every address that was reached; needs \
             smtp_dns_support_level = dnssec and a resolver on this machine that validates"
            .to_owned(),
        Some("secure") => "every certificate that was seen is trusted and has such a name; needs \
             the same CAs in smtp_tls_CAfile"
            .to_owned(),
        Some(_) => "TLS works at every address that was reached, and nothing more is common to \
             them: an active attacker can read along"
            .to_owned(),
        None => nothing_above_may(target, wanted),
    }
}

/// Every address that showed nothing, and whether that was its doing or ours.
fn not_seen(
    wanted: &[PolicyAddress],
    foreign: &[PolicyAddress],
    families: Families,
) -> Vec<String> {
    let unreached = wanted.iter().filter(|address| address.observations.is_empty());
    let unreached = unreached.map(|address| match families.of(Family::of(address.ip)) {
        // Postfix may use what this run was told to leave out, so no line leaves it out.
        FamilyUse::NotAsked => {
            format!("not asked, since its family was left out: {}", label(address))
        }
        FamilyUse::Usable | FamilyUse::Unusable => format!("not reached: {}", label(address)),
    });
    let no_family = |address| {
        format!("not asked, since this machine cannot use the family: {}", label(address))
    };
    unreached.chain(foreign.iter().map(no_family)).collect()
}

/// Which addresses stand in the way of `encrypt`, and how.
fn nothing_above_may(target: &TargetReport, wanted: &[PolicyAddress]) -> String {
    let reached = || wanted.iter().filter(|address| !address.observations.is_empty());
    if reached().next().is_none() {
        return format!("no line: no address was reached ({})", target.verdict.summary);
    }
    let failing = reached().filter(|address| address.encrypt != Some(true));
    let reasons: Vec<String> = failing
        .map(|address| format!("{}: {}", label(address), why_not(target, address)))
        .collect();
    format!("may is all that was seen to work: {}", reasons.join("; "))
}

/// What Postfix would log for an address at `encrypt`.
fn why_not(target: &TargetReport, address: &PolicyAddress) -> String {
    let sessions = || sessions(target).into_iter().filter(|s| address.observations.contains(&s.id));
    let levels = sessions().filter_map(|session| session.postfix.as_ref()?.get("encrypt"));
    let reason = levels.flatten().find_map(|level| level.reason.clone());
    let failure = || sessions().find_map(|session| session.tls.as_ref()?.failure.clone());
    reason.or_else(failure).unwrap_or_else(|| "sessions differ, or do not tell".to_owned())
}

fn label(address: &PolicyAddress) -> String {
    format!("{} [{}]", address.host, address.ip)
}

#[cfg(test)]
mod tests;
