//! How each address stands: what became of STARTTLS there, over all its sessions.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::mask;
use super::reading::Reading;
use crate::model::evidence::Evidence;
use crate::model::probe::{ClientHello, Family, Mode};
use crate::model::report::FamilyUse;
use crate::model::route::Exchange;
use crate::model::session::{MaskKind, MaskedLine, Oddity, Stage, StarttlsOutcome};
use crate::model::transcript::Ended;

/// What a handshake is said to have met where the peer went on in clear.
const NOT_TLS: &str = "not TLS";
/// The word for a session that stopped between greeting and STARTTLS.
const STALLED_EARLY: &str = "stalled-after-greeting";
/// The word for what went wrong at our own end.
const LOCAL_ERROR: &str = "local-error";
/// The word for a run that was ended before its time, as `observe` records it.
const INTERRUPTED: &str = "interrupted";

/// One address of one host, and everything that was observed there.
#[derive(Debug)]
pub(super) struct Address<'a> {
    pub(super) host: String,
    pub(super) ip: IpAddr,
    pub(super) readings: Vec<&'a Reading<'a>>,
    pub(super) standing: Standing,
}

/// What became of STARTTLS at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not asked: its family cannot be used here or was left out, the run was
    /// interrupted, or something else at our own end kept us from asking.
    NotProbed(&'static str),
    /// No complete greeting.
    NotReached(String),
    /// A greeting that is a refusal (RFC 5321 §3.1): this address was not measured.
    TurnedAway(u16),
    /// It greeted, and the session stopped before STARTTLS had an answer.
    Stalled(&'static str),
    /// STARTTLS was sent without an offer, and refused.
    NotOffered,
    /// Offered or accepted, and no handshake was completed.
    Broken(Broken),
    /// TLS was completed.
    Secured,
}

/// Why no handshake was completed where STARTTLS was offered or accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// 5xx to the command.
    Refused,
    /// 4xx to the command, twice; never 421, 450 or 451.
    Tempfailed,
    /// Neither 220 nor an error: 200, 250, …
    UnexpectedCode,
    /// No reply to the command, or the connection was closed instead, twice.
    Swallowed,
    /// The server answers, but only with what modern clients no longer speak.
    LegacyOnly,
    /// The server refused the handshake by an alert.
    Alert,
    /// The handshake was reset, closed, met with silence or with something that
    /// is not TLS, twice.
    CutOff,
}

impl Broken {
    /// The word for `because`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Refused => "starttls-refused",
            Self::Tempfailed => "starttls-tempfailed",
            Self::UnexpectedCode => "starttls-unexpected-code",
            Self::Swallowed => "starttls-swallowed",
            Self::LegacyOnly => "legacy-only",
            Self::Alert => "handshake-refused",
            Self::CutOff => "handshake-cut-off",
        }
    }
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
    pub(super) fn keys(&self) -> BTreeSet<&str> {
        self.readings.iter().filter_map(|reading| reading.proven_key()).collect()
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

    /// The session in which TLS was completed; else the last.
    pub(super) fn best(&self) -> Option<&Reading<'_>> {
        let secured = self.readings.iter().find(|reading| reading.completed());
        secured.or_else(|| self.readings.last()).copied()
    }
}

/// Every address of every host of the routes, with its observations and standing.
pub(super) fn group<'a>(evidence: &Evidence, readings: &'a [Reading<'a>]) -> Vec<Address<'a>> {
    let main = Main::of(readings);
    let mut addresses: Vec<Address<'a>> = Vec::new();
    for exchange in evidence.routes.iter().flat_map(|route| &route.exchanges) {
        for ip in addresses_of(exchange) {
            if addresses.iter().any(|known| known.host == exchange.host && known.ip == ip) {
                continue;
            }
            let here = readings.iter().filter(|reading| {
                let probe = &reading.observation.probe;
                probe.host == exchange.host && probe.ip == ip && main.holds(reading)
            });
            let readings: Vec<&Reading<'_>> = here.collect();
            let standing = standing(evidence.families.of(Family::of(ip)), ip, &readings);
            addresses.push(Address { host: exchange.host.clone(), ip, readings, standing });
        }
    }
    addresses
}

/// The port, mode and EHLO name of the question itself, as its first session
/// had them. Sessions with others are for comparison.
struct Main<'a>(Option<&'a Reading<'a>>);

impl<'a> Main<'a> {
    fn of(readings: &'a [Reading<'a>]) -> Self {
        Self(readings.first())
    }

    fn holds(&self, reading: &Reading<'_>) -> bool {
        self.0.is_some_and(|first| {
            let (main, probe) = (&first.observation.probe, &reading.observation.probe);
            (main.port, main.mode, &main.ehlo_name) == (probe.port, probe.mode, &probe.ehlo_name)
        })
    }
}

fn addresses_of(exchange: &Exchange) -> Vec<IpAddr> {
    let ipv4 = exchange.ipv4.addresses.iter().copied().map(IpAddr::V4);
    ipv4.chain(exchange.ipv6.addresses.iter().copied().map(IpAddr::V6)).collect()
}

