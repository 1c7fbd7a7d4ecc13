//! An EHLO name that does not lead to the address that mail leaves by.
//!
//! Owns what such a name is, and where a better one is set. Refuses to look it up.

use std::net::IpAddr;

use crate::model::egress::{EgressFinding, EhloName, PostfixInstance, Source};
use crate::model::finding::Severity;
use crate::model::probe::Family;

/// What a name that does not lead to the public address is, and what to do.
pub(super) fn finding(
    source: &Source,
    ehlo: &EhloName,
    postfix: &[PostfixInstance],
) -> Option<EgressFinding> {
    const ID: &str = "ehlo-name-mismatch";
    if ehlo.resolves != Some(false) {
        return None;
    }
    let EhloName { name, addresses, .. } = ehlo;
    let public = source.public?;
    if let Some(what) = not_in_dns(name) {
        let text = format!("The EHLO name {name} is {what}: receivers count that against the mail");
        let remedy = proper_name(source, name, postfix);
        return Some(super::finding(source, ID, Severity::Warning, text, Some(&remedy)));
    }
    let leads = match addresses.as_slice() {
        [] => format!("has no {} address", source.family.label()),
        some => format!("leads to {}, not to {public}", list(some)),
    };
    let text = format!("The EHLO name {name} {leads}: receivers count that against the mail");
    let record = if source.family == Family::Ipv4 { "A" } else { "AAAA" };
    // It may be an alias, which has no address of its own (RFC 1034 §3.6.2).
    let remedy =
        format!("Have {name} lead to {public} ({record}), or greet with the address's own name");
    Some(super::finding(source, ID, Severity::Warning, text, Some(&remedy)))
}

/// What a name is that nobody can publish, where it is one (RFC 5321 §2.3.5, §4.1.4).
fn not_in_dns(name: &str) -> Option<&'static str> {
    /// Ends of names that mean something to this machine or network alone: RFC 6761 §6.3,
    /// RFC 6762 §3, RFC 8375, and what hosts without a domain are given.
    const LOCAL: [&str; 7] =
        ["localhost", "localdomain", "local", "internal", "lan", "invalid", "home.arpa"];
    if name.starts_with('[') {
        return Some("an address literal of another address");
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_below = |end: &str| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    if name == "localhost" || LOCAL.iter().any(|end| is_below(end)) {
        return Some("no name that other hosts can look up");
    }
    (!name.contains('.')).then_some("a bare word, and no fully qualified name")
}

/// What to do about such a name: where it is set, and what would do.
fn proper_name(source: &Source, name: &str, postfix: &[PostfixInstance]) -> String {
    let mut known = source.reverse.iter().flat_map(|answer| &answer.names);
    let is_better = |name: &str| not_in_dns(name).is_none();
    let confirmed = known.find(|it| it.confirmed == Some(true) && is_better(&it.name));
    let better = match (confirmed, source.public) {
        (Some(known), _) => format!("{}, which the reverse DNS has", known.name),
        (None, Some(public)) => format!("a name in DNS that leads to {public}"),
        (None, None) => "a name in DNS".to_owned(),
    };
    let own = format!("smtp_helo_name = {name}");
    let mut transports = postfix.iter().flat_map(|one| &one.transports);
    if postfix.iter().any(|one| one.helo_name.as_deref() == Some(name)) {
        return format!("Set Postfix's myhostname, or its smtp_helo_name, to {better}");
    }
    match transports.find(|one| one.settings.contains(&own)) {
        Some(transport) => format!("Set smtp_helo_name of {} to {better}", transport.service),
        None => format!(
            "Have the mail server greet with {better}; if it does so already, --ehlo NAME tells \
             mxray"
        ),
    }
}

fn list(ips: &[IpAddr]) -> String {
    ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
