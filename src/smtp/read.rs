//! Reads a transcript back into a session.
//!
//! Reading is total: whatever the peer sent, there is a session, and what was
//! odd is noted. Independent of how the transcript came about: live, from a
//! file, or written by hand.
//!
//! Owns stages and outcomes. Refuses to say whether any of it is bad.

use std::collections::BTreeSet;

use super::reply::{Breach, Progress, Reply, ReplyReader};
use super::{ehlo, mask};
use crate::model::probe::Mode;
use crate::model::session::{
    EhloTls, Greeting, HelloVerb, Oddity, ReplyText, Session, Stage, Starttls, StarttlsOutcome,
};
use crate::model::tls::Handshake;
use crate::model::transcript::{Ended, Ending, Event, EventKind, Transcript};

/// Content type of a TLS record with a ClientHello (RFC 8446 §5.1); no command
/// begins with it.
const TLS_HANDSHAKE: u8 = 22;

/// Reads one transcript.
pub fn read(transcript: &Transcript, mode: Mode) -> Session {
    let mut reading = Reading::new(mode);
    for event in &transcript.events {
        reading.take(event);
    }
    reading.finish()
}

/// What the next reply answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaiting {
    Greeting,
    Hello(HelloVerb),
    Starttls,
    EhloTls,
    Quit,
    /// Nothing: a reply has come and no command followed, or what was sent is unknown.
    Nothing,
    /// Nothing that could be read: what has come since the last command is no reply.
    Unreadable,
}

struct Reading {
    mode: Mode,
    awaiting: Awaiting,
    reader: ReplyReader,
    session: Session,
    oddities: BTreeSet<Oddity>,
    refused_with: Option<u16>,
    starttls_sent: bool,
    secured: bool,
    /// A handshake is carried out in the transcript itself: its bytes are not SMTP.
    handshaking: bool,
    /// When the stage under way began.
    since_us: u64,
}

impl Reading {
    fn new(mode: Mode) -> Self {
        Self {
            mode,
            awaiting: Awaiting::Greeting,
            reader: ReplyReader::default(),
            session: blank(),
            oddities: BTreeSet::new(),
            refused_with: None,
            starttls_sent: false,
            secured: false,
            handshaking: false,
            since_us: 0,
        }
    }

    fn take(&mut self, event: &Event) {
        self.session.duration_us = self.session.duration_us.max(event.at_us);
        match &event.kind {
            EventKind::Connected { local } => {
                self.session.local = *local;
                self.session.connect_us = Some(event.at_us);
                self.complete(Stage::Connected, event.at_us);
            }
            EventKind::Received(bytes) => self.received(bytes, event.at_us),
            EventKind::Sent(bytes) => self.sent(bytes),
            EventKind::Residue(bytes) => self.residue(bytes.len()),
            EventKind::HandshakeDone(_) => self.handshake_done(event.at_us),
            EventKind::HandshakeFailed(handshake) => self.handshake_failed(handshake, event.at_us),
            EventKind::Ended(ending) => self.ended(ending),
        }
    }

    fn complete(&mut self, stage: Stage, at_us: u64) {
        if !self.has(stage) {
            self.session.stages.push(stage);
        }
        self.since_us = at_us;
    }

    fn has(&self, stage: Stage) -> bool {
        self.session.stages.contains(&stage)
    }

    /// Behind the 220 to STARTTLS and before the handshake.
    fn between_220_and_tls(&self) -> bool {
        self.mode == Mode::Starttls && self.has(Stage::Starttls) && !self.secured
    }

    /// How the bytes were segmented makes no difference: behind a complete reply,
    /// or behind what cannot be one, nothing is read before the next command.
    fn received(&mut self, bytes: &[u8], at_us: u64) {
        if self.handshaking {
            return;
        }
        if self.between_220_and_tls() {
            self.residue(bytes.len());
            return;
        }
        match self.awaiting {
            Awaiting::Unreadable => return,
            Awaiting::Nothing => return self.trailing(bytes),
            _ => {}
        }
        match self.reader.push(bytes) {
            Progress::Incomplete => {}
            Progress::Complete(reply) => {
                self.replied(&reply, at_us);
                let rest = self.reader.drain();
                self.trailing(&rest);
            }
            Progress::Broken(breach) => self.broken(&breach),
        }
    }

