//! Text → transcript.
//!
//! Owns the grammar, and a line number for each fault. Refuses to know what the words of
//! a dialogue mean.

use std::net::SocketAddr;
use std::str::{Chars, FromStr};

use super::{ENDED_WORDS, Fault, NotationError, Speaker, TLS_FAILED_PLACES, TLS_PLACES};
use crate::model::tls::Handshake;
use crate::model::transcript::{Ending, Event, EventKind, Transcript};

impl FromStr for Transcript {
    type Err = NotationError;

    fn from_str(text: &str) -> Result<Self, NotationError> {
        let mut events = Vec::new();
        for (index, line) in text.lines().enumerate() {
            read_line(&mut events, line.trim_start())
                .map_err(|fault| NotationError { line: index + 1, fault })?;
        }
        Ok(Self { events })
    }
}

fn read_line(events: &mut Vec<Event>, line: &str) -> Result<(), Fault> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let above = events.last().map_or(0, |event| event.at_us);
    let (at_us, line) = if line.starts_with(|c: char| c.is_ascii_digit()) {
        let (time, rest) = line.split_once(' ').unwrap_or((line, ""));
        (microseconds(time)?, rest.trim_start())
    } else {
        (above, line)
    };
    let (marker, rest) = line.split_once(' ').unwrap_or((line, ""));
    if marker == "--" {
        events.push(Event { at_us, kind: read_statement(rest)? });
        return Ok(());
    }
    let Some((speaker, new_segment)) = Speaker::by_marker(marker) else {
        return Err(Fault::Marker(marker.to_owned()));
    };
    let bytes = read_content(rest)?;
    match open_segment(events, speaker) {
        Some(segment) if !new_segment && at_us == above => segment.extend(bytes),
        _ => events.push(Event { at_us, kind: speaker.event(bytes) }),
    }
    Ok(())
}

/// The bytes of the last event, if they are the speaker's.
fn open_segment(events: &mut [Event], speaker: Speaker) -> Option<&mut Vec<u8>> {
    match (&mut events.last_mut()?.kind, speaker) {
        (EventKind::Received(bytes), Speaker::Peer)
        | (EventKind::Sent(bytes), Speaker::Us)
        | (EventKind::Residue(bytes), Speaker::PeerBehind220) => Some(bytes),
        _ => None,
    }
}

fn microseconds(time: &str) -> Result<u64, Fault> {
    let (whole, decimals) = time.split_once('.').unwrap_or((time, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let rest = (digits(decimals) && decimals.len() <= 3)
        .then(|| format!("{decimals:0<3}").parse::<u64>().ok())
        .flatten();
    whole
        .parse::<u64>()
        .ok()
        .filter(|_| digits(whole))
        .and_then(|whole| whole.checked_mul(1000)?.checked_add(rest?))
        .ok_or_else(|| Fault::Time(time.to_owned()))
}

fn read_content(text: &str) -> Result<Vec<u8>, Fault> {
    let (text, end): (_, &[u8]) = match text.strip_suffix('\\') {
        // An even number of backslashes at the end are escaped ones.
        Some(open) if text.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1 => {
            (open, b"")
        }
        _ => (text, b"\r\n"),
    };
    let mut bytes = Vec::with_capacity(text.len() + end.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        push_char(&mut bytes, c, &mut chars)?;
    }
    bytes.extend(end);
    Ok(bytes)
}

/// Appends what `c` stands for; an escape takes the rest of itself from `chars`.
fn push_char(bytes: &mut Vec<u8>, c: char, chars: &mut Chars<'_>) -> Result<(), Fault> {
    if c.is_control() {
        return Err(Fault::Control(c.into()));
    }
    if c != '\\' {
        bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
        return Ok(());
    }
    let byte = match chars.next() {
        Some('\\') => b'\\',
        Some('"') => b'"',
        Some('r') => b'\r',
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('x') => {
            let digits: String = chars.by_ref().take(2).collect();
            let both = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let byte = both.then(|| u8::from_str_radix(&digits, 16).ok()).flatten();
            byte.ok_or_else(|| Fault::Escape(format!("x{digits}")))?
        }
        other => return Err(Fault::Escape(other.map(String::from).unwrap_or_default())),
    };
    bytes.push(byte);
    Ok(())
}

/// One word behind `--`: `key=value`, or a value alone; the value `-` is `None`.
struct Word {
    key: Option<String>,
    value: Option<String>,
}

impl Word {
    /// The word as far as it matters to a message about it.
    fn shown(self) -> String {
        self.key.or(self.value).unwrap_or_else(|| "-".to_owned())
    }
}

fn read_words(text: &str) -> Result<Vec<Word>, Fault> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let bare = rest.find([' ', '=', '"']).unwrap_or(rest.len());
        let mut key = None;
        if let Some((name, value)) = rest.split_at_checked(bare)
            && let Some(value) = value.strip_prefix('=')
        {
            key = Some(name.to_owned());
            rest = value;
        }
        let (value, behind) = read_value(rest)?;
        words.push(Word { key, value });
        rest = behind.trim_start();
    }
    Ok(words)
}

