//! A mirror behind every item of the middlebox menu: what both ends wrote down, laid
//! side by side, shows what the box did, byte by byte.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mxray::judge::{self, Context};
use mxray::mirror::fetch::{self, Door, Wanted};
use mxray::mirror::identity::Identity;
use mxray::mirror::log::{self, Log};
use mxray::mirror::server::{Mirror, Notice, Settings};
use mxray::mirror::token::{self, Token};
use mxray::mirror::words::{Refused, Request};
use mxray::model::evidence::Evidence;
use mxray::model::mirror::{
    ByteDifference, DifferenceKind, Direction, MatchedBy, MirrorEvidence, MirrorOutcome,
    MirrorReport, MirrorSource,
};
use mxray::model::probe::{Limits, Mode, Role};
use mxray::model::report::{Families, FamilyUse, TargetReport};
use mxray::model::verdict::{Confidence, Status};
use mxray::observe::Dialler;
use mxray::plan::{Breadth, Closer, Intent};
use mxray::sim::middlebox::{Behaviour, Foreign, Middlebox, Refusal, Scope};
use mxray::survey::{self, ControlSettings, Survey};
use mxray::tls::Roots;
use mxray::vantage::VantagePoint;
use mxray::vantage::local::Local;
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::common::EHLO_NAME;

/// Where the mirror pretends to be, and its port for the exchange.
const MIRROR: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));
const EXCHANGE: u16 = 465;
const NAME: &str = "mirror.example.net";
const PATIENCE: Duration = Duration::from_secs(10);

/// A mirror, and a box in front of it.
struct Stage {
    dialler: Dialler,
    token: Token,
    notices: mpsc::UnboundedReceiver<Notice>,
    /// The mirror's own address, past the box.
    direct: SocketAddr,
    patience: Duration,
    work: JoinSet<()>,
}

impl Stage {
    async fn set(behaviour: Behaviour) -> Self {
        Self::set_with(behaviour, None).await
    }

    async fn set_with(behaviour: Behaviour, log: Option<Log>) -> Self {
        let token = Token::new(&token::generate().unwrap()).unwrap();
        let (identity, _) = Identity::generate(NAME).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(identity.leaf().clone()).unwrap();
        let (said, notices) = mpsc::unbounded_channel();
        let (host, tool) = (NAME.to_owned(), "mxray".to_owned());
        let settings = Settings { host, identity, token: token.clone(), log, tool };
        let mirror = Mirror::new(settings, said);
        let mut work = JoinSet::new();
        let (smtp, exchange, path) = (listener().await, listener().await, listener().await);
        let direct = smtp.local_addr().unwrap();
        let endpoints = HashMap::from([
            (SocketAddr::new(MIRROR, 25), path.local_addr().unwrap()),
            (SocketAddr::new(MIRROR, EXCHANGE), exchange.local_addr().unwrap()),
        ]);
        work.spawn(mirror.clone().serve(smtp, Mode::Starttls));
        work.spawn(mirror.serve(exchange, Mode::ImplicitTls));
        let mut middlebox = Middlebox::new(behaviour, Scope::default());
        if behaviour.ends_tls() {
            middlebox = middlebox.with_foreign(Foreign::trusting(roots).unwrap());
        }
        work.spawn(carry(Arc::new(middlebox), path, direct));
        let silent = [Behaviour::SilenceAfterStarttls, Behaviour::SilenceAtClientHello];
        let patience =
            if silent.contains(&behaviour) { Duration::from_millis(700) } else { PATIENCE };
        let dialler = Dialler::pretend(endpoints, vec![[198, 51, 100, 10].into()]);
        Self { dialler, token, notices, direct, patience, work }
    }

    /// Sessions with the mirror through the box, as `mxray check` has them.
    async fn survey(&self) -> Evidence {
        let local = Local { resolver: None, dialler: self.dialler.clone() };
        let survey = Survey {
            vantages: [VantagePoint::here(local)].into(),
            intent: Intent {
                ehlo_names: vec![EHLO_NAME.to_owned()],
                sources: Vec::new(),
                breadth: Breadth::Every,
                port: None,
                mode: Mode::Starttls,
                sni: Some(NAME.to_owned()),
                limits: Limits { session: self.patience, greeting: self.patience },
                repeats: 1,
                other_ports: false,
                closer: Closer::default(),
            },
            asked: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::NotAsked },
            controls: ControlSettings { no_canary: true, ..ControlSettings::default() },
            roots: Roots::webpki(),
        };
        let (events, _) = mpsc::unbounded_channel();
        let targets = vec![MIRROR.to_string().parse().unwrap()];
        let outcome = survey::run(survey, targets, events, std::future::pending()).await;
        let mut evidence = outcome.evidence.into_iter().next().unwrap();
        evidence.role = Role::Mirror;
        evidence.observations.iter_mut().for_each(|seen| seen.probe.role = Role::Mirror);
        evidence
    }

    async fn fetch(&self, token: &Token, evidence: &Evidence, doors: &[Door]) -> MirrorEvidence {
        let since = evidence.observations.iter().map(|seen| seen.started_at).min().unwrap();
        let wanted = Wanted { token, sni: Some(NAME), since, patience: PATIENCE };
        fetch::fetch(doors, wanted, &self.dialler).await
    }

    /// A check, and its transcripts fetched over the port for the exchange.
    async fn checked(&self) -> TargetReport {
        let mut evidence = self.survey().await;
        let mirror = self.fetch(&self.token, &evidence, &[exchange()]).await;
        assert_eq!(mirror.error, None);
        evidence.mirror = Some(mirror);
        judged(&evidence)
    }
}

