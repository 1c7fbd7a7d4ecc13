//! The TXT record at `_mta-sts.<domain>` (RFC 8461 §3.1). Pure.
//!
//! Owns version and id. Refuses to know the policy that it announces.

use std::fmt;

use super::excerpt;
use crate::policy::fields;

/// What a record that announces a policy begins with.
const VERSION: &str = "v=STSv1;";

/// Longest id.
const MAX_ID: usize = 32;

/// A record that announces a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The id, which changes with the policy.
    pub id: String,
}

/// Why the records announce no policy although one of them seems to mean to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// So many records begin `v=STSv1;`, and exactly one may.
    Several(usize),
    /// The record, as found, begins like none of a version that we know.
    Version(String),
    /// No `id`.
    NoId,
    /// The id, as found, is not 1 to 32 letters and digits.
    Id(String),
    /// A field, as found, that is no `name=value`.
    Field(String),
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Several(count) => {
                write!(f, "{count} TXT records begin \"{VERSION}\", and exactly one may")
            }
            Self::Version(record) => {
                write!(f, "the record {} does not begin \"{VERSION}\"", excerpt(record))
            }
            Self::NoId => f.write_str("the record has no id"),
            Self::Id(id) => {
                write!(f, "the id {} is not 1 to {MAX_ID} letters and digits", excerpt(id))
            }
            Self::Field(field) => {
                write!(f, "{} in the record is no name=value", excerpt(field))
            }
        }
    }
}

/// Reads the TXT records of the name. `Ok(None)` where none of them has to do with
/// MTA-STS: a wildcard in the zone answers with just anything.
///
/// # Errors
/// A record is meant to announce a policy, and does not.
pub fn read(records: &[String]) -> Result<Option<Record>, RecordFault> {
    // RFC 8461 §3.1: records that do not begin so are discarded, and exactly one
    // must remain.
    let mut announcing = records.iter().filter_map(|record| record.strip_prefix(VERSION));
    match (announcing.next(), announcing.count()) {
        (Some(only), 0) => fields_of(only).map(Some),
        (Some(_), others) => Err(RecordFault::Several(others + 1)),
        (None, _) => match records.iter().find(|record| fields::is_meant(record, "v=sts")) {
            Some(record) => Err(RecordFault::Version(record.clone())),
            None => Ok(None),
        },
    }
}

fn fields_of(rest: &str) -> Result<Record, RecordFault> {
    let mut id = None;
    for (name, value) in fields::pairs(rest).map_err(|field| RecordFault::Field(field.into()))? {
        // Unknown fields are ignored.
        if name == "id" {
            id = id.or(Some(value));
        }
    }
    match id {
        None => Err(RecordFault::NoId),
        Some(id) if is_id(id) => Ok(Record { id: id.to_owned() }),
        Some(id) => Err(RecordFault::Id(id.to_owned())),
    }
}

/// 1*32(ALPHA / DIGIT)
fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<Option<Record>, RecordFault>;

    fn of(records: &[&str]) -> Read {
        let records: Vec<String> = records.iter().map(ToString::to_string).collect();
        read(&records)
    }

    fn good(record: &str, id: &str) {
        assert_eq!(of(&[record]), Ok(Some(Record { id: id.to_owned() })), "{record}");
    }

    #[test]
    fn a_record_announces_a_policy_by_its_id() {
        good("v=STSv1; id=20261122T000000;", "20261122T000000");
        good("v=STSv1;id=1", "1");
        good("v=STSv1; \t id=a \t; ", "a");
        // Unknown fields are ignored, and the first of a duplicate counts.
        good("v=STSv1; new-key.x_y=a:b/c; id=a;", "a");
        good("v=STSv1; id=a; id=b;", "a");
    }

    #[test]
    fn exactly_one_record_begins_v_stsv1() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@example.net"]), Ok(None));
        let beside = of(&["v=spf1 -all", "v=STSv1; id=a;"]);
        assert!(matches!(beside, Ok(Some(_))), "others are discarded");
        let two = of(&["v=STSv1; id=a;", "v=STSv1; id=a;"]);
        assert_eq!(two, Err(RecordFault::Several(2)));
    }

    #[test]
    fn what_is_meant_as_a_record_and_is_none_is_a_fault() {
        for record in ["v=STSv2; id=a;", "v=stsv1; id=a;", " v=STSv1; id=a;", "v=STSv1", "V=STSv1;"]
        {
            assert_eq!(of(&[record]), Err(RecordFault::Version(record.to_owned())), "{record}");
        }
        assert_eq!(of(&["v=STSv1;"]), Err(RecordFault::NoId));
        assert_eq!(of(&["v=STSv1; ID=a"]), Err(RecordFault::NoId), "names have a case");
        let bad = |value: &str| Err(RecordFault::Id(value.to_owned()));
        assert_eq!(of(&["v=STSv1; id=;"]), bad(""));
        assert_eq!(of(&["v=STSv1; id=2026-11-22;"]), bad("2026-11-22"));
        assert_eq!(of(&["v=STSv1; id=ä;"]), bad("ä"));
        let long = "a".repeat(33);
        assert_eq!(of(&[&format!("v=STSv1; id={long};")]), bad(&long));
        good(&format!("v=STSv1; id={};", &long[..32]), &long[..32]);
        let junk = of(&["v=STSv1; id=a; junk; x=y"]);
        assert_eq!(junk, Err(RecordFault::Field("junk".to_owned())));
    }
}
