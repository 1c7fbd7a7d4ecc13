//! SPF for one address (RFC 7208), without asking anybody.
//!
//! Owns `check_host()`. [`evaluate`] begins anew with all the answers that are known
//! so far, and says which question comes next, until nothing is missing: at most ten
//! terms cost a lookup, so that is cheap, and there is no state to keep.
//!
//! Refuses to ask DNS itself, and to look at `exp=`: no explanation changes a result.

mod expand;
mod record;

use std::collections::HashMap;
use std::net::IpAddr;

use crate::model::egress::{SpfEvaluation, SpfResult};
use crate::model::probe::Family;
use expand::Values;
use record::{Mechanism, Record, Term};

/// Most terms that cost a lookup (RFC 7208 §4.6.4).
const MAX_LOOKUPS: u32 = 10;
/// Most lookups that may find nothing (RFC 7208 §4.6.4).
const MAX_VOID_LOOKUPS: u32 = 2;
/// Most exchanges of one `mx`, and most names that `ptr` looks at (RFC 7208 §4.6.4).
const MAX_HOSTS: usize = 10;
/// Longest label of a name, in octets.
const MAX_LABEL: usize = 63;

/// What has to be asked of DNS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// TXT records of a name.
    Texts(String),
    /// A or AAAA records of a name.
    Addresses(String, Family),
    /// MX records of a name, and the addresses of each exchange.
    Exchanges(String, Family),
    /// Names of the client's address that lead back to it.
    Names(IpAddr),
}

impl Question {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Texts(name) | Self::Addresses(name, _) | Self::Exchanges(name, _) => Some(name),
            Self::Names(_) => None,
        }
    }
}

/// What DNS said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// TXT records, the strings of each joined (RFC 7208 §3.3).
    Texts(Vec<String>),
    /// Addresses of the family that was asked for.
    Addresses(Vec<IpAddr>),
    /// The addresses of each exchange; `None` where DNS did not tell them.
    Exchanges(Vec<Option<Vec<IpAddr>>>),
    /// Names that lead back to the address.
    Names(Vec<String>),
    /// There is no such name, or no such record.
    Void,
    /// No answer that could be used.
    Failed,
}

/// All that was answered so far.
pub type Answers = HashMap<Question, Answer>;

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The address.
    pub ip: IpAddr,
    /// The envelope sender, `local@domain`.
    pub sender: &'a str,
    /// The EHLO name, where it is known.
    pub helo: Option<&'a str>,
}

impl<'a> Client<'a> {
    fn local_part(&self) -> &'a str {
        self.sender.rsplit_once('@').map_or("postmaster", |(local, _)| local)
    }

    fn domain(&self) -> &'a str {
        self.sender.rsplit_once('@').map_or(self.sender, |(_, domain)| domain)
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This has to be asked first.
    Ask(Question),
    /// The result.
    Done(SpfEvaluation),
    /// There is no telling, and why: it depends on the EHLO name, which is not known.
    Unknown(String),
}

/// Evaluates the record of the sender's domain, as far as the answers go.
pub fn evaluate(client: &Client<'_>, answers: &Answers) -> Step {
    // RFC 7208 §5: an IPv4 address in IPv6's clothes is an IPv4 address.
    let client = &Client { ip: client.ip.to_canonical(), ..*client };
    let mut evaluation = Evaluation { client, answers, lookups: 0, voids: 0 };
    let domain = client.domain().to_ascii_lowercase();
    let (outcome, problem) = match evaluation.check_host(&domain) {
        Err(Stop::Ask(question)) => return Step::Ask(question),
        Err(Stop::Unknown(why)) => return Step::Unknown(why),
        Err(Stop::Error(result, problem)) => (Outcome::undecided(result), Some(problem)),
        Ok(outcome) => (outcome, None),
    };
    Step::Done(SpfEvaluation {
        domain,
        ip: client.ip,
        result: outcome.result,
        decided_by: outcome.decided_by,
        lookups: evaluation.lookups,
        problem,
    })
}

/// Why an evaluation does not go on.
enum Stop {
    Ask(Question),
    Unknown(String),
    Error(SpfResult, String),
}

fn permanent(problem: impl Into<String>) -> Stop {
    Stop::Error(SpfResult::Permerror, problem.into())
}

