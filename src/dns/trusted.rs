//! DNSSEC by the AD bit of a resolver that the user trusts.
//!
//! Owns asking such a resolver, over TCP, and the meaning of AD and CD
//! (RFC 4035 §3.2.2, §3.2.3). hickory's pool keeps no AD bit of a denial, so the
//! exchange is made here. Refuses any resolver that is not on this host's loopback:
//! across a network whoever stands in between sets the bit.

use std::io;
use std::net::SocketAddr;

use hickory_resolver::proto::dnssec::Proof;
use hickory_resolver::proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_resolver::proto::rr::RecordType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ResolverError;
use super::answer::{Step, io_failure, read_vouched};
use super::lookup::Resolver;
use crate::model::route::Dnssec;

/// Refuses servers whose AD bit says nothing (RFC 4035 §4.9.3).
pub(super) fn only_loopback(servers: &[SocketAddr]) -> Result<(), ResolverError> {
    match servers.iter().find(|server| !server.ip().to_canonical().is_loopback()) {
        None => Ok(()),
        Some(server) => Err(ResolverError::new(
            format!("--trust-ad: the resolver {server} is not on this host's loopback"),
            "whoever stands between could set its AD bit: name a validating resolver on this \
             host, such as --resolver 127.0.0.1, or leave --trust-ad out",
        )),
    }
}

impl Resolver {
    /// The answer with the status that the resolver gives it; `None` where it gives
    /// none to the anchor itself.
    pub(super) async fn vouched(&self, question: &Query) -> Option<Step> {
        let sets_ad = self.sets_ad.get_or_init(|| self.is_anchor_vouched());
        if !*sets_ad.await {
            return None;
        }
        let message = match self.ask_loopback(question, false).await {
            Ok(message) => message,
            Err(error) => return Some(Step::failed(io_failure(error.kind()), error.to_string())),
        };
        if message.metadata.response_code == ResponseCode::ServFail {
            return Some(self.unvouched(question, message).await);
        }
        // RFC 4035 §3.2.3. Without the bit: in no signed zone below the anchor.
        let is_vouched = message.metadata.authentic_data;
        let vouched = if is_vouched { Proof::Secure } else { Proof::Insecure };
        Some(read_vouched(question, message, vouched))
    }

    /// Whether the bit is set where it must be: for the keys of the anchor. A
    /// resolver that does not validate would make every zone look unsigned.
    async fn is_anchor_vouched(&self) -> bool {
        let Some(zone) = self.settings.anchor.zones().into_iter().next() else { return false };
        let question = Query::query(zone, RecordType::DNSKEY);
        let answer = timeout(self.preflight_limit(), self.ask_loopback(&question, false)).await;
        matches!(answer, Ok(Ok(message)) if message.metadata.authentic_data)
    }

    /// A question that failed, asked with CD (RFC 4035 §3.2.2): what is there all
    /// the same has failed validation, and what is not there has just failed.
    async fn unvouched(&self, question: &Query, refusal: Message) -> Step {
        let failed = || read_vouched(question, refusal.clone(), Proof::Indeterminate);
        let Ok(message) = self.ask_loopback(question, true).await else { return failed() };
        let step = read_vouched(question, message, Proof::Bogus);
        if step.dnssec == Dnssec::Bogus { step } else { failed() }
    }

    /// The first server's answer that is more than a failure of the server.
    async fn ask_loopback(&self, question: &Query, cd: bool) -> io::Result<Message> {
        let servers = self.servers();
        let mut outcome = Err(io::ErrorKind::NotConnected.into());
        for server in &servers.addresses {
            let answer = exchange(*server, question, cd).await;
            let is_answer = answer.as_ref().is_ok_and(|message| !is_failure(message));
            if answer.is_ok() {
                servers.note_answer();
            }
            if is_answer {
                return answer;
            }
            if outcome.is_err() {
                outcome = answer;
            }
        }
        outcome
    }
}

pub(super) fn is_failure(message: &Message) -> bool {
    use ResponseCode::{NotImp, Refused, ServFail};
    matches!(message.metadata.response_code, ServFail | Refused | NotImp)
}

/// One exchange over TCP (RFC 1035 §4.2.2): nothing is truncated there, and a
/// response has at most 65,535 octets.
async fn exchange(server: SocketAddr, question: &Query, cd: bool) -> io::Result<Message> {
    let request = request(question, cd);
    let bytes = request.to_vec().map_err(|error| invalid(error.to_string()))?;
    let length = u16::try_from(bytes.len()).map_err(|error| invalid(error.to_string()))?;

    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat()).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    response(&request, &bytes)
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// A question with DO.
pub(super) fn request(question: &Query, cd: bool) -> Message {
    let mut request = Message::query();
    request.metadata.recursion_desired = true;
    request.metadata.checking_disabled = cd;
    request.add_query(question.clone());
    let mut edns = Edns::new();
    edns.set_dnssec_ok(true);
    request.set_edns(edns);
    request
}

/// The answer to a request.
///
/// # Errors
/// These bytes are no message, or answer something else.
pub(super) fn response(request: &Message, bytes: &[u8]) -> io::Result<Message> {
    let response = Message::from_vec(bytes).map_err(|error| invalid(error.to_string()))?;
    let is_ours = response.metadata.id == request.metadata.id
        && response.metadata.message_type == MessageType::Response
        && response.queries == request.queries;
    if is_ours { Ok(response) } else { Err(invalid("an answer to another question".into())) }
}
