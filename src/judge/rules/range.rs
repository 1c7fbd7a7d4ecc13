//! Which versions, suites and groups does the server speak?
//!
//! Old versions and dated suites are notices: with an MX most senders choose
//! between them and clear text, not between them and something better (RFC 7435).
//! Each rests on the sessions in which the server picked what is named.

use crate::judge::catalogue::{self as catalogue, Entry, on_address};
use crate::judge::closer::Closer;
use crate::model::finding::Finding;
use crate::model::range::{TlsRange, VersionRange};
use crate::tls::range::suites;

/// A prime below this is weak (RFC 9325 §4.1).
const DH_BITS: u32 = 2048;
/// Suites that a sentence names.
const NAMED: usize = 4;

pub(super) fn findings(closer: &Closer) -> Vec<Finding> {
    let rules = [old_versions, no_tls13, broken_suites, dated_suites, weak_dh, no_forward_secrecy];
    let ranges = closer.ranges.iter().flatten();
    ranges.flat_map(|range| rules.iter().filter_map(|rule| rule(range))).collect()
}

fn raised(entry: &Entry, range: &TlsRange, explanation: String) -> Finding {
    let subject = on_address(&range.host, range.ip);
    entry.raised(subject, range.observations.clone(), explanation)
}

fn label(range: &TlsRange) -> String {
    if range.host == range.ip.to_string() {
        return range.host.clone();
    }
    format!("{} [{}]", range.host, range.ip)
}

fn spoken(range: &TlsRange) -> impl Iterator<Item = &VersionRange> {
    range.versions.iter().filter(|version| version.accepted == Some(true))
}

fn old_versions(range: &TlsRange) -> Option<Finding> {
    let is_old =
        |version: &&VersionRange| !matches!(version.version.as_str(), "TLSv1.2" | "TLSv1.3");
    let old: Vec<&str> =
        spoken(range).filter(is_old).map(|version| version.version.as_str()).collect();
    let text = format!("{} still speaks {}.", label(range), old.join(", "));
    (!old.is_empty()).then(|| raised(&catalogue::OLD_TLS_VERSIONS, range, text))
}

fn no_tls13(range: &TlsRange) -> Option<Finding> {
    let newest = range.versions.first().filter(|version| version.accepted == Some(false))?;
    let best = spoken(range).next()?;
    let text = format!("{} does not speak {}, but {}.", label(range), newest.version, best.version);
    Some(raised(&catalogue::NO_TLS13, range, text))
}

fn broken_suites(range: &TlsRange) -> Option<Finding> {
    suites_that(range, suites::is_broken).map(|names| {
        let text = format!("{} lets senders use {names}.", label(range));
        raised(&catalogue::BROKEN_CIPHER_SUITES, range, text)
    })
}

fn dated_suites(range: &TlsRange) -> Option<Finding> {
    let dated = |suite| {
        (suites::is_triple_des(suite) || suites::is_anonymous(suite)) && !suites::is_broken(suite)
    };
    suites_that(range, dated).map(|names| {
        let text = format!("{} lets senders use {names}.", label(range));
        raised(&catalogue::DATED_CIPHER_SUITES, range, text)
    })
}

fn weak_dh(range: &TlsRange) -> Option<Finding> {
    let bits = range.dh_bits.filter(|bits| *bits < DH_BITS)?;
    let text = format!("{} agrees on keys with a prime of {bits} bits.", label(range));
    Some(raised(&catalogue::WEAK_DH_GROUP, range, text))
}

fn no_forward_secrecy(range: &TlsRange) -> Option<Finding> {
    let known = range.versions.iter().all(|version| version.complete);
    let mut names = spoken(range).flat_map(|version| &version.suites).peekable();
    names.peek()?;
    let secret = |name: &String| suites::named(name).is_none_or(suites::has_forward_secrecy);
    if !known || names.any(secret) {
        return None;
    }
    let text = format!("No suite of {} has forward secrecy.", label(range));
    Some(raised(&catalogue::NO_FORWARD_SECRECY, range, text))
}

