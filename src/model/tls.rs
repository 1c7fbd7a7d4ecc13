//! What a TLS handshake showed, and what its certificates say.
//!
//! Owns the recorded facts ([`Handshake`]) and the facts and verdict read from
//! them ([`TlsFacts`], the `tls` object of the report). Refuses to parse or judge:
//! `tls::certificate` and `tls::pkix` do that, at the recorded time.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One handshake as it was recorded; also one that failed, as far as it came.
///
/// What did not become known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Server name that was sent.
    pub sni: Option<String>,
    /// `TLSv1.3`, `TLSv1.2`, `TLSv1.1`, `TLSv1.0`, `SSLv3`.
    pub version: Option<String>,
    /// IANA name of the suite.
    pub cipher_suite: Option<String>,
    /// Named group of the key exchange: `X25519`, `secp256r1`, `X25519MLKEM768`, …
    pub key_exchange_group: Option<String>,
    /// Scheme of the handshake signature.
    pub signature_scheme: Option<String>,
    /// Whether the handshake signature proves that the peer holds the leaf's key.
    /// `None` where no signature was seen.
    pub key_proven: Option<bool>,
    /// The alert that the peer sent, by its name in RFC 8446 §6.
    pub alert: Option<String>,
    /// Whether the peer asked for a client certificate.
    pub client_certificate_requested: Option<bool>,
    /// The presented chain as DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// Stapled OCSP response as DER.
    pub ocsp_staple: Option<Vec<u8>>,
    /// Why the handshake was not completed: `alert handshake_failure`,
    /// `reset after ClientHello`, `silence after ClientHello`,
    /// `closed after ClientHello`, `not TLS`, `legacy-only: TLSv1.0`, …
    /// `None` where it was completed.
    pub failure: Option<String>,
}

/// The `tls` object of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TlsFacts {
    /// See [`Handshake::version`].
    pub version: Option<String>,
    /// See [`Handshake::cipher_suite`].
    pub cipher_suite: Option<String>,
    /// See [`Handshake::key_exchange_group`].
    pub key_exchange_group: Option<String>,
    /// See [`Handshake::sni`].
    pub sni: Option<String>,
    /// See [`Handshake::alert`].
    pub alert: Option<String>,
    /// See [`Handshake::client_certificate_requested`].
    pub client_certificate_requested: Option<bool>,
    /// See [`Handshake::signature_scheme`].
    pub signature_scheme: Option<String>,
    /// See [`Handshake::key_proven`].
    pub key_proven: Option<bool>,
    /// See [`Handshake::failure`].
    pub failure: Option<String>,
    /// The presented chain, leaf first.
    pub chain: Vec<Certificate>,
    /// Stapled OCSP response, base64 of the DER; in evidence only.
    pub ocsp_staple: Option<String>,
    /// What the stapled OCSP response says; `None` where none was stapled.
    pub ocsp: Option<Ocsp>,
    /// Path, dates and name; `None` where no certificate was seen.
    pub pkix: Option<Pkix>,
    /// DANE; `None` while it is not judged.
    pub dane: Option<Dane>,
}

/// One certificate of a presented chain.
///
/// A certificate that cannot be parsed has its digest and, in evidence, its DER,
/// and `None` for the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// SHA-256 of the DER, lower-case hexadecimal.
    pub sha256: String,
    /// SHA-256 of the `SubjectPublicKeyInfo`, lower-case hexadecimal.
    pub spki_sha256: Option<String>,
    /// Subject, RFC 4514 style.
    pub subject: Option<String>,
    /// Issuer, RFC 4514 style.
    pub issuer: Option<String>,
    /// `dNSName` and `iPAddress` entries of subjectAltName, as found.
    pub names: Vec<String>,
    /// Start of validity.
    pub not_before: Option<Timestamp>,
    /// End of validity.
    pub not_after: Option<Timestamp>,
    /// Key: `EC P-256`, `RSA 2048`, `Ed25519`, …
    pub key: Option<String>,
    /// Signature algorithm: `ecdsa-with-SHA256`, `sha256WithRSAEncryption`, …
    pub signature: Option<String>,
    /// Serial number, lower-case hexadecimal.
    pub serial: Option<String>,
    /// Whether subject and issuer are the same.
    pub self_signed: Option<bool>,
    /// How many signed certificate timestamps are embedded (RFC 6962 §3.3); `None`
    /// where the list cannot be read.
    pub scts: Option<u32>,
    /// Whether it demands a stapled OCSP response (RFC 7633).
    pub must_staple: Option<bool>,
    /// The certificate, base64 of the DER; in evidence only.
    pub der: Option<String>,
}

