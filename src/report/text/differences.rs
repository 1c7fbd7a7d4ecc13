//! What differs between the two address families, and along the other axes.
//!
//! Owns the wording of contrasts. Refuses to find them.

use crate::model::compare::{Axis, Cell, Contrast, Coordinates};
use crate::model::probe::Family;
use crate::model::report::{ObservationReport, TargetReport};
use crate::model::session::Stage;
use crate::model::verdict::Status;
use crate::report::page::{Line, Page};

use super::words;

/// Hexadecimal digits of a digest that tell two keys apart for people.
const SHORT_DIGEST: usize = 16;

/// Writes the contrasts by family; the others where they matter.
pub(super) fn write(page: &mut Page, target: &TargetReport, verbose: u8) {
    let family = parts(target, |contrast| contrast.axis == Axis::Family);
    write_parts(page, "IPv4 against IPv6", &family);
    let time = parts(target, |contrast| contrast.axis == Axis::Time);
    write_parts(page, "Earlier against later", &time);
    if verbose > 0 || target.verdict.status == Status::Inconsistent {
        let others = parts(target, |contrast| {
            !matches!(contrast.axis, Axis::Family | Axis::Time) && !contrast.differences.is_empty()
        });
        write_parts(page, "Other differences", &others);
    }
}

fn write_parts(page: &mut Page, heading: &str, parts: &[Part<'_>]) {
    if parts.is_empty() {
        return;
    }
    page.heading(heading);
    for part in parts {
        if let (Some(host), [text]) = (part.host, part.texts.as_slice()) {
            page.hanging(2, 4, &Line::new().name(host).plain(": ").plain(text));
            continue;
        }
        match part.host {
            Some(host) => page.hanging(2, 4, &Line::new().name(host)),
            None => page.paragraph(2, &Line::new().plain("between hosts")),
        }
        for text in &part.texts {
            page.hanging(4, 2, &Line::new().plain(text));
        }
    }
}

/// What is to be said of one host, or of several where there is none.
#[derive(PartialEq)]
struct Part<'a> {
    host: Option<&'a str>,
    texts: Vec<String>,
}

/// One part a contrast; those that read alike are said once.
fn parts(target: &TargetReport, wanted: impl Fn(&Contrast) -> bool) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for contrast in target.contrasts.iter().filter(|contrast| wanted(contrast)) {
        let Some(part) = part(target, contrast) else { continue };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

fn part<'a>(target: &'a TargetReport, contrast: &Contrast) -> Option<Part<'a>> {
    let mut left = cell(target, &contrast.left)?;
    let mut right = cell(target, &contrast.right)?;
    if contrast.axis == Axis::Family && left.coordinates.family == Family::Ipv6 {
        std::mem::swap(&mut left, &mut right);
    }
    let host = (contrast.axis != Axis::Host).then_some(left.coordinates.host.as_str());
    if contrast.differences.is_empty() {
        return Some(Part { host, texts: vec!["the same over both".to_owned()] });
    }
    let (left_name, right_name, about) = match turn(target, contrast) {
        Some(time) => {
            let about = format!("[{}] ", left.coordinates.ip);
            (format!("before {time}"), "from then on".to_owned(), about)
        }
        None => (side(contrast.axis, left), side(contrast.axis, right), String::new()),
    };
    let earlier = left.observations.first()?;
    let later = contrast.turn.as_ref().or(right.observations.first())?;
    let texts = contrast
        .differences
        .iter()
        .map(|key| match (value(target, earlier, key), value(target, later, key)) {
            (Some(one), Some(other)) => {
                format!("{about}{}: {left_name} {one}, {right_name} {other}", label(key))
            }
            _ => format!("{about}{}: not the same at {left_name} and {right_name}", label(key)),
        })
        .collect();
    Some(Part { host, texts })
}

