//! The menu from one view and from two: what a second vantage point or source
//! confirms, weakens and overturns, against the table of docs/detection.md §5.

use std::sync::OnceLock;

use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::probe::Family;
use mxray::model::report::TargetReport;
use mxray::model::verdict::{Confidence, Place, Status};
use mxray::sim::internet::Path;
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::server::{Profile, Software, Starttls};

use crate::common::{Beside, ELSEWHERE, Elsewhere, HOST, addresses};
use crate::truth::{Extent, permitted};
use crate::views_table::{Claim, Controls, Site, ViewsTable};
use crate::world::{
    CONTROLS, Row, Seen, everywhere, of_family, split, surveyed, target, with_controls,
};

/// Loopback addresses, of which the box takes the second's connections.
pub(crate) const CLEAN_SOURCE: [u8; 4] = [127, 0, 0, 1];
const SOURCES: [[u8; 4]; 2] = [CLEAN_SOURCE, [127, 0, 0, 2]];

/// The paths on which the box lies.
fn paths(site: Site) -> Vec<Path> {
    let target = |families: &[Family]| {
        let own = families.iter().map(|family| of_family(addresses(), *family));
        own.map(Path::Address).collect()
    };
    match site {
        Site::NearIpv4 | Site::OneSource => everywhere(&[Family::Ipv4]),
        Site::NearBoth => everywhere(&[Family::Ipv4, Family::Ipv6]),
        Site::TargetIpv4 | Site::EdgeIpv4 => target(&[Family::Ipv4]),
        Site::TargetBoth | Site::EdgeBoth => target(&[Family::Ipv4, Family::Ipv6]),
    }
}

/// Two controls, and a second view.
fn beside(site: Site) -> Beside {
    let beside = Beside { controls: CONTROLS.to_vec(), ..Beside::default() };
    let elsewhere = match site {
        Site::OneSource => {
            return Beside { sources: SOURCES.map(Into::into).to_vec(), ..beside };
        }
        Site::EdgeIpv4 | Site::EdgeBoth => Elsewhere::Same,
        _ => Elsewhere::Clean,
    };
    Beside { elsewhere: Some(elsewhere), ..beside }
}

fn is_silent(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::SilenceAfterStarttls | Behaviour::SilenceAtClientHello)
}

fn row(behaviour: Behaviour, site: Site) -> Row {
    let source = (site == Site::OneSource).then(|| SOURCES[1].into());
    let scope = Scope { source, ..Scope::default() };
    let mut internet = target(with_controls(), Profile::new(Software::Postfix, HOST)).past_boxes();
    for path in paths(site) {
        internet = internet.box_on(path, behaviour, scope.clone());
    }
    let row = Row::new("views", format!("{behaviour}, {site:?}"), internet);
    let row = Row { beside: beside(site), ..row };
    if is_silent(behaviour) { row.impatient() } else { row }
}

/// The evidence of the view that is always behind the box.
pub(crate) fn ours(evidence: &Evidence, site: Site) -> Evidence {
    let mut evidence = evidence.clone();
    evidence.routes.retain(|route| route.vantage != ELSEWHERE);
    evidence.observations.retain(|seen| {
        seen.probe.vantage != ELSEWHERE
            && (site != Site::OneSource || seen.probe.source != Some(CLEAN_SOURCE.into()))
    });
    evidence
}

pub(crate) fn claim(report: &TargetReport) -> Claim {
    (report.verdict.status, report.verdict.confidence, report.verdict.place)
}

/// The whole menu at every place, surveyed once a process.
pub(crate) fn seen() -> &'static [(Behaviour, Site, Seen)] {
    static SEEN: OnceLock<Vec<(Behaviour, Site, Seen)>> = OnceLock::new();
    SEEN.get_or_init(|| {
        let sites = |behaviour| Site::ALL.map(|site| (behaviour, site));
        let cases: Vec<_> = Behaviour::ALL.into_iter().flat_map(sites).collect();
        let all = surveyed(cases.iter().map(|(behaviour, site)| row(*behaviour, *site)).collect());
        cases
            .into_iter()
            .zip(all)
            .map(|((behaviour, site), seen)| (behaviour, site, seen))
            .collect()
    })
}

