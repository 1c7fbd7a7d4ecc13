//! Cells and contrasts: what differs, with everything else held.
//!
//! Owns coordinates, the axes and what each entails. Refuses to say what a difference
//! means.

use std::collections::BTreeSet;

use super::reading::Reading;
use crate::model::compare::{Axis, Cell, Contrast, Coordinates};

/// Groups readings by what could explain a difference.
pub(super) fn cells(readings: &[Reading<'_>]) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for reading in readings {
        let coordinates = coordinates(reading);
        let known = cells.iter().position(|cell| cell.coordinates == coordinates);
        let place = known.unwrap_or_else(|| {
            cells.push(empty(format!("c{}", cells.len() + 1), coordinates));
            cells.len() - 1
        });
        if let Some(cell) = cells.get_mut(place) {
            cell.observations.push(reading.id());
            cell.of += 1;
            cell.offered += u32::from(reading.session.starttls.offered == Some(true));
            cell.completed += u32::from(reading.completed());
        }
    }
    for cell in &mut cells {
        let here = members(cell, readings);
        let times = here.iter().map(|reading| reading.observation.started_at);
        (cell.since, cell.until) = (times.clone().min(), times.max());
        let outcomes: BTreeSet<_> = here.iter().map(|reading| outcome(reading)).collect();
        cell.steady = outcomes.len() <= 1;
    }
    cells
}

fn empty(id: String, coordinates: Coordinates) -> Cell {
    Cell {
        id,
        coordinates,
        observations: Vec::new(),
        offered: 0,
        completed: 0,
        of: 0,
        steady: true,
        since: None,
        until: None,
    }
}

fn coordinates(reading: &Reading<'_>) -> Coordinates {
    let probe = &reading.observation.probe;
    Coordinates {
        vantage: probe.vantage.clone(),
        source: reading.source(),
        host: probe.host.clone(),
        ip: probe.ip,
        family: probe.family(),
        port: probe.port,
        ehlo_name: probe.ehlo_name.clone(),
        mode: probe.mode,
        client_hello: probe.client_hello,
        role: probe.role,
    }
}

fn members<'a>(cell: &Cell, readings: &'a [Reading<'a>]) -> Vec<&'a Reading<'a>> {
    readings.iter().filter(|reading| cell.observations.contains(&reading.id())).collect()
}

/// What a session came to, as far as repeats must agree for a cell to be steady.
fn outcome(reading: &Reading<'_>) -> (Option<bool>, String, bool) {
    let starttls = &reading.session.starttls;
    (starttls.offered, format!("{:?}", starttls.outcome), reading.completed())
}

