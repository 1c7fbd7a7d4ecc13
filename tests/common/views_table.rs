//! The table of docs/detection.md §5 that says what the menu looks like from one
//! view, from two and from saved reports.
//!
//! Owns its reading. It is agreed text: refuses to write it.

#![expect(clippy::unwrap_used, reason = "a table that cannot be read fails the test")]
#![expect(clippy::indexing_slicing, reason = "a cell that is not there fails the test")]

use std::path::Path;

use mxray::model::verdict::{Confidence, Place, Status};
use mxray::sim::middlebox::Behaviour;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Status, confidence and place.
pub(crate) type Claim = (Status, Option<Confidence>, Option<Place>);

const BEGIN: &str = "<!-- views:begin -->";
const END: &str = "<!-- views:end -->";

/// Where the box is, and whether the second view has it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Near the vantage point, over IPv4 to every destination.
    NearIpv4,
    /// The same over both families.
    NearBoth,
    /// The same over IPv4, for one of the machine's addresses.
    OneSource,
    /// On the way to the target alone, over IPv4.
    TargetIpv4,
    /// The same over both families.
    TargetBoth,
    /// Near the destination, over IPv4, for every view.
    EdgeIpv4,
    /// The same over both families.
    EdgeBoth,
}

impl Site {
    pub(crate) const ALL: [Self; 7] = [
        Self::NearIpv4,
        Self::NearBoth,
        Self::OneSource,
        Self::TargetIpv4,
        Self::TargetBoth,
        Self::EdgeIpv4,
        Self::EdgeBoth,
    ];

    /// As the table has it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NearIpv4 => "near the vantage point, over IPv4 only",
            Self::NearBoth => "near the vantage point, over both families",
            Self::OneSource => "near the vantage point, over IPv4, for one source only",
            Self::TargetIpv4 => "on the way to the target alone, over IPv4",
            Self::TargetBoth => "on the way to the target alone, over both families",
            Self::EdgeIpv4 => "near the destination, over IPv4 only",
            Self::EdgeBoth => "near the destination, over both families",
        }
    }
}

/// Whether controls that are known to have STARTTLS are asked from every view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controls {
    Asked,
    NotAsked,
}

/// What may be said of one box at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// From the view behind the box alone.
    pub(crate) one: Claim,
    /// From two views of one run.
    pub(crate) two: Claim,
    /// From two saved reports of the same minutes.
    pub(crate) saved: Claim,
    /// From two saved reports, a day between them.
    pub(crate) days_apart: Claim,
}

/// The table.
pub(crate) struct ViewsTable {
    /// Each table by its heading cell and its rows, without the ruled line.
    tables: Vec<Vec<Vec<String>>>,
}

impl ViewsTable {
    /// As docs/detection.md has it.
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/detection.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (_, rest) = page.split_once(BEGIN).unwrap();
        let (block, _) = rest.split_once(END).unwrap();
        Self { tables: block.trim().split("\n\n").map(rows).collect() }
    }

    /// What the table says of this box at this place.
    pub(crate) fn expected(
        &self,
        site: Site,
        controls: Controls,
        behaviour: Behaviour,
    ) -> Expected {
        let letter = self.letter(site, controls);
        let (_, table) = self.menus().find(|(name, _)| *name == letter).unwrap();
        let mut rows =
            table.iter().filter(|row| row[0].split(", ").any(|it| it == behaviour.name()));
        let row = rows.next().unwrap();
        assert!(rows.next().is_none(), "{behaviour} stands twice in {letter}");
        let [one, two, saved, days_apart] = [1, 2, 3, 4].map(|column| claim(&row[column]));
        Expected { one, two, saved, days_apart }
    }

    /// The table of a place.
    pub(crate) fn letter(&self, site: Site, controls: Controls) -> &str {
        let row = self.tables[0].iter().find(|row| row[0] == site.words()).unwrap();
        &row[if controls == Controls::Asked { 1 } else { 2 }]
    }

    /// Every name of a box, as it stands in each table of the menu.
    pub(crate) fn names(&self) -> Vec<(&str, Vec<&str>)> {
        self.menus()
            .map(|(letter, rows)| {
                (letter, rows.iter().flat_map(|row| row[0].split(", ")).collect())
            })
            .collect()
    }

    /// Each table of the menu: its letter, and its rows.
    fn menus(&self) -> impl Iterator<Item = (&str, &[Vec<String>])> {
        self.tables.iter().skip(1).map(|table| {
            let (letter, _) = table[0][0].split_once(": ").unwrap();
            (letter, &table[1..])
        })
    }
}

/// The cells of a table, without the ruled line.
fn rows(table: &str) -> Vec<Vec<String>> {
    let lines = table.lines().filter(|line| !line.starts_with("|---"));
    lines
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// `stripped corroborated near-vantage`; what is not said is left out.
fn claim(cell: &str) -> Claim {
    let mut words = cell.split(' ').peekable();
    let status = word(words.next().unwrap()).unwrap();
    let confidence = words.peek().and_then(|text| word(text));
    if confidence.is_some() {
        words.next();
    }
    let place = words.next().map(|text| word(text).unwrap());
    assert!(words.next().is_none(), "{cell}");
    (status, confidence, place)
}

/// A word of the report.
fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}
