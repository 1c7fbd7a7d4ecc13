//! Is STARTTLS offered, and does the command arrive? Masks, hiding, overwriting.
//!
//! Owns what is said of it. Refuses to decide how sure it is: `claim` does.

use crate::judge::address::Address;
use crate::judge::addresses::Addresses;
use crate::judge::catalogue::{self as catalogue, on_address, with_confidence};
use crate::judge::controls::other;
use crate::judge::reading::Reading;
use crate::judge::standing::{Broken, Standing};
use crate::judge::verdict::{by_family, splits};
use crate::judge::{Scene, claim};
use crate::model::finding::{Finding, Subject};
use crate::model::probe::Family;
use crate::model::session::{Oddity, ReplyText};
use crate::model::verdict::{Confidence, Status, Verdict};
use crate::smtp::dialogue::MAX_RESIDUE;

pub(super) fn findings(scene: &Scene<'_>, verdict: &Verdict) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(lost_on_family(scene, verdict));
    for address in &scene.addresses {
        let confidence = claim::stripping(address, &scene.addresses, &scene.controls);
        found.extend(overwritten(address));
        found.extend(hidden(address, &scene.addresses, confidence));
        found.extend(masked(address, confidence));
        found.extend(beside_controls(address, scene, confidence));
        found.extend(not_offered(address));
        found.extend(ehlo_refused(address));
        found.extend(refused(address));
        found.extend(oddities(address));
    }
    found
}

fn about(address: &Address<'_>) -> Subject {
    on_address(&address.host, address.ip)
}

/// Every address of one family lacks what every address of the other has.
fn lost_on_family(scene: &Scene<'_>, verdict: &Verdict) -> Option<Finding> {
    let all: Vec<&Address<'_>> = scene.addresses.iter().collect();
    let without = [Family::Ipv4, Family::Ipv6]
        .into_iter()
        .find(|family| splits(&all, *family))
        .filter(|_| verdict.status == Status::Stripped)?;
    let measured = scene.addresses.iter().filter(|address| address.greeted());
    let mut evidence: Vec<String> = measured.flat_map(Address::evidence).collect();
    let lost = scene.controls.lost_on(without);
    evidence.extend(lost.iter().flat_map(|control| control.evidence(without)));
    let clean = scene.controls.clean_on(without);
    let beside = match (lost.is_empty(), clean) {
        (_, true) => " Controls have STARTTLS on the same path.",
        (true, false) => "",
        (false, false) => " Controls of other operators lose it on the same path.",
    };
    let finding = catalogue::STARTTLS_LOST_ON_FAMILY.raised(
        Subject::default(),
        evidence,
        format!(
            "Over {} STARTTLS works at no address that was measured, over {} at every \
             one.{beside}",
            without.label(),
            other(without).label()
        ),
    );
    // By the same rule as the verdict on families, whatever else is proved here.
    let confidence = by_family(&all, scene)?.confidence?;
    Some(with_confidence(finding, confidence))
}

/// Nothing comes of STARTTLS here, and controls lose it on the same path.
fn beside_controls(
    address: &Address<'_>,
    scene: &Scene<'_>,
    confidence: Option<Confidence>,
) -> Option<Finding> {
    let what = match address.standing {
        Standing::NotOffered if !address.overwritten() => "does not offer STARTTLS",
        Standing::Broken(_) => "does not complete STARTTLS",
        _ => return None,
    };
    let lost = claim::controls_lost(address, &scene.controls);
    let confidence = confidence.filter(|_| !lost.is_empty())?;
    let family = address.family();
    let names: Vec<&str> = lost.iter().map(|control| control.name.as_str()).collect();
    let mut evidence = address.evidence();
    evidence.extend(lost.iter().flat_map(|control| control.evidence(family)));
    let known = if lost.iter().all(|control| control.is_known_to_have()) {
        "which are known to"
    } else {
        "though nothing seen here says that all of those ever did"
    };
    let finding = catalogue::STARTTLS_LOST_NEAR_VANTAGE.raised(
        about(address),
        evidence,
        format!(
            "{} {what}, and neither do {} over {}, {known}.",
            address.label(),
            names.join(" and "),
            family.label()
        ),
    );
    Some(with_confidence(finding, confidence))
}

