//! Evidence on one target with many addresses, as a saved report may hold it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use jiff::Timestamp;
use mxray::model::evidence::Evidence;
use mxray::model::observation::Observation;
use mxray::model::policy::PolicyEvidence;
use mxray::model::probe::{ClientHello, Limits, Mode, Probe, Role};
use mxray::model::report::{Families, FamilyUse};
use mxray::model::route::{AddressAnswer, Dnssec, Exchange, Route, RouteKind, Tlsa, TlsaAnswer};
use mxray::model::transcript::{EventKind, Transcript};
use mxray::sim::pki::{Flaw, Pki};

const TARGET: &str = "example.net";
const BEGIN: &str = "
-- connected from 198.51.100.10:40000
S: 220 mx.example.net ESMTP
C: EHLO probe.example.org
S: 250-mx.example.net
S: 250-PIPELINING
";
const OFFER: &str = "S: 250-STARTTLS\n";
const END: &str = "
S: 250 ENHANCEDSTATUSCODES
C: STARTTLS
";
const SECURED: &str = "
S: 220 2.0.0 Ready to start TLS
-- tls TLSv1.3 TLS_AES_256_GCM_SHA384 X25519 key_proven=true
C: EHLO probe.example.org
S: 250 mx.example.net
C: QUIT
S: 221 2.0.0 Bye
-- ended by-us
";
const REFUSED: &str = "
S: 502 5.5.2 Error: command not recognized
C: QUIT
S: 221 2.0.0 Bye
-- ended by-us
";

/// How the addresses are spread, and what was seen there.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// All of one host, half of each family, all well.
    OneHost,
    /// A host for every two, one of each family, all well.
    ManyHosts,
    /// As the second; over IPv4 nothing is offered, and two sessions at each say so.
    LostOnFamily,
    /// As that, and each host promises TLS by DANE.
    PromiseDenied,
    /// As the first; IPv4 shows another key, which nobody vouches for.
    ForeignKey,
    /// As the first; an issuer's certificate is missing over IPv4.
    Incomplete,
    /// As the third, and from a second vantage point all is well.
    TwoViews,
}

/// All of them by name.
pub(crate) const SHAPES: [(&str, Shape); 7] = [
    ("one host", Shape::OneHost),
    ("many hosts", Shape::ManyHosts),
    ("lost on a family", Shape::LostOnFamily),
    ("promise denied", Shape::PromiseDenied),
    ("foreign key", Shape::ForeignKey),
    ("incomplete chain", Shape::Incomplete),
    ("two views", Shape::TwoViews),
];

/// Evidence on so many addresses, and the root that was trusted.
pub(crate) fn evidence(shape: Shape, addresses: u16) -> (Evidence, String) {
    let pki = Pki::new().unwrap();
    let names = ["*.example.net".to_owned()];
    let issue = |flaw| pki.issue(&names, flaw).unwrap();
    let sound = issue(Flaw::None);
    let chain = |identity: &mxray::sim::pki::Identity| -> Vec<Vec<u8>> {
        identity.chain().iter().map(|der| der.to_vec()).collect()
    };
    let over_ipv4 = match shape {
        Shape::ForeignKey => chain(&issue(Flaw::SelfSigned)),
        Shape::Incomplete => chain(&issue(Flaw::MissingIntermediate)),
        _ => chain(&sound),
    };
    let tlsa = matches!(shape, Shape::PromiseDenied).then(|| tlsa(sound.public_key()));
    let view = |vantage: &str, lost: bool| View {
        vantage: vantage.to_owned(),
        ipv4: session(!lost, &over_ipv4),
        ipv6: session(true, &chain(&sound)),
    };
    let lost = matches!(shape, Shape::LostOnFamily | Shape::PromiseDenied | Shape::TwoViews);
    let mut views = vec![view("here", lost)];
    if matches!(shape, Shape::TwoViews) {
        views.push(view("there", false));
    }
    let repeats = if lost { 2 } else { 1 };
    let places: Vec<(String, IpAddr)> =
        (0..addresses).map(|place| (host(shape, place / 2), ip(place))).collect();
    let route = |view: &View| route(&view.vantage, &places, tlsa.as_ref());
    let routes = views.iter().map(route).collect();
    let mut observations = Vec::new();
    for (view, (place, (host, ip)), repeat) in views.iter().flat_map(|view| {
        let places = places.iter().enumerate();
        places.flat_map(move |place| (0..repeats).map(move |repeat| (view, place, repeat)))
    }) {
        let seconds = i64::try_from(place).unwrap() % 3600;
        let second = Timestamp::now().as_second() - 3600 + seconds;
        observations.push(Observation {
            id: format!("o{}", observations.len() + 1),
            probe: probe(&view.vantage, host, *ip, repeat),
            started_at: Timestamp::from_second(second).unwrap(),
            transcript: if ip.is_ipv4() { view.ipv4.clone() } else { view.ipv6.clone() },
        });
    }
    let families = Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable };
    let evidence = Evidence {
        target: TARGET.parse().unwrap(),
        routes,
        policies: PolicyEvidence::default(),
        observations,
        role: Role::Target,
        families,
        elsewhere: BTreeMap::from([("there".to_owned(), families)]),
        mirror: None,
    };
    (evidence, pki.root_pem().to_owned())
}

