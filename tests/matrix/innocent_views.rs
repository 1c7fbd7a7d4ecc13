//! Innocent worlds seen from several views: other servers for every client, other
//! treatment, other days. What docs/detection.md §1 lets be claimed of each is
//! written down by hand.

use std::net::{IpAddr, SocketAddr};

use mxray::model::finding::Severity;
use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::{Internet, Path};
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::pki::Flaw;
use mxray::sim::published::Published;
use mxray::sim::server::{Greeting, Hostile, Profile, Script, Software, Starttls};

use crate::common::{DOMAIN, HOST, addresses};
use crate::score::words;
use crate::sights::{Sight, Together, again, all_looked, sight};
use crate::world::{control_addresses, split, target, with_controls};

/// Findings that say that somebody has a hand in the path.
pub(crate) const OF_THE_PATH: [&str; 16] = [
    "promise-denied",
    "starttls-overwritten",
    "starttls-hidden",
    "starttls-masked",
    "starttls-lost-on-family",
    "starttls-lost-near-vantage",
    "starttls-lost-at-view",
    "starttls-lost-everywhere",
    "foreign-key-at-view",
    "greeting-from-nowhere",
    "one-key-for-all",
    "foreign-keys",
    "one-face-for-all",
    "key-differs-by-family",
    "port-25-blocked",
    "dns-differs",
];

/// An innocent world, and the claim on it.
pub(crate) struct World {
    pub(crate) name: String,
    pub(crate) sights: Vec<Sight>,
    pub(crate) together: Together,
    expected: (Status, Option<Confidence>),
    /// In the alternatives of a finding.
    said: Option<&'static str>,
}

fn world(
    name: &str,
    together: Together,
    sights: Vec<Sight>,
    expected: (Status, Option<Confidence>),
) -> World {
    let name = format!("{name}, {together:?}");
    World { name, sights, together, expected, said: None }
}

impl World {
    fn saying(self, said: &'static str) -> Self {
        Self { said: Some(said), ..self }
    }
}

/// Both in one run and as saved reports.
fn both(
    name: &str,
    sights: impl Fn() -> Vec<Sight>,
    expected: (Status, Option<Confidence>),
) -> Vec<World> {
    vec![
        world(name, Together::Live, sights(), expected),
        world(name, Together::Saved, sights(), expected),
    ]
}

const INTACT: (Status, Option<Confidence>) = (Status::Intact, None);
const NOT_OFFERED: (Status, Option<Confidence>) = (Status::NotOffered, None);
const INCONSISTENT: (Status, Option<Confidence>) =
    (Status::Inconsistent, Some(Confidence::Suspected));
const DOUBTED: (Status, Option<Confidence>) = (Status::Stripped, Some(Confidence::Suspected));
const DOUBTED_KEY: (Status, Option<Confidence>) =
    (Status::Intercepted, Some(Confidence::Suspected));
/// docs/detection.md §1: another view sees the same address with STARTTLS.
const BY_VIEW: (Status, Option<Confidence>) = (Status::Stripped, Some(Confidence::Corroborated));

fn with(change: impl FnOnce(&mut Profile)) -> Profile {
    let mut profile = Profile::new(Software::Postfix, HOST);
    change(&mut profile);
    profile
}

fn good() -> Profile {
    with(|_| {})
}

fn starttls(starttls: Starttls) -> Profile {
    with(|profile| profile.starttls = starttls)
}

fn flawed(flaw: Flaw) -> Profile {
    with(|profile| profile.flaw = flaw)
}

fn greets(code: u16) -> Profile {
    with(|profile| profile.greeting = Greeting { code, ..Greeting::default() })
}

fn all(script: impl Into<Script>) -> Internet {
    target(with_controls(), script)
}

/// The same host at other addresses.
pub(crate) fn led_to(last: u8, script: impl Into<Script>) -> Internet {
    let v4 = IpAddr::from([203, 0, 113, last]);
    let v6: IpAddr = format!("2001:db8:203::{last}").parse().unwrap();
    with_controls().domain(DOMAIN, &[(10, HOST)]).host(HOST, [v4, v6], script)
}

