//! SMTP replies (RFC 5321 §4.2) from any segmentation of bytes.
//!
//! Owns the line and code grammar and the caps on it. Refuses to know which
//! command a reply answers.

use std::collections::BTreeSet;

use crate::model::session::Oddity;

/// The most bytes that one reply may have. Longer is hostile or broken.
pub const MAX_REPLY_BYTES: usize = 64 * 1024;
/// The most lines that one reply may have.
pub const MAX_REPLY_LINES: usize = 512;
/// Length of a reply line in the standard, CRLF included (RFC 5321 §4.5.3.1.5).
/// Longer ones are accepted and noted.
pub const STANDARD_LINE: usize = 512;
/// How much of a line that is not SMTP is quoted in an error.
const QUOTED: usize = 80;

/// One complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code of the last line; it alone is machine-readable (RFC 5321 §4.2.1).
    pub code: u16,
    /// The text of each line without code, separator and line end.
    pub lines: Vec<Vec<u8>>,
    /// What was odd about it.
    pub oddities: BTreeSet<Oddity>,
}

impl Reply {
    /// The text of all lines, joined by a newline, made printable by [`printable`].
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n")
    }

    /// 2yz: done (RFC 5321 §4.2.1).
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// 5yz: refused for good.
    pub fn is_refusal(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

/// Why no reply can come of what was received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// More than [`MAX_REPLY_BYTES`] without an end.
    #[error("a reply longer than {MAX_REPLY_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_REPLY_LINES`] lines.
    #[error("a reply of more than {MAX_REPLY_LINES} lines")]
    TooManyLines,
    /// A line that does not begin with a reply code.
    #[error("not an SMTP reply: \"{0}\"")]
    NotSmtp(String),
}

/// What has become of the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No end yet.
    Incomplete,
    /// A reply; bytes behind it stay in the reader.
    Complete(Reply),
    /// No reply will come of this.
    Broken(Breach),
}

/// Collects bytes until a reply is complete.
#[derive(Clone, Debug, Default)]
pub struct ReplyReader {
    buffer: Vec<u8>,
    /// Everything before this offset is known to hold no LF.
    scanned: usize,
    consumed: usize,
    first_code: Option<u16>,
    lines: Vec<Vec<u8>>,
    oddities: BTreeSet<Oddity>,
}

impl ReplyReader {
    /// Takes bytes and says whether a reply is complete.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        self.buffer.extend_from_slice(bytes);
        self.advance()
    }

    /// Takes the bytes behind the last reply and forgets an unfinished one.
    pub fn drain(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.buffer);
        *self = Self::default();
        rest
    }

    fn advance(&mut self) -> Progress {
        while let Some(line) = self.next_line() {
            if self.lines.len() == MAX_REPLY_LINES {
                return Progress::Broken(Breach::TooManyLines);
            }
            match self.accept(&line) {
                Ok(None) => {}
                Ok(Some(reply)) => return Progress::Complete(reply),
                Err(breach) => return Progress::Broken(breach),
            }
        }
        if self.consumed + self.buffer.len() > MAX_REPLY_BYTES {
            return Progress::Broken(Breach::TooLong);
        }
        Progress::Incomplete
    }

    /// The next line without its end; notes what is odd about its end and length.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let from = self.scanned.min(self.buffer.len());
        let found = self.buffer.iter().skip(from).position(|byte| *byte == b'\n');
        let Some(offset) = found else {
            self.scanned = self.buffer.len();
            return None;
        };
        let length = from + offset + 1;
        let mut line: Vec<u8> = self.buffer.drain(..length).collect();
        self.scanned = 0;
        self.consumed += length;
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        } else {
            self.oddities.insert(Oddity::BareLf);
        }
        if length > STANDARD_LINE {
            self.oddities.insert(Oddity::LongLine);
        }
        Some(line)
    }

    /// Takes one line; a reply if it was the last.
    fn accept(&mut self, line: &[u8]) -> Result<Option<Reply>, Breach> {
        if self.consumed > MAX_REPLY_BYTES {
            return Err(Breach::TooLong);
        }
        let Some((code, after)) = split_code(line) else {
            let quoted = line.get(..QUOTED).unwrap_or(line);
            return Err(Breach::NotSmtp(printable(quoted)));
        };
        // RFC 5321 §4.2.1: the same code on every line; the last one counts.
        if *self.first_code.get_or_insert(code) != code {
            self.oddities.insert(Oddity::MixedCodes);
        }
        let (last, text) = match after.split_first() {
            Some((b'-', rest)) => (false, rest),
            Some((b' ', rest)) => (true, rest),
            _ => {
                self.oddities.insert(Oddity::MissingBlank);
                (true, after)
            }
        };
        self.note_bytes(text);
        self.lines.push(text.to_vec());
        Ok(last.then(|| self.finish(code)))
    }

    fn note_bytes(&mut self, text: &[u8]) {
        if text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            self.oddities.insert(Oddity::ControlCharacters);
        }
        if std::str::from_utf8(text).is_err() {
            self.oddities.insert(Oddity::NotUtf8);
        }
    }

    fn finish(&mut self, code: u16) -> Reply {
        self.consumed = 0;
        self.first_code = None;
        Reply {
            code,
            lines: std::mem::take(&mut self.lines),
            oddities: std::mem::take(&mut self.oddities),
        }
    }
}

