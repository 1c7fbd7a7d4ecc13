//! Port 25 closed in every known way, and proxies that a canary unmasks.

use std::net::{IpAddr, SocketAddr};

use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::{Internet, Path};
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::server::{Greeting, Hostile, Profile, Script, Software};

use crate::common::{Beside, DOMAIN, HOST, addresses};
use crate::truth::Permitted;
use crate::world::{
    CONTROL_HOSTS, CONTROLS, Row, control_addresses, target, with_controls, with_controls_of,
};

const CANARY: [u8; 4] = [192, 0, 2, 25];

/// How nothing comes of a connection.
enum Way {
    /// RST to the SYN.
    Refused,
    /// ICMP, or no route.
    Unreachable,
    /// Something accepts and does this.
    Accepted(&'static str, Script),
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (everywhere, permitted) in [
        (true, Permitted::plain(Status::Blocked, "controls of two operators fail as well")),
        (false, Permitted::plain(Status::Unreachable, "controls are fine")),
    ] {
        for way in ways() {
            rows.push(blocked(way, everywhere, permitted));
        }
    }
    rows.extend(canaries());
    rows
}

fn ways() -> Vec<Way> {
    let turned_away = |code| {
        let mut profile = Profile::new(Software::Postfix, "gate.example.net");
        profile.greeting = Greeting { code, ..Greeting::default() };
        Script::from(profile)
    };
    vec![
        Way::Refused,
        Way::Unreachable,
        Way::Accepted("silence", Hostile::NeverAnswers.into()),
        Way::Accepted("close", Hostile::ClosesAtOnce.into()),
        Way::Accepted("reset", Hostile::ResetsAtOnce.into()),
        Way::Accepted("421", turned_away(421)),
        Way::Accepted("554", turned_away(554)),
        Way::Accepted("greeting, then silence", Hostile::StallsAfterGreeting.into()),
    ]
}

fn blocked(way: Way, everywhere: bool, permitted: Permitted) -> Row {
    let base = if everywhere { Internet::builder() } else { with_controls() };
    let (name, internet, heard) = match way {
        Way::Refused => ("refused", refusing(base, everywhere), false),
        Way::Unreachable => ("no route", addressed(base, everywhere), false),
        Way::Accepted(name, script) => {
            let heard = matches!(script, Script::Smtp(_)) || name.starts_with("greeting");
            let base =
                if everywhere { with_controls_of(script.clone(), script.clone()) } else { base };
            (name, target(base, script), heard)
        }
    };
    let whom = if everywhere { "everywhere" } else { "at the target" };
    let row = Row::new("port 25 blocked", format!("{name}, {whom}"), internet).impatient();
    // Its own words are no blocking where others are heard.
    let own = Permitted::plain(Status::Inconclusive, "the target spoke, and turned us away");
    let row = row.permits(if heard && !everywhere { own } else { permitted });
    if everywhere { row } else { row.innocent() }
}

/// The target's addresses and, with `all`, the controls'.
fn sites(all: bool) -> Vec<(&'static str, &'static str, [IpAddr; 2])> {
    let mut sites = vec![(DOMAIN, HOST, addresses())];
    if all {
        sites.push((CONTROLS[0], CONTROL_HOSTS[0], control_addresses(0)));
        sites.push((CONTROLS[1], CONTROL_HOSTS[1], control_addresses(1)));
    }
    sites
}

/// Names and addresses, and nobody there.
fn addressed(mut internet: Internet, all: bool) -> Internet {
    for (domain, host, addresses) in sites(all) {
        internet = internet.domain(domain, &[(10, host)]).dns(|zone| {
            for address in addresses {
                zone.address(host, address);
            }
        });
    }
    internet
}

fn refusing(internet: Internet, all: bool) -> Internet {
    let endpoints = sites(all).into_iter().flat_map(|(_, _, addresses)| addresses);
    let endpoints = endpoints.map(|ip| SocketAddr::new(ip, 25));
    endpoints.fold(addressed(internet, all), Internet::closed)
}

fn canaries() -> Vec<Row> {
    let nowhere = SocketAddr::new(CANARY.into(), 25);
    let relayed = |internet: Internet| {
        target(internet, Profile::new(Software::Postfix, HOST))
            .service("canary.example.net", [nowhere], Hostile::NeverAnswers)
            .box_on(Path::Family(Family::Ipv4), Behaviour::Relay, Scope::default())
    };
    let beside = |controls: &[&'static str]| Beside {
        controls: controls.to_vec(),
        canary: vec![nowhere.ip()],
        ..Beside::default()
    };
    let intercepted = |why| Permitted::sure(Status::Intercepted, Confidence::Corroborated, why);
    let mut hidden = Profile::new(Software::Postfix, HOST);
    hidden.starttls = mxray::sim::server::Starttls::Hidden;
    let silent = target(with_controls(), hidden.clone()).service(
        "canary.example.net",
        [nowhere],
        Hostile::NeverAnswers,
    );
    let absent = target(with_controls(), hidden);
    let row = |name: &str, internet, controls| Row {
        beside: beside(controls),
        ..Row::new("canary", name, internet)
    };
    let not_offered = Permitted::plain(Status::NotOffered, "silence is what is expected there");
    vec![
        row("a relay answers for everybody, the canary too", relayed(with_controls()), &CONTROLS)
            .permits(intercepted("a greeting from nowhere, and controls show the same"))
            .raises("greeting-from-nowhere"),
        row("a relay, and no controls", relayed(Internet::builder()), &[])
            .permits(intercepted("a greeting from nowhere"))
            .raises("greeting-from-nowhere"),
        row("something accepts for the canary and says nothing", silent, &CONTROLS)
            .permits(not_offered)
            .innocent(),
        row("nobody is at the canary", absent, &CONTROLS).permits(not_offered).innocent(),
    ]
}
