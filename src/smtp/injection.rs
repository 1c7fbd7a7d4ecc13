//! Reads what became of an injected NOOP (CVE-2011-0411; Poddebniak et al., "Why TLS
//! Is Better Without STARTTLS", USENIX Security 2021, §4.1).
//!
//! A server that takes in more than the STARTTLS line before it begins TLS, and
//! keeps the rest, answers the NOOP inside TLS, where nobody has asked yet. Total,
//! like all reading. Refuses to say how bad that is.

use super::dialogue::INJECTION;
use super::reply::{Progress, Reply, ReplyReader};
use crate::model::injection::InjectionOutcome;
use crate::model::transcript::{Ended, EventKind, Transcript};

/// What the transcript of a dialogue that injects shows.
pub fn read(transcript: &Transcript) -> InjectionOutcome {
    let mut reading = Reading::default();
    for event in &transcript.events {
        reading.take(&event.kind);
    }
    reading.outcome()
}

/// How far the session has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing was injected yet.
    #[default]
    Before,
    /// STARTTLS and NOOP were sent.
    Injected,
    /// 220: the handshake is under way.
    Accepted,
    /// Inside TLS.
    Inside,
}

#[derive(Debug, Default)]
struct Reading {
    phase: Phase,
    reader: ReplyReader,
    /// The code of the reply to STARTTLS.
    starttls: Option<u16>,
    /// Codes inside TLS before our own first command, and from then on.
    unasked: Vec<u16>,
    asked: Vec<u16>,
    /// Commands that we sent inside TLS.
    commands: usize,
    /// Why the handshake failed.
    failure: Option<String>,
    ended: Option<Ended>,
}

impl Reading {
    fn take(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Sent(bytes) if bytes == INJECTION => {
                self.phase = Phase::Injected;
                self.reader.drain();
            }
            EventKind::Sent(_) if self.phase == Phase::Inside => self.commands += 1,
            EventKind::Received(bytes) => self.received(bytes),
            EventKind::HandshakeDone(_) if self.phase == Phase::Accepted => {
                self.phase = Phase::Inside;
                self.reader.drain();
            }
            EventKind::HandshakeFailed(handshake) => self.failure.clone_from(&handshake.failure),
            EventKind::Ended(ending) => self.ended = Some(ending.how),
            _ => {}
        }
    }

    fn received(&mut self, bytes: &[u8]) {
        let mut progress = self.reader.push(bytes);
        while let Progress::Complete(reply) = progress {
            self.replied(&reply);
            progress = self.reader.push(&[]);
        }
    }

    fn replied(&mut self, reply: &Reply) {
        match self.phase {
            Phase::Injected => {
                self.starttls.get_or_insert(reply.code);
                if reply.code == 220 {
                    self.phase = Phase::Accepted;
                }
            }
            Phase::Inside if self.commands == 0 => self.unasked.push(reply.code),
            Phase::Inside => self.asked.push(reply.code),
            Phase::Before | Phase::Accepted => {}
        }
    }

    fn outcome(&self) -> InjectionOutcome {
        match self.phase {
            Phase::Before => InjectionOutcome::NotReached,
            Phase::Injected => refused_if(match self.starttls {
                Some(421 | 500..=599) => true,
                Some(_) => false,
                None => self.is_closed(),
            }),
            // Silence is what a path that loses packets shows as well.
            Phase::Accepted => refused_if(
                self.failure.as_deref().is_some_and(|failure| !failure.starts_with("silence"))
                    || (self.failure.is_none() && self.is_closed()),
            ),
            Phase::Inside => self.inside(),
        }
    }

    fn inside(&self) -> InjectionOutcome {
        // A greeting said again, or a farewell, answers no NOOP (RFC 5321 §4.3.2).
        let is_answer = |code: &&u16| !matches!(code, 220 | 221 | 421);
        if self.unasked.iter().any(|code| is_answer(&code)) {
            return InjectionOutcome::Vulnerable;
        }
        // A late answer makes one reply more than there were commands.
        let answers = self.asked.iter().filter(|code| !matches!(code, 220 | 421)).count();
        if answers > self.commands {
            return InjectionOutcome::Vulnerable;
        }
        match self.asked.first() {
            Some(200..=299) => InjectionOutcome::Clear,
            _ => refused_if(self.unasked.contains(&421) || self.is_closed()),
        }
    }

    fn is_closed(&self) -> bool {
        matches!(self.ended, Some(Ended::ByPeer | Ended::Reset))
    }
}

