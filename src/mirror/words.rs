//! What a mirror and its user say to each other.
//!
//! ```text
//! XMXRAY <version> <time> <nonce> <age> <mac>
//! 250-<base64 of the answer>
//! 250 <mac>
//! ```
//!
//! Owns the words, their codes and their limits. An answer is vouched for together
//! with the nonce of its request: nobody on the way can make one, keep one for
//! later, or take a session out of it. It says too which TLS session the mirror has
//! (RFC 9266), so that its user learns of somebody who ends TLS between. Refuses to know sockets and clocks.

use std::cmp::Reverse;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::token::Token;
use crate::model::mirror::MirrorSession;

/// The version of the exchange and of the log. Both ends must speak the same.
pub const PROTOCOL: &str = "mxray/mirror/1";
/// The same as the first word of a request.
const VERSION: &str = "1";
/// The private verb (RFC 5321 §4.1.5).
pub const VERB: &str = "XMXRAY";

/// How far a request's time may be from the mirror's clock, in seconds.
pub const WINDOW_S: i64 = 300;
/// Most seconds that a request may reach back.
pub const MOST_AGE_S: u32 = 3600;
/// Characters of a nonce: 16 octets in hexadecimal.
pub const NONCE: usize = 32;
/// Most octets of an answer before base64; a mirror leaves out the oldest sessions.
pub const LARGEST_ANSWER: usize = 2 << 20;
/// Octets of an answer besides its sessions, at the most.
const ENVELOPE: usize = 4096;
/// Characters of base64 in a line: a reply line has 512 octets (RFC 5321 §4.5.3.1.5).
const CHUNK: usize = 480;
/// Most lines of an answer.
pub const MOST_LINES: usize = LARGEST_ANSWER / 3 * 4 / CHUNK + 2;
/// Longest line of an answer, its end included.
pub const LONGEST_LINE: usize = 512;

const REQUEST: &str = "mxray/mirror/1 request";
const ANSWER: &str = "mxray/mirror/1 answer";
const LOGGED: &str = "mxray/mirror/1 log";

/// A request for the sessions that began lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The user's clock, in seconds since 1970.
    pub time: i64,
    /// A word that was never used before: [`NONCE`] hexadecimal digits.
    pub nonce: String,
    /// How many seconds back the sessions began, at the most.
    pub age_s: u32,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no request.
    Syntax,
    /// It is one of another version.
    Version,
    /// Another token vouches for it, or none.
    Token,
    /// Its time is too far from the mirror's clock.
    Stale {
        /// By how many seconds it is ahead of it.
        ahead_s: i64,
    },
    /// Its nonce was used before.
    Replayed,
}

impl Refused {
    /// The reply that says so. A stranger learns no more than from any other server.
    pub fn reply(self) -> String {
        match self {
            Self::Syntax => "501 5.5.4 Syntax error in parameters".to_owned(),
            Self::Version => format!("504 5.5.4 This version is not spoken here, but {PROTOCOL}"),
            Self::Token => "535 5.7.8 This token is not known here".to_owned(),
            Self::Stale { ahead_s } => {
                let way = if ahead_s < 0 { "behind" } else { "ahead of" };
                let by = ahead_s.unsigned_abs();
                format!(
                    "454 4.7.0 The clock of this request is {by} s {way} the one here, and may \
                     be {WINDOW_S} s"
                )
            }
            Self::Replayed => "554 5.7.7 This request was made before".to_owned(),
        }
    }
}

impl Request {
    /// The command, without its line end.
    pub fn line(&self, token: &Token) -> String {
        let words = [self.time.to_string(), self.nonce.clone(), self.age_s.to_string()];
        let mac = token.mac(REQUEST, &words.each_ref().map(String::as_bytes));
        format!("{VERB} {VERSION} {} {mac}", words.join(" "))
    }

