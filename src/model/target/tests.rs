use super::*;

fn read(input: &str) -> Target {
    input.parse().unwrap_or_else(|error| panic!("{input:?}: {error}"))
}

fn domain(input: &str, name: &str) {
    assert_eq!(read(input).kind, TargetKind::Domain(name.to_owned()), "{input:?}");
}

fn host(input: &str, name: &str, port: Option<u16>) {
    let kind = TargetKind::Host { host: name.to_owned(), port };
    assert_eq!(read(input).kind, kind, "{input:?}");
}

fn ip(input: &str, ip: &str, port: Option<u16>) {
    let kind = TargetKind::Address { ip: ip.parse().unwrap(), port };
    assert_eq!(read(input).kind, kind, "{input:?}");
}

fn bad(input: &str, message: &str, hint: &str) {
    let error = input.parse::<Target>().expect_err(input);
    assert!(error.message.contains(message), "{input:?}: {}", error.message);
    assert!(error.hint.contains(hint), "{input:?}: {}", error.hint);
    let printed = format!("{}{}", error.message, error.hint);
    assert!(!printed.chars().any(char::is_control), "{printed:?}");
    assert!(printed.len() < 1000, "{printed:?}");
}

#[test]
fn domains() {
    domain("example.net", "example.net");
    domain("  Example.NET.\t\n", "example.net");
    domain("user@example.net", "example.net");
    domain("User.Name+tag@Example.Net", "example.net");
    domain("\"a b@c\"@example.net", "example.net");
    domain("@example.net", "example.net");
    domain("Name <user@example.net>", "example.net");
    domain("\"Name, First\" <user@example.net>", "example.net");
    domain("<user@example.net>", "example.net");
    domain("mailto:user@example.net", "example.net");
    domain("MAILTO:user@example.net?subject=hello%20there", "example.net");
    domain("localhost", "localhost");
    domain("_dmarc.example.net", "_dmarc.example.net");
    domain("3com.example", "3com.example");
    domain("a--b.example", "a--b.example");
}

#[test]
fn hosts_are_not_asked_for_mx() {
    host("[mx1.example.net]:25", "mx1.example.net", Some(25));
    host("[MX1.example.net.]", "mx1.example.net", None);
    host("mx1.example.net:25", "mx1.example.net", Some(25));
    host("mx1.example.net.:587", "mx1.example.net", Some(587));
    host("smtp://mx1.example.net", "mx1.example.net", None);
    host("SMTP://user@mx1.example.net:587/", "mx1.example.net", Some(587));
}

#[test]
fn addresses() {
    ip("192.0.2.1", "192.0.2.1", None);
    ip("192.0.2.1:25", "192.0.2.1", Some(25));
    ip("[192.0.2.1]", "192.0.2.1", None);
    ip("[192.0.2.1]:25", "192.0.2.1", Some(25));
    ip("2001:db8::1", "2001:db8::1", None);
    ip("2001:DB8::1", "2001:db8::1", None);
    ip("[2001:db8::1]:25", "2001:db8::1", Some(25));
    ip("[2001:db8::1]", "2001:db8::1", None);
    ip("[IPv6:2001:db8::1]", "2001:db8::1", None);
    ip("[ipv6:2001:db8::1]:25", "2001:db8::1", Some(25));
    ip("user@[192.0.2.1]", "192.0.2.1", None);
    ip("user@[IPv6:2001:db8::1]", "2001:db8::1", None);
    ip("::ffff:192.0.2.1", "192.0.2.1", None);
    ip("smtp://[2001:db8::1]:25", "2001:db8::1", Some(25));
}

#[test]
fn internationalised_names_have_both_forms() {
    for typed in
        ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "bu\u{308}cher.example"]
    {
        let target = read(typed);
        assert_eq!(target.kind, TargetKind::Domain("xn--bcher-kva.example".into()), "{typed}");
        assert_eq!(target.unicode.as_deref(), Some("bücher.example"), "{typed}");
    }
    assert_eq!(read("user@例え。テスト").kind, TargetKind::Domain("xn--r8jz45g.xn--zckzah".into()));
    assert_eq!(read("straße.example").kind, TargetKind::Domain("xn--strae-oqa.example".into()));
    host("[bücher.example]:25", "xn--bcher-kva.example", Some(25));
    assert_eq!(read("Example.net").unicode, None);
}

