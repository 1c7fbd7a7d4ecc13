//! Saved reports load for ever: those of each earlier program say today what they said.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed helper fails its test")]

#[path = "common/program.rs"]
mod program;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use mxray::judge::{self, Context};
use mxray::model::injection::InjectionOutcome;
use mxray::model::mirror::MirrorOutcome;
use mxray::model::report::{Report, TargetReport, VantageKind};
use mxray::model::tls::{DaneStatus, OcspStatus};
use mxray::model::verdict::{Confidence, Status};
use mxray::report::{json, text};
use mxray::tls::Roots;
use mxray::vantage::recorded;
use serde_json::Value;

/// Largest file that is kept, in bytes.
const LARGEST: u64 = 80_000;

const STYLE: text::Style =
    text::Style { width: 100, colour: false, transcript: true, postfix: true, verbose: 2 };

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/reports/v1");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    assert!(files.len() >= 11, "{files:?}");
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
    let pem = report.run.trust.extra_ca_pem.as_deref();
    let roots = Roots::webpki();
    let roots =
        pem.map_or_else(|| roots.clone(), |pem| roots.clone().with_pem(pem.as_bytes()).unwrap());
    let context = Context { roots: &roots, verify_name: report.run.verify_name.as_deref() };
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
    assert_eq!(says("views.json"), (Status::Stripped, Some(Confidence::Corroborated)));
    assert_eq!(says("compared.json"), (Status::Stripped, Some(Confidence::Corroborated)));
}

#[test]
fn views_of_every_kind_survive() {
    let report = named("views.json");
    let kinds: Vec<VantageKind> = report.run.vantages.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [VantageKind::Local, VantageKind::Command, VantageKind::Socks5]);
    let judged = again(&report);
    // Two source addresses of this machine, the agent and the proxy.
    let views = judged[0].views.as_ref().unwrap();
    assert_eq!(views.len(), 4, "{views:?}");
    let found = |id: &str| judged[0].findings.iter().any(|finding| finding.id == id);
    assert!(found("starttls-lost-at-view"));
    let compared = named("compared.json");
    assert!(compared.run.vantages.iter().all(|it| it.recorded.is_some()));
    assert_eq!(again(&compared)[0].views, compared.targets[0].views);
}

#[test]
fn closer_looks_survive() {
    let [injection, range, revoked, mirror] = ["injection", "range", "revoked", "mirror"]
        .map(|name| again(&named(&(name.to_owned() + ".json"))));
    let tests = injection[0].injections.as_ref().unwrap();
    assert_eq!((tests.len(), tests[0].outcome), (1, InjectionOutcome::Clear));
    let ranges = range[0].tls_ranges.as_ref().unwrap();
    assert!(ranges.len() == 1 && ranges[0].complete && ranges[0].versions.len() >= 2, "{ranges:?}");
    assert_eq!(range[0].tls_ranges, named("range.json").targets[0].tls_ranges);
    let staple = revoked[0].observations[0].tls.as_ref().unwrap().ocsp.as_ref().unwrap();
    assert_eq!((staple.status, staple.signed), (OcspStatus::Revoked, Some(true)));
    assert!(revoked[0].findings.iter().any(|finding| finding.id == "certificate-revoked"));
    let compared = &mirror[0].mirror.as_ref().unwrap().compared;
    assert_eq!(compared.len(), 3);
    assert!(compared.iter().all(|one| one.outcome == MirrorOutcome::Identical), "{compared:?}");
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
#[test]
fn what_nobody_would_wait_for_is_refused() {
    let mut report = named("stripped.json");
    let target = &mut report.targets[0];
    let one = target.observations[0].clone();
    target.observations = (0..recorded::MOST_ADDRESSES)
        .map(|place| {
            let mut seen = one.clone();
            seen.id = format!("o{place}");
            let place = u32::try_from(place).unwrap();
            seen.probe.ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + place).into();
            seen
        })
        .collect();
    assert!(recorded::evidence(&report).is_ok());
    let mut more = one;
    more.id = "more".to_owned();
    report.targets[0].observations.push(more);
    let refusal = recorded::evidence(&report).unwrap_err().to_string();
    assert!(refusal.contains("has 4097 addresses, and no more than 4096"), "{refusal}");
}

