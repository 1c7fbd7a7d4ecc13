//! The menu from one view and from two: what a second vantage point or source
//! confirms, weakens and overturns.

use mxray::judge::{self, Context};
use mxray::model::evidence::Evidence;
use mxray::model::probe::Family;
use mxray::model::report::TargetReport;
use mxray::model::verdict::{Confidence, Place, Status};
use mxray::sim::internet::Path;
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::server::{Profile, Software, Starttls};

use crate::common::{Beside, ELSEWHERE, Elsewhere, HOST, addresses};
use crate::score::words;
use crate::truth::{Extent, permitted};
use crate::world::{
    CONTROLS, Row, Seen, everywhere, of_family, split, surveyed, target, with_controls,
};

const BOTH: &[Family] = &[Family::Ipv4, Family::Ipv6];
const IPV4: &[Family] = &[Family::Ipv4];
/// Loopback addresses, of which the box takes the second's connections.
const SOURCES: [[u8; 4]; 2] = [[127, 0, 0, 1], [127, 0, 0, 2]];

type Claim = (Status, Option<Confidence>, Option<Place>);

/// Where the box is, and whether the second view has it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Near this machine, over IPv4 to every destination; not elsewhere.
    NearIpv4,
    /// The same over both families.
    NearBoth,
    /// On the way to the target alone, over both families; not elsewhere.
    TargetOnly,
    /// The same over IPv4, and for everybody.
    EdgeIpv4,
    /// The same over both families.
    EdgeBoth,
    /// Near this machine, over IPv4, for one of its two addresses.
    OneSource,
}

impl Lie {
    const ALL: [Self; 6] = [
        Self::NearIpv4,
        Self::NearBoth,
        Self::TargetOnly,
        Self::EdgeIpv4,
        Self::EdgeBoth,
        Self::OneSource,
    ];

    fn families(self) -> &'static [Family] {
        match self {
            Self::NearIpv4 | Self::EdgeIpv4 | Self::OneSource => IPV4,
            _ => BOTH,
        }
    }

    fn extent(self) -> Extent {
        match self {
            Self::NearIpv4 | Self::NearBoth | Self::OneSource => Extent::NearVantage,
            _ => Extent::Target,
        }
    }

    fn is_edge(self) -> bool {
        matches!(self, Self::EdgeIpv4 | Self::EdgeBoth)
    }

    fn beside(self) -> Beside {
        let beside = Beside { controls: CONTROLS.to_vec(), ..Beside::default() };
        match self {
            Self::OneSource => Beside { sources: SOURCES.map(Into::into).to_vec(), ..beside },
            _ if self.is_edge() => Beside { elsewhere: Some(Elsewhere::Same), ..beside },
            _ => Beside { elsewhere: Some(Elsewhere::Clean), ..beside },
        }
    }
}

fn is_silent(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::SilenceAfterStarttls | Behaviour::SilenceAtClientHello)
}

fn row(behaviour: Behaviour, lie: Lie) -> Row {
    let paths = match lie.extent() {
        Extent::NearVantage => everywhere(lie.families()),
        Extent::Target => {
            let own = lie.families().iter().map(|family| of_family(addresses(), *family));
            own.map(Path::Address).collect()
        }
    };
    let source = (lie == Lie::OneSource).then(|| SOURCES[1].into());
    let scope = Scope { source, ..Scope::default() };
    let mut internet = target(with_controls(), Profile::new(Software::Postfix, HOST)).past_boxes();
    for path in paths {
        internet = internet.box_on(path, behaviour, scope.clone());
    }
    let row = Row::new("views", format!("{behaviour}, {lie:?}"), internet);
    let row = Row { beside: lie.beside(), ..row };
    if is_silent(behaviour) { row.impatient() } else { row }
}

/// What one view alone says of the same sessions.
fn alone(seen: &Seen, lie: Lie) -> TargetReport {
    let ours = |evidence: &Evidence| {
        let mut evidence = evidence.clone();
        evidence.routes.retain(|route| route.vantage != ELSEWHERE);
        evidence.observations.retain(|seen| {
            seen.probe.vantage != ELSEWHERE
                && (lie != Lie::OneSource || seen.probe.source != Some(SOURCES[0].into()))
        });
        evidence
    };
    let controls: Vec<Evidence> = seen.outcome.controls.iter().map(ours).collect();
    let context = Context { roots: &seen.roots, verify_name: None };
    judge::judge(&ours(&seen.outcome.evidence[0]), &controls, context)
}