pub(crate) fn worlds() -> Vec<World> {
    let mut worlds = led_elsewhere();
    worlds.extend(farms());
    worlds.extend(treated_otherwise());
    worlds.extend(of_this_end());
    worlds.extend(changed_meanwhile());
    worlds.extend(promised());
    worlds
}

/// GeoDNS, anycast, split horizons.
fn led_elsewhere() -> Vec<World> {
    let mut worlds = both(
        "each view led to other addresses",
        || vec![sight(led_to(11, good())), sight(led_to(12, good()))],
        INTACT,
    );
    let bare = || {
        let here = led_to(11, starttls(Starttls::Hidden));
        vec![sight(here), sight(led_to(12, good())), sight(led_to(13, good()))]
    };
    worlds.extend(both("one place without STARTTLS", bare, INCONSISTENT));
    let stale = || {
        let site = |last, flaw| led_to(last, flawed(flaw));
        vec![sight(site(11, Flaw::SelfSigned)), sight(site(12, Flaw::None))]
    };
    worlds.extend(both("one place with a self-signed certificate", stale, INTACT));
    let inside = || {
        let own = with_controls().domain(DOMAIN, &[(10, "mx.inside.example")]).host(
            "mx.inside.example",
            [IpAddr::from([203, 0, 113, 40])],
            {
                let mut profile = Profile::new(Software::Exim, "mx.inside.example");
                profile.starttls = Starttls::Hidden;
                profile
            },
        );
        vec![sight(own), sight(all(good()))]
    };
    worlds.extend(both("a split horizon with a bare server inside", inside, INCONSISTENT));
    worlds
}

/// One address, and each client always led to its own node.
fn farms() -> Vec<World> {
    let two = |here: fn() -> Profile| move || vec![sight(all(here())), sight(all(good()))];
    let mut worlds = both("nodes with keys of their own", two(good), INTACT);
    let self_signed = || flawed(Flaw::SelfSigned);
    // Keys of three sessions a side may be had in one run only.
    worlds.extend(both("one node with a self-signed certificate", two(self_signed), DOUBTED_KEY));
    worlds.extend(both("one node expired", two(|| flawed(Flaw::Expired)), INTACT));
    worlds.extend(both("one node of another's name", two(|| flawed(Flaw::WrongName)), INTACT));
    let dead = || starttls(Starttls::DeadKey);
    worlds.extend(both("one node with a dead key", two(dead), DOUBTED));
    let bare = || starttls(Starttls::Hidden);
    worlds.push(world("one node without STARTTLS", Together::Live, two(bare)(), BY_VIEW));
    let third = || {
        let self_signed = flawed(Flaw::SelfSigned);
        vec![sight(all(good())), sight(all(self_signed)), sight(all(good()))]
    };
    worlds.extend(both("one of three nodes self-signed", third, DOUBTED_KEY));
    worlds
}

/// Reputation, rate limits, greylisting.
fn treated_otherwise() -> Vec<World> {
    let mut worlds = Vec::new();
    for code in [421, 450, 554] {
        let second = || vec![sight(all(good())), sight(all(greets(code)))];
        worlds.extend(both(&format!("{code} to the second view"), second, INTACT));
        let first = || vec![sight(all(greets(code))), sight(all(good()))];
        // Who is told to leave leaves; the other view is another client.
        worlds.extend(both(&format!("{code} to the first view"), first, INTACT));
        let bare = || {
            let hidden = starttls(Starttls::Hidden);
            vec![sight(all(hidden)), sight(all(greets(code))), sight(all(greets(code)))]
        };
        worlds.extend(both(&format!("bare, and {code} to the others"), bare, NOT_OFFERED));
    }
    let hides = || vec![sight(all(starttls(Starttls::Hidden))), sight(all(good()))];
    // docs/detection.md §1, with the policy as its innocent explanation.
    worlds.push(
        world("hidden from one network by policy", Together::Live, hides(), BY_VIEW)
            .saying("the operator treats clients differently by policy"),
    );
    let named = || {
        let other = sight(all(good())).named("mail.example.com");
        vec![sight(all(starttls(Starttls::Hidden))), other]
    };
    worlds.push(
        world("hidden from one EHLO name", Together::Saved, named(), DOUBTED)
            .saying("the server treats EHLO names differently"),
    );
    worlds
}

