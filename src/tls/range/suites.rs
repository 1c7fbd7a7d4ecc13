//! What is asked for: versions, suites and groups by code point, and what is known
//! of each suite (IANA TLS Cipher Suites).

use tls_parser::{
    CIPHERS, TlsCipherAu, TlsCipherEnc, TlsCipherEncMode, TlsCipherKx, TlsCipherMac, TlsCipherSuite,
};

/// SSL 3.0 (RFC 6101).
pub const SSL30: u16 = 0x0300;
/// TLS 1.0 (RFC 2246).
pub const TLS10: u16 = 0x0301;
/// TLS 1.1 (RFC 4346).
pub const TLS11: u16 = 0x0302;
/// TLS 1.2 (RFC 5246).
pub const TLS12: u16 = 0x0303;
/// TLS 1.3 (RFC 8446).
pub const TLS13: u16 = 0x0304;
/// All of them, the newest first.
pub const VERSIONS: [u16; 5] = [TLS13, TLS12, TLS11, TLS10, SSL30];

/// Groups of TLS 1.3: hybrids with ML-KEM, curves, finite fields (RFC 7919), and
/// the Brainpool curves of RFC 8734.
const GROUPS_OF_13: [u16; 16] = [
    0x11ec, 0x11eb, 0x11ed, 29, 23, 24, 25, 30, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104, 31, 32, 33,
];
/// Groups below (RFC 8422 §5.1.1, RFC 7027). No finite-field groups: where a client
/// names any, a server may take it that no other will do (RFC 7919 §4).
const GROUPS_BELOW: [u16; 11] = [29, 23, 24, 25, 30, 26, 27, 28, 22, 21, 19];

/// The groups that are asked for with a version; SSL 3.0 has none.
pub fn groups_of(version: u16) -> Vec<u16> {
    match version {
        TLS13 => GROUPS_OF_13.to_vec(),
        SSL30 => Vec::new(),
        _ => GROUPS_BELOW.to_vec(),
    }
}

/// The suites that are asked for with a version, those with forward secrecy first
/// and weak ones last. Not the signalling values, and none that needs a shared
/// secret, a password or Kerberos.
pub fn suites_of(version: u16) -> Vec<u16> {
    let mut suites: Vec<&TlsCipherSuite> =
        CIPHERS.values().filter(|suite| is_asked(suite) && fits(suite, version)).collect();
    let rank = |suite: &TlsCipherSuite| (weak(suite), !secret(suite), suite.id.0);
    suites.sort_by_key(|suite| rank(suite));
    suites.iter().map(|suite| suite.id.0).collect()
}

/// The code point of a suite by its IANA name; `None` for an unassigned one.
pub fn named(name: &str) -> Option<u16> {
    CIPHERS.values().find(|suite| suite.name == name).map(|suite| suite.id.0)
}

/// Whether a suite has too little encryption, or nobody who signs for it.
pub fn is_weak(suite: u16) -> bool {
    TlsCipherSuite::from_id(suite).is_some_and(weak)
}

/// Whether nobody signs for the key exchange.
pub fn is_anonymous(suite: u16) -> bool {
    TlsCipherSuite::from_id(suite).is_some_and(|suite| suite.au == TlsCipherAu::Null)
}

/// Whether the encryption is none or was broken: NULL, export grade, RC2, RC4
/// (RFC 7465) and single DES (RFC 9325 §4.1).
pub fn is_broken(suite: u16) -> bool {
    TlsCipherSuite::from_id(suite).is_some_and(broken)
}

/// Whether it is 3DES, whose blocks of 64 bits are too small (RFC 9325 §4.1).
pub fn is_triple_des(suite: u16) -> bool {
    TlsCipherSuite::from_id(suite).is_some_and(|suite| suite.enc == TlsCipherEnc::TripleDes)
}

/// Whether a key that leaks later opens no session recorded before.
pub fn has_forward_secrecy(suite: u16) -> bool {
    TlsCipherSuite::from_id(suite).is_some_and(secret)
}

/// Whether the exchange uses a curve of the client's list.
pub fn is_ecdhe(suite: u16) -> bool {
    TlsCipherSuite::from_id(suite).is_some_and(|suite| suite.kx == TlsCipherKx::Ecdhe)
}

fn weak(suite: &TlsCipherSuite) -> bool {
    broken(suite) || suite.enc == TlsCipherEnc::TripleDes || suite.au == TlsCipherAu::Null
}

fn broken(suite: &TlsCipherSuite) -> bool {
    let is_tls13 = suite.kx == TlsCipherKx::Tls13;
    let enc = matches!(
        suite.enc,
        TlsCipherEnc::Null | TlsCipherEnc::Rc2 | TlsCipherEnc::Rc4 | TlsCipherEnc::Des
    );
    enc || (!is_tls13 && suite.enc_size < 112)
}

