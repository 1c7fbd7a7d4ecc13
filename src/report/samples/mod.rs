//! Reports built by hand, for the tests of every format.

mod sessions;

use std::net::IpAddr;

use jiff::Timestamp;

use crate::model::compare::{Axis, Cell, Contrast, Coordinates};
use crate::model::finding::{Finding, Severity, Subject};
use crate::model::probe::{ClientHello, Family, Mode, Role};
use crate::model::report::{
    AddressReport, DnssecSource, Families, FamilyUse, HostReport, MtaStsReport, ObservationReport,
    Policies, PolicyStatus, ProbeReport, Report, ResolverUsed, Run, SCHEMA, Speaker, TargetReport,
    TlsRptReport, TranscriptEntry, Trust, Vantage, VantageKind,
};
use crate::model::route::{AddressAnswer, Dnssec, Exchange, LookupError, Route, RouteKind};
use crate::model::session::{
    EhloAnswer, EhloTls, Greeting, HelloVerb, Keyword, MaskKind, MaskedLine, ReplyText, Stage,
    Starttls, StarttlsOutcome,
};
use crate::model::tls::{Certificate, Ocsp, OcspStatus, Pkix, PkixReason, PkixStatus, TlsFacts};
use crate::model::transcript::Ended;
use crate::model::verdict::{Confidence, PartVerdict, Place, Status, Verdict};

use sessions::{cut_short, expired, keywords, overwritten, tls};

pub(crate) use sessions::{hidden, session};

