//! An observation read back, with its certificates judged at the recorded time.
//!
//! Owns that live and saved evidence are read alike. Refuses to compare.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Context;
use super::promise::{Demand, Told};
use crate::model::evidence::Evidence;
use crate::model::observation::Observation;
use crate::model::session::{Session, Stage, StarttlsOutcome};
use crate::model::tls::{PkixReason, PkixStatus, TlsFacts};
use crate::policy::dane;
use crate::{smtp, tls};

/// One observation, read.
#[derive(Clone, Debug)]
pub(super) struct Reading<'a> {
    pub(super) observation: &'a Observation,
    pub(super) session: Session,
    pub(super) tls: Option<TlsFacts>,
    /// Whether DANE asked something of the host, as the vantage point was told then.
    pub(super) bound: bool,
}

impl Reading<'_> {
    pub(super) fn id(&self) -> String {
        self.observation.id.clone()
    }

    /// The address's own words were heard: a complete greeting with code 220.
    pub(super) fn greeted(&self) -> bool {
        self.session.greeting.as_ref().is_some_and(|greeting| greeting.code == 220)
    }

    /// TLS was completed, and the peer did not take it back.
    pub(super) fn completed(&self) -> bool {
        self.session.stages.contains(&Stage::Handshake)
    }

    /// STARTTLS was accepted with a 220 that nobody had announced.
    pub(super) fn accepted_unoffered(&self) -> bool {
        self.session.starttls.outcome == StarttlsOutcome::AcceptedUnoffered
    }

    /// STARTTLS was sent, and no reply came to it.
    pub(super) fn unanswered(&self) -> bool {
        matches!(self.session.starttls.outcome, StarttlsOutcome::NoReply | StarttlsOutcome::Closed)
    }

    /// STARTTLS was answered as busy servers and greylisting answer anything:
    /// that says nothing of STARTTLS (docs/detection.md §3).
    pub(super) fn turned_away(&self) -> bool {
        let reply = self.session.starttls.reply.as_ref();
        reply.is_some_and(|reply| matches!(reply.code, 421 | 450 | 451))
    }

    /// Why the handshake failed, where one was tried and failed.
    pub(super) fn handshake_failure(&self) -> Option<&str> {
        self.tls.as_ref().and_then(|tls| tls.failure.as_deref())
    }

    /// SHA-256 of the leaf's public key, if its possession was proved.
    pub(super) fn proven_key(&self) -> Option<&str> {
        let tls = self.tls.as_ref().filter(|tls| tls.key_proven == Some(true))?;
        tls.chain.first()?.spki_sha256.as_deref()
    }

    /// Whether the chain is valid for the host; `None` where none was seen.
    pub(super) fn trusted(&self) -> Option<bool> {
        let pkix = self.tls.as_ref()?.pkix.as_ref()?;
        Some(pkix.status == PkixStatus::Valid)
    }

    /// Whether the chain leads to nobody that is trusted; `None` where none was seen.
    pub(super) fn untrusted_issuer(&self) -> Option<bool> {
        let pkix = self.tls.as_ref()?.pkix.as_ref()?;
        let untrusted = [PkixReason::UnknownIssuer, PkixReason::SelfSigned];
        Some(pkix.reasons.iter().any(|reason| untrusted.contains(reason)))
    }

    /// The name that the greeting gives and the keywords of EHLO: what a canned
    /// proxy repeats for every destination. `None` where there is no name.
    pub(super) fn face(&self) -> Option<(String, Vec<String>)> {
        let greeting = self.session.greeting.as_ref()?.lines.first()?;
        let host = greeting.split_whitespace().next().filter(|host| host.contains('.'))?;
        let ehlo = self.session.ehlo.as_ref()?;
        let keywords = ehlo.keywords.iter().map(|keyword| keyword.name.clone()).collect();
        Some((host.to_ascii_lowercase(), keywords))
    }

    /// Our own address: as bound, or as the operating system chose it.
    pub(super) fn source(&self) -> Option<IpAddr> {
        self.session.local.map(|local| local.ip()).or(self.observation.probe.source)
    }
}

/// Reads every observation that a claim may rest on. What closer looks did, no
/// sender does.
pub(super) fn read_all<'a>(evidence: &'a Evidence, context: Context<'_>) -> Vec<Reading<'a>> {
    read_where(evidence, context, true)
}

/// Reads the sessions of closer looks.
pub(super) fn read_apart<'a>(evidence: &'a Evidence, context: Context<'_>) -> Vec<Reading<'a>> {
    read_where(evidence, context, false)
}

fn read_where<'a>(evidence: &'a Evidence, context: Context<'_>, judged: bool) -> Vec<Reading<'a>> {
    let told = Told::new(evidence);
    let mut known: HashMap<(&str, &str), Option<Demand>> = HashMap::new();
    // TLSA was looked up for the port of the question (RFC 7672 §2.2.3).
    let port = evidence.observations.first().map(|first| first.probe.port);
    let read = |observation: &'a Observation| {
        let probe = &observation.probe;
        let place = (probe.vantage.as_str(), probe.host.as_str());
        let demand = known.entry(place).or_insert_with(|| told.demand_at(place.0, place.1));
        let demand = demand.as_ref();
        read(observation, demand.filter(|_| port == Some(probe.port)), context)
    };
    let wanted = evidence.observations.iter().filter(|one| one.probe.role.is_judged() == judged);
    wanted.map(read).collect()
}

fn read<'a>(
    observation: &'a Observation,
    demand: Option<&Demand>,
    context: Context<'_>,
) -> Reading<'a> {
    let probe = &observation.probe;
    let session = smtp::read(&observation.transcript, probe.mode);
    // The reference name is the MX host, whatever name was indicated (RFC 7672
    // §3.2.2, RFC 8461 §4.1). A bare address has no name to check.
    let named = Some(probe.host.as_str()).filter(|host| host.parse::<IpAddr>().is_err());
    let reference = context.verify_name.or(named);
    let tls = observation.transcript.handshake().map(|handshake| {
        let at = observation.started_at;
        let facts = tls::facts(handshake, reference, at, context.roots, true);
        let dane = demand.and_then(|demand| {
            dane::judge(&demand.requirement, &handshake.chain, &demand.names, at)
        });
        TlsFacts { dane, ..facts }
    });
    let bound = demand.is_some_and(|demand| !demand.requirement.records().is_empty());
    Reading { observation, session, tls, bound }
}
