//! DANE judged as OpenSSL judges it: the same records against the same chains, by
//! `policy::dane` and by `openssl s_client`, which Postfix relies on too.

#![expect(clippy::unwrap_used, reason = "a failed helper fails its test")]
#![expect(clippy::print_stderr, reason = "a skip has to be seen")]

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mxray::model::route::{
    AddressAnswer, Dnssec, Exchange, LookupError, Route, RouteKind, Tlsa, TlsaAnswer,
};
use mxray::model::tls::DaneStatus;
use mxray::policy::dane;
use mxray::sim::pki::{Flaw, Identity, Pki, TlsRange};
use mxray::tls::certificate;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ServerConnection, StreamOwned};

const HOST: &str = "mx.example.net";
const FLAWS: [Flaw; 6] = [
    Flaw::None,
    Flaw::Expired,
    Flaw::NotYetValid,
    Flaw::WrongName,
    Flaw::SelfSigned,
    Flaw::MissingIntermediate,
];

/// Serves TLS with this identity until the process ends.
fn serve(identity: &Identity) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = identity.server_config(&TlsRange::default()).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            // A client that refuses the certificate is what is asked for.
            let _ = StreamOwned::new(connection, stream).write_all(b"hello\n");
        }
    });
    address
}

/// Whether OpenSSL accepts the server on this record alone; `None` where it is not
/// installed.
fn openssl_accepts(server: SocketAddr, record: &Tlsa) -> Option<bool> {
    let Tlsa { usage, selector, matching, data } = record;
    let output = Command::new("openssl")
        .args(["s_client", "-brief", "-verify_return_error", "-connect", &server.to_string()])
        .args(["-dane_ee_no_namechecks", "-dane_tlsa_domain", HOST])
        .args(["-dane_tlsa_rrdata", &format!("{usage} {selector} {matching} {data}")])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("unusable"), "{record:?}: {said}");
    let verified = said.contains("Verification: OK");
    assert!(verified || said.contains("verify"), "{record:?}: {said}");
    Some(verified)
}

fn mxray_accepts(chain: &[Vec<u8>], record: &Tlsa) -> bool {
    let tlsa = TlsaAnswer {
        base_domain: HOST.to_owned(),
        dnssec: Dnssec::Secure,
        error: None,
        records: vec![record.clone()],
    };
    let exchange = Exchange {
        host: HOST.to_owned(),
        preference: Some(10),
        cname: vec![],
        cname_dnssec: None,
        ipv4: AddressAnswer { addresses: vec![], dnssec: Dnssec::Secure, error: None },
        ipv6: AddressAnswer {
            addresses: vec![],
            dnssec: Dnssec::Secure,
            error: Some(LookupError::Nodata),
        },
        tlsa: Some(tlsa),
    };
    let route = Route {
        vantage: "local".to_owned(),
        kind: RouteKind::Mx,
        dnssec: Dnssec::Secure,
        error: None,
        error_detail: None,
        cname: vec![],
        null_mx_beside_others: false,
        exchanges: vec![],
    };
    let asked = dane::requirement(&route, &exchange);
    let dane = dane::judge(&asked, chain, &[HOST.to_owned()], Timestamp::now()).unwrap();
    assert!(matches!(dane.status, DaneStatus::Matched | DaneStatus::Mismatched), "{record:?}");
    dane.status == DaneStatus::Matched
}

/// The record of this kind for a certificate.
fn record(usage: u8, selector: u8, matching: u8, der: &[u8]) -> Tlsa {
    let octets = if selector == 0 { der } else { certificate::public_key(der).unwrap() };
    let digest = match matching {
        1 => Some(&aws_lc_rs::digest::SHA256),
        2 => Some(&aws_lc_rs::digest::SHA512),
        _ => None,
    };
    let octets = digest.map_or_else(
        || octets.to_vec(),
        |digest| aws_lc_rs::digest::digest(digest, octets).as_ref().to_vec(),
    );
    let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let data = pairs.concat();
    Tlsa { usage, selector, matching, data }
}

#[test]
fn every_kind_of_record_is_judged_as_openssl_judges_it() {
    let pki = Pki::new().unwrap();
    let root = CertificateDer::from_pem_slice(pki.root_pem().as_bytes()).unwrap().to_vec();
    let counts: Vec<Option<Count>> = std::thread::scope(|scope| {
        let (pki, root) = (&pki, &root);
        let work = FLAWS.map(|flaw| scope.spawn(move || compared(pki, root, flaw)));
        work.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let Some(counts) = counts.into_iter().collect::<Option<Vec<Count>>>() else {
        assert_ne!(std::env::var("MXRAY_LAB").as_deref(), Ok("required"));
        eprintln!("skipped: openssl cannot be started");
        return;
    };
    let cases: usize = counts.iter().map(|count| count.cases).sum();
    let accepted: usize = counts.iter().map(|count| count.accepted).sum();
    assert_eq!(cases, 216);
    assert!((20..cases - 20).contains(&accepted), "{accepted} of {cases} were accepted");
}

/// Records on which both agreed.
#[derive(Default)]
struct Count {
    cases: usize,
    accepted: usize,
}

/// Every record over one chain; `None` without OpenSSL.
fn compared(pki: &Pki, root: &[u8], flaw: Flaw) -> Option<Count> {
    let identity = pki.issue(&[HOST.to_owned()], flaw).unwrap();
    let sound = pki.issue(&[HOST.to_owned()], Flaw::None).unwrap();
    let intermediate = sound.chain().last().unwrap().to_vec();
    let chain: Vec<Vec<u8>> = identity.chain().iter().map(|der| der.to_vec()).collect();
    let server = serve(&identity);
    let mut count = Count::default();
    for source in [chain.first().unwrap().as_slice(), &intermediate, root] {
        for (usage, selector, matching) in kinds() {
            let record = record(usage, selector, matching, source);
            let expected = openssl_accepts(server, &record)?;
            let seen = mxray_accepts(&chain, &record);
            assert_eq!(seen, expected, "{flaw:?} {usage} {selector} {matching} {record:?}");
            count.cases += 1;
            count.accepted += usize::from(expected);
        }
    }
    Some(count)
}

fn kinds() -> impl Iterator<Item = (u8, u8, u8)> {
    let pairs = [(2, 0), (2, 1), (3, 0), (3, 1)];
    pairs.into_iter().flat_map(|(usage, selector)| (0..3).map(move |kind| (usage, selector, kind)))
}
