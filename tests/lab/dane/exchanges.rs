//! The servers that the cases need, their certificates, and the records made of those.
//!
//! Owns who presents what. Refuses to know what anybody makes of it.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::digest::{SHA256, SHA512, digest};

use super::cases::{BOGUS_TLSA, CASES, UNSERVED_TLSA};
use crate::dns::Records;
use crate::mta;
use crate::pki::{Authority, Der, Identity, KeyKind, hex};

/// Where each server listens.
const SERVERS: [(&str, &str); 6] = [
    // A leaf for every host of the cases, and its issuer.
    ("good", "203.0.113.101"),
    // The same leaf without its issuer.
    ("bare", "203.0.113.102"),
    // Past its end.
    ("expired", "203.0.113.103"),
    // For no host of the cases.
    ("misnamed", "203.0.113.104"),
    // For the mail domain, and not for its host.
    ("nexthop", "203.0.113.105"),
    // No STARTTLS.
    ("plain", mta::PLAIN.ipv4),
];

/// What the servers present.
pub(crate) struct Exchanges {
    root: Der,
    root_file: String,
    good: Identity,
    expired: Identity,
    misnamed: Identity,
    nexthop: Identity,
    foreign: Identity,
}

impl Exchanges {
    /// Makes keys and certificates.
    pub(crate) fn issue(authority: &Authority) -> Result<Self> {
        let hosts: Vec<String> = CASES.iter().map(|case| format!("mx.{}", case.domain)).collect();
        let names = |first| {
            let hosts = hosts.iter().filter(|host| !host.contains('[')).map(String::as_str);
            std::iter::once(first).chain(hosts).collect::<Vec<_>>()
        };
        let kind = KeyKind::P256;
        Ok(Self {
            root: authority.der.clone(),
            root_file: authority.file.display().to_string(),
            good: authority.issue(&names("good.test"), kind)?,
            expired: authority.issue_expired(&names("expired.test"), kind)?,
            misnamed: authority.issue(&["misnamed.test"], kind)?,
            nexthop: authority.issue(&["ta-nexthop.test"], kind)?,
            foreign: authority.issue(&names("foreign.test"), kind)?,
        })
    }

    /// The cases' records.
    pub(crate) fn publish(&self, records: &mut Records) -> Result<()> {
        for case in CASES.iter().filter(|case| !case.lines.is_empty()) {
            records.add(case.domain, &self.zone_lines(case.lines)?);
        }
        let (zone, lines) = BOGUS_TLSA;
        records.add_bogus_zone(zone, &self.zone_lines(lines)?);
        records.add_unserved_zone(UNSERVED_TLSA);
        Ok(())
    }

    /// One listener a server, as lines of Postfix's `master.cf`.
    pub(crate) fn listeners(&self) -> String {
        let with_issuer = Some(self.root_file.as_str());
        let presented = [
            ("good", &self.good, with_issuer),
            ("bare", &self.good, None),
            ("expired", &self.expired, with_issuer),
            ("misnamed", &self.misnamed, with_issuer),
            ("nexthop", &self.nexthop, with_issuer),
        ];
        let listener = |(name, identity, issuer): (&str, &Identity, Option<&str>)| {
            let address = address(name).unwrap_or_default();
            let key = identity.key.display();
            let leaf = identity.certificate.display();
            let issuer = issuer.map(|file| format!(",{file}")).unwrap_or_default();
            format!(
                "[{address}]:25 inet n - n - - smtpd -o myhostname={name}.test \
                 -o smtpd_tls_chain_files={key},{leaf}{issuer}\n"
            )
        };
        presented.into_iter().map(listener).collect()
    }

    /// Writes the abbreviations of [`super::cases::Case`] out.
    fn zone_lines(&self, lines: &str) -> Result<String> {
        let mut text = String::new();
        for line in lines.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [owner, "A", server] => {
                    let address = address(server).with_context(|| line.to_owned())?;
                    writeln!(text, "{owner} A {address}")?;
                }
                [owner, "TLSA", usage, selector, matching, of] => {
                    let data = self.association(selector, matching, of)?;
                    writeln!(text, "{owner} TLSA {usage} {selector} {matching} {data}")?;
                }
                _ => writeln!(text, "{line}")?,
            }
        }
        Ok(text)
    }

    /// Certificate association data (RFC 6698 §2.1.4); what is no name of a
    /// certificate is the data itself.
    fn association(&self, selector: &str, matching: &str, of: &str) -> Result<String> {
        let der = match of {
            "root" => &self.root,
            "good" => &self.good.der,
            "expired" => &self.expired.der,
            "misnamed" => &self.misnamed.der,
            "nexthop" => &self.nexthop.der,
            "foreign" => &self.foreign.der,
            data => return Ok(data.to_owned()),
        };
        let selected = match selector {
            "0" => &der.certificate,
            "1" => &der.public_key,
            _ => bail!("{selector} selects nothing"),
        };
        Ok(match matching {
            "0" => hex(selected),
            "1" => hex(digest(&SHA256, selected).as_ref()),
            "2" => hex(digest(&SHA512, selected).as_ref()),
            _ => bail!("there is no matching type {matching}"),
        })
    }
}

fn address(server: &str) -> Option<&'static str> {
    SERVERS.iter().find(|(name, _)| *name == server).map(|(_, address)| *address)
}
