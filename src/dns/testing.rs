//! A pretend recursive resolver on loopback sockets, for the tests beside it:
//! zones in text form, signed with real keys, and a twist on what it says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hickory_resolver::proto::dnssec::crypto::Ed25519SigningKey;
use hickory_resolver::proto::dnssec::rdata::sig::SigInput;
use hickory_resolver::proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS, NSEC, NSEC3, RRSIG};
use hickory_resolver::proto::dnssec::{
    DigestType, DnssecSigner, Nsec3HashAlgorithm, PublicKey, SigningKey, TBS,
};
use hickory_resolver::proto::op::{Edns, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};
use hickory_resolver::proto::serialize::txt::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use super::denial::base32hex;

pub(super) const TTL: u32 = 3600;

/// A zone that answers, signed or not.
struct Zone {
    origin: Name,
    rrsets: BTreeMap<(Name, RecordType), Vec<Record>>,
    signer: Option<DnssecSigner>,
}

/// All zones that the resolver knows.
#[derive(Default)]
pub(super) struct World {
    zones: Vec<Zone>,
}

/// How a zone hangs below its parent, which must be in the world before it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Delegation {
    Signed,
    Unsigned,
    /// Signed, and the parent's DS belongs to another key.
    WrongDs,
}

pub(super) fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

fn signer(zone: &Name) -> DnssecSigner {
    let der = Ed25519SigningKey::generate_pkcs8().unwrap();
    let key = Ed25519SigningKey::from_pkcs8(&der).unwrap();
    let dnskey = DNSKEY::from_key(&key.to_public_key().unwrap());
    DnssecSigner::new(dnskey, Box::new(key), zone.clone(), Duration::from_hours(1))
}

impl World {
    /// A signed root and a signed `test.`.
    pub(super) fn signed() -> Self {
        Self::default().zone(".", Delegation::Signed, "").zone("test.", Delegation::Signed, "")
    }

    /// Adds a zone; its apex gets SOA and NS.
    pub(super) fn zone(mut self, origin: &str, delegation: Delegation, text: &str) -> Self {
        let origin = name(origin);
        let apex =
            "@ 3600 IN SOA ns.test. root.test. 1 3600 600 86400 3600\n@ 3600 IN NS ns.test.\n";
        let lines: Vec<&str> = apex.lines().chain(text.lines()).map(str::trim).collect();
        let (_, parsed) =
            Parser::new(lines.join("\n"), None, Some(origin.clone())).parse().unwrap();
        let mut rrsets = BTreeMap::new();
        for set in parsed.values() {
            let records: Vec<Record> = set.records_without_rrsigs().cloned().collect();
            rrsets.insert((set.name().clone(), set.record_type()), records);
        }
        let signer = (delegation != Delegation::Unsigned).then(|| signer(&origin));
        if let Some(signer) = &signer {
            let key = RData::DNSSEC(DNSSECRData::DNSKEY(signer.to_dnskey()));
            let key = Record::from_rdata(origin.clone(), TTL, key);
            rrsets.insert((origin.clone(), RecordType::DNSKEY), vec![key]);
        }
        let zone = Zone { origin, rrsets, signer };
        if !zone.origin.is_root() {
            self.delegate(&zone, delegation);
        }
        self.zones.push(zone);
        self
    }

    fn delegate(&mut self, child: &Zone, delegation: Delegation) {
        let origin = child.origin.clone();
        let ds = match delegation {
            Delegation::Unsigned => None,
            Delegation::Signed => child.signer.as_ref().map(|signer| ds(signer, &origin)),
            Delegation::WrongDs => Some(ds(&signer(&origin), &origin)),
        };
        let parent = self.zone_of_mut(&origin.base_name());
        let ns = child.rrsets[&(origin.clone(), RecordType::NS)].clone();
        parent.rrsets.insert((origin.clone(), RecordType::NS), ns);
        if let Some(ds) = ds {
            let ds = Record::from_rdata(origin.clone(), TTL, RData::DNSSEC(DNSSECRData::DS(ds)));
            parent.rrsets.insert((origin, RecordType::DS), vec![ds]);
        }
    }

    fn zone_of_mut(&mut self, owner: &Name) -> &mut Zone {
        let zones = self.zones.iter_mut().filter(|zone| zone.origin.zone_of(owner));
        zones.max_by_key(|zone| zone.origin.num_labels()).unwrap()
    }

    fn zone_of(&self, owner: &Name, kind: RecordType) -> &Zone {
        let is_parental = |zone: &Zone| kind == RecordType::DS && zone.origin == *owner;
        let zones = self.zones.iter().filter(|z| z.origin.zone_of(owner) && !is_parental(z));
        zones.max_by_key(|zone| zone.origin.num_labels()).unwrap()
    }

