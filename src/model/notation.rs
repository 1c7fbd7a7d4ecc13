//! The text form of a transcript: read by people, golden tests and the
//! simulated server alike.
//!
//! Owns the notation, both ways. Refuses to know what the lines mean in SMTP.
//!
//! ```text
//!         0 -- connected from 198.51.100.10:40000
//!    12.345 S: 220 mx1.example.net ESMTP ready
//!        12 C: EHLO probe.example.org
//!        20 S: 250-mx1.example.net
//!           S: 250-SIZE 10240000
//!        21 S; 250 STARTTLS
//!        21 C: STARTTLS
//!        30 S: 220 2.0.0 Ready to start TLS
//!        30 S+ 250 injected
//!        45 -- tls TLSv1.3 TLS_AES_256_GCM_SHA384 X25519 sni=mx1.example.net key_proven=true
//!        60 C: QUIT
//!        70 -- ended by-peer "closed after QUIT"
//! ```
//!
//! * **Time.** Milliseconds since the connection attempt began, with up to three
//!   decimals. A line without a time has that of the line above; the first, 0.
//! * **Bytes.** `S:` is the peer, `C:` is us, `S+` the peer in clear behind its
//!   220 to STARTTLS. One blank follows the marker; the rest of the line stands
//!   for itself and a CRLF.
//! * **Escapes.** `\\`, `\r`, `\n`, `\t`, `\xNN`. A lone `\` at the end of a line
//!   means that no CRLF follows: a bare line feed is written `\n\`, no bytes at
//!   all `\`. What is written is printable ASCII only, and a blank at the end of a
//!   line is `\x20`; what is read may hold UTF-8 as it is, but no control characters.
//! * **Segments.** Lines of one speaker that follow each other are one event, one
//!   read or one write. `S;`, `C;` and `S+;` begin a new one, and so does another
//!   time than the line above has.
//! * **Events** begin with `--`: `connected [from ADDRESS:PORT]`,
//!   `tls VERSION SUITE GROUP …`, `tls-failed "WHY" …`, `ended HOW ["DETAIL"]`.
//!   `-` is "not known". The further facts of a handshake are `key=value` under the
//!   names of [`Handshake`](crate::model::tls::Handshake)'s fields. Values with other characters than letters,
//!   digits and `._:/+-` stand in double quotes, `\"` being a quote.
//! * Empty lines and lines that begin with `#` say nothing.
//!
//! Not carried: the certificate chain, the stapled OCSP response, the flow label
//! of an IPv6 socket address. All else survives writing and reading back.

mod read;
mod write;

use crate::model::transcript::{Ended, EventKind};

/// Where a text stops being the notation of a transcript, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct NotationError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not milliseconds with up to three decimals, or more than a `u64` of microseconds.
    #[error("`{0}` is not a time in milliseconds with up to three decimals")]
    Time(String),
    /// Not a marker of the notation.
    #[error("`{0}` is not a marker (--, S:, S;, C:, C;, S+ or S+;)")]
    Marker(String),
    /// A backslash before something else than the notation knows.
    #[error("`\\{0}` is not an escape (\\\\, \\r, \\n, \\t or \\xNN)")]
    Escape(String),
    /// A control character that stands for itself.
    #[error("control character U+{0:04X}: write it as \\xNN")]
    Control(u32),
    /// A quote without an end.
    #[error("the quoted text does not end")]
    OpenQuote,
    /// A quoted text that is not UTF-8 after its escapes were read.
    #[error("the quoted text is not UTF-8")]
    NotUtf8,
    /// Not an event of the notation.
    #[error("`{0}` is not an event (connected, tls, tls-failed or ended)")]
    Event(String),
    /// A word where none belongs, or not the one that belongs there.
    #[error("`{0}` does not belong here")]
    Word(String),
    /// Not an address and port.
    #[error("`{0}` is not an address and port")]
    Address(String),
    /// Not a fact of a handshake, or one that has been stated before.
    #[error("`{0}` is not a fact of a handshake, or is stated twice")]
    Key(String),
    /// Neither `true` nor `false`.
    #[error("`{0}` is neither true nor false")]
    Bool(String),
    /// Not a word of [`Ended`].
    #[error("`{0}` is no way to end")]
    Ended(String),
}

