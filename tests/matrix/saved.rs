//! The menu from two saved reports, of the same minutes and of different days,
//! against the table of docs/detection.md §5.
//!
//! Each survey of [`views`](crate::views) is cut in two runs of one view each, which
//! are written, read and merged as `mxray compare` does it.

use std::net::IpAddr;
use std::path::Path;

use jiff::SignedDuration;
use mxray::judge::{self, Context, PROGRAM};
use mxray::model::evidence::Evidence;
use mxray::model::probe::LOCAL;
use mxray::model::report::{
    Families, FamilyUse, Report, Run, SCHEMA, TargetReport, Vantage, VantageKind,
};
use mxray::report::json;
use mxray::sim::middlebox::{Behaviour, Refusal};
use mxray::tls::Roots;
use mxray::vantage::merge::{self, Saved};
use mxray::vantage::recorded;

use crate::common::ELSEWHERE;
use crate::views::{CLEAN_SOURCE, claim, ours, seen};
use crate::views_table::{Claim, Controls, Site, ViewsTable};
use crate::world::Seen;

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How much later each run was: the one behind the box, and the other.
const TOGETHER: [SignedDuration; 2] = [SignedDuration::ZERO, SignedDuration::ZERO];
const DAYS_APART: [SignedDuration; 2] = [SignedDuration::ZERO, DAY];
const BOTH_LATER: [SignedDuration; 2] = [DAY, DAY];

/// What the other view saw: the clean vantage point, or the clean source, which was
/// asked over IPv4 only.
fn theirs(evidence: &Evidence, site: Site) -> Evidence {
    let mut evidence = evidence.clone();
    let clean: IpAddr = CLEAN_SOURCE.into();
    let is_theirs = |vantage: &str| site == Site::OneSource || vantage == ELSEWHERE;
    evidence.routes.retain(|route| is_theirs(&route.vantage));
    evidence.observations.retain(|seen| {
        let is_clean = site != Site::OneSource || seen.probe.source == Some(clean);
        is_theirs(&seen.probe.vantage) && is_clean
    });
    for route in &mut evidence.routes {
        LOCAL.clone_into(&mut route.vantage);
    }
    for seen in &mut evidence.observations {
        LOCAL.clone_into(&mut seen.probe.vantage);
    }
    evidence
}

/// The file of a run that one machine made, so much later.
fn file(seen: &Seen, cut: impl Fn(&Evidence) -> Evidence, later: SignedDuration) -> String {
    let at = |evidence: &Evidence| {
        let mut evidence = cut(evidence);
        evidence.elsewhere.clear();
        for seen in &mut evidence.observations {
            seen.started_at += later;
        }
        evidence
    };
    let context = Context { roots: &seen.roots, verify_name: None };
    let own = at(&seen.outcome.evidence[0]);
    let controls: Vec<Evidence> = seen.outcome.controls.iter().map(at).collect();
    let target = judge::judge(&own, &controls, context);
    let started_at = own.observations[0].started_at;
    let vantage = Vantage {
        id: LOCAL.to_owned(),
        kind: VantageKind::Local,
        sources: Vec::new(),
        families: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable },
        clock_offset_ms: Some(0),
        tool: PROGRAM.to_owned(),
        error: None,
        resolver: None,
        recorded: None,
    };
    let run = Run {
        tool: PROGRAM.to_owned(),
        started_at,
        duration_ms: 1000,
        ehlo_names: vec![crate::common::EHLO_NAME.to_owned()],
        trust: seen.roots.describe(),
        verify_name: None,
        vantages: vec![vantage],
        interrupted: false,
    };
    let controls = controls.iter().map(|control| judge::judge(control, &[], context)).collect();
    let report = Report { schema: SCHEMA.to_owned(), run, targets: vec![target], controls };
    json::render(&report).unwrap()
}

