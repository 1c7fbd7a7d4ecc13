//! Controls that are known to have STARTTLS: their DNS promises it.
//!
//! Owns their servers and records. Refuses to know who asks them.

use std::fmt::Write as _;

use anyhow::Result;

use crate::dns::Records;
use crate::pki::{Authority, Identity, KeyKind};
use crate::topology::REFERENCES;

/// Their domains; the exchange of each is `mx.` below it.
pub(crate) const DOMAINS: [&str; 2] = ["reference-one.test", "reference-two.test"];

/// What their servers present.
pub(crate) struct References([Identity; 2]);

impl References {
    /// Makes keys and certificates.
    pub(crate) fn issue(authority: &Authority) -> Result<Self> {
        let issue = |domain| authority.issue(&[&format!("mx.{domain}")], KeyKind::P256);
        let [one, two] = DOMAINS.map(issue);
        Ok(Self([one?, two?]))
    }

    /// Adds the domains, and what they promise (RFC 7672 §3.1.1).
    pub(crate) fn publish(&self, records: &mut Records) {
        for ((domain, [ipv4, ipv6]), identity) in DOMAINS.iter().zip(REFERENCES).zip(&self.0) {
            let key = identity.der.sha256_of_public_key();
            let lines =
                format!("@ MX 10 mx\nmx A {ipv4}\nmx AAAA {ipv6}\n_25._tcp.mx TLSA 3 1 1 {key}");
            records.add(domain, &lines);
        }
    }

    /// One listener an address, as lines of Postfix's `master.cf`.
    pub(crate) fn listeners(&self) -> String {
        let mut lines = String::new();
        for ((domain, addresses), identity) in DOMAINS.iter().zip(REFERENCES).zip(&self.0) {
            let (key, leaf) = (identity.key.display(), identity.certificate.display());
            for address in addresses {
                // Writing to a string cannot fail.
                let _ = writeln!(
                    lines,
                    "[{address}]:25 inet n - n - - smtpd -o myhostname=mx.{domain} \
                     -o smtpd_tls_chain_files={key},{leaf}"
                );
            }
        }
        lines
    }
}
