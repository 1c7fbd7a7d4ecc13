//! TLSA records themselves: unusable, bogus, without force, about to fail.
//!
//! Refuses to know whether a session kept what they promise: `promise` does.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::judge::Scene;
use crate::judge::catalogue::{self as catalogue, on_host};
use crate::judge::promise::Demand;
use crate::judge::reading::Reading;
use crate::model::finding::Finding;
use crate::model::route::{LookupError, Tlsa};
use crate::model::tlsa::RecordView;
use crate::policy::dane::{self, Failure, Rated, Requirement, Standing};

/// How long before its end an anchor is worth a warning: authorities change over
/// months, and records have to be there before.
const ANCHOR_NOTICE: SignedDuration = SignedDuration::from_hours(24 * 90);

pub(super) fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let matched = scene.readings.iter().filter(|reading| dane_matched(reading));
    let last: HashMap<&str, &Reading<'_>> =
        matched.map(|reading| (reading.observation.probe.host.as_str(), reading)).collect();
    let demands = scene.promises.ledger.demands.iter();
    demands.flat_map(|demand| of_demand(demand, last.get(demand.host.as_str()).copied())).collect()
}

/// `matched` is the last session in which a chain matched.
fn of_demand(demand: &Demand, matched: Option<&Reading<'_>>) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(lookup(demand));
    found.extend(unusable(demand));
    found.extend(without_mx(demand));
    found.extend(matched.into_iter().flat_map(|reading| over_time(demand, reading)));
    found
}

/// RFC 7672 §2.1.2: not "no DANE". The MX answer's own failure is a finding of the
/// route.
fn lookup(demand: &Demand) -> Option<Finding> {
    let Requirement::MustNotUse { why } = demand.requirement else { return None };
    let host = &demand.host;
    let (entry, what) = match why {
        Failure::Bogus => (catalogue::DNSSEC_INVALID, "is bogus: its signatures do not hold"),
        Failure::Lookup(error) => (catalogue::TLSA_LOOKUP_FAILED, failed(error)),
    };
    let explanation = format!(
        "The address or TLSA answer for {host} {what}. Senders that do DANE must not deliver to \
         this host until it is answered."
    );
    Some(entry.raised(on_host(host), Vec::new(), explanation))
}

fn failed(error: LookupError) -> &'static str {
    match error {
        LookupError::Servfail => "failed (SERVFAIL)",
        LookupError::Refused => "was refused",
        LookupError::Timeout => "did not come in time",
        _ => "could not be had",
    }
}

/// One record in zone-file order, its data cut short.
fn short(record: &Tlsa) -> String {
    let Tlsa { usage, selector, matching, data } = record;
    let begin: String = data.chars().take(8).collect();
    let more = if data.chars().nth(8).is_some() { "…" } else { "" };
    format!("{usage} {selector} {matching} {begin}{more}")
}

fn unusable(demand: &Demand) -> Option<Finding> {
    let fault = |rated: &Rated| match rated.standing {
        Standing::Unusable(fault) => Some(format!("{} ({})", short(&rated.record), fault.words())),
        Standing::Counts | Standing::Superseded => None,
    };
    let faults: Vec<String> = demand.requirement.records().iter().filter_map(fault).collect();
    if faults.is_empty() {
        return None;
    }
    let all = matches!(demand.requirement, Requirement::Encrypt { .. });
    let then = if all {
        "None is usable, so senders insist on TLS and cannot tell with whom"
    } else {
        "Senders pass over them and use the others"
    };
    let entry = if all { catalogue::TLSA_INVALID } else { catalogue::TLSA_RECORD_UNUSABLE };
    Some(entry.raised(
        on_host(&demand.host),
        Vec::new(),
        format!("TLSA records of {} are not usable: {}. {then}.", demand.host, faults.join("; ")),
    ))
}

/// RFC 7672 §2.2.1.
fn without_mx(demand: &Demand) -> Option<Finding> {
    (demand.requirement.mx_secure() == Some(false)).then(|| {
        catalogue::TLSA_WITHOUT_SECURE_MX.raised(
            on_host(&demand.host),
            Vec::new(),
            format!(
                "{} has TLSA records in a signed zone; the answer that leads to it is not signed, \
                 so whoever can change that answer leads mail past them.",
                demand.host
            ),
        )
    })
}

/// What the records do for the chain last seen, now and later.
fn over_time(demand: &Demand, reading: &Reading<'_>) -> Vec<Finding> {
    let Some(handshake) = reading.observation.transcript.handshake() else { return Vec::new() };
    let at = reading.observation.started_at;
    let views = dane::rollover(&demand.requirement, &handshake.chain, &demand.names, at);
    let mut found = Vec::new();
    found.extend(unmatched(demand, &views, reading.id()));
    found.extend(anchor_ends(demand, &views, (at, reading.id())));
    found
}

fn dane_matched(reading: &Reading<'_>) -> bool {
    use crate::model::tls::DaneStatus;
    let dane = reading.tls.as_ref().and_then(|tls| tls.dane.as_ref());
    dane.is_some_and(|dane| dane.status == DaneStatus::Matched)
}

fn unmatched(demand: &Demand, views: &[RecordView], id: String) -> Option<Finding> {
    let unmatched: Vec<String> =
        dane::unmatched_beside_match(views).iter().map(|view| short(&view.record)).collect();
    if unmatched.is_empty() {
        return None;
    }
    let explanation = format!(
        "Of the TLSA records of {} these match nothing that it presents: {}. Another one matches.",
        demand.host,
        unmatched.join("; ")
    );
    Some(catalogue::TLSA_RECORD_UNMATCHED.raised(on_host(&demand.host), vec![id], explanation))
}

/// The one thing that DANE-TA(2) rests on ends soon, whatever else is renewed.
fn anchor_ends(
    demand: &Demand,
    views: &[RecordView],
    (at, id): (Timestamp, String),
) -> Option<Finding> {
    let mut accepted = views.iter().filter(|view| view.accepted == Some(true));
    // One that goes on is enough.
    let ends: Option<Vec<Timestamp>> = accepted.by_ref().map(|view| view.until).collect();
    let last = ends?.into_iter().max()?;
    if last.duration_since(at) > ANCHOR_NOTICE {
        return None;
    }
    Some(catalogue::DANE_TA_EXPIRES.raised(
        on_host(&demand.host),
        vec![id],
        format!(
            "The authority that the TLSA records of {} name ends on {}; from then on senders that \
             do DANE do not deliver to it.",
            demand.host,
            last.strftime("%Y-%m-%d")
        ),
    ))
}
