//! What to do next.
//!
//! Owns the advice that follows from a verdict as a whole; what to do about a
//! single finding stands with the finding. Refuses to accuse anybody.

use crate::model::report::{Report, TargetReport, Vantage};
use crate::model::verdict::{Confidence, Status};
use crate::report::page::{Line, Page, Tone};

/// Writes the advice, if there is any to give.
pub(super) fn write(page: &mut Page, report: &Report, target: &TargetReport) {
    let lines = advice(report, target);
    if lines.is_empty() {
        return;
    }
    page.heading("What to do next");
    for line in lines {
        page.hanging(2, 2, &Line::of(Tone::Faint, "- ").plain(line));
    }
}

fn advice(report: &Report, target: &TargetReport) -> Vec<&'static str> {
    if report.run.interrupted && target.verdict.status == Status::Inconclusive {
        return vec!["Run it again and let it finish."];
    }
    match target.verdict.status {
        Status::Intact | Status::NoMail => Vec::new(),
        Status::Stripped | Status::Intercepted => tampered(report, target),
        Status::PolicyFailed => vec![
            "Ask the operator of the domain to bring its published policy and its servers together.",
            "Run it from another network too: a policy that holds there fails on this path only.",
        ],
        Status::TlsBroken => vec![
            "Tell the operator of the domain: until its TLS works, senders defer mail or send it in \
             clear.",
            "Run it from another network too: if TLS works there, something on this path breaks it.",
        ],
        Status::Inconsistent => vec![
            "Tell the operator of the domain which addresses differ: mail is encrypted or not by \
             chance.",
        ],
        Status::NotOffered if target.views.as_ref().is_some_and(|views| views.len() > 1) => vec![
            "Ask the operator of the domain to enable STARTTLS: no view was offered it. Where all of \
             them look from one network, let one from another network look first.",
        ],
        Status::NotOffered => vec![
            "Run it from another network: only a second view can tell a server without STARTTLS \
             from a path that hides it.",
            "If no view offers it, ask the operator of the domain to enable STARTTLS.",
        ],
        Status::Blocked => vec![
            "Run it on a machine that may send mail, or ask the provider to open outbound port 25.",
            "`mxray demo` shows a full report without any network.",
        ],
        Status::Unreachable if target.verdict.because.as_deref() == Some("not-smtp") => {
            vec!["Look at what answered: is it the right host, and the right port?"]
        }
        Status::Unreachable => unreachable(target),
        Status::Unresolvable => unresolvable(target.verdict.because.as_deref()),
        Status::Inconclusive => match target.verdict.because.as_deref() {
            Some("local-error") => vec!["See above what went wrong at this end, and run it again."],
            Some("not-asked") => vec!["Ask for both families, or for the one that it has."],
            Some("ipv4-unusable" | "ipv6-unusable") => vec![
                "Run it on a machine that has this family.",
                "`mxray demo` shows a full report without any network.",
            ],
            _ => {
                vec!["Run it again later. If it stays so, run it from another network."]
            }
        },
    }
}

/// What a name, its operator, a resolver and the network can each be asked for.
fn unresolvable(because: Option<&str>) -> Vec<&'static str> {
    match because {
        Some("nxdomain") => vec![
            "Look at the spelling of the name, then at the resolver: another one can be named with \
             --resolver.",
        ],
        Some("mx-without-address") => vec![
            "Tell the operator of the domain: its MX records name no host with an address, so \
             nobody can deliver.",
        ],
        Some("bogus") => vec![
            "Look at the clock of this machine, which signatures are judged by; if it is right, \
             tell the operator of the domain to repair its DNSSEC.",
        ],
        Some("resolver-unreachable") => vec![
            "See whether this machine is online and may ask its resolver; another one can be named \
             with --resolver.",
            "`mxray demo` shows a full report without any network.",
        ],
        Some("timeout") => vec![
            "See whether this machine is online; then ask another resolver with --resolver. If that \
             one answers nothing either, the name servers of the domain do not.",
            "`mxray demo` shows a full report without any network.",
        ],
        _ => vec![
            "Ask another resolver with --resolver: if that one fails too, the fault is likely at \
             the name servers of the domain.",
        ],
    }
}

fn tampered(report: &Report, target: &TargetReport) -> Vec<&'static str> {
    let mut lines = Vec::new();
    if target.verdict.confidence <= Some(Confidence::Suspected) {
        lines.push(
            "Run it from another network, and see whether the same address offers STARTTLS there: \
             that settles it.",
        );
    }
    let is_saved = |vantage: &Vantage| vantage.recorded.is_some();
    lines.push(if report.run.vantages.iter().all(is_saved) {
        "Keep the files that were compared: they are the evidence, and `mxray compare` judges them \
         again anywhere, so they can go to whoever runs the network."
    } else {
        "Keep the evidence with --save FILE: `mxray report FILE` judges it again anywhere, so the \
         file can go to whoever runs the network."
    });
    lines.push(
        "Until it is settled, make your mail server require TLS for this domain: then mail waits \
         and does not go in clear.",
    );
    lines
}

