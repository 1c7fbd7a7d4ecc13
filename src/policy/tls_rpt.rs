//! TLSRPT: the TXT record that says where failures are reported (RFC 8460 §3).
//!
//! Owns the reading of the record, pure. Refuses to report anything to anybody.

use std::fmt;

use crate::model::policy::TxtAnswer;
use crate::model::route::LookupError;
use crate::policy::fields;
use crate::policy::mta_sts::excerpt;

/// Where the record lies, before the domain (RFC 8460 §3).
pub const RECORD_LABEL: &str = "_smtp._tls";

/// What the record begins with.
const VERSION: &str = "v=TLSRPTv1;";

/// What a sender that conforms to RFC 8460 would hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not looked up.
    NotAsked,
    /// There is no record, says DNS.
    Absent,
    /// There is one.
    Record {
        /// Addresses that reports can be sent to, as written.
        rua: Vec<String>,
        /// Addresses that they cannot.
        faults: Vec<Fault>,
    },
    /// Something is there, or may be, and no sender can use it.
    Faulty(Fault),
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Whether there is a record could not be found out.
    Lookup(LookupError),
    /// So many records begin `v=TLSRPTv1;`, and exactly one may.
    Several(usize),
    /// The record, as found, begins like none of a version that we know.
    Version(String),
    /// A field, as found, that is no `name=value`.
    Field(String),
    /// No `rua`.
    NoRua,
    /// A report address, as found, that is neither `mailto:` nor `https:`.
    Scheme(String),
    /// A report address, as found, that is no URI of its scheme.
    Uri(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(error) => {
                let word = serde_json::to_string(error).unwrap_or_default().replace('"', "");
                write!(f, "the record could not be looked up ({word})")
            }
            Self::Several(count) => {
                write!(f, "{count} TXT records begin \"{VERSION}\", and exactly one may")
            }
            Self::Version(record) => {
                write!(f, "the record {} does not begin \"{VERSION}\"", excerpt(record))
            }
            Self::Field(field) => write!(f, "{} in the record is no name=value", excerpt(field)),
            Self::NoRua => f.write_str("the record has no rua"),
            Self::Scheme(uri) => {
                write!(f, "the report address {} is neither mailto: nor https:", excerpt(uri))
            }
            Self::Uri(uri) => write!(f, "the report address {} is no URI", excerpt(uri)),
        }
    }
}

/// Reads the answer at `_smtp._tls.<domain>`; `None` is "not asked".
pub fn outcome(answer: Option<&TxtAnswer>) -> Outcome {
    let Some(answer) = answer else { return Outcome::NotAsked };
    match answer.error {
        Some(error) if error.is_denial() => return Outcome::Absent,
        Some(error) => return Outcome::Faulty(Fault::Lookup(error)),
        None => {}
    }
    // RFC 8460 §3: records that do not begin so are discarded, and exactly one
    // must remain.
    let mut reporting = answer.records.iter().filter_map(|record| record.strip_prefix(VERSION));
    match (reporting.next(), reporting.count()) {
        (Some(only), 0) => read(only).unwrap_or_else(Outcome::Faulty),
        (Some(_), others) => Outcome::Faulty(Fault::Several(others + 1)),
        (None, _) => match answer.records.iter().find(|one| fields::is_meant(one, "v=tlsrpt")) {
            Some(record) => Outcome::Faulty(Fault::Version(record.clone())),
            None => Outcome::Absent,
        },
    }
}

fn read(rest: &str) -> Result<Outcome, Fault> {
    let pairs = fields::pairs(rest).map_err(|field| Fault::Field(field.to_owned()))?;
    // Unknown fields are ignored.
    let mut named = pairs.into_iter().filter(|(name, _)| *name == "rua");
    let (_, list) = named.next().ok_or(Fault::NoRua)?;
    let (mut rua, mut faults) = (Vec::new(), Vec::new());
    for uri in list.split(',').map(|uri| uri.trim_matches([' ', '\t'])) {
        match address(uri) {
            Ok(()) => rua.push(uri.to_owned()),
            Err(fault) => faults.push(fault),
        }
    }
    match faults.first() {
        Some(fault) if rua.is_empty() => Err(fault.clone()),
        _ => Ok(Outcome::Record { rua, faults }),
    }
}

