use std::fmt::Write as _;

use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::model::finding::Severity;
use crate::model::probe::Role;
use crate::model::transcript::Transcript;
use crate::model::verdict::{Confidence, Status};
use crate::report::samples;

const WITHOUT: &str = "\
-- connected from 198.51.100.10:40000
S: 220 mx1.example.net ESMTP ready
C: EHLO probe.example.org
S: 250-mx1.example.net at your service
S: 250-PIPELINING
S: 250-SIZE 52428800
S: 250 8BITMIME
C: STARTTLS
";
const WITH: &str = "\
-- connected from [2001:db8:100::10]:40000
S: 220 mx1.example.net ESMTP ready
C: EHLO probe.example.org
S: 250-mx1.example.net at your service
S: 250-PIPELINING
S: 250-SIZE 52428801
S: 250-STARTTLS
S: 250 8BITMIME
C: STARTTLS
";
const SECURED: &str = "\
S: 220 2.0.0 Ready to start TLS
-- tls TLSv1.3 TLS_AES_256_GCM_SHA384 X25519
C: EHLO probe.example.org
S: 250 mx1.example.net
C: QUIT
S: 221 bye
-- ended by-us
";
const OVERWRITTEN: &str = "\
S: 500 5.5.1 Command unrecognized: \"XXXXXXXX\"
C: QUIT
S: 221 bye
-- ended by-us
";

fn saying(mut session: ObservationReport, parts: &[&str]) -> ObservationReport {
    let transcript: Transcript = parts.concat().parse().unwrap();
    session.transcript = Some(transcript.to_entries());
    session.probe.source = Some(match session.probe.ip {
        std::net::IpAddr::V4(_) => "198.51.100.10".parse().unwrap(),
        std::net::IpAddr::V6(_) => "2001:db8:100::10".parse().unwrap(),
    });
    session
}

fn working(id: &str, host: &str, address: &str) -> ObservationReport {
    saying(samples::session(id, host, address), &[WITH, SECURED])
}

/// A destination that was asked beside the target.
fn beside(name: &str, role: Role, sessions: Vec<ObservationReport>) -> TargetReport {
    let mut control = samples::target(name, (Status::Intact, None, ""), sessions);
    for session in &mut control.observations {
        session.probe.role = role;
        session.probe.target = name.to_owned();
    }
    control
}

/// Hidden over IPv4, offered over IPv6, and a control that is clean.
fn stripped() -> Report {
    let mut report = samples::stripped();
    let target = &mut report.targets[0];
    let [hidden, offered] = target.observations.as_slice() else { panic!() };
    let hidden = saying(hidden.clone(), &[WITHOUT, SECURED]);
    target.observations = vec![hidden, saying(offered.clone(), &[WITH, SECURED])];
    target.cells[0].of = 3;
    target.cells[0].completed = 3;
    let sessions = [("o3", "203.0.113.80"), ("o4", "2001:db8:203::80")]
        .map(|(id, address)| working(id, "mx.example.com", address));
    report.controls = vec![beside("example.com", Role::Control, sessions.into())];
    report
}

/// The command overwritten at the only address, and nobody else asked.
fn alone() -> Report {
    let mut session = samples::session("o1", "mx1.example.net", "203.0.113.62");
    session.starttls.echo_masked = Some(true);
    session.starttls.offered = Some(false);
    session.starttls.outcome = crate::model::session::StarttlsOutcome::RefusedUnoffered;
    session.stages.truncate(3);
    session.tls = None;
    let session = saying(session, &[WITHOUT, OVERWRITTEN]);
    let summary = "the STARTTLS command was overwritten with X's on the way to mx1.example.net";
    let verdict = (Status::Stripped, Some(Confidence::Proven), summary);
    let mut target = samples::target("example.net", verdict, vec![session]);
    target.findings = vec![claimed("starttls-overwritten", Confidence::Proven, &["o1"])];
    samples::report(vec![target])
}

fn claimed(id: &str, confidence: Confidence, evidence: &[&str]) -> crate::model::finding::Finding {
    let finding = samples::finding(id, Severity::Critical, "203.0.113.62");
    let evidence = evidence.iter().map(|id| (*id).to_owned()).collect();
    crate::model::finding::Finding { confidence: Some(confidence), evidence, ..finding }
}

