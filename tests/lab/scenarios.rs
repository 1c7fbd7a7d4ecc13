//! The scenarios as data, and how one is played.
//!
//! Whatever is expected of a box, the same path with a box that changes nothing
//! comes first and must be `intact`, with the handshake that an independent
//! prober sees; and the redirection must have counted both times.

use anyhow::{Context as _, Result, ensure};
use mxray::sim::middlebox::{Behaviour, Refusal};
use serde_json::Value;

use crate::dns;
use crate::middlebox::{self, Placed};
use crate::mta::{self, Site};
use crate::oracle::{self, Handshake};
use crate::topology::{CLIENT, RESOLVER, STRIPPING_RESOLVER};
use crate::world::{SILENCE, World};

/// What the report must say: JSON pointers, and the words found there.
type Facts = &'static [(&'static str, &'static str)];

const STATUS: &str = "/targets/0/verdict/status";
const CONFIDENCE: &str = "/targets/0/verdict/confidence";
const ROUTE: &str = "/targets/0/routes/0/dnssec";
const RESOLVER_DNSSEC: &str = "/run/vantages/0/resolver/dnssec";

const INTACT: Facts = &[(STATUS, "intact")];
const STRIPPED: Facts = &[(STATUS, "stripped")];
const STRIPPED_PROVEN: Facts = &[(STATUS, "stripped"), (CONFIDENCE, "proven")];

const CORROBORATED: Facts = &[(STATUS, "stripped"), (CONFIDENCE, "corroborated")];
const SUSPECTED: Facts = &[(STATUS, "stripped"), (CONFIDENCE, "suspected")];
const OTHER_KEY: Facts = &[
    (STATUS, "inconsistent"),
    (CONFIDENCE, "suspected"),
    ("/targets/0/verdict/because", "key-by-family"),
];
/// Where nothing clean is left to compare with, only the issuer is odd.
const UNTRUSTED: Facts =
    &[(STATUS, "intact"), ("/targets/0/findings/0/id", "certificate-not-trusted")];
const NOT_OFFERED: Facts = &[(STATUS, "not-offered")];
const BROKEN: Facts = &[(STATUS, "tls-broken")];

/// What a box makes of each mail server: on the path of one family, the other
/// being clean, and on both, where nothing clean is left to compare with.
const ATTACKS: [(Behaviour, Facts, Facts); 13] = [
    // Accepted though not offered, with a certificate that is valid for the host.
    (Behaviour::DropKeyword, CORROBORATED, CORROBORATED),
    (Behaviour::DropKeywordRefuse(Refusal::Unrecognized), SUSPECTED, NOT_OFFERED),
    (Behaviour::DropKeywordRefuse(Refusal::BadParameter), SUSPECTED, NOT_OFFERED),
    (Behaviour::DropKeywordRefuse(Refusal::NotImplemented), SUSPECTED, NOT_OFFERED),
    (Behaviour::DropKeywordRefuse(Refusal::Unavailable), SUSPECTED, NOT_OFFERED),
    (Behaviour::DropKeywordRefuse(Refusal::Positive), SUSPECTED, NOT_OFFERED),
    (Behaviour::MaskKeyword, STRIPPED_PROVEN, STRIPPED_PROVEN),
    // Plain X's are proof where the same key shows the clear list.
    (Behaviour::MaskKeywordX, STRIPPED_PROVEN, CORROBORATED),
    (Behaviour::MaskAll, STRIPPED, STRIPPED),
    (Behaviour::RefuseEhlo, STRIPPED, STRIPPED),
    (Behaviour::ResetAtStarttls, SUSPECTED, BROKEN),
    (Behaviour::ResetAfterStarttls, SUSPECTED, BROKEN),
    (Behaviour::ResetAtClientHello, SUSPECTED, BROKEN),
];

/// The same for one mail server only: the server has no say in it, or it lasts
/// until a limit runs out.
const ATTACKS_ONCE: [(Behaviour, Facts); 7] = [
    (Behaviour::SilenceAfterStarttls, STRIPPED),
    (Behaviour::SilenceAtClientHello, STRIPPED),
    (Behaviour::Relay, STRIPPED),
    (Behaviour::Inject, &[("/targets/0/findings/0/id", "clear-text-after-220")]),
    // The box has an authority of its own. Seen over one family only, its key can be
    // that of a second machine.
    (Behaviour::ForeignCertificate, OTHER_KEY),
    (Behaviour::ForeignCertificateClear, OTHER_KEY),
    // Postfix drops what stands behind STARTTLS.
    (Behaviour::InjectCommand, INTACT),
];

