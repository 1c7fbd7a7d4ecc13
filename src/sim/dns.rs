//! A name server on loopback, UDP and TCP, that knows everything.
//!
//! Owns one zone, the root, in which all names lie; it is signed by a key of its
//! own making, whose DNSKEY is the trust anchor. To a stub resolver it looks
//! like the recursive resolver of a network. Refuses to know why a name is
//! looked up.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_server::Server;
use hickory_server::dnssec::NxProofKind;
use hickory_server::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::proto::dnssec::crypto::EcdsaSigningKey;
use hickory_server::proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_server::proto::dnssec::{Algorithm, DnssecSigner, SigningKey};
use hickory_server::proto::op::{Edns, Header, HeaderCounts, Metadata, ResponseCode};
use hickory_server::proto::rr::rdata::{A, AAAA, CNAME, MX, NS, SOA, TLSA, TXT};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordSet, RrKey};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, MessageResponseBuilder, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

use crate::model::route::Tlsa;
use crate::sim::Error;

pub use hickory_server::proto::rr::RecordType;

/// Time to live of every record, in seconds.
const TTL: u32 = 300;
/// How long signatures are valid.
const SIGNED_FOR: Duration = Duration::from_hours(24 * 30);
/// How long a TCP connection may be idle.
const IDLE: Duration = Duration::from_secs(10);
/// Responses that may wait on one TCP connection.
const TCP_RESPONSES: usize = 32;
/// Attempts to get one port number for both UDP and TCP.
const PORT_ATTEMPTS: usize = 16;
/// The longest character-string of a TXT record (RFC 1035 §3.3).
const TXT_STRING: usize = 255;

/// Top-level domains that exist though nothing else may lie in them. The server's
/// proof that a name does not exist holds only below a name that does.
const TOP_LEVEL: [&str; 5] = ["com", "example", "net", "org", "test"];

/// How a name is answered instead of with its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// SERVFAIL.
    Servfail,
    /// REFUSED.
    Refused,
    /// Not at all.
    Silent,
    /// With its records and signatures that do not hold; needs a signed zone.
    Bogus,
}

/// Records and faults, by name.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    records: Vec<(String, Data)>,
    faults: Vec<(String, Option<RecordType>, Fault)>,
    unsigned: bool,
}

#[derive(Clone, Debug)]
enum Data {
    Mx(u16, String),
    Address(IpAddr),
    Cname(String),
    Txt(String),
    Tlsa(Tlsa),
}

impl Zone {
    /// No names at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves the zone unsigned: a network whose resolver knows no DNSSEC.
    pub fn unsigned(&mut self) -> &mut Self {
        self.unsigned = true;
        self
    }

    /// A mail exchanger; `.` with preference 0 is a null MX (RFC 7505 §3).
    pub fn mx(&mut self, domain: &str, preference: u16, exchange: &str) -> &mut Self {
        self.add(domain, Data::Mx(preference, exchange.to_owned()))
    }

    /// An address, A or AAAA.
    pub fn address(&mut self, host: &str, address: IpAddr) -> &mut Self {
        self.add(host, Data::Address(address))
    }

    /// An alias, followed within the answer.
    pub fn cname(&mut self, alias: &str, canonical: &str) -> &mut Self {
        self.add(alias, Data::Cname(canonical.to_owned()))
    }

    /// A text, cut into strings of 255 octets.
    pub fn txt(&mut self, name: &str, text: &str) -> &mut Self {
        self.add(name, Data::Txt(text.to_owned()))
    }

    /// A TLSA record; `name` is the whole of it, `_25._tcp.mx.example.net`.
    pub fn tlsa(&mut self, name: &str, record: Tlsa) -> &mut Self {
        self.add(name, Data::Tlsa(record))
    }

    /// Spoils the answers for a name, or only those of one type.
    pub fn fault(&mut self, name: &str, only: Option<RecordType>, fault: Fault) -> &mut Self {
        self.faults.push((name.to_owned(), only, fault));
        self
    }

    fn add(&mut self, name: &str, data: Data) -> &mut Self {
        self.records.push((name.to_owned(), data));
        self
    }

    fn faults(&self) -> Result<Faults, Error> {
        let read = |(name, only, fault): &(String, Option<RecordType>, Fault)| {
            Ok((LowerName::from(&absolute(name)?), *only, *fault))
        };
        Ok(Faults(self.faults.iter().map(read).collect::<Result<_, Error>>()?))
    }
}

