//! Verdicts from hand-written transcripts: what each combination of addresses may claim.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

mod across;
mod controls;
mod promises;
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

#[test]
fn all_addresses_secured_is_intact() {
    let report = report(&[
        seen("mx1.example.net", V4, &[OFFERED, SECURED]),
        seen("mx1.example.net", V6, &[OFFERED, SECURED]),
    ]);
    assert_eq!(report.verdict.status, Status::Intact);
    assert_eq!(report.verdict.confidence, None);
    assert_eq!((report.verdict.reached, report.verdict.addresses), (2, 2));
    assert!(report.contrasts[0].differences.is_empty(), "{:?}", report.contrasts);
}

#[test]
fn the_classic_is_suspected_from_one_vantage() {
    let report = report(&[
        seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
        seen("mx1.example.net", V6, &[OFFERED, SECURED]),
        seen("mx2.example.net", V4B, &[HIDDEN, REFUSED]),
        seen("mx2.example.net", V6B, &[OFFERED, SECURED]),
    ]);
    assert_eq!(report.verdict.status, Status::Stripped);
    assert_eq!(report.verdict.confidence, Some(Confidence::Suspected));
    assert_eq!(report.verdict.place, Some(Place::FamilyPath));
    let finding = &report.findings[0];
    assert_eq!(finding.id, "starttls-lost-on-family");
    assert_eq!(finding.evidence, ["o1", "o2", "o3", "o4"]);
    assert!(!finding.alternatives.is_empty());
    let contrast = &report.contrasts[0];
    assert!(contrast.differences.contains(&"starttls.offered".to_owned()));
    assert!(contrast.entailed.contains(&"ip".to_owned()));
}

#[test]
fn addresses_of_one_family_that_differ_are_inconsistent() {
    assert_eq!(
        verdict(&[
            seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
            seen("mx2.example.net", V4B, &[OFFERED, SECURED]),
            seen("mx2.example.net", V6, &[OFFERED, SECURED]),
        ]),
        (Status::Inconsistent, Some(Confidence::Suspected))
    );
}

#[test]
fn an_overwritten_command_is_proof() {
    assert_eq!(
        verdict(&[seen("mx1.example.net", V4, &[HIDDEN, OVERWRITTEN])]),
        (Status::Stripped, Some(Confidence::Proven))
    );
}

#[test]
fn a_cisco_mask_with_starttls_behind_it_is_proof() {
    let report = report(&[seen("mx1.example.net", V4, &[MASKED, ACCEPTED, SECURED])]);
    assert_eq!(report.verdict.status, Status::Stripped);
    assert_eq!(report.verdict.confidence, Some(Confidence::Proven));
    assert!(ids(&report).contains(&"banner-masked"));
}

#[test]
fn a_mask_in_starttls_s_place_is_a_suspicion() {
    assert_eq!(
        verdict(&[seen("mx1.example.net", V4, &[MASKED, REFUSED])]),
        (Status::Stripped, Some(Confidence::Suspected))
    );
}

#[test]
fn hidden_and_accepted_is_a_suspicion_without_repeats() {
    assert_eq!(
        verdict(&[seen("mx1.example.net", V4, &[HIDDEN, ACCEPTED, SECURED])]),
        (Status::Stripped, Some(Confidence::Suspected))
    );
}

#[test]
fn nobody_offers() {
    let report = report(&[
        seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
        seen("mx1.example.net", V6, &[HIDDEN, REFUSED]),
    ]);
    assert_eq!(report.verdict.status, Status::NotOffered);
    assert_eq!(ids(&report), ["starttls-not-offered", "starttls-not-offered"]);
}

