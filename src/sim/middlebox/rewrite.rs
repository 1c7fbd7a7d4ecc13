//! What a box does to single lines and to the lines of one EHLO reply.
//!
//! Owns the rewriting as pure functions over lines with their line ends.
//! Refuses to know sockets and whose turn it is.

/// Keywords that MailGuard lets through (Cisco's `inspect esmtp` without
/// `allow-tls`); every other EHLO line is masked.
const KNOWN_KEYWORDS: [&[u8]; 7] =
    [b"8BITMIME", b"AUTH", b"ETRN", b"HELP", b"PIPELINING", b"SIZE", b"VRFY"];
/// Verbs that MailGuard lets through; every other verb is overwritten.
const KNOWN_VERBS: [&[u8]; 16] = [
    b"AUTH", b"DATA", b"EHLO", b"ETRN", b"EXPN", b"HELO", b"HELP", b"MAIL", b"NOOP", b"QUIT",
    b"RCPT", b"RSET", b"SAML", b"SEND", b"SOML", b"VRFY",
];
/// Length of a reply code and the `-` or blank behind it (RFC 5321 §4.2.1).
const PREFIX: usize = 4;

/// How a masked line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mask {
    /// With a letter that runs A, B, C… over the masked lines of a reply.
    Cisco,
    /// With an X like the others.
    Plain,
}

/// Whether a line is the last of a reply: everything but `ddd-…` is.
pub(super) fn is_last(line: &[u8]) -> bool {
    code(line).is_none() || line.get(3) != Some(&b'-')
}

