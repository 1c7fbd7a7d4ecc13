//! A mirror behind every item of the middlebox menu: what both ends wrote down, laid
//! side by side, shows what the box did, byte by byte.

use std::time::Duration;

use mxray::judge;
use mxray::mirror::log::{self, Log};
use mxray::mirror::server::Notice;
use mxray::mirror::token::Token;
use mxray::mirror::words::{Refused, Request};
use mxray::model::evidence::Evidence;
use mxray::model::mirror::{
    ComparedSession, MatchedBy, MirrorEvidence, MirrorOutcome, MirrorSource,
};
use mxray::model::report::TargetReport;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::middlebox::Behaviour;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::mirror_stage::{Stage, asked, exchange, judged, mirror, starttls};
use crate::mirror_table::{self, expected};

/// What a box of this behaviour is shown to have done, or a complaint.
async fn shown(behaviour: Behaviour) -> Option<String> {
    let stage = Stage::set(behaviour).await;
    if behaviour == Behaviour::Relay {
        // A mirror that has just begun does not know that there was no session before.
        tokio::time::sleep(Duration::from_millis(2100)).await;
    }
    let report = stage.checked().await;
    let expected = expected(behaviour);
    let compared = &mirror(&report).compared;
    let found = (report.verdict.status, report.verdict.confidence);
    let shown = |session: &ComparedSession| mirror_table::shown(behaviour, session);
    let sessions: Vec<_> = compared.iter().map(shown).collect();
    let allowed = judge::CLAIMS.claims.iter().any(|ground| ground.allows(&report.verdict));
    let right = allowed
        && found == (expected.status, expected.confidence)
        && sessions.iter().all(|it| *it == (expected.outcome, expected.differences.clone()))
        && compared.len() >= 2;
    (!right).then(|| format!("{behaviour}: {found:?} {sessions:#?}"))
}

