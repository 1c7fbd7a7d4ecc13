//! Words for the values of the model.
//!
//! Owns the wording that several parts of the text share. Refuses to know layout.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::model::finding::Severity;
use crate::model::report::{ProbeReport, TargetReport};
use crate::model::route::Dnssec;
use crate::model::session::StarttlsOutcome;
use crate::model::tls::OcspStatus;
use crate::model::verdict::{Confidence, Place, Status};
use crate::report::page::Tone;

/// The verdict's word, as in the JSON report.
pub(in crate::report) fn status(status: Status) -> &'static str {
    match status {
        Status::Intercepted => "intercepted",
        Status::Stripped => "stripped",
        Status::PolicyFailed => "policy-failed",
        Status::TlsBroken => "tls-broken",
        Status::Inconsistent => "inconsistent",
        Status::Intact => "intact",
        Status::NotOffered => "not-offered",
        Status::Blocked => "blocked",
        Status::Unreachable => "unreachable",
        Status::NoMail => "no-mail",
        Status::Unresolvable => "unresolvable",
        Status::Inconclusive => "inconclusive",
    }
}

/// How it stands out.
pub(super) fn status_tone(status: Status) -> Tone {
    match status {
        Status::Intact => Tone::Good,
        Status::NoMail => Tone::Strong,
        Status::Intercepted
        | Status::Stripped
        | Status::PolicyFailed
        | Status::TlsBroken
        | Status::NotOffered => Tone::Bad,
        Status::Inconsistent
        | Status::Blocked
        | Status::Unreachable
        | Status::Unresolvable
        | Status::Inconclusive => Tone::Doubtful,
    }
}

/// How sure.
pub(in crate::report) fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Suspected => "suspected",
        Confidence::Corroborated => "corroborated",
        Confidence::Proven => "proven",
    }
}

/// Where the cause seems to be.
pub(in crate::report) fn place(place: Place) -> &'static str {
    match place {
        Place::NearVantage => "near this vantage point: other destinations show it too",
        Place::NearDestination => "near the destination: every vantage point shows it",
        Place::FamilyPath => "over one address family only",
        Place::Node => "at one address of several",
    }
}

/// The reason of a verdict in words; one that is unknown here, as of another
/// version, is quoted as a name.
pub(super) fn because(status: Status, because: &str) -> Cow<'_, str> {
    if let Some(code) = because.strip_prefix("greeting-").filter(|code| is_code(code)) {
        return format!("the greeting was a refusal ({code})").into();
    }
    match known_reason(status, because) {
        Some(words) => words.into(),
        None => format!("a reason named \"{because}\"").into(),
    }
}

fn is_code(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn known_reason(status: Status, because: &str) -> Option<&'static str> {
    Some(match (status, because) {
        (_, "nxdomain") => "the name does not exist (NXDOMAIN)",
        (_, "servfail") => "the resolver failed (SERVFAIL)",
        (_, "bogus") => "the DNSSEC signatures do not hold (bogus)",
        (_, "timeout") => "no answer in time",
        (_, "resolver-unreachable") => "the resolver could not be reached",
        (_, "dns-error") => "the lookup failed",
        (_, "mx-without-address") => "no MX host has an address",
        (_, "null-mx") => "null MX (RFC 7505)",
        (_, "no-mx-no-address") => "there is neither an MX record nor an address",
        (_, "legacy-only") => "only TLS versions or key exchanges that modern senders refuse",
        (_, "interrupted") => "the run was interrupted",
        (_, "ipv4-unusable") => "this machine has no working IPv4",
        (_, "ipv6-unusable") => "this machine has no working IPv6",
        (_, "refused") => "connection refused",
        (_, "reset") => "connection reset",
        (_, "connect-timeout") => "no connection in time",
        (_, "greeting-timeout") => "no greeting in time",
        (_, "closed-before-greeting") => "closed before the greeting",
        (_, "network-unreachable") => "no route, or prohibited on the way",
        (_, "local-error") => "a problem at this end",
        (Status::TlsBroken, "handshake-cut-off") => "TLS handshakes were cut off",
        (_, "handshake-cut-off") => "the TLS handshake was cut off, once",
        (_, "stalled-after-greeting") => "the session stopped after the greeting",
        (_, "stalled-at-starttls") => "STARTTLS was not answered",
        (Status::TlsBroken, "starttls-tempfailed") => "STARTTLS was refused for now, each time",
        (_, "starttls-tempfailed") => "STARTTLS was refused for now",
        (_, "ehlo-refused") => "EHLO was refused, and HELO offers nothing",
        (_, "starttls-on-greeting-line") => "STARTTLS stands on the greeting line",
        (_, "flapping") => "the answers differ from session to session",
        (_, "key-by-family") => "the keys of the two families differ, and one is not trusted",
        (_, "seen-elsewhere") => "another view of the same address shows something else",
        (_, "every-vantage") => "every vantage point sees it alike",
        (_, "dns-differs") => "DNS leads the vantage points to different servers",
        (_, "mirror") => "the mirror's own transcripts show it",
        (_, "ehlo-name") => "the offer follows the EHLO name",
        (_, "starttls-refused") => "STARTTLS was refused",
        (_, "starttls-unexpected-code") => {
            "STARTTLS was answered with a code that RFC 3207 does not know"
        }
        (_, "starttls-swallowed") => "STARTTLS was not answered, twice",
        (_, "handshake-refused") => "the server refused the TLS handshake by an alert",
        (_, "not-asked") => "no address is of the family that was asked for",
        (_, "not-probed") => "the run ended before",
        (_, "nothing-to-probe") => "there was no address to ask",
        (_, "not-smtp") => "what answered does not speak SMTP",
        (_, "dns-refused") => "the resolver refused to answer (REFUSED)",
        (_, "nodata") => "no such record",
        _ => return how_unkept(because),
    })
}

