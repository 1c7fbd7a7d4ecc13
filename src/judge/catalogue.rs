//! The catalogue of findings: every claim that can be made, in one table.
//!
//! Owns id, severity, innocent alternatives and remedy of each. What was seen
//! is said by the rule that raises it.

use std::net::IpAddr;

use crate::model::finding::{Finding, Severity, Subject};
use crate::model::verdict::Confidence;

/// One kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, which never changes.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Innocent explanations that stand unless something rules them out.
    pub alternatives: &'static [&'static str],
    /// What to do.
    pub remedy: Option<&'static str>,
    /// Where the rule comes from.
    pub references: &'static [&'static str],
}

impl Entry {
    /// A finding of this kind.
    pub(super) fn raised(
        &self,
        subject: Subject,
        evidence: Vec<String>,
        explanation: impl Into<String>,
    ) -> Finding {
        Finding {
            id: self.id.to_owned(),
            severity: self.severity,
            confidence: None,
            subject,
            evidence,
            explanation: explanation.into(),
            alternatives: self.alternatives.iter().map(ToString::to_string).collect(),
            remedy: self.remedy.map(str::to_owned),
        }
    }
}

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
    ($($name:ident: $id:literal, $severity:ident, [$($alternative:literal),* $(,)?], $remedy:expr, [$($reference:literal),* $(,)?];)*) => {
        $(
            pub(super) const $name: Entry = Entry {
                id: $id,
                severity: Severity::$severity,
                alternatives: &[$($alternative),*],
                remedy: $remedy,
                references: &[$($reference),*],
            };
        )*
        /// Every kind of finding.
        pub const CATALOGUE: &[Entry] = &[$($name),*];
    };
}