/// A value at the start of the text, and what stands behind it.
fn read_value(text: &str) -> Result<(Option<String>, &str), Fault> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, behind) = text.split_once(' ').unwrap_or((text, ""));
        return Ok(((value != "-").then(|| value.to_owned()), behind));
    };
    let mut bytes = Vec::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        if c == '"' {
            let value = String::from_utf8(bytes).map_err(|_| Fault::NotUtf8)?;
            return Ok((Some(value), chars.as_str()));
        }
        push_char(&mut bytes, c, &mut chars)?;
    }
    Err(Fault::OpenQuote)
}

fn read_statement(text: &str) -> Result<EventKind, Fault> {
    let (event, rest) = text.split_once(' ').unwrap_or((text, ""));
    let words = read_words(rest)?;
    match event {
        "connected" => read_connected(words),
        "tls" => Ok(EventKind::HandshakeDone(Box::new(read_handshake(words, &TLS_PLACES)?))),
        "tls-failed" => {
            Ok(EventKind::HandshakeFailed(Box::new(read_handshake(words, &TLS_FAILED_PLACES)?)))
        }
        "ended" => read_ended(words),
        other => Err(Fault::Event(other.to_owned())),
    }
}

fn read_connected(words: Vec<Word>) -> Result<EventKind, Fault> {
    let mut words = words.into_iter();
    let Some(from) = words.next() else { return Ok(EventKind::Connected { local: None }) };
    if from.key.is_some() || from.value.as_deref() != Some("from") {
        return Err(Fault::Word(from.shown()));
    }
    let local = words.next().map(Word::shown).unwrap_or_default();
    let local = local.parse::<SocketAddr>().map_err(|_| Fault::Address(local))?;
    no_more(words)?;
    Ok(EventKind::Connected { local: Some(local) })
}

fn read_ended(words: Vec<Word>) -> Result<EventKind, Fault> {
    let mut words = words.into_iter();
    let how = words.next().map(Word::shown).unwrap_or_default();
    let Some((how, _)) = ENDED_WORDS.iter().find(|(_, word)| *word == how) else {
        return Err(Fault::Ended(how));
    };
    let detail = match words.next() {
        Some(Word { key: Some(key), .. }) => return Err(Fault::Word(key)),
        Some(Word { key: None, value }) => value,
        None => None,
    };
    no_more(words)?;
    Ok(EventKind::Ended(Ending { how: *how, detail }))
}

fn no_more(mut words: impl Iterator<Item = Word>) -> Result<(), Fault> {
    words.next().map_or(Ok(()), |word| Err(Fault::Word(word.shown())))
}

/// Facts of a handshake; values without a key belong to `places` in turn.
fn read_handshake(words: Vec<Word>, places: &[&str]) -> Result<Handshake, Fault> {
    let mut handshake = Handshake::default();
    let mut places = places.iter();
    for Word { key, value } in words {
        let Some(key) = key.or_else(|| places.next().map(|place| (*place).to_owned())) else {
            return Err(Fault::Word(value.unwrap_or_else(|| "-".to_owned())));
        };
        if let Some(value) = value {
            set_fact(&mut handshake, key, value)?;
        }
    }
    Ok(handshake)
}

fn set_fact(handshake: &mut Handshake, key: String, value: String) -> Result<(), Fault> {
    let text = match key.as_str() {
        "version" => &mut handshake.version,
        "cipher_suite" => &mut handshake.cipher_suite,
        "key_exchange_group" => &mut handshake.key_exchange_group,
        "failure" => &mut handshake.failure,
        "sni" => &mut handshake.sni,
        "signature_scheme" => &mut handshake.signature_scheme,
        "alert" => &mut handshake.alert,
        "key_proven" => return set_truth(&mut handshake.key_proven, key, value),
        "client_certificate_requested" => {
            return set_truth(&mut handshake.client_certificate_requested, key, value);
        }
        _ => return Err(Fault::Key(key)),
    };
    match text.replace(value) {
        Some(_) => Err(Fault::Key(key)),
        None => Ok(()),
    }
}

fn set_truth(fact: &mut Option<bool>, key: String, value: String) -> Result<(), Fault> {
    let truth = value.parse().map_err(|_| Fault::Bool(value))?;
    match fact.replace(truth) {
        Some(_) => Err(Fault::Key(key)),
        None => Ok(()),
    }
}
