//! The secret that a mirror and its user share, and what it vouches for.
//!
//! Owns the message authentication codes: HMAC-SHA256 (RFC 2104) over a word for
//! the purpose and the parts, each with its length, so that no two messages read
//! alike. Refuses to know what is said and when.

use std::fmt;

use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::ConnectionCommon;

use crate::tls::certificate::hex;

/// Octets of a generated token.
const GENERATED: usize = 32;
/// Octets that bind an exchange to its TLS session.
const CHANNEL: usize = 32;
/// RFC 9266 §4.1.
const CHANNEL_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
/// Shortest token that is taken: what somebody makes up at the keyboard can be
/// guessed by whoever sees one exchange.
pub const SHORTEST: usize = 20;
/// Longest token that is taken.
pub const LONGEST: usize = 256;

/// The shared secret.
#[derive(Clone)]
pub struct Token {
    key: hmac::Key,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too short or too long.
    #[error("a token has {SHORTEST} to {LONGEST} characters")]
    Length,
    /// Something that does not survive a command line or a file.
    #[error("a token consists of printable ASCII characters other than @ and blank")]
    Character,
    /// The operating system gives no random octets.
    #[error("no random octets can be had")]
    Random,
}

impl Token {
    /// Reads a token.
    ///
    /// # Errors
    /// It is too short, too long, or has characters that no token has.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        if !(SHORTEST..=LONGEST).contains(&text.len()) {
            return Err(TokenError::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@') {
            return Err(TokenError::Character);
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()) })
    }

    /// The code over a message for a purpose, in lower-case hexadecimal.
    pub(super) fn mac(&self, purpose: &str, parts: &[&[u8]]) -> String {
        hex(hmac::sign(&self.key, &message(purpose, parts)).as_ref())
    }

    /// Whether a code is the one over this message, compared in constant time.
    pub(super) fn vouches(&self, purpose: &str, parts: &[&[u8]], mac: &str) -> bool {
        let Some(mac) = octets(mac) else { return false };
        hmac::verify(&self.key, &message(purpose, parts), &mac).is_ok()
    }
}

/// A new token, as text.
///
/// # Errors
/// The operating system gives no random octets.
pub fn generate() -> Result<String, TokenError> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random::<GENERATED>()?))
}

/// Random octets.
///
/// # Errors
/// The operating system gives none.
pub(super) fn random<const N: usize>() -> Result<[u8; N], TokenError> {
    let mut octets = [0; N];
    rand::fill(&mut octets).map_err(|_| TokenError::Random)?;
    Ok(octets)
}

/// What only the two ends of a TLS session know of it (RFC 9266 §2), in hexadecimal; empty
/// where it cannot be had, which is then no channel that anybody shares.
pub(super) fn channel<Side>(session: &ConnectionCommon<Side>) -> String {
    let octets = session.export_keying_material([0; CHANNEL], CHANNEL_LABEL, Some(&[]));
    octets.map(|octets| hex(&octets)).unwrap_or_default()
}

fn message(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut message = purpose.as_bytes().to_vec();
    for part in parts {
        message.push(b'\n');
        message.extend_from_slice(part.len().to_string().as_bytes());
        message.push(b':');
        message.extend_from_slice(part);
    }
    message
}

fn octets(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_for_its_purpose_its_parts_and_its_token_only() {
        let token = Token::new("0123456789abcdefghij").unwrap();
        let mac = token.mac("ask", &[b"ab", b"c"]);
        assert!(token.vouches("ask", &[b"ab", b"c"], &mac));
        assert!(!token.vouches("ask", &[b"a", b"bc"], &mac), "parts do not run together");
        assert!(!token.vouches("answer", &[b"ab", b"c"], &mac));
        assert!(!token.vouches("ask", &[b"ab", b"c"], &mac[2..]));
        for bad in ["", "zz", &"+1".repeat(32)] {
            assert!(!token.vouches("ask", &[b"ab", b"c"], bad), "{bad}");
        }
        let other = Token::new("0123456789abcdefghiX").unwrap();
        assert!(!other.vouches("ask", &[b"ab", b"c"], &mac));
        assert!(!format!("{token:?}").contains("0123"));
    }

    #[test]
    fn generated_tokens_are_tokens_and_differ() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        assert!(Token::new(&one).is_ok() && Token::new(&other).is_ok());
    }

    #[test]
    fn what_can_be_guessed_or_mangled_is_no_token() {
        assert_eq!(Token::new("short").unwrap_err(), TokenError::Length);
        assert_eq!(Token::new(&"a".repeat(257)).unwrap_err(), TokenError::Length);
        for bad in ["with a blank in it, long", "with@sign-0123456789", "über-0123456789abcdef"] {
            assert_eq!(Token::new(bad).unwrap_err(), TokenError::Character, "{bad}");
        }
    }
}
