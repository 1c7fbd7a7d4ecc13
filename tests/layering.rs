//! The arrows between the modules run one way. This test reads the `use` lines
//! and every other path that begins at the crate, and holds them against the
//! table below, which ARCHITECTURE.md explains.

#![expect(
    clippy::unwrap_used,
    reason = "a file of this repository that is not there fails the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library, and the modules that it may know.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("smtp", &["model"]),
    ("tls", &["model"]),
    ("policy", &["model", "tls"]),
    ("egress", &["model"]),
    ("dns", &["model", "policy"]),
    ("plan", &["model", "smtp", "tls"]),
    ("observe", &["model", "smtp", "tls", "policy"]),
    ("vantage", &["model", "smtp", "dns", "observe"]),
    ("mirror", &["model", "smtp", "tls", "observe"]),
    ("judge", &["model", "smtp", "tls", "policy"]),
    ("survey", &["model", "dns", "tls", "policy", "observe", "vantage", "judge", "plan"]),
    ("report", &["model"]),
    ("sim", &["model"]),
];

/// Modules that must stay pure: no sockets, no clock, no files.
const PURE: &[&str] = &["model", "smtp", "policy", "egress", "plan", "judge", "report"];
const IMPURE: &[&str] = &[
    "tokio::",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "Instant::now",
    "Timestamp::now",
    "SystemTime",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file, without comments and without its test module.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    let names = path.iter().filter_map(|part| part.to_str());
    names.into_iter().any(|name| matches!(name, "tests" | "tests.rs" | "testing.rs" | "samples"))
}

fn files_of(module: &str) -> Vec<PathBuf> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = sources(&src.join(module));
    files.extend(Some(src.join(format!("{module}.rs"))).filter(|path| path.exists()));
    files.retain(|path| !is_test(path));
    assert!(!files.is_empty(), "{module} has no files");
    files
}

/// The modules that a text names behind `crate::`, groups included.
fn known(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let names = match part.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().to_owned(),
            None => part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect(),
        };
        for name in names.split(',') {
            let name = name.trim().split("::").next().unwrap_or_default();
            found.insert(name.to_owned());
        }
    }
    found
}

#[test]
fn arrows_run_one_way() {
    let modules: BTreeSet<&str> = MAY_KNOW.iter().map(|(module, _)| *module).collect();
    let mut wrong = Vec::new();
    for (module, may_know) in MAY_KNOW {
        for file in files_of(module) {
            for name in known(&code(&file)) {
                let allowed = name == *module || may_know.contains(&name.as_str());
                if modules.contains(name.as_str()) && !allowed {
                    wrong.push(format!("{} knows {name}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_of_the_library_is_in_the_table() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let tabled: BTreeSet<&str> = MAY_KNOW.iter().map(|(module, _)| *module).collect();
    assert_eq!(declared, tabled);
}

#[test]
fn pure_modules_do_no_input_or_output() {
    let mut wrong = Vec::new();
    for module in PURE {
        for file in files_of(module) {
            let code = code(&file);
            for word in IMPURE.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("{} has {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_test_itself_sees_arrows() {
    assert_eq!(
        known("use crate::model::x;\nuse crate::{smtp, tls::y};\ncrate::dns::z();"),
        ["dns", "model", "smtp", "tls"].map(String::from).into()
    );
}