/// The reply code, where the line begins with three digits.
pub(super) fn code(line: &[u8]) -> Option<u16> {
    let digits = line.first_chunk::<3>()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The first token of a line, without its line end; empty for a blank line.
pub(super) fn verb(line: &[u8]) -> &[u8] {
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// Deletes the STARTTLS lines behind the first, and makes the new last line one.
pub(super) fn drop_starttls(reply: &mut Vec<Vec<u8>>) {
    let mut number = 0;
    reply.retain(|line| {
        number += 1;
        number == 1 || !offers(line, b"STARTTLS")
    });
    if let Some(separator) = reply.last_mut().and_then(|line| line.get_mut(3))
        && *separator == b'-'
    {
        *separator = b' ';
    }
}

/// Overwrites the STARTTLS lines behind the first.
pub(super) fn mask_starttls(reply: &mut [Vec<u8>], mask: Mask) {
    mask_lines(reply, mask, |line| offers(line, b"STARTTLS"));
}

/// Overwrites all lines behind the first whose keyword MailGuard does not know.
pub(super) fn mask_unknown(reply: &mut [Vec<u8>]) {
    let unknown = |line: &[u8]| !KNOWN_KEYWORDS.iter().any(|known| offers(line, known));
    mask_lines(reply, Mask::Cisco, unknown);
}

fn mask_lines(reply: &mut [Vec<u8>], mask: Mask, applies: impl Fn(&[u8]) -> bool) {
    let mut letters = (b'A'..=b'Z').cycle();
    let masked = reply.iter_mut().skip(1).filter(|line| applies(line));
    for line in masked {
        let text = text_mut(line);
        text.fill(b'X');
        if mask == Mask::Cisco
            && let (Some(end), Some(letter)) = (text.last_mut(), letters.next())
        {
            *end = letter;
        }
    }
}

/// Overwrites a greeting line: everything behind the code but `2`, `0` and blanks.
pub(super) fn mask_banner(line: &mut [u8]) {
    if code(line).is_none() {
        return;
    }
    for byte in text_mut(line) {
        if !matches!(byte, b'2' | b'0' | b' ') {
            *byte = b'*';
        }
    }
}

/// Overwrites a command's verb with X's unless MailGuard knows it.
pub(super) fn mask_verb(line: &mut [u8]) {
    let length = verb(line).len();
    if KNOWN_VERBS.iter().any(|known| known.eq_ignore_ascii_case(verb(line))) {
        return;
    }
    if let Some(verb) = line.get_mut(..length) {
        verb.fill(b'X');
    }
}

/// Whether an EHLO line has this keyword, in any case, with `=` or blanks behind it.
fn offers(line: &[u8], keyword: &[u8]) -> bool {
    let text = line.get(PREFIX..).unwrap_or_default();
    let token = verb(text).split(|byte| *byte == b'=').next().unwrap_or_default();
    code(line).is_some() && token.eq_ignore_ascii_case(keyword)
}

/// What stands between the prefix and the line end.
fn text_mut(line: &mut [u8]) -> &mut [u8] {
    let content = line.strip_suffix(b"\n").unwrap_or(line);
    let end = content.strip_suffix(b"\r").unwrap_or(content).len();
    line.get_mut(PREFIX..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(reply: &str) -> Vec<Vec<u8>> {
        reply.split_inclusive('\n').map(|line| line.as_bytes().to_vec()).collect()
    }

    fn dropped(reply: &str) -> String {
        let mut reply = lines(reply);
        drop_starttls(&mut reply);
        String::from_utf8(reply.concat()).unwrap()
    }

    #[test]
    fn the_last_line_is_repaired_after_a_deletion() {
        let clean = "250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n";
        assert_eq!(dropped(clean), "250-mx\r\n250 SIZE 1\r\n");
        assert_eq!(dropped("250-mx\r\n250-starttls \r\n250 DSN\r\n"), "250-mx\r\n250 DSN\r\n");
        assert_eq!(dropped("250-mx\r\n250 STARTTLS\r\n"), "250 mx\r\n");
        assert_eq!(dropped("250 STARTTLS\r\n"), "250 STARTTLS\r\n", "the first is the greeting");
        assert_eq!(dropped("250-mx\r\n250 STARTTLSX\r\n"), "250-mx\r\n250 STARTTLSX\r\n");
    }

    #[test]
    fn cisco_letters_run_over_the_masked_lines_and_lengths_are_kept() {
        let mut reply = lines("250-mx\r\n250-SIZE 9\r\n250-STARTTLS\r\n250-Q\r\n250 DSN a\r\n");
        mask_unknown(&mut reply);
        assert_eq!(
            String::from_utf8(reply.concat()).unwrap(),
            "250-mx\r\n250-SIZE 9\r\n250-XXXXXXXA\r\n250-B\r\n250 XXXXC\r\n"
        );
        let mut reply = lines("250-mx\r\n250 STARTTLS\r\n");
        mask_starttls(&mut reply, Mask::Plain);
        assert_eq!(reply[1], b"250 XXXXXXXX\r\n");
    }

    #[test]
    fn a_masked_banner_keeps_code_twos_noughts_and_blanks() {
        for (clear, masked) in [
            ("220 mx20 ready 2\r\n", "220 **20 ***** 2\r\n"),
            ("220-mx\r\n", "220-**\r\n"),
            ("220\r\n", "220\r\n"),
            ("SSH-2.0\r\n", "SSH-2.0\r\n"),
        ] {
            let mut line = clear.as_bytes().to_vec();
            mask_banner(&mut line);
            assert_eq!(String::from_utf8(line).unwrap(), masked);
        }
    }

    #[test]
    fn a_verb_that_is_not_known_is_overwritten() {
        for (clear, masked) in [
            ("STARTTLS\r\n", "XXXXXXXX\r\n"),
            ("XFOO bar\r\n", "XXXX bar\r\n"),
            ("ehlo a\r\n", "ehlo a\r\n"),
            ("\r\n", "\r\n"),
        ] {
            let mut line = clear.as_bytes().to_vec();
            mask_verb(&mut line);
            assert_eq!(String::from_utf8(line).unwrap(), masked);
        }
    }
}
