//! Many targets: resolves, plans, observes, with bounded concurrency.
//!
//! Owns the order of work, the sharing of endpoints between targets, and
//! politeness. Refuses to judge: it brings home evidence, and only asks `judge`
//! whether a target has earned a second look.

mod controls;
mod endpoints;
mod pace;
mod promises;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::judge;
use crate::model::evidence::Evidence;
use crate::model::observation::Observation;
use crate::model::policy::PolicyEvidence;
use crate::model::probe::{LOCAL, Probe, Role};
use crate::model::report::{Families, FamilyUse, ResolverUsed};
use crate::model::route::Route;
use crate::model::session::Stage;
use crate::model::target::Target;
use crate::plan::{self, Intent, budget};
use crate::tls::Roots;
use crate::vantage::VantagePoint;
use crate::vantage::wire::{Resolved, Wanted};

pub use controls::ControlSettings;
use controls::Controls;
use endpoints::Endpoints;
use promises::Promises;

/// How long connections under way may take to write down what they have.
const FAREWELL: Duration = Duration::from_millis(200);

/// How a survey is made.
pub struct Survey {
    /// Who observes: this process first, then others.
    pub vantages: Arc<[VantagePoint]>,
    /// What is wanted of each connection.
    pub intent: Intent,
    /// Families that the user left out are `NotAsked`; the rest is found out.
    pub asked: Families,
    /// Which other destinations may be asked when something looks odd.
    pub controls: ControlSettings,
    /// Trusted certificates, to tell an odd certificate from a good one.
    pub roots: Roots,
}

/// What a survey is doing, for a progress view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A target's route is being looked up.
    Resolving {
        /// Canonical name of the target.
        target: String,
    },
    /// A domain announces an MTA-STS policy, which is being fetched.
    FetchingPolicy {
        /// The domain.
        target: String,
    },
    /// That fetch is over.
    PolicyFetched {
        /// The domain.
        target: String,
    },
    /// So many addresses will be asked.
    Planned {
        /// Canonical name of the target.
        target: String,
        /// Connections planned.
        probes: usize,
    },
    /// A stage of a connection begins.
    Stage {
        /// The MX host.
        host: String,
        /// The address.
        ip: IpAddr,
        /// The stage.
        stage: Stage,
    },
    /// A target has aroused a suspicion, and more is asked for it.
    Suspicion {
        /// Canonical name of the target.
        target: String,
        /// What looked odd, and what is done about it.
        why: String,
    },
    /// An address is asked once more, and why.
    Again {
        /// The MX host.
        host: String,
        /// The address.
        ip: IpAddr,
        /// Why.
        why: &'static str,
    },
    /// An address is asked for the next part of its range of TLS.
    Range {
        /// The MX host.
        host: String,
        /// The address.
        ip: IpAddr,
        /// Sessions made for it so far.
        sessions: usize,
    },
    /// A vantage point failed: a fault of ours, not of any target.
    VantageFault {
        /// Its id.
        vantage: String,
        /// What is wrong.
        fault: String,
    },
    /// An address is done with.
    Done {
        /// The MX host.
        host: String,
        /// The address.
        ip: IpAddr,
    },
}

/// What each target's evidence grows in, so that an interrupted run keeps what it has.
type Shelf = Mutex<Vec<Option<Gathered>>>;

/// One target under way.
struct Gathered {
    views: Vec<View>,
    policies: PolicyEvidence,
    keys: Vec<endpoints::Key>,
}

/// What one vantage point's resolver said, and which families it can use.
struct View {
    route: Route,
    families: Families,
}

impl Gathered {
    /// The evidence on a target, with these observations.
    fn evidence(&self, target: Target, role: Role, observations: Vec<Observation>) -> Evidence {
        let unasked = Families { ipv4: FamilyUse::NotAsked, ipv6: FamilyUse::NotAsked };
        let states = self.views.iter().skip(1);
        Evidence {
            target,
            routes: self.views.iter().map(|view| view.route.clone()).collect(),
            policies: self.policies.clone(),
            observations,
            role,
            families: self.views.first().map_or(unasked, |view| view.families),
            elsewhere: states.map(|view| (view.route.vantage.clone(), view.families)).collect(),
            mirror: None,
        }
    }
}

