//! What DNS said.
//!
//! Owns the wording of routes: kinds, errors per family, aliases, DNSSEC.
//! Refuses to know how answers are got.

use crate::model::report::{DnssecSource, FamilyUse, Report, TargetReport, Vantage};
use crate::model::route::{AddressAnswer, Dnssec, Exchange, LookupError, Route, RouteKind};
use crate::report::page::{Line, Page, Tone};

use super::words;

/// Writes the facts of each route.
pub(super) fn write(page: &mut Page, report: &Report, target: &TargetReport) {
    if target.routes.is_empty() {
        return;
    }
    page.heading("DNS");
    let routes: Vec<&Route> =
        target.routes.iter().filter(|route| is_own(report, &route.vantage)).collect();
    for route in &routes {
        if routes.len() > 1 {
            page.paragraph(2, &Line::new().plain("seen from ").plain(&route.vantage).plain(":"));
        }
        let validated = dnssec_known(report, &route.vantage);
        for line in facts(target, route, validated) {
            page.hanging(2, 2, &line);
        }
        for exchange in &route.exchanges {
            for line in exchange_facts(route, exchange, asked(report, &route.vantage)) {
                page.hanging(2, 2, &line);
            }
        }
    }
}

/// Whether a route is what a resolver said there, and not a copy of another's.
fn is_own(report: &Report, vantage: &str) -> bool {
    let known = report.run.vantages.iter().find(|one| one.id == vantage);
    known.is_none_or(Vantage::looks_up)
}

/// Whether DNSSEC status means anything in this run.
fn dnssec_known(report: &Report, vantage: &str) -> bool {
    report
        .run
        .vantages
        .iter()
        .find(|one| one.id == vantage)
        .and_then(|one| one.resolver.as_ref())
        .is_some_and(|resolver| resolver.dnssec != DnssecSource::Unavailable)
}

/// Which families were wanted there, IPv4 first.
fn asked(report: &Report, vantage: &str) -> (bool, bool) {
    let families = report.run.vantages.iter().find(|one| one.id == vantage).map(|one| one.families);
    families.map_or((true, true), |families| {
        (families.ipv4 != FamilyUse::NotAsked, families.ipv6 != FamilyUse::NotAsked)
    })
}

fn facts(target: &TargetReport, route: &Route, validated: bool) -> Vec<Line> {
    let mut lines = vec![kind(target, route)];
    if !route.cname.is_empty() {
        lines.push(alias(&target.target, &route.cname).plain("."));
    }
    if route.null_mx_beside_others {
        lines.push(Line::of(
            Tone::Doubtful,
            "A null MX stands beside other MX records, which RFC 7505 §3 forbids.",
        ));
    }
    let looked_up = route.kind != RouteKind::Address;
    if looked_up && (validated || route.dnssec == Dnssec::Bogus) {
        lines.push(dnssec(route.dnssec));
    }
    lines
}

fn kind(target: &TargetReport, route: &Route) -> Line {
    let line = Line::new();
    match route.kind {
        RouteKind::Mx => match route.exchanges.len() {
            1 => line.plain("1 MX host."),
            hosts => line.plain(&format!("{hosts} MX hosts.")),
        },
        RouteKind::ImplicitMx => line.plain(
            "No MX record: the addresses of the domain itself are used (implicit MX, RFC 5321 §5.1).",
        ),
        RouteKind::NullMx => line.plain("Null MX (RFC 7505): the domain takes no mail."),
        RouteKind::Host => line.plain("A host was named: its MX records were not asked for."),
        RouteKind::Address => line.plain("An address was named: nothing was looked up."),
        RouteKind::None => nowhere(line.name(&target.target).plain(": "), route),
    }
}

fn nowhere(line: Line, route: &Route) -> Line {
    let why = route.error.map_or("DNS led to no mail exchanger", LookupError::words);
    let line = line.toned(Tone::Doubtful, why);
    match &route.error_detail {
        Some(detail) => line.plain(" (").plain(detail).plain(")."),
        None => line.plain("."),
    }
}

