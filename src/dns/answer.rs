//! Reading what came back: one exchange with the resolver becomes a [`Step`],
//! and steps along CNAME links become an [`Answer`].
//!
//! Owns the meaning of RCODEs, errors and per-record proofs. Pure: refuses to
//! ask, to wait and to retry.

use std::io;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::op::{DnsResponse, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};

use super::denial::{is_nonexistent, signature};
use crate::model::route::{Dnssec, LookupError};

/// Most CNAME links that are followed from one name.
pub(super) const MAX_LINKS: usize = 8;

/// What is said of links beyond [`MAX_LINKS`], or in a loop.
pub(super) const ENDLESS: &str = "the CNAME links do not end";

/// The answer to a question, with the CNAME links followed on the way to it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The CNAME targets, in order; the last one owns the records.
    pub(crate) links: Vec<Name>,
    /// Records of the type that was asked for, in the order of the answer.
    pub(crate) records: Vec<RData>,
    /// The lowest status of all that the answer rests on.
    pub(crate) dnssec: Dnssec,
    /// Why there are no records, where there are none.
    pub(crate) error: Option<LookupError>,
    /// More about the error, for people.
    pub(crate) detail: Option<String>,
}

/// What one exchange said about a name.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) links: Vec<Name>,
    pub(super) records: Vec<RData>,
    pub(super) dnssec: Dnssec,
    pub(super) error: Option<LookupError>,
    pub(super) detail: Option<String>,
}

impl Step {
    /// A question that got no answer at all.
    pub(super) fn failed(error: LookupError, detail: impl Into<String>) -> Self {
        Self {
            links: Vec::new(),
            records: Vec::new(),
            dnssec: Dnssec::Indeterminate,
            error: Some(error),
            detail: Some(detail.into()),
        }
    }

    /// What is left of a step whose chain of trust could not be fetched: no
    /// statement about its signatures (RFC 4035 §4.3, "indeterminate").
    pub(super) fn undetermined(self) -> Self {
        Self { dnssec: Dnssec::Indeterminate, ..self }
    }

    /// Names whose signatures the step rests on.
    pub(super) fn names<'a>(&'a self, question: &'a Query) -> impl Iterator<Item = &'a Name> {
        std::iter::once(question.name()).chain(&self.links)
    }
}

/// The lower of two statuses: bogus, indeterminate, insecure, secure.
pub(super) fn lowest(one: Dnssec, other: Dnssec) -> Dnssec {
    let rank = |status| match status {
        Dnssec::Bogus => 0,
        Dnssec::Indeterminate => 1,
        Dnssec::Insecure => 2,
        Dnssec::Secure => 3,
    };
    if rank(one) <= rank(other) { one } else { other }
}

/// Whether the last link leads back to where the others have already been.
pub(super) fn is_loop(first: &Name, links: &[Name]) -> bool {
    links.split_last().is_some_and(|(last, before)| last == first || before.contains(last))
}

/// Reads the outcome of one exchange. Without validation no status is told.
pub(super) fn read(
    question: &Query,
    outcome: Result<DnsResponse, NetError>,
    is_validated: bool,
) -> Step {
    let step = match outcome {
        Ok(response) => {
            let code = response.response_code;
            Sections::of(response, None).step(question, code)
        }
        Err(NetError::Dns(DnsError::Nsec { response, proof, .. })) => {
            let code = response.response_code;
            // Said of NSEC3 with too many iterations only (RFC 9276 §3.2), and that
            // may be a record of a zone further up.
            let is_weak = proof == Proof::Insecure;
            let proof = if is_weak { Proof::Indeterminate } else { proof };
            Sections::of(*response, Some(proof)).step(question, code)
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let authorities = none.authorities.map(|a| a.to_vec()).unwrap_or_default();
            Sections { answers: Vec::new(), authorities, denial: None }
                .step(question, none.response_code)
        }
        Err(error) => {
            let (kind, detail) = failure(&error);
            Step::failed(kind, detail)
        }
    };
    if is_validated { step } else { step.undetermined() }
}

/// Reads what a resolver said that has validated it itself: one status for all of it.
/// How the answer came to be, by a wildcard or a DNAME, is settled with that.
pub(super) fn read_vouched(question: &Query, message: Message, vouched: Proof) -> Step {
    let code = message.metadata.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return Step::failed(rcode(code), rcode_text(code));
    }
    let is_kept =
        |record: &Record| !matches!(record.record_type(), RecordType::RRSIG | RecordType::DNAME);
    let mut answers: Vec<Record> = message.answers.into_iter().filter(is_kept).collect();
    for record in &mut answers {
        record.proof = vouched;
    }
    Sections { answers, authorities: Vec::new(), denial: Some(vouched) }.step(question, code)
}

