use std::ffi::OsString;
use std::net::IpAddr;
use std::time::Duration;

use mxray::model::probe::Mode;
use mxray::model::report::FamilyUse;
use mxray::plan::budget;

use super::*;
use crate::cli::arguments::{self, Command, Parsed};
use crate::cli::failure::Complaint;

fn settings_with(line: &str, input: &[u8]) -> Result<Settings, Failure> {
    let words = line.split_whitespace().map(OsString::from);
    let Ok(Parsed::Command(arguments)) = arguments::parse(words) else {
        panic!("not a command: {line}");
    };
    let Command::Check(arguments) = arguments.command else { panic!("not a check: {line}") };
    let mut input = input;
    let host_name = Some("probe.example.org".to_owned());
    Settings::for_check(&arguments, Surroundings { input: &mut input, host_name })
}

fn settings(options: &str) -> Settings {
    match settings_with(&format!("mxray check {options} example.net"), b"") {
        Ok(settings) => settings,
        Err(failure) => panic!("{options}: {failure:?}"),
    }
}

fn refused(line: &str, input: &[u8]) -> Complaint {
    match settings_with(line, input) {
        Err(Failure::Usage(complaint)) => complaint,
        Err(other) => panic!("{line}: {other:?}"),
        Ok(_) => panic!("{line}: accepted"),
    }
}

#[test]
fn without_options_both_families_and_the_name_of_this_host() {
    let settings = settings("");
    assert_eq!(settings.asked.ipv4, FamilyUse::Usable);
    assert_eq!(settings.asked.ipv6, FamilyUse::Usable);
    assert_eq!(settings.intent.ehlo_names, ["probe.example.org"]);
    assert_eq!(settings.intent.mode, Mode::Starttls);
    assert_eq!(settings.intent.closer, Closer::default(), "only when asked for");
    assert_eq!(settings.intent.limits.session, budget::SESSION);
    assert_eq!(settings.resolver.servers, []);
    assert!(!settings.resolver.trust_ad);
}

#[test]
fn options_reach_the_settings() {
    let settings = settings(
        "--ehlo [192.0.2.1] --source 192.0.2.1 -4 --port 2525 --timeout 1.5 --sni a.example \
         --verify-name b.example --implicit-tls --resolver 192.0.2.53",
    );
    assert_eq!(settings.intent.ehlo_names, ["[192.0.2.1]"]);
    assert_eq!(settings.intent.sources, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(settings.asked.ipv6, FamilyUse::NotAsked);
    assert_eq!(settings.intent.port, Some(2525));
    assert_eq!(settings.intent.limits.session, Duration::from_millis(1500));
    assert_eq!(settings.intent.sni.as_deref(), Some("a.example"));
    assert_eq!(settings.verify_name.as_deref(), Some("b.example"));
    assert_eq!(settings.intent.mode, Mode::ImplicitTls);
    assert_eq!(settings.resolver.servers, ["192.0.2.53:53".parse().unwrap()]);
}

#[test]
fn the_ad_bit_is_trusted_only_where_that_is_said() {
    assert!(settings("--trust-ad --resolver 127.0.0.1").resolver.trust_ad);
}

#[test]
fn targets_come_from_standard_input_once_each() {
    let input = b"# list\n\nb.example\r\n  a.example \nB.example.";
    let settings = settings_with("mxray check a.example - -", input).ok().unwrap();
    let names: Vec<String> = settings.targets.iter().map(Target::name).collect();
    assert_eq!(names, ["a.example", "b.example"]);
}

#[test]
fn a_bad_line_is_named() {
    let complaint = refused("mxray check -", b"a.example\nhttps://b.example/\n");
    assert!(complaint.message.starts_with("line 2: "), "{}", complaint.message);
    let complaint = refused("mxray check -", b"a.example\n\xff\n");
    assert_eq!(complaint.message, "standard input, line 2: not UTF-8");
    let complaint = refused("mxray check -", &[b'a'; 5000]);
    assert!(complaint.message.contains("longer than"), "{}", complaint.message);
    refused("mxray check -", b"\n# nothing\n");
}

#[test]
fn what_cannot_go_together_is_refused() {
    refused("mxray check --vantage a=true --vantage a=false a.example", b"");
    refused("mxray check --vantage local=true a.example", b"");
    refused("mxray check --socks5 p.example:1 --socks5 q.example:1 a.example", b"");
    refused("mxray check --vantage a=true --socks5 a=p.example:1 a.example", b"");
    refused("mxray check -6 --source 192.0.2.1 a.example", b"");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    for option in ["--ca", "--trust-anchor"] {
        let complaint = refused(&format!("mxray check {option} /no/such a.example"), b"");
        assert!(complaint.message.contains("/no/such"), "{}", complaint.message);
        assert!(complaint.hint.is_some());
    }
}
