//! Politeness: one session at a time to an address, few at once to an operator.
//!
//! Owns turns and budgets. Refuses to know what is asked.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::operator::operator;
use crate::model::probe::Probe;
use crate::plan::budget;

/// Who looks at which address: a vantage point, one of its sources, the address.
/// Each view has its own budget, or a second source would have nothing left to
/// ask with; no two of them ask at once.
pub(super) type View = (String, Option<IpAddr>, IpAddr);

/// The view that a session is part of.
pub(super) fn view(probe: &Probe) -> View {
    (probe.vantage.clone(), probe.source, probe.ip)
}

/// Permits for connections.
#[derive(Debug, Default)]
pub(super) struct Pace {
    operators: Mutex<HashMap<String, Arc<Semaphore>>>,
    addresses: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
    spent: Mutex<HashMap<View, usize>>,
}

/// Held while a session to an address is under way.
#[derive(Debug)]
pub(super) struct Permit {
    _operator: OwnedSemaphorePermit,
    _address: OwnedSemaphorePermit,
}

impl Pace {
    /// Waits for a turn; `None` once the address has had all the sessions that it
    /// may have from this view.
    pub(super) async fn turn(&self, probe: &Probe) -> Option<Permit> {
        let ip = probe.ip;
        let address = semaphore(&self.addresses, ip, 1).acquire_owned().await.ok()?;
        let most = budget::SESSIONS_PER_OPERATOR;
        let operator = semaphore(&self.operators, operator(&probe.host).to_owned(), most)
            .acquire_owned()
            .await
            .ok()?;
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = spent.entry(view(probe)).or_insert(0);
        if *sessions >= budget::sessions_before(probe.role) {
            return None;
        }
        *sessions += 1;
        Some(Permit { _operator: operator, _address: address })
    }
}

fn semaphore<K: std::hash::Hash + Eq>(
    map: &Mutex<HashMap<K, Arc<Semaphore>>>,
    key: K,
    permits: usize,
) -> Arc<Semaphore> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.entry(key).or_insert_with(|| Arc::new(Semaphore::new(permits))).clone()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::probe::{ClientHello, LOCAL, Limits, Mode, Role};

    fn probe(source: Option<IpAddr>) -> Probe {
        let ip = IpAddr::from([192, 0, 2, 1]);
        let time = Duration::from_secs(1);
        Probe {
            vantage: LOCAL.to_owned(),
            source,
            target: "example.net".to_owned(),
            host: "mx.example.net".to_owned(),
            ip,
            port: 25,
            ehlo_name: None,
            mode: Mode::Starttls,
            client_hello: ClientHello::Default,
            offer: None,
            sni: None,
            repeat: 0,
            role: Role::Target,
            limits: Limits { session: time, greeting: time },
        }
    }

    #[tokio::test]
    async fn one_session_at_a_time_and_a_budget() {
        let pace = Pace::default();
        let probe = probe(None);
        for _ in 0..budget::SESSIONS_PER_ADDRESS {
            let permit = pace.turn(&probe).await;
            assert!(permit.is_some());
            let second = pace.turn(&probe);
            tokio::select! {
                biased;
                _ = second => panic!("two sessions at once"),
                () = tokio::task::yield_now() => {}
            }
        }
        assert!(pace.turn(&probe).await.is_none());
        let other = self::probe(Some(IpAddr::from([198, 51, 100, 1])));
        assert!(pace.turn(&other).await.is_some(), "another view has its own budget");
        let of_role = |role| Probe { role, ..probe.clone() };
        assert!(pace.turn(&of_role(Role::Injection)).await.is_some());
        assert!(pace.turn(&of_role(Role::Injection)).await.is_none());
        assert!(pace.turn(&of_role(Role::Range)).await.is_some());
    }
}