/// What is wrong is at the view's own end, or on a path that nobody tampers with.
fn of_this_end() -> Vec<World> {
    let mut worlds = both(
        "a view without IPv6",
        || vec![sight(all(good())).without_ipv6(), sight(all(good()))],
        INTACT,
    );
    let lone = || {
        let listeners = || split(with_controls(), starttls(Starttls::Hidden), good());
        vec![sight(listeners()).without_ipv6(), again()]
    };
    worlds.extend(both("a bare IPv4 listener and a view without IPv6", lone, INCONSISTENT));
    let shut = || {
        let sites = [addresses(), control_addresses(0), control_addresses(1)];
        let closed = sites.into_iter().flatten().map(|ip| SocketAddr::new(ip, 25));
        let names = Internet::builder().domain(DOMAIN, &[(10, HOST)]).dns(|zone| {
            for ip in addresses() {
                zone.address(HOST, ip);
            }
        });
        vec![sight(closed.fold(names, Internet::closed)), sight(all(good()))]
    };
    worlds.extend(both("a view whose port 25 is blocked", shut, INTACT));
    let lossy = || {
        let path = Path::Family(Family::Ipv6);
        let silent = Behaviour::SilenceAtClientHello;
        vec![sight(all(good()).box_on(path, silent, Scope::default())), sight(all(good()))]
    };
    worlds.push(world("a path that loses large packets", Together::Live, lossy(), DOUBTED));
    let large = || vec![sight(all(starttls(Starttls::LosesPostQuantum))), sight(all(good()))];
    worlds.extend(both("a path that loses large hellos", large, INTACT));
    worlds
}

/// The server changed between two saved reports.
fn changed_meanwhile() -> Vec<World> {
    let days = |early: Profile, late: Profile| vec![sight(all(early)), sight(all(late)).later(3)];
    let case =
        |name, early, late, expected| world(name, Together::Saved, days(early, late), expected);
    let hidden = || starttls(Starttls::Hidden);
    let tls12 = with(|profile| profile.tls = mxray::sim::pki::TlsRange::TLS12);
    let old = starttls(Starttls::Tls10Only);
    vec![
        case("STARTTLS switched on", hidden(), good(), DOUBTED)
            .saying("STARTTLS was switched on meanwhile"),
        case("STARTTLS switched off", good(), hidden(), DOUBTED)
            .saying("STARTTLS was switched off or broke meanwhile"),
        case("a key repaired", starttls(Starttls::DeadKey), good(), DOUBTED)
            .saying("STARTTLS was switched on meanwhile"),
        case("TLS 1.2, then 1.3", tls12, good(), INTACT),
        case("TLS 1.0 alone, then modern", old, good(), INCONSISTENT),
        case("a renewal", good(), good(), INTACT),
        case("a certificate bought", flawed(Flaw::SelfSigned), good(), DOUBTED_KEY)
            .saying("the key was renewed or replaced meanwhile"),
        case("a certificate that ran out, renewed", flawed(Flaw::Expired), good(), INTACT),
        case("other software", good(), Profile::new(Software::Exchange, HOST), INTACT),
        case("down on one day", greets(421), good(), INTACT),
    ]
}

