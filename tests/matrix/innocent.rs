//! The innocent causes of docs/detection.md §3, each as a simulated server, with
//! the verdict that is right and the highest confidence that is allowed.

use std::net::IpAddr;
use std::time::Duration;

use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::internet::{Internet, Path};
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::pki::Flaw;
use mxray::sim::server::{Greeting, Hostile, Profile, Script, Software, Starttls};

use crate::common::{Beside, DOMAIN, HOST, addresses};
use crate::truth::Permitted;
use crate::world::{
    CONTROL_HOSTS, CONTROLS, Row, STRANGERS, control_addresses, split, target, with_controls,
    with_controls_of,
};

const SECOND: &str = "mx2.example.net";

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = policies();
    rows.extend(farms());
    rows.extend(listeners());
    rows.extend(families());
    rows.extend(noise());
    rows.extend(refusals());
    rows.extend(tls());
    rows.extend(imitations());
    rows.extend(odd_controls());
    rows.extend(controls_alike());
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

/// Text that differs, or is odd, and means nothing.
fn noise() -> Vec<Row> {
    let group = "noise";
    let listed = |lines: &[&str]| {
        postfix(|profile| profile.keywords = lines.iter().map(|line| (*line).to_owned()).collect())
    };
    let teaser = Greeting {
        teaser: vec!["mx.example.net wait".into()],
        delay: Duration::from_millis(300),
        ..Greeting::default()
    };
    let postscreen = postfix(|profile| {
        profile.greeting = teaser;
        profile.keywords.retain(|line| line != "PIPELINING");
    });
    let other_names = split(
        with_controls(),
        changed(Software::Exchange, |profile| profile.host = "node7.farm.example.net".into()),
        changed(Software::Gmail, |profile| profile.host = "node8.farm.example.net".into()),
    );
    let misplaced = "STARTTLS stands where no sender looks";
    vec![
        row(group, "postscreen", target(with_controls(), postscreen), intact()),
        row(group, "banner host is not the MX host", other_names, intact()),
        row(
            group,
            "lower case, AUTH=, trailing blanks",
            target(
                with_controls(),
                listed(&["size 1000", "auth=PLAIN LOGIN", "starttls ", "OK", "help"]),
            ),
            intact(),
        ),
        row(
            group,
            "STARTTLS on the greeting line",
            target(with_controls(), with(Starttls::OnGreetingLine)),
            Permitted::plain(Status::NotOffered, misplaced),
        ),
        row(
            group,
            "STARTTLS on the greeting line over IPv4",
            split(with_controls(), with(Starttls::OnGreetingLine), good()),
            unequal(),
        ),
        row(
            group,
            "STARTTLS again inside TLS",
            target(with_controls(), with(Starttls::AgainInsideTls)),
            intact(),
        ),
    ]
}

fn refusals() -> Vec<Row> {
    let group = "turned away";
    let unmeasured = || Permitted::plain(Status::Inconclusive, "nothing was learned of STARTTLS");
    let greeting =
        |code| postfix(|profile| profile.greeting = Greeting { code, ..Greeting::default() });
    let mut rows = Vec::new();
    for code in [421, 450, 451, 554] {
        let name = format!("{code} to everybody");
        rows.push(row(group, name, target(with_controls(), greeting(code)), unmeasured()));
        let name = format!("{code} over IPv4");
        rows.push(row(group, name, split(with_controls(), greeting(code), good()), intact()));
    }
    for code in [421, 450, 451] {
        let script = answers_starttls(code);
        let internet = target(with_controls(), script);
        rows.push(row(group, format!("{code} to STARTTLS"), internet, unmeasured()));
        let internet = split(with_controls(), answers_starttls(code), good());
        let stalled = Permitted::plain(Status::Inconclusive, "one family was not measured");
        rows.push(row(group, format!("{code} to STARTTLS over IPv4"), internet, stalled));
    }
    let limited = |first: Profile| {
        let mut nodes = vec![Script::from(first)];
        nodes.extend((0..8).map(|_| Script::from(greeting(421))));
        Script::Farm(nodes)
    };
    rows.push(row(
        group,
        "421 at the second connection, over IPv4, to a client it hides STARTTLS from",
        split(with_controls(), limited(with(Starttls::Hidden)), good()),
        by_family(),
    ));
    rows.push(row(
        group,
        "421 at the second connection, and nothing odd in the first",
        split(with_controls(), limited(good()), limited(good())),
        intact(),
    ));
    rows
}

/// An offer, and this code to the command.
fn answers_starttls(code: u16) -> Script {
    let text = format!(
        "-- connected\nS: 220 mx.example.net ESMTP\nC: EHLO probe.example.org\n\
         S: 250-mx.example.net\nS: 250 STARTTLS\nC: STARTTLS\nS: {code} 4.7.1 try again later\n\
         C: QUIT\nS: 221 bye\n-- ended by-us\n"
    );
    Script::Replay(text.parse().unwrap())
}

fn tls() -> Vec<Row> {
    let group = "TLS of its own kind";
    let old = || with(Starttls::Tls10Only);
    let broken = || Permitted::plain(Status::TlsBroken, "the server shows what it is");
    vec![
        row(group, "TLS 1.0 only", target(with_controls(), old()), broken()),
        row(group, "TLS 1.0 only over IPv4", split(with_controls(), old(), good()), unequal()),
        row(
            group,
            "a large ClientHello is lost",
            target(with_controls(), with(Starttls::LosesPostQuantum)),
            intact(),
        )
        .raises("client-hello-dropped"),
        row(
            group,
            "a large ClientHello is lost over IPv4",
            split(with_controls(), with(Starttls::LosesPostQuantum), good()),
            intact(),
        )
        .raises("client-hello-dropped"),
        row(group, "454 everywhere", target(with_controls(), with(Starttls::DeadKey)), broken()),
        row(
            group,
            "text in place of TLS",
            target(with_controls(), with(Starttls::NotTls)),
            broken(),
        ),
    ]
}

/// A server that writes like a box.
fn imitations() -> Vec<Row> {
    let group = "imitated masks";
    let starred = |starttls| {
        postfix(|profile| {
            profile.host = "****0**2******0*".into();
            profile.starttls = starttls;
        })
    };
    let listed = |lines: &[&str], starttls| {
        postfix(|profile| {
            profile.keywords = lines.iter().map(|line| (*line).to_owned()).collect();
            profile.starttls = starttls;
        })
    };
    let stands = ["PIPELINING", "ETRN", "XXXXXXXX", "ENHANCEDSTATUSCODES"];
    let one_signature =
        Permitted::stripped(Confidence::Suspected, "a mask where this software lists STARTTLS");
    vec![
        row(group, "asterisks", target(with_controls(), starred(Starttls::Works)), intact()),
        row(
            group,
            "asterisks, and no STARTTLS",
            target(with_controls(), starred(Starttls::Hidden)),
            not_offered(),
        ),
        row(
            group,
            "X's beside STARTTLS",
            target(with_controls(), listed(&["XXXXXXXA", "STARTTLS", "XXXB"], Starttls::Works)),
            intact(),
        ),
        row(
            group,
            "eight X's anywhere, and no STARTTLS",
            target(with_controls(), listed(&["SIZE 1", "XXXXXXXX"], Starttls::Hidden)),
            not_offered(),
        ),
        row(
            group,
            "eight X's where STARTTLS stands, and no STARTTLS",
            target(with_controls(), listed(&stands, Starttls::Hidden)),
            one_signature,
        ),
    ]
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
