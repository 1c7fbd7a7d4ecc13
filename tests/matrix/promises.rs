//! The menu before a domain with DANE and one with MTA-STS that enforces, controls
//! having promises too; and innocent causes beside promises.

use std::net::IpAddr;

use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::dns::Fault;
use mxray::sim::internet::{Internet, Path};
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::pki::Flaw;
use mxray::sim::policy_host::PolicyHost;
use mxray::sim::published::Published;
use mxray::sim::server::{Profile, Script, Software, Starttls};

use crate::common::{DOMAIN, HOST, addresses};
use crate::truth::{Extent, Permitted, permitted_with_promises};
use crate::world::with_controls;
use crate::world::{CONTROL_HOSTS, CONTROLS, Row, everywhere, of_family, split, target};

const FAMILIES: [&[Family]; 3] = [&[Family::Ipv4], &[Family::Ipv6], &[Family::Ipv4, Family::Ipv6]];

/// How a domain promises.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Dane,
    MtaSts,
}

/// All of it.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for by in [By::Dane, By::MtaSts] {
        for behaviour in Behaviour::ALL {
            for families in FAMILIES {
                for extent in [Extent::Target, Extent::NearVantage] {
                    rows.push(row(by, behaviour, families, extent));
                }
            }
        }
    }
    rows.extend(innocent().into_iter().map(Row::innocent));
    rows
}

/// A domain's MTA-STS policy and the record that announces it.
fn with_policy(internet: Internet, domain: &str, at: IpAddr, policy: &str) -> Internet {
    let name = format!("_mta-sts.{domain}");
    internet
        .dns(|zone| {
            zone.txt(&name, "v=STSv1; id=1;");
        })
        .policy_host(domain, [at], PolicyHost::serving(policy))
}

fn policy(mode: &str, host: &str) -> String {
    format!("version: STSv1\nmode: {mode}\nmx: {host}\nmax_age: 86400\n")
}

/// The target and both controls promise.
pub(crate) fn promised(internet: Internet, by: By) -> Internet {
    let parties =
        [(DOMAIN, HOST), (CONTROLS[0], CONTROL_HOSTS[0]), (CONTROLS[1], CONTROL_HOSTS[1])];
    parties.into_iter().zip(80_u8..).fold(internet, |internet, ((domain, host), last)| match by {
        By::Dane => internet.tlsa(host, Published::EveryKey),
        By::MtaSts => {
            with_policy(internet, domain, [203, 0, 113, last].into(), &policy("enforce", host))
        }
    })
}

fn row(by: By, behaviour: Behaviour, families: &[Family], extent: Extent) -> Row {
    let mut internet = promised(target(with_controls(), Profile::new(Software::Postfix, HOST)), by);
    let paths = match extent {
        Extent::NearVantage => everywhere(families),
        Extent::Target => {
            let own = families.iter().map(|family| of_family(addresses(), *family));
            own.map(Path::Address).collect()
        }
    };
    for path in paths {
        internet = internet.box_on(path, behaviour, Scope::default());
    }
    let labels: Vec<_> = families.iter().map(|family| family.label()).collect();
    let name = format!("{behaviour}, {}, {extent:?}, {by:?}", labels.join("+"));
    let row = Row::new(&format!("promises: {by:?}"), name, internet);
    let row = row.permits(permitted_with_promises(behaviour, families, extent));
    let row = if behaviour == Behaviour::Pass { row.innocent() } else { row };
    if matches!(behaviour, Behaviour::SilenceAfterStarttls | Behaviour::SilenceAtClientHello) {
        row.impatient()
    } else {
        row
    }
}

fn postfix(flaw: Flaw) -> Profile {
    Profile { flaw, ..Profile::new(Software::Postfix, HOST) }
}

fn hidden() -> Profile {
    Profile { starttls: Starttls::Hidden, ..postfix(Flaw::None) }
}

fn case(name: &str, internet: Internet, permitted: Permitted) -> Row {
    Row::new("innocent: promises", name, internet).permits(permitted)
}

