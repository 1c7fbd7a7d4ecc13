//! What closer looks find: `--injection`, `--deep`.

use super::{Entry, Severity, table};

table! { CLOSER:
    COMMAND_INJECTION: "command-injection", Warning,
        "a NOOP sent in clear, in one write with STARTTLS, was answered inside TLS before anything was asked there",
        [],
        "update the mail server, or the proxy or firewall in front of it that terminates TLS: it must forget what came behind STARTTLS (--injection tests for this again)",
        ["CVE-2011-0411", "RFC 3207 §4.2", "RFC 3207 §6"];
    OLD_TLS_VERSIONS: "old-tls-versions", Notice,
        "the server completes the first step of a handshake in SSL 3.0, TLS 1.0 or TLS 1.1",
        ["it is kept on purpose for senders that know nothing newer, which would send in clear otherwise"],
        "where every sender that matters speaks TLS 1.2, switch older versions off; modern senders are not drawn down to them",
        ["RFC 8996", "RFC 7568", "RFC 7435"];
    NO_TLS13: "tls13-missing", Notice,
        "a ClientHello that offers TLS 1.3 alone is refused, and an older version is spoken",
        ["an old library, which is no weakness by itself while TLS 1.2 is spoken"],
        "update the server's TLS library, or allow TLS 1.3 in its settings",
        ["RFC 9325 §3.1.1"];
    BROKEN_CIPHER_SUITES: "broken-cipher-suites", Warning,
        "the server picks a suite without encryption, of export grade, or with RC2, RC4 or single DES when nothing else is offered",
        ["it is kept on purpose for senders that know nothing better, which would send in clear otherwise"],
        "take these suites out of the server's list: they protect nothing",
        ["RFC 9325 §4.1", "RFC 7465"];
    DATED_CIPHER_SUITES: "dated-cipher-suites", Notice,
        "the server picks 3DES, or an anonymous suite, in which nobody signs for the key exchange, when nothing else is offered",
        ["mail servers offer anonymous suites on purpose to senders that look at no certificate"],
        "3DES can go where no sender needs it; anonymous suites harm no sender that looks at certificates",
        ["RFC 9325 §4.1", "RFC 7435"];
    WEAK_DH_GROUP: "weak-dh-group", Warning,
        "a finite-field key exchange uses a prime below 2048 bits",
        [],
        "let the server use a group of 2048 bits or more, ffdhe2048 for one, or no finite-field exchange at all",
        ["RFC 9325 §4.1", "RFC 7919"];
    NO_FORWARD_SECRECY: "forward-secrecy-missing", Warning,
        "all suites of the server were found, and a key that leaks later opens every session recorded before",
        [],
        "let the server use suites with ECDHE; TLS 1.3 has no others",
        ["RFC 9325 §4.1"];
}
