//! The clock of another vantage point, held against this one.
//!
//! Owns times that were read off a far clock: what they are by ours, and when such a
//! clock has misled. Pure.

use jiff::{SignedDuration, Timestamp};

use super::fault::Fault;
use crate::model::route::{Dnssec, LookupError, Route};

/// From this offset on a clock makes good signatures seem bad: they hold from one time to
/// another (RFC 4035 §5.3.1), and clocks that are kept differ by less than minutes.
const MISLEADING_OFFSET: SignedDuration = SignedDuration::from_mins(5);

/// How the far clock stands against ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOffset(SignedDuration);

impl ClockOffset {
    /// By the time at which the question left, the far clock, and the time at
    /// which its answer was here: half of the way is taken for each direction.
    pub(super) fn measured(asked: Timestamp, far: Timestamp, answered: Timestamp) -> Self {
        let way = answered.duration_since(asked);
        Self(far.duration_since(asked) - way / 2)
    }

    /// In milliseconds; positive where the far clock is ahead.
    pub fn milliseconds(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }

    /// A time of the far clock, by ours. What was asked for, and is here, happened
    /// between the two, whatever a clock shows that was set in the meantime: by that
    /// time certificates are judged, and whether two views are of the same hour.
    pub(super) fn corrected(
        self,
        far: Timestamp,
        asked: Timestamp,
        answered: Timestamp,
    ) -> Timestamp {
        let time = far.checked_sub(self.0).unwrap_or(far);
        time.min(answered).max(asked)
    }

    /// The fault of a clock by which signatures were found bad (RFC 4035 §5.3.1).
    pub(super) fn fault_of(self, route: &Route) -> Option<Fault> {
        let misleads = self.0.abs() > MISLEADING_OFFSET && is_bogus(route);
        misleads.then(|| Fault::Clock(self.0.as_secs()))
    }
}

fn is_bogus(route: &Route) -> bool {
    let is_bogus = |status| status == Dnssec::Bogus;
    let denied = |error: Option<LookupError>| error == Some(LookupError::Bogus);
    is_bogus(route.dnssec)
        || denied(route.error)
        || route.exchanges.iter().any(|exchange| {
            let tlsa = exchange.tlsa.as_ref();
            is_bogus(exchange.ipv4.dnssec)
                || is_bogus(exchange.ipv6.dnssec)
                || tlsa.is_some_and(|tlsa| is_bogus(tlsa.dnssec) || denied(tlsa.error))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_never_before_its_question_nor_behind_its_answer() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let ahead = ClockOffset(SignedDuration::from_secs(100));
        let corrected = |far| ahead.corrected(far, at(1000), at(1010));
        assert_eq!(corrected(at(1105)), at(1005), "a clock that kept its offset");
        for (jumped, then) in [
            (at(1005), at(1000)),
            (at(5000), at(1010)),
            (Timestamp::MIN, at(1000)),
            (Timestamp::MAX, at(1010)),
        ] {
            assert_eq!(corrected(jumped), then, "{jumped}");
        }
        // Our own clock was set back in the meantime.
        assert_eq!(ahead.corrected(at(1105), at(1000), at(400)), at(1000));
    }
}