    /// Reads the arguments of the command. Whether it comes in time and for the first
    /// time is still open.
    ///
    /// # Errors
    /// It is no request, or the token does not vouch for it.
    pub fn read(arguments: &str, token: &Token) -> Result<Self, Refused> {
        let words: Vec<&str> = arguments.split_ascii_whitespace().collect();
        let (version, words) = words.split_first().ok_or(Refused::Syntax)?;
        if *version != VERSION && version.parse::<u32>().is_ok() && words.len() > 1 {
            return Err(Refused::Version);
        }
        let &[time, nonce, age, mac] = words else { return Err(Refused::Syntax) };
        let is_nonce = nonce.len() == NONCE && nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (Ok(time), Ok(age_s), true) =
            (time.parse(), age.parse::<u32>(), is_nonce && *version == VERSION)
        else {
            return Err(Refused::Syntax);
        };
        // The words as they came: what they mean is not what was vouched for.
        let vouched = [words.first(), words.get(1), words.get(2)];
        let vouched = vouched.map(|word| word.copied().unwrap_or_default().as_bytes());
        if !token.vouches(REQUEST, &vouched, mac) {
            return Err(Refused::Token);
        }
        Ok(Self { time, nonce: nonce.to_owned(), age_s: age_s.min(MOST_AGE_S) })
    }

    /// By how many seconds its time is ahead of a clock.
    pub fn ahead_of(&self, now: Timestamp) -> i64 {
        self.time.saturating_sub(now.as_second())
    }

    /// Whether its time is near that of a clock.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.ahead_of(now).unsigned_abs() <= WINDOW_S.unsigned_abs()
    }
}

/// What a mirror answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// [`PROTOCOL`].
    pub protocol: String,
    /// Name and version of its program.
    pub tool: String,
    /// Its clock.
    pub now: Timestamp,
    /// The user as it sees them in this exchange.
    pub client: SocketAddr,
    /// Every session accepted since then is here.
    pub complete_since: Timestamp,
    /// What only the two ends of its TLS session know of it (RFC 9266), in hexadecimal.
    pub channel: String,
    /// The sessions, the oldest first.
    pub sessions: Vec<MirrorSession>,
}

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// No token of ours vouches for it: it was changed on the way, or made there.
    #[error(
        "the token does not vouch for the answer: it was changed on the way, or is not the mirror's"
    )]
    Token,
    /// It is vouched for and cannot be read.
    #[error("the answer cannot be read: {0}")]
    Shape(String),
    /// The mirror has another version.
    #[error("the mirror speaks {0}, and this program {PROTOCOL}")]
    Protocol(String),
}

impl Answer {
    /// The reply that carries it. The largest sessions are left out where it would be
    /// larger than [`LARGEST_ANSWER`]: ours are small, whatever strangers sent.
    pub fn reply(mut self, nonce: &str, token: &Token) -> String {
        self.leave_out_the_largest(octets);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mac = token.mac(ANSWER, &[nonce.as_bytes(), &body]);
        let encoded = BASE64_STANDARD.encode(body);
        let chunks = encoded.as_bytes().chunks(CHUNK);
        let lines = chunks.map(|chunk| format!("250-{}\r\n", String::from_utf8_lossy(chunk)));
        lines.collect::<String>() + &format!("250 {mac}")
    }

    /// Each session is measured once, however many are left out.
    fn leave_out_the_largest(&mut self, octets: impl Fn(&MirrorSession) -> usize) {
        let mut sized: Vec<(usize, MirrorSession)> =
            self.sessions.drain(..).map(|session| (octets(&session), session)).collect();
        // Among equals the newest are kept.
        sized.sort_by_key(|(octets, session)| (*octets, Reverse(session.started_at)));
        let mut room = LARGEST_ANSWER - ENVELOPE;
        for (octets, session) in sized {
            if let Some(rest) = room.checked_sub(octets) {
                room = rest;
                self.sessions.push(session);
                continue;
            }
            let behind = session.started_at.saturating_add(SignedDuration::from_nanos(1));
            self.complete_since = self.complete_since.max(behind.unwrap_or(self.now));
        }
        self.sessions.sort_by_key(|session| session.started_at);
    }

    /// Reads the lines of a reply, without code and line end.
    ///
    /// # Errors
    /// The token does not vouch for it, or it cannot be read.
    pub fn read(lines: &[String], nonce: &str, token: &Token) -> Result<Self, AnswerError> {
        let Some((mac, encoded)) = lines.split_last() else { return Err(AnswerError::Token) };
        let body = BASE64_STANDARD.decode(encoded.concat()).map_err(|_| AnswerError::Token)?;
        if !token.vouches(ANSWER, &[nonce.as_bytes(), &body], mac) {
            return Err(AnswerError::Token);
        }
        let shape = |error: serde_json::Error| AnswerError::Shape(error.to_string());
        let value: serde_json::Value = serde_json::from_slice(&body).map_err(shape)?;
        match value.get("protocol").and_then(serde_json::Value::as_str) {
            Some(PROTOCOL) => serde_json::from_value(value).map_err(shape),
            other => Err(AnswerError::Protocol(other.unwrap_or("no version").to_owned())),
        }
    }
}

