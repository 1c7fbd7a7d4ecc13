//! The policy of RFC 8461 §3.2, and which hosts it lists (§4.1). Pure.
//!
//! Owns keys, modes and patterns. Refuses to know how it was fetched.

use std::fmt;

use super::excerpt;
use crate::policy::fields;
use crate::tls::name::{self, Presented};

/// Longest lifetime of a policy, in seconds: about a year.
pub const MAX_MAX_AGE: u32 = 31_557_600;

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What a sender does where a host does not keep it.
    pub mode: Mode,
    /// How long a sender may remember it, in seconds.
    pub max_age: u32,
    /// The patterns that list the MX hosts, as written.
    pub mx: Vec<String>,
}

impl Policy {
    /// Whether a pattern matches the host.
    pub fn lists(&self, host: &str) -> bool {
        self.mx.iter().any(|pattern| matches(pattern, host))
    }
}

/// What a sender does where a host does not keep the policy (RFC 8461 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does not deliver there.
    Enforce,
    /// It delivers, and reports.
    Testing,
    /// It acts as if there were no policy.
    None,
}

impl Mode {
    /// The word in the policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Enforce, Self::Testing, Self::None].into_iter().find(|mode| mode.word() == word)
    }
}

/// Why a text is no policy, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// The line, counted from 1; `None` where it is about no one line.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: PolicyError,
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyError {
    /// Not UTF-8.
    Encoding,
    /// A line, as found, that is no `key: value`.
    Syntax(String),
    /// A mandatory key is missing.
    Missing(&'static str),
    /// A version, as found, other than STSv1.
    Version(String),
    /// A mode, as found, that there is not.
    Mode(String),
    /// A lifetime, as found, that is no number of seconds up to [`MAX_MAX_AGE`].
    MaxAge(String),
    /// A pattern, as found, that is neither a host name nor one behind `*.`.
    Mx(String),
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line} of the policy: ")?;
        }
        match &self.what {
            PolicyError::Encoding => f.write_str("the policy is not UTF-8"),
            PolicyError::Syntax(line) => write!(f, "{} is no key: value", excerpt(line)),
            PolicyError::Missing(key) => write!(f, "the policy has no {key}"),
            PolicyError::Version(version) => {
                write!(f, "the version {} is not STSv1", excerpt(version))
            }
            PolicyError::Mode(mode) => {
                write!(f, "the mode {} is not enforce, testing or none", excerpt(mode))
            }
            PolicyError::MaxAge(age) => write!(
                f,
                "the max_age {} is no number of seconds from 0 to {MAX_MAX_AGE}",
                excerpt(age)
            ),
            PolicyError::Mx(pattern) => write!(
                f,
                "the mx pattern {} is neither a host name nor one behind \"*.\"",
                excerpt(pattern)
            ),
        }
    }
}

/// Whether a pattern of a policy lists a host: without regard to case, `*` standing
/// for one whole left-most label (RFC 8461 §4.1), both in A-label form.
pub fn matches(pattern: &str, host: &str) -> bool {
    name::matches(host, &Presented { domains: vec![pattern.to_owned()], ..Presented::default() })
}

/// A value and the line on which it stands.
type Found<'a> = Option<(usize, &'a str)>;

/// The keys of a policy, each as found first.
#[derive(Default)]
struct Keys<'a> {
    version: Found<'a>,
    mode: Found<'a>,
    max_age: Found<'a>,
    mx: Vec<(usize, &'a str)>,
}

/// Reads a policy.
///
/// Lines end with CRLF or LF; empty ones, which many policies have at their end,
/// are passed over.
///
/// # Errors
/// The first fault, with its line.
pub fn read(body: &[u8]) -> Result<Policy, PolicyFault> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let before = body.get(..error.valid_up_to()).unwrap_or_default();
        fault(before.split(|byte| *byte == b'\n').count(), PolicyError::Encoding)
    })?;
    let keys = keys(text)?;
    let version = mandatory(keys.version, "version")?;
    if version.1 != "STSv1" {
        return Err(fault(version.0, PolicyError::Version(version.1.to_owned())));
    }
    let mode = mandatory(keys.mode, "mode")?;
    let mode =
        Mode::of(mode.1).ok_or_else(|| fault(mode.0, PolicyError::Mode(mode.1.to_owned())))?;
    let age = mandatory(keys.max_age, "max_age")?;
    let max_age =
        seconds(age.1).ok_or_else(|| fault(age.0, PolicyError::MaxAge(age.1.to_owned())))?;
    if let Some((line, pattern)) = keys.mx.iter().find(|(_, pattern)| !is_pattern(pattern)) {
        return Err(fault(*line, PolicyError::Mx((*pattern).to_owned())));
    }
    // RFC 8461 §3.2: only a policy of mode none may do without.
    if keys.mx.is_empty() && mode != Mode::None {
        return Err(PolicyFault { line: None, what: PolicyError::Missing("mx") });
    }
    let mx = keys.mx.into_iter().map(|(_, pattern)| pattern.to_owned()).collect();
    Ok(Policy { mode, max_age, mx })
}

