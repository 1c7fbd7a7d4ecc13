//! From words to arguments, and from a mistake to what should have been typed.
//!
//! Owns the wording of clap's errors. Refuses to know what any option means.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser as _};

use crate::cli::arguments::Arguments;
use crate::cli::failure::{Complaint, Failure};

/// What was typed.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A command.
    Command(Arguments),
    /// A wish for help or for the version: the text of it.
    Help(String),
}

/// Reads the arguments, the program's own name first.
///
/// # Errors
/// What was typed is not a command; the complaint says what to type instead.
pub(crate) fn parse(typed: impl IntoIterator<Item = OsString>) -> Result<Parsed, Failure> {
    let typed: Vec<OsString> = typed.into_iter().collect();
    let error = match Arguments::try_parse_from(&typed) {
        Ok(arguments) => return Ok(Parsed::Command(arguments)),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Ok(Parsed::Help(error.render().ansi().to_string()))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Err(Failure::usage(
            "no command was given",
            "`mxray check DOMAIN` is the main one, `mxray demo` needs no network, \
             `mxray --help` tells all",
        )),
        _ => {
            let complaint = complaint(&error);
            let better = misspelt_topic(&error, &typed).or_else(|| misplaced(&error, &typed));
            let hint = better.or(complaint.hint);
            Err(Failure::Usage(Complaint { hint, ..complaint }))
        }
    }
}

/// Least likeness of a word to a command that it was meant for, by Jaro.
const LIKENESS: f64 = 0.8;

/// `mxray help chek`: the word stands where no target can.
fn misspelt_topic(error: &clap::Error, typed: &[OsString]) -> Option<String> {
    let asks_help = typed.get(1).is_some_and(|word| word == "help");
    if error.kind() != ErrorKind::InvalidSubcommand || !asks_help {
        return None;
    }
    let word = typed.last()?.to_string_lossy();
    let command = Arguments::command();
    let names = command.get_subcommands().map(clap::Command::get_name);
    let likest =
        names.max_by(|one, other| strsim::jaro(one, &word).total_cmp(&strsim::jaro(other, &word)));
    let likest = likest.filter(|name| strsim::jaro(name, &word) >= LIKENESS);
    Some(match likest {
        Some(name) => format!("mxray help {name}"),
        None => "`mxray --help` lists the commands".to_owned(),
    })
}

/// The command that was typed, where there is one of that name.
fn command_of(typed: &[OsString]) -> Option<clap::Command> {
    let word = typed.get(1)?.to_str()?;
    Arguments::command().find_subcommand(word).cloned()
}

/// An option that other commands take, a word that this one takes otherwise, or one
/// that cannot be used at all.
fn misplaced(error: &clap::Error, typed: &[OsString]) -> Option<String> {
    let command = command_of(typed)?;
    let name = command.get_name();
    let look_up = format!("`mxray {name} --help` says what it takes");
    if error.kind() == ErrorKind::InvalidUtf8 {
        return Some("write names in UTF-8, or in their xn-- form".to_owned());
    }
    let has_tip = error.get(ContextKind::SuggestedArg).is_some()
        || error.get(ContextKind::SuggestedValue).is_some();
    if error.kind() == ErrorKind::UnknownArgument && !has_tip {
        let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
            return Some(look_up);
        };
        return Some(elsewhere(word).or_else(|| loose_word(name, word)).unwrap_or(look_up));
    }
    let is_value = matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
    (is_value && !has_tip).then_some(look_up)
}

/// Which commands take an option.
fn elsewhere(option: &str) -> Option<String> {
    let long = option.strip_prefix("--")?;
    let program = Arguments::command();
    let takes = |command: &&clap::Command| {
        command.get_arguments().any(|argument| argument.get_long() == Some(long))
    };
    let names: Vec<String> = program
        .get_subcommands()
        .filter(takes)
        .map(|it| format!("mxray {}", it.get_name()))
        .collect();
    (!names.is_empty()).then(|| format!("{option} belongs to {}", names.join(", ")))
}

/// What was meant by a word where a command takes none, or no more.
fn loose_word(command: &str, word: &str) -> Option<String> {
    match command {
        _ if word.starts_with('-') => None,
        "egress" => Some(format!("mxray egress --from {word}")),
        "report" => Some("`mxray compare` judges several reports together".to_owned()),
        "explain" => Some("one name at a time".to_owned()),
        _ => None,
    }
}

/// What the standard library says of a value, and what is said here.
const REWORDED: [(&str, &str); 4] = [
    ("invalid digit found in string", "not a whole number"),
    ("cannot parse integer from empty string", "not a whole number"),
    ("number too large to fit in target type", "too large"),
    ("invalid IP address syntax", "not an IP address"),
];

/// clap's report as one line, and one that helps.
fn complaint(error: &clap::Error) -> Complaint {
    let rendered = error.render().to_string();
    let first = rendered.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    let message = words.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let message = REWORDED.iter().fold(message.to_owned(), |told, (theirs, ours)| {
        told.strip_suffix(theirs).map(|start| format!("{start}{ours}")).unwrap_or(told)
    });
    let hint = match mistaken_target(error) {
        Some(target) => format!("mxray check {target}"),
        None => hint(error.kind(), &rendered),
    };
    Complaint { message, hint: Some(hint) }
}