/// Surveys all targets, or as much of them as there was time for before `stop`.
///
/// The evidence is in the order of the targets. Events go to `events`; a closed
/// receiver is no error.
pub async fn run(
    survey: Survey,
    targets: Vec<Target>,
    events: mpsc::UnboundedSender<Event>,
    stop: impl Future<Output = ()>,
) -> Outcome {
    let run = Arc::new(Running {
        endpoints: Arc::new(Endpoints::new(survey.vantages.clone(), events.clone())),
        controls: Controls::default(),
        shelf: Mutex::new(targets.iter().map(|_| None).collect()),
        survey,
        events,
    });
    let at_once = Arc::new(Semaphore::new(budget::TARGETS_AT_ONCE));
    let mut work = JoinSet::new();
    for (place, target) in targets.iter().cloned().enumerate() {
        let (run, at_once) = (run.clone(), at_once.clone());
        work.spawn(async move {
            let _permit = at_once.acquire_owned().await;
            run.ask(place, &target).await;
        });
    }
    let interrupted = finish(&mut work, &run.endpoints, stop).await;
    run.outcome(targets, interrupted)
}

/// A survey under way.
struct Running {
    survey: Survey,
    endpoints: Arc<Endpoints>,
    controls: Controls,
    shelf: Shelf,
    events: mpsc::UnboundedSender<Event>,
}

impl Running {
    /// Asks one target, and asks more where the answers look odd.
    async fn ask(&self, place: usize, target: &Target) {
        let _ = self.events.send(Event::Resolving { target: target.name() });
        let gathered = gather(&self.survey, &self.endpoints, target).await;
        let intent = &self.survey.intent;
        let views = gathered.views.iter();
        let probes =
            views.flat_map(|view| plan::first_probes(target, &view.route, view.families, intent));
        let probes = probes.collect();
        let promises = Promises::of(&self.survey, &self.events, target, &gathered);
        self.put(place, gathered);
        // No session waits for a promise; what looks odd may depend on it.
        let policies = promises::gather(promises, |it| self.keep_policies(place, it));
        tokio::join!(self.ask_round(place, target, probes), policies);
        let Some(evidence) = self.evidence(place, target, &mut endpoints::Numbers::default())
        else {
            return;
        };
        let asked = intent.second_look && !evidence.observations.is_empty();
        let asked = asked.then(|| "a second look was asked for".to_owned());
        if let Some(why) = judge::suspicion(&evidence, &self.survey.roots).or(asked) {
            self.look_again(place, &evidence, why).await;
        }
        self.look_closer(place, target).await;
    }

    /// What the user asked for besides, where TLS was seen to work.
    async fn look_closer(&self, place: usize, target: &Target) {
        let mut numbers = endpoints::Numbers::default();
        let Some(evidence) = self.evidence(place, target, &mut numbers) else { return };
        let probes = plan::closer_probes(&evidence, &self.survey.intent);
        if !probes.is_empty() {
            self.ask_round(place, target, probes).await;
        }
    }

    /// A second look, round by round, beside the controls.
    async fn look_again(&self, place: usize, evidence: &Evidence, why: String) {
        let target = &evidence.target;
        let _ = self.events.send(Event::Suspicion { target: target.name(), why });
        let rounds = plan::second_look(evidence, &self.survey.intent);
        let again = async {
            for probes in rounds {
                self.ask_round(place, target, probes).await;
            }
        };
        tokio::join!(again, self.controls.ask(&self.survey, &self.endpoints, evidence));
    }

