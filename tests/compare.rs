//! `mxray compare` as its user meets it, on the reports that are kept.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed helper fails its test"
)]

#[path = "common/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mxray::model::report::{Report, VantageKind};
use mxray::model::verdict::Status;
use mxray::report::json;

fn kept(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/reports/v1");
    folder.join(name).to_str().unwrap().to_owned()
}

fn mxray(arguments: &[&str]) -> Command {
    let mut command = program::mxray();
    command.args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    mxray(arguments).output().unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Exit 2, nothing on standard output, an error and a hint on standard error.
fn refused(files: &[&str]) -> String {
    let output = run(&[&["compare"], files].concat());
    assert_eq!(output.status.code(), Some(2), "{files:?}: {}", err(&output));
    assert_eq!(out(&output), "", "{files:?}");
    let lines: Vec<&str> = err(&output).lines().collect();
    assert_eq!(lines.len(), 2, "{files:?}: {lines:?}");
    assert!(lines[0].starts_with("mxray: error: "), "{lines:?}");
    assert!(lines[1].starts_with("mxray: hint: "), "{lines:?}");
    err(&output).to_owned()
}

fn compared(files: &[&str]) -> Report {
    let output = run(&[&["compare", "--json"], files].concat());
    json::read(out(&output)).unwrap_or_else(|error| panic!("{error}: {}", err(&output)))
}

fn views(report: &Report) -> Vec<&str> {
    report.run.vantages.iter().map(|vantage| vantage.id.as_str()).collect()
}

/// A file of this name with this content, in a folder of its own.
fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path: PathBuf = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn reports_become_views_of_one_report() {
    let report = compared(&[&kept("intact.json"), &kept("promises.json")]);
    assert_eq!(views(&report), ["intact", "promises"]);
    for vantage in &report.run.vantages {
        assert_eq!((vantage.kind, vantage.clock_offset_ms), (VantageKind::Recorded, None));
        let from = vantage.recorded.as_ref().unwrap();
        assert_eq!(from.file, format!("{}.json", vantage.id));
        assert_eq!((from.vantage.as_str(), from.kind), ("local", VantageKind::Local));
    }
    let starts = report.run.vantages.iter().map(|vantage| vantage.recorded.as_ref().unwrap());
    assert_eq!(Some(report.run.started_at), starts.map(|from| from.started_at).min());
    let [target] = &report.targets[..] else { panic!("{:?}", report.targets) };
    assert_eq!(target.routes.len(), 2);
    let ids: Vec<&str> = target.observations.iter().map(|seen| seen.id.as_str()).collect();
    assert_eq!(ids, ["o1", "o2", "o3", "o4"]);
    let seen: BTreeSet<&str> =
        target.observations.iter().map(|seen| seen.probe.vantage.as_str()).collect();
    assert_eq!(seen, ["intact", "promises"].into());
    let known: BTreeSet<&str> = ids.into_iter().collect();
    for finding in &target.findings {
        assert!(finding.evidence.iter().all(|id| known.contains(id.as_str())), "{finding:?}");
    }
    // One of the reports was told of no policy, and the other of one.
    assert!(target.policies.mta_sts.fetch.is_some());
}

#[test]
fn differing_policies_are_told() {
    for (one, other) in [("intact", "promises"), ("promises", "intact")] {
        let names = [one, other].map(|name| kept(&format!("{name}.json")));
        let output = run(&["compare", &names[0], &names[1]]);
        let told = format!("example.net: {other} was told other policies");
        assert!(err(&output).contains(&told), "{}", err(&output));
        // That of the one who was told of a policy; the other trusts another authority.
        assert!(out(&output).contains("MTA-STS"), "{}", out(&output));
        assert!(!out(&output).contains("MTA-STS: none"), "{}", out(&output));
    }
}

#[test]
fn controls_come_along() {
    let report = compared(&[&kept("intact.json"), &kept("stripped.json")]);
    assert_eq!(report.controls.len(), 1);
    assert!(report.controls[0].observations.iter().all(|seen| seen.probe.vantage == "stripped"));
    // One view confirms what the other lacks.
    assert_eq!(report.targets[0].verdict.status, Status::Stripped);
    let found = |id: &str| report.targets[0].findings.iter().any(|finding| finding.id == id);
    assert!(found("starttls-lost-at-view"));
    let cells = report.targets[0].cells.iter().map(|cell| cell.coordinates.vantage.as_str());
    assert_eq!(cells.collect::<BTreeSet<_>>(), ["intact", "stripped"].into());
    let ids = report.targets.iter().chain(&report.controls).flat_map(|target| &target.observations);
    let ids: Vec<&str> = ids.map(|seen| seen.id.as_str()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

#[test]
fn the_text_names_each_file_and_its_time() {
    let (first, second) = (kept("intact.json"), kept("stripped.json"));
    let output = run(&["compare", &first, &second]);
    assert!(!err(&output).contains("policies"), "{}", err(&output));
    let time = |name: &str| {
        let report = json::read(&fs::read_to_string(kept(name)).unwrap()).unwrap();
        report.run.started_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    };
    for name in ["intact", "stripped"] {
        let file = format!("{name}.json");
        let line = format!("{name}: read from {file}, made {}", time(&file));
        assert!(out(&output).contains(&line), "{line}\n{}", out(&output));
    }
    assert!(err(&output).contains("stripped trusted other authorities than intact"));
    let code =
        |when: &str| run(&["compare", "--fail-on", when, &first, &second]).status.code().unwrap();
    assert_eq!(code("notice"), 1);
    assert!([0, 3].contains(&code("never")));
}

#[test]
fn what_is_saved_is_judged_again_to_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("both.json");
    let saved = saved.to_str().unwrap();
    let first =
        run(&["compare", "-q", "--save", saved, &kept("intact.json"), &kept("stripped.json")]);
    assert_eq!(out(&run(&["report", saved])), out(&first));
    let nested = compared(&[saved, &kept("promises.json")]);
    assert_eq!(views(&nested), ["both:intact", "both:stripped", "promises"]);
    // A report and one that it is part of would count one observation twice.
    assert!(refused(&[saved, &kept("intact.json")]).contains("the same observations"));
}

#[test]
fn names_of_views_are_unique() {
    let folder = tempfile::tempdir().unwrap();
    let text = |name: &str| fs::read(kept(name)).unwrap();
    let a = file(folder.path(), "x/a.json", text("intact.json"));
    let b = file(folder.path(), "y/a.json", text("stripped.json"));
    let c = file(folder.path(), "local.json", text("promises.json"));
    assert_eq!(views(&compared(&[&a, &b, &c])), ["x/a", "y/a", "local-2"]);
    // Each is told apart from the other in the text as well.
    let told = run(&["compare", "-q", &a, &b]);
    assert!(out(&told).contains("203.0.113.1 from x/a"), "{}", out(&told));
    assert!(out(&told).contains("y/a: read from y/a.json, made "), "{}", out(&told));
    // And where folders are called alike, by number.
    let d = file(folder.path(), "z/x/a.json", text("promises.json"));
    assert_eq!(views(&compared(&[&a, &d])), ["x/a", "x/a-2"]);
    let [one, other] =
        ["x.1/proof", "x.2/proof"].map(|name| file(folder.path(), name, text("intact.json")));
    assert!(refused(&[&one, &other]).contains("x.1/proof and x.2/proof hold the same"));
    let bare = file(folder.path(), ".hidden", text("promises.json"));
    assert_eq!(views(&compared(&[&a, &bare])), ["a", ".hidden"]);
    let wild = file(folder.path(), "\x1b[2J\u{202e}.json", text("promises.json"));
    let output = run(&["compare", &a, &wild]);
    let shown = format!("{}{}", out(&output), err(&output));
    assert!(shown.chars().all(|letter| letter == '\n' || !letter.is_control()), "{shown:?}");
    assert!(!shown.contains('\u{202e}'));
}

#[test]
fn a_file_called_like_the_view_of_another_report_is_a_view_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let both = folder.path().join("both.json");
    let both = both.to_str().unwrap();
    run(&["compare", "-q", "--save", both, &kept("intact.json"), &kept("stripped.json")]);
    let like = file(folder.path(), "both:intact.json", fs::read(kept("promises.json")).unwrap());
    let names = ["both:intact", "both:stripped", "both:intact-2"];
    assert_eq!(views(&compared(&[both, &like])), names);
    let names = ["both:intact", "both-2:intact", "both-2:stripped"];
    assert_eq!(views(&compared(&[&like, both])), names);
}

#[test]
fn two_observations_of_one_name_are_evidence_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read_to_string(kept("intact.json")).unwrap();
    let forged = whole.replace("\"o2\"", "\"o1\"");
    assert_ne!(forged, whole);
    let forged = file(folder.path(), "forged.json", forged);
    let told = refused(&[&forged, &kept("promises.json")]);
    assert!(
        told.contains("forged.json: two observations of ") && told.contains("\"o1\""),
        "{told}"
    );
    assert_eq!(run(&["report", &forged]).status.code(), Some(2));
}

