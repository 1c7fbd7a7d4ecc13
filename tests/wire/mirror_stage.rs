//! A mirror with a box in front of it, and who comes to it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mxray::judge::{self, Context};
use mxray::mirror::fetch::{self, Door, Wanted};
use mxray::mirror::identity::Identity;
use mxray::mirror::log::Log;
use mxray::mirror::server::{Mirror, Notice, Settings};
use mxray::mirror::token::{self, Token};
use mxray::model::evidence::Evidence;
use mxray::model::mirror::{MirrorEvidence, MirrorReport};
use mxray::model::probe::{Limits, Mode, Role};
use mxray::model::report::{Families, FamilyUse, TargetReport};
use mxray::observe::Dialler;
use mxray::plan::Intent;
use mxray::sim::middlebox::{Behaviour, Foreign, Middlebox, Scope};
use mxray::survey::{self, ControlSettings, Survey};
use mxray::tls::Roots;
use mxray::vantage::local::Local;
use mxray::vantage::{Observer, VantagePoint};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::common::EHLO_NAME;
use crate::mirror_table::NAME;

/// Where the mirror pretends to be, and its port for the exchange.
pub(crate) const MIRROR: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));
pub(crate) const EXCHANGE: u16 = 465;
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// For a box that stays silent for ever; the healthy sessions beside it still have many
/// times what they need.
const SILENCE: Duration = Duration::from_secs(8);

/// A mirror, and a box in front of it.
pub(crate) struct Stage {
    dialler: Dialler,
    pub(crate) token: Token,
    /// The same as text.
    pub(crate) secret: String,
    pub(crate) notices: mpsc::UnboundedReceiver<Notice>,
    /// The mirror's own address, past the box.
    pub(crate) direct: SocketAddr,
    /// Its port for the exchange.
    pub(crate) exchange: SocketAddr,
    patience: Duration,
    pub(crate) work: JoinSet<()>,
}

impl Stage {
    pub(crate) async fn set(behaviour: Behaviour) -> Self {
        Self::set_with(behaviour, None).await
    }

    pub(crate) async fn set_with(behaviour: Behaviour, log: Option<Log>) -> Self {
        let secret = token::generate().unwrap();
        let token = Token::new(&secret).unwrap();
        let (identity, _) = Identity::generate(NAME).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(identity.leaf().clone()).unwrap();
        let (said, notices) = mpsc::unbounded_channel();
        let (host, tool) = (NAME.to_owned(), "mxray".to_owned());
        let settings = Settings { host, identity, token: token.clone(), log, tool };
        let mirror = Mirror::new(settings, said);
        let mut work = JoinSet::new();
        let (smtp, exchange, path) = (listener().await, listener().await, listener().await);
        let (direct, past) = (smtp.local_addr().unwrap(), exchange.local_addr().unwrap());
        let endpoints = HashMap::from([
            (SocketAddr::new(MIRROR, 25), path.local_addr().unwrap()),
            (SocketAddr::new(MIRROR, EXCHANGE), past),
        ]);
        work.spawn(mirror.clone().serve(smtp, Mode::Starttls));
        work.spawn(mirror.serve(exchange, Mode::ImplicitTls));
        let mut middlebox = Middlebox::new(behaviour, Scope::default());
        if behaviour.ends_tls() {
            middlebox = middlebox.with_foreign(Foreign::trusting(roots).unwrap());
        }
        work.spawn(carry(Arc::new(middlebox), path, direct));
        let silent = [Behaviour::SilenceAfterStarttls, Behaviour::SilenceAtClientHello];
        let patience = if silent.contains(&behaviour) { SILENCE } else { PATIENCE };
        let dialler = Dialler::pretend(endpoints, vec![[198, 51, 100, 10].into()]);
        Self { dialler, token, secret, notices, direct, exchange: past, patience, work }
    }

    /// Sessions with the mirror through the box, as `mxray check` has them.
    pub(crate) async fn survey(&self) -> Evidence {
        self.survey_from(vec![self.here()]).await
    }

    /// This machine, behind the box.
    pub(crate) fn here(&self) -> VantagePoint {
        VantagePoint::here(Local { resolver: None, dialler: self.dialler.clone() })
    }

    /// A vantage point with no box on its path.
    pub(crate) fn clean(&self) -> VantagePoint {
        let endpoints = HashMap::from([(SocketAddr::new(MIRROR, 25), self.direct)]);
        let dialler = Dialler::pretend(endpoints, vec![[192, 0, 2, 130].into()]);
        let observer = Observer::Local(Box::new(Local { resolver: None, dialler }));
        VantagePoint { id: "clean".to_owned(), observer }
    }

    async fn survey_from(&self, vantages: Vec<VantagePoint>) -> Evidence {
        let survey = Survey {
            vantages: vantages.into(),
            intent: Intent {
                ehlo_names: vec![EHLO_NAME.to_owned()],
                sni: Some(NAME.to_owned()),
                limits: Limits { session: self.patience, greeting: self.patience },
                repeats: 1,
                ..Intent::default()
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

    pub(crate) async fn fetch(
        &self,
        token: &Token,
        evidence: &Evidence,
        doors: &[Door],
    ) -> MirrorEvidence {
        let wanted = Self::wanted(token, evidence);
        fetch::fetch(doors, wanted, &self.dialler).await
    }

    /// The same by other ways.
    pub(crate) async fn fetch_by(
        &self,
        dialler: &Dialler,
        evidence: &Evidence,
        doors: &[Door],
    ) -> MirrorEvidence {
        fetch::fetch(doors, Self::wanted(&self.token, evidence), dialler).await
    }

    fn wanted<'a>(token: &'a Token, evidence: &Evidence) -> Wanted<'a> {
        let since = evidence.observations.iter().map(|seen| seen.started_at).min().unwrap();
        Wanted { token, sni: Some(NAME), since, patience: PATIENCE }
    }

    /// A check, and its transcripts fetched over the port for the exchange.
    pub(crate) async fn checked(&self) -> TargetReport {
        self.checked_from(vec![self.here()]).await
    }

    pub(crate) async fn checked_from(&self, vantages: Vec<VantagePoint>) -> TargetReport {
        let mut evidence = self.survey_from(vantages).await;
        let mirror = self.fetch(&self.token, &evidence, &[exchange()]).await;
        assert_eq!(mirror.error, None);
        evidence.mirror = Some(mirror);
        judged(&evidence)
    }
}

pub(crate) fn judged(evidence: &Evidence) -> TargetReport {
    let roots = Roots::webpki();
    judge::judge(evidence, &[], Context { roots: &roots, verify_name: None })
}

pub(crate) fn exchange() -> Door {
    Door { endpoint: SocketAddr::new(MIRROR, EXCHANGE), implicit_tls: true }
}

pub(crate) fn starttls() -> Door {
    Door { endpoint: SocketAddr::new(MIRROR, 25), implicit_tls: false }
}

pub(crate) async fn listener() -> TcpListener {
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

pub(crate) fn mirror(report: &TargetReport) -> &MirrorReport {
    report.mirror.as_ref().unwrap()
}

/// A request as a client makes it, in a session of its own behind STARTTLS.
pub(crate) async fn asked(stage: &Stage, request: &str) -> String {
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
