//! What is wrong with the certificates. Without a policy none of it keeps mail
//! from being encrypted (RFC 7435), and the findings say so by their severity.
//!
//! Refuses to build paths: `tls::pkix` does.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use super::by_session;
use crate::judge::Scene;
use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, Entry, on_address};
use crate::judge::reading::Reading;
use crate::model::finding::Finding;
use crate::model::tls::{Certificate, PkixReason, TlsFacts};
use crate::tls::{Roots, pkix};

/// Names of a certificate that a finding lists.
const MOST_NAMES: usize = 10;
/// Longest chain that nobody needs to mention.
pub(super) const MOST_CERTIFICATES: usize = 10;

pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let beside = Beside::new(scene);
    let of_one = |address| {
        let mut found = reasons(address, &beside);
        found.extend(by_session(address, |reading| of_chain(address, reading)));
        found
    };
    scene.addresses.iter().flat_map(of_one).collect()
}

/// What the run saw elsewhere.
struct Beside<'s> {
    /// Every certificate behind a leaf, with the first session that showed it.
    links: Vec<(&'s Reading<'s>, &'s [u8])>,
    /// The addresses of each host that showed a valid chain.
    trusted: HashMap<&'s str, HashSet<IpAddr>>,
    roots: &'s Roots,
}

impl<'s> Beside<'s> {
    fn new(scene: &'s Scene<'_>) -> Self {
        let mut known = HashSet::new();
        let links = scene.all_readings().flat_map(|reading| {
            let handshake = reading.observation.transcript.handshake();
            let sent = handshake.map_or(&[][..], |handshake| &handshake.chain);
            sent.iter().skip(1).map(move |der| (reading, der.as_slice()))
        });
        let links = links.filter(|(_, der)| known.insert(*der)).collect();
        let mut trusted: HashMap<&str, HashSet<IpAddr>> = HashMap::new();
        for address in scene.addresses.iter().filter(|address| address.trusted()) {
            trusted.entry(&address.host).or_default().insert(address.ip);
        }
        Self { links, trusted, roots: scene.roots }
    }
}

/// One finding for each reason, resting on every session that showed it.
fn reasons(address: &Address<'_>, beside: &Beside<'_>) -> Vec<Finding> {
    let mut seen: BTreeMap<PkixReason, (Vec<String>, &Reading<'_>)> = BTreeMap::new();
    for reading in &address.readings {
        for reason in
            reading.tls.iter().filter_map(|tls| tls.pkix.as_ref()).flat_map(|p| &p.reasons)
        {
            seen.entry(*reason).or_insert_with(|| (Vec::new(), reading)).0.push(reading.id());
        }
    }
    let findings = seen.into_iter().filter_map(|(reason, (mut evidence, reading))| {
        let subject = on_address(&address.host, address.ip);
        let what = words(reason, reading.tls.as_ref()?);
        let mut explanation = format!("The certificate of {} {what}.", address.label());
        if reason == PkixReason::IncompleteChain
            && let Some((text, others)) = completion(reading, beside)
        {
            explanation.push_str(&text);
            evidence.extend(others);
        }
        explanation.push_str(left_behind(reason, address, beside));
        Some(entry(reason).raised(subject, evidence, explanation))
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
        PkixReason::NotYetValid => not_yet(leaf),
        PkixReason::UnknownIssuer => {
            format!("is issued by {}, which is not trusted", issuer(tls.chain.last()))
        }
        PkixReason::SelfSigned => "is signed by itself".into(),
        PkixReason::NameMismatch => match leaf.map(|leaf| leaf.names.as_slice()) {
            Some([]) | None => "names no host".into(),
            Some(names) => format!("names {} instead of the host", listed(names)),
        },
        PkixReason::IncompleteChain => {
            format!("came without that of its issuer, {}", issuer(leaf))
        }
        PkixReason::Revoked => revoked(tls),
        PkixReason::WeakKey => weak(&tls.chain, "key", |one| one.key.as_deref()),
        PkixReason::WeakSignature => {
            weak(&tls.chain, "signature algorithm", |one| one.signature.as_deref())
        }
        PkixReason::Malformed => match leaf.and_then(|leaf| leaf.subject.as_ref()) {
            Some(_) => "is not an X.509 v3 certificate for a server".into(),
            None => "cannot be read as X.509".into(),
        },
    }
}

/// The names, cut where they are many.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn past(chain: &[Certificate], tls: &TlsFacts) -> String {
    let days = tls.pkix.as_ref().and_then(|pkix| pkix.days_left);
    match (chain.first().and_then(|leaf| leaf.not_after), days) {
        (Some(end), Some(..=0)) => format!("expired on {}", end.strftime("%Y-%m-%d")),
        _ => "rests on one that has expired".into(),
    }
}

fn not_yet(leaf: Option<&Certificate>) -> String {
    let begin = leaf.and_then(|leaf| leaf.not_before);
    begin.map_or_else(
        || "is not valid yet".into(),
        |begin| format!("is not valid yet: it begins on {}", begin.strftime("%Y-%m-%d")),
    )
}

fn revoked(tls: &TlsFacts) -> String {
    let when = tls.ocsp.as_ref().and_then(|ocsp| ocsp.revoked_at);
    let since = when.map(|when| format!(" since {}", when.strftime("%Y-%m-%d")));
    format!("is revoked{}, says the stapled OCSP response", since.unwrap_or_default())
}

/// What is weak, where it is in the leaf; else all of it along the chain.
fn weak(chain: &[Certificate], what: &str, of: fn(&Certificate) -> Option<&str>) -> String {
    let all: Vec<&str> = chain.iter().filter_map(of).collect();
    format!("rests on a weak {what} (from the leaf on: {})", all.join(", "))
}

fn issuer(certificate: Option<&Certificate>) -> String {
    let name = certificate.and_then(|certificate| certificate.issuer.clone());
    name.map_or_else(|| "an unnamed issuer".into(), |name| format!("\"{name}\""))
}

/// Which certificates would complete the chain, and where in this run they were
/// seen; with the sessions that showed them.
fn completion(reading: &Reading<'_>, beside: &Beside<'_>) -> Option<(String, Vec<String>)> {
    let chain = &reading.observation.transcript.handshake()?.chain;
    let others: Vec<&[u8]> = beside.links.iter().map(|(_, der)| *der).collect();
    let links = pkix::completion(chain, &others, reading.observation.started_at, beside.roots)?;
    let mut told = Vec::new();
    let mut evidence = Vec::new();
    for link in links {
        let (source, _) = beside.links.iter().find(|(_, der)| *der == link)?;
        let facts = crate::tls::certificate::facts(link, false);
        let probe = &source.observation.probe;
        let name = facts.subject.unwrap_or_default();
        told.push(format!("\"{name}\", which {} [{}] sends", probe.host, probe.ip));
        evidence.push(source.id());
    }
    evidence.dedup();
    Some((format!(" It would be complete with {}.", told.join(", and ")), evidence))
}

/// That other addresses of the host do better: a node that a renewal did not reach.
fn left_behind(reason: PkixReason, address: &Address<'_>, beside: &Beside<'_>) -> &'static str {
    let better = beside.trusted.get(address.host.as_str());
    let better = better.is_some_and(|ips| ips.len() > usize::from(ips.contains(&address.ip)));
    let of_node = matches!(
        reason,
        PkixReason::Expired
            | PkixReason::NotYetValid
            | PkixReason::Revoked
            | PkixReason::NameMismatch
            | PkixReason::IncompleteChain
    );
    if of_node && better {
        return " Another address of the host shows a valid one, so this node was left behind.";
    }
    ""
}

