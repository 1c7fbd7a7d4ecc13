//! The words for a handshake that was not completed.
//!
//! Owns the names of alerts (RFC 8446 §6) and the phrases of
//! [`Handshake::failure`](crate::model::tls::Handshake::failure). Refuses to know
//! sockets: it is told what was seen.

use std::{fmt, io};

/// What brought a handshake to its end before it was complete.
#[derive(Debug)]
pub(super) enum Stop {
    /// The deadline passed.
    Silence,
    /// The peer closed the connection in good order.
    Closed,
    /// The connection was reset.
    Reset,
    /// The socket failed in another way.
    Io(io::Error),
    /// The peer sent more than we are willing to hold.
    TooLong,
    /// rustls gave up.
    Tls(rustls::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::TimedOut => Self::Silence,
            _ => Self::Io(error),
        }
    }
}

impl Stop {
    /// The phrase for the report; `after` is the last message that was seen.
    pub(super) fn words(&self, after: &str) -> String {
        match self {
            Self::Silence => format!("silence after {after}"),
            Self::Closed => format!("closed after {after}"),
            Self::Reset => format!("reset after {after}"),
            Self::Io(error) => format!("{} after {after}", error.kind()),
            Self::TooLong => format!("too many bytes after {after}"),
            Self::Tls(rustls::Error::AlertReceived(alert)) => {
                format!("alert {}", alert_name(u8::from(*alert)))
            }
            Self::Tls(error) => format!("protocol error after {after}: {}", breach(error)),
        }
    }

    /// The alert, if that is what ended it.
    pub(super) fn alert(&self) -> Option<String> {
        match self {
            Self::Tls(error) => alert_of(error),
            _ => None,
        }
    }
}

/// The alert that the peer sent, inside an error of reading from a TLS stream.
///
/// A TLS 1.3 server that rejects the client has by then completed the client's
/// side of the handshake: its alert comes at the first read (RFC 8446 §4.4.4).
/// The name is that of RFC 8446 §6, `handshake_failure` for example.
pub fn alert_in(error: &io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<rustls::Error>().and_then(alert_of)
}

/// What a read or write on a TLS stream failed of, without the names that rustls
/// gives to it in code.
pub fn in_words(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    tls.map_or_else(|| error.to_string(), breach)
}

/// How the peer broke the protocol.
fn breach(error: &rustls::Error) -> String {
    use rustls::Error;
    match error {
        Error::InvalidMessage(why) => format!("a message that cannot be read ({})", spaced(why)),
        Error::PeerIncompatible(why) => format!("nothing in common ({})", spaced(why)),
        Error::PeerMisbehaved(why) => format!("against the rules of TLS ({})", spaced(why)),
        Error::InappropriateMessage { got_type, .. } => out_of_turn(got_type),
        Error::InappropriateHandshakeMessage { got_type, .. } => out_of_turn(got_type),
        Error::InvalidCertificate(why) => {
            format!("a certificate that cannot be used ({})", spaced(why))
        }
        Error::AlertReceived(alert) => format!("alert {}", alert_name(u8::from(*alert))),
        other => other.to_string(),
    }
}

fn out_of_turn(got: &impl fmt::Debug) -> String {
    format!("a message out of turn ({})", spaced(got))
}

/// `HandshakePayloadTooLarge` as words; what it holds is left out.
fn spaced(name: &impl fmt::Debug) -> String {
    let name = format!("{name:?}");
    let mut text = String::with_capacity(name.len() + 8);
    for letter in name.chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    let words = text.split(' ').map(|word| match word {
        "ccs" => "change_cipher_spec",
        "dh" => "Diffie-Hellman",
        "ec" => "elliptic-curve",
        "kx" => "key exchange",
        "or13" => "or 1.3",
        "tls" => "TLS",
        "tls12" => "TLS 1.2",
        "tls13" => "TLS 1.3",
        other => other,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn alert_of(error: &rustls::Error) -> Option<String> {
    match error {
        rustls::Error::AlertReceived(alert) => Some(alert_name(u8::from(*alert))),
        _ => None,
    }
}

/// The name of an alert (RFC 8446 §6; RFC 5246 §7.2 for those since withdrawn).
pub(super) fn alert_name(code: u8) -> String {
    let name = match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => return format!("unknown_{code}"),
    };
    name.to_owned()
}

/// Whether the first bytes can be a TLS record: a content type of RFC 8446 §5.1
/// and, where it is there, major version 3. No bytes at all can become one.
pub(super) fn may_be_tls(head: &[u8]) -> bool {
    match head {
        [] => true,
        [kind] => (20..=24).contains(kind),
        [kind, major, ..] => (20..=24).contains(kind) && *major == 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_alerts_as_rfc_8446_does() {
        assert_eq!(alert_name(40), "handshake_failure");
        assert_eq!(alert_name(112), "unrecognized_name");
        assert_eq!(alert_name(200), "unknown_200");
    }

    #[test]
    fn an_alert_is_found_inside_an_io_error() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
        let error = io::Error::new(io::ErrorKind::InvalidData, alert);
        assert_eq!(alert_in(&error).as_deref(), Some("certificate_required"));
        assert_eq!(alert_in(&io::ErrorKind::ConnectionReset.into()), None);
    }

    #[test]
    fn names_of_code_become_words() {
        use rustls::{CertificateError, InvalidMessage, PeerIncompatible, PeerMisbehaved};
        let got_type = rustls::ContentType::ApplicationData;
        for (error, words) in [
            (
                rustls::Error::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge),
                "a message that cannot be read (handshake payload too large)",
            ),
            (
                rustls::Error::InvalidMessage(InvalidMessage::MissingData("ServerName")),
                "a message that cannot be read (missing data)",
            ),
            (
                rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
                "nothing in common (server does not support TLS 1.2 or 1.3)",
            ),
            (
                rustls::Error::PeerMisbehaved(PeerMisbehaved::TooMuchEarlyDataReceived),
                "against the rules of TLS (too much early data received)",
            ),
            (
                rustls::Error::InappropriateMessage { expect_types: Vec::new(), got_type },
                "a message out of turn (application data)",
            ),
            (
                rustls::Error::InvalidCertificate(CertificateError::BadEncoding),
                "a certificate that cannot be used (bad encoding)",
            ),
            (rustls::Error::DecryptError, "cannot decrypt peer's message"),
        ] {
            let error = Stop::Tls(error);
            assert_eq!(
                error.words("ServerHello"),
                format!("protocol error after ServerHello: {words}")
            );
        }
        let wrapped = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let late = wrapped(rustls::Error::InvalidMessage(InvalidMessage::InvalidCcs));
        let words = "a message that cannot be read (invalid change_cipher_spec)";
        assert_eq!(in_words(&late), words);
        assert_eq!(in_words(&io::ErrorKind::TimedOut.into()), "timed out");
    }

    #[test]
    fn clear_text_is_no_tls_and_nothing_may_become_it() {
        assert!(may_be_tls(b""));
        assert!(may_be_tls(&[22, 3, 1]));
        assert!(!may_be_tls(b"2"));
        assert!(!may_be_tls(&[22, 2]));
    }
}
