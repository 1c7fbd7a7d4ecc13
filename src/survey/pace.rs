//! Politeness: one session at a time to an address, few at once to an operator.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::operator::operator;
use crate::model::probe::Role;
use crate::plan::budget;

/// Permits for connections.
#[derive(Debug, Default)]
pub(super) struct Pace {
    operators: Mutex<HashMap<String, Arc<Semaphore>>>,
    addresses: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
    spent: Mutex<HashMap<IpAddr, usize>>,
}

/// Held while a session to an address is under way.
#[derive(Debug)]
pub(super) struct Permit {
    _operator: OwnedSemaphorePermit,
    _address: OwnedSemaphorePermit,
}

impl Pace {
    /// Waits for a turn; `None` once the address has had all the sessions it may have.
    pub(super) async fn turn(&self, host: &str, ip: IpAddr, role: Role) -> Option<Permit> {
        let address = semaphore(&self.addresses, ip, 1).acquire_owned().await.ok()?;
        let most = budget::SESSIONS_PER_OPERATOR;
        let operator = semaphore(&self.operators, operator(host).to_owned(), most)
            .acquire_owned()
            .await
            .ok()?;
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = spent.entry(ip).or_insert(0);
        if *sessions >= budget::sessions_before(role) {
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
    use super::*;

    #[tokio::test]
    async fn one_session_at_a_time_and_a_budget() {
        let pace = Pace::default();
        let ip = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..budget::SESSIONS_PER_ADDRESS {
            let permit = pace.turn("mx.example.net", ip, Role::Target).await;
            assert!(permit.is_some());
            let second = pace.turn("mx.example.net", ip, Role::Target);
            tokio::select! {
                biased;
                _ = second => panic!("two sessions at once"),
                () = tokio::task::yield_now() => {}
            }
        }
        assert!(pace.turn("mx.example.net", ip, Role::Target).await.is_none());
        assert!(pace.turn("mx.example.net", ip, Role::Injection).await.is_some());
        assert!(pace.turn("mx.example.net", ip, Role::Injection).await.is_none());
        assert!(pace.turn("mx.example.net", ip, Role::Range).await.is_some());
    }
}
