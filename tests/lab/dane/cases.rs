//! The cases as data: records, and the oracle's word for them.
//!
//! Owns the zones' lines and what they are for. Refuses to know how anything is served.

use crate::oracle::Word;

/// One case: a domain, its records, and what is expected of the oracle.
///
/// The records are in zone-file form, names relative to the domain, with two
/// abbreviations: `A good` is the address of that server, and `TLSA 3 1 1 good`
/// has the digest of that server's leaf, of the `root` that signed them all, or of
/// a `foreign` leaf that nobody presents.
pub(crate) struct Case {
    /// What it is, for people.
    pub(crate) title: &'static str,
    /// The target: a domain, or a host of another case in brackets.
    pub(crate) domain: &'static str,
    /// The domain's records.
    pub(crate) lines: &'static str,
    /// What `posttls-finger -l dane` makes of it.
    pub(crate) word: Word,
}

/// A domain with one exchange, `mx` below it, at a server; and its TLSA records.
macro_rules! case {
    ($title:literal, $domain:literal, $server:literal, [$($tlsa:literal),*], $word:expr) => {
        Case {
            title: $title,
            domain: $domain,
            lines: concat!(
                "@ MX 10 mx\nmx A ", $server, $("\n_25._tcp.mx TLSA ", $tlsa),*
            ),
            word: $word,
        }
    };
    ($title:literal, $domain:literal, $lines:literal, $word:expr) => {
        Case { title: $title, domain: $domain, lines: $lines, word: $word }
    };
}

const NO_MATCH: Word = Word::Refused("no matching DANE TLSA records");
const OTHER_NAME: Word = Word::Refused("hostname mismatch");
const EXPIRED: Word = Word::Refused("certificate has expired");
use Word::{LookupError, NoRecords, NoStarttls, NotReached, Trusted, Unusable, Verified};

/// A zone of its own whose signatures do not hold, for the case that needs it.
pub(crate) const BOGUS_TLSA: (&str, &str) = ("_tcp.mx.tlsa-bogus.test", "_25 TLSA 3 1 1 good");
/// A zone that nobody serves.
pub(crate) const UNSERVED_TLSA: &str = "_tcp.mx.tlsa-servfail.test";