fn innocent() -> Vec<Row> {
    let mut rows = keys();
    rows.extend(records());
    rows.extend(policies());
    rows
}

fn policy_failed() -> Permitted {
    Permitted::plain(Status::PolicyFailed, "no path tried keeps the promise")
}

fn in_part() -> Permitted {
    Permitted::sure(Status::Inconsistent, Confidence::Suspected, "kept at some servers only")
}

fn kept() -> Permitted {
    Permitted::intact("the promise is kept")
}

/// Keys and certificates that change or are odd.
fn keys() -> Vec<Row> {
    let dane = |server: Profile, published| target(with_controls(), server).tlsa(HOST, published);
    let second_node = |server: Profile| {
        let ip = "203.0.113.2".parse().unwrap();
        target(with_controls(), postfix(Flaw::SelfSigned))
            .host(HOST, [ip], server)
            .tlsa(HOST, Published::FirstKey)
    };
    let aaaa = |server: Profile| {
        split(with_controls(), postfix(Flaw::None), server).tlsa(HOST, Published::FirstKey)
    };
    let nodes = [Flaw::None, Flaw::SelfSigned, Flaw::None].map(|flaw| postfix(flaw).into());
    let farm = Script::Farm(nodes.to_vec());
    let other = |status, why| Permitted::sure(status, Confidence::Suspected, why);
    vec![
        case("DANE, expired", dane(postfix(Flaw::Expired), Published::EveryKey), kept()),
        case("DANE, wrong name", dane(postfix(Flaw::WrongName), Published::EveryKey), kept()),
        case("DANE, self-signed", dane(postfix(Flaw::SelfSigned), Published::EveryKey), kept()),
        case("DANE, rolled over", dane(postfix(Flaw::None), Published::OldKey), policy_failed()),
        case(
            "DANE, rolled over, self-signed",
            dane(postfix(Flaw::SelfSigned), Published::OldKey),
            policy_failed(),
        )
        .raises("validation-failure"),
        case("DANE, one node left behind", second_node(postfix(Flaw::SelfSigned)), in_part()),
        case("DANE, one node without STARTTLS", second_node(hidden()), in_part()),
        case(
            "DANE, one key of a farm behind one address published",
            target(with_controls(), farm).tlsa(HOST, Published::FirstKey),
            in_part(),
        ),
        case("DANE, trusted and unpublished AAAA", aaaa(postfix(Flaw::None)), in_part()),
        case("DANE, expired and unpublished AAAA", aaaa(postfix(Flaw::Expired)), in_part()),
        // docs/detection.md §1: one destination's promise, with the doubt said.
        case(
            "DANE, self-signed and unpublished AAAA",
            aaaa(postfix(Flaw::SelfSigned)),
            other(Status::Intercepted, "a second machine breaks the host's promise"),
        ),
        case(
            "DANE, AAAA without STARTTLS",
            aaaa(hidden()),
            other(Status::Stripped, "a second machine breaks the host's promise"),
        ),
    ]
}

/// Records that are odd, or none.
fn records() -> Vec<Row> {
    let owner = format!("_25._tcp.{HOST}");
    let faulty = |server: Profile, fault| {
        let internet = target(with_controls(), server).tlsa(HOST, Published::OldKey);
        internet.dns(|zone| {
            zone.fault(&owner, None, fault);
        })
    };
    let none = || Permitted::plain(Status::NotOffered, "what is not secure is no promise");
    let tls = || Permitted::intact("what is not secure is no promise");
    let unusable =
        |server: Profile| target(with_controls(), server).tlsa(HOST, Published::Unusable);
    let unsigned = |server: Profile| {
        let internet = target(with_controls(), server).tlsa(HOST, Published::OldKey);
        internet.dns(|zone| {
            zone.unsigned();
        })
    };
    vec![
        case("TLSA unusable, any TLS", unusable(postfix(Flaw::SelfSigned)), kept())
            .raises("tlsa-invalid"),
        case("TLSA unusable, no STARTTLS", unusable(hidden()), policy_failed())
            .raises("starttls-not-supported"),
        case("TLSA bogus", faulty(postfix(Flaw::None), Fault::Bogus), tls())
            .raises("dnssec-invalid"),
        case("TLSA bogus, no STARTTLS", faulty(hidden(), Fault::Bogus), none())
            .raises("dnssec-invalid"),
        case("TLSA SERVFAIL", faulty(postfix(Flaw::None), Fault::Servfail), tls())
            .raises("tlsa-lookup-failed"),
        case("TLSA SERVFAIL, no STARTTLS", faulty(hidden(), Fault::Servfail), none())
            .raises("tlsa-lookup-failed"),
        case("TLSA unsigned", unsigned(postfix(Flaw::None)), tls()),
        case("TLSA unsigned, no STARTTLS", unsigned(hidden()), none()),
    ]
}