/// What a session takes of an answer, with its comma.
fn octets(session: &MirrorSession) -> usize {
    serde_json::to_vec(session).map_or(LARGEST_ANSWER, |text| text.len() + 1)
}

/// One line of a log. The session is kept as the text that is vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// [`PROTOCOL`].
    pub schema: String,
    /// A [`MirrorSession`] as JSON.
    pub session: String,
    /// What vouches for it.
    pub mac: String,
}

impl Logged {
    /// The line of a session.
    ///
    /// # Errors
    /// It can't be written as JSON: nothing is vouched for then.
    pub fn of(session: &MirrorSession, token: &Token) -> serde_json::Result<Self> {
        let session = serde_json::to_string(session)?;
        let mac = token.mac(LOGGED, &[session.as_bytes()]);
        Ok(Self { schema: PROTOCOL.to_owned(), session, mac })
    }

    /// The session, if the token vouches for it.
    ///
    /// # Errors
    /// It does not, or the line is not of this version.
    pub fn read(&self, token: &Token) -> Result<MirrorSession, AnswerError> {
        if self.schema != PROTOCOL {
            return Err(AnswerError::Protocol(self.schema.clone()));
        }
        if !token.vouches(LOGGED, &[self.session.as_bytes()], &self.mac) {
            return Err(AnswerError::Token);
        }
        serde_json::from_str(&self.session).map_err(|error| AnswerError::Shape(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::new("a token for a test, no".replace([' ', ','], "-").as_str()).unwrap()
    }

    fn request() -> Request {
        Request { time: 1_763_766_000, nonce: "0123456789abcdef".repeat(2), age_s: 60 }
    }

    fn session(id: &str, at: i64) -> MirrorSession {
        MirrorSession {
            id: id.into(),
            started_at: Timestamp::from_second(at).unwrap(),
            client: "198.51.100.10:40000".parse().unwrap(),
            address: "203.0.113.5:25".parse().unwrap(),
            presented_sha256: None,
            client_hello: None,
            truncated: false,
            transcript: Vec::new(),
        }
    }

    fn answer(sessions: Vec<MirrorSession>) -> Answer {
        Answer {
            protocol: PROTOCOL.into(),
            tool: "mxray".into(),
            now: Timestamp::from_second(100).unwrap(),
            client: "198.51.100.10:40001".parse().unwrap(),
            complete_since: Timestamp::from_second(1).unwrap(),
            channel: "ab".repeat(32),
            sessions,
        }
    }

    fn lines(reply: &str) -> Vec<String> {
        reply.split("\r\n").map(|line| line[4..].to_owned()).collect()
    }

    #[test]
    fn a_request_reads_back_and_another_token_or_any_change_does_not() {
        let line = request().line(&token());
        let arguments = line.strip_prefix("XMXRAY ").unwrap();
        assert_eq!(Request::read(arguments, &token()), Ok(request()));
        let other = Token::new("another-token-for-a-test").unwrap();
        assert_eq!(Request::read(arguments, &other), Err(Refused::Token));
        let older = arguments.replacen("1763766000", "1763766001", 1);
        assert_eq!(Request::read(&older, &token()), Err(Refused::Token));
        for bad in ["", "1 2 3 4", "1 1 2 3 4", "x", &format!("{arguments} more")] {
            assert_eq!(Request::read(bad, &token()), Err(Refused::Syntax), "{bad}");
        }
        let newer = arguments.replacen('1', "2", 1);
        assert_eq!(Request::read(&newer, &token()), Err(Refused::Version));
        let reply = Refused::Version.reply();
        assert!(reply.starts_with("504 ") && reply.ends_with(PROTOCOL));
    }

    #[test]
    fn a_request_is_fresh_for_five_minutes_either_way() {
        for (seconds, fresh) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)]
        {
            let now = Timestamp::from_second(1_763_766_000 + seconds).unwrap();
            assert_eq!(request().is_fresh(now), fresh, "{seconds}");
        }
        let far = Request { time: i64::MIN, ..request() };
        assert!(!far.is_fresh(Timestamp::from_second(0).unwrap()));
        let stale = |ahead_s| Refused::Stale { ahead_s }.reply();
        assert!(stale(3600).contains("is 3600 s ahead of the one here"));
        assert!(stale(-3600).contains("is 3600 s behind the one here"));
        assert!(stale(i64::MIN).starts_with("454 "));
    }

