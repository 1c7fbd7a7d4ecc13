use super::*;
use std::collections::BTreeSet;

#[test]
fn ids_are_unique_and_every_text_is_given() {
    let ids: BTreeSet<_> = CATALOGUE.iter().copied().flatten().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), CATALOGUE.iter().map(|family| family.len()).sum::<usize>());
    for entry in CATALOGUE.iter().copied().flatten() {
        for text in [entry.evidence, entry.remedy].iter().chain(entry.alternatives) {
            assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text}", entry.id);
        }
        assert!(!entry.references.is_empty(), "{}", entry.id);
    }
}

#[test]
fn nobody_is_accused_by_name() {
    for entry in CATALOGUE.iter().copied().flatten() {
        let texts =
            [entry.evidence, entry.remedy].into_iter().chain(entry.alternatives.iter().copied());
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