/// Whose bytes a line holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Peer,
    Us,
    PeerBehind220,
}

impl Speaker {
    fn of(kind: &EventKind) -> Option<(Self, &[u8])> {
        match kind {
            EventKind::Received(bytes) => Some((Self::Peer, bytes)),
            EventKind::Sent(bytes) => Some((Self::Us, bytes)),
            EventKind::Residue(bytes) => Some((Self::PeerBehind220, bytes)),
            _ => None,
        }
    }

    fn marker(self, new_segment: bool) -> &'static str {
        match (self, new_segment) {
            (Self::Peer, false) => "S:",
            (Self::Peer, true) => "S;",
            (Self::Us, false) => "C:",
            (Self::Us, true) => "C;",
            (Self::PeerBehind220, false) => "S+",
            (Self::PeerBehind220, true) => "S+;",
        }
    }

    fn by_marker(marker: &str) -> Option<(Self, bool)> {
        [Self::Peer, Self::Us, Self::PeerBehind220]
            .into_iter()
            .flat_map(|speaker| [(speaker, false), (speaker, true)])
            .find(|(speaker, new_segment)| speaker.marker(*new_segment) == marker)
    }

    fn event(self, bytes: Vec<u8>) -> EventKind {
        match self {
            Self::Peer => EventKind::Received(bytes),
            Self::Us => EventKind::Sent(bytes),
            Self::PeerBehind220 => EventKind::Residue(bytes),
        }
    }
}

/// The report's words (docs/report.md, `ended`).
const ENDED_WORDS: [(Ended, &str); 8] = [
    (Ended::ByUs, "by-us"),
    (Ended::ByPeer, "by-peer"),
    (Ended::Reset, "reset"),
    (Ended::Timeout, "timeout"),
    (Ended::Refused, "refused"),
    (Ended::Unreachable, "unreachable"),
    (Ended::Protocol, "protocol"),
    (Ended::LocalError, "local-error"),
];

/// The facts that stand behind `tls` in places of their own.
const TLS_PLACES: [&str; 3] = ["version", "cipher_suite", "key_exchange_group"];

