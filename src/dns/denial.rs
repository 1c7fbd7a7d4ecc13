//! What may deny a name: the authority section, cleared before it is validated.
//!
//! The validator takes a denial for insecure where every record of the authority
//! section is, whatever zone they are of, and takes an opt-out NSEC3 of a zone
//! further up for proof that a delegation is unsigned. Either lets somebody on the
//! way deny a signed name with genuine records of another zone. So what does not
//! concern the question is taken out here; the validator then finds the proof
//! missing. Pure: refuses to know signatures.

use std::collections::HashSet;

use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::dnssec::rdata::{DNSSECRData, NSEC, NSEC3};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// Most NSEC3 records of one response that are looked at; a proof needs three.
const MAX_NSEC3: usize = 16;

/// Most iterations that a hash is followed through (RFC 9276 §3.2); the
/// validator's own limit.
const MAX_ITERATIONS: u16 = 500;

/// The records of an authority section that can have to do with a question: those
/// of zones that hold its name, or an alias of it in the answer.
pub(super) fn relevant(
    question: &Query,
    answers: &[Record],
    authorities: Vec<Record>,
) -> Vec<Record> {
    let targets = answers.iter().filter_map(|record| match &record.data {
        RData::CNAME(target) => Some(&target.0),
        _ => None,
    });
    let names: Vec<&Name> = std::iter::once(question.name()).chain(targets).collect();
    let concerns = |zone: &Name| names.iter().any(|name| zone.zone_of(name));
    // RFC 4035 §5.3.1: the signer is the zone, and a denial is that zone's own.
    let proofs: HashSet<(Name, RecordType)> = authorities
        .iter()
        .filter_map(|record| signature(record).map(|s| (record.name.clone(), s)))
        .filter(|(_, (_, _, signer))| concerns(signer))
        .map(|(owner, (covered, _, _))| (owner, covered))
        .collect();
    let is_relevant = |record: &Record| match (record.record_type(), signature(record)) {
        (_, Some((_, _, signer))) => concerns(signer),
        (kind @ (RecordType::NSEC | RecordType::NSEC3), _) => {
            proofs.contains(&(record.name.clone(), kind))
        }
        _ => concerns(&record.name),
    };
    let mut kept: Vec<Record> = authorities.into_iter().filter(is_relevant).collect();
    if question.query_type() == RecordType::DS && !may_deny_delegation(question.name(), &kept) {
        kept.retain(|record| record.record_type() != RecordType::NSEC3);
    }
    kept
}

/// The type that an RRSIG covers, the labels of its owner, and its signer.
pub(super) fn signature(record: &Record) -> Option<(RecordType, u8, &Name)> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => {
            let input = rrsig.input();
            Some((input.type_covered, input.num_labels, &input.signer_name))
        }
        _ => None,
    }
}

/// Whether it is proven that neither a name nor any below it is in a zone, so that
/// a wildcard beside it stands for it (RFC 4035 §5.3.4, RFC 5155 §8.8). An opt-out
/// NSEC3 may cover a delegation and proves nothing.
pub(super) fn is_nonexistent(name: &Name, zone: &Name, authorities: &[Record]) -> bool {
    let proven = authorities.iter().filter(|record| record.proof == Proof::Secure);
    proven.into_iter().any(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(nsec)) => {
            zone.zone_of(&record.name) && skips(&record.name, nsec, name)
        }
        RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) => {
            let hashed = Hashed::of(record);
            !nsec3.opt_out() && hashed.is_some_and(|h| h.zone == *zone && h.covers(name))
        }
        _ => false,
    })
}

/// Whether a name and all below it lie behind the owner of an NSEC and before the
/// next name, which for the last record of a zone is its apex (RFC 4034 §4.1.1).
/// The record of a delegation says nothing of names below it (RFC 6840 §4.1).
fn skips(owner: &Name, nsec: &NSEC, name: &Name) -> bool {
    let next = nsec.next_domain_name();
    let is_last = next <= owner && next.zone_of(name);
    let is_above = nsec.is_ancestor_delegation() && owner.zone_of(name);
    owner < name && (name < next || is_last) && !name.zone_of(next) && !is_above
}

/// Whether NSEC3 records can say anything about the DS of a name: one matches it,
/// or there is a closest provable encloser that is no delegation itself, and the
/// next closer name is covered (RFC 5155 §8.6, RFC 6840 §4.1). True without any.
fn may_deny_delegation(name: &Name, authorities: &[Record]) -> bool {
    let hashes: Vec<Hashed> = authorities.iter().filter_map(Hashed::of).take(MAX_NSEC3).collect();
    let Some(first) = hashes.first() else { return true };
    let zone = first.zone.clone();
    if !zone.zone_of(name) || hashes.iter().any(|hashed| hashed.matches(name)) {
        return true;
    }
    let mut next_closer = name.clone();
    while next_closer.num_labels() > zone.num_labels() {
        let encloser = next_closer.base_name();
        if encloser == zone {
            return hashes.iter().any(|hashed| hashed.covers(&next_closer));
        }
        if let Some(matching) = hashes.iter().find(|hashed| hashed.matches(&encloser)) {
            let is_delegation = matching.nsec3.is_ancestor_delegation();
            return !is_delegation && hashes.iter().any(|hashed| hashed.covers(&next_closer));
        }
        next_closer = encloser;
    }
    false
}

/// An NSEC3 record with the hash that its owner is.
struct Hashed<'a> {
    zone: Name,
    owner: String,
    nsec3: &'a NSEC3,
}