fn judged(evidence: &Evidence) -> TargetReport {
    let roots = Roots::webpki();
    judge::judge(evidence, &[], Context { roots: &roots, verify_name: None })
}

fn exchange() -> Door {
    Door { endpoint: SocketAddr::new(MIRROR, EXCHANGE), implicit_tls: true }
}

fn starttls() -> Door {
    Door { endpoint: SocketAddr::new(MIRROR, 25), implicit_tls: false }
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

async fn carry(middlebox: Arc<Middlebox>, path: TcpListener, server: SocketAddr) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = path.accept().await {
        let middlebox = middlebox.clone();
        connections.spawn(async move {
            // How a connection ends is in both transcripts.
            let _ = middlebox.serve(client, TcpStream::connect(server)).await;
        });
    }
}

fn mirror(report: &TargetReport) -> &MirrorReport {
    report.mirror.as_ref().unwrap()
}

/// What a difference reads as: `> 'STARTTLS\r\n' -> ''`.
fn lines(differences: &[ByteDifference]) -> Vec<String> {
    let line = |it: &ByteDifference| {
        let way = if it.direction == Direction::ToMirror { '>' } else { '<' };
        let lost = if it.kind == DifferenceKind::Lost { " lost" } else { "" };
        let tls = if it.tls { " tls" } else { "" };
        format!("{way} '{}' -> '{}'{lost}{tls}", it.sent, it.received)
    };
    differences.iter().map(line).collect()
}

/// Verdict, outcome of each session, and the differences of the first one without the id
/// in the greeting.
#[expect(clippy::too_many_lines, reason = "a table, one row a behaviour")]
fn expected(behaviour: Behaviour) -> (Status, Option<Confidence>, MirrorOutcome, Vec<String>) {
    use MirrorOutcome::{BytesChanged, CutOff, Identical, KeyDiffers, NotReached};
    let stripped = Status::Stripped;
    let (proven, corroborated) = (Some(Confidence::Proven), Some(Confidence::Corroborated));
    let own =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
    let dropped = r"< '250-STARTTLS\r\n' -> ''";
    let taken = r"> 'STARTTLS\r\n' -> ''";
    let refused = |code: &str| {
        let put = format!("< '' -> '{code}\\r\\n'");
        (stripped, proven, BytesChanged, own(&[taken, dropped, &put]))
    };
    match behaviour {
        Behaviour::Pass => (Status::Intact, None, Identical, Vec::new()),
        Behaviour::DropKeyword => (stripped, proven, BytesChanged, own(&[dropped])),
        Behaviour::DropKeywordRefuse(Refusal::Unrecognized) => {
            refused("500 5.5.1 Command unrecognized")
        }
        Behaviour::DropKeywordRefuse(Refusal::BadParameter) => {
            refused("501 5.5.4 Syntax error in parameters")
        }
        Behaviour::DropKeywordRefuse(Refusal::NotImplemented) => {
            refused("502 5.5.1 Command not implemented")
        }
        Behaviour::DropKeywordRefuse(Refusal::Unavailable) => {
            refused("454 4.7.0 TLS not available due to temporary reason")
        }
        Behaviour::DropKeywordRefuse(Refusal::Positive) => refused("200 2.0.0 OK"),
        Behaviour::MaskKeyword => {
            let masked = r"< '250-STARTTLS\r\n' -> '250-XXXXXXXA\r\n'";
            (stripped, proven, BytesChanged, own(&[masked]))
        }
        Behaviour::MaskKeywordX => {
            let masked = r"< '250-STARTTLS\r\n' -> '250-XXXXXXXX\r\n'";
            (stripped, proven, BytesChanged, own(&[masked]))
        }
        Behaviour::MaskAll => {
            let masked = [
                r"> 'STARTTLS\r\n' -> 'XXXXXXXX\r\n'",
                r"< '250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n' -> '250-XXXXXXXA\r\n250-XXXXXXXXXXXXXXXXXXB\r\n'",
                r"< '250-SMTPUTF8\r\n250 CHUNKING\r\n' -> '250-XXXXXXXC\r\n250 XXXXXXXD\r\n'",
            ];
            (stripped, proven, BytesChanged, own(&masked))
        }
        Behaviour::RefuseEhlo => {
            let refused = r"< '' -> '502 5.5.1 Command not implemented\r\n'";
            let taken = r"> 'EHLO probe.example.org\r\n' -> ''";
            (stripped, proven, BytesChanged, own(&[taken, refused]))
        }
        Behaviour::ResetAtStarttls | Behaviour::SilenceAfterStarttls => {
            (stripped, corroborated, CutOff, own(&[r"> 'STARTTLS\r\n' -> '' lost"]))
        }
        Behaviour::ResetAfterStarttls
        | Behaviour::ResetAtClientHello
        | Behaviour::SilenceAtClientHello => (stripped, corroborated, CutOff, Vec::new()),
        Behaviour::ForeignCertificate => (Status::Intercepted, proven, KeyDiffers, Vec::new()),
        Behaviour::ForeignCertificateClear => {
            // What we said inside TLS came in clear, in the place of the command.
            let clear = [
                r"> 'STARTTLS\r\n' -> 'EHLO probe.example.org\r\nQUIT\r\n'",
                "< (the rest of the session in clear)",
            ];
            (Status::Intercepted, proven, KeyDiffers, own(&clear))
        }
        Behaviour::Relay => (Status::Intercepted, corroborated, NotReached, Vec::new()),
        Behaviour::Inject => {
            let put = r"< '' -> '250-injected.example.net\r\n250 AUTH PLAIN\r\n'";
            (Status::Intact, None, BytesChanged, own(&[put]))
        }
        Behaviour::InjectCommand => {
            (Status::Intact, None, BytesChanged, own(&[r"> '' -> 'NOOP\r\n'"]))
        }
    }
}

