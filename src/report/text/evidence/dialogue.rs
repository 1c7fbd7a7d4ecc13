//! What was said in two sessions, with the difference marked.
//!
//! Owns which lines are the same: codes, verbs and keywords count, and what
//! honest servers vary (greeting texts, parameters, order of names) does not
//! (docs/detection.md §3). Refuses to shorten what was said before TLS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::model::probe::Mode;
use crate::model::report::{ObservationReport, Speaker, TranscriptEntry};
use crate::model::transcript::Ended;
use crate::report::page::{Line, Page, Tone};
use crate::report::text::sessions::quote;

/// A column narrower than this makes one below the other easier to read.
const NARROWEST_COLUMN: usize = 36;
/// Lines of the far side that are shown and compared.
const MOST_LINES: usize = 100;

/// One line of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Whose line.
    pub(super) by: By,
    /// What counts when it is compared.
    same: String,
    /// The line without its end.
    pub(super) text: String,
}

/// Whose line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The far side's.
    Server,
    /// Ours.
    Client,
    /// What happened to the connection.
    Path,
}

impl Said {
    fn line(&self, tone: Tone) -> Line {
        let marker = match self.by {
            By::Server => "S: ",
            By::Client => "C: ",
            By::Path => "-- ",
        };
        Line::of(tone, marker).toned(tone, &quote(&self.text))
    }
}

/// Writes both sessions side by side, or one below the other on a narrow page.
pub(super) fn write(
    page: &mut Page,
    problem: &ObservationReport,
    other: Option<&ObservationReport>,
) {
    let left = said(problem);
    let right = other.map(said).unwrap_or_default();
    let rows = if other.is_some() { align(&left, &right) } else { alone(&left) };
    let column = page.width().saturating_sub(7) / 2;
    if other.is_none() || column < NARROWEST_COLUMN {
        write_below(page, "A", rows.iter().map(|row| (row.0, row.marked())));
        if other.is_some() {
            page.blank();
            write_below(page, "B", rows.iter().map(|row| (row.1, row.marked())));
        }
    } else {
        write_beside(page, &rows, column);
    }
    if other.is_some() {
        let legend =
            "! marks what differs; the wording of greetings and parameters is not compared.";
        page.hanging(2, 2, &Line::of(Tone::Faint, legend));
    }
}

/// A line of each side; one of them may have none.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a>(Option<&'a Said>, Option<&'a Said>, bool);

impl Row<'_> {
    fn marked(&self) -> bool {
        self.2
    }
}

fn alone(said: &[Said]) -> Vec<Row<'_>> {
    said.iter().map(|one| Row(Some(one), None, false)).collect()
}

fn write_below<'a>(
    page: &mut Page,
    title: &str,
    lines: impl Iterator<Item = (Option<&'a Said>, bool)>,
) {
    page.fixed(4, &Line::of(Tone::Strong, title));
    let room = page.width().saturating_sub(4);
    let mut missing = false;
    for (said, marked) in lines {
        let Some(said) = said else {
            if !missing {
                page.fixed(2, &mark(true).joined(Line::of(Tone::Faint, "(nothing here)")));
            }
            missing = true;
            continue;
        };
        missing = false;
        for (place, part) in said.line(tone(marked)).folded(room, 3).into_iter().enumerate() {
            page.fixed(2, &mark(marked && place == 0).joined(part));
        }
    }
}