/// What a survey says from one view and from two, with the controls that were asked
/// or as if none had been.
fn said(seen: &Seen, site: Site, controls: Controls) -> [Claim; 2] {
    let beside: &[Evidence] =
        if controls == Controls::Asked { &seen.outcome.controls } else { &[] };
    let whole = &seen.outcome.evidence[0];
    let context = Context { roots: &seen.roots, verify_name: None };
    let alone: Vec<Evidence> = beside.iter().map(|control| ours(control, site)).collect();
    let one = judge::judge(&ours(whole, site), &alone, context);
    let two = judge::judge(whole, beside, context);
    assert_eq!(two.views.as_ref().map_or(0, Vec::len), 2, "{}", seen.name);
    [one, two].map(|report| claim(&report))
}

#[test]
fn every_table_has_the_whole_menu_once() {
    for (letter, mut names) in ViewsTable::read().names() {
        let mut menu = Behaviour::ALL.map(Behaviour::name).to_vec();
        names.sort_unstable();
        menu.sort_unstable();
        assert_eq!(names, menu, "{letter}");
    }
}

/// The matrix has reasons and other servers beside; what it permits of this one is
/// what the table says.
#[test]
fn the_matrix_permits_what_the_table_says_of_one_view() {
    const IPV4: &[Family] = &[Family::Ipv4];
    const BOTH: &[Family] = &[Family::Ipv4, Family::Ipv6];
    let table = ViewsTable::read();
    for (site, families, extent) in [
        (Site::NearIpv4, IPV4, Extent::NearVantage),
        (Site::NearBoth, BOTH, Extent::NearVantage),
        (Site::TargetIpv4, IPV4, Extent::Target),
        (Site::TargetBoth, BOTH, Extent::Target),
    ] {
        for behaviour in Behaviour::ALL {
            let said = permitted(behaviour, families, extent, Software::Postfix);
            let (status, confidence, _) = table.expected(site, Controls::Asked, behaviour).one;
            assert_eq!(
                (said.status, said.confidence),
                (status, confidence),
                "{behaviour}, {site:?}"
            );
        }
    }
}

#[test]
fn the_menu_from_one_view_and_from_two() {
    let table = ViewsTable::read();
    let mut wrong = Vec::new();
    for (behaviour, site, seen) in seen() {
        for controls in [Controls::Asked, Controls::NotAsked] {
            let wanted = table.expected(*site, controls, *behaviour);
            let wanted = [("one", wanted.one), ("two", wanted.two)];
            for ((from, wanted), said) in wanted.into_iter().zip(said(seen, *site, controls)) {
                if said != wanted {
                    let name = &seen.name;
                    wrong.push(format!("{name}, {controls:?}: {from}: {said:?}, not {wanted:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_ipv4_listener_that_really_lacks_starttls_is_cleared() {
    let bare = Profile { starttls: Starttls::Hidden, ..Profile::new(Software::Postfix, HOST) };
    let internet = split(with_controls(), bare, Profile::new(Software::Postfix, HOST));
    let beside = Beside {
        controls: CONTROLS.to_vec(),
        elsewhere: Some(Elsewhere::Clean),
        ..Beside::default()
    };
    let row = Row { beside, ..Row::new("views", "two listeners", internet.past_boxes()) };
    let seen = surveyed(vec![row]).remove(0);
    let place = Some(Place::FamilyPath);
    let suspected = (Status::Stripped, Some(Confidence::Suspected), place);
    let place = Some(Place::NearDestination);
    let cleared = (Status::Inconsistent, Some(Confidence::Suspected), place);
    assert_eq!(said(&seen, Site::NearIpv4, Controls::Asked), [suspected, cleared]);
}
