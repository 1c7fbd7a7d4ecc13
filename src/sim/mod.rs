//! A pretend internet inside the process, on loopback addresses and unprivileged ports.
//!
//! Owns everything that plays the far side and the path: scripted mail servers,
//! a middlebox with the menu of things that real ones do to STARTTLS, a
//! certificate authority, a name server, and the map from documentation
//! addresses to loopback sockets. Refuses to know the prober: nothing here reads
//! a transcript's meaning, a finding or a verdict, so that a test cannot agree
//! with itself.

pub mod dns;
mod hop;
pub mod internet;
pub mod middlebox;
pub mod pki;
pub mod policy_host;
pub mod published;
pub mod server;
pub mod socks5;

pub use self::internet::{Internet, Path, Running};

/// Why the pretend internet could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A TLS configuration could not be made.
    #[error("cannot configure TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A zone could not be loaded or signed.
    #[error("cannot serve DNS: {0}")]
    Dns(String),
    /// An address or name that is not reserved for documentation.
    #[error("{0} is not reserved for documentation (RFC 5737, RFC 3849, RFC 2606)")]
    NotReserved(String),
    /// A loopback socket could not be had.
    #[error("cannot use a loopback socket: {0}")]
    Io(#[from] std::io::Error),
}