#[test]
fn reports_come_from_standard_input_as_well() {
    let mut child = mxray(&["compare", "-q", "--json", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    for name in ["intact.json", "stripped.json"] {
        input.write_all(&fs::read(kept(name)).unwrap()).unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(views(&json::read(out(&output)).unwrap()), ["stdin", "stdin-2"]);
}

#[test]
fn what_cannot_be_compared_is_named() {
    let (intact, no_mail) = (kept("intact.json"), kept("no-mail.json"));
    for files in [&[&*intact][..], &[&intact, &no_mail], &[&no_mail]] {
        let told = refused(files);
        assert!(told.contains("nothing can be compared"), "{files:?}");
        for (file, about) in [(&intact, "intact: example.net"), (&no_mail, "no-mail: ")] {
            let named = files.contains(&file.as_str());
            assert_eq!(told.contains(about), named, "{files:?}: {told}");
        }
    }
    assert!(refused(&[&intact, &intact]).contains("named twice"));
    assert!(refused(&["-", "-"]).contains("standard input is named twice"));
    let folder = tempfile::tempdir().unwrap();
    let copy = file(folder.path(), "copy.json", fs::read(&intact).unwrap());
    assert!(refused(&[&intact, &copy]).contains("intact and copy hold the same observations"));
}

#[test]
fn a_run_that_was_interrupted_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = json::read(&fs::read_to_string(kept("injection.json")).unwrap()).unwrap();
    report.run.interrupted = true;
    let cut = file(folder.path(), "cut.json", json::render(&report).unwrap());
    let output = run(&["compare", &kept("views.json"), &cut]);
    let told = "warning: cut was interrupted";
    assert!(err(&output).contains(told), "{}", err(&output));
    let whole = run(&["compare", &kept("views.json"), &kept("injection.json")]);
    assert!(!err(&whole).contains("interrupted"), "{}", err(&whole));
}

#[test]
fn what_is_no_report_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let intact = kept("intact.json");
    let whole = fs::read_to_string(&intact).unwrap();
    let other = whole.replacen("mxray/report/1", "mxray/report/2", 1);
    let tlsa = whole.replacen("mxray/report/1", "mxray/tlsa/1", 1);
    let strange = r#"{"tool": "checktls", "result": "ok"}"#;
    let mut torn = whole.clone();
    torn.truncate(whole.len() / 2);
    let trailing = format!("{whole}And more.");
    for (name, content, word) in [
        ("empty.json", "", "not a report"),
        ("strange.json", strange, "schema"),
        ("text.json", "220 mx.example.net ESMTP", "not a report"),
        ("other.json", &other, "mxray/report/2"),
        ("tlsa.json", &tlsa, "mxray/tlsa/1"),
        ("torn.json", &torn, "not a report"),
        ("trailing.json", &trailing, "not a report"),
    ] {
        let bad = file(folder.path(), name, content);
        let message = refused(&[&intact, &bad]);
        assert!(message.contains(name) && message.contains(word), "{name}: {message}");
    }
    let binary = file(folder.path(), "binary.json", [0xff, 0xfe, 0, 1]);
    assert!(refused(&[&intact, &binary]).contains("binary.json"));
    let packed = file(folder.path(), "packed.json.gz", [0x1f, 0x8b, 8, 0, 0, 0]);
    let told = refused(&[&intact, &packed]);
    assert!(told.contains("packed.json.gz is compressed") && told.contains("zcat"), "{told}");
    assert!(refused(&[&intact, "/no/such/report"]).contains("/no/such/report"));
    assert!(refused(&[folder.path().to_str().unwrap()]).contains("cannot read"));
}

#[test]
fn reports_without_evidence_are_told_how_to_have_some() {
    let folder = tempfile::tempdir().unwrap();
    let promises = kept("promises.json");
    let bare = run(&["report", "--json", &promises]);
    let bare = file(folder.path(), "bare.json", &bare.stdout);
    let message = refused(&[&kept("intact.json"), &bare]);
    assert!(message.contains("bare.json: ") && message.contains("--save"), "{message}");
}

#[test]
fn an_authority_that_only_one_run_knew_makes_nothing_foreign() {
    let folder = tempfile::tempdir().unwrap();
    // Each demonstration has an authority of its own.
    let files = ["one.json", "two.json"].map(|name| folder.path().join(name));
    let files = files.map(|file| file.to_str().unwrap().to_owned());
    for file in &files {
        assert_eq!(run(&["demo", "--save", file]).status.code(), Some(0));
    }
    let output = run(&["compare", "--json", &files[0], &files[1]]);
    let report = json::read(out(&output)).unwrap();
    let clean = report.targets.iter().find(|target| target.target == "clean.example").unwrap();
    assert_eq!(clean.verdict.status, Status::Intact, "{}", clean.verdict.summary);
    assert_eq!(report.run.trust.extra_ca_sha256.len(), 2);
}
