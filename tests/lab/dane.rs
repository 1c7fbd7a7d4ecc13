//! Every case of DANE (RFC 7672), judged by `posttls-finger -l dane` and by mxray.
//!
//! Owns the cases: their certificates, their records, and what is expected of
//! both. Refuses to know how records are served or servers run.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::digest::{SHA256, SHA512, digest};

use crate::dns::Records;
use crate::mta;
use crate::oracle;
use crate::pki::{Authority, Der, Identity, KeyKind};
use crate::topology::CLIENT;
use crate::world::{Play, World};

/// Who listens where: what a server presents is in its name.
const SERVERS: [(&str, &str); 6] = [
    ("good", "203.0.113.101"),
    // The same leaf without its issuer.
    ("bare", "203.0.113.102"),
    ("expired", "203.0.113.103"),
    ("misnamed", "203.0.113.104"),
    // For the mail domain, and not for its host.
    ("nexthop", "203.0.113.105"),
    ("plain", mta::PLAIN.ipv4),
];

/// One case: a domain below `test.` and its records.
///
/// The records are in zone-file form with two abbreviations: `A good` is the
/// address of that server, and `TLSA 3 1 1 good` has the digest of that server's
/// leaf, of the `root`, or of a `foreign` leaf that nobody presents.
struct Case {
    domain: &'static str,
    lines: &'static str,
    word: &'static str,
}

const fn case(domain: &'static str, lines: &'static str, word: &'static str) -> Case {
    Case { domain, lines, word }
}

include!("dane_cases.rs");

/// The certificates that the servers present.
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
        let hosts: Vec<&str> =
            hosts.iter().map(String::as_str).chain(CASES.iter().map(|c| c.domain).filter(|d| d.starts_with("implicit"))).collect();
        let with_name = |name| [&[name], hosts.as_slice()].concat();
        Ok(Self {
            root: authority.der.clone(),
            root_file: authority.file.display().to_string(),
            good: authority.issue(&with_name("good.test"), KeyKind::P256)?,
            expired: authority.issue_expired(&with_name("expired.test"), KeyKind::P256)?,
            misnamed: authority.issue(&["misnamed.test"], KeyKind::P256)?,
            nexthop: authority.issue(&["ta-nexthop.test"], KeyKind::P256)?,
            foreign: authority.issue(&with_name("foreign.test"), KeyKind::P256)?,
        })
    }

    /// The cases' records.
    pub(crate) fn records(&self) -> Result<Records> {
        let mut records = Records::default();
        for case in &CASES {
            records.add(case.domain, &self.zone_lines(case.lines)?);
        }
        records.add_bogus_zone(
            "_tcp.mx.tlsa-bogus.test",
            &self.zone_lines("_25 TLSA 3 1 1 good")?,
        );
        records.add_lame_zone("_tcp.mx.tlsa-servfail.test");
        Ok(records)
    }

    /// One listener a server, as lines of Postfix's `master.cf`.
    pub(crate) fn listeners(&self) -> String {
        let presented = [
            ("good", &self.good, self.root_file.as_str()),
            ("bare", &self.good, ""),
            ("expired", &self.expired, &self.root_file),
            ("misnamed", &self.misnamed, &self.root_file),
            ("nexthop", &self.nexthop, &self.root_file),
        ];
        let mut lines = String::new();
        for (name, identity, issuer) in presented {
            let address = address(name).unwrap_or_default();
            let chain = [&identity.key, &identity.certificate].map(|file| file.display().to_string());
            let chain = [chain[0].as_str(), &chain[1], issuer].join(",");
            let _ = writeln!(
                lines,
                "[{address}]:25 inet n - n - - smtpd -o myhostname={name}.test \
                 -o smtpd_tls_chain_files={}",
                chain.trim_end_matches(',')
            );
        }
        lines
    }

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
            _ => bail!("no matching type {matching}"),
        })
    }
}

fn address(server: &str) -> Option<&'static str> {
    SERVERS.iter().find(|(name, _)| *name == server).map(|(_, address)| *address)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One trial a case.
pub(crate) fn plays() -> Vec<Play> {
    CASES
        .iter()
        .map(|case| -> Play {
            (format!("dane: {}", case.domain), Box::new(move |world| case.play(world)))
        })
        .collect()
}

impl Case {
    fn play(&self, _world: &World) -> Result<()> {
        let outcome = oracle::domain(CLIENT, "dane", self.domain)?;
        let outcome2 = oracle::domain(CLIENT, "dane-only", self.domain)?;
        use std::io::Write as _;
        writeln!(std::fs::File::options().create(true).append(true).open("/tmp/finger.txt")?, "##### {} {}\n{outcome}\nONLY {outcome2}", self.domain, self.word)?;
        Ok(())
    }
}
