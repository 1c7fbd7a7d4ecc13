//! The certification authorities that are trusted.
//!
//! Owns the trust anchors and their description for the report. Mozilla's list is
//! compiled in, so that the verdict is the same at every vantage; nothing is
//! loaded before the first chain is judged.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::certificate::sha256;
use crate::model::report::Trust;

/// The release of the webpki-roots crate that is compiled in.
const WEBPKI_ROOTS_VERSION: &str = "1.0.10";

/// Why roots could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The operating system's store holds nothing usable.
    #[error("no root certificate could be loaded from the operating system's store: {0}")]
    Native(String),
    /// What was given is not PEM.
    #[error("not a PEM file: {0}")]
    Pem(String),
    /// The PEM holds no certificate.
    #[error("no certificate in the PEM file")]
    NoCertificate,
    /// A certificate cannot serve as a trust anchor.
    #[error("a certificate in the PEM file cannot be used as a trust anchor: {0}")]
    Anchor(rustls::Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Webpki,
    Native,
}

/// The trust anchors: a collection and the extra CAs of the user.
#[derive(Clone, Debug)]
pub struct Roots {
    source: Source,
    native: Vec<TrustAnchor<'static>>,
    extra: Vec<CertificateDer<'static>>,
    extra_anchors: Vec<TrustAnchor<'static>>,
    store: OnceLock<RootCertStore>,
}

impl Roots {
    /// Mozilla's roots, as compiled in.
    pub fn webpki() -> Self {
        Self {
            source: Source::Webpki,
            native: Vec::new(),
            extra: Vec::new(),
            extra_anchors: Vec::new(),
            store: OnceLock::new(),
        }
    }

    /// The roots that this operating system trusts, read at once.
    ///
    /// # Errors
    /// If not one can be loaded; one that cannot be read is passed over.
    pub fn native() -> Result<Self, RootsError> {
        let loaded = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(loaded.certs);
        if usable == 0 {
            let cause = loaded.errors.first().map(ToString::to_string);
            return Err(RootsError::Native(cause.unwrap_or_else(|| "none found".to_owned())));
        }
        Ok(Self { source: Source::Native, native: store.roots, ..Self::webpki() })
    }

    /// The same, and every certificate of a PEM file.
    ///
    /// # Errors
    /// If the file is no PEM, holds no certificate, or one that cannot be a trust
    /// anchor.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self, RootsError> {
        let mut store = RootCertStore::empty();
        let mut added = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| RootsError::Pem(error.to_string()))?;
            store.add(certificate.clone()).map_err(RootsError::Anchor)?;
            added.push(certificate);
        }
        if added.is_empty() {
            return Err(RootsError::NoCertificate);
        }
        self.extra.extend(added);
        self.extra_anchors.extend(store.roots);
        self.store = OnceLock::new();
        Ok(self)
    }

    /// Whether these are the public authorities that senders trust, and not what this
    /// machine happens to.
    pub fn is_public(&self) -> bool {
        self.source == Source::Webpki
    }

    /// What was trusted, for the report.
    pub fn describe(&self) -> Trust {
        let (roots, version) = match self.source {
            Source::Webpki => ("webpki-roots", Some(WEBPKI_ROOTS_VERSION.to_owned())),
            Source::Native => ("native", None),
        };
        Trust {
            roots: roots.to_owned(),
            version,
            extra_ca_sha256: self.extra.iter().map(|certificate| sha256(certificate)).collect(),
            extra_ca_pem: (!self.extra.is_empty()).then(|| self.extra_pem()),
        }
    }

    /// Written anew from the certificates: the file given may hold a private key too.
    fn extra_pem(&self) -> String {
        self.extra.iter().map(|certificate| pem(certificate)).collect()
    }

    /// The anchors, as webpki wants them.
    pub(super) fn store(&self) -> &RootCertStore {
        self.store.get_or_init(|| {
            let collection = match self.source {
                Source::Webpki => webpki_roots::TLS_SERVER_ROOTS,
                Source::Native => &self.native,
            };
            RootCertStore { roots: collection.iter().chain(&self.extra_anchors).cloned().collect() }
        })
    }

    /// Whether an anchor has this subject: the content of the DER Name, its outer
    /// SEQUENCE header left out.
    pub(super) fn has_subject(&self, subject: &[u8]) -> bool {
        self.store().roots.iter().any(|anchor| anchor.subject.as_ref() == subject)
    }

    /// The keys of the anchors with this subject, each as the content of its DER.
    pub(super) fn keys_of(&self, subject: &[u8]) -> impl Iterator<Item = &[u8]> {
        let named = self.store().roots.iter().filter(move |one| one.subject.as_ref() == subject);
        named.map(|anchor| anchor.subject_public_key_info.as_ref())
    }

    /// Whether an anchor has this subject and this key, both as the content of
    /// their DER, the outer SEQUENCE header left out.
    pub(super) fn holds(&self, subject: &[u8], spki: &[u8]) -> bool {
        self.store().roots.iter().any(|anchor| {
            anchor.subject.as_ref() == subject && anchor.subject_public_key_info.as_ref() == spki
        })
    }
}

/// RFC 7468 §5.1.
fn pem(der: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(der);
    let mut out = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (place, character) in base64.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            out.push('\n');
        }
        out.push(character);
    }
    out.push_str("\n-----END CERTIFICATE-----\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::pki::{Authority, SNAKEOIL, der};

    #[test]
    fn the_version_told_is_the_version_locked() {
        let lock = include_str!("../../Cargo.lock");
        let (_, entry) = lock.split_once("name = \"webpki-roots\"\n").unwrap();
        let version = entry.lines().next().unwrap();
        assert_eq!(version, format!("version = \"{WEBPKI_ROOTS_VERSION}\""));
    }

    #[test]
    fn extra_cas_are_described_by_digest_and_pem() {
        let root = Authority::root("root");
        let both = format!("{}{SNAKEOIL}", root.pem);
        let trust = Roots::webpki().with_pem(both.as_bytes()).unwrap().describe();
        assert_eq!(trust.roots, "webpki-roots");
        assert_eq!(trust.extra_ca_sha256, [sha256(&root.der), sha256(&der(SNAKEOIL))]);
        let pem = trust.extra_ca_pem.unwrap();
        assert!(pem.ends_with(SNAKEOIL), "written as OpenSSL writes it");
        assert_eq!(Roots::webpki().describe().extra_ca_pem, None);
    }

    #[test]
    fn a_private_key_in_the_file_is_not_reported() {
        let key = include_str!("../../testdata/certs/v1.key");
        let file = format!("{key}{SNAKEOIL}");
        let trust = Roots::webpki().with_pem(file.as_bytes()).unwrap().describe();
        assert_eq!(trust.extra_ca_pem.as_deref(), Some(SNAKEOIL));
    }

    #[test]
    fn a_file_without_a_certificate_is_an_error() {
        assert!(matches!(Roots::webpki().with_pem(b"hello"), Err(RootsError::NoCertificate)));
        let bad = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(Roots::webpki().with_pem(bad), Err(RootsError::Anchor(_))));
        let open = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(Roots::webpki().with_pem(open), Err(RootsError::Pem(_))));
    }

    #[test]
    fn mozillas_roots_are_there() {
        assert!(Roots::webpki().store().roots.len() > 100);
    }
}