#[test]
fn an_unreached_address_is_no_evidence() {
    let report = report(&[
        seen("mx1.example.net", V4, &[OFFERED, SECURED]),
        seen("mx1.example.net", V6, &[NO_CONNECTION]),
    ]);
    assert_eq!(report.verdict.status, Status::Intact);
    assert_eq!((report.verdict.reached, report.verdict.addresses), (1, 2));
    assert_eq!(ids(&report), ["address-not-reached"]);
    assert!(report.contrasts.is_empty(), "nothing to compare with: {:?}", report.contrasts);
    assert_eq!(
        verdict(&[seen("mx1.example.net", V4, &[NO_CONNECTION])]),
        (Status::Unreachable, None)
    );
    let ssh = "-- connected\nS: SSH-2.0-OpenSSH_9.6\n-- ended protocol \"not an SMTP reply\"\n";
    let summary = self::report(&[seen("mx1.example.net", V4, &[ssh])]).verdict.summary;
    assert!(summary.contains("does not speak SMTP") && !summary.contains("blocks"), "{summary}");
}

#[test]
fn a_refusing_greeting_was_not_measured() {
    let away = "-- connected\nS: 554 no\nC: QUIT\nS: 221 bye\n-- ended by-us\n";
    let both =
        [seen("mx1.example.net", V4, &[away]), seen("mx1.example.net", V6, &[OFFERED, SECURED])];
    assert_eq!(verdict(&both), (Status::Intact, None));
    let report = report(&[seen("mx1.example.net", V4, &[away])]);
    assert_eq!(report.verdict.status, Status::Inconclusive);
    assert_eq!(report.verdict.because.as_deref(), Some("greeting-554"));
}

#[test]
fn turned_away_at_ehlo_is_told_as_that() {
    let away = "-- connected\nS: 220 mx\nC: EHLO p\nS: 450 4.7.1 later\nC: QUIT\nS: 221 bye\n\
                -- ended by-us\n";
    let report = report(&[seen("mx1.example.net", V4, &[away])]);
    assert_eq!(report.verdict.status, Status::Inconclusive);
    assert_eq!(ids(&report), ["address-turned-away"]);
    let explanation = &report.findings[0].explanation;
    assert!(explanation.contains("answered EHLO with 450: \"4.7.1 later\""), "{explanation}");
}

#[test]
fn greeted_and_stalled_is_inconclusive() {
    let stalled = "-- connected\nS: 220 mx\nC: EHLO p\n-- ended timeout\n";
    assert_eq!(
        verdict(&[
            seen("mx1.example.net", V4, &[OFFERED, SECURED]),
            seen("mx1.example.net", V6, &[stalled]),
        ]),
        (Status::Inconclusive, None)
    );
}

#[test]
fn a_broken_handshake_everywhere_and_on_one_family() {
    let broken = "-- tls-failed \"alert handshake_failure\"\n-- ended by-us\n";
    let legacy = Seen {
        hello: ClientHello::Legacy,
        ..seen("mx1.example.net", V4, &[OFFERED, "-- tls-failed \"legacy-only: TLSv1.0\"\n"])
    };
    let first = || seen("mx1.example.net", V4, &[OFFERED, broken]);
    assert_eq!(verdict(&[first()]).0, Status::TlsBroken);
    let report = report(&[first(), legacy]);
    assert_eq!(report.verdict.because.as_deref(), Some("legacy-only"));
    assert_eq!(report.verdict.status, Status::TlsBroken);
    assert_eq!(
        verdict(&[first(), seen("mx1.example.net", V6, &[OFFERED, SECURED])]),
        (Status::Stripped, Some(Confidence::Suspected))
    );
}

#[test]
fn an_old_server_behind_the_aaaa_is_not_stripping() {
    let legacy = Seen {
        hello: ClientHello::Legacy,
        ..seen("mx1.example.net", V6, &[OFFERED, "-- tls-failed \"legacy-only: TLSv1.0\"\n"])
    };
    assert_eq!(
        verdict(&[legacy, seen("mx1.example.net", V4, &[OFFERED, SECURED])]).0,
        Status::Inconsistent
    );
}

#[test]
fn helo_leaves_the_offer_unknown() {
    let helo = "-- connected\nS: 220 mx\nC: EHLO p\nS: 502 no\nC: HELO p\nS: 250 mx\nC: STARTTLS\n";
    let all = [seen("mx1.example.net", V4, &[helo, REFUSED])];
    let report = report(&all);
    assert_eq!(report.observations[0].starttls.offered, None);
    assert_eq!(ids(&report), ["ehlo-refused"]);
}

