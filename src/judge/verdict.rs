//! One word for an address, a host, a domain, by the tables of DETECTION.md §1.

use super::address::{Address, Broken, Standing};
use super::describe;
use crate::model::evidence::Evidence;
use crate::model::probe::Family;
use crate::model::report::{AddressReport, HostReport};
use crate::model::route::{LookupError, Route, RouteKind};
use crate::model::session::MaskedLine;
use crate::model::verdict::{Confidence, PartVerdict, Place, Status, Verdict};

/// A verdict before its sentence is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) status: Status,
    pub(super) confidence: Option<Confidence>,
    pub(super) because: Option<String>,
    pub(super) place: Option<Place>,
}

impl Claim {
    fn plain(status: Status) -> Self {
        Self { status, confidence: None, because: None, place: None }
    }

    fn because(status: Status, because: impl Into<String>) -> Self {
        Self { because: Some(because.into()), ..Self::plain(status) }
    }

    fn sure(self, confidence: Confidence) -> Self {
        Self { confidence: Some(confidence), ..self }
    }

    fn part(self) -> PartVerdict {
        PartVerdict { status: self.status, confidence: self.confidence, because: self.because }
    }
}

/// The verdict on the whole target.
pub(super) fn of_target(evidence: &Evidence, addresses: &[Address<'_>]) -> Verdict {
    let claim = match evidence.routes.iter().find_map(dead_end) {
        Some(claim) => claim,
        None if evidence.routes.is_empty() => Claim::because(Status::Inconclusive, "interrupted"),
        None => of_addresses(&addresses.iter().collect::<Vec<_>>()),
    };
    let reached = addresses.iter().filter(|address| address.greeted()).count();
    let probed = addresses.iter().filter(|address| !address.readings.is_empty()).count();
    Verdict {
        summary: describe::summary(evidence, addresses, &claim),
        status: claim.status,
        confidence: claim.confidence,
        because: claim.because,
        place: claim.place,
        reached: u32::try_from(reached).unwrap_or(u32::MAX),
        addresses: u32::try_from(probed).unwrap_or(u32::MAX),
    }
}

/// The verdict on every host and every address of it.
pub(super) fn of_hosts(addresses: &[Address<'_>]) -> Vec<HostReport> {
    let mut hosts: Vec<HostReport> = Vec::new();
    for address in addresses {
        if hosts.iter().any(|known| known.host == address.host) {
            continue;
        }
        let here: Vec<&Address<'_>> =
            addresses.iter().filter(|other| other.host == address.host).collect();
        let reports = here.iter().map(|address| AddressReport {
            ip: address.ip,
            family: address.family(),
            verdict: of_address(address).part(),
        });
        hosts.push(HostReport {
            host: address.host.clone(),
            verdict: of_addresses(&here).part(),
            addresses: reports.collect(),
        });
    }
    hosts
}

/// Where DNS alone decides.
fn dead_end(route: &Route) -> Option<Claim> {
    match route.kind {
        RouteKind::NullMx => return Some(Claim::because(Status::NoMail, "null-mx")),
        RouteKind::None => {}
        _ if without_address(route) => return Some(address_less(route)),
        _ => return None,
    }
    Some(match route.error {
        // The domain exists, and has neither MX nor addresses.
        Some(LookupError::Nodata) | None => Claim::because(Status::NoMail, "no-mx-no-address"),
        Some(error) => Claim::because(Status::Unresolvable, word(error)),
    })
}

fn without_address(route: &Route) -> bool {
    route
        .exchanges
        .iter()
        .all(|exchange| exchange.ipv4.addresses.is_empty() && exchange.ipv6.addresses.is_empty())
}

/// No host has an address: for certain, or only as far as DNS answered.
fn address_less(route: &Route) -> Claim {
    let errors =
        route.exchanges.iter().flat_map(|exchange| [exchange.ipv4.error, exchange.ipv6.error]);
    let failure = errors.flatten().find(|error| !error.is_denial());
    let because = failure.map_or("mx-without-address", word);
    Claim::because(Status::Unresolvable, because)
}

fn word(error: LookupError) -> &'static str {
    match error {
        LookupError::Nxdomain => "nxdomain",
        LookupError::Nodata => "nodata",
        LookupError::Servfail => "servfail",
        LookupError::Refused => "refused",
        LookupError::Bogus => "bogus",
        LookupError::Timeout => "timeout",
        LookupError::Unreachable => "resolver-unreachable",
        LookupError::Other => "dns-error",
    }
}

/// The claim on one address.
pub(super) fn of_address(address: &Address<'_>) -> Claim {
    if let Some(confidence) = stripping(address) {
        return Claim::plain(Status::Stripped).sure(confidence);
    }
    match &address.standing {
        Standing::NotProbed(why) | Standing::Stalled(why) => {
            Claim::because(Status::Inconclusive, *why)
        }
        Standing::NotReached(why) => Claim::because(Status::Unreachable, why),
        Standing::TurnedAway(code) => {
            Claim::because(Status::Inconclusive, format!("greeting-{code}"))
        }
        Standing::NotOffered if address.fell_to_helo() => {
            Claim::because(Status::NotOffered, "ehlo-refused")
        }
        Standing::NotOffered => Claim::plain(Status::NotOffered),
        Standing::Broken(broken) => Claim::because(Status::TlsBroken, broken.word()),
        Standing::Secured if address.misplaced() => {
            Claim::because(Status::NotOffered, "starttls-on-greeting-line")
        }
        Standing::Secured => Claim::plain(Status::Intact),
    }
}

/// What an address shows of stripping by itself, without another view.
fn stripping(address: &Address<'_>) -> Option<Confidence> {
    // DETECTION.md §1 (d): nobody but a box writes eight X's where STARTTLS stood.
    if address.overwritten() {
        return Some(Confidence::Proven);
    }
    if address.hidden() {
        // (b): a Cisco mask of eight letters, and behind it STARTTLS is accepted.
        let masked = address.has_cisco_mask_of_eight();
        return Some(if masked { Confidence::Proven } else { Confidence::Suspected });
    }
    let unoffered = address.standing == Standing::NotOffered && !address.offered();
    (unoffered && address.masks().any(stands_for_starttls)).then_some(Confidence::Suspected)
}

/// Where STARTTLS stands in the lists of common servers (DETECTION.md §2), as
/// its nearest neighbours before and after. No other keyword of eight letters
/// has these neighbours there.
const STARTTLS_NEIGHBOURS: [(&str, &str); 5] = [
    ("ETRN", "AUTH"),                          // Postfix
    ("ETRN", "ENHANCEDSTATUSCODES"),           // Postfix without AUTH
    ("8BITMIME", "ENHANCEDSTATUSCODES"),       // Gmail
    ("ENHANCEDSTATUSCODES", "X-ANONYMOUSTLS"), // Exchange
    ("ENHANCEDSTATUSCODES", "AUTH"),           // Exchange without X-ANONYMOUSTLS
];

/// Whether a mask stands exactly where a common server has STARTTLS. A
/// suspicion, never more: four keywords have eight letters.
pub(super) fn stands_for_starttls(mask: &MaskedLine) -> bool {
    let (Some(after), Some(before)) = (&mask.after, &mask.before) else { return false };
    mask.length == "STARTTLS".len()
        && STARTTLS_NEIGHBOURS.contains(&(after.as_str(), before.as_str()))
}

/// The claim on a set of addresses: a host's or the whole domain's. The claim
/// held with the highest confidence wins; between equals, the order of `Status`.
fn of_addresses(addresses: &[&Address<'_>]) -> Claim {
    let own = addresses
        .iter()
        .map(|address| of_address(address))
        .filter(|claim| claim.confidence.is_some());
    let mut claims: Vec<Claim> = own.collect();
    claims.extend(by_family(addresses));
    claims.sort_by_key(|claim| (std::cmp::Reverse(claim.confidence), claim.status));
    claims.into_iter().next().unwrap_or_else(|| without_suspicion(addresses))
}

/// Every address of one family lacks what every address of the other has.
fn by_family(addresses: &[&Address<'_>]) -> Option<Claim> {
    let of = |family| {
        let measured = addresses.iter().filter(move |address| {
            address.family() == family && (lacks(address) || has(address) || faulty(address))
        });
        measured.copied().collect::<Vec<_>>()
    };
    let (ipv4, ipv6) = (of(Family::Ipv4), of(Family::Ipv6));
    let split = |without: &[&Address<'_>], with: &[&Address<'_>]| {
        !without.is_empty()
            && !with.is_empty()
            && without.iter().all(|address| lacks(address))
            && with.iter().all(|address| has(address))
            // Families of different hosts differ by host, not by family.
            && without.iter().any(|one| with.iter().any(|other| one.host == other.host))
    };
    let stripped = Claim {
        place: Some(Place::FamilyPath),
        ..Claim::plain(Status::Stripped).sure(Confidence::Suspected)
    };
    (split(&ipv4, &ipv6) || split(&ipv6, &ipv4)).then_some(stripped)
}

/// STARTTLS is offered and works.
fn has(address: &Address<'_>) -> bool {
    address.standing == Standing::Secured && address.offered()
}

/// STARTTLS is not offered, refused, or breaks in a way that a path can cause.
fn lacks(address: &Address<'_>) -> bool {
    match &address.standing {
        Standing::NotOffered => !address.misplaced(),
        Standing::Broken(broken) => *broken != Broken::LegacyOnly,
        Standing::Secured => address.hidden(),
        _ => false,
    }
}

/// The server shows a fault of its own, which no path explains: an old version,
/// an offer on the wrong line.
fn faulty(address: &Address<'_>) -> bool {
    address.standing == Standing::Broken(Broken::LegacyOnly) || address.misplaced()
}

/// No address and no pair of families raises a suspicion.
fn without_suspicion(addresses: &[&Address<'_>]) -> Claim {
    let claims: Vec<Claim> = addresses.iter().map(|address| of_address(address)).collect();
    let having = |status: Status| claims.iter().filter(move |claim| claim.status == status);
    let any = |status: Status| having(status).next().is_some();
    let settled = [Status::Intact, Status::NotOffered, Status::TlsBroken];
    match settled.iter().filter(|status| any(**status)).count() {
        0 => unmeasured(&claims),
        1 => {
            let stalled = addresses.iter().find_map(|address| match address.standing {
                Standing::Stalled(why) => Some(why),
                _ => None,
            });
            // Greeted and then stalled: neither good nor bad.
            match (stalled, claims.iter().find(|claim| settled.contains(&claim.status))) {
                (Some(why), _) => Claim::because(Status::Inconclusive, why),
                (None, Some(claim)) => uniform(claim, &claims),
                (None, None) => unmeasured(&claims),
            }
        }
        _ => Claim::plain(Status::Inconsistent).sure(Confidence::Suspected),
    }
}

/// All measured addresses agree; they need not agree on the reason.
fn uniform(claim: &Claim, claims: &[Claim]) -> Claim {
    let same = claims.iter().filter(|other| other.status == claim.status);
    let reasons: std::collections::BTreeSet<_> = same.map(|other| &other.because).collect();
    let because = if reasons.len() == 1 { claim.because.clone() } else { None };
    Claim { because, ..claim.clone() }
}

/// Nothing was learned of STARTTLS anywhere.
fn unmeasured(claims: &[Claim]) -> Claim {
    let mut inconclusive = claims.iter().filter(|claim| claim.status == Status::Inconclusive);
    let heard = |claim: &&Claim| !is_about_us(claim);
    if let Some(claim) = inconclusive.find(heard) {
        return claim.clone();
    }
    if let Some(claim) = claims.iter().find(|claim| claim.status == Status::Unreachable) {
        let unreachable: Vec<Claim> =
            claims.iter().filter(|claim| claim.status == Status::Unreachable).cloned().collect();
        return uniform(claim, &unreachable);
    }
    match claims.first() {
        Some(claim) => uniform(claim, claims),
        None => Claim::because(Status::Inconclusive, "nothing-to-probe"),
    }
}

/// The address was not asked: a fact about this machine or this run.
fn is_about_us(claim: &Claim) -> bool {
    let words = ["ipv4-unusable", "ipv6-unusable", "not-asked", "not-probed", "local-error"];
    claim.because.as_deref().is_some_and(|because| words.contains(&because))
}
