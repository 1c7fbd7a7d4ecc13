//! Closer looks at servers, which the user asks for: they behave as no sender does,
//! and verdicts rest on none of them.
//!
//! Owns which addresses are worth one. Refuses to know what they will find.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::first::Intent;
use super::injection::injection_probes;
use super::range::range_probes;
use super::second_look::said_421;
use crate::model::evidence::Evidence;
use crate::model::observation::Observation;
use crate::model::probe::{LOCAL, Mode, Probe, Role};
use crate::model::session::Stage;
use crate::smtp;

/// Closer looks at servers that the user asked for; none is taken otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closer {
    /// Test for STARTTLS command injection.
    pub injection: bool,
    /// Find the range of TLS versions, suites and groups.
    pub range: bool,
}

/// What is asked once more where TLS was seen to work.
pub fn closer_probes(evidence: &Evidence, intent: &Intent) -> Vec<Probe> {
    let working = working(&evidence.observations);
    let mut probes = Vec::new();
    if intent.closer.injection {
        probes.extend(injection_probes(&working));
    }
    if intent.closer.range {
        probes.extend(range_probes(&working));
    }
    probes
}

/// This machine's sessions that came as far as a server's own words inside TLS, on
/// the port that was asked, at addresses that never asked us to stop.
fn working(observations: &[Observation]) -> Vec<&Observation> {
    let gone: BTreeSet<IpAddr> =
        observations.iter().filter(|seen| said_421(seen)).map(|seen| seen.probe.ip).collect();
    let port = observations.first().map(|first| first.probe.port);
    let inside = |seen: &&Observation| {
        let session = smtp::read(&seen.transcript, seen.probe.mode);
        session.stages.contains(match seen.probe.mode {
            Mode::Starttls => &Stage::EhloTls,
            Mode::ImplicitTls => &Stage::Ehlo,
        })
    };
    observations
        .iter()
        .filter(|seen| seen.probe.role == Role::Target && Some(seen.probe.port) == port)
        .filter(|seen| seen.probe.vantage == LOCAL)
        .filter(|seen| !gone.contains(&seen.probe.ip))
        .filter(inside)
        .collect()
}
