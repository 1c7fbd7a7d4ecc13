//! The causes as data: what is really there, and what mxray may make of it.

use anyhow::{Result, ensure};

use crate::mta;
use crate::oracle;
use crate::topology::{CLEAN, CLIENT, CONTROL_IPV4, CONTROL_IPV6};
use crate::world::World;

/// What a shell's socket sees at an address.
#[derive(Debug)]
pub(super) struct Seen {
    /// From which namespace.
    pub(super) from: &'static str,
    /// At which address.
    pub(super) at: &'static str,
    /// The codes of the greeting and the replies to EHLO and STARTTLS, as far as
    /// they are told.
    pub(super) codes: &'static [&'static str],
    /// Whether the EHLO reply has STARTTLS.
    pub(super) offered: bool,
}

/// One innocent cause.
pub(super) struct Cause {
    pub(super) title: &'static str,
    pub(super) domain: &'static str,
    /// What is really there.
    pub(super) truth: &'static [Seen],
    /// The rest of it.
    pub(super) proof: fn(&World) -> Result<()>,
    /// Whether a control of another operator is asked too.
    pub(super) control: bool,
    /// The verdict, and its confidence where there may be one.
    pub(super) status: &'static str,
    pub(super) confidence: Option<&'static str>,
    /// Why, where it is told.
    pub(super) because: Option<&'static str>,
    /// What a finding has to name as another explanation.
    pub(super) alternative: Option<&'static str>,
}

const fn offers(from: &'static str, at: &'static str) -> Seen {
    Seen { from, at, codes: &["220", "250", "220"], offered: true }
}

const fn hides(from: &'static str, at: &'static str, refusal: &'static [&'static str]) -> Seen {
    Seen { from, at, codes: refusal, offered: false }
}

/// Postfix's word for a command that it hides, and Exim's.
const REFUSED_502: &[&str] = &["220", "250", "502"];
const REFUSED_503: &[&str] = &["220", "250", "503"];

const BY_POLICY_HERE: &str = "the server treats this client's addresses differently by policy";
const BY_POLICY: &str = "the server hides it from this client by policy";
const LISTENERS: &str =
    "the two families lead to different machines or listeners, configured differently";
const DEAD_KEY: &str = "one node's certificate or key cannot be loaded";
const NO_CERTIFICATE: &str =
    "a server that offers STARTTLS without a usable certificate (454 is its own word for that)";
const TURNED_AWAY: &str =
    "rate limiting, greylisting, or a blocklist that the address we ask from is on";

const SUSPECTED: Option<&str> = Some("suspected");

/// Nothing to see but what the socket saw.
const NOTHING: Cause = Cause {
    title: "",
    domain: "",
    truth: &[],
    proof: |_| Ok(()),
    control: false,
    status: "intact",
    confidence: None,
    because: None,
    alternative: None,
};

const POLICY_IPV4: Cause = Cause {
    title: "Postfix hides STARTTLS from our IPv4 address",
    domain: "policy-ipv4.test",
    truth: &[
        hides(CLIENT, "203.0.113.121", REFUSED_502),
        offers(CLIENT, "2001:db8:203::121"),
        offers(CLEAN, "203.0.113.121"),
    ],
    status: "stripped",
    confidence: SUSPECTED,
    alternative: Some(BY_POLICY_HERE),
    ..NOTHING
};

const SEPARATE: Cause = Cause {
    title: "the IPv4 listener has no TLS",
    domain: "listeners.test",
    truth: &[
        hides(CLIENT, "203.0.113.126", REFUSED_502),
        hides(CLEAN, "203.0.113.126", REFUSED_502),
        offers(CLIENT, "2001:db8:203::126"),
    ],
    status: "stripped",
    confidence: SUSPECTED,
    alternative: Some(LISTENERS),
    ..NOTHING
};