/// The time at which a cell changed.
fn turn(target: &TargetReport, contrast: &Contrast) -> Option<String> {
    let id = contrast.turn.as_ref()?;
    let session = target.observations.iter().find(|session| session.id == *id)?;
    Some(session.started_at.strftime("%H:%M:%S UTC").to_string())
}

fn cell<'a>(target: &'a TargetReport, id: &str) -> Option<&'a Cell> {
    target.cells.iter().find(|cell| cell.id == id)
}

/// What one side of a contrast is called.
fn side(axis: Axis, cell: &Cell) -> String {
    let Coordinates { vantage, source, host, ip, family, port, ehlo_name, client_hello, .. } =
        &cell.coordinates;
    match axis {
        Axis::Family => family.label().to_owned(),
        Axis::Host => host.clone(),
        Axis::Address => ip.to_string(),
        Axis::Source => source.map_or_else(|| "any source".to_owned(), |ip| ip.to_string()),
        Axis::Vantage => vantage.clone(),
        Axis::Port => format!("port {port}"),
        Axis::EhloName => ehlo_name.clone().unwrap_or_else(|| "address literal".to_owned()),
        Axis::ClientHello => format!("{} ClientHello", client_hello.word()),
        Axis::Time => cell.id.clone(),
    }
}

fn label(key: &str) -> String {
    match key {
        "starttls.offered" => "STARTTLS offered".to_owned(),
        "starttls.outcome" => "STARTTLS when sent".to_owned(),
        "tls.completed" => "TLS completed".to_owned(),
        "tls.version" => "TLS version".to_owned(),
        "tls.cipher_suite" => "cipher suite".to_owned(),
        "tls.key_exchange_group" => "key exchange".to_owned(),
        "ehlo.verb" => "greeted with".to_owned(),
        "tls.key" => "proven key".to_owned(),
        "tls.failure" => "TLS failure".to_owned(),
        "ehlo.keywords" => "EHLO keywords".to_owned(),
        other => other.replace(['.', '_'], " "),
    }
}

/// The value behind a difference in the session of this id; `None` where it is not
/// known.
fn value(target: &TargetReport, id: &str, key: &str) -> Option<String> {
    let session = target.observations.iter().find(|session| session.id == id)?;
    let tls = session.tls.as_ref();
    match key {
        "starttls.offered" => Some(yes_or_no(session.starttls.offered?)),
        "starttls.outcome" => Some(words::starttls_outcome(session.starttls.outcome).to_owned()),
        "tls.completed" => Some(yes_or_no(session.stages.contains(&Stage::Handshake))),
        "ehlo.verb" => Some(session.ehlo.as_ref()?.verb.word().to_owned()),
        "tls.version" => tls?.version.clone(),
        "tls.cipher_suite" => tls?.cipher_suite.clone(),
        "tls.key_exchange_group" => tls?.key_exchange_group.clone(),
        "tls.failure" => tls?.failure.clone(),
        "tls.key" => leaf_key(session),
        _ => None,
    }
}

fn leaf_key(session: &ObservationReport) -> Option<String> {
    let digest = session.tls.as_ref()?.chain.first()?.spki_sha256.as_deref()?;
    Some(digest.chars().take(SHORT_DIGEST).collect())
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_turn_is_told_with_its_time_and_address() {
        let mut target = samples::stripped().targets.remove(0);
        let mut contrast = target.contrasts[0].clone();
        let cell = &mut target.cells[0];
        let later = target.observations[1].id.clone();
        cell.observations.push(later.clone());
        contrast.axis = Axis::Time;
        contrast.right.clone_from(&contrast.left);
        contrast.turn = Some(later);
        contrast.differences = vec!["starttls.offered".to_owned()];
        target.contrasts = vec![contrast];
        let mut page = Page::new(100, false);
        write(&mut page, &target, 0);
        let text = page.finish();
        assert!(text.contains("Earlier against later\n"), "{text}");
        let told = "[203.0.113.62] STARTTLS offered: before 23:00:00 UTC no, from then on yes";
        assert!(text.contains(told), "{text}");
    }
}
