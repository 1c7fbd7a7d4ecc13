use super::*;
use crate::tls::pki::{Authority, RSA1024, SHA1, STAPLED, V1, der, server};

/// `openssl x509 -in sha1.pem -outform DER | sha256sum`
const CERTIFICATE_SHA256: &str = "5e20541bce77579d16472c858e8cdf85f717a8192e2e674c25ab39a9c745de66";
/// `openssl x509 -pubkey -noout -in sha1.pem | openssl pkey -pubin -outform DER | sha256sum`
const KEY_SHA256: &str = "1f8db00efb25a0b25166248b2f3de2c0b26e225d01263e94503f7bef9c8d2b74";

#[test]
fn facts_are_those_that_openssl_prints() {
    let facts = facts(&der(SHA1), false);
    assert_eq!(facts.subject.as_deref(), Some("CN=sha1.example"));
    assert_eq!(facts.issuer.as_deref(), Some("CN=Old CA,O=Example"));
    assert_eq!(facts.serial.as_deref(), Some("1234"));
    assert_eq!(facts.key.as_deref(), Some("RSA 2048"));
    assert_eq!(facts.signature.as_deref(), Some("sha1WithRSAEncryption"));
    assert_eq!(facts.names, ["sha1.example"]);
    assert_eq!(facts.self_signed, Some(false));
    assert_eq!(facts.der, None);
    assert_eq!(facts.sha256, CERTIFICATE_SHA256);
    assert_eq!(facts.spki_sha256.as_deref(), Some(KEY_SHA256));
}

#[test]
fn what_webpki_refuses_is_read_all_the_same() {
    assert_eq!(facts(&der(RSA1024), false).key.as_deref(), Some("RSA 1024"));
    let v1 = facts(&der(V1), true);
    assert_eq!(v1.key.as_deref(), Some("EC P-256"));
    assert_eq!(v1.signature.as_deref(), Some("ecdsa-with-SHA256"));
    assert_eq!((v1.self_signed, v1.names), (Some(true), vec![]));
    assert_eq!(v1.der, Some(BASE64_STANDARD.encode(der(V1))));
}

#[test]
fn dates_and_both_kinds_of_names_come_out() {
    let root = Authority::root("root");
    let names = ["mx.example.net", "2001:db8::1", "192.0.2.1"];
    let facts = facts(&root.leaf(&server(&names)), false);
    assert_eq!(facts.names, names);
    assert_eq!(facts.not_before, Some("2026-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(facts.not_after, Some("2028-01-01T00:00:00Z".parse().unwrap()));
}

#[test]
fn timestamps_are_counted_and_a_broken_list_is_no_number() {
    let stapled = facts(&der(STAPLED), false);
    assert_eq!((stapled.scts, stapled.must_staple), (Some(2), Some(true)));
    let plain = facts(&der(SHA1), false);
    assert_eq!((plain.scts, plain.must_staple), (Some(0), Some(false)));
    // The second timestamp claims to be longer than its list.
    let mut broken = der(STAPLED);
    let place = broken.windows(5).position(|octets| octets == b"\0\x03def").unwrap();
    broken[place + 1] = 4;
    let broken = facts(&broken, false);
    assert_eq!((broken.scts, broken.names.len()), (None, 1));
}

#[test]
fn what_is_no_certificate_keeps_its_digest() {
    let facts = facts(b"", false);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(facts.sha256, empty);
    assert_eq!((facts.subject, facts.key, facts.not_after), (None, None, None));
    let mut trailing = der(V1);
    trailing.push(0);
    assert_eq!(super::facts(&trailing, false).subject, None);
}

#[test]
fn hostile_names_cannot_reach_a_terminal() {
    assert_eq!(escape("mx\u{1b}[2Jé\u{85}"), "mx\\x1b[2Jé\\xc2\\x85");
    assert_eq!(distinguished_name::attribute_value(" a,b\n"), "\\ a\\,b\\x0a");
    assert_eq!(distinguished_name::attribute_value("#1 "), "\\#1\\ ");
}