/// Every cause.
pub(super) static CAUSES: [Cause; 20] = [
    POLICY_IPV4,
    Cause {
        title: "the same, and a control is clean",
        control: true,
        proof: control_is_clean,
        ..POLICY_IPV4
    },
    Cause {
        title: "Postfix hides STARTTLS from both our addresses",
        domain: "policy.test",
        truth: &[
            hides(CLIENT, "203.0.113.122", REFUSED_502),
            hides(CLIENT, "2001:db8:203::122", REFUSED_502),
            offers(CLEAN, "203.0.113.122"),
            offers(CLEAN, "2001:db8:203::122"),
        ],
        status: "not-offered",
        alternative: Some(BY_POLICY),
        ..NOTHING
    },
    Cause {
        title: "Exim leaves our IPv4 address out of tls_advertise_hosts",
        domain: "left-out-ipv4.test",
        truth: &[
            hides(CLIENT, "203.0.113.123", REFUSED_503),
            offers(CLIENT, "2001:db8:203::123"),
            offers(CLEAN, "203.0.113.123"),
        ],
        status: "stripped",
        confidence: SUSPECTED,
        alternative: Some(BY_POLICY_HERE),
        ..NOTHING
    },
    Cause {
        title: "Exim leaves both our addresses out of tls_advertise_hosts",
        domain: "left-out.test",
        truth: &[
            hides(CLIENT, "203.0.113.124", REFUSED_503),
            hides(CLIENT, "2001:db8:203::124", REFUSED_503),
            offers(CLEAN, "203.0.113.124"),
            offers(CLEAN, "2001:db8:203::124"),
        ],
        status: "not-offered",
        alternative: Some(BY_POLICY),
        ..NOTHING
    },
    Cause {
        title: "postscreen answers in front",
        domain: "screen.test",
        truth: &[offers(CLIENT, "203.0.113.125"), offers(CLEAN, "2001:db8:203::125")],
        proof: postscreen_speaks,
        ..NOTHING
    },
    SEPARATE,
    Cause {
        title: "the same, and a control is clean",
        control: true,
        proof: control_is_clean,
        ..SEPARATE
    },
    Cause {
        title: "the AAAA record leads to another machine, with a certificate of its own making",
        domain: "second-machine.test",
        truth: &[offers(CLIENT, "203.0.113.127"), offers(CLIENT, "2001:db8:203::127")],
        proof: second_machine_certifies_itself,
        status: "inconsistent",
        confidence: SUSPECTED,
        because: Some("key-by-family"),
        alternative: Some(
            "a second machine behind the other family's address, with a certificate of its own \
             making",
        ),
        ..NOTHING
    },
    Cause {
        title: "one address of two in one family has no STARTTLS",
        domain: "pool.test",
        truth: &[offers(CLIENT, mta::POSTFIX.ipv4), hides(CLIENT, mta::PLAIN.ipv4, REFUSED_502)],
        status: "inconsistent",
        confidence: SUSPECTED,
        alternative: Some(BY_POLICY),
        ..NOTHING
    },
    Cause {
        title: "no address has STARTTLS",
        domain: mta::PLAIN.domain,
        truth: &[
            hides(CLEAN, mta::PLAIN.ipv4, REFUSED_502),
            hides(CLEAN, mta::PLAIN.ipv6, REFUSED_502),
        ],
        status: "not-offered",
        alternative: Some(BY_POLICY),
        ..NOTHING
    },
    Cause {
        title: "one address of two has a dead key",
        domain: "dead-node.test",
        truth: &[DEAD_IPV4, offers(CLIENT, mta::EXIM.ipv4)],
        status: "inconsistent",
        confidence: SUSPECTED,
        alternative: Some(NO_CERTIFICATE),
        ..NOTHING
    },
    Cause {
        title: "the IPv4 address has a dead key",
        domain: "dead-family.test",
        truth: &[DEAD_IPV4, offers(CLIENT, mta::EXIM.ipv6)],
        status: "stripped",
        confidence: SUSPECTED,
        alternative: Some(DEAD_KEY),
        ..NOTHING
    },
    Cause {
        title: "every address has a dead key",
        domain: "dead-key.test",
        truth: &[DEAD_IPV4, DEAD_IPV6],
        status: "tls-broken",
        alternative: Some(NO_CERTIFICATE),
        ..NOTHING
    },
    Cause {
        title: "only suites without a certificate are left",
        domain: mta::KEYLESS.domain,
        truth: &[offers(CLEAN, mta::KEYLESS.ipv4)],
        status: "tls-broken",
        alternative: Some("a server whose certificate or key cannot be loaded"),
        ..NOTHING
    },
    turned_away("450 in the greeting", mta::BUSY.domain, &BUSY, "greeting-450"),
    turned_away("421 in the greeting", "limited.test", &LIMITED, "greeting-421"),
    turned_away("554 in the greeting", "listed.test", &LISTED, "greeting-554"),
    Cause {
        title: "450 to EHLO",
        domain: "unknown-name.test",
        truth: &[
            hides(CLIENT, "203.0.113.131", &["220", "450"]),
            hides(CLIENT, "2001:db8:203::131", &["220", "450"]),
        ],
        status: "inconclusive",
        alternative: Some(TURNED_AWAY),
        ..NOTHING
    },
    Cause {
        title: "a farm in the midst of an upgrade: a certificate a node, three sets of keywords",
        domain: "farm.test",
        truth: &[
            offers(CLIENT, "203.0.113.132"),
            offers(CLIENT, "203.0.113.133"),
            offers(CLIENT, "203.0.113.134"),
            offers(CLIENT, "2001:db8:203::132"),
        ],
        proof: nodes_differ,
        ..NOTHING
    },
];

