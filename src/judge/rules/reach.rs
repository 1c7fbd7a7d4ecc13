//! Addresses of which nothing, or not enough, was learned.
//!
//! Refuses to guess why: what was not measured is bad news of nobody.

use crate::judge::address::Address;
use crate::judge::catalogue::{self as catalogue, on_address};
use crate::judge::reading::Reading;
use crate::judge::standing::Standing;
use crate::model::finding::{Finding, Subject};
use crate::model::session::Stage;
use crate::model::verdict::{Status, Verdict};

pub(super) fn findings(addresses: &[Address<'_>], verdict: &Verdict) -> Vec<Finding> {
    let mut found: Vec<Finding> = addresses.iter().filter_map(of_address).collect();
    if verdict.status == Status::Blocked {
        let evidence = addresses.iter().flat_map(Address::evidence).collect();
        let explanation = format!("{}.", verdict.summary);
        found.push(catalogue::PORT_BLOCKED.raised(Subject::default(), evidence, explanation));
    }
    found
}

fn of_address(address: &Address<'_>) -> Option<Finding> {
    let (entry, words) = match &address.standing {
        Standing::NotReached(_) => {
            (catalogue::ADDRESS_NOT_REACHED, format!("did not greet us: {}", seen(address)))
        }
        Standing::TurnedAway(code) => (
            catalogue::ADDRESS_TURNED_AWAY,
            format!("greeted us with {code}: {}", greeting(address)),
        ),
        Standing::Stalled(_) if let Some(words) = refused_at_ehlo(address) => {
            (catalogue::ADDRESS_TURNED_AWAY, words)
        }
        Standing::Stalled(_) if let Some(words) = refused_for_now(address) => {
            (catalogue::SESSION_STALLED, words)
        }
        Standing::Stalled(_) => {
            (catalogue::SESSION_STALLED, format!("greeted us, and then stopped: {}", seen(address)))
        }
        Standing::Secured if broke_off(address) => (
            catalogue::SESSION_STALLED,
            format!("completed TLS, and then stopped: {}", seen(address)),
        ),
        _ => return None,
    };
    let subject = on_address(&address.host, address.ip);
    let finding =
        entry.raised(subject, address.evidence(), format!("{} {words}.", address.label()));
    Some(match &address.standing {
        Standing::NotReached(why) => {
            let fitting = innocent(why).iter().map(ToString::to_string).collect();
            Finding { alternatives: fitting, ..finding }
        }
        _ => finding,
    })
}

/// What may explain that no greeting came, by how the last session ended: a network
/// that blocks a port without a word explains no answer of any kind.
fn innocent(why: &str) -> &'static [&'static str] {
    use catalogue::{
        BROKEN_OFF, DOWN, DROPPED, IN_ITS_PLACE, NOBODY_LISTENS, OTHER_SERVICE, PROHIBITED,
        REJECTED, SLOW,
    };
    match why {
        "connect-timeout" => &[DOWN, DROPPED],
        "refused" => &[NOBODY_LISTENS, REJECTED],
        "network-unreachable" => &[DOWN, PROHIBITED],
        "greeting-timeout" => &[SLOW, IN_ITS_PLACE],
        "reset" | "closed-before-greeting" => &[BROKEN_OFF, IN_ITS_PLACE],
        "not-smtp" => &[OTHER_SERVICE],
        _ => &[DOWN],
    }
}

/// The last session's answer to EHLO or HELO, where it turned us away.
fn refused_at_ehlo(address: &Address<'_>) -> Option<String> {
    let session = &address.readings.last()?.session;
    let ehlo = session.ehlo.as_ref().filter(|ehlo| ehlo.code >= 400)?;
    let verb = ehlo.verb.word();
    let text = ehlo.greeting.as_deref().unwrap_or_default();
    Some(format!("answered {verb} with {}: \"{text}\"", ehlo.code))
}

/// The last greeted session's answer to STARTTLS, where that was a temporary error
/// (RFC 3207 §4; RFC 5321 §4.2.1): the session itself went on to its end.
fn refused_for_now(address: &Address<'_>) -> Option<String> {
    let greeted = address.readings.iter().rfind(|reading| reading.session.greeting.is_some())?;
    let reply = greeted.session.starttls.reply.as_ref();
    let reply = reply.filter(|reply| (400..500).contains(&reply.code))?;
    let text = reply.text.replace('\n', " / ");
    Some(format!("answered STARTTLS with {}: \"{text}\"", reply.code))
}

/// No session went on inside TLS, although nobody here ended it.
fn broke_off(address: &Address<'_>) -> bool {
    use crate::model::transcript::Ended;
    let went_on = |reading: &&Reading<'_>| reading.session.stopped_at.is_none();
    let ended = address.best().and_then(|reading| reading.session.ended);
    !address.readings.iter().any(went_on)
        && matches!(ended, Some(Ended::ByPeer | Ended::Reset | Ended::Timeout | Ended::Protocol))
}

/// The last session's end in words: where it stopped and what was seen. Where one was
/// greeted, a later one that did not get there says nothing of why that one stopped.
fn seen(address: &Address<'_>) -> String {
    let greeted = address.readings.iter().rfind(|reading| reading.session.greeting.is_some());
    let Some(last) = greeted.or(address.readings.last()) else { return "it was not asked".into() };
    let session = &last.session;
    let stage = session.stopped_at.unwrap_or(Stage::Quit).under_way();
    let how = match &session.error {
        Some(error) => error.clone(),
        None => session.ended.map_or_else(|| "no end was seen".into(), |ended| words(ended).into()),
    };
    format!("{stage}, {how}")
}

fn words(ended: crate::model::transcript::Ended) -> &'static str {
    use crate::model::transcript::Ended;
    match ended {
        Ended::ByUs => "we closed",
        Ended::ByPeer => "the other side closed the connection",
        Ended::Reset => "the connection was reset",
        Ended::Timeout => "no answer in time",
        Ended::Refused => "the connection was refused",
        Ended::Unreachable => "there is no way to it",
        Ended::Protocol => "what it sent is not SMTP",
        Ended::LocalError => "this machine could not connect",
    }
}

fn greeting(address: &Address<'_>) -> String {
    let last = address.readings.last().and_then(|reading| reading.session.greeting.as_ref());
    last.map_or_else(String::new, |greeting| format!("\"{}\"", greeting.lines.join(" ")))
}
