//! Controls and the canary: other destinations that tell the path from the host.
//!
//! Owns who they are and how they are asked. Refuses to know whether they may be:
//! `survey` does.

use std::net::IpAddr;

use super::first::{Breadth, Intent, first_probes};
pub use crate::model::operator::BUILT_IN_CONTROLS;
use crate::model::probe::{Probe, Role};
use crate::model::report::Families;
use crate::model::route::Route;
use crate::model::target::{Target, TargetKind};

/// Controls that have to have been measured before no further one is asked.
pub const CONTROLS_WANTED: usize = 2;

/// Controls that are tried at the most.
pub const CONTROLS_TRIED: usize = 4;

/// Addresses where nothing can live: documentation ranges (RFC 5737, RFC 3849).
pub const CANARIES: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 25)),
    IpAddr::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0x25, 0, 0, 0, 0x25)),
];

/// One session per family and source to a control: its first address of each.
pub fn control_probes(
    target: &Target,
    route: &Route,
    families: Families,
    intent: &Intent,
) -> Vec<Probe> {
    let sparing = Intent { breadth: Breadth::OneAFamily(0), ..intent.clone() };
    let probes = first_probes(target, route, families, &sparing).into_iter();
    probes.map(|probe| Probe { role: Role::Control, ..probe }).collect()
}

/// The canary as a target and its route. Its session waits no longer than a
/// control's: silence is what is expected of it.
pub fn canary(addresses: &[IpAddr], vantage: &str) -> Option<(Target, Route)> {
    let first = *addresses.first()?;
    let route = Route::of_addresses(addresses, vantage)?;
    let target = Target {
        input: first.to_string(),
        kind: TargetKind::Address { ip: first, port: None },
        unicode: None,
    };
    Some((target, route))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::special_purpose::is_public;

    #[test]
    fn nothing_lives_at_a_canary() {
        assert!(CANARIES.iter().all(|ip| !is_public(*ip)));
    }
}