const DEAD: &[&str] = &["220", "250", "454"];
const DEAD_IPV4: Seen = Seen { from: CLIENT, at: "203.0.113.128", codes: DEAD, offered: true };
const DEAD_IPV6: Seen = Seen { at: "2001:db8:203::128", ..DEAD_IPV4 };

const BUSY: [Seen; 2] = both(mta::BUSY.ipv4, mta::BUSY.ipv6, &["450"]);
const LIMITED: [Seen; 2] = both("203.0.113.129", "2001:db8:203::129", &["421"]);
const LISTED: [Seen; 2] = both("203.0.113.130", "2001:db8:203::130", &["554"]);

const fn both(ipv4: &'static str, ipv6: &'static str, codes: &'static [&'static str]) -> [Seen; 2] {
    [hides(CLIENT, ipv4, codes), hides(CLIENT, ipv6, codes)]
}

const fn turned_away(
    title: &'static str,
    domain: &'static str,
    truth: &'static [Seen],
    because: &'static str,
) -> Cause {
    Cause {
        title,
        domain,
        truth,
        status: "inconclusive",
        because: Some(because),
        alternative: Some(TURNED_AWAY),
        ..NOTHING
    }
}

fn control_is_clean(world: &World) -> Result<()> {
    for address in [CONTROL_IPV4, CONTROL_IPV6] {
        oracle::handshake(CLIENT, "mx.control.test", address, &world.authority.file)?;
    }
    Ok(())
}

/// A teaser comes first, and the list is not Postfix's own.
fn postscreen_speaks(_: &World) -> Result<()> {
    let replies = oracle::replies(CLEAN, "203.0.113.125", &["EHLO oracle.example.org"])?;
    let [greeting, ehlo] = replies.as_slice() else { anyhow::bail!("{replies:#?}") };
    ensure!(
        greeting.starts_with("220-mx.screen.test") && greeting.lines().count() == 2,
        "{greeting}"
    );
    ensure!(ehlo.contains("STARTTLS") && !ehlo.contains("PIPELINING"), "{ehlo}");
    Ok(())
}

fn second_machine_certifies_itself(world: &World) -> Result<()> {
    let ca = &world.authority.file;
    let host = "mx.second-machine.test";
    oracle::handshake(CLIENT, host, "203.0.113.127", ca)?;
    for from in [CLIENT, CLEAN] {
        let refused = oracle::handshake(from, host, "2001:db8:203::127", ca);
        let said = refused.map_or_else(|error| error.to_string(), |seen| format!("{seen:?}"));
        ensure!(said.contains("Untrusted TLS connection established"), "{said}");
    }
    Ok(())
}

/// Each node proves a key of its own, for the name of all, and lists what it likes.
fn nodes_differ(world: &World) -> Result<()> {
    let mut leaves = Vec::new();
    let mut lists = Vec::new();
    for node in ["203.0.113.132", "203.0.113.133", "203.0.113.134"] {
        let seen = oracle::handshake(CLIENT, "mx.farm.test", node, &world.authority.file)?;
        leaves.push(seen.certificate_sha256);
        lists.extend(oracle::replies(CLIENT, node, &["EHLO oracle.example.org"])?.pop());
    }
    for different in [&mut leaves, &mut lists] {
        different.sort();
        different.dedup();
        ensure!(different.len() == 3, "{different:#?}");
    }
    Ok(())
}
