//! The exit status: what a script learns without reading the report.
//!
//! Owns the table of docs/report.md. Pure.

use std::process::ExitCode;

use clap::ValueEnum;
use mxray::model::finding::Severity;
use mxray::model::report::{Report, TargetReport};
use mxray::model::verdict::{Confidence, Status, Verdict};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing to object to.
    Fine = 0,
    /// Something is at or above `--fail-on`.
    Found = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Nothing is at or above it, but something could not be determined.
    Undetermined = 3,
    /// Internal or output error.
    Internal = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// From which severity on the exit status is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Mail goes in clear or to someone else, or is refused
    #[default]
    Critical,
    /// Also what will break, is weak, or is a suspicion
    Warning,
    /// Also what is only worth knowing
    Notice,
    /// Nothing
    Never,
}

impl FailOn {
    fn threshold(self) -> Option<Severity> {
        match self {
            Self::Critical => Some(Severity::Critical),
            Self::Warning => Some(Severity::Warning),
            Self::Notice => Some(Severity::Notice),
            Self::Never => None,
        }
    }
}

/// The exit status of a report. Controls don't count: they serve the judgement.
pub(crate) fn of_report(report: &Report, fail_on: FailOn) -> Exit {
    let gravest = report.targets.iter().filter_map(gravest).max();
    if fail_on.threshold().is_some_and(|threshold| gravest >= Some(threshold)) {
        return Exit::Found;
    }
    let unheard = |target: &TargetReport| {
        // The comparison that was asked for was not made.
        target.mirror.as_ref().is_some_and(|mirror| mirror.error.is_some())
    };
    let undetermined = report
        .targets
        .iter()
        .any(|target| is_undetermined(target.verdict.status) || unheard(target));
    let failed = report.run.vantages.iter().any(|vantage| vantage.error.is_some());
    if undetermined || failed || report.run.interrupted { Exit::Undetermined } else { Exit::Fine }
}

/// The gravest of a target's verdict and findings.
fn gravest(target: &TargetReport) -> Option<Severity> {
    let findings = target.findings.iter().map(|finding| finding.severity);
    findings.chain(severity(&target.verdict)).max()
}

/// The severity of a verdict; `None` where it claims nothing bad.
fn severity(verdict: &Verdict) -> Option<Severity> {
    let is_sure = verdict.confidence >= Some(Confidence::Corroborated);
    match verdict.status {
        Status::Intercepted | Status::Stripped if is_sure => Some(Severity::Critical),
        Status::PolicyFailed | Status::TlsBroken | Status::NotOffered => Some(Severity::Critical),
        Status::Intercepted | Status::Stripped | Status::Inconsistent => Some(Severity::Warning),
        Status::Intact
        | Status::NoMail
        | Status::Blocked
        | Status::Unreachable
        | Status::Unresolvable
        | Status::Inconclusive => None,
    }
}