/// What is odd about a chain beside its validity.
fn of_chain(address: &Address<'_>, reading: &Reading<'_>) -> Vec<(Entry, String)> {
    let Some(tls) = &reading.tls else { return Vec::new() };
    let label = address.label();
    let mut found = Vec::new();
    if let Some(text) = unreadable(tls) {
        found.push((catalogue::CERTIFICATE_MALFORMED, format!("{label} sends {text}.")));
    }
    if tls.chain.len() > MOST_CERTIFICATES {
        let text = format!("{label} sends a chain of {} certificates.", tls.chain.len());
        found.push((catalogue::CERTIFICATE_CHAIN_TOO_LONG, text));
    }
    if lacks_scts(tls) {
        let text =
            format!("The certificate of {label} has no timestamps (SCTs) of public logs in it.");
        found.push((catalogue::CERTIFICATE_WITHOUT_SCTS, text));
    }
    found
}

/// Certificates behind the leaf that cannot be read; the leaf's own fault is a
/// reason of the path.
fn unreadable(tls: &TlsFacts) -> Option<String> {
    let places = tls.chain.iter().enumerate().skip(1);
    let odd = places.filter(|(_, certificate)| certificate.subject.is_none());
    let odd: Vec<String> = odd.map(|(place, _)| (place + 1).to_string()).collect();
    let all = tls.chain.len();
    match odd.as_slice() {
        [] => None,
        [one] => Some(format!("{all} certificates, of which number {one} cannot be read as X.509")),
        many => Some(format!(
            "{all} certificates, of which {} cannot be read as X.509, number {} first",
            many.len(),
            many.first()?
        )),
    }
}

fn lacks_scts(tls: &TlsFacts) -> bool {
    let is_public = tls.pkix.as_ref().is_some_and(|pkix| pkix.public_root == Some(true));
    is_public && tls.chain.first().and_then(|leaf| leaf.scts) == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::shown;

    #[test]
    fn many_names_are_cut() {
        let names: Vec<String> = (0..12).map(|place| format!("mx{place}.example.net")).collect();
        let facts = shown(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let text = words(PkixReason::NameMismatch, &facts);
        assert!(text.ends_with("mx9.example.net and 2 more instead of the host"), "{text}");
        assert_eq!(words(PkixReason::NameMismatch, &shown(&[])), "names no host");
    }

    #[test]
    fn timestamps_are_missed_only_under_public_roots() {
        let lacks = |public_root, scts| {
            let mut facts = shown(&["mx.example.net"]);
            facts.pkix.as_mut().unwrap().public_root = public_root;
            facts.chain[0].scts = scts;
            lacks_scts(&facts)
        };
        assert!(lacks(Some(true), Some(0)));
        assert!(!lacks(Some(true), Some(2)));
        assert!(!lacks(Some(true), None), "not readable is not none");
        assert!(!lacks(Some(false), Some(0)));
        assert!(!lacks(None, Some(0)), "a link is missing");
    }
}
