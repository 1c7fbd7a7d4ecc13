//! The text of `mxray tlsa`: records to publish, what DNS has now, and how to renew.
//!
//! Owns its wording. Refuses to weigh records: the report says what they do.

use std::net::IpAddr;

use crate::model::report::{Report, TargetReport};
use crate::model::route::Tlsa;
use crate::model::tlsa::{RecordStanding, RecordView, TlsaHost, TlsaProposal, TlsaReport};
use crate::report::page::{Line, Page, Tone};

use super::{Style, machine, sessions, transcripts};

/// The issuer's certificate usage (RFC 7218).
const DANE_TA: u8 = 2;
/// The server's own certificate usage (RFC 7218).
const DANE_EE: u8 = 3;

/// Most characters of a record's data where it only has to be recognised.
const RECOGNISABLE: usize = 16;

/// The report of `mxray tlsa` as text; `report` is the check that it was made from.
///
/// Every line ends with a line feed. Lines of a zone file are never wrapped.
pub fn render(report: &Report, tlsa: &TlsaReport, style: &Style) -> String {
    let mut page = Page::new(style.width, style.colour);
    for (position, (host, target)) in tlsa.hosts.iter().zip(&report.targets).enumerate() {
        if position > 0 {
            page.blank();
            page.rule();
            page.blank();
        }
        write_host(&mut page, host, target);
        if style.transcript {
            transcripts::write(&mut page, target);
        }
    }
    machine::write(&mut page, report);
    page.finish()
}

fn write_host(page: &mut Page, host: &TlsaHost, target: &TargetReport) {
    page.hanging(0, 2, &summary(host, target));
    if host.is_doubtful() && !host.presented.is_empty() {
        let line = Line::of(Tone::Bad, "Do not publish yet")
            .plain(
                ": somebody may stand between, and what was presented may not be the host's own: ",
            )
            .plain(&host.verdict.summary);
        page.hanging(2, 2, &line.sentence());
    }
    write_proposals(page, "Publish", host, DANE_EE);
    write_proposals(page, "Or, only for an issuer of your own", host, DANE_TA);
    write_published(page, host);
    if !host.proposals.is_empty() {
        page.heading("Advice");
        for advice in advice(host) {
            page.hanging(2, 2, &Line::of(Tone::Plain, advice));
        }
    }
    sessions::write_cut_short(page, target);
}

/// What was presented, in one sentence.
fn summary(host: &TlsaHost, target: &TargetReport) -> Line {
    let line = Line::new().name(&host.host).plain(&format!(":{}: ", host.port));
    if host.presented.is_empty() {
        let line = line.toned(Tone::Bad, "no certificate was presented");
        let why = &target.verdict.summary;
        let line = if why.is_empty() { line } else { line.plain(": ").plain(why) };
        return line.sentence();
    }
    let addresses = ips(host.presented.iter().map(|one| one.ip)).len();
    let (keys, addresses) = (counted(host.keys(), "key"), counted(addresses, "address"));
    let line = line.plain(&format!("{keys} presented at {addresses}"));
    if host.silent.is_empty() {
        return line.sentence();
    }
    let silent = list(&host.silent);
    line.plain("; ")
        .toned(Tone::Bad, &format!("none at {silent}, so records may be missing here"))
        .sentence()
}

fn write_proposals(page: &mut Page, heading: &str, host: &TlsaHost, usage: u8) {
    let proposals: Vec<_> =
        host.proposals.iter().filter(|proposal| proposal.record.usage == usage).collect();
    if proposals.is_empty() {
        return;
    }
    page.heading(heading);
    for proposal in proposals {
        if proposal.works {
            write_proposal(page, proposal);
        } else {
            page.hanging(2, 2, &unfit_line(proposal));
        }
    }
}

fn write_proposal(page: &mut Page, proposal: &TlsaProposal) {
    // A line of a zone file is there to be copied.
    page.fixed(2, &Line::of(Tone::Strong, &proposal.line));
    let state = match proposal.published {
        Some(true) => Line::of(Tone::Good, "in DNS already"),
        Some(false) => Line::of(Tone::Doubtful, "not in DNS yet"),
        None => Line::of(Tone::Faint, "what DNS has is not known"),
    };
    let line = Line::of(Tone::Faint, &whose(proposal)).plain("; ").joined(state);
    page.hanging(4, 0, &line);
}

/// Whose key it is, and where it was presented.
fn whose(proposal: &TlsaProposal) -> String {
    let subject = proposal.subject.as_deref().unwrap_or("a certificate without a name");
    let at = list(&proposal.addresses);
    let until = proposal.not_after.map(|end| format!(" until {}", end.strftime("%Y-%m-%d")));
    match proposal.record.usage {
        DANE_TA => format!("the issuer {subject}{}, sent by {at}", until.unwrap_or_default()),
        _ => format!("the server's own key ({subject}), at {at}"),
    }
}

fn unfit_line(proposal: &TlsaProposal) -> Line {
    let reasons = proposal.reasons.join(", ");
    Line::new()
        .plain("No ")
        .plain(&brief(&proposal.record))
        .plain(&format!(" for {}: senders would refuse it, ", whose(proposal)))
        .toned(Tone::Doubtful, &reasons)
        .sentence()
}

