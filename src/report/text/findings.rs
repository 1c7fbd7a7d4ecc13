//! The claims: severity, what was seen, what else it could be, what to do.
//!
//! Owns their order and layout. Refuses to add a word of its own judgement.

use crate::model::finding::{Finding, Subject};
use crate::model::report::TargetReport;
use crate::report::page::{Line, Page, Tone};

use super::words;

/// Writes the findings, the gravest first; those that differ only in their
/// subject are written once.
pub(super) fn write(page: &mut Page, target: &TargetReport, verbose: u8) {
    if target.findings.is_empty() {
        return;
    }
    page.heading("Findings");
    let mut findings: Vec<&Finding> = target.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        match groups.iter_mut().find(|group| group.iter().any(|other| alike(other, finding))) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    for group in &groups {
        write_group(page, group, verbose);
    }
}

fn alike(one: &Finding, other: &Finding) -> bool {
    one.id == other.id
        && one.severity == other.severity
        && one.confidence == other.confidence
        && one.explanation == other.explanation
        && one.alternatives == other.alternatives
        && one.remedy == other.remedy
}

fn write_group(page: &mut Page, group: &[&Finding], verbose: u8) {
    let Some(finding) = group.first() else { return };
    let (tone, severity) = words::severity(finding.severity);
    let mut title = Line::of(tone, severity).plain(" ").toned(Tone::Strong, &finding.id);
    if let Some(confidence) = finding.confidence {
        title = title.plain(" (").plain(words::confidence(confidence)).plain(")");
    }
    let mut separator = " ";
    for subject in group.iter().map(|finding| &finding.subject) {
        if subject.host.is_some() || subject.ip.is_some() {
            title = title.plain(separator).joined(subject_name(subject));
            separator = ", ";
        }
    }
    page.hanging(2, 2, &title);
    page.paragraph(4, &Line::new().plain(&finding.explanation).sentence());
    for alternative in &finding.alternatives {
        let line = Line::of(Tone::Faint, "could also be: ").plain(alternative);
        page.hanging(4, 2, &line.sentence());
    }
    if let Some(remedy) = &finding.remedy {
        page.hanging(4, 2, &Line::of(Tone::Faint, "what to do: ").plain(remedy).sentence());
    }
    if verbose > 0 {
        let mut evidence: Vec<&str> =
            group.iter().flat_map(|finding| &finding.evidence).map(String::as_str).collect();
        evidence.dedup();
        page.hanging(4, 2, &Line::of(Tone::Faint, &format!("evidence: {}", evidence.join(" "))));
    }
}

fn subject_name(subject: &Subject) -> Line {
    let host = subject.host.as_deref().unwrap_or_default();
    match subject.ip {
        Some(ip) if host.is_empty() || host == ip.to_string() => {
            Line::new().plain(&format!("[{ip}]"))
        }
        Some(ip) => Line::new().name(host).plain(&format!(" [{ip}]")),
        None => Line::new().name(host),
    }
}
