//! What two looks at one thing have in common besides it, and what they have not.
//!
//! Owns how far apart in time two looks may be and still be "the same minutes"
//! (docs/detection.md §1), and which EHLO names were given. Where either differs,
//! it explains what differs as well as the path does. Refuses to claim anything.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::reading::Reading;

/// Further apart, a server may have been changed in between: a renewal, an upgrade,
/// STARTTLS switched on.
const SAME_TIME: SignedDuration = SignedDuration::from_hours(1);
const DAY: i64 = 24;

/// When sessions were, and which names they gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Circumstances {
    span: Option<(Timestamp, Timestamp)>,
    /// An address literal follows the source and counts as no name.
    names: BTreeSet<Option<String>>,
}

/// What was not held, and may explain a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loose {
    /// The first is later than the second by so many hours, or earlier where negative.
    Time(i64),
    /// One machine had both within the hour, one after the other: the first is the later
    /// one, or the earlier where false.
    Turn(bool),
    /// Other names were given with EHLO.
    EhloName,
}

impl Circumstances {
    pub(super) fn of<'r, 'a: 'r>(readings: impl IntoIterator<Item = &'r Reading<'a>>) -> Self {
        readings.into_iter().fold(Self::default(), |known, reading| known.and(&Self::one(reading)))
    }

    /// Of looks of which only the times are known.
    pub(super) fn between(times: impl IntoIterator<Item = Timestamp>) -> Self {
        times.into_iter().fold(Self::default(), |known, at| {
            known.and(&Self { span: Some((at, at)), ..Self::default() })
        })
    }

    fn one(reading: &Reading<'_>) -> Self {
        let at = reading.observation.started_at;
        let name = reading.observation.probe.ehlo_name.clone();
        let name = name.filter(|name| !name.starts_with('['));
        Self { span: Some((at, at)), names: BTreeSet::from([name]) }
    }

    /// Both together.
    pub(super) fn and(&self, other: &Self) -> Self {
        let span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        Self { span, names: self.names.union(&other.names).cloned().collect() }
    }

    /// What is not held between the two; what is unknown is no difference.
    pub(super) fn loose(&self, other: &Self) -> Vec<Loose> {
        let mut found = Vec::new();
        if let (Some(ours), Some(theirs)) = (self.span, other.span) {
            let (after, before) =
                (ours.0.duration_since(theirs.1), theirs.0.duration_since(ours.1));
            if after > SAME_TIME {
                found.push(Loose::Time(after.as_hours()));
            } else if before > SAME_TIME {
                found.push(Loose::Time(-before.as_hours()));
            }
        }
        let known = !self.names.is_empty() && !other.names.is_empty();
        if known && self.names.is_disjoint(&other.names) {
            found.push(Loose::EhloName);
        }
        found
    }

    /// Whether these looks were all after the others, or all before them; `None` where
    /// they took turns.
    pub(super) fn is_later_than(&self, other: &Self) -> Option<bool> {
        let (ours, theirs) = (self.span?, other.span?);
        match (ours.0 > theirs.1, theirs.0 > ours.1) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

impl Loose {
    /// For a sentence on what differs.
    pub(super) fn words(self) -> String {
        let hours = match self {
            Self::Time(hours) => hours,
            Self::Turn(_) => {
                return "one machine asked both times, and the server may have been changed in \
                        between"
                    .to_owned();
            }
            Self::EhloName => return "the two gave different names with EHLO".to_owned(),
        };
        let count = |number: u64, unit: &str| {
            format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
        };
        let hours = hours.unsigned_abs();
        let days = DAY.unsigned_abs();
        let apart =
            if hours < 2 * days { count(hours, "hour") } else { count(hours / days, "day") };
        format!("{apart} lie between the two, in which the server may have been changed")
    }

    /// The further view that would settle it.
    pub(super) fn settled_by(self) -> &'static str {
        match self {
            Self::Time(_) => "ask from both within the same hour",
            Self::Turn(_) => "ask from another machine in the same run (--vantage)",
            Self::EhloName => "let both give the same name with EHLO (--ehlo)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64, name: Option<&str>) -> Circumstances {
        let at = Timestamp::from_second(hours * 3600).unwrap();
        let names = BTreeSet::from([name.map(str::to_owned)]);
        Circumstances { span: Some((at, at)), names }
    }

    #[test]
    fn an_hour_is_the_same_time_and_more_is_not() {
        let early = at(0, None);
        assert_eq!(at(1, None).loose(&early), []);
        assert_eq!(at(2, None).loose(&early), [Loose::Time(2)]);
        assert_eq!(early.loose(&at(72, None)), [Loose::Time(-72)]);
        // Looks in turn over a long time overlap.
        assert_eq!(early.and(&at(9, None)).loose(&at(5, None)), []);
        assert_eq!(Circumstances::default().loose(&early), []);
    }

    #[test]
    fn what_took_turns_is_neither_later_nor_earlier() {
        let (early, late) = (at(0, None), at(1, None));
        assert_eq!(late.is_later_than(&early), Some(true));
        assert_eq!(early.is_later_than(&late), Some(false));
        assert_eq!(early.is_later_than(&early.and(&late)), None);
        assert_eq!(Circumstances::default().is_later_than(&early), None);
    }

    #[test]
    fn names_differ_where_none_is_shared() {
        let (one, other, none) = (at(0, Some("a.example")), at(0, Some("b.example")), at(0, None));
        assert_eq!(one.loose(&one), []);
        assert_eq!(one.loose(&other), [Loose::EhloName]);
        assert_eq!(one.loose(&none), [Loose::EhloName]);
        assert_eq!(none.loose(&none), []);
        assert_eq!(one.and(&other).loose(&other), []);
    }

    #[test]
    fn time_is_worded_in_hours_and_days() {
        assert!(Loose::Time(2).words().starts_with("2 hours lie"));
        assert!(Loose::Time(-72).words().starts_with("3 days lie"));
    }
}
