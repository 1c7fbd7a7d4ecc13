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
