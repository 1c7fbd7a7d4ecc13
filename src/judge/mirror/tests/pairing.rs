//! Which recording is of which session.

use super::*;

#[test]
fn a_strangers_session_is_not_taken_for_ours() {
    // The greeting is masked, so that only time is left, and a stranger came then too.
    let ours =
        || vec![up(), heard("220 ****\r\n"), said(EHLO), heard("250 x\r\n"), over(Ended::ByUs)];
    let stranger =
        || recorded("ff", vec![said(GREETING), heard("EHLO bot\r\n"), over(Ended::ByPeer)]);
    let with = report(vec![ours()], vec![stranger()]);
    assert_eq!(outcomes(&with), [MirrorOutcome::NotReached]);
    let own =
        recorded("aa", vec![said(GREETING), heard(EHLO), said("250 x\r\n"), over(Ended::ByUs)]);
    let found = report(vec![ours()], vec![stranger(), own.clone()]);
    assert_eq!(outcomes(&found), [MirrorOutcome::BytesChanged]);
    // Two that could be ours: none is.
    let twin = MirrorSession { id: "bb".into(), ..own.clone() };
    let both = report(vec![ours()], vec![own.clone(), twin]);
    assert_eq!(outcomes(&both), [MirrorOutcome::NotCompared]);
    let unmatched = both.findings.iter().find(|it| it.id == "mirror-unmatched").unwrap();
    let told = unmatched.remedy.as_deref().unwrap();
    assert!(told.contains("ask again") && told.contains("--ehlo"), "{unmatched:?}");
    assert!(both.verdict.confidence.is_none(), "{:?}", both.verdict);
    // The other gives a name of its own: ours is told by ours.
    let name = heard("EHLO office.example.org\r\n");
    let other = recorded("bb", vec![said(GREETING), name, over(Ended::ByPeer)]);
    assert_eq!(
        outcomes(&report(vec![ours()], vec![other, own.clone()])),
        [MirrorOutcome::BytesChanged]
    );
    // Hours apart: neither ours nor missing, for the mirror does not know so far back.
    let early = own.started_at - SignedDuration::from_hours(3);
    let gap = MirrorEvidence {
        complete_since: Some(own.started_at + SignedDuration::from_secs(60)),
        endpoint: None,
        channel_is_shared: Some(true),
        ..mirror(vec![MirrorSession { started_at: early, ..own }])
    };
    let evidence = Evidence { mirror: Some(gap), ..mirrored_evidence(vec![transcript(ours())]) };
    let context = Context { roots: &Roots::webpki(), verify_name: None };
    let report = judge(&evidence, &[], context);
    assert_eq!(outcomes(&report), [MirrorOutcome::NotCompared]);
    assert!(report.findings.iter().any(|it| it.id == "mirror-unmatched"));
}

#[test]
fn a_file_says_nothing_of_what_is_not_in_it() {
    let file = MirrorEvidence {
        source: MirrorSource::File,
        clock_offset_ms: None,
        complete_since: None,
        endpoint: None,
        channel_is_shared: Some(true),
        ..mirror(Vec::new())
    };
    let ours = transcript(cut_here(Ended::ByUs));
    let evidence = Evidence { mirror: Some(file), ..mirrored_evidence(vec![ours]) };
    let context = Context { roots: &Roots::webpki(), verify_name: None };
    assert_eq!(outcomes(&judge(&evidence, &[], context)), [MirrorOutcome::NotCompared]);
}

#[test]
fn a_recording_that_makes_no_sense_is_none() {
    let mut broken = recorded(ID, cut_there(Ended::ByPeer));
    broken.transcript[0].event = Some("no such event".into());
    broken.transcript[0].text = None;
    assert_eq!(
        outcomes(&report(vec![cut_here(Ended::Reset)], vec![broken])),
        [MirrorOutcome::NotCompared]
    );
}

/// Two vantage points whose sessions begin at the same time.
fn two_views(ours: [Vec<EventKind>; 2], theirs: Vec<MirrorSession>) -> TargetReport {
    let mut evidence = mirrored_evidence(ours.map(transcript).into());
    evidence.observations[1].probe.vantage = "berlin".into();
    let other =
        crate::model::route::Route { vantage: "berlin".into(), ..evidence.routes[0].clone() };
    evidence.routes.push(other);
    evidence.mirror = Some(mirror(theirs));
    judge(&evidence, &[], Context { roots: &Roots::webpki(), verify_name: None })
}

#[test]
fn recordings_hold_the_sessions_of_every_view_and_none_is_taken_for_anothers() {
    let masked = || {
        let ours = [up(), heard("220 ****\r\n"), said(EHLO), heard(KEYWORDS), over(Ended::ByUs)];
        let theirs = [said(GREETING), heard(EHLO), said(KEYWORDS), over(Ended::ByUs)];
        (ours.to_vec(), theirs.to_vec())
    };
    let (ours, theirs) = masked();
    // The other view is known by its greeting: what is left is of this one.
    let told = two_views(
        [ours.clone(), whole_here()],
        vec![recorded("ff", theirs.clone()), recorded(ID, whole_there())],
    );
    assert_eq!(outcomes(&told), [MirrorOutcome::BytesChanged, MirrorOutcome::Identical]);
    let views = told.views.unwrap();
    assert_eq!(views[1].verdict.status, Status::Inconclusive, "by its own session alone");
    // Both are masked, at the same time and with one name: neither is told.
    let both = two_views(
        [ours.clone(), ours.clone()],
        vec![recorded("ee", theirs.clone()), recorded("ff", theirs.clone())],
    );
    assert_eq!(outcomes(&both), [MirrorOutcome::NotCompared; 2]);
    // One that never came there is not taken for missing while the other may be meant.
    let one = two_views([ours.clone(), ours], vec![recorded("ee", theirs)]);
    assert_eq!(outcomes(&one), [MirrorOutcome::NotCompared; 2]);
}

#[test]
fn of_many_recordings_the_first_that_the_greeting_names_is_taken() {
    let stranger = |place: u64| {
        // Of other lengths too, and in disorder.
        let id = format!("{:0width$x}", place + (1 << 40), width = 16 + (place % 5) as usize);
        let mut session = recorded(&id, whole_there());
        let later = SignedDuration::from_millis((place * 7919 % 2000).cast_signed());
        session.started_at = session.started_at.checked_add(later).unwrap();
        session
    };
    let empty = recorded("", whole_there());
    let part = recorded(&ID[4..], whole_there());
    let own = recorded(ID, whole_there());
    for (named, first) in [([own.clone(), part.clone()], ID), ([part, own], &ID[4..])] {
        let all = (0..2000).map(stranger).chain([empty.clone()]).chain(named);
        let report = report(vec![whole_here(); 3], all.collect());
        let compared = &report.mirror.as_ref().unwrap().compared;
        assert!(compared.iter().all(|it| it.session.as_deref() == Some(first)), "{first}");
        assert!(compared.iter().all(|it| it.matched_by == Some(MatchedBy::Greeting)));
    }
}
