use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::model::report::DnssecSource;
use crate::model::route::LookupError;
use crate::report::samples;

const WIDTHS: [usize; 3] = [60, 80, 120];

fn plain(width: usize) -> Style {
    Style { width, colour: false, transcript: false, postfix: false, verbose: 0 }
}

/// The report at every width, one below the other.
fn at_all_widths(report: &Report) -> String {
    let pages = WIDTHS.map(|width| format!("{width:=^width$}\n{}", render(report, &plain(width))));
    pages.concat()
}

macro_rules! snapshots {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(at_all_widths(&samples::$name()));
        }
    )*};
}

snapshots!(intact, stripped, unreachable, no_mail, unresolvable, inconclusive, idn);

#[test]
fn hostile() {
    let text = "\x1b[2J\x1b]0;own\x07 220\r\nverdict: intact\u{202e}gro.elpmaxe\u{9b}31m é";
    insta::assert_snapshot!(at_all_widths(&samples::hostile_with(text)));
}

#[test]
fn verbose() {
    let style = Style { verbose: 1, ..plain(100) };
    insta::assert_snapshot!(render(&samples::stripped(), &style));
}

#[test]
fn transcript() {
    let style = Style { transcript: true, ..plain(100) };
    insta::assert_snapshot!(render(&samples::stripped(), &style));
}

#[test]
fn colour_changes_no_word() {
    for report in [samples::intact(), samples::stripped(), samples::inconclusive()] {
        let coloured = render(&report, &Style { colour: true, ..plain(80) });
        assert!(coloured.contains("\x1b["));
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(stripped, render(&report, &plain(80)));
    }
}

