//! Where two streams of bytes differ that should be one.
//!
//! Owns the alignment. Segments do not matter, bytes do; lines keep together what
//! belongs together. Refuses to know what the bytes mean.

use std::ops::Range;

/// Cells of the table for an alignment by lines; streams that would need more are
/// compared as one piece between what they have in common at both ends.
const MOST_CELLS: usize = 1 << 20;

/// Bytes that were sent, and those that arrived in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) sent: Range<usize>,
    pub(super) received: Range<usize>,
}

impl Hunk {
    /// Whether what arrived is only the beginning of what was sent, and nothing
    /// follows in either stream.
    pub(super) fn is_cut_off(&self, sent: &[u8], received: &[u8]) -> bool {
        let was = sent.get(self.sent.clone()).unwrap_or_default();
        let came = received.get(self.received.clone()).unwrap_or_default();
        self.sent.end == sent.len() && self.received.end == received.len() && was.starts_with(came)
    }
}

/// Every place where the streams differ, in order; none where they are the same.
pub(super) fn hunks(sent: &[u8], received: &[u8]) -> Vec<Hunk> {
    if sent == received {
        return Vec::new();
    }
    let (was, came) = (lines(sent), lines(received));
    let text = |bytes: &'_ [u8], range: &Range<usize>| -> Vec<u8> {
        bytes.get(range.clone()).unwrap_or_default().to_vec()
    };
    let same = |one: &Range<usize>, other: &Range<usize>| text(sent, one) == text(received, other);
    let head = was.iter().zip(&came).take_while(|(one, other)| same(one, other)).count();
    let rest = was.len().min(came.len()) - head;
    let backwards = was.iter().rev().zip(came.iter().rev()).take(rest);
    let tail = backwards.take_while(|(one, other)| same(one, other)).count();
    let middle =
        |lines: &[Range<usize>]| lines.get(head..lines.len() - tail).unwrap_or_default().to_vec();
    let (was, came) = (middle(&was), middle(&came));
    let begin = (start(&was, sent, tail, head), start(&came, received, tail, head));
    align(&was, &came, begin, &same)
}

/// Where the lines in the middle begin, also where there are none.
fn start(middle: &[Range<usize>], stream: &[u8], tail: usize, head: usize) -> usize {
    let all = lines(stream);
    let first = middle.first().map(|line| line.start);
    first
        .or_else(|| all.get(head).map(|line| line.start).filter(|_| tail > 0))
        .unwrap_or(stream.len())
}

/// The lines of a stream, their ends included; the last one may have none.
fn lines(stream: &[u8]) -> Vec<Range<usize>> {
    let mut begin = 0;
    let mut lines = Vec::new();
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        lines.push(begin..begin + line.len());
        begin += line.len();
    }
    lines
}

type Lines<'a> = &'a [Range<usize>];

/// The longest common subsequence of lines, and what stands between.
fn align(
    was: Lines<'_>,
    came: Lines<'_>,
    (mut sent_at, mut received_at): (usize, usize),
    same: &impl Fn(&Range<usize>, &Range<usize>) -> bool,
) -> Vec<Hunk> {
    let kept = common(was, came, same);
    let mut hunks = Vec::new();
    let ends = |lines: Lines<'_>, at: usize| lines.last().map_or(at, |line| line.end);
    let behind = (ends(was, sent_at)..0, ends(came, received_at)..0);
    let stops = kept.iter().map(|(one, other)| (one.clone(), other.clone()));
    for (one, other) in stops.chain([behind]) {
        let hunk = Hunk { sent: sent_at..one.start, received: received_at..other.start };
        if !hunk.sent.is_empty() || !hunk.received.is_empty() {
            hunks.push(hunk);
        }
        (sent_at, received_at) = (one.end, other.end);
    }
    hunks
}

