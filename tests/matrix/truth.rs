//! What the views taken permit to be said at best, and why: docs/detection.md §1
//! written out for the menu, without a look at the judge.

use mxray::model::probe::Family;
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::middlebox::Behaviour;
use mxray::sim::server::Software;

/// The best claim, and the reason for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permitted {
    pub(crate) status: Status,
    pub(crate) confidence: Option<Confidence>,
    pub(crate) why: &'static str,
}

impl Permitted {
    pub(crate) fn plain(status: Status, why: &'static str) -> Self {
        Self { status, confidence: None, why }
    }

    pub(crate) fn intact(why: &'static str) -> Self {
        Self::plain(Status::Intact, why)
    }

    pub(crate) fn sure(status: Status, confidence: Confidence, why: &'static str) -> Self {
        Self { status, confidence: Some(confidence), why }
    }

    pub(crate) fn stripped(confidence: Confidence, why: &'static str) -> Self {
        Self::sure(Status::Stripped, confidence, why)
    }
}

/// Which destinations have the box on their path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The target alone; the controls are clean.
    Target,
    /// Every destination over those families: near the vantage.
    NearVantage,
}

/// The best claim on a box of the menu, from one vantage, without a promise and
/// without a canary.
pub(crate) fn permitted(
    behaviour: Behaviour,
    families: &[Family],
    extent: Extent,
    software: Software,
) -> Permitted {
    use Confidence::{Corroborated, Proven};
    let both = families.len() == 2;
    match (behaviour, extent) {
        (Behaviour::Pass, _) => Permitted::intact("nothing is changed"),
        (Behaviour::Inject, _) => Permitted::intact("TLS works, and the bytes are a finding"),
        (Behaviour::InjectCommand, _) => Permitted::intact("the server drops the command"),
        (Behaviour::MaskKeyword, _) => {
            Permitted::stripped(Proven, "(b) a mask of Cisco's, and STARTTLS accepted behind it")
        }
        (Behaviour::MaskAll, _) if software == Software::Exchange => {
            Permitted::stripped(Proven, "(d) the reply quotes eight X's")
        }
        (Behaviour::MaskKeywordX, _) if !both => Permitted::stripped(
            Proven,
            "(b) the other family shows what the mask hides, and the same key",
        ),
        (
            Behaviour::ForeignCertificate | Behaviour::ForeignCertificateClear | Behaviour::Relay,
            Extent::NearVantage,
        ) => Permitted::sure(Status::Intercepted, Corroborated, "controls show the same"),
        (Behaviour::SilenceAtClientHello, Extent::NearVantage) => Permitted::stripped(
            Confidence::Suspected,
            "a path that loses large packets does the same",
        ),
        (_, Extent::NearVantage) => {
            Permitted::stripped(Corroborated, "controls of two operators lose it as well")
        }
        (_, Extent::Target) if both => both_families(behaviour, software),
        (_, Extent::Target) => one_family(behaviour),
    }
}

/// The same where the target and the controls promise, by DANE or MTA-STS that
/// enforces, and the target's servers list their keywords as Postfix does.
pub(crate) fn permitted_with_promises(
    behaviour: Behaviour,
    families: &[Family],
    extent: Extent,
) -> Permitted {
    use Confidence::{Corroborated, Proven};
    let without = permitted(behaviour, families, extent, Software::Postfix);
    let status = match behaviour {
        Behaviour::DropKeyword
        | Behaviour::DropKeywordRefuse(_)
        | Behaviour::MaskKeywordX
        | Behaviour::MaskAll
        | Behaviour::Relay => Status::Stripped,
        Behaviour::ForeignCertificate | Behaviour::ForeignCertificateClear => Status::Intercepted,
        // Proven without a promise, or nothing that denies one: a reset, silence,
        // an offer that is unknown after HELO, TLS that works.
        _ => return without,
    };
    let is_proven = without.confidence == Some(Proven);
    match (extent, families.len()) {
        _ if is_proven => without,
        (Extent::NearVantage, 1) => Permitted::sure(
            status,
            Proven,
            "(a) promises of two operators, denied here and kept over the other family",
        ),
        _ if without.confidence == Some(Corroborated) => without,
        (Extent::Target, 1) => Permitted::sure(
            status,
            Confidence::Suspected,
            "a promise kept over the other family, and clean controls",
        ),
        _ => Permitted::plain(Status::PolicyFailed, "no path tried keeps the promise"),
    }
}

fn one_family(behaviour: Behaviour) -> Permitted {
    use Confidence::{Corroborated, Suspected};
    match behaviour {
        Behaviour::DropKeyword | Behaviour::RefuseEhlo => {
            Permitted::stripped(Corroborated, "accepted with the key that the other family shows")
        }
        Behaviour::ForeignCertificate | Behaviour::ForeignCertificateClear => {
            Permitted::sure(Status::Inconsistent, Suspected, "it can be a second machine's key")
        }
        _ => Permitted::stripped(Suspected, "a contrast of families, with clean controls"),
    }
}

fn both_families(behaviour: Behaviour, software: Software) -> Permitted {
    use Confidence::{Corroborated, Suspected};
    match behaviour {
        Behaviour::DropKeyword | Behaviour::MaskKeywordX => {
            Permitted::stripped(Corroborated, "accepted, with a certificate valid for the host")
        }
        Behaviour::RefuseEhlo => {
            Permitted::stripped(Suspected, "accepted, but after HELO nothing can be offered")
        }
        // Its usual order is not in docs/detection.md §2.
        Behaviour::MaskAll if software != Software::OpenSmtpd => {
            Permitted::stripped(Suspected, "a mask where this software lists STARTTLS")
        }
        Behaviour::MaskAll | Behaviour::DropKeywordRefuse(_) | Behaviour::Relay => {
            Permitted::plain(Status::NotOffered, "no view taken shows an offer")
        }
        Behaviour::ForeignCertificate | Behaviour::ForeignCertificateClear => {
            Permitted::intact("the key is the same everywhere, and TLS works")
        }
        _ => Permitted::plain(Status::TlsBroken, "offered, and TLS completes in no view taken"),
    }
}