#[test]
fn no_line_is_wider_than_the_page() {
    for report in [samples::intact(), samples::unreachable(), samples::inconclusive()] {
        for width in 40..140 {
            for line in render(&report, &plain(width)).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn a_family_that_this_machine_lacks_is_a_fact_about_us() {
    let text = render(&samples::unreachable(), &plain(200));
    assert!(text.contains("This machine has no working IPv6"), "{text}");
    assert!(text.contains("mxray demo"), "{text}");
}

/// The stripped sample, seen from a second place as well.
fn from_two(name: &str) -> Report {
    use crate::model::report::{ViewAddress, ViewReport};
    use crate::model::verdict::PartVerdict;
    let mut report = samples::stripped();
    let target = &mut report.targets[0];
    let part = |status, confidence| PartVerdict { status, confidence, because: None };
    let view = |vantage: &str, verdict: &PartVerdict| ViewReport {
        vantage: vantage.to_owned(),
        sources: Vec::new(),
        verdict: verdict.clone(),
        reached: 2,
        addresses: target
            .hosts
            .iter()
            .flat_map(|host| host.addresses.iter().map(|one| (host.host.clone(), one.ip)))
            .map(|(host, ip)| ViewAddress { host, ip, verdict: verdict.clone() })
            .collect(),
    };
    let stripped = part(Status::Stripped, Some(crate::model::verdict::Confidence::Suspected));
    let intact = part(Status::Intact, None);
    target.views = Some(vec![view("local", &stripped), view(name, &intact)]);
    let mut berlin = report.run.vantages[0].clone();
    berlin.id = name.to_owned();
    berlin.kind = crate::model::report::VantageKind::Command;
    berlin.error = Some("it died: Connection closed".to_owned());
    report.run.vantages.push(berlin);
    report
}

#[test]
fn two_views_stand_side_by_side() {
    insta::assert_snapshot!(at_all_widths(&from_two("berlin")));
}

#[test]
fn a_session_that_did_not_get_through_names_its_view() {
    let mut report = samples::unreachable();
    let line = |report: &Report| {
        let text = render(report, &plain(200));
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("]:25")).collect();
        lines.join("\n")
    };
    assert!(!line(&report).contains(" from "), "one view: {}", line(&report));
    let source: std::net::IpAddr = [192, 0, 2, 7].into();
    let mut views = from_two("berlin").targets[0].views.clone().unwrap();
    views[0].sources = vec![source];
    let target = &mut report.targets[0];
    target.views = Some(views);
    let here = &mut target.observations[0].probe;
    here.source = Some(source);
    let mut away = target.observations[0].clone();
    away.probe.vantage = "berlin".to_owned();
    target.observations.push(away);
    let told = line(&report);
    assert!(told.contains("]:25 from local (192.0.2.7), "), "{told}");
    assert!(told.contains("]:25 from berlin, "), "{told}");
}

#[test]
fn each_source_has_its_row_and_a_port_that_was_not_reached_has_no_tls() {
    let mut report = samples::stripped();
    let [one, other] = [7, 8].map(|last| std::net::IpAddr::from([192, 0, 2, last]));
    let mut views = from_two("local").targets[0].views.clone().unwrap();
    views[0].sources = vec![one];
    views[1].sources = vec![other];
    let target = &mut report.targets[0];
    target.views = Some(views);
    let first = &mut target.observations[0];
    first.probe.source = Some(one);
    let mut second = first.clone();
    second.probe.source = Some(other);
    let mut closed = first.clone();
    closed.probe.port = 465;
    closed.probe.mode = crate::model::probe::Mode::ImplicitTls;
    closed.stages.clear();
    let ip = first.probe.ip;
    target.observations.extend([second, closed]);
    let text = render(&report, &plain(200));
    let row = |label: &str| text.lines().find(|line| line.contains(label)).unwrap_or_default();
    assert!(!row(&format!("{ip} from {one} ")).is_empty(), "{text}");
    assert!(!row(&format!("{ip} from {other} ")).is_empty(), "{text}");
    assert!(row(&format!("{ip} port 465 from {one} ")).contains("not reached"), "{text}");
}

#[test]
fn a_view_with_a_hostile_name_is_escaped_and_fits() {
    for width in 40..120 {
        let text = render(&from_two("\x1b[2J\u{202e}evil"), &plain(width));
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text}");
    }
    for width in 40..120 {
        for line in render(&from_two("berlin"), &plain(width)).lines() {
            assert!(line.width() <= width, "{width}: {line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_from_the_wire_controls_the_terminal(text in any::<String>(), width in 40_usize..130) {
        let report = samples::hostile_with(&text);
        let page = render(&report, &Style { verbose: 2, transcript: true, ..plain(width) });
        prop_assert!(page.chars().all(|letter| letter == '\n' || !letter.is_control()));
        let coloured = render(&report, &Style { verbose: 2, transcript: true, colour: true, ..plain(width) });
        prop_assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), page);
    }
}

#[test]
fn a_port_that_was_not_reached_is_no_implicit_tls() {
    let mut report = samples::stripped();
    let session = &mut report.targets[0].observations[0];
    session.probe.mode = crate::model::probe::Mode::ImplicitTls;
    assert!(render(&report, &plain(100)).contains("implicit TLS"));
    report.targets[0].observations[0].stages.clear();
    let text = render(&report, &plain(100));
    assert!(text.contains("not reached") && !text.contains("implicit TLS"), "{text}");
}

#[test]
fn an_ehlo_by_address_is_said_where_there_was_an_ehlo() {
    let note = |mut report: Report| {
        report.run.ehlo_names.clear();
        render(&report, &plain(200)).contains("Name one with --ehlo")
    };
    assert!(note(samples::intact()));
    assert!(!note(samples::unreachable()));
    assert!(!note(samples::no_mail()));
}

#[test]
fn whose_word_the_dnssec_status_is_stands_in_the_report() {
    let mut report = samples::intact();
    assert!(!render(&report, &plain(200)).contains("--trust-ad"));
    report.run.vantages[0].resolver.as_mut().unwrap().dnssec = DnssecSource::TrustedAd;
    assert!(render(&report, &plain(200)).contains("the word of the resolver (192.0.2."));
}

#[test]
fn nothing_is_said_of_dnssec_where_no_resolver_answered() {
    let mut report = samples::unresolvable();
    assert!(render(&report, &plain(200)).contains("strips the signatures"));
    for target in &mut report.targets {
        for route in &mut target.routes {
            route.error = Some(LookupError::Timeout);
        }
    }
    assert!(!render(&report, &plain(200)).contains("strips the signatures"));
}
