//! What holds for every transcript, not only for those that somebody thought of.

use mxray::model::probe::Mode;
use mxray::model::session::{Oddity, Session};
use mxray::model::tls::Handshake;
use mxray::model::transcript::{Ended, Ending, Event, EventKind, Transcript};
use mxray::smtp;
use mxray::smtp::dialogue::{Action, Dialogue, INJECTION, MAX_RESIDUE};
use mxray::smtp::reply::{MAX_REPLY_BYTES, MAX_REPLY_LINES};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// An escaped byte (`\xNN`) takes four characters.
const ESCAPED: usize = 4;

/// The stages that there are.
const STAGES: usize = 7;

/// Pieces of which hostile and honest replies are made.
const PIECES: [&str; 28] = [
    "220 mx ESMTP\r\n",
    "220-mx\r\n",
    "220\r\n",
    "220 ****0**2*\r\n",
    "250-mx\r\n",
    "250 HELP\r\n",
    "250 STARTTLS\r\n",
    "250-STARTTLS\r\n",
    "250-XXXXXXXA\r\n",
    "250-XXXB\r\n",
    "250-XXXXXXXX\r\n",
    "250-SIZE 1000\n",
    "250\r\n",
    "250- \t \r\n",
    "251-mixed\r\n",
    "421 busy\r\n",
    "454 later\r\n",
    "500 5.5.1 \"XXXXXXXX\"\r\n",
    "502 no\r\n",
    "554 go away\r\n",
    "354",
    "2",
    "\r",
    "\n",
    "\0\x1b[2J",
    "HTTP/1.1 400\r\n",
    "250-mx Hello [198.51.100.10]\r\n",
    " ",
];

const COMMANDS: [&str; 6] =
    ["EHLO p\r\n", "HELO p\r\n", "STARTTLS\r\n", "QUIT\r\n", "NOOP\r\n", "ehlo \u{fffd}\r\n"];

fn modes() -> impl Strategy<Value = Mode> {
    select(vec![Mode::Starttls, Mode::ImplicitTls])
}

/// Bytes that look like SMTP for a while.
fn peer_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => select(PIECES.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
        // Long enough to reach the caps.
        1 => (select(PIECES.to_vec()), 1..3000_usize)
            .prop_map(|(piece, times)| piece.as_bytes().repeat(times)),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn event_kinds() -> impl Strategy<Value = EventKind> {
    let failure = select(vec!["not TLS", "alert handshake_failure", "reset after ClientHello"]);
    let how =
        select(vec![Ended::ByUs, Ended::ByPeer, Ended::Reset, Ended::Timeout, Ended::Protocol]);
    prop_oneof![
        1 => Just(EventKind::Connected { local: None }),
        8 => peer_bytes().prop_map(EventKind::Received),
        6 => select(COMMANDS.to_vec()).prop_map(|line| EventKind::Sent(line.as_bytes().to_vec())),
        1 => vec(any::<u8>(), 0..20).prop_map(EventKind::Sent),
        1 => peer_bytes().prop_map(EventKind::Residue),
        2 => Just(EventKind::HandshakeDone(Box::default())),
        1 => failure.prop_map(|failure| {
            let failure = Some(failure.to_owned());
            EventKind::HandshakeFailed(Box::new(Handshake { failure, ..Handshake::default() }))
        }),
        1 => how.prop_map(|how| EventKind::Ended(Ending { how, detail: None })),
    ]
}

fn transcript(kinds: Vec<EventKind>) -> Transcript {
    let events = kinds.into_iter().zip(1..).map(|(kind, at_us)| Event { at_us, kind });
    Transcript { events: events.collect() }
}

/// A peer's answers in the order in which a dialogue asks for them, so that
/// reading comes further than chance would take it.
fn sessions() -> impl Strategy<Value = Transcript> {
    let mostly = |answer: &'static str| {
        prop_oneof![
            3 => peer_bytes().prop_map(move |behind| [answer.as_bytes(), &behind].concat()),
            1 => peer_bytes(),
        ]
    };
    let sent = |line: &str| EventKind::Sent(line.as_bytes().to_vec());
    (
        mostly("220 mx ESMTP\r\n"),
        mostly("250-mx\r\n250-XXXXXXXA\r\n250 STARTTLS\r\n"),
        mostly("220 go\r\n"),
        mostly("250-mx\r\n250 HELP\r\n"),
        event_kinds(),
    )
        .prop_map(move |(greeting, ehlo, starttls, inside, last)| {
            transcript(vec![
                EventKind::Connected { local: None },
                EventKind::Received(greeting),
                sent("EHLO p\r\n"),
                EventKind::Received(ehlo),
                sent("STARTTLS\r\n"),
                EventKind::Received(starttls),
                EventKind::HandshakeDone(Box::default()),
                sent("EHLO p\r\n"),
                EventKind::Received(inside),
                last,
            ])
        })
}

fn transcripts() -> impl Strategy<Value = Transcript> {
    prop_oneof![vec(event_kinds(), 0..12).prop_map(transcript), sessions()]
}

/// The same bytes in other segments: each received event cut at the given
/// places, an empty segment for good measure.
fn cut(transcript: &Transcript, cuts: &[Index]) -> Transcript {
    let mut events = Vec::new();
    for event in &transcript.events {
        let EventKind::Received(bytes) = &event.kind else {
            events.push(event.clone());
            continue;
        };
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        for (from, to) in places.iter().zip(places.iter().skip(1)) {
            let segment = bytes.get(*from..*to).unwrap_or_default().to_vec();
            events.push(Event { at_us: event.at_us, kind: EventKind::Received(segment) });
        }
    }
    Transcript { events }
}

