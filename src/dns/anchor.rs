//! DNSSEC trust anchors: the root's own, or what the user's file says.
//!
//! Owns the reading of DNSKEY and DS records in zone-file form (RFC 1035 §5.1,
//! RFC 4034 §2.2 and §5.3). Refuses to know where the keys of a zone come from:
//! a DS record waits here until the keys have been fetched.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hickory_resolver::proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_resolver::proto::dnssec::{Algorithm, DigestType, PublicKeyBuf, TrustAnchors};
use hickory_resolver::proto::rr::{Name, RData, Record};

use super::ResolverError;

/// Largest trust anchor file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Flags of a DNSKEY (RFC 4034 §2.1.1, RFC 5011 §7).
const ZONE_KEY: u16 = 0x0100;
const REVOKED: u16 = 0x0080;

/// The keys from which every chain of trust begins.
#[derive(Clone, Debug, Default)]
pub struct TrustAnchor {
    /// Empty: the IANA root's keys.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    Key(Name, DNSKEY),
    Digest(Name, DS),
}

impl Entry {
    fn zone(&self) -> &Name {
        match self {
            Self::Key(zone, _) | Self::Digest(zone, _) => zone,
        }
    }
}

impl TrustAnchor {
    /// The IANA root's keys of 2017 and 2024.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads DNSKEY and DS records in zone-file form.
    ///
    /// # Errors
    /// The file cannot be read, or has anything else in it; line and reason are named.
    pub fn from_file(path: &Path) -> Result<Self, ResolverError> {
        let shown = path.display();
        let mut text = String::new();
        File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)).map_err(
            |error| {
                ResolverError::new(
                    format!("the trust anchor {shown} cannot be read: {error}"),
                    "--trust-anchor wants a file of DNSKEY or DS records in zone-file form",
                )
            },
        )?;
        Self::parse(&text).map_err(|reason| {
            ResolverError::new(
                format!("the trust anchor {shown} is not understood: {reason}"),
                "one record a line: `. IN DNSKEY 257 3 8 AwEAAa…` or `. IN DS 20326 8 2 E06D44…`",
            )
        })
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// The line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut entries = Vec::new();
        let mut owner = None;
        for (number, fields) in logical_lines(text)? {
            let entry = entry(&fields, &mut owner).map_err(|e| format!("line {number}: {e}"))?;
            entries.extend(entry);
        }
        if entries.is_empty() { Err("it has no records".into()) } else { Ok(Self { entries }) }
    }

    /// The zones whose keys must be fetched before validation can begin; at
    /// least one, whose keys show whether the resolver passes DNSSEC on.
    pub(super) fn zones(&self) -> BTreeSet<Name> {
        let first = self.entries.iter().find(|e| e.zone().is_root()).or(self.entries.first());
        let mut zones = BTreeSet::from([first.map_or_else(Name::root, |e| e.zone().clone())]);
        let digests = self.entries.iter().filter(|e| matches!(e, Entry::Digest(..)));
        zones.extend(digests.map(|e| e.zone().clone()));
        zones
    }

    /// The keys, where no DS record has to wait for any.
    pub(super) fn keys(&self) -> Option<Arc<TrustAnchors>> {
        let has_digest = self.entries.iter().any(|e| matches!(e, Entry::Digest(..)));
        (!has_digest).then(|| self.matched(&[]))
    }

    /// The keys, with those of `fetched` that a DS record names (RFC 4035 §5.2).
    pub(super) fn matched(&self, fetched: &[Record]) -> Arc<TrustAnchors> {
        if self.entries.is_empty() {
            return Arc::new(TrustAnchors::default());
        }
        let mut keys = TrustAnchors::empty();
        for entry in &self.entries {
            match entry {
                Entry::Key(zone, key) => {
                    keys.insert_with_name(key.public_key(), zone.into());
                }
                Entry::Digest(zone, digest) => {
                    for key in fetched.iter().filter_map(|r| named_key(r, zone, digest)) {
                        keys.insert_with_name(key.public_key(), zone.into());
                    }
                }
            }
        }
        Arc::new(keys)
    }
}

/// The key in a record, if it is the one that the DS record names.
fn named_key<'a>(record: &'a Record, zone: &Name, digest: &DS) -> Option<&'a DNSKEY> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => {
            (record.name == *zone && !key.revoke() && digest.covers(zone, key).unwrap_or(false))
                .then_some(key)
        }
        _ => None,
    }
}

