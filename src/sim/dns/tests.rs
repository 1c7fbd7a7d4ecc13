use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider as Runtime;
use hickory_resolver::proto::dnssec::{Algorithm, Proof, PublicKeyBuf, TrustAnchors};

use super::*;

const MX: &str = "mx.example.net";
const BOGUS: &str = "bogus.example.net";

fn zone() -> Zone {
    let mut zone = Zone::new();
    zone.mx("example.net", 10, MX)
        .mx("null.example.org", 0, ".")
        .address(MX, "192.0.2.25".parse().unwrap())
        .address(MX, "2001:db8::25".parse().unwrap())
        .cname("alias.example.com", MX)
        .txt("long.example.net", &"v".repeat(600))
        .address(BOGUS, "192.0.2.66".parse().unwrap())
        .fault(BOGUS, None, Fault::Bogus)
        .fault("broken.example.net", None, Fault::Servfail)
        .fault("silent.example.net", None, Fault::Silent)
        .fault(MX, Some(RecordType::HINFO), Fault::Refused);
    zone
}

fn resolver(server: &NameServer, anchor: Option<&str>) -> TokioResolver {
    let mut name_server = NameServerConfig::udp_and_tcp(server.address().ip());
    for connection in &mut name_server.connections {
        connection.port = server.address().port();
    }
    let config = ResolverConfig::from_parts(None, vec![], vec![name_server]);
    let mut options = ResolverOpts::default();
    // One test waits for it; the others need it on a busy machine.
    options.timeout = Duration::from_secs(3);
    options.attempts = 1;
    let mut builder =
        TokioResolver::builder_with_config(config, Runtime::default()).with_options(options);
    if let Some(anchor) = anchor {
        let fields: Vec<_> = anchor.split_ascii_whitespace().collect();
        assert_eq!(fields[..6], [".", "300", "IN", "DNSKEY", "257", "3"]);
        let engine = base64::engine::general_purpose::STANDARD;
        let key = base64::Engine::decode(&engine, fields[7]).unwrap();
        let mut anchors = TrustAnchors::empty();
        anchors.insert(&PublicKeyBuf::new(key, Algorithm::ECDSAP256SHA256));
        builder = builder.with_trust_anchor(Arc::new(anchors));
    }
    builder.build().unwrap()
}

async fn proofs(resolver: &TokioResolver, name: &str, kind: RecordType) -> Vec<Proof> {
    let lookup = resolver.lookup(format!("{name}."), kind).await.unwrap();
    let records = lookup.answers().iter();
    records.filter(|r| r.record_type() != RecordType::RRSIG).map(|r| r.proof).collect()
}

#[tokio::test]
async fn answers_are_secure_under_the_anchor_that_was_handed_out() {
    let server = NameServer::start(&zone()).await.unwrap();
    let resolver = resolver(&server, server.trust_anchor());
    for (name, kind, count) in [
        ("example.net", RecordType::MX, 1),
        ("null.example.org", RecordType::MX, 1),
        (MX, RecordType::A, 1),
        (MX, RecordType::AAAA, 1),
        ("alias.example.com", RecordType::A, 2),
        ("long.example.net", RecordType::TXT, 1),
    ] {
        let proofs = proofs(&resolver, name, kind).await;
        assert_eq!(proofs, vec![Proof::Secure; count], "{name} {kind}");
    }
}

#[tokio::test]
async fn denials_are_proven() {
    let server = NameServer::start(&zone()).await.unwrap();
    let resolver = resolver(&server, server.trust_anchor());
    for (name, kind, code) in [
        ("example.net.", RecordType::AAAA, ResponseCode::NoError),
        ("absent.example.net.", RecordType::MX, ResponseCode::NXDomain),
        ("absent.test.", RecordType::MX, ResponseCode::NXDomain),
    ] {
        let error = resolver.lookup(name, kind).await.unwrap_err();
        let text = format!("{error:?}");
        assert!(error.is_no_records_found(), "{name} {text}");
        assert!(text.contains(&format!("response_code: {code:?}")), "{name} {text}");
    }
}

#[tokio::test]
async fn broken_signatures_are_bogus_and_the_records_are_there_without_validation() {
    let server = NameServer::start(&zone()).await.unwrap();
    let validating = resolver(&server, server.trust_anchor());
    match validating.lookup(format!("{BOGUS}."), RecordType::A).await {
        Ok(_) => assert_eq!(proofs(&validating, BOGUS, RecordType::A).await, [Proof::Bogus]),
        Err(error) => assert!(format!("{error:?}").contains("Bogus"), "{error:?}"),
    }
    let plain = resolver(&server, None);
    assert_eq!(plain.lookup_ip(format!("{BOGUS}.")).await.unwrap().iter().count(), 1);
}

#[tokio::test]
async fn faults_are_what_their_names_say() {
    let server = NameServer::start(&zone()).await.unwrap();
    let resolver = resolver(&server, None);
    for (name, kind, expected) in [
        ("broken.example.net.", RecordType::MX, "ServFail"),
        ("silent.example.net.", RecordType::MX, "Timeout"),
        ("mx.example.net.", RecordType::HINFO, "Refused"),
    ] {
        let error = format!("{:?}", resolver.lookup(name, kind).await.unwrap_err());
        assert!(error.contains(expected), "{name} {error}");
    }
}

#[tokio::test]
async fn an_unsigned_zone_has_no_anchor_and_answers() {
    let server = NameServer::start(zone().unsigned()).await.unwrap();
    assert_eq!(server.trust_anchor(), None);
    let resolver = resolver(&server, None);
    assert_eq!(resolver.mx_lookup("example.net.").await.unwrap().answers().len(), 1);
}

#[tokio::test]
async fn what_is_not_a_name_is_an_error() {
    let mut zone = Zone::new();
    zone.mx(&"a".repeat(70), 10, MX);
    assert!(NameServer::start(&zone).await.is_err());
}
