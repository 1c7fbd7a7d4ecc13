//! Sessions that do not come to their end, and names that lead nowhere: what proves nothing.

use super::*;

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

/// What a finding of this id offers as an explanation.
fn alternatives(report: &TargetReport, id: &str) -> String {
    let finding = report.findings.iter().find(|finding| finding.id == id).unwrap();
    let entry = CLAIMS.entries().find(|entry| entry.id == id).unwrap();
    for alternative in &finding.alternatives {
        assert!(entry.alternatives.contains(&alternative.as_str()), "{alternative}");
    }
    finding.alternatives.join("; ")
}

#[test]
fn a_blocked_port_explains_no_answer_of_any_kind() {
    for (ended, fits, summary) in [
        ("-- ended timeout\n", "a firewall drops", "blocks outbound port 25"),
        (
            "-- ended refused\n",
            "rejects the connection in the server's place",
            "no mail server listens there",
        ),
        ("-- ended unreachable\n", "has no route, or prohibits", "no route, or prohibits"),
        ("-- connected\n-- ended timeout\n", "an overloaded server", "is taken"),
        ("-- connected\n-- ended reset\n", "was broken off", "is taken"),
        ("-- connected\n-- ended by-peer\n", "was broken off", "is taken"),
        ("-- connected\nS: SSH-2.0-x\n-- ended protocol\n", "another service", "not speak SMTP"),
    ] {
        let report = report(&[seen("mx1.example.net", V4, &[ended])]);
        let told = alternatives(&report, "address-not-reached");
        assert!(told.contains(fits), "{ended}: {told}");
        assert_eq!(
            told.contains("drops the connection"),
            fits.contains("drops"),
            "{ended}: {told}"
        );
        let seen = report.verdict.summary;
        assert!(seen.contains(summary), "{ended}: {seen}");
    }
}

#[test]
fn where_a_session_stopped_is_said_in_words() {
    let report = report(&[seen("mx1.example.net", V4, &[NO_CONNECTION])]);
    let explanation = &report.findings[0].explanation;
    assert!(explanation.contains("did not greet us: connecting, "), "{explanation}");
}

#[test]
fn an_mx_record_that_names_no_host_is_the_domains_own_fault() {
    for (host, malformed) in [
        ("mx1.example.net", false),
        ("mx_1.example.net", false),
        ("192.0.2.1", true),
        ("mx\\0321.example.net", true),
        ("*.example.net", true),
    ] {
        let exchanges = vec![exchange(host, &[seen(host, V4, &[OFFERED, SECURED])])];
        let told = report_on(route(exchanges), &[seen(host, V4, &[OFFERED, SECURED])], BOTH);
        let found = told.findings.iter().find(|finding| finding.id == "mx-host-malformed");
        assert_eq!(found.is_some(), malformed, "{host}");
        assert!(found.is_none_or(|found| found.explanation.contains(host)), "{host}: {found:?}");
        assert_eq!(told.verdict.status, Status::Intact, "{host}: a finding, and no verdict");
    }
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

/// A network that goes down between the first session and its repeats.
#[test]
fn what_stalled_is_told_by_the_session_that_did() {
    let stalled = "-- connected\nS: 220 mx\nC: EHLO p\n-- ended timeout \"no answer to EHLO\"\n";
    let down = "-- ended unreachable \"Network is unreachable\"\n";
    let all = [stalled, down].map(|session| seen("mx1.example.net", V4, &[session]));
    let report = report(&all);
    assert_eq!(ids(&report), ["session-stalled"]);
    let explanation = &report.findings[0].explanation;
    assert!(explanation.contains("no answer to EHLO"), "{explanation}");
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
fn a_session_that_breaks_off_inside_tls_is_told() {
    let broken = "-- tls TLSv1.3 TLS_AES_256_GCM_SHA384 X25519\nC: EHLO p\n-- ended reset \"x\"\n";
    let report = report(&[seen("mx1.example.net", V4, &[OFFERED, broken])]);
    assert!(ids(&report).contains(&"session-stalled"), "{:?}", ids(&report));
}

#[test]
fn a_temporary_answer_to_starttls_is_no_session_that_stopped() {
    for code in [421, 450, 451, 454] {
        let session = format!(
            "-- connected\nS: 220 mx\nC: EHLO p\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n\
             S: {code} 4.7.0 come back later\nC: QUIT\nS: 221 bye\n-- ended by-us\n"
        );
        let report = report(&[seen("mx1.example.net", V4, &[&session])]);
        let stalled = report.findings.iter().find(|finding| finding.id == "session-stalled");
        let explanation = &stalled.unwrap().explanation;
        let words = format!("answered STARTTLS with {code}: \"4.7.0 come back later\".");
        assert!(explanation.ends_with(&words), "{explanation}");
    }
}
