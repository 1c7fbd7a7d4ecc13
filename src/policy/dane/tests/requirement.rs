//! What a sender must do (RFC 7672 §2).

use super::*;

#[test]
fn a_bogus_or_failed_mx_means_delay_and_not_no_dane() {
    let tlsa = answer(Dnssec::Secure, None, &[raw(3, 1, 1, &"ab".repeat(32))]);
    for (dnssec, error, why) in [
        (Dnssec::Bogus, None, Failure::Bogus),
        (Dnssec::Bogus, Some(LookupError::Bogus), Failure::Bogus),
        (Dnssec::Indeterminate, Some(LookupError::Bogus), Failure::Bogus),
        (
            Dnssec::Indeterminate,
            Some(LookupError::Servfail),
            Failure::Lookup(LookupError::Servfail),
        ),
        (Dnssec::Indeterminate, Some(LookupError::Timeout), Failure::Lookup(LookupError::Timeout)),
    ] {
        for tlsa in [Some(tlsa.clone()), None] {
            let asked = requirement(&route(dnssec, error), &exchange(tlsa));
            assert_eq!(asked, Requirement::Delay { why });
            let dane = judge(&asked, &[], &[], at()).unwrap();
            assert_eq!(
                (dane.status, dane.reasons),
                (DaneStatus::Bogus, names(&["dnssec-invalid"]))
            );
        }
    }
}

#[test]
fn a_tlsa_lookup_that_fails_or_is_bogus_forbids_this_exchange() {
    for (dnssec, error, why) in [
        (Dnssec::Bogus, None, Failure::Bogus),
        (Dnssec::Bogus, Some(LookupError::Nodata), Failure::Bogus),
        (Dnssec::Secure, Some(LookupError::Bogus), Failure::Bogus),
        (
            Dnssec::Indeterminate,
            Some(LookupError::Servfail),
            Failure::Lookup(LookupError::Servfail),
        ),
        (Dnssec::Indeterminate, Some(LookupError::Timeout), Failure::Lookup(LookupError::Timeout)),
        (Dnssec::Indeterminate, Some(LookupError::Refused), Failure::Lookup(LookupError::Refused)),
    ] {
        let asked = requirement(&secure_mx(), &exchange(answer(dnssec, error, &[])));
        assert_eq!(asked, Requirement::MustNotUse { why }, "{dnssec:?} {error:?}");
    }
}

#[test]
fn insecure_or_absent_records_are_no_dane() {
    let record = raw(3, 1, 1, &"ab".repeat(32));
    for (dnssec, error, records, why) in [
        (Dnssec::Insecure, None, vec![record], Absence::InsecureTlsa),
        (Dnssec::Insecure, Some(LookupError::Nxdomain), vec![], Absence::InsecureTlsa),
        (Dnssec::Secure, Some(LookupError::Nxdomain), vec![], Absence::NoRecords),
        (Dnssec::Secure, Some(LookupError::Nodata), vec![], Absence::NoRecords),
    ] {
        let asked = requirement(&secure_mx(), &exchange(answer(dnssec, error, &records)));
        assert_eq!(asked, Requirement::None { why });
        assert_eq!(judge(&asked, &[], &[], at()).unwrap().status, DaneStatus::None);
    }
}

#[test]
fn what_dnssec_could_not_determine_is_neither_a_promise_nor_its_absence() {
    for (error, records) in
        [(None, vec![raw(3, 1, 1, &"ab".repeat(32))]), (Some(LookupError::Nodata), vec![])]
    {
        let tlsa = answer(Dnssec::Indeterminate, error, &records);
        let asked = requirement(&secure_mx(), &exchange(tlsa));
        assert_eq!(asked, Requirement::NotAsked);
        assert_eq!(judge(&asked, &[], &[], at()).unwrap().status, DaneStatus::NotAsked);
    }
}