/// What a report of a run is refused for once it was changed so.
fn refusal(change: impl FnOnce(&mut Report)) -> Option<String> {
    let mut report = named("stripped.json");
    change(&mut report);
    recorded::evidence(&report).err().map(|error| error.to_string())
}

#[test]
fn every_count_of_a_report_is_capped() {
    fn grow<T: Clone>(list: &mut Vec<T>, length: usize) {
        let one = list[0].clone();
        list.resize(length, one);
    }
    type Change = fn(&mut Report, usize);
    let changes: [(&str, usize, Change); 5] = [
        ("vantage points", recorded::MOST_VANTAGES, |it, many| grow(&mut it.run.vantages, many)),
        ("controls", recorded::MOST_CONTROLS, |it, many| grow(&mut it.controls, many)),
        ("routes", recorded::MOST_VANTAGES, |it, many| grow(&mut it.targets[0].routes, many)),
        ("MX hosts in one route", recorded::MOST_EXCHANGES, |it, many| {
            grow(&mut it.targets[0].routes[0].exchanges, many);
        }),
        ("addresses in its routes", recorded::MOST_NAMED, |it, many| {
            let route = &mut it.targets[0].routes[0];
            route.exchanges.truncate(1);
            route.exchanges[0].ipv6.addresses.clear();
            grow(&mut route.exchanges[0].ipv4.addresses, many);
        }),
    ];
    for (what, most, change) in changes {
        assert_eq!(refusal(|report| change(report, most)), None, "{what}");
        let said = refusal(|report| change(report, most + 1)).unwrap();
        let words = format!("has {} {what}, and no more than {most} are judged", most + 1);
        assert!(said.contains(&words), "{said}");
    }
}

/// Many sources of one family and one of the other: the one serves each view again.
#[expect(clippy::indexing_slicing, reason = "a failed helper fails its test")]
fn asked_from(report: &mut Report, sources: usize, with_ipv6: usize) {
    let target = &mut report.targets[0];
    let mut one = target.observations[0].clone();
    one.transcript.as_mut().unwrap().retain(|entry| entry.event.as_deref() != Some("connected"));
    let seen = |place: usize, ip: IpAddr, source: IpAddr| {
        let mut seen = one.clone();
        seen.id = format!("{ip}-{place}");
        (seen.probe.ip, seen.probe.source) = (ip, Some(source));
        seen
    };
    let numbered = |place: usize| {
        Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + u32::try_from(place).unwrap())
    };
    let ipv4 = (0..sources)
        .map(|place| seen(place, Ipv4Addr::new(203, 0, 113, 1).into(), numbered(place).into()));
    let [host, own] = ["2001:db8::1", "2001:db8::2"].map(|ip| ip.parse().unwrap());
    let ipv6 = (0..with_ipv6).map(|place| seen(place, host, own));
    target.observations = ipv4.chain(ipv6).collect();
}

#[test]
fn views_and_what_is_seen_in_them_are_capped() {
    let most = recorded::MOST_SOURCES;
    assert_eq!(refusal(|report| asked_from(report, most, 0)), None);
    let said = refusal(|report| asked_from(report, most + 1, 0)).unwrap();
    assert!(said.contains("has 1025 source addresses, and no more than 1024"), "{said}");
    // 1000 views have each of these.
    let fitting = (recorded::MOST_SEEN - 1000) / 1000;
    assert_eq!(refusal(|report| asked_from(report, 1000, fitting)), None);
    let said = refusal(|report| asked_from(report, 1000, fitting + 1)).unwrap();
    assert!(said.contains("observations in all of its views"), "{said}");
}

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

/// What `mxray COMMAND FILE…` says on standard error; it exits with 2 and prints nothing.
fn refused(command: &str, files: &[&Path]) -> String {
    let mut program = program::mxray();
    let output = program.arg(command).args(files).stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{command} {files:?}: {told}");
    assert!(output.stdout.is_empty(), "{command} {files:?}");
    told
}

