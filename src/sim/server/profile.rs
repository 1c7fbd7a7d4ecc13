//! What a scripted mail server is like, as data.
//!
//! Owns what can be odd about one. Refuses to know sockets.

use std::time::Duration;

use crate::sim::pki::{Flaw, TlsRange};

use super::software::Software;

/// A mail server. Start from [`Profile::new`] and change fields.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name that it gives itself.
    pub host: String,
    /// Whose manner it has.
    pub software: Software,
    /// How it greets.
    pub greeting: Greeting,
    /// EHLO lines behind the first; STARTTLS among them where it stands in the
    /// software's list, and left out as [`Starttls`] says.
    pub keywords: Vec<String>,
    /// The code with which it refuses EHLO, if it does.
    pub refuses_ehlo: Option<u16>,
    /// What it does about STARTTLS.
    pub starttls: Starttls,
    /// Whether TLS comes before the greeting (RFC 8314 §3.3).
    pub implicit_tls: bool,
    /// Versions and suites.
    pub tls: TlsRange,
    /// What is wrong with its certificate.
    pub flaw: Flaw,
}

impl Profile {
    /// A server in good order, with the software's own EHLO list.
    pub fn new(software: Software, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            software,
            greeting: Greeting::default(),
            keywords: software.keywords().iter().map(|line| (*line).to_owned()).collect(),
            refuses_ehlo: None,
            starttls: Starttls::default(),
            implicit_tls: false,
            tls: TlsRange::default(),
            flaw: Flaw::default(),
        }
    }
}

/// How a server greets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// 220, or 421, 450, 521, 554: then nothing but QUIT is answered, and after
    /// 421 the server closes.
    pub code: u16,
    /// Lines `code-…` that come before the pause, as postscreen's teaser does.
    pub teaser: Vec<String>,
    /// Pause before the last line.
    pub delay: Duration,
}

impl Default for Greeting {
    fn default() -> Self {
        Self { code: 220, teaser: Vec::new(), delay: Duration::ZERO }
    }
}

/// What a server does about STARTTLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Starttls {
    /// Offers it and does it.
    #[default]
    Works,
    /// Neither offers nor does it.
    Hidden,
    /// Does not offer it, and does it all the same.
    HiddenYetWorks,
    /// Offers it, and answers 454.
    DeadKey,
    /// Prints it on the first EHLO line, where the greeting belongs.
    OnGreetingLine,
    /// Offers it again inside TLS, against RFC 3207 §4.2.
    AgainInsideTls,
    /// Carries commands that came in clear behind STARTTLS into the TLS session.
    InjectionProne,
    /// Says 220 and answers the ClientHello with text.
    NotTls,
    /// Answers any ClientHello with a ServerHello of TLS 1.0 and goes no further.
    Tls10Only,
    /// Hangs up on a ClientHello that offers X25519MLKEM768, as where the large
    /// second hello that such a server asks for is lost.
    LosesPostQuantum,
}

impl Starttls {
    /// Whether the keyword stands in its place in the EHLO reply.
    pub(super) fn is_offered(self, inside_tls: bool) -> bool {
        match self {
            Self::Hidden | Self::HiddenYetWorks | Self::OnGreetingLine => false,
            Self::AgainInsideTls => true,
            _ => !inside_tls,
        }
    }
}
