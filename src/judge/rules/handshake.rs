//! Did the handshake come to its end, and with what?
//!
//! Refuses to look at certificates.

use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, on_address, with_confidence};
use crate::judge::standing::{Broken, Standing};
use crate::model::finding::Finding;
use crate::model::probe::ClientHello;
use crate::model::verdict::Confidence;

pub(super) fn findings(addresses: &[Address<'_>]) -> Vec<Finding> {
    let found = addresses
        .iter()
        .flat_map(|address| [failed(address), hello_dropped(address), key_not_proven(address)]);
    found.flatten().collect()
}

fn failed(address: &Address<'_>) -> Option<Finding> {
    let Standing::Broken(broken) = address.standing else { return None };
    let mut failures: Vec<String> = Vec::new();
    let said = address.readings.iter().filter_map(|reading| {
        let hello = reading.observation.probe.client_hello.word();
        reading.handshake_failure().map(|failure| format!("{hello} ClientHello: {failure}"))
    });
    for failure in said {
        // Repeats that fail in the same way say nothing new.
        if !failures.contains(&failure) {
            failures.push(failure);
        }
    }
    let subject = on_address(&address.host, address.ip);
    let (label, failures) = (address.label(), failures.join("; "));
    match broken {
        Broken::LegacyOnly => Some(catalogue::TLS_LEGACY_ONLY.raised(
            subject,
            address.evidence(),
            format!("{label} speaks only TLS that modern senders no longer use ({failures})."),
        )),
        Broken::Alert | Broken::CutOff => Some(catalogue::HANDSHAKE_FAILED.raised(
            subject,
            address.evidence(),
            format!("{label} accepts STARTTLS, and no handshake is completed ({failures})."),
        )),
        _ => None,
    }
}

/// The default `ClientHello` failed and a smaller one passed.
fn hello_dropped(address: &Address<'_>) -> Option<Finding> {
    let first = address.readings.iter().find(|reading| {
        reading.observation.probe.client_hello == ClientHello::Default
            && reading.handshake_failure().is_some()
    })?;
    let second = address.readings.iter().find(|reading| {
        reading.observation.probe.client_hello == ClientHello::Classical && reading.completed()
    })?;
    let finding = catalogue::LARGE_HELLO_DROPPED.raised(
        on_address(&address.host, address.ip),
        vec![first.id(), second.id()],
        format!(
            "At {} a handshake that offers X25519MLKEM768 failed ({}), and one without it was \
             completed.",
            address.label(),
            first.handshake_failure().unwrap_or("unknown"),
        ),
    );
    Some(with_confidence(finding, Confidence::Suspected))
}

fn key_not_proven(address: &Address<'_>) -> Option<Finding> {
    let reading = address.readings.iter().find(|reading| {
        reading.tls.as_ref().is_some_and(|tls| {
            let weak = tls
                .pkix
                .as_ref()
                .is_some_and(|pkix| pkix.reasons.contains(&crate::model::tls::PkixReason::WeakKey));
            // The provider rejects small RSA keys as such: no sign of a foreign hand.
            tls.key_proven == Some(false) && !weak
        })
    })?;
    let finding = catalogue::KEY_NOT_PROVEN.raised(
        on_address(&address.host, address.ip),
        vec![reading.id()],
        format!("The handshake signature of {} does not hold.", address.label()),
    );
    Some(with_confidence(finding, Confidence::Suspected))
}
