//! What a report by hand is made of: a run, targets and their parts.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::model::compare::{Axis, Cell, Contrast, Coordinates};
use crate::model::finding::{Finding, Severity, Subject};
use crate::model::report::{
    AddressReport, DnssecSource, Families, FamilyUse, HostReport, MtaStsReport, ObservationReport,
    Policies, PolicyStatus, Report, ResolverUsed, Run, SCHEMA, TargetReport, TlsRptReport, Trust,
    Vantage, VantageKind,
};
use crate::model::route::{AddressAnswer, Dnssec, Exchange, Route, RouteKind};
use crate::model::session::Stage;
use crate::model::verdict::{Confidence, PartVerdict, Status, Verdict};

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn report(targets: Vec<TargetReport>) -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        run: Run {
            tool: "mxray 0.1.0".to_owned(),
            started_at: time("2026-11-21T23:00:00Z"),
            duration_ms: 812,
            ehlo_names: vec!["probe.example.org".to_owned()],
            trust: Trust {
                roots: "webpki-roots".to_owned(),
                version: Some("1.0.10".to_owned()),
                extra_ca_sha256: Vec::new(),
                extra_ca_pem: None,
            },
            verify_name: None,
            vantages: vec![Vantage {
                id: "local".to_owned(),
                kind: VantageKind::Local,
                sources: vec![ip("198.51.100.10"), ip("2001:db8:100::10")],
                families: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable },
                clock_offset_ms: Some(0),
                tool: "mxray 0.1.0".to_owned(),
                error: None,
                resolver: Some(ResolverUsed {
                    servers: vec!["192.0.2.54:53".to_owned()],
                    dnssec: DnssecSource::Validated,
                }),
                recorded: None,
            }],
            interrupted: false,
        },
        targets,
        controls: Vec::new(),
    }
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A target with a route to these hosts; hosts and observations follow from the sessions.
pub(crate) fn target(
    name: &str,
    verdict: (Status, Option<Confidence>, &str),
    observations: Vec<ObservationReport>,
) -> TargetReport {
    let (status, confidence, summary) = verdict;
    let greeted = observations.iter().filter(|one| one.stages.contains(&Stage::Greeting));
    let verdict = Verdict {
        status,
        confidence,
        summary: summary.to_owned(),
        because: None,
        place: None,
        reached: u32::try_from(greeted.count()).unwrap(),
        addresses: u32::try_from(observations.len()).unwrap(),
    };
    let hosts = hosts(&observations, status);
    TargetReport {
        target: name.to_owned(),
        input: name.to_owned(),
        unicode: None,
        routes: vec![route(RouteKind::Mx, exchanges(&hosts))],
        views: None,
        hosts,
        verdict,
        policies: policies(),
        observations,
        cells: Vec::new(),
        contrasts: Vec::new(),
        findings: Vec::new(),
        injections: None,
        tls_ranges: None,
        mirror: None,
    }
}

fn hosts(observations: &[ObservationReport], status: Status) -> Vec<HostReport> {
    let verdict = PartVerdict { status, confidence: None, because: None };
    let mut hosts: Vec<HostReport> = Vec::new();
    for probe in observations.iter().map(|one| &one.probe) {
        let address =
            AddressReport { ip: probe.ip, family: probe.family, verdict: verdict.clone() };
        match hosts.iter_mut().find(|host| host.host == probe.host) {
            Some(host) => host.addresses.push(address),
            None => hosts.push(HostReport {
                host: probe.host.clone(),
                verdict: verdict.clone(),
                addresses: vec![address],
            }),
        }
    }
    hosts
}

fn exchanges(hosts: &[HostReport]) -> Vec<Exchange> {
    (1_u16..)
        .zip(hosts)
        .map(|(position, host)| {
            let mut exchange = exchange(&host.host, Some(position * 10));
            for address in &host.addresses {
                match address.ip {
                    IpAddr::V4(ip) => exchange.ipv4.addresses.push(ip),
                    IpAddr::V6(ip) => exchange.ipv6.addresses.push(ip),
                }
            }
            exchange
        })
        .collect()
}

pub(super) fn exchange(host: &str, preference: Option<u16>) -> Exchange {
    let dnssec = Dnssec::Secure;
    Exchange {
        host: host.to_owned(),
        preference,
        cname: Vec::new(),
        cname_dnssec: None,
        ipv4: AddressAnswer { addresses: Vec::new(), dnssec, error: None },
        ipv6: AddressAnswer { addresses: Vec::new(), dnssec, error: None },
        tlsa: None,
    }
}

pub(super) fn route(kind: RouteKind, exchanges: Vec<Exchange>) -> Route {
    Route {
        vantage: "local".to_owned(),
        kind,
        dnssec: Dnssec::Secure,
        error: None,
        error_detail: None,
        cname: Vec::new(),
        null_mx_beside_others: false,
        exchanges,
    }
}

fn policies() -> Policies {
    Policies {
        mta_sts: MtaStsReport {
            status: PolicyStatus::NotAsked,
            id: None,
            mode: None,
            mx: Vec::new(),
            max_age: None,
            hosts: Vec::new(),
            error: None,
            record: None,
            fetch: None,
        },
        tls_rpt: TlsRptReport {
            status: PolicyStatus::NotAsked,
            rua: Vec::new(),
            error: None,
            record: None,
        },
        baseline: None,
    }
}

pub(super) fn cell(id: &str, session: &ObservationReport) -> Cell {
    let probe = &session.probe;
    Cell {
        id: id.to_owned(),
        coordinates: Coordinates {
            vantage: probe.vantage.clone(),
            source: probe.source,
            host: probe.host.clone(),
            ip: probe.ip,
            family: probe.family,
            port: probe.port,
            ehlo_name: probe.ehlo_name.clone(),
            mode: probe.mode,
            client_hello: probe.client_hello,
            role: probe.role,
        },
        observations: vec![session.id.clone()],
        offered: u32::from(session.starttls.offered == Some(true)),
        completed: u32::from(session.stages.contains(&Stage::Handshake)),
        of: 1,
        steady: true,
        since: Some(session.started_at),
        until: Some(session.started_at),
    }
}

pub(super) fn by_family(left: &str, right: &str, differences: &[&str]) -> Contrast {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Contrast {
        axis: Axis::Family,
        left: left.to_owned(),
        right: right.to_owned(),
        turn: None,
        held: owned(&["vantage", "host", "port", "ehlo_name"]),
        entailed: owned(&["ip", "source"]),
        differences: owned(differences),
    }
}

pub(crate) fn finding(id: &str, severity: Severity, address: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        severity,
        confidence: None,
        subject: Subject { host: Some("mx1.example.net".to_owned()), ip: Some(ip(address)) },
        evidence: vec!["o1".to_owned()],
        explanation: "The certificate ends in 72 days".to_owned(),
        alternatives: Vec::new(),
        remedy: None,
    }
}
