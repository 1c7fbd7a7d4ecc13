//! Control destinations that are odd themselves.

use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::Internet;
use mxray::sim::pki::Flaw;
use mxray::sim::server::{Hostile, Profile, Script, Software, Starttls};

use crate::common::{Beside, DOMAIN, HOST, addresses};
use crate::truth::Permitted;
use crate::world::{
    CONTROL_HOSTS, CONTROLS, Row, STRANGERS, control_addresses, split, target, with_controls_of,
};

use super::{by_family, flawed, good, not_offered, row, with};

pub(super) fn rows() -> Vec<Row> {
    [odd_controls(), controls_alike()].into_iter().flatten().collect()
}

/// Controls that cannot serve as such.
fn odd_controls() -> Vec<Row> {
    let group = "odd controls";
    let works = |place: usize| Profile::new(Software::Gmail, CONTROL_HOSTS[place]);
    let like = |place: usize, starttls| Profile { starttls, ..works(place) };
    let v4_hidden = |internet| split(internet, with(Starttls::Hidden), good());
    let silent = || Script::from(Hostile::ClosesAtOnce);
    vec![
        row(
            group,
            "both unreachable",
            v4_hidden(with_controls_of(silent(), silent())),
            by_family(),
        ),
        row(
            group,
            "one unreachable",
            v4_hidden(with_controls_of(silent(), works(1).into())),
            by_family(),
        ),
        row(
            group,
            "one without STARTTLS",
            v4_hidden(with_controls_of(like(0, Starttls::Hidden).into(), works(1).into())),
            by_family(),
        ),
        row(
            group,
            "one without STARTTLS, and the target has none",
            target(
                with_controls_of(like(0, Starttls::Hidden).into(), silent()),
                with(Starttls::Hidden),
            ),
            not_offered(),
        ),
        Row {
            beside: Beside { controls: STRANGERS.to_vec(), ..Beside::default() },
            ..row(
                group,
                "neither ever had STARTTLS, nor has the target",
                target(
                    with_controls_of(
                        like(0, Starttls::Hidden).into(),
                        like(1, Starttls::Hidden).into(),
                    ),
                    with(Starttls::Hidden),
                ),
                Permitted::stripped(Confidence::Suspected, "nobody knows that they ever had it"),
            )
        },
    ]
}

/// Controls that share a fault of their own with the target.
fn controls_alike() -> Vec<Row> {
    let group = "odd controls";
    let works = |place: usize| Profile::new(Software::Gmail, CONTROL_HOSTS[place]);
    let key_doubt =
        Permitted::sure(Status::Inconsistent, Confidence::Suspected, "another control is clean");
    vec![
        row(
            group,
            "one has lost it over IPv4 for its own reason",
            split(
                one_split_control(Profile { starttls: Starttls::DeadKey, ..works(0) }, works(0)),
                with(Starttls::Hidden),
                good(),
            ),
            by_family(),
        ),
        row(
            group,
            "one has a self-signed A as well",
            split(
                one_split_control(Profile { flaw: Flaw::SelfSigned, ..works(0) }, works(0)),
                flawed(Flaw::SelfSigned),
                good(),
            ),
            key_doubt,
        ),
        row(
            group,
            "one shares a default key with the target",
            shares_key_with_control(),
            by_family(),
        ),
    ]
}

/// Control a with a server of its own behind each family, control b in order.
fn one_split_control(v4: Profile, v6: Profile) -> Internet {
    let [first, second] = CONTROL_HOSTS;
    let [a, aaaa] = control_addresses(0);
    Internet::builder()
        .domain(CONTROLS[0], &[(10, first)])
        .host(first, [a], v4)
        .host(first, [aaaa], v6)
        .domain(CONTROLS[1], &[(10, second)])
        .host(second, control_addresses(1), Profile::new(Software::Exchange, second))
}

/// The target's IPv6 listener and control a are one server package with one
/// default key; over IPv4 the target has no STARTTLS.
fn shares_key_with_control() -> Internet {
    let [first, second] = CONTROL_HOSTS;
    let [a, aaaa] = control_addresses(0);
    let [own_a, own_aaaa] = addresses();
    let endpoints = [a, aaaa, own_aaaa].map(|ip| (ip, 25).into());
    Internet::builder()
        .domain(DOMAIN, &[(10, HOST)])
        .host(HOST, [own_a], with(Starttls::Hidden))
        .domain(CONTROLS[0], &[(10, first)])
        .dns(|zone| {
            zone.address(HOST, own_aaaa).address(first, a).address(first, aaaa);
        })
        .service(first, endpoints, flawed(Flaw::SelfSigned))
        .domain(CONTROLS[1], &[(10, second)])
        .host(second, control_addresses(1), Profile::new(Software::Exchange, second))
}