/// Pairs of lines that are the same, in the order of both streams, as many as can be.
fn common(
    was: Lines<'_>,
    came: Lines<'_>,
    same: &impl Fn(&Range<usize>, &Range<usize>) -> bool,
) -> Vec<(Range<usize>, Range<usize>)> {
    let width = came.len() + 1;
    if (was.len() + 1).saturating_mul(width) > MOST_CELLS {
        return Vec::new();
    }
    let mut longest = vec![0_u32; (was.len() + 1) * width];
    let at = |table: &[u32], row: usize, column: usize| {
        table.get(row * width + column).copied().unwrap_or_default()
    };
    for (row, one) in was.iter().enumerate().rev() {
        for (column, other) in came.iter().enumerate().rev() {
            let best = if same(one, other) {
                at(&longest, row + 1, column + 1) + 1
            } else {
                at(&longest, row + 1, column).max(at(&longest, row, column + 1))
            };
            if let Some(cell) = longest.get_mut(row * width + column) {
                *cell = best;
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut kept = Vec::new();
    while let (Some(one), Some(other)) = (was.get(row), came.get(column)) {
        if same(one, other) {
            kept.push((one.clone(), other.clone()));
            (row, column) = (row + 1, column + 1);
        } else if at(&longest, row + 1, column) >= at(&longest, row, column + 1) {
            row += 1;
        } else {
            column += 1;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sent: &str, received: &str) -> Vec<(String, String)> {
        let hunks = hunks(sent.as_bytes(), received.as_bytes());
        let text = |stream: &str, range: &Range<usize>| stream[range.clone()].to_owned();
        hunks.iter().map(|h| (text(sent, &h.sent), text(received, &h.received))).collect()
    }

    fn pair(sent: &str, received: &str) -> (String, String) {
        (sent.to_owned(), received.to_owned())
    }

    #[test]
    fn lines_that_were_changed_removed_and_inserted() {
        assert_eq!(shown("a\nb\nc\n", "a\nb\nc\n"), []);
        assert_eq!(shown("a\nb\nc\n", "a\nX\nc\n"), [pair("b\n", "X\n")]);
        assert_eq!(shown("a\nb\nc\n", "a\nc\n"), [pair("b\n", "")]);
        assert_eq!(shown("a\nc\n", "a\nb\nc\n"), [pair("", "b\n")]);
        assert_eq!(shown("a\nb\n", "b\n"), [pair("a\n", "")]);
        assert_eq!(shown("", "b\n"), [pair("", "b\n")]);
        assert_eq!(
            shown("220 m\n250-S\n250-T\n250 C\n", "2** *\n250-S\n250 C\nmore"),
            [pair("220 m\n", "2** *\n"), pair("250-T\n", ""), pair("", "more")]
        );
    }

    #[test]
    fn repeated_lines_are_told_apart_by_their_place() {
        assert_eq!(shown("a\na\nb\n", "a\nb\n"), [pair("a\n", "")]);
        assert_eq!(shown("a\n", "a\na\n"), [pair("", "a\n")]);
        assert_eq!(hunks(b"a\n", b"a\na\n"), [Hunk { sent: 2..2, received: 2..4 }]);
    }

    #[test]
    fn an_end_that_is_missing_is_told_from_one_that_is_another() {
        let cut_off = |sent: &str, received: &str| {
            let last = hunks(sent.as_bytes(), received.as_bytes()).pop().unwrap();
            last.is_cut_off(sent.as_bytes(), received.as_bytes())
        };
        assert!(cut_off("EHLO p\r\nSTARTTLS\r\n", "EHLO p\r\n"));
        assert!(cut_off("EHLO p\r\nSTARTTLS\r\n", "EHLO p\r\nSTAR"));
        assert!(!cut_off("EHLO p\r\nSTARTTLS\r\n", "EHLO p\r\nXXXXXXXX\r\n"));
        assert!(!cut_off("EHLO p\r\nSTARTTLS\r\nQUIT\r\n", "EHLO p\r\nQUIT\r\n"));
        assert!(!cut_off("EHLO p\r\n", "EHLO p\r\nNOOP\r\n"));
    }

    #[test]
    fn streams_of_very_many_lines_are_compared_as_one_piece() {
        let (many, more) = ("a\nb\n".repeat(2000), "b\nc\n".repeat(2000));
        assert_eq!(shown(&many, &more).len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn putting_the_hunks_in_makes_of_one_stream_the_other(
            sent in "[ab\n]{0,40}", received in "[ab\n]{0,40}",
        ) {
            let (sent, received) = (sent.into_bytes(), received.into_bytes());
            let (mut made, mut at, mut came) = (Vec::new(), 0, 0);
            for hunk in hunks(&sent, &received) {
                made.extend_from_slice(&sent[at..hunk.sent.start]);
                proptest::prop_assert_eq!(made.len(), hunk.received.start);
                proptest::prop_assert!(hunk.received.start >= came);
                made.extend_from_slice(&received[hunk.received.clone()]);
                (at, came) = (hunk.sent.end, hunk.received.end);
            }
            made.extend_from_slice(&sent[at..]);
            proptest::prop_assert_eq!(made, received);
        }

        #[test]
        fn a_stream_never_differs_from_itself(stream in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            proptest::prop_assert!(hunks(&stream, &stream).is_empty());
        }
    }
}
