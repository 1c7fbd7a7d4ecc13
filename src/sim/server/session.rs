//! One session of a well-behaved server: greeting, commands, STARTTLS.
//!
//! Owns the order of a session. Refuses to take mail.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::lines::Lines;
use super::profile::{Profile, Starttls};

/// What a server that is not TLS answers to a ClientHello.
const NOT_TLS: &[u8] = b"500 5.5.1 Command unrecognized\r\n";
/// A ServerHello of TLS 1.0 (RFC 2246 §7.4.1.3) with
/// TLS_RSA_WITH_AES_128_CBC_SHA, in one record. Nothing can come of it, since
/// this server has no such implementation; it shows the version and the suite.
const TLS10_SERVER_HELLO: &[u8; 47] = b"\x16\x03\x01\0\x2a\x02\0\0\x26\x03\x01\
    mxray pretends to be a relic ...\0\0\x2f\0";

/// Bytes of a ClientHello that are looked at: more than this client sends.
const LARGEST_HELLO: usize = 2048;
/// supported_groups (RFC 8446 §4.2.7), the high byte of its length behind it.
const GROUPS: &[u8] = &[0, 10, 0];
/// Groups that are looked at.
const MOST_GROUPS: usize = 16;
/// The code point of X25519MLKEM768.
const X25519MLKEM768: &[u8] = &[0x11, 0xec];

/// Whether a session went as far as STARTTLS.
enum Next {
    Closed,
    Starttls,
}

/// Runs a session to its end.
pub(super) async fn serve(
    profile: &Profile,
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    client: IpAddr,
) -> io::Result<()> {
    if profile.implicit_tls {
        let mut lines = Lines::new(acceptor.accept(stream).await?, Vec::new());
        let mut session = Session { profile, client, inside_tls: true };
        if session.greet(&mut lines).await? {
            session.commands(&mut lines).await?;
        }
        return lines.close().await;
    }
    let mut lines = Lines::new(stream, Vec::new());
    let mut session = Session { profile, client, inside_tls: false };
    if !session.greet(&mut lines).await? {
        return lines.close().await;
    }
    match session.commands(&mut lines).await? {
        Next::Closed => lines.close().await,
        Next::Starttls => session.secured(acceptor, lines).await,
    }
}

struct Session<'a> {
    profile: &'a Profile,
    client: IpAddr,
    inside_tls: bool,
}

