//! What a suspicion earns: repeats over every family, other ports, another EHLO
//! name. A healthy domain earns nothing, unless the user wants it
//! ([`Intent::second_look`]).
//!
//! Owns their order. Refuses to know what a suspicion is: `judge` does.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::first::Intent;
use crate::model::evidence::Evidence;
use crate::model::observation::Observation;
use crate::model::probe::{ClientHello, Mode, Probe};
use crate::smtp;

/// Ports of the same host on which a box that looks at port 25 has no business
/// (RFC 8314): submission with STARTTLS, submission with implicit TLS.
const OTHER_PORTS: [(u16, Mode); 2] = [(587, Mode::Starttls), (465, Mode::ImplicitTls)];

/// The probes of a second look, round by round; within a round all at once.
///
/// Each round asks every address that greeted once more, so that the families
/// are interleaved; the first round also asks the same host on other ports and
/// with the second EHLO name, at one address a family. A view to which an address
/// said 421 leaves it alone.
pub fn second_look(evidence: &Evidence, intent: &Intent) -> Vec<Vec<Probe>> {
    let firsts = first_sessions(&evidence.observations);
    let mut rounds: Vec<Vec<Probe>> = Vec::new();
    for round in 1..=intent.repeats {
        let again = firsts.iter().map(|first| repeated(&evidence.observations, first, round));
        rounds.push(again.collect());
    }
    let others = others(&firsts, intent);
    match rounds.first_mut() {
        Some(round) => round.extend(others),
        None if others.is_empty() => {}
        None => rounds.push(others),
    }
    rounds
}

/// The first session at each address that greeted and never said 421.
fn first_sessions(observations: &[Observation]) -> Vec<&Observation> {
    let mut known = BTreeSet::new();
    let firsts = observations.iter().filter(|observation| {
        observation.probe.client_hello == ClientHello::Default
            && known.insert(view(&observation.probe))
    });
    let gone: BTreeSet<(&str, Option<IpAddr>, IpAddr)> =
        observations.iter().filter(|seen| said_421(seen)).map(|seen| client(&seen.probe)).collect();
    firsts.filter(|first| greeted(first) && !gone.contains(&client(&first.probe))).collect()
}

/// Who looks at which address: whom a 421 there is said to.
fn client(probe: &Probe) -> (&str, Option<IpAddr>, IpAddr) {
    (&probe.vantage, probe.source, probe.ip)
}

/// Who looks at which address of which host.
fn view(probe: &Probe) -> (&str, Option<IpAddr>, &str, IpAddr) {
    (&probe.vantage, probe.source, &probe.host, probe.ip)
}

/// Whether the peer greeted with 220.
pub fn greeted(observation: &Observation) -> bool {
    let session = smtp::read(&observation.transcript, observation.probe.mode);
    session.greeting.is_some_and(|greeting| greeting.code == 220)
}

/// Whether the peer asked us to stop (RFC 5321 §3.8).
pub fn said_421(observation: &Observation) -> bool {
    let session = smtp::read(&observation.transcript, observation.probe.mode);
    let greeting = session.greeting.map(|greeting| greeting.code);
    let ehlo = session.ehlo.map(|ehlo| ehlo.code);
    let starttls = session.starttls.reply.map(|reply| reply.code);
    [greeting, ehlo, starttls].contains(&Some(421))
}

fn repeated(observations: &[Observation], first: &Observation, round: u32) -> Probe {
    let same = observations.iter().filter(|seen| {
        view(&seen.probe) == view(&first.probe) && seen.probe.client_hello == ClientHello::Default
    });
    let before = u32::try_from(same.count()).unwrap_or(u32::MAX);
    Probe { repeat: before.saturating_add(round - 1), ..first.probe.clone() }
}

/// Other ports and the other EHLO name, at the first address of each family that
/// each vantage point sees.
fn others(firsts: &[&Observation], intent: &Intent) -> Vec<Probe> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for first in firsts {
        if !known.insert((&first.probe.vantage, first.probe.source, first.probe.family())) {
            continue;
        }
        let probe = &first.probe;
        if probe.port == 25 && intent.other_ports {
            let ports = OTHER_PORTS.iter();
            found.extend(ports.map(|(port, mode)| Probe {
                port: *port,
                mode: *mode,
                ..probe.clone()
            }));
        }
        if let Some(name) = intent.ehlo_names.get(1) {
            found.push(Probe { ehlo_name: Some(name.clone()), ..probe.clone() });
        }
    }
    found
}
