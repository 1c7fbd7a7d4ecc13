//! The innocent causes of docs/detection.md §3, each as a simulated server, with
//! the verdict that is right and the highest confidence that is allowed.

mod controls;
mod oddities;

use std::net::IpAddr;

use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::{Internet, Path};
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::pki::Flaw;
use mxray::sim::server::{Profile, Script, Software, Starttls};

use crate::common::{DOMAIN, HOST, addresses};
use crate::truth::Permitted;
use crate::world::{Row, split, target, with_controls};

const SECOND: &str = "mx2.example.net";

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = policies();
    rows.extend(farms());
    rows.extend(listeners());
    rows.extend(families());
    rows.extend(oddities::rows());
    rows.extend(controls::rows());
    rows.into_iter().map(Row::innocent).collect()
}

fn postfix(change: impl FnOnce(&mut Profile)) -> Profile {
    changed(Software::Postfix, change)
}

fn changed(software: Software, change: impl FnOnce(&mut Profile)) -> Profile {
    let mut profile = Profile::new(software, HOST);
    change(&mut profile);
    profile
}

fn with(starttls: Starttls) -> Profile {
    postfix(|profile| profile.starttls = starttls)
}

fn flawed(flaw: Flaw) -> Profile {
    postfix(|profile| profile.flaw = flaw)
}

fn good() -> Profile {
    postfix(|_| {})
}

fn not_offered() -> Permitted {
    Permitted::plain(Status::NotOffered, "no view taken shows an offer")
}

fn by_family() -> Permitted {
    Permitted::stripped(Confidence::Suspected, "a contrast of families, with clean controls")
}

fn unequal() -> Permitted {
    Permitted::sure(Status::Inconsistent, Confidence::Suspected, "the servers differ")
}

fn intact() -> Permitted {
    Permitted::intact("TLS works")
}

fn row(group: &str, name: impl Into<String>, internet: Internet, permitted: Permitted) -> Row {
    Row::new(&format!("innocent: {group}"), name, internet).permits(permitted)
}

/// Hidden from this client by policy, or not there at all.
fn policies() -> Vec<Row> {
    let group = "hidden by policy";
    let hidden = |software| changed(software, |profile| profile.starttls = Starttls::Hidden);
    let mut rows: Vec<Row> = Software::ALL
        .into_iter()
        .map(|software| {
            let internet = target(with_controls(), hidden(software));
            row(group, format!("{software:?} hides and refuses it"), internet, not_offered())
        })
        .collect();
    for software in Software::ALL {
        let open = Profile::new(software, HOST);
        let internet = split(with_controls(), hidden(software), open);
        rows.push(row(group, format!("{software:?} hides it over IPv4"), internet, by_family()));
    }
    // docs/detection.md §1 names this as the innocent explanation of the claim.
    let hides = with(Starttls::HiddenYetWorks);
    rows.push(row(
        group,
        "hides and accepts it",
        target(with_controls(), hides),
        Permitted::stripped(
            Confidence::Corroborated,
            "accepted, with a certificate valid for the host",
        ),
    ));
    rows
}

fn farms() -> Vec<Row> {
    let group = "farms";
    let pair = |first: Profile, second: Profile| {
        let [v4, v6] = ["203.0.113.2", "2001:db8:203::2"].map(|ip| ip.parse().unwrap());
        target(with_controls(), first).domain(DOMAIN, &[(20, SECOND)]).host(
            SECOND,
            [v4, v6],
            Profile { host: SECOND.into(), ..second },
        )
    };
    let nodes = |second: Profile| {
        let ip = "203.0.113.2".parse().unwrap();
        target(with_controls(), good()).host(HOST, [ip], second)
    };
    let farm = |nodes: Vec<Profile>| Script::Farm(nodes.into_iter().map(Script::from).collect());
    let flapping = Permitted::plain(Status::Inconclusive, "the repeats disagree");
    vec![
        row(group, "a second host without it", pair(good(), with(Starttls::Hidden)), unequal()),
        row(
            group,
            "a second host with a dead key",
            pair(good(), with(Starttls::DeadKey)),
            unequal(),
        ),
        row(group, "one node without it", nodes(with(Starttls::Hidden)), unequal()),
        row(group, "one node with a dead key", nodes(with(Starttls::DeadKey)), unequal()),
        row(group, "nodes of different software", nodes(changed(Software::Exim, |_| {})), intact()),
        row(
            group,
            "behind one address, with and without it",
            target(with_controls(), farm(vec![with(Starttls::Hidden), good(), good()])),
            flapping,
        ),
        row(
            group,
            "behind one address, a dead key among them",
            target(with_controls(), farm(vec![with(Starttls::DeadKey), good(), good()])),
            flapping,
        ),
        row(
            group,
            "behind one address, every node with its own key",
            target(with_controls(), farm(vec![good(), flawed(Flaw::SelfSigned), good()])),
            intact(),
        ),
        row(group, "one default key at two hosts", shared_key(), intact()),
    ]
}

