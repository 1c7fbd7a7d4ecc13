//! The range of TLS that a host speaks, as a table.
//!
//! Owns its columns and words. What is weak in it stands among the findings.

use crate::model::range::{TlsRange, VersionRange};
use crate::model::report::TargetReport;
use crate::report::page::{Line, Page, Tone};
use crate::report::table::{Table, VOID};

const HEADINGS: [&str; 4] = ["version", "spoken", "cipher suites", "order"];

/// Writes a table a host; nothing where the range was not asked for.
pub(super) fn write(page: &mut Page, target: &TargetReport, verbose: u8) {
    let Some(ranges) = &target.tls_ranges else { return };
    page.heading("Range of TLS");
    for range in ranges {
        let mut table = Table::new(&HEADINGS, &[]);
        table.group(title(range));
        for version in &range.versions {
            let notes = if verbose > 0 { vec![suites(version)] } else { Vec::new() };
            table.row(cells(version), notes);
        }
        table.draw(page, 2);
        for line in by_products(range) {
            page.hanging(4, 2, &line);
        }
    }
}

fn title(range: &TlsRange) -> Line {
    let text = format!(" [{}], in {} sessions", range.ip, range.sessions);
    let line = Line::new().name(&range.host).plain(&text);
    if range.complete {
        return line;
    }
    line.toned(Tone::Doubtful, " (not all could be asked: what is missing below is not known)")
}

fn cells(version: &VersionRange) -> Vec<Line> {
    let spoken = match version.accepted {
        Some(true) => Line::new().plain("yes"),
        Some(false) => Line::new().plain("no"),
        None => Line::of(Tone::Doubtful, "unknown"),
    };
    let order = match version.server_preference {
        Some(true) => Line::new().plain("server's"),
        Some(false) => Line::new().plain("client's"),
        None => Line::of(Tone::Faint, VOID),
    };
    vec![Line::new().plain(&version.version), spoken, count(version), order]
}

fn count(version: &VersionRange) -> Line {
    if version.suites.is_empty() {
        return Line::of(Tone::Faint, VOID);
    }
    let count = version.suites.len().to_string();
    if version.complete {
        return Line::new().plain(&count);
    }
    Line::of(Tone::Doubtful, &format!("at least {count}"))
}

fn suites(version: &VersionRange) -> Line {
    Line::of(Tone::Faint, &version.suites.join(" "))
}

/// Groups and features, one line each; what is not known has none.
fn by_products(range: &TlsRange) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: String| {
        lines.push(Line::of(Tone::Faint, name).plain(": ").plain(&value));
    };
    if let Some(groups) = &range.groups {
        let more = if range.groups_complete == Some(false) { ", and perhaps more" } else { "" };
        add("groups", groups.join(", ") + more);
    }
    if let Some(bits) = range.dh_bits {
        add("finite-field exchange", format!("{bits} bits"));
    }
    let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    for (name, value) in [
        ("compression", range.compression),
        ("secure renegotiation", range.secure_renegotiation),
        ("extended master secret", range.extended_master_secret),
    ] {
        if let Some(value) = value {
            add(name, word(value));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::Status;
    use crate::report::samples;

    fn version(name: &str, accepted: Option<bool>, suites: &[&str]) -> VersionRange {
        VersionRange {
            version: name.into(),
            accepted,
            suites: suites.iter().map(ToString::to_string).collect(),
            complete: accepted.is_some(),
            server_preference: (suites.len() > 1).then_some(true),
        }
    }

    fn text(verbose: u8) -> String {
        let mut target = samples::target("example.net", (Status::Intact, None, ""), Vec::new());
        target.tls_ranges = Some(vec![TlsRange {
            host: "mx\x1b[2J.example.net".into(),
            ip: [192, 0, 2, 1].into(),
            sessions: 12,
            observations: Vec::new(),
            complete: false,
            versions: vec![
                version(
                    "TLSv1.3",
                    Some(true),
                    &["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"],
                ),
                version("TLSv1.2", Some(false), &[]),
                version("TLSv1.1", None, &[]),
            ],
            groups: Some(vec!["X25519".into(), "secp256r1".into()]),
            groups_complete: Some(false),
            dh_bits: Some(2048),
            compression: Some(false),
            secure_renegotiation: Some(true),
            extended_master_secret: None,
        }]);
        let mut page = Page::new(80, false);
        write(&mut page, &target, verbose);
        page.finish()
    }

    #[test]
    fn a_table_a_host_with_what_is_not_known() {
        insta::assert_snapshot!(text(0));
    }

    #[test]
    fn suites_are_named_on_request() {
        assert!(!text(0).contains("TLS_AES"));
        assert!(text(1).contains("TLS_AES_256_GCM_SHA384 TLS_AES_128_GCM_SHA256"));
    }
}
