//! How is asked: from which addresses, over which families, from where else, as whom.
//!
//! Owns the way from options to an intent, and what this machine lacks for it. Sends
//! nothing.

use std::collections::HashSet;
use std::net::IpAddr;

use mxray::model::probe::{Family, LOCAL, Limits, Mode};
use mxray::model::report::{Families, FamilyUse};
use mxray::observe;
use mxray::plan::{Intent, budget};

use crate::cli::arguments::options::probe::{NamedVantage, ProbeOptions};
use crate::cli::failure::Failure;

pub(super) fn intent(probe: &ProbeOptions, host_name: Option<String>) -> Result<Intent, Failure> {
    Ok(Intent {
        ehlo_names: ehlo_names(probe, host_name),
        sources: sources(probe)?,
        port: probe.port,
        mode: if probe.implicit_tls { Mode::ImplicitTls } else { Mode::Starttls },
        sni: probe.sni.clone(),
        limits: Limits { session: probe.timeout, greeting: budget::GREETING_PATIENCE },
        repeats: probe.repeats,
        other_ports: true,
        ..Intent::default()
    })
}

fn ehlo_names(probe: &ProbeOptions, host_name: Option<String>) -> Vec<String> {
    if probe.ehlo.is_empty() { host_name.into_iter().collect() } else { probe.ehlo.clone() }
}

/// The sources that were named, each once.
fn sources(probe: &ProbeOptions) -> Result<Vec<IpAddr>, Failure> {
    let named = match &probe.interface {
        None => probe.source.clone(),
        Some(interface) => match observe::addresses_of(interface) {
            Some(addresses) if !addresses.is_empty() => addresses,
            _ => {
                return Err(Failure::usage(
                    format!("--interface {interface}: it has no global address, or does not exist"),
                    "`ip address` lists the interfaces and their addresses",
                ));
            }
        },
    };
    let mut known = HashSet::new();
    let wanted = |ip: &IpAddr| !(probe.ipv4 && ip.is_ipv6() || probe.ipv6 && ip.is_ipv4());
    // Of an interface only the families that are wanted; a source that was typed
    // and left out is a mistake, which `asked` names.
    let keep = |ip: &IpAddr| probe.interface.is_none() || wanted(ip);
    Ok(named.into_iter().filter(|ip| keep(ip) && known.insert(*ip)).collect())
}

pub(super) fn vantages(probe: &ProbeOptions) -> Result<Vec<NamedVantage>, Failure> {
    let named = || probe.vantage.iter().chain(&probe.socks5);
    let mut known = HashSet::from([LOCAL]);
    match named().find(|vantage| !known.insert(&vantage.name)) {
        None => Ok(named().cloned().collect()),
        Some(twice) if twice.name == LOCAL => Err(Failure::usage(
            format!(
                "no other vantage point can be called {LOCAL}: that is this machine's own name"
            ),
            "give the vantage point another name",
        )),
        Some(twice) => Err(Failure::usage(
            format!("two vantage points are called {}", twice.name),
            "give each a name of its own: --vantage NAME=COMMAND, --socks5 NAME=HOST:PORT",
        )),
    }
}

pub(super) fn asked(probe: &ProbeOptions) -> Result<Families, Failure> {
    let wanted = |wanted: bool| if wanted { FamilyUse::Usable } else { FamilyUse::NotAsked };
    let asked = Families { ipv4: wanted(!probe.ipv6), ipv6: wanted(!probe.ipv4) };
    let useless = probe.source.iter().find(|ip| asked.of(Family::of(**ip)) == FamilyUse::NotAsked);
    match useless {
        None => Ok(asked),
        Some(ip) => Err(Failure::usage(
            format!("--source {ip} is of the family that was left out"),
            "leave out -4 or -6, or that --source",
        )),
    }
}