    /// The root's DNSKEY in zone-file form.
    pub(super) fn root_dnskey(&self) -> String {
        let key = self.zones[0].signer.as_ref().unwrap().to_dnskey();
        format!(". IN DNSKEY {key}")
    }

    /// The root's DS in zone-file form.
    pub(super) fn root_ds(&self) -> String {
        format!(". IN DS {}", ds(self.zones[0].signer.as_ref().unwrap(), &Name::root()))
    }

    /// SOA and an opt-out NSEC3 of a signed zone, as one with many unsigned
    /// delegations has them: the hash of a name happens to lie in its span.
    pub(super) fn opt_out(&self, zone: &str, covered: &str) -> Vec<Record> {
        let zone = self.zones.iter().find(|known| known.origin == name(zone)).unwrap();
        let algorithm = Nsec3HashAlgorithm::SHA1;
        let hash = algorithm.hash(&[], &name(covered), 0).unwrap().as_ref().to_vec();
        let step = |by: i8| {
            let mut near = hash.clone();
            near[10] = near[10].wrapping_add_signed(by);
            near
        };
        let owner = zone.origin.prepend_label(base32hex(&step(-1))).unwrap();
        let types = [RecordType::NS, RecordType::DS];
        let nsec3 = NSEC3::new(algorithm, true, 0, vec![], step(1), types);
        let nsec3 = Record::from_rdata(owner, TTL, RData::DNSSEC(DNSSECRData::NSEC3(nsec3)));
        let soa = &zone.rrsets[&(zone.origin.clone(), RecordType::SOA)];
        [zone.signed(soa), zone.signed(&[nsec3])].concat()
    }

    pub(super) fn respond(&self, request: &Message) -> Message {
        let query = request.queries[0].clone();
        let wants_dnssec = request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        let mut response = request.clone().into_response();
        response.metadata.recursion_available = true;
        response.metadata.response_code = self.fill(&query, &mut response);
        if !wants_dnssec {
            response.answers.retain(|r| r.record_type() == query.query_type() || !is_dnssec(r));
            response.authorities.retain(|r| !is_dnssec(r));
        }
        if request.edns.is_some() {
            response.set_edns(Edns::new());
            response.edns.as_mut().unwrap().set_dnssec_ok(wants_dnssec);
        }
        response
    }

    fn fill(&self, query: &Query, response: &mut Message) -> ResponseCode {
        let mut owner = query.name().clone();
        for _ in 0..12 {
            let zone = self.zone_of(&owner, query.query_type());
            if let Some(records) = zone.rrsets.get(&(owner.clone(), query.query_type())) {
                response.add_answers(zone.signed(records));
                return ResponseCode::NoError;
            }
            let Some(links) = zone.rrsets.get(&(owner.clone(), RecordType::CNAME)) else {
                return zone.without(&owner, query.query_type(), response);
            };
            response.add_answers(zone.signed(links));
            let RData::CNAME(target) = &links[0].data else { unreachable!() };
            owner = target.0.clone();
        }
        ResponseCode::NoError
    }
}

fn ds(signer: &DnssecSigner, zone: &Name) -> DS {
    let key = signer.key().to_public_key().unwrap();
    DS::from_key(&key as &dyn PublicKey, zone, DigestType::SHA256).unwrap()
}

pub(super) fn is_dnssec(record: &Record) -> bool {
    use RecordType::{DNSKEY, DS, NSEC, NSEC3, RRSIG};
    matches!(record.record_type(), DNSKEY | DS | NSEC | NSEC3 | RRSIG)
}

impl Zone {
    /// A wildcard's records, or a denial.
    fn without(&self, owner: &Name, kind: RecordType, response: &mut Message) -> ResponseCode {
        let exists = self.rrsets.keys().any(|(name, _)| owner.zone_of(name));
        let wildcard = owner.base_name().prepend_label("*").unwrap();
        if let (false, Some(records)) = (exists, self.rrsets.get(&(wildcard.clone(), kind))) {
            let expand = |mut record: Record| {
                record.name = owner.clone();
                record
            };
            response.add_answers(self.signed(records).into_iter().map(expand));
            response.add_authorities(self.nsec(owner));
            return ResponseCode::NoError;
        }
        let soa = &self.rrsets[&(self.origin.clone(), RecordType::SOA)];
        response.add_authorities(self.signed(soa));
        response.add_authorities(self.nsec(owner));
        if exists {
            return ResponseCode::NoError;
        }
        if self.covering(owner) != self.covering(&wildcard) {
            response.add_authorities(self.nsec(&wildcard));
        }
        ResponseCode::NXDomain
    }

    /// The name whose NSEC matches or covers an owner.
    fn covering(&self, owner: &Name) -> Name {
        let names = self.rrsets.keys().map(|(name, _)| name);
        names.filter(|name| *name <= owner).max().unwrap_or(&self.origin).clone()
    }