/// Two hosts that show one key: one server process behind all addresses.
fn shared_key() -> Internet {
    let [v4, v6]: [IpAddr; 2] = ["203.0.113.2", "2001:db8:203::2"].map(|ip| ip.parse().unwrap());
    let [own_v4, own_v6] = addresses();
    let endpoints = [own_v4, own_v6, v4, v6].map(|ip| (ip, 25).into());
    with_controls()
        .domain(DOMAIN, &[(10, HOST), (20, SECOND)])
        .dns(|zone| {
            zone.address(HOST, own_v4).address(HOST, own_v6);
            zone.address(SECOND, v4).address(SECOND, v6);
        })
        .service(HOST, endpoints, flawed(Flaw::SelfSigned))
}

/// What stands behind A and AAAA is not one machine.
fn listeners() -> Vec<Row> {
    let group = "two families, two machines";
    let exim = |change: fn(&mut Profile)| changed(Software::Exim, change);
    let self_signed = |profile: &mut Profile| profile.flaw = Flaw::SelfSigned;
    let by_key =
        Permitted::sure(Status::Inconsistent, Confidence::Suspected, "two machines, or two hands");
    vec![
        row(group, "own keys", split(with_controls(), good(), exim(|_| {})), intact()),
        row(group, "self-signed AAAA", split(with_controls(), good(), exim(self_signed)), by_key),
        row(group, "self-signed A", split(with_controls(), exim(self_signed), good()), by_key),
        row(
            group,
            "self-signed both",
            split(with_controls(), flawed(Flaw::SelfSigned), exim(self_signed)),
            intact(),
        ),
        row(
            group,
            "expired AAAA",
            split(with_controls(), good(), exim(|profile| profile.flaw = Flaw::Expired)),
            intact(),
        ),
        row(
            group,
            "AAAA with another's name",
            split(with_controls(), good(), exim(|profile| profile.flaw = Flaw::WrongName)),
            intact(),
        ),
    ]
}

/// What differs between the families is not the path's doing, or not meant.
fn families() -> Vec<Row> {
    let group = "two families, two machines";
    let hidden = changed(Software::Exim, |profile| profile.starttls = Starttls::Hidden);
    vec![
        row(group, "AAAA without it", split(with_controls(), good(), hidden), by_family()),
        row(
            group,
            "AAAA with a dead key",
            split(with_controls(), good(), with(Starttls::DeadKey)),
            by_family(),
        ),
        row(
            group,
            "every IPv6 path loses large packets, and handshakes with them",
            target(with_controls(), good()).box_on(
                Path::Family(Family::Ipv6),
                Behaviour::SilenceAtClientHello,
                Scope::default(),
            ),
            by_family(),
        )
        .impatient(),
        row(
            group,
            "a host with A alone lacks it, one with AAAA alone has it",
            with_controls()
                .domain(DOMAIN, &[(10, HOST), (20, SECOND)])
                .host(HOST, [addresses()[0]], with(Starttls::Hidden))
                .host(SECOND, [addresses()[1]], Profile::new(Software::Exim, SECOND)),
            unequal(),
        ),
        row(
            group,
            "AAAA unreachable",
            with_controls().domain(DOMAIN, &[(10, HOST)]).host(HOST, [addresses()[0]], good()).dns(
                |zone| {
                    zone.address(HOST, addresses()[1]);
                },
            ),
            intact(),
        ),
    ]
}
