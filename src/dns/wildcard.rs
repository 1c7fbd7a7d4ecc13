//! Whether a wildcard had the right to answer: the proof that no name stood
//! closer to the one that was asked for.
//!
//! Owns the reading of NSEC for that (RFC 4035 §5.3.4). Refuses to know signatures:
//! every record brings the validator's proof along. A proof by NSEC3 is not read.

use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::dnssec::rdata::{DNSSECRData, NSEC};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

/// Whether it is proven that `owner` has no closer match than the wildcard whose
/// RRSIG counts `labels`: the name one label longer does not exist.
pub(super) fn is_proven(owner: &Name, labels: u8, authorities: &[Record]) -> bool {
    let next_closer = owner.trim_to(usize::from(labels) + 1);
    authorities.iter().any(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(nsec)) => {
            record.proof == Proof::Secure && denies(&record.name, nsec, &next_closer)
        }
        _ => false,
    })
}

/// Whether an NSEC record at `holder` says that there is nothing at a name, and
/// nothing below it.
fn denies(holder: &Name, nsec: &NSEC, name: &Name) -> bool {
    let types = nsec.type_set();
    // RFC 6840 §4.1: what stands at a cut, or a DNAME, says nothing of names below.
    let hands_on = nsec.is_ancestor_delegation() || types.contains(RecordType::DNAME);
    if hands_on && holder.zone_of(name) {
        return false;
    }
    let next = nsec.next_domain_name();
    // RFC 4034 §4.1.1: the last one points to the apex of its zone.
    let is_last = next <= holder;
    let ends_behind = if is_last { next.zone_of(name) } else { name < next };
    // With a name below it, it exists without records of its own (RFC 4592 §2.2.2).
    holder < name && ends_behind && (is_last || !name.zone_of(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        let mut name = Name::from_ascii(text).unwrap();
        name.set_fqdn(true);
        name
    }

    fn nsec(holder: &str, next: &str, types: &[RecordType]) -> Record {
        let data = NSEC::new(name(next), types.iter().copied());
        let data = RData::DNSSEC(DNSSECRData::NSEC(data));
        let mut record = Record::from_rdata(name(holder), 3600, data);
        record.proof = Proof::Secure;
        record
    }

    /// `*.wild.test` answers for `_25.mx.wild.test`.
    fn proves(record: &Record) -> bool {
        is_proven(&name("_25.mx.wild.test"), 2, std::slice::from_ref(record))
    }

    #[test]
    fn a_wildcard_answers_where_no_closer_name_exists() {
        use RecordType::{A, DNAME, NS, SOA, TLSA};
        assert!(proves(&nsec("*.wild.test", "zoo.test", &[TLSA])));
        assert!(proves(&nsec("*.wild.test", "test", &[TLSA])), "the last of the zone");
        assert!(proves(&nsec("a.wild.test", "z.wild.test", &[A])));
        assert!(!proves(&nsec("*.wild.test", "a.wild.test", &[TLSA])), "ends before it");
        assert!(!proves(&nsec("mx.wild.test", "zoo.test", &[A])), "it exists");
        assert!(!proves(&nsec("*.wild.test", "a.mx.wild.test", &[TLSA])), "it has names below");
        assert!(!proves(&nsec("wild.test", "zoo.test", &[NS])), "of the zone above");
        assert!(proves(&nsec("wild.test", "zoo.test", &[NS, SOA])));
        assert!(!proves(&nsec("wild.test", "zoo.test", &[DNAME])));
        assert!(!proves(&nsec("a.other.test", "other.test", &[A])), "the last of another zone");
        let mut unproven = nsec("*.wild.test", "zoo.test", &[TLSA]);
        unproven.proof = Proof::Insecure;
        assert!(!proves(&unproven));
    }
}
