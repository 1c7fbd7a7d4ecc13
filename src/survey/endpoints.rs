//! Endpoints: asked once each, however many targets they serve.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, mpsc};

use super::Event;
use super::pace::Pace;
use crate::model::observation::Observation;
use crate::model::probe::Probe;
use crate::observe::{self, Dialler};
use crate::plan;

/// What makes two probes the same question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    host: String,
    ip: IpAddr,
    port: u16,
}

impl Key {
    pub(super) fn of(probe: &Probe) -> Self {
        Self { host: probe.host.clone(), ip: probe.ip, port: probe.port }
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
    asked: Mutex<HashMap<Key, Arc<OnceCell<()>>>>,
    seen: Mutex<HashMap<Key, Vec<Observation>>>,
    events: mpsc::UnboundedSender<Event>,
}

impl Endpoints {
    pub(super) fn new(events: mpsc::UnboundedSender<Event>) -> Self {
        Self { pace: Pace::default(), asked: Mutex::default(), seen: Mutex::default(), events }
    }

    /// Asks every endpoint, all at once as far as politeness allows.
    pub(super) async fn ask_all(self: &Arc<Self>, probes: Vec<Probe>, dialler: &Dialler) {
        let mut work = tokio::task::JoinSet::new();
        for probe in probes {
            let (endpoints, dialler) = (self.clone(), dialler.clone());
            work.spawn(async move { endpoints.ask(probe, &dialler).await });
        }
        while work.join_next().await.is_some() {}
    }

    async fn ask(&self, probe: Probe, dialler: &Dialler) {
        let cell = {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.entry(Key::of(&probe)).or_default().clone()
        };
        cell.get_or_init(|| self.ask_until_clear(probe, dialler)).await;
    }

    /// Asks, and asks again as far as an odd answer earns it.
    async fn ask_until_clear(&self, first: Probe, dialler: &Dialler) {
        let (host, ip) = (first.host.clone(), first.ip);
        let mut next = Some(first);
        while let Some(probe) = next {
            let Some(_turn) = self.pace.turn(&host, ip).await else { break };
            let progress = |stage| {
                let _ = self.events.send(Event::Stage { host: host.clone(), ip, stage });
            };
            let observation = observe::observe(String::new(), probe, dialler, &progress).await;
            next = plan::follow_up(&observation);
            if next.is_some() {
                let why = "the TLS handshake failed: asking with another ClientHello";
                let _ = self.events.send(Event::Again { host: host.clone(), ip, why });
            }
            self.keep(observation);
        }
        let _ = self.events.send(Event::Done { host, ip });
    }

    fn keep(&self, observation: Observation) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(Key::of(&observation.probe)).or_default().push(observation);
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
