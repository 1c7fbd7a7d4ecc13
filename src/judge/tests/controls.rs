//! What controls add: who may vouch for a path, and who may not.

use super::*;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::model::policy::{PolicyEvidence, PolicyFetch, TxtAnswer};
use crate::model::route::{Tlsa, TlsaAnswer};
use crate::policy::mta_sts;
use crate::tls::pki::{self, Authority};

/// Twice each at one address of each family.
fn without(host: &'static str, v4: &str, v6: &str) -> Vec<Seen> {
    [v4, v6, v4, v6].iter().map(|ip| seen(host, ip, &[HIDDEN, REFUSED])).collect()
}

fn control(name: &str, host: &'static str, all: &[Seen]) -> Evidence {
    let route = route(vec![exchange(host, all)]);
    Evidence { role: Role::Control, ..evidence(name, route, all, BOTH) }
}

/// A control without STARTTLS, in the network of that number.
fn bare(name: &str, host: &'static str, network: u8) -> Evidence {
    let all = without(host, &format!("198.51.{network}.1"), &format!("2001:db8:{network}::1"));
    control(name, host, &all)
}

fn beside(controls: &[Evidence]) -> (Status, Option<Confidence>) {
    beside_by(controls, &Roots::webpki())
}

fn beside_by(controls: &[Evidence], roots: &Roots) -> (Status, Option<Confidence>) {
    let all = without("mx1.example.net", V4, V6);
    let route = route(vec![exchange("mx1.example.net", &all)]);
    let verdict = judged_by(&evidence("example.net", route, &all, BOTH), controls, roots).verdict;
    (verdict.status, verdict.confidence)
}

/// A policy of this mode for one MX host, as its host served it; the chain is the
/// authority's.
fn announced(authority: &Authority, domain: &str, mode: &str, mx: &str) -> PolicyEvidence {
    let record = TxtAnswer {
        name: format!("_mta-sts.{domain}"),
        dnssec: Dnssec::Insecure,
        error: None,
        records: vec!["v=STSv1; id=1;".to_owned()],
    };
    let body = format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 86400\n");
    let leaf = authority.leaf(&pki::server(&[&mta_sts::policy_host(domain)]));
    let fetch = PolicyFetch {
        url: mta_sts::policy_url(domain),
        fetched_at: pki::at(),
        duration_ms: 1,
        attempts: Vec::new(),
        http_status: Some(200),
        media_type: Some("text/plain".to_owned()),
        location: None,
        body_bytes: u64::try_from(body.len()).ok(),
        truncated: false,
        body: Some(BASE64_STANDARD.encode(body)),
        chain: Some(vec![BASE64_STANDARD.encode(leaf)]),
        key_proven: Some(true),
        error: None,
    };
    PolicyEvidence {
        mta_sts_record: Some(record),
        mta_sts_fetch: Some(fetch),
        tls_rpt_record: None,
    }
}

const NOT_OFFERED: (Status, Option<Confidence>) = (Status::NotOffered, None);
const SUSPECTED: (Status, Option<Confidence>) = (Status::Stripped, Some(Confidence::Suspected));
const CORROBORATED: (Status, Option<Confidence>) =
    (Status::Stripped, Some(Confidence::Corroborated));

#[test]
fn controls_that_never_had_starttls_corroborate_nothing() {
    let one = || bare("a.example.org", "mx.a.example.org", 1);
    let other = bare("b.example.com", "mx.b.example.com", 2);
    assert_eq!(beside(&[one()]), NOT_OFFERED);
    assert_eq!(beside(&[one(), other]), SUSPECTED);
}

#[test]
fn providers_built_in_are_known_to_have_it() {
    let google = || bare("gmail.com", "gmail-smtp-in.l.google.com", 1);
    let yahoo = bare("yahoo.com", "mta5.am0.yahoodns.net", 2);
    assert_eq!(beside(&[google(), yahoo]), CORROBORATED);
    let stranger = bare("b.example.com", "mx.b.example.com", 2);
    assert_eq!(beside(&[google(), stranger]), SUSPECTED);
}