impl<'a> Hashed<'a> {
    fn of(record: &'a Record) -> Option<Self> {
        let RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) = &record.data else { return None };
        let label = std::str::from_utf8(record.name.iter().next()?).ok()?;
        (nsec3.iterations() <= MAX_ITERATIONS).then(|| Self {
            zone: record.name.base_name(),
            owner: label.to_ascii_lowercase(),
            nsec3,
        })
    }

    fn hash(&self, name: &Name) -> Option<String> {
        let algorithm = self.nsec3.hash_algorithm();
        let digest = algorithm.hash(self.nsec3.salt(), name, self.nsec3.iterations()).ok()?;
        Some(base32hex(digest.as_ref()))
    }

    fn matches(&self, name: &Name) -> bool {
        self.hash(name).is_some_and(|hash| hash == self.owner)
    }

    /// Whether a name's hash lies behind the owner's and before the next, which for
    /// the last record of a zone is the first.
    fn covers(&self, name: &Name) -> bool {
        let next = base32hex(self.nsec3.next_hashed_owner_name());
        let Some(hash) = self.hash(name) else { return false };
        if self.owner < next {
            self.owner < hash && hash < next
        } else {
            self.owner < hash || hash < next
        }
    }
}

/// Base32 with the extended hex alphabet, lower case, for whole groups of bits
/// (RFC 4648 §7, RFC 5155 §3.3): it sorts as the bytes do.
pub(super) fn base32hex(bytes: &[u8]) -> String {
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let digit = |group: &[u8]| {
        let value = group.iter().fold(0, |value, bit| value << 1 | u32::from(*bit));
        char::from_digit(value, 32)
    };
    bits.chunks_exact(5).filter_map(digit).collect()
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::dnssec::Nsec3HashAlgorithm;

    use super::*;

    fn name(text: &str) -> Name {
        let mut name = Name::from_ascii(text).unwrap();
        name.set_fqdn(true);
        name
    }

    fn hash(text: &str) -> Vec<u8> {
        let salt = [0xaa, 0xbb, 0xcc, 0xdd];
        Nsec3HashAlgorithm::SHA1.hash(&salt, &name(text), 12).unwrap().as_ref().to_vec()
    }

    /// A record of `com` that matches a name, or one that covers only that name.
    fn nsec3(text: &str, is_matching: bool, types: &[RecordType]) -> Record {
        let step = |by: i8| {
            let mut hash = hash(text);
            let last = hash.last_mut().unwrap();
            *last = last.checked_add_signed(by).expect("a hash that does not end in 00 or ff");
            hash
        };
        let owner = if is_matching { hash(text) } else { step(-1) };
        let owner = name(&format!("{}.com", base32hex(&owner)));
        let salt = vec![0xaa, 0xbb, 0xcc, 0xdd];
        let types = types.iter().copied();
        let data = NSEC3::new(Nsec3HashAlgorithm::SHA1, true, 12, salt, step(1), types);
        Record::from_rdata(owner, 3600, RData::DNSSEC(DNSSECRData::NSEC3(data)))
    }

    /// RFC 5155 appendix A.
    #[test]
    fn hashes_are_those_of_the_standard() {
        assert_eq!(base32hex(&hash("example")), "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom");
        assert_eq!(base32hex(&hash("a.example")), "35mthgpgcu1qg68fab165klnsnk3dpvl");
    }

    #[test]
    fn an_nsec_record_skips_what_lies_between_two_names_of_one_zone() {
        use RecordType::{A, DS, NS, SOA};
        let skips = |owner: &str, next: &str, types: &[RecordType], target: &str| {
            let nsec = NSEC::new(name(next), types.iter().copied());
            skips(&name(owner), &nsec, &name(target))
        };
        assert!(skips("a.good.test", "c.good.test", &[A], "b.good.test"));
        assert!(skips("*.good.test", "c.good.test", &[A], "b.good.test"));
        assert!(skips("z.good.test", "good.test", &[A], "zz.good.test"), "the last one");
        assert!(!skips("a.good.test", "c.good.test", &[A], "a.good.test"));
        assert!(!skips("a.good.test", "c.good.test", &[A], "d.good.test"));
        assert!(!skips("a.good.test", "x.b.good.test", &[A], "b.good.test"), "an empty name");
        assert!(!skips("z.evil.test", "evil.test", &[A], "zz.good.test"), "another zone");
        assert!(!skips("good.test", "plain.test", &[NS, DS], "b.good.test"), "the parent's");
        assert!(skips("good.test", "c.good.test", &[NS, SOA], "b.good.test"), "the apex");
    }

    /// RFC 5155 §8.6, RFC 6840 §4.1.
    #[test]
    fn an_opt_out_record_of_a_zone_further_up_denies_no_delegation_below_a_signed_one() {
        use RecordType::{DS, NS, SOA};
        let apex = nsec3("com", true, &[NS, SOA]);
        let cut = nsec3("good.com", true, &[NS, DS]);
        let covering_host = nsec3("mx.good.com", false, &[NS]);
        let covering_cut = nsec3("plain.com", false, &[NS]);
        let host = name("mx.good.com");
        for proof in [
            &[covering_host.clone()][..],
            &[covering_host.clone(), apex.clone()],
            &[covering_host.clone(), cut],
            &[covering_host, covering_cut.clone(), apex.clone()],
        ] {
            assert!(!may_deny_delegation(&host, proof), "{proof:?}");
        }
        let plain = name("plain.com");
        assert!(may_deny_delegation(&plain, std::slice::from_ref(&covering_cut)));
        assert!(may_deny_delegation(&plain, &[apex.clone(), covering_cut.clone()]));
        assert!(may_deny_delegation(&plain, &[nsec3("plain.com", true, &[NS])]));
        assert!(may_deny_delegation(&name("sub.plain.com"), &[apex, covering_cut]));
        assert!(may_deny_delegation(&host, &[]), "NSEC is not meant");
    }
}
