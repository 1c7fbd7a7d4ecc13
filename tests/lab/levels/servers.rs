//! Servers beyond those of DANE: certificates on which OpenSSL and RFC 9525 differ,
//! and one without TLS 1.3.
//!
//! Owns who presents what, and the records. Refuses to know what anybody makes of it.

use std::fmt::Write as _;

use anyhow::Result;

use crate::dns::Records;
use crate::pki::{Authority, Identity, KeyKind};

/// A server: its name, its address, and the MX host of the domain `NAME.test`.
const SERVERS: [(&str, &str, &str); 5] = [
    ("self-signed", "203.0.113.111", "mx.self-signed.test"),
    ("common-name", "203.0.113.112", "mx.common-name.test"),
    ("top-wildcard", "203.0.113.113", "top-wildcard-mx.test"),
    ("deep", "203.0.113.114", "mx.deep.test"),
    ("old", "203.0.113.115", "mx.old.test"),
];

/// Adds the domains.
pub(crate) fn publish(records: &mut Records) {
    for (name, address, host) in SERVERS {
        records.add(&format!("{name}.test"), &format!("@ MX 10 {host}.\n{host}. A {address}"));
    }
    // No certificate of its exchange is for it.
    records.add("elsewhere.test", "@ MX 10 mx.old.test.");
}

/// One listener a server, as lines of Postfix's `master.cf`.
pub(crate) fn listeners(authority: &Authority) -> Result<String> {
    let mut lines = String::new();
    for (name, address, host) in SERVERS {
        let identity = identity(authority, name, host)?;
        let (key, leaf) = (identity.key.display(), identity.certificate.display());
        let version = if name == "old" { " -o smtpd_tls_protocols=TLSv1.2" } else { "" };
        writeln!(
            lines,
            "[{address}]:25 inet n - n - - smtpd -o myhostname={host} \
             -o smtpd_tls_chain_files={key},{leaf}{version}"
        )?;
    }
    Ok(lines)
}

fn identity(authority: &Authority, name: &str, host: &str) -> Result<Identity> {
    match name {
        "self-signed" => Authority::issue_self_signed(&[host]),
        "common-name" => authority.issue_common_name(host),
        "top-wildcard" => authority.issue(&["*.test"], KeyKind::P256),
        "deep" => authority.issue(&["a.b.deep.test"], KeyKind::P256),
        _ => authority.issue(&[host], KeyKind::P256),
    }
}
