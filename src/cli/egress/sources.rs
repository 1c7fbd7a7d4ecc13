//! The addresses of this machine that mail can leave by.
//!
//! Owns which are asked where none was named. Sends nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mxray::egress;
use mxray::egress::postconf::Configuration;
use mxray::model::egress::Source;
use mxray::model::probe::Family;
use mxray::model::report::{Families, FamilyUse};
use mxray::model::special_purpose::is_private;
use mxray::observe::{self, OwnAddress};

use crate::cli::check::own_sources;
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;

/// Most addresses of a family that are asked unnamed: each destination sees a session
/// from each of them, and `plan::budget` allows eight.
const MOST_SOURCES: usize = 4;
/// Most addresses that can be named, for the same reason.
const MOST_NAMED: usize = 8;

/// What is known of this machine.
#[derive(Clone, Copy)]
pub(super) struct Machine<'a> {
    pub(super) own: &'a [OwnAddress],
    pub(super) postfix: &'a [Configuration],
    /// Addresses by which others know it, as the user says.
    pub(super) public: &'a [IpAddr],
}

/// The addresses that were named, or those of this machine.
///
/// # Errors
/// One that was named isn't this machine's, or there are too many.
pub(super) fn sources(
    named: &[IpAddr],
    machine: Machine<'_>,
    asked: Families,
    terminal: &Terminal,
) -> Result<Vec<Source>, Failure> {
    own_sources(named)?;
    if named.len() > MOST_NAMED {
        return Err(Failure::usage(
            format!("more than {MOST_NAMED} sources"),
            "run once for each part of them: no destination is asked more often at once",
        ));
    }
    if !named.is_empty() {
        return Ok(named.iter().map(|ip| source(*ip, machine, true)).collect());
    }
    let mut found = Vec::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        if asked.of(family) == FamilyUse::NotAsked {
            continue;
        }
        let mut ips = candidates(machine, family, preferred(family));
        if let Some(left_out) = ips.get(MOST_SOURCES..).filter(|rest| !rest.is_empty()) {
            terminal.warning(&format!(
                "{} more {} addresses are left out; --source names them",
                left_out.len(),
                family.label()
            ));
        }
        ips.truncate(MOST_SOURCES);
        found.extend(ips.into_iter().map(|ip| source(ip, machine, false)));
    }
    Ok(found)
}

/// What the operating system prefers, what Postfix binds to, and every global address;
/// of the private ones only these two. A bridge to containers is no way out, and a
/// private address is one only behind NAT, which IPv6 does without.
fn candidates(machine: Machine<'_>, family: Family, preferred: Option<IpAddr>) -> Vec<IpAddr> {
    let Machine { own, postfix, .. } = machine;
    let bound: Vec<IpAddr> = postfix.iter().flat_map(|one| one.all_bound(family)).collect();
    let has_global = own
        .iter()
        .any(|one| one.can_leave() && Family::of(one.ip) == family && !is_private(one.ip));
    let is_wanted = |one: &&OwnAddress| {
        let natted = !has_global && family == Family::Ipv4 && Some(one.ip) == preferred;
        let leaves = one.can_leave() && (!is_private(one.ip) || natted);
        // Nothing new is sent from a deprecated address, unless somebody binds to it.
        Family::of(one.ip) == family && (leaves || bound.contains(&one.ip))
    };
    let mut ips: Vec<IpAddr> = own.iter().filter(is_wanted).map(|own| own.ip).collect();
    ips.sort_by_key(|ip| (Some(*ip) != preferred, !bound.contains(ip)));
    ips
}

/// What the operating system chooses for itself. Sends nothing.
fn preferred(family: Family) -> Option<IpAddr> {
    let somewhere: IpAddr = match family {
        Family::Ipv4 => Ipv4Addr::new(192, 0, 2, 1).into(),
        Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    observe::route_to(somewhere).ok()
}

fn source(ip: IpAddr, machine: Machine<'_>, named: bool) -> Source {
    let family = Family::of(ip);
    let preferred = preferred(family) == Some(ip);
    let typed = machine.public.iter().copied().find(|public| Family::of(*public) == family);
    Source {
        ip,
        family,
        preferred,
        used: named || egress::is_used(machine.postfix, ip, preferred),
        temporary: machine.own.iter().find(|own| own.ip == ip).and_then(|own| own.temporary),
        routed: observe::route_from(ip).is_ok(),
        public: if is_private(ip) { typed } else { Some(ip) },
        destinations: Vec::new(),
        reverse: None,
        ehlo: None,
        further_ehlo: Vec::new(),
        spf: None,
        spf_unknown: None,
    }
}

#[cfg(test)]
mod tests {
    use mxray::egress::postconf::parameters;

    use super::*;

    fn chosen(own: &[&str], main: &str, family: Family, preferred: &str) -> Vec<String> {
        let address = |ip: &&str| {
            let (ip, state) = ip.split_once(' ').unwrap_or((ip, ""));
            OwnAddress {
                ip: ip.parse().unwrap(),
                temporary: None,
                deprecated: state == "deprecated",
                tentative: state == "tentative",
            }
        };
        let own: Vec<OwnAddress> = own.iter().map(address).collect();
        let postfix = [Configuration { effective: parameters(main), ..Configuration::default() }];
        let machine = Machine { own: &own, postfix: &postfix, public: &[] };
        let found = candidates(machine, family, preferred.parse().ok());
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_bridge_to_containers_is_no_way_out() {
        let own = ["127.0.0.1", "172.17.0.1", "192.0.2.7", "192.0.2.5", "169.254.3.4"];
        assert_eq!(chosen(&own, "", Family::Ipv4, "192.0.2.5"), ["192.0.2.5", "192.0.2.7"]);
    }

    #[test]
    fn behind_nat_the_address_of_the_default_route_is_the_way_out() {
        let own = ["127.0.0.1", "172.17.0.1", "10.0.0.5", "fd00::5", "fe80::1"];
        assert_eq!(chosen(&own, "", Family::Ipv4, "10.0.0.5"), ["10.0.0.5"]);
        assert!(chosen(&own, "", Family::Ipv6, "fd00::5").is_empty(), "no global address");
        let bound = "smtp_bind_address6 = fd00::5";
        assert_eq!(chosen(&own, bound, Family::Ipv6, "fd00::5"), ["fd00::5"]);
    }

    #[test]
    fn deprecated_and_tentative_addresses_are_left_out_unless_postfix_binds_to_them() {
        let own = ["2001:db8::1", "2001:db8::2 deprecated", "2001:db8::3 tentative", "fd00::1"];
        assert_eq!(chosen(&own, "", Family::Ipv6, "2001:db8::1"), ["2001:db8::1"]);
        let bound = "smtp_bind_address6 = 2001:db8::2";
        let both = chosen(&own, bound, Family::Ipv6, "2001:db8::1");
        assert_eq!(both, ["2001:db8::1", "2001:db8::2"]);
    }
}
