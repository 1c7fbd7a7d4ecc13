//! From what a host presents to the TLSA records that fit it. Pure.
//!
//! Owns which records are proposed, and what each published one does. Refuses to claim
//! anything of the path.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::association;
use super::evaluate::{Session, Tried, judge};
use super::requirement::{Requirement, reference_names, requirement};
use super::rollover::against;
use super::usability::{DANE_EE, DANE_TA, SHA256, SPKI, rate};
use crate::model::probe::Role;
use crate::model::report::{ObservationReport, TargetReport};
use crate::model::route::{Dnssec, LookupError, Tlsa, TlsaAnswer};
use crate::model::tls::Certificate;
use crate::model::tlsa::{TlsaHost, TlsaPresented, TlsaProposal};

/// The records that fit what a host presents on a port, and what those in DNS make
/// of it.
///
/// The observations must hold the certificates themselves (a report with its
/// evidence). A certificate whose key its presenter does not hold counts as none.
pub fn publish(target: &TargetReport, port: u16) -> TlsaHost {
    let host = Host::of(target);
    let presented = presented(target, port);
    TlsaHost {
        host: target.target.clone(),
        port,
        verdict: target.verdict.clone(),
        owner: format!("_{port}._tcp.{}.", host.base_domain),
        published: host.published.clone(),
        requirement: host.requirement.word().to_owned(),
        because: host.requirement.because(),
        proposals: proposals(&host, &presented, port),
        silent: silent(target, port, &presented),
        presented: presented.iter().filter_map(|one| held_against(&host, one)).collect(),
    }
}

/// What DNS said of the host.
struct Host {
    base_domain: String,
    published: Option<TlsaAnswer>,
    requirement: Requirement,
    names: Vec<String>,
}

impl Host {
    fn of(target: &TargetReport) -> Self {
        let route = target.routes.first();
        let found = route.and_then(|route| Some((route, route.exchanges.first()?)));
        let Some((route, exchange)) = found else {
            let names = vec![target.target.clone()];
            let requirement = Requirement::NotAsked;
            return Self {
                base_domain: target.target.clone(),
                published: None,
                requirement,
                names,
            };
        };
        let names = reference_names(&target.target, route, exchange);
        Self {
            base_domain: names.first().unwrap_or(&exchange.host).clone(),
            published: exchange.tlsa.clone(),
            requirement: requirement(route, exchange),
            names,
        }
    }

    /// Whether DNS has this record; `None` where it did not say.
    fn has(&self, record: &Tlsa) -> Option<bool> {
        let answer = self.published.as_ref()?;
        let says = matches!(answer.dnssec, Dnssec::Secure | Dnssec::Insecure)
            && answer.error.is_none_or(LookupError::is_denial);
        let same = |other: &Tlsa| {
            (other.usage, other.selector, other.matching)
                == (record.usage, record.selector, record.matching)
                && other.data.eq_ignore_ascii_case(&record.data)
        };
        says.then(|| answer.records.iter().any(same))
    }
}

/// A chain that an address presented.
struct Chain<'a> {
    ip: IpAddr,
    session: &'a ObservationReport,
    certificates: &'a [Certificate],
    der: Vec<Vec<u8>>,
}

fn asked(target: &TargetReport, port: u16) -> impl Iterator<Item = &ObservationReport> {
    let observations = target.observations.iter();
    observations.filter(move |seen| seen.probe.port == port && seen.probe.role == Role::Target)
}

/// Each leaf of each address once.
fn presented(target: &TargetReport, port: u16) -> Vec<Chain<'_>> {
    let mut known = std::collections::HashSet::new();
    let chains = asked(target, port).filter_map(chain);
    chains.filter(|chain| known.insert((chain.ip, chain.der.first().cloned()))).collect()
}

fn chain(session: &ObservationReport) -> Option<Chain<'_>> {
    let tls = session.tls.as_ref().filter(|tls| tls.key_proven != Some(false))?;
    let decoded = tls.chain.iter().map(|one| BASE64_STANDARD.decode(one.der.as_ref()?).ok());
    let der = decoded.collect::<Option<Vec<_>>>().filter(|der| !der.is_empty())?;
    Some(Chain { ip: session.probe.ip, session, certificates: &tls.chain, der })
}