/// The table of docs/detection.md §1 written out, without a look at the judge.
fn from_two(behaviour: Behaviour, lie: Lie) -> (Status, Option<Confidence>) {
    use Confidence::{Corroborated, Proven, Suspected};
    let one = permitted(behaviour, lie.families(), lie.extent(), Software::Postfix);
    let one = (one.status, one.confidence);
    let foreign =
        matches!(behaviour, Behaviour::ForeignCertificate | Behaviour::ForeignCertificateClear);
    match behaviour {
        Behaviour::Pass | Behaviour::Inject | Behaviour::InjectCommand => one,
        _ if one.1 == Some(Proven) => one,
        // Everybody sees it: two listeners do the same, unless something shows itself.
        _ if lie == Lie::EdgeIpv4 && one == (Status::Stripped, Some(Suspected)) => {
            let shown = behaviour == Behaviour::MaskAll;
            (if shown { Status::Stripped } else { Status::Inconsistent }, Some(Suspected))
        }
        _ if lie.is_edge() => one,
        // Another view of the same address reads what is under the mask.
        Behaviour::MaskKeywordX => (Status::Stripped, Some(Proven)),
        // (c), with controls hidden in the same way.
        Behaviour::DropKeyword if lie.extent() == Extent::NearVantage => {
            (Status::Stripped, Some(Proven))
        }
        Behaviour::Relay if lie.extent() == Extent::NearVantage => one,
        // A path that loses large packets does the same.
        Behaviour::SilenceAtClientHello => (Status::Stripped, Some(Suspected)),
        _ if foreign => (Status::Intercepted, Some(Corroborated)),
        _ => (Status::Stripped, Some(Corroborated)),
    }
}

/// Where the cause may be said to be.
fn is_placed(place: Option<Place>, lie: Lie, status: Status) -> bool {
    match (lie, place) {
        _ if status == Status::Intact => place.is_none(),
        (Lie::NearIpv4 | Lie::NearBoth | Lie::OneSource, _) => place == Some(Place::NearVantage),
        (Lie::TargetOnly, _) => place.is_none(),
        // Where it shows by keys alone, the family is all that is known.
        (Lie::EdgeIpv4, _) if status == Status::Inconsistent => place.is_some(),
        (Lie::EdgeIpv4, _) => place == Some(Place::NearDestination),
        (Lie::EdgeBoth, _) if status == Status::Stripped => place == Some(Place::NearDestination),
        (Lie::EdgeBoth, _) => place.is_none(),
    }
}

fn claim(report: &TargetReport) -> Claim {
    (report.verdict.status, report.verdict.confidence, report.verdict.place)
}

#[test]
fn the_menu_from_one_view_and_from_two() {
    let cases: Vec<(Behaviour, Lie)> = Behaviour::ALL
        .into_iter()
        .flat_map(|behaviour| Lie::ALL.map(|lie| (behaviour, lie)))
        .collect();
    let all = surveyed(cases.iter().map(|(behaviour, lie)| row(*behaviour, *lie)).collect());
    let mut wrong = Vec::new();
    for ((behaviour, lie), seen) in cases.into_iter().zip(&all) {
        let one = permitted(behaviour, lie.families(), lie.extent(), Software::Postfix);
        let single = claim(&alone(seen, lie));
        if (single.0, single.1) != (one.status, one.confidence) {
            let wanted = words((one.status, one.confidence));
            wrong.push(format!("{} from one: {single:?}, not {wanted}", seen.name));
        }
        let double = claim(&seen.report);
        let wanted = from_two(behaviour, lie);
        if (double.0, double.1) != wanted || !is_placed(double.2, lie, double.0) {
            let wanted = words(wanted);
            wrong.push(format!("{} from two: {double:?}, not {wanted}", seen.name));
        }
        let views = seen.report.views.as_ref().map_or(0, Vec::len);
        assert_eq!(views, 2, "{}", seen.name);
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
    let one = claim(&alone(&seen, Lie::NearIpv4));
    assert_eq!(one, (Status::Stripped, Some(Confidence::Suspected), Some(Place::FamilyPath)));
    let place = Some(Place::NearDestination);
    let cleared = (Status::Inconsistent, Some(Confidence::Suspected), place);
    assert_eq!(claim(&seen.report), cleared);
}
