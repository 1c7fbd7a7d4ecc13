//! What DANE and MTA-STS promise of a host, and how it is kept.

use super::{Entry, Severity, table};

table! { PROMISE:
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
        "usable TLSA records exist, and the chain that an address presents matches none of them, or leads to a trust anchor that one of them names and fails by its dates or names",
        ["a certificate or key that was renewed before its TLSA record", "a resolver's cache that still holds the records of the old key", "something on every path tried terminates TLS"],
        "publish the record of the new key before the server uses it (mxray tlsa prints it), and renew with the same key where that is possible",
        ["RFC 8460 §4.3 validation-failure", "RFC 7672 §3", "RFC 7671 §8"];
    STS_CERTIFICATE: "sts-mx-certificate-invalid", Critical,
        "MTA-STS in mode enforce lists the host, and the certificate that an address presents is not trusted, not in its dates, or not for the MX host's name",
        ["the clock of the machine that measured is wrong", "something on every path tried terminates TLS"],
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
        "publish 3 1 1 records: usage 3, selector 1, matching type 1 (mxray tlsa prints them); usages 0 and 1 are not for SMTP",
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
        ["a passing fault of the resolver or of the zone's name servers", "a firewall before the zone's name servers that drops questions for TLSA"],
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
        "every TLSA record that is accepted names an authority whose certificate expires within 90 days",
        [],
        "publish the record of the next authority, or a 3 1 1 record, before the end",
        ["RFC 7672 §3.1.2", "RFC 7671 §5.2"];
}
