//! The mirror's certificate: given, kept in a file, or made anew.
//!
//! Owns keys and the TLS configuration. It need not be vouched for by anybody: the
//! transcripts say which certificate was presented, and the token vouches for them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::tls::certificate::hex;

/// Largest PEM file that is read, in bytes.
const LARGEST_PEM: u64 = 1 << 20;
/// First and last year of a certificate that was made here: its dates mean nothing.
const YEARS: (i32, i32) = (2025, 2050);

/// A key and its chain, ready to serve.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
    leaf: CertificateDer<'static>,
}

/// Why there is no certificate to present.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file can't be read or written.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It is no PEM, or lacks a part.
    #[error("no certificate or no private key in PEM form: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// Certificate and key can't be used together.
    #[error("the certificate can't be used: {0}")]
    Tls(#[from] rustls::Error),
    /// None can be made.
    #[error("no certificate can be made: {0}")]
    Made(#[from] rcgen::Error),
}

impl Identity {
    /// A new key and a certificate for this name, which signs itself; with its PEM.
    ///
    /// # Errors
    /// The name can stand in no certificate.
    pub fn generate(host: &str) -> Result<(Self, String), IdentityError> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = rcgen::date_time_ymd(YEARS.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(YEARS.1, 1, 1);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem() + &key.serialize_pem();
        Ok((Self::from_pem(pem.as_bytes(), pem.as_bytes())?, pem))
    }

    /// Chain and key from PEM; both may stand in the same text.
    ///
    /// # Errors
    /// One of them is missing, or they do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>()?;
        let Some(leaf) = chain.first().cloned() else {
            return Err(rustls::pki_types::pem::Error::NoItemsFound.into());
        };
        let key = PrivateKeyDer::from_pem_slice(key)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        // Nothing is resumed: each session shows its certificate.
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), leaf })
    }

    /// Chain and key from files.
    ///
    /// # Errors
    /// A file can't be read or used.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        Self::from_pem(&read(chain)?, &read(key)?)
    }

    /// The one that is kept in a file; where there is no file, a new one that is put
    /// there, readable for its owner only.
    ///
    /// # Errors
    /// The file can't be used or written.
    pub fn kept(path: &Path, host: &str) -> Result<Self, IdentityError> {
        match read(path) {
            Ok(pem) => Self::from_pem(&pem, &pem),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (identity, pem) = Self::generate(host)?;
                write_private(path, &pem)?;
                Ok(identity)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// SHA-256 of the certificate, lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        hex(digest::digest(&digest::SHA256, &self.leaf).as_ref())
    }

    /// The certificate as DER.
    pub fn leaf(&self) -> &CertificateDer<'static> {
        &self.leaf
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST_PEM).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_the_same_the_next_time_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mirror.pem");
        let first = Identity::kept(&path, "mirror.example.net").unwrap();
        let again = Identity::kept(&path, "mirror.example.net").unwrap();
        assert_eq!(first.sha256(), again.sha256());
        assert_eq!(first.sha256().len(), 64);
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let (other, _) = Identity::generate("mirror.example.net").unwrap();
        assert_ne!(other.sha256(), first.sha256());
    }

    #[test]
    fn a_file_without_a_key_or_of_something_else_is_refused() {
        let (_, pem) = Identity::generate("mirror.example.net").unwrap();
        let certificate = pem.split_inclusive("-----END CERTIFICATE-----").next().unwrap();
        assert!(Identity::from_pem(certificate.as_bytes(), certificate.as_bytes()).is_err());
        assert!(Identity::from_pem(b"", pem.as_bytes()).is_err());
        let (_, other) = Identity::generate("mirror.example.net").unwrap();
        assert!(
            Identity::from_pem(certificate.as_bytes(), other.as_bytes()).is_err(),
            "not its key"
        );
    }
}
