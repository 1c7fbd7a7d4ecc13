//! A page of text: escaped, wrapped to a width, coloured or not.
//!
//! Owns the only way by which text gets into a text report, so nothing from the
//! wire can pass unescaped. Refuses to know what the text is about.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use crate::report::escape::{escape, escape_name};

/// Narrower pages are laid out as if they had this many columns.
const NARROWEST: usize = 40;

/// How a piece of text stands out. Without colour the words alone have to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Headings and names.
    Strong,
    /// Less important.
    Faint,
    /// As it should be.
    Good,
    /// To be looked at.
    Doubtful,
    /// As it should not be.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Faint => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// Escaped characters, each with its tone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    letters: Vec<(char, Tone)>,
}

impl Line {
    /// An empty line.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A line of one piece.
    pub(crate) fn of(tone: Tone, text: &str) -> Self {
        Self::new().toned(tone, text)
    }

    /// With plain text behind it.
    pub(crate) fn plain(self, text: &str) -> Self {
        self.toned(Tone::Plain, text)
    }

    /// With text behind it.
    pub(crate) fn toned(mut self, tone: Tone, text: &str) -> Self {
        self.letters.extend(escape(text).chars().map(|letter| (letter, tone)));
        self
    }

    /// With a host name behind it: ASCII only.
    pub(crate) fn name(mut self, name: &str) -> Self {
        self.letters.extend(escape_name(name).chars().map(|letter| (letter, Tone::Strong)));
        self
    }

    /// With another line behind it.
    pub(crate) fn joined(mut self, other: Self) -> Self {
        self.letters.extend(other.letters);
        self
    }

    /// Broken into rows of so many columns, blanks kept: bytes are evidence.
    /// Rows after the first are indented.
    pub(crate) fn folded(&self, width: usize, hang: usize) -> Vec<Self> {
        let mut rows = Vec::new();
        let mut rest = self.letters.as_slice();
        let mut indent = 0;
        while !rest.is_empty() || rows.is_empty() {
            let room = width.saturating_sub(indent).max(1);
            let (row, tail) = rest.split_at(fold_point(rest, room));
            let blanks = std::iter::repeat_n((' ', Tone::Plain), indent);
            rows.push(Self { letters: blanks.chain(row.iter().copied()).collect() });
            rest = tail;
            indent = hang;
        }
        rows
    }

    /// Columns that it takes.
    pub(crate) fn width(&self) -> usize {
        wide(&self.letters)
    }

    /// Filled up with blanks to so many columns.
    pub(crate) fn padded(mut self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width());
        self.letters.extend(std::iter::repeat_n((' ', Tone::Plain), missing));
        self
    }

    /// Whether it reads like this.
    pub(crate) fn reads(&self, text: &str) -> bool {
        self.letters.iter().map(|&(letter, _)| letter).eq(text.chars())
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Ended with a full stop, if it has no end of a sentence yet.
    pub(crate) fn sentence(self) -> Self {
        match self.letters.last() {
            Some((letter, _)) if !matches!(letter, '.' | '!' | '?' | ':') => self.plain("."),
            _ => self,
        }
    }
}

/// Lines so far.
#[derive(Debug)]
pub(crate) struct Page {
    width: usize,
    colour: bool,
    text: String,
}

impl Page {
    /// An empty page of so many columns.
    pub(crate) fn new(width: usize, colour: bool) -> Self {
        Self { width: width.max(NARROWEST), colour, text: String::new() }
    }

    /// Its columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// All lines, each ended by a line feed.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// An empty line.
    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A rule across the page.
    pub(crate) fn rule(&mut self) {
        let rule = "-".repeat(self.width);
        self.write(0, &Line::of(Tone::Faint, &rule).letters);
    }

    /// A heading with an empty line before it.
    pub(crate) fn heading(&mut self, text: &str) {
        self.blank();
        self.paragraph(0, &Line::of(Tone::Strong, text));
    }

    /// A line that is already laid out and is known to fit.
    pub(crate) fn fixed(&mut self, indent: usize, line: &Line) {
        self.write(indent, &line.letters);
    }

    /// A line that is already laid out, wrapped only where it does not fit.
    pub(crate) fn fixed_or_wrapped(&mut self, indent: usize, line: &Line) {
        if indent + line.width() <= self.width {
            self.fixed(indent, line);
        } else {
            self.hanging(indent, 2, line);
        }
    }

    /// Text wrapped to the page, every line indented alike.
    pub(crate) fn paragraph(&mut self, indent: usize, line: &Line) {
        self.hanging(indent, 0, line);
    }

    /// Text wrapped to the page; lines after the first are indented by `hang` more.
    pub(crate) fn hanging(&mut self, indent: usize, hang: usize, line: &Line) {
        let mut at = indent;
        for row in wrap(&line.letters, self.width - indent, self.width - indent - hang) {
            self.write(at, &row);
            at = indent + hang;
        }
    }