    /// All at once, and noted before they are asked: an interrupted run keeps
    /// what it has.
    async fn ask_round(&self, place: usize, target: &Target, probes: Vec<Probe>) {
        let _ = self.events.send(Event::Planned { target: target.name(), probes: probes.len() });
        let keys = probes.iter().map(endpoints::Key::of);
        if let Some(Some(gathered)) =
            self.shelf.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place)
        {
            gathered.keys.extend(keys);
        }
        self.endpoints.ask_all(probes).await;
    }

    fn put(&self, place: usize, gathered: Gathered) {
        let mut slots = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(place) {
            *slot = Some(gathered);
        }
    }

    fn keep_policies(&self, place: usize, policies: PolicyEvidence) {
        let mut slots = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(gathered)) = slots.get_mut(place) {
            gathered.policies = policies;
        }
    }

    /// What is known of a target; `None` while its route is not.
    fn evidence(
        &self,
        place: usize,
        target: &Target,
        numbers: &mut endpoints::Numbers,
    ) -> Option<Evidence> {
        let slots = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let gathered = slots.get(place)?.as_ref()?;
        let observations = self.endpoints.observations(&gathered.keys, numbers);
        Some(gathered.evidence(target.clone(), Role::Target, observations))
    }

    fn outcome(&self, targets: Vec<Target>, interrupted: bool) -> Outcome {
        let mut numbers = endpoints::Numbers::default();
        let mut evidence = Vec::with_capacity(targets.len());
        for (place, target) in targets.into_iter().enumerate() {
            let known = self.evidence(place, &target, &mut numbers);
            evidence.push(known.unwrap_or_else(|| Evidence {
                target,
                routes: Vec::new(),
                policies: PolicyEvidence::default(),
                observations: Vec::new(),
                role: Role::Target,
                families: self.survey.asked,
                elsewhere: BTreeMap::new(),
                mirror: None,
            }));
        }
        let controls = self.controls.evidence(&self.endpoints, &mut numbers);
        let ids = self.survey.vantages.iter().map(|vantage| &vantage.id);
        let faults = ids.filter_map(|id| Some((id.clone(), self.endpoints.fault(id)?))).collect();
        let resolvers = self.endpoints.resolvers();
        Outcome { evidence, controls, resolvers, faults, interrupted }
    }
}

/// What a survey brought home.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One entry a target, in their order.
    pub evidence: Vec<Evidence>,
    /// Controls and the canary, where any were asked.
    pub controls: Vec<Evidence>,
    /// The resolver that each vantage point asked, by its id.
    pub resolvers: BTreeMap<String, ResolverUsed>,
    /// What kept a vantage point from observing, by its id.
    pub faults: BTreeMap<String, String>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// Waits for the end of the work, or for `stop`.
async fn finish(
    work: &mut JoinSet<()>,
    endpoints: &Endpoints,
    stop: impl Future<Output = ()>,
) -> bool {
    tokio::select! {
        () = all(work) => return false,
        () = stop => {}
    }
    endpoints.stop();
    // Connections end at once; a lookup may not, and is not waited for.
    let _ = tokio::time::timeout(FAREWELL, all(work)).await;
    work.shutdown().await;
    true
}

async fn all(work: &mut JoinSet<()>) {
    while work.join_next().await.is_some() {}
}

/// What every vantage point's resolver says of a target, all at once.
async fn gather(survey: &Survey, endpoints: &Endpoints, target: &Target) -> Gathered {
    let wanted = Wanted {
        port: survey.intent.port_for(target),
        hosts: budget::HOSTS_PER_TARGET,
        asked: survey.asked,
    };
    let resolved = survey.vantages.iter().map(|vantage| vantage.resolve(target, wanted));
    let resolved = join_all(resolved).await;
    let mut views = Vec::new();
    for (vantage, resolved) in survey.vantages.iter().zip(resolved) {
        match resolved {
            Ok(Some(Resolved { route, families, resolver })) => {
                endpoints.note_resolver(&vantage.id, resolver);
                views.push(View { route, families });
            }
            Ok(None) => views.extend(led(&vantage.id, &views, survey.asked)),
            Err(fault) => endpoints.note_fault(&vantage.id, &fault),
        }
    }
    let policies = PolicyEvidence::default();
    Gathered { views, policies, keys: Vec::new() }
}

/// The view of a vantage point that looks nothing up: it is sent where this process
/// goes, and only it can know over which families.
fn led(vantage: &str, views: &[View], asked: Families) -> Option<View> {
    let here = views.iter().find(|view| view.route.vantage == LOCAL)?;
    let route = Route { vantage: vantage.to_owned(), ..here.route.clone() };
    Some(View { route, families: asked })
}
