//! Endpoints: asked once for each question, however many targets they serve.
//!
//! Owns the sessions of a run and their numbers. Refuses to plan them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, mpsc, watch};

use super::Event;
use super::pace::{self, Pace, View};
use crate::model::observation::Observation;
use crate::model::probe::{Probe, Role};
use crate::model::report::ResolverUsed;
use crate::model::session::Stage;
use crate::plan;
use crate::vantage::VantagePoint;
use crate::vantage::fault::Fault;

/// What makes two probes the same question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    vantage: String,
    source: Option<IpAddr>,
    host: String,
    ip: IpAddr,
    port: u16,
    ehlo_name: Option<String>,
    repeat: u32,
    role: Role,
}

impl Key {
    pub(super) fn of(probe: &Probe) -> Self {
        Self {
            vantage: probe.vantage.clone(),
            source: probe.source,
            host: probe.host.clone(),
            ip: probe.ip,
            port: probe.port,
            ehlo_name: probe.ehlo_name.clone(),
            repeat: probe.repeat,
            // A session that injects is another question than the same without.
            role: if probe.role.is_judged() { Role::Target } else { probe.role },
        }
    }
}

/// Hands out `o1`, `o2`, … in the order of the report.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    given: HashMap<(Key, usize), String>,
}

impl Numbers {
    fn of(&mut self, key: &Key, place: usize) -> String {
        let next = self.given.len() + 1;
        self.given.entry((key.clone(), place)).or_insert_with(|| format!("o{next}")).clone()
    }
}

/// Every endpoint of a survey, and what was observed there.
pub(super) struct Endpoints {
    pace: Pace,
    vantages: Arc<[VantagePoint]>,
    asked: Mutex<HashMap<Key, Arc<OnceCell<()>>>>,
    seen: Mutex<HashMap<Key, Vec<Observation>>>,
    /// Addresses that said 421, and the view that they said it to: nothing more is
    /// asked of them from there. Another view is another client to them, and that
    /// they turn one away says nothing of the other.
    left_alone: Mutex<HashSet<View>>,
    /// What kept a vantage point from observing, the first fault of each.
    faults: Mutex<BTreeMap<String, String>>,
    /// Whom each vantage point asked for names.
    resolvers: Mutex<BTreeMap<String, ResolverUsed>>,
    events: mpsc::UnboundedSender<Event>,
    stopped: watch::Sender<bool>,
}

impl Endpoints {
    pub(super) fn new(vantages: Arc<[VantagePoint]>, events: mpsc::UnboundedSender<Event>) -> Self {
        Self {
            pace: Pace::default(),
            vantages,
            asked: Mutex::default(),
            seen: Mutex::default(),
            left_alone: Mutex::default(),
            faults: Mutex::default(),
            resolvers: Mutex::default(),
            events,
            stopped: watch::Sender::new(false),
        }
    }

    /// Where progress is told.
    pub(super) fn events(&self) -> &mpsc::UnboundedSender<Event> {
        &self.events
    }

    /// Gives up the connections under way, keeping what happened on them; no more
    /// are begun.
    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Asks every endpoint, all at once as far as politeness allows.
    pub(super) async fn ask_all(self: &Arc<Self>, probes: Vec<Probe>) {
        let mut work = tokio::task::JoinSet::new();
        for probe in probes {
            let endpoints = self.clone();
            work.spawn(async move { endpoints.ask(probe).await });
        }
        while work.join_next().await.is_some() {}
    }