/// One scenario.
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) title: String,
    domain: &'static str,
    site: &'static Site,
    resolver: &'static str,
    /// A box, and the addresses on whose paths it is.
    on_path: Option<(Behaviour, Vec<&'static str>)>,
    expected: Facts,
}

/// Every scenario.
pub(crate) fn all() -> Vec<Scenario> {
    let mut scenarios = of_dns();
    for site in [&mta::POSTFIX, &mta::EXIM, &mta::OPENSMTPD] {
        scenarios.push(clean(site, INTACT));
        for (behaviour, on_one, on_both) in ATTACKS {
            scenarios.push(boxed(site, behaviour, vec![site.ipv4], on_one));
            scenarios.push(boxed(site, behaviour, vec![site.ipv6], on_one));
            let on_both = on_both_paths(site, behaviour, on_both);
            scenarios.push(boxed(site, behaviour, vec![site.ipv4, site.ipv6], on_both));
        }
    }
    for (behaviour, expected) in ATTACKS_ONCE {
        scenarios.push(boxed(&mta::POSTFIX, behaviour, vec![mta::POSTFIX.ipv4], expected));
    }
    let both = vec![mta::POSTFIX.ipv4, mta::POSTFIX.ipv6];
    scenarios.push(boxed(&mta::POSTFIX, Behaviour::ForeignCertificate, both, UNTRUSTED));
    scenarios
}

/// What a server has a say in where no clean view is left.
fn on_both_paths(site: &Site, behaviour: Behaviour, usual: Facts) -> Facts {
    let exim = site.domain == mta::EXIM.domain;
    let opensmtpd = site.domain == mta::OPENSMTPD.domain;
    match behaviour {
        // Exim refuses STARTTLS after HELO; nothing shows that it has it.
        Behaviour::RefuseEhlo if exim => NOT_OFFERED,
        // OpenSMTPD does not quote the overwritten command, and its list is too
        // short for the masks to be decoded by their order.
        Behaviour::MaskAll if opensmtpd => NOT_OFFERED,
        _ => usual,
    }
}

fn clean(site: &'static Site, expected: Facts) -> Scenario {
    Scenario {
        title: format!("{}: clean", site.domain),
        domain: site.domain,
        site,
        resolver: RESOLVER,
        on_path: None,
        expected,
    }
}

fn boxed(
    site: &'static Site,
    behaviour: Behaviour,
    addresses: Vec<&'static str>,
    expected: Facts,
) -> Scenario {
    let title = format!("{}: {behaviour} on the path to {}", site.domain, addresses.join(" and "));
    Scenario { title, on_path: Some((behaviour, addresses)), ..clean(site, expected) }
}

fn of_dns() -> Vec<Scenario> {
    let row = |title: &str, domain, resolver, expected| Scenario {
        title: format!("dns: {title}"),
        domain,
        resolver,
        ..clean(&mta::POSTFIX, expected)
    };
    let domain = mta::POSTFIX.domain;
    vec![
        row(
            "secure",
            domain,
            RESOLVER,
            &[(STATUS, "intact"), (ROUTE, "secure"), (RESOLVER_DNSSEC, "validated")],
        ),
        row(
            "insecure",
            dns::INSECURE,
            RESOLVER,
            &[(STATUS, "intact"), (ROUTE, "insecure"), (RESOLVER_DNSSEC, "validated")],
        ),
        row(
            "bogus, and probed all the same",
            dns::BOGUS,
            RESOLVER,
            &[(ROUTE, "bogus"), (RESOLVER_DNSSEC, "validated"), (STATUS, "intact")],
        ),
        row(
            "a resolver that hands no signatures on",
            domain,
            STRIPPING_RESOLVER,
            &[(STATUS, "intact"), (ROUTE, "indeterminate"), (RESOLVER_DNSSEC, "unavailable")],
        ),
    ]
}

