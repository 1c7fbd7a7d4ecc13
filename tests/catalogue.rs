//! docs/detection.md holds what the code claims: its tables are made of the
//! catalogue. `MXRAY_UPDATE=1 cargo test --test catalogue` writes them anew.

#![expect(
    clippy::unwrap_used,
    reason = "a text of this repository that is not there fails its test"
)]

use std::path::Path;

use mxray::judge::CLAIMS;
use mxray::report::catalogue;

/// The text between two markers, which stand on lines of their own.
fn between<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("<!-- {name}:begin -->\n")).unwrap();
    rest.split_once(&format!("<!-- {name}:end -->")).unwrap().0
}

#[test]
fn the_tables_of_the_docs_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/detection.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let parts =
        [("verdicts", catalogue::verdicts(&CLAIMS)), ("catalogue", catalogue::findings(&CLAIMS))];
    if std::env::var_os("MXRAY_UPDATE").is_some() {
        let written = parts.iter().fold(text, |text, (name, part)| {
            let marked = |part: &str| format!("<!-- {name}:begin -->\n{part}<!-- {name}:end -->");
            text.replace(&marked(between(&text, name)), &marked(part))
        });
        std::fs::write(&path, written).unwrap();
        return;
    }
    for (name, part) in parts {
        assert!(between(&text, name) == part, "{name}: run again with MXRAY_UPDATE=1");
    }
}

/// The names of all fields below a part of a schema.
fn fields<'a>(schema: &'a serde_json::Value, found: &mut Vec<&'a str>) {
    if let Some(properties) = schema.get("properties").and_then(serde_json::Value::as_object) {
        found.extend(properties.keys().map(String::as_str));
    }
    match schema {
        serde_json::Value::Object(parts) => parts.values().for_each(|part| fields(part, found)),
        serde_json::Value::Array(parts) => parts.iter().for_each(|part| fields(part, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_the_schema_is_in_the_description() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../schema/report-1.json")).unwrap();
    let text = include_str!("../docs/report.md");
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words: std::collections::BTreeSet<&str> = text.split(|letter| !is_part(letter)).collect();
    let mut all = Vec::new();
    fields(&schema, &mut all);
    assert!(all.contains(&"targets"), "{all:?}");
    let missing: Vec<&str> = all.into_iter().filter(|field| !words.contains(field)).collect();
    assert!(missing.is_empty(), "not in docs/report.md: {missing:?}");
}