/// Contrasts by family, host, address, `ClientHello` and so on, and by time.
///
/// A family contrast is listed whether or not anything differs, if something was
/// learned on both sides: that nothing differs is worth knowing. The others are listed where something differs, each
/// against the first cell of its kind, so that their number grows with the cells
/// and not with their pairs.
pub(super) fn contrasts(cells: &[Cell], readings: &[Reading<'_>]) -> Vec<Contrast> {
    let mut found = Vec::new();
    for (place, right) in cells.iter().enumerate() {
        for axis in AXES {
            let earlier = cells.iter().take(place);
            let Some(left) = earlier.into_iter().find(|left| differ_only_on(axis, left, right))
            else {
                continue;
            };
            let contrast = contrast(axis, left, right, readings);
            let is_listed = axis == Axis::Family && both_measured(left, right, readings);
            if is_listed || !contrast.differences.is_empty() {
                found.push(contrast);
            }
        }
    }
    found.extend(cells.iter().filter_map(|cell| by_time(cell, readings)));
    found
}

/// Sessions on each side of a turn, at the least: one alone can be a passing fault.
const SESSIONS_A_SIDE: usize = 2;

/// One and the same cell before and after a turn: all sessions before it agree, and
/// all from it on, and the two differ. Only information: what comes and goes is
/// flapping, whatever the order.
fn by_time(cell: &Cell, readings: &[Reading<'_>]) -> Option<Contrast> {
    let mut here = members(cell, readings);
    here.sort_by_key(|reading| reading.observation.started_at);
    let first = outcome(here.first()?);
    let turn = here.iter().position(|reading| outcome(reading) != first)?;
    let (left, right) = here.split_at_checked(turn)?;
    let (before, from) = (left.last()?, right.first()?);
    let then = outcome(from);
    let agree = right.iter().all(|reading| outcome(reading) == then);
    let enough = left.len().min(right.len()) >= SESSIONS_A_SIDE;
    if !agree || !enough || before.observation.started_at >= from.observation.started_at {
        return None;
    }
    let compared = coordinates_compared(&cell.coordinates, &cell.coordinates);
    Some(Contrast {
        axis: Axis::Time,
        left: cell.id.clone(),
        right: cell.id.clone(),
        turn: Some(from.id()),
        held: compared.iter().map(|(name, ..)| (*name).to_owned()).collect(),
        entailed: Vec::new(),
        differences: differences(left, right),
    })
}

/// The axes on which cells of one run can differ. Time is looked for within a cell,
/// which holds the repeats.
const AXES: [Axis; 8] = [
    Axis::Family,
    Axis::Host,
    Axis::Address,
    Axis::Source,
    Axis::Vantage,
    Axis::Port,
    Axis::EhloName,
    Axis::ClientHello,
];

/// One coordinate: its name, whether it is equal, and the axes on which it may differ.
type Held = (&'static str, bool, &'static [Axis]);

fn coordinates_compared(left: &Coordinates, right: &Coordinates) -> [Held; 10] {
    use Axis::{Address, ClientHello, EhloName, Family, Host, Port, Source, Vantage};
    // An address literal follows the source, so it is held only with the family.
    let ehlo = left.ehlo_name == right.ehlo_name
        && (left.ehlo_name.is_some() || left.source == right.source);
    [
        ("vantage", left.vantage == right.vantage, &[Vantage]),
        ("source", left.source == right.source, &[Family, Source, Vantage]),
        ("host", left.host == right.host, &[Host]),
        ("ip", left.ip == right.ip, &[Family, Host, Address]),
        ("family", left.family == right.family, &[Family]),
        ("port", left.port == right.port, &[Port]),
        ("ehlo_name", ehlo, &[EhloName, Family, Source, Vantage]),
        ("mode", left.mode == right.mode, &[Port]),
        ("client_hello", left.client_hello == right.client_hello, &[ClientHello]),
        ("role", left.role == right.role, &[]),
    ]
}

fn differ_only_on(axis: Axis, left: &Cell, right: &Cell) -> bool {
    let compared = coordinates_compared(&left.coordinates, &right.coordinates);
    let on_axis = match axis {
        Axis::Family => left.coordinates.family != right.coordinates.family,
        Axis::Host => left.coordinates.host != right.coordinates.host,
        Axis::Address => left.coordinates.ip != right.coordinates.ip,
        Axis::ClientHello => left.coordinates.client_hello != right.coordinates.client_hello,
        Axis::Source => left.coordinates.source != right.coordinates.source,
        Axis::Vantage => left.coordinates.vantage != right.coordinates.vantage,
        Axis::Port => left.coordinates.port != right.coordinates.port,
        Axis::EhloName => left.coordinates.ehlo_name != right.coordinates.ehlo_name,
        Axis::Time => false,
    };
    on_axis && compared.iter().all(|(_, equal, may)| *equal || may.contains(&axis))
}

fn contrast(axis: Axis, left: &Cell, right: &Cell, readings: &[Reading<'_>]) -> Contrast {
    let compared = coordinates_compared(&left.coordinates, &right.coordinates);
    let own = match axis {
        Axis::Family => "family",
        Axis::Host => "host",
        Axis::ClientHello => "client_hello",
        Axis::Source => "source",
        Axis::Vantage => "vantage",
        Axis::Port => "port",
        Axis::EhloName => "ehlo_name",
        Axis::Address => "ip",
        Axis::Time => "time",
    };
    let names = |wanted: bool| {
        let found = compared.iter().filter(|(name, equal, _)| *equal == wanted && *name != own);
        found.map(|(name, ..)| (*name).to_owned()).collect()
    };
    Contrast {
        axis,
        left: left.id.clone(),
        right: right.id.clone(),
        turn: None,
        held: names(true),
        entailed: names(false),
        differences: differences(&members(left, readings), &members(right, readings)),
    }
}

/// Something that two cells can differ in. Never greeting text, SIZE, or the
/// order of keywords: those differ between honest nodes (docs/detection.md §3).
type Trait = fn(&Reading<'_>) -> Option<String>;

const TRAITS: [(&str, Trait); 7] = [
    ("starttls.offered", |reading| reading.session.starttls.offered.map(|yes| yes.to_string())),
    ("starttls.outcome", |reading| {
        let starttls = &reading.session.starttls;
        starttls.reply.as_ref().map(|_| format!("{:?}", starttls.outcome))
    }),
    ("ehlo.verb", |reading| reading.session.ehlo.as_ref().map(|ehlo| format!("{:?}", ehlo.verb))),
    ("tls.completed", |reading| reading.tls.as_ref().map(|_| reading.completed().to_string())),
    ("tls.version", |reading| reading.tls.as_ref()?.version.clone()),
    ("tls.cipher_suite", |reading| reading.tls.as_ref()?.cipher_suite.clone()),
    ("tls.key", |reading| reading.proven_key().map(str::to_owned)),
];

/// Whether something that could differ was learned on both sides.
fn both_measured(left: &Cell, right: &Cell, readings: &[Reading<'_>]) -> bool {
    [left, right].into_iter().all(|cell| {
        let here = members(cell, readings);
        TRAITS.iter().any(|(_, read)| here.iter().any(|reading| read(reading).is_some()))
    })
}

/// Where both sides have values and not the same: what was not measured on one
/// side differs from nothing.
fn differences(left: &[&Reading<'_>], right: &[&Reading<'_>]) -> Vec<String> {
    let values = |side: &[&Reading<'_>], read: Trait| -> BTreeSet<String> {
        side.iter().filter_map(|reading| read(reading)).collect()
    };
    let differing = TRAITS.iter().filter(|(_, read)| {
        let (left, right) = (values(left, *read), values(right, *read));
        !left.is_empty() && !right.is_empty() && left != right
    });
    differing.map(|(name, _)| (*name).to_owned()).collect()
}