fn keys(text: &str) -> Result<Keys<'_>, PolicyFault> {
    let mut keys = Keys::default();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim_matches([' ', '\t']).is_empty() {
            continue;
        }
        let Some((key, value)) = pair(line) else {
            return Err(fault(number, PolicyError::Syntax(line.to_owned())));
        };
        // RFC 8461 §3.2: the first of a duplicate counts, except for mx; unknown
        // keys are ignored.
        match key {
            "version" => keys.version = keys.version.or(Some((number, value))),
            "mode" => keys.mode = keys.mode.or(Some((number, value))),
            "max_age" => keys.max_age = keys.max_age.or(Some((number, value))),
            "mx" => keys.mx.push((number, value)),
            _ => {}
        }
    }
    Ok(keys)
}

/// `key: value`, where nothing but a visible character or a blank stands in the value.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let value = value.trim_matches([' ', '\t']);
    let is_whole = fields::is_name(key) && !value.is_empty() && !value.contains(char::is_control);
    is_whole.then_some((key, value))
}

fn mandatory<'a>(found: Found<'a>, key: &'static str) -> Result<(usize, &'a str), PolicyFault> {
    found.ok_or(PolicyFault { line: None, what: PolicyError::Missing(key) })
}

fn fault(line: usize, what: PolicyError) -> PolicyFault {
    PolicyFault { line: Some(line), what }
}

/// 1*10(DIGIT), at most [`MAX_MAX_AGE`].
fn seconds(digits: &str) -> Option<u32> {
    let is_number = digits.len() <= 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|age| is_number && *age <= MAX_MAX_AGE)
}