/// MTA-STS as it is broken, tried out, or made badly.
fn policies() -> Vec<Row> {
    let at: IpAddr = [203, 0, 113, 80].into();
    let sts = |internet: Internet, mode: &str, listed: &str| {
        with_policy(internet, DOMAIN, at, &policy(mode, listed))
    };
    let all = |server: Profile| target(with_controls(), server);
    let aaaa = |server: Profile| split(with_controls(), postfix(Flaw::None), server);
    let enforced = |internet| sts(internet, "enforce", HOST);
    let not_offered = || Permitted::plain(Status::NotOffered, "no promise binds");
    let doubted = |status| {
        Permitted::sure(status, Confidence::Suspected, "a second machine breaks the host's promise")
    };
    vec![
        case("MTA-STS, expired", enforced(all(postfix(Flaw::Expired))), policy_failed())
            .raises("sts-mx-certificate-invalid"),
        case("MTA-STS, wrong name", enforced(all(postfix(Flaw::WrongName))), policy_failed()),
        case("MTA-STS, self-signed", enforced(all(postfix(Flaw::SelfSigned))), policy_failed()),
        case("MTA-STS, no STARTTLS", enforced(all(hidden())), policy_failed())
            .raises("starttls-not-supported"),
        case("MTA-STS, expired AAAA", enforced(aaaa(postfix(Flaw::Expired))), in_part()),
        case(
            "MTA-STS, AAAA with another's name",
            enforced(aaaa(postfix(Flaw::WrongName))),
            in_part(),
        ),
        case(
            "MTA-STS, incomplete chain of the AAAA",
            enforced(aaaa(postfix(Flaw::MissingIntermediate))),
            in_part(),
        ),
        case(
            "MTA-STS, self-signed AAAA",
            enforced(aaaa(postfix(Flaw::SelfSigned))),
            doubted(Status::Intercepted),
        ),
        case("MTA-STS, AAAA without STARTTLS", enforced(aaaa(hidden())), doubted(Status::Stripped)),
        case("MTA-STS testing, no STARTTLS", sts(all(hidden()), "testing", HOST), not_offered())
            .raises("sts-testing-not-kept"),
        case("MTA-STS none, no STARTTLS", sts(all(hidden()), "none", HOST), not_offered()),
        case("MTA-STS of a policy host that nobody trusts", unauthentic(at), not_offered()),
        case(
            "MTA-STS lists another host",
            sts(all(postfix(Flaw::None)), "enforce", "mx.elsewhere.example"),
            policy_failed(),
        ),
        case(
            "DANE is broken and MTA-STS kept",
            enforced(all(postfix(Flaw::None))).tlsa(HOST, Published::OldKey),
            policy_failed(),
        )
        .raises("validation-failure"),
    ]
}

/// A policy that enforces, from a host that anybody could be, and no STARTTLS.
fn unauthentic(at: IpAddr) -> Internet {
    let host = PolicyHost::serving(policy("enforce", HOST)).flawed(Flaw::SelfSigned);
    target(with_controls(), hidden())
        .dns(|zone| {
            zone.txt(&format!("_mta-sts.{DOMAIN}"), "v=STSv1; id=1;");
        })
        .policy_host(DOMAIN, [at], host)
}
