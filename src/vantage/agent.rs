//! The far end of a vantage point: `mxray agent --stdio`.
//!
//! Owns what an agent refuses. It trusts its client no more than the wire: every
//! text that could reach a socket is read as what it must be, ports and addresses
//! are held against its own options, and it has a pace of its own. Refuses to
//! judge, to plan, and to do anything but look up and observe.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::local::Local;
use super::wire::{
    self, AT_ONCE, Answer, Ask, Greeting, Hello, LONGEST_ANSWER, LONGEST_REQUEST, LineError,
    PROTOCOL, PlannedProbe, Request, Resolve, Resolved, Say, Wanted,
};
use crate::model::entries::Recording;
use crate::model::probe::{Limits, Probe};
use crate::model::route::LookupError;
use crate::model::special_purpose::is_public;
use crate::model::target::Target;
use crate::smtp::argument::{is_domain_name, is_ehlo_argument};

/// Ports that an agent connects to without being told otherwise: SMTP, and
/// submission with TLS from the start and by STARTTLS (RFC 8314).
pub const PORTS: [u16; 3] = [25, 465, 587];

/// Between the beginnings of two connections, whatever the client asks for.
const PACE: Duration = Duration::from_millis(20);

/// Hosts of one target whose TLSA records are looked up, whatever the client asks for.
const MOST_HOSTS: usize = 64;

/// Longest that a client may let one session wait.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// Bytes of an answer around a route, amply.
const ENVELOPE: u64 = 256;

/// What an agent allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Ports.
    pub ports: Vec<u16>,
    /// Whether special-purpose addresses may be connected to.
    pub special: bool,
}

/// An agent: what it observes with, and what it allows.
pub struct Agent {
    /// What it observes with.
    pub local: Local,
    /// What it allows.
    pub allowed: Allowed,
    /// Name and version of the program.
    pub tool: String,
    /// The name of its host, where it has one.
    pub host: Option<String>,
}

/// One session at a time to an address, and not too many altogether.
#[derive(Default)]
struct Turns {
    addresses: Mutex<HashMap<IpAddr, Arc<Mutex<()>>>>,
    next: Mutex<Option<Instant>>,
}

impl Turns {
    async fn of(&self, ip: IpAddr) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = self.addresses.lock().await.entry(ip).or_default().clone();
        let turn = turn.lock_owned().await;
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let at = next.map_or(now, |next| next.max(now));
        *next = Some(at + PACE);
        drop(next);
        sleep_until(at).await;
        turn
    }
}

/// Serves one client until either stream ends.
///
/// # Errors
/// The client's stream broke, or it sent a line that is too long. Whatever else it
/// sends is refused in words.
pub async fn serve<R, W>(agent: Agent, mut from: R, to: W) -> io::Result<()>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (lines, queue) = mpsc::channel(AT_ONCE);
    let writer = tokio::spawn(write(queue, to));
    let greeting = Greeting { hello: agent.hello() };
    send(&lines, &greeting).await;
    let agent = Arc::new(agent);
    let turns = Arc::new(Turns::default());
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let mut work = JoinSet::new();
    let ended = loop {
        let line = tokio::select! {
            line = wire::line(&mut from, LONGEST_REQUEST) => line,
            // Nobody hears the answers, whoever may still be asking.
            () = lines.closed() => break Ok(()),
        };
        let line = match line {
            Ok(Some(line)) => line,
            Ok(None) => break Ok(()),
            Err(LineError::Io(error)) => break Err(error),
            Err(error) => break Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        let (id, wanted) = match work_of(&line) {
            Ok(wanted) => wanted,
            Err(answer) => {
                send(&lines, &answer).await;
                continue;
            }
        };
        let Ok(permit) = at_once.clone().acquire_owned().await else { break Ok(()) };
        let (agent, turns, lines) = (agent.clone(), turns.clone(), lines.clone());
        work.spawn(async move {
            let say = agent.answer(id, wanted, &turns, &lines).await;
            send(&lines, &Answer { id, say }).await;
            drop(permit);
        });
        while work.try_join_next().is_some() {}
    };
    // Nobody reads any more: connections under way are given up.
    work.shutdown().await;
    drop(lines);
    let _ = writer.await;
    ended
}

/// What takes its time.
enum Work {
    Resolve(Resolve),
    Probe(Box<PlannedProbe>),
}