fn time(text: &str) -> Timestamp {
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

fn ip(text: &str) -> IpAddr {
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

fn exchange(host: &str, preference: Option<u16>) -> Exchange {
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

fn route(kind: RouteKind, exchanges: Vec<Exchange>) -> Route {
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

fn cell(id: &str, session: &ObservationReport) -> Cell {
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

fn by_family(left: &str, right: &str, differences: &[&str]) -> Contrast {
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

/// Two MX hosts, each over both families, nothing to complain about.
pub(crate) fn intact() -> Report {
    let sessions = vec![
        session("o1", "mx1.example.net", "203.0.113.62"),
        session("o2", "mx1.example.net", "2001:db8:203::3e"),
        session("o3", "mx2.example.net", "203.0.113.63"),
        session("o4", "mx2.example.net", "2001:db8:203:ffff:ffff:ffff:ffff:3f"),
    ];
    let cells = vec![
        cell("c1", &sessions[0]),
        cell("c2", &sessions[1]),
        cell("c3", &sessions[2]),
        cell("c4", &sessions[3]),
    ];
    let summary = "STARTTLS works at every address that answered";
    let mut target = target("example.net", (Status::Intact, None, summary), sessions);
    target.cells = cells;
    target.contrasts = vec![by_family("c2", "c1", &[]), by_family("c3", "c4", &[])];
    report(vec![target])
}

/// Hidden over IPv4, offered over IPv6.
pub(crate) fn stripped() -> Report {
    let sessions = vec![
        hidden(session("o1", "mx1.example.net", "203.0.113.62")),
        session("o2", "mx1.example.net", "2001:db8:203::3e"),
    ];
    let cells = vec![cell("c1", &sessions[0]), cell("c2", &sessions[1])];
    let summary = "STARTTLS is hidden on the IPv4 path to mx1.example.net; over IPv6 it is offered";
    let verdict = (Status::Stripped, Some(Confidence::Corroborated), summary);
    let mut target = target("example.net", verdict, sessions);
    target.verdict.place = Some(Place::FamilyPath);
    target.cells = cells;
    target.contrasts = vec![by_family("c1", "c2", &["starttls.offered", "ehlo.keywords"])];
    target.findings = vec![
        finding("certificate-expires-soon", Severity::Notice, "2001:db8:203::3e"),
        Finding {
            confidence: Some(Confidence::Corroborated),
            evidence: vec!["o1".to_owned(), "o2".to_owned()],
            explanation: "The server accepts STARTTLS over IPv4, but its offer does not arrive. \
                          Senders that believe the list send this mail in clear"
                .to_owned(),
            alternatives: vec![
                "a server that hides the offer from this client, and accepts it \
                                all the same"
                    .to_owned(),
            ],
            remedy: Some("ask whoever runs the firewall on the IPv4 path".to_owned()),
            ..finding("starttls-hidden", Severity::Critical, "203.0.113.62")
        },
        finding("certificate-expires-soon", Severity::Notice, "203.0.113.62"),
    ];
    report(vec![target])
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

/// Nobody answers, each in another way; this machine has no IPv6.
pub(crate) fn unreachable() -> Report {
    let host = "a-rather-long-host-name-for-one-mail-exchanger.of.a.rather.long.example.net";
    let mut refused = cut_short(
        session("o1", host, "203.0.113.62"),
        &[],
        Ended::Refused,
        Some("Connection refused (os error 111)"),
    );
    refused.connect_ms = None;
    refused.duration_ms = Some(2);
    let mut silent = cut_short(
        session("o2", host, "203.0.113.63"),
        &[Stage::Connected],
        Ended::Timeout,
        Some("no greeting within 30 s"),
    );
    silent.duration_ms = Some(30_012);
    let summary = "2 addresses were tried on port 25, and none answered";
    let mut target =
        target("example.net", (Status::Unreachable, None, summary), vec![refused, silent]);
    target.routes[0].exchanges[0].ipv6.addresses.push("2001:db8:203::3e".parse().unwrap());
    target.hosts[0].addresses.push(AddressReport {
        ip: ip("2001:db8:203::3e"),
        family: Family::Ipv6,
        verdict: PartVerdict { status: Status::Inconclusive, confidence: None, because: None },
    });
    let mut report = report(vec![target]);
    report.run.vantages[0].families.ipv6 = FamilyUse::Unusable;
    report
}

/// A null MX.
pub(crate) fn no_mail() -> Report {
    let summary = "the domain says that it takes no mail";
    let mut target = target("example.com", (Status::NoMail, None, summary), Vec::new());
    target.routes = vec![route(RouteKind::NullMx, Vec::new())];
    report(vec![target])
}

/// The name does not exist; the resolver strips DNSSEC.
pub(crate) fn unresolvable() -> Report {
    let summary = "the name does not exist";
    let mut target = target("exmaple.net", (Status::Unresolvable, None, summary), Vec::new());
    target.verdict.because = Some("nxdomain".to_owned());
    let mut lost = route(RouteKind::None, Vec::new());
    lost.error = Some(LookupError::Nxdomain);
    lost.error_detail = Some("192.0.2.54 has no exmaple.net".to_owned());
    lost.dnssec = Dnssec::Indeterminate;
    target.routes = vec![lost];
    let mut report = report(vec![target]);
    report.run.ehlo_names.clear();
    report.run.vantages[0].resolver.as_mut().unwrap().dnssec = DnssecSource::Unavailable;
    report
}

/// One address says 421, one breaks off in the handshake, one has an old TLS, and DNS is odd.
pub(crate) fn inconclusive() -> Report {
    let host = "mx1.example.net";
    let mut busy = cut_short(
        session("o1", host, "203.0.113.62"),
        &[Stage::Connected, Stage::Greeting],
        Ended::ByUs,
        None,
    );
    busy.greeting = Some(Greeting {
        code: 421,
        lines: vec!["4.7.0 Try again later".to_owned(), "closing".to_owned()],
        masked: false,
    });
    let to_starttls = [Stage::Connected, Stage::Greeting, Stage::Ehlo, Stage::Starttls];
    let mut reset =
        cut_short(session("o2", host, "2001:db8:203::3e"), &to_starttls, Ended::Reset, None);
    reset.tls = Some(TlsFacts {
        failure: Some("reset after ClientHello".to_owned()),
        version: None,
        cipher_suite: None,
        key_exchange_group: None,
        chain: Vec::new(),
        pkix: None,
        ..tls(host)
    });
    let summary = "the addresses could not all be measured";
    let mut target = target(
        "example.net",
        (Status::Inconclusive, None, summary),
        vec![busy, reset, overwritten(), expired()],
    );
    make_odd(&mut target.routes[0]);
    let mut report = report(vec![target]);
    report.run.interrupted = true;
    report
}

/// All that can be odd about a route.
fn make_odd(route: &mut Route) {
    route.dnssec = Dnssec::Bogus;
    route.cname = vec!["mail.example.org".to_owned()];
    route.null_mx_beside_others = true;
    route.exchanges[0].cname = vec!["node.example.org".to_owned()];
    route.exchanges[1].ipv6.error = Some(LookupError::Servfail);
    route.exchanges.push(exchange("mx3.example.net", Some(30)));
    route.exchanges[2].ipv4.error = Some(LookupError::Nodata);
}

/// A domain in Unicode, and a second target.
pub(crate) fn idn() -> Report {
    let mut idn = intact().targets.remove(0);
    idn.target = "xn--bcher-kva.example".to_owned();
    idn.input = "bücher.example".to_owned();
    idn.unicode = Some("bücher.example".to_owned());
    report(vec![idn, no_mail().targets.remove(0)])
}

/// The same text wherever a far side could put one.
pub(crate) fn hostile_with(text: &str) -> Report {
    let mut report = stripped();
    let mut target = inconclusive().targets.remove(0);
    let own = || text.to_owned();
    target.unicode = Some(own());
    target.verdict.summary = own();
    target.verdict.because = Some(own());
    for session in &mut target.observations {
        session.error = Some(own());
        session.probe.host = own();
        if let Some(greeting) = &mut session.greeting {
            greeting.lines = vec![own()];
        }
        if let Some(reply) = &mut session.starttls.reply {
            reply.text = own();
        }
        if let Some(ehlo) = &mut session.ehlo {
            ehlo.keywords = keywords(&[text]);
            ehlo.masked.iter_mut().for_each(|line| line.text = own());
        }
        if let Some(tls) = &mut session.tls {
            tls.cipher_suite = Some(own());
            tls.chain.iter_mut().for_each(|one| one.subject = Some(own()));
        }
    }
    for host in &mut target.hosts {
        host.host = own();
    }
    target.findings = stripped().targets.remove(0).findings;
    for finding in &mut target.findings {
        finding.explanation = own();
        finding.subject.host = Some(own());
        finding.alternatives = vec![own()];
    }
    target.routes[0].cname = vec![own()];
    target.routes[0].exchanges[0].host = own();
    target.routes[0].exchanges[1].cname = vec![own()];
    report.targets.push(target);
    report.run.vantages[0].error = Some(own());
    report
}
