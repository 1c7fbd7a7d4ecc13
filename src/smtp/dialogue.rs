//! The dialogue of one connection: event in, action out (docs/detection.md §4).
//!
//! ```text
//! greeting → EHLO [→ HELO] → STARTTLS → handshake → EHLO → QUIT
//! ```
//!
//! Owns the order of commands and when to stop. It never sends MAIL FROM, RCPT
//! TO, DATA or AUTH, and has no way to. It waits for a complete reply before
//! every command and never pipelines (RFC 2920 needs an offer). STARTTLS is sent
//! whether or not it was offered: what comes back is evidence. The one exception
//! is a dialogue that was asked to test for command injection: it puts a NOOP
//! behind STARTTLS, in one write, and listens inside TLS. Refuses to know
//! sockets, clocks and what a reply means for a verdict.

use super::reply::{Progress, Reply, ReplyReader};
use crate::model::probe::Mode;
use crate::model::session::Stage;
use crate::model::transcript::Ended;

/// The most bytes behind the 220 that are kept as evidence.
pub const MAX_RESIDUE: usize = 64 * 1024;

/// What a test for command injection writes: the NOOP is the only command that is
/// ever injected, since it does nothing (RFC 5321 §4.1.1.9). One write, so that
/// the server reads both at once (CVE-2011-0411).
pub const INJECTION: &[u8] = b"STARTTLS\r\nNOOP\r\n";

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Wait for bytes from the peer.
    Receive,
    /// Listen for a while to what nobody asked for, inside TLS;
    /// [`Dialogue::silent`] where nothing comes.
    Listen,
    /// Write these bytes, in one write: inspection boxes look at segments.
    Send(Vec<u8>),
    /// Begin TLS. The bytes stood in clear behind the 220: keep them as
    /// evidence and out of the TLS session (RFC 3207 §6, CVE-2011-0411).
    StartTls {
        /// Bytes behind the 220.
        residue: Vec<u8>,
    },
    /// Close the connection.
    Close {
        /// Why.
        ended: Ended,
        /// More, for people.
        detail: Option<String>,
    },
}

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Ehlo,
    Helo,
    Starttls,
    Handshake,
    Listening,
    EhloTls,
    Quit,
    Closed,
}

/// One dialogue.
#[derive(Debug)]
pub struct Dialogue {
    /// Argument of EHLO.
    ehlo_argument: String,
    mode: Mode,
    injects: bool,
    state: State,
    reader: ReplyReader,
}

impl Dialogue {
    /// A dialogue on a fresh connection. The argument of EHLO is a domain name
    /// or an address literal (RFC 5321 §4.1.1.1).
    pub fn new(ehlo_argument: impl Into<String>, mode: Mode) -> Self {
        let state = match mode {
            Mode::Starttls => State::Greeting,
            Mode::ImplicitTls => State::Handshake,
        };
        let ehlo_argument = ehlo_argument.into();
        Self { ehlo_argument, mode, injects: false, state, reader: ReplyReader::default() }
    }

    /// The same, testing for command injection: [`INJECTION`] instead of STARTTLS.
    #[must_use]
    pub fn injecting(self) -> Self {
        Self { injects: true, ..self }
    }

    /// The first action on a fresh connection.
    pub fn start(&mut self) -> Action {
        match self.state {
            State::Handshake => Action::StartTls { residue: Vec::new() },
            _ => Action::Receive,
        }
    }

