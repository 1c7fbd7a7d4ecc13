//! What must hold for every text of the repository: what it cites is here, and
//! it names no place that only one machine has.

#![expect(
    clippy::unwrap_used,
    reason = "a file of this repository that cannot be read fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders that the repository does not keep.
const NOT_OURS: [&str; 2] = ["target", ".git"];

/// Folders of people's machines, without the slash before them: this file is
/// read as well.
const PERSONAL: [&str; 4] = ["home", "root", "Users", "work"];

/// Endings of names that only a private network resolves (RFC 6762, RFC 9476,
/// and what is used without asking).
const PRIVATE_NAMES: [&str; 7] =
    [".local", ".internal", ".lan", ".corp", ".intranet", ".home.arpa", ".alt"];

/// Addresses that stand for any other (RFC 5737, RFC 3849), and loopback.
const DOCUMENTATION: [&str; 5] = ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:", "127."];

/// Most lines of a file of `src` before its tests, its module comment left out.
const LONGEST_FILE: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text of the repository, with its path from the root.
fn texts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    assert!(found.len() > 200, "only {} files were found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root()).unwrap().to_owned();
        if NOT_OURS.iter().any(|ours| name == Path::new(ours)) {
            continue;
        }
        if path.is_dir() {
            collect(&path, found);
        } else if let Ok(text) = String::from_utf8(fs::read(&path).unwrap()) {
            found.push((name, text));
        }
    }
}

/// The file names ending in `.md` that a line cites, each with the section that
/// follows it (`docs/detection.md §1`).
fn citations(line: &str) -> Vec<(&str, Option<&str>)> {
    let is_name = |letter: char| letter.is_alphanumeric() || "/.-_".contains(letter);
    let ends = line.match_indices(".md").map(|(at, suffix)| at + suffix.len());
    let whole = ends.filter(|end| !line[*end..].starts_with(is_name_letter));
    whole
        .map(|end| {
            let start = line[..end]
                .rfind(|letter| !is_name(letter))
                .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
            (&line[start..end], line[end..].strip_prefix(" §").map(digits))
        })
        .filter(|(name, _)| *name != ".md")
        .collect()
}

fn is_name_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn digits(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

/// Why a citation leads nowhere; `None` where it leads somewhere. A name is read
/// from the root, and in a text also from the folder of that text.
fn dangling(from: &Path, (name, section): (&str, Option<&str>)) -> Option<String> {
    let beside = root().join(from).with_file_name(name);
    let Some(path) = [root().join(name), beside].into_iter().find(|path| path.is_file()) else {
        return Some(format!("{name} is not here"));
    };
    let section = section?;
    let heading = format!("## {section}.");
    let text = fs::read_to_string(path).unwrap();
    let is_there = text.lines().any(|line| line.starts_with(&heading));
    (!is_there).then(|| format!("{name} has no section {section}"))
}

/// A folder of somebody's machine that a line names.
fn personal_folder(line: &str) -> Option<String> {
    let folders = PERSONAL.iter().map(|name| format!("/{name}"));
    folders.into_iter().find(|folder| {
        line.match_indices(folder).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + folder.len()..].chars().next();
            let begins =
                before.is_none_or(|letter| !is_name_letter(letter) && !"./}".contains(letter));
            begins && after.is_none_or(|letter| !is_name_letter(letter) && letter != '-')
        })
    })
}

/// A host behind `//` of a URL that nobody else could reach. Templates
/// (`<domain>`), user names and addresses for documentation are none.
fn private_host(line: &str) -> Option<&str> {
    let urls = line.match_indices("://").map(|(at, mark)| &line[at + mark.len()..]);
    let hosts = urls.filter_map(|rest| {
        let end = rest.find(|letter: char| !is_name_letter(letter) && !".-".contains(letter));
        let (host, behind) = rest.split_at(end.unwrap_or(rest.len()));
        (!host.is_empty() && !behind.starts_with(['<', '{', '@'])).then_some(host)
    });
    hosts.map(|host| host.trim_end_matches('.')).find(|host| match host.parse::<IpAddr>() {
        Ok(ip) => !DOCUMENTATION.iter().any(|prefix| ip.to_string().starts_with(prefix)),
        Err(_) => !host.contains('.') || PRIVATE_NAMES.iter().any(|end| host.ends_with(end)),
    })
}

/// Runs a rule over every line.
fn complaints(rule: impl Fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in texts() {
        for (number, line) in text.lines().enumerate() {
            let wrong = rule(&path, line);
            let place = format!("{}:{}", path.display(), number + 1);
            found.extend(wrong.into_iter().map(|why| format!("{place}: {why}")));
        }
    }
    found
}

