//! A certificate authority: root, intermediate, and leaves with and without flaws.
//!
//! Owns keys and certificates and the TLS server configurations made of them.
//! Refuses to know who presents them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use crate::sim::Error;

/// Lifetime of a leaf, the usual one of a public authority until 2026.
const LEAF_DAYS: i64 = 90;
/// How long a leaf has been in use already.
const LEAF_AGE_DAYS: i64 = 10;
/// Lifetime of root and intermediate.
const AUTHORITY_DAYS: i64 = 3650;
/// The name in a certificate that is made for the wrong host.
const WRONG_NAME: &str = "somebody-else.example.org";

/// What is wrong with a leaf, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Nothing: leaf and intermediate are sent, names and dates are right.
    #[default]
    None,
    /// It signed itself.
    SelfSigned,
    /// Its end was 10 days ago.
    Expired,
    /// It begins in 10 days.
    NotYetValid,
    /// It names another host.
    WrongName,
    /// The intermediate is not sent.
    MissingIntermediate,
    /// It expired, and names another host.
    ExpiredWrongName,
    /// It ends in 5 days.
    EndsSoon,
    /// What is sent as the leaf is no certificate.
    UnreadableLeaf,
    /// What is sent as the intermediate is no certificate.
    UnreadableLink,
    /// Leaf and intermediate, and others after them: 30 in all.
    LongChain,
    /// The leaf is followed by 64 KiB that look like a certificate.
    Huge,
}

/// Certificates of [`Flaw::LongChain`].
const LONG_CHAIN: usize = 30;
/// Octets of the second certificate of [`Flaw::Huge`].
const HUGE: usize = 64 * 1024;

/// A key with a certificate that may sign others.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    /// A root that signed itself.
    pub fn root(common_name: &str) -> Result<Self, Error> {
        let params = authority_params(common_name);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Ok(Self { issuer: Issuer::new(params, key), certificate: der, pem })
    }

    /// An authority below this one.
    pub fn subordinate(&self, common_name: &str) -> Result<Self, Error> {
        let params = authority_params(common_name);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Ok(Self { issuer: Issuer::new(params, key), certificate: der, pem })
    }

    /// The certificate as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The certificate as DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// A leaf over `key` for these names, signed by this authority and sent with it.
    pub(crate) fn sign(&self, key: &KeyPair, names: &[String]) -> Result<Identity, Error> {
        let leaf = leaf_params(names, -LEAF_AGE_DAYS)?.signed_by(key, &self.issuer)?;
        Ok(Identity::new(vec![leaf.der().clone(), self.certificate.clone()], key))
    }
}

/// A root and its intermediate, as a public authority has them.
#[derive(Debug)]
pub struct Pki {
    root: Authority,
    intermediate: Authority,
}

impl Pki {
    /// New keys and certificates; two calls share nothing.
    pub fn new() -> Result<Self, Error> {
        let root = Authority::root("mxray pretend root")?;
        let intermediate = root.subordinate("mxray pretend intermediate")?;
        Ok(Self { root, intermediate })
    }

    /// The root as PEM, for `--ca`.
    pub fn root_pem(&self) -> &str {
        self.root.pem()
    }

    /// A store that trusts the root and nothing else.
    pub fn roots(&self) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore::empty();
        store.add(self.root.certificate().clone())?;
        Ok(store)
    }

    /// A new key and a certificate for `names`, with the flaw asked for.
    pub fn issue(&self, names: &[String], flaw: Flaw) -> Result<Identity, Error> {
        let key = KeyPair::generate()?;
        let wrong = [WRONG_NAME.to_owned()];
        let names = match flaw {
            Flaw::WrongName | Flaw::ExpiredWrongName => &wrong,
            _ => names,
        };
        let starts_in = match flaw {
            Flaw::Expired | Flaw::ExpiredWrongName => -LEAF_DAYS - LEAF_AGE_DAYS,
            Flaw::NotYetValid => LEAF_AGE_DAYS,
            Flaw::EndsSoon => 5 - LEAF_DAYS,
            _ => -LEAF_AGE_DAYS,
        };
        let params = leaf_params(names, starts_in)?;
        if flaw == Flaw::SelfSigned {
            let leaf = params.self_signed(&key)?;
            return Ok(Identity::new(vec![leaf.der().clone()], &key));
        }
        let leaf = params.signed_by(&key, &self.intermediate.issuer)?;
        let link = self.intermediate.certificate().clone();
        let sent = vec![leaf.der().clone(), link.clone()];
        Ok(Identity::new(spoil(sent, &link, flaw), &key))
    }
}

/// What a flaw of the chain makes of it.
fn spoil(
    mut chain: Vec<CertificateDer<'static>>,
    link: &CertificateDer<'static>,
    flaw: Flaw,
) -> Vec<CertificateDer<'static>> {
    let junk = || CertificateDer::from(b"no certificate".to_vec());
    match flaw {
        Flaw::MissingIntermediate => chain.truncate(1),
        Flaw::UnreadableLeaf => chain = vec![junk(), link.clone()],
        Flaw::UnreadableLink => {
            chain.truncate(1);
            chain.push(junk());
        }
        Flaw::LongChain => chain.resize(LONG_CHAIN, link.clone()),
        Flaw::Huge => {
            // A SEQUENCE with its length in three octets.
            let mut huge = vec![0x30, 0x83, 1, 0, 0];
            huge.resize(HUGE, 0);
            chain.push(huge.into());
        }
        _ => {}
    }
    chain
}

