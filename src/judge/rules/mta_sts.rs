//! What is wrong with the domain's MTA-STS itself: record, policy host, policy.
//! All of it rests on DNS and HTTPS alone.
//!
//! Refuses to know whether a host keeps the policy: `promise` does.

use crate::judge::catalogue::{self as catalogue, Entry, on_host};
use crate::judge::policies::Promised;
use crate::judge::rules::certificate::MOST_CERTIFICATES;
use crate::model::evidence::Evidence;
use crate::model::finding::{Finding, Severity, Subject};
use crate::policy::mta_sts::{self, Fault, Mode, Outcome, Policy};
use crate::tls::certificate;

pub(super) fn findings(evidence: &Evidence, promised: &Promised) -> Vec<Finding> {
    match &promised.mta_sts {
        Outcome::NotAsked | Outcome::Absent => Vec::new(),
        Outcome::Faulty { fault, .. } => vec![of_fault(evidence, fault)],
        Outcome::Policy { policy, .. } => {
            let long = long_chain(evidence).into_iter();
            long.chain(of_policy(policy, promised)).collect()
        }
    }
}

fn of_fault(evidence: &Evidence, fault: &Fault) -> Finding {
    let name = evidence.target.name();
    let (subject, place) = match fault {
        Fault::Lookup(_) | Fault::Record(_) => {
            (Subject::default(), format!("{}.{name}", mta_sts::RECORD_LABEL))
        }
        _ => {
            let host = mta_sts::policy_host(&name);
            (on_host(&host), mta_sts::policy_url(&name))
        }
    };
    let mut said = format!("{place}: {fault}");
    if matches!(fault, Fault::Certificate(_))
        && let Some(names) = presented(evidence)
    {
        said.push_str(&names);
    }
    said.push_str(match fault {
        Fault::Lookup(_) => "; whether there is a policy is not known.",
        _ => "; a sender that remembers no earlier policy goes on as if there were none.",
    });
    entry(fault).raised(subject, Vec::new(), said)
}

fn entry(fault: &Fault) -> Entry {
    match fault {
        Fault::Lookup(_) => catalogue::POLICY_LOOKUP_FAILED,
        Fault::Record(_) => catalogue::STS_RECORD_INVALID,
        Fault::Fetch(_) => catalogue::STS_POLICY_FETCH_ERROR,
        Fault::Redirect { .. } => catalogue::STS_POLICY_REDIRECTED,
        Fault::HttpStatus(_) => catalogue::STS_POLICY_STATUS,
        Fault::TooLong { .. } => catalogue::STS_POLICY_TOO_LONG,
        Fault::MediaType(_) => catalogue::STS_POLICY_MEDIA_TYPE,
        Fault::Certificate(_) | Fault::KeyNotProven => catalogue::STS_WEBPKI_INVALID,
        Fault::Policy(_) => catalogue::STS_POLICY_INVALID,
    }
}

/// Most names of a certificate that are listed.
const NAMES: usize = 5;

/// The names in the policy host's certificate, in words.
fn presented(evidence: &Evidence) -> Option<String> {
    let leaf = mta_sts::presented(evidence.policies.mta_sts_fetch.as_ref()?)?;
    let names = certificate::facts(&leaf, false).names;
    let listed = names.get(..NAMES).unwrap_or(&names).join(", ");
    Some(match names.len() {
        0 => "; it names no host".to_owned(),
        count if count > NAMES => format!("; it names {listed} and {} more", count - NAMES),
        _ => format!("; it names {listed}"),
    })
}

/// What is odd about the policy host's chain although it is valid.
fn long_chain(evidence: &Evidence) -> Option<Finding> {
    let sent = evidence.policies.mta_sts_fetch.as_ref()?.chain.as_ref()?.len();
    if sent <= MOST_CERTIFICATES {
        return None;
    }
    let host = mta_sts::policy_host(&evidence.target.name());
    let said = format!("The policy host {host} sends a chain of {sent} certificates.");
    Some(catalogue::CERTIFICATE_CHAIN_TOO_LONG.raised(on_host(&host), Vec::new(), said))
}

fn of_policy(policy: &Policy, promised: &Promised) -> Vec<Finding> {
    let mut found = Vec::new();
    let mode = match policy.mode {
        Mode::Enforce => None,
        Mode::Testing => Some("testing: senders report failures and deliver all the same"),
        Mode::None => Some("none: senders act as if there were no policy"),
    };
    if let Some(mode) = mode {
        let explanation = format!("The MTA-STS policy has the mode {mode}.");
        found.push(catalogue::STS_NOT_ENFORCED.raised(Subject::default(), Vec::new(), explanation));
    }
    // RFC 8461 §5: where no host is left, no sender that knows the policy delivers.
    let nowhere = policy.mode == Mode::Enforce && promised.listed.iter().all(|host| !host.listed);
    let severity = if nowhere { Severity::Critical } else { Severity::Warning };
    let unlisted = promised.listed.iter().filter(|host| !host.listed);
    found.extend(unlisted.map(|host| {
        let consequence = match policy.mode {
            Mode::Enforce => "senders that keep to the policy do not deliver to it",
            _ => "senders that keep to the policy report it",
        };
        let explanation = format!(
            "No mx pattern of the MTA-STS policy matches the MX host {}: {consequence}.",
            host.host,
        );
        let subject = on_host(&host.host);
        let found = catalogue::STS_MX_NOT_LISTED.raised(subject, Vec::new(), explanation);
        Finding { severity, ..found }
    }));
    found
}