/// Renewals and second machines beside DANE.
fn promised() -> Vec<World> {
    let dane = |server: Profile, published| all(server).tlsa(HOST, published);
    let own = || flawed(Flaw::SelfSigned);
    let every = Published::EveryKey;
    let renewed = || vec![sight(dane(own(), every)), sight(dane(own(), every)).later(3)];
    let mut worlds =
        vec![world("DANE, a renewal in good order", Together::Saved, renewed(), INTACT)];
    let forgot = || vec![sight(dane(own(), every)), sight(dane(own(), Published::OldKey)).later(3)];
    worlds.push(world("DANE, a renewal that forgot DNS", Together::Saved, forgot(), DOUBTED_KEY));
    let announced = || vec![sight(all(own())), sight(dane(own(), every)).later(3)];
    worlds.push(world("DANE, published meanwhile", Together::Saved, announced(), INTACT));
    let began = || {
        let hidden = all(starttls(Starttls::Hidden));
        vec![sight(hidden), sight(dane(own(), every)).later(3)]
    };
    worlds.push(
        world("STARTTLS and DANE switched on", Together::Saved, began(), DOUBTED)
            .saying("STARTTLS was switched on meanwhile"),
    );
    let stale = || {
        let here = led_to(11, own()).tlsa(HOST, Published::OldKey);
        vec![sight(here), sight(led_to(12, own()).tlsa(HOST, every))]
    };
    worlds.extend(both("DANE, one place with a stale key", stale, DOUBTED_KEY));
    let bare = || {
        let here = led_to(11, starttls(Starttls::Hidden)).tlsa(HOST, every);
        vec![sight(here), sight(led_to(12, own()).tlsa(HOST, every))]
    };
    worlds.extend(both("DANE, one place without STARTTLS", bare, DOUBTED));
    let second = || {
        let listeners = split(with_controls(), good(), own()).tlsa(HOST, Published::FirstKey);
        vec![sight(listeners), again()]
    };
    worlds.extend(both("DANE, an unpublished AAAA for everybody", second, INCONSISTENT));
    let mute = || {
        let listeners =
            || split(with_controls(), good(), starttls(Starttls::Hidden)).tlsa(HOST, every);
        vec![sight(listeners()), again()]
    };
    worlds.extend(both("DANE, an AAAA without STARTTLS for everybody", mute, INCONSISTENT));
    let unreachable = || {
        let gone = target(with_controls(), Hostile::ClosesAtOnce).tlsa(HOST, every);
        vec![sight(gone), sight(dane(own(), every))]
    };
    worlds.extend(both("DANE, one view is hung up on", unreachable, INTACT));
    worlds
}

#[test]
fn innocent_worlds_from_several_views_raise_no_false_alarm() {
    let worlds = worlds();
    let mut plans = Vec::new();
    let mut expected = Vec::new();
    for world in worlds {
        expected.push((world.name, world.expected, world.said));
        plans.push((world.sights, world.together));
    }
    let mut wrong = Vec::new();
    for ((name, wanted, said), seen) in expected.into_iter().zip(all_looked(plans)) {
        let report = seen.judged();
        let verdict = &report.verdict;
        let found = (verdict.status, verdict.confidence);
        if found != wanted {
            let (found, wanted) = (words(found), words(wanted));
            wrong.push(format!("{name}: {found}, not {wanted}: {}", verdict.summary));
        }
        let grave = |found: &&mxray::model::finding::Finding| {
            found.severity == Severity::Critical && OF_THE_PATH.contains(&found.id.as_str())
        };
        let alarm = report.findings.iter().find(grave);
        if let Some(alarm) = alarm.filter(|_| wanted.1 <= Some(Confidence::Suspected)) {
            wrong.push(format!("{name}: {}: {}", alarm.id, alarm.explanation));
        }
        let alternatives: Vec<&String> =
            report.findings.iter().flat_map(|finding| &finding.alternatives).collect();
        if said.is_some_and(|said| !alternatives.iter().any(|one| one.starts_with(said))) {
            wrong.push(format!("{name}: {said:?} is not among {alternatives:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// An antivirus near one view ends TLS for everybody there.
#[test]
fn tls_ended_at_one_view_is_intercepted_there() {
    let mine = || {
        let foreign = Behaviour::ForeignCertificate;
        let here = all(good()).box_on(Path::All, foreign, Scope::default());
        vec![sight(here), sight(all(good()))]
    };
    let plans = vec![(mine(), Together::Live), (mine(), Together::Saved)];
    for seen in all_looked(plans) {
        let verdict = seen.judged().verdict;
        let found = (verdict.status, verdict.confidence);
        assert_eq!(found, (Status::Intercepted, Some(Confidence::Corroborated)), "{verdict:?}");
    }
}
