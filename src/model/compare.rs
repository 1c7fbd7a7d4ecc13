//! Cells and contrasts: observations grouped by what could explain a difference.
//!
//! Owns their shape and names. Refuses to know how they are made.

use std::net::IpAddr;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::probe::{ClientHello, Family, Mode, Role};

/// Everything in a probe that could explain a difference, minus time and repeat.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Coordinates {
    /// Who connected.
    pub vantage: String,
    /// Source address, where it is known.
    pub source: Option<IpAddr>,
    /// The MX host.
    pub host: String,
    /// The address dialled.
    pub ip: IpAddr,
    /// Its family.
    pub family: Family,
    /// TCP port.
    pub port: u16,
    /// EHLO argument; `None` is an address literal, which differs by family.
    pub ehlo_name: Option<String>,
    /// When TLS begins.
    pub mode: Mode,
    /// Shape of the `ClientHello`.
    pub client_hello: ClientHello,
    /// Why the connection was made.
    pub role: Role,
}

/// Observations that share coordinates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// `c1`, `c2`, …, unique within a target.
    pub id: String,
    /// What they share.
    pub coordinates: Coordinates,
    /// Their ids, in order of time.
    pub observations: Vec<String>,
    /// How many offered STARTTLS.
    pub offered: u32,
    /// How many completed a handshake.
    pub completed: u32,
    /// How many there are.
    pub of: u32,
    /// Whether all agree.
    pub steady: bool,
    /// When the first of them began; `None` in older reports.
    pub since: Option<Timestamp>,
    /// When the last of them began.
    pub until: Option<Timestamp>,
}

/// What two cells can differ in.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// IPv4 against IPv6; entails address and source.
    Family,
    /// Two hosts of one target; entails address.
    Host,
    /// Two addresses of one host and family.
    Address,
    /// Two source addresses of one family.
    Source,
    /// Two vantage points; entails source.
    Vantage,
    /// Two ports.
    Port,
    /// Two EHLO names.
    EhloName,
    /// Two shapes of the `ClientHello`.
    ClientHello,
    /// The same coordinates at two times.
    Time,
}

/// Two cells that differ on one axis and in nothing that it does not entail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Contrast {
    /// The axis.
    pub axis: Axis,
    /// Id of one cell.
    pub left: String,
    /// Id of the other; on the axis `time` it is the same cell.
    pub right: String,
    /// On the axis `time`: the first observation of the later side. All before it
    /// agree, and all from it on.
    pub turn: Option<String>,
    /// Coordinates that are equal.
    pub held: Vec<String>,
    /// Coordinates that had to differ because the axis does.
    pub entailed: Vec<String>,
    /// What came out differently: `starttls.offered`, `starttls.outcome`, `tls.completed`, `tls.spki`, …
    pub differences: Vec<String>,
}