fn standing(family: FamilyUse, ip: IpAddr, readings: &[&Reading<'_>]) -> Standing {
    let Some(last) = readings.last() else {
        return Standing::NotProbed(match (family, Family::of(ip)) {
            (FamilyUse::Unusable, Family::Ipv4) => "ipv4-unusable",
            (FamilyUse::Unusable, Family::Ipv6) => "ipv6-unusable",
            (FamilyUse::NotAsked, _) => "not-asked",
            (FamilyUse::Usable, _) => "not-probed",
        });
    };
    // With implicit TLS a handshake alone is no mail server yet.
    let heard = |reading: &&&Reading<'_>| {
        reading.observation.probe.mode == Mode::Starttls || reading.greeted()
    };
    if readings.iter().filter(heard).any(|reading| reading.completed()) {
        return Standing::Secured;
    }
    // Turned away later, an address keeps what its sessions showed before.
    match readings.iter().rev().find(|reading| reading.greeted()) {
        Some(last) => after_greeting(readings, last),
        None => unheard(readings, last),
    }
}

/// No 220: either nothing was heard, or a refusal.
fn unheard(readings: &[&Reading<'_>], last: &Reading<'_>) -> Standing {
    let session = &last.session;
    if last.observation.probe.mode == Mode::ImplicitTls && last.handshake_failure().is_some() {
        return broken_handshake(readings);
    }
    if let Some(greeting) = &session.greeting {
        return Standing::TurnedAway(greeting.code);
    }
    Standing::NotReached(match (session.stopped_at, session.ended) {
        (_, Some(Ended::Refused)) => "refused".into(),
        (_, Some(Ended::Unreachable)) => "network-unreachable".into(),
        (_, Some(Ended::Protocol)) => "not-smtp".into(),
        (_, Some(Ended::LocalError)) if session.error.as_deref() == Some(INTERRUPTED) => {
            return Standing::NotProbed(INTERRUPTED);
        }
        (_, Some(Ended::LocalError)) => return Standing::NotProbed(LOCAL_ERROR),
        (Some(Stage::Connected), Some(Ended::Timeout)) => "connect-timeout".into(),
        (_, Some(Ended::Timeout)) => "greeting-timeout".into(),
        (_, Some(Ended::Reset)) => "reset".into(),
        _ => "closed-before-greeting".into(),
    })
}

fn after_greeting(readings: &[&Reading<'_>], last: &Reading<'_>) -> Standing {
    let offered = readings.iter().any(|reading| reading.session.starttls.offered == Some(true));
    let failures: Vec<&str> =
        readings.iter().filter_map(|reading| reading.handshake_failure()).collect();
    if !failures.is_empty() {
        let in_clear = failures.iter().all(|failure| *failure == NOT_TLS);
        return if in_clear && !offered {
            Standing::NotOffered
        } else {
            broken_handshake(readings)
        };
    }
    let unanswered = |reading: &&&Reading<'_>| reading.unanswered();
    let swallowed = readings.iter().filter(unanswered).count() > 1;
    match last.session.starttls.outcome {
        StarttlsOutcome::NotReached
        | StarttlsOutcome::NoReply
        | StarttlsOutcome::Accepted
        | StarttlsOutcome::AcceptedUnoffered
            if last.session.ended == Some(Ended::LocalError) =>
        {
            Standing::NotProbed(LOCAL_ERROR)
        }
        StarttlsOutcome::NotReached => Standing::Stalled(STALLED_EARLY),
        StarttlsOutcome::Refused => Standing::Broken(Broken::Refused),
        StarttlsOutcome::Tempfailed if last.turned_away() => {
            Standing::Stalled("starttls-tempfailed")
        }
        StarttlsOutcome::Tempfailed if offered && readings.len() > 1 => {
            Standing::Broken(Broken::Tempfailed)
        }
        StarttlsOutcome::UnexpectedCode if offered => Standing::Broken(Broken::UnexpectedCode),
        // Neither offered nor accepted, twice: a passing fault would have passed.
        StarttlsOutcome::Tempfailed if readings.len() > 1 => Standing::NotOffered,
        StarttlsOutcome::Tempfailed => Standing::Stalled("starttls-tempfailed"),
        // 250 or the like to a command that was not offered: not accepted either.
        StarttlsOutcome::RefusedUnoffered | StarttlsOutcome::UnexpectedCode => Standing::NotOffered,
        StarttlsOutcome::NoReply | StarttlsOutcome::Closed if offered && swallowed => {
            Standing::Broken(Broken::Swallowed)
        }
        _ => Standing::Stalled("stalled-at-starttls"),
    }
}

/// The last word on the handshake comes from the legacy hello, where it got an
/// answer. A handshake that was cut off once, and never tried again to its end,
/// may have met a passing fault.
fn broken_handshake(readings: &[&Reading<'_>]) -> Standing {
    let failures: Vec<&str> =
        readings.iter().filter_map(|reading| reading.handshake_failure()).collect();
    if failures.iter().any(|failure| failure.starts_with("legacy-only")) {
        Standing::Broken(Broken::LegacyOnly)
    } else if failures.iter().any(|failure| failure.starts_with("alert")) {
        Standing::Broken(Broken::Alert)
    } else if failures.len() > 1 {
        Standing::Broken(Broken::CutOff)
    } else {
        Standing::Stalled("handshake-cut-off")
    }
}
