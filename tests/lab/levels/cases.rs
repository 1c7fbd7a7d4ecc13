//! The domains whose exchanges a real Postfix sends to, and the boxes before one.
//!
//! Most are DANE's (`dane::cases`): the same servers, asked another question.

use mxray::sim::middlebox::Behaviour;

/// What it is, and the domain.
pub(crate) const CASES: [(&str, &str); 30] = [
    ("valid chain, no TLSA", "no-tlsa.test"),
    ("no STARTTLS, no TLSA", "plain.test"),
    ("no certificate, anonymous suites only", "keyless.test"),
    ("busy: greets with 450", "busy.test"),
    ("Exim, valid chain", "exim.test"),
    ("OpenSMTPD, valid chain", "opensmtpd.test"),
    ("valid chain, TLS 1.2 at most", "old.test"),
    ("self-signed", "self-signed.test"),
    ("named by its subject only", "common-name.test"),
    ("named by a wildcard below the top", "top-wildcard.test"),
    ("named two levels below the mail domain", "deep.test"),
    ("expired", "ee-expired.test"),
    ("wrong name", "ee-misnamed.test"),
    ("named after the mail domain", "ta-nexthop.test"),
    ("TLSA matches", "ee-key.test"),
    ("TLSA matches the issuer", "ta-key.test"),
    ("TLSA does not match", "ee-mismatch.test"),
    ("TLSA of an issuer, wrong name", "ta-misnamed.test"),
    ("TLSA of an issuer, expired", "ta-expired.test"),
    ("TLSA unusable: usages 0 and 1", "pkix-usages.test"),
    ("TLSA unusable: digest of the wrong length", "wrong-length.test"),
    ("TLSA bogus", "tlsa-bogus.test"),
    ("TLSA SERVFAIL", "tlsa-servfail.test"),
    ("MX bogus", "case.bogus.test"),
    ("MX secure, host bogus", "host-bogus.test"),
    ("everything insecure", "case.insecure.test"),
    ("MX insecure, TLSA matches", "mx-insecure.insecure.test"),
    ("MX insecure, TLSA does not match", "mx-insecure-wrong.insecure.test"),
    ("TLSA, and no STARTTLS", "no-starttls.test"),
    ("TLSA at the end of an alias", "alias-end.test"),
];

/// What a box on the path of a server with a valid chain does.
pub(crate) const BOXED: [(&str, Behaviour); 4] = [
    ("STARTTLS hidden, and accepted when sent", Behaviour::DropKeyword),
    ("EHLO refused", Behaviour::RefuseEhlo),
    ("closed at STARTTLS", Behaviour::ResetAtStarttls),
    ("handshake reset", Behaviour::ResetAtClientHello),
];

/// Where a session of mxray does not tell what one of Postfix's does: an alert that
/// its hello got and another might not, and a server that turns everybody away.
pub(crate) const UNTOLD: [&str; 2] = ["keyless.test", "busy.test"];

/// Domains, the line that `mxray policy` is to print for each, and the word that
/// Postfix logs when it delivers by that line (or without one, at `may`).
pub(crate) const LINES: [(&str, Option<&str>, Option<&str>); 9] = [
    ("ee-key.test", Some("ee-key.test dane-only"), Some("Verified")),
    ("ee-expired.test", Some("ee-expired.test dane-only"), Some("Verified")),
    ("no-tlsa.test", Some("no-tlsa.test secure servername=hostname"), Some("Verified")),
    ("deep.test", Some("deep.test secure servername=hostname"), Some("Verified")),
    ("old.test", Some("old.test secure servername=hostname"), Some("Verified")),
    (
        "elsewhere.test",
        Some("elsewhere.test secure match=mx.old.test servername=hostname"),
        Some("Verified"),
    ),
    ("self-signed.test", Some("self-signed.test encrypt"), Some("Untrusted")),
    ("top-wildcard.test", Some("top-wildcard.test encrypt"), Some("Trusted")),
    ("plain.test", None, None),
];