/// A line as its fields; the owner is `None` where the line begins with a blank.
type Fields = (Option<String>, Vec<String>);

/// Joins what parentheses hold together and drops comments and directives
/// (RFC 1035 §5.1). Each line comes with the number where it began.
fn logical_lines(text: &str) -> Result<Vec<(usize, Fields)>, String> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, Fields)> = None;
    for (index, line) in text.lines().enumerate() {
        let content = line.split(';').next().unwrap_or_default();
        let is_open = match (content.matches('(').count(), content.matches(')').count()) {
            (0, 0) => open.is_some(),
            (1, 0) if open.is_none() => true,
            (0, 1) if open.is_some() => false,
            (1, 1) if open.is_none() => false,
            _ => return Err(format!("line {}: its parentheses do not match", index + 1)),
        };
        let mut fields: Vec<String> = content
            .split([' ', '\t', '(', ')'])
            .filter(|f| !f.is_empty())
            .map(String::from)
            .collect();
        let (number, (owner, mut all)) = open.take().unwrap_or_else(|| {
            let has_owner = !content.starts_with([' ', '\t']) && !fields.is_empty();
            (index + 1, (has_owner.then(|| fields.remove(0)), Vec::new()))
        });
        all.append(&mut fields);
        if is_open {
            open = Some((number, (owner, all)));
        } else if owner.is_some() || !all.is_empty() {
            lines.push((number, (owner, all)));
        }
    }
    match open {
        Some((number, _)) => Err(format!("line {number}: its parenthesis is never closed")),
        None => Ok(lines),
    }
}

/// One record; `None` for a directive that says nothing about keys.
fn entry(fields: &Fields, last_owner: &mut Option<Name>) -> Result<Option<Entry>, String> {
    let (owner, rest) = fields;
    if owner.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("$TTL")) {
        return Ok(None);
    }
    if let Some(owner) = owner {
        let mut name = Name::from_ascii(owner).map_err(|_| format!("`{owner}` is not a name"))?;
        name.set_fqdn(true);
        *last_owner = Some(name);
    }
    let zone = last_owner.clone().ok_or("the record has no owner")?;
    // TTL and class may stand in either order, or be missing.
    let is_preamble = |word: &&String| {
        word.eq_ignore_ascii_case("IN") || word.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut words = rest.iter().skip_while(is_preamble).map(String::as_str);
    let kind = words.next().ok_or("the record has no type")?;
    let words: Vec<&str> = words.collect();
    match kind.to_ascii_uppercase().as_str() {
        "DNSKEY" => key(&words).map(|key| Some(Entry::Key(zone, key))),
        "DS" => digest(&words).map(|digest| Some(Entry::Digest(zone, digest))),
        _ => Err(format!("`{kind}` is neither DNSKEY nor DS")),
    }
}

/// RDATA of a DNSKEY (RFC 4034 §2.2).
fn key(words: &[&str]) -> Result<DNSKEY, String> {
    let [flags, protocol, number, key @ ..] = words else {
        return Err("a DNSKEY has flags, protocol, algorithm and key".into());
    };
    let flags: u16 = flags.parse().map_err(|_| format!("`{flags}` is no flags field"))?;
    if flags & ZONE_KEY == 0 || flags & REVOKED != 0 {
        return Err(format!("a key with flags {flags} cannot be an anchor"));
    }
    if *protocol != "3" {
        return Err(format!("protocol {protocol} is not 3"));
    }
    let key = BASE64.decode(key.concat()).map_err(|_| "the key is not base64")?;
    if key.is_empty() {
        return Err("the key is missing".into());
    }
    Ok(DNSKEY::with_flags(flags, PublicKeyBuf::new(key, algorithm(number)?)))
}

/// RDATA of a DS (RFC 4034 §5.3).
fn digest(words: &[&str]) -> Result<DS, String> {
    let [tag, number, kind, digest @ ..] = words else {
        return Err("a DS has key tag, algorithm, digest type and digest".into());
    };
    let tag: u16 = tag.parse().map_err(|_| format!("`{tag}` is no key tag"))?;
    let kind: u8 = kind.parse().map_err(|_| format!("`{kind}` is no digest type"))?;
    let kind = DigestType::from(kind);
    if !kind.is_supported() {
        return Err(format!("digest type {} is not supported", u8::from(kind)));
    }
    let digest = bytes(&digest.concat()).ok_or("the digest is not hexadecimal")?;
    Ok(DS::new(tag, algorithm(number)?, kind, digest))
}

