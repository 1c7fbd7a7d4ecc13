//! Control destinations and the canary: asked once a run, and only when a
//! suspicion asks for them.
//!
//! Owns which are asked, and that nobody is asked twice. Refuses to say what their
//! answers mean.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join, join_all};
use tokio::sync::OnceCell;

use super::endpoints::{Endpoints, Key, Numbers};
use super::promises::{self, Promises};
use super::{Gathered, Survey, View};
use crate::model::evidence::Evidence;
use crate::model::operator::built_in_controls;
use crate::model::policy::PolicyEvidence;
use crate::model::probe::{LOCAL, Probe, Role};
use crate::model::special_purpose::is_public;
use crate::model::target::Target;
use crate::plan;
use crate::vantage::VantagePoint;

/// Which controls the user wants.
#[derive(Clone, Debug, Default)]
pub struct ControlSettings {
    /// Domains that the user named as controls. They may be asked whatever the target.
    pub named: Vec<Target>,
    /// Whether the built-in ones may be asked, for a public target.
    pub built_in: bool,
    /// The canary's addresses, as the user named them; empty is the built-in
    /// ones, for a public target.
    pub canary: Vec<IpAddr>,
    /// Whether there shall be a canary at all.
    pub no_canary: bool,
    /// Targets that earn no control: a mirror speaks for itself.
    pub never_for: Vec<Target>,
}

/// One control as it was asked.
struct Asked {
    target: Target,
    gathered: Gathered,
    role: Role,
}

/// The controls of a run.
#[derive(Default)]
pub(super) struct Controls {
    public: OnceCell<()>,
    named: OnceCell<()>,
    canary: OnceCell<()>,
    asked: Mutex<Vec<Asked>>,
}

impl Controls {
    /// Asks the controls that a suspicion about this target may have. A target
    /// that is not public causes no traffic to anything public.
    pub(super) async fn ask(&self, survey: &Survey, endpoints: &Arc<Endpoints>, target: &Evidence) {
        let public = target.observations.iter().all(|seen| is_public(seen.probe.ip));
        let settings = &survey.controls;
        if settings.never_for.contains(&target.target) {
            return;
        }
        tokio::join!(
            async {
                if !settings.named.is_empty() {
                    let named = || self.ask_controls(survey, endpoints, settings.named.clone());
                    self.named.get_or_init(named).await;
                } else if public && settings.built_in {
                    let built_in = || self.ask_controls(survey, endpoints, built_in_controls());
                    self.public.get_or_init(built_in).await;
                }
            },
            async {
                if !settings.no_canary && (public || !settings.canary.is_empty()) {
                    self.canary.get_or_init(|| self.ask_canary(survey, endpoints)).await;
                }
            }
        );
    }

    /// Asks controls, a few at once, until enough of them have been measured.
    async fn ask_controls(&self, survey: &Survey, endpoints: &Arc<Endpoints>, list: Vec<Target>) {
        let mut measured = 0;
        let list: Vec<Target> = list.into_iter().take(plan::CONTROLS_TRIED).collect();
        for few in list.chunks(plan::CONTROLS_WANTED) {
            if measured >= plan::CONTROLS_WANTED {
                break;
            }
            let mut work = Vec::new();
            let mut places = Vec::new();
            for target in few {
                let gathered = super::gather(survey, endpoints, target).await;
                let views = gathered.views.iter();
                let probes: Vec<Probe> = views
                    .flat_map(|view| {
                        let View { route, families } = view;
                        plan::control_probes(target, route, *families, &survey.intent)
                    })
                    .collect();
                let promises = Promises::of(survey, endpoints.events(), target, &gathered);
                let place = self.note(target.clone(), gathered, &probes, Role::Control);
                places.push(place);
                let policies = promises::gather(promises, move |it| self.keep_policies(place, it));
                work.push(join(endpoints.ask_all(probes), policies));
            }
            join_all(work).await;
            measured += places.iter().filter(|place| self.greeted(**place, endpoints)).count();
        }
    }

    /// From here only: an agent connects to nowhere, unless its own options say so.
    async fn ask_canary(&self, survey: &Survey, endpoints: &Arc<Endpoints>) {
        let Some(local) = survey.vantages.iter().find_map(VantagePoint::local) else { return };
        let named = &survey.controls.canary;
        let addresses = if named.is_empty() { &plan::CANARIES[..] } else { named };
        // An address on a local link could be somebody's lab.
        let nowhere: Vec<IpAddr> =
            addresses.iter().copied().filter(|ip| !local.dialler.is_on_link(*ip)).collect();
        let Some((target, route)) = plan::canary(&nowhere, LOCAL) else { return };
        let families = local.usable_families(&route, survey.asked);
        let probes = plan::first_probes(&target, &route, families, &survey.intent);
        let probes: Vec<Probe> = probes
            .into_iter()
            .map(|probe| Probe { role: Role::Canary, host: probe.ip.to_string(), ..probe })
            .map(|probe| Probe { limits: plan::budget::CANARY, port: 25, ..probe })
            .collect();
        let policies = PolicyEvidence::default();
        let views = vec![View { route, families }];
        let gathered = Gathered { views, policies, keys: Vec::new() };
        self.note(target, gathered, &probes, Role::Canary);
        endpoints.ask_all(probes).await;
    }

