use serde_json::{Value, json};

use super::*;

/// One session: host, address, and what it shows.
struct Seen {
    host: &'static str,
    ip: &'static str,
    /// `dane`, `valid`, `untrusted`, `plain`, `alert`; `silent` did not answer.
    what: &'static str,
}

fn seen(host: &'static str, ip: &'static str, what: &'static str) -> Seen {
    Seen { host, ip, what }
}

fn session((number, seen): (usize, &Seen)) -> Value {
    let is_plain = matches!(seen.what, "plain" | "silent");
    let stages = if seen.what == "silent" { json!([]) } else { json!(["ehlo"]) };
    let reasons = if seen.what == "untrusted" { json!(["self-signed"]) } else { json!([]) };
    let level = |delivery: &str, log: Value| {
        json!({"delivery": delivery, "log": log,
        "reason": if delivery == "deferred" { json!("TLS is required") } else { Value::Null }})
    };
    let encrypt = match seen.what {
        "plain" => level("deferred", Value::Null),
        "alert" | "silent" => Value::Null,
        _ => level("tls", json!("Trusted")),
    };
    let dane_only = match seen.what {
        "dane" => level("tls", json!("Verified")),
        "silent" => Value::Null,
        _ => level("deferred", Value::Null),
    };
    let names = json!([seen.host]);
    let failure = if seen.what == "alert" { json!("alert handshake_failure") } else { Value::Null };
    let tls = json!({"version": "TLSv1.3", "cipher_suite": null, "key_exchange_group": null,
        "sni": null, "alert": null, "client_certificate_requested": null,
        "signature_scheme": null, "key_proven": true, "failure": failure, "ocsp_staple": null,
        "chain": [{"sha256": "", "spki_sha256": null, "subject": null, "issuer": null,
            "names": names, "not_before": null, "not_after": null, "key": null,
            "signature": null, "serial": null, "self_signed": null, "der": null}],
        "pkix": {"status": "valid", "reasons": reasons, "names_match": null, "days_left": null},
        "dane": null});
    let family = if seen.ip.contains(':') { "ipv6" } else { "ipv4" };
    json!({"id": format!("o{}", number + 1), "started_at": "2026-11-21T23:00:00Z",
        "probe": {"vantage": "local", "source": null, "target": "example.net",
            "host": seen.host, "ip": seen.ip, "family": family, "port": 25, "ehlo_name": null,
            "mode": "starttls", "client_hello": "default", "sni": null, "repeat": 0,
            "role": "target"},
        "duration_ms": null, "connect_ms": null, "greeting_ms": null, "handshake_ms": null,
        "stages": stages, "ended": null, "error": null, "greeting": null, "ehlo": null,
        "starttls": {"offered": null, "reply": null, "outcome": "accepted",
            "echo_masked": null, "residue_bytes": null},
        "tls": if is_plain { Value::Null } else { tls },
        "ehlo_tls": null, "transcript": null,
        "postfix": {"encrypt": encrypt, "dane-only": dane_only}})
}

fn exchange(seen: &Seen) -> Value {
    let is_ipv6 = seen.ip.contains(':');
    let answer = |has: bool| {
        json!({"addresses": if has { json!([seen.ip]) } else { json!([]) },
            "dnssec": "secure", "error": null})
    };
    json!({"host": seen.host, "preference": 10, "cname": [], "tlsa": null,
        "ipv4": answer(!is_ipv6), "ipv6": answer(is_ipv6)})
}

fn target(input: &str, status: &str, sessions: &[Seen]) -> TargetReport {
    let name = input.parse::<Target>().unwrap().name();
    let hosts: Vec<Value> = sessions
        .iter()
        .map(|seen| {
            json!({"host": seen.host, "addresses": [],
                "verdict": {"status": "intact", "confidence": null, "because": null}})
        })
        .collect();
    serde_json::from_value(json!({"target": name, "input": input, "unicode": null,
        "verdict": {"status": status, "confidence": null, "summary": "what was seen",
            "because": null, "where": null, "reached": 1, "addresses": 1},
        "routes": [{"vantage": "local", "kind": "mx", "dnssec": "secure", "error": null,
            "error_detail": null, "cname": [], "null_mx_beside_others": false,
            "exchanges": sessions.iter().map(exchange).collect::<Vec<_>>()}],
        "hosts": hosts, "cells": [], "contrasts": [], "findings": [],
        "observations": sessions.iter().enumerate().map(session).collect::<Vec<_>>(),
        "policies": {
            "mta_sts": {"status": "absent", "id": null, "mode": null, "mx": [],
                "max_age": null, "hosts": [], "error": null},
            "tls_rpt": {"status": "absent", "rua": [], "error": null},
            "baseline": null}}))
    .unwrap()
}