/// All explanations that fit what was seen: without controls nothing tells them apart.
fn unreachable(target: &TargetReport) -> Vec<&'static str> {
    const ELSEWHERE: &str = "Run it on a machine that may send mail, such as your mail server.";
    const DEMO: &str = "`mxray demo` shows a full report without any network.";
    let is_25 = target.observations.iter().all(|seen| seen.probe.port == 25);
    let either = match target.verdict.because.as_deref() {
        Some("refused") => {
            "Either no mail server listens there, or a firewall, here or there, rejects the \
             connection. From here the two look alike."
        }
        Some("network-unreachable") => {
            "See whether this machine reaches other addresses of the same family; a router or \
             firewall on the way says that there is no way to these."
        }
        Some("greeting-timeout" | "closed-before-greeting" | "reset") => {
            "Either these hosts want no session with this address, or something on the way takes \
             the connection in their place. From here the two look alike."
        }
        _ if is_25 => {
            "Either these hosts are down or do not answer this network, or this network does not \
             let port 25 out, as most homes and clouds do not. From here the two look alike."
        }
        _ => {
            "Either these hosts are down or do not answer this network, or a firewall on the way \
             drops this port. From here the two look alike."
        }
    };
    vec![either, ELSEWHERE, DEMO]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::{RecordedFrom, VantageKind, ViewReport};
    use crate::model::verdict::PartVerdict;
    use crate::report::samples;

    fn advised(report: &Report) -> String {
        report.targets.iter().flat_map(|target| advice(report, target)).collect()
    }

    #[test]
    fn only_a_name_that_does_not_exist_may_be_misspelt() {
        for (because, told) in [
            ("nxdomain", "the spelling of the name"),
            ("servfail", "the name servers of the domain"),
            ("timeout", "this machine is online"),
            ("resolver-unreachable", "this machine is online"),
            ("dns-refused", "Ask another resolver"),
            ("bogus", "the clock of this machine"),
            ("mx-without-address", "Tell the operator of the domain"),
        ] {
            let mut report = samples::unresolvable();
            report.targets[0].verdict.because = Some(because.to_owned());
            let advised = advised(&report);
            assert!(advised.contains(told), "{because}: {advised}");
            assert_eq!(advised.contains("spelling"), because == "nxdomain", "{advised}");
        }
    }

    #[test]
    fn who_has_a_second_view_is_not_told_to_take_one() {
        let mut report = samples::intact();
        let target = &mut report.targets[0];
        target.verdict.status = Status::NotOffered;
        let view = |vantage: &str| ViewReport {
            vantage: vantage.to_owned(),
            sources: Vec::new(),
            verdict: PartVerdict { status: Status::NotOffered, confidence: None, because: None },
            reached: 1,
            addresses: Vec::new(),
        };
        for (views, told) in [
            (None, "only a second view"),
            (Some(vec![view("local")]), "only a second view"),
            (Some(vec![view("local"), view("berlin")]), "no view was offered it"),
        ] {
            report.targets[0].views = views;
            assert!(advised(&report).contains(told), "{told}");
        }
    }

    #[test]
    fn what_is_saved_already_need_not_be_saved() {
        let mut report = samples::stripped();
        assert!(advised(&report).contains("--save FILE"));
        for vantage in &mut report.run.vantages {
            vantage.recorded = Some(RecordedFrom {
                file: "office.json".to_owned(),
                vantage: "local".to_owned(),
                kind: VantageKind::Local,
                started_at: report.run.started_at,
            });
        }
        let advised = advised(&report);
        assert!(!advised.contains("--save") && advised.contains("mxray compare"), "{advised}");
    }

    #[test]
    fn a_blocked_port_answers_nothing() {
        let mut report = samples::unreachable();
        for (because, told) in [
            (None, "does not let port 25 out"),
            (Some("connect-timeout"), "does not let port 25 out"),
            (Some("refused"), "no mail server listens there"),
            (Some("network-unreachable"), "no way to these"),
            (Some("reset"), "takes the connection in their place"),
        ] {
            report.targets[0].verdict.because = because.map(str::to_owned);
            let advised = advised(&report);
            assert!(advised.contains(told), "{because:?}: {advised}");
            let blocks = told.contains("port 25");
            assert_eq!(advised.contains("port 25 out"), blocks, "{because:?}: {advised}");
        }
    }
}
