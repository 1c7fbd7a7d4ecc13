//! How well-known mail servers word what they say.
//!
//! Owns greeting, EHLO lists in their usual order, and replies. Refuses to know
//! when any of it is said.

use std::net::IpAddr;

/// A mail server whose manner is imitated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Software {
    /// Postfix.
    #[default]
    Postfix,
    /// Exim.
    Exim,
    /// OpenSMTPD.
    OpenSmtpd,
    /// Sendmail, which quotes a command that it does not know.
    Sendmail,
    /// Exchange Online, which quotes a command that it does not know.
    Exchange,
    /// Gmail.
    Gmail,
}

impl Software {
    /// All of them, for matrices.
    pub const ALL: [Self; 6] =
        [Self::Postfix, Self::Exim, Self::OpenSmtpd, Self::Sendmail, Self::Exchange, Self::Gmail];

    /// EHLO keywords in the software's usual order, with parameters.
    pub fn keywords(self) -> &'static [&'static str] {
        match self {
            Self::Postfix => &[
                "PIPELINING",
                "SIZE 10240000",
                "VRFY",
                "ETRN",
                "STARTTLS",
                "ENHANCEDSTATUSCODES",
                "8BITMIME",
                "DSN",
                "SMTPUTF8",
                "CHUNKING",
            ],
            Self::Exim => {
                &["SIZE 52428800", "8BITMIME", "PIPELINING", "CHUNKING", "STARTTLS", "PRDR", "HELP"]
            }
            Self::OpenSmtpd => {
                &["8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 36700160", "DSN", "STARTTLS", "HELP"]
            }
            Self::Sendmail => &[
                "ENHANCEDSTATUSCODES",
                "PIPELINING",
                "8BITMIME",
                "SIZE",
                "DSN",
                "ETRN",
                "STARTTLS",
                "DELIVERBY",
                "HELP",
            ],
            Self::Exchange => &[
                "SIZE 157286400",
                "PIPELINING",
                "DSN",
                "ENHANCEDSTATUSCODES",
                "STARTTLS",
                "8BITMIME",
                "BINARYMIME",
                "CHUNKING",
                "SMTPUTF8",
            ],
            Self::Gmail => &[
                "SIZE 157286400",
                "8BITMIME",
                "STARTTLS",
                "ENHANCEDSTATUSCODES",
                "PIPELINING",
                "CHUNKING",
                "SMTPUTF8",
            ],
        }
    }

    /// The text of the greeting.
    pub(super) fn banner(self, host: &str) -> String {
        match self {
            Self::Postfix => format!("{host} ESMTP Postfix"),
            Self::Exim => format!("{host} ESMTP Exim 4.98 Sun, 22 Nov 2026 01:00:00 +0000"),
            Self::OpenSmtpd => format!("{host} ESMTP OpenSMTPD"),
            Self::Sendmail => {
                format!("{host} ESMTP Sendmail 8.18.1/8.18.1; Sun, 22 Nov 2026 01:00:00 GMT")
            }
            Self::Exchange => format!(
                "{host} Microsoft ESMTP MAIL Service ready at Sun, 22 Nov 2026 01:00:00 +0000"
            ),
            Self::Gmail => format!("{host} ESMTP 5b1f17b1804b1-42cb5f5e1d0si5123 - gsmtp"),
        }
    }

    /// The first line in reply to EHLO, and the text in reply to HELO.
    pub(super) fn hello(self, host: &str, argument: &str, client: IpAddr) -> String {
        let client = match client {
            IpAddr::V4(v4) => format!("[{v4}]"),
            IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
        };
        match self {
            Self::Postfix => host.to_owned(),
            Self::Exim => format!("{host} Hello {argument} {client}"),
            Self::OpenSmtpd | Self::Sendmail => {
                format!("{host} Hello {argument} {client}, pleased to meet you")
            }
            Self::Exchange => format!("{host} Hello {client}"),
            Self::Gmail => format!("{host} at your service, {client}"),
        }
    }

    /// The reply to STARTTLS before the handshake.
    pub(super) fn ready(self) -> &'static str {
        match self {
            Self::Exim => "220 TLS go ahead",
            Self::Exchange => "220 2.0.0 SMTP server ready",
            _ => "220 2.0.0 Ready to start TLS",
        }
    }

    /// The reply to STARTTLS where the server's key cannot be used.
    pub(super) fn dead_key(self) -> &'static str {
        match self {
            Self::Postfix => "454 4.7.0 TLS not available due to local problem",
            Self::Exim => "454 TLS currently unavailable",
            Self::Sendmail => "454 4.3.3 TLS not available after start",
            _ => "454 4.7.0 TLS not available due to temporary reason",
        }
    }

    /// The reply to STARTTLS where this client is not to know of it.
    pub(super) fn hidden(self) -> String {
        match self {
            Self::Postfix => "502 5.5.1 Error: command not implemented".to_owned(),
            Self::Exim => "503 STARTTLS command used when not advertised".to_owned(),
            Self::OpenSmtpd => "503 5.5.1 Invalid command: Command not supported".to_owned(),
            _ => self.unknown("STARTTLS"),
        }
    }

    /// The reply to a command that the server does not know.
    pub(super) fn unknown(self, command: &str) -> String {
        match self {
            Self::Postfix => "502 5.5.2 Error: command not recognized".to_owned(),
            Self::Exim => "500 unrecognized command".to_owned(),
            Self::OpenSmtpd => "500 5.5.1 Invalid command: Command unrecognized".to_owned(),
            Self::Sendmail => format!("500 5.5.1 Command unrecognized: \"{command}\""),
            Self::Exchange => format!("500 5.3.3 Unrecognized command '{command}'"),
            Self::Gmail => "502 5.5.1 Unrecognized command. - gsmtp".to_owned(),
        }
    }

    /// The reply to NOOP and RSET.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Exim => "250 OK",
            _ => "250 2.0.0 OK",
        }
    }

    /// The reply to QUIT.
    pub(super) fn bye(self, host: &str) -> String {
        match self {
            Self::Postfix | Self::OpenSmtpd => "221 2.0.0 Bye".to_owned(),
            Self::Exim => format!("221 {host} closing connection"),
            Self::Sendmail => format!("221 2.0.0 {host} closing connection"),
            Self::Exchange => "221 2.0.0 Service closing transmission channel".to_owned(),
            Self::Gmail => "221 2.0.0 closing connection - gsmtp".to_owned(),
        }
    }
}
