//! Fetches the MTA-STS policy of a domain from its policy host (RFC 8461 §3.3).
//!
//! Owns the HTTPS exchange and its limits. Like a probe it only records: a bad
//! certificate, a redirect, a body without end are data in [`PolicyFetch`], never
//! an `Err`. Refuses to know what a policy says, whether a certificate is to be
//! trusted, and which addresses may be asked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderName, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::dial::Dialler;
use crate::model::policy::{FetchAttempt, PolicyFetch};
use crate::model::probe::{ClientHello, Family};
use crate::model::transcript::{Ended, Ending};
use crate::policy::mta_sts;
use crate::tls;

/// Port of HTTPS (RFC 9110 §4.2.2).
const HTTPS: u16 = 443;
/// Most octets of a body that are read; RFC 8461 §3.3 suggests this many.
pub const BODY_CAP: usize = 64 * 1024;
/// Most octets of status line and header fields together.
const HEAD_CAP: usize = 16 * 1024;
/// Most header fields.
const MAX_FIELDS: usize = 100;
/// What is read ahead of the parser at the most.
const BUFFER_CAP: usize = 2 * HEAD_CAP;
/// Most addresses that are tried.
pub const ADDRESSES_TRIED: usize = 6;
/// HTTP/1.1 and nothing else (RFC 7301 §6).
const ALPN: &[&[u8]] = &[b"http/1.1"];
/// Name and version of the program.
const AGENT: &str = concat!("mxray/", env!("CARGO_PKG_VERSION"));

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the whole fetch, all addresses together.
    pub whole: Duration,
    /// For the connection to one address, and once more for its handshake.
    pub connect: Duration,
}

impl Default for Patience {
    /// One minute, which RFC 8461 §3.3 suggests, and 10 s.
    fn default() -> Self {
        Self { whole: Duration::from_mins(1), connect: Duration::from_secs(10) }
    }
}

/// A policy host, looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyHost {
    /// The domain whose policy it has.
    pub domain: String,
    /// Its addresses, in the order in which they are to be tried.
    pub addresses: Vec<IpAddr>,
    /// Those of them that may not be asked, each with the reason.
    pub refused: Vec<FetchAttempt>,
    /// Source addresses to use, one a family at the most; else the operating system chooses.
    pub sources: Vec<IpAddr>,
    /// Why there is no address to try, where there is none.
    pub error: Option<String>,
}

/// Fetches the policy, or records why there is none to be had.
///
/// Addresses are tried in turn until one answers with a response, whatever it is.
/// An address may not use up more than half of the time while others are left.
pub async fn fetch(host: &PolicyHost, dialler: &Dialler, patience: Patience) -> PolicyFetch {
    let begun = Instant::now();
    let end = begun + patience.whole;
    let mut fetching = Fetching { fetch: begin(host), body: None };
    let addresses = host.addresses.get(..ADDRESSES_TRIED).unwrap_or(&host.addresses);
    for (place, ip) in addresses.iter().enumerate() {
        let now = Instant::now();
        if now >= end {
            break;
        }
        let is_last = place + 1 == addresses.len();
        let deadline = if is_last { end } else { now + (end - now) / 2 };
        let attempt =
            Attempt { host, endpoint: SocketAddr::new(*ip, HTTPS), dialler, patience, deadline };
        let error = fetching.attempt(&attempt).await.err();
        let answered = fetching.fetch.http_status.is_some();
        let attempted = FetchAttempt { ip: *ip, error: error.clone().filter(|_| !answered) };
        fetching.fetch.attempts.push(attempted);
        fetching.fetch.error = error;
        if answered {
            break;
        }
    }
    fetching.finish(begun)
}

/// Nothing has happened yet.
fn begin(host: &PolicyHost) -> PolicyFetch {
    PolicyFetch {
        url: mta_sts::policy_url(&host.domain),
        fetched_at: Timestamp::now(),
        duration_ms: 0,
        attempts: host.refused.clone(),
        http_status: None,
        media_type: None,
        location: None,
        body_bytes: None,
        truncated: false,
        body: None,
        chain: None,
        key_proven: None,
        error: host.error.clone(),
    }
}

/// One address, and how long it has.
struct Attempt<'a> {
    host: &'a PolicyHost,
    endpoint: SocketAddr,
    dialler: &'a Dialler,
    patience: Patience,
    deadline: Instant,
}

