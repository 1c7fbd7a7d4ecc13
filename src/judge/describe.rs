//! Words and shapes for the report: the sentence of a verdict, the entry of an observation.
//!
//! Owns the words. Refuses to know why: the claim is made before.

use super::Scene;
use super::address::Address;
use super::claim::{self, Claim};
use super::controls::other;
use super::interception::{self, Kind};
use super::levels::{self, Told};
use super::mirror::{self, MIRROR};
use super::promise::contradiction::DENIED;
use super::promise::proof::{IN_PART, NOT_LISTED};
use super::promise::words;
use super::reading::Reading;
use super::standing::Standing;
use super::verdict::{self, BY_EHLO_NAME};
use crate::model::evidence::Evidence;
use crate::model::probe::Family;
use crate::model::report::{ObservationReport, ProbeReport};
use crate::model::verdict::{Confidence, Place, Status};

/// Name and version of this program.
pub const PROGRAM: &str = concat!("mxray ", env!("CARGO_PKG_VERSION"));

/// Between what was seen and what would settle it.
pub(super) const AND_THEN: &str = ". Next: ";

/// For people: what was seen and on which path, and which further view would
/// settle what is open.
pub(super) fn summary(evidence: &Evidence, scene: &Scene<'_>, claim: &Claim) -> String {
    let seen = sentence(&evidence.target.name(), scene, claim);
    match settled_by(claim) {
        Some(view) => seen + AND_THEN + view,
        None => seen,
    }
}

/// The part of a summary that says what was seen.
pub(super) fn seen(summary: &str) -> &str {
    summary.split_once(AND_THEN).map_or(summary, |(seen, _)| seen)
}

/// The further view that would settle what a claim leaves open, where one would.
pub(super) fn settled_by(claim: &Claim) -> Option<&'static str> {
    let near = claim.place == Some(Place::NearVantage);
    match (claim.status, claim.confidence) {
        (Status::Stripped | Status::Intercepted, Some(Confidence::Suspected)) => {
            Some("ask the same addresses from another network, which settles it")
        }
        (Status::Stripped | Status::Intercepted, _) if !near => {
            Some("ask from another network, which tells near which end of the path the cause lies")
        }
        (Status::PolicyFailed, _) if claim.because.as_deref() != Some(NOT_LISTED) => Some(
            "ask from another network, which tells whether the destination breaks its promise or \
             this path does",
        ),
        (Status::Inconsistent, _) if claim.because.as_deref() == Some("key-by-family") => {
            Some("compare the certificates of the same addresses from another network")
        }
        (Status::NotOffered, _) if claim.because.is_none() => {
            Some("ask from another network, which shows whether something on this path hides it")
        }
        (Status::Inconclusive, _) if claim.because.as_deref() == Some("flapping") => {
            Some("ask more often (--repeats), and from another network")
        }
        _ => None,
    }
}