    async fn ask(&self, probe: Probe) {
        let cell = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.entry(Key::of(&probe)).or_default().clone()
        };
        cell.get_or_init(|| self.ask_until_clear(probe)).await;
    }

    /// Asks, and asks again as far as an odd answer earns it, or a series goes on.
    async fn ask_until_clear(&self, first: Probe) {
        let (host, ip, role) = (first.host.clone(), first.ip, first.role);
        let key = Key::of(&first);
        let mut next = Some(first);
        while let Some(probe) = next {
            let Some(_turn) = self.turn(&probe).await else { break };
            let mut stopped = self.stopped.subscribe();
            if *stopped.borrow() {
                break;
            }
            let stop = async move {
                // The sender lives as long as this endpoint.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            let progress = |stage| {
                // A series has a view of its own.
                if role == Role::Range {
                    return;
                }
                let _ = self.events.send(Event::Stage { host: host.clone(), ip, stage });
            };
            let Some(observation) = self.observe(probe, &progress, stop).await else { break };
            self.keep(&key, observation);
            next = self.follow_up(&key).await;
        }
        let _ = self.events.send(Event::Done { host, ip });
    }

    /// What the last answer earns. A repeat is asked once: its coordinates have had
    /// their other shapes of the `ClientHello`.
    async fn follow_up(&self, key: &Key) -> Option<Probe> {
        let (host, ip) = (key.host.clone(), key.ip);
        let series = || {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get(key).cloned().unwrap_or_default()
        };
        match key.role {
            Role::Injection => None,
            Role::Range => {
                let series = series();
                let next = plan::next_in_range(&series)?;
                let sessions = series.len();
                let _ = self.events.send(Event::Range { host, ip, sessions });
                tokio::time::sleep(plan::budget::RANGE_PAUSE).await;
                Some(next)
            }
            _ if key.repeat > 0 => None,
            _ => {
                let next = plan::follow_up(series().last()?)?;
                let why = "no TLS came of it: asking again";
                let _ = self.events.send(Event::Again { host, ip, why });
                Some(next)
            }
        }
    }

    /// One connection from the vantage point that the probe names.
    async fn observe(
        &self,
        probe: Probe,
        progress: &(dyn Fn(Stage) + Sync),
        stop: impl Future<Output = ()>,
    ) -> Option<Observation> {
        let vantage = self.vantages.iter().find(|vantage| vantage.id == probe.vantage)?;
        let observed = vantage.observe(probe, progress, stop).await;
        observed.map_err(|fault| self.note_fault(&vantage.id, &fault)).ok()
    }

    /// Notes what kept a vantage point from observing, and says so once.
    pub(super) fn note_fault(&self, vantage: &str, fault: &Fault) {
        if *fault == Fault::Interrupted {
            return;
        }
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_first = false;
        let text = faults.entry(vantage.to_owned()).or_insert_with(|| {
            is_first = true;
            fault.to_string()
        });
        if is_first {
            let (vantage, fault) = (vantage.to_owned(), text.clone());
            let _ = self.events.send(Event::VantageFault { vantage, fault });
        }
    }

    /// What kept a vantage point from observing, if anything did.
    pub(super) fn fault(&self, vantage: &str) -> Option<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).get(vantage).cloned()
    }

    /// Notes whom a vantage point asks for names.
    pub(super) fn note_resolver(&self, vantage: &str, resolver: Option<ResolverUsed>) {
        if let Some(resolver) = resolver {
            let mut known = self.resolvers.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(vantage.to_owned(), resolver);
        }
    }

    /// Whom each vantage point asked for names.
    pub(super) fn resolvers(&self) -> BTreeMap<String, ResolverUsed> {
        self.resolvers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A turn, unless the address asked this view to stop.
    async fn turn(&self, probe: &Probe) -> Option<pace::Permit> {
        let permit = self.pace.turn(probe).await?;
        let left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        (!left_alone.contains(&pace::view(probe))).then_some(permit)
    }

    fn keep(&self, key: &Key, observation: Observation) {
        if plan::said_421(&observation) {
            let mut left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
            left_alone.insert(pace::view(&observation.probe));
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(key.clone()).or_default().push(observation);
    }

    /// What was observed at these endpoints, numbered.
    pub(super) fn observations(&self, keys: &[Key], numbers: &mut Numbers) -> Vec<Observation> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for key in keys {
            for (place, observation) in seen.get(key).into_iter().flatten().enumerate() {
                found.push(Observation { id: numbers.of(key, place), ..observation.clone() });
            }
        }
        found
    }
}
