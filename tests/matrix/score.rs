//! What was said against what may be said.

use mxray::model::verdict::{Confidence, Status};

use crate::world::Seen;

/// How a verdict stands beside the best that the views permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Score {
    /// The best claim, and it names a fault.
    Caught,
    /// The best claim, and it names none: nothing more can be seen.
    AsFarAsSeen,
    /// An innocent cause under the right word.
    Right,
    /// An innocent cause that cannot be told from a box from here: the claim has
    /// the confidence that is allowed, and names the innocent explanation.
    Doubted,
    /// Named, with less confidence or by a lesser word than permitted.
    Weaker,
    /// A fault may be claimed, and none is.
    Missed,
    /// Stripping or interception claimed, or claimed with more confidence, than
    /// an innocent cause allows.
    FalseAlarm,
    /// More confidence, or a graver word, than the views permit.
    Overclaim,
    /// An innocent cause under another word than the right one, without an alarm.
    OtherWord,
}

impl Score {
    pub(crate) const ALL: [Self; 9] = [
        Self::Caught,
        Self::AsFarAsSeen,
        Self::Right,
        Self::Doubted,
        Self::Weaker,
        Self::Missed,
        Self::FalseAlarm,
        Self::Overclaim,
        Self::OtherWord,
    ];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::AsFarAsSeen => "as far as seen",
            Self::Right => "right",
            Self::Doubted => "doubted",
            Self::Weaker => "weaker",
            Self::Missed => "missed",
            Self::FalseAlarm => "false alarm",
            Self::Overclaim => "overclaim",
            Self::OtherWord => "other word",
        }
    }
}

/// A status and how sure it is.
pub(crate) type Claim = (Status, Option<Confidence>);

pub(crate) fn score(seen: &Seen) -> Score {
    let found = (seen.report.verdict.status, seen.report.verdict.confidence);
    of_claim(found, (seen.permitted.status, seen.permitted.confidence), seen.guilty)
}

fn of_claim(found: Claim, permitted: Claim, guilty: bool) -> Score {
    if found == permitted {
        return match (guilty, names_fault(permitted)) {
            (true, true) => Score::Caught,
            (true, false) => Score::AsFarAsSeen,
            (false, _) if is_alarm(permitted.0) => Score::Doubted,
            (false, _) => Score::Right,
        };
    }
    let allowed = if is_alarm(permitted.0) { permitted.1 } else { None };
    if found.1 == Some(Confidence::Proven) && permitted.1 != Some(Confidence::Proven) {
        return Score::Overclaim;
    }
    if is_alarm(found.0) && found.1 > allowed {
        return if guilty { Score::Overclaim } else { Score::FalseAlarm };
    }
    match (guilty, names_fault(found)) {
        (false, _) => Score::OtherWord,
        (true, true) => Score::Weaker,
        (true, false) => Score::Missed,
    }
}

fn is_alarm(status: Status) -> bool {
    matches!(status, Status::Intercepted | Status::Stripped)
}

fn names_fault(claim: Claim) -> bool {
    let faults = [Status::TlsBroken, Status::Blocked, Status::PolicyFailed];
    claim.1.is_some() || faults.contains(&claim.0)
}

/// `stripped proven`, `intact`.
pub(crate) fn words(claim: Claim) -> String {
    let word = |value: Option<String>| value.unwrap_or_default().replace('"', "");
    let status = word(serde_json::to_string(&claim.0).ok());
    match claim.1 {
        Some(confidence) => format!("{status} {}", word(serde_json::to_string(&confidence).ok())),
        None => status,
    }
}

#[test]
fn more_than_permitted_is_told_from_less() {
    use Confidence::{Corroborated, Proven, Suspected};
    let stripped = |confidence| (Status::Stripped, Some(confidence));
    let (intact, hidden) = ((Status::Intact, None), (Status::NotOffered, None));
    assert_eq!(of_claim(stripped(Proven), stripped(Corroborated), true), Score::Overclaim);
    assert_eq!(of_claim(stripped(Suspected), intact, true), Score::Overclaim);
    assert_eq!(of_claim(stripped(Suspected), intact, false), Score::FalseAlarm);
    assert_eq!(of_claim(stripped(Corroborated), stripped(Suspected), false), Score::FalseAlarm);
    assert_eq!(of_claim(stripped(Suspected), stripped(Corroborated), true), Score::Weaker);
    assert_eq!(of_claim(hidden, stripped(Suspected), true), Score::Missed);
    assert_eq!(of_claim(hidden, intact, false), Score::OtherWord);
    assert_eq!(of_claim(hidden, hidden, true), Score::AsFarAsSeen);
    assert_eq!(of_claim(hidden, hidden, false), Score::Right);
    assert_eq!(of_claim(stripped(Suspected), stripped(Suspected), false), Score::Doubted);
    assert_eq!(of_claim(stripped(Proven), stripped(Proven), true), Score::Caught);
}
