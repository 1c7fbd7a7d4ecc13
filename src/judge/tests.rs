//! Verdicts from hand-written transcripts: what each combination of addresses may claim.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

mod across;
mod controls;
mod offer;
mod promises;
mod reach;
mod time;

use super::{CLAIMS, Context, judge};
use crate::model::evidence::Evidence;
use crate::model::finding::Severity;
use crate::model::observation::Observation;
use crate::model::probe::{ClientHello, Limits, Mode, Probe, Role};
use crate::model::report::{Families, FamilyUse, TargetReport};
use crate::model::route::{AddressAnswer, Dnssec, Exchange, LookupError, Route, RouteKind};
use crate::model::tls::{Certificate, Handshake, Pkix, PkixStatus, TlsFacts};
use crate::model::transcript::Transcript;
use crate::model::verdict::{Confidence, Place, Status};
use crate::tls::Roots;

const OFFERED: &str = "\
-- connected from 198.51.100.10:40000
S: 220 mx ESMTP
C: EHLO probe.example.org
S: 250-mx
S: 250-SIZE 1000
S: 250-ETRN
S: 250-STARTTLS
S: 250 ENHANCEDSTATUSCODES
C: STARTTLS
S: 220 go ahead
";
const OFFERED_AND_ASKED: &str = "\
-- connected from 198.51.100.10:40000
S: 220 mx ESMTP
C: EHLO probe.example.org
S: 250-mx
S: 250 STARTTLS
C: STARTTLS
";
const SECURED: &str = "\
-- tls TLSv1.3 TLS_AES_256_GCM_SHA384 X25519
C: EHLO probe.example.org
S: 250 mx
C: QUIT
S: 221 bye
-- ended by-us
";
const HIDDEN: &str = "\
-- connected from 198.51.100.10:40000
S: 220 mx ESMTP
C: EHLO probe.example.org
S: 250-mx
S: 250-SIZE 1000
S: 250-ETRN
S: 250 ENHANCEDSTATUSCODES
C: STARTTLS
";
const MASKED: &str = "\
-- connected from 198.51.100.10:40000
S: 220 ******0***2**
C: EHLO probe.example.org
S: 250-mx
S: 250-SIZE 1000
S: 250-ETRN
S: 250-XXXXXXXA
S: 250 ENHANCEDSTATUSCODES
C: STARTTLS
";
const REFUSED: &str = "\
S: 502 5.5.2 Error: command not recognized
C: QUIT
S: 221 bye
-- ended by-us
";
const OVERWRITTEN: &str = "\
S: 500 5.5.1 Command unrecognized: \"XXXXXXXX\"
C: QUIT
S: 221 bye
-- ended by-us
";
const ACCEPTED: &str = "S: 220 go ahead\n";
const NO_CONNECTION: &str = "-- ended refused \"Connection refused\"\n";

/// One address: host, address, transcript in parts, shape of the `ClientHello`.
struct Seen {
    host: &'static str,
    ip: IpAddr,
    text: String,
    hello: ClientHello,
}

fn seen(host: &'static str, ip: &str, parts: &[&str]) -> Seen {
    Seen { host, ip: ip.parse().unwrap(), text: parts.concat(), hello: ClientHello::Default }
}

fn observation(place: usize, seen: &Seen) -> Observation {
    let patience = Duration::from_secs(1);
    let probe = Probe {
        vantage: "local".into(),
        source: None,
        target: "example.net".into(),
        host: seen.host.into(),
        ip: seen.ip,
        port: 25,
        ehlo_name: Some("probe.example.org".into()),
        mode: Mode::Starttls,
        client_hello: seen.hello,
        offer: None,
        sni: Some(seen.host.into()),
        repeat: 0,
        role: Role::Target,
        limits: Limits { session: patience, greeting: patience },
    };
    Observation {
        id: format!("o{}", place + 1),
        probe,
        started_at: jiff::Timestamp::from_second(i64::try_from(place).unwrap()).unwrap(),
        transcript: seen.text.parse::<Transcript>().unwrap(),
    }
}

