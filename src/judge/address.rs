//! Each address of a target, with everything that was observed there, and the
//! questions that rules ask of it. What became of STARTTLS is read in `standing`.
//!
//! Refuses to know other targets, controls and promises.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::held::Circumstances;
use super::mask;
use super::reading::Reading;
use super::standing::{Broken, NOT_TLS, STALLED_EARLY, Standing};
use crate::model::probe::{ClientHello, Family, Mode};
use crate::model::session::{MaskKind, MaskedLine, Oddity};

/// One address of one host, and everything that was observed there.
#[derive(Clone, Debug)]
pub(super) struct Address<'a> {
    pub(super) host: String,
    pub(super) ip: IpAddr,
    pub(super) readings: Vec<&'a Reading<'a>>,
    /// Sessions with another port, mode or EHLO name than the question had.
    pub(super) for_comparison: Vec<&'a Reading<'a>>,
    pub(super) standing: Standing,
}

impl<'a> Address<'a> {
    pub(super) fn family(&self) -> Family {
        Family::of(self.ip)
    }

    pub(super) fn evidence(&self) -> Vec<String> {
        self.readings.iter().map(|reading| reading.id()).collect()
    }

    /// `mx1.example.net [203.0.113.62]`.
    pub(super) fn label(&self) -> String {
        if self.host == self.ip.to_string() {
            return self.host.clone();
        }
        format!("{} [{}]", self.host, self.ip)
    }

    /// Whether a complete 220 greeting was heard.
    pub(super) fn greeted(&self) -> bool {
        self.readings.iter().any(|reading| reading.greeted())
    }

    /// STARTTLS was offered here in at least one session.
    pub(super) fn offered(&self) -> bool {
        self.readings.iter().any(|reading| reading.session.starttls.offered == Some(true))
    }

