//! Who may come in: a mirror stands in the open internet.
//!
//! Owns how many sessions there are at once and how many a network may begin in a
//! minute, and which requests were made before. Refuses to know sockets.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::words::{Refused, Request, WINDOW_S};

/// Sessions at once, all networks together.
const SESSIONS_AT_ONCE: usize = 256;
/// Sessions at once of one network: who only holds connections open shuts nobody else out.
const SESSIONS_AT_ONCE_OF_ONE: u32 = 16;
/// Sessions that one network may begin in a minute.
const SESSIONS_A_MINUTE: u32 = 60;
/// The minute.
const PERIOD: Duration = Duration::from_mins(1);
/// Networks that are counted; beyond, all that are new share one count.
const MOST_NETWORKS: usize = 4096;
/// Requests that are remembered; each for as long as it could be made again.
const MOST_NONCES: usize = 4096;

/// What is counted of a client: its address, or the /64 that one host may have whole.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
    }
}

/// How many sessions of each network are open; those without any are not in it.
type Open = Arc<Mutex<HashMap<IpAddr, u32>>>;

/// Leave to hold a session, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _at_once: OwnedSemaphorePermit,
    network: IpAddr,
    open: Open,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.network)),
        }
    }
}

/// The gate.
#[derive(Debug)]
pub(super) struct Gate {
    at_once: Arc<Semaphore>,
    open: Open,
    begun: Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>,
    nonces: Mutex<HashMap<String, i64>>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            at_once: Arc::new(Semaphore::new(SESSIONS_AT_ONCE)),
            open: Open::default(),
            begun: Mutex::default(),
            nonces: Mutex::default(),
        }
    }

    /// Lets a session begin, as long as the permit is held; `None` where there are
    /// too many.
    pub(super) fn enter(&self, ip: IpAddr) -> Option<Permit> {
        if !self.is_in_turn(ip) {
            return None;
        }
        let at_once = self.at_once.clone().try_acquire_owned().ok()?;
        let network = network(ip);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(&network).copied().unwrap_or(0);
        if count >= SESSIONS_AT_ONCE_OF_ONE {
            return None;
        }
        open.insert(network, count + 1);
        Some(Permit { _at_once: at_once, network, open: Arc::clone(&self.open) })
    }

    /// Whether a network has not begun too many sessions lately.
    fn is_in_turn(&self, ip: IpAddr) -> bool {
        let now = Instant::now();
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.len() >= MOST_NETWORKS {
            begun.retain(|_, (since, _)| now.duration_since(*since) < PERIOD);
        }
        let known = begun.contains_key(&Some(network(ip))) || begun.len() < MOST_NETWORKS;
        let (since, count) = begun.entry(known.then(|| network(ip))).or_insert((now, 0));
        if now.duration_since(*since) >= PERIOD {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= SESSIONS_A_MINUTE
    }

    /// Whether a request comes in time and for the first time. Only what a token
    /// vouches for may be asked here: strangers must not fill the memory.
    pub(super) fn admit(&self, request: &Request, now: Timestamp) -> Result<(), Refused> {
        if !request.is_fresh(now) {
            return Err(Refused::Stale { ahead_s: request.ahead_of(now) });
        }
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        // A request from the future can be made again until its time has passed.
        nonces.retain(|_, time| now.as_second().saturating_sub(*time) <= WINDOW_S);
        if nonces.len() >= MOST_NONCES || nonces.contains_key(&request.nonce) {
            return Err(Refused::Replayed);
        }
        nonces.insert(request.nonce.clone(), request.time);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_network_has_so_many_sessions_a_minute() {
        let gate = Gate::new();
        for _ in 0..SESSIONS_A_MINUTE {
            assert!(gate.enter(ip("2001:db8::1")).is_some());
        }
        assert!(gate.enter(ip("2001:db8::2")).is_none(), "the same /64");
        assert!(gate.enter(ip("2001:db8:0:1::1")).is_some());
        for _ in 0..SESSIONS_A_MINUTE {
            assert!(gate.enter(ip("198.51.100.10")).is_some());
        }
        assert!(gate.enter(ip("::ffff:198.51.100.10")).is_none());
        assert!(gate.enter(ip("198.51.100.11")).is_some());
    }

    #[tokio::test]
    async fn so_many_sessions_are_there_at_once() {
        let gate = Gate::new();
        let client = |n: usize| {
            IpAddr::from([10, 0, u8::try_from(n / 200).unwrap(), u8::try_from(n % 200).unwrap()])
        };
        let mut permits: Vec<_> =
            (0..SESSIONS_AT_ONCE).map(|n| gate.enter(client(n)).unwrap()).collect();
        assert!(gate.enter(client(999)).is_none());
        permits.pop();
        assert!(gate.enter(client(999)).is_some());
    }

    #[tokio::test]
    async fn who_holds_connections_open_shuts_nobody_else_out() {
        let gate = Gate::new();
        let enter = |_| gate.enter(ip("203.0.113.9"));
        let held: Vec<_> = (0..SESSIONS_AT_ONCE_OF_ONE + 5).filter_map(enter).collect();
        assert_eq!(held.len(), 16);
        assert!(gate.enter(ip("198.51.100.10")).is_some());
        drop(held);
        assert!(gate.enter(ip("203.0.113.9")).is_some());
        assert!(gate.open.lock().unwrap().is_empty(), "nothing is kept of who left");
    }

    #[tokio::test]
    async fn counting_has_an_end() {
        let gate = Gate::new();
        for n in 0..u32::try_from(MOST_NETWORKS).unwrap() {
            assert!(gate.enter(IpAddr::from((n | 0x0a00_0000).to_be_bytes())).is_some());
        }
        let late = (0..=SESSIONS_A_MINUTE)
            .map(|n| gate.enter(IpAddr::from((n | 0x0b00_0000).to_be_bytes())));
        assert_eq!(late.filter(Option::is_none).count(), 1, "new networks share a count");
        assert!(gate.begun.lock().unwrap().len() <= MOST_NETWORKS + 1);
    }

    #[test]
    fn a_request_is_answered_once_and_in_time() {
        let gate = Gate::new();
        let now = Timestamp::from_second(1_763_766_000).unwrap();
        let at = |time: i64, nonce: &str| Request { time, nonce: nonce.into(), age_s: 1 };
        let time = now.as_second();
        assert_eq!(gate.admit(&at(time, "a"), now), Ok(()));
        assert_eq!(gate.admit(&at(time, "a"), now), Err(Refused::Replayed));
        assert_eq!(gate.admit(&at(time - 301, "b"), now), Err(Refused::Stale { ahead_s: -301 }));
        assert_eq!(gate.admit(&at(time + 300, "c"), now), Ok(()));
        // What could be made again is remembered, and what could not is forgotten.
        let later = Timestamp::from_second(time + 599).unwrap();
        assert_eq!(gate.admit(&at(time + 300, "c"), later), Err(Refused::Replayed));
        assert_eq!(gate.nonces.lock().unwrap().len(), 1);
    }
}