    fn write(&mut self, indent: usize, letters: &[(char, Tone)]) {
        let end = letters.iter().rposition(|&(letter, _)| letter != ' ').map_or(0, |at| at + 1);
        self.text.extend(std::iter::repeat_n(' ', if end == 0 { 0 } else { indent }));
        for run in letters.get(..end).unwrap_or_default().chunk_by(|left, right| left.1 == right.1)
        {
            self.write_run(run);
        }
        self.text.push('\n');
    }

    fn write_run(&mut self, run: &[(char, Tone)]) {
        let tone = run.first().map_or(Tone::Plain, |&(_, tone)| tone);
        let style = if self.colour { tone.style() } else { Style::new() };
        self.text.push_str(&style.render().to_string());
        self.text.extend(run.iter().map(|&(letter, _)| letter));
        self.text.push_str(&style.render_reset().to_string());
    }
}

fn columns(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

/// Words packed into rows; the first row may have another width than the rest.
fn wrap(letters: &[(char, Tone)], first: usize, rest: usize) -> Vec<Vec<(char, Tone)>> {
    let mut rows = Rows { first, rest, done: Vec::new(), row: Vec::new(), used: 0 };
    for word in letters.split(|&(letter, _)| letter == ' ').filter(|word| !word.is_empty()) {
        rows.push(word);
    }
    rows.end_row();
    rows.done
}

struct Rows {
    first: usize,
    rest: usize,
    done: Vec<Vec<(char, Tone)>>,
    row: Vec<(char, Tone)>,
    used: usize,
}

impl Rows {
    fn room(&self) -> usize {
        if self.done.is_empty() { self.first } else { self.rest }
    }

    fn push(&mut self, mut word: &[(char, Tone)]) {
        if self.used > 0 && self.used + 1 + wide(word) > self.room() {
            self.end_row();
        }
        while wide(word) > self.room() {
            let (head, tail) = word.split_at(break_point(word, self.room()));
            self.done.push(head.to_vec());
            word = tail;
        }
        if self.used > 0 {
            let tone = word.first().map_or(Tone::Plain, |&(_, tone)| tone);
            self.row.push((' ', tone));
            self.used += 1;
        }
        self.row.extend_from_slice(word);
        self.used += wide(word);
    }

    fn end_row(&mut self) {
        if !self.row.is_empty() {
            self.done.push(std::mem::take(&mut self.row));
        }
        self.used = 0;
    }
}

fn wide(word: &[(char, Tone)]) -> usize {
    word.iter().map(|&(letter, _)| columns(letter)).sum()
}

/// How many letters of a word that is too long go into `room` columns: up to the
/// last dot, colon or the like in the second half, or else as many as fit.
fn break_point(word: &[(char, Tone)], room: usize) -> usize {
    let mut used = 0;
    let mut fits = 0;
    let mut good = 0;
    for &(letter, _) in word {
        used += columns(letter);
        if used > room {
            break;
        }
        fits += 1;
        if matches!(letter, '.' | ':' | '-' | '/' | '=' | ',') && used > room / 2 {
            good = fits;
        }
    }
    // A character wider than the room is written all the same.
    if good > 0 { good } else { fits.max(1) }
}

/// How many letters go into `room` columns: up to behind the last blank in the
/// second half, or else as many as fit.
fn fold_point(letters: &[(char, Tone)], room: usize) -> usize {
    let mut used = 0;
    let fits = letters.iter().take_while(|&&(letter, _)| {
        used += columns(letter);
        used <= room
    });
    let fits = fits.count().max(1);
    if fits >= letters.len() {
        return letters.len();
    }
    let head = letters.get(..fits).unwrap_or_default();
    let blank = head.iter().rposition(|&(letter, _)| letter == ' ').map(|at| at + 1);
    blank.filter(|at| *at > fits / 2).unwrap_or(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(width: usize, line: &Line) -> String {
        let mut page = Page::new(width, false);
        page.hanging(2, 2, line);
        page.finish()
    }

    #[test]
    fn words_wrap_and_hang() {
        let line = Line::new().plain("one two three four five six seven eight nine ten");
        assert_eq!(page(40, &line), "  one two three four five six seven\n    eight nine ten\n");
    }

    #[test]
    fn long_names_break_behind_a_dot() {
        let name = format!("{}.example.net", "mx-0123456789".repeat(3));
        let text = page(48, &Line::new().name(&name));
        assert_eq!(text, format!("  {}.\n    example.net\n", "mx-0123456789".repeat(3)));
    }

    #[test]
    fn colour_is_only_in_the_escape_sequences() {
        let line = Line::of(Tone::Bad, "stripped").plain(" and ").toned(Tone::Good, "offered");
        let mut page = Page::new(60, true);
        page.paragraph(0, &line);
        let text = page.finish();
        assert!(text.contains("\x1b["));
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "stripped and offered\n");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_page(text in "\\PC{0,200}", width in 40_usize..120) {
            for row in page(width, &Line::new().plain(&text)).lines() {
                prop_assert!(row.chars().map(columns).sum::<usize>() <= width);
            }
        }
    }
}