fn write_published(page: &mut Page, host: &TlsaHost) {
    page.heading("In DNS now");
    let line = match (&host.because, host.requirement.as_str()) {
        (Some(because), "none") => Line::new().plain("No DANE: ").plain(because),
        (Some(because), _) => {
            Line::of(Tone::Bad, "Senders that do DANE cannot deliver: ").plain(because)
        }
        (None, "encrypt") => Line::of(
            Tone::Doubtful,
            "No record is usable: TLS is asked for, and nothing proves the server",
        ),
        (None, "authenticate") => {
            Line::new().plain("Senders that do DANE want a match under ").plain(&host.owner)
        }
        (None, _) => Line::of(Tone::Faint, "Not known: DNSSEC could not tell"),
    };
    page.hanging(2, 2, &line.sentence());
    let records = host.published.iter().flat_map(|answer| &answer.records);
    for (place, record) in records.enumerate() {
        page.hanging(2, 4, &published_line(host, place, record));
    }
}

/// One published record, and what it does for each address.
fn published_line(host: &TlsaHost, place: usize, record: &Tlsa) -> Line {
    let line = Line::of(Tone::Strong, &brief(record)).plain(": ");
    let views: Vec<(IpAddr, &RecordView)> =
        host.presented.iter().filter_map(|one| Some((one.ip, one.records.get(place)?))).collect();
    let Some((_, first)) = views.first() else { return line.plain("held against nothing") };
    match first.standing {
        RecordStanding::Unusable => {
            let why = first.unusable.as_deref().unwrap_or_default();
            return line.toned(Tone::Doubtful, "not usable, ").plain(why);
        }
        RecordStanding::Superseded => {
            return line.toned(Tone::Doubtful, "not looked at, a stronger digest is there");
        }
        RecordStanding::Counts => {}
    }
    let (fits, fails): (Vec<_>, Vec<_>) =
        views.iter().partition(|(_, view)| view.accepted == Some(true));
    let Some((_, fitting)) = fits.first() else {
        return unfitting(line, host, &views);
    };
    let line = line.toned(Tone::Good, "fits");
    let line = if fails.is_empty() {
        line
    } else {
        let without = list(&ips(fails.iter().map(|(ip, _)| *ip)));
        line.toned(Tone::Bad, &format!(", but not at {without}"))
    };
    line.plain("; ").plain(&outlook(fitting))
}

/// A record that senders refuse everywhere: one for something else, or one whose
/// issuer was presented and does not do.
fn unfitting(line: Line, host: &TlsaHost, views: &[(IpAddr, &RecordView)]) -> Line {
    let close = views.iter().filter(|(_, view)| view.certificate.is_some());
    let reasons = deduplicated(close.flat_map(|(_, view)| &view.reasons));
    if !reasons.is_empty() {
        return line.toned(Tone::Bad, "names what is presented, and is refused: ").plain(&reasons);
    }
    let all = host.presented.iter().flat_map(|one| &one.records);
    if all.into_iter().any(|view| view.accepted == Some(true)) {
        let words = "fits nothing that is presented: the next key's, or left behind by a renewal";
        return line.toned(Tone::Doubtful, words);
    }
    line.toned(Tone::Bad, "fits nothing that is presented")
}

/// What a renewal does to a record that fits.
fn outlook(view: &RecordView) -> String {
    if let Some(until) = view.until {
        return format!(
            "as long as the issuer stays, at most until {}",
            until.strftime("%Y-%m-%d")
        );
    }
    let words = match (view.survives_same_key, view.survives_new_key) {
        (_, Some(true)) => "as long as the issuer stays",
        (Some(true), _) => "as long as the key stays",
        _ => "until the certificate is renewed, even with the same key",
    };
    words.to_owned()
}

fn advice(host: &TlsaHost) -> Vec<&'static str> {
    let mut advice = vec![
        "These are the keys as seen from here: compare them with the host's own certificate before \
         you publish.",
    ];
    if host.keys() > 1 {
        advice.push(
            "Different keys are presented: publish a record for each of them, or give every \
             address the same key.",
        );
    }
    advice.push(
        "Renew with the same key (an option of most ACME clients), or publish the next key's 3 1 1 \
         beside the present one, wait for two TTLs, and only then change the server; take the old \
         record away afterwards.",
    );
    if host.proposals.iter().any(|proposal| proposal.works && proposal.record.usage == DANE_TA) {
        advice.push(
            "A 2 1 1 record fails on the day the issuer changes, and public authorities change \
             theirs without notice: publish one only for an issuer of your own.",
        );
    }
    if host.because.is_some() && host.requirement == "none" {
        advice.push("Records have an effect only in a zone that is signed with DNSSEC.");
    }
    advice
}

/// Enough of a record to recognise it.
fn brief(record: &Tlsa) -> String {
    let Tlsa { usage, selector, matching, data } = record;
    let head: String = data.chars().take(RECOGNISABLE).collect();
    let more = if head.len() < data.len() { "…" } else { "" };
    format!("{usage} {selector} {matching} {head}{more}")
}

fn ips(all: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut ips: Vec<IpAddr> = all.collect();
    ips.dedup();
    ips
}

fn list(ips: &[IpAddr]) -> String {
    ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn deduplicated<'a>(words: impl Iterator<Item = &'a String>) -> String {
    let mut words: Vec<&str> = words.map(String::as_str).collect();
    words.dedup();
    words.join(", ")
}

fn counted(count: usize, what: &str) -> String {
    let plural = if what.ends_with('s') { "es" } else { "s" };
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}{plural}") }
}
