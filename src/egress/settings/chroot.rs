//! Clients in a chroot, which have a resolv.conf(5) of their own.
//!
//! Owns what follows where it is not the system's. Refuses to ask a resolver.

use std::net::IpAddr;

use super::finding;
use crate::egress::postconf::{Chroot, Configuration};
use crate::model::egress::EgressFinding;
use crate::model::finding::Severity;

/// The resolvers that a client in the chroot asks are not those of this machine.
pub(super) fn chroot(configuration: &Configuration) -> Option<EgressFinding> {
    let Chroot { file, exists, servers, outside, answers } = configuration.chroot.as_ref()?;
    let services: Vec<String> = configuration.chrooted().iter().map(|one| one.id()).collect();
    if services.is_empty() || servers == outside {
        return None;
    }
    let (id, state) = if *exists {
        ("chroot-resolver-differs", "is not /etc/resolv.conf")
    } else {
        ("chroot-resolver-absent", "is not there")
    };
    let (severity, effect) = if *answers {
        (Severity::Warning, "")
    } else {
        (
            Severity::Critical,
            "; nobody answers there, and all mail is deferred (Name service error)",
        )
    };
    let text = format!(
        "{} in master.cf runs in a chroot, and {file} {state}: Postfix asks {}, not {}{effect}",
        services.join(" and "),
        list(servers),
        list(outside)
    );
    let mut found = finding(configuration, id, severity, text);
    found.lines.push(format!("install -D -m 644 /etc/resolv.conf {file}"));
    Some(found)
}

fn list(ips: &[IpAddr]) -> String {
    ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