    fn trailing(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.oddities.insert(Oddity::TrailingBytes);
        }
    }

    fn broken(&mut self, breach: &Breach) {
        self.awaiting = Awaiting::Unreadable;
        self.oddities.insert(match breach {
            Breach::NotSmtp(_) => Oddity::NotSmtp,
            Breach::TooLong | Breach::TooManyLines => Oddity::CapHit,
        });
        self.session.error.get_or_insert(breach.to_string());
    }

    fn replied(&mut self, reply: &Reply, at_us: u64) {
        self.oddities.extend(reply.oddities.iter().cloned());
        match std::mem::replace(&mut self.awaiting, Awaiting::Nothing) {
            Awaiting::Greeting => self.greeting(reply, at_us),
            Awaiting::Hello(verb) => self.hello(reply, verb, at_us),
            Awaiting::Starttls => self.starttls(reply, at_us),
            Awaiting::EhloTls => self.ehlo_tls(reply, at_us),
            Awaiting::Quit | Awaiting::Nothing | Awaiting::Unreadable => {}
        }
    }

    fn greeting(&mut self, reply: &Reply, at_us: u64) {
        self.session.greeting_us = Some(at_us.saturating_sub(self.since_us));
        self.session.greeting = Some(Greeting {
            code: reply.code,
            lines: reply.lines.iter().map(|line| super::reply::printable(line)).collect(),
            masked: reply.lines.iter().any(|line| mask::masks_banner(line)),
        });
        self.complete(Stage::Greeting, at_us);
    }

    fn hello(&mut self, reply: &Reply, verb: HelloVerb, at_us: u64) {
        let answer = ehlo::answer(reply, verb, self.refused_with);
        if verb == HelloVerb::Ehlo && !reply.is_positive() {
            self.refused_with = Some(reply.code);
        }
        let on_greeting = answer.greeting.as_deref().is_some_and(ehlo::starttls_on_greeting);
        if reply.is_positive() && verb == HelloVerb::Ehlo {
            if on_greeting {
                self.oddities.insert(Oddity::StarttlsOnGreetingLine);
            }
            // With implicit TLS the question does not arise; after HELO it has no answer.
            self.session.starttls.offered =
                (self.mode == Mode::Starttls).then(|| ehlo::offers_starttls(&answer.keywords));
        }
        self.session.ehlo = Some(answer);
        if reply.is_positive() {
            self.complete(Stage::Ehlo, at_us);
        }
    }

    fn starttls(&mut self, reply: &Reply, at_us: u64) {
        let offered = self.session.starttls.offered == Some(true);
        let starttls = &mut self.session.starttls;
        starttls.outcome = outcome(reply.code, offered);
        starttls.echo_masked = Some(mask::echoes_mask(reply.code, &reply.text()));
        starttls.reply = Some(ReplyText { code: reply.code, text: reply.text() });
        if reply.code == 220 {
            self.complete(Stage::Starttls, at_us);
        }
        if self.between_220_and_tls() {
            let rest = self.reader.drain().len();
            self.residue(rest);
        }
    }

    fn ehlo_tls(&mut self, reply: &Reply, at_us: u64) {
        let answer = ehlo::answer(reply, HelloVerb::Ehlo, None);
        self.session.ehlo_tls = Some(EhloTls { code: answer.code, keywords: answer.keywords });
        if reply.is_positive() {
            self.complete(Stage::EhloTls, at_us);
        }
    }

    fn residue(&mut self, bytes: usize) {
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        *self.session.starttls.residue_bytes.get_or_insert(0) += more;
        if bytes > 0 {
            self.oddities.insert(Oddity::ClearTextAfter220);
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        if bytes.first() == Some(&TLS_HANDSHAKE) {
            self.handshaking = true;
            return;
        }
        // A reply that had not ended is no answer to what is sent now.
        self.reader.drain();
        let line = String::from_utf8_lossy(bytes).to_ascii_uppercase();
        self.awaiting = match line.split_whitespace().next() {
            Some("EHLO") if self.secured && self.mode == Mode::Starttls => Awaiting::EhloTls,
            Some("EHLO") => Awaiting::Hello(HelloVerb::Ehlo),
            Some("HELO") => Awaiting::Hello(HelloVerb::Helo),
            Some("STARTTLS") => {
                self.starttls_sent = true;
                Awaiting::Starttls
            }
            Some("QUIT") => {
                self.complete(Stage::Quit, self.since_us);
                Awaiting::Quit
            }
            _ => Awaiting::Nothing,
        };
    }

    fn handshake_done(&mut self, at_us: u64) {
        self.session.handshake_us = Some(at_us.saturating_sub(self.since_us));
        self.secured = true;
        self.reader.drain();
        self.complete(Stage::Handshake, at_us);
    }

    /// Also the rejection by a TLS 1.3 server after it seemed to be done.
    fn handshake_failed(&mut self, handshake: &Handshake, at_us: u64) {
        self.session.handshake_us = None;
        self.session.stages.retain(|stage| *stage != Stage::Handshake);
        self.since_us = at_us;
        if handshake.failure.as_deref() == Some("not TLS") {
            self.oddities.insert(Oddity::ClearTextAfter220);
        }
    }

    fn ended(&mut self, ending: &Ending) {
        self.session.ended = Some(ending.how);
        if self.session.error.is_none() {
            self.session.error.clone_from(&ending.detail);
        }
    }

    fn finish(mut self) -> Session {
        let session = &mut self.session;
        if self.starttls_sent && session.starttls.outcome == StarttlsOutcome::NotReached {
            session.starttls.outcome = match session.ended {
                Some(Ended::ByPeer | Ended::Reset) => StarttlsOutcome::Closed,
                _ => StarttlsOutcome::NoReply,
            };
        }
        self.session.stopped_at = self.under_way();
        self.session.oddities = self.oddities.into_iter().collect();
        self.session
    }

    /// The first stage that was not completed; `None` once QUIT was sent.
    fn under_way(&self) -> Option<Stage> {
        let way: &[Stage] = match self.mode {
            Mode::Starttls => &[
                Stage::Connected,
                Stage::Greeting,
                Stage::Ehlo,
                Stage::Starttls,
                Stage::Handshake,
                Stage::EhloTls,
            ],
            Mode::ImplicitTls => {
                &[Stage::Connected, Stage::Handshake, Stage::Greeting, Stage::Ehlo]
            }
        };
        if self.has(Stage::Quit) {
            return None;
        }
        way.iter().copied().find(|stage| !self.has(*stage))
    }
}

