//! Sentences about promises: what was promised, and how it stands.
//!
//! Owns their wording. Refuses to decide.

use std::collections::BTreeSet;

use super::contradiction::Contradiction;
use super::keeping::Denial;
use super::ledger::Account;
use super::proof::{NOT_LISTED, Promises};
use super::{Demand, Force, Vow};
use crate::judge::held::Loose;
use crate::policy::dane::{Failure, Requirement};

impl Vow {
    /// Who promises, for a sentence. Of promises of one mechanism, one host's keeping of
    /// it speaks of another's.
    pub(in crate::judge) fn label(self) -> &'static str {
        match self {
            Self::Dane | Self::Encrypt => "DANE",
            Self::MtaSts => "MTA-STS",
        }
    }
}

/// Several names in one sentence.
pub(in crate::judge) fn listed(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The sentence of a verdict that rests on a promise denied on one path only.
pub(in crate::judge) fn denied(name: &str, promises: &Promises) -> String {
    let found = promises.contradictions.iter().max_by_key(|found| found.confidence);
    let Some(found) = found else { return format!("a promise of {name} is denied on one path") };
    let sentence = contrast(found);
    match &found.witness {
        Some(control) => format!(
            "{sentence}; on the same path the promise of {control}, which others operate, is \
             denied too"
        ),
        None => sentence,
    }
}

/// What explains a promise denied at one time or to one name, and not of the path.
pub(in crate::judge) fn innocent(found: &Contradiction) -> Vec<String> {
    let innocent = |loose: &Loose| match (loose, found.denial) {
        (Loose::Time(_) | Loose::Turn(_), Denial::Missing) => {
            "STARTTLS was switched on or off meanwhile"
        }
        (Loose::Time(_) | Loose::Turn(_), Denial::Foreign) => {
            "the key or its record was renewed meanwhile"
        }
        (Loose::EhloName, _) => "the server treats EHLO names differently",
    };
    found.loose.iter().map(innocent).map(str::to_owned).collect()
}

/// One promise on two paths, and what else differs between them.
pub(in crate::judge) fn contrast(found: &Contradiction) -> String {
    let loose = found.loose.iter().map(|loose| loose.words());
    std::iter::once(difference(found)).chain(loose).collect::<Vec<_>>().join("; ")
}

fn difference(found: &Contradiction) -> String {
    let (here, there) = (place(found, true), place(found, false));
    let host = &found.host;
    match found.denial {
        Denial::Missing => {
            format!("{here} {host} does not do STARTTLS, which it promises, and {there} it does")
        }
        Denial::Foreign => format!(
            "{here} {host} shows a key that is not the promised one, and {there} it shows that one"
        ),
    }
}

/// The path, in the words that tell it from the other.
fn place(found: &Contradiction, denied: bool) -> String {
    let (path, other) =
        if denied { (&found.on, &found.elsewhere) } else { (&found.elsewhere, &found.on) };
    if path.family != other.family {
        return format!("over {}", path.family.label());
    }
    match path.source {
        _ if path.vantage != other.vantage => format!("from {}", path.vantage),
        Some(source) => format!("from {source}"),
        None => "on one path".to_owned(),
    }
}

/// The sentence of `policy-failed`.
pub(in crate::judge) fn failed(name: &str, because: Option<&str>, promises: &Promises) -> String {
    if because == Some(NOT_LISTED) {
        return format!(
            "the MTA-STS policy of {name} lists none of its MX hosts: senders that know it refuse \
             to deliver"
        );
    }
    let failed: Vec<&Account> = failing(promises).collect();
    let hosts: BTreeSet<&str> =
        failed.iter().map(|account| account.promise.host.as_str()).collect();
    let by: BTreeSet<&str> = failed.iter().map(|account| account.promise.vow.label()).collect();
    let words: BTreeSet<&str> = failed.iter().flat_map(|account| account.words()).collect();
    let (promise, it) = if by.len() == 1 { ("promises", "it") } else { ("promise", "them") };
    format!(
        "{} {promise} TLS for {}, and no path tried keeps {it} ({}): senders that know the promise \
         refuse to deliver",
        listed(&by.into_iter().collect::<Vec<_>>()),
        listed(&hosts.into_iter().collect::<Vec<_>>()),
        words.into_iter().collect::<Vec<_>>().join(", ")
    )
}

/// The promises that bind and that nobody keeps.
pub(in crate::judge) fn failing(promises: &Promises) -> impl Iterator<Item = &Account> {
    promises
        .ledger
        .accounts
        .iter()
        .filter(|account| account.promise.force == Force::Binding && account.is_failed())
}

/// The sentence of a promise that is kept at some addresses only.
pub(in crate::judge) fn in_part(name: &str) -> String {
    format!(
        "some servers of {name} keep what it promises and some do not: senders that know the \
         promise do not deliver to those"
    )
}

/// What keeps senders from delivering although TLS works here; `None` where nothing
/// does.
pub(in crate::judge) fn held_up(demands: &[Demand]) -> Option<String> {
    // RFC 7672 §2.1.1; to others a validating resolver says SERVFAIL (RFC 4035 §5.5).
    let delays =
        |demand: &Demand| matches!(demand.requirement, Requirement::Delay { why: Failure::Bogus });
    if demands.iter().any(delays) {
        let text = "senders behind a validating resolver do not deliver: the signatures of the MX \
                    answer do not hold";
        return Some(text.to_owned());
    }
    let barred: Vec<(&str, Failure)> = demands.iter().filter_map(barred).collect();
    let (_, why) = barred.first()?;
    let hosts = listed(&barred.iter().map(|(host, _)| *host).collect::<Vec<_>>());
    let what = match why {
        Failure::Bogus => {
            format!("the signatures of the address or TLSA answer for {hosts} do not hold")
        }
        Failure::Lookup(_) => {
            format!("the lookup of addresses or TLSA records for {hosts} {}", why.words())
        }
    };
    let consequence = if barred.len() == demands.len() { "do not deliver" } else { "pass over it" };
    Some(format!("{what}, and senders that do DANE {consequence}"))
}

/// A host that senders that do DANE must not use (RFC 7672 §2.1.2), and why.
fn barred(demand: &Demand) -> Option<(&str, Failure)> {
    match demand.requirement {
        Requirement::MustNotUse { why } => Some((&demand.host, why)),
        _ => None,
    }
}