fn is_undetermined(status: Status) -> bool {
    matches!(
        status,
        Status::Blocked | Status::Unreachable | Status::Unresolvable | Status::Inconclusive
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A report whose targets have these verdicts, `status` or `status/confidence`,
    /// and one finding each of the severity given.
    fn report(targets: &[(&str, Option<&str>)]) -> Report {
        let target = |(verdict, finding): &(&str, Option<&str>)| {
            let (status, confidence) = match verdict.split_once('/') {
                Some((status, confidence)) => (status, json!(confidence)),
                None => (*verdict, json!(null)),
            };
            let finding = finding.map(|severity| {
                json!({"id": "x", "severity": severity, "confidence": null,
                    "subject": {"host": null, "ip": null}, "evidence": [], "explanation": "",
                    "alternatives": [], "remedy": null})
            });
            json!({"target": "example.net", "input": "example.net", "unicode": null,
                "verdict": {"status": status, "confidence": confidence, "summary": "",
                    "because": null, "where": null, "reached": 0, "addresses": 0},
                "routes": [], "hosts": [], "observations": [], "cells": [], "contrasts": [],
                "policies": {
                    "mta_sts": {"status": "not-asked", "id": null, "mode": null, "mx": [],
                        "max_age": null, "hosts": [], "error": null},
                    "tls_rpt": {"status": "not-asked", "rua": [], "error": null},
                    "baseline": null},
                "findings": finding.into_iter().collect::<Vec<_>>()})
        };
        serde_json::from_value(json!({"schema": "mxray/report/1",
            "run": {"tool": "mxray", "started_at": "2026-11-21T23:00:00Z", "duration_ms": 1,
                "ehlo_names": [], "vantages": [], "interrupted": false,
                "verify_name": null,
                "trust": {"roots": "webpki-roots", "version": null, "extra_ca_sha256": [],
                    "extra_ca_pem": null}},
            "targets": targets.iter().map(target).collect::<Vec<_>>(), "controls": []}))
        .unwrap()
    }

    fn exit(targets: &[(&str, Option<&str>)], fail_on: FailOn) -> u8 {
        of_report(&report(targets), fail_on) as u8
    }

    #[test]
    fn the_table_of_the_report() {
        for (verdict, by_default, on_warning) in [
            ("intercepted/proven", 1, 1),
            ("stripped/corroborated", 1, 1),
            ("stripped/proven", 1, 1),
            ("policy-failed/suspected", 1, 1),
            ("tls-broken", 1, 1),
            ("not-offered", 1, 1),
            ("intercepted/suspected", 0, 1),
            ("stripped/suspected", 0, 1),
            ("inconsistent/suspected", 0, 1),
            ("intact", 0, 0),
            ("no-mail", 0, 0),
            ("blocked", 3, 3),
            ("unreachable", 3, 3),
            ("unresolvable", 3, 3),
            ("inconclusive", 3, 3),
        ] {
            let target = [(verdict, None)];
            assert_eq!(exit(&target, FailOn::Critical), by_default, "{verdict}");
            assert_eq!(exit(&target, FailOn::Warning), on_warning, "{verdict}");
        }
    }

    #[test]
    fn what_is_found_goes_before_what_is_not_known() {
        let both = [("unreachable", None), ("stripped/proven", None)];
        assert_eq!(exit(&both, FailOn::Critical), 1);
        assert_eq!(exit(&both, FailOn::Never), 3);
        let suspicion = [("inconclusive", None), ("stripped/suspected", None)];
        assert_eq!(exit(&suspicion, FailOn::Critical), 3);
    }

    #[test]
    fn findings_count_by_their_own_severity() {
        let weak = [("intact", Some("warning"))];
        assert_eq!(exit(&weak, FailOn::Critical), 0);
        assert_eq!(exit(&weak, FailOn::Warning), 1);
        let odd = [("intact", Some("notice"))];
        assert_eq!(exit(&odd, FailOn::Warning), 0);
        assert_eq!(exit(&odd, FailOn::Notice), 1);
        assert_eq!(exit(&[("intact", Some("critical"))], FailOn::Never), 0);
    }

    #[test]
    fn a_vantage_point_that_failed_has_not_determined_anything() {
        let with_dead = |targets: &[(&str, Option<&str>)]| {
            let mut report = report(targets);
            let dead = json!({"id": "berlin", "kind": "command", "sources": [],
                "families": {"ipv4": "usable", "ipv6": "usable"}, "clock_offset_ms": 0,
                "tool": "mxray", "error": "it died", "resolver": null});
            report.run.vantages.push(serde_json::from_value(dead).unwrap());
            of_report(&report, FailOn::Critical)
        };
        assert_eq!(with_dead(&[("intact", None)]), Exit::Undetermined);
        assert_eq!(with_dead(&[("stripped/proven", None)]), Exit::Found, "graver");
    }

    #[test]
    fn a_mirror_that_was_not_heard_has_compared_nothing() {
        let with_mirror = |error: serde_json::Value, verdict| {
            let mut report = report(&[(verdict, None)]);
            let mirror = json!({"source": "none", "error": error, "clock_offset_ms": null,
                "complete_since": null, "endpoint": null, "channel_is_shared": null,
                "compared": [], "sessions": null});
            report.targets[0].mirror = Some(serde_json::from_value(mirror).unwrap());
            of_report(&report, FailOn::Critical)
        };
        let refused = json!("192.0.2.27:465: the mirror refuses: 535 5.7.8");
        assert_eq!(with_mirror(refused.clone(), "intact"), Exit::Undetermined);
        assert_eq!(with_mirror(refused, "stripped/proven"), Exit::Found, "graver");
        assert_eq!(with_mirror(json!(null), "intact"), Exit::Fine);
    }

    #[test]
    fn an_interrupted_run_has_not_determined_everything() {
        let mut report = report(&[("intact", None)]);
        report.run.interrupted = true;
        assert_eq!(of_report(&report, FailOn::Critical), Exit::Undetermined);
        report.targets.clear();
        report.run.interrupted = false;
        assert_eq!(of_report(&report, FailOn::Critical), Exit::Fine);
    }
}