fn temporary(name: &str) -> Stop {
    Stop::Error(SpfResult::Temperror, format!("DNS did not answer for {name}"))
}

struct Outcome {
    result: SpfResult,
    decided_by: Vec<String>,
}

impl Outcome {
    fn undecided(result: SpfResult) -> Self {
        Self { result, decided_by: Vec::new() }
    }
}

struct Evaluation<'a> {
    client: &'a Client<'a>,
    answers: &'a Answers,
    lookups: u32,
    voids: u32,
}

impl<'a> Evaluation<'a> {
    /// RFC 7208 §4. A loop of records ends at the limit of lookups.
    fn check_host(&mut self, domain: &str) -> Result<Outcome, Stop> {
        let Some(record) = self.record(domain)? else {
            return Ok(Outcome::undecided(SpfResult::None));
        };
        for Term { qualifier, mechanism, text } in &record.terms {
            if let Some(mut within) = self.matches(mechanism, domain)? {
                within.insert(0, text.clone());
                return Ok(Outcome { result: *qualifier, decided_by: within });
            }
        }
        let Some(redirect) = &record.redirect else {
            return Ok(Outcome::undecided(SpfResult::Neutral));
        };
        self.count_lookup()?;
        let target = self.expanded(redirect, domain)?;
        let mut outcome = self.check_host(&target)?;
        // RFC 7208 §6.1.
        if outcome.result == SpfResult::None {
            return Err(permanent(format!("redirect={target} leads to no SPF record")));
        }
        outcome.decided_by.insert(0, format!("redirect={target}"));
        Ok(outcome)
    }