#[test]
fn without_a_lookup_only_the_addresses_can_say_why() {
    let with = |ipv4: Dnssec, ipv6: Dnssec, error: Option<LookupError>, link: Option<Dnssec>| {
        let mut exchange = exchange(None);
        (exchange.ipv4.dnssec, exchange.ipv6.dnssec) = (ipv4, ipv6);
        (exchange.ipv4.error, exchange.ipv6.error) = (error, error);
        exchange.cname_dnssec = link;
        exchange.cname = link.map(|_| "a.example".to_owned()).into_iter().collect();
        requirement(&secure_mx(), &exchange)
    };
    let none = Requirement::None { why: Absence::InsecureAddress };
    assert_eq!(with(Dnssec::Insecure, Dnssec::Insecure, None, None), none.clone());
    // The first CNAME link may be secure all the same.
    for (link, expected) in [
        (Dnssec::Insecure, none),
        (Dnssec::Secure, Requirement::NotAsked),
        (Dnssec::Indeterminate, Requirement::NotAsked),
    ] {
        assert_eq!(with(Dnssec::Insecure, Dnssec::Insecure, None, Some(link)), expected);
    }
    assert_eq!(with(Dnssec::Secure, Dnssec::Insecure, None, None), Requirement::NotAsked);
    assert_eq!(with(Dnssec::Secure, Dnssec::Secure, None, None), Requirement::NotAsked);
    let bogus = Requirement::MustNotUse { why: Failure::Bogus };
    assert_eq!(with(Dnssec::Bogus, Dnssec::Bogus, None, None), bogus);
    assert_eq!(with(Dnssec::Bogus, Dnssec::Secure, None, None), Requirement::NotAsked);
    let failed = Requirement::MustNotUse { why: Failure::Lookup(LookupError::Servfail) };
    let servfail = Some(LookupError::Servfail);
    assert_eq!(with(Dnssec::Indeterminate, Dnssec::Indeterminate, servfail, None), failed);
}

#[test]
fn an_address_has_no_name_to_look_up() {
    let route = Route { kind: RouteKind::Address, ..route(Dnssec::Indeterminate, None) };
    let asked = requirement(&route, &exchange(None));
    assert_eq!(asked, Requirement::None { why: Absence::NoName });
}

#[test]
fn all_unusable_means_tls_without_authentication() {
    let unusable = [raw(0, 1, 1, &"ab".repeat(32)), raw(1, 1, 1, &"ab".repeat(32))];
    let asked = published(&unusable);
    assert!(matches!(asked, Requirement::Encrypt { mx_secure: true, .. }));
    assert!(asked.promises_tls());
    let dane = judge(&asked, &[], &[], at()).unwrap();
    assert_eq!(dane.status, DaneStatus::Unusable);
    assert_eq!(dane.reasons, ["tlsa-invalid", "usages 0 and 1 are not for SMTP"]);
    // One usable record among them is enough to authenticate.
    let mixed = [unusable[0].clone(), raw(3, 1, 1, &"ab".repeat(32))];
    assert!(matches!(published(&mixed), Requirement::Authenticate { .. }));
}

#[test]
fn an_insecure_mx_is_carried_along() {
    let tlsa = answer(Dnssec::Secure, None, &[raw(3, 1, 1, &"ab".repeat(32))]);
    for dnssec in [Dnssec::Insecure, Dnssec::Indeterminate] {
        let asked = requirement(&route(dnssec, None), &exchange(tlsa.clone()));
        assert_eq!(asked.mx_secure(), Some(false));
        assert!(!asked.promises_tls());
    }
    assert_eq!(requirement(&secure_mx(), &exchange(None)).mx_secure(), None);
}

#[test]
fn reference_names_are_the_base_domain_and_next_hops_of_a_secure_mx() {
    let tlsa = answer(Dnssec::Secure, None, &[]);
    let of = |route: &Route, tlsa: Option<&TlsaAnswer>| {
        reference_names(DOMAIN, route, &exchange(tlsa.cloned()))
    };
    assert_eq!(of(&secure_mx(), Some(&tlsa)), [MX, DOMAIN]);
    assert_eq!(of(&secure_mx(), None), [MX, DOMAIN]);
    assert_eq!(of(&route(Dnssec::Insecure, None), Some(&tlsa)), [MX]);
    let expanded = Route { cname: names(&["a.example", "b.example"]), ..secure_mx() };
    assert_eq!(of(&expanded, Some(&tlsa)), [MX, DOMAIN, "b.example"]);
    let same = TlsaAnswer { base_domain: DOMAIN.to_uppercase(), ..tlsa };
    assert_eq!(of(&secure_mx(), Some(&same)), ["EXAMPLE.NET"]);
}
