//! Whom to ask: targets from words and from standard input, hosts, control destinations.
//!
//! Refuses to know what a target is: `mxray::model::target` does.
//!
//! Owns their order, and that each is asked once.

use std::collections::HashSet;
use std::io::{BufRead, Read as _};

use mxray::model::target::{Target, TargetError, TargetKind};
use mxray::survey::ControlSettings;

use crate::cli::arguments::options::controls::{Canary, ControlOptions};
use crate::cli::failure::Failure;

/// Longest line of a list of targets, in bytes.
const LONGEST_LINE: u64 = 4096;
/// What is said of a line in another character set.
const NOT_UTF_8: &str = "not UTF-8";
/// Most targets of one run.
const MOST_TARGETS: usize = 1_000_000;

/// Reads the targets; one that was named before is left out.
pub(super) fn read(typed: &[String], input: &mut dyn BufRead) -> Result<Vec<Target>, Failure> {
    let mut targets = Targets::default();
    let mut input = Some(input);
    for word in typed {
        if word != "-" {
            targets.add(word, None)?;
        } else if let Some(input) = input.take() {
            targets.add_lines(input)?;
        }
    }
    if targets.list.is_empty() {
        return Err(Failure::usage(
            "standard input names no target",
            "give one target a line; empty lines and lines that begin with # are left out",
        ));
    }
    Ok(targets.list)
}

#[derive(Default)]
struct Targets {
    list: Vec<Target>,
    known: HashSet<String>,
}

impl Targets {
    fn add(&mut self, typed: &str, line: Option<usize>) -> Result<(), Failure> {
        let target: Target = typed.parse().map_err(|error: TargetError| {
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            Failure::usage(format!("{place}{}", error.message), error.hint)
        })?;
        if self.list.len() == MOST_TARGETS {
            return Err(Failure::usage(
                format!("more than {MOST_TARGETS} targets"),
                "split the list, and run once for each part",
            ));
        }
        if self.known.insert(format!("{:?}", target.kind)) {
            self.list.push(target);
        }
        Ok(())
    }

    fn add_lines(&mut self, input: &mut dyn BufRead) -> Result<(), Failure> {
        for number in 1.. {
            let Some(line) = line(input).map_err(|message| unreadable(number, &message))? else {
                break;
            };
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                self.add(line, Some(number))?;
            }
        }
        Ok(())
    }
}

/// The next line of standard input; `None` at its end.
fn line(input: &mut dyn BufRead) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    let read = input.take(LONGEST_LINE).read_until(b'\n', &mut bytes);
    match read.map_err(|error| error.to_string())? {
        0 => Ok(None),
        length if length as u64 == LONGEST_LINE => Err(format!("longer than {LONGEST_LINE} bytes")),
        _ => String::from_utf8(bytes).map(Some).map_err(|_| NOT_UTF_8.to_owned()),
    }
}

fn unreadable(line: usize, message: &str) -> Failure {
    let hint = match message {
        NOT_UTF_8 => "save the list as UTF-8, or write names in their xn-- form",
        _ => "give one target a line",
    };
    Failure::usage(format!("standard input, line {line}: {message}"), hint)
}

/// A name without a port is a host here, not a mail domain.
pub(super) fn host(target: Target) -> Result<Target, Failure> {
    if target.input.contains('@') {
        return Err(Failure::usage(
            format!("{} is a mail address, and TLSA records belong to a host", target.input),
            format!("`mxray check {}` names its MX hosts", target.name()),
        ));
    }
    match target.kind {
        TargetKind::Domain(host) => {
            Ok(Target { kind: TargetKind::Host { host, port: None }, ..target })
        }
        TargetKind::Host { .. } => Ok(target),
        TargetKind::Address { ip, .. } => Err(Failure::usage(
            format!("{ip} is an address, and TLSA records belong to a name"),
            "name the host: mxray tlsa mx1.example.net",
        )),
    }
}

/// The destinations of `--control`.
pub(super) fn of_control(typed: &[String]) -> Result<Vec<Target>, Failure> {
    let targets: Result<_, TargetError> = typed.iter().map(|typed| typed.parse()).collect();
    targets.map_err(|error| Failure::usage(format!("--control: {}", error.message), error.hint))
}

pub(super) fn controls(options: &ControlOptions) -> Result<ControlSettings, Failure> {
    let named = of_control(&options.control)?;
    let (canary, no_canary) = match &options.canary {
        None => (Vec::new(), options.no_controls),
        Some(Canary::Nowhere(ip)) => (vec![*ip], false),
        Some(Canary::None) => (Vec::new(), true),
    };
    let never_for = Vec::new();
    Ok(ControlSettings { named, built_in: !options.no_controls, canary, no_canary, never_for })
}
