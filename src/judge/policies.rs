//! What the domain promises, read once for report and rules.
//!
//! Owns the `policies` object of the report. Refuses to say whether a promise is
//! kept.

use std::collections::HashSet;

use crate::model::evidence::Evidence;
use crate::model::policy::PolicyEvidence;
use crate::model::report::{ListedHost, MtaStsReport, Policies, PolicyStatus, TlsRptReport};
use crate::policy::mta_sts::{self, Mode, Policy, Record};
use crate::policy::tls_rpt;
use crate::tls::Roots;

/// The domain's own words, as a sender that conforms would read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Promised {
    /// MTA-STS.
    pub(super) mta_sts: mta_sts::Outcome,
    /// SMTP TLS Reporting.
    pub(super) tls_rpt: tls_rpt::Outcome,
    /// Each MX host, and whether the MTA-STS policy lists it; empty where there is
    /// no usable policy, or one of mode none.
    pub(super) listed: Vec<ListedHost>,
}

impl Promised {
    pub(super) fn read(evidence: &Evidence, roots: &Roots) -> Self {
        let mta_sts = mta_sts::outcome(&evidence.policies, roots);
        let listed = mta_sts.policy().map(|policy| listed(evidence, policy)).unwrap_or_default();
        let tls_rpt = tls_rpt::outcome(evidence.policies.tls_rpt_record.as_ref());
        Self { mta_sts, tls_rpt, listed }
    }

    /// The `policies` object of the report.
    pub(super) fn report(&self, asked: &PolicyEvidence) -> Policies {
        Policies { mta_sts: self.mta_sts(asked), tls_rpt: self.tls_rpt(asked), baseline: None }
    }

    fn mta_sts(&self, asked: &PolicyEvidence) -> MtaStsReport {
        use mta_sts::Outcome;
        let (status, record, policy, error) = match &self.mta_sts {
            Outcome::NotAsked => (PolicyStatus::NotAsked, None, None, None),
            Outcome::Absent => (PolicyStatus::Absent, None, None, None),
            Outcome::Policy { record, policy } => {
                (PolicyStatus::Present, Some(record), Some(policy), None)
            }
            Outcome::Faulty { record, fault } => {
                (PolicyStatus::Error, record.as_ref(), None, Some(fault.to_string()))
            }
        };
        let id = |record: &Record| record.id.clone();
        MtaStsReport {
            status,
            id: record.map(id),
            mode: policy.map(|policy| policy.mode.word().to_owned()),
            mx: policy.map(|policy| policy.mx.clone()).unwrap_or_default(),
            max_age: policy.map(|policy| policy.max_age),
            hosts: self.listed.clone(),
            error,
            record: asked.mta_sts_record.clone(),
            fetch: asked.mta_sts_fetch.clone(),
        }
    }

    fn tls_rpt(&self, asked: &PolicyEvidence) -> TlsRptReport {
        use tls_rpt::Outcome;
        let (status, rua, error) = match &self.tls_rpt {
            Outcome::NotAsked => (PolicyStatus::NotAsked, Vec::new(), None),
            Outcome::Absent => (PolicyStatus::Absent, Vec::new(), None),
            Outcome::Record { rua, faults } => {
                let error = faults.first().map(ToString::to_string);
                (PolicyStatus::Present, rua.clone(), error)
            }
            Outcome::Faulty(fault) => (PolicyStatus::Error, Vec::new(), Some(fault.to_string())),
        };
        TlsRptReport { status, rua, error, record: asked.tls_rpt_record.clone() }
    }
}

/// The hosts of all routes, each once.
fn listed(evidence: &Evidence, policy: &Policy) -> Vec<ListedHost> {
    let mut hosts: Vec<ListedHost> = Vec::new();
    let mut known = HashSet::new();
    if policy.mode == Mode::None {
        return hosts;
    }
    for exchange in evidence.routes.iter().flat_map(|route| &route.exchanges) {
        if known.insert(&exchange.host) {
            // RFC 8461 §4.1: the name in the MX record, not where an alias leads.
            let listed = policy.lists(&exchange.host);
            hosts.push(ListedHost { host: exchange.host.clone(), listed });
        }
    }
    hosts
}
