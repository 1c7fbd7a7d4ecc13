//! Every command line that the documentation and the help show is one that can be
//! typed: it is parsed, and nothing runs.
//!
//! Owns how a command line is found in prose. Refuses to know what it would do.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use mxray::judge::CLAIMS;
use mxray::report::text::explain;

use super::{Arguments, Command, Parsed, parse};
use crate::cli::failure::Failure;

/// What a reader replaces, and something that could stand in its place.
const PLACEHOLDERS: [(&str, &str); 5] = [
    ("[TOKEN@]HOST[:PORT]", "mirror.example.net"),
    ("TOKEN@HOST", "0123456789abcdefghij@mirror.example.net"),
    ("…", ""),
    ("...", ""),
    ("SEVERITY", "warning"),
];

/// clap's complaint about a command without its arguments.
const MISSING: &str = "required arguments were not provided";

/// The words of a shell's command from its beginning to a pipe, a redirection, a
/// comment or the end; `None` where a quotation is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let (quoted, rest) = letters.as_str().split_once(letter)?;
                word.get_or_insert_default().push_str(quoted);
                letters = rest.chars();
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            ' ' => words.extend(word.take()),
            '#' if word.is_none() => break,
            '|' | '>' | '<' | ';' | '&' | ')' => break,
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Some(words)
}

/// Where a command line stands: within a sentence it may only name the command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Sentence,
    Line,
}

/// What stands between backticks, and the lines between fences.
fn code(text: &str) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    let joined = text.replace("\\\n", " ");
    for (number, part) in joined.split("\n```").enumerate() {
        if number % 2 == 1 {
            found.extend(part.lines().skip(1).map(|line| (Place::Line, line.to_owned())));
        } else {
            let spans = part.split('`').skip(1).step_by(2);
            found.extend(spans.map(|span| (Place::Sentence, span.to_owned())));
        }
    }
    found
}

/// From each `mxray` that a shell would start to the end of its line.
fn commands(line: &str) -> Vec<&str> {
    let starts = line.match_indices("mxray ").filter(|(at, _)| {
        let before = line[..*at].trim_end();
        before.is_empty()
            || before.ends_with(['$', '|', ';', '&', '(', '=', '"', '\''])
            || before.split(' ').next_back().is_some_and(|word| {
                let is_job = before.starts_with(|letter: char| letter.is_ascii_digit());
                matches!(word, "sudo" | "exec" | "then" | "if") || is_job
            })
    });
    // A digit is a version, not a command.
    let typed = starts.map(|(at, _)| &line[at..]);
    typed
        .filter(|rest| !rest["mxray ".len()..].starts_with(|it: char| it.is_ascii_digit()))
        .collect()
}

/// Why it cannot be typed.
fn refused(place: Place, command: &str) -> Option<String> {
    let filled = PLACEHOLDERS.iter().fold(command.to_owned(), |line, (placeholder, example)| {
        line.replace(placeholder, example)
    });
    // The end of a quotation in which the command stands.
    let words = words(&filled).or_else(|| words(filled.split(['\'', '"']).next()?))?;
    match parse(words.into_iter().map(OsString::from)) {
        Ok(Parsed::Help(_)) => None,
        Ok(Parsed::Command(arguments)) => match arguments.command {
            Command::Explain { name: Some(name) } => {
                let is_known = name == "NAME" || explain::names(&CLAIMS).contains(&name.as_str());
                (!is_known).then(|| format!("{command}: nothing is called {name}"))
            }
            _ => None,
        },
        Err(Failure::Usage(complaint)) => {
            let is_named = place == Place::Sentence && complaint.message.contains(MISSING);
            (!is_named).then(|| format!("{command}: {}", complaint.message))
        }
        Err(_) => Some(format!("{command}: not parsed")),
    }
}

/// The texts for readers, by path.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|end| end == "md"));
    texts.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_command_line_of_the_documentation_can_be_typed() {
    let mut counted = 0;
    let mut wrong = Vec::new();
    for (path, text) in documents() {
        for (place, line) in code(&text) {
            for command in commands(&line) {
                counted += 1;
                wrong.extend(
                    refused(place, command).map(|why| format!("{}: {why}", path.display())),
                );
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(counted > 40, "only {counted} command lines were found");
}

#[test]
fn every_example_of_the_help_can_be_typed() {
    let program = Arguments::command();
    for command in program.get_subcommands().chain([&program]) {
        let name = command.get_name();
        if name == "help" {
            continue;
        }
        let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        let examples = help.lines().filter_map(|line| line.strip_prefix("  "));
        // Two blanks, and what it is for.
        let examples = examples.map(|line| line.split("   ").next().unwrap_or_default());
        let typed: Vec<&str> = examples.flat_map(commands).collect();
        assert!(!typed.is_empty(), "mxray {name} --help has no example");
        let wrong = typed.into_iter().filter_map(|command| refused(Place::Line, command));
        let wrong: Vec<String> = wrong.collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn what_cannot_be_typed_is_seen() {
    let on_a_line = |command| refused(Place::Line, command);
    assert!(on_a_line("mxray check --tiemout 3 a.example").is_some());
    assert!(on_a_line("mxray report --save f f.json").is_some());
    assert!(on_a_line("mxray explain striped").is_some());
    assert!(on_a_line("mxray compare").is_some());
    assert_eq!(refused(Place::Sentence, "mxray compare"), None);
    assert_eq!(on_a_line("mxray check --vantage b='ssh b mxray agent --stdio' a.example"), None);
    assert_eq!(on_a_line("mxray agent --stdio\",restrict"), None);
    let text = "Run `mxray demo`:\n```sh\n$ mxray check a.example | jq # all\n```\nor `x`";
    let lines = code(text);
    let found: Vec<&str> = lines.iter().flat_map(|(_, line)| commands(line)).collect();
    assert_eq!(found, ["mxray demo", "mxray check a.example | jq # all"]);
    let split = words("mxray check '[a.example]:25' --ehlo \"b c\"|jq").unwrap();
    assert_eq!(split, ["mxray", "check", "[a.example]:25", "--ehlo", "b c"]);
}