catalogue! {
    STARTTLS_OVERWRITTEN: "starttls-overwritten", Critical,
        [],
        Some("find the device that inspects SMTP on this path (a firewall with \"inspect esmtp\" or the like) and switch the inspection off"),
        ["RFC 3207 §6", "Cisco ASA inspect esmtp"];
    STARTTLS_HIDDEN: "starttls-hidden", Critical,
        ["a server that hides the keyword from some clients and accepts the command all the same"],
        Some("ask again from another network; where STARTTLS is offered there, show both transcripts to the provider of this path"),
        ["RFC 3207 §6"];
    STARTTLS_MASKED: "starttls-masked", Critical,
        ["the masked keyword is another of eight letters: CHUNKING, SMTPUTF8 or 8BITMIME", "the mask was written by the server itself"],
        Some("ask again from another network: an unmasked list of the same server decides"),
        ["Cisco ASA inspect esmtp", "RFC 3207 §6"];
    STARTTLS_LOST_ON_FAMILY: "starttls-lost-on-family", Critical,
        ["the two families lead to different machines or listeners, configured differently", "one node's certificate or key cannot be loaded", "the server treats this client's addresses differently by policy"],
        Some("ask again from another network over the same family; if STARTTLS is there, a device on this network's path removes it"),
        ["RFC 3207 §6"];
    STARTTLS_LOST_NEAR_VANTAGE: "starttls-lost-near-vantage", Critical,
        ["the controls changed their minds on the same day", "every one of these servers hides it from this client by policy"],
        Some("ask again from another network; if the controls have STARTTLS there, a device near this machine removes it"),
        ["RFC 3207 §6"];
    GREETING_FROM_NOWHERE: "greeting-from-nowhere", Critical,
        ["a test network that uses documentation addresses"],
        Some("a terminating proxy stands on the path: find out who runs it; mail passes through its hands in clear"),
        ["RFC 5737", "RFC 3849"];
    ONE_KEY: "one-key-for-all", Critical,
        ["servers of one hoster under several names"],
        Some("something ends TLS on the path with one key for every destination: compare the certificate from another network"),
        ["RFC 3207 §6"];
    FOREIGN_KEYS: "foreign-keys", Critical,
        ["a second set of servers behind this family, at every one of these operators"],
        Some("something ends TLS on this family's path: compare the certificates from another network"),
        ["RFC 3207 §6"];
    ONE_FACE: "one-face-for-all", Critical,
        ["servers of one hoster under several names"],
        Some("something answers SMTP for every destination: compare the greetings from another network"),
        ["RFC 3207 §6"];
    KEY_DIFFERS_BY_FAMILY: "key-differs-by-family", Warning,
        ["a second machine behind the other family's address, with a certificate of its own making"],
        Some("compare the certificate of the same address from another network"),
        ["RFC 7435"];
    FLAPPING: "answers-differ-by-session", Warning,
        ["several unequal servers behind one address", "a rolling upgrade"],
        Some("ask more often (--repeats), and from another network"),
        ["RFC 5321 §5.1"];
    OFFER_FOLLOWS_EHLO_NAME: "offer-follows-ehlo-name", Warning,
        ["a server that hides STARTTLS from some names by policy"],
        Some("give the name that your mail server gives with --ehlo"),
        ["RFC 5321 §4.1.1.1"];
    OFFERED_ON_OTHER_PORT: "offered-on-other-port", Notice,
        ["other ports have listeners of their own, configured differently"],
        Some("the host itself has TLS: a box that looks at port 25 only would show just this"),
        ["RFC 8314"];
    CLIENT_ADDRESS_FOREIGN: "client-address-foreign", Notice,
        ["carrier-grade NAT with several public addresses"],
        Some("the server sees another client address than the controls do: connections to it may take a detour"),
        ["RFC 5321 §4.4"];
    PORT_BLOCKED: "port-25-blocked", Critical,
        ["several large operators refuse this network at the same time"],
        Some("run mxray on a host that may send mail, or ask the provider to open outbound port 25"),
        ["RFC 5068 §3.1"];
    STARTTLS_NOT_OFFERED: "starttls-not-offered", Critical,
        ["a box on the path hides it in the same way from every view taken", "the server hides it from this client by policy"],
        Some("ask from another network; where nobody sees an offer, the server has none to make"),
        ["RFC 3207 §4"];
    EHLO_REFUSED: "ehlo-refused", Warning,
        ["a very old or very small server", "a proxy that speaks only RFC 821"],
        Some("ask again from another network: an answer to EHLO there shows that a box refuses it here"),
        ["RFC 5321 §4.1.1.1"];
    KEYWORDS_MASKED: "keywords-masked", Notice,
        ["inspection at the destination's own edge, not near this network"],
        Some("an inspecting firewall stands on the path; switch its SMTP inspection off, it breaks extensions"),
        ["Cisco ASA inspect esmtp"];
    BANNER_MASKED: "banner-masked", Notice,
        ["inspection at the destination's own edge, not near this network", "a banner that its operator wrote with asterisks"],
        Some("an inspecting firewall stands on the path; switch its SMTP inspection off"),
        ["Cisco PIX MailGuard"];
    RESIDUE: "clear-text-after-220", Warning,
        ["a server that writes more than one reply at once"],
        Some("nothing may follow the 220 before the TLS handshake; find out who wrote it"),
        ["RFC 3207 §4", "CVE-2011-0411"];
    STARTTLS_INSIDE_TLS: "starttls-inside-tls", Notice,
        [],
        Some("the server should leave STARTTLS out of its answer inside TLS"),
        ["RFC 3207 §4.2"];
    STARTTLS_ON_GREETING_LINE: "starttls-on-greeting-line", Warning,
        [],
        Some("the first line of the EHLO answer is the greeting: senders do not look for keywords there"),
        ["RFC 5321 §4.1.1.1"];
    HANDSHAKE_FAILED: "handshake-failed", Critical,
        ["a server whose certificate or key cannot be loaded", "a box on the path that lets the command through and breaks TLS"],
        Some("look at the server's log for this connection; then ask again from another network"),
        ["RFC 3207 §4"];
    STARTTLS_REFUSED: "starttls-refused", Critical,
        ["a server that offers STARTTLS without a usable certificate (454 is its own word for that)", "a box that answers the command itself"],
        Some("look at the server's log; then ask again from another network"),
        ["RFC 3207 §4"];
    TLS_LEGACY_ONLY: "tls-legacy-only", Critical,
        [],
        Some("enable TLS 1.2 or 1.3 with forward-secret suites at the server"),
        ["RFC 8996", "RFC 9325"];
    LARGE_HELLO_DROPPED: "client-hello-dropped", Warning,
        ["a passing fault during the first handshake"],
        Some("a ClientHello that offers ML-KEM fails here and a smaller one passes: update the server or the box that drops it"),
        ["RFC 8446 §4.1.2"];
    KEY_NOT_PROVEN: "key-not-proven", Warning,
        ["a broken or unusual signature implementation"],
        Some("the handshake signature does not match the certificate: whoever answered may not hold its key"),
        ["RFC 8446 §4.4.3"];
    CERTIFICATE_EXPIRED: "certificate-expired", Warning,
        ["the clock of this machine is wrong"],
        Some("renew the certificate; senders with a policy (MTA-STS, verify, secure) defer mail until then"),
        ["RFC 5280 §4.1.2.5", "RFC 8460 certificate-expired"];
    CERTIFICATE_NOT_YET_VALID: "certificate-not-yet-valid", Warning,
        ["the clock of this machine is wrong"],
        Some("use a certificate that is already valid"),
        ["RFC 5280 §4.1.2.5"];
    CERTIFICATE_HOST_MISMATCH: "certificate-host-mismatch", Notice,
        ["opportunistic senders do not look at names"],
        Some("issue a certificate that names the MX host; MTA-STS and the level verify need it"),
        ["RFC 9525", "RFC 8460 certificate-host-mismatch"];
    CERTIFICATE_NOT_TRUSTED: "certificate-not-trusted", Notice,
        ["opportunistic senders do not look at the issuer", "DANE needs no public issuer"],
        Some("where MTA-STS is planned, use a certificate of a public authority"),
        ["RFC 7435", "RFC 8460 certificate-not-trusted"];
    CERTIFICATE_CHAIN_INCOMPLETE: "certificate-chain-incomplete", Notice,
        ["senders that have seen the intermediate elsewhere do not notice"],
        Some("send the intermediate certificate along with the leaf"),
        ["RFC 5246 §7.4.2"];
    CERTIFICATE_WEAK: "certificate-weak", Warning,
        [],
        Some("use RSA of 2048 bits or more, or ECDSA, and SHA-256 or better"),
        ["RFC 9325 §4.5"];
    CERTIFICATE_MALFORMED: "certificate-malformed", Warning,
        [],
        Some("replace the certificate: it is not an X.509 v3 certificate for a server"),
        ["RFC 5280 §4.1"];
    CERTIFICATE_REVOKED: "certificate-revoked", Warning,
        [],
        Some("replace the certificate: its issuer has revoked it"),
        ["RFC 6960 §2.2"];
    ADDRESS_NOT_REACHED: "address-not-reached", Notice,
        ["the server or its network was down for a moment", "this network blocks port 25 to it"],
        Some("try again later, and from another network"),
        ["RFC 5321 §5.1"];
    ADDRESS_TURNED_AWAY: "address-turned-away", Notice,
        ["rate limiting, greylisting or a blocklist that holds this address"],
        Some("ask from an address that may send mail"),
        ["RFC 5321 §3.1"];
    SESSION_STALLED: "session-stalled", Warning,
        ["an overloaded server", "a box that drops what it does not know"],
        Some("try again; if it stops at the same place, compare with another network"),
        ["RFC 5321 §4.5.3.2"];
    MX_IS_CNAME: "mx-is-cname", Notice,
        [],
        Some("let the MX record name a host with address records of its own"),
        ["RFC 5321 §5.1", "RFC 2181 §10.3"];
    MX_WITHOUT_ADDRESS: "mx-without-address", Warning,
        ["the host's zone was changed a moment ago"],
        Some("remove the MX record, or give its host an address"),
        ["RFC 5321 §5.1"];
    NULL_MX_BESIDE_OTHERS: "null-mx-beside-others", Warning,
        [],
        Some("remove the null MX, or the others"),
        ["RFC 7505 §3"];
    DNS_BOGUS: "dns-bogus", Warning,
        ["the zone's operator made a mistake: an expired signature, a wrong DS record", "the resolver's clock or trust anchor is wrong"],
        Some("validating resolvers refuse these answers, and senders behind them defer mail: repair the zone's DNSSEC"),
        ["RFC 4035 §4.3", "RFC 8460 dnssec-invalid"];
    DNS_FAILED: "dns-lookup-failed", Warning,
        ["a passing fault of the resolver"],
        Some("try again, or name another resolver with --resolver"),
        ["RFC 5321 §5.1"];
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique_and_remedies_given() {
        let ids: BTreeSet<_> = CATALOGUE.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
        assert!(CATALOGUE.iter().all(|entry| entry.remedy.is_some()));
        assert!(CATALOGUE.iter().all(|entry| !entry.references.is_empty()));
    }

    #[test]
    fn a_suspicion_is_never_critical() {
        let finding = STARTTLS_HIDDEN.raised(Subject::default(), vec!["o1".into()], "x");
        let finding = with_confidence(finding, Confidence::Suspected);
        assert_eq!(finding.severity, Severity::Warning);
    }
}