/// What helps against a mistake: clap's own tip, or what fits its kind.
fn hint(kind: ErrorKind, rendered: &str) -> String {
    let behind = |prefix: &str| -> Vec<&str> {
        rendered.lines().filter_map(|line| line.trim().strip_prefix(prefix)).collect()
    };
    let tips = behind("tip: ");
    if !tips.is_empty() {
        return tips.join("; ");
    }
    match kind {
        ErrorKind::ArgumentConflict => "leave one of them out".to_owned(),
        ErrorKind::MissingRequiredArgument => format!("type {}", behind("Usage: ").join(" ")),
        _ => "the --help of the command says what it takes".to_owned(),
    }
}

/// A target where a command should stand: `mxray example.net`.
fn mistaken_target(error: &clap::Error) -> Option<&str> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let looks_like_one = word.contains(['.', '@', ':', '[']);
    let is_typo = error.get(ContextKind::SuggestedSubcommand).is_some();
    (looks_like_one || !is_typo).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed, Failure> {
        parse(line.split(' ').map(OsString::from))
    }

    fn refused(line: &str) -> Complaint {
        match parsed(line) {
            Err(Failure::Usage(complaint)) => complaint,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_target_in_the_place_of_a_command_is_understood() {
        for target in ["gmail.com", "user@example.net", "[mx1.example.net]:25", "localhost"] {
            let complaint = refused(&format!("mxray {target}"));
            assert_eq!(complaint.hint, Some(format!("mxray check {target}")));
        }
    }

    #[test]
    fn typos_are_named_and_mended() {
        let complaint = refused("mxray chekc gmail.com");
        assert_eq!(complaint.message, "unrecognized subcommand 'chekc'");
        assert!(complaint.hint.unwrap().contains("check"));
        assert_eq!(refused("mxray help chek").hint.unwrap(), "mxray help check");
        assert!(refused("mxray help example.net").hint.unwrap().contains("--help"));
        let complaint = refused("mxray check --tiemout 3 gmail.com");
        assert_eq!(complaint.message, "unexpected argument '--tiemout' found");
        assert!(complaint.hint.unwrap().contains("--timeout"));
        let complaint = refused("mxray check --roots mozilla gmail.com");
        assert!(complaint.message.contains("[possible values: webpki, native]"));
    }

    #[test]
    fn what_stands_at_the_wrong_command_is_told_where_it_belongs() {
        for (line, hint) in [
            ("mxray report --save f f.json", "--save belongs to mxray check,"),
            ("mxray egress --deep", "--deep belongs to mxray check"),
            ("mxray egress example.net", "mxray egress --from example.net"),
            ("mxray report a.json b.json", "mxray compare"),
            ("mxray demo example.net", "`mxray demo --help`"),
            ("mxray check --repeats -1 a.example", "`mxray check --help`"),
            ("mxray check -o f a.example", "`mxray check --help`"),
            ("mxray check --timeout abc a.example", "`mxray check --help`"),
            ("mxray check --savee f a.example", "'--save'"),
            ("mxray check --fail-on crit a.example", "'critical'"),
        ] {
            let told = refused(line).hint.unwrap();
            assert!(told.contains(hint), "{line}: {told}");
        }
    }

    #[test]
    fn values_are_refused_in_words_for_people() {
        for (line, words) in [
            ("mxray check --port 25,26 a.example", "not a whole number"),
            ("mxray check --repeats many a.example", "not a whole number"),
            ("mxray check --source banana a.example", "not an IP address"),
            ("mxray egress --public banana", "not an IP address"),
        ] {
            let complaint = refused(line);
            assert!(complaint.message.ends_with(words), "{}", complaint.message);
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_argument_in_another_character_set_is_refused_with_what_helps() {
        use std::os::unix::ffi::OsStringExt as _;
        let name = OsString::from_vec(b"b\xfccher.example".to_vec());
        let typed = ["mxray", "check"].map(OsString::from).into_iter().chain([name]);
        let Err(Failure::Usage(complaint)) = parse(typed) else { panic!("it was parsed") };
        assert!(complaint.hint.unwrap().contains("UTF-8"));
    }

    #[test]
    fn conflicts_are_refused() {
        for line in [
            "mxray",
            "mxray check",
            "mxray check -4 -6 a.example",
            "mxray check --json --ndjson a.example",
            "mxray check --json --transcript a.example",
            "mxray check -q -v a.example",
            "mxray check --port 0 a.example",
            "mxray check --timeout 0 a.example",
            "mxray check --ehlo two\u{a0}words a.example",
            "mxray check --resolver resolver.example a.example",
            "mxray report",
            "mxray compare",
            "mxray completions ksh",
        ] {
            let complaint = refused(line);
            assert!(!complaint.message.is_empty() && complaint.hint.is_some(), "{line}");
            assert!(!complaint.message.contains('\n'), "{line}");
        }
    }

    #[test]
    fn help_and_version_are_results() {
        for line in ["mxray --help", "mxray -V", "mxray help check", "mxray check -h"] {
            assert!(matches!(parsed(line), Ok(Parsed::Help(text)) if !text.is_empty()), "{line}");
        }
    }
}
