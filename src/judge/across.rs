//! What several views of one target say together.
//!
//! Owns which claim of a view another view confirms, weakens or overturns, and the
//! verdict of the target made of it (docs/detection.md §1). Each view has been
//! judged by itself before. What keeps one view from seeing is a fact about that
//! view; it says nothing of the target where another view sees.

pub(super) mod contrast;
mod dns;
pub(super) mod findings;
mod keys;
pub(super) mod machine;
mod spot;
mod words;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;

use super::address::Address;
use super::claim::Claim;
use super::grouped::grouped;
use super::standing::Standing;
use super::verdict;
use super::views::Seen;
use super::{Scene, dead_end, interception};
use crate::model::probe::Family;
use crate::model::report::{AddressReport, HostReport, ViewAddress, ViewReport};
use crate::model::verdict::{Confidence, PartVerdict, Place, Status, Verdict};
use contrast::Contrast;
use spot::{Look, Spot, is_settled, mirrored, spots, weight};

/// The word for an address that another view shows otherwise.
pub(super) const SEEN_ELSEWHERE: &str = "seen-elsewhere";
/// The word for what every vantage point sees alike.
pub(super) const EVERYWHERE: &str = "every-vantage";
/// The word for servers that differ because DNS leads each vantage point to others.
pub(super) const DNS_DIFFERS: &str = "dns-differs";

/// What one view saw, judged by itself.
pub(super) struct Side<'a> {
    pub(super) seen: &'a Seen<'a>,
    pub(super) scene: Scene<'a>,
    pub(super) verdict: Verdict,
    /// Which machine looked: the number of its first view.
    pub(super) machine: usize,
}

impl<'a> Side<'a> {
    pub(super) fn new(seen: &'a Seen<'a>, scene: Scene<'a>, machine: usize) -> Self {
        Self { verdict: verdict::of_target(&seen.evidence, &scene), seen, scene, machine }
    }

    fn vantage(&self) -> &str {
        &self.seen.view.vantage
    }

    /// Another view with the same number looks from the same place.
    fn place(&self) -> usize {
        self.seen.place
    }

    /// A vantage point that failed, or a run that ended before this view had its
    /// turn: addresses are known, and none was asked.
    fn is_void(&self) -> bool {
        let unasked = |address: &Address<'_>| {
            matches!(address.standing, Standing::NotProbed("not-probed" | "interrupted"))
        };
        !self.scene.addresses.is_empty() && self.scene.addresses.iter().all(unasked)
    }
}

/// Where one address stands in the lists of [`Across`].
struct Places {
    spot: usize,
    contrasts: Range<usize>,
}

/// Everything that several views saw of one target.
pub(super) struct Across<'s, 'a> {
    sides: Vec<&'s Side<'a>>,
    spots: Vec<Spot<'s, 'a>>,
    contrasts: Vec<Contrast>,
    /// Where in those lists each address is.
    places: HashMap<(&'s str, IpAddr), Places>,
    /// Where anything was learned of STARTTLS.
    measured: HashSet<IpAddr>,
    /// All views taken together; of the addresses, each as it was seen best.
    whole: Scene<'a>,
    name: String,
}

impl<'s, 'a> Across<'s, 'a> {
    /// `whole` is the run as one; its promises span the views.
    pub(super) fn new(name: String, sides: &'s [Side<'a>], whole: Scene<'a>) -> Self {
        let heard: Vec<&Side<'a>> = sides.iter().filter(|side| !side.is_void()).collect();
        let sides = if heard.is_empty() { sides.iter().take(1).collect() } else { heard };
        let spots = spots(&sides);
        let mut contrasts = Vec::new();
        let mut places = HashMap::new();
        for (spot, at) in spots.iter().enumerate() {
            let first = contrasts.len();
            contrasts.extend(contrast::at(at));
            places.insert((at.host, at.ip), Places { spot, contrasts: first..contrasts.len() });
        }
        let measured = spots.iter().filter(|spot| spot.measured().next().is_some());
        let measured = measured.map(|spot| spot.ip).collect();
        let best = spots.iter().filter_map(|spot| Some(spot.settled()?.1.address.clone()));
        let whole = Scene { addresses: best.collect(), ..whole };
        Self { sides, spots, contrasts, places, measured, whole, name }
    }