/// What was seen, and on which path.
pub(super) fn sentence(name: &str, scene: &Scene<'_>, claim: &Claim) -> String {
    let addresses = &scene.addresses;
    let because = claim.because.as_deref().unwrap_or("unknown");
    match claim.status {
        Status::Stripped | Status::Intercepted if because == MIRROR => {
            mirror::words(name, claim.status, scene.mirror.as_ref())
        }
        Status::Stripped | Status::Intercepted if because == DENIED => {
            words::denied(name, &scene.promises)
        }
        Status::PolicyFailed => words::failed(name, claim.because.as_deref(), &scene.promises),
        Status::Inconsistent if because == IN_PART => words::in_part(name),
        Status::Intercepted => intercepted(name, scene),
        Status::Stripped => stripped(name, scene, claim),
        Status::Intact => {
            let held_up = words::held_up(&scene.promises.ledger.demands);
            let held_up = held_up.map(|held_up| format!("; but {held_up}"));
            intact(name, addresses) + &held_up.unwrap_or_default()
        }
        Status::NotOffered => not_offered(name, because),
        Status::TlsBroken if because == "legacy-only" => format!(
            "{name} offers STARTTLS, but speaks only versions or ciphers that modern senders \
             no longer use"
        ),
        Status::TlsBroken if addresses.iter().any(Address::is_implicit) => {
            format!("no TLS handshake is completed at any address of {name}")
        }
        Status::TlsBroken => {
            format!("{name} offers STARTTLS, and TLS comes about at no address that was measured")
        }
        Status::Inconsistent if because == "key-by-family" => key_by_family(name, addresses),
        Status::Inconsistent if because == BY_EHLO_NAME => {
            format!("{name} offers STARTTLS to one EHLO name and not to the other")
        }
        Status::Inconsistent => inconsistent(name, addresses),
        Status::Blocked => format!(
            "port 25 cannot be used from here: no session with {name} comes as far as STARTTLS, \
             and none with the controls {}",
            control_names(scene)
        ),
        Status::Unreachable => unreachable(name, because, scene),
        Status::NoMail if because == "null-mx" => {
            format!("{name} takes no mail: its MX record says so (RFC 7505)")
        }
        Status::NoMail => format!("{name} takes no mail: it has neither MX records nor addresses"),
        Status::Unresolvable => unresolvable(name, because),
        Status::Inconclusive => inconclusive(name, because),
    }
}

fn not_offered(name: &str, because: &str) -> String {
    match because {
        "ehlo-refused" => format!(
            "{name} refuses EHLO, and after HELO nothing can be offered; STARTTLS sent anyway \
             leads to no TLS"
        ),
        "starttls-on-greeting-line" => format!(
            "{name} names STARTTLS on the first line of its EHLO answer, where no sender looks \
             for it"
        ),
        _ => format!(
            "no address of {name} that was measured offers STARTTLS where senders look for it, \
             and sending it anyway leads to no TLS"
        ),
    }
}

/// Who else was asked, for a sentence.
fn control_names(scene: &Scene<'_>) -> String {
    let names: Vec<&str> = scene.controls.all.iter().map(|control| control.name.as_str()).collect();
    names.join(" and ")
}

fn unreachable(name: &str, because: &str, scene: &Scene<'_>) -> String {
    if because == "not-smtp" {
        return format!("what answers for {name} on this port does not speak SMTP");
    }
    let greeted =
        [Family::Ipv4, Family::Ipv6].into_iter().any(|family| scene.controls.greet_on(family));
    if greeted {
        return format!(
            "no address of {name} answers on this port, while controls ({}) do: its servers are \
             down or refuse this network",
            control_names(scene)
        );
    }
    if matches!(because, "closed-before-greeting" | "reset" | "greeting-timeout") {
        return format!(
            "a connection for {name} is taken, and no greeting comes: either its servers are not \
             well, or something on the way takes it in their place, as networks that block port \
             25 do"
        );
    }
    let port = scene.readings.first().map_or(25, |reading| reading.observation.probe.port);
    match because {
        "refused" => {
            return format!(
                "every connection for {name} on port {port} is refused: either no mail server \
                 listens there, or a firewall near either end rejects it"
            );
        }
        "network-unreachable" => {
            return format!(
                "there is no way to any address of {name}: this machine or a router on the way \
                 has no route, or prohibits the connection"
            );
        }
        _ => {}
    }
    let many = if port == 25 { ", as many do" } else { "" };
    format!(
        "no address of {name} answers on port {port}: either its servers are down, or this network \
         blocks outbound port {port}{many}"
    )
}

fn intercepted(name: &str, scene: &Scene<'_>) -> String {
    let Some(tell) = scene.tells.iter().max_by_key(|tell| tell.confidence) else {
        return format!("something other than {name} answered");
    };
    let family = tell.family.label();
    let controls = tell.controls.join(" and ");
    match tell.kind {
        Kind::GreetingFromNowhere => format!(
            "over {family} an address that belongs to no mail server answered like one, with a \
             greeting: something on the way answers for {name}"
        ),
        Kind::OneKey => format!(
            "over {family} {name} proves possession of the same key as {controls}, which others \
             operate"
        ),
        Kind::ForeignKeys => format!(
            "over {family} {name} and {controls} show keys that no trusted issuer vouches for, \
             and not those of the other family"
        ),
        Kind::OneFace => format!(
            "over {family} {name} greets with the same name and lists the same EHLO keywords as \
             {controls}, which others operate"
        ),
    }
}