/// All of them.
#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    // DANE-EE(3), RFC 7671 §5.1.
    case!("end entity, digest of the key", "ee-key.test", "good", ["3 1 1 good"], Verified),
    case!("end entity, digest of the certificate", "ee-certificate.test", "good", ["3 0 1 good"], Verified),
    case!("end entity, SHA-512", "ee-sha512.test", "good", ["3 1 2 good"], Verified),
    case!("end entity, whole certificate", "ee-whole-certificate.test", "good", ["3 0 0 good"], Verified),
    case!("end entity, whole key", "ee-whole-key.test", "good", ["3 1 0 good"], Verified),
    case!("end entity, another key", "ee-mismatch.test", "good", ["3 1 1 foreign"], NO_MATCH),
    case!("end entity, expired", "ee-expired.test", "expired", ["3 1 1 expired"], Verified),
    case!("end entity, named otherwise", "ee-misnamed.test", "misnamed", ["3 1 1 misnamed"], Verified),
    case!("end entity that is the issuer's key", "ee-issuer.test", "good", ["3 1 1 root"], NO_MATCH),
    // DANE-TA(2), RFC 7671 §5.2.
    case!("trust anchor, digest of the certificate", "ta-certificate.test", "good", ["2 0 1 root"], Verified),
    case!("trust anchor, digest of the key", "ta-key.test", "good", ["2 1 1 root"], Verified),
    case!("trust anchor, another key", "ta-mismatch.test", "good", ["2 1 1 foreign"], NO_MATCH),
    case!("trust anchor, leaf named otherwise", "ta-misnamed.test", "misnamed", ["2 1 1 root"], OTHER_NAME),
    case!("trust anchor, leaf named after the mail domain", "ta-nexthop.test", "nexthop", ["2 1 1 root"], Verified),
    case!("trust anchor, leaf expired", "ta-expired.test", "expired", ["2 1 1 root"], EXPIRED),
    case!("trust anchor, not presented", "ta-absent.test", "bare", ["2 1 1 root"], NO_MATCH),
    case!("trust anchor, not presented, whole certificate in DNS", "ta-whole-certificate.test", "bare", ["2 0 0 root"], Verified),
    case!("trust anchor, not presented, whole key in DNS", "ta-whole-key.test", "bare", ["2 1 0 root"], Verified),
    case!("trust anchor that is the leaf", "ta-leaf.test", "bare", ["2 1 1 good"], NO_MATCH),
    case!("trust anchor misses, end entity matches", "ta-beside-ee.test", "misnamed", ["2 1 1 root", "3 1 1 misnamed"], Verified),
    // Unusable records, RFC 7672 §3.1.3 and §2.2.
    case!("usages 0 and 1 only", "pkix-usages.test", "good", ["0 0 1 root", "1 1 1 good"], Unusable),
    case!("unknown usage", "unknown-usage.test", "good", ["4 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"], Unusable),
    case!("unknown selector", "unknown-selector.test", "good", ["3 7 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"], Unusable),
    case!("unknown matching type", "unknown-matching.test", "good", ["3 1 9 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"], Unusable),
    case!("digest of the wrong length", "wrong-length.test", "good", ["3 1 1 00112233445566778899aabbccddeeff"], Unusable),
    case!("whole certificate that is none", "no-certificate.test", "good", ["3 0 0 00112233445566778899aabbccddeeff"], Unusable),
    case!("whole key that is none", "no-key.test", "good", ["3 1 0 00112233445566778899aabbccddeeff"], Unusable),
    case!("unusable beside a match", "unusable-beside-match.test", "good", ["1 1 1 foreign", "3 1 1 good"], Verified),
    case!("unusable beside a mismatch", "unusable-beside-mismatch.test", "good", ["1 1 1 good", "3 1 1 foreign"], NO_MATCH),
    // Rollover and digest agility, RFC 7671 §8 and §9.
    case!("rollover: one of two matches", "rollover.test", "good", ["3 1 1 foreign", "3 1 1 good"], Verified),
    case!("agility: SHA-512 right, SHA-256 wrong", "agility-sha512.test", "good", ["3 1 1 foreign", "3 1 2 good"], Verified),
    case!("agility: SHA-256 right, SHA-512 wrong", "agility-sha256.test", "good", ["3 1 1 good", "3 1 2 foreign"], NO_MATCH),
    case!("agility: whole key right, SHA-512 wrong", "agility-whole.test", "good", ["3 1 0 good", "3 1 2 foreign"], Verified),
    case!("agility: not across selectors", "agility-selectors.test", "good", ["3 0 1 good", "3 1 2 foreign"], Verified),
    case!("agility: not across usages", "agility-usages.test", "good", ["2 1 1 root", "3 1 2 foreign"], Verified),
    case!("agility: an unknown digest is not the strongest", "agility-unknown.test", "good", ["3 1 1 good", "3 1 9 00112233445566778899aabbccddeeff"], Verified),
    // TLSA base domain, RFC 7672 §2.2.2 and §2.2.3.
    case!("host is an alias, records at its end", "alias-end.test", "@ MX 10 mx\nmx CNAME mx.ee-key.test.", Verified),
    case!("host is an alias, records at the host", "alias-start.test", "@ MX 10 mx\nmx CNAME mx.no-tlsa.test.\n_25._tcp.mx TLSA 3 1 1 good", Verified),
    case!("host is an alias, records at both, right at its end", "alias-both.test", "@ MX 10 mx\nmx CNAME mx.ee-key.test.\n_25._tcp.mx TLSA 3 1 1 foreign", Verified),
    case!("host is an alias, records at both, wrong at its end", "alias-both-wrong.test", "@ MX 10 mx\nmx CNAME mx.ee-mismatch.test.\n_25._tcp.mx TLSA 3 1 1 good", NO_MATCH),
    case!("host is a secure alias of an insecure name, records at the host", "alias-insecure.test", "@ MX 10 mx\nmx CNAME mx.case.insecure.test.\n_25._tcp.mx TLSA 3 1 1 good", Verified),
    case!("host is a secure alias of an insecure name, wrong at the host", "alias-insecure-wrong.test", "@ MX 10 mx\nmx CNAME mx.case.insecure.test.\n_25._tcp.mx TLSA 3 1 1 foreign", NO_MATCH),
    case!("records behind an alias", "tlsa-alias.test", "@ MX 10 mx\nmx A good\n_25._tcp.mx CNAME _dane\n_dane TLSA 3 1 1 good", Verified),
    case!("records behind an alias into an insecure zone", "tlsa-alias-insecure.test", "@ MX 10 mx\nmx A good\n_25._tcp.mx CNAME _25._tcp.mx.case.insecure.test.", NoRecords),
    case!("records by a wildcard", "wildcard.test", "@ MX 10 mx\nmx A good\n*._tcp.mx TLSA 3 1 1 good", Verified),
    case!("mail domain is an alias, leaf named after its end", "domain-alias.test", "@ CNAME ta-nexthop.test.", Verified),
    case!("no MX, records at the domain", "implicit-mx.test", "@ A good\n_25._tcp TLSA 3 1 1 good", Verified),
    // What DNS says, or does not, RFC 7672 §2.1 and §2.2.
    case!("no such name (NXDOMAIN, secure)", "no-tlsa.test", "good", [], NoRecords),
    case!("no such record (NODATA, secure)", "tlsa-nodata.test", "@ MX 10 mx\nmx A good\n_25._tcp.mx TXT none", NoRecords),
    case!("TLSA bogus", "tlsa-bogus.test", "good", [], LookupError),
    case!("TLSA SERVFAIL", "tlsa-servfail.test", "good", [], LookupError),
    case!("MX bogus", "case.bogus.test", "good", ["3 1 1 good"], NotReached),
    case!("MX secure, host bogus", "host-bogus.test", "@ MX 10 mx.case.bogus.test.", NotReached),
    case!("everything in an insecure zone", "case.insecure.test", "good", ["3 1 1 foreign"], NoRecords),
    case!("MX secure, host insecure", "host-insecure.test", "@ MX 10 mx.case.insecure.test.", NoRecords),
    case!("MX insecure, host secure", "mx-insecure.insecure.test", "@ MX 10 mx.ee-key.test.", Trusted),
    case!("MX insecure, host secure, another key", "mx-insecure-wrong.insecure.test", "@ MX 10 mx.ee-mismatch.test.", NO_MATCH),
    // More than one exchange, and none with STARTTLS.
    case!("two exchanges: the first, another key", "two-exchanges.test", "@ MX 10 mx\n@ MX 20 mx2\nmx A good\nmx2 A bare\n_25._tcp.mx TLSA 3 1 1 foreign\n_25._tcp.mx2 TLSA 3 1 1 good", NO_MATCH),
    case!("two exchanges: the second", "[mx2.two-exchanges.test]", "", Verified),
    case!("STARTTLS not offered", "no-starttls.test", "plain", ["3 1 1 good"], NoStarttls),
];
