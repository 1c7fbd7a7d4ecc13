//! Scripted policy hosts of MTA-STS: an HTTPS server for one path.
//!
//! Owns what such a host answers and when, in good order and not. Refuses to know
//! what a policy means.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::sim::pki::Flaw;

/// The one path that is served (RFC 8461 §3.2).
const PATH: &str = "/.well-known/mta-sts.txt";
/// Most octets of a request that are read.
const REQUEST_CAP: usize = 16 * 1024;
/// Between two octets of [`Answer::Drips`].
const DRIP: Duration = Duration::from_millis(20);
/// Octets of one chunk of [`Answer::Endless`].
const CHUNK: usize = 8 * 1024;

/// A policy host.
#[derive(Clone, Debug)]
pub struct PolicyHost {
    /// What is wrong with its certificate.
    pub flaw: Flaw,
    /// What it answers.
    pub answer: Answer,
}

/// What a policy host answers to a request for the policy.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A response.
    Response {
        /// HTTP status.
        status: u16,
        /// Header fields beside Content-Length.
        fields: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// These octets as they are, then the end.
    Raw(Vec<u8>),
    /// A good head and a body without end, as fast as it is read.
    Endless,
    /// A head byte by byte, never reaching its end.
    Drips,
    /// The beginning of a body, and then nothing.
    Stalls,
    /// Nothing, after the request has been read.
    Silent,
    /// Nothing at all: not even a handshake.
    NoTls,
}

impl PolicyHost {
    /// In good order, with this policy.
    pub fn serving(policy: impl Into<Vec<u8>>) -> Self {
        Self::responding(200, &[("Content-Type", "text/plain; charset=utf-8")], policy)
    }

    /// With this response.
    pub fn responding(status: u16, fields: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self::answering(Answer::Response { status, fields: fields.collect(), body: body.into() })
    }

    /// With this answer.
    pub fn answering(answer: Answer) -> Self {
        Self { flaw: Flaw::None, answer }
    }

    /// The same with such a certificate.
    #[must_use]
    pub fn flawed(self, flaw: Flaw) -> Self {
        Self { flaw, ..self }
    }
}

/// Carries one connection to its end.
pub(super) async fn serve(
    host: &PolicyHost,
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<()> {
    if matches!(host.answer, Answer::NoTls) {
        return wait_for_end(stream).await;
    }
    let mut stream = acceptor.accept(stream).await?;
    let request = read_request(&mut stream).await?;
    let answered = if request.starts_with(&format!("GET {PATH} HTTP/1.1\r\n")) {
        answer(&host.answer, &mut stream).await
    } else {
        stream.write_all(&response(404, &[], b"")).await
    };
    answered?;
    stream.shutdown().await
}

/// The request line and header fields.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") && read.len() < REQUEST_CAP {
        read.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

async fn answer(
    answer: &Answer,
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> io::Result<()> {
    match answer {
        Answer::Response { status, fields, body } => {
            stream.write_all(&response(*status, fields, body)).await
        }
        Answer::Raw(octets) => stream.write_all(octets).await,
        Answer::Endless => {
            stream.write_all(&head(200, "Transfer-Encoding: chunked\r\n")).await?;
            let chunk = format!("{CHUNK:x}\r\n{}\r\n", "x".repeat(CHUNK));
            loop {
                stream.write_all(chunk.as_bytes()).await?;
                stream.flush().await?;
            }
        }
        Answer::Drips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await?;
            loop {
                stream.write_all(b"x").await?;
                stream.flush().await?;
                tokio::time::sleep(DRIP).await;
            }
        }
        Answer::Stalls => {
            stream.write_all(&head(200, "Content-Length: 100\r\n")).await?;
            stream.write_all(b"version: STSv1\r\n").await?;
            stream.flush().await?;
            wait_for_end(stream).await
        }
        Answer::Silent | Answer::NoTls => wait_for_end(stream).await,
    }
}

/// Reads until the client has gone.
async fn wait_for_end(mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

fn response(status: u16, fields: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (fields, length) = (fields.concat(), body.len());
    let head = format!("HTTP/1.1 {status} Pretend\r\n{fields}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A head with the media type of a policy and these fields.
fn head(status: u16, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Pretend\r\nContent-Type: text/plain\r\n{fields}\r\n").into_bytes()
}
