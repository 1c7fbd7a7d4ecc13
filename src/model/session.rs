//! A transcript read back: what the server said and how far it went.
//!
//! Owns the facts of one session. Reading is total (`smtp::read`): whatever the
//! peer sent, there is a session. Refuses to compare or to judge.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::transcript::Ended;

/// A stage of a session that was completed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// TCP connection up.
    Connected,
    /// A complete greeting.
    Greeting,
    /// A complete positive reply to EHLO or HELO.
    Ehlo,
    /// A complete reply to STARTTLS with code 220.
    Starttls,
    /// TLS handshake done.
    Handshake,
    /// A complete positive reply to EHLO inside TLS.
    EhloTls,
    /// QUIT sent.
    Quit,
}

impl Stage {
    /// All of them, in the order of a session that begins in clear (RFC 3207).
    pub const ALL: [Self; 7] = [
        Self::Connected,
        Self::Greeting,
        Self::Ehlo,
        Self::Starttls,
        Self::Handshake,
        Self::EhloTls,
        Self::Quit,
    ];

    /// What a session is about that has not completed this stage yet, for people.
    pub fn under_way(self) -> &'static str {
        match self {
            Self::Connected => "connecting",
            Self::Greeting => "waiting for the greeting",
            Self::Ehlo => "at EHLO",
            Self::Starttls => "at STARTTLS",
            Self::Handshake => "in the TLS handshake",
            Self::EhloTls => "at EHLO inside TLS",
            Self::Quit => "at QUIT",
        }
    }
}

/// One session: what the server said and how far it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Stages completed, in order.
    pub stages: Vec<Stage>,
    /// The stage that was under way when the connection ended; `None` after QUIT.
    pub stopped_at: Option<Stage>,
    /// By whom or by what the connection was over; `None` if the transcript does not say.
    pub ended: Option<Ended>,
    /// More about the end, for people.
    pub error: Option<String>,
    /// Time to the TCP connection.
    pub connect_us: Option<u64>,
    /// From the connection to the greeting's last byte.
    pub greeting_us: Option<u64>,
    /// From the 220 to STARTTLS (or the connection, with implicit TLS) to the handshake's end.
    pub handshake_us: Option<u64>,
    /// The whole session.
    pub duration_us: u64,
    /// Our own address, as the operating system chose or we bound it.
    pub local: Option<std::net::SocketAddr>,
    /// The greeting.
    pub greeting: Option<Greeting>,
    /// The first EHLO's (or HELO's) answer.
    pub ehlo: Option<EhloAnswer>,
    /// STARTTLS: whether it was offered, and what came of it.
    pub starttls: Starttls,
    /// EHLO inside TLS.
    pub ehlo_tls: Option<EhloTls>,
    /// What was odd about the replies, each once.
    pub oddities: Vec<Oddity>,
}

/// The greeting (RFC 5321 §4.2, §4.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Greeting {
    /// Reply code.
    pub code: u16,
    /// The text of each line, control and non-UTF-8 bytes as `\xNN`.
    pub lines: Vec<String>,
    /// Whether a line looks as Cisco's MailGuard leaves it: asterisks, `2`, `0`, blanks.
    pub masked: bool,
}

/// The verb that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum HelloVerb {
    /// EHLO: extensions can be offered.
    Ehlo,
    /// HELO, after EHLO was refused: nothing can be offered.
    Helo,
}

impl HelloVerb {
    /// As it is sent.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
        }
    }
}

/// The answer to EHLO or HELO in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EhloAnswer {
    /// Reply code.
    pub code: u16,
    /// The verb that this answers.
    pub verb: HelloVerb,
    /// The first line: a greeting, never a keyword (RFC 5321 §4.1.1.1).
    pub greeting: Option<String>,
    /// The keywords, in order.
    pub keywords: Vec<Keyword>,
    /// The lines that look masked, in order.
    pub masked: Vec<MaskedLine>,
    /// Our address as the server says that it sees it, where it says so.
    pub client_address_seen: Option<String>,
    /// The code with which EHLO was refused before HELO was tried.
    pub refused_with: Option<u16>,
}