/// The facts that stand behind `tls-failed` in places of their own.
const TLS_FAILED_PLACES: [&str; 1] = ["failure"];

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::model::tls::Handshake;
    use crate::model::transcript::{Ending, Event, Transcript};

    fn written(kind: EventKind) -> String {
        Transcript { events: vec![Event { at_us: 12_345, kind }] }.to_string()
    }

    fn read(text: &str) -> Vec<EventKind> {
        text.parse::<Transcript>().unwrap().events.into_iter().map(|event| event.kind).collect()
    }

    fn fault(text: &str) -> String {
        text.parse::<Transcript>().unwrap_err().to_string()
    }

    #[test]
    fn the_example_of_the_module_comment_reads_and_writes_the_same() {
        let source = include_str!("notation.rs");
        let lines = source.lines().skip_while(|line| *line != "//! ```text").skip(1);
        let example: String = lines
            .take_while(|line| *line != "//! ```")
            .map(|line| line.strip_prefix("//! ").unwrap().to_owned() + "\n")
            .collect();
        let transcript: Transcript = example.parse().unwrap();
        assert_eq!(transcript.events.len(), 11);
        assert_eq!(transcript.to_string().parse(), Ok(transcript.clone()));
        let trimmed = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.trim_start().to_owned()).collect()
        };
        assert_eq!(trimmed(&transcript.to_string()), trimmed(&example));
    }

    #[test]
    fn bytes_are_written_so_that_every_one_can_be_seen() {
        let cases: [(&[u8], &str); 9] = [
            (b"220 ready\r\n", "   12.345 S: 220 ready\n"),
            (b"", "   12.345 S: \\\n"),
            (b"\r\n", "   12.345 S:\n"),
            (b"250 \r\n", "   12.345 S: 250\\x20\n"),
            (b"250-a\n250 b\r\n", "   12.345 S: 250-a\\n\\\n          S: 250 b\n"),
            (b"220 half", "   12.345 S: 220 half\\\n"),
            (b"a\\\r\n", "   12.345 S: a\\\\\n"),
            (b"a\\", "   12.345 S: a\\\\\\\n"),
            (b"\0\x1b\t\xff\xc3\xa9\r\r\n", "   12.345 S: \\x00\\x1b\\t\\xff\\xc3\\xa9\\r\n"),
        ];
        for (bytes, text) in cases {
            assert_eq!(written(EventKind::Received(bytes.to_vec())), text);
            assert_eq!(read(text), [EventKind::Received(bytes.to_vec())]);
        }
    }

    #[test]
    fn lines_of_one_speaker_are_one_segment_until_a_marker_or_a_time_says_otherwise() {
        let text = "S: a\nS: b\nS; c\n1 S: d\n1 S: e\nC: f\nS+ g\nS+ h\nS+; i\n# x\n\nS: j";
        let received = |bytes: &str| EventKind::Received(bytes.as_bytes().to_vec());
        let residue = |bytes: &str| EventKind::Residue(bytes.as_bytes().to_vec());
        let expected = [
            received("a\r\nb\r\n"),
            received("c\r\n"),
            received("d\r\ne\r\n"),
            EventKind::Sent(b"f\r\n".to_vec()),
            residue("g\r\nh\r\n"),
            residue("i\r\n"),
            received("j\r\n"),
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_time_counts_for_the_lines_below_it() {
        let transcript: Transcript = "S: a\n1.5 C: b\n-- ended timeout".parse().unwrap();
        let times: Vec<u64> = transcript.events.iter().map(|event| event.at_us).collect();
        assert_eq!(times, [0, 1500, 1500]);
    }

    #[test]
    fn utf8_may_stand_for_itself_where_it_is_read() {
        assert_eq!(read("S: é"), [EventKind::Received("é\r\n".as_bytes().to_vec())]);
    }

    #[test]
    fn facts_of_a_handshake_may_be_left_out() {
        let done = Handshake { version: Some("TLSv1.2".into()), ..Handshake::default() };
        assert_eq!(read("-- tls TLSv1.2"), [EventKind::HandshakeDone(Box::new(done))]);
        let failed = Handshake {
            failure: Some("alert handshake_failure".into()),
            alert: Some("handshake_failure".into()),
            ..Handshake::default()
        };
        let text = "-- tls-failed \"alert handshake_failure\" alert=handshake_failure";
        assert_eq!(read(text), [EventKind::HandshakeFailed(Box::new(failed))]);
    }

    #[test]
    fn a_fault_names_its_line_and_what_is_wrong() {
        let cases = [
            ("S: a\nX: b", "line 2: `X:` is not a marker (--, S:, S;, C:, C;, S+ or S+;)"),
            (
                "1.2345 S: a",
                "line 1: `1.2345` is not a time in milliseconds with up to three decimals",
            ),
            ("1. S: a", "line 1: `1.` is not a time in milliseconds with up to three decimals"),
            (
                "18446744073709552 S: a",
                "line 1: `18446744073709552` is not a time in milliseconds with up to three decimals",
            ),
            ("S: \\q", "line 1: `\\q` is not an escape (\\\\, \\r, \\n, \\t or \\xNN)"),
            ("S: \\x0", "line 1: `\\x0` is not an escape (\\\\, \\r, \\n, \\t or \\xNN)"),
            ("S: a\tb", "line 1: control character U+0009: write it as \\xNN"),
            (
                "-- vanished",
                "line 1: `vanished` is not an event (connected, tls, tls-failed or ended)",
            ),
            ("-- ended badly", "line 1: `badly` is no way to end"),
            ("-- ended by-us \"x", "line 1: the quoted text does not end"),
            ("-- ended by-us \"x\" y", "line 1: `y` does not belong here"),
            ("-- connected from here", "line 1: `here` is not an address and port"),
            ("-- connected to 192.0.2.1:25", "line 1: `to` does not belong here"),
            ("-- tls a b c d", "line 1: `d` does not belong here"),
            (
                "-- tls colour=blue",
                "line 1: `colour` is not a fact of a handshake, or is stated twice",
            ),
            (
                "-- tls a version=b",
                "line 1: `version` is not a fact of a handshake, or is stated twice",
            ),
            ("-- tls key_proven=yes", "line 1: `yes` is neither true nor false"),
            ("-- tls-failed \"\\xff\"", "line 1: the quoted text is not UTF-8"),
        ];
        for (text, message) in cases {
            assert_eq!(fault(text), message, "{text}");
        }
    }

    fn handshakes() -> impl Strategy<Value = Handshake> {
        let text = || option::of(any::<String>());
        let texts = (text(), text(), text(), text(), text(), text(), text());
        (texts, any::<Option<bool>>(), any::<Option<bool>>()).prop_map(|(texts, proven, asked)| {
            let (sni, version, suite, group, scheme, alert, failure) = texts;
            Handshake {
                sni,
                version,
                cipher_suite: suite,
                key_exchange_group: group,
                signature_scheme: scheme,
                key_proven: proven,
                alert,
                client_certificate_requested: asked,
                failure,
                ..Handshake::default()
            }
        })
    }

    fn kinds() -> impl Strategy<Value = EventKind> {
        let bytes = || {
            let ends = prop::sample::select(vec!["\r\n", "\n", "\r", "", " \r\n", "\\", "\\\r\n"]);
            let line = (vec(any::<u8>(), 0..12), ends);
            vec(line, 0..4).prop_map(|lines| {
                lines.into_iter().flat_map(|(line, end)| [line, end.into()].concat()).collect()
            })
        };
        let how = prop::sample::select(ENDED_WORDS.map(|(how, _)| how).to_vec());
        prop_oneof![
            bytes().prop_map(EventKind::Received),
            bytes().prop_map(EventKind::Sent),
            bytes().prop_map(EventKind::Residue),
            any::<Option<std::net::SocketAddrV4>>()
                .prop_map(|local| EventKind::Connected { local: local.map(Into::into) }),
            any::<(std::net::Ipv6Addr, u16, u32)>().prop_map(|(ip, port, scope)| {
                let local = std::net::SocketAddrV6::new(ip, port, 0, scope);
                EventKind::Connected { local: Some(local.into()) }
            }),
            handshakes().prop_map(|it| EventKind::HandshakeDone(Box::new(it))),
            handshakes().prop_map(|it| EventKind::HandshakeFailed(Box::new(it))),
            (how, any::<Option<String>>())
                .prop_map(|(how, detail)| EventKind::Ended(Ending { how, detail })),
        ]
    }

    proptest! {
        #[test]
        fn a_transcript_survives_writing_and_reading(
            events in vec((prop_oneof![0..4u64, any::<u64>()], kinds()), 0..8)
        ) {
            let events = events.into_iter().map(|(at_us, kind)| Event { at_us, kind }).collect();
            let transcript = Transcript { events };
            let text = transcript.to_string();
            prop_assert!(text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)), "{}", text);
            prop_assert!(text.lines().all(|line| !line.ends_with(' ')), "{}", text);
            prop_assert_eq!(text.parse(), Ok(transcript), "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(?s)([ -~\\\\\\n\"=;:+SCx]|.){0,60}") {
            if let Ok(transcript) = text.parse::<Transcript>() {
                prop_assert_eq!(transcript.to_string().parse(), Ok(transcript));
            }
        }
    }
}
