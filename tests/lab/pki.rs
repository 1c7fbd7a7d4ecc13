//! The lab's own certificate authority.
//!
//! Owns its key and the files made with it. Refuses to know who serves them.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize, date_time_ymd,
};

use crate::sandbox::{self, SCRATCH};

/// The kinds of key that mail servers have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyKind {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA with 2048 bits.
    Rsa2048,
}

/// The two things of a certificate that a TLSA record can speak of (RFC 6698 §2.1.2).
#[derive(Clone)]
pub(crate) struct Der {
    /// The certificate.
    pub(crate) certificate: Vec<u8>,
    /// Its SubjectPublicKeyInfo.
    pub(crate) public_key: Vec<u8>,
}

impl Der {
    /// Certificate association data of the public key's SHA-256 (RFC 6698 §2.1.4).
    pub(crate) fn sha256_of_public_key(&self) -> String {
        hex(digest(&SHA256, &self.public_key).as_ref())
    }
}

/// Octets as a zone file has them.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// A root.
pub(crate) struct Authority {
    /// Its certificate, for `--ca`.
    pub(crate) file: PathBuf,
    /// The same as DER.
    pub(crate) der: Der,
    issuer: Issuer<'static, KeyPair>,
}

/// Where a certificate and its key are.
pub(crate) struct Identity {
    /// The certificate, PEM.
    pub(crate) certificate: PathBuf,
    /// Its key, PEM.
    pub(crate) key: PathBuf,
    /// The certificate as DER.
    pub(crate) der: Der,
}

impl Authority {
    /// A new root, and its file.
    pub(crate) fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "lab root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let file = Path::new(SCRATCH).join("root.pem");
        let certificate = params.self_signed(&key)?;
        fs::write(&file, certificate.pem())?;
        let der = Der {
            certificate: certificate.der().to_vec(),
            public_key: key.subject_public_key_info(),
        };
        Ok(Self { file, der, issuer: Issuer::new(params, key) })
    }

    /// A leaf for `names`, in files called after the first of them.
    pub(crate) fn issue(&self, names: &[&str], kind: KeyKind) -> Result<Identity> {
        self.sign(&Self::leaf(names)?, stem(names), kind)
    }

    /// The same, past its end.
    pub(crate) fn issue_expired(&self, names: &[&str], kind: KeyKind) -> Result<Identity> {
        let mut params = Self::leaf(names)?;
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2024, 12, 31);
        self.sign(&params, stem(names), kind)
    }

    /// A leaf without any name but the subject's, which RFC 9525 ignores.
    pub(crate) fn issue_common_name(&self, name: &str) -> Result<Identity> {
        let mut params = Self::leaf(&[name])?;
        params.subject_alt_names.clear();
        self.sign(&params, name, KeyKind::P256)
    }

    /// A leaf that nobody but itself signed.
    pub(crate) fn issue_self_signed(names: &[&str]) -> Result<Identity> {
        let key = KeyPair::generate()?;
        let certificate = Self::leaf(names)?.self_signed(&key)?;
        store(&certificate, &key, stem(names))
    }

    fn leaf(names: &[&str]) -> Result<CertificateParams> {
        let stem = stem(names);
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, stem);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(params)
    }

    fn sign(&self, params: &CertificateParams, stem: &str, kind: KeyKind) -> Result<Identity> {
        let key = match kind {
            KeyKind::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
            KeyKind::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?,
            KeyKind::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?,
        };
        store(&params.signed_by(&key, &self.issuer)?, &key, stem)
    }
}

fn store(certificate: &Certificate, key: &KeyPair, stem: &str) -> Result<Identity> {
    let folder = sandbox::folder("pki")?;
    let identity = Identity {
        certificate: folder.join(format!("{stem}.pem")),
        key: folder.join(format!("{stem}.key")),
        der: Der {
            certificate: certificate.der().to_vec(),
            public_key: key.subject_public_key_info(),
        },
    };
    fs::write(&identity.certificate, certificate.pem())?;
    fs::write(&identity.key, key.serialize_pem())?;
    fs::set_permissions(&identity.key, Permissions::from_mode(0o600))?;
    Ok(identity)
}

/// What the files and the subject are called: the first name.
fn stem<'a>(names: &[&'a str]) -> &'a str {
    names.first().copied().unwrap_or("nameless")
}
