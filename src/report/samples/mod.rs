//! Reports built by hand, for the tests of every format.

mod sessions;
mod target;

use crate::model::finding::{Finding, Severity};
use crate::model::probe::Family;
use crate::model::report::{AddressReport, DnssecSource, FamilyUse, Report};
use crate::model::route::{Dnssec, LookupError, Route, RouteKind};
use crate::model::session::{Greeting, Stage};
use crate::model::tls::TlsFacts;
use crate::model::transcript::Ended;
use crate::model::verdict::{Confidence, PartVerdict, Place, Status};

use sessions::{cut_short, expired, keywords, overwritten, tls};

pub(crate) use sessions::{hidden, session};

use target::{by_family, cell, exchange, ip, route};
pub(crate) use target::{finding, report, target};

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
