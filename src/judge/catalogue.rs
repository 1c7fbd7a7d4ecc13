//! The catalogue of findings: every claim that can be made, in one table.
//!
//! Owns id, severity, evidence rule, innocent alternatives and remedy of each.
//! What was seen in a case is said by the rule that raises it.

use std::net::IpAddr;

pub(super) use crate::model::catalogue::Entry;
use crate::model::finding::{Finding, Severity, Subject};
use crate::model::verdict::Confidence;

/// A finding with its confidence; a mere suspicion is a warning at most
/// (docs/report.md, severities).
pub(super) fn with_confidence(finding: Finding, confidence: Confidence) -> Finding {
    let severity = match confidence {
        Confidence::Suspected => finding.severity.min(Severity::Warning),
        _ => finding.severity,
    };
    Finding { severity, confidence: Some(confidence), ..finding }
}

pub(super) fn on_address(host: &str, ip: IpAddr) -> Subject {
    Subject { host: Some(host.to_owned()), ip: Some(ip) }
}

pub(super) fn on_host(host: &str) -> Subject {
    Subject { host: Some(host.to_owned()), ip: None }
}

macro_rules! catalogue {
    ($($name:ident: $id:literal, $severity:ident, $evidence:literal, [$($alternative:literal),* $(,)?], $remedy:literal, [$($reference:literal),* $(,)?];)*) => {
        $(
            pub(super) const $name: Entry = Entry {
                id: $id,
                severity: Severity::$severity,
                evidence: $evidence,
                alternatives: &[$($alternative),*],
                remedy: $remedy,
                references: &[$($reference),*],
            };
        )*
        /// Every kind of finding.
        pub(super) const CATALOGUE: &[Entry] = &[$($name),*];
    };
}

