//! The table of claims: what each verdict means, and on which grounds it is given.
//!
//! Owns the words of docs/detection.md §1, which `docs` and `mxray explain` are
//! made of. The tests of this module hold every verdict that is given against it.

use crate::model::catalogue::{Catalogue, Ground, Meaning};
use crate::model::verdict::{Confidence, Place, Status};

use super::catalogue::CATALOGUE;

/// Everything that may be claimed.
pub const CLAIMS: Catalogue =
    Catalogue { meanings: MEANINGS, claims: GROUNDS, families: CATALOGUE };

const fn meaning(status: Status, means: &'static str, never: &'static str) -> Meaning {
    Meaning { status, means, never }
}

const MEANINGS: &[Meaning] = &[
    meaning(
        Status::Intercepted,
        "something other than the MX answered: a foreign key at the same address from another \
         vantage or at controls too, or where another path shows the promised one; a proxy \
         that terminates TLS",
        "a farm with per-node certificates; a second machine behind the AAAA with its own \
         self-signed certificate: seen by family only, that is `inconsistent` with the doubt said",
    ),
    meaning(
        Status::Stripped,
        "this path hides the offer, overwrites or refuses the command, or breaks the handshake, \
         while another view of the host shows STARTTLS, or the server accepts it when sent anyway, \
         or the reply shows that the command was overwritten",
        "a server that does not speak it; a refusal of the connection (421, 450, 554)",
    ),
    meaning(
        Status::PolicyFailed,
        "an authenticated promise is broken on every path tried: TLSA does not match, MTA-STS \
         enforce with an unlisted MX or an invalid certificate, or no offer at all (innocent: the \
         destination broke its own promise; guilty: stripped everywhere; controls and a second \
         vantage decide)",
        "`stripped`, where one path keeps the promise; `intercepted`, where one path shows a \
         foreign key",
    ),
    meaning(
        Status::TlsBroken,
        "STARTTLS is offered and no handshake completes on any path: 454 everywhere, a dead key, \
         or `because: legacy-only` (TLS 1.0, DHE, static RSA: some senders still encrypt)",
        "`stripped`",
    ),
    meaning(
        Status::Inconsistent,
        "servers differ in a way that follows the host, the node or the EHLO name",
        "`stripped`: where every address of one family lacks what every address of the other \
         offers, it is `stripped`, suspected; where addresses within a family differ, it is \
         `inconsistent`",
    ),
    meaning(
        Status::Intact,
        "STARTTLS worked at every address that greeted us, and nothing contradicts it; `reached` \
         says at how many of how many",
        "an address that greeted and then stalled or failed: `inconclusive`",
    ),
    meaning(
        Status::NotOffered,
        "no view offers STARTTLS, sending it anyway leads to no TLS, no promise says otherwise",
        "`stripped`: say which further view would settle it",
    ),
    meaning(
        Status::Blocked,
        "port 25 cannot be used from here: controls of different operators fail too, over that \
         family",
        "`unreachable`",
    ),
    meaning(
        Status::Unreachable,
        "addresses exist, none answered usefully, controls (if run) are fine",
        "`blocked`: without controls say both explanations",
    ),
    meaning(Status::NoMail, "null MX (RFC 7505), or the domain has neither MX nor addresses", ""),
    meaning(
        Status::Unresolvable,
        "DNS failed (SERVFAIL, bogus, time-out), NXDOMAIN, or every MX host is without address \
         (`because`)",
        "`no-mail`: SERVFAIL is not an answer",
    ),
    meaning(
        Status::Inconclusive,
        "could not be measured or repeats disagree; `because` says why",
        "all of the above",
    ),
];

/// Near the destination where several vantage points see the same.
const ANYWHERE: &[Place] =
    &[Place::NearVantage, Place::NearDestination, Place::FamilyPath, Place::Node];

/// Both ends of an address are known to be in order.
const BY_PATH: &[Place] = &[Place::NearVantage, Place::NearDestination, Place::FamilyPath];

/// Which of an address's views is worse off.
const BY_VIEW: &[Place] = &[Place::NearVantage, Place::FamilyPath];

const fn ground(
    status: Status,
    confidence: Option<Confidence>,
    evidence: &'static str,
    places: &'static [Place],
) -> Ground {
    Ground { status, confidence, evidence, places }
}

const SUSPECTED: Option<Confidence> = Some(Confidence::Suspected);
const CORROBORATED: Option<Confidence> = Some(Confidence::Corroborated);
const PROVEN: Option<Confidence> = Some(Confidence::Proven);

/// Which of an address's paths a promise is denied on.
const ON_A_PATH: &[Place] = &[Place::NearVantage, Place::FamilyPath];