const BOTH: Families = Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable };

fn entry(sessions: &[Seen]) -> PolicyEntry {
    recommend(&target("example.net", "intact", sessions), BOTH)
}

fn line(sessions: &[Seen]) -> String {
    entry(sessions).line.unwrap()
}

const MX1: &str = "mx1.example.net";
const ELSEWHERE: &str = "mx.example.org";

#[test]
fn the_strongest_that_every_address_kept() {
    let dane = || seen(MX1, "192.0.2.1", "dane");
    let valid = || seen("mx2.example.net", "2001:db8::2", "valid");
    let untrusted = || seen("mx3.example.net", "192.0.2.3", "untrusted");
    assert_eq!(line(&[dane()]), "example.net dane-only");
    assert_eq!(line(&[dane(), valid()]), "example.net secure servername=hostname");
    assert_eq!(line(&[dane(), valid(), untrusted()]), "example.net encrypt");
    let entry = entry(&[dane(), valid(), seen("mx4.example.net", "192.0.2.4", "plain")]);
    assert_eq!((entry.line, entry.candidate, entry.undetermined), (None, None, false));
    let why = &entry.remarks[0];
    assert!(why.starts_with("may is all that was seen to work: mx4.example.net"), "{why}");
    assert!(!why.contains("mx2"), "{why}");
}

#[test]
fn names_come_from_the_policy_before_the_mx_records() {
    let sessions = [seen(ELSEWHERE, "192.0.2.1", "valid")];
    assert_eq!(line(&sessions), "example.net secure match=mx.example.org servername=hostname");
    let mut report = target("example.net", "intact", &sessions);
    report.policies.mta_sts.status = PolicyStatus::Present;
    report.policies.mta_sts.mode = Some("enforce".to_owned());
    report.policies.mta_sts.mx = vec!["*.example.org".to_owned(), "mx.example.com".to_owned()];
    let found = recommend(&report, BOTH).line.unwrap();
    assert_eq!(found, "example.net secure match=.example.org:mx.example.com servername=hostname");
    // A policy that asks for nothing names nothing.
    report.policies.mta_sts.mode = Some("none".to_owned());
    assert!(recommend(&report, BOTH).line.unwrap().contains("match=mx.example.org"));
}

#[test]
fn names_that_the_policy_does_not_list_are_not_kept() {
    let mut report = target("example.net", "intact", &[seen(ELSEWHERE, "192.0.2.1", "valid")]);
    report.policies.mta_sts.status = PolicyStatus::Present;
    report.policies.mta_sts.mode = Some("enforce".to_owned());
    report.policies.mta_sts.mx = vec!["mx.example.com".to_owned()];
    assert_eq!(recommend(&report, BOTH).line.unwrap(), "example.net encrypt");
}

#[test]
fn an_address_that_was_not_reached_keeps_nothing() {
    let sessions = [seen(MX1, "192.0.2.1", "dane"), seen(MX1, "2001:db8::1", "silent")];
    let found = entry(&sessions);
    assert_eq!((found.line, found.level), (None, None));
    assert_eq!(found.candidate.as_deref(), Some("example.net dane-only"));
    assert!(found.undetermined);
    assert!(
        found.remarks.iter().any(|remark| remark == "not reached: mx1.example.net [2001:db8::1]")
    );
    // Where the family cannot be used, no mail from here goes there either.
    let families = Families { ipv6: FamilyUse::NotAsked, ..BOTH };
    let found = recommend(&target("example.net", "intact", &sessions), families);
    assert_eq!(found.line, None, "the user left the family out, and mail goes there");
    let remark = "not asked, since its family was left out: mx1.example.net [2001:db8::1]";
    assert!(found.remarks.iter().any(|said| said == remark), "{:?}", found.remarks);
    assert!(!found.remarks.iter().any(|said| said.contains("not reached")));
    let families = Families { ipv6: FamilyUse::Unusable, ..BOTH };
    let found = recommend(&target("example.net", "intact", &sessions), families);
    assert_eq!(found.line.as_deref(), Some("example.net dane-only"));
    assert!(found.remarks.iter().any(|remark| remark.contains("cannot use the family")));
}

