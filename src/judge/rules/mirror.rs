//! What the mirror's transcripts show beside ours.
//!
//! Refuses to compare, which `judge::mirror` has done.

use std::collections::HashSet;

use crate::judge::Scene;
use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, Entry, on_address, with_confidence};
use crate::judge::mirror::{self, Mirrored, Seen};
use crate::model::finding::{Finding, Severity, Subject};
use crate::model::mirror::{ByteDifference, DifferenceKind, Direction, MirrorOutcome, NO_MIRROR};
use crate::model::transcript::Ended;
use crate::model::verdict::Confidence;

pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let Some(report) = &scene.mirror else { return Vec::new() };
    let mut found = Vec::new();
    for address in &scene.addresses {
        found.extend(of_address(address, report));
    }
    if let Some(endpoint) = report.read_on_the_way {
        let words = format!(
            "TLS at {endpoint}, where the mirror's transcripts were fetched, was not with the mirror \
             itself. The token vouches for them all the same."
        );
        let entry = catalogue::MIRROR_EXCHANGE_INTERCEPTED;
        found.push(entry.raised(Subject::default(), Vec::new(), words));
    }
    let uncompared = report.compared.iter().filter(|it| it.outcome == MirrorOutcome::NotCompared);
    let uncompared: Vec<String> = uncompared.map(|it| it.observation.clone()).collect();
    if let Some(error) = &report.error {
        let words = format!("The mirror's transcripts could not be had: {error}.");
        let all = report.compared.iter().map(|it| it.observation.clone()).collect();
        let finding = catalogue::MIRROR_UNAVAILABLE.raised(Subject::default(), all, words);
        found.push(Finding { alternatives: innocent(error), ..finding });
    } else if !uncompared.is_empty() {
        let words = format!(
            "For {} of {} sessions with the mirror no recording of the mirror's is known to be of the \
             same session.",
            uncompared.len(),
            report.compared.len()
        );
        found.push(catalogue::MIRROR_UNMATCHED.raised(Subject::default(), uncompared, words));
    }
    found
}

/// What puts the blame for a missing STARTTLS on the server itself.
const BY_SERVER: [&str; 5] = [
    catalogue::HIDDEN_BY_SERVER,
    catalogue::NO_CERTIFICATE_THERE,
    catalogue::NO_KEY_THERE,
    catalogue::HIDDEN_AND_ACCEPTED,
    catalogue::MASKED_BY_SERVER,
];

/// Takes off the explanations that a mirror's own transcript refutes: it has what the
/// server sent, and other bytes came.
pub(super) fn refute(scene: &Scene<'_>, found: &mut [Finding]) {
    let Some(mirrored) = &scene.mirror else { return };
    let changed = scene.addresses.iter().filter(|address| mirrored.shows_loss(address));
    let changed: HashSet<Subject> =
        changed.map(|address| on_address(&address.host, address.ip)).collect();
    for finding in found.iter_mut().filter(|finding| changed.contains(&finding.subject)) {
        finding.alternatives.retain(|one| !BY_SERVER.contains(&one.as_str()));
    }
}

/// What may explain that no transcripts could be had, by what the attempts met.
fn innocent(error: &str) -> Vec<String> {
    let known = [
        (Ended::Timeout.words(), catalogue::EXCHANGE_DROPPED),
        (Ended::Refused.words(), catalogue::EXCHANGE_REFUSED),
        (NO_MIRROR, catalogue::EXCHANGE_ELSEWHERE),
    ];
    let met = known.into_iter().filter(|(words, _)| error.contains(words));
    met.map(|(_, explanation)| explanation.to_owned()).collect()
}

