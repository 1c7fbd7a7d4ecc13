//! One server that is odd by itself: what it says, whom it turns away, its TLS.

use std::time::Duration;

use mxray::model::verdict::{Confidence, Status};
use mxray::sim::server::{Greeting, Profile, Script, Software, Starttls};

use crate::truth::Permitted;
use crate::world::{Row, split, target, with_controls};

use super::{by_family, changed, good, intact, not_offered, postfix, row, unequal, with};

pub(super) fn rows() -> Vec<Row> {
    [noise(), refusals(), tls(), imitations()].into_iter().flatten().collect()
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
