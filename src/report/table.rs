//! A table that gives way: one line a row, then two, then one line a value.
//!
//! Owns the choice of layout. Values are never cut: an address that is not whole
//! is no address. Refuses to know what the columns mean.

use crate::report::page::{Line, Page, Tone};

/// Blanks between two columns.
const GAP: usize = 2;

/// Rows under headings, some of them in groups.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    headings: &'a [&'a str],
    /// Columns that move to a second line where the page is too narrow.
    folding: &'a [usize],
    /// Whether what has moved stands behind its heading there.
    is_labelled: bool,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Group(Line),
    Row { cells: Vec<Line>, notes: Vec<Line> },
}

impl<'a> Table<'a> {
    /// An empty table.
    pub(crate) fn new(headings: &'a [&'a str], folding: &'a [usize]) -> Self {
        Self { headings, folding, is_labelled: false, parts: Vec::new() }
    }

    /// Values that move to a second line stand behind their headings there: they do not
    /// speak for themselves.
    pub(crate) fn labelled(self) -> Self {
        Self { is_labelled: true, ..self }
    }

    /// The rows that follow belong together.
    pub(crate) fn group(&mut self, title: Line) {
        self.parts.push(Part::Group(title));
    }

    /// A row, one cell a heading, with notes to be written below it.
    pub(crate) fn row(&mut self, cells: Vec<Line>, notes: Vec<Line>) {
        self.parts.push(Part::Row { cells, notes });
    }

    /// Writes it in the widest layout that fits.
    pub(crate) fn draw(&self, page: &mut Page, indent: usize) {
        let widths = self.widths();
        let all: Vec<usize> = (0..self.headings.len()).collect();
        let kept: Vec<usize> =
            all.iter().copied().filter(|column| !self.folding.contains(column)).collect();
        let inner = indent + GAP;
        if inner + total(&widths, &all) <= page.width() {
            self.draw_lines(page, indent, &widths, &all);
        } else if inner + total(&widths, &kept) <= page.width() {
            self.draw_lines(page, indent, &widths, &kept);
        } else {
            self.draw_stacked(page, indent);
        }
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.headings.iter().map(|text| text.len()).collect();
        for part in &self.parts {
            let Part::Row { cells, .. } = part else { continue };
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.width());
            }
        }
        widths
    }

    fn draw_lines(&self, page: &mut Page, indent: usize, widths: &[usize], columns: &[usize]) {
        let headings: Vec<Line> =
            self.headings.iter().map(|text| Line::of(Tone::Faint, text)).collect();
        page.fixed(indent + GAP, &side_by_side(&headings, widths, columns));
        for part in &self.parts {
            match part {
                Part::Group(title) => page.hanging(indent, 2 * GAP, title),
                Part::Row { cells, notes } => {
                    page.fixed(indent + GAP, &side_by_side(cells, widths, columns));
                    self.draw_folded(page, indent, cells, columns);
                    draw_notes(page, indent, notes);
                }
            }
        }
    }

    /// The values that found no place in the row, on a line below it.
    fn draw_folded(&self, page: &mut Page, indent: usize, cells: &[Line], columns: &[usize]) {
        let mut line = Line::new();
        for (_, (heading, cell)) in self
            .headings
            .iter()
            .zip(cells)
            .enumerate()
            .filter(|(column, (_, cell))| !columns.contains(column) && !is_void(cell))
        {
            let comma = if line.is_empty() { "" } else { ", " };
            line = line.plain(comma);
            if self.is_labelled {
                line = line.toned(Tone::Faint, &format!("{heading}: "));
            }
            line = line.joined(cell.clone());
        }
        page.hanging(indent + 2 * GAP, GAP, &line);
    }

    fn draw_stacked(&self, page: &mut Page, indent: usize) {
        let label = self.headings.iter().map(|text| text.len()).max().unwrap_or(0) + GAP;
        for part in &self.parts {
            match part {
                Part::Group(title) => page.hanging(indent, 2 * GAP, title),
                Part::Row { cells, notes } => {
                    self.draw_values(page, indent, label, cells);
                    draw_notes(page, indent, notes);
                }
            }
        }
    }

    fn draw_values(&self, page: &mut Page, indent: usize, label: usize, cells: &[Line]) {
        let mut cells = self.headings.iter().zip(cells);
        if let Some((_, first)) = cells.next() {
            page.hanging(indent + GAP, GAP, first);
        }
        for (heading, cell) in cells.filter(|(_, cell)| !is_void(cell)) {
            let line = Line::of(Tone::Faint, heading).padded(label).joined(cell.clone());
            page.fixed_or_wrapped(indent + 2 * GAP, &line);
        }
    }
}

/// What stands for a value that is not known.
pub(crate) const VOID: &str = "-";

fn is_void(cell: &Line) -> bool {
    cell.is_empty() || cell.reads(VOID)
}

fn draw_notes(page: &mut Page, indent: usize, notes: &[Line]) {
    for note in notes {
        page.hanging(indent + 2 * GAP, GAP, note);
    }
}

fn total(widths: &[usize], columns: &[usize]) -> usize {
    let text: usize = columns.iter().filter_map(|&column| widths.get(column)).sum();
    text + GAP * columns.len().saturating_sub(1)
}

fn side_by_side(cells: &[Line], widths: &[usize], columns: &[usize]) -> Line {
    let mut line = Line::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if columns.contains(&column) {
            line = line.joined(cell.clone().padded(width + GAP));
        }
    }
    line
}