fn of_address(address: &Address<'_>, mirrored: &Mirrored) -> Vec<Finding> {
    let seen = mirrored.at(address);
    let proven = Some(Confidence::Proven);
    let told: [(Entry, MirrorOutcome, Option<Confidence>); 4] = [
        (catalogue::MIRROR_KEY_DIFFERS, MirrorOutcome::KeyDiffers, proven),
        (catalogue::MIRROR_BYTES_CHANGED, MirrorOutcome::BytesChanged, proven),
        (catalogue::MIRROR_NOT_REACHED, MirrorOutcome::NotReached, mirrored.elsewhere(&seen)),
        (catalogue::MIRROR_CUT_OFF, MirrorOutcome::CutOff, mirror::cut_off(&seen)),
    ];
    let found = told.into_iter().filter_map(|(entry, outcome, confidence)| {
        let these: Vec<_> = seen.iter().filter(|(it, _)| it.outcome == outcome).collect();
        let first = these.first()?;
        let evidence = these.iter().map(|(it, _)| it.observation.clone()).collect();
        let words = words(address, outcome, first);
        let finding = entry.raised(on_address(&address.host, address.ip), evidence, words);
        Some(match confidence {
            Some(confidence) => with_confidence(finding, confidence),
            None => Finding { severity: finding.severity.min(Severity::Warning), ..finding },
        })
    });
    found.collect()
}

fn words(address: &Address<'_>, outcome: MirrorOutcome, (session, _): &Seen<'_, '_>) -> String {
    let label = address.label();
    match outcome {
        MirrorOutcome::KeyDiffers => key_differs(&label, session.tls.as_ref()),
        MirrorOutcome::NotReached => format!(
            "We were greeted at {label}, and the mirror, which knows every session of that time, had \
             none of ours."
        ),
        MirrorOutcome::CutOff => format!(
            "The session with {label} was cut off on the way: {}.",
            session.differences.first().map_or_else(
                || "what we sent for the TLS handshake led to none at the other end".to_owned(),
                difference
            )
        ),
        _ => format!(
            "Between here and {label}, {}.",
            session
                .differences
                .iter()
                .find(|it| it.kind != DifferenceKind::Lost)
                .map_or_else(|| "bytes were changed".to_owned(), difference)
        ),
    }
}

fn key_differs(label: &str, tls: Option<&crate::model::mirror::ComparedTls>) -> String {
    let Some(tls) = tls else { return format!("TLS at {label} was not with the mirror.") };
    match (&tls.seen_sha256, &tls.presented_sha256) {
        (Some(seen), Some(presented)) if seen != presented => format!(
            "At {label} we were shown the certificate {seen}, and the mirror presents {presented}."
        ),
        (None, _) => format!(
            "The mirror completed a TLS handshake in our session with {label}, and we did not."
        ),
        _ => {
            format!("At {label} we were shown the mirror's certificate, without proof of its key.")
        }
    }
}

/// `the 1st line from the mirror, "250-STARTTLS\r\n", arrived as "250-XXXXXXXA\r\n"`, without its
/// subject.
fn difference(difference: &ByteDifference) -> String {
    let ByteDifference { direction, kind, line, sent, received, .. } = difference;
    let way = match direction {
        Direction::ToMirror => "to the mirror",
        Direction::FromMirror => "from the mirror",
    };
    match kind {
        DifferenceKind::Changed => {
            format!("line {line} {way}, \"{sent}\", arrived as \"{received}\"")
        }
        DifferenceKind::Removed => format!("line {line} {way}, \"{sent}\", was taken out"),
        DifferenceKind::Inserted => {
            format!("\"{received}\" was put in before line {line} {way}")
        }
        DifferenceKind::Lost => format!("\"{sent}\" {way} did not arrive whole"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filtered_port_explains_no_answer_of_any_kind() {
        for (error, explanations) in [
            ("203.0.113.62:465: nothing came in time", vec![catalogue::EXCHANGE_DROPPED]),
            ("203.0.113.62:465: connection refused", vec![catalogue::EXCHANGE_REFUSED]),
            (
                "203.0.113.62:25: what answers there is no mirror of mxray: 502 no; \
                 203.0.113.62:465: nothing came in time",
                vec![catalogue::EXCHANGE_DROPPED, catalogue::EXCHANGE_ELSEWHERE],
            ),
            ("203.0.113.62:465: the mirror refuses: 535 5.7.8 not known here", vec![]),
        ] {
            assert_eq!(innocent(error), explanations, "{error}");
        }
        let listed = catalogue::MIRROR_UNAVAILABLE.alternatives;
        assert_eq!(listed.len(), 3, "each of them stands in the catalogue");
    }
}
