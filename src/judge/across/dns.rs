//! What DNS says at one vantage point and not at another.
//!
//! Owns the comparison of routes. Split horizons and answers by the asker's place
//! are common; refuses to suspect them without more. What was not answered is no
//! difference.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::judge::catalogue::{self as catalogue, with_confidence};
use crate::model::finding::{Finding, Severity, Subject};
use crate::model::route::{AddressAnswer, Dnssec, Exchange, Route, RouteKind};
use crate::model::verdict::Confidence;

/// One finding for each vantage point that is told something else than the first.
pub(super) fn findings(routes: &[&Route]) -> Vec<Finding> {
    let answered: Vec<&&Route> = routes.iter().filter(|route| is_answered(route)).collect();
    let Some((first, others)) = answered.split_first() else { return Vec::new() };
    others.iter().filter_map(|other| finding(first, other)).collect()
}

/// An answer, or an authentic-looking no.
fn is_answered(route: &Route) -> bool {
    route.error.is_none_or(|error| error.is_denial() || route.dnssec == Dnssec::Bogus)
}

fn finding(left: &Route, right: &Route) -> Option<Finding> {
    let mut differences: Vec<String> = of_mx(left, right).into_iter().collect();
    differences.extend(of_status("the answer that leads to the hosts", left.dnssec, right.dnssec));
    for (ours, theirs) in shared(left, right) {
        differences.extend(of_addresses(&ours.host, "A", &ours.ipv4, &theirs.ipv4));
        differences.extend(of_addresses(&ours.host, "AAAA", &ours.ipv6, &theirs.ipv6));
    }
    if differences.is_empty() {
        return None;
    }
    let text = format!(
        "{} and {} are told different things by DNS: {}.",
        left.vantage,
        right.vantage,
        differences.join("; ")
    );
    let finding = catalogue::DNS_DIFFERS.raised(Subject::default(), Vec::new(), text);
    Some(if is_suspect(left, right) {
        with_confidence(finding, Confidence::Suspected)
    } else {
        Finding { severity: Severity::Notice, ..finding }
    })
}

fn shared<'a>(
    left: &'a Route,
    right: &'a Route,
) -> impl Iterator<Item = (&'a Exchange, &'a Exchange)> {
    left.exchanges.iter().filter_map(|ours| {
        let theirs = right.exchanges.iter().find(|theirs| theirs.host == ours.host)?;
        Some((ours, theirs))
    })
}

fn hosts(route: &Route) -> BTreeSet<&str> {
    route.exchanges.iter().map(|exchange| exchange.host.as_str()).collect()
}

fn of_mx(left: &Route, right: &Route) -> Option<String> {
    let (ours, theirs) = (hosts(left), hosts(right));
    (ours != theirs || left.kind != right.kind)
        .then(|| format!("the hosts are {}, and {}", listed(left, &ours), listed(right, &theirs)))
}

fn listed(route: &Route, hosts: &BTreeSet<&str>) -> String {
    match route.kind {
        RouteKind::NullMx => "none, by a null MX".to_owned(),
        _ if hosts.is_empty() => "none".to_owned(),
        _ => joined(hosts),
    }
}

fn joined<T: Display>(all: &BTreeSet<T>) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn of_addresses<A: Display + Ord + Copy>(
    host: &str,
    kind: &str,
    left: &AddressAnswer<A>,
    right: &AddressAnswer<A>,
) -> Option<String> {
    let set = |answer: &AddressAnswer<A>| answer.addresses.iter().copied().collect::<BTreeSet<A>>();
    let (ours, theirs) = (set(left), set(right));
    let of = format!("the {kind} records of {host}");
    let status = of_status(&of, left.dnssec, right.dnssec);
    let failed = [left.error, right.error].into_iter().flatten().any(|error| !error.is_denial());
    if ours != theirs && !failed {
        let words = |set: &BTreeSet<A>| if set.is_empty() { "none".into() } else { joined(set) };
        let told = format!("{of} are {}, and {}", words(&ours), words(&theirs));
        // Which of them is forged is what their signatures tell.
        return Some([Some(told), status].into_iter().flatten().collect::<Vec<_>>().join("; "));
    }
    status
}

/// Where validation was not to be had, nothing is known.
fn of_status(what: &str, left: Dnssec, right: Dnssec) -> Option<String> {
    let known = left != Dnssec::Indeterminate && right != Dnssec::Indeterminate;
    (known && left != right).then(|| format!("{what}: {}, and {}", word(left), word(right)))
}

fn word(dnssec: Dnssec) -> &'static str {
    match dnssec {
        Dnssec::Secure => "signed and secure",
        Dnssec::Insecure => "provably unsigned",
        Dnssec::Bogus => "with signatures that do not hold",
        Dnssec::Indeterminate => "not validated",
    }
}

/// Nobody who signs his zone has one answer secure and another bogus; and wholly
/// different MX hosts that no signature vouches for may be forged.
fn is_suspect(left: &Route, right: &Route) -> bool {
    let forged = |one: Dnssec, other: Dnssec| {
        [one, other].contains(&Dnssec::Secure) && [one, other].contains(&Dnssec::Bogus)
    };
    let secure = left.dnssec == Dnssec::Secure && right.dnssec == Dnssec::Secure;
    let disjoint = left.kind == RouteKind::Mx
        && right.kind == RouteKind::Mx
        && hosts(left).is_disjoint(&hosts(right));
    (disjoint && !secure)
        || forged(left.dnssec, right.dnssec)
        || shared(left, right).any(|(ours, theirs)| {
            forged(ours.ipv4.dnssec, theirs.ipv4.dnssec)
                || forged(ours.ipv6.dnssec, theirs.ipv6.dnssec)
        })
}