fn write_beside(page: &mut Page, rows: &[Row<'_>], column: usize) {
    let title = |letter| Line::of(Tone::Strong, letter);
    page.fixed(4, &title("A").padded(column).plain(" | ").joined(title("B")));
    for row in rows {
        let cell = |said: Option<&Said>| {
            said.map_or_else(Vec::new, |said| said.line(tone(row.marked())).folded(column, 3))
        };
        let (left, right) = (cell(row.0), cell(row.1));
        for place in 0..left.len().max(right.len()) {
            let part = |cell: &[Line]| cell.get(place).cloned().unwrap_or_default();
            let line = mark(row.marked() && place == 0)
                .joined(part(&left).padded(column))
                .plain(" | ")
                .joined(part(&right));
            page.fixed(2, &line);
        }
    }
}

fn tone(marked: bool) -> Tone {
    if marked { Tone::Bad } else { Tone::Plain }
}

fn mark(marked: bool) -> Line {
    if marked { Line::of(Tone::Bad, "! ") } else { Line::new().plain("  ") }
}

/// The lines of both sides in order, equal ones beside each other (a longest
/// common subsequence), and what differs between them paired as it stands.
fn align<'a>(left: &'a [Said], right: &'a [Said]) -> Vec<Row<'a>> {
    let common = common(left, right);
    let mut rows = Vec::new();
    let (mut from_left, mut from_right) = (left.iter(), right.iter());
    for same in common.into_iter().map(Some).chain([None]) {
        let before =
            |said: &&'a Said, at: Option<&'a Said>| at.is_none_or(|at| !std::ptr::eq(*said, at));
        let (at_left, at_right) = (same.map(|same| same.0), same.map(|same| same.1));
        let ours: Vec<&Said> = from_left.by_ref().take_while(|one| before(one, at_left)).collect();
        let theirs: Vec<&Said> =
            from_right.by_ref().take_while(|one| before(one, at_right)).collect();
        for place in 0..ours.len().max(theirs.len()) {
            rows.push(Row(ours.get(place).copied(), theirs.get(place).copied(), true));
        }
        rows.extend(same.map(|same| Row(Some(same.0), Some(same.1), false)));
    }
    rows
}

/// The longest sequence of lines that both sides have, in order.
fn common<'a>(left: &'a [Said], right: &'a [Said]) -> Vec<(&'a Said, &'a Said)> {
    let mut row: Vec<Vec<(&Said, &Said)>> = vec![Vec::new(); right.len() + 1];
    for one in left.iter().rev() {
        let mut next = vec![Vec::new(); right.len() + 1];
        for (place, other) in right.iter().enumerate().rev() {
            let at = |row: &Vec<Vec<(&'a Said, &'a Said)>>, place: usize| {
                row.get(place).cloned().unwrap_or_default()
            };
            let best = if one.same == other.same {
                let mut longer = vec![(one, other)];
                longer.extend(at(&row, place + 1));
                longer
            } else {
                let (skip_left, skip_right) = (at(&row, place), at(&next, place + 1));
                if skip_left.len() >= skip_right.len() { skip_left } else { skip_right }
            };
            if let Some(cell) = next.get_mut(place) {
                *cell = best;
            }
        }
        row = next;
    }
    row.into_iter().next().unwrap_or_default()
}

/// What was said in a session up to TLS, or to our QUIT.
pub(super) fn said(session: &ObservationReport) -> Vec<Said> {
    let mut reader =
        Reader { session, lines: Vec::new(), verb: "greeting".to_owned(), replied: 0, left_out: 0 };
    let mut pending: Option<(Speaker, Vec<u8>)> = None;
    for entry in session.transcript.iter().flatten() {
        if entry.tls && session.probe.mode == Mode::Starttls {
            break;
        }
        match (bytes(entry), &mut pending) {
            (Some(more), Some((by, bytes))) if *by == entry.from => bytes.extend(more),
            (Some(more), _) => reader.speak(pending.replace((entry.from, more))),
            (None, _) => {
                reader.speak(pending.take());
                reader.event(entry);
            }
        }
    }
    reader.speak(pending);
    reader.finish()
}

fn bytes(entry: &TranscriptEntry) -> Option<Vec<u8>> {
    match (&entry.text, &entry.base64) {
        (Some(text), _) => Some(text.clone().into_bytes()),
        (None, Some(encoded)) => BASE64.decode(encoded).ok(),
        (None, None) => None,
    }
}