const GROUNDS: &[Ground] = &[
    ground(
        Status::Stripped,
        PROVEN,
        "(a) promises of two destinations with different operators (the target and a control or \
         another target of the run, or two hosts of the target) are denied over this path and kept over another in the same \
         hour, steady over repeats at the target, no control and no other promise being clean on this path; here by \
         no offer or a refusal of the command",
        ON_A_PATH,
    ),
    ground(
        Status::Intercepted,
        PROVEN,
        "(a) promises of two destinations are denied and kept, as for `stripped`, here by a proven key \
         that is not the promised one",
        ON_A_PATH,
    ),
    ground(
        Status::Stripped,
        CORROBORATED,
        "a promise is denied over this path at every address of every host that made one, and \
         another vantage point or source sees the same addresses keep it in the same hour, steady \
         over repeats; here by no offer or a refusal of the command",
        ON_A_PATH,
    ),
    ground(
        Status::Intercepted,
        CORROBORATED,
        "a promise is denied over this path and kept at another vantage point or source, as for \
         `stripped`, here by a proven key that is not the promised one and not seen where the promise is kept, in three sessions at each address and in a chain that nobody vouches for as the host's",
        ON_A_PATH,
    ),
    ground(
        Status::Stripped,
        SUSPECTED,
        "a promise denied over this path and kept over another, by no offer or a refusal: over the \
         other family, where a second machine may break the host's promise; at another time or to \
         another EHLO name; or without repeats that agree",
        ON_A_PATH,
    ),
    ground(
        Status::Intercepted,
        SUSPECTED,
        "a promise denied and kept, as for `stripped`, by a foreign key, or in fewer sessions",
        ON_A_PATH,
    ),
    ground(
        Status::PolicyFailed,
        None,
        "a promise that binds (TLSA and MX secure, or MTA-STS over valid HTTPS in mode enforce) is \
         kept in no session that says anything of it, at no host that made it; or MTA-STS enforces \
         and lists none of the hosts",
        &[],
    ),
    ground(
        Status::Inconsistent,
        SUSPECTED,
        "a promise that binds is kept at some addresses or in some sessions and not in others, and \
         the difference follows no path, or is of a kind that only the destination causes: dates, a \
         trusted chain, a record left behind",
        &[],
    ),
    ground(
        Status::Intercepted,
        PROVEN,
        "(e) the transcripts of both ends of a session with a mirror: TLS was completed with another \
         certificate than the one that the mirror presents, without proof of its key, or at the \
         mirror's end alone",
        BY_PATH,
    ),
    ground(
        Status::Stripped,
        PROVEN,
        "(e) the transcripts of both ends of a session with a mirror: bytes were changed, taken out or \
         put in on the way, and the mirror's offer or TLS did not come about",
        BY_PATH,
    ),
    ground(
        Status::Intercepted,
        CORROBORATED,
        "a 220 greeting at the address of a mirror in every session, two at least, while the mirror, \
         whose record is complete, had none of them, and from another view that address and port lead \
         to it",
        BY_PATH,
    ),
    ground(
        Status::Intercepted,
        SUSPECTED,
        "the same in one session, or not in all; or where only another port of that address is known \
         to lead to the mirror",
        BY_PATH,
    ),
    ground(
        Status::Stripped,
        CORROBORATED,
        "every session with an address of a mirror, two at least, was cut off at STARTTLS or in the \
         handshake, and neither end did it; not where our ClientHello arrived and silence followed",
        BY_PATH,
    ),
    ground(
        Status::Stripped,
        SUSPECTED,
        "the same in one session, of one; or by silence after our ClientHello arrived, as on a path \
         that loses large packets",
        BY_PATH,
    ),
    ground(
        Status::Stripped,
        PROVEN,
        "the reply to our STARTTLS quotes exactly eight X's as the token where the command stands",
        ANYWHERE,
    ),
    ground(
        Status::Stripped,
        PROVEN,
        "a line of eight letters is masked as Cisco's inspection masks it, or another view of the \
         same server leaves only STARTTLS for it, and behind the mask TLS is completed",
        ANYWHERE,
    ),
    ground(
        Status::Stripped,
        PROVEN,
        "(c) at the same address: offered at one vantage point or source, hidden but accepted at \
         another with the same proven key, steady over repeats on both sides, and controls of two \
         other operators, none being clean there, hidden in the same way at that view and not at the other, in the same hour",
        BY_VIEW,
    ),
    ground(
        Status::Stripped,
        CORROBORATED,
        "at the same address: STARTTLS works at one vantage point or source and does not at another, in a \
         way that a path can cause and by more than silence in handshakes, steady over repeats on both sides, \
         in the same hour and with the same EHLO name",
        BY_VIEW,
    ),
    ground(
        Status::Stripped,
        SUSPECTED,
        "the same, without repeats that agree, or by silence in handshakes; by 454 or an alert, as one \
         node's dead key has it; at another time, when the server may have been another; to another EHLO name",
        BY_VIEW,
    ),
    ground(
        Status::Intercepted,
        CORROBORATED,
        "at the same address: one vantage point or source meets one key that no trusted issuer \
         vouches for, another meets one other key that is trusted, in three sessions that agree \
         on each side and in the same hour, and at a control the two meet such a difference too, \
         none being trusted there over that family",
        &[Place::NearVantage],
    ),
    ground(
        Status::Intercepted,
        SUSPECTED,
        "the same without such a control, as where each client is led to its own node of a farm; in \
         fewer sessions; or at another time, after a renewal",
        BY_VIEW,
    ),
    ground(
        Status::Stripped,
        CORROBORATED,
        "every address of one family lacks what every address of the other has, steady over \
         repeats and by more than silence in handshakes, and controls of other operators, known to \
         have it, lose STARTTLS over that family too, none being clean there",
        &[Place::NearVantage],
    ),
    ground(
        Status::Stripped,
        CORROBORATED,
        "not offered, or not completed in a way that a path can cause and by more than silence in \
         handshakes, steady over repeats, and controls of two other operators, known to have it, \
         lose STARTTLS over the same family, none being clean there; one is enough where a masked \
         line stands in STARTTLS's place",
        &[Place::NearVantage],
    ),
    ground(
        Status::Stripped,
        CORROBORATED,
        "hidden but accepted, steady over repeats, and one of: controls known to have STARTTLS lose \
         it over the same family; the other family of the host offers it with the same proven key; the \
         certificate behind it is valid for the host",
        ANYWHERE,
    ),
    ground(
        Status::Stripped,
        SUSPECTED,
        "every address of one family lacks what every address of the other has: alone, with \
         clean controls, without repeats, or by silence in handshakes, as on a path that loses \
         large packets",
        &[Place::FamilyPath, Place::NearVantage],
    ),
    ground(
        Status::Stripped,
        SUSPECTED,
        "hidden but accepted, a masked line in STARTTLS's place, or missing at controls too, and \
         nothing more",
        ANYWHERE,
    ),
    ground(
        Status::Intercepted,
        CORROBORATED,
        "steady over repeats: a greeting from where nothing lives; or the same at the target and \
         at controls of two other operators, none being spared: one proven key, untrusted keys over \
         one family only, or one greeting host and list of keywords",
        &[Place::NearVantage],
    ),
    ground(
        Status::Intercepted,
        SUSPECTED,
        "one of the same, at a control of one operator, or without repeats that agree",
        &[Place::NearVantage],
    ),
    ground(
        Status::Inconsistent,
        SUSPECTED,
        "over one family every key is one that no trusted issuer vouches for, over the other it is \
         trusted, and no control shows the same",
        &[Place::FamilyPath, Place::NearDestination],
    ),
    ground(
        Status::Inconsistent,
        SUSPECTED,
        "STARTTLS works at some addresses and not at others, and the difference follows no family",
        &[],
    ),
    ground(
        Status::Inconsistent,
        SUSPECTED,
        "every address of one family lacks what every address of the other has, and from several \
         vantage points alike: two listeners, or a device at the destination's edge",
        &[Place::NearDestination],
    ),
    ground(
        Status::Inconsistent,
        SUSPECTED,
        "DNS leads each vantage point to servers of its own, and these differ in STARTTLS",
        &[],
    ),
    ground(
        Status::Inconsistent,
        SUSPECTED,
        "the same address offers STARTTLS to one EHLO name and not to another",
        &[],
    ),
    ground(Status::TlsBroken, None, "STARTTLS is offered, and TLS comes about at no address", &[]),
    ground(
        Status::Intact,
        None,
        "TLS was completed at every address that greeted with 220, and offered there",
        &[],
    ),
    ground(
        Status::NotOffered,
        None,
        "no address offers STARTTLS where senders look for it, and no TLS comes of sending it \
         anyway",
        &[],
    ),
    ground(
        Status::Blocked,
        None,
        "no session comes as far as STARTTLS, and over every family tried none with controls of \
         two other operators does",
        &[Place::NearVantage],
    ),
    ground(Status::Unreachable, None, "no address greets, and controls do, or were not asked", &[]),
    ground(
        Status::NoMail,
        None,
        "a null MX alone, or an authentic answer that there is neither MX nor address",
        &[],
    ),
    ground(Status::Unresolvable, None, "DNS leads to no address, and not by saying no", &[]),
    ground(
        Status::Inconclusive,
        None,
        "nothing was learned of STARTTLS: a greeting that turns away, a session that stops, \
         repeats that disagree, or something at this end",
        &[],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_stand_in_the_order_that_decides() {
        assert!(MEANINGS.is_sorted_by_key(|meaning| meaning.status));
        assert_eq!(MEANINGS.len(), Status::Inconclusive as usize + 1);
    }

    #[test]
    fn every_word_has_a_ground() {
        for meaning in MEANINGS {
            let grounds = GROUNDS.iter().filter(|ground| ground.status == meaning.status);
            assert!(grounds.count() > 0, "{:?}", meaning.status);
        }
    }

    #[test]
    fn only_what_claims_something_bad_says_how_sure_it_is() {
        for ground in GROUNDS {
            let claims = [Status::Intercepted, Status::Stripped, Status::Inconsistent]
                .contains(&ground.status);
            assert_eq!(ground.confidence.is_some(), claims, "{}", ground.evidence);
        }
    }
}
