use super::*;

fn configuration(main: &str, master: &str) -> Configuration {
    let effective = parameters(main);
    Configuration { effective, services: services(master), ..Configuration::default() }
}

fn level(main: &str) -> (String, &'static str) {
    let Level { word, from } = configuration(main, "").level(None).unwrap();
    (word, from)
}

#[test]
fn lines_are_read_with_their_continuations() {
    let read = parameters(
        "mydestination = a.example,\n    b.example\n# remark = no\n\nrelayhost =\nbroken\n\
         smtp_tls_policy_maps=hash:/etc/postfix/a=b\nmyhostname = ${fqdn?{a}:{b}}\n",
    );
    assert_eq!(read["mydestination"], "a.example, b.example");
    assert_eq!(read["relayhost"], "");
    assert_eq!(read["smtp_tls_policy_maps"], "hash:/etc/postfix/a=b");
    assert_eq!(read["myhostname"], "${fqdn?{a}:{b}}");
    assert_eq!(read.len(), 4);
}

#[test]
fn services_are_read_with_their_options() {
    let read = services(
        "smtp       inet  n       -       y       -       -       smtpd\n\
         bulk       unix  -       -       y       -       -       smtp -v\n    \
             -o smtp_tls_security_level=none -osmtp_bind_address=192.0.2.1\n    \
             -o { smtp_helo_name = bulk.example.net } -o syslog_name=postfix/bulk\n\
         short unix -\n",
    );
    let ids: Vec<String> = read.iter().map(Service::id).collect();
    assert_eq!(ids, ["smtp/inet", "bulk/unix"]);
    assert_eq!(read[1].command, "smtp");
    assert_eq!(read[1].value("smtp_tls_security_level"), Some("none"));
    assert_eq!(read[1].value("smtp_bind_address"), Some("192.0.2.1"));
    assert_eq!(read[1].value("smtp_helo_name"), Some("bulk.example.net"));
    assert_eq!(read[1].value("smtp_tls_loglevel"), None);
}

#[test]
fn a_relay_is_read_as_a_target() {
    for (relayhost, target) in [
        ("", None),
        ("example.net", Some("example.net")),
        ("[mx.example.net]", Some("[mx.example.net]")),
        ("[mx.example.net]:submission", Some("[mx.example.net]:587")),
        ("[mx.example.net]:2525", Some("[mx.example.net]:2525")),
        ("[192.0.2.1]:587", Some("[192.0.2.1]:587")),
        ("[ipv6:2001:db8::1]", Some("[2001:db8::1]")),
        ("[mx.example.net]:465", None),
        ("[mx.example.net]:other", None),
        ("$mydomain", None),
    ] {
        let read = configuration(&format!("relayhost = {relayhost}"), "").relay();
        assert_eq!(read.as_deref(), target, "{relayhost}");
        let parsed = target.map(str::parse::<crate::model::target::Target>);
        assert!(parsed.is_none_or(|parsed| parsed.is_ok()), "{relayhost}");
    }
}

#[test]
fn garbage_is_read_as_nothing() {
    for text in ["", "\0\0", "{{{{", "}", "a b c d e f g -o", "= = =", "a b c d e f g h -o {x"] {
        let _ = (parameters(text), services(text));
    }
    assert_eq!(services("a b c d e f g smtp -o"), []);
}

#[test]
fn the_level_is_that_of_the_old_settings_where_the_new_one_is_empty() {
    let new = "smtp_tls_security_level";
    assert_eq!(configuration("", "").level(None), None, "not known");
    assert_eq!(level("smtp_tls_security_level ="), ("none".to_owned(), new));
    assert_eq!(level("smtp_tls_security_level = dane"), ("dane".to_owned(), new));
    assert_eq!(
        level("smtp_tls_security_level = may\nsmtp_enforce_tls = yes"),
        ("may".to_owned(), new)
    );
    assert_eq!(level("smtp_use_tls = yes"), ("may".to_owned(), "smtp_use_tls"));
    assert_eq!(level("smtp_tls_security_level =\nsmtp_use_tls = no"), ("none".to_owned(), new));
    assert_eq!(level("smtp_enforce_tls = yes"), ("verify".to_owned(), "smtp_enforce_tls"));
    assert_eq!(
        level("smtp_enforce_tls = yes\nsmtp_tls_enforce_peername = no"),
        ("encrypt".to_owned(), "smtp_enforce_tls")
    );
}

#[test]
fn a_transport_has_its_own_level_and_addresses() {
    let read = configuration(
        "smtp_tls_security_level = dane\ninet_interfaces = 192.0.2.1, 127.0.0.1, 2001:db8::1",
        "clear unix - - y - - smtp -o smtp_tls_security_level=\n\
         bulk unix - - y - - smtp -o smtp_bind_address=192.0.2.9 -o inet_protocols=ipv4\n\
         same unix - - y - - smtp -o smtp_tls_security_level=dane\n\
         local unix - - y - - local -o smtp_tls_security_level=none",
    );
    let transports = read.describe().transports;
    let levels: Vec<_> =
        transports.iter().map(|one| (&*one.service, one.level.as_deref())).collect();
    assert_eq!(levels, [("clear/unix", Some("none")), ("bulk/unix", Some("dane"))]);
    assert_eq!(transports[0].settings, ["smtp_tls_security_level ="]);
    let bulk = read.transports().nth(1);
    assert_eq!(read.bound(bulk, Family::Ipv4), Some([192, 0, 2, 9].into()));
    assert_eq!(read.bound(None, Family::Ipv6), "2001:db8::1".parse().ok());
    assert_eq!(read.bound(None, Family::Ipv4), None, "two of this family");
    assert!(!read.uses(bulk, Family::Ipv6) && read.uses(bulk, Family::Ipv4));
    assert!(read.uses(None, Family::Ipv6));
}