    /// An address as all views see it.
    fn spot(&self, host: &str, ip: IpAddr) -> Option<&Spot<'s, 'a>> {
        self.spots.get(self.places.get(&(host, ip))?.spot)
    }

    /// What differs there between views.
    fn contrasts_at(&self, spot: &Spot<'_, '_>) -> &[Contrast] {
        let places = self.places.get(&(spot.host, spot.ip));
        places.and_then(|places| self.contrasts.get(places.contrasts.clone())).unwrap_or_default()
    }

    /// The verdict on the whole target.
    pub(super) fn verdict(&self) -> Verdict {
        let claim = self.claim(None);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let looks = |spot: &Spot<'s, 'a>| -> Vec<&Address<'a>> {
            spot.looks.iter().map(|look| look.address).collect()
        };
        let greeted = |spot: &&Spot<'s, 'a>| looks(spot).iter().any(|one| one.greeted());
        let asked = |spot: &&Spot<'s, 'a>| looks(spot).iter().any(|one| !one.readings.is_empty());
        Verdict {
            summary: words::summary(self, &claim),
            reached: count(self.spots.iter().filter(greeted).count()),
            addresses: count(self.spots.iter().filter(asked).count()),
            status: claim.status,
            confidence: claim.confidence,
            because: claim.because,
            place: claim.place,
        }
    }

    /// The verdict on every host and every address of it.
    pub(super) fn hosts(&self) -> Vec<HostReport> {
        let hosts = grouped(&self.spots, |spot| spot.host);
        let report = |(host, here): (&str, Vec<&Spot<'s, 'a>>)| {
            let addresses = here.iter().filter_map(|spot| {
                let verdict = self.at(spot)?.part();
                Some(AddressReport { ip: spot.ip, family: Family::of(spot.ip), verdict })
            });
            HostReport {
                host: host.to_owned(),
                addresses: addresses.collect(),
                verdict: self.claim(Some((host, here))).part(),
            }
        };
        hosts.into_iter().map(report).collect()
    }

    /// Each view with what it says by itself; `None` where there is only one.
    pub(super) fn views(&self) -> Option<Vec<ViewReport>> {
        let views = self.sides.iter().map(|side| ViewReport {
            vantage: side.vantage().to_owned(),
            sources: side.seen.view.sources(),
            verdict: PartVerdict {
                status: side.verdict.status,
                confidence: side.verdict.confidence,
                because: side.verdict.because.clone(),
            },
            reached: side.verdict.reached,
            addresses: side.scene.addresses.iter().map(|one| address(one, &side.scene)).collect(),
        });
        (self.sides.len() > 1).then(|| views.collect())
    }

    /// The claim on one address, by what it shows or by what was promised for it.
    fn at(&self, spot: &Spot<'_, '_>) -> Option<Claim> {
        let mut claims: Vec<Claim> = vec![spot.settled()?.0];
        claims.extend(self.contrasts_at(spot).iter().map(Contrast::claim));
        claims.extend(self.whole.promises.of_address(spot.host, spot.ip));
        claims.extend(mirrored(spot));
        claims.into_iter().min_by_key(Claim::rank)
    }

    /// The claim on a host and its addresses, or on all. As with one view, the claim held
    /// with the highest confidence wins; between equals, the order of `Status`.
    fn claim(&self, one: Option<(&str, Vec<&Spot<'s, 'a>>)>) -> Claim {
        let (host, spots) = match one {
            Some((host, spots)) => (Some(host), spots),
            None => (None, self.spots.iter().collect()),
        };
        let settled: Vec<_> = spots.iter().filter_map(|spot| spot.settled()).collect();
        let own: Vec<Claim> = settled.iter().map(|(claim, _)| claim.clone()).collect();
        let mut claims: Vec<Claim> =
            own.iter().filter(|claim| claim.confidence.is_some()).cloned().collect();
        let contrasts = spots.iter().flat_map(|spot| self.contrasts_at(spot));
        claims.extend(contrasts.map(Contrast::claim));
        claims.extend(self.sides.iter().filter_map(|side| self.by_family(side, host)));
        claims.extend(spots.iter().flat_map(|spot| mirrored(spot)));
        let hosts = spots.iter().map(|spot| spot.host).collect();
        claims.extend(self.whole.promises.claims(&hosts));
        if host.is_none() {
            claims.extend(self.sides.iter().flat_map(|side| of_side(side)));
            claims.extend(keys::by_family(&self.sides));
        }
        let best = claims.into_iter().min_by_key(Claim::rank);
        best.unwrap_or_else(|| self.without_suspicion(&settled, &own))
    }

    /// A family without STARTTLS at one view, of one host or of all. Where other vantage
    /// points see the same, no path is to blame but the destination's own.
    fn by_family(&self, side: &Side<'_>, host: Option<&str>) -> Option<Claim> {
        let all = &side.scene.addresses;
        let addresses: Vec<&Address<'_>> = match host {
            Some(host) => all.of_host(host).collect(),
            None => all.iter().collect(),
        };
        let claim = verdict::by_family(&addresses, &side.scene)?;
        let lacking: Vec<&&Address<'_>> =
            addresses.iter().filter(|address| address.lacks()).collect();
        let everywhere = lacking.iter().all(|address| {
            let spot = self.spot(&address.host, address.ip);
            let clean = |other: &Side<'_>| {
                other.place() != side.place() && other.scene.controls.clean_on(address.family())
            };
            spot.is_some_and(Spot::is_bare_everywhere)
                && (claim.confidence <= Some(Confidence::Suspected)
                    || self.sides.iter().any(|other| clean(other)))
        });
        if !everywhere {
            return Some(claim);
        }
        let differ = Claim::because(Status::Inconsistent, EVERYWHERE);
        Some(differ.sure(Confidence::Suspected).at(Place::NearDestination))
    }

    /// No address, no pair of families and no two views raise a suspicion.
    fn without_suspicion(&self, settled: &[(Claim, &Look<'_, '_>)], own: &[Claim]) -> Claim {
        if own.iter().any(|claim| is_settled(claim.status)) {
            let best: Vec<&Address<'_>> = settled.iter().map(|(_, look)| look.address).collect();
            let claim = verdict::without_suspicion(&best, own, &self.whole);
            let split = claim.status == Status::Inconsistent && self.is_split_by_dns();
            return if split {
                Claim { because: Some(DNS_DIFFERS.into()), ..claim }
            } else {
                claim
            };
        }
        // Nothing was measured from anywhere: the most telling view decides.
        let views = self.sides.iter().map(|side| of_verdict(&side.verdict));
        let denied = self.sides.iter().flat_map(|side| &side.seen.evidence.routes);
        let denied =
            denied.filter_map(dead_end::of_route).filter(|one| one.status == Status::NoMail);
        let best = views.chain(denied).min_by_key(weight);
        best.unwrap_or_else(|| Claim::because(Status::Inconclusive, "interrupted"))
    }

    /// Whether no two vantage points were led to one address.
    fn is_split_by_dns(&self) -> bool {
        let vantages = |spot: &Spot<'_, '_>| -> usize {
            spot.looks.iter().map(|look| look.side.vantage()).collect::<BTreeSet<_>>().len()
        };
        let all: BTreeSet<&str> = self.sides.iter().map(|side| side.vantage()).collect();
        all.len() > 1 && self.spots.iter().all(|spot| vantages(spot) == 1)
    }

    /// Whether several vantage points measured something.
    fn is_from_several(&self) -> bool {
        let looks = self.spots.iter().flat_map(Spot::measured);
        looks.map(|look| look.side.vantage()).collect::<BTreeSet<_>>().len() > 1
    }

    /// Whether that was in several places.
    fn is_from_several_places(&self) -> bool {
        let looks = self.spots.iter().flat_map(Spot::measured);
        looks.map(|look| look.side.place()).collect::<BTreeSet<_>>().len() > 1
    }
}

/// What a view alone says of the whole target, beside its addresses.
fn of_side(side: &Side<'_>) -> Vec<Claim> {
    let claims = [interception::claim(&side.scene.tells), verdict::by_ehlo_name(&side.scene)];
    claims.into_iter().flatten().collect()
}

fn of_verdict(verdict: &Verdict) -> Claim {
    Claim {
        status: verdict.status,
        confidence: verdict.confidence,
        because: verdict.because.clone(),
        place: verdict.place,
    }
}

fn address(address: &Address<'_>, scene: &Scene<'_>) -> ViewAddress {
    ViewAddress {
        host: address.host.clone(),
        ip: address.ip,
        verdict: verdict::of_address(address, scene).part(),
    }
}