fn overwritten(address: &Address<'_>) -> Option<Finding> {
    let echoes = |reading: &&&Reading<'_>| reading.session.starttls.echo_masked == Some(true);
    let reading = address.readings.iter().find(echoes)?;
    let reply = reading.session.starttls.reply.as_ref();
    let finding = catalogue::STARTTLS_OVERWRITTEN.raised(
        about(address),
        vec![reading.id()],
        format!(
            "STARTTLS was sent to {}. Eight X's stand in its place in the reply, so something on \
             the way wrote over it: {}",
            address.label(),
            reply.map_or_else(String::new, line),
        ),
    );
    Some(with_confidence(finding, Confidence::Proven))
}

/// A reply as one line.
fn line(reply: &ReplyText) -> String {
    format!("{} {}", reply.code, reply.text.replace('\n', " / "))
}

fn hidden(
    address: &Address<'_>,
    all: &Addresses<'_>,
    confidence: Option<Confidence>,
) -> Option<Finding> {
    if !address.hidden() {
        return None;
    }
    if claim::masks_offer(address, all) {
        let whose = if address.has_cisco_mask_of_eight() {
            "a line of eight letters masked as Cisco's inspection masks it"
        } else {
            "a masked line of eight letters, which in another view of the same server is STARTTLS"
        };
        let finding = catalogue::STARTTLS_MASKED.raised(
            about(address),
            address.evidence(),
            format!(
                "The EHLO answer of {} has {whose}, and behind the mask STARTTLS is accepted.",
                address.label()
            ),
        );
        let finding = Finding { alternatives: Vec::new(), ..finding };
        return Some(with_confidence(finding, Confidence::Proven));
    }
    let how = if address.fell_to_helo() {
        "refuses EHLO, in whose answer it would offer STARTTLS"
    } else {
        "does not offer STARTTLS"
    };
    let finding = catalogue::STARTTLS_HIDDEN.raised(
        about(address),
        address.evidence(),
        format!("{} {how}, and answers 220 when it is sent anyway.", address.label()),
    );
    Some(with_confidence(finding, confidence.unwrap_or(Confidence::Suspected)))
}

/// Masks that prove nothing about STARTTLS by themselves.
fn masked(address: &Address<'_>, confidence: Option<Confidence>) -> Vec<Finding> {
    let mut found = Vec::new();
    let masks: Vec<_> = address.masks().collect();
    let suspect = address.standing == Standing::NotOffered && address.masks_starttls();
    if suspect {
        let finding = catalogue::STARTTLS_MASKED.raised(
            about(address),
            address.evidence(),
            format!(
                "The EHLO answer of {} has a masked line of eight letters at the place where \
                 common servers list STARTTLS, and the command is refused.",
                address.label()
            ),
        );
        found.push(with_confidence(finding, confidence.unwrap_or(Confidence::Suspected)));
    } else if !masks.is_empty() && !address.hidden() {
        let mut lines: Vec<_> = masks.iter().map(|mask| format!("\"{}\"", mask.text)).collect();
        // Repeats show the same lines again.
        lines.sort();
        lines.dedup();
        let visible = if address.offered() { "; STARTTLS itself stays visible" } else { "" };
        found.push(catalogue::KEYWORDS_MASKED.raised(
            about(address),
            address.evidence(),
            format!(
                "Lines of the EHLO answer of {} are masked: {}{visible}.",
                address.label(),
                lines.join(", ")
            ),
        ));
    }
    let banner = address
        .readings
        .iter()
        .find(|reading| reading.session.greeting.as_ref().is_some_and(|greeting| greeting.masked));
    if let Some(reading) = banner {
        found.push(catalogue::BANNER_MASKED.raised(
            about(address),
            vec![reading.id()],
            format!("The greeting of {} is masked with asterisks.", address.label()),
        ));
    }
    found
}