/// A chain as it is presented, leaf first, and the leaf's key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    public_key: Vec<u8>,
}

impl Identity {
    fn new(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Self {
        let public_key = key.subject_public_key_info();
        Self { chain, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(), public_key }
    }

    /// The chain as it is presented, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The leaf's `SubjectPublicKeyInfo` in DER.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// A server that presents this chain, within the limits of `tls`.
    pub fn server_config(&self, tls: &TlsRange) -> Result<Arc<ServerConfig>, Error> {
        // Nobody looks whether key and leaf belong together: a leaf may be no certificate.
        let key = tls.provider().key_provider.load_private_key(self.key.clone_key())?;
        let certified = CertifiedKey::new(self.chain.clone(), key);
        let mut config = ServerConfig::builder_with_provider(Arc::new(tls.provider()))
            .with_protocol_versions(tls.versions)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

/// Which versions and cipher suites a server takes.
#[derive(Clone, Copy, Debug)]
pub struct TlsRange {
    /// Protocol versions.
    pub versions: &'static [&'static SupportedProtocolVersion],
    /// Suites; empty stands for all that the provider has.
    pub suites: &'static [SupportedCipherSuite],
}

impl Default for TlsRange {
    fn default() -> Self {
        Self { versions: rustls::ALL_VERSIONS, suites: &[] }
    }
}

impl TlsRange {
    /// TLS 1.2 and nothing newer.
    pub const TLS12: Self = Self { versions: &[&rustls::version::TLS12], suites: &[] };
    /// TLS 1.3 and nothing older.
    pub const TLS13: Self = Self { versions: &[&rustls::version::TLS13], suites: &[] };

    fn provider(&self) -> CryptoProvider {
        let mut provider = aws_lc_rs::default_provider();
        if !self.suites.is_empty() {
            provider.cipher_suites = self.suites.to_vec();
        }
        provider
    }
}

fn authority_params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, -LEAF_DAYS * 2, AUTHORITY_DAYS);
    params
}

fn leaf_params(names: &[String], starts_in_days: i64) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)?;
    if let Some(first) = names.first() {
        params.distinguished_name.push(DnType::CommonName, first.as_str());
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, starts_in_days, LEAF_DAYS);
    Ok(params)
}

/// From midnight `starts_in_days` from today, for `days` days.
fn set_validity(params: &mut CertificateParams, starts_in_days: i64, days: i64) {
    let (year, month, day) = date(starts_in_days);
    params.not_before = rcgen::date_time_ymd(year, month, day);
    let (year, month, day) = date(starts_in_days.saturating_add(days));
    params.not_after = rcgen::date_time_ymd(year, month, day);
}

fn date(in_days: i64) -> (i32, u8, u8) {
    let moment = Timestamp::now()
        .saturating_add(SignedDuration::from_hours(in_days.saturating_mul(24)))
        .unwrap_or_default();
    let date = TimeZone::UTC.to_datetime(moment).date();
    let month = u8::try_from(date.month()).unwrap_or(1);
    (i32::from(date.year()), month, u8::try_from(date.day()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};

    fn verdict(flaw: Flaw) -> Result<(), String> {
        let pki = Pki::new().unwrap();
        let identity = pki.issue(&["mx.example.net".to_owned()], flaw).unwrap();
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(pki.roots().unwrap()),
            Arc::new(aws_lc_rs::default_provider()),
        )
        .build()
        .unwrap();
        let (leaf, rest) = identity.chain().split_first().unwrap();
        let name = ServerName::try_from("mx.example.net").unwrap();
        verifier
            .verify_server_cert(leaf, rest, &name, &[], UnixTime::now())
            .map(drop)
            .map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn each_flaw_is_what_its_name_says() {
        assert_eq!(verdict(Flaw::None), Ok(()));
        assert!(verdict(Flaw::Expired).unwrap_err().contains("Expired"));
        assert!(verdict(Flaw::NotYetValid).unwrap_err().contains("NotValidYet"));
        assert!(verdict(Flaw::WrongName).unwrap_err().contains("NotValidForName"));
        assert!(verdict(Flaw::MissingIntermediate).unwrap_err().contains("UnknownIssuer"));
        assert!(verdict(Flaw::SelfSigned).unwrap_err().contains("UnknownIssuer"));
    }

    #[test]
    fn a_self_signed_leaf_is_alone_and_its_own_issuer() {
        let pki = Pki::new().unwrap();
        let identity = pki.issue(&["mx.example.net".to_owned()], Flaw::SelfSigned).unwrap();
        assert_eq!(identity.chain().len(), 1);
        let (_, leaf) = x509_parser::parse_x509_certificate(&identity.chain()[0]).unwrap();
        assert_eq!(leaf.subject(), leaf.issuer());
    }
}