/// The runs behind the box and beside it, so much later each.
fn files(seen: &Seen, site: Site, later: [SignedDuration; 2]) -> [String; 2] {
    let [behind, beside] = later;
    let behind = file(seen, |evidence| ours(evidence, site), behind);
    [behind, file(seen, |evidence| theirs(evidence, site), beside)]
}

/// The same, read back.
fn runs(seen: &Seen, site: Site, later: [SignedDuration; 2]) -> [Report; 2] {
    files(seen, site, later).map(|text| json::read(&text).unwrap())
}

fn saved(name: &str, report: &Report, controls: Controls) -> Saved {
    let mut report = report.clone();
    if controls == Controls::NotAsked {
        report.controls.clear();
    }
    Saved { file: name.to_owned(), report }
}

/// What two runs say together.
fn compared(behind: &Report, beside: &Report, controls: Controls) -> TargetReport {
    let reports =
        vec![saved("behind.json", behind, controls), saved("beside.json", beside, controls)];
    let merged = merge::merge(reports).unwrap();
    assert_eq!(merged.remarks, [""; 0]);
    let trust = &merged.report.run.trust;
    let roots = Roots::webpki().with_pem(trust.extra_ca_pem.as_ref().unwrap().as_bytes()).unwrap();
    let evidence = recorded::evidence(&merged.report).unwrap();
    let context = Context { roots: &roots, verify_name: None };
    judge::judge_all(&evidence.targets, &evidence.controls, context).remove(0)
}

fn differing(seen: &Seen, what: &str, found: Claim, wanted: Claim) -> Option<String> {
    (found != wanted).then(|| format!("{}, {what}: {found:?}, not {wanted:?}", seen.name))
}

#[test]
fn the_menu_from_two_saved_reports() {
    let table = ViewsTable::read();
    let mut wrong = Vec::new();
    for (behaviour, site, seen) in seen() {
        let [behind, beside] = runs(seen, *site, TOGETHER);
        let [behind_later, beside_later] = runs(seen, *site, BOTH_LATER);
        for controls in [Controls::Asked, Controls::NotAsked] {
            let wanted = table.expected(*site, controls, *behaviour);
            for (when, behind, beside, wanted) in [
                ("saved", &behind, &beside, wanted.saved),
                ("behind the box a day before", &behind, &beside_later, wanted.days_apart),
                ("beside it a day before", &behind_later, &beside, wanted.days_apart),
            ] {
                let found = compared(behind, beside, controls);
                assert_eq!(found.views.as_ref().map_or(0, Vec::len), 2, "{}", seen.name);
                let what = format!("{controls:?}, {when}");
                wrong.extend(differing(seen, &what, claim(&found), wanted));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Boxes for which more views say more, so that each column of the table is met.
const THROUGH_THE_BINARY: [Behaviour; 3] = [
    Behaviour::DropKeyword,
    Behaviour::DropKeywordRefuse(Refusal::Unrecognized),
    Behaviour::ForeignCertificate,
];

fn by_the_binary(folder: &Path, files: &[String; 2]) -> Claim {
    let paths = ["behind.json", "beside.json"].map(|name| folder.join(name));
    for (path, text) in paths.iter().zip(files) {
        std::fs::write(path, text).unwrap();
    }
    let mut command = crate::program::mxray();
    let output = command.args(["compare", "--json"]).args(&paths).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report = json::read(&text).unwrap();
    claim(&report.targets[0])
}

#[test]
fn mxray_compare_says_what_the_table_says() {
    let table = ViewsTable::read();
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let cases = seen().iter().filter(|(behaviour, ..)| THROUGH_THE_BINARY.contains(behaviour));
    for (behaviour, site, seen) in cases {
        let wanted = table.expected(*site, Controls::Asked, *behaviour);
        for (later, wanted) in [(TOGETHER, wanted.saved), (DAYS_APART, wanted.days_apart)] {
            let found = by_the_binary(folder.path(), &files(seen, *site, later));
            wrong.extend(differing(seen, &format!("later {later:?}"), found, wanted));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