impl Attempt<'_> {
    /// The end of a wait that begins now.
    fn soon(&self) -> Instant {
        self.deadline.min(Instant::now() + self.patience.connect)
    }

    async fn dial(&self) -> Result<TcpStream, String> {
        let family = Family::of(self.endpoint.ip());
        let source = self.host.sources.iter().copied().find(|ip| Family::of(*ip) == family);
        let dialled = self.dialler.dial(self.endpoint, source, self.soon()).await;
        dialled.map(|up| up.stream).map_err(|ending| words(&ending))
    }
}

/// A fetch under way. What was recorded stays when time runs out.
struct Fetching {
    fetch: PolicyFetch,
    body: Option<Vec<u8>>,
}

impl Fetching {
    /// Tries one address.
    ///
    /// # Errors
    /// Why there is no complete response.
    async fn attempt(&mut self, attempt: &Attempt<'_>) -> Result<(), String> {
        // What an earlier address showed says nothing about this one.
        self.fetch.chain = None;
        self.fetch.key_proven = None;
        let stream = attempt.dial().await?;
        let name = mta_sts::policy_host(&attempt.host.domain);
        let hello = ClientHello::Default;
        let outcome = tls::connect_alpn(stream, Some(&name), hello, ALPN, attempt.soon()).await;
        let handshake = outcome.handshake;
        if !handshake.chain.is_empty() {
            let chain = handshake.chain.iter().map(|der| BASE64_STANDARD.encode(der));
            self.fetch.chain = Some(chain.collect());
        }
        self.fetch.key_proven = handshake.key_proven;
        let Some(stream) = outcome.stream else {
            let failure = handshake.failure.unwrap_or_else(|| "not completed".to_owned());
            return Err(format!("the TLS handshake failed: {failure}"));
        };
        match timeout_at(attempt.deadline, self.exchange(stream, &name)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.unfinished().to_owned()),
        }
    }

    /// Why time ran out.
    fn unfinished(&self) -> &'static str {
        match self.fetch.http_status {
            None => "no HTTP response in time",
            Some(_) => "the body of the response did not end in time",
        }
    }

    /// One request and its response.
    async fn exchange(&mut self, stream: TlsStream<TcpStream>, name: &str) -> Result<(), String> {
        let handshake = http1::Builder::new()
            .max_headers(MAX_FIELDS)
            .max_header_size(HEAD_CAP)
            .max_buf_size(BUFFER_CAP)
            .handshake(TokioIo::new(stream))
            .await;
        let (mut sender, connection) = handshake.map_err(|error| http(&error))?;
        let request = request(name).map_err(|error| error.to_string())?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| http(&error))?;
            self.take(response).await
        };
        let carried = async {
            // How the connection ended is told to whoever waits for the response.
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            outcome = exchange => outcome,
            outcome = carried => outcome,
        }
    }

    async fn take(&mut self, response: Response<Incoming>) -> Result<(), String> {
        self.fetch.http_status = Some(response.status().as_u16());
        self.fetch.media_type = field(&response, CONTENT_TYPE);
        self.fetch.location = field(&response, LOCATION);
        let kept = self.body.insert(Vec::new());
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| http(&error))?;
            // Trailers are not data.
            let Some(data) = frame.data_ref() else { continue };
            let room = BODY_CAP - kept.len();
            kept.extend_from_slice(data.get(..room).unwrap_or(data));
            if data.len() > room {
                self.fetch.truncated = true;
                return Ok(());
            }
        }
        Ok(())
    }

    fn finish(mut self, begun: Instant) -> PolicyFetch {
        if let Some(body) = self.body {
            self.fetch.body_bytes = u64::try_from(body.len()).ok();
            self.fetch.body = Some(BASE64_STANDARD.encode(body));
        }
        self.fetch.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.fetch
    }
}

fn request(name: &str) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    Request::get(mta_sts::POLICY_PATH)
        .header(HOST, name)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "text/plain")
        .header(CONNECTION, "close")
        .body(Empty::new())
}

/// A header field as sent, bytes that are not UTF-8 replaced.
fn field(response: &Response<Incoming>, name: HeaderName) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// hyper's error with its cause, which it leaves out of its own words.
fn http(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("HTTP: {error}: {cause}"),
        None => format!("HTTP: {error}"),
    }
}

fn words(ending: &Ending) -> String {
    let how = match ending.how {
        Ended::Refused => "the connection was refused",
        Ended::Timeout => "no answer to the connection attempt",
        Ended::Reset => "the connection was reset",
        Ended::Unreachable => "there is no way to it",
        _ => "this machine could not connect",
    };
    match &ending.detail {
        Some(detail) if detail != how => format!("{how}: {detail}"),
        _ => how.to_owned(),
    }
}

#[cfg(test)]
mod tests;