#[test]
fn the_input_is_kept_as_typed() {
    let target = read(" User@Example.NET ");
    assert_eq!(target.input, "User@Example.NET");
    assert_eq!(target.name(), "example.net");
}

#[test]
fn wrong_things_are_named() {
    bad("", "empty", "example.net");
    bad(" \t", "empty", "example.net");
    bad("exam ple.net", "a blank", "one target");
    bad("a.example b.example", "a blank", "one target");
    bad("a.example,b.example", "`,`", "one target");
    bad("a@a.example, b@b.example", "not one mail address", "one target");
    bad("user@", "nothing behind the @", "user@example.net");
    bad(".", "the root of DNS", "example.net");
    bad("..", "empty label", "dot");
    bad("user@a.example@b.example", "not one mail address", "one target");
    bad("user name@example.net", "not one mail address", "one target");
    bad("-4", "hyphen", "--help");
    bad("--ehlo", "hyphen", "--help");
    bad("http://www.example.net/path?q", "URL", "www.example.net");
    bad("https://", "URL", "example.net");
    bad("smtp://", "no host", "example.net");
    bad("mailto:", "no host", "example.net");
    bad("mx1.example.net:", "port", "65535");
    bad("mx1.example.net:0", "port", "65535");
    bad("mx1.example.net:65536", "port", "65535");
    bad("mx1.example.net:+25", "port", "65535");
    bad("mx1.example.net:smtp", "port", "65535");
    bad(":25", "no host", "mx1.example.net:25");
    bad("[mx1.example.net", "bracket", "[mx1.example.net]:25");
    bad("[mx1.example.net]25", "closing bracket", "port");
    bad("[]", "empty label", "dot");
    bad("mx1]", "`]`", "brackets");
    bad("2001:db8::zz", "neither an IPv6 address", "[2001:db8::1]:25");
    bad("fe80::1%eth0", "neither an IPv6 address", "zone");
    bad("192.0.2.256", "whole address", "192.0.2.1");
    bad("192.0.2", "whole address", "192.0.2.1");
    bad("192.0.2.0/24", "`/`", "prefix length");
    bad("*.example.net", "`*`", "wildcard");
    bad("example..net", "empty label", "dot");
    bad(".example.net", "empty label", "dot");
    bad("example.net..", "empty label", "dot");
    bad(".", "empty label", "dot");
    bad("-a.example", "hyphen", "--help");
    bad("a-.example", "begins or ends with a hyphen", "5321");
    bad("xn--a\u{7f}.example", "U+007F", "letters");
    bad("xn--\u{0}.example", "U+0000", "letters");
    bad("xn--zzzzzzzzzz99999999.example", "internationalised", "xn--");
    bad("exam\u{1b}[31mple.net", "U+001B", "letters");
}

#[test]
fn lengths_are_counted_in_a_labels() {
    domain(&format!("{}.example", "a".repeat(63)), &format!("{}.example", "a".repeat(63)));
    bad(&format!("{}.example", "a".repeat(64)), "64 bytes", "63");
    bad(&format!("{}.example", "ü".repeat(60)), "a label of the name", "63");
    let long = format!("{}example", "a.".repeat(123));
    assert_eq!(long.len(), 253);
    domain(&long, &long);
    bad(&format!("a{long}"), "254 bytes", "253");
    bad(&"a".repeat(1 << 20), "1048576 bytes", "one target");
}

proptest::proptest! {
    #[test]
    fn anything_is_read_or_refused(input in "\\PC{0,80}|[a-z0-9.:\\[\\]@<>/%-]{0,60}") {
        match input.parse::<Target>() {
            Ok(target) => {
                let again: Target = target.name().parse().unwrap();
                proptest::prop_assert_eq!(again.name(), target.name());
            }
            Err(error) => {
                proptest::prop_assert!(!error.hint.is_empty());
                proptest::prop_assert!(!error.message.chars().any(char::is_control));
            }
        }
    }
}
