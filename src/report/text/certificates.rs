//! Which addresses show the same certificate, and which another.
//!
//! Owns one line below the table. Refuses to say what is wrong with any of them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::model::report::TargetReport;
use crate::model::tls::Certificate;
use crate::report::page::{Line, Page};

/// Certificates that are told apart one by one.
const MOST_LISTED: usize = 6;
/// Hexadecimal digits of a digest that tell two of them apart for people.
const SHORT_DIGEST: usize = 16;

/// Writes the line, where certificates were seen at two addresses at least.
pub(super) fn write(page: &mut Page, target: &TargetReport) {
    let shown = shown(target);
    let addresses: BTreeSet<IpAddr> = shown.iter().flat_map(|one| one.addresses.clone()).collect();
    if addresses.len() < 2 {
        return;
    }
    let text = match shown.as_slice() {
        [_] => same(addresses.len()),
        _ if whole_hosts(target, &shown, &addresses) => {
            "Each host has a certificate of its own, the same at all its addresses.".to_owned()
        }
        many if many.len() > MOST_LISTED => {
            format!("{} different certificates at {} addresses.", many.len(), addresses.len())
        }
        few => listed(few),
    };
    page.paragraph(2, &Line::new().plain(&text));
}

fn same(addresses: usize) -> String {
    match addresses {
        2 => "The same certificate at both addresses.".to_owned(),
        all => format!("The same certificate at all {all} addresses."),
    }
}

/// A leaf, and where it was seen.
struct Shown<'a> {
    leaf: &'a Certificate,
    addresses: BTreeSet<IpAddr>,
}

/// Every leaf of the target's sessions, in the order in which they were seen.
fn shown(target: &TargetReport) -> Vec<Shown<'_>> {
    let mut found: Vec<Shown<'_>> = Vec::new();
    for session in target.observations.iter().filter(|one| one.probe.role.is_judged()) {
        let Some(leaf) = session.tls.as_ref().and_then(|tls| tls.chain.first()) else { continue };
        let ip = session.probe.ip;
        match found.iter_mut().find(|one| one.leaf.sha256 == leaf.sha256) {
            Some(known) => {
                known.addresses.insert(ip);
            }
            None => found.push(Shown { leaf, addresses: BTreeSet::from([ip]) }),
        }
    }
    found
}

/// Whether each certificate is shown by one host at every address that was measured,
/// and by no other.
fn whole_hosts(target: &TargetReport, shown: &[Shown<'_>], all: &BTreeSet<IpAddr>) -> bool {
    let hosts: Vec<BTreeSet<IpAddr>> = target
        .hosts
        .iter()
        .map(|host| host.addresses.iter().map(|one| one.ip).filter(|ip| all.contains(ip)).collect())
        .collect();
    hosts.iter().any(|addresses| addresses.len() > 1)
        && shown.iter().all(|one| hosts.contains(&one.addresses))
}

fn listed(shown: &[Shown<'_>]) -> String {
    let keys: BTreeSet<_> = shown.iter().map(|one| one.leaf.spki_sha256.as_ref()).collect();
    let parts: Vec<String> = shown
        .iter()
        .map(|one| {
            let digest: String = one.leaf.sha256.chars().take(SHORT_DIGEST).collect();
            let end = one.leaf.not_after.map(|end| format!(" until {}", end.strftime("%Y-%m-%d")));
            let at: Vec<String> = one.addresses.iter().map(ToString::to_string).collect();
            format!("{digest}{} at {}", end.unwrap_or_default(), at.join(" and "))
        })
        .collect();
    let one_key = keys.len() == 1 && !keys.contains(&None);
    let lead =
        if one_key { "Different certificates with one key" } else { "Different certificates" };
    format!("{lead}: {}.", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn text(change: impl Fn(&mut TargetReport)) -> String {
        let mut target = samples::stripped().targets.remove(0);
        change(&mut target);
        let mut page = Page::new(200, false);
        write(&mut page, &target);
        page.finish()
    }

    fn leaf(target: &mut TargetReport, place: usize) -> &mut Certificate {
        &mut target.observations[place].tls.as_mut().unwrap().chain[0]
    }

    #[test]
    fn one_certificate_is_said_to_be_one() {
        assert_eq!(text(|_| {}), "  The same certificate at both addresses.\n");
        assert_eq!(text(|target| drop(target.observations.pop())), "", "nothing to compare with");
        assert_eq!(text(|target| target.observations[1].tls = None), "");
    }

    #[test]
    fn different_ones_are_listed_with_their_addresses() {
        let other = text(|target| leaf(target, 1).sha256 = "12".repeat(32));
        assert_eq!(
            other,
            "  Different certificates with one key: abababababababab until 2027-02-01 at \
             203.0.113.62; 1212121212121212 until 2027-02-01 at 2001:db8:203::3e.\n"
        );
        let both = text(|target| {
            leaf(target, 1).sha256 = "12".repeat(32);
            leaf(target, 1).spki_sha256 = Some("34".repeat(32));
        });
        assert!(both.starts_with("  Different certificates: "), "{both}");
        // A key that cannot be read is not one and the same.
        let unknown = text(|target| {
            leaf(target, 0).spki_sha256 = None;
            leaf(target, 1).spki_sha256 = None;
            leaf(target, 1).sha256 = "12".repeat(32);
        });
        assert!(unknown.starts_with("  Different certificates: "), "{unknown}");
    }

    #[test]
    fn hosts_with_one_certificate_each_are_not_listed() {
        let each = text(|target| {
            let mut more = target.observations.clone();
            let mut host = target.hosts[0].clone();
            for (place, session) in more.iter_mut().enumerate() {
                let ip: IpAddr = format!("198.51.100.{place}").parse().unwrap();
                session.probe.ip = ip;
                host.addresses[place].ip = ip;
                session.tls.as_mut().unwrap().chain[0].sha256 = "12".repeat(32);
            }
            target.observations.extend(more);
            target.hosts.push(host);
        });
        let whole = "  Each host has a certificate of its own, the same at all its addresses.\n";
        assert_eq!(each, whole);
    }
}
