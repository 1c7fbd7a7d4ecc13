//! Every case of DANE (RFC 7672), judged by `posttls-finger` and by mxray.
//!
//! The oracle comes first and must say the word that the case is for: a record
//! that is not served, or a certificate that is not presented, fails there.
//!
//! Owns the comparison of the two. Refuses to know how records are served and
//! servers run.

mod cases;
mod exchanges;
mod page;

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};
use mxray::model::report::{ObservationReport, Report, TargetReport};
use mxray::model::route::Tlsa;
use mxray::model::tls::{Dane, DaneStatus};
use mxray::model::verdict::Status;

use self::cases::{CASES, Case};
pub(crate) use self::exchanges::Exchanges;
use crate::oracle::{self, Word};
use crate::topology::{CLIENT, RESOLVER};
use crate::world::{Play, World};

/// What both said of each case so far, by its domain.
static SEEN: Mutex<BTreeMap<&str, Row>> = Mutex::new(BTreeMap::new());

/// What both said of one case.
#[derive(Clone)]
struct Row {
    word: Word,
    dane: Option<Dane>,
    verdict: Status,
}

/// One trial a case, and one for the page.
pub(crate) fn plays() -> Vec<Play> {
    let play = |case: &'static Case| -> Play {
        let title = format!("dane: {}: {}", case.domain, case.title);
        (title, Box::new(move |world| case.seen(world).map(drop)))
    };
    let page: Play =
        ("dane: docs/dane.md has the table of this run".to_owned(), Box::new(page::agrees));
    CASES.iter().map(play).chain([page]).collect()
}

impl Case {
    /// Plays it, or gives what was seen when it was played before.
    fn seen(&'static self, world: &World) -> Result<Row> {
        let known = |rows: &BTreeMap<&str, Row>| rows.get(self.domain).cloned();
        if let Some(row) = SEEN.lock().ok().and_then(|rows| known(&rows)) {
            return Ok(row);
        }
        let row = self.play(world)?;
        if let Ok(mut rows) = SEEN.lock() {
            rows.insert(self.domain, row.clone());
        }
        Ok(row)
    }

    fn play(&self, world: &World) -> Result<Row> {
        let oracle::Judgement { word, record: printed, outcome: said } =
            oracle::dane(CLIENT, self.domain)?;
        ensure!(word == self.word, "the oracle says {word}, expected {}\n{said}", self.word);
        let (outcome, report) = world.probe(self.domain, RESOLVER)?;
        let report: Report = serde_json::from_value(report)?;
        let target = report.targets.first().context("no target")?;
        let dane = judged(target).with_context(|| outcome.to_string())?;
        let found =
            dane.as_ref().map(|dane| (dane.status, dane.reasons.first().map(String::as_str)));
        ensure!(
            found == expected(word),
            "mxray says {found:?}, the oracle {word}\n{said}\n{outcome}"
        );
        let record = dane.as_ref().and_then(|dane| dane.record.as_ref());
        let agree = match (record, &printed) {
            (Some(record), Some(printed)) => is_printed(record, printed),
            (None, None) => true,
            _ => false,
        };
        ensure!(agree, "mxray has {record:?}, the oracle {printed:?}\n{said}\n{outcome}");
        Ok(Row { word, dane, verdict: target.verdict.status })
    }
}

/// What mxray says where the oracle says a word; `None` where there is no
/// certificate to judge.
fn expected(word: Word) -> Option<(DaneStatus, Option<&'static str>)> {
    let mismatched = |reason| Some((DaneStatus::Mismatched, Some(reason)));
    match word {
        Word::Verified | Word::Trusted => Some((DaneStatus::Matched, None)),
        Word::Refused("hostname mismatch") => mismatched("certificate-host-mismatch"),
        Word::Refused("certificate has expired") => mismatched("certificate-expired"),
        Word::Refused(_) => mismatched("validation-failure"),
        Word::Unusable => Some((DaneStatus::Unusable, Some("tlsa-invalid"))),
        Word::NoRecords => Some((DaneStatus::None, None)),
        Word::LookupError | Word::NotReached => Some((DaneStatus::Bogus, Some("dnssec-invalid"))),
        Word::NoStarttls => None,
    }
}

/// The judgement of the first exchange's first session.
fn judged(target: &TargetReport) -> Result<Option<Dane>> {
    let route = target.routes.first().context("no route")?;
    let exchange = route.exchanges.first().context("no exchange")?;
    let is_its = |one: &&ObservationReport| one.probe.host == exchange.host;
    let session = target.observations.iter().find(is_its).context("no session")?;
    Ok(session.tls.as_ref().and_then(|tls| tls.dane.clone()))
}

/// Whether the oracle printed this record.
fn is_printed(record: &Tlsa, printed: &str) -> bool {
    let Tlsa { usage, selector, matching, data } = record;
    let whole = format!("{usage} {selector} {matching} {}", data.to_uppercase());
    match printed.split_once("...") {
        Some((head, tail)) => whole.starts_with(head) && whole.ends_with(tail),
        None => whole == printed,
    }
}