    /// The stage that is under way.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Greeting => Stage::Greeting,
            State::Ehlo | State::Helo => Stage::Ehlo,
            State::Starttls => Stage::Starttls,
            State::Handshake => Stage::Handshake,
            State::Listening | State::EhloTls => Stage::EhloTls,
            State::Quit | State::Closed => Stage::Quit,
        }
    }

    /// Bytes have come from the peer.
    pub fn received(&mut self, bytes: &[u8]) -> Action {
        match self.reader.push(bytes) {
            Progress::Incomplete if self.state == State::Listening => Action::Listen,
            Progress::Incomplete => Action::Receive,
            Progress::Complete(reply) => self.replied(&reply),
            Progress::Broken(breach) => self.close(Ended::Protocol, Some(breach.to_string())),
        }
    }

    /// The TLS handshake is done.
    pub fn secured(&mut self) -> Action {
        self.reader.drain();
        if self.mode == Mode::ImplicitTls {
            self.state = State::Greeting;
            return Action::Receive;
        }
        if self.injects {
            self.state = State::Listening;
            return Action::Listen;
        }
        self.hello_again()
    }

    /// Nothing has come while listening.
    pub fn silent(&mut self) -> Action {
        self.hello_again()
    }

    /// RFC 3207 §4.2: both sides forget what they knew, EHLO again.
    fn hello_again(&mut self) -> Action {
        self.command(State::EhloTls, &format!("EHLO {}", self.ehlo_argument))
    }

    /// The TLS handshake was not completed: nothing can be said on this connection any more.
    pub fn not_secured(&mut self) -> Action {
        self.close(Ended::ByUs, None)
    }

    fn replied(&mut self, reply: &Reply) -> Action {
        // RFC 5321 §3.8: the server closes; anything more would be impolite.
        if reply.code == 421 && self.state != State::Quit {
            return self.close(Ended::ByUs, Some("stopped at 421".into()));
        }
        match self.state {
            State::Greeting if reply.code == 220 => self.hello(),
            State::Ehlo | State::Helo if reply.is_positive() => self.after_hello(),
            State::Ehlo if reply.is_refusal() => {
                self.command(State::Helo, &format!("HELO {}", self.ehlo_argument))
            }
            State::Starttls if reply.code == 220 => self.start_tls(),
            // What nobody asked for: our own EHLO shows that TLS works all the same.
            State::Listening => self.hello_again(),
            State::Quit | State::Closed => self.close(Ended::ByUs, None),
            _ => self.quit(),
        }
    }

    fn hello(&mut self) -> Action {
        // Always EHLO: a masked banner has no "ESMTP" in it.
        self.command(State::Ehlo, &format!("EHLO {}", self.ehlo_argument))
    }

    fn after_hello(&mut self) -> Action {
        match self.mode {
            Mode::Starttls if self.injects => {
                self.reader.drain();
                self.state = State::Starttls;
                Action::Send(INJECTION.to_vec())
            }
            Mode::Starttls => self.command(State::Starttls, "STARTTLS"),
            Mode::ImplicitTls => self.quit(),
        }
    }

    fn start_tls(&mut self) -> Action {
        self.state = State::Handshake;
        let mut residue = self.reader.drain();
        residue.truncate(MAX_RESIDUE);
        Action::StartTls { residue }
    }

    fn quit(&mut self) -> Action {
        self.command(State::Quit, "QUIT")
    }

    fn command(&mut self, state: State, line: &str) -> Action {
        // Whatever stands behind the last reply does not answer this command.
        self.reader.drain();
        self.state = state;
        Action::Send(format!("{line}\r\n").into_bytes())
    }

    fn close(&mut self, ended: Ended, detail: Option<String>) -> Action {
        self.state = State::Closed;
        Action::Close { ended, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(action: Action) -> String {
        match action {
            Action::Send(bytes) => String::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_whole_way() {
        let mut dialogue = Dialogue::new("probe.example.org", Mode::Starttls);
        assert_eq!(dialogue.start(), Action::Receive);
        assert_eq!(dialogue.received(b"220-wait\r\n"), Action::Receive, "no byte before the end");
        assert_eq!(sent(dialogue.received(b"220 mx\r\n")), "EHLO probe.example.org\r\n");
        assert_eq!(sent(dialogue.received(b"250-mx\r\n250 STARTTLS\r\n")), "STARTTLS\r\n");
        assert_eq!(
            dialogue.received(b"220 go\r\n250 injected\r\n"),
            Action::StartTls { residue: b"250 injected\r\n".to_vec() }
        );
        assert_eq!(sent(dialogue.secured()), "EHLO probe.example.org\r\n");
        assert_eq!(sent(dialogue.received(b"250 mx\r\n")), "QUIT\r\n");
        assert_eq!(
            dialogue.received(b"221 bye\r\n"),
            Action::Close { ended: Ended::ByUs, detail: None }
        );
    }

    /// RFC 5321 §3.1, §4.3.1.
    #[test]
    fn nothing_is_sent_before_the_greeting_is_complete() {
        let greeting = b"220-mx.example.net\r\n220-one moment\r\n220 ready\r\n";
        let mut dialogue = Dialogue::new("p", Mode::Starttls);
        assert_eq!(dialogue.start(), Action::Receive);
        for byte in &greeting[..greeting.len() - 1] {
            assert_eq!(dialogue.received(&[*byte]), Action::Receive);
        }
        assert_eq!(sent(dialogue.received(b"\n")), "EHLO p\r\n");
    }

    /// RFC 3207 §4.2: what was said in clear is forgotten.
    #[test]
    fn ehlo_is_said_again_inside_tls() {
        let mut dialogue = Dialogue::new("p", Mode::Starttls);
        dialogue.received(b"220 mx\r\n");
        dialogue.received(b"250-mx\r\n250 STARTTLS\r\n");
        assert!(matches!(dialogue.received(b"220 go\r\n"), Action::StartTls { .. }));
        assert_eq!(sent(dialogue.secured()), "EHLO p\r\n");
        // An offer inside TLS is not taken.
        assert_eq!(sent(dialogue.received(b"250-mx\r\n250 STARTTLS\r\n")), "QUIT\r\n");
    }

    #[test]
    fn starttls_is_sent_without_an_offer_and_after_helo() {
        let mut dialogue = Dialogue::new("p", Mode::Starttls);
        dialogue.received(b"220 mx\r\n");
        assert_eq!(sent(dialogue.received(b"502 no\r\n")), "HELO p\r\n");
        assert_eq!(sent(dialogue.received(b"250 mx\r\n")), "STARTTLS\r\n");
        assert_eq!(sent(dialogue.received(b"502 no\r\n")), "QUIT\r\n");
    }

    #[test]
    fn stops_at_421_and_leaves_politely_at_554() {
        for before in [&b""[..], b"220 mx\r\n", b"220 mx\r\n250 mx\r\n"] {
            let mut dialogue = Dialogue::new("p", Mode::Starttls);
            for line in before.split_inclusive(|byte| *byte == b'\n') {
                dialogue.received(line);
            }
            assert!(matches!(dialogue.received(b"421 busy\r\n"), Action::Close { .. }));
        }
        let mut dialogue = Dialogue::new("p", Mode::Starttls);
        assert_eq!(sent(dialogue.received(b"554 no\r\n")), "QUIT\r\n");
    }

    #[test]
    fn the_injected_noop_is_in_one_write_with_starttls_and_is_listened_for() {
        for unasked in [None, Some(b"250 2.0.0 Ok\r\n".as_slice())] {
            let mut dialogue = Dialogue::new("p", Mode::Starttls).injecting();
            dialogue.received(b"220 mx\r\n");
            assert_eq!(sent(dialogue.received(b"250 STARTTLS\r\n")), "STARTTLS\r\nNOOP\r\n");
            assert_eq!(dialogue.received(b"220 go\r\n"), Action::StartTls { residue: Vec::new() });
            assert_eq!(dialogue.secured(), Action::Listen);
            let next = match unasked {
                Some(reply) => {
                    assert_eq!(dialogue.received(&reply[..4]), Action::Listen);
                    dialogue.received(&reply[4..])
                }
                None => dialogue.silent(),
            };
            assert_eq!(sent(next), "EHLO p\r\n");
            assert_eq!(sent(dialogue.received(b"250 mx\r\n")), "QUIT\r\n");
        }
    }

    #[test]
    fn implicit_tls_begins_with_the_handshake() {
        let mut dialogue = Dialogue::new("p", Mode::ImplicitTls);
        assert_eq!(dialogue.start(), Action::StartTls { residue: Vec::new() });
        assert_eq!(dialogue.secured(), Action::Receive);
        assert_eq!(sent(dialogue.received(b"220 mx\r\n")), "EHLO p\r\n");
        assert_eq!(sent(dialogue.received(b"250 mx\r\n")), "QUIT\r\n");
    }
}
