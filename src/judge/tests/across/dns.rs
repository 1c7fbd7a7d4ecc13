//! Views that DNS leads to different servers.

use super::*;

/// The same evidence, but another route led the second vantage point there.
fn rerouted(evidence: &Evidence, change: impl FnOnce(&mut Route)) -> Evidence {
    let mut evidence = evidence.clone();
    change(&mut evidence.routes[1]);
    let exchange = evidence.routes[1].exchanges[0].clone();
    let there = evidence.observations.iter_mut().filter(|seen| seen.probe.vantage == "berlin");
    for seen in there {
        seen.probe.host.clone_from(&exchange.host);
        if let Some(ip) = exchange.ipv4.addresses.first() {
            seen.probe.ip = (*ip).into();
        }
    }
    evidence
}

#[test]
fn dns_that_differs_is_told_and_suspected_only_where_forgery_is_likelier() {
    let good: &[(&str, &[&str])] = &[(V4, GOOD)];
    let same = pair(good, good);
    assert!(!ids(&judged(&same, &[])).contains(&"dns-differs"));
    // Answers by place.
    let nearer = rerouted(&same, |route| {
        route.exchanges[0].ipv4 = AddressAnswer::named(vec![V4B.parse().unwrap()]);
    });
    let report = judged(&nearer, &[]);
    let found = finding(&report, "dns-differs");
    assert_eq!((found.severity, found.confidence), (Severity::Notice, None));
    assert!(found.explanation.contains(V4B), "{}", found.explanation);
    // A lookup that failed is no answer.
    let failed = rerouted(&same, |route| {
        route.exchanges[0].ipv4 = AddressAnswer {
            addresses: Vec::new(),
            dnssec: Dnssec::Indeterminate,
            error: Some(LookupError::Timeout),
        };
    });
    assert!(!ids(&judged(&failed, &[])).contains(&"dns-differs"));
    // Other MX hosts, which nobody signed.
    let forged = rerouted(&same, |route| route.exchanges[0].host = "mx.example.com".into());
    let report = judged(&forged, &[]);
    let found = finding(&report, "dns-differs");
    assert_eq!((found.severity, found.confidence), (Severity::Warning, SUSPECTED));
    // Signed at both: a split horizon of the zone's own.
    let mut signed = forged.clone();
    signed.routes.iter_mut().for_each(|route| route.dnssec = Dnssec::Secure);
    assert_eq!(finding(&judged(&signed, &[]), "dns-differs").severity, Severity::Notice);
    // One secure, the other bogus.
    let mut bogus = same.clone();
    bogus.routes[0].dnssec = Dnssec::Secure;
    bogus.routes[1].dnssec = Dnssec::Bogus;
    assert_eq!(finding(&judged(&bogus, &[]), "dns-differs").confidence, SUSPECTED);
}

#[test]
fn servers_that_only_dns_tells_apart_are_inconsistent_and_not_stripped() {
    let seen = pair(&[(V4, BAD)], &[(V4B, GOOD)]);
    let mut evidence = rerouted(&seen, |route| {
        route.exchanges[0].ipv4 = AddressAnswer::named(vec![V4B.parse().unwrap()]);
    });
    evidence.routes[0].exchanges[0].ipv4 = AddressAnswer::named(vec![V4.parse().unwrap()]);
    let report = judged(&evidence, &[]);
    assert_eq!(claim(&report), (Status::Inconsistent, SUSPECTED, None));
    assert_eq!(report.verdict.because.as_deref(), Some("dns-differs"));
}

#[test]
fn a_domain_that_one_resolver_denies_is_judged_by_the_other() {
    let good: &[(&str, &[&str])] = &[(V4, GOOD)];
    let mut evidence = from(twice("berlin", good));
    let denied = Route {
        kind: RouteKind::None,
        error: Some(LookupError::Nxdomain),
        exchanges: Vec::new(),
        ..route(Vec::new())
    };
    evidence.routes.insert(0, denied);
    let report = judged(&evidence, &[]);
    assert_eq!(claim(&report).0, Status::Intact);
    assert!(ids(&report).contains(&"dns-differs"));
    // Denied to both.
    evidence.observations.clear();
    evidence.routes[1] = Route { vantage: "berlin".into(), ..evidence.routes[0].clone() };
    assert_eq!(claims(&evidence).0, Status::Unresolvable);
}
