//! How to see it again with nothing but `openssl s_client` and telnet.
//!
//! Owns the lines to type and what to expect behind each. What openssl says is
//! that of OpenSSL 3.0; it asks for STARTTLS even where none was offered.

use std::net::IpAddr;

use crate::model::probe::Mode;
use crate::model::report::ObservationReport;
use crate::model::session::{Stage, StarttlsOutcome};
use crate::report::page::{Line, Page, Tone};

use super::dialogue::{self, By};
use super::views::Pair;

/// Writes the steps for the session with the problem, and the counter-test.
pub(super) fn write(page: &mut Page, pair: &Pair<'_>) {
    let problem = pair.problem;
    page.blank();
    let from = problem.probe.source.map_or_else(String::new, |source| format!(" from {source}"));
    let title = format!("To see A again{from}, by hand");
    page.paragraph(2, &Line::of(Tone::Strong, &title));
    write_openssl(page, problem);
    if problem.probe.mode == Mode::Starttls {
        write_telnet(page, problem);
    }
    if let Some((other, _)) = &pair.other {
        page.paragraph(2, &Line::of(Tone::Strong, "The same for B, where it works"));
        write_openssl(page, other);
    }
}

fn write_openssl(page: &mut Page, session: &ObservationReport) {
    let probe = &session.probe;
    let address = match probe.ip {
        IpAddr::V4(ip) => format!("{ip}:{}", probe.port),
        IpAddr::V6(ip) => format!("'[{ip}]:{}'", probe.port),
    };
    let mut words = vec!["openssl s_client".to_owned()];
    if probe.mode == Mode::Starttls {
        words.push("-starttls smtp".to_owned());
    }
    words.extend([format!("-connect {address}"), "-crlf".to_owned()]);
    let sni = session.tls.as_ref().and_then(|tls| tls.sni.as_deref());
    words.extend(sni.map(|sni| format!("-servername {sni}")));
    command(page, &words);
    expected(page, &expectation(session));
}

/// A command, continued with a backslash where it does not fit.
fn command(page: &mut Page, words: &[String]) {
    let room = page.width().saturating_sub(8);
    let mut row = String::new();
    for word in words {
        if !row.is_empty() && row.len() + word.len() > room {
            page.fixed(4, &Line::new().plain(&row).plain(" \\"));
            row = String::from("  ");
        } else if !row.is_empty() {
            row.push(' ');
        }
        row.push_str(word);
    }
    page.fixed_or_wrapped(4, &Line::new().plain(&row));
}

fn expected(page: &mut Page, text: &str) {
    page.hanging(8, 2, &Line::of(Tone::Faint, "expect: ").plain(text));
}

/// What openssl shows where it meets what was seen in this session.
fn expectation(session: &ObservationReport) -> String {
    let starttls = &session.starttls;
    let unoffered = session.probe.mode == Mode::Starttls && starttls.offered != Some(true);
    let lead = if unoffered {
        "\"Didn't find STARTTLS in server response, trying anyway...\", then "
    } else {
        ""
    };
    let end = match starttls.outcome {
        _ if session.stages.contains(&Stage::Handshake) => certificate(session),
        StarttlsOutcome::NoReply => "nothing more: it waits without an end".to_owned(),
        _ => "an error and \"no peer certificate available\"".to_owned(),
    };
    format!("{lead}{end}")
}

fn certificate(session: &ObservationReport) -> String {
    let leaf = session.tls.as_ref().and_then(|tls| tls.chain.first());
    match leaf.and_then(|leaf| leaf.issuer.as_deref()) {
        Some(issuer) => format!("a certificate issued by {issuer}"),
        None => "a certificate".to_owned(),
    }
}

fn write_telnet(page: &mut Page, session: &ObservationReport) {
    let probe = &session.probe;
    command(page, &[format!("telnet {} {}", probe.ip, probe.port)]);
    let ways =
        format!("or nc -C {} {}; wait for each answer before the next line", probe.ip, probe.port);
    page.hanging(8, 2, &Line::of(Tone::Faint, &ways));
    let mut answer: Vec<String> = Vec::new();
    let mut asked = String::new();
    for said in dialogue::said(session) {
        match said.by {
            By::Server => answer.push(said.text),
            By::Client => {
                write_answer(page, &asked, &answer, session);
                answer.clear();
                page.hanging(6, 2, &Line::new().plain(&said.text));
                asked = said.text;
            }
            By::Path => {}
        }
    }
    write_answer(page, &asked, &answer, session);
    page.hanging(6, 2, &Line::new().plain("QUIT"));
}

/// The answer as it came, but for the list of EHLO, which stands above.
fn write_answer(page: &mut Page, asked: &str, answer: &[String], session: &ObservationReport) {
    let is_list = asked.to_ascii_uppercase().starts_with("EHLO") && answer.len() > 1;
    if is_list {
        let without = match session.starttls.offered {
            Some(true) => "",
            _ => ", without STARTTLS",
        };
        return expected(page, &format!("the {} lines of A above{without}", answer.len()));
    }
    match answer {
        [] if asked.is_empty() => {}
        [] => expected(page, "no answer"),
        lines => lines.iter().for_each(|line| expected(page, line)),
    }
}