#[test]
fn every_text_that_is_cited_is_here() {
    let wrong = complaints(|path, line| {
        let is_example = path == Path::new(file!()) || line.contains("://");
        let cited = if is_example { Vec::new() } else { citations(line) };
        cited.into_iter().filter_map(|citation| dangling(path, citation)).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where a Markdown text leads to: what stands in parentheses behind brackets.
fn links(text: &str) -> Vec<&str> {
    let ends = text.match_indices("](").map(|(at, mark)| &text[at + mark.len()..]);
    ends.filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).collect()
}

/// The anchor of a heading, as code hosts make it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|letter| is_name_letter(*letter) || " -".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// Whether a link within the repository leads somewhere.
fn leads_somewhere(from: &Path, link: &str) -> bool {
    let (file, place) = link.split_once('#').map_or((link, None), |(file, at)| (file, Some(at)));
    let beside = root().join(from);
    let path = if file.is_empty() { beside } else { beside.with_file_name(file) };
    let Some(place) = place else { return path.exists() };
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| line.starts_with('#') && anchor(line) == place)
}

#[test]
fn every_link_leads_somewhere() {
    let texts = texts();
    let pages = texts.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "md"));
    let within = |link: &&str| !link.contains("://") && !link.starts_with("mailto:");
    let all: Vec<(&PathBuf, &str)> = pages
        .flat_map(|(path, text)| links(text).into_iter().map(move |link| (path, link)))
        .filter(|(_, link)| within(link))
        .collect();
    assert!(all.len() > 40, "only {} links were found", all.len());
    let wrong: Vec<_> = all.iter().filter(|(path, link)| !leads_somewhere(path, link)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The code map names files that exist, and every folder of `src`.
#[test]
fn the_code_map_is_of_this_code() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let texts = texts();
    let is_here = |name: &Path| texts.iter().any(|(path, _)| path.ends_with(name));
    let spans: Vec<&Path> = map.split('`').skip(1).step_by(2).map(Path::new).collect();
    let is_code = |path: &&&Path| path.extension().is_some_and(|end| end == "rs");
    let files: Vec<&&Path> = spans.iter().filter(is_code).collect();
    assert!(files.len() > 60, "only {} files are named", files.len());
    let gone: Vec<_> = files.into_iter().filter(|name| !is_here(name)).collect();
    assert!(gone.is_empty(), "not here: {gone:?}");
    let folders = fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.path().is_dir());
    let modules = folders.map(|entry| Path::new("src").join(entry.file_name()));
    let missing: Vec<PathBuf> = modules.filter(|path| !spans.contains(&path.as_path())).collect();
    assert!(missing.is_empty(), "not on the map: {missing:?}");
}

#[test]
fn no_line_names_a_place_that_only_one_machine_has() {
    let wrong = complaints(|_, line| {
        let folder = personal_folder(line).map(|folder| format!("names {folder}"));
        let host = private_host(line).map(|host| format!("names the host {host}"));
        folder.into_iter().chain(host).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Lines of a file of code before its tests, without its module comment.
fn lines_of_code(text: &str) -> usize {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.starts_with("//!")).count()
}

#[test]
fn no_file_of_code_is_long() {
    let texts = texts();
    let code = texts.iter().filter(|(path, _)| {
        path.starts_with("src") && path.extension().is_some_and(|end| end == "rs")
    });
    let of_code = code.filter(|(path, _)| {
        let mut parts = path.iter().filter_map(|part| part.to_str());
        !parts.any(|part| matches!(part, "tests" | "tests.rs" | "testing.rs" | "samples"))
    });
    let long: Vec<String> = of_code
        .map(|(path, text)| (path, lines_of_code(text)))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "split by subject: {long:#?}");
}

/// The functions of these files that are marked as tests.
fn tests_of(texts: &[(PathBuf, String)]) -> BTreeSet<&str> {
    let code = texts.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "rs"));
    let mut found = BTreeSet::new();
    for (_, text) in code {
        let mut marked = false;
        for line in text.lines().map(str::trim_start) {
            let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            match name.and_then(|name| name.split('(').next()) {
                Some(name) if std::mem::take(&mut marked) => _ = found.insert(name),
                Some(_) => {}
                None => marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test"),
            }
        }
    }
    found
}

/// docs/standards.md: what peers get wrong is tested here, by the tests named there.
#[test]
fn every_rule_that_peers_get_wrong_has_its_tests() {
    let texts = texts();
    let known = tests_of(&texts);
    let path = Path::new("docs/standards.md");
    let standards = &texts.iter().find(|(name, _)| name == path).unwrap().1;
    let (rules, table) = standards.split_once("## Tests").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ✗ ")).collect();
    assert_eq!(rows.len(), rules.matches(" ✗").count() - 1, "one row a mark; one explains it");
    for row in rows {
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for test in named {
            assert!(known.contains(test), "no such test: {test}");
        }
    }
}

