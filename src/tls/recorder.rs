//! The recording verifier: the only module that accepts an unverified certificate.
//!
//! That is safe here because nothing is ever entrusted to the connection: mxray
//! sends EHLO and QUIT inside TLS, never MAIL FROM, RCPT TO, DATA or AUTH, and no
//! verdict rests on the handshake having succeeded. Whether the chain is to be
//! trusted, and whether the peer holds the key, are results: both are recorded
//! truthfully here and judged later by [`pkix`](super::pkix), at the recorded time.
//!
//! Owns what one handshake showed. Refuses to know roots, names and dates. One
//! recorder serves one connection: a shared one would mix them, and a resumed
//! session would skip it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::possession;

/// What the callbacks of one handshake were told.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// The presented chain as DER, leaf first.
    pub(super) chain: Vec<Vec<u8>>,
    /// The stapled OCSP response, if there was one.
    pub(super) ocsp_staple: Option<Vec<u8>>,
    /// Whether the handshake signature is good; `None` if none came, or if none of
    /// our algorithms can tell.
    pub(super) key_proven: Option<bool>,
    /// The scheme of the handshake signature.
    pub(super) signature_scheme: Option<String>,
    /// Whether a `CertificateRequest` came.
    pub(super) client_certificate_requested: bool,
}

/// Records one handshake.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<Recorded>);

impl Recorder {
    /// Takes what was recorded, leaving nothing.
    pub(super) fn take(&self) -> Recorded {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the true result, then lets the handshake go on.
    fn signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
        verified: &Result<HandshakeSignatureValid, Error>,
    ) -> HandshakeSignatureValid {
        let proven = match verified {
            Ok(_) => Some(true),
            Err(_) => possession::proven(cert, dss.scheme, message, dss.signature()),
        };
        let mut recorded = self.lock();
        recorded.key_proven = proven;
        recorded.signature_scheme = Some(format!("{:?}", dss.scheme));
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let mut recorded = self.lock();
        recorded.chain = chain.map(|cert| cert.to_vec()).collect();
        recorded.ocsp_staple = (!ocsp_response.is_empty()).then(|| ocsp_response.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = default_provider().signature_verification_algorithms;
        let verified = verify_tls12_signature(message, cert, dss, &algorithms);
        Ok(self.signature(message, cert, dss, &verified))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = default_provider().signature_verification_algorithms;
        let verified = verify_tls13_signature(message, cert, dss, &algorithms);
        Ok(self.signature(message, cert, dss, &verified))
    }

    /// The provider's schemes and, last, the SHA-1 ones: a server that can sign
    /// only with those answers nobody else, and we want it on record.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = default_provider().signature_verification_algorithms.supported_schemes();
        schemes.extend([SignatureScheme::RSA_PKCS1_SHA1, SignatureScheme::ECDSA_SHA1_Legacy]);
        schemes
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.lock().client_certificate_requested = true;
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
