//! What the mirror says, without I/O: a line in, a reply out.
//!
//! Owns the server's half of SMTP up to STARTTLS. It has no way to take mail: every
//! command of a mail transaction is refused for good (RFC 5321 §4.2.1), and so are
//! those that ask for more than a greeting. Refuses to know sockets, clocks and
//! tokens.

use std::net::IpAddr;

use super::words::VERB;

/// Keywords of EHLO, STARTTLS among the others as in usual servers. There are
/// several of eight letters: a box that masks or deletes them shows which it knows.
const KEYWORDS: [&str; 7] = [
    "PIPELINING",
    "SIZE 10240000",
    "STARTTLS",
    "ENHANCEDSTATUSCODES",
    "8BITMIME",
    "SMTPUTF8",
    "CHUNKING",
];
/// How much of a command that is not known is quoted back: a box that overwrites
/// commands is seen by what the server quotes.
const QUOTED: usize = 64;
/// Refusals before the session is ended.
const MOST_REFUSALS: u32 = 10;

/// One session's half of the dialogue.
#[derive(Debug)]
pub(super) struct Dialogue {
    host: String,
    id: String,
    client: IpAddr,
    inside_tls: bool,
    refusals: u32,
}

/// What follows a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another command.
    Continue,
    /// The handshake.
    StartTls,
    /// The end of the session.
    Close,
    /// The reply is made by whoever knows the token; these are the arguments.
    Exchange(String),
}

/// A reply with its line ends, and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Empty where it is [`Next::Exchange`].
    pub(super) reply: String,
    pub(super) next: Next,
}

fn turn(reply: impl AsRef<str>, next: Next) -> Turn {
    Turn { reply: format!("{}\r\n", reply.as_ref()), next }
}

impl Dialogue {
    pub(super) fn new(host: &str, id: &str, client: IpAddr, inside_tls: bool) -> Self {
        let (host, id) = (host.to_owned(), id.to_owned());
        Self { host, id, client: client.to_canonical(), inside_tls, refusals: 0 }
    }

    /// The greeting (RFC 5321 §4.3.1). The id tells which recording is of this session,
    /// as the ids in greetings of large providers do.
    pub(super) fn greeting(&self) -> String {
        format!("220 {} ESMTP {}\r\n", self.host, self.id)
    }

    /// The handshake is done: both sides forget what they knew (RFC 3207 §4.2).
    pub(super) fn secured(&mut self) {
        self.inside_tls = true;
        self.refusals = 0;
    }

    /// Answers one command.
    pub(super) fn command(&mut self, line: &[u8]) -> Turn {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_ascii_end();
        let (verb, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        let turn = self.answer(verb, argument.trim_ascii());
        if turn.reply.starts_with('5') {
            self.refusals += 1;
        }
        if self.refusals >= MOST_REFUSALS && turn.next == Next::Continue {
            return self.too_many();
        }
        turn
    }

    fn answer(&self, verb: &str, argument: &str) -> Turn {
        let refused = |reply: &str| turn(reply, Next::Continue);
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if argument.is_empty() => refused("501 5.5.4 Syntax: EHLO hostname"),
            "EHLO" => self.ehlo(),
            "HELO" => turn(format!("250 {}", self.host), Next::Continue),
            "STARTTLS" => self.starttls(argument),
            "NOOP" | "RSET" => turn("250 2.0.0 OK", Next::Continue),
            "QUIT" => {
                turn(format!("221 2.0.0 {} closing connection {}", self.host, self.id), Next::Close)
            }
            "MAIL" => refused("550 5.7.1 No mail is accepted here"),
            "RCPT" => refused("550 5.7.1 No mail is accepted here, and none is relayed"),
            "DATA" => refused("503 5.5.1 No mail is accepted here"),
            // Its octets follow whatever is answered (RFC 3030 §2): nothing that is read
            // from here on would be a command.
            "BDAT" => turn("550 5.7.1 No mail is accepted here", Next::Close),
            "AUTH" => refused("502 5.5.1 Nobody has an account here"),
            "VRFY" | "EXPN" => refused("550 5.7.1 Nobody has a mailbox here"),
            "ETRN" | "HELP" => refused("502 5.5.1 Command not implemented"),
            VERB if self.inside_tls => {
                Turn { reply: String::new(), next: Next::Exchange(argument.to_owned()) }
            }
            _ => refused(&unknown(verb)),
        }
    }

    fn ehlo(&self) -> Turn {
        let offered = KEYWORDS.iter().filter(|word| !self.inside_tls || **word != "STARTTLS");
        let mut lines = vec![format!("{} at your service, [{}]", self.host, self.client)];
        lines.extend(offered.map(|word| (*word).to_owned()));
        let last = lines.len().saturating_sub(1);
        let lines = lines.iter().enumerate();
        let lines = lines.map(|(at, line)| {
            let separator = if at == last { ' ' } else { '-' };
            format!("250{separator}{line}")
        });
        turn(lines.collect::<Vec<_>>().join("\r\n"), Next::Continue)
    }