/// The names of the suites of a kind, the first of them in full; `None` without any.
fn suites_that(range: &TlsRange, of_kind: impl Fn(u16) -> bool) -> Option<String> {
    let mut found: Vec<&str> = Vec::new();
    for name in spoken(range).flat_map(|version| &version.suites) {
        if suites::named(name).is_some_and(&of_kind) && !found.contains(&name.as_str()) {
            found.push(name);
        }
    }
    let shown = found.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match found.len().checked_sub(NAMED) {
        _ if found.is_empty() => None,
        Some(more @ 1..) => Some(format!("{shown} and {more} more")),
        _ => Some(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Severity;

    fn version(name: &str, suites: &[&str]) -> VersionRange {
        VersionRange {
            version: name.into(),
            accepted: Some(!suites.is_empty()),
            suites: suites.iter().map(ToString::to_string).collect(),
            complete: true,
            server_preference: None,
        }
    }

    fn range(versions: Vec<VersionRange>) -> TlsRange {
        TlsRange {
            host: "mx.example.net".into(),
            ip: [192, 0, 2, 1].into(),
            sessions: 9,
            observations: vec!["o3".into(), "o4".into()],
            complete: true,
            versions,
            groups: None,
            groups_complete: None,
            dh_bits: None,
            compression: None,
            secure_renegotiation: None,
            extended_master_secret: None,
        }
    }

    fn found(range: TlsRange) -> Vec<(String, Severity)> {
        let closer = Closer { injections: None, ranges: Some(vec![range]) };
        let found = findings(&closer);
        assert!(found.iter().all(|finding| finding.evidence == ["o3", "o4"]));
        found.into_iter().map(|finding| (finding.id, finding.severity)).collect()
    }

    const GOOD: &str = "TLS_AES_128_GCM_SHA256";
    const STATIC: &str = "TLS_RSA_WITH_AES_128_CBC_SHA";

    #[test]
    fn a_modern_server_has_nothing_to_object_to() {
        let ecdhe = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        let modern = vec![
            version("TLSv1.3", &[GOOD]),
            version("TLSv1.2", &[ecdhe]),
            version("TLSv1.1", &[]),
        ];
        assert_eq!(found(range(modern)), []);
    }

    #[test]
    fn each_weakness_has_its_finding_and_its_severity() {
        let one = |versions, id: &str, severity| {
            assert_eq!(found(range(versions)), [(id.to_owned(), severity)], "{id}");
        };
        let modern = || version("TLSv1.3", &[GOOD]);
        one(vec![modern(), version("TLSv1.0", &[STATIC])], "old-tls-versions", Severity::Notice);
        for suite in [
            "TLS_RSA_WITH_RC4_128_SHA",
            "TLS_RSA_WITH_NULL_SHA256",
            "TLS_DH_anon_EXPORT_WITH_RC4_40_MD5",
        ] {
            let old = version("TLSv1.2", &[suite]);
            one(vec![modern(), old], "broken-cipher-suites", Severity::Warning);
        }
        for suite in ["TLS_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"] {
            let old = version("TLSv1.2", &[suite]);
            one(vec![modern(), old], "dated-cipher-suites", Severity::Notice);
        }
        let weak = TlsRange { dh_bits: Some(1024), ..range(vec![modern()]) };
        assert_eq!(found(weak), [("weak-dh-group".to_owned(), Severity::Warning)]);
    }

    #[test]
    fn what_was_not_measured_raises_nothing() {
        let unknown = |name| VersionRange { accepted: None, complete: false, ..version(name, &[]) };
        let static_only = version("TLSv1.2", &[STATIC]);
        assert_eq!(found(range(vec![unknown("TLSv1.3"), static_only.clone()])), []);
        let refused = version("TLSv1.3", &[]);
        let cut_short = VersionRange { complete: false, ..static_only.clone() };
        let ids = |range| found(range).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(ids(range(vec![refused.clone(), cut_short])), ["tls13-missing"]);
        let known = range(vec![refused, static_only]);
        assert_eq!(ids(known), ["tls13-missing", "forward-secrecy-missing"]);
    }
}
