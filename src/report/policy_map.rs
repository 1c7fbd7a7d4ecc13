//! Lines for Postfix's `smtp_tls_policy_maps`, as a file of them and as JSON.
//!
//! Owns the form: everything but the lines is a comment, so that the whole is a
//! valid map. Refuses to choose a line.

use std::fmt::Write as _;

use crate::model::policy_map::{PolicyAddress, PolicyEntry, PolicyMap};
use crate::report::escape::{escape, escape_name};
use crate::report::json::harmless;

/// The map as a text that Postfix reads. With `verbose`, what each address keeps.
pub fn render(map: &PolicyMap, verbose: bool) -> String {
    let mut text = format!(
        "# smtp_tls_policy_maps, by {} on {}\n",
        escape(&map.tool),
        map.started_at.strftime("%Y-%m-%d %H:%M UTC")
    );
    for entry in &map.policies {
        text.push('\n');
        write_entry(&mut text, entry, verbose);
    }
    text
}

fn write_entry(text: &mut String, entry: &PolicyEntry, verbose: bool) {
    let destination = escape_name(&entry.destination);
    // Writing to a string cannot fail.
    for remark in &entry.remarks {
        let _ = writeln!(text, "# {destination}: {}", escape(remark));
    }
    if verbose {
        for address in &entry.addresses {
            let _ = writeln!(text, "# {destination}: {}", kept(address));
        }
    }
    match (&entry.line, &entry.candidate) {
        (Some(line), _) => {
            let _ = writeln!(text, "{}", escape_name(line));
        }
        (None, Some(line)) => {
            let _ = writeln!(text, "# supported by what was reached: {}", escape_name(line));
        }
        (None, None) => {}
    }
}

fn kept(address: &PolicyAddress) -> String {
    let word = |kept: Option<bool>| match kept {
        Some(true) => "kept",
        Some(false) => "not kept",
        None => "not known",
    };
    format!(
        "{} [{}]: dane-only {}, secure {}, encrypt {}",
        escape_name(&address.host),
        address.ip,
        word(address.dane_only),
        word(address.secure),
        word(address.encrypt)
    )
}

/// The map as one JSON object.
///
/// # Errors
/// As [`json::render`](crate::report::json::render).
pub fn json(map: &PolicyMap) -> serde_json::Result<String> {
    serde_json::to_string_pretty(map).map(|text| harmless(text + "\n"))
}

/// One object a line, each with one destination.
///
/// # Errors
/// As [`json()`].
pub fn ndjson(map: &PolicyMap) -> serde_json::Result<String> {
    let mut lines = String::new();
    for entry in &map.policies {
        let one = PolicyMap { policies: vec![entry.clone()], ..map.clone() };
        lines.push_str(&serde_json::to_string(&one)?);
        lines.push('\n');
    }
    Ok(harmless(lines))
}
