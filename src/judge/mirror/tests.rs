//! What may be concluded of two transcripts of one session, and what may not.

mod pairing;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::judge::tests::mirrored_evidence;
use crate::judge::{Context, judge};
use crate::model::mirror::MirrorSource;
use crate::model::report::TargetReport;
use crate::model::transcript::{Ended, Ending, Event, EventKind, Transcript};
use crate::tls::Roots;

const GREETING: &str = "220 mirror.example.net ESMTP 0011223344556677\r\n";
const KEYWORDS: &str = "250-mirror.example.net\r\n250-STARTTLS\r\n250 CHUNKING\r\n";
const EHLO: &str = "EHLO probe.example.org\r\n";

fn said(text: &str) -> EventKind {
    EventKind::Sent(text.as_bytes().to_vec())
}

fn heard(text: &str) -> EventKind {
    EventKind::Received(text.as_bytes().to_vec())
}

fn over(how: Ended) -> EventKind {
    EventKind::Ended(Ending { how, detail: None })
}

fn up() -> EventKind {
    EventKind::Connected { local: Some("198.51.100.10:40000".parse().unwrap()) }
}

fn transcript(kinds: Vec<EventKind>) -> Transcript {
    let events = kinds.into_iter().zip(1..).map(|(kind, at_us)| Event { at_us, kind });
    Transcript { events: events.collect() }
}

/// The mirror's recording, as the mirror itself makes it.
fn recorded(id: &str, kinds: Vec<EventKind>) -> MirrorSession {
    MirrorSession {
        id: id.to_owned(),
        started_at: "2026-11-21T23:00:00Z".parse().unwrap(),
        client: "198.51.100.99:50000".parse().unwrap(),
        address: "203.0.113.62:25".parse().unwrap(),
        presented_sha256: Some("ab".repeat(32)),
        client_hello: None,
        truncated: false,
        transcript: transcript(kinds).to_entries(),
    }
}

fn mirror(sessions: Vec<MirrorSession>) -> MirrorEvidence {
    MirrorEvidence {
        source: MirrorSource::ImplicitTls,
        error: None,
        clock_offset_ms: Some(0),
        complete_since: Some("2026-11-21T22:00:00Z".parse().unwrap()),
        endpoint: None,
        channel_is_shared: Some(true),
        sessions,
    }
}

fn report(ours: Vec<Vec<EventKind>>, theirs: Vec<MirrorSession>) -> TargetReport {
    let ours = ours.into_iter().map(transcript).collect();
    let evidence = Evidence { mirror: Some(mirror(theirs)), ..mirrored_evidence(ours) };
    judge(&evidence, &[], Context { roots: &Roots::webpki(), verify_name: None })
}

fn outcomes(report: &TargetReport) -> Vec<MirrorOutcome> {
    report.mirror.as_ref().unwrap().compared.iter().map(|it| it.outcome).collect()
}

/// Our side of a session whose last command had no answer.
fn cut_here(how: Ended) -> Vec<EventKind> {
    let starttls = said("STARTTLS\r\n");
    vec![up(), heard(GREETING), said(EHLO), heard(KEYWORDS), starttls, over(how)]
}

/// The mirror's side, which never had that command.
fn cut_there(how: Ended) -> Vec<EventKind> {
    vec![said(GREETING), heard(EHLO), said(KEYWORDS), over(how)]
}

const ID: &str = "0011223344556677";

#[test]
fn an_end_that_is_missing_is_a_suspicion_once_and_no_proof_however_often() {
    let once = report(vec![cut_here(Ended::Reset)], vec![recorded(ID, cut_there(Ended::ByPeer))]);
    assert_eq!(outcomes(&once), [MirrorOutcome::CutOff]);
    let claimed = (once.verdict.status, once.verdict.confidence);
    assert_eq!(claimed, (Status::Stripped, Some(Confidence::Suspected)));
    assert!(once.findings.iter().all(|it| it.severity < crate::model::finding::Severity::Critical));
}

/// A session that came to its end, and was the same at both.
fn whole_here() -> Vec<EventKind> {
    let offer = [up(), heard(GREETING), said(EHLO), heard(KEYWORDS), said("QUIT\r\n")];
    [&offer[..], &[over(Ended::ByUs)]].concat()
}

fn whole_there() -> Vec<EventKind> {
    let offer = [said(GREETING), heard(EHLO), said(KEYWORDS), heard("QUIT\r\n")];
    [&offer[..], &[over(Ended::ByUs)]].concat()
}

/// Sessions of ours, each with its recording of another id.
fn several(pairs: Vec<(Vec<EventKind>, Vec<EventKind>)>) -> TargetReport {
    let named = |kinds: Vec<EventKind>, id: &str| -> Vec<EventKind> {
        let own = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(ID, id);
        let renamed = |kind| match kind {
            EventKind::Sent(bytes) => said(&own(&bytes)),
            EventKind::Received(bytes) => heard(&own(&bytes)),
            kind => kind,
        };
        kinds.into_iter().map(renamed).collect()
    };
    let ids = (0..pairs.len()).map(|number| format!("{number:016x}"));
    let (ours, theirs) = pairs
        .into_iter()
        .zip(ids)
        .map(|((ours, theirs), id)| (named(ours, &id), recorded(&id, named(theirs, &id))))
        .unzip();
    report(ours, theirs)
}