    fn note(&self, target: Target, gathered: Gathered, probes: &[Probe], role: Role) -> usize {
        let keys = probes.iter().map(Key::of).collect();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.push(Asked { target, gathered: Gathered { keys, ..gathered }, role });
        asked.len() - 1
    }

    fn keep_policies(&self, place: usize, policies: PolicyEvidence) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = asked.get_mut(place) {
            asked.gathered.policies = policies;
        }
    }

    /// Whether a control was measured: it greeted over at least one family.
    fn greeted(&self, place: usize, endpoints: &Endpoints) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asked) = asked.get(place) else { return false };
        let seen = endpoints.observations(&asked.gathered.keys, &mut Numbers::default());
        seen.iter().any(plan::greeted)
    }

    /// What was learned of every control.
    pub(super) fn evidence(&self, endpoints: &Endpoints, numbers: &mut Numbers) -> Vec<Evidence> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let evidence = asked.iter().map(|asked| {
            let observations = endpoints.observations(&asked.gathered.keys, numbers);
            asked.gathered.evidence(asked.target.clone(), asked.role, observations)
        });
        evidence.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::net::{IpAddr, SocketAddr};
    use std::time::Duration;

    use super::*;
    use crate::model::probe::Limits;
    use crate::model::report::{Families, FamilyUse};
    use crate::observe::Dialler;
    use crate::plan::Intent;
    use crate::tls::Roots;
    use crate::vantage::local::Local;

    /// What is asked beside a target at which nobody listens, with everything
    /// built in allowed.
    async fn asked_beside(target: &str, named: &[&str]) -> Vec<Evidence> {
        let nobody: SocketAddr = ([127, 0, 0, 1], 1).into();
        let ip: IpAddr = target.parse().unwrap();
        let patience = Duration::from_secs(2);
        let local = Local {
            resolver: None,
            dialler: Dialler::pretend(
                HashMap::from([(SocketAddr::new(ip, 25), nobody)]),
                vec!["198.51.100.10".parse().unwrap(), "2001:db8:100::10".parse().unwrap()],
            ),
        };
        let survey = Survey {
            vantages: [VantagePoint::here(local)].into(),
            intent: Intent {
                limits: Limits { session: patience, greeting: patience },
                repeats: 1,
                ..Intent::default()
            },
            asked: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable },
            controls: ControlSettings {
                named: named.iter().map(|name| name.parse().unwrap()).collect(),
                built_in: true,
                ..ControlSettings::default()
            },
            roots: Roots::webpki(),
        };
        let (events, _) = tokio::sync::mpsc::unbounded_channel();
        let targets = vec![target.parse().unwrap()];
        super::super::run(survey, targets, events, std::future::pending()).await.controls
    }

    #[tokio::test]
    async fn a_special_purpose_target_causes_no_traffic_to_anything_public() {
        for target in ["127.0.0.1", "10.0.0.25", "203.0.113.1", "100.64.0.1", "::1", "fd00::25"] {
            assert!(asked_beside(target, &[]).await.is_empty(), "{target}");
        }
        let named = asked_beside("10.0.0.25", &["control.example.com"]).await;
        let asked: Vec<_> = named.iter().map(|control| control.target.name()).collect();
        assert_eq!(asked, ["control.example.com"], "only what the user named");
    }

    #[tokio::test]
    async fn a_public_target_has_controls_and_a_canary() {
        // Mapped to loopback like every address here: nothing leaves this machine.
        for target in ["8.8.8.8", "2a00:1450::1a"] {
            let asked = asked_beside(target, &[]).await;
            let role = |wanted| asked.iter().filter(|beside| beside.role == wanted).count();
            assert_eq!(role(Role::Control), plan::CONTROLS_TRIED, "{target}");
            let canary = asked.iter().find(|beside| beside.role == Role::Canary).unwrap();
            let ips: Vec<_> = canary.observations.iter().map(|seen| seen.probe.ip).collect();
            assert_eq!(ips, plan::CANARIES, "{target}");
        }
    }
}