fn silent(target: &TargetReport, port: u16, presented: &[Chain<'_>]) -> Vec<IpAddr> {
    let mut silent: Vec<IpAddr> = asked(target, port)
        .map(|seen| seen.probe.ip)
        .filter(|ip| presented.iter().all(|chain| chain.ip != *ip))
        .collect();
    let mut known = std::collections::HashSet::new();
    silent.retain(|ip| known.insert(*ip));
    silent
}

/// `None` of a chain without a certificate.
fn held_against(host: &Host, chain: &Chain<'_>) -> Option<TlsaPresented> {
    let at = chain.session.started_at;
    let leaf = chain.certificates.first()?;
    // Those of an unsigned zone bind nobody, and whoever is about to sign it wants
    // to know whether they fit.
    let records = host.published.as_ref().map(|answer| rate(&answer.records));
    Some(TlsaPresented {
        ip: chain.ip,
        sha256: leaf.sha256.clone(),
        spki_sha256: leaf.spki_sha256.clone(),
        subject: leaf.subject.clone(),
        not_after: leaf.not_after,
        dane: judge(&host.requirement, &chain.der, &host.names, at),
        records: against(&records.unwrap_or_default(), &chain.der, &host.names, at),
    })
}

/// 3 1 1 of every key, then 2 1 1 of every issuer that was presented.
fn proposals(host: &Host, presented: &[Chain<'_>], port: u16) -> Vec<TlsaProposal> {
    let own = presented.iter().map(|chain| (chain, DANE_EE, Some(0)));
    let issuers = presented.iter().map(|chain| (chain, DANE_TA, issuer(chain)));
    let mut proposals: Vec<TlsaProposal> = Vec::new();
    for (chain, usage, place) in own.chain(issuers) {
        let Some(proposal) = place.and_then(|place| propose(host, chain, usage, place, port))
        else {
            continue;
        };
        match proposals.iter_mut().find(|known| known.record == proposal.record) {
            Some(known) => merge(known, proposal),
            None => proposals.push(proposal),
        }
    }
    proposals
}

/// Place of the certificate whose subject is the leaf's issuer, if it was sent.
fn issuer(chain: &Chain<'_>) -> Option<usize> {
    let (leaf, others) = chain.certificates.split_first()?;
    let named = leaf.issuer.as_ref().filter(|_| leaf.self_signed == Some(false))?;
    others.iter().position(|other| other.subject.as_ref() == Some(named)).map(|place| place + 1)
}

fn propose(
    host: &Host,
    chain: &Chain<'_>,
    usage: u8,
    place: usize,
    port: u16,
) -> Option<TlsaProposal> {
    let data = association::of(chain.der.get(place)?, SPKI, SHA256)?;
    let record = Tlsa { usage, selector: SPKI, matching: SHA256, data };
    let session = Session::new(&chain.der, &host.names, chain.session.started_at);
    let accepted = session.accepts(&record, &mut Tried::default());
    let certificate = chain.certificates.get(place);
    Some(TlsaProposal {
        line: line(&host.base_domain, port, &record),
        subject: certificate.and_then(|one| one.subject.clone()),
        not_after: certificate.and_then(|one| one.not_after),
        addresses: vec![chain.ip],
        works: accepted.is_ok(),
        reasons: accepted.err().unwrap_or_default(),
        published: host.has(&record),
        record,
    })
}

fn merge(known: &mut TlsaProposal, other: TlsaProposal) {
    known.works &= other.works;
    for reason in other.reasons {
        if !known.reasons.contains(&reason) {
            known.reasons.push(reason);
        }
    }
    for ip in other.addresses {
        if !known.addresses.contains(&ip) {
            known.addresses.push(ip);
        }
    }
}

/// RFC 6698 §2.2.
fn line(base_domain: &str, port: u16, record: &Tlsa) -> String {
    let Tlsa { usage, selector, matching, data } = record;
    format!("_{port}._tcp.{base_domain}. IN TLSA {usage} {selector} {matching} {data}")
}