/// What a file may hold that is no report, and what is said of it.
fn no_reports() -> Vec<(&'static str, String, &'static str)> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/reports/v1/no-mail.json");
    let whole = fs::read_to_string(kept).unwrap();
    let testssl = r#"[{"id": "service", "ip": "mx.example.net/192.0.2.1", "port": "25", "severity": "INFO", "finding": "SMTP"}]"#;
    let sslyze = r#"{"sslyze_version": "6.0.0", "server_scan_results": []}"#;
    let duration = format!("\"duration_ms\":{}", named("no-mail.json").run.duration_ms);
    assert!(whole.contains(&duration));
    let with_duration = |text: &str| whole.replacen(&duration, text, 1);
    let torn = whole[..whole.len() / 2].to_owned();
    let version = whole.replacen("mxray/report/1", "mxray/report/2", 1);
    let tlsa = whole.replacen("mxray/report/1", "mxray/tlsa/1", 1);
    let many = whole.repeat(2).replacen("0.1.0", "0.1.1", 1);
    vec![
        ("empty", String::new(), "is empty"),
        ("blank", " \n".to_owned(), "is empty"),
        ("testssl", testssl.to_owned(), "a JSON object, and this begins with '['"),
        ("sslyze", sslyze.to_owned(), "missing field `schema`"),
        ("text", "220 mx.example.net ESMTP".to_owned(), "begins with '2'"),
        ("torn", torn, "EOF while parsing"),
        (
            "version",
            version,
            "a report of version \"mxray/report/2\", and only \"mxray/report/1\" is known",
        ),
        ("tlsa", tlsa, "a report of version \"mxray/tlsa/1\""),
        ("nan", with_duration("\"duration_ms\":NaN"), "expected value"),
        ("negative", with_duration("\"duration_ms\":-1"), "expected u64"),
        (
            "twice",
            with_duration(&format!("{duration},{duration}")),
            "duplicate field `duration_ms`",
        ),
        ("deep", "[".repeat(100_000), "begins with '['"),
        ("deep-object", "{\"a\":".repeat(100_000), "not a report of mxray: "),
        (
            "deep-inside",
            with_duration(&format!("{duration},\"x\":{}", "[".repeat(100_000))),
            "not a report of mxray: ",
        ),
        ("runs", many, "several runs"),
    ]
}

#[test]
fn what_is_no_report_is_named_with_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let intact = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/reports/v1/intact.json");
    for (name, content, words) in no_reports() {
        let path = folder.path().join(format!("{name}.json"));
        fs::write(&path, content).unwrap();
        let commands: [(&str, &[&Path]); 2] =
            [("report", &[&path]), ("compare", &[&intact, &path])];
        for (command, files) in commands {
            // Several runs in a file are several views for `compare`.
            if name == "runs" && command == "compare" {
                continue;
            }
            let told = refused(command, files);
            assert!(told.contains(path.to_str().unwrap()), "{command} {name}: {told}");
            assert!(told.contains(words), "{command} {name}: {told}");
            let hint = match name {
                "runs" => "hint: `mxray compare` judges several reports together",
                _ => "hint: name a file that `mxray check --save FILE` wrote",
            };
            assert!(told.contains(hint), "{told}");
            assert!(told.len() < 1000, "{command} {name}: {told}");
        }
    }
}

/// One report as an object, another as lines, side by side and in one file.
#[test]
fn objects_and_lines_are_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (named("intact.json"), named("stripped.json"));
    let lines = folder.path().join("lines.ndjson");
    fs::write(&lines, json::ndjson(&other).unwrap()).unwrap();
    let both = folder.path().join("both.json");
    fs::write(&both, json::render(&one).unwrap() + &json::ndjson(&other).unwrap()).unwrap();
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/reports/v1/intact.json");
    for (files, views) in
        [(vec![&whole, &lines], ["intact", "lines"]), (vec![&both], ["both", "both-2"])]
    {
        let mut program = program::mxray();
        let output = program.args(["compare", "-q", "--json"]).args(files).output().unwrap();
        let report = json::read(std::str::from_utf8(&output.stdout).unwrap()).unwrap();
        let ids: Vec<&str> = report.run.vantages.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, views);
        assert_eq!(report.targets[0].verdict.status, Status::Stripped);
    }
}