/// The outcome of RFC 5280 path validation plus the RFC 9525 name match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pkix {
    /// The outcome.
    pub status: PkixStatus,
    /// Every reason that applies, not only the first.
    pub reasons: Vec<PkixReason>,
    /// Whether a name in the leaf matches the reference name; `None` without a
    /// reference name or a parsable leaf.
    pub names_match: Option<bool>,
    /// Whole days from the observation to the leaf's end; negative once past.
    pub days_left: Option<i64>,
    /// Whether the path leads to one of Mozilla's roots as compiled in, dates
    /// apart, whatever was trusted in the run: whether a public authority issued it.
    pub public_root: Option<bool>,
}

/// A stapled OCSP response, read at the time of the observation (RFC 6960 §4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ocsp {
    /// What it says about the leaf.
    pub status: OcspStatus,
    /// Whether the leaf's issuer, or a responder that it delegated to, signed the
    /// response; `None` where that could not be tried: the issuer's certificate was
    /// not sent and is no root, or the algorithm is unknown here.
    pub signed: Option<bool>,
    /// Whether the observation lies between `this_update` and `next_update`; `None`
    /// where the response says nothing about the leaf.
    pub current: Option<bool>,
    /// When the response was signed.
    pub produced_at: Option<Timestamp>,
    /// From when on the status was known to be correct.
    pub this_update: Option<Timestamp>,
    /// By when newer information is available; `None` is "at any time".
    pub next_update: Option<Timestamp>,
    /// When the certificate was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What a stapled OCSP response says about the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OcspStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked,
    /// The responder does not know the certificate.
    Unknown,
    /// The response is about other certificates only.
    OtherCertificate,
    /// The responder refused to answer: `tryLater`, `unauthorized`, …
    Refused,
    /// It cannot be read.
    Malformed,
}

/// Whether the chain is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PkixStatus {
    /// Trusted path, in its dates, name matches.
    Valid,
    /// Something applies; see the reasons.
    Invalid,
}

/// Why a chain is not valid.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum PkixReason {
    /// A certificate of the path is past its end.
    Expired,
    /// A certificate of the path is before its start.
    NotYetValid,
    /// The path ends at an issuer that is not trusted.
    UnknownIssuer,
    /// The leaf signed itself and is not trusted.
    SelfSigned,
    /// No name in the leaf matches the reference name.
    NameMismatch,
    /// The leaf's issuer was not sent and is not a trusted root.
    IncompleteChain,
    /// The stapled OCSP response says revoked.
    Revoked,
    /// RSA below 2048 bits, or a curve below 224.
    WeakKey,
    /// A certificate of the path is signed with MD5 or SHA-1.
    WeakSignature,
    /// The leaf cannot be parsed, or is not fit for a server (X.509 v1, a CA as leaf, wrong usage).
    Malformed,
}

impl PkixReason {
    /// The same for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not yet valid",
            Self::UnknownIssuer => "unknown issuer",
            Self::SelfSigned => "self-signed",
            Self::NameMismatch => "other name",
            Self::IncompleteChain => "incomplete chain",
            Self::Revoked => "revoked",
            Self::WeakKey => "weak key",
            Self::WeakSignature => "weak signature",
            Self::Malformed => "malformed",
        }
    }
}

/// The outcome of DANE for one session (RFC 7672).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dane {
    /// The outcome.
    pub status: DaneStatus,
    /// The record that matched.
    pub record: Option<crate::model::route::Tlsa>,
    /// Why not, in RFC 8460's words where one fits.
    pub reasons: Vec<String>,
}

/// The outcome of DANE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DaneStatus {
    /// A usable record matched.
    Matched,
    /// Usable records exist, none matched.
    Mismatched,
    /// Records exist, none is usable.
    Unusable,
    /// No records.
    None,
    /// The answer does not hold.
    Bogus,
    /// Not looked up.
    NotAsked,
}