fn outcome(code: u16, offered: bool) -> StarttlsOutcome {
    match (code, offered) {
        (220, true) => StarttlsOutcome::Accepted,
        (220, false) => StarttlsOutcome::AcceptedUnoffered,
        (500..=599, true) => StarttlsOutcome::Refused,
        (500..=599, false) => StarttlsOutcome::RefusedUnoffered,
        (400..=499, _) => StarttlsOutcome::Tempfailed,
        _ => StarttlsOutcome::UnexpectedCode,
    }
}

fn blank() -> Session {
    Session {
        stages: Vec::new(),
        stopped_at: None,
        ended: None,
        error: None,
        connect_us: None,
        greeting_us: None,
        handshake_us: None,
        duration_us: 0,
        local: None,
        greeting: None,
        ehlo: None,
        starttls: Starttls {
            offered: None,
            reply: None,
            outcome: StarttlsOutcome::NotReached,
            echo_masked: None,
            residue_bytes: None,
        },
        ehlo_tls: None,
        oddities: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(kinds: Vec<EventKind>) -> Transcript {
        let events = kinds.into_iter().zip(1..).map(|(kind, at_us)| Event { at_us, kind });
        Transcript { events: events.collect() }
    }

    fn peer(text: &str) -> EventKind {
        EventKind::Received(text.as_bytes().to_vec())
    }

    fn us(text: &str) -> EventKind {
        EventKind::Sent(text.as_bytes().to_vec())
    }

    #[test]
    fn a_complete_session() {
        let session = read(
            &transcript(vec![
                EventKind::Connected { local: None },
                peer("220 mx\r\n"),
                us("EHLO p\r\n"),
                peer("250-mx\r\n250 STARTTLS\r\n"),
                us("STARTTLS\r\n"),
                peer("220 go\r\nxx"),
                EventKind::HandshakeDone(Box::default()),
                us("EHLO p\r\n"),
                peer("250 mx\r\n"),
                us("QUIT\r\n"),
                peer("221 bye\r\n"),
                EventKind::Ended(Ending { how: Ended::ByUs, detail: None }),
            ]),
            Mode::Starttls,
        );
        assert_eq!(session.starttls.offered, Some(true));
        assert_eq!(session.starttls.outcome, StarttlsOutcome::Accepted);
        assert_eq!(session.starttls.residue_bytes, Some(2));
        assert_eq!(session.stages.len(), 7);
        assert_eq!(session.stopped_at, None);
        assert_eq!(session.handshake_us, Some(1));
    }

    #[test]
    fn an_empty_transcript_is_a_session_too() {
        let session = read(&Transcript::default(), Mode::Starttls);
        assert_eq!(session.stopped_at, Some(Stage::Connected));
        assert_eq!(session.starttls.offered, None);
    }

    #[test]
    fn after_helo_the_offer_is_unknown() {
        let session = read(
            &transcript(vec![
                EventKind::Connected { local: None },
                peer("220 mx\r\n"),
                us("EHLO p\r\n"),
                peer("502 no\r\n"),
                us("HELO p\r\n"),
                peer("250 mx\r\n"),
                us("STARTTLS\r\n"),
                EventKind::Ended(Ending { how: Ended::Reset, detail: None }),
            ]),
            Mode::Starttls,
        );
        assert_eq!(session.starttls.offered, None);
        assert_eq!(session.starttls.outcome, StarttlsOutcome::Closed);
        assert_eq!(session.ehlo.unwrap().refused_with, Some(502));
    }
}