#[tokio::test]
async fn every_item_of_the_menu_is_shown_byte_by_byte() {
    let mut work = JoinSet::new();
    for behaviour in Behaviour::ALL {
        work.spawn(shown(behaviour));
    }
    let outcomes = work.join_all().await;
    assert_eq!(outcomes.len(), Behaviour::ALL.len());
    let wrong: Vec<String> = outcomes.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a box on one of two paths is shown to have done, or a complaint.
async fn shown_from_two(behaviour: Behaviour) -> Option<String> {
    let stage = Stage::set(behaviour).await;
    if behaviour == Behaviour::Relay {
        tokio::time::sleep(Duration::from_millis(2100)).await;
    }
    let report = stage.checked_from(vec![stage.here(), stage.clean()]).await;
    let expected = expected(behaviour);
    // Another view came to the mirror at that very address and port.
    let confidence = match behaviour {
        Behaviour::Relay => Some(Confidence::Corroborated),
        _ => expected.confidence,
    };
    let verdict = &report.verdict;
    let told = verdict.because.as_deref() != Some("mirror")
        || verdict.summary.contains("from clean every byte arrives as it was sent");
    let views: Vec<Status> = report.views.iter().flatten().map(|it| it.verdict.status).collect();
    let from = |vantage: &str| -> Vec<_> {
        let is_from = |it: &&ComparedSession| {
            let seen = report.observations.iter().find(|seen| seen.id == it.observation);
            seen.is_some_and(|seen| seen.probe.vantage == vantage)
        };
        let compared = mirror(&report).compared.iter().filter(is_from);
        compared.map(|it| mirror_table::shown(behaviour, it)).collect()
    };
    let is =
        |sessions: &[_], wanted| !sessions.is_empty() && sessions.iter().all(|it| *it == wanted);
    let (here, clean) = (from("local"), from("clean"));
    let right = (verdict.status, verdict.confidence) == (expected.status, confidence)
        && told
        && views == [expected.status, Status::Intact]
        && is(&here, (expected.outcome, expected.differences))
        && is(&clean, (MirrorOutcome::Identical, Vec::new()));
    (!right).then(|| format!("{behaviour}: {verdict:?} {views:?} {here:#?} {clean:#?}"))
}

#[tokio::test]
async fn of_two_views_the_one_behind_the_box_is_shown_to_be_changed_and_the_other_is_cleared() {
    let mut work = JoinSet::new();
    for behaviour in Behaviour::ALL {
        work.spawn(shown_from_two(behaviour));
    }
    let outcomes = work.join_all().await;
    assert_eq!(outcomes.len(), Behaviour::ALL.len());
    let wrong: Vec<String> = outcomes.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_mirror_that_is_gone_or_has_begun_anew_takes_nothing_away_and_claims_nothing() {
    let mut stage = Stage::set(Behaviour::DropKeyword).await;
    let evidence = stage.survey().await;
    stage.work.abort_all();
    let gone = stage.fetch(&stage.token, &evidence, &[starttls(), exchange()]).await;
    assert_eq!((gone.source, gone.sessions.len()), (MirrorSource::None, 0));
    let error = gone.error.clone().unwrap();
    let report = judged(&Evidence { mirror: Some(gone), ..evidence.clone() });
    let finding = report.findings.iter().find(|it| it.id == "mirror-unavailable").unwrap();
    assert!(finding.explanation.contains(&error), "{finding:?}");
    let explained = finding.alternatives.join("; ");
    assert!(explained.contains("was refused") && !explained.contains("drops"), "{finding:?}");
    assert_ne!(report.verdict.because.as_deref(), Some("mirror"));

    let anew = Stage::set(Behaviour::Pass).await;
    let empty = anew.fetch(&anew.token, &evidence, &[exchange()]).await;
    assert_eq!(empty.error, None);
    let report = judged(&Evidence { mirror: Some(empty), ..evidence });
    let outcomes = mirror(&report).compared.iter().map(|it| it.outcome);
    assert!(outcomes.clone().count() > 0);
    assert!(outcomes.into_iter().all(|it| it == MirrorOutcome::NotCompared));
    assert_ne!(report.verdict.because.as_deref(), Some("mirror"));
}

#[tokio::test]
async fn each_difference_is_a_finding_and_reads_back_from_the_report() {
    let stage = Stage::set(Behaviour::MaskKeyword).await;
    let report = stage.checked().await;
    let finding = report.findings.iter().find(|it| it.id == "mirror-bytes-changed").unwrap();
    assert!(finding.explanation.contains(r#""250-STARTTLS\r\n", arrived as "250-XXXXXXXA\r\n""#));
    let saved = serde_json::to_string(&report).unwrap();
    assert!(!saved.contains("certificate-not-trusted"), "its token vouches for a mirror");
    let read: TargetReport = serde_json::from_str(&saved).unwrap();
    let again = Evidence {
        observations: read
            .observations
            .iter()
            .map(|seen| mxray::model::entries::observation(seen).unwrap())
            .collect(),
        mirror: Some(MirrorEvidence {
            source: mirror(&read).source,
            error: None,
            clock_offset_ms: mirror(&read).clock_offset_ms,
            complete_since: mirror(&read).complete_since,
            endpoint: mirror(&read).endpoint,
            channel_is_shared: mirror(&read).channel_is_shared,
            sessions: mirror(&read).sessions.clone().unwrap(),
        }),
        ..stage.survey().await
    };
    assert_eq!(judged(&again).mirror, report.mirror);
    assert_eq!(judged(&again).verdict, report.verdict);
}

#[tokio::test]
async fn recordings_are_found_by_time_where_the_greeting_is_masked_and_addresses_are_translated() {
    let report = Stage::set(Behaviour::MaskAll).await.checked().await;
    let by: Vec<_> = mirror(&report).compared.iter().map(|it| it.matched_by).collect();
    assert!(by.iter().all(|by| *by == Some(MatchedBy::Time)), "{by:?}");
    let clean = Stage::set(Behaviour::Pass).await.checked().await;
    let by = mirror(&clean).compared.iter().all(|it| it.matched_by == Some(MatchedBy::Greeting));
    assert!(by, "{:?}", mirror(&clean).compared);
}

#[tokio::test]
async fn the_exchange_goes_behind_starttls_where_that_works_and_past_a_box_that_ends_tls() {
    for (behaviour, door, source) in [
        (Behaviour::Pass, starttls(), MirrorSource::Starttls),
        (Behaviour::ForeignCertificate, starttls(), MirrorSource::Starttls),
        (Behaviour::MaskKeyword, starttls(), MirrorSource::Starttls),
        (Behaviour::Pass, exchange(), MirrorSource::ImplicitTls),
    ] {
        let stage = Stage::set(behaviour).await;
        let evidence = stage.survey().await;
        let mirror = stage.fetch(&stage.token, &evidence, &[door]).await;
        assert_eq!((mirror.error, mirror.source), (None, source), "{behaviour}");
        assert_eq!(mirror.sessions.len(), evidence.observations.len(), "{behaviour}");
    }
    // A box that goes on in clear gets nothing: the verb is unknown outside TLS.
    let stage = Stage::set(Behaviour::ForeignCertificateClear).await;
    let evidence = stage.survey().await;
    let doors = [starttls(), exchange()];
    let mirror = stage.fetch(&stage.token, &evidence, &doors).await;
    assert_eq!(mirror.source, MirrorSource::ImplicitTls);
}

#[tokio::test]
async fn another_token_and_another_server_give_a_reason_and_no_transcripts() {
    let mut stage = Stage::set(Behaviour::Pass).await;
    let evidence = stage.survey().await;
    let other = Token::new("not-the-token-of-this-mirror").unwrap();
    let refused = stage.fetch(&other, &evidence, &[starttls(), exchange()]).await;
    let error = refused.error.clone().unwrap();
    assert!(error.contains("535 5.7.8 This token is not known here"), "{error}");
    assert_eq!(refused.sessions, []);
    let said = std::iter::from_fn(|| stage.notices.try_recv().ok());
    let refusals = said.filter(|it| matches!(it, Notice::Refused { why: Refused::Token, .. }));
    assert_eq!(refusals.count(), 2);

    // Without transcripts the sessions are judged like any others, and the reason is said.
    let report = judged(&Evidence { mirror: Some(refused), ..evidence });
    assert_eq!(report.verdict.status, Status::Intact);
    assert!(report.findings.iter().any(|it| it.id == "mirror-unavailable"));
}

#[tokio::test]
async fn a_stale_or_replayed_request_is_refused_and_a_stranger_learns_nothing() {
    let stage = Stage::set(Behaviour::Pass).await;
    let now = jiff::Timestamp::now().as_second();
    let request = |time: i64, nonce: &str| Request { time, nonce: nonce.repeat(2), age_s: 60 };
    let first = request(now, "0123456789abcdef").line(&stage.token);
    assert!(asked(&stage, &first).await.starts_with("250-"));
    assert!(asked(&stage, &first).await.starts_with("554 5.7.7 This request was made before"));
    let outdated = request(now - 400, "fedcba9876543210").line(&stage.token);
    let answer = asked(&stage, &outdated).await;
    // Seconds pass between the request and its answer.
    let behind = answer.strip_prefix("454 4.7.0 The clock of this request is ").unwrap();
    let (seconds, rest) = behind.split_once(' ').unwrap();
    assert!(seconds.parse::<i64>().is_ok_and(|seconds| seconds >= 400), "{answer}");
    assert!(rest.starts_with("s behind"), "{answer}");
    let newer = first.replacen("XMXRAY 1 ", "XMXRAY 2 ", 1);
    let answer = asked(&stage, &newer).await;
    assert_eq!(answer, "504 5.5.4 This version is not spoken here, but mxray/mirror/1\r\n");
    for stranger in ["XMXRAY", "XMXRAY 1 1 2 3 4", "XMXRAY \u{1b}[2J"] {
        let answer = asked(&stage, stranger).await;
        assert!(answer.starts_with("501 5.5.4 "), "{answer}");
    }
}

#[tokio::test]
async fn a_stranger_meets_a_polite_server_that_takes_no_mail_and_ends_what_is_too_long() {
    let stage = Stage::set(Behaviour::Pass).await;
    let mut stream = TcpStream::connect(stage.direct).await.unwrap();
    let talk = "EHLO s\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n\
                XMXRAY 1 2 3 4\r\nVRFY root\r\nAUTH PLAIN\r\nQUIT\r\n";
    stream.write_all(talk.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let codes: Vec<&str> =
        answer.lines().filter(|line| !line.starts_with("250")).map(|l| &l[..3]).collect();
    assert_eq!(codes, ["220", "550", "550", "503", "500", "550", "502", "221"]);

    let mut stream = TcpStream::connect(stage.direct).await.unwrap();
    // It may be closed before all of it is written.
    let _ = stream.write_all(&vec![b'a'; 100_000]).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.ends_with("421 4.7.0 mirror.example.net Too much was said\r\n"), "{answer}");
}

#[tokio::test]
async fn transcripts_travel_as_a_file_that_the_token_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mirror.log");
    let log = Log::open(&path).unwrap();
    let mut stage = Stage::set_with(Behaviour::DropKeyword, Some(log)).await;
    let evidence = stage.survey().await;
    for _ in &evidence.observations {
        assert!(matches!(stage.notices.recv().await, Some(Notice::Session(_))));
    }
    let sessions = log::read(&path, &stage.token).unwrap();
    let mirror = MirrorEvidence::of_log(sessions);
    let report = judged(&Evidence { mirror: Some(mirror), ..evidence });
    assert_eq!(report.verdict.status, Status::Stripped);
    assert_eq!(report.verdict.confidence, Some(Confidence::Proven));

    let other = Token::new("not-the-token-of-this-mirror").unwrap();
    let error = log::read(&path, &other).unwrap_err().to_string();
    assert!(error.starts_with("line 1: the token does not vouch"), "{error}");
    std::fs::write(&path, "Nov 22 05:00:00 mx postfix/smtpd[1]: connect from unknown\n").unwrap();
    let error = log::read(&path, &stage.token).unwrap_err().to_string();
    assert!(error.starts_with("line 1 is not the log of a mirror"), "{error}");
    stage.work.abort_all();
}