/// How a promise is not kept (RFC 8460 §4.3, and words of our own).
fn how_unkept(because: &str) -> Option<&'static str> {
    Some(match because {
        "starttls-not-supported" => "TLS is promised, and STARTTLS is not offered or is refused",
        "validation-failure" => "the certificates are not those that were promised",
        "certificate-host-mismatch" => "the certificate is for another name than promised",
        "certificate-not-trusted" => "the certificate does not lead where it was promised to",
        "certificate-expired" => "the promised certificate has expired",
        "promise-denied" => "a promise is kept on one path and denied on another",
        "promise-kept-in-part" => "a promise is kept at some addresses only",
        "mx-not-listed" => "the MTA-STS policy does not list the MX hosts",
        _ => return None,
    })
}

/// How much a finding matters, and how that stands out.
pub(in crate::report) fn severity(severity: Severity) -> (Tone, &'static str) {
    match severity {
        Severity::Critical => (Tone::Bad, "critical"),
        Severity::Warning => (Tone::Doubtful, "warning"),
        Severity::Notice => (Tone::Plain, "notice"),
    }
}

/// The DNSSEC status of an answer.
pub(super) fn dnssec(dnssec: Dnssec) -> &'static str {
    match dnssec {
        Dnssec::Secure => "secure",
        Dnssec::Insecure => "insecure",
        Dnssec::Bogus => "bogus",
        Dnssec::Indeterminate => "indeterminate",
    }
}

/// The source address of a session, where it tells its view from others of the same
/// vantage point.
pub(super) fn telling_source(target: &TargetReport, probe: &ProbeReport) -> Option<IpAddr> {
    let source = probe.source?;
    let mut views = target.views.iter().flatten();
    let tells = views.any(|one| one.vantage == probe.vantage && one.sources.contains(&source));
    tells.then_some(source)
}

/// The view that a session belongs to, `berlin` or `local (192.0.2.7)`; `None`
/// where there was one.
pub(super) fn seen_from(target: &TargetReport, probe: &ProbeReport) -> Option<String> {
    target.views.as_ref().filter(|views| views.len() > 1)?;
    Some(match telling_source(target, probe) {
        Some(source) => format!("{} ({source})", probe.vantage),
        None => probe.vantage.clone(),
    })
}

/// What a stapled OCSP response says.
pub(super) fn ocsp_status(status: OcspStatus) -> &'static str {
    match status {
        OcspStatus::Good => "good",
        OcspStatus::Revoked => "revoked",
        OcspStatus::Unknown => "certificate unknown to the responder",
        OcspStatus::OtherCertificate => "about another certificate",
        OcspStatus::Refused => "the responder refused",
        OcspStatus::Malformed => "not readable",
    }
}

/// What came of STARTTLS.
pub(super) fn starttls_outcome(outcome: StarttlsOutcome) -> &'static str {
    match outcome {
        StarttlsOutcome::NotReached => "not reached",
        StarttlsOutcome::RefusedUnoffered | StarttlsOutcome::Refused => "refused",
        StarttlsOutcome::Tempfailed => "refused for now",
        StarttlsOutcome::UnexpectedCode => "unexpected reply",
        StarttlsOutcome::Accepted | StarttlsOutcome::AcceptedUnoffered => "accepted",
        StarttlsOutcome::NoReply => "no reply",
        StarttlsOutcome::Closed => "closed",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Where the judge's reasons are written down.
    const SOURCES: [&str; 6] = [
        include_str!("../../judge/standing.rs"),
        include_str!("../../judge/claim.rs"),
        include_str!("../../judge/verdict.rs"),
        include_str!("../../judge/dead_end.rs"),
        include_str!("../../judge/promise/keeping.rs"),
        include_str!("../../judge/promise/proof.rs"),
    ];
    /// Literals of these files that are no reasons: what failures of handshakes are
    /// compared with.
    const OTHERS: [&str; 2] = ["alert", "silence"];

    /// Every literal that has the shape of a reason: small letters and digits, and
    /// hyphens between.
    fn reasons() -> BTreeSet<&'static str> {
        let is_word = |word: &str| {
            let mut bytes = word.bytes();
            bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !word.ends_with('-')
        };
        let code = SOURCES.map(|text| text.split("#[cfg(test)]").next().unwrap_or_default());
        let lines = code.into_iter().flat_map(str::lines);
        let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
        let literals = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
        literals.filter(|word| is_word(word) && !OTHERS.contains(word)).collect()
    }

    #[test]
    fn every_reason_that_the_judge_gives_has_words() {
        let reasons = reasons();
        for known in ["greeting-timeout", "null-mx", "flapping", "ehlo-name", "mx-not-listed"] {
            assert!(reasons.contains(known), "the search has lost {known}: {reasons:?}");
        }
        for reason in reasons {
            for status in [Status::Inconclusive, Status::TlsBroken, Status::PolicyFailed] {
                let words = known_reason(status, reason);
                assert!(words.is_some_and(|words| words.contains(' ')), "{reason} has no words");
            }
        }
    }

    #[test]
    fn a_code_or_an_unknown_reason_never_stands_bare() {
        let words = |reason| because(Status::Inconclusive, reason);
        assert_eq!(words("greeting-554"), "the greeting was a refusal (554)");
        assert_eq!(words("greeting-timeout"), "no greeting in time");
        assert_eq!(words("moon-phase"), "a reason named \"moon-phase\"");
    }
}
