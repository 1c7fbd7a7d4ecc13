//! Postfix as it is configured, held against what each source showed.

use super::*;

#[test]
fn inet_protocols_that_hide_the_good_path_are_named() {
    let bad =
        Source { destinations: vec![silent("a.example"), silent("b.example")], ..source(IPV4) };
    let of = |sources: Vec<Source>, main: &str| -> Vec<(String, Severity, Vec<String>)> {
        let all = findings(&report(sources), &[postfix(main)], &[]).into_iter();
        let own = all.filter(|finding| finding.ip.is_none());
        own.map(|finding| (finding.id, finding.severity, finding.lines)).collect()
    };
    let hidden = |severity| {
        let line = "postconf -e 'inet_protocols = all'".to_owned();
        vec![("inet-protocols-hides-path".to_owned(), severity, vec![line])]
    };
    let both = vec![bad.clone(), source(IPV6)];
    assert_eq!(of(both.clone(), "inet_protocols = ipv4"), hidden(Severity::Critical));
    let well = vec![source(IPV4), source(IPV6)];
    assert_eq!(of(well, "inet_protocols = ipv4"), hidden(Severity::Notice));
    assert_eq!(of(vec![source(IPV4)], "inet_protocols = ipv4"), [], "there is no other path");
    let ours = [IPV4.parse().unwrap(), "fe80::1".parse().unwrap()];
    let alone = findings(&report(vec![source(IPV4)]), &[postfix("inet_protocols = ipv6")], &ours);
    assert_eq!(alone[0].severity, Severity::Critical, "there is no IPv6 here: {alone:?}");
    let preference = of(both.clone(), "inet_protocols = all");
    assert_eq!(preference[0].2, ["postconf -e 'smtp_address_preference = ipv6'"]);
    assert_eq!(of(both, "smtp_address_preference = ipv6"), []);
}

#[test]
fn an_address_is_used_where_postfix_binds_to_it_or_nothing_else_is_bound() {
    let ip: IpAddr = IPV4.parse().unwrap();
    let other = "smtp_bind_address = 192.0.2.2";
    for (main, preferred, used) in [
        ("", true, true),
        ("", false, false),
        ("smtp_bind_address = 192.0.2.1", false, true),
        (other, true, false),
        ("inet_interfaces = 192.0.2.1, 127.0.0.1", true, true),
        ("inet_protocols = ipv6", true, false),
    ] {
        assert_eq!(is_used(&[postfix(main)], ip, preferred), used, "{main} {preferred}");
    }
    assert!(is_used(&[postfix(other), postfix("")], ip, true), "one instance is enough");
    assert!(is_used(&[], ip, true) && !is_used(&[], ip, false));
}

#[test]
fn relayed_mail_is_said_first() {
    let mut nameless = source(IPV4);
    nameless.reverse = Some(names(&[]));
    let relay = [postfix("relayhost = [relay.example.net]")];
    let first = findings(&report(vec![nameless]), &relay, &[]).remove(0);
    assert_eq!(first.id, "relayhost-set");
}

#[test]
fn dane_behind_a_resolver_that_does_not_validate_is_named() {
    let dane = |level: &str| {
        postfix(&format!("smtp_tls_security_level = {level}\nsmtp_dns_support_level = dnssec"))
    };
    let with = |sets_ad, configurations: &[Configuration]| {
        let mut report = report(vec![source(IPV4)]);
        report.resolver =
            Some(SystemResolver { server: Some("192.0.2.53:53".to_owned()), sets_ad, file: None });
        let texts = findings(&report, configurations, &[]).into_iter();
        (texts.map(|one| (one.id, one.explanation)).collect::<Vec<_>>(), is_undetermined(&report))
    };
    let (found, _) = with(Some(false), &[dane("dane"), dane("dane")]);
    let [(id, text)] = found.as_slice() else { panic!("once: {found:?}") };
    assert_eq!(id, "resolver-does-not-validate");
    assert!(text.contains("192.0.2.53:53") && text.contains("no more than may"), "{text}");
    let (found, _) = with(Some(false), &[dane("dane-only")]);
    assert!(found[0].1.contains("dane-only defers") && !found[0].1.contains("may"), "{found:?}");
    assert_eq!(with(Some(false), &[dane("may")]).0, [], "nothing depends on it");
    assert_eq!(with(Some(true), &[dane("dane")]), (vec![], false));
    assert_eq!(with(None, &[dane("dane")]), (vec![], true), "not known is not sound");
    let transport = "x unix - - n - - smtp -o smtp_tls_security_level=dane";
    let services = postconf::services(transport);
    let by_transport = Configuration { services, ..dane("may") };
    assert_eq!(with(Some(false), &[by_transport]).0.len(), 2, "and the transport itself");
    assert!(postfix("smtp_tls_security_level = dane").dane().is_empty(), "no lookups");
}

