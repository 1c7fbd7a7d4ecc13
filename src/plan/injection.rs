//! The test for STARTTLS command injection: one more session where TLS works.
//!
//! Owns at which addresses. Refuses to read the outcome: `smtp::injection` does.

use std::collections::BTreeSet;

use crate::model::observation::Observation;
use crate::model::probe::{ClientHello, Mode, Probe, Role};

/// One probe at an address of every host and family where STARTTLS leads to EHLO
/// inside TLS: elsewhere nothing could be learned. One is enough, for it tests the
/// server's program.
pub(super) fn injection_probes(working: &[&Observation]) -> Vec<Probe> {
    let mut known = BTreeSet::new();
    let starttls = working.iter().filter(|seen| seen.probe.mode == Mode::Starttls);
    let first =
        starttls.filter(|seen| known.insert((seen.probe.host.clone(), seen.probe.family())));
    first
        .map(|seen| Probe {
            role: Role::Injection,
            client_hello: ClientHello::Default,
            repeat: 0,
            ..seen.probe.clone()
        })
        .collect()
}