/// What an error without an answer means.
fn failure(error: &NetError) -> (LookupError, String) {
    match error {
        NetError::Timeout => (LookupError::Timeout, "no answer in time".into()),
        NetError::Io(error) => (io_failure(error.kind()), error.to_string()),
        NetError::NoConnections => (LookupError::Unreachable, "it cannot be reached".into()),
        NetError::Dns(DnsError::ResponseCode(code)) => (rcode(*code), rcode_text(*code)),
        other => (LookupError::Other, other.to_string()),
    }
}

pub(super) fn io_failure(kind: io::ErrorKind) -> LookupError {
    match kind {
        io::ErrorKind::TimedOut => LookupError::Timeout,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => LookupError::Other,
        _ => LookupError::Unreachable,
    }
}

fn rcode(code: ResponseCode) -> LookupError {
    match code {
        ResponseCode::ServFail => LookupError::Servfail,
        ResponseCode::Refused => LookupError::Refused,
        ResponseCode::NXDomain => LookupError::Nxdomain,
        ResponseCode::NoError => LookupError::Nodata,
        _ => LookupError::Other,
    }
}

/// The RCODE by its name in RFC 1035 §4.1.1 and RFC 6895.
fn rcode_text(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::NXDomain => "NXDOMAIN".into(),
        ResponseCode::NoError => "no such record".into(),
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        other => format!("RCODE {}", u16::from(other)),
    }
}

/// The parts of a response that matter here.
struct Sections {
    answers: Vec<Record>,
    authorities: Vec<Record>,
    /// The validator's verdict on NSEC and NSEC3, where it gave one.
    denial: Option<Proof>,
}

impl Sections {
    fn of(response: DnsResponse, denial: Option<Proof>) -> Self {
        let message = response.into_message();
        Self { answers: message.answers, authorities: message.authorities, denial }
    }

    fn step(&self, question: &Query, code: ResponseCode) -> Step {
        let (links, mut dnssec) = self.links(question);
        let owner = links.last().unwrap_or(question.name());
        let kind = question.query_type();
        let records: Vec<RData> = self
            .answers
            .iter()
            .filter(|r| r.record_type() == kind && r.name == *owner)
            .map(|r| r.data.clone())
            .collect();
        if links.len() > MAX_LINKS {
            return Step { links, ..Step::failed(LookupError::Other, ENDLESS) };
        }
        if !records.is_empty() {
            dnssec = lowest(dnssec, self.rrset_status(owner, kind));
            return Step { links, records, dnssec, error: None, detail: None };
        }
        if links.is_empty() {
            dnssec = self.denial_status();
        }
        let (error, detail) = (rcode(code), rcode_text(code));
        // RFC 4035 §5.5: a denial whose proof does not hold denies nothing.
        let (error, detail) = if dnssec == Dnssec::Bogus && links.is_empty() {
            (LookupError::Bogus, format!("{detail}, and the proof of that does not hold"))
        } else {
            (error, detail)
        };
        Step { links, records, dnssec, error: Some(error), detail: Some(detail) }
    }

    /// Follows the CNAME links inside the answer.
    fn links(&self, question: &Query) -> (Vec<Name>, Dnssec) {
        let mut links: Vec<Name> = Vec::new();
        let mut dnssec = Dnssec::Secure;
        if question.query_type() == RecordType::CNAME {
            return (links, dnssec);
        }
        while links.len() <= MAX_LINKS {
            let owner = links.last().unwrap_or(question.name());
            let Some(target) = self.answers.iter().find_map(|record| match &record.data {
                RData::CNAME(target) if record.name == *owner => Some(target.0.clone()),
                _ => None,
            }) else {
                break;
            };
            dnssec = lowest(dnssec, self.rrset_status(owner, RecordType::CNAME));
            links.push(target);
            if is_loop(question.name(), &links) {
                break;
            }
        }
        (links, dnssec)
    }

    /// Status of one RRset: the lowest proof of its records, RRSIGs left out. What
    /// the validator thinks of a denial beside it is of no matter: resolvers hand
    /// NSEC records over with an alias, or with a delegation that is not signed.
    fn rrset_status(&self, owner: &Name, kind: RecordType) -> Dnssec {
        let proofs = self.answers.iter().filter(|r| r.record_type() == kind && r.name == *owner);
        let own = proofs.map(|r| status(r.proof)).fold(Dnssec::Secure, lowest);
        if own == Dnssec::Insecure {
            return own;
        }
        match self.expansion(owner, kind) {
            Expansion::None => own,
            // The validator often calls the proof beside it bogus, so it is read here.
            Expansion::Wildcard { next_closer, zone }
                if own == Dnssec::Secure
                    && is_nonexistent(&next_closer, &zone, &self.authorities) =>
            {
                Dnssec::Secure
            }
            Expansion::Wildcard { .. } | Expansion::Alias => Dnssec::Indeterminate,
        }
    }

