//! Certificates made for the tests of this module.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use super::roots::Roots;

/// When the tests judge: inside the validity of every certificate that is not
/// made to be outside.
pub(crate) fn at() -> Timestamp {
    "2027-01-01T12:00:00Z".parse().unwrap()
}

/// A certification authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        let (params, key) = (authority(name), KeyPair::generate().unwrap());
        let cert = params.self_signed(&key).unwrap();
        let (der, pem) = (cert.der().to_vec(), cert.pem());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    pub(crate) fn intermediate(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        let (der, pem) = (cert.der().to_vec(), cert.pem());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    pub(crate) fn leaf(&self, params: &CertificateParams) -> Vec<u8> {
        self.leaf_and_key(params).0
    }

    pub(crate) fn leaf_and_key(&self, params: &CertificateParams) -> (Vec<u8>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().to_vec(), key)
    }

    pub(crate) fn trusted(&self) -> Roots {
        Roots::webpki().with_pem(self.pem.as_bytes()).unwrap()
    }
}

pub(crate) fn authority(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    valid(params, 2020, 2040)
}

pub(crate) fn server(names: &[&str]) -> CertificateParams {
    valid(named("mx", names), 2026, 2028)
}

pub(crate) fn valid(mut params: CertificateParams, from: i32, to: i32) -> CertificateParams {
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}

fn named(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The one certificate of a PEM file.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

pub(crate) const V1: &str = include_str!("../../testdata/certs/v1.pem");
pub(crate) const RSA1024: &str = include_str!("../../testdata/certs/rsa1024.pem");
pub(crate) const OLD_CA: &str = include_str!("../../testdata/certs/ca.pem");
pub(crate) const SHA1: &str = include_str!("../../testdata/certs/sha1.pem");
pub(crate) const STAPLED: &str = include_str!("../../testdata/certs/stapled.pem");
pub(crate) const STAPLED_CA: &str = include_str!("../../testdata/certs/stapled-ca.pem");
pub(crate) const SNAKEOIL: &str = include_str!("../../testdata/certs/snakeoil.pem");