    #[test]
    fn an_answer_reads_back_with_its_own_nonce_only() {
        let answer = answer(vec![session("a", 5)]);
        let reply = answer.clone().reply("nonce", &token());
        assert!(reply.split("\r\n").all(|line| line.len() + 2 <= LONGEST_LINE));
        assert_eq!(Answer::read(&lines(&reply), "nonce", &token()), Ok(answer));
        let replayed = Answer::read(&lines(&reply), "another", &token());
        assert_eq!(replayed, Err(AnswerError::Token));
        assert_eq!(Answer::read(&[], "nonce", &token()), Err(AnswerError::Token));
        let mut cut = lines(&reply);
        cut.remove(0);
        assert_eq!(Answer::read(&cut, "nonce", &token()), Err(AnswerError::Token));
    }

    #[test]
    fn an_answer_of_another_version_is_said_to_be_one() {
        let newer = Answer { protocol: "mxray/mirror/9".into(), ..answer(Vec::new()) };
        let reply = newer.reply("n", &token());
        let error = Answer::read(&lines(&reply), "n", &token()).unwrap_err();
        assert_eq!(error, AnswerError::Protocol("mxray/mirror/9".into()));
    }

    #[test]
    fn an_answer_over_the_cap_leaves_out_what_is_largest_and_says_so() {
        let mut sessions: Vec<_> = (1..=5).map(|at| session(&at.to_string(), at)).collect();
        for session in sessions.iter_mut().take(4) {
            session.id += &"x".repeat(LARGEST_ANSWER / 3);
        }
        sessions[1].id += "and more";
        let small = sessions[4].clone();
        let reply = answer(sessions).reply("n", &token());
        assert!(reply.split("\r\n").count() <= MOST_LINES);
        let read = Answer::read(&lines(&reply), "n", &token()).unwrap();
        let at: Vec<i64> = read.sessions.iter().map(|it| it.started_at.as_second()).collect();
        assert_eq!(at, [3, 4, 5], "the largest, and of equals the oldest, are left out");
        assert_eq!(read.sessions[2], small);
        assert!(read.complete_since > Timestamp::from_second(2).unwrap());
        assert!(read.complete_since < Timestamp::from_second(3).unwrap());
    }

    /// Every session written anew for each that is left out would keep the mirror busy.
    #[test]
    fn a_shelf_full_of_the_largest_sessions_is_answered_at_once() {
        let mut full = answer((1..=512).map(|at| session("a", at)).collect());
        let written = std::cell::Cell::new(0);
        full.leave_out_the_largest(|_| {
            written.set(written.get() + 1);
            360_000
        });
        assert_eq!((full.sessions.len(), written.get()), (LARGEST_ANSWER / 360_000, 512));

        let largest = || "\u{0}".repeat(60_000);
        let all = (1..=16).map(|at| MirrorSession { id: largest(), ..session("", at) }).collect();
        let reply = answer(all).reply("n", &token());
        let read = Answer::read(&lines(&reply), "n", &token()).unwrap();
        assert_eq!(read.sessions.len(), LARGEST_ANSWER / 360_000, "an octet of zero takes six");
    }

    #[test]
    fn a_line_of_a_log_is_vouched_for() {
        let logged = Logged::of(&session("a", 5), &token()).unwrap();
        assert_eq!(logged.read(&token()).unwrap().id, "a");
        let forged = Logged { session: logged.session.replace("\"a\"", "\"b\""), ..logged };
        assert_eq!(forged.read(&token()), Err(AnswerError::Token));
        let other = Token::new("another-token-for-a-test").unwrap();
        let theirs = Logged::of(&session("a", 5), &other).unwrap();
        assert_eq!(theirs.read(&token()), Err(AnswerError::Token));
    }
}