#[test]
fn what_is_not_known_is_no_refusal() {
    let found = entry(&[seen(MX1, "192.0.2.1", "alert")]);
    assert_eq!(found.line, None);
    assert!(found.undetermined);
    assert!(found.remarks[0].contains("alert handshake_failure"), "{:?}", found.remarks);
}

#[test]
fn sessions_that_differ_keep_nothing() {
    let mut report = target("example.net", "intact", &[seen(MX1, "192.0.2.1", "dane")]);
    report.cells = serde_json::from_value(json!([{"id": "c1", "observations": ["o1", "o2"],
        "coordinates": {"vantage": "local", "source": null, "host": MX1, "ip": "192.0.2.1",
            "family": "ipv4", "port": 25, "ehlo_name": null, "mode": "starttls",
            "client_hello": "default", "sni": null, "role": "target"},
        "offered": 1, "completed": 1, "of": 2, "steady": false,
        "first_at": "2026-11-21T23:00:00Z", "last_at": "2026-11-21T23:00:00Z"}]))
    .unwrap();
    assert_eq!(recommend(&report, BOTH).line, None);
}

#[test]
fn no_line_is_made_of_a_path_that_is_at_fault() {
    let sessions = || [seen(MX1, "192.0.2.1", "valid")];
    for status in ["intercepted", "stripped", "unresolvable"] {
        let found = recommend(&target("example.net", status, &sessions()), BOTH);
        assert_eq!((found.line, found.undetermined), (None, true), "{status}");
    }
    let found = recommend(&target("example.net", "no-mail", &[]), BOTH);
    assert_eq!((found.line, found.undetermined), (None, false));
}

#[test]
fn no_line_takes_the_place_of_a_promise_that_is_not_kept() {
    let sessions = || [seen(MX1, "192.0.2.1", "valid"), seen(MX1, "192.0.2.2", "valid")];
    let kept = || target("example.net", "intact", &sessions());
    assert!(recommend(&kept(), BOTH).line.is_some());
    let failed = target("example.net", "policy-failed", &sessions());
    let mut in_part = target("example.net", "inconsistent", &sessions());
    in_part.verdict.because = Some("promise-kept-in-part".to_owned());
    let mut mismatched = kept();
    let dane = json!({"status": "mismatched", "record": null, "reasons": ["validation-failure"]});
    mismatched.observations[1].tls.as_mut().unwrap().dane = serde_json::from_value(dane).unwrap();
    for report in [failed, in_part, mismatched] {
        let found = recommend(&report, BOTH);
        assert_eq!((found.line, found.candidate, found.undetermined), (None, None, true));
        assert!(found.remarks[0].contains("a promise that is not kept"), "{:?}", found.remarks);
    }
}

#[test]
fn what_another_vantage_point_saw_is_no_observation_of_this_sender() {
    let mut report = target("example.net", "intact", &[seen(MX1, "192.0.2.1", "dane")]);
    report.observations[0].probe.vantage = "berlin".to_owned();
    let found = recommend(&report, BOTH);
    assert_eq!((found.line, found.candidate), (None, None));
}

#[test]
fn names_of_a_policy_in_mode_testing_are_said_to_be_no_promise() {
    let mut report = target("example.net", "intact", &[seen(ELSEWHERE, "192.0.2.1", "valid")]);
    report.policies.mta_sts.status = PolicyStatus::Present;
    report.policies.mta_sts.mode = Some("testing".to_owned());
    report.policies.mta_sts.mx = vec![ELSEWHERE.to_owned()];
    let found = recommend(&report, BOTH);
    assert!(found.remarks.iter().any(|remark| remark.contains("mode testing")), "{found:?}");
}

#[test]
fn a_host_is_looked_up_in_brackets() {
    for (input, destination) in [
        ("example.net", "example.net"),
        ("user@example.net", "example.net"),
        ("[mx1.example.net]", "[mx1.example.net]"),
        ("mx1.example.net:587", "[mx1.example.net]:587"),
        ("192.0.2.1", "[192.0.2.1]"),
        ("[2001:db8::1]:25", "[ipv6:2001:db8::1]:25"),
    ] {
        let found = recommend(&target(input, "intact", &[]), BOTH);
        assert_eq!(found.destination, destination);
        assert_eq!(found.line, None);
    }
}
