//! What is wrong with the certificates. Without a policy none of it keeps mail
//! from being encrypted (RFC 7435), and the findings say so by their severity.

use std::collections::BTreeMap;

use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, Entry, on_address};
use crate::model::finding::Finding;
use crate::model::tls::{Certificate, PkixReason, TlsFacts};

pub(super) fn findings(addresses: &[Address<'_>]) -> Vec<Finding> {
    addresses.iter().flat_map(of_address).collect()
}

/// One finding for each reason, resting on every session that showed it.
fn of_address(address: &Address<'_>) -> Vec<Finding> {
    let mut seen: BTreeMap<PkixReason, (Vec<String>, &TlsFacts)> = BTreeMap::new();
    for reading in &address.readings {
        let Some(tls) = &reading.tls else { continue };
        for reason in tls.pkix.iter().flat_map(|pkix| &pkix.reasons) {
            seen.entry(*reason).or_insert_with(|| (Vec::new(), tls)).0.push(reading.id());
        }
    }
    let findings = seen.into_iter().map(|(reason, (evidence, tls))| {
        let subject = on_address(&address.host, address.ip);
        let explanation = format!("The certificate of {} {}.", address.label(), words(reason, tls));
        entry(reason).raised(subject, evidence, explanation)
    });
    findings.collect()
}

fn entry(reason: PkixReason) -> Entry {
    match reason {
        PkixReason::Expired => catalogue::CERTIFICATE_EXPIRED,
        PkixReason::NotYetValid => catalogue::CERTIFICATE_NOT_YET_VALID,
        PkixReason::UnknownIssuer | PkixReason::SelfSigned => catalogue::CERTIFICATE_NOT_TRUSTED,
        PkixReason::NameMismatch => catalogue::CERTIFICATE_HOST_MISMATCH,
        PkixReason::IncompleteChain => catalogue::CERTIFICATE_CHAIN_INCOMPLETE,
        PkixReason::Revoked => catalogue::CERTIFICATE_REVOKED,
        PkixReason::WeakKey | PkixReason::WeakSignature => catalogue::CERTIFICATE_WEAK,
        PkixReason::Malformed => catalogue::CERTIFICATE_MALFORMED,
    }
}

fn words(reason: PkixReason, tls: &TlsFacts) -> String {
    let leaf = tls.chain.first();
    match reason {
        PkixReason::Expired => past(&tls.chain, tls),
        PkixReason::NotYetValid => "is not valid yet".into(),
        PkixReason::UnknownIssuer => {
            format!("is issued by {}, which is not trusted", issuer(tls.chain.last()))
        }
        PkixReason::SelfSigned => "is signed by itself".into(),
        PkixReason::NameMismatch => match leaf.map(|leaf| leaf.names.as_slice()) {
            Some([]) | None => "names no host".into(),
            Some(names) => format!("names {} instead of the host", names.join(", ")),
        },
        PkixReason::IncompleteChain => {
            format!("came without that of its issuer, {}", issuer(leaf))
        }
        PkixReason::Revoked => "is revoked, says the stapled OCSP response".into(),
        PkixReason::WeakKey => {
            format!(
                "has a weak key ({})",
                leaf.and_then(|leaf| leaf.key.as_deref()).unwrap_or("unknown")
            )
        }
        PkixReason::WeakSignature => "rests on a weak signature algorithm".into(),
        PkixReason::Malformed => "is not an X.509 v3 certificate for a server".into(),
    }
}

fn past(chain: &[Certificate], tls: &TlsFacts) -> String {
    let days = tls.pkix.as_ref().and_then(|pkix| pkix.days_left);
    match (chain.first().and_then(|leaf| leaf.not_after), days) {
        (Some(end), Some(days)) if days < 0 => format!("expired on {}", end.strftime("%Y-%m-%d")),
        (Some(end), Some(0)) => format!("expired on {}", end.strftime("%Y-%m-%d")),
        _ => "rests on one that has expired".into(),
    }
}

fn issuer(certificate: Option<&Certificate>) -> String {
    let name = certificate.and_then(|certificate| certificate.issuer.clone());
    name.map_or_else(|| "an unnamed issuer".into(), |name| format!("\"{name}\""))
}