/// What cargo says here to these arguments.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every direct dependency with its licence, alternatives in order, as cargo has it.
fn licences() -> BTreeMap<String, String> {
    // Without the network there are the crates of this platform alone.
    let about = cargo(&["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let wanted = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host];
    let metadata: serde_json::Value = serde_json::from_str(&cargo(&wanted)).unwrap();
    let packages = metadata.get("packages").and_then(serde_json::Value::as_array).unwrap();
    let word = |package: &serde_json::Value, key: &str| {
        package.get(key).and_then(serde_json::Value::as_str).unwrap().to_owned()
    };
    let named = |name: &str| packages.iter().find(|package| word(package, "name") == name).unwrap();
    let direct = named("mxray").get("dependencies").and_then(serde_json::Value::as_array).unwrap();
    let licence = |one: &serde_json::Value| {
        let name = word(one, "name");
        let licence = in_order(&word(named(&name), "license"));
        (name, licence)
    };
    direct.iter().map(licence).collect()
}

/// `MIT/Apache-2.0` and `Apache-2.0 OR MIT` are one.
fn in_order(licence: &str) -> String {
    if licence.contains('(') {
        return licence.to_owned();
    }
    let mut choices: Vec<&str> = licence.split(" OR ").flat_map(|one| one.split('/')).collect();
    choices.sort_unstable();
    choices.join(" OR ")
}

/// docs/dependencies.md: what each direct dependency is for, and its licence.
#[test]
fn every_dependency_is_explained_with_its_licence() {
    let text = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let (reasons, rest) = text.split_once("## Licences").unwrap();
    let (table, _) = rest.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let told: BTreeMap<String, String> = rows
        .flat_map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let licence = in_order(cells[0]);
            cells[1].split(", ").map(|name| (name.to_owned(), licence.clone())).collect::<Vec<_>>()
        })
        .collect();
    let licences = licences();
    assert!(licences.len() > 30, "{licences:?}");
    assert_eq!(told, licences, "the table of licences");
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    let used = reasons.lines().filter(|line| line.starts_with("| "));
    let words: BTreeSet<&str> = used.flat_map(|line| line.split(|it| !is_part(it))).collect();
    let missing: Vec<&String> =
        licences.keys().filter(|name| !words.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "no row of docs/dependencies.md says what for: {missing:?}");
}

#[test]
fn the_rules_see_what_they_look_for() {
    assert_eq!(lines_of_code("//! Owns.\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n"), 2);
    let line = "as docs/detection.md §12 (b) and [SECURITY.md](SECURITY.md) say, not a.mdb";
    let cited = [("docs/detection.md", Some("12")), ("SECURITY.md", None), ("SECURITY.md", None)];
    assert_eq!(citations(line), cited);
    let here = Path::new("src/lib.rs");
    assert_eq!(dangling(here, ("README.md", None)), None);
    assert_eq!(dangling(here, ("docs/detection.md", Some("4"))), None);
    assert!(dangling(here, ("docs/detection.md", Some("99"))).is_some());
    assert!(dangling(here, ("NOWHERE.md", None)).is_some());

    assert_eq!(links("see [a](b.md#c) and [d](e)"), ["b.md#c", "e"]);
    assert_eq!(anchor("## Where to put …"), "where-to-put-");
    assert!(leads_somewhere(Path::new("docs/dane.md"), "detection.md#1-the-claims"));
    assert!(!leads_somewhere(Path::new("docs/dane.md"), "detection.md#no-such-place"));
    assert!(!leads_somewhere(Path::new("docs/dane.md"), "README.md"));

    let folder = |name: &str| format!("/{name}");
    assert!(personal_folder(&format!("see {}/wt", folder("work"))).is_some());
    assert!(personal_folder(&format!("\"{}\"", folder("home"))).is_some());
    for innocent in ["/run/work/x", "/workspace", "a/work/b", "./work"] {
        assert_eq!(personal_folder(innocent), None, "{innocent}");
    }

    for private in ["registry", "10.0.0.1", "cargo.internal", "index.corp"] {
        let line = format!("{}://{private}:8080/x", "https");
        assert_eq!(private_host(&line), Some(private));
    }
    for public in
        ["github.com/x, https://docs.rs.", "mta-sts.<domain>/x", "192.0.2.1/", "u@x.example"]
    {
        assert_eq!(private_host(&format!("https://{public}")), None, "{public}");
    }
}