impl Data {
    fn rdata(&self) -> Result<RData, Error> {
        Ok(match self {
            Self::Mx(preference, exchange) => RData::MX(MX::new(*preference, absolute(exchange)?)),
            Self::Address(IpAddr::V4(address)) => RData::A(A(*address)),
            Self::Address(IpAddr::V6(address)) => RData::AAAA(AAAA(*address)),
            Self::Cname(canonical) => RData::CNAME(CNAME(absolute(canonical)?)),
            Self::Txt(text) => {
                RData::TXT(TXT::from_bytes(text.as_bytes().chunks(TXT_STRING).collect()))
            }
            Self::Tlsa(tlsa) => RData::TLSA(TLSA::new(
                tlsa.usage.into(),
                tlsa.selector.into(),
                tlsa.matching.into(),
                bytes(&tlsa.data)?,
            )),
        })
    }
}

/// A name server that runs until it is dropped.
pub struct NameServer {
    address: SocketAddr,
    trust_anchor: Option<String>,
    /// Its tasks end with it.
    _server: Server<Handler>,
}

impl NameServer {
    /// Signs the zone with a new key and answers from 127.0.0.1.
    pub async fn start(zone: &Zone) -> Result<Self, Error> {
        let faults = zone.faults()?;
        let mut store = load(zone)?;
        let trust_anchor = if zone.unsigned { None } else { Some(sign(&mut store)?) };
        faults.spoil(&mut store)?;
        let mut catalog = Catalog::new();
        catalog.upsert(Name::root().into(), vec![Arc::new(store)]);
        let (udp, tcp) = sockets().await?;
        let address = udp.local_addr()?;
        let mut server = Server::new(Handler { catalog, faults });
        server.register_socket(udp);
        server.register_listener(tcp, IDLE, TCP_RESPONSES);
        Ok(Self { address, trust_anchor, _server: server })
    }

    /// Where it answers, UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root's DNSKEY in zone-file form; `None` where the zone is unsigned.
    pub fn trust_anchor(&self) -> Option<&str> {
        self.trust_anchor.as_deref()
    }
}

/// An absolute name, whether or not it is written with the last dot.
fn absolute(name: &str) -> Result<Name, Error> {
    let mut parsed = Name::from_ascii(name).map_err(|error| Error::Dns(error.to_string()))?;
    parsed.set_fqdn(true);
    Ok(parsed)
}

/// Hexadecimal digits as bytes.
fn bytes(digits: &str) -> Result<Vec<u8>, Error> {
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<_> = digits.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| Error::Dns(format!("{digits:?} is not hexadecimal")))
}

fn load(zone: &Zone) -> Result<InMemoryZoneHandler, Error> {
    let root = Name::root();
    let server = absolute("ns.example.net")?;
    let soa =
        SOA::new(server.clone(), absolute("hostmaster.example.net")?, 1, 3600, 600, 86400, 60);
    let mut records = BTreeMap::new();
    let mut insert = |name: Name, rdata: RData| {
        let key = RrKey::new(LowerName::from(&name), rdata.record_type());
        let set = records
            .entry(key)
            .or_insert_with(|| RecordSet::with_ttl(name.clone(), rdata.record_type(), TTL));
        set.insert(Record::from_rdata(name, TTL, rdata), 0);
    };
    insert(root.clone(), RData::SOA(soa));
    insert(root.clone(), RData::NS(NS(server.clone())));
    insert(server, RData::A(A(Ipv4Addr::new(192, 0, 2, 53))));
    for name in TOP_LEVEL {
        insert(absolute(name)?, Data::Txt("pretend".to_owned()).rdata()?);
    }
    for (name, data) in &zone.records {
        insert(absolute(name)?, data.rdata()?);
    }
    let proof = (!zone.unsigned).then_some(NxProofKind::Nsec);
    InMemoryZoneHandler::<TokioRuntimeProvider>::new(
        root,
        records,
        ZoneType::Primary,
        AxfrPolicy::Deny,
        proof,
    )
    .map_err(Error::Dns)
}

