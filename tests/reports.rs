//! Saved reports load for ever: those of each earlier program say today what they said.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed helper fails its test")]

use std::fs;
use std::path::{Path, PathBuf};

use mxray::judge::{self, Context};
use mxray::model::report::{Report, TargetReport};
use mxray::model::tls::DaneStatus;
use mxray::model::verdict::{Confidence, Status};
use mxray::report::{json, text};
use mxray::tls::Roots;
use mxray::vantage::recorded;
use serde_json::Value;

/// Largest file that is kept, in bytes.
const LARGEST: u64 = 60_000;

const STYLE: text::Style =
    text::Style { width: 100, colour: false, transcript: true, postfix: true, verbose: 2 };

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/reports/v1");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

fn load(path: &Path) -> Report {
    let text = fs::read_to_string(path).unwrap();
    json::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn named(name: &str) -> Report {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/reports/v1").join(name))
}

/// The targets of a report as today's rules judge them.
fn again(report: &Report) -> Vec<TargetReport> {
    let evidence = recorded::evidence(report).unwrap();
    let pem = report.run.trust.extra_ca_pem.as_deref().unwrap();
    let roots = Roots::webpki().with_pem(pem.as_bytes()).unwrap();
    let context = Context { roots: &roots, verify_name: None };
    judge::judge_all(&evidence.targets, &evidence.controls, context)
}

fn verdicts(targets: &[TargetReport]) -> Vec<(Status, Option<Confidence>)> {
    targets.iter().map(|target| (target.verdict.status, target.verdict.confidence)).collect()
}

#[test]
fn every_report_loads_and_is_judged_to_the_same_verdict() {
    for path in files() {
        let name = path.display();
        assert!(fs::metadata(&path).unwrap().len() < LARGEST, "{name}");
        let report = load(&path);
        let judged = again(&report);
        assert_eq!(verdicts(&judged), verdicts(&report.targets), "{name}");
        let ids = |targets: &[TargetReport]| -> Vec<Vec<String>> {
            let of = |target: &TargetReport| {
                target.observations.iter().map(|seen| seen.id.clone()).collect()
            };
            targets.iter().map(of).collect()
        };
        assert_eq!(ids(&judged), ids(&report.targets), "{name}: nothing was lost");
        let shown = text::render(&Report { targets: judged, ..report.clone() }, &STYLE);
        assert!(shown.starts_with(&report.targets[0].target), "{name}: {shown}");
    }
}

#[test]
fn what_they_say_is_what_they_were_made_for() {
    let says = |name: &str| verdicts(&named(name).targets)[0];
    assert_eq!(says("intact.json"), (Status::Intact, None));
    assert_eq!(says("stripped.json").0, Status::Stripped);
    assert_eq!(says("no-mail.json").0, Status::NoMail);
    assert_eq!(says("promises.json"), (Status::Intact, None));
    assert_eq!(says("first.json").0, Status::Stripped);
    assert!(!named("stripped.json").controls.is_empty());
}

#[test]
fn promises_survive() {
    let judged = again(&named("promises.json"));
    assert_eq!(judged[0].policies.mta_sts.mode.as_deref(), Some("enforce"));
    assert_eq!(judged[0].policies.tls_rpt.rua, ["mailto:tls@example.net"]);
    let exchange = &judged[0].routes[0].exchanges[0];
    assert_eq!(exchange.tlsa.as_ref().unwrap().records.len(), 1);
    let tls = judged[0].observations[0].tls.as_ref().unwrap();
    assert_eq!(tls.dane.as_ref().unwrap().status, DaneStatus::Matched);
}

/// Every object of a report gets a member that no program knows yet.
fn add_everywhere(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(add_everywhere);
            // A free map knows no members that are not its own.
            if !members.contains_key("dane-only") {
                members.insert("of_a_later_program".to_owned(), Value::from("x"));
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(add_everywhere),
        _ => {}
    }
}

#[test]
fn what_a_later_program_adds_is_passed_over() {
    for path in files() {
        let mut value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        add_everywhere(&mut value);
        let report = json::read(&value.to_string());
        let report = report.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(report, load(&path), "{}", path.display());
    }
}

/// Each report as if written before the first optional field was added.
#[test]
fn what_is_null_may_as_well_be_missing() {
    fn without_nulls(value: &mut Value) {
        match value {
            Value::Object(members) => {
                // In a free map a null is a value of its own.
                if !members.contains_key("dane-only") {
                    members.retain(|_, member| !member.is_null());
                }
                members.values_mut().for_each(without_nulls);
            }
            Value::Array(entries) => entries.iter_mut().for_each(without_nulls),
            _ => {}
        }
    }
    for path in files() {
        let mut value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        without_nulls(&mut value);
        assert_eq!(json::read(&value.to_string()).unwrap(), load(&path), "{}", path.display());
    }
}