fn refused_if(refused: bool) -> InjectionOutcome {
    if refused { InjectionOutcome::Refused } else { InjectionOutcome::NotReached }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> InjectionOutcome {
        let transcript: Transcript = text.parse().unwrap();
        read(&transcript)
    }

    /// A session up to the 220, with what is said then, in the notation of transcripts.
    fn after_220(rest: &str) -> InjectionOutcome {
        outcome(&format!("C: STARTTLS\nC: NOOP\nS: 220 go\n{rest}"))
    }

    const TLS: &str = "-- tls TLSv1.3 TLS_AES_128_GCM_SHA256 X25519\n";
    const HELLO: &str = "C: EHLO p\nS: 250-mx\nS: 250 PIPELINING\n";

    #[test]
    fn a_reply_that_nobody_asked_for_is_the_mark() {
        for reply in ["250 2.0.0 Ok", "500 what", "503 EHLO first"] {
            let text = format!("{TLS}S: {reply}\n{HELLO}C: QUIT\nS: 221 bye\n");
            assert_eq!(after_220(&text), InjectionOutcome::Vulnerable, "{reply}");
            let cut = format!("{TLS}S: {reply}\n-- ended by-peer\n");
            assert_eq!(after_220(&cut), InjectionOutcome::Vulnerable, "{reply}");
        }
    }

    #[test]
    fn an_answer_that_comes_late_is_one_too_many() {
        let late = "C: EHLO p\nS: 250 2.0.0 Ok\nC: QUIT\nS: 250-mx\nS: 250 SIZE\nS: 221 bye\n";
        assert_eq!(after_220(&format!("{TLS}{late}")), InjectionOutcome::Vulnerable);
    }

    #[test]
    fn silence_and_an_answer_to_our_own_question_clears() {
        let text = format!("{TLS}{HELLO}C: QUIT\nS: 221 bye\n-- ended by-us\n");
        assert_eq!(after_220(&text), InjectionOutcome::Clear);
        // Answered in clear, which reaches no TLS session.
        let residue = format!("S: 250 Ok\n{text}");
        assert_eq!(after_220(&residue), InjectionOutcome::Clear);
        let greeted_again = format!("{TLS}S: 220 mx\n{HELLO}C: QUIT\nS: 221 bye\n");
        assert_eq!(after_220(&greeted_again), InjectionOutcome::Clear);
    }

    #[test]
    fn silence_alone_clears_nothing() {
        for rest in ["", "C: EHLO p\n-- ended timeout\n", "C: EHLO p\nS: 451 later\n"] {
            assert_eq!(after_220(&format!("{TLS}{rest}")), InjectionOutcome::NotReached, "{rest}");
        }
        let refused = InjectionOutcome::Refused;
        assert_eq!(after_220(&format!("{TLS}-- ended by-peer\n")), refused);
        assert_eq!(after_220(&format!("{TLS}S: 421 4.7.0 bye\n-- ended by-peer\n")), refused);
    }

    #[test]
    fn who_takes_the_bytes_amiss_is_not_vulnerable() {
        let starttls = "C: STARTTLS\nC: NOOP\n";
        for (rest, expected) in [
            ("S: 503 5.5.0 improper pipelining\nS: 250 ok\n", InjectionOutcome::Refused),
            ("-- ended by-peer\n", InjectionOutcome::Refused),
            ("-- ended timeout\n", InjectionOutcome::NotReached),
            ("S: 454 later\nS: 250 ok\n", InjectionOutcome::NotReached),
        ] {
            assert_eq!(outcome(&format!("{starttls}{rest}")), expected, "{rest}");
        }
        assert_eq!(after_220("-- ended reset\n"), InjectionOutcome::Refused);
        assert_eq!(outcome("C: STARTTLS\nS: 220 go\n"), InjectionOutcome::NotReached);
        assert_eq!(outcome(""), InjectionOutcome::NotReached);
    }
}