fn key_by_family(name: &str, addresses: &[Address<'_>]) -> String {
    let foreign = [Family::Ipv4, Family::Ipv6]
        .into_iter()
        .find(|family| interception::foreign_over(addresses, *family));
    let family = foreign.unwrap_or(Family::Ipv6);
    format!(
        "over {} {name} shows a key that no trusted issuer vouches for, over {} a trusted one: two \
         machines, or something on one path that answers in the server's place",
        family.label(),
        other(family).label()
    )
}

/// The controls that lose STARTTLS on the same path, as the end of a sentence.
fn beside_controls(scene: &Scene<'_>, family: Family) -> String {
    let mut lost = scene.controls.lost_on(family);
    lost.extend(scene.controls.lost_everywhere(family));
    if lost.is_empty() || scene.controls.clean_on(family) {
        return String::new();
    }
    let names: Vec<&str> = lost.iter().map(|control| control.name.as_str()).collect();
    let (names, family) = (names.join(" and "), family.label());
    format!("; at {names}, which others operate, it does not work over {family} either")
}

fn stripped(name: &str, scene: &Scene<'_>, claim: &Claim) -> String {
    let addresses = &scene.addresses;
    if let Some(address) = addresses.iter().find(|address| address.overwritten()) {
        return format!(
            "the STARTTLS command was overwritten with X's on the way to {}",
            address.label()
        );
    }
    let all: Vec<&Address<'_>> = addresses.iter().collect();
    let without =
        [Family::Ipv4, Family::Ipv6].into_iter().find(|family| verdict::splits(&all, *family));
    if let Some(without) = without.filter(|_| claim.confidence < Some(Confidence::Proven)) {
        return format!(
            "over {} STARTTLS works at no address of {name} that was measured, over {} at every \
             one{}",
            without.label(),
            other(without).label(),
            beside_controls(scene, without)
        );
    }
    if let Some(address) = addresses.iter().find(|address| address.hidden()) {
        let mask = if claim::masks_offer(address, addresses) { "masked" } else { "hidden" };
        return format!(
            "the offer of STARTTLS is {mask} at {}, which accepts the command all the same",
            address.label()
        );
    }
    if let Some(address) = addresses.iter().find(|address| address.lacks())
        && claim.place == Some(Place::NearVantage)
    {
        return format!(
            "STARTTLS does not work at {}{}",
            address.label(),
            beside_controls(scene, address.family())
        );
    }
    match addresses.iter().find(|address| address.masks().next().is_some()) {
        Some(address) => format!(
            "a masked line of {} stands where common servers offer STARTTLS, and the command is \
             refused",
            address.label()
        ),
        None => format!("STARTTLS is missing on the way to {name}"),
    }
}

/// What was asked for.
fn tls_word(addresses: &[Address<'_>]) -> &'static str {
    if addresses.iter().any(Address::is_implicit) { "TLS from the start" } else { "STARTTLS" }
}

fn intact(name: &str, addresses: &[Address<'_>]) -> String {
    let tls = tls_word(addresses);
    let probed = addresses.iter().filter(|address| !address.readings.is_empty()).count();
    let secured = addresses.iter().filter(|address| address.standing == Standing::Secured).count();
    match (secured, probed) {
        (1, 1) => format!("{tls} works at the one address of {name} that was asked"),
        (_, _) if secured == probed => {
            format!("{tls} works at all {probed} addresses of {name} that were asked")
        }
        _ => format!(
            "{tls} works at {secured} of {probed} addresses of {name}; the others did not greet us"
        ),
    }
}

fn inconsistent(name: &str, addresses: &[Address<'_>]) -> String {
    let tls = tls_word(addresses);
    let secured = addresses.iter().filter(|address| address.standing == Standing::Secured).count();
    let other = addresses
        .iter()
        .find(|address| matches!(address.standing, Standing::NotOffered | Standing::Broken(_)));
    let example = other.map(|address| format!(", and not at {}", address.label()));
    format!(
        "the servers of {name} differ: {tls} works at {secured} of {} addresses{}",
        addresses.iter().filter(|address| address.greeted()).count(),
        example.unwrap_or_default()
    )
}

fn unresolvable(name: &str, because: &str) -> String {
    match because {
        "nxdomain" => format!("the name {name} does not exist"),
        "mx-without-address" => format!("no MX host of {name} has an address"),
        "servfail" => format!("the resolver failed to look up {name} (SERVFAIL)"),
        "timeout" => format!("the resolver did not answer for {name} in time"),
        "resolver-unreachable" => format!("no resolver could be reached to look up {name}"),
        "bogus" => format!("the DNS answers for {name} are bogus: their signatures do not hold"),
        "dns-refused" => format!("the resolver refused to look up {name}"),
        _ => format!("DNS gave no usable answer for {name}"),
    }
}

fn inconclusive(name: &str, because: &str) -> String {
    match because {
        "interrupted" => format!("interrupted before {name} had answered"),
        "ipv6-unusable" => {
            format!("{name} has IPv6 addresses only, and this machine cannot use IPv6")
        }
        "ipv4-unusable" => {
            format!("{name} has IPv4 addresses only, and this machine cannot use IPv4")
        }
        "not-asked" => format!("{name} has no address of the family that was asked for"),
        "not-probed" => format!("no address of {name} was asked before the run ended"),
        "flapping" => format!(
            "an address of {name} offers STARTTLS in some sessions and not in others: several \
             servers behind it that are not alike, or a device on the path that does not take every \
             connection"
        ),
        "local-error" => format!("something at this end kept {name} from being asked"),
        "handshake-cut-off" => {
            format!("a TLS handshake with an address of {name} was cut off, once")
        }
        "stalled-after-greeting" => {
            format!("an address of {name} greeted us, and the session stopped before STARTTLS")
        }
        "stalled-at-starttls" => {
            format!("an address of {name} left STARTTLS without an answer")
        }
        "starttls-tempfailed" => {
            format!("an address of {name} answered STARTTLS with a temporary error")
        }
        _ if because.starts_with("greeting-") => format!(
            "{name} turned us away with its greeting ({}): nothing was learned of STARTTLS",
            because.trim_start_matches("greeting-")
        ),
        _ => format!("{name} could not be measured"),
    }
}

/// The report's entry for one reading, with every evidence field but the
/// transcript, which `report` writes out.
pub(super) fn observation(reading: &Reading<'_>, told: &Told<'_>) -> ObservationReport {
    let session = &reading.session;
    let ms = |us: u64| us.div_ceil(1000);
    ObservationReport {
        id: reading.id(),
        probe: probe(reading),
        started_at: reading.observation.started_at,
        duration_ms: Some(ms(session.duration_us)),
        connect_ms: session.connect_us.map(ms),
        greeting_ms: session.greeting_us.map(ms),
        handshake_ms: session.handshake_us.map(ms),
        stages: session.stages.clone(),
        ended: session.ended,
        error: session.error.clone(),
        greeting: session.greeting.clone(),
        ehlo: session.ehlo.clone(),
        starttls: session.starttls.clone(),
        tls: reading.tls.clone(),
        ehlo_tls: session.ehlo_tls.clone(),
        postfix: levels::levels(reading, told),
        transcript: Some(reading.observation.transcript.to_entries()),
    }
}

fn probe(reading: &Reading<'_>) -> ProbeReport {
    ProbeReport { source: reading.source(), ..ProbeReport::of(&reading.observation.probe) }
}