fn exchange(host: &str, all: &[Seen]) -> Exchange {
    let (mut ipv4, mut ipv6): (Vec<Ipv4Addr>, Vec<Ipv6Addr>) = (Vec::new(), Vec::new());
    for seen in all.iter().filter(|seen| seen.host == host) {
        match seen.ip {
            IpAddr::V4(ip) if !ipv4.contains(&ip) => ipv4.push(ip),
            IpAddr::V6(ip) if !ipv6.contains(&ip) => ipv6.push(ip),
            _ => {}
        }
    }
    Exchange {
        host: host.into(),
        preference: Some(10),
        cname: Vec::new(),
        cname_dnssec: None,
        ipv4: AddressAnswer::named(ipv4),
        ipv6: AddressAnswer::named(ipv6),
        tlsa: None,
    }
}

fn route(exchanges: Vec<Exchange>) -> Route {
    Route {
        vantage: "local".into(),
        kind: RouteKind::Mx,
        dnssec: Dnssec::Insecure,
        error: None,
        error_detail: None,
        cname: Vec::new(),
        null_mx_beside_others: false,
        exchanges,
    }
}

const BOTH: Families = Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable };

fn evidence(target: &str, route: Route, all: &[Seen], families: Families) -> Evidence {
    let observations = all.iter().enumerate().map(|(place, seen)| observation(place, seen));
    Evidence {
        target: target.parse().unwrap(),
        policies: crate::model::policy::PolicyEvidence::default(),
        routes: vec![route],
        observations: observations.collect(),
        role: Role::Target,
        families,
        elsewhere: std::collections::BTreeMap::new(),
        mirror: None,
    }
}

/// Sessions with a mirror at one address, at one time.
pub(super) fn mirrored_evidence(transcripts: Vec<Transcript>) -> Evidence {
    let all: Vec<Seen> = transcripts.iter().map(|_| seen("mx1", "203.0.113.62", &[])).collect();
    let mut evidence = evidence("example.net", route(vec![exchange("mx1", &all)]), &all, BOTH);
    evidence.role = Role::Mirror;
    for (seen, transcript) in evidence.observations.iter_mut().zip(transcripts) {
        seen.probe.role = Role::Mirror;
        seen.started_at = "2026-11-21T23:00:00Z".parse().unwrap();
        seen.transcript = transcript;
    }
    evidence
}

fn report_on(route: Route, all: &[Seen], families: Families) -> TargetReport {
    judged(&evidence("example.net", route, all, families), &[])
}

fn judged(evidence: &Evidence, controls: &[Evidence]) -> TargetReport {
    judged_by(evidence, controls, &Roots::webpki())
}

fn judged_by(evidence: &Evidence, controls: &[Evidence], roots: &Roots) -> TargetReport {
    let report = judge(evidence, controls, Context { roots, verify_name: None });
    let verdict = &report.verdict;
    let grounds = CLAIMS.claims.iter();
    assert_eq!(grounds.filter(|ground| ground.allows(verdict)).take(1).count(), 1, "{verdict:?}");
    report
}

fn report(all: &[Seen]) -> TargetReport {
    let mut hosts: Vec<&str> = all.iter().map(|seen| seen.host).collect();
    hosts.dedup();
    report_on(route(hosts.iter().map(|host| exchange(host, all)).collect()), all, BOTH)
}

fn verdict(all: &[Seen]) -> (Status, Option<Confidence>) {
    let verdict = report(all).verdict;
    (verdict.status, verdict.confidence)
}

fn ids(report: &TargetReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.id.as_str()).collect()
}

const V4: &str = "203.0.113.1";
const V4B: &str = "203.0.113.2";
const V6: &str = "2001:db8::1";
const V6B: &str = "2001:db8::2";

/// A completed handshake with a valid leaf of these names.
pub(super) fn shown(names: &[&str]) -> TlsFacts {
    let handshake = Handshake::default();
    let mut facts =
        crate::tls::facts(&handshake, None, jiff::Timestamp::UNIX_EPOCH, &Roots::webpki(), false);
    let leaf = crate::tls::certificate::facts(b"", false);
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    facts.chain = vec![Certificate { names, ..leaf }];
    let (status, reasons) = (PkixStatus::Valid, Vec::new());
    facts.pkix =
        Some(Pkix { status, reasons, names_match: None, days_left: None, public_root: None });
    facts
}