/// Splits a line behind its three-digit code (RFC 5321 §4.2: first digit 2 to 5).
fn split_code(line: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, after) = line.split_at_checked(3)?;
    if !matches!(digits.first(), Some(b'2'..=b'5')) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((code, after))
}

/// Text of bytes off the wire: control characters and bytes that are not UTF-8
/// become `\xNN`, everything else stays.
///
/// Made for reading and for JSON; a terminal needs `report`'s own escaping as well.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() && character != '\t' {
                push_escaped(&mut text, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                text.push(character);
            }
        }
        push_escaped(&mut text, chunk.invalid());
    }
    text
}

fn push_escaped(text: &mut String, bytes: &[u8]) {
    use std::fmt::Write as _;
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(bytes: &[u8]) -> Reply {
        match ReplyReader::default().push(bytes) {
            Progress::Complete(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_line_and_many() {
        assert_eq!(complete(b"220 mx ready\r\n").text(), "mx ready");
        let reply = complete(b"250-mx\r\n250-SIZE 1\r\n250 HELP\r\n");
        assert_eq!((reply.code, reply.text().as_str()), (250, "mx\nSIZE 1\nHELP"));
        assert!(reply.oddities.is_empty());
    }

    #[test]
    fn last_line_without_text_or_blank() {
        assert_eq!(complete(b"250-mx\r\n250\r\n").lines.len(), 2);
        assert!(complete(b"220***\r\n").oddities.contains(&Oddity::MissingBlank));
    }

    #[test]
    fn single_bytes_give_the_same() {
        let bytes = b"250-mx\r\n250 STARTTLS\r\nrest";
        let mut reader = ReplyReader::default();
        let mut found = None;
        for byte in bytes {
            if let Progress::Complete(reply) = reader.push(&[*byte]) {
                found = Some(reply);
            }
        }
        assert_eq!(found, Some(complete(bytes)));
        assert_eq!(reader.drain(), b"rest");
    }

    #[test]
    fn oddities_are_noted() {
        assert!(complete(b"220 a\n").oddities.contains(&Oddity::BareLf));
        assert!(complete(b"250-a\r\n251 b\r\n").oddities.contains(&Oddity::MixedCodes));
        assert!(complete(b"220 \xff\r\n").oddities.contains(&Oddity::NotUtf8));
        assert!(complete(b"220 a\0b\r\n").oddities.contains(&Oddity::ControlCharacters));
        assert_eq!(complete(b"220 \xff\x1b[2J\r\n").text(), "\\xff\\x1b[2J");
    }

    #[test]
    fn what_is_not_smtp_is_said() {
        let progress = ReplyReader::default().push(b"SSH-2.0-OpenSSH_9.2\r\n");
        assert_eq!(progress, Progress::Broken(Breach::NotSmtp("SSH-2.0-OpenSSH_9.2".into())));
        assert!(matches!(ReplyReader::default().push(b"999 x\r\n"), Progress::Broken(_)));
        assert!(matches!(ReplyReader::default().push(b"\r\n"), Progress::Broken(_)));
    }

    #[test]
    fn caps_hold() {
        let mut reader = ReplyReader::default();
        let endless = vec![b'a'; MAX_REPLY_BYTES + 1];
        assert_eq!(reader.push(&endless), Progress::Broken(Breach::TooLong));
        let mut reader = ReplyReader::default();
        let lines = b"220-a\r\n".repeat(MAX_REPLY_LINES + 1);
        assert_eq!(reader.push(&lines), Progress::Broken(Breach::TooManyLines));
    }
}