/// An algorithm by its number, or by the mnemonic of one in use (RFC 8624).
fn algorithm(word: &str) -> Result<Algorithm, String> {
    let number = match word.to_ascii_uppercase().as_str() {
        "RSASHA256" => 8,
        "RSASHA512" => 10,
        "ECDSAP256SHA256" => 13,
        "ECDSAP384SHA384" => 14,
        "ED25519" => 15,
        _ => word.parse().map_err(|_| format!("`{word}` is no algorithm"))?,
    };
    let algorithm = Algorithm::from_u8(number);
    if algorithm.is_supported() {
        Ok(algorithm)
    } else {
        Err(format!("algorithm {number} is not supported"))
    }
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Option<Vec<u8>> =
        digits.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let nibbles = nibbles.filter(|n| !n.is_empty() && n.len() % 2 == 0)?;
    Some(
        nibbles
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";

    fn good(text: &str) -> TrustAnchor {
        TrustAnchor::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    fn bad(text: &str, reason: &str) {
        let error = TrustAnchor::parse(text).expect_err(text);
        assert!(error.contains(reason), "{text:?}: {error}");
    }

    #[test]
    fn dnskey_records_in_every_usual_form() {
        let forms = [
            format!(". IN DNSKEY 257 3 15 {KEY}"),
            format!(".\t172800\tIN\tDNSKEY\t257 3 15 {KEY} ;{{id = 1}}\n; comment\n"),
            format!(". IN 3600 dnskey 257 3 ED25519 ({KEY})"),
            format!("$TTL 3600\n. DNSKEY 257 3 15 (\n  {}\n  {} ) ; key\n", &KEY[..20], &KEY[20..]),
        ];
        let expected = good(&forms[0]).keys().unwrap();
        for form in &forms {
            let keys = good(form).keys().unwrap();
            assert_eq!(keys.len(), 1, "{form}");
            assert!(keys.contains(expected.get(0).unwrap()), "{form}");
        }
    }

    #[test]
    fn the_owner_is_repeated_by_a_blank() {
        let anchor =
            good(&format!(". IN DNSKEY 257 3 15 {KEY}\n  IN DS 1 15 2 {}", "ab".repeat(32)));
        assert_eq!(anchor.entries.len(), 2);
        assert!(anchor.keys().is_none());
        assert_eq!(anchor.zones(), BTreeSet::from([Name::root()]));
    }

    #[test]
    fn a_zone_below_the_root_can_be_an_anchor() {
        let anchor = good(&format!("example.net IN DNSKEY 257 3 15 {KEY}"));
        assert_eq!(anchor.zones(), BTreeSet::from([Name::from_ascii("example.net.").unwrap()]));
    }

    #[test]
    fn the_default_is_the_iana_root() {
        assert_eq!(TrustAnchor::root().keys().unwrap().len(), 2);
        assert_eq!(TrustAnchor::root().zones(), BTreeSet::from([Name::root()]));
    }

    #[test]
    fn what_is_no_anchor_is_refused_with_its_line() {
        bad("", "no records");
        bad("; only a comment\n", "no records");
        bad("\n. IN A 192.0.2.1", "line 2: `A` is neither");
        bad(" IN DNSKEY 257 3 15 AA==", "no owner");
        bad(". IN", "no type");
        bad(". IN DNSKEY 257 3", "flags, protocol");
        bad(". IN DNSKEY 257 3 15", "the key is missing");
        bad(". IN DNSKEY 257 3 15 !!", "not base64");
        bad(&format!(". IN DNSKEY 0 3 15 {KEY}"), "cannot be an anchor");
        bad(&format!(". IN DNSKEY 385 3 15 {KEY}"), "cannot be an anchor");
        bad(&format!(". IN DNSKEY 257 4 15 {KEY}"), "protocol 4");
        bad(&format!(". IN DNSKEY 257 3 1 {KEY}"), "algorithm 1 is not supported");
        bad(". IN DS 1 15 2 xyz", "not hexadecimal");
        bad(". IN DS 1 15 99 00", "digest type 99");
        bad(". IN DS 1 15 2 (00", "line 1: its parenthesis is never closed");
        bad("a) IN DS 1 15 2 00", "do not match");
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let error = TrustAnchor::from_file(Path::new("/nonexistent/root.key")).unwrap_err();
        assert!(error.message.contains("/nonexistent/root.key"), "{error}");
        assert!(error.hint.contains("--trust-anchor"));
    }
}
