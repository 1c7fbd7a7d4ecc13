//! What came of a session, from the port to the handshake.

use super::{Entry, Severity, table};

/// Of STARTTLS that is not offered: what a mirror's transcript tells.
pub(in crate::judge) const HIDDEN_BY_SERVER: &str =
    "the server hides it from this client by policy";
/// Of STARTTLS that is refused: the same.
pub(in crate::judge) const NO_CERTIFICATE_THERE: &str =
    "a server that offers STARTTLS without a usable certificate (454 is its own word for that)";
/// Of a handshake that failed: the same.
pub(in crate::judge) const NO_KEY_THERE: &str =
    "a server whose certificate or key cannot be loaded";

table! { SESSION:
    PORT_BLOCKED: "port-25-blocked", Critical,
        "no session with the target comes as far as STARTTLS, and over every family tried none with controls of two other operators does",
        ["several large operators refuse this network at the same time"],
        "run mxray on a host that may send mail, or ask the provider to open outbound port 25",
        ["RFC 5068 §3.1"];
    STARTTLS_NOT_OFFERED: "starttls-not-offered", Critical,
        "the EHLO answer has no STARTTLS, and sending the command anyway leads to no TLS",
        ["a device on the path hides it in the same way from every view taken", HIDDEN_BY_SERVER],
        "ask the same address from another network; where nobody sees an offer, the server has none to make",
        ["RFC 3207 §4"];
    EHLO_REFUSED: "ehlo-refused", Warning,
        "EHLO was answered with an error, and HELO was used",
        ["a very old or very small server", "a proxy that speaks only RFC 821"],
        "ask the same address from another network: an answer to EHLO there shows that something refuses it on the path from here",
        ["RFC 5321 §4.1.1.1"];
    KEYWORDS_MASKED: "keywords-masked", Notice,
        "lines of the EHLO answer are replaced by X's, and nothing says that STARTTLS is among them",
        ["inspection at the destination's own edge, not near this network"],
        "look for a firewall that inspects SMTP, near either end of the path, and have that inspection switched off: it breaks extensions of SMTP",
        ["Cisco ASA inspect esmtp"];
    BANNER_MASKED: "banner-masked", Notice,
        "the greeting consists of asterisks, but for 2, 0 and blanks",
        ["inspection at the destination's own edge, not near this network", "a banner that its operator wrote with asterisks"],
        "look for a firewall that inspects SMTP, near either end of the path, and have that inspection switched off",
        ["Cisco PIX MailGuard"];
    RESIDUE: "clear-text-after-220", Warning,
        "bytes in clear followed the 220 to STARTTLS before the TLS handshake",
        ["a server that writes more than one reply at once"],
        "nothing may follow the 220 before the TLS handshake: find out whether the server or something on the path wrote it",
        ["RFC 3207 §4", "CVE-2011-0411"];
    STARTTLS_INSIDE_TLS: "starttls-inside-tls", Notice,
        "the EHLO answer inside TLS lists STARTTLS again",
        [],
        "the server should leave STARTTLS out of its answer inside TLS",
        ["RFC 3207 §4.2"];
    STARTTLS_ON_GREETING_LINE: "starttls-on-greeting-line", Warning,
        "the first line of the EHLO answer, which is a greeting, has STARTTLS, and no line behind it has",
        [],
        "list STARTTLS on a line of its own: senders do not look for keywords on the first one",
        ["RFC 5321 §4.1.1.1"];
    HANDSHAKE_FAILED: "handshake-failed", Critical,
        "STARTTLS was accepted, and the server refused the handshake by an alert, or it was cut off or met with silence twice",
        [NO_KEY_THERE, "a device on the path that lets the command through and breaks TLS"],
        "look at the server's log for this connection; then ask again from another network",
        ["RFC 3207 §4"];
    STARTTLS_REFUSED: "starttls-refused", Critical,
        "STARTTLS is offered, and the command is answered with 5xx, twice with 4xx, with a code that RFC 3207 does not know, or twice not at all",
        [NO_CERTIFICATE_THERE, "a device on the path that answers the command itself"],
        "look at the server's log; then ask again from another network",
        ["RFC 3207 §4"];
    TLS_LEGACY_ONLY: "tls-legacy-only", Critical,
        "no modern handshake is completed, and a legacy ClientHello is answered with TLS below 1.2 or a suite that modern senders refuse",
        [],
        "enable TLS 1.2 or 1.3 with forward-secret suites at the server",
        ["RFC 8996", "RFC 9325"];
    LARGE_HELLO_DROPPED: "client-hello-dropped", Warning,
        "a handshake that offers the post-quantum key exchange X25519MLKEM768, which makes the ClientHello larger, failed, and one without it at the same address was completed",
        ["a passing fault during the first handshake"],
        "update the server, or whatever on the path drops the larger ClientHello",
        ["RFC 8446 §4.1.2"];
    KEY_NOT_PROVEN: "key-not-proven", Warning,
        "the handshake's signature does not match the certificate, and its key is not too weak to be judged",
        ["a broken or unusual signature implementation"],
        "whoever answered may not hold the certificate's key: compare the handshake from another network",
        ["RFC 8446 §4.4.3"];
}
