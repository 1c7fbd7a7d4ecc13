//! Many targets: resolves, plans, observes, with bounded concurrency.
//!
//! Owns the order of work, the sharing of endpoints between targets, and
//! politeness. Refuses to judge: it brings home evidence.

mod endpoints;
mod pace;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::dns::Resolver;
use crate::model::evidence::Evidence;
use crate::model::probe::Family;
use crate::model::report::{Families, FamilyUse};
use crate::model::route::Route;
use crate::model::session::Stage;
use crate::model::target::Target;
use crate::observe::Dialler;
use crate::plan::{self, Intent, budget};

use endpoints::Endpoints;
pub use pace::operator;

/// The vantage that is this process.
pub const LOCAL: &str = "local";

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
}

/// What a survey is doing, for a progress view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A target's route is being looked up.
    Resolving {
        /// Canonical name of the target.
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
    /// An address is asked once more, and why.
    Again {
        /// The MX host.
        host: String,
        /// The address.
        ip: IpAddr,
        /// Why.
        why: &'static str,
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
type Shelf = Arc<Mutex<Vec<Option<Gathered>>>>;

/// One target under way.
struct Gathered {
    route: Route,
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
    let survey = Arc::new(survey);
    let endpoints = Arc::new(Endpoints::new(events.clone()));
    let shelf: Shelf = Arc::new(Mutex::new(targets.iter().map(|_| None).collect()));
    let at_once = Arc::new(Semaphore::new(budget::TARGETS_AT_ONCE));
    let mut work = JoinSet::new();
    for (place, target) in targets.iter().cloned().enumerate() {
        let (survey, endpoints, shelf) = (survey.clone(), endpoints.clone(), shelf.clone());
        let (at_once, events) = (at_once.clone(), events.clone());
        work.spawn(async move {
            let _permit = at_once.acquire_owned().await;
            let gathered = gather(&survey, &target, &events).await;
            let probes =
                plan::first_probes(&target, &gathered.route, gathered.families, &survey.intent);
            let _ = events.send(Event::Planned { target: target.name(), probes: probes.len() });
            let keys = probes.iter().map(endpoints::Key::of).collect();
            put(&shelf, place, Gathered { keys, ..gathered });
            endpoints.ask_all(probes, &survey.dialler).await;
        });
    }
    let interrupted = finish(&mut work, stop).await;
    let evidence = collect(targets, &shelf, &endpoints, survey.asked);
    let resolver = survey.resolver.as_ref().and_then(Resolver::described);
    Outcome { evidence, resolver, interrupted }
}

/// What a survey brought home.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One entry a target, in their order.
    pub evidence: Vec<Evidence>,
    /// The resolver that was asked.
    pub resolver: Option<crate::model::report::ResolverUsed>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

async fn finish(work: &mut JoinSet<()>, stop: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = async { while work.join_next().await.is_some() {} } => false,
        () = stop => {
            work.shutdown().await;
            true
        }
    }
}

async fn gather(
    survey: &Survey,
    target: &Target,
    events: &mpsc::UnboundedSender<Event>,
) -> Gathered {
    let _ = events.send(Event::Resolving { target: target.name() });
    let route = match (plan::named_route(target, LOCAL), &survey.resolver) {
        (Some(route), _) => route,
        (None, Some(resolver)) => resolver.route(target, LOCAL).await,
        (None, None) => unresolved(),
    };
    let families = usable_families(&survey.dialler, &route, survey.asked);
    Gathered { route, families, keys: Vec::new() }
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

fn put(shelf: &Shelf, place: usize, gathered: Gathered) {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = shelf.get_mut(place) {
        *slot = Some(gathered);
    }
}

fn collect(
    targets: Vec<Target>,
    shelf: &Shelf,
    endpoints: &Endpoints,
    asked: Families,
) -> Vec<Evidence> {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    let mut numbers = endpoints::Numbers::default();
    let gathered = shelf.iter_mut().map(Option::take);
    let evidence = targets.into_iter().zip(gathered).map(|(target, gathered)| match gathered {
        None => Evidence { target, routes: vec![], observations: vec![], families: asked },
        Some(gathered) => Evidence {
            target,
            routes: vec![gathered.route],
            observations: endpoints.observations(&gathered.keys, &mut numbers),
            families: gathered.families,
        },
    });
    evidence.collect()
}
