//! Cells and contrasts: what differs, with everything else held.
//!
//! Owns coordinates, the axes and what each entails. Refuses to say what a difference
//! means.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::grouped::grouped;
use super::reading::Reading;
use crate::model::compare::{Axis, Cell, Contrast, Coordinates};
use crate::model::probe::{ClientHello, Family, Mode, Role};

/// A cell and its readings.
pub(super) struct Members<'r, 'a> {
    pub(super) cell: Cell,
    readings: Vec<&'r Reading<'a>>,
}

/// Groups readings by what could explain a difference.
pub(super) fn cells<'r, 'a>(readings: &'r [Reading<'a>]) -> Vec<Members<'r, 'a>> {
    let groups = grouped(readings, |reading| coordinates(reading));
    let mut cells: Vec<Members<'r, 'a>> = Vec::with_capacity(groups.len());
    for (coordinates, readings) in groups {
        let id = format!("c{}", cells.len() + 1);
        cells.push(Members { cell: cell(id, coordinates, &readings), readings });
    }
    cells
}

fn cell(id: String, coordinates: Coordinates, here: &[&Reading<'_>]) -> Cell {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let offered = |reading: &&&Reading<'_>| reading.session.starttls.offered == Some(true);
    let times = here.iter().map(|reading| reading.observation.started_at);
    let outcomes: BTreeSet<_> = here.iter().map(|reading| outcome(reading)).collect();
    Cell {
        id,
        coordinates,
        observations: here.iter().map(|reading| reading.id()).collect(),
        offered: number(here.iter().filter(offered).count()),
        completed: number(here.iter().filter(|reading| reading.completed()).count()),
        of: number(here.len()),
        steady: outcomes.len() <= 1,
        since: times.clone().min(),
        until: times.max(),
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
pub(super) fn contrasts(cells: &[Members<'_, '_>]) -> Vec<Contrast> {
    let mut found = Vec::new();
    let mut earlier = AXES.map(|axis| (axis, Earlier::default()));
    for right in cells {
        for (axis, earlier) in &mut earlier {
            let Some(left) = earlier.first_beside(right, *axis) else { continue };
            let contrast = contrast(*axis, left, right);
            let is_listed = *axis == Axis::Family && both_measured(left, right);
            if is_listed || !contrast.differences.is_empty() {
                found.push(contrast);
            }
        }
    }
    found.extend(cells.iter().filter_map(by_time));
    found
}

/// The cells before one, by what they hold on an axis: of each kind the first, and the
/// first that differs from that one on the axis. One of the two is the first that
/// differs from any other.
#[derive(Default)]
struct Earlier<'c, 'r, 'a>(HashMap<Values<'c>, Vec<&'c Members<'r, 'a>>>);

impl<'c, 'r, 'a> Earlier<'c, 'r, 'a> {
    /// The first cell that differs from this one on the axis and on nothing else; and
    /// this one is known from then on.
    fn first_beside(
        &mut self,
        cell: &'c Members<'r, 'a>,
        axis: Axis,
    ) -> Option<&'c Members<'r, 'a>> {
        let here = values(&cell.cell.coordinates);
        let differs =
            |other: &&Members<'_, '_>| on(axis, values(&other.cell.coordinates)) != on(axis, here);
        let kind = self.0.entry(held(here, axis)).or_default();
        let found = kind.iter().copied().find(differs);
        if kind.is_empty() || (kind.len() == 1 && found.is_some()) {
            kind.push(cell);
        }
        found
    }
}

/// Sessions on each side of a turn, at the least: one alone can be a passing fault.
const SESSIONS_A_SIDE: usize = 2;

/// One and the same cell before and after a turn: all sessions before it agree, and
/// all from it on, and the two differ. Only information: what comes and goes is
/// flapping, whatever the order.
fn by_time(members: &Members<'_, '_>) -> Option<Contrast> {
    let (cell, mut here) = (&members.cell, members.readings.clone());
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
    Some(Contrast {
        axis: Axis::Time,
        left: cell.id.clone(),
        right: cell.id.clone(),
        turn: Some(from.id()),
        held: COORDINATES.iter().map(|(name, _)| (*name).to_owned()).collect(),
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

/// Each coordinate by its name, and the axes on which it may differ.
const COORDINATES: [(&str, &[Axis]); 10] = {
    use Axis::{Address, ClientHello, EhloName, Family, Host, Port, Source, Vantage};
    [
        ("vantage", &[Vantage]),
        ("source", &[Family, Source, Vantage]),
        ("host", &[Host]),
        ("ip", &[Family, Host, Address]),
        ("family", &[Family]),
        ("port", &[Port]),
        ("ehlo_name", &[EhloName, Family, Source, Vantage]),
        ("mode", &[Port]),
        ("client_hello", &[ClientHello]),
        ("role", &[]),
    ]
};

/// What stands at one coordinate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Value<'c> {
    /// Whatever it is.
    Any,
    Name(&'c str),
    Source(Option<IpAddr>),
    Ip(IpAddr),
    Family(Family),
    Port(u16),
    /// An address literal follows the source, so it is held only with that.
    Literal(Option<IpAddr>),
    Mode(Mode),
    ClientHello(ClientHello),
    Role(Role),
}

type Values<'c> = [Value<'c>; COORDINATES.len()];

/// In the order of [`COORDINATES`].
fn values(coordinates: &Coordinates) -> Values<'_> {
    let literal = Value::Literal(coordinates.source);
    [
        Value::Name(&coordinates.vantage),
        Value::Source(coordinates.source),
        Value::Name(&coordinates.host),
        Value::Ip(coordinates.ip),
        Value::Family(coordinates.family),
        Value::Port(coordinates.port),
        coordinates.ehlo_name.as_deref().map_or(literal, Value::Name),
        Value::Mode(coordinates.mode),
        Value::ClientHello(coordinates.client_hello),
        Value::Role(coordinates.role),
    ]
}

/// What two cells must share to be compared on an axis.
fn held(mut values: Values<'_>, axis: Axis) -> Values<'_> {
    for (value, (_, may_differ)) in values.iter_mut().zip(COORDINATES) {
        if may_differ.contains(&axis) {
            *value = Value::Any;
        }
    }
    values
}

/// The coordinate that an axis is named after.
fn own(axis: Axis) -> &'static str {
    match axis {
        Axis::Family => "family",
        Axis::Host => "host",
        Axis::ClientHello => "client_hello",
        Axis::Source => "source",
        Axis::Vantage => "vantage",
        Axis::Port => "port",
        Axis::EhloName => "ehlo_name",
        Axis::Address => "ip",
        Axis::Time => "time",
    }
}

/// What stands there.
fn on(axis: Axis, values: Values<'_>) -> Option<Value<'_>> {
    let mut named = COORDINATES.iter().zip(values).filter(|((name, _), _)| *name == own(axis));
    named.next().map(|(_, value)| value)
}

fn contrast(axis: Axis, left: &Members<'_, '_>, right: &Members<'_, '_>) -> Contrast {
    let values = values(&left.cell.coordinates).into_iter().zip(values(&right.cell.coordinates));
    let compared: Vec<(&str, bool)> = COORDINATES
        .into_iter()
        .zip(values)
        .map(|((name, _), (left, right))| (name, left == right))
        .collect();
    let names = |wanted: bool| {
        let found = compared.iter().filter(|(name, equal)| *equal == wanted && *name != own(axis));
        found.map(|(name, _)| (*name).to_owned()).collect()
    };
    Contrast {
        axis,
        left: left.cell.id.clone(),
        right: right.cell.id.clone(),
        turn: None,
        held: names(true),
        entailed: names(false),
        differences: differences(&left.readings, &right.readings),
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
fn both_measured(left: &Members<'_, '_>, right: &Members<'_, '_>) -> bool {
    [left, right].into_iter().all(|cell| {
        TRAITS.iter().any(|(_, read)| cell.readings.iter().any(|reading| read(reading).is_some()))
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
