//! The box's view of one conversation in clear text, without I/O.
//!
//! Owns which reply belongs to which command, what is rewritten on the way, and
//! when the box stops looking: behind a completed STARTTLS, behind a 3yz reply
//! (message text or an authentication exchange follows), or where a limit is
//! hit. From there on bytes pass untouched. Refuses to know sockets.

use std::collections::VecDeque;

use super::behaviour::Behaviour;
use super::rewrite::{self, Mask};
use super::scope::Scope;

/// Bytes that the box holds back in one direction before it stops looking.
const MAX_HELD: usize = 64 * 1024;
/// Commands without a reply before the box stops looking.
const MAX_PENDING: usize = 512;
/// How the box refuses EHLO.
const EHLO_REFUSED: &[u8] = b"502 5.5.1 Command not implemented\r\n";
/// How the box accepts STARTTLS where it does not ask the server.
const ACCEPTED: &[u8] = b"220 2.0.0 Ready to start TLS\r\n";
/// What `inject` puts behind the server's 220.
pub(super) const INJECTED_REPLY: &[u8] = b"250-injected.example.net\r\n250 AUTH PLAIN\r\n";
/// What `inject-command` puts behind the client's STARTTLS.
pub(super) const INJECTED_COMMAND: &[u8] = b"NOOP\r\n";

/// What the box does next.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// Goes to the client first.
    pub(super) to_client: Vec<u8>,
    /// Goes to the server next.
    pub(super) to_server: Vec<u8>,
    /// Then the conversation takes this turn, and the inspection is over.
    pub(super) turn: Option<Turn>,
}

/// How an inspection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Bytes pass untouched from here.
    Open,
    /// The client's connection is reset.
    Reset,
    /// Nothing is answered any more.
    Silence,
    /// The box ends the client's TLS; the server gets TLS of the box's own.
    ForeignTls,
    /// The box ends the client's TLS; the server gets clear text.
    ForeignClear,
}

/// A reply that is still to come, in the order of the commands.
#[derive(Debug)]
enum Pending {
    Greeting,
    Ehlo,
    Starttls,
    Other,
    /// The box's own, when its turn comes.
    Own(&'static [u8], Option<Turn>),
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Clear,
    /// STARTTLS went to the server: what the client sends is held until the
    /// reply says whether it is TLS.
    Deciding,
    /// The next bytes of the client are its ClientHello.
    Hello(Turn),
}

/// One conversation.
#[derive(Debug)]
pub(super) struct Inspector<'a> {
    behaviour: Behaviour,
    scope: &'a Scope,
    /// Whether the client is one that is meant.
    armed: bool,
    phase: Phase,
    pending: VecDeque<Pending>,
    client: Vec<u8>,
    server: Vec<u8>,
    reply: Vec<Vec<u8>>,
    moves: Moves,
}

impl<'a> Inspector<'a> {
    /// At the beginning, the greeting still to come.
    pub(super) fn new(behaviour: Behaviour, scope: &'a Scope) -> Self {
        Self {
            behaviour,
            scope,
            armed: scope.ehlo_name.is_none(),
            phase: Phase::Clear,
            pending: VecDeque::from([Pending::Greeting]),
            client: Vec::new(),
            server: Vec::new(),
            reply: Vec::new(),
            moves: Moves::default(),
        }
    }

    /// Bytes from the server.
    pub(super) fn server_sent(&mut self, bytes: &[u8]) -> Moves {
        self.server.extend_from_slice(bytes);
        while self.reads_replies() {
            let Some(line) = take_line(&mut self.server) else { break };
            self.server_line(line);
        }
        if matches!(self.phase, Phase::Hello(_)) {
            self.moves.to_client.append(&mut self.server);
        }
        self.limit();
        std::mem::take(&mut self.moves)
    }

    /// Bytes from the client.
    pub(super) fn client_sent(&mut self, bytes: &[u8]) -> Moves {
        self.client.extend_from_slice(bytes);
        self.client_lines();
        self.limit();
        std::mem::take(&mut self.moves)
    }

    /// The server has closed its side: what was held back goes out as it is.
    pub(super) fn server_closed(&mut self) -> Moves {
        self.release_server();
        std::mem::take(&mut self.moves)
    }

    /// The client has closed its side: what was held back goes out as it is.
    pub(super) fn client_closed(&mut self) -> Moves {
        self.moves.to_server.append(&mut self.client);
        std::mem::take(&mut self.moves)
    }

    fn reads_replies(&self) -> bool {
        self.moves.turn.is_none() && !matches!(self.phase, Phase::Hello(_))
    }

    fn client_lines(&mut self) {
        if let Phase::Hello(turn) = self.phase
            && !self.client.is_empty()
        {
            self.moves.turn = Some(turn);
        }
        while self.moves.turn.is_none() && self.phase == Phase::Clear {
            let Some(line) = take_line(&mut self.client) else { break };
            self.client_line(line);
        }
    }

    fn client_line(&mut self, mut line: Vec<u8>) {
        let verb = rewrite::verb(&line).to_ascii_uppercase();
        match verb.as_slice() {
            b"EHLO" | b"HELO" => self.introduction(&line, verb == b"EHLO"),
            b"STARTTLS" => self.starttls(line),
            _ => {
                if self.armed && self.behaviour == Behaviour::MaskAll {
                    rewrite::mask_verb(&mut line);
                }
                self.forward(&line, Pending::Other);
            }
        }
    }