/// Signs the zone, and returns its key as a trust anchor.
fn sign(store: &mut InMemoryZoneHandler) -> Result<String, Error> {
    let dns = |error: &dyn std::fmt::Display| Error::Dns(error.to_string());
    let algorithm = Algorithm::ECDSAP256SHA256;
    let pkcs8 = EcdsaSigningKey::generate_pkcs8(algorithm).map_err(|error| dns(&error))?;
    let key = EcdsaSigningKey::from_pkcs8(&pkcs8, algorithm).map_err(|error| dns(&error))?;
    let public = key.to_public_key().map_err(|error| dns(&error))?;
    let dnskey = DNSKEY::from_key(&public);
    let anchor = format!(". {TTL} IN DNSKEY {dnskey}\n");
    let signer = DnssecSigner::new(dnskey, Box::new(key), Name::root(), SIGNED_FOR);
    store.add_zone_signing_key_mut(signer).map_err(|error| dns(&error))?;
    store.secure_zone_mut().map_err(|error| dns(&error))?;
    Ok(anchor)
}

/// A UDP and a TCP socket with the same port number.
async fn sockets() -> Result<(UdpSocket, TcpListener), Error> {
    let mut last = None;
    for _ in 0..PORT_ATTEMPTS {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()).into())
}

struct Faults(Vec<(LowerName, Option<RecordType>, Fault)>);

impl Faults {
    fn of(&self, name: &LowerName, record_type: RecordType) -> Option<Fault> {
        let hit = |(at, only, _): &&(LowerName, Option<RecordType>, Fault)| {
            at == name && only.is_none_or(|only| only == record_type)
        };
        self.0.iter().find(hit).map(|(_, _, fault)| *fault)
    }

    /// Breaks the signatures of the names that are to be bogus.
    fn spoil(&self, store: &mut InMemoryZoneHandler) -> Result<(), Error> {
        for (key, set) in store.records_get_mut() {
            if self.of(key.name(), key.record_type) == Some(Fault::Bogus) {
                let signatures = set.rrsigs().iter().map(broken).collect::<Result<_, _>>()?;
                Arc::make_mut(set).set_rrsigs(signatures);
            }
        }
        Ok(())
    }
}

/// The same signature record with other bits in the signature.
fn broken(record: &Record) -> Result<Record, Error> {
    let RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) = &record.data else {
        return Err(Error::Dns("a signature record that is none".to_owned()));
    };
    let signature = rrsig.sig().iter().map(|byte| !byte).collect();
    let mut record = record.clone();
    let rrsig = RRSIG::from_sig(rrsig.input().clone(), signature);
    record.data = RData::DNSSEC(DNSSECRData::RRSIG(rrsig));
    Ok(record)
}

/// Answers from the catalog unless a fault says otherwise.
struct Handler {
    catalog: Catalog,
    faults: Faults,
}

impl RequestHandler for Handler {
    // Written out as the trait's macro has it, which spares a dependency.
    fn handle_request<'s, 'r, 'f, R, T>(
        &'s self,
        request: &'r Request,
        response: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'f>>
    where
        R: ResponseHandler + 'f,
        T: Time + 'f,
        's: 'f,
        'r: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let query = request.request_info().ok().map(|asked| asked.query);
            let fault = query.and_then(|q| self.faults.of(q.name(), q.query_type()));
            match fault {
                None | Some(Fault::Bogus) => {
                    self.catalog.handle_request::<R, T>(request, response).await
                }
                Some(Fault::Servfail) => refuse(request, response, ResponseCode::ServFail).await,
                Some(Fault::Refused) => refuse(request, response, ResponseCode::Refused).await,
                Some(Fault::Silent) => nothing(request),
            }
        })
    }
}

async fn refuse(
    request: &Request,
    mut response: impl ResponseHandler,
    code: ResponseCode,
) -> ResponseInfo {
    let mut edns = Edns::new();
    edns.set_dnssec_ok(request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok));
    let message =
        MessageResponseBuilder::new(&request.queries, request.edns.as_ref().map(|_| &edns))
            .error_msg(&request.metadata, code);
    // A client that is gone needs no answer.
    response.send_response(message).await.unwrap_or_else(|_| nothing(request))
}

/// What the server's log is told where nothing was sent.
fn nothing(request: &Request) -> ResponseInfo {
    let metadata = Metadata::response_from_request(&request.metadata);
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}

#[cfg(test)]
mod tests {
    use hickory_resolver::TokioResolver;
    use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
    use hickory_resolver::net::runtime::TokioRuntimeProvider as Runtime;
    use hickory_resolver::proto::dnssec::{Proof, PublicKeyBuf, TrustAnchors};

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
        options.timeout = Duration::from_millis(300);
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
}
