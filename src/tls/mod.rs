//! TLS: handshakes recorded, certificates read, and the PKIX verdict.
//!
//! Owns what a handshake shows ([`handshake`], [`legacy`]) and what is read from
//! that record afterwards ([`certificate`], [`name`], [`pkix`], [`anchored`],
//! [`roots`]; all pure). The two halves meet only in [`Handshake`]: recording needs no roots, and
//! judging needs no network. Refuses to know SMTP and DANE.

pub mod anchored;
pub mod certificate;
mod client_hello;
mod failure;
pub mod handshake;
pub mod legacy;
pub mod name;
mod ocsp;
#[cfg(test)]
mod openssl;
#[cfg(test)]
pub(crate) mod pki;
pub mod pkix;
mod possession;
pub mod range;
mod recorder;
pub mod roots;
mod signed;

pub use failure::{alert_in, in_words};
pub use handshake::{Outcome, connect, connect_alpn};
pub use roots::{Roots, RootsError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

use crate::model::tls::{Handshake, TlsFacts};

/// What a recorded handshake says, and its PKIX verdict at the time of recording.
///
/// `reference` is the name that the leaf must carry, `None` where there is none to
/// compare. With `evidence` the DER of chain and staple is included. DANE is not
/// judged here.
pub fn facts(
    handshake: &Handshake,
    reference: Option<&str>,
    at: Timestamp,
    roots: &Roots,
    evidence: bool,
) -> TlsFacts {
    let staple = handshake.ocsp_staple.as_ref().filter(|_| evidence);
    TlsFacts {
        version: handshake.version.clone(),
        cipher_suite: handshake.cipher_suite.clone(),
        key_exchange_group: handshake.key_exchange_group.clone(),
        sni: handshake.sni.clone(),
        alert: handshake.alert.clone(),
        client_certificate_requested: handshake.client_certificate_requested,
        signature_scheme: handshake.signature_scheme.clone(),
        key_proven: handshake.key_proven,
        failure: handshake.failure.clone(),
        chain: handshake.chain.iter().map(|der| certificate::facts(der, evidence)).collect(),
        ocsp_staple: staple.map(|der| BASE64_STANDARD.encode(der)),
        ocsp: ocsp::read(handshake, at, roots),
        pkix: pkix::judge(handshake, reference, at, roots),
        dane: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_given_only_where_it_is_asked_for() {
        let chain = vec![pki::der(pki::SHA1)];
        let ocsp_staple = Some(b"staple".to_vec());
        let failure = Some("closed after ServerHello".to_owned());
        let handshake = Handshake { chain, ocsp_staple, failure, ..Handshake::default() };
        let facts = |evidence| facts(&handshake, None, pki::at(), &Roots::webpki(), evidence);
        assert_eq!((facts(false).chain[0].der.as_ref(), facts(false).ocsp_staple), (None, None));
        assert!(facts(true).chain[0].der.is_some());
        assert_eq!(facts(true).ocsp_staple.as_deref(), Some("c3RhcGxl"));
        // A handshake that failed later still showed a chain.
        assert!(facts(false).pkix.is_some() && facts(false).failure.is_some());
    }
}