/// Everything that a session holds of what the peer said, in characters.
fn held(session: &Session) -> usize {
    let greeting = session.greeting.iter().flat_map(|greeting| &greeting.lines).map(String::len);
    let ehlo = session.ehlo.iter().flat_map(|ehlo| {
        let keywords = ehlo
            .keywords
            .iter()
            .map(|keyword| keyword.name.len() + keyword.params.as_ref().map_or(0, String::len));
        let masked = ehlo.masked.iter().map(|mask| mask.text.len());
        keywords.chain(masked).chain(ehlo.greeting.iter().map(String::len)).collect::<Vec<_>>()
    });
    let reply = session.starttls.reply.iter().map(|reply| reply.text.len());
    let inside = session.ehlo_tls.iter().flat_map(|tls| &tls.keywords).map(|k| k.name.len());
    greeting.chain(ehlo).chain(reply).chain(inside).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_segmentation_gives_the_same_session(
        transcript in transcripts(),
        cuts in vec(any::<Index>(), 0..12),
        mode in modes(),
    ) {
        let (other, one) = (smtp::read(&cut(&transcript, &cuts), mode), smtp::read(&transcript, mode));
        prop_assert!(other == one, "{other:#?}\n{one:#?}\n{transcript}");
    }

    #[test]
    fn any_bytes_are_read_within_the_caps(transcript in transcripts(), mode in modes()) {
        let session = smtp::read(&transcript, mode);
        prop_assert!(session.stages.len() <= STAGES);
        // Greeting, EHLO, STARTTLS and EHLO inside TLS: four replies are held.
        prop_assert!(held(&session) <= 4 * ESCAPED * MAX_REPLY_BYTES);
        let lines = session.greeting.map_or(0, |greeting| greeting.lines.len());
        prop_assert!(lines <= MAX_REPLY_LINES);
        if let Some(ehlo) = session.ehlo {
            prop_assert!(ehlo.keywords.len() + ehlo.masked.len() < MAX_REPLY_LINES);
        }
        prop_assert!(session.error.is_none_or(|error| error.len() < 1000));
    }

    #[test]
    fn a_reply_without_an_end_hits_a_cap_exactly_when_it_passes_it(
        lines in 1..700_usize,
        length in 0..200_usize,
    ) {
        let line = format!("220-{}\r\n", "a".repeat(length));
        let bytes = line.repeat(lines).into_bytes();
        let over = lines > MAX_REPLY_LINES || bytes.len() > MAX_REPLY_BYTES;
        let session = smtp::read(&transcript(vec![EventKind::Received(bytes)]), Mode::Starttls);
        prop_assert_eq!(session.oddities.contains(&Oddity::CapHit), over);
        prop_assert!(session.greeting.is_none());
    }

    #[test]
    fn the_notation_carries_all_that_reading_needs(transcript in transcripts(), mode in modes()) {
        let text = transcript.to_string();
        let again: Transcript = text.parse().unwrap();
        prop_assert_eq!(smtp::read(&again, mode), smtp::read(&transcript, mode));
        prop_assert_eq!(again, transcript);
    }

    #[test]
    fn the_dialogue_says_four_verbs_one_a_write_and_never_waits_after_the_end(
        answers in vec(peer_bytes(), 0..12),
        secured in any::<bool>(),
        injects in any::<bool>(),
        mode in modes(),
    ) {
        let mut dialogue = Dialogue::new("probe.example.org", mode);
        if injects {
            dialogue = dialogue.injecting();
        }
        let mut answers = answers.into_iter();
        let mut action = dialogue.start();
        let mut said = Vec::new();
        // Each turn takes an answer or says a command, and of those there are few.
        for _ in 0..64 {
            action = match action {
                Action::Receive => match answers.next() {
                    Some(answer) => dialogue.received(&answer),
                    None => break,
                },
                Action::Listen => match answers.next() {
                    Some(answer) => dialogue.received(&answer),
                    None => dialogue.silent(),
                },
                Action::Send(bytes) => {
                    said.push(String::from_utf8(bytes).unwrap());
                    Action::Receive
                }
                Action::StartTls { residue } => {
                    prop_assert!(residue.len() <= MAX_RESIDUE);
                    if secured { dialogue.secured() } else { dialogue.not_secured() }
                }
                Action::Close { .. } => break,
            };
        }
        prop_assert!(said.len() <= 5, "{:?}", said);
        let injected = said.iter().position(|line| line.as_bytes() == INJECTION);
        prop_assert!(injected.is_none() || injects, "never without being asked for");
        if let Some(place) = injected {
            said[place] = "STARTTLS\r\n".to_owned();
        }
        for line in &said {
            let verb = line.split([' ', '\r']).next().unwrap();
            prop_assert!(["EHLO", "HELO", "STARTTLS", "QUIT"].contains(&verb), "{}", line);
            prop_assert!(line.ends_with("\r\n") && line.matches('\n').count() == 1, "{:?}", line);
        }
        let quit = said.iter().position(|line| line.starts_with("QUIT"));
        prop_assert!(quit.is_none_or(|place| place + 1 == said.len()), "{:?}", said);
    }
}
