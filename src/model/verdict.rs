//! One word for a domain, a host or an address, and how sure it is.
//!
//! Owns the words and their order. Refuses to know which evidence leads to which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The verdicts of docs/detection.md §1, in the order that decides between claims of
/// equal confidence.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Something other than the MX answered.
    Intercepted,
    /// This path hides the offer, overwrites or refuses the command, or breaks the handshake.
    Stripped,
    /// An authenticated promise is broken on every path tried.
    PolicyFailed,
    /// STARTTLS is offered and no handshake completes on any path.
    TlsBroken,
    /// Servers differ in a way that follows the host, the node or the EHLO name.
    Inconsistent,
    /// STARTTLS worked at every address that greeted us.
    Intact,
    /// No view offers STARTTLS, sending it anyway is refused, no promise says otherwise.
    NotOffered,
    /// Port 25 cannot be used from here.
    Blocked,
    /// Addresses exist, none answered usefully.
    Unreachable,
    /// The domain takes no mail.
    NoMail,
    /// DNS failed.
    Unresolvable,
    /// Could not be measured, or repeats disagree.
    Inconclusive,
}

/// How sure a claim is (docs/detection.md §1). Ordered: `Suspected < Corroborated < Proven`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// One signature, or one contrast.
    Suspected,
    /// Steady, and seen from a second side.
    Corroborated,
    /// No untampered network and no honest server could show it.
    Proven,
}

/// Where on the path the cause seems to be (docs/detection.md §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Every destination from one vantage.
    NearVantage,
    /// This destination from every vantage.
    NearDestination,
    /// One address family only.
    FamilyPath,
    /// One address of many.
    Node,
}

/// The verdict on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The word.
    pub status: Status,
    /// How sure; `None` where the status claims nothing.
    pub confidence: Option<Confidence>,
    /// One sentence for people.
    pub summary: String,
    /// The reason, for the statuses that need one.
    pub because: Option<String>,
    /// Where the cause seems to be.
    #[serde(rename = "where")]
    pub place: Option<Place>,
    /// Addresses that completed an SMTP greeting.
    pub reached: u32,
    /// Addresses probed.
    pub addresses: u32,
}

/// The verdict on a host or on one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartVerdict {
    /// The word.
    pub status: Status,
    /// How sure; `None` where the status claims nothing.
    pub confidence: Option<Confidence>,
    /// The reason, for the statuses that need one.
    pub because: Option<String>,
}