/// Whether reports can be sent there: `mailto:` (RFC 6068) with an address, or
/// `https:` (RFC 9110 §4.2.2) with a host.
fn address(uri: &str) -> Result<(), Fault> {
    let is_scheme = |scheme: &str| {
        let begin = uri.get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    let (scheme, is_mail) = match () {
        () if is_scheme("mailto:") => ("mailto:", true),
        () if is_scheme("https://") => ("https://", false),
        () if is_scheme("https:") => return Err(Fault::Uri(uri.to_owned())),
        () => return Err(Fault::Scheme(uri.to_owned())),
    };
    let rest = uri.get(scheme.len()..).unwrap_or_default();
    let is_whole = if is_mail { is_mailbox(rest) } else { is_authority(rest) };
    // RFC 8460 §3: `,`, `!` and `;` stand percent-encoded; the first and the last
    // of them have ended the address already.
    let is_uri = is_whole && is_encoded(rest) && !rest.contains('!');
    if is_uri { Ok(()) } else { Err(Fault::Uri(uri.to_owned())) }
}

fn is_mailbox(rest: &str) -> bool {
    let mailbox = rest.split('?').next().unwrap_or_default();
    mailbox.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

fn is_authority(rest: &str) -> bool {
    !rest.split(['/', '?', '#']).next().unwrap_or_default().is_empty()
}

/// Visible ASCII, and every `%` with two hexadecimal digits behind it (RFC 3986 §2.1).
fn is_encoded(rest: &str) -> bool {
    let is_pair = |tail: &str| {
        let pair = tail.as_bytes().get(..2);
        pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    rest.bytes().all(|byte| byte.is_ascii_graphic()) && rest.split('%').skip(1).all(is_pair)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::route::Dnssec;

    fn answer(records: &[&str]) -> TxtAnswer {
        TxtAnswer {
            name: "_smtp._tls.example.net".to_owned(),
            dnssec: Dnssec::Insecure,
            error: None,
            records: records.iter().map(ToString::to_string).collect(),
        }
    }

    fn of(records: &[&str]) -> Outcome {
        outcome(Some(&answer(records)))
    }

    fn rua(addresses: &[&str]) -> Outcome {
        let rua = addresses.iter().map(ToString::to_string).collect();
        Outcome::Record { rua, faults: Vec::new() }
    }

    #[test]
    fn a_record_names_addresses_for_reports() {
        let mail = "mailto:reports@example.net";
        let web = "https://reports.example.net/v1/tlsrpt";
        assert_eq!(of(&["v=TLSRPTv1; rua=mailto:reports@example.net"]), rua(&[mail]));
        assert_eq!(of(&["v=TLSRPTv1;rua=mailto:reports@example.net;"]), rua(&[mail]));
        let both = format!("v=TLSRPTv1; x=y; rua={mail} , {web};");
        assert_eq!(of(&[&both]), rua(&[mail, web]));
        let encoded = "mailto:a%2Cb%21c%3B@example.net?subject=x%20y";
        assert_eq!(of(&[&format!("v=TLSRPTv1; rua={encoded}")]), rua(&[encoded]));
        assert_eq!(of(&["v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@b"]), rua(&["mailto:a@b"]));
    }

    #[test]
    fn no_record_is_no_fault() {
        assert_eq!(outcome(None), Outcome::NotAsked);
        assert_eq!(of(&[]), Outcome::Absent);
        assert_eq!(of(&["v=spf1 -all"]), Outcome::Absent);
        let denied = TxtAnswer { error: Some(LookupError::Nxdomain), ..answer(&[]) };
        assert_eq!(outcome(Some(&denied)), Outcome::Absent);
        let failed = TxtAnswer { error: Some(LookupError::Servfail), ..answer(&[]) };
        let fault = Fault::Lookup(LookupError::Servfail);
        assert_eq!(outcome(Some(&failed)), Outcome::Faulty(fault), "not known is not absent");
    }

    #[test]
    fn faults_are_data() {
        let is = |records: &[&str], fault: Fault| assert_eq!(of(records), Outcome::Faulty(fault));
        let good = "v=TLSRPTv1; rua=mailto:a@b";
        is(&[good, good], Fault::Several(2));
        for record in ["v=TLSRPTv2; rua=mailto:a@b", "v=tlsrptv1; rua=mailto:a@b", "v=TLSRPTv1"] {
            is(&[record], Fault::Version(record.to_owned()));
        }
        is(&["v=TLSRPTv1;"], Fault::NoRua);
        is(&["v=TLSRPTv1; ruf=mailto:a@b"], Fault::NoRua);
        is(&["v=TLSRPTv1; junk"], Fault::Field("junk".to_owned()));
        is(&["v=TLSRPTv1; rua=a@b"], Fault::Scheme("a@b".to_owned()));
        is(&["v=TLSRPTv1; rua=http://b.example/"], Fault::Scheme("http://b.example/".to_owned()));
        is(&["v=TLSRPTv1; rua="], Fault::Scheme(String::new()));
        for uri in ["mailto:", "mailto:a", "mailto:@b", "https:///a", "mailto:a%2@b", "https:b"] {
            is(&[&format!("v=TLSRPTv1; rua={uri}")], Fault::Uri(uri.to_owned()));
        }
        is(&["v=TLSRPTv1; rua=mailto:a!10m@b"], Fault::Uri("mailto:a!10m@b".to_owned()));
    }

    #[test]
    fn one_good_address_is_enough_and_the_bad_one_is_said() {
        let Outcome::Record { rua, faults } = of(&["v=TLSRPTv1; rua=ftp://b.example,mailto:a@b"])
        else {
            panic!("no record");
        };
        assert_eq!(rua, ["mailto:a@b"]);
        assert_eq!(faults, [Fault::Scheme("ftp://b.example".to_owned())]);
    }

    proptest! {
        #[test]
        fn arbitrary_records_never_panic(
            records in proptest::collection::vec("(v=TLSRPTv1;|v=)?[ ;=,%]{0,3}(rua=)?\\PC{0,20}", 0..3),
        ) {
            let records: Vec<&str> = records.iter().map(String::as_str).collect();
            let _ = of(&records);
        }
    }
}
