//! What to do next.
//!
//! Owns the advice that follows from a verdict as a whole; what to do about a
//! single finding stands with the finding. Refuses to accuse anybody.

use crate::model::report::{Report, TargetReport};
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
        Status::Stripped | Status::Intercepted => tampered(target),
        Status::PolicyFailed => vec![
            "Ask the operator of the domain to bring its published policy and its servers together.",
            "Run it from another network too: a policy that holds there fails on this path only.",
        ],
        Status::TlsBroken => vec![
            "Tell the operator of the domain: until its TLS works, senders defer mail or send it in \
             clear.",
        ],
        Status::Inconsistent => vec![
            "Tell the operator of the domain which addresses differ: mail is encrypted or not by \
             chance.",
        ],
        Status::NotOffered => vec![
            "Run it from another network: only a second view can tell a server without STARTTLS \
             from a path that hides it.",
            "If no view offers it, ask the operator of the domain to enable STARTTLS.",
        ],
        Status::Blocked => vec![
            "Run it on a machine that may send mail: this network does not let port 25 out.",
            "`mxray demo` shows a full report without any network.",
        ],
        Status::Unreachable if target.verdict.because.as_deref() == Some("not-smtp") => {
            vec!["Look at what answered: is it the right host, and the right port?"]
        }
        Status::Unreachable => unreachable(),
        Status::Unresolvable => vec![
            "Look at the spelling of the name, then at the resolver: another one can be named with \
             --resolver.",
            "Without any network, `mxray demo` shows what a report looks like.",
        ],
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

fn tampered(target: &TargetReport) -> Vec<&'static str> {
    let mut lines = Vec::new();
    if target.verdict.confidence <= Some(Confidence::Suspected) {
        lines.push(
            "Run it from another network, and see whether the same address offers STARTTLS there: \
             that settles it.",
        );
    }
    lines.push(
        "Keep the evidence with --save FILE: `mxray report FILE` judges it again anywhere, so the \
         file can go to whoever runs the network.",
    );
    lines.push(
        "Until it is settled, make your mail server require TLS for this domain: then mail waits \
         and does not go in clear.",
    );
    lines
}

/// Both explanations: without controls nothing tells them apart.
fn unreachable() -> Vec<&'static str> {
    vec![
        "Either these hosts are down or do not answer this network, or this network does not let \
         port 25 out, as most homes and clouds do not. From here the two look alike.",
        "Run it on a machine that may send mail, such as your mail server.",
        "`mxray demo` shows a full report without any network.",
    ]
}