/// `["*."] Domain`, the domain as RFC 5321 §4.1.2 has it.
fn is_pattern(pattern: &str) -> bool {
    let domain = pattern.strip_prefix("*.").unwrap_or(pattern);
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.len() <= 253 && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str =
        "version: STSv1\nmode: enforce\nmx: mx1.example.net\nmx: *.example.net\nmax_age: 604800\n";

    fn good() -> Policy {
        Policy {
            mode: Mode::Enforce,
            max_age: 604_800,
            mx: vec!["mx1.example.net".to_owned(), "*.example.net".to_owned()],
        }
    }

    fn error(text: &str) -> (Option<usize>, PolicyError) {
        let fault = read(text.as_bytes()).unwrap_err();
        (fault.line, fault.what)
    }

    #[test]
    fn crlf_or_lf_ends_a_line() {
        assert_eq!(read(GOOD.as_bytes()), Ok(good()));
        assert_eq!(read(GOOD.replace('\n', "\r\n").as_bytes()), Ok(good()));
        assert_eq!(read(GOOD.trim_end().as_bytes()), Ok(good()), "the last needs no end");
        assert_eq!(read(format!("{GOOD}\r\n\r\n").as_bytes()), Ok(good()), "empty lines");
        let bare = error(&GOOD.replace('\n', "\r"));
        assert!(matches!(bare, (Some(1), PolicyError::Syntax(_))), "{bare:?}");
    }

    #[test]
    fn unknown_keys_are_ignored_and_the_first_of_a_duplicate_counts_except_mx() {
        let text = format!("x-new.key_1: über\n{GOOD}mode: none\nmax_age: x\nversion: STSv9\n");
        assert_eq!(read(text.as_bytes()), Ok(good()));
        let first = error(&format!("mode: nonsense\n{GOOD}"));
        assert_eq!(first, (Some(1), PolicyError::Mode("nonsense".to_owned())));
    }

    #[test]
    fn version_mode_and_max_age_are_mandatory_and_mx_unless_mode_none() {
        for key in ["version", "mode", "max_age", "mx"] {
            let lines = GOOD.lines().filter(|line| !line.starts_with(key));
            let text: Vec<&str> = lines.collect();
            assert_eq!(error(&text.join("\n")), (None, PolicyError::Missing(key)));
        }
        let none = "version: STSv1\nmode: none\nmax_age: 0\n";
        let policy = Policy { mode: Mode::None, max_age: 0, mx: Vec::new() };
        assert_eq!(read(none.as_bytes()), Ok(policy));
        assert_eq!(error(""), (None, PolicyError::Missing("version")));
    }

    #[test]
    fn max_age_is_at_most_a_year() {
        let with = |age: &str| read(GOOD.replace("604800", age).as_bytes());
        assert_eq!(with("31557600").unwrap().max_age, MAX_MAX_AGE);
        for age in ["31557601", "-1", "+1", "1 day", "99999999999", "00000000001", "1.5"] {
            let fault = with(age).unwrap_err();
            assert_eq!(fault.line, Some(5), "{age}");
            assert_eq!(fault.what, PolicyError::MaxAge(age.to_owned()));
        }
    }

    #[test]
    fn a_fault_names_its_line() {
        let line = |number: usize, what| (Some(number), what);
        let text = GOOD.replace("mode: enforce", "mode: Enforce");
        assert_eq!(error(&text), line(2, PolicyError::Mode("Enforce".to_owned())));
        let text = GOOD.replace("STSv1", "STSv2");
        assert_eq!(error(&text), line(1, PolicyError::Version("STSv2".to_owned())));
        for junk in ["<html>", "mode enforce", "mode : enforce", "mx:", ": x", "mx: a\tb\u{7}"] {
            let text = GOOD.replace("mode: enforce", junk);
            assert_eq!(error(&text), line(2, PolicyError::Syntax(junk.to_owned())));
        }
        for pattern in ["*", "*.", "a.*.example", "mx*.example", "mx.example.", "bücher.example"] {
            let text = GOOD.replace("mx1.example.net", pattern);
            assert_eq!(error(&text), line(3, PolicyError::Mx(pattern.to_owned())), "{pattern}");
        }
        let fault = read(b"version: STSv1\nx: \xff\n").unwrap_err();
        assert_eq!((fault.line, fault.what), line(2, PolicyError::Encoding));
    }

    #[test]
    fn a_quotation_is_cut() {
        let fault = read(format!("{GOOD}{}", "é".repeat(60_000)).as_bytes()).unwrap_err();
        assert!(fault.to_string().chars().count() < 130, "{fault}");
    }

    #[test]
    fn a_pattern_matches_the_mx_host_name_and_a_wildcard_one_whole_label() {
        assert!(matches("mx.example.net", "MX.example.NET"));
        assert!(matches("*.example.net", "mx.example.net"));
        assert!(matches("*.example.net", "xn--mller-kva.example.net"));
        assert!(!matches("*.example.net", "a.mx.example.net"));
        assert!(!matches("*.example.net", "example.net"));
        assert!(!matches("example.net", "mx.example.net"), "not the domain");
        assert!(!matches("192.0.2.1", "192.0.2.1"), "an address is no host name");
        assert!(good().lists("mx2.example.net") && !good().lists("mx.example.org"));
    }

    fn labels(name: &str) -> usize {
        name.strip_suffix('.').unwrap_or(name).split('.').count()
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&body).map_err(|fault| fault.to_string());
        }

        #[test]
        fn arbitrary_lines_never_panic(text in "((version|mode|mx|max_age|\\PC{0,6})[: ]{0,3}\\PC{0,9}\r?\n){0,6}") {
            let _ = read(text.as_bytes()).map_err(|fault| fault.to_string());
        }

        #[test]
        fn a_pattern_never_matches_a_host_with_another_number_of_labels(
            pattern in "(\\*\\.)?[ab*]{0,2}(\\.[ab*]{0,2}){0,3}",
            host in "[abAB]{0,2}(\\.[ab]{0,2}){0,3}",
        ) {
            if matches(&pattern, &host) {
                prop_assert_eq!(labels(&pattern), labels(&host));
            }
        }
    }
}