/// What a box of this behaviour is shown to have done, or a complaint.
async fn shown(behaviour: Behaviour) -> Option<String> {
    let stage = Stage::set(behaviour).await;
    if behaviour == Behaviour::Relay {
        // A mirror that has just begun does not know that there was no session before.
        tokio::time::sleep(Duration::from_millis(2100)).await;
    }
    let report = stage.checked().await;
    let (status, confidence, outcome, differences) = expected(behaviour);
    let compared = &mirror(&report).compared;
    let first = compared.first().unwrap();
    let mut seen = lines(&first.differences);
    // Each greeting has an id of its own.
    seen.retain(|line| !line.starts_with("< '220 mirror.example.net ESMTP"));
    if behaviour == Behaviour::ForeignCertificateClear {
        seen.truncate(1);
        seen.push("< (the rest of the session in clear)".to_owned());
    }
    // Whether the 220 before a reset is still read is a matter of chance.
    if behaviour == Behaviour::ResetAfterStarttls {
        seen.retain(|line| !line.ends_with("lost"));
    }
    let found = (report.verdict.status, report.verdict.confidence);
    let outcomes: Vec<_> = compared.iter().map(|session| session.outcome).collect();
    let allowed = judge::CLAIMS.claims.iter().any(|ground| ground.allows(&report.verdict));
    let right = allowed
        && found == (status, confidence)
        && outcomes.iter().all(|it| *it == outcome)
        && compared.len() >= 2
        && seen == differences;
    (!right).then(|| format!("{behaviour}: {found:?} {outcomes:?} {seen:#?} {:?}", first.tls))
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

/// A request as a client makes it, in a session of its own behind STARTTLS.
async fn asked(stage: &Stage, request: &str) -> String {
    let mut stream = TcpStream::connect(stage.direct).await.unwrap();
    let mut said = Vec::new();
    for (line, end) in [("", "\r\n"), ("EHLO p\r\n", "CHUNKING\r\n"), ("STARTTLS\r\n", "TLS\r\n")] {
        stream.write_all(line.as_bytes()).await.unwrap();
        while !said.ends_with(end.as_bytes()) {
            said.push(stream.read_u8().await.unwrap());
        }
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let hello = mxray::model::probe::ClientHello::Default;
    let secured = mxray::tls::connect(stream, None, hello, deadline).await;
    let mut stream = secured.stream.unwrap();
    stream.write_all(format!("{request}\r\nQUIT\r\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    // The server may close without waiting for QUIT.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_stale_or_replayed_request_is_refused_and_a_stranger_learns_nothing() {
    let stage = Stage::set(Behaviour::Pass).await;
    let now = jiff::Timestamp::now().as_second();
    let request = |time: i64, nonce: &str| Request { time, nonce: nonce.repeat(2), age_s: 60 };
    let first = request(now, "0123456789abcdef").line(&stage.token);
    assert!(asked(&stage, &first).await.starts_with("250-"));
    assert!(asked(&stage, &first).await.starts_with("554 5.7.7 This request was made before"));
    let outdated = request(now - 301, "fedcba9876543210").line(&stage.token);
    assert!(asked(&stage, &outdated).await.starts_with("454 4.7.0 The time of this request"));
    for stranger in ["XMXRAY", "XMXRAY 1 2 3 4", "XMXRAY \u{1b}[2J"] {
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
    let mirror = MirrorEvidence {
        source: MirrorSource::File,
        error: None,
        clock_offset_ms: None,
        complete_since: None,
        sessions,
    };
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