    /// The only record of a domain (RFC 7208 §4.5).
    fn record(&self, domain: &str) -> Result<Option<Record>, Stop> {
        let texts = match self.answer(Question::Texts(domain.to_owned()))? {
            Answer::Texts(texts) => texts.as_slice(),
            Answer::Failed => return Err(temporary(domain)),
            _ => &[],
        };
        let mut records = texts.iter().filter(|text| record::is_spf(text));
        match (records.next(), records.next()) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(permanent(format!("{domain} has several SPF records"))),
            (Some(text), None) => Record::parse(text)
                .map(Some)
                .map_err(|problem| permanent(format!("the SPF record of {domain}: {problem}"))),
        }
    }

    /// The terms inside that decided, where a mechanism matches.
    fn matches(
        &mut self,
        mechanism: &Mechanism,
        domain: &str,
    ) -> Result<Option<Vec<String>>, Stop> {
        let is_match = match mechanism {
            Mechanism::All => true,
            Mechanism::Network(network) => network.contains(self.client.ip),
            Mechanism::Include(name) => return self.include(name, domain),
            Mechanism::A(name, lengths) => {
                let name = self.term_name(name.as_deref(), domain)?;
                let found = self.addresses(&name, Family::of(self.client.ip))?;
                found.iter().any(|ip| lengths.covers(*ip, self.client.ip))
            }
            Mechanism::Mx(name, lengths) => {
                let name = self.term_name(name.as_deref(), domain)?;
                let found = self.exchanges(&name)?;
                let mut known = found.iter().flatten().flatten();
                let is_one = known.any(|ip| lengths.covers(*ip, self.client.ip));
                if !is_one && found.contains(&None) {
                    return Err(temporary(&format!("an exchange of {name}")));
                }
                is_one
            }
            Mechanism::Ptr(name) => {
                let name = self.term_name(name.as_deref(), domain)?;
                self.is_named_below(&name)?
            }
            Mechanism::Exists(name) => {
                let name = self.term_name(Some(name), domain)?;
                // RFC 7208 §5.7: an A record, whatever the client's family.
                !self.addresses(&name, Family::Ipv4)?.is_empty()
            }
        };
        Ok(is_match.then(Vec::new))
    }

    /// RFC 7208 §5.2.
    fn include(&mut self, name: &str, domain: &str) -> Result<Option<Vec<String>>, Stop> {
        let name = self.term_name(Some(name), domain)?;
        let outcome = self.check_host(&name)?;
        match outcome.result {
            SpfResult::Pass => Ok(Some(outcome.decided_by)),
            SpfResult::None => Err(permanent(format!("include:{name} leads to no SPF record"))),
            _ => Ok(None),
        }
    }

    /// The name that a term asks for, which counts.
    fn term_name(&mut self, typed: Option<&str>, domain: &str) -> Result<String, Stop> {
        self.count_lookup()?;
        typed.map_or_else(|| Ok(domain.to_owned()), |typed| self.expanded(typed, domain))
    }

    fn expanded(&self, typed: &str, domain: &str) -> Result<String, Stop> {
        if self.client.helo.is_none() && expand::has_macro(typed, 'h') {
            return Err(Stop::Unknown(format!(
                "the SPF record of {domain} asks for {typed}, and the EHLO name is not known"
            )));
        }
        let needs_names = expand::has_macro(typed, 'p');
        let validated = if needs_names { self.validated_name(domain)? } else { "" };
        let values = Values { client: self.client, domain, validated };
        expand::expand(typed, values).map_err(permanent)
    }

    /// The macro `p` (RFC 7208 §7.3): the domain itself if it is a name of the client,
    /// or one below it, or any.
    fn validated_name(&self, domain: &str) -> Result<&'a str, Stop> {
        let Answer::Names(names) = self.answer(Question::Names(self.client.ip))? else {
            return Ok("unknown");
        };
        let names = || names.iter().take(MAX_HOSTS).map(String::as_str);
        let found = names().find(|name| *name == domain);
        let found = found.or_else(|| names().find(|name| is_below(name, domain)));
        Ok(found.or_else(|| names().next()).unwrap_or("unknown"))
    }

    fn count_lookup(&mut self) -> Result<(), Stop> {
        self.lookups += 1;
        if self.lookups > MAX_LOOKUPS {
            return Err(permanent(format!(
                "more than {MAX_LOOKUPS} terms cost a DNS lookup (RFC 7208 §4.6.4)"
            )));
        }
        Ok(())
    }

    fn count_void(&mut self) -> Result<(), Stop> {
        self.voids += 1;
        if self.voids > MAX_VOID_LOOKUPS {
            return Err(permanent(format!(
                "more than {MAX_VOID_LOOKUPS} lookups found nothing (RFC 7208 §4.6.4)"
            )));
        }
        Ok(())
    }

    fn addresses(&mut self, name: &str, family: Family) -> Result<&'a [IpAddr], Stop> {
        match self.answer(Question::Addresses(name.to_owned(), family))? {
            Answer::Addresses(addresses) => Ok(addresses),
            Answer::Failed => Err(temporary(name)),
            _ => self.count_void().map(|()| [].as_slice()),
        }
    }

    fn exchanges(&mut self, name: &str) -> Result<&'a [Option<Vec<IpAddr>>], Stop> {
        match self.answer(Question::Exchanges(name.to_owned(), Family::of(self.client.ip)))? {
            Answer::Exchanges(hosts) if hosts.len() > MAX_HOSTS => {
                Err(permanent(format!("{name} has more than {MAX_HOSTS} MX hosts")))
            }
            Answer::Exchanges(hosts) => Ok(hosts),
            Answer::Failed => Err(temporary(name)),
            _ => self.count_void().map(|()| [].as_slice()),
        }
    }

    /// RFC 7208 §5.5: what DNS does not tell does not match.
    fn is_named_below(&mut self, domain: &str) -> Result<bool, Stop> {
        match self.answer(Question::Names(self.client.ip))? {
            Answer::Names(names) => {
                let mut names = names.iter().take(MAX_HOSTS);
                Ok(names.any(|name| name == domain || is_below(name, domain)))
            }
            Answer::Void => self.count_void().map(|()| false),
            _ => Ok(false),
        }
    }

    /// What is no name of DNS is not asked, and is not there (RFC 7208 §4.3).
    fn answer(&self, question: Question) -> Result<&'a Answer, Stop> {
        if question.name().is_some_and(|name| !is_name(name)) {
            return Ok(&Answer::Void);
        }
        self.answers.get(&question).ok_or(Stop::Ask(question))
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// Labels of 1 to 63 octets (RFC 1035 §2.3.4). Longer names were cut to fit.
fn is_name(name: &str) -> bool {
    name.split('.').all(|label| (1..=MAX_LABEL).contains(&label.len()))
}

#[cfg(test)]
mod tests;
