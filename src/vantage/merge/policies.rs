//! What several reports were told of one domain's policies.
//!
//! Owns which of two answers is kept. Refuses to judge either.

use crate::model::report::{MtaStsReport, Policies, TlsRptReport};

/// Keeps what the first report was told that was told the most; false where two
/// were told different things.
pub(super) fn add(ours: &mut Policies, theirs: Policies) -> bool {
    let (told, heard) = (sts_told(&ours.mta_sts), sts_told(&theirs.mta_sts));
    let (reports, others) = (rpt_told(&ours.tls_rpt), rpt_told(&theirs.tls_rpt));
    if amount(&heard) > amount(&told) {
        ours.mta_sts = theirs.mta_sts;
    }
    if amount(&others) > amount(&reports) {
        ours.tls_rpt = theirs.tls_rpt;
    }
    agree(&told, &heard) && agree(&reports, &others)
}

/// What was told of a promise: the records of its TXT answer and the policy, `None`
/// where there was no answer.
type Told = (Option<Vec<String>>, Option<String>);

fn sts_told(sts: &MtaStsReport) -> Told {
    let records = sts.record.as_ref().map(|answer| answer.records.clone());
    (records, sts.fetch.as_ref().and_then(|fetch| fetch.body.clone()))
}

fn rpt_told(rpt: &TlsRptReport) -> Told {
    (rpt.record.as_ref().map(|answer| answer.records.clone()), None)
}

/// Who is told of no policy may have been deceived; who is told of one knows more.
fn amount((records, body): &Told) -> usize {
    let told = records.as_ref().is_some_and(|records| !records.is_empty());
    usize::from(records.is_some()) + usize::from(told) + usize::from(body.is_some())
}

/// Whether two were told the same, or one did not ask.
fn agree(one: &Told, other: &Told) -> bool {
    one.0.is_none() || other.0.is_none() || one == other
}