    /// STARTTLS stands on the greeting line of the EHLO answer: the server's own
    /// mistake, and no sender sees the offer.
    pub(super) fn misplaced(&self) -> bool {
        let odd = |reading: &&Reading<'_>| {
            reading.session.oddities.contains(&Oddity::StarttlsOnGreetingLine)
        };
        !self.offered() && self.readings.iter().any(odd)
    }

    /// STARTTLS was accepted here without an offer, at least once.
    pub(super) fn hidden(&self) -> bool {
        // A server that says 220 and then goes on in clear says so to anything.
        let accepted = |reading: &&Reading<'_>| {
            reading.accepted_unoffered() && reading.handshake_failure() != Some(NOT_TLS)
        };
        !self.misplaced() && self.readings.iter().any(accepted)
    }

    /// The sessions with the default `ClientHello`: the question and its repeats.
    pub(super) fn sessions(&self) -> impl Iterator<Item = &&'a Reading<'a>> {
        let default = |reading: &&&Reading<'_>| {
            reading.observation.probe.client_hello == ClientHello::Default
        };
        self.readings.iter().filter(default)
    }

    /// In how many of how many sessions STARTTLS was offered and worked.
    pub(super) fn good(&self) -> (usize, usize) {
        let good = self.sessions().filter(|reading| {
            reading.completed() && reading.session.starttls.offered == Some(true)
        });
        (good.count(), self.sessions().count())
    }

    /// The repeats disagree on the offer or on what came of it.
    pub(super) fn flaps(&self) -> bool {
        let mut seen = self.sessions().filter(|reading| reading.greeted()).map(|reading| {
            let starttls = &reading.session.starttls;
            (starttls.offered, starttls.outcome)
        });
        let Some(first) = seen.next() else { return false };
        seen.any(|other| other != first)
    }

    /// Asked at least twice, and the same both times.
    pub(super) fn steady(&self) -> bool {
        self.sessions().filter(|reading| reading.greeted()).count() >= 2 && !self.flaps()
    }

    /// TLS begins before the greeting here: nothing is offered, nothing is sent.
    pub(super) fn is_implicit(&self) -> bool {
        self.readings.iter().any(|reading| reading.observation.probe.mode == Mode::ImplicitTls)
    }

    /// STARTTLS is offered and works, or TLS from the start does.
    pub(super) fn has(&self) -> bool {
        let meant = self.offered() || self.is_implicit();
        self.standing == Standing::Secured && meant && !self.flaps()
    }

    /// STARTTLS is not offered, refused, or breaks in a way that a path can cause.
    pub(super) fn lacks(&self) -> bool {
        match &self.standing {
            Standing::NotOffered => !self.misplaced(),
            Standing::Broken(broken) => *broken != Broken::LegacyOnly,
            Standing::Secured => self.hidden() && !self.offered(),
            _ => false,
        }
    }

    /// It was asked, and no session came as far as STARTTLS: not reached, turned
    /// away, or stalled behind the greeting.
    pub(super) fn kept_out(&self) -> bool {
        match self.standing {
            Standing::NotReached(_) | Standing::TurnedAway(_) => true,
            Standing::Stalled(why) => why == STALLED_EARLY,
            _ => false,
        }
    }

    /// Every handshake met with silence and nothing else is wrong: a path that
    /// loses large packets (RFC 2923 §2.1) does that as well as a box.
    pub(super) fn falls_silent(&self) -> bool {
        self.standing == Standing::Broken(Broken::CutOff)
            && self
                .readings
                .iter()
                .filter_map(|reading| reading.handshake_failure())
                .all(|failure| failure.starts_with("silence"))
    }

    /// The server shows a fault of its own, which no path explains: an old
    /// version, an offer on the wrong line.
    pub(super) fn faulty(&self) -> bool {
        self.standing == Standing::Broken(Broken::LegacyOnly) || self.misplaced()
    }

    /// The proven keys shown here.
    pub(super) fn keys(&self) -> BTreeSet<&'a str> {
        self.readings.iter().copied().filter_map(Reading::proven_key).collect()
    }

    /// Whether a session showed a chain that is valid for the host.
    pub(super) fn trusted(&self) -> bool {
        self.readings.iter().any(|reading| reading.trusted() == Some(true))
    }

    /// Whether every session with certificates showed one that is not trusted,
    /// and there was one. Dates do not count: they say nothing of whose key it is.
    pub(super) fn foreign(&self) -> bool {
        let judged: Vec<bool> =
            self.readings.iter().filter_map(|reading| reading.untrusted_issuer()).collect();
        !judged.is_empty() && judged.iter().all(|untrusted| *untrusted)
    }

    /// Eight X's stood where our STARTTLS should have been.
    pub(super) fn overwritten(&self) -> bool {
        self.readings.iter().any(|reading| reading.session.starttls.echo_masked == Some(true))
    }

    /// The EHLO answer was a refusal, and HELO was used.
    pub(super) fn fell_to_helo(&self) -> bool {
        let refused = |reading: &&Reading<'_>| {
            reading.session.ehlo.as_ref().is_some_and(|ehlo| ehlo.refused_with.is_some())
        };
        self.readings.iter().any(refused)
    }

    /// The masked EHLO lines.
    pub(super) fn masks(&self) -> impl Iterator<Item = &MaskedLine> {
        self.readings
            .iter()
            .filter_map(|reading| reading.session.ehlo.as_ref())
            .flat_map(|ehlo| &ehlo.masked)
    }

    /// A mask stands where common servers have STARTTLS.
    pub(super) fn masks_starttls(&self) -> bool {
        let mut answers = self.readings.iter().filter_map(|reading| reading.session.ehlo.as_ref());
        answers.any(mask::stands_for_starttls)
    }

    /// A Cisco mask of STARTTLS's length stands in the EHLO answer.
    pub(super) fn has_cisco_mask_of_eight(&self) -> bool {
        self.masks().any(|mask| mask.kind == MaskKind::CiscoLetters && mask.length == 8)
    }

    /// The port and the mode of the question; `None` where nothing was asked.
    pub(super) fn question(&self) -> Option<(u16, Mode)> {
        let probe = &self.readings.first()?.observation.probe;
        Some((probe.port, probe.mode))
    }

    /// When it was asked, and under which name.
    pub(super) fn circumstances(&self) -> Circumstances {
        Circumstances::of(self.readings.iter().copied())
    }

    /// The server names that were indicated in its handshakes.
    pub(super) fn server_names(&self) -> BTreeSet<&str> {
        let shown = self.readings.iter().filter_map(|reading| reading.tls.as_ref());
        shown.filter_map(|tls| tls.sni.as_deref()).collect()
    }

    /// The server itself says that it cannot: 454, or an alert. A key that one node
    /// of several cannot load does that (docs/detection.md §1).
    pub(super) fn declines(&self) -> bool {
        matches!(self.standing, Standing::Broken(Broken::Tempfailed | Broken::Alert))
    }

    /// The session in which TLS was completed; else the last.
    pub(super) fn best(&self) -> Option<&Reading<'_>> {
        let secured = self.readings.iter().find(|reading| reading.completed());
        secured.or_else(|| self.readings.last()).copied()
    }
}
