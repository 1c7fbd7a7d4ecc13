//! The syntax of what `postconf` prints: parameters, and the services of master.cf.
//!
//! Owns continuation lines, braces and `-o`. Refuses to know any setting's meaning.

use std::collections::BTreeMap;

use super::Service;

/// Lines that begin with a blank continue the one before (postconf(5)).
pub(super) fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let continues = line.starts_with([' ', '\t']);
        match lines.last_mut() {
            _ if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
            Some(last) if continues => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim().to_owned()),
        }
    }
    lines
}

/// Reads `name = value` lines; what is no such line is left out, and the last of a
/// name counts.
pub fn parameters(text: &str) -> BTreeMap<String, String> {
    let lines = logical_lines(text);
    let pairs = lines.iter().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// Reads the services of `postconf -M`; lines with fewer than eight fields are left out.
pub fn services(text: &str) -> Vec<Service> {
    logical_lines(text).iter().filter_map(|line| service(line)).collect()
}

fn service(line: &str) -> Option<Service> {
    let words = words(line);
    let (name, kind, chroot, command) =
        (words.first()?, words.get(1)?, words.get(4)?, words.get(7)?);
    let mut overrides = Vec::new();
    let mut rest = words.get(8..)?.iter();
    while let Some(word) = rest.next() {
        let setting = match word.strip_prefix("-o") {
            Some("") => rest.next()?.as_str(),
            Some(joined) => joined,
            None => continue,
        };
        if let Some((name, value)) = setting.split_once('=') {
            overrides.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Some(Service {
        name: name.clone(),
        kind: kind.clone(),
        chroot: chroot.clone(),
        command: command.clone(),
        overrides,
    })
}

/// Words apart by blanks; what stands in braces is one, without them (master(5)).
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let braced = rest.starts_with('{').then(|| closing(rest)).flatten();
        let (word, behind) = if let Some(end) = braced {
            (rest.get(1..end), rest.get(end + 1..))
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (rest.get(..end), rest.get(end..))
        };
        words.push(word.unwrap_or_default().trim().to_owned());
        rest = behind.unwrap_or_default().trim_start();
    }
    words
}

/// Where the brace closes with which a text begins.
pub(super) fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(at),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
