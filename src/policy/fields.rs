//! The form that the records of MTA-STS and TLSRPT share: `name=value` fields
//! between semicolons (RFC 8461 §3.1, RFC 8460 §3). Pure.
//!
//! Refuses to know which fields there are.

/// Whether a record is meant to be one whose version begins like `version`, in
/// lower case, whatever its case and the blanks before it.
pub(super) fn is_meant(record: &str, version: &str) -> bool {
    let begin = record.trim_start().get(..version.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(version))
}

/// The fields behind the version; one semicolon may end them.
///
/// # Errors
/// The first field that is no `name=value`.
pub(super) fn pairs(rest: &str) -> Result<Vec<(&str, &str)>, &str> {
    let rest = rest.trim_matches(is_blank);
    let rest = rest.strip_suffix(';').unwrap_or(rest);
    if rest.trim_matches(is_blank).is_empty() {
        return Ok(Vec::new());
    }
    let fields = rest.split(';').map(|field| field.trim_matches(is_blank));
    fields
        .map(|field| field.split_once('=').filter(|(name, _)| is_name(name)).ok_or(field))
        .collect()
}

/// (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
pub(super) fn is_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    name.len() <= 32
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(is_inner)
}

/// WSP of RFC 5234.
fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}