    fn nsec(&self, owner: &Name) -> Vec<Record> {
        if self.signer.is_none() {
            return Vec::new();
        }
        let holder = self.covering(owner);
        let next = self.rrsets.keys().map(|(name, _)| name).filter(|name| **name > holder).min();
        let next = next.unwrap_or(&self.origin).clone();
        let types = self.rrsets.keys().filter(|(name, _)| *name == holder).map(|(_, kind)| *kind);
        let nsec = NSEC::new_cover_self(next, types);
        let record = Record::from_rdata(holder, TTL, RData::DNSSEC(DNSSECRData::NSEC(nsec)));
        self.signed(&[record])
    }

    /// An RRset with its RRSIG.
    fn signed(&self, records: &[Record]) -> Vec<Record> {
        let mut all = records.to_vec();
        if let Some(signer) = &self.signer {
            let owner = records[0].name.clone();
            // NS and glue below a cut are the child's to sign.
            if records[0].record_type() != RecordType::NS || owner == self.origin {
                let rrsig = RData::DNSSEC(DNSSECRData::RRSIG(rrsig(signer, records)));
                all.push(Record::from_rdata(owner, TTL, rrsig));
            }
        }
        all
    }
}

fn rrsig(signer: &DnssecSigner, records: &[Record]) -> RRSIG {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = u32::try_from(now).unwrap();
    let input = SigInput {
        type_covered: records[0].record_type(),
        algorithm: signer.key().algorithm(),
        num_labels: records[0].name.num_labels(),
        original_ttl: TTL,
        sig_expiration: SerialNumber::new(now + 3600),
        sig_inception: SerialNumber::new(now - 3600),
        key_tag: signer.calculate_key_tag().unwrap(),
        signer_name: signer.signer_name().clone(),
    };
    let tbs = TBS::from_input(&records[0].name, DNSClass::IN, &input, records.iter()).unwrap();
    RRSIG::from_sig(input, signer.sign(&tbs).unwrap())
}

/// A question as it reached the resolver.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) is_tcp: bool,
    pub(super) checking_disabled: bool,
}

impl Asked {
    pub(super) fn is(&self, owner: &str, kind: RecordType) -> bool {
        *self.query.name() == name(owner) && self.query.query_type() == kind
    }
}

/// What happens to an answer on its way; `None` drops it.
type Twist = dyn Fn(&Asked, Message) -> Option<Message> + Send + Sync;

/// The resolver: UDP and TCP on one loopback port.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    pub(super) async fn honest(world: World) -> Self {
        Self::twisted(world, |_, message| Some(message)).await
    }

    pub(super) async fn twisted(
        world: World,
        twist: impl Fn(&Asked, Message) -> Option<Message> + Send + Sync + 'static,
    ) -> Self {
        let (tcp, udp) = sockets().await;
        let address = udp.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let desk = Arc::new(Desk { world, twist: Box::new(twist), asked: Arc::clone(&asked) });
        let tasks = vec![
            tokio::spawn(serve_udp(udp, Arc::clone(&desk))),
            tokio::spawn(serve_tcp(tcp, desk)),
        ];
        Self { address, asked, tasks }
    }

    /// Every question so far, in order.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn count(&self, owner: &str, kind: RecordType) -> usize {
        self.asked().iter().filter(|asked| asked.is(owner, kind)).count()
    }
}

/// A TCP and a UDP socket with the same port number.
async fn sockets() -> (TcpListener, UdpSocket) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (tcp, udp);
        }
    }
}

struct Desk {
    world: World,
    twist: Box<Twist>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Desk {
    fn answer(&self, bytes: &[u8], is_tcp: bool) -> Option<Vec<u8>> {
        let request = Message::from_vec(bytes).ok()?;
        let asked = Asked {
            query: request.queries[0].clone(),
            is_tcp,
            checking_disabled: request.metadata.checking_disabled,
        };
        self.asked.lock().unwrap().push(asked.clone());
        let response = (self.twist)(&asked, self.world.respond(&request))?;
        let bytes = response.to_vec().unwrap();
        if !is_tcp && bytes.len() > usize::from(request.max_payload()) {
            return Some(response.truncate().to_vec().unwrap());
        }
        Some(bytes)
    }
}

async fn serve_udp(socket: UdpSocket, desk: Arc<Desk>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        if let Some(answer) = desk.answer(&buffer[..length], false) {
            socket.send_to(&answer, from).await.ok();
        }
    }
}

async fn serve_tcp(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                let mut request = vec![0; usize::from(length)];
                stream.read_exact(&mut request).await.unwrap();
                if let Some(answer) = desk.answer(&request, true) {
                    stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            }
        });
    }
}