impl Session<'_> {
    /// Whether the session goes on behind the greeting.
    async fn greet<S>(&self, lines: &mut Lines<S>) -> io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let greeting = &self.profile.greeting;
        for line in &greeting.teaser {
            lines.send(format!("{}-{line}\r\n", greeting.code).as_bytes()).await?;
        }
        // The timer would round no delay up to a millisecond.
        if !greeting.delay.is_zero() {
            tokio::time::sleep(greeting.delay).await;
        }
        let text = match greeting.code {
            220 => self.profile.software.banner(&self.profile.host),
            421 => format!("4.3.2 {} Service not available", self.profile.host),
            _ => format!("{} No service for you", self.profile.host),
        };
        lines.send(format!("{} {text}\r\n", greeting.code).as_bytes()).await?;
        Ok(greeting.code != 421)
    }

    async fn commands<S>(&mut self, lines: &mut Lines<S>) -> io::Result<Next>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        while let Some(line) = lines.next().await? {
            let reply = self.reply(&line);
            lines.send(format!("{reply}\r\n").as_bytes()).await?;
            match verb(&line).as_str() {
                "QUIT" => break,
                "STARTTLS" if reply.starts_with("220") => return Ok(Next::Starttls),
                _ => {}
            }
        }
        Ok(Next::Closed)
    }

    /// The reply to one command, without the last line end.
    fn reply(&self, line: &str) -> String {
        let (software, host) = (self.profile.software, &self.profile.host);
        let argument = line.split_ascii_whitespace().nth(1).unwrap_or_default();
        match verb(line).as_str() {
            "QUIT" => software.bye(host),
            // RFC 5321 §3.1: behind a 554 greeting only QUIT has a meaning.
            _ if self.profile.greeting.code != 220 => "503 5.5.1 Bad sequence of commands".into(),
            "EHLO" => self.ehlo(argument),
            "HELO" => format!("250 {}", software.hello(host, argument, self.client)),
            "NOOP" | "RSET" => software.done().to_owned(),
            "STARTTLS" => self.starttls(argument),
            "MAIL" | "RCPT" | "DATA" | "AUTH" => "503 5.5.1 This server takes no mail".into(),
            _ => software.unknown(line.split_ascii_whitespace().next().unwrap_or_default()),
        }
    }

    fn ehlo(&self, argument: &str) -> String {
        if let Some(code) = self.profile.refuses_ehlo {
            return format!("{code} 5.5.1 EHLO is not known here");
        }
        let starttls = self.profile.starttls;
        let first = self.profile.software.hello(&self.profile.host, argument, self.client);
        let first = if starttls == Starttls::OnGreetingLine && !self.inside_tls {
            "STARTTLS".to_owned()
        } else {
            first
        };
        let is_starttls = |line: &str| verb(line) == "STARTTLS";
        let offered = starttls.is_offered(self.inside_tls);
        let keywords = self.profile.keywords.iter();
        let mut lines = vec![first];
        lines.extend(keywords.filter(|line| offered || !is_starttls(line)).cloned());
        let last = lines.len().saturating_sub(1);
        let lines = lines.iter().enumerate();
        let lines =
            lines.map(|(at, line)| format!("250{}{line}", if at == last { ' ' } else { '-' }));
        lines.collect::<Vec<_>>().join("\r\n")
    }

    fn starttls(&self, argument: &str) -> String {
        let software = self.profile.software;
        match self.profile.starttls {
            _ if self.inside_tls => "554 5.5.1 Error: TLS already active".to_owned(),
            Starttls::Hidden => software.hidden(),
            // RFC 3207 §4: no parameter.
            _ if !argument.is_empty() => "501 5.5.4 Syntax: STARTTLS".to_owned(),
            Starttls::DeadKey => software.dead_key().to_owned(),
            _ => software.ready().to_owned(),
        }
    }

    /// The handshake, and the session inside it.
    async fn secured(mut self, acceptor: &TlsAcceptor, lines: Lines<TcpStream>) -> io::Result<()> {
        match self.profile.starttls {
            Starttls::NotTls => return answer_hello(lines, NOT_TLS).await,
            Starttls::Tls10Only => return answer_hello(lines, TLS10_SERVER_HELLO).await,
            _ => {}
        }
        let (stream, rest) = lines.into_parts();
        if self.profile.starttls == Starttls::LosesPostQuantum
            && offers_post_quantum(&stream).await?
        {
            return Ok(());
        }
        let stream = acceptor.accept(stream).await?;
        // RFC 3207 §4.2: what was known before the handshake is forgotten.
        let kept =
            if self.profile.starttls == Starttls::InjectionProne { rest } else { Vec::new() };
        let mut lines = Lines::new(stream, kept);
        self.inside_tls = true;
        self.commands(&mut lines).await?;
        lines.close().await
    }
}

/// Answers the ClientHello with these bytes, and nothing more.
async fn answer_hello(mut lines: Lines<TcpStream>, bytes: &[u8]) -> io::Result<()> {
    lines.something().await?;
    lines.send(bytes).await?;
    lines.drain().await
}

/// Whether the ClientHello, which must come in one segment, names X25519MLKEM768
/// among its groups. It stays in the socket.
async fn offers_post_quantum(stream: &TcpStream) -> io::Result<bool> {
    let mut hello = [0; LARGEST_HELLO];
    let read = stream.peek(&mut hello).await?;
    let hello = hello.get(..read).unwrap_or_default();
    let groups = hello.windows(GROUPS.len()).position(|bytes| bytes == GROUPS);
    let groups = groups.and_then(|start| hello.get(start..)).unwrap_or_default();
    Ok(groups.chunks_exact(2).take(MOST_GROUPS).any(|group| group == X25519MLKEM768))
}

/// The verb of a command or the keyword of an EHLO line, in upper case.
fn verb(line: &str) -> String {
    line.split_ascii_whitespace().next().unwrap_or_default().to_ascii_uppercase()
}