    fn starttls(&self, argument: &str) -> Turn {
        if self.inside_tls {
            return turn("503 5.5.1 TLS is active already", Next::Continue);
        }
        // RFC 3207 §4: no parameter.
        if !argument.is_empty() {
            return turn("501 5.5.4 Syntax: STARTTLS", Next::Continue);
        }
        turn("220 2.0.0 Ready to start TLS", Next::StartTls)
    }

    /// RFC 5321 §3.8: a server that gives up says so.
    pub(super) fn too_many(&self) -> Turn {
        turn(format!("421 4.7.0 {} Too many errors", self.host), Next::Close)
    }

    /// A line or a session over its cap.
    pub(super) fn too_long(&self) -> Turn {
        turn(format!("421 4.7.0 {} Too much was said", self.host), Next::Close)
    }

    /// Nothing was said for too long.
    pub(super) fn idle(&self) -> Turn {
        turn(format!("421 4.4.2 {} Timeout exceeded", self.host), Next::Close)
    }
}

/// Whatever stands where the command should, quoted.
fn unknown(verb: &str) -> String {
    let shown = verb.chars().take(QUOTED);
    let shown: String = shown.map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
    format!("500 5.5.1 Command unrecognized: \"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialogue(inside_tls: bool) -> Dialogue {
        let client = "198.51.100.10".parse().unwrap();
        Dialogue::new("mirror.example.net", "k3jx", client, inside_tls)
    }

    fn says(line: &str) -> Turn {
        dialogue(false).command(line.as_bytes())
    }

    #[test]
    fn it_greets_and_lists_keywords_as_usual_servers_do() {
        assert_eq!(dialogue(false).greeting(), "220 mirror.example.net ESMTP k3jx\r\n");
        let ehlo = says("ehlo probe.example.org\r\n").reply;
        assert!(ehlo.starts_with("250-mirror.example.net at your service, [198.51.100.10]\r\n"));
        assert!(ehlo.contains("\r\n250-STARTTLS\r\n") && ehlo.ends_with("\r\n250 CHUNKING\r\n"));
        let inside = dialogue(true).command(b"EHLO p\r\n").reply;
        assert!(!inside.contains("STARTTLS"), "RFC 3207 §4.2");
        assert_eq!(says("EHLO\r\n").reply, "501 5.5.4 Syntax: EHLO hostname\r\n");
    }

    #[test]
    fn no_mail_is_taken_by_any_command_before_or_inside_tls() {
        let lines = [
            "MAIL FROM:<a@example.net>",
            "RCPT TO:<b@example.net>",
            "DATA",
            "BDAT 5 LAST",
            "AUTH PLAIN",
            "AUTH",
            "VRFY root",
            "EXPN list",
            "ETRN x",
            "mail from:<>",
            "SEND FROM:<a@b>",
            "TURN",
        ];
        for line in lines {
            for inside_tls in [false, true] {
                let turn = dialogue(inside_tls).command(line.as_bytes());
                assert!(turn.reply.starts_with('5'), "{line}: {}", turn.reply);
                assert_ne!(turn.next, Next::StartTls);
            }
        }
        assert_eq!(says("BDAT 5 LAST").next, Next::Close, "what follows is no command");
    }

    #[test]
    fn starttls_takes_no_parameter_and_is_not_done_twice() {
        assert_eq!(says("STARTTLS\r\n").next, Next::StartTls);
        assert!(says("STARTTLS now\r\n").reply.starts_with("501 "));
        assert!(dialogue(true).command(b"STARTTLS").reply.starts_with("503 "));
    }

    #[test]
    fn a_command_that_is_not_known_is_quoted_without_its_control_characters() {
        assert_eq!(says("XXXXXXXX").reply, "500 5.5.1 Command unrecognized: \"XXXXXXXX\"\r\n");
        let odd = says(&format!("\u{1b}[2J\"é{}", "a".repeat(500))).reply;
        assert!(odd.len() < 120 && odd.is_ascii() && !odd.contains('\u{1b}'), "{odd}");
    }

    #[test]
    fn the_exchange_is_unknown_outside_tls() {
        assert!(says("XMXRAY 1 2 3 4").reply.starts_with("500 5.5.1 Command unrecognized"));
        let inside = dialogue(true).command(b"XMXRAY 1 2 3 4\r\n");
        assert_eq!(inside.next, Next::Exchange("1 2 3 4".into()));
    }

    #[test]
    fn who_only_makes_errors_is_sent_away() {
        let mut dialogue = dialogue(false);
        let turns: Vec<_> = (0..MOST_REFUSALS).map(|_| dialogue.command(b"FOO")).collect();
        assert!(turns[8].reply.starts_with("500 ") && turns[8].next == Next::Continue);
        assert!(turns[9].reply.starts_with("421 ") && turns[9].next == Next::Close);
    }
}