/// Over IPv4 something greets for an address where nothing can live.
fn intercepted() -> Report {
    let sessions = vec![
        working("o1", "mx1.example.net", "203.0.113.62"),
        working("o2", "mx1.example.net", "2001:db8:203::3e"),
    ];
    let summary = "over IPv4 an address where nothing can live greeted us as a mail server";
    let verdict = (Status::Intercepted, Some(Confidence::Corroborated), summary);
    let mut target = samples::target("example.net", verdict, sessions);
    let evidence = ["o1", "o9"];
    target.findings = vec![claimed("greeting-from-nowhere", Confidence::Corroborated, &evidence)];
    let mut report = samples::report(vec![target]);
    let canary = samples::hidden(samples::session("o9", "192.0.2.25", "192.0.2.25"));
    let canary = saying(canary, &[WITHOUT, SECURED]);
    report.controls = vec![beside("192.0.2.25", Role::Canary, vec![canary])];
    report
}

fn page(report: &Report, width: usize) -> String {
    let mut page = Page::new(width, false);
    write(&mut page, report);
    page.finish()
}

fn at_all_widths(report: &Report) -> String {
    [60, 80, 120].iter().fold(String::new(), |mut text, &width| {
        let _ = write!(text, "{:=^width$}{}", width, page(report, width));
        text
    })
}

#[test]
fn hidden_on_one_family() {
    insta::assert_snapshot!(at_all_widths(&stripped()));
}

#[test]
fn overwritten_without_another_view() {
    insta::assert_snapshot!(at_all_widths(&alone()));
}

#[test]
fn a_greeting_from_nowhere() {
    insta::assert_snapshot!(at_all_widths(&intercepted()));
}

#[test]
fn no_transcripts_no_page() {
    for report in [stripped(), alone(), intercepted()] {
        assert!(page(&report, 80).contains("openssl s_client"));
        assert_eq!(page(&crate::report::json::strip_evidence(report), 80), "");
    }
    assert_eq!(page(&samples::intact(), 80), "");
    assert_eq!(page(&samples::inconclusive(), 80), "");
}

#[test]
fn a_control_stands_in_where_the_host_has_no_other_view() {
    let mut report = alone();
    let session = working("o5", "mx.example.com", "203.0.113.80");
    report.controls = vec![beside("example.com", Role::Control, vec![session])];
    let text = page(&report, 120);
    assert!(text.contains("B: without it, at the control example.com over IPv4"), "{text}");
    assert!(text.contains("example.com offers STARTTLS and completes TLS over IPv4."), "{text}");
}

#[test]
fn a_command_is_not_broken_by_a_narrow_page() {
    let text = page(&stripped(), 60);
    let shell: String = text.replace(" \\\n", " ");
    let words: Vec<&str> = shell.split_whitespace().collect();
    let typed = words.join(" ");
    assert!(typed.contains(
        "openssl s_client -starttls smtp -connect '[2001:db8:203::3e]:25' -crlf -servername mx1.example.net"
    ), "{text}");
}

#[test]
fn only_what_counts_is_marked() {
    let text = page(&stripped(), 120);
    let marked: Vec<&str> =
        text.lines().filter(|line| line.starts_with("  ! ") && line.contains('|')).collect();
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert!(marked[0].contains("250-STARTTLS"));
}

#[test]
fn no_line_is_wider_than_the_page() {
    for report in [stripped(), alone(), intercepted()] {
        for width in 40..140 {
            for line in page(&report, width).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn a_list_without_end_is_cut() {
    let mut report = alone();
    let many = "S: 250-XEXT\n".repeat(5000);
    let long = WITHOUT.replace("S: 250-PIPELINING\n", &many);
    let session = &mut report.targets[0].observations[0];
    *session = saying(session.clone(), &[&long, OVERWRITTEN]);
    let text = page(&report, 80);
    assert!(text.lines().count() < 160, "{}", text.lines().count());
    assert!(text.contains("more lines are not shown"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_from_the_wire_controls_the_terminal(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        width in 40_usize..130,
    ) {
        let mut report = stripped();
        let mut transcript: Transcript = WITHOUT.parse().unwrap();
        let received = crate::model::transcript::EventKind::Received(bytes);
        transcript.events.insert(2, crate::model::transcript::Event { at_us: 0, kind: received });
        report.targets[0].observations[0].transcript = Some(transcript.to_entries());
        let text = page(&report, width);
        prop_assert!(text.contains("with the problem"));
        prop_assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()));
        prop_assert!(text.lines().all(|line| line.width() <= width));
    }
}
