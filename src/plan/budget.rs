//! The limits of politeness: constants with one home.
//!
//! Owns the numbers and why each is what it is. Refuses to count: `survey` does.

use std::time::Duration;

use crate::model::probe::{Limits, Role};

/// Sessions to one address in a run, one at a time.
pub const SESSIONS_PER_ADDRESS: usize = 8;
/// Sessions to one address that ask for its range of TLS, on top: one a suite, a
/// version and a group that it speaks. Measured: 27 for OpenSMTPD and 46 for Exim as
/// Debian 12 has them, 63 for Postfix, 117 for a Postfix with every suite allowed.
pub const RANGE_SESSIONS: usize = 120;
/// The pause between two of them.
pub const RANGE_PAUSE: Duration = Duration::from_millis(100);
/// Unexpected failures after which no more is asked of a range.
pub const RANGE_FAILURES: usize = 3;
/// Sessions at once to MX hosts under one registrable domain.
pub const SESSIONS_PER_OPERATOR: usize = 4;
/// How long a greeting is waited for: postscreen and greylisting servers pause on purpose.
pub const GREETING_PATIENCE: Duration = Duration::from_secs(30);
/// One session, patience for the greeting apart, unless told otherwise.
pub const SESSION: Duration = Duration::from_secs(30);
/// Targets under way at once.
pub const TARGETS_AT_ONCE: usize = 32;
/// Hosts probed of one route: a hostile zone can list thousands.
pub const HOSTS_PER_TARGET: usize = 64;
/// Addresses probed of one host and family.
pub const ADDRESSES_PER_HOST: usize = 32;
/// Sessions that a suspicion adds at each address, unless told otherwise.
pub const REPEATS: u32 = 2;
/// The most that may be asked for, so that the budget of an address holds.
pub const MOST_REPEATS: u32 = 4;
/// The canary: silence is what is expected of it, so nobody waits long.
pub const CANARY: Limits =
    Limits { session: Duration::from_secs(5), greeting: Duration::from_secs(5) };

/// Sessions that one address may have had when another of this role is begun.
pub fn sessions_before(role: Role) -> usize {
    match role {
        Role::Injection => SESSIONS_PER_ADDRESS + 1,
        Role::Range => SESSIONS_PER_ADDRESS + 1 + RANGE_SESSIONS,
        Role::Target | Role::Control | Role::Canary | Role::Mirror => SESSIONS_PER_ADDRESS,
    }
}
