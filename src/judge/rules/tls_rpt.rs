//! What is wrong with the domain's TLSRPT record. It rests on DNS alone.

use crate::judge::catalogue;
use crate::judge::policies::Promised;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Subject};
use crate::policy::tls_rpt::{Fault, Outcome, RECORD_LABEL};

pub(super) fn findings(evidence: &Evidence, promised: &Promised) -> Vec<Finding> {
    let (faults, consequence) = match &promised.tls_rpt {
        Outcome::NotAsked | Outcome::Absent => return Vec::new(),
        Outcome::Record { faults, .. } => (&faults[..], "no reports go there"),
        Outcome::Faulty(fault @ Fault::Lookup(_)) => {
            (std::slice::from_ref(fault), "whether reports are wanted is not known")
        }
        Outcome::Faulty(fault) => (std::slice::from_ref(fault), "senders send no reports"),
    };
    let place = format!("{RECORD_LABEL}.{}", evidence.target.name());
    let finding = |fault: &Fault| {
        let entry = match fault {
            Fault::Lookup(_) => catalogue::POLICY_LOOKUP_FAILED,
            _ => catalogue::TLS_RPT_RECORD_INVALID,
        };
        entry.raised(Subject::default(), Vec::new(), format!("{place}: {fault}; {consequence}."))
    };
    faults.iter().take(FAULTS).map(finding).collect()
}

/// Most findings of one record.
const FAULTS: usize = 5;
