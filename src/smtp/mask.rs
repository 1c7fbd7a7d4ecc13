//! Masks that middleboxes leave: asterisks in banners, X's in EHLO lines and commands.
//!
//! Owns the shapes of docs/detection.md §2. Refuses to say what stood there before:
//! eight letters are STARTTLS, CHUNKING, SMTPUTF8 or 8BITMIME.

use crate::model::session::{MaskKind, MaskedLine};

/// The shortest line that counts as a mask by itself.
///
/// Shorter ones (a one-letter line keeps just its letter) count only beside one
/// of this length, or every stray keyword would be one.
const SHORTEST_ALONE: usize = 3;

/// Whether a greeting line looks as Cisco's MailGuard leaves it: everything but
/// `2`, `0` and blanks replaced by `*`. A line without an asterisk is none.
///
/// The oldest form is `SMTP/cmap` followed by underscores.
pub fn masks_banner(text: &[u8]) -> bool {
    let starred = text.contains(&b'*')
        && text.iter().all(|byte| matches!(byte, b'*' | b'2' | b'0' | b' ' | b'\t'));
    starred || text.starts_with(b"SMTP/cmap")
}

/// Whether a reply says of exactly eight X's that they are no command: ours was
/// overwritten before it reached the server (docs/detection.md §1 (d)).
///
/// Only a syntax reply (500 to 504, RFC 5321 §4.2.2) quotes a command, and the
/// X's stand alone or in quotes: part of a name, an address or a ticket is none.
pub fn echoes_mask(code: u16, text: &str) -> bool {
    let apart = |character: char| character.is_whitespace() || "\"'`:=<>()[],;".contains(character);
    let mut tokens = text.split(apart).map(|token| token.trim_end_matches(['.', '!', '?']));
    (500..=504).contains(&code) && tokens.any(|token| token == "XXXXXXXX")
}

/// The masked ones among EHLO lines (the greeting line left out), in order.
///
/// Cisco replaces the line by X's and a final letter that runs A, B, C… over the
/// masked lines of one reply; home-made strippers write nothing but X's.
pub fn masked_lines(lines: &[String]) -> Vec<MaskedLine> {
    let mut found = Vec::new();
    let mut letter = b'A';
    for (position, line) in lines.iter().enumerate() {
        let Some(kind) = mask_of(line.trim_end(), letter) else { continue };
        if kind == MaskKind::CiscoLetters {
            letter = if letter == b'Z' { b'A' } else { letter + 1 };
        }
        found.push((position, kind));
    }
    if !found.iter().any(|(position, _)| length_at(lines, *position) >= SHORTEST_ALONE) {
        return Vec::new();
    }
    let places: Vec<usize> = found.iter().map(|(position, _)| *position).collect();
    found.into_iter().map(|(position, kind)| masked_line(lines, &places, position, kind)).collect()
}

fn length_at(lines: &[String], position: usize) -> usize {
    lines.get(position).map_or(0, |line| line.trim_end().len())
}

fn mask_of(line: &str, letter: u8) -> Option<MaskKind> {
    let (last, before) = line.as_bytes().split_last()?;
    if !before.iter().all(|byte| *byte == b'X') {
        return None;
    }
    if *last == letter {
        return Some(MaskKind::CiscoLetters);
    }
    (*last == b'X' && line.len() >= SHORTEST_ALONE).then_some(MaskKind::PlainX)
}

fn masked_line(lines: &[String], places: &[usize], position: usize, kind: MaskKind) -> MaskedLine {
    let keyword_at = |place: usize| {
        if places.contains(&place) {
            return None;
        }
        lines.get(place).and_then(|line| super::ehlo::keyword(line)).map(|keyword| keyword.name)
    };
    let text = lines.get(position).cloned().unwrap_or_default();
    MaskedLine {
        kind,
        position,
        length: length_at(lines, position),
        after: (0..position).rev().find_map(keyword_at),
        before: (position + 1..lines.len()).find_map(keyword_at),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(lines: &[&str]) -> Vec<(String, MaskKind)> {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        masked_lines(&lines).into_iter().map(|mask| (mask.text, mask.kind)).collect()
    }

    #[test]
    fn banners() {
        assert!(masks_banner(b"****0****2***"));
        assert!(masks_banner(b"*"));
        assert!(masks_banner(b"SMTP/cmap____read"));
        assert!(!masks_banner(b""));
        assert!(!masks_banner(b"2020"));
        assert!(!masks_banner(b"** mx ** 220"));
    }

    #[test]
    fn cisco_letters_run_in_sequence() {
        let found = masks(&["SIZE 1", "XXXXXXXA", "XXXB", "C"]);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|(_, kind)| *kind == MaskKind::CiscoLetters));
        assert!(masks(&["XXXXXXXB"]).is_empty(), "out of sequence");
        assert!(masks(&["A"]).is_empty(), "a lone letter");
    }

    #[test]
    fn plain_x_is_another_kind() {
        assert_eq!(masks(&["XXXXXXXX"]), [("XXXXXXXX".into(), MaskKind::PlainX)]);
        assert!(masks(&["X-EXPS GSSAPI NTLM", "XEXCH50", "XX"]).is_empty());
    }

    #[test]
    fn neighbours_are_named() {
        let lines = ["ETRN", "XXXXXXXA", "XXB", "ENHANCEDSTATUSCODES"].map(String::from);
        let found = masked_lines(&lines);
        assert_eq!(found[0].after.as_deref(), Some("ETRN"));
        assert_eq!(found[0].before.as_deref(), Some("ENHANCEDSTATUSCODES"));
        assert_eq!((found[1].position, found[1].length), (2, 3));
    }

    #[test]
    fn echo_is_exactly_eight() {
        assert!(echoes_mask(500, "5.5.1 Command unrecognized: \"XXXXXXXX\""));
        assert!(echoes_mask(502, "unrecognized command XXXXXXXX."));
        assert!(echoes_mask(500, "5.3.3 Unrecognized command 'XXXXXXXX'"));
        assert!(!echoes_mask(500, "XXXXXXX"));
        assert!(!echoes_mask(500, "\"XXXXXXXXX\""));
        assert!(!echoes_mask(500, "command STARTTLS not known"));
    }
}