    /// Whether an RRset may have been made by the server: from a wildcard, where
    /// its RRSIG counts fewer labels than its owner (RFC 4035 §5.3.4), or a CNAME
    /// from a DNAME (RFC 6672 §5.3.1). The validator errs about both at times.
    fn expansion(&self, owner: &Name, kind: RecordType) -> Expansion {
        let is_alias = |record: &Record| match signature(record) {
            Some((RecordType::DNAME, _, _)) => record.name == *owner,
            Some(_) => false,
            None => {
                record.record_type() == RecordType::DNAME
                    && kind == RecordType::CNAME
                    && record.name.zone_of(owner)
            }
        };
        if self.answers.iter().any(is_alias) {
            return Expansion::Alias;
        }
        let signatures = self.answers.iter().filter(|r| r.name == *owner).filter_map(signature);
        let expanded = signatures
            .filter(|(covered, labels, _)| *covered == kind && *labels < owner.num_labels())
            .min_by_key(|(_, labels, _)| *labels);
        expanded.map_or(Expansion::None, |(_, labels, zone)| Expansion::Wildcard {
            next_closer: owner.trim_to(usize::from(labels) + 1),
            zone: zone.clone(),
        })
    }

    /// Status of "there is no such record": the validator's verdict on the proof
    /// and the proofs of what the proof is made of (RFC 4035 §5.4).
    fn denial_status(&self) -> Dnssec {
        let parts = self.authorities.iter().filter(|r| {
            matches!(r.record_type(), RecordType::SOA | RecordType::NSEC | RecordType::NSEC3)
        });
        let lowest_part = parts.map(|r| status(r.proof)).reduce(lowest);
        // The validator lets an empty denial pass only below an insecure delegation.
        let status = match (self.denial, lowest_part) {
            (Some(proof), Some(part)) => lowest(status(proof), part),
            (Some(proof), None) => status(proof),
            (None, Some(part)) => part,
            (None, None) => Dnssec::Insecure,
        };
        let has_wildcard = self.authorities.iter().any(|r| r.name.is_wildcard());
        if status == Dnssec::Bogus && has_wildcard { Dnssec::Indeterminate } else { status }
    }
}

/// How an RRset came to be that no zone file holds.
enum Expansion {
    /// It did not.
    None,
    /// By a wildcard of a zone, if the name one label below the wildcard's parent
    /// does not exist.
    Wildcard { next_closer: Name, zone: Name },
    /// By a DNAME.
    Alias,
}

fn status(proof: Proof) -> Dnssec {
    match proof {
        Proof::Secure => Dnssec::Secure,
        Proof::Insecure => Dnssec::Insecure,
        Proof::Bogus => Dnssec::Bogus,
        Proof::Indeterminate => Dnssec::Indeterminate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_an_answer_is_the_paths_or_the_servers() {
        let io = |kind: io::ErrorKind| failure(&NetError::from(io::Error::from(kind))).0;
        assert_eq!(io(io::ErrorKind::NetworkUnreachable), LookupError::Unreachable);
        assert_eq!(io(io::ErrorKind::HostUnreachable), LookupError::Unreachable);
        assert_eq!(io(io::ErrorKind::ConnectionRefused), LookupError::Unreachable);
        assert_eq!(io(io::ErrorKind::TimedOut), LookupError::Timeout);
        assert_eq!(io(io::ErrorKind::UnexpectedEof), LookupError::Other);
        assert_eq!(failure(&NetError::NoConnections).0, LookupError::Unreachable);
        let code = |code| failure(&NetError::Dns(DnsError::ResponseCode(code)));
        assert_eq!(code(ResponseCode::FormErr), (LookupError::Other, "FORMERR".into()));
        assert_eq!(code(ResponseCode::Refused), (LookupError::Refused, "REFUSED".into()));
    }

    #[test]
    fn the_lowest_status_decides() {
        use Dnssec::{Bogus, Indeterminate, Insecure, Secure};
        let order = [Bogus, Indeterminate, Insecure, Secure];
        for (i, one) in order.iter().enumerate() {
            for (j, other) in order.iter().enumerate() {
                assert_eq!(lowest(*one, *other), order[i.min(j)]);
            }
        }
    }
}
