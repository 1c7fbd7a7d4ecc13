//! Who observes: this process, directly or through a proxy, an agent behind a
//! command, or a saved report.
//!
//! Owns the question "where does this look from": looking names up there and
//! connecting from there. Refuses to plan and to judge: a vantage point only
//! observes, and what keeps it from observing is a fault of ours, never one of the
//! target's.

pub mod agent;
mod child;
pub mod clock;
pub mod command;
pub mod fault;
pub mod local;
pub mod merge;
mod pending;
pub mod recorded;
pub mod wire;

use std::net::IpAddr;

use fault::Fault;
use local::Local;
use wire::{Resolve, Resolved, Wanted};

use crate::model::observation::Observation;
use crate::model::probe::{LOCAL, Probe};
use crate::model::report::{FamilyUse, VantageKind};
use crate::model::session::Stage;
use crate::model::target::Target;
use crate::observe::{Proxy, observe_through};

/// Somebody who observes.
pub struct VantagePoint {
    /// Its id in the report.
    pub id: String,
    /// Who it is.
    pub observer: Observer,
}

/// Who observes.
pub enum Observer {
    /// This process.
    Local(Box<Local>),
    /// An agent behind a command.
    Command(Box<command::Agent>),
    /// This process through a SOCKS5 proxy, which is only handed addresses.
    Socks5(Proxy),
    /// An agent that never began, and why: the others look all the same.
    Absent(Fault),
}

impl VantagePoint {
    /// This process.
    pub fn here(local: Local) -> Self {
        Self { id: LOCAL.to_owned(), observer: Observer::Local(Box::new(local)) }
    }

    /// What kind it is, for the report.
    pub fn kind(&self) -> VantageKind {
        match self.observer {
            Observer::Local(_) => VantageKind::Local,
            Observer::Command(_) | Observer::Absent(_) => VantageKind::Command,
            Observer::Socks5(_) => VantageKind::Socks5,
        }
    }

    /// This process, where it is that.
    pub fn local(&self) -> Option<&Local> {
        match &self.observer {
            Observer::Local(local) => Some(local),
            Observer::Command(_) | Observer::Socks5(_) | Observer::Absent(_) => None,
        }
    }

    /// Its own addresses as it states them; empty for this process, which learns
    /// them with each connection, and for a proxy, which does not tell.
    pub fn sources(&self) -> &[IpAddr] {
        match &self.observer {
            Observer::Local(_) | Observer::Socks5(_) | Observer::Absent(_) => &[],
            Observer::Command(agent) => &agent.hello().sources,
        }
    }

    /// What DNS says of a target there, and which families can be used; `None` where
    /// nothing is looked up: a proxy is sent where this process would go.
    ///
    /// # Errors
    /// The vantage point itself failed: nothing is known.
    pub async fn resolve(
        &self,
        target: &Target,
        wanted: Wanted,
    ) -> Result<Option<Resolved>, Fault> {
        match &self.observer {
            Observer::Local(local) => Ok(Some(local.resolve(target, wanted, &self.id).await)),
            Observer::Socks5(_) => Ok(None),
            Observer::Absent(fault) => Err(fault.clone()),
            Observer::Command(agent) => {
                let target = target.input.clone();
                let mut resolved = agent.resolve(Resolve { target, wanted }).await?;
                resolved.route.vantage.clone_from(&self.id);
                // What was left out here was not asked there.
                for (family, asked) in [
                    (&mut resolved.families.ipv4, wanted.asked.ipv4),
                    (&mut resolved.families.ipv6, wanted.asked.ipv6),
                ] {
                    if asked == FamilyUse::NotAsked {
                        *family = asked;
                    }
                }
                Ok(Some(resolved))
            }
        }
    }

    /// One connection from there. Once `stop` is done it is given up; what happened
    /// until then is known only of this process's own.
    ///
    /// # Errors
    /// The vantage point itself failed: nothing was observed.
    pub async fn observe(
        &self,
        probe: Probe,
        progress: &(dyn Fn(Stage) + Sync),
        stop: impl Future<Output = ()>,
    ) -> Result<Observation, Fault> {
        match &self.observer {
            Observer::Local(local) => Ok(local.observe(probe, progress, stop).await),
            Observer::Command(agent) => tokio::select! {
                observed = agent.observe(probe, progress) => observed,
                () = stop => Err(Fault::Interrupted),
            },
            Observer::Absent(fault) => Err(fault.clone()),
            Observer::Socks5(proxy) => Ok(observe_through(proxy, probe, progress, stop).await?),
        }
    }
}