#[test]
fn dns_decides_where_it_leads_nowhere() {
    let decided = |kind, error| {
        let route = Route { kind, error, ..route(Vec::new()) };
        let verdict = report_on(route, &[], BOTH).verdict;
        (verdict.status, verdict.because.unwrap_or_default())
    };
    let none = RouteKind::None;
    assert_eq!(decided(RouteKind::NullMx, None).0, Status::NoMail);
    assert_eq!(decided(none, Some(LookupError::Nodata)).0, Status::NoMail);
    for (error, word) in [
        (LookupError::Nxdomain, "nxdomain"),
        (LookupError::Servfail, "servfail"),
        (LookupError::Timeout, "timeout"),
        (LookupError::Bogus, "bogus"),
    ] {
        assert_eq!(decided(none, Some(error)), (Status::Unresolvable, word.to_owned()));
    }
}

#[test]
fn mx_hosts_without_addresses() {
    let with = |error| {
        let answer = AddressAnswer { error: Some(error), ..AddressAnswer::named(Vec::new()) };
        let exchange = Exchange { ipv4: answer, ..exchange("mx1.example.net", &[]) };
        report_on(route(vec![exchange]), &[], BOTH).verdict.because.unwrap()
    };
    assert_eq!(with(LookupError::Nxdomain), "mx-without-address");
    assert_eq!(with(LookupError::Servfail), "servfail");
}

#[test]
fn an_unusable_family_is_about_us() {
    let all = [seen("mx1.example.net", V4, &[OFFERED, SECURED])];
    let mut exchange = exchange("mx1.example.net", &all);
    exchange.ipv6 = AddressAnswer::named(vec![Ipv6Addr::LOCALHOST]);
    let families = Families { ipv6: FamilyUse::Unusable, ..BOTH };
    let report = report_on(route(vec![exchange]), &all, families);
    assert_eq!(report.verdict.status, Status::Intact);
    let unasked = &report.hosts[0].addresses[1].verdict;
    assert_eq!(unasked.because.as_deref(), Some("ipv6-unusable"));
}

#[test]
fn a_421_or_a_single_fault_at_starttls_is_not_broken_tls() {
    let busy = "S: 421 4.7.0 too many connections\n-- ended by-us\n";
    let once = "S: 454 4.7.0 TLS not available\nC: QUIT\nS: 221 bye\n-- ended by-us\n";
    for end in [busy, once, "-- ended reset \"x\"\n", "-- ended timeout \"x\"\n"] {
        let first = || seen("mx1.example.net", V4, &[OFFERED_AND_ASKED, end]);
        let alone = report(&[first()]);
        assert_eq!(alone.verdict.status, Status::Inconclusive, "{end}");
        let beside = [first(), seen("mx1.example.net", V6, &[OFFERED, SECURED])];
        assert_eq!(verdict(&beside), (Status::Inconclusive, None), "{end}");
    }
    let twice = [once; 2].map(|end| seen("mx1.example.net", V4, &[OFFERED_AND_ASKED, end]));
    assert_eq!(verdict(&twice).0, Status::TlsBroken);
    let busy_twice = [busy; 2].map(|end| seen("mx1.example.net", V4, &[OFFERED_AND_ASKED, end]));
    assert_eq!(verdict(&busy_twice).0, Status::Inconclusive);
}

#[test]
fn a_handshake_cut_off_once_is_not_broken_tls() {
    let cut = "-- tls-failed \"reset after ClientHello\"\n-- ended by-us\n";
    let first = || seen("mx1.example.net", V4, &[OFFERED, cut]);
    assert_eq!(verdict(&[first()]), (Status::Inconclusive, None));
    let away = seen("mx1.example.net", V4, &[NO_CONNECTION]);
    assert_eq!(verdict(&[first(), away]), (Status::Inconclusive, None));
    assert_eq!(verdict(&[first(), first()]).0, Status::TlsBroken);
}