/// What one vantage point sees of each family.
struct View {
    vantage: String,
    ipv4: Transcript,
    ipv6: Transcript,
}

fn host(shape: Shape, place: u16) -> String {
    match shape {
        Shape::OneHost | Shape::ForeignKey | Shape::Incomplete => format!("mx.{TARGET}"),
        _ => format!("mx{place}.{TARGET}"),
    }
}

/// Even ones are IPv4.
fn ip(place: u16) -> IpAddr {
    let [high, low] = (place / 2).to_be_bytes();
    if place.is_multiple_of(2) {
        Ipv4Addr::new(198, 18, high, low).into()
    } else {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, place).into()
    }
}

fn session(offered: bool, chain: &[Vec<u8>]) -> Transcript {
    let (offer, end) = if offered { (OFFER, SECURED) } else { ("", REFUSED) };
    let mut transcript: Transcript = [BEGIN, offer, END, end].concat().parse().unwrap();
    for event in &mut transcript.events {
        if let EventKind::HandshakeDone(handshake) = &mut event.kind {
            handshake.chain = chain.to_vec();
        }
    }
    transcript
}

fn tlsa(key: &[u8]) -> Tlsa {
    let hexadecimal: Vec<String> = key.iter().map(|byte| format!("{byte:02x}")).collect();
    Tlsa { usage: 3, selector: 1, matching: 0, data: hexadecimal.concat() }
}

fn probe(vantage: &str, host: &str, ip: IpAddr, repeat: u32) -> Probe {
    let patience = Duration::from_secs(30);
    Probe {
        vantage: vantage.to_owned(),
        source: None,
        target: TARGET.to_owned(),
        host: host.to_owned(),
        ip,
        port: 25,
        ehlo_name: Some("probe.example.org".to_owned()),
        mode: Mode::Starttls,
        client_hello: ClientHello::Default,
        offer: None,
        sni: Some(host.to_owned()),
        repeat,
        role: Role::Target,
        limits: Limits { session: patience, greeting: patience },
    }
}

fn route(vantage: &str, places: &[(String, IpAddr)], tlsa: Option<&Tlsa>) -> Route {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for (host, ip) in places {
        if exchanges.last().is_none_or(|last| last.host != *host) {
            exchanges.push(exchange(host, tlsa));
        }
        let Some(exchange) = exchanges.last_mut() else { continue };
        match ip {
            IpAddr::V4(ip) => exchange.ipv4.addresses.push(*ip),
            IpAddr::V6(ip) => exchange.ipv6.addresses.push(*ip),
        }
    }
    Route {
        vantage: vantage.to_owned(),
        kind: RouteKind::Mx,
        dnssec: Dnssec::Secure,
        error: None,
        error_detail: None,
        cname: Vec::new(),
        null_mx_beside_others: false,
        exchanges,
    }
}

fn exchange(host: &str, tlsa: Option<&Tlsa>) -> Exchange {
    let dnssec = Dnssec::Secure;
    Exchange {
        host: host.to_owned(),
        preference: Some(10),
        cname: Vec::new(),
        cname_dnssec: None,
        ipv4: AddressAnswer { addresses: Vec::new(), dnssec, error: None },
        ipv6: AddressAnswer { addresses: Vec::new(), dnssec, error: None },
        tlsa: tlsa.map(|record| TlsaAnswer {
            base_domain: format!("_25._tcp.{host}"),
            dnssec,
            error: None,
            records: vec![record.clone()],
        }),
    }
}