catalogue! {
    STARTTLS_OVERWRITTEN: "starttls-overwritten", Critical,
        "STARTTLS was sent, and the 5xx reply quotes exactly eight X's where the command should stand",
        [],
        "find the device that inspects SMTP between this machine and the server (a firewall with \"inspect esmtp\" or the like) and switch the inspection off; a view from another network tells near which end it stands",
        ["RFC 3207 §6", "Cisco ASA inspect esmtp"];
    STARTTLS_HIDDEN: "starttls-hidden", Critical,
        "the EHLO answer has no STARTTLS, and the command is answered with 220 when it is sent anyway",
        ["a server that hides the keyword from some clients and accepts the command all the same"],
        "ask the same address from another network; where STARTTLS is offered there, send both transcripts to whoever runs the path from here",
        ["RFC 3207 §6"];
    STARTTLS_MASKED: "starttls-masked", Critical,
        "a line of the EHLO answer is replaced by eight letters X or X…A, and either STARTTLS is accepted behind a Cisco mask, or another view of the same server shows STARTTLS there, or the whole answer fits a common server's list in which only STARTTLS can stand there",
        ["the masked keyword is another of eight letters: CHUNKING, SMTPUTF8 or 8BITMIME", "the mask was written by the server itself"],
        "ask the same address from another network: an unmasked list of the same server decides",
        ["Cisco ASA inspect esmtp", "RFC 3207 §6"];
    STARTTLS_LOST_ON_FAMILY: "starttls-lost-on-family", Critical,
        "STARTTLS works at no measured address of one family and at every one of the other, and one host at least has both",
        ["the two families lead to different machines or listeners, configured differently", "one node's certificate or key cannot be loaded", "the server treats this client's addresses differently by policy", "a path that loses large packets, where handshakes meet with silence"],
        "ask the same addresses from another network over the same family; if STARTTLS is there, a device on the path from here removes it",
        ["RFC 3207 §6"];
    STARTTLS_LOST_NEAR_VANTAGE: "starttls-lost-near-vantage", Critical,
        "an address does not offer or does not complete STARTTLS, controls of other operators do not either over the same family, and no control is clean there",
        ["the controls have stopped offering STARTTLS themselves, or never did", "every one of these servers hides it from this client by policy", "a path that loses large packets, where handshakes meet with silence"],
        "ask the target and the controls from another network; if they have STARTTLS there, a device near this machine removes it",
        ["RFC 3207 §6"];
    GREETING_FROM_NOWHERE: "greeting-from-nowhere", Critical,
        "an address where no mail server can be greeted us with 220",
        ["a test network that uses documentation addresses"],
        "find out what answers SMTP on this path for addresses that are not its own, and who runs it: mail may pass through it in clear",
        ["RFC 5737", "RFC 3849"];
    ONE_KEY: "one-key-for-all", Critical,
        "the target and a control of another operator prove possession of one and the same key, and no control that works there proves another",
        ["servers of one hoster under several names", "a server package that ships one default key to everybody"],
        "compare the certificates of these addresses from another network: if they differ there, something on the path from here ends TLS",
        ["RFC 3207 §6"];
    FOREIGN_KEYS: "foreign-keys", Critical,
        "over one family the target and a control show keys that no trusted issuer vouches for, and over the other family other, trusted ones",
        ["a second set of servers behind this family, at every one of these operators"],
        "compare the certificates of these addresses from another network: if they differ there, something on this family's path ends TLS",
        ["RFC 3207 §6"];
    ONE_FACE: "one-face-for-all", Critical,
        "the target and controls of two other operators greet with one host name and list the same EHLO keywords",
        ["servers of one hoster under several names"],
        "compare the greetings of these addresses from another network: if they differ there, something on the path from here answers for them",
        ["RFC 3207 §6"];
    KEY_DIFFERS_BY_FAMILY: "key-differs-by-family", Warning,
        "over one family every key is one that no trusted issuer vouches for, over the other it is trusted, and no control shows the same",
        ["a second machine behind the other family's address, with a certificate of its own making"],
        "compare the certificate of the same address from another network",
        ["RFC 7435"];
    PRODUCT_SIGNATURE: "product-signature", Notice,
        "a greeting, an EHLO line or a reply reads as a known product writes it, or the keywords missing here and listed in another view of the same host are those that a known product removes",
        ["the product stands at the destination's own edge, by its operator's choice", "a text that its operator wrote", "a second machine or a front end such as postscreen, which lists fewer keywords"],
        "this names a product to look for, near either end of the path, and proves nothing about STARTTLS by itself",
        ["docs/detection.md §2"];
    FLAPPING: "answers-differ-by-session", Warning,
        "sessions with the same address and everything else equal disagree on the offer of STARTTLS or on what came of it",
        ["several unequal servers behind one address", "a rolling upgrade"],
        "ask more often (--repeats), and from another network",
        ["RFC 5321 §5.1"];
    OFFER_FOLLOWS_EHLO_NAME: "offer-follows-ehlo-name", Warning,
        "the same address offers STARTTLS to one EHLO name and not to another",
        ["a server that hides STARTTLS from some names by policy"],
        "give the name that your mail server gives with --ehlo",
        ["RFC 5321 §4.1.1.1"];
    OFFERED_ON_OTHER_PORT: "offered-on-other-port", Notice,
        "an address without STARTTLS on the port that was asked completes TLS on another port",
        ["other ports have listeners of their own, configured differently"],
        "look at the mail server's own settings for the port that was asked; a box that looks at port 25 only would show just this too",
        ["RFC 8314"];
    CLIENT_ADDRESS_FOREIGN: "client-address-foreign", Notice,
        "the server names a client address that is not ours and not the one that controls name over the same family",
        ["carrier-grade NAT with several public addresses"],
        "ask again: if the address stays another one than at the controls, connections to this server take a detour",
        ["RFC 5321 §4.4"];
    PORT_BLOCKED: "port-25-blocked", Critical,
        "no session with the target comes as far as STARTTLS, and over every family tried none with controls of two other operators does",
        ["several large operators refuse this network at the same time"],
        "run mxray on a host that may send mail, or ask the provider to open outbound port 25",
        ["RFC 5068 §3.1"];
    STARTTLS_NOT_OFFERED: "starttls-not-offered", Critical,
        "the EHLO answer has no STARTTLS, and sending the command anyway leads to no TLS",
        ["a box on the path hides it in the same way from every view taken", "the server hides it from this client by policy"],
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
        "an inspecting firewall stands somewhere on the path; switch its SMTP inspection off, it breaks extensions",
        ["Cisco ASA inspect esmtp"];
    BANNER_MASKED: "banner-masked", Notice,
        "the greeting consists of asterisks, but for 2, 0 and blanks",
        ["inspection at the destination's own edge, not near this network", "a banner that its operator wrote with asterisks"],
        "an inspecting firewall stands somewhere on the path; switch its SMTP inspection off",
        ["Cisco PIX MailGuard"];
    RESIDUE: "clear-text-after-220", Warning,
        "bytes in clear followed the 220 to STARTTLS before the TLS handshake",
        ["a server that writes more than one reply at once"],
        "nothing may follow the 220 before the TLS handshake; find out who wrote it",
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
        ["a server whose certificate or key cannot be loaded", "a box on the path that lets the command through and breaks TLS"],
        "look at the server's log for this connection; then ask again from another network",
        ["RFC 3207 §4"];
    STARTTLS_REFUSED: "starttls-refused", Critical,
        "STARTTLS is offered, and the command is answered with 5xx, twice with 4xx, with a code that RFC 3207 does not know, or twice not at all",
        ["a server that offers STARTTLS without a usable certificate (454 is its own word for that)", "a box that answers the command itself"],
        "look at the server's log; then ask again from another network",
        ["RFC 3207 §4"];
    TLS_LEGACY_ONLY: "tls-legacy-only", Critical,
        "no modern handshake is completed, and a legacy ClientHello is answered with TLS below 1.2 or a suite that modern senders refuse",
        [],
        "enable TLS 1.2 or 1.3 with forward-secret suites at the server",
        ["RFC 8996", "RFC 9325"];
    LARGE_HELLO_DROPPED: "client-hello-dropped", Warning,
        "a handshake that offers X25519MLKEM768 failed, and one without it at the same address was completed",
        ["a passing fault during the first handshake"],
        "update the server, or whatever on the path drops the larger ClientHello",
        ["RFC 8446 §4.1.2"];
    KEY_NOT_PROVEN: "key-not-proven", Warning,
        "the handshake's signature does not match the certificate, and its key is not too weak to be judged",
        ["a broken or unusual signature implementation"],
        "whoever answered may not hold the certificate's key: compare the handshake from another network",
        ["RFC 8446 §4.4.3"];
    CERTIFICATE_EXPIRED: "certificate-expired", Warning,
        "the end of a certificate's validity was past when it was seen",
        ["the clock of this machine is wrong"],
        "renew the certificate; senders with a policy (MTA-STS, verify, secure) defer mail until then",
        ["RFC 5280 §4.1.2.5", "RFC 8460 certificate-expired"];
    CERTIFICATE_NOT_YET_VALID: "certificate-not-yet-valid", Warning,
        "the beginning of a certificate's validity was still to come when it was seen",
        ["the clock of this machine is wrong"],
        "use a certificate that is already valid",
        ["RFC 5280 §4.1.2.5"];
    CERTIFICATE_HOST_MISMATCH: "certificate-host-mismatch", Notice,
        "no name of the certificate is the MX host's",
        ["opportunistic senders do not look at names"],
        "issue a certificate that names the MX host; MTA-STS and the level verify need it",
        ["RFC 9525", "RFC 8460 certificate-host-mismatch"];
    CERTIFICATE_NOT_TRUSTED: "certificate-not-trusted", Notice,
        "the chain leads to no root that is trusted here",
        ["opportunistic senders do not look at the issuer", "DANE needs no public issuer"],
        "where MTA-STS is planned, use a certificate of a public authority",
        ["RFC 7435", "RFC 8460 certificate-not-trusted"];
    CERTIFICATE_CHAIN_INCOMPLETE: "certificate-chain-incomplete", Notice,
        "the leaf names an issuer whose certificate was not sent and is no root",
        ["senders that have seen the intermediate elsewhere do not notice"],
        "send the intermediate certificate along with the leaf",
        ["RFC 5246 §7.4.2"];
    CERTIFICATE_WEAK: "certificate-weak", Warning,
        "an RSA key below 2048 bits, or a signature with SHA-1 or older",
        [],
        "use RSA of 2048 bits or more, or ECDSA, and SHA-256 or better",
        ["RFC 9325 §4.5"];
    CERTIFICATE_MALFORMED: "certificate-malformed", Warning,
        "the certificate cannot be read as X.509 v3 for a server",
        [],
        "replace the certificate: it is not an X.509 v3 certificate for a server",
        ["RFC 5280 §4.1"];
    CERTIFICATE_REVOKED: "certificate-revoked", Warning,
        "the stapled OCSP response says that the certificate is revoked",
        [],
        "replace the certificate: its issuer has revoked it",
        ["RFC 6960 §2.2"];
    COMMAND_INJECTION: "command-injection", Warning,
        "a NOOP sent in clear, in one write with STARTTLS, was answered inside TLS before anything was asked there",
        [],
        "update the mail server, or the proxy or firewall in front of it that ends TLS: it must forget what came behind STARTTLS (--injection tests for this again)",
        ["CVE-2011-0411", "RFC 3207 §4.2", "RFC 3207 §6"];
    OLD_TLS_VERSIONS: "old-tls-versions", Notice,
        "the server completes the first step of a handshake in SSL 3.0, TLS 1.0 or TLS 1.1",
        ["it is kept on purpose for senders that know nothing newer, which would send in clear otherwise"],
        "where every sender that matters speaks TLS 1.2, switch older versions off; modern senders are not drawn down to them",
        ["RFC 8996", "RFC 7568", "RFC 7435"];
    NO_TLS13: "tls13-missing", Notice,
        "a hello that offers TLS 1.3 alone is refused, and an older version is spoken",
        ["an old library, which is no weakness by itself while TLS 1.2 is spoken"],
        "update the server's TLS library, or allow TLS 1.3 in its settings",
        ["RFC 9325 §3.1.1"];
    BROKEN_CIPHER_SUITES: "broken-cipher-suites", Warning,
        "the server picks a suite without encryption, of export grade, or with RC2, RC4 or single DES when nothing else is offered",
        ["it is kept on purpose for senders that know nothing better, which would send in clear otherwise"],
        "take these suites out of the server's list: they protect nothing",
        ["RFC 9325 §4.1", "RFC 7465"];
    DATED_CIPHER_SUITES: "dated-cipher-suites", Notice,
        "the server picks 3DES, or a suite in which nobody signs for the key exchange, when nothing else is offered",
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
    ADDRESS_NOT_REACHED: "address-not-reached", Notice,
        "no complete greeting came from the address",
        ["the server or its network was down for a moment", "this network blocks port 25 to it"],
        "try again later, and from another network",
        ["RFC 5321 §5.1"];
    ADDRESS_TURNED_AWAY: "address-turned-away", Notice,
        "the greeting had another code than 220",
        ["rate limiting, greylisting or a blocklist that holds this address"],
        "ask from an address that may send mail",
        ["RFC 5321 §3.1"];
    SESSION_STALLED: "session-stalled", Warning,
        "the address greeted, and the session ended before it was over",
        ["an overloaded server", "a box that drops what it does not know"],
        "try again; if it stops at the same place, compare with another network",
        ["RFC 5321 §4.5.3.2"];
    MX_IS_CNAME: "mx-is-cname", Notice,
        "the name in an MX record is an alias",
        [],
        "let the MX record name a host with address records of its own",
        ["RFC 5321 §5.1", "RFC 2181 §10.3"];
    MX_WITHOUT_ADDRESS: "mx-without-address", Warning,
        "the name in an MX record has neither an A nor an AAAA record",
        ["the host's zone was changed a moment ago"],
        "remove the MX record, or give its host an address",
        ["RFC 5321 §5.1"];
    NULL_MX_BESIDE_OTHERS: "null-mx-beside-others", Warning,
        "a null MX stands beside other MX records",
        [],
        "remove the null MX, or the others",
        ["RFC 7505 §3"];
    DNS_BOGUS: "dns-bogus", Warning,
        "DNSSEC signatures of the answers that lead to the mail servers do not hold",
        ["the zone's operator made a mistake: an expired signature, a wrong DS record", "the resolver's clock or trust anchor is wrong"],
        "validating resolvers refuse these answers, and senders behind them defer mail: repair the zone's DNSSEC",
        ["RFC 4035 §4.3", "RFC 8460 dnssec-invalid"];
    DNS_FAILED: "dns-lookup-failed", Warning,
        "the lookup of a host's addresses gave no answer, neither yes nor no",
        ["a passing fault of the resolver"],
        "try again, or name another resolver with --resolver",
        ["RFC 5321 §5.1"];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_every_text_is_given() {
        let ids: BTreeSet<_> = CATALOGUE.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
        for entry in CATALOGUE {
            for text in [entry.evidence, entry.remedy].iter().chain(entry.alternatives) {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text}", entry.id);
            }
            assert!(!entry.references.is_empty(), "{}", entry.id);
        }
    }

    #[test]
    fn nobody_is_accused_by_name() {
        for entry in CATALOGUE {
            let texts = [entry.evidence, entry.remedy]
                .into_iter()
                .chain(entry.alternatives.iter().copied());
            for text in texts {
                assert!(!text.contains("your ISP") && !text.contains("your provider"), "{text}");
            }
        }
    }

    #[test]
    fn a_suspicion_is_never_critical() {
        let finding = STARTTLS_HIDDEN.raised(Subject::default(), vec!["o1".into()], "x");
        let finding = with_confidence(finding, Confidence::Suspected);
        assert_eq!(finding.severity, Severity::Warning);
    }
}