fn not_offered(address: &Address<'_>) -> Option<Finding> {
    let plain = address.standing == Standing::NotOffered && !address.overwritten();
    (plain && !address.fell_to_helo()).then(|| {
        let reading = address.best();
        let reply = reading.and_then(|reading| reading.session.starttls.reply.as_ref());
        catalogue::STARTTLS_NOT_OFFERED.raised(
            about(address),
            address.evidence(),
            format!(
                "{} does not offer STARTTLS, and answers {} when it is sent anyway: mail goes to \
                 it in clear from here.",
                address.label(),
                reply.map_or_else(|| "nothing".to_owned(), |reply| reply.code.to_string()),
            ),
        )
    })
}

fn ehlo_refused(address: &Address<'_>) -> Option<Finding> {
    let refused = address.readings.iter().find_map(|reading| {
        let code = reading.session.ehlo.as_ref()?.refused_with?;
        Some((reading.id(), code))
    });
    let (id, code) = refused?;
    Some(catalogue::EHLO_REFUSED.raised(
        about(address),
        vec![id],
        format!(
            "{} answered EHLO with {code}; after HELO no extension can be offered, so whether it \
             has STARTTLS is unknown.",
            address.label()
        ),
    ))
}

/// Offered, and the command itself came to nothing.
fn refused(address: &Address<'_>) -> Option<Finding> {
    let what = match address.standing {
        Standing::Broken(Broken::Refused | Broken::Tempfailed | Broken::UnexpectedCode) => {
            let reading = address.best()?;
            let reply = reading.session.starttls.reply.as_ref()?;
            format!("answers the command with {}", line(reply))
        }
        Standing::Broken(Broken::Swallowed) => "gives the command no answer".to_owned(),
        _ => return None,
    };
    Some(catalogue::STARTTLS_REFUSED.raised(
        about(address),
        address.evidence(),
        format!("{} offers STARTTLS and {what}.", address.label()),
    ))
}

/// At the cap there may have been more.
fn residue_words(bytes: u64) -> String {
    let cap = u64::try_from(MAX_RESIDUE).unwrap_or(u64::MAX);
    if bytes >= cap { format!("at least {bytes} bytes") } else { format!("{bytes} bytes") }
}

fn oddities(address: &Address<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for reading in &address.readings {
        let session = &reading.session;
        if let Some(residue) = session.starttls.residue_bytes.filter(|bytes| *bytes > 0) {
            let finding = catalogue::RESIDUE.raised(
                about(address),
                vec![reading.id()],
                format!(
                    "{} in clear stood behind {}'s 220 to STARTTLS. They were kept out of \
                     the TLS session.",
                    residue_words(residue),
                    address.label()
                ),
            );
            found.push(with_confidence(finding, Confidence::Suspected));
        }
        if session.oddities.contains(&Oddity::StarttlsOnGreetingLine) {
            found.push(catalogue::STARTTLS_ON_GREETING_LINE.raised(
                about(address),
                vec![reading.id()],
                format!(
                    "{} has STARTTLS on the first line of its EHLO answer, where no sender looks \
                     for it.",
                    address.label()
                ),
            ));
        }
        let inside = session.ehlo_tls.as_ref();
        if inside.is_some_and(|ehlo| crate::smtp::ehlo::offers_starttls(&ehlo.keywords)) {
            found.push(catalogue::STARTTLS_INSIDE_TLS.raised(
                about(address),
                vec![reading.id()],
                format!("{} offers STARTTLS again inside TLS.", address.label()),
            ));
        }
    }
    found
}