struct Reader<'a> {
    session: &'a ObservationReport,
    lines: Vec<Said>,
    /// The command that is being answered.
    verb: String,
    /// Lines of the answer so far.
    replied: usize,
    /// Lines beyond [`MOST_LINES`].
    left_out: usize,
}

impl Reader<'_> {
    fn push(&mut self, by: By, same: String, text: String) {
        if by == By::Server && self.lines.len() >= MOST_LINES {
            self.left_out += 1;
        } else {
            self.lines.push(Said { by, same, text });
        }
    }

    fn speak(&mut self, said: Option<(Speaker, Vec<u8>)>) {
        let Some((speaker, bytes)) = said else { return };
        let text = text(&bytes);
        for line in text.lines() {
            if speaker == Speaker::Us {
                self.verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
                self.replied = 0;
                self.push(By::Client, format!("C {}", self.verb), line.to_owned());
            } else {
                let same = self.reply_counts(line);
                self.replied += 1;
                self.push(By::Server, same, line.to_owned());
            }
        }
    }

    /// What of a reply line counts: the code, and behind EHLO's first line the keyword.
    fn reply_counts(&self, line: &str) -> String {
        let (code, rest) = line.split_at_checked(3).unwrap_or((line, ""));
        let masked = self.session.greeting.as_ref().is_some_and(|greeting| greeting.masked);
        if self.verb == "EHLO" && self.replied > 0 {
            let rest = rest.trim_start_matches(['-', ' ']);
            let end = rest.find([' ', '=']).unwrap_or(rest.len());
            let name = rest.get(..end).unwrap_or_default().to_ascii_uppercase();
            return format!("S {code} {name}");
        }
        let masked = self.verb == "greeting" && masked;
        format!("S {} {code} {masked} {}", self.verb, self.replied)
    }

    fn event(&mut self, entry: &TranscriptEntry) {
        match entry.event.as_deref() {
            Some("tls") => self.secured(),
            Some("tls-failed") => {
                let tls = self.session.tls.as_ref();
                let why =
                    tls.and_then(|tls| tls.failure.as_deref()).unwrap_or("no reason is known");
                self.push(By::Path, "tls failed".to_owned(), format!("TLS failed: {why}"));
            }
            Some(event) if event.starts_with("ended") && event != "ended by-us" => {
                let how = self.session.ended.map_or("over", Ended::words);
                self.push(By::Path, how.to_owned(), how.to_owned());
            }
            _ => {}
        }
    }

    fn secured(&mut self) {
        let Some(tls) = &self.session.tls else { return };
        let unknown = || "not readable".to_owned();
        let version = tls.version.as_deref().unwrap_or("version unknown");
        self.push(By::Path, "tls".to_owned(), format!("TLS completed: {version}"));
        let Some(leaf) = tls.chain.first() else { return };
        let subject = leaf.subject.clone().unwrap_or_else(unknown);
        let issuer = leaf.issuer.clone().unwrap_or_else(unknown);
        self.push(By::Path, issuer.clone(), format!("certificate: {subject}, issued by {issuer}"));
        let key = leaf.spki_sha256.clone().unwrap_or_else(unknown);
        self.push(By::Path, key.clone(), format!("public key, SHA-256: {key}"));
    }

    /// Without our QUIT and what follows it; and said plainly where no TLS came.
    fn finish(mut self) -> Vec<Said> {
        let quit = self.lines.iter().position(|one| one.by == By::Client && one.same == "C QUIT");
        if let Some(place) = quit {
            self.lines.truncate(place);
        }
        if self.left_out > 0 {
            let words = format!("{} more lines are not shown", self.left_out);
            self.push(By::Path, words.clone(), words);
        }
        let tls = |one: &Said| one.by == By::Path && one.same.starts_with("tls");
        if !self.lines.iter().any(tls) {
            self.push(By::Path, "no tls".to_owned(), "no TLS".to_owned());
        }
        self.lines
    }
}

/// Bytes as text, those that are not UTF-8 as `\xNN`.
fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}
