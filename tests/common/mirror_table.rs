//! What a box of each behaviour is shown to have done to a session with a mirror: the
//! same over loopback and in the lab, over either family.

use mxray::model::mirror::{
    ByteDifference, ComparedSession, DifferenceKind, Direction, MirrorOutcome,
};
use mxray::model::verdict::{Confidence, Status};
use mxray::sim::middlebox::{Behaviour, Refusal};

/// The mirror's name in its greeting.
pub(crate) const NAME: &str = "mirror.example.net";

/// Verdict and confidence of one view, and what every session shows.
pub(crate) struct Shown {
    pub(crate) status: Status,
    pub(crate) confidence: Option<Confidence>,
    pub(crate) outcome: MirrorOutcome,
    /// As [`lines`] has them.
    pub(crate) differences: Vec<String>,
}

/// Each place where bytes did not arrive as they were sent, `>` to the mirror and `<` from
/// it: `> 'STARTTLS\r\n' -> ''`. What is another in each session is named.
fn lines(session: &ComparedSession) -> Vec<String> {
    let id = session.session.as_deref().unwrap_or("none");
    let client = session.client_seen.map(|client| format!("[{}]", client.ip())).unwrap_or_default();
    let line = |it: &ByteDifference| {
        let way = if it.direction == Direction::ToMirror { '>' } else { '<' };
        let lost = if it.kind == DifferenceKind::Lost { " lost" } else { "" };
        let tls = if it.tls { " tls" } else { "" };
        let line = format!("{way} '{}' -> '{}'{lost}{tls}", it.sent, it.received);
        let masked = format!("***** {}", masked(id));
        line.replace(&masked, "***** <masked id>")
            .replace(id, "<id>")
            .replace(&client, "[<client>]")
    };
    session.differences.iter().map(line).collect()
}

/// Outcome and differences of a session.
pub(crate) fn shown(
    behaviour: Behaviour,
    session: &ComparedSession,
) -> (MirrorOutcome, Vec<String>) {
    let mut lines = lines(session);
    // Whether the 220 before a reset is still read is a matter of chance.
    lines.retain(|line| behaviour != Behaviour::ResetAfterStarttls || !line.ends_with("lost"));
    (session.outcome, lines)
}

/// Cisco's inspection leaves twos and noughts of a banner.
fn masked(id: &str) -> String {
    id.chars().map(|digit| if matches!(digit, '2' | '0') { digit } else { '*' }).collect()
}

/// What is shown of a box.
#[expect(clippy::too_many_lines, reason = "a table, one row a behaviour")]
pub(crate) fn expected(behaviour: Behaviour) -> Shown {
    use MirrorOutcome::{BytesChanged, CutOff, Identical, KeyDiffers, NotReached};
    let stripped = Status::Stripped;
    let (proven, corroborated) = (Some(Confidence::Proven), Some(Confidence::Corroborated));
    let suspected = Some(Confidence::Suspected);
    let own =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
    let dropped = r"< '250-STARTTLS\r\n' -> ''";
    let taken = r"> 'STARTTLS\r\n' -> ''";
    let refused = |code: &str| {
        let put = format!("< '' -> '{code}\\r\\n'");
        (stripped, proven, BytesChanged, own(&[taken, dropped, &put]))
    };
    let (status, confidence, outcome, differences) = match behaviour {
        Behaviour::Pass => (Status::Intact, None, Identical, Vec::new()),
        Behaviour::DropKeyword => (stripped, proven, BytesChanged, own(&[dropped])),
        Behaviour::DropKeywordRefuse(Refusal::Unrecognized) => {
            refused("500 5.5.1 Command unrecognized")
        }
        Behaviour::DropKeywordRefuse(Refusal::BadParameter) => {
            refused("501 5.5.4 Syntax error in parameters")
        }
        Behaviour::DropKeywordRefuse(Refusal::NotImplemented) => {
            refused("502 5.5.1 Command not implemented")
        }
        Behaviour::DropKeywordRefuse(Refusal::Unavailable) => {
            refused("454 4.7.0 TLS not available due to temporary reason")
        }
        Behaviour::DropKeywordRefuse(Refusal::Positive) => refused("200 2.0.0 OK"),
        Behaviour::MaskKeyword => {
            let masked = r"< '250-STARTTLS\r\n' -> '250-XXXXXXXA\r\n'";
            (stripped, proven, BytesChanged, own(&[masked]))
        }
        Behaviour::MaskKeywordX => {
            let masked = r"< '250-STARTTLS\r\n' -> '250-XXXXXXXX\r\n'";
            (stripped, proven, BytesChanged, own(&[masked]))
        }
        Behaviour::MaskAll => {
            let masked = [
                r"> 'STARTTLS\r\n' -> 'XXXXXXXX\r\n'",
                r"< '220 mirror.example.net ESMTP <id>\r\n' -> '220 ****************** ***** <masked id>\r\n'",
                r"< '250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n' -> '250-XXXXXXXA\r\n250-XXXXXXXXXXXXXXXXXXB\r\n'",
                r"< '250-SMTPUTF8\r\n250 CHUNKING\r\n' -> '250-XXXXXXXC\r\n250 XXXXXXXD\r\n'",
            ];
            (stripped, proven, BytesChanged, own(&masked))
        }
        Behaviour::RefuseEhlo => {
            let refused = r"< '' -> '502 5.5.1 Command not implemented\r\n'";
            let taken = r"> 'EHLO probe.example.org\r\n' -> ''";
            (stripped, proven, BytesChanged, own(&[taken, refused]))
        }
        Behaviour::ResetAtStarttls | Behaviour::SilenceAfterStarttls => {
            (stripped, corroborated, CutOff, own(&[r"> 'STARTTLS\r\n' -> '' lost"]))
        }
        Behaviour::ResetAfterStarttls
        | Behaviour::ResetAtClientHello
        | Behaviour::SilenceAtClientHello => (stripped, corroborated, CutOff, Vec::new()),
        Behaviour::ForeignCertificate => (Status::Intercepted, proven, KeyDiffers, Vec::new()),
        Behaviour::ForeignCertificateClear => {
            // What we said inside TLS came in clear, in the place of the command, and what
            // the mirror answered in clear came to us inside TLS.
            let clear = [
                r"> 'STARTTLS\r\n' -> 'EHLO probe.example.org\r\nQUIT\r\n'",
                r"< '250-mirror.example.net at your service, [<client>]\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n221 2.0.0 mirror.example.net closing connection <id>\r\n' -> '220 2.0.0 Ready to start TLS\r\n'",
            ];
            (Status::Intercepted, proven, KeyDiffers, own(&clear))
        }
        // Another port of the address is known to be the mirror's; one view can't tell a
        // port that is forwarded elsewhere from a box that answers in its place.
        Behaviour::Relay => (Status::Intercepted, suspected, NotReached, Vec::new()),
        Behaviour::Inject => {
            let put = r"< '' -> '250-injected.example.net\r\n250 AUTH PLAIN\r\n'";
            (Status::Intact, None, BytesChanged, own(&[put]))
        }
        Behaviour::InjectCommand => {
            (Status::Intact, None, BytesChanged, own(&[r"> '' -> 'NOOP\r\n'"]))
        }
    };
    Shown { status, confidence, outcome, differences }
}