/// One EHLO keyword line (RFC 5321 §4.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Keyword {
    /// The keyword in upper case.
    pub name: String,
    /// Its parameters as sent; `None` where it has none.
    pub params: Option<String>,
}

/// Which kind of mask a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MaskKind {
    /// Cisco: (n-1) × `X`, then a letter that runs A, B, C… over the masked lines.
    CiscoLetters,
    /// Nothing but `X`: home-made strippers and old reports.
    PlainX,
}

/// One masked EHLO line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MaskedLine {
    /// The line as seen.
    pub text: String,
    /// Its kind.
    pub kind: MaskKind,
    /// Place among the lines behind the first, from 0 (the order of the server's own list).
    pub position: usize,
    /// Length of the whole line in octets, parameters included: a mask keeps it.
    pub length: usize,
    /// The nearest unmasked keyword before it.
    pub after: Option<String>,
    /// The nearest unmasked keyword after it.
    pub before: Option<String>,
}

/// A reply, for the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplyText {
    /// Reply code.
    pub code: u16,
    /// Text of all lines, joined by a newline, control and non-UTF-8 bytes as `\xNN`.
    pub text: String,
}

/// What came of STARTTLS.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum StarttlsOutcome {
    /// The session ended before STARTTLS was sent.
    NotReached,
    /// 5xx, and it was not offered.
    RefusedUnoffered,
    /// 5xx, although it was offered.
    Refused,
    /// 4xx.
    Tempfailed,
    /// Another code than RFC 3207 §4 knows: 200, 250, 354, …
    UnexpectedCode,
    /// 220, and it was offered.
    Accepted,
    /// 220, although it was not offered (or could not be, after HELO).
    AcceptedUnoffered,
    /// No complete reply in time.
    NoReply,
    /// The connection was closed or reset instead of a reply.
    Closed,
}

/// STARTTLS in one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Starttls {
    /// Whether the EHLO answer offered it; `None` after HELO or without an answer: unknown.
    pub offered: Option<bool>,
    /// The reply to the command.
    pub reply: Option<ReplyText>,
    /// What came of it.
    pub outcome: StarttlsOutcome,
    /// Whether the reply quotes exactly eight X's where the command stood:
    /// the command was overwritten on the way (docs/detection.md §1 (d)).
    /// `None` without a reply.
    pub echo_masked: Option<bool>,
    /// Bytes that stood in clear behind the 220.
    /// `None` without a 220.
    pub residue_bytes: Option<u64>,
}

/// The answer to EHLO inside TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EhloTls {
    /// Reply code.
    pub code: u16,
    /// The keywords, in order.
    pub keywords: Vec<Keyword>,
}

/// Something odd about what the peer sent. Not a judgement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Oddity {
    /// A reply line longer than 512 octets (RFC 5321 §4.5.3.1.5).
    LongLine,
    /// Lines ended with a bare LF (RFC 5321 §2.3.8).
    BareLf,
    /// Codes differ between the lines of one reply (RFC 5321 §4.2.1).
    MixedCodes,
    /// No blank after the code of the last line.
    MissingBlank,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A NUL or another control character inside a line.
    ControlCharacters,
    /// Bytes behind the end of a reply, outside STARTTLS.
    TrailingBytes,
    /// The cap on bytes or lines of a reply was hit.
    CapHit,
    /// What was received is not an SMTP reply.
    NotSmtp,
    /// `STARTTLS` stands on the first EHLO line, which is the greeting line.
    StarttlsOnGreetingLine,
    /// The peer spoke in clear where TLS was to begin.
    #[serde(rename = "clear-text-after-220")]
    ClearTextAfter220,
}