#[test]
fn what_went_wrong_here_is_no_fault_of_the_target() {
    let local = "-- ended local-error \"source 192.0.2.1: Cannot assign requested address\"\n";
    let report = report(&[seen("mx1.example.net", V4, &[local])]);
    assert_eq!(report.verdict.status, Status::Inconclusive);
    assert_eq!(report.verdict.because.as_deref(), Some("local-error"));
    assert!(ids(&report).is_empty(), "{:?}", ids(&report));
    let cut_short = [OFFERED_AND_ASKED, "-- ended local-error \"interrupted\"\n"];
    let report = self::report(&[
        seen("mx1.example.net", V4, &cut_short),
        seen("mx1.example.net", V6, &[OFFERED, SECURED]),
    ]);
    assert_eq!(report.verdict.status, Status::Intact);
}

#[test]
fn eight_x_elsewhere_in_a_reply_prove_nothing() {
    for reply in [
        "S: 454 4.7.0 ticket XXXXXXXX\n",
        "S: 554 5.7.1 Client host XXXXXXXX blocked\n",
        "S: 502 5.5.1 mx-XXXXXXXX.example.net: command not implemented\n",
        "S: 500 see https://example.net/XXXXXXXX for help\n",
    ] {
        let found = verdict(&[seen("mx1.example.net", V4, &[HIDDEN, reply])]);
        assert_ne!(found.1, Some(Confidence::Proven), "{reply}");
    }
}

#[test]
fn families_of_different_hosts_are_no_contrast_of_families() {
    assert_eq!(
        verdict(&[
            seen("mx1.example.net", V4, &[HIDDEN, REFUSED]),
            seen("mx2.example.net", V6, &[OFFERED, SECURED]),
        ])
        .0,
        Status::Inconsistent
    );
}

#[test]
fn a_server_that_says_220_to_anything_hides_nothing() {
    let parrot = "-- tls-failed \"not TLS\"\n-- ended by-us\n";
    let all = [parrot; 3].map(|end| seen("mx1.example.net", V4, &[HIDDEN, ACCEPTED, end]));
    assert_eq!(verdict(&all), (Status::NotOffered, None));
}

#[test]
fn a_session_that_breaks_off_inside_tls_is_told() {
    let broken = "-- tls TLSv1.3 TLS_AES_256_GCM_SHA384 X25519\nC: EHLO p\n-- ended reset \"x\"\n";
    let report = report(&[seen("mx1.example.net", V4, &[OFFERED, broken])]);
    assert!(ids(&report).contains(&"session-stalled"), "{:?}", ids(&report));
}

const CANNED: &str = "\
-- connected from 198.51.100.10:40000
S: 220 mx1.example.net
C: EHLO probe.example.org
S: 250-Requested mail action okay, completed
S: 250-SIZE 20000000
S: 250 8BITMIME
C: STARTTLS
";

#[test]
fn a_product_is_named_and_accused_of_nothing() {
    let report = report(&[seen("mx1.example.net", V4, &[CANNED, REFUSED])]);
    let finding = report.findings.iter().find(|found| found.id == "product-signature").unwrap();
    assert_eq!((finding.severity, finding.confidence), (Severity::Notice, None));
    assert!(finding.explanation.contains("answers alike"), "{}", finding.explanation);
    assert_eq!(report.verdict.status, Status::NotOffered);
}

#[test]
fn keywords_missing_beside_another_view_name_a_product() {
    let full = OFFERED.replace("S: 250-ETRN", "S: 250-PIPELINING\nS: 250-CHUNKING");
    let bare = HIDDEN.replace("S: 250-ETRN\n", "");
    let pair = |bare: &str| {
        report(&[
            seen("mx1.example.net", V4, &[bare, REFUSED]),
            seen("mx1.example.net", V6, &[&full, SECURED]),
        ])
    };
    let named = pair(&bare);
    let finding = named.findings.iter().find(|found| found.id == "product-signature").unwrap();
    assert_eq!(finding.evidence, ["o1", "o2"]);
    assert!(finding.explanation.contains("F-Secure"), "{}", finding.explanation);
    assert!(!ids(&pair(HIDDEN)).contains(&"product-signature"));
}

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