/// What a request asks to be done; or else its answer, where nothing is to be done
/// for it: a client that waits for other answers asks for the clock, to learn whether
/// this agent is alive.
fn work_of(line: &[u8]) -> Result<(u64, Work), Answer> {
    match serde_json::from_slice(line) {
        Ok(Request { id, ask: Ask::Resolve(wanted) }) => Ok((id, Work::Resolve(wanted))),
        Ok(Request { id, ask: Ask::Probe(planned) }) => Ok((id, Work::Probe(planned))),
        Ok(Request { id, ask: Ask::Clock }) => {
            Err(Answer { id, say: Say::Clock { now: Timestamp::now() } })
        }
        // Without an id nobody waits for the answer, but it says what is wrong.
        Err(error) => {
            let say = Say::Refused(format!("not a request of {PROTOCOL}: {error}"));
            Err(Answer { id: 0, say })
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(mut queue: mpsc::Receiver<Vec<u8>>, mut to: W) {
    while let Some(line) = queue.recv().await {
        if to.write_all(&line).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

async fn send(lines: &mpsc::Sender<Vec<u8>>, what: &impl serde::Serialize) {
    if let Ok(mut line) = serde_json::to_vec(what) {
        line.push(b'\n');
        // A client that is gone needs no answer.
        let _ = lines.send(line).await;
    }
}

impl Agent {
    fn hello(&self) -> Hello {
        let somewhere: [IpAddr; 2] = [
            std::net::Ipv4Addr::new(192, 0, 2, 1).into(),
            std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ];
        let sources = somewhere.iter().filter_map(|ip| self.local.dialler.source_towards(*ip).ok());
        Hello {
            protocol: PROTOCOL.to_owned(),
            tool: self.tool.clone(),
            host: self.host.clone(),
            now: Timestamp::now(),
            sources: sources.collect(),
            ports: self.allowed.ports.clone(),
            special: self.allowed.special,
        }
    }

    async fn answer(
        &self,
        id: u64,
        work: Work,
        turns: &Turns,
        lines: &mpsc::Sender<Vec<u8>>,
    ) -> Say {
        match work {
            Work::Resolve(wanted) => self.resolve(&wanted).await,
            Work::Probe(planned) => match self.allowed.probe(&planned) {
                Ok(probe) => self.observe(id, probe, turns, lines).await,
                Err(why) => Say::Refused(why),
            },
        }
    }

    async fn resolve(&self, wanted: &Resolve) -> Say {
        let target: Target = match wanted.target.parse() {
            Ok(target) => target,
            Err(error) => return Say::Refused(format!("{}: {error}", wanted.target)),
        };
        let hosts = wanted.wanted.hosts.min(MOST_HOSTS);
        let wanted = Wanted { hosts, ..wanted.wanted };
        Say::Route(Box::new(fitting(self.local.resolve(&target, wanted, "").await)))
    }

    async fn observe(
        &self,
        id: u64,
        probe: Probe,
        turns: &Turns,
        lines: &mpsc::Sender<Vec<u8>>,
    ) -> Say {
        let _turn = turns.of(probe.ip).await;
        let progress = |stage| {
            let mut line =
                serde_json::to_vec(&Answer { id, say: Say::Stage(stage) }).unwrap_or_default();
            line.push(b'\n');
            // A progress line that finds no room is not waited for.
            let _ = lines.try_send(line);
        };
        let stop = lines.closed();
        let observation = self.local.observe(probe, &progress, stop).await;
        Say::Observed(Box::new(Recording::of(&observation)))
    }
}

impl Allowed {
    /// The probe, if it may be made.
    fn probe(&self, planned: &PlannedProbe) -> Result<Probe, String> {
        let probe = planned.probe();
        if !self.ports.contains(&probe.port) {
            return Err(format!(
                "port {} is not allowed at this agent: its --allow-port would allow it",
                probe.port
            ));
        }
        // RFC 4291 §2.5.5.2: another spelling of an IPv4 address, for which nothing here
        // would hold: neither what is refused nor one session at a time.
        if probe.ip.to_canonical() != probe.ip {
            return Err(format!("{} is an IPv4-mapped address: name the IPv4 one", probe.ip));
        }
        if probe.ip.is_multicast() || probe.ip.is_unspecified() {
            return Err(format!("{} is the address of no single host", probe.ip));
        }
        if !self.special && !is_public(probe.ip) {
            return Err(format!(
                "a connection to {}, a special-purpose address: no public mail server has one, and \
                 only an agent with --allow-special connects to it",
                probe.ip
            ));
        }
        // Closer looks at a server are made from where the user sits, or not at all.
        if !probe.role.is_judged() {
            return Err("this agent only observes, and takes no closer look".to_owned());
        }
        // What stands in a command must not be able to end it.
        if probe.ehlo_name.as_deref().is_some_and(|name| !is_ehlo_argument(name)) {
            return Err("the EHLO argument is neither a domain name nor an address literal".into());
        }
        // An MX record may name what no server name can be. That is an answer of the
        // target's DNS and no reason to refuse: no name is indicated, as everywhere else.
        let sni = probe.sni.as_deref().filter(|name| is_server_name(name)).map(str::to_owned);
        let limits = Limits {
            session: probe.limits.session.min(LONGEST_WAIT),
            greeting: probe.limits.greeting.min(LONGEST_WAIT),
        };
        Ok(Probe { sni, limits, ..probe })
    }
}

/// A route that one line of an answer has room for. What a hostile zone has of TLSA
/// records may be longer; it then counts as failed, as what has too many records does,
/// and the rest of the route stands.
fn fitting(mut resolved: Resolved) -> Resolved {
    let bytes = serde_json::to_vec(&resolved).map_or(0, |line| line.len() as u64);
    if bytes + ENVELOPE > LONGEST_ANSWER {
        for tlsa in resolved.route.exchanges.iter_mut().filter_map(|it| it.tlsa.as_mut()) {
            tlsa.records.clear();
            tlsa.error = tlsa.error.or(Some(LookupError::Other));
        }
    }
    resolved
}

/// Whether a name may stand in a `ClientHello` (RFC 6066 §3). Names of real hosts have
/// underscores in them (RFC 2181 §11).
fn is_server_name(name: &str) -> bool {
    is_domain_name(&name.replace('_', "x"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::{Families, FamilyUse};
    use crate::model::route::{Dnssec, Route, RouteKind, Tlsa, TlsaAnswer};

    /// A route whose hosts have so many TLSA records each, of 1 KiB.
    fn resolved(hosts: usize, records: usize) -> Resolved {
        let one = Route::of_addresses(&[IpAddr::from([192, 0, 2, 1])], "").unwrap();
        let record = Tlsa { usage: 3, selector: 0, matching: 0, data: "ab".repeat(1024) };
        let tlsa = TlsaAnswer {
            base_domain: "mx1.example.net".to_owned(),
            dnssec: Dnssec::Secure,
            error: None,
            records: vec![record; records],
        };
        let mut exchange = one.exchanges[0].clone();
        exchange.tlsa = Some(tlsa);
        let route = Route { kind: RouteKind::Mx, exchanges: vec![exchange; hosts], ..one };
        let families = Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Unusable };
        Resolved { route, families, resolver: None }
    }

    #[test]
    fn a_zone_full_of_tlsa_is_no_garbage_of_the_agents() {
        let say = |resolved| Answer { id: u64::MAX, say: Say::Route(Box::new(resolved)) };
        let length = |answer: &Answer| serde_json::to_vec(answer).unwrap().len() as u64;
        let hostile = resolved(64, 60);
        assert!(length(&say(hostile.clone())) > LONGEST_ANSWER);
        let sent = fitting(hostile.clone());
        assert!(length(&say(sent.clone())) <= LONGEST_ANSWER);
        for (sent, told) in sent.route.exchanges.iter().zip(&hostile.route.exchanges) {
            assert_eq!((&sent.host, &sent.ipv4), (&told.host, &told.ipv4), "the rest stands");
            let tlsa = sent.tlsa.as_ref().unwrap();
            assert_eq!((tlsa.records.len(), tlsa.error), (0, Some(LookupError::Other)));
        }
        assert_eq!(fitting(resolved(64, 2)), resolved(64, 2), "what fits is as it was");
    }

    #[test]
    fn a_route_with_more_than_dns_gives_is_an_excess() {
        assert_eq!(resolved(64, 256).excess(), None);
        let said = |resolved: Resolved| resolved.excess().unwrap();
        assert_eq!(said(resolved(3000, 0)), "a route with 3000 MX hosts, where 64 are the most");
        assert!(said(resolved(1, 257)).contains("257 TLSA records of one host"));
        let mut many = resolved(1, 0);
        many.route.exchanges[0].ipv6.addresses = vec![std::net::Ipv6Addr::LOCALHOST; 65];
        assert!(said(many).contains("65 IPv6 addresses of one host"));
    }
}
