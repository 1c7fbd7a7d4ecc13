//! Writes a ClientHello by hand (RFC 5246 §7.4.1.2, RFC 8446 §4.1.2). Pure.
//!
//! Owns its octets. Refuses to know what is answered.

use crate::model::probe::Offer;

/// SSL 3.0 (RFC 6101).
const SSL30: u16 = 0x0300;
/// TLS 1.0.
const TLS10: u16 = 0x0301;
/// TLS 1.2; what is above says so in an extension.
const TLS12: u16 = 0x0303;

/// Suites on offer, as a careful old client would have ordered them.
///
/// Without 0x5600 and 0x00ff, which are signals and no suites: the first asks a
/// server to refuse, the second is sent as an extension.
const SUITES: &[u16] = &[
    // ECDHE with AEAD (RFC 5289, RFC 7905).
    0xc02c, 0xc02b, 0xc030, 0xc02f, 0xcca9, 0xcca8, 0xccaa, // ECDHE with CBC.
    0xc024, 0xc023, 0xc028, 0xc027, 0xc00a, 0xc009, 0xc014, 0xc013,
    // Finite-field DHE, RSA and DSS: AEAD, then CBC.
    0x009f, 0x009e, 0x00a3, 0x00a2, 0x006b, 0x0067, 0x006a, 0x0040, 0x0039, 0x0033, 0x0038, 0x0032,
    0x0088, 0x0045, // Static RSA: AEAD, then CBC (RFC 5288, RFC 5246, RFC 4132).
    0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x0084, 0x0041, 0x0096,
    // 3DES, RC4 and single DES, down to what SSL 3.0 had.
    0xc008, 0xc012, 0x0016, 0x0013, 0x000a, 0xc007, 0xc011, 0x0005, 0x0004, 0x0015, 0x0009,
];

/// Groups (RFC 8422 §5.1.1, RFC 7027). No finite-field groups: where a client
/// names any, a server may take it that no other will do (RFC 7919 §4).
const GROUPS: &[u16] = &[29, 23, 24, 25, 30, 26, 27, 28, 22, 21, 19];

/// Signature schemes (RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1), SHA-1 and DSA last.
const SCHEMES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401,
    0x0501, 0x0601, 0x0303, 0x0301, 0x0302, 0x0402, 0x0203, 0x0201, 0x0202,
];

/// What the legacy hello offers: everything up to TLS 1.2 that an old server could
/// have spoken.
pub fn legacy_offer() -> Offer {
    Offer { version: TLS12, suites: SUITES.to_vec(), groups: GROUPS.to_vec() }
}

/// The record with the hello. Of TLS 1.3 it holds no key share: the server names
/// the group that it picks in a HelloRetryRequest (RFC 8446 §4.2.8).
///
/// `sni` must be a domain name; `None` leaves the extension out.
pub fn client_hello(offer: &Offer, random: &[u8; 32], sni: Option<&str>) -> Vec<u8> {
    let mut body = offer.version.min(TLS12).to_be_bytes().to_vec();
    body.extend_from_slice(random);
    body.push(0); // No session to resume.
    body.extend(prefixed(&words(&offer.suites)));
    // RFC 8446 §4.1.2: none but null. Before, DEFLATE (RFC 3749) is asked for as well.
    body.extend(if offer.version > TLS12 { &[1, 0][..] } else { &[2, 1, 0] });
    if offer.version > SSL30 {
        body.extend(prefixed(&extensions(offer, sni)));
    }

    let mut message = vec![1, 0]; // ClientHello; its length is below 2^16.
    message.extend(prefixed(&body));
    // RFC 5246 appendix E.1: the record version of a first hello is a low one.
    let mut record = vec![22];
    record.extend(offer.version.min(TLS10).to_be_bytes());
    record.extend(prefixed(&message));
    record
}

fn extensions(offer: &Offer, sni: Option<&str>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u16, body: &[u8]| {
        all.extend(kind.to_be_bytes());
        all.extend(prefixed(body));
    };
    if let Some(name) = sni {
        let mut host = vec![0]; // host_name, RFC 6066 §3
        host.extend(prefixed(name.as_bytes()));
        add(0, &prefixed(&host));
    }
    add(10, &prefixed(&words(&offer.groups)));
    if offer.version >= TLS12 {
        add(13, &prefixed(&words(SCHEMES)));
    }
    if offer.version > TLS12 {
        add(43, &[2, 3, 4]); // supported_versions: TLS 1.3 alone, RFC 8446 §4.2.1
        add(51, &prefixed(&[])); // key_share: none yet, RFC 8446 §4.2.8
    } else {
        add(11, &[3, 0, 1, 2]); // All three point formats, RFC 8422 §5.1.2
        add(23, &[]); // extended_master_secret, RFC 7627 §5.1
        add(0xff01, &[0]); // Initial handshake, RFC 5746 §3.2
    }
    all
}

fn words(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// A vector with a length of two bytes. All of ours are short; a name that is not
/// would be cut, never written with a wrong length.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut out = length.to_be_bytes().to_vec();
    out.extend(bytes.iter().take(usize::from(length)));
    out
}

#[cfg(test)]
mod tests {
    use tls_parser::{TlsMessage, TlsMessageHandshake, parse_tls_plaintext};

    use super::*;

    fn suites(record: &[u8]) -> Vec<u16> {
        let (rest, record) = parse_tls_plaintext(record).unwrap();
        assert!(rest.is_empty(), "one record and nothing behind it");
        match &record.msg[0] {
            TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello)) => {
                assert_eq!(hello.version.0, 0x0303);
                hello.ciphers.iter().map(|suite| suite.0).collect()
            }
            other => panic!("not a ClientHello: {other:?}"),
        }
    }

    #[test]
    fn is_one_record_that_an_independent_parser_reads() {
        let record = client_hello(&legacy_offer(), &[7; 32], Some("mx.example.net"));
        assert_eq!(record[..3], [22, 3, 1]);
        assert_eq!(suites(&record), SUITES);
    }

    #[test]
    fn offers_old_suites_but_no_signal() {
        for old in [0x0005, 0x000a, 0x002f, 0x0033, 0xc013] {
            assert!(SUITES.contains(&old), "{old:04x}");
        }
        assert!(!SUITES.contains(&0x5600) && !SUITES.contains(&0x00ff));
    }

    #[test]
    fn carries_the_name_or_none() {
        let named = client_hello(&legacy_offer(), &[0; 32], Some("mx.example.net"));
        let silent = client_hello(&legacy_offer(), &[0; 32], None);
        assert!(named.windows(14).any(|window| window == b"mx.example.net"));
        assert_eq!(named.len(), silent.len() + 14 + 9);
    }

    #[test]
    fn fits_in_one_segment() {
        let name = "a".repeat(253);
        assert!(client_hello(&legacy_offer(), &[0; 32], Some(&name)).len() < 1200);
    }
}