impl Scenario {
    /// Plays it to its end.
    pub(crate) fn play(&self, world: &World) -> Result<()> {
        let Some((behaviour, addresses)) = &self.on_path else {
            return self.probe(world, self.expected, &[], &[]);
        };
        self.through_box(world, Behaviour::Pass, addresses, INTACT)?;
        self.through_box(world, *behaviour, addresses, self.expected)
    }

    fn through_box(
        &self,
        world: &World,
        behaviour: Behaviour,
        addresses: &[&str],
        expected: Facts,
    ) -> Result<()> {
        let placed = Placed::on_path(behaviour, addresses, &world.authority.file)?;
        let before = placed.redirected()?;
        let options = if middlebox::is_silent(behaviour) { &SILENCE[..] } else { &[] };
        self.probe(world, expected, addresses, options)
            .with_context(|| format!("the box: {behaviour}\n{}", placed.log()))?;
        ensure!(placed.redirected()? > before, "the box {behaviour} was not on the path");
        Ok(())
    }

    /// Probes, and compares what is reported with what is expected; the address
    /// whose path is not among `boxed`, where others are, must be intact.
    fn probe(
        &self,
        world: &World,
        expected: Facts,
        boxed: &[&str],
        options: &[&str],
    ) -> Result<()> {
        let (outcome, report) = world.probe_with(self.domain, self.resolver, options)?;
        let agrees = self.agrees(world, &report, expected, boxed);
        agrees.with_context(|| outcome.to_string())
    }

    fn agrees(&self, world: &World, report: &Value, expected: Facts, boxed: &[&str]) -> Result<()> {
        says(report, expected)?;
        // The key that a box shows is none that the oracle's authority vouches for.
        if expected.contains(&(STATUS, "intact")) && expected != UNTRUSTED {
            self.agrees_with_oracle(world, report)?;
        }
        let both = [self.site.ipv4, self.site.ipv6];
        for address in both.iter().filter(|ip| !boxed.is_empty() && !boxed.contains(ip)) {
            let part = element(report, "/targets/0/hosts/0/addresses", "/ip", address)?;
            says(part, &[("/verdict/status", "intact")])?;
        }
        Ok(())
    }

    /// Version, suite, group and certificate at both addresses, from the same
    /// namespace and through the same box; and the client address that a server
    /// echoes is the client's own.
    fn agrees_with_oracle(&self, world: &World, report: &Value) -> Result<()> {
        let host = format!("mx.{}", self.domain);
        for (address, own) in [(self.site.ipv4, "198.51.100."), (self.site.ipv6, "2001:db8:100::")]
        {
            let seen = element(report, "/targets/0/observations", "/probe/ip", address)?;
            let expected = oracle::handshake(CLIENT, &host, address, &world.authority.file)?;
            let found = handshake(seen).with_context(|| format!("no handshake with {address}"))?;
            ensure!(found == expected, "at {address}: {found:?}, but the oracle saw {expected:?}");
            says(seen, &[("/tls/pkix/status", "valid")])?;
            let echoed = seen.pointer("/ehlo/client_address_seen").and_then(Value::as_str);
            let is_own = echoed.is_none_or(|echoed| echoed.starts_with(own));
            ensure!(is_own, "{address} saw {echoed:?} instead of the client");
        }
        Ok(())
    }
}

fn says(report: &Value, expected: Facts) -> Result<()> {
    for (pointer, word) in expected {
        let found = report.pointer(pointer).and_then(Value::as_str);
        ensure!(found == Some(word), "{pointer} is {found:?}, expected {word:?}");
    }
    Ok(())
}

/// The first element of a list that has `word` at `pointer`.
fn element<'a>(report: &'a Value, list: &str, pointer: &str, word: &str) -> Result<&'a Value> {
    let elements = report.pointer(list).and_then(Value::as_array);
    let has_word = |one: &&Value| one.pointer(pointer).and_then(Value::as_str) == Some(word);
    elements
        .and_then(|elements| elements.iter().find(has_word))
        .with_context(|| format!("{list} has no element with {pointer} {word}"))
}

fn handshake(observation: &Value) -> Option<Handshake> {
    let word = |pointer| Some(observation.pointer(pointer)?.as_str()?.to_owned());
    Some(Handshake {
        version: word("/tls/version")?,
        cipher_suite: word("/tls/cipher_suite")?,
        key_exchange_group: word("/tls/key_exchange_group")?,
        certificate_sha256: word("/tls/chain/0/sha256")?,
    })
}