#[test]
fn a_path_that_loses_packets_is_no_suspicion() {
    let cut = || (cut_here(Ended::Timeout), cut_there(Ended::Timeout));
    let whole = || (whole_here(), whole_there());
    let by_mirror = |report: &TargetReport| report.verdict.because.as_deref() == Some(MIRROR);
    // Each time at STARTTLS: a box does that.
    let each = several(vec![cut(), cut()]);
    assert_eq!(outcomes(&each), [MirrorOutcome::CutOff; 2]);
    assert_eq!(each.verdict.confidence, Some(Confidence::Corroborated));
    assert!(by_mirror(&each));
    // Once of twice, or once somewhere else: packets are lost like that.
    let once = several(vec![cut(), whole()]);
    assert_eq!(outcomes(&once), [MirrorOutcome::CutOff, MirrorOutcome::Identical]);
    let early = || {
        let ours = vec![up(), heard(GREETING), said(EHLO), over(Ended::Timeout)];
        (ours, vec![said(GREETING), over(Ended::Timeout)])
    };
    for report in [once, several(vec![cut(), early()]), several(vec![early(), early()])] {
        assert!(!by_mirror(&report), "{:?}", report.verdict);
        let finding = report.findings.iter().find(|it| it.id == "mirror-cut-off").unwrap();
        assert!(finding.severity <= crate::model::finding::Severity::Warning, "{finding:?}");
    }
}

#[test]
fn silence_behind_a_client_hello_that_arrived_may_be_a_path_that_loses_large_packets() {
    let failed = || EventKind::HandshakeFailed(Box::default());
    let hello = |arrived: bool| {
        let mut ours = cut_here(Ended::Timeout);
        ours.pop();
        ours.extend([heard("220 go\r\n"), failed(), over(Ended::Timeout)]);
        let mut theirs = cut_there(Ended::Timeout);
        theirs.pop();
        theirs.extend([heard("STARTTLS\r\n"), said("220 go\r\n"), failed(), over(Ended::Timeout)]);
        let id = format!("{ID}{arrived}");
        let ours: Vec<_> = ours
            .into_iter()
            .map(|kind| match kind {
                EventKind::Received(bytes) => {
                    heard(&String::from_utf8_lossy(&bytes).replace(ID, &id))
                }
                kind => kind,
            })
            .collect();
        theirs[0] = said(&GREETING.replace(ID, &id));
        (ours, MirrorSession { client_hello: Some(arrived), ..recorded(&id, theirs) })
    };
    for (arrived, sure) in [(true, Confidence::Suspected), (false, Confidence::Corroborated)] {
        let (ours, theirs) = hello(arrived);
        let report = report(vec![ours.clone(), ours], vec![theirs]);
        assert_eq!(outcomes(&report), [MirrorOutcome::CutOff; 2]);
        assert_eq!(report.verdict.confidence, Some(sure), "{arrived}");
    }
}

#[test]
fn an_address_that_nobody_knows_to_be_the_mirrors_is_no_suspicion() {
    // Something else greets at it, every time.
    let other = || vec![up(), heard("220 mx\r\n"), said(EHLO), heard(KEYWORDS), over(Ended::ByUs)];
    let ours: Vec<_> = [other(), other()].map(transcript).into();
    let asked = |endpoint: Option<&str>| {
        let endpoint = endpoint.map(|text| text.parse().unwrap());
        let mirror = Some(MirrorEvidence { endpoint, ..mirror(Vec::new()) });
        let evidence = Evidence { mirror, ..mirrored_evidence(ours.clone()) };
        judge(&evidence, &[], Context { roots: &Roots::webpki(), verify_name: None })
    };
    for (fetched_at, claimed) in [
        (None, None),
        (Some("[2001:db8::5]:25"), None),
        (Some("203.0.113.62:465"), Some(Confidence::Suspected)),
        (Some("203.0.113.62:25"), Some(Confidence::Corroborated)),
    ] {
        let report = asked(fetched_at);
        assert_eq!(outcomes(&report), [MirrorOutcome::NotReached; 2]);
        let by_mirror = report.verdict.because.as_deref() == Some(MIRROR);
        let claim = report.verdict.confidence.filter(|_| by_mirror);
        assert_eq!(claim, claimed, "{fetched_at:?} {:?}", report.verdict);
    }
}

