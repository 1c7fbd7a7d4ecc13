//! How long a certificate was issued for, and how much of that is left.
//!
//! Refuses to know a clock: all is by the time of the observation.

use jiff::Timestamp;

use super::by_session;
use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, Entry};
use crate::judge::reading::Reading;
use crate::model::finding::Finding;
use crate::model::tls::{PkixReason, TlsFacts};

const DAY: i64 = 24 * 60 * 60;
/// Automatic renewal begins when a third of the lifetime is left, or half of a very
/// short one (Let's Encrypt's integration guide; certbot since 4.1). At a quarter it
/// has failed for days.
const SHARE_LEFT: i64 = 4;
/// Whoever renews a long one by hand needs no earlier word.
const MOST_LEFT: i64 = 30 * DAY;

/// From when on a public authority may issue for so many days at the most (CA/B
/// Forum Baseline Requirements §6.3.2, ballot SC-081v3); the newest first.
const LIMITS: [(&str, i64); 5] = [
    ("2029-03-15T00:00:00Z", 47),
    ("2027-03-15T00:00:00Z", 100),
    ("2026-03-15T00:00:00Z", 200),
    ("2020-09-01T00:00:00Z", 398),
    ("2018-03-01T00:00:00Z", 825),
];

pub(super) fn findings(addresses: &[Address<'_>]) -> Vec<Finding> {
    addresses.iter().flat_map(|address| by_session(address, |one| of(address, one))).collect()
}

fn of(address: &Address<'_>, reading: &Reading<'_>) -> Vec<(Entry, String)> {
    let Some(tls) = &reading.tls else { return Vec::new() };
    let at = reading.observation.started_at;
    let said = |text: String| format!("The certificate of {} {text}.", address.label());
    let soon = ends_soon(tls, at).map(|text| (catalogue::CERTIFICATE_EXPIRES_SOON, said(text)));
    let long = too_long(tls).map(|text| (catalogue::CERTIFICATE_LIFETIME_TOO_LONG, said(text)));
    soon.into_iter().chain(long).collect()
}

/// When the leaf begins, and for how many seconds it was issued: the last one
/// counts (RFC 5280 §4.1.2.5).
fn lifetime(tls: &TlsFacts) -> Option<(Timestamp, i64)> {
    let leaf = tls.chain.first()?;
    let (begin, end) = (leaf.not_before?, leaf.not_after?);
    Some((begin, end.as_second() - begin.as_second() + 1))
}

fn ends_soon(tls: &TlsFacts, at: Timestamp) -> Option<String> {
    let (begin, lifetime) = lifetime(tls)?;
    let end = tls.chain.first()?.not_after?;
    let left = end.as_second() - at.as_second();
    let over = tls.pkix.as_ref()?.reasons.contains(&PkixReason::Expired);
    if over || at < begin || left < 0 || left >= MOST_LEFT.min(lifetime / SHARE_LEFT) {
        return None;
    }
    Some(format!(
        "ends on {}, in {}, out of the {} that it was issued for",
        end.strftime("%Y-%m-%d"),
        days(left),
        days(lifetime)
    ))
}

fn days(seconds: i64) -> String {
    match seconds / DAY {
        0 => format!("{} hours", seconds / (60 * 60)),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn too_long(tls: &TlsFacts) -> Option<String> {
    // Whoever nobody else trusts may issue as he likes.
    let is_public = tls.pkix.as_ref()?.public_root == Some(true);
    let (begin, lifetime) = lifetime(tls).filter(|_| is_public)?;
    let limit = limit(begin).filter(|limit| lifetime > limit * DAY)?;
    Some(format!(
        "was issued by a public authority on {} for more than {limit} days, which was the limit \
         then: {}",
        begin.strftime("%Y-%m-%d"),
        days(lifetime)
    ))
}

fn limit(begin: Timestamp) -> Option<i64> {
    let applies = |from: &str| from.parse().is_ok_and(|from: Timestamp| begin >= from);
    LIMITS.iter().find(|(from, _)| applies(from)).map(|(_, days)| *days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::shown;

    const BEGIN: &str = "2026-04-01T00:00:00Z";

    fn facts(days: i64, public: bool) -> TlsFacts {
        let mut facts = shown(&[]);
        let begin: Timestamp = BEGIN.parse().unwrap();
        let end = begin.as_second() + days * DAY - 1;
        let leaf = &mut facts.chain[0];
        leaf.not_before = Some(begin);
        leaf.not_after = Some(Timestamp::from_second(end).unwrap());
        facts.pkix.as_mut().unwrap().public_root = Some(public);
        facts
    }

    /// With how many days left, of a certificate for so many, the warning begins.
    fn warned_from(days: i64) -> i64 {
        let facts = facts(days, true);
        let begin: Timestamp = BEGIN.parse().unwrap();
        let soon = |hour: &i64| {
            let at = Timestamp::from_second(begin.as_second() + hour * 60 * 60).unwrap();
            ends_soon(&facts, at).is_some()
        };
        let first = (0..days * 24).find(soon).unwrap();
        (days * 24 - first) / 24
    }

    #[test]
    fn soon_is_relative_to_the_lifetime() {
        let begins = [47, 90, 100, 200, 398, 3650].map(|days| (days, warned_from(days)));
        assert_eq!(begins, [(47, 11), (90, 22), (100, 25), (200, 30), (398, 30), (3650, 30)]);
    }

    #[test]
    fn what_is_over_or_not_begun_does_not_end_soon() {
        let mut facts = facts(90, true);
        assert_eq!(ends_soon(&facts, "2026-03-31T00:00:00Z".parse().unwrap()), None);
        assert_eq!(ends_soon(&facts, "2026-07-01T00:00:00Z".parse().unwrap()), None);
        let last = "2026-06-29T20:00:00Z".parse().unwrap();
        let said = "ends on 2026-06-29, in 3 hours, out of the 90 days that it was issued for";
        assert_eq!(ends_soon(&facts, last).as_deref(), Some(said));
        facts.pkix.as_mut().unwrap().reasons.push(PkixReason::Expired);
        assert_eq!(ends_soon(&facts, last), None, "a link has expired already");
        facts.chain[0].not_after = None;
        assert_eq!(ends_soon(&facts, last), None);
    }

    #[test]
    fn public_authorities_have_limits_and_others_have_none() {
        assert_eq!(too_long(&facts(200, true)), None);
        assert!(too_long(&facts(201, true)).unwrap().contains("more than 200 days"));
        assert_eq!(too_long(&facts(201, false)), None);
        let limits = [
            ("2018-02-28T23:59:59Z", None),
            ("2020-08-31T23:59:59Z", Some(825)),
            ("2026-03-14T23:59:59Z", Some(398)),
            ("2026-03-15T00:00:00Z", Some(200)),
            ("2027-03-14T23:59:59Z", Some(200)),
            ("2027-03-15T00:00:00Z", Some(100)),
            ("2029-03-15T00:00:00Z", Some(47)),
        ];
        for (begin, days) in limits {
            assert_eq!(limit(begin.parse().unwrap()), days, "{begin}");
        }
        assert!(LIMITS.iter().all(|(from, _)| from.parse::<Timestamp>().is_ok()));
    }
}
