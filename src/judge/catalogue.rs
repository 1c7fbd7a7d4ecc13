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
    MIRROR_KEY_DIFFERS: "mirror-key-differs", Critical,
        "in a session with a mirror TLS was not between this machine and the mirror: another certificate was shown than the mirror presents, no proof of its key, or the mirror's end alone completed a handshake",
        [],
        "find the device on the way that ends TLS; the mirror's transcript shows what it says to the server in our place",
        ["RFC 3207 §6", "docs/detection.md §1 (e)"];
    MIRROR_BYTES_CHANGED: "mirror-bytes-changed", Critical,
        "the transcripts of both ends of a session with a mirror differ, and not by an end that is missing: bytes were changed, taken out or put in between",
        [],
        "find the device between the two ends that changes SMTP and switch that off; both transcripts are the evidence for whoever operates it",
        ["RFC 3207 §6", "docs/detection.md §1 (e)"];
    MIRROR_NOT_REACHED: "mirror-not-reached", Critical,
        "a greeting came from the address of a mirror, and the mirror, whose record of that time is complete, had no session of ours",
        ["the address, or this port of it, leads to another machine than the mirror: a port that is forwarded elsewhere, an address that was moved"],
        "ask the mirror over its other family or port, and look where its address leads from another network",
        ["docs/detection.md §1"];
    MIRROR_CUT_OFF: "mirror-cut-off", Critical,
        "what one end of a session with a mirror sent last did not arrive, or the handshake did not come to its end, and neither end broke off",
        ["a connection that failed on the way, which should not happen each time at the same place"],
        "repeat it; if it breaks off each time at the same command, look for a device on the way that inspects SMTP",
        ["docs/detection.md §1"];
    MIRROR_EXCHANGE_INTERCEPTED: "mirror-exchange-intercepted", Warning,
        "the TLS session in which a mirror's transcripts were fetched was not with the mirror itself: somebody on the way ends TLS, could read the transcripts, and could neither change them nor learn the token",
        ["a proxy of the mirror's own operator that ends TLS in front of it"],
        "find the device that ends TLS; where others must not read the transcripts, let them travel as a file (mxray mirror --log FILE, --mirror-log FILE)",
        ["RFC 9266", "docs/detection.md §1 (e)"];
    MIRROR_UNAVAILABLE: "mirror-unavailable", Notice,
        "a mirror was named, and its transcripts could not be had",
        ["the port for the exchange is filtered between here and the mirror"],
        "see that the token is the mirror's own and that both clocks are right; or let the mirror write a file (mxray mirror --log FILE) and name it here (--mirror-log FILE)",
        ["docs/detection.md §1 (e)"];
    MIRROR_UNMATCHED: "mirror-unmatched", Notice,
        "a session with a mirror for which no recording of the mirror's is known to be the same one",
        ["several sessions at the same time from behind one address; a file of the mirror's that ends before this run"],
        "ask again when nobody else uses the mirror",
        ["docs/detection.md §1 (e)"];
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
    STARTTLS_LOST_AT_VIEW: "starttls-lost-at-view", Critical,
        "from one vantage point or source an address does not offer or does not complete STARTTLS, and from another the same address does",
        ["the operator treats clients differently by policy: by reputation, by source network", "servers behind one address that are not alike, each client led to its own", "a path that loses large packets, where handshakes meet with silence"],
        "send both transcripts to whoever runs the path from the view that lacks it; ask controls from there too, and let the operator say whether policy hides it from that address",
        ["RFC 3207 §6"];
    FOREIGN_KEY_AT_VIEW: "foreign-key-at-view", Critical,
        "at one vantage point or source an address proves a key that no trusted issuer vouches for, at another the same address proves another, trusted one, and neither shows several",
        ["servers behind one address that are not alike, each client led to its own", "the operator treats clients differently by policy: by reputation, by source network"],
        "find out what ends TLS on the path from that view; until then deliver only with an authenticated policy (DANE, MTA-STS) from there",
        ["RFC 3207 §6", "RFC 7672"];
    BARE_EVERYWHERE: "starttls-lost-everywhere", Critical,
        "several vantage points see STARTTLS at no measured address of one family, and at every one of the other",
        ["the two families lead to different machines or listeners, configured differently"],
        "let the destination's operator compare its listeners, and look from inside its network whether a device at its edge removes STARTTLS",
        ["RFC 3207 §6"];
    DNS_DIFFERS: "dns-differs", Warning,
        "DNS answers one vantage point otherwise than another: other MX hosts, other addresses, another DNSSEC status",
        ["a split horizon: the zone's operator answers by who asks", "answers by place (GeoDNS, anycast), or a change that has not reached every cache"],
        "ask the zone's own name servers from both places; sign the zone, so that forged answers are told from true ones",
        ["RFC 4033 §2", "RFC 5321 §5.1"];
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
    PROMISE_DENIED: "promise-denied", Critical,
        "a promise (TLSA in a signed zone, or MTA-STS that enforces and lists the host) is kept over one path and denied over another in the same run: no offer, a refusal of the command, or a proven key that is not the promised one",
        ["a second machine behind this family's addresses, which does not keep what the host promises"],
        "compare the same addresses from another network; if they keep the promise there, something on the path from here denies it",
        ["RFC 7672 §2.2", "RFC 8461 §5", "RFC 3207 §6"];
    STARTTLS_NOT_SUPPORTED: "starttls-not-supported", Critical,
        "DANE or MTA-STS promises TLS for the host, and an address of it does not offer STARTTLS or refuses the command",
        ["the destination breaks its own promise", "something on every path tried hides or refuses STARTTLS"],
        "let every address of the host offer STARTTLS, or withdraw the promise; a view from another network tells whether it is the server",
        ["RFC 8460 §4.3 starttls-not-supported", "RFC 7672 §2.2", "RFC 8461 §5"];
    DANE_MISMATCH: "validation-failure", Critical,
        "usable TLSA records exist, and the chain that an address presents matches none of them, or leads to an anchor of theirs and fails by its dates or names",
        ["a certificate or key that was renewed before its TLSA record", "a resolver's cache that still holds the records of the old key", "something on every path tried ends TLS"],
        "publish the record of the new key before the server uses it (mxray tlsa prints it), and renew with the same key where that is possible",
        ["RFC 8460 §4.3 validation-failure", "RFC 7672 §3", "RFC 7671 §8"];
    STS_CERTIFICATE: "sts-mx-certificate-invalid", Critical,
        "MTA-STS in mode enforce lists the host, and the certificate that an address presents is not trusted, not in its dates, or not for the MX host's name",
        ["the clock of this machine is wrong", "something on every path tried ends TLS"],
        "give every address of the host a certificate of a public authority for the MX host's own name, and renew it in time",
        ["RFC 8461 §4.2", "RFC 8460 §4.3 certificate-host-mismatch, certificate-expired, certificate-not-trusted"];
    STS_TESTING: "sts-testing-not-kept", Notice,
        "MTA-STS in mode testing lists the host, and an address of it would not pass in mode enforce",
        [],
        "repair it before the policy says enforce; until then mail is delivered all the same",
        ["RFC 8461 §5"];
    TLSA_INVALID: "tlsa-invalid", Warning,
        "TLSA records exist in a signed zone, and not one of them is usable",
        [],
        "publish 3 1 1 records (mxray tlsa prints them); usages 0 and 1 are not for SMTP",
        ["RFC 8460 §4.3 tlsa-invalid", "RFC 7672 §2.2", "RFC 7672 §3.1.3"];
    TLSA_RECORD_UNUSABLE: "tlsa-record-unusable", Notice,
        "some of the TLSA records are not usable, beside others that are",
        [],
        "remove the records that no sender can use",
        ["RFC 7672 §3.1.3", "RFC 7671 §10.1.1"];
    DNSSEC_INVALID: "dnssec-invalid", Warning,
        "the signatures of the TLSA answer, or of the addresses that it belongs to, do not hold",
        ["the zone's operator made a mistake: an expired signature, a wrong DS record", "the resolver's clock or trust anchor is wrong", "somebody changes DNS answers on the way"],
        "repair the zone's DNSSEC: until then senders that do DANE must not use this host",
        ["RFC 8460 §4.3 dnssec-invalid", "RFC 7672 §2.1.2"];
    TLSA_LOOKUP_FAILED: "tlsa-lookup-failed", Warning,
        "the lookup of the TLSA records gave no answer, neither yes nor no",
        ["a passing fault of the resolver", "a firewall before the zone's name servers that drops questions for TLSA"],
        "let the zone's name servers answer questions for TLSA, if only by saying that there is none: until then senders that do DANE must not use this host",
        ["RFC 7672 §2.1.2"];
    TLSA_WITHOUT_SECURE_MX: "tlsa-without-secure-mx", Notice,
        "the TLSA answer of a host is secure, and the MX answer that leads to it is not",
        [],
        "sign the domain's own zone too: without that the promise is the host's, not the domain's",
        ["RFC 7672 §2.2.1"];
    TLSA_RECORD_UNMATCHED: "tlsa-record-unmatched", Notice,
        "of several usable TLSA records one is accepted, and another matches nothing that is presented",
        ["the record of the next key, published ahead of its use"],
        "leave it if it is the next key's; remove it if a renewal has left it behind",
        ["RFC 7671 §8.1"];
    DANE_TA_EXPIRES: "dane-ta-expires", Warning,
        "every TLSA record that is accepted names an authority that ends within 90 days",
        [],
        "publish the record of the next authority, or a 3 1 1 record, before the end",
        ["RFC 7672 §3.1.2", "RFC 7671 §5.2"];
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
    CERTIFICATE_EXPIRES_SOON: "certificate-expires-soon", Warning,
        "less than a quarter of the certificate's lifetime is left, and less than 30 days",
        ["it is renewed by hand, and that is planned"],
        "renew the certificate, and find out why no automatic renewal came: it usually begins when a third of the lifetime is left",
        ["RFC 5280 §4.1.2.5", "CA/B Forum ballot SC-081v3"];
    CERTIFICATE_LIFETIME_TOO_LONG: "certificate-lifetime-too-long", Notice,
        "a certificate that leads to a public root was issued for longer than public authorities might at its beginning: 398 days from September 2020, 200 from 15 March 2026, 100 from 15 March 2027, 47 from 15 March 2029",
        ["its beginning was set back by the authority"],
        "mail does not suffer today; replace it by one that keeps to the limit before senders insist",
        ["CA/B Forum ballot SC-081v3", "CA/B Forum Baseline Requirements §6.3.2"];
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
    CERTIFICATE_CHAIN_TOO_LONG: "certificate-chain-too-long", Notice,
        "more than 10 certificates were sent, and public authorities need two to five",
        [],
        "send the leaf and what leads to the root, and nothing else: some senders give up on long chains",
        ["RFC 8446 §4.4.2"];
    CERTIFICATE_WITHOUT_SCTS: "certificate-without-scts", Notice,
        "a certificate that leads to a public root has no embedded timestamps of public logs",
        ["timestamps come in the handshake or in an OCSP response, which mxray does not ask for", "an authority that does not log what no browser sees"],
        "mail does not suffer: no sender is known to look at them; ask the authority why it does not log the certificate",
        ["RFC 6962 §3.3"];
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
    CERTIFICATE_STAPLE_INVALID: "certificate-staple-invalid", Warning,
        "the stapled OCSP response cannot be read, is out of date, is not signed by the issuer or its delegate, or vouches for something else than the certificate",
        ["the clock of this machine is wrong", "few senders look at staples"],
        "repair the server's stapling, or switch it off where the certificate does not demand it",
        ["RFC 6960 §3.2", "RFC 6066 §8"];
    CERTIFICATE_STAPLE_MISSING: "certificate-staple-missing", Warning,
        "the certificate demands a stapled OCSP response, and a completed handshake that asked for one had none",
        ["the server had not fetched one yet", "few senders look at staples"],
        "staple OCSP responses, or use a certificate without the demand",
        ["RFC 7633 §4.2.3"];
    ADDRESS_NOT_REACHED: "address-not-reached", Notice,
        "no complete greeting came from the address",
        ["the server or its network was down for a moment", "this network blocks port 25 to it"],
        "try again later, and from another network",
        ["RFC 5321 §5.1"];
    ADDRESS_TURNED_AWAY: "address-turned-away", Notice,
        "the greeting had another code than 220, or EHLO was answered with an error and nothing \
         could follow it",
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
    POLICY_LOOKUP_FAILED: "policy-lookup-failed", Notice,
        "the lookup of a TXT record that would announce MTA-STS or TLSRPT gave no answer, neither yes nor no",
        ["a passing fault of the resolver"],
        "try again, or name another resolver with --resolver",
        ["RFC 8461 §3.1", "RFC 8460 §3"];
    STS_RECORD_INVALID: "sts-record-invalid", Warning,
        "a TXT record at _mta-sts is meant to announce a policy, and there is not exactly one that is valid",
        ["the record was changed a moment ago, and the old one is still there"],
        "publish exactly one record of the form v=STSv1; id=<1 to 32 letters and digits>;",
        ["RFC 8461 §3.1"];
    STS_POLICY_FETCH_ERROR: "sts-policy-fetch-error", Warning,
        "a record announces a policy, and no complete response came from its host",
        ["a passing fault of the policy host", "this network does not reach the host by HTTPS"],
        "ask the policy's URL from another network; serve it at every address of the policy host",
        ["RFC 8461 §3.3", "RFC 8460 sts-policy-fetch-error"];
    STS_POLICY_REDIRECTED: "sts-policy-redirected", Warning,
        "the policy host answers the request for the policy with a redirect",
        [],
        "serve the policy at its own URL with status 200: senders must not follow redirects",
        ["RFC 8461 §3.3", "RFC 8460 sts-policy-fetch-error"];
    STS_POLICY_STATUS: "sts-policy-status", Warning,
        "the policy host answers the request for the policy with a status other than 200, and not with a redirect",
        ["a passing fault of the policy host"],
        "serve the policy with status 200, or remove the record that announces it",
        ["RFC 8461 §3.3", "RFC 8460 sts-policy-fetch-error"];
    STS_POLICY_MEDIA_TYPE: "sts-policy-media-type", Warning,
        "the policy is sent with another media type than text/plain, or with none",
        ["senders that do not look at the media type take the policy all the same"],
        "send the policy as Content-Type: text/plain",
        ["RFC 8461 §3.2", "RFC 8460 sts-policy-fetch-error"];
    STS_POLICY_TOO_LONG: "sts-policy-too-long", Warning,
        "the response to the request for the policy is longer than 64 KiB",
        ["senders that read more than RFC 8461 suggests"],
        "serve the policy and nothing else",
        ["RFC 8461 §3.3", "RFC 8460 sts-policy-fetch-error"];
    STS_WEBPKI_INVALID: "sts-webpki-invalid", Warning,
        "the certificate of the policy host is not valid for its name at the time of the fetch, or its key is not proven",
        ["the clock of this machine is wrong", "an issuer that is trusted elsewhere and not by the roots used here"],
        "give the policy host a certificate of a public authority that names mta-sts.<domain>, and send its intermediates",
        ["RFC 8461 §3.3", "RFC 8460 sts-webpki-invalid"];
    STS_POLICY_INVALID: "sts-policy-invalid", Warning,
        "what the policy host serves is no policy: a line is no key and value, a mandatory key is missing, or a value is not allowed",
        [],
        "correct the policy at the line named, and change the id of the record",
        ["RFC 8461 §3.2", "RFC 8460 sts-policy-invalid"];
    STS_MX_NOT_LISTED: "sts-mx-not-listed", Warning,
        "the policy has the mode enforce or testing, and none of its mx patterns matches the name of an MX host",
        ["the MX records were changed a moment ago, and the policy has still to follow"],
        "add the host to the policy and change the id of the record, or remove its MX record",
        ["RFC 8461 §4.1", "RFC 8460 validation-failure"];
    STS_NOT_ENFORCED: "sts-not-enforced", Notice,
        "the policy has the mode testing or none",
        ["a policy that is being tried out, or withdrawn in good order"],
        "once reports show no failures, set the mode to enforce; until then it protects no mail",
        ["RFC 8461 §5", "RFC 8461 §8.3"];
    TLS_RPT_RECORD_INVALID: "tls-rpt-record-invalid", Notice,
        "a TXT record at _smtp._tls is meant for TLS reporting, and there is not exactly one that is valid, or it names an address that is no mailto: or https: URI",
        ["the record was changed a moment ago, and the old one is still there"],
        "publish exactly one record of the form v=TLSRPTv1; rua=mailto:<address>",
        ["RFC 8460 §3"];
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