fn alias(name: &str, links: &[String]) -> Line {
    let mut line = Line::new().name(name).plain(" is an alias (CNAME)");
    for link in links {
        line = line.plain(" -> ").name(link);
    }
    line
}

fn dnssec(status: Dnssec) -> Line {
    let line = Line::new().plain("DNSSEC: ");
    match status {
        Dnssec::Secure => line.toned(Tone::Good, "secure").plain("."),
        Dnssec::Insecure => line.plain("insecure: the zone is not signed."),
        Dnssec::Bogus => line.toned(Tone::Bad, "bogus").plain(
            ": the signatures do not hold. A validating sender does not deliver; \
             asked again without validation, and probed all the same.",
        ),
        Dnssec::Indeterminate => line.plain("indeterminate: it could not be determined."),
    }
}

fn exchange_facts(route: &Route, exchange: &Exchange, asked: (bool, bool)) -> Vec<Line> {
    let mut lines = Vec::new();
    if route.kind == RouteKind::Address {
        return lines;
    }
    if !exchange.cname.is_empty() {
        let line = alias(&exchange.host, &exchange.cname);
        lines.push(match route.kind {
            RouteKind::Mx => line.plain(
                ": forbidden for an MX host (RFC 5321 §5.1, RFC 2181 §10.3), followed all the same.",
            ),
            _ => line.plain("."),
        });
    }
    lines.extend(address_facts(exchange, asked, route.dnssec));
    lines.extend(tlsa_fact(exchange));
    lines
}

fn address_facts(exchange: &Exchange, asked: (bool, bool), mx: Dnssec) -> Vec<Line> {
    let Exchange { ipv4, ipv6, .. } = exchange;
    if asked == (true, true) && is_denied(ipv4) && is_denied(ipv6) {
        return vec![
            Line::new()
                .name(&exchange.host)
                .plain(": ")
                .toned(Tone::Doubtful, "no address, neither A nor AAAA record")
                .plain("."),
        ];
    }
    let ipv4 = asked.0.then(|| answer_fact(exchange, "A", ipv4, mx)).flatten();
    let ipv6 = asked.1.then(|| answer_fact(exchange, "AAAA", ipv6, mx)).flatten();
    ipv4.into_iter().chain(ipv6).collect()
}

/// Whether the answer says for certain that there is no address.
fn is_denied<A>(answer: &AddressAnswer<A>) -> bool {
    answer.addresses.is_empty() && answer.error.is_none_or(LookupError::is_denial)
}

/// What is worth saying of one address answer: that there is none, or that it is
/// less authentic than the MX answer.
fn answer_fact<A>(
    exchange: &Exchange,
    kind: &str,
    answer: &AddressAnswer<A>,
    mx: Dnssec,
) -> Option<Line> {
    let line = Line::new().name(&exchange.host).plain(": ");
    match answer.error {
        Some(error) if !error.is_denial() => {
            let line = line.plain(&format!("{kind} lookup: "));
            return Some(line.toned(Tone::Doubtful, error.words()).plain("."));
        }
        _ if answer.addresses.is_empty() => {
            return Some(line.plain(&format!("no {kind} record.")));
        }
        _ => {}
    }
    let worse = answer.dnssec == Dnssec::Bogus && mx != Dnssec::Bogus
        || answer.dnssec == Dnssec::Insecure && mx == Dnssec::Secure;
    worse.then(|| line.plain(&format!("the {kind} answer is {}.", words::dnssec(answer.dnssec))))
}

fn tlsa_fact(exchange: &Exchange) -> Option<Line> {
    let tlsa = exchange.tlsa.as_ref()?;
    let line = Line::new().name(&exchange.host).plain(": ");
    if let Some(error) = tlsa.error {
        if error.is_denial() {
            return None;
        }
        return Some(line.plain("TLSA lookup: ").toned(Tone::Doubtful, error.words()).plain("."));
    }
    let records = tlsa.records.len();
    let noun = if records == 1 { "record" } else { "records" };
    Some(line.plain(&format!("{records} TLSA {noun}, {}.", words::dnssec(tlsa.dnssec))))
}