    fn introduction(&mut self, line: &[u8], extended: bool) {
        let argument = line.get(rewrite::verb(line).len()..).unwrap_or_default();
        self.armed = self.scope.admits_ehlo(argument);
        match (extended, self.armed && self.behaviour == Behaviour::RefuseEhlo) {
            (true, true) => self.answer(EHLO_REFUSED, None),
            (true, false) => self.forward(line, Pending::Ehlo),
            (false, _) => self.forward(line, Pending::Other),
        }
    }

    fn starttls(&mut self, mut line: Vec<u8>) {
        let behaviour = if self.armed { self.behaviour } else { Behaviour::Pass };
        match behaviour {
            Behaviour::DropKeywordRefuse(refusal) => self.answer(refusal.reply(), None),
            Behaviour::ForeignCertificateClear => self.answer(ACCEPTED, Some(Turn::ForeignClear)),
            Behaviour::ResetAtStarttls => self.moves.turn = Some(Turn::Reset),
            Behaviour::SilenceAfterStarttls => self.moves.turn = Some(Turn::Silence),
            Behaviour::MaskAll => {
                rewrite::mask_verb(&mut line);
                self.forward(&line, Pending::Other);
            }
            _ => {
                self.phase = Phase::Deciding;
                self.forward(&line, Pending::Starttls);
            }
        }
        if behaviour == Behaviour::InjectCommand {
            self.forward(INJECTED_COMMAND, Pending::Other);
        }
    }

    fn forward(&mut self, line: &[u8], reply: Pending) {
        self.moves.to_server.extend_from_slice(line);
        self.pending.push_back(reply);
        if self.pending.len() > MAX_PENDING {
            self.open();
        }
    }

    /// The box answers by itself, after the replies that are still to come.
    fn answer(&mut self, reply: &'static [u8], turn: Option<Turn>) {
        self.pending.push_back(Pending::Own(reply, turn));
        self.own_replies();
    }

    fn own_replies(&mut self) {
        while let Some(Pending::Own(reply, turn)) = self.pending.front() {
            self.moves.to_client.extend_from_slice(reply);
            self.moves.turn = *turn;
            self.pending.pop_front();
            if self.moves.turn.is_some() {
                return;
            }
        }
    }

    fn server_line(&mut self, mut line: Vec<u8>) {
        let (last, code) = (rewrite::is_last(&line), rewrite::code(&line));
        match self.pending.front() {
            Some(Pending::Ehlo) => self.reply.push(line),
            Some(Pending::Greeting) if self.armed && self.behaviour == Behaviour::MaskAll => {
                rewrite::mask_banner(&mut line);
                self.moves.to_client.append(&mut line);
            }
            _ => self.moves.to_client.append(&mut line),
        }
        if last {
            self.reply_complete(code);
        }
    }

    fn reply_complete(&mut self, code: Option<u16>) {
        match self.pending.pop_front() {
            Some(Pending::Ehlo) => self.ehlo_complete(code),
            Some(Pending::Starttls) if code == Some(220) => return self.accepted(),
            Some(Pending::Starttls) => {
                self.phase = Phase::Clear;
                self.client_lines();
            }
            Some(Pending::Other) if matches!(code, Some(300..400)) => return self.open(),
            _ => {}
        }
        self.own_replies();
    }

    fn ehlo_complete(&mut self, code: Option<u16>) {
        let mut reply = std::mem::take(&mut self.reply);
        if self.armed && code == Some(250) {
            match self.behaviour {
                Behaviour::DropKeyword | Behaviour::DropKeywordRefuse(_) => {
                    rewrite::drop_starttls(&mut reply);
                }
                Behaviour::MaskKeyword => rewrite::mask_starttls(&mut reply, Mask::Cisco),
                Behaviour::MaskKeywordX => rewrite::mask_starttls(&mut reply, Mask::Plain),
                Behaviour::MaskAll => rewrite::mask_unknown(&mut reply),
                _ => {}
            }
        }
        self.moves.to_client.append(&mut reply.concat());
    }

    /// The server said 220 to STARTTLS.
    fn accepted(&mut self) {
        let behaviour = if self.armed { self.behaviour } else { Behaviour::Pass };
        match behaviour {
            Behaviour::ResetAfterStarttls => self.moves.turn = Some(Turn::Reset),
            Behaviour::ResetAtClientHello => self.phase = Phase::Hello(Turn::Reset),
            Behaviour::SilenceAtClientHello => self.phase = Phase::Hello(Turn::Silence),
            Behaviour::ForeignCertificate => self.moves.turn = Some(Turn::ForeignTls),
            Behaviour::Inject => {
                self.moves.to_client.extend_from_slice(INJECTED_REPLY);
                self.open();
            }
            _ => self.open(),
        }
        self.client_lines();
    }

    /// Stops looking: what was held back goes out as it is.
    fn open(&mut self) {
        self.release_server();
        self.moves.to_server.append(&mut self.client);
        self.moves.turn = Some(Turn::Open);
    }

    fn release_server(&mut self) {
        self.moves.to_client.append(&mut self.reply.concat());
        self.reply.clear();
        self.moves.to_client.append(&mut self.server);
    }

    fn limit(&mut self) {
        let reply: usize = self.reply.iter().map(Vec::len).sum();
        let held = (self.server.len().saturating_add(reply)).max(self.client.len());
        if held > MAX_HELD && self.moves.turn.is_none() {
            self.open();
        }
    }
}

/// Removes the first line with its line end, if there is a complete one.
fn take_line(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = buffer.iter().position(|byte| *byte == b'\n')?.saturating_add(1);
    let rest = buffer.split_off(end.min(buffer.len()));
    Some(std::mem::replace(buffer, rest))
}
