//! What came off the wire, made harmless for a terminal.
//!
//! Owns the one rule of what may be shown as it is. Refuses to know where a text
//! came from: everything that is shown passes here.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// A text as one line that is safe to show.
///
/// Printable characters stay. Control characters (ESC and line ends among them)
/// become `\xNN`; everything without a width of its own (bidirectional overrides,
/// joiners, combining marks), line separators and private-use characters become
/// `\u{N}`. A backslash stays, since the readers of the wire have already written
/// bytes that are not UTF-8 as `\xNN`.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_unless(text, is_harmless)
}

/// A host name as one line that is safe to show: ASCII only, so that no letter
/// can pass for another (RFC 5890 A-labels are ASCII anyway).
pub fn escape_name(name: &str) -> Cow<'_, str> {
    escape_unless(name, |letter| letter.is_ascii_graphic() || letter == ' ')
}

fn escape_unless(text: &str, harmless: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&harmless) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if harmless(letter) {
            safe.push(letter);
        } else {
            push_escaped(&mut safe, letter);
        }
    }
    Cow::Owned(safe)
}

/// Whether a character may be shown as it is.
pub(crate) fn is_harmless(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_graphic() || letter == ' ';
    }
    !letter.is_control()
        && !is_private_use(letter)
        && !is_separator(letter)
        && letter.width().is_some_and(|width| width > 0)
}

/// Line and paragraph separators, and blanks that are not the blank.
fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || letter == '\u{2800}' || letter == '\u{3164}'
}

fn is_private_use(letter: char) -> bool {
    matches!(letter,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10ffff}')
}

fn push_escaped(safe: &mut String, letter: char) {
    let code = u32::from(letter);
    // Writing to a String cannot fail.
    let _ =
        if code < 0x80 { write!(safe, "\\x{code:02x}") } else { write!(safe, "\\u{{{code:x}}}") };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn printable_text_stays_as_it_is() {
        for text in ["220 mx1.example.net ESMTP", "bücher.example", "例え.テスト", "§4.2.1 →"]
        {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn control_and_bidi_characters_are_spelled_out() {
        assert_eq!(escape("\x1b[31mred\r\n"), "\\x1b[31mred\\x0d\\x0a");
        assert_eq!(escape("a\u{202e}b\u{200d}c"), "a\\u{202e}b\\u{200d}c");
        assert_eq!(escape("\u{9b}2J\u{2028}\u{e000}"), "\\u{9b}2J\\u{2028}\\u{e000}");
        assert_eq!(escape("\t\0\x7f"), "\\x09\\x00\\x7f");
    }

    #[test]
    fn names_are_ascii() {
        assert_eq!(escape_name("mx1.exаmple.net"), "mx1.ex\\u{430}mple.net");
    }

    proptest! {
        #[test]
        fn no_control_character_and_no_zero_width_survives(text in any::<String>()) {
            for letter in escape(&text).chars() {
                prop_assert!(!letter.is_control());
                prop_assert!(letter.width().unwrap_or(0) > 0);
            }
            prop_assert!(escape_name(&text).is_ascii());
        }

        #[test]
        fn escaping_twice_changes_nothing_more(text in any::<String>()) {
            let once = escape(&text).into_owned();
            prop_assert_eq!(escape(&once), once.as_str());
        }
    }
}