#[test]
fn a_promise_vouches_for_a_control_and_an_insecure_one_does_not() {
    let promising = |name, host, network, dnssec| {
        let record = Tlsa { usage: 3, selector: 1, matching: 1, data: "00".repeat(32) };
        let mut control = bare(name, host, network);
        control.routes[0].exchanges[0].tlsa = Some(TlsaAnswer {
            base_domain: host.to_owned(),
            dnssec,
            error: None,
            records: vec![record],
        });
        control
    };
    let both = |dnssec| {
        beside(&[
            promising("a.example.org", "mx.a.example.org", 1, dnssec),
            promising("b.example.com", "mx.b.example.com", 2, dnssec),
        ])
    };
    assert_eq!(both(Dnssec::Secure), CORROBORATED);
    assert_eq!(both(Dnssec::Insecure), SUSPECTED);
}

#[test]
fn a_policy_that_enforces_vouches_for_a_control_and_no_other_does() {
    let authority = Authority::root("policy root");
    let both = |mode, listed: [&str; 2], roots: &Roots| {
        let promising = |name, host, network, listed| {
            let policies = announced(&authority, name, mode, listed);
            Evidence { policies, ..bare(name, host, network) }
        };
        let controls = [
            promising("a.example.org", "mx.a.example.org", 1, listed[0]),
            promising("b.example.com", "mx.b.example.com", 2, listed[1]),
        ];
        beside_by(&controls, roots)
    };
    let (own, trusted) = (["mx.a.example.org", "mx.b.example.com"], authority.trusted());
    assert_eq!(both("enforce", own, &trusted), CORROBORATED);
    assert_eq!(both("testing", own, &trusted), SUSPECTED, "binds nobody");
    assert_eq!(both("none", own, &trusted), SUSPECTED, "withdrawn");
    assert_eq!(both("enforce", ["mx.example.org"; 2], &trusted), SUSPECTED, "lists others");
    assert_eq!(both("enforce", own, &Roots::webpki()), SUSPECTED, "not authentic");
}

#[test]
fn a_control_that_shows_it_over_the_other_family_is_known_to_have_it() {
    let host = "mx.a.example.org";
    let half = |v4: [&str; 2]| {
        let ips = ["198.51.1.1", "2001:db8:1::1"];
        control(
            "a.example.org",
            host,
            &[seen(host, ips[0], &v4), seen(host, ips[1], &[OFFERED, SECURED])],
        )
    };
    let ours = |family: &str, parts: &[&str]| seen("mx1.example.net", family, parts);
    let all: Vec<Seen> = [(V4, [HIDDEN, REFUSED]), (V6, [OFFERED, SECURED])]
        .iter()
        .cycle()
        .take(4)
        .map(|(ip, parts)| ours(ip, parts))
        .collect();
    let verdict = |control: Evidence| {
        let route = route(vec![exchange("mx1.example.net", &all)]);
        let verdict = judged(&evidence("example.net", route, &all, BOTH), &[control]).verdict;
        (verdict.status, verdict.confidence)
    };
    assert_eq!(verdict(half([HIDDEN, REFUSED])), CORROBORATED);
    assert_eq!(verdict(half([OFFERED, SECURED])), SUSPECTED, "clean");
}

#[test]
fn two_controls_in_one_network_are_one_operator() {
    let google = || bare("gmail.com", "gmail-smtp-in.l.google.com", 1);
    let neighbour = bare("yahoo.com", "mta5.am0.yahoodns.net", 1);
    assert_eq!(beside(&[google(), neighbour]), NOT_OFFERED);
    // And one beside the target is the target's own.
    let here = without("mta5.am0.yahoodns.net", "203.0.113.200", "2001:db8::200");
    let here = control("yahoo.com", "mta5.am0.yahoodns.net", &here);
    assert_eq!(beside(&[google(), here]), NOT_OFFERED);
}
