//! The menu: everything that a box on the path may do to STARTTLS.
//!
//! Owns the names. The loopback simulation and the network-namespace lab share
//! them, so that a row of a test matrix means the same in both. Refuses to know
//! how any of it is done.

use std::fmt;
use std::str::FromStr;

/// What a box does to the conversations that pass through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Behaviour {
    /// Nothing: byte for byte.
    #[default]
    Pass,
    /// Deletes the STARTTLS line from the EHLO reply and repairs the last line.
    DropKeyword,
    /// Deletes it, and answers the command itself.
    DropKeywordRefuse(Refusal),
    /// Overwrites the STARTTLS line as Cisco does: `XXXXXXXA`.
    MaskKeyword,
    /// Overwrites it as home-made strippers do: `XXXXXXXX`.
    MaskKeywordX,
    /// Overwrites banner, keywords that it does not know, and verbs that it does
    /// not know (STARTTLS among them), as Cisco's MailGuard does.
    MaskAll,
    /// Answers EHLO with 502, so that the client falls to HELO.
    RefuseEhlo,
    /// Resets the connection instead of passing STARTTLS on.
    ResetAtStarttls,
    /// Passes the server's 220, then resets the connection.
    ResetAfterStarttls,
    /// Resets the connection when the client's first TLS bytes arrive.
    ResetAtClientHello,
    /// Swallows STARTTLS: no answer, connection open.
    SilenceAfterStarttls,
    /// Swallows the client's first TLS bytes: no answer, connection open.
    SilenceAtClientHello,
    /// Ends TLS with a certificate of its own, TLS onward to the server.
    ForeignCertificate,
    /// Ends TLS with a certificate of its own, clear text onward to the server.
    ForeignCertificateClear,
    /// Answers by itself, whatever destination was dialled.
    Relay,
    /// Adds clear text behind the server's 220, in the same write.
    Inject,
    /// Adds a command behind the client's STARTTLS, in the same write.
    InjectCommand,
}

/// The code with which a box refuses STARTTLS itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// 500, syntax error.
    Unrecognized,
    /// 501, syntax error in parameters.
    BadParameter,
    /// 502, not implemented.
    NotImplemented,
    /// 454, TLS not available due to temporary reason (RFC 3207 §4).
    Unavailable,
    /// 200: positive, and yet not the 220 that RFC 3207 asks for.
    Positive,
}

impl Refusal {
    /// The reply as it goes to the client.
    pub(super) fn reply(self) -> &'static [u8] {
        match self {
            Self::Unrecognized => b"500 5.5.1 Command unrecognized\r\n",
            Self::BadParameter => b"501 5.5.4 Syntax error in parameters\r\n",
            Self::NotImplemented => b"502 5.5.1 Command not implemented\r\n",
            Self::Unavailable => b"454 4.7.0 TLS not available due to temporary reason\r\n",
            Self::Positive => b"200 2.0.0 OK\r\n",
        }
    }
}

impl Behaviour {
    /// The whole menu, `Pass` first.
    pub const ALL: [Self; 21] = [
        Self::Pass,
        Self::DropKeyword,
        Self::DropKeywordRefuse(Refusal::Unrecognized),
        Self::DropKeywordRefuse(Refusal::BadParameter),
        Self::DropKeywordRefuse(Refusal::NotImplemented),
        Self::DropKeywordRefuse(Refusal::Unavailable),
        Self::DropKeywordRefuse(Refusal::Positive),
        Self::MaskKeyword,
        Self::MaskKeywordX,
        Self::MaskAll,
        Self::RefuseEhlo,
        Self::ResetAtStarttls,
        Self::ResetAfterStarttls,
        Self::ResetAtClientHello,
        Self::SilenceAfterStarttls,
        Self::SilenceAtClientHello,
        Self::ForeignCertificate,
        Self::ForeignCertificateClear,
        Self::Relay,
        Self::Inject,
        Self::InjectCommand,
    ];

    /// Its name on a command line and in a test matrix.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::DropKeyword => "drop-keyword",
            Self::DropKeywordRefuse(Refusal::Unrecognized) => "drop-keyword-500",
            Self::DropKeywordRefuse(Refusal::BadParameter) => "drop-keyword-501",
            Self::DropKeywordRefuse(Refusal::NotImplemented) => "drop-keyword-502",
            Self::DropKeywordRefuse(Refusal::Unavailable) => "drop-keyword-454",
            Self::DropKeywordRefuse(Refusal::Positive) => "drop-keyword-200",
            Self::MaskKeyword => "mask-keyword",
            Self::MaskKeywordX => "mask-keyword-x",
            Self::MaskAll => "mask-all",
            Self::RefuseEhlo => "refuse-ehlo",
            Self::ResetAtStarttls => "reset-at-starttls",
            Self::ResetAfterStarttls => "reset-after-starttls",
            Self::ResetAtClientHello => "reset-at-client-hello",
            Self::SilenceAfterStarttls => "silence-after-starttls",
            Self::SilenceAtClientHello => "silence-at-client-hello",
            Self::ForeignCertificate => "foreign-certificate",
            Self::ForeignCertificateClear => "foreign-certificate-clear",
            Self::Relay => "relay",
            Self::Inject => "inject",
            Self::InjectCommand => "inject-command",
        }
    }

    /// Whether the box needs certificates of its own.
    pub fn ends_tls(self) -> bool {
        matches!(self, Self::ForeignCertificate | Self::ForeignCertificateClear)
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that is not on the menu.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no middlebox behaviour is called {0:?}; the menu is {menu}", menu = menu())]
pub struct UnknownBehaviour(String);

fn menu() -> String {
    Behaviour::ALL.map(Behaviour::name).join(", ")
}

impl FromStr for Behaviour {
    type Err = UnknownBehaviour;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|behaviour| behaviour.name() == name)
            .ok_or_else(|| UnknownBehaviour(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_its_own_and_reads_back() {
        let names: BTreeSet<_> = Behaviour::ALL.map(Behaviour::name).into();
        assert_eq!(names.len(), Behaviour::ALL.len());
        for behaviour in Behaviour::ALL {
            assert_eq!(behaviour.to_string().parse(), Ok(behaviour));
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_menu() {
        let error = "drop".parse::<Behaviour>().unwrap_err().to_string();
        assert!(error.contains("\"drop\"") && error.contains("drop-keyword-454"), "{error}");
    }
}