#[test]
fn dane_for_single_destinations_needs_the_resolver_too() {
    let maps = "smtp_dns_support_level = dnssec\nsmtp_tls_policy_maps = \
        inline:{ a.example=dane b.example=Dane-Only c.example=may d.example=dane e.example=dane \
        f.example=dane }";
    let mut report = report(vec![source(IPV4)]);
    report.resolver = Some(SystemResolver {
        server: Some("192.0.2.53:53".to_owned()),
        sets_ad: Some(false),
        file: Some("/var/spool/postfix/etc/resolv.conf".to_owned()),
    });
    let found = findings(&report, &[postfix(maps)], &[]);
    let [only] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(only.id, "resolver-does-not-validate");
    let words = "dane does no more than may to a.example, d.example, e.example and 1 more, and \
                 dane-only defers all mail to b.example";
    assert!(only.explanation.ends_with(words), "{}", only.explanation);
    let remedy = only.remedy.as_deref().unwrap();
    assert!(remedy.contains("/var/spool/postfix/etc/resolv.conf"), "{remedy}");
}

#[test]
fn a_postfix_that_finds_no_interface_sends_nothing() {
    let fatal =
        "`postconf -n` failed: postconf: fatal: could not find any active network interfaces";
    let of = |error: &str, ours: &[&str]| {
        let mut report = report(vec![source(IPV4)]);
        report.postfix_error = Some(error.to_owned());
        let ours: Vec<IpAddr> = ours.iter().map(|ip| ip.parse().unwrap()).collect();
        let found = findings(&report, &[], &ours).into_iter();
        found.map(|one| (one.id, one.severity, one.remedy.unwrap())).collect::<Vec<_>>()
    };
    let [(id, severity, remedy)] = &of(fatal, &["127.0.0.1", IPV4])[..] else { panic!("one") };
    assert_eq!((id.as_str(), *severity), ("inet-protocols-absent", Severity::Critical));
    assert!(remedy.contains("to ipv4"), "{remedy}");
    assert!(of(fatal, &["::1", IPV6])[0].2.contains("to ipv6"));
    assert_eq!(of("`postconf -n` failed: exit status: 1", &[IPV4]), []);
}

#[test]
fn mail_by_a_temporary_address_is_bound_to_the_lasting_one() {
    let changing = Source { temporary: Some(true), ..source("2001:db8::2") };
    let lasting = Source { used: false, preferred: false, ..source(IPV6) };
    let ours: [IpAddr; 2] = [IPV6.parse().unwrap(), "2001:db8::2".parse().unwrap()];
    let of = |sources: &[Source], main: &str| {
        let found = findings(&report(sources.to_vec()), &[postfix(main)], &ours).into_iter();
        found.map(|one| (one.id, one.lines)).collect::<Vec<_>>()
    };
    let both = [changing.clone(), lasting];
    let line = "postconf -e 'smtp_bind_address6 = 2001:db8::1'".to_owned();
    assert_eq!(of(&both, ""), [("temporary-address".to_owned(), vec![line])]);
    assert_eq!(of(&both, "smtp_bind_address6 = 2001:db8::1"), []);
    assert_eq!(of(&[changing], ""), [("temporary-address".to_owned(), vec![])]);
}

#[test]
fn instances_are_told_by_what_was_read_of_them() {
    let default = postfix("multi_instance_directories = /etc/a /etc/b");
    let a = Configuration { directory: Some("/etc/a".to_owned()), ..postfix("") };
    let b = Configuration {
        directory: Some("/etc/b".to_owned()),
        problem: Some("no main.cf".to_owned()),
        ..Configuration::default()
    };
    let mut report = report(vec![source(IPV4)]);
    report.postfix = [&default, &a, &b].map(Configuration::describe).into();
    let found = findings(&report, &[default, a], &[]);
    let [only] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(only.id, "several-instances");
    let words = "read: the default one, /etc/a; not read, or not wholly: /etc/b";
    assert!(only.explanation.ends_with(words), "{}", only.explanation);
    assert!(is_undetermined(&report));
}
