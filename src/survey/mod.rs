//! Many targets: resolves, plans, observes, with bounded concurrency.
//!
//! Owns the order of work, the sharing of endpoints between targets, and
//! politeness. Refuses to judge: it brings home evidence, and only asks `judge`
//! whether a target has earned a second look.

mod controls;
mod endpoints;
mod pace;
mod promises;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::dns::Resolver;
use crate::judge;
use crate::model::evidence::Evidence;
use crate::model::policy::PolicyEvidence;
use crate::model::probe::{Family, Probe, Role};
use crate::model::report::{Families, FamilyUse};
use crate::model::route::Route;
use crate::model::session::Stage;
use crate::model::target::Target;
use crate::observe::Dialler;
use crate::plan::{self, Intent, budget};
use crate::tls::Roots;

pub use controls::ControlSettings;
use controls::Controls;
use endpoints::Endpoints;
use promises::Promises;

/// The vantage that is this process.
pub const LOCAL: &str = "local";

/// How long connections under way may take to write down what they have.
const FAREWELL: Duration = Duration::from_millis(200);

/// How a survey is made.
pub struct Survey {
    /// Looks names up; `None` where every target is an address.
    pub resolver: Option<Resolver>,
    /// Opens connections.
    pub dialler: Dialler,
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
    route: Route,
    policies: PolicyEvidence,
    families: Families,
    keys: Vec<endpoints::Key>,
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
        endpoints: Arc::new(Endpoints::new(survey.dialler.clone(), events.clone())),
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
        let gathered = gather_route(&self.survey, target).await;
        let intent = &self.survey.intent;
        let probes = plan::first_probes(target, &gathered.route, gathered.families, intent);
        let promises = Promises::of(&self.survey, &self.events, target, &gathered);
        self.put(place, gathered);
        // No session waits for a promise; what looks odd may depend on it.
        let promised = async {
            if let Some(promises) = promises {
                promises.gather(|policies| self.keep_policies(place, policies)).await;
            }
        };
        tokio::join!(self.ask_round(place, target, probes), promised);
        let Some(evidence) = self.evidence(place, target, &mut endpoints::Numbers::default())
        else {
            return;
        };
        if let Some(why) = judge::suspicion(&evidence, &self.survey.roots) {
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
        Some(Evidence {
            target: target.clone(),
            routes: vec![gathered.route.clone()],
            policies: gathered.policies.clone(),
            observations: self.endpoints.observations(&gathered.keys, numbers),
            role: Role::Target,
            families: gathered.families,
        })
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
            }));
        }
        let controls = self.controls.evidence(&self.endpoints, &mut numbers);
        let resolver = self.survey.resolver.as_ref().and_then(Resolver::described);
        Outcome { evidence, controls, resolver, interrupted }
    }
}

/// What a survey brought home.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One entry a target, in their order.
    pub evidence: Vec<Evidence>,
    /// Controls and the canary, where any were asked.
    pub controls: Vec<Evidence>,
    /// The resolver that was asked.
    pub resolver: Option<crate::model::report::ResolverUsed>,
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

async fn gather_route(survey: &Survey, target: &Target) -> Gathered {
    let route = match (plan::named_route(target, LOCAL), &survey.resolver) {
        (Some(route), _) => route,
        (None, Some(resolver)) => {
            let mut route = resolver.route(target, LOCAL).await;
            ask_tlsa(resolver, &mut route, survey.intent.port_for(target)).await;
            route
        }
        (None, None) => unresolved(),
    };
    let families = usable_families(&survey.dialler, &route, survey.asked);
    let policies = PolicyEvidence::default();
    Gathered { route, policies, families, keys: Vec::new() }
}

/// Fills in what the hosts that will be probed promise, all at once.
async fn ask_tlsa(resolver: &Resolver, route: &mut Route, port: u16) {
    let exchanges = || route.exchanges.iter().take(budget::HOSTS_PER_TARGET);
    let answers = join_all(exchanges().map(|exchange| resolver.tlsa(exchange, port))).await;
    for (exchange, answer) in route.exchanges.iter_mut().zip(answers) {
        exchange.tlsa = answer;
    }
}

/// A name, and nobody to ask.
fn unresolved() -> Route {
    Route {
        vantage: LOCAL.to_owned(),
        kind: crate::model::route::RouteKind::None,
        dnssec: crate::model::route::Dnssec::Indeterminate,
        error: Some(crate::model::route::LookupError::Unreachable),
        error_detail: Some("no resolver is configured".to_owned()),
        cname: Vec::new(),
        null_mx_beside_others: false,
        exchanges: Vec::new(),
    }
}

/// Finds out which families this machine can use: by the route to the target's
/// own addresses, else by the route to a documentation address (RFC 5737, RFC
/// 3849). Sends nothing.
fn usable_families(dialler: &Dialler, route: &Route, asked: Families) -> Families {
    let somewhere: [IpAddr; 2] = [
        std::net::Ipv4Addr::new(192, 0, 2, 1).into(),
        std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    ];
    let usable = |family: Family| {
        let ipv4 = route.exchanges.iter().flat_map(|exchange| &exchange.ipv4.addresses);
        let ipv6 = route.exchanges.iter().flat_map(|exchange| &exchange.ipv6.addresses);
        let known = ipv4.copied().map(IpAddr::V4).chain(ipv6.copied().map(IpAddr::V6));
        let mut candidates = known.chain(somewhere).filter(|ip| Family::of(*ip) == family);
        if candidates.any(|ip| dialler.source_towards(ip).is_ok()) {
            FamilyUse::Usable
        } else {
            FamilyUse::Unusable
        }
    };
    let state = |family| match asked.of(family) {
        FamilyUse::NotAsked => FamilyUse::NotAsked,
        _ => usable(family),
    };
    Families { ipv4: state(Family::Ipv4), ipv6: state(Family::Ipv6) }
}