#[test]
fn who_stopped_reading_lost_nothing() {
    // We gave up by ourselves, before the mirror's answer came.
    let ours = vec![up(), heard(GREETING), said(EHLO), over(Ended::ByUs)];
    let theirs =
        recorded(ID, vec![said(GREETING), heard(EHLO), said(KEYWORDS), over(Ended::ByPeer)]);
    assert_eq!(outcomes(&report(vec![ours], vec![theirs])), [MirrorOutcome::Identical]);
    // The mirror is not done yet, or hit its cap.
    let mut under_way = recorded(ID, cut_there(Ended::ByPeer));
    under_way.transcript.pop();
    let ours = || vec![cut_here(Ended::LocalError)];
    assert_eq!(outcomes(&report(ours(), vec![under_way])), [MirrorOutcome::Identical]);
    let capped = MirrorSession { truncated: true, ..recorded(ID, cut_there(Ended::ByPeer)) };
    assert_eq!(outcomes(&report(ours(), vec![capped])), [MirrorOutcome::Identical]);
}

#[test]
fn what_came_off_the_wire_is_shown_escaped_and_cut() {
    assert_eq!(shown(b"250 \x1b[2J\xff\"\r\n"), "250 \\x1b[2J\\xff\"\\r\\n");
    assert_eq!(shown(&[b'a'; 2000]), format!("{} (and 976 more bytes)", "a".repeat(1024)));
}

/// The same bytes in other segments.
fn cut(bytes: &[u8], sizes: &[usize], event: impl Fn(Vec<u8>) -> EventKind) -> Vec<EventKind> {
    let mut rest = bytes;
    let mut events = Vec::new();
    for size in sizes {
        let (head, tail) = rest.split_at(*size.min(&rest.len()));
        events.push(event(head.to_vec()));
        rest = tail;
    }
    events.push(event(rest.to_vec()));
    events
}

proptest! {
    #[test]
    fn a_path_that_changes_nothing_never_differs(
        there in proptest::collection::vec(any::<u8>(), 0..200),
        back in proptest::collection::vec(any::<u8>(), 0..200),
        sizes in proptest::collection::vec(0..60_usize, 0..5),
        other_sizes in proptest::collection::vec(0..60_usize, 0..5),
        how in proptest::sample::select(vec![Ended::ByUs, Ended::ByPeer, Ended::Reset, Ended::Timeout]),
    ) {
        let mut ours = vec![up(), heard(GREETING), said(EHLO)];
        ours.extend(cut(&there, &sizes, EventKind::Sent));
        ours.extend(cut(&back, &other_sizes, EventKind::Received));
        ours.push(over(how));
        let mut theirs = vec![said(GREETING), heard(EHLO)];
        theirs.extend(cut(&back, &sizes, EventKind::Sent));
        theirs.extend(cut(&there, &other_sizes, EventKind::Received));
        theirs.push(over(how));
        let report = report(vec![ours], vec![recorded(ID, theirs)]);
        prop_assert_eq!(outcomes(&report), [MirrorOutcome::Identical]);
        prop_assert!(report.findings.iter().all(|it| !it.id.starts_with("mirror-")));
    }

    #[test]
    fn any_byte_that_is_changed_in_the_middle_is_found(
        text in "[ -~]{1,40}\r\n",
        at in any::<proptest::sample::Index>(),
        by in 1..=255_u8,
    ) {
        let mut changed = text.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] ^= by;
        let ours = vec![up(), heard(GREETING), said(EHLO), said(&text), said("QUIT\r\n"), over(Ended::ByUs)];
        let theirs = vec![
            said(GREETING), heard(EHLO), EventKind::Received(changed), heard("QUIT\r\n"), over(Ended::ByUs),
        ];
        let report = report(vec![ours], vec![recorded(ID, theirs)]);
        prop_assert_eq!(outcomes(&report), [MirrorOutcome::BytesChanged]);
    }
}

/// Our side of a session in which a box took the offer out and refused the command.
fn stripped_here() -> Vec<EventKind> {
    let keywords = heard("250-mirror.example.net\r\n250 CHUNKING\r\n");
    let refused = heard("502 5.5.1 not here\r\n");
    let asked = [up(), heard(GREETING), said(EHLO), keywords, said("STARTTLS\r\n"), refused];
    [&asked[..], &[said("QUIT\r\n"), over(Ended::ByUs)]].concat()
}

#[test]
fn what_the_mirrors_transcript_refutes_is_no_explanation() {
    let by_server = crate::judge::catalogue::HIDDEN_BY_SERVER;
    let told = |report: &TargetReport| -> Vec<String> {
        let not_offered = report.findings.iter().find(|it| it.id == "starttls-not-offered");
        not_offered.unwrap().alternatives.clone()
    };
    let with = several(vec![(stripped_here(), whole_there())]);
    assert_eq!(outcomes(&with), [MirrorOutcome::BytesChanged]);
    let alternatives = told(&with);
    assert!(!alternatives.iter().any(|one| one == by_server), "{alternatives:?}");
    assert_eq!(alternatives.len(), 1, "a device on the path it may well be");
    // Without a recording nothing is refuted.
    let without = report(vec![stripped_here()], vec![]);
    assert!(told(&without).iter().any(|one| one == by_server), "{without:?}");
}