fn secret(suite: &TlsCipherSuite) -> bool {
    match suite.kx {
        TlsCipherKx::Dhe | TlsCipherKx::Ecdhe | TlsCipherKx::Aecdh | TlsCipherKx::Tls13 => true,
        TlsCipherKx::Dh | TlsCipherKx::Ecdh => suite.au == TlsCipherAu::Null,
        _ => false,
    }
}

fn is_asked(suite: &TlsCipherSuite) -> bool {
    let needs_more = matches!(
        suite.au,
        TlsCipherAu::Psk
            | TlsCipherAu::Krb5
            | TlsCipherAu::Srp
            | TlsCipherAu::Srp_Dss
            | TlsCipherAu::Srp_Rsa
            | TlsCipherAu::Eccpwd
    );
    let needs_more = needs_more
        || matches!(
            suite.kx,
            TlsCipherKx::Psk | TlsCipherKx::Krb5 | TlsCipherKx::Srp | TlsCipherKx::Eccpwd
        );
    !needs_more && suite.kx != TlsCipherKx::Null
}

/// Whether a suite can be picked in a version.
fn fits(suite: &TlsCipherSuite, version: u16) -> bool {
    let is_tls13 = suite.kx == TlsCipherKx::Tls13;
    if is_tls13 || version == TLS13 {
        return is_tls13 && version == TLS13;
    }
    // RFC 5246 §1.2, RFC 5288 §4: AEAD and SHA-2 came with TLS 1.2.
    let is_new = matches!(suite.enc_mode, TlsCipherEncMode::Gcm | TlsCipherEncMode::Ccm)
        || suite.enc == TlsCipherEnc::Chacha20_Poly1305
        || matches!(
            suite.mac,
            TlsCipherMac::Aead
                | TlsCipherMac::HmacSha256
                | TlsCipherMac::HmacSha384
                | TlsCipherMac::HmacSha512
        );
    // RFC 8422 §5.1: without extensions there are no curves to agree upon.
    let is_elliptic =
        matches!(suite.kx, TlsCipherKx::Ecdh | TlsCipherKx::Ecdhe | TlsCipherKx::Aecdh);
    (version == TLS12 || !is_new) && (version != SSL30 || !is_elliptic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_asked_for_what_it_can_speak() {
        let of_13 = suites_of(TLS13);
        assert!([0x1301, 0x1302, 0x1303].iter().all(|suite| of_13.contains(suite)));
        assert!(!of_13.contains(&0xc02f));
        let of_12 = suites_of(TLS12);
        for suite in [0xc02b, 0xc02f, 0xcca8, 0x009e, 0x002f, 0x000a, 0x0005, 0x0001, 0x0018] {
            assert!(of_12.contains(&suite), "{suite:04x}");
        }
        for suite in [0x1301, 0x0000, 0x00ff, 0x5600, 0x008c, 0x001e, 0xc01d] {
            assert!(!of_12.contains(&suite), "{suite:04x}");
        }
        let of_10 = suites_of(TLS10);
        assert!(of_10.contains(&0xc013) && !of_10.contains(&0xc02f) && !of_10.contains(&0x003c));
        assert!(!suites_of(SSL30).contains(&0xc013));
    }

    #[test]
    fn a_hello_with_all_of_them_fits_in_one_segment() {
        let suites = suites_of(TLS12);
        let unique: std::collections::BTreeSet<_> = suites.iter().collect();
        assert_eq!(unique.len(), suites.len());
        assert!(suites.len() * 2 < 600, "{}", suites.len());
    }

    #[test]
    fn weak_ones_come_last() {
        let suites = suites_of(TLS12);
        let first_weak = suites.iter().position(|suite| is_weak(*suite)).unwrap();
        assert!(suites[first_weak..].iter().all(|suite| is_weak(*suite)));
        assert!(suites[..first_weak].iter().all(|suite| !is_weak(*suite)));
        for (suite, broken) in [
            (0x0002, true),
            (0x0005, true),
            (0x0009, true),
            (0x0003, true),
            (0x000a, false),
            (0xc02f, false),
            (0x1301, false),
        ] {
            assert_eq!(is_broken(suite), broken, "{suite:04x}");
        }
        assert!(is_anonymous(0xc018) && is_anonymous(0x00a6) && !is_anonymous(0xc02f));
        assert!(has_forward_secrecy(0x009e) && has_forward_secrecy(0x1301));
        assert!(!has_forward_secrecy(0x002f) && !has_forward_secrecy(0xc004));
    }
}
