use super::suites::*;
use super::*;
use crate::model::tls::Handshake;
use crate::model::transcript::Event;
use crate::tls::legacy::client_hello;

fn transcript(offer: &Offer, received: &[u8], failure: &str) -> Transcript {
    let handshake = Handshake { failure: Some(failure.to_owned()), ..Handshake::default() };
    let kinds = [
        EventKind::Sent(client_hello(offer, &[7; 32], Some("mx.example.net"))),
        EventKind::Received(received.to_vec()),
        EventKind::HandshakeFailed(Box::new(handshake)),
    ];
    Transcript { events: kinds.map(|kind| Event { at_us: 0, kind }).into() }
}

fn whole(version: u16) -> Offer {
    Offer { version, suites: suites_of(version), groups: groups_of(version) }
}

/// A ServerHello in one record.
fn server_hello(version: u16, suite: u16, extensions: &[u8]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([9; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.push(0);
    if !extensions.is_empty() {
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
    }
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 3, 0, length + 4, 2, 0, 0, length][..], &body].concat()
}

const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
/// supported_versions TLS 1.3, key_share X25519.
const RETRY: &[u8] = &[0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 29];

fn asked(offer: &Offer, received: &[u8]) -> Asked {
    read(&transcript(offer, received, "left"))
}

#[test]
fn an_offer_survives_the_wire() {
    for version in VERSIONS {
        let offer = whole(version);
        let read = asked(&offer, ALERT);
        assert_eq!(read, Asked { offer: Some(offer), answer: Answer::Refused }, "{version:04x}");
    }
}

#[test]
fn a_retry_request_names_version_suite_and_group() {
    let Answer::Picked(flight) = asked(&whole(TLS13), &server_hello(0x0303, 0x1301, RETRY)).answer
    else {
        panic!("no answer");
    };
    let hello = flight.hello.unwrap();
    assert_eq!((hello.version, hello.suite, flight.named_group), (TLS13, 0x1301, Some(29)));
}

#[test]
fn what_was_not_offered_is_no_answer() {
    let unknown = |offer: Offer, received: &[u8]| {
        assert_eq!(asked(&offer, received).answer, Answer::Unknown);
    };
    unknown(whole(TLS12), &server_hello(0x0303, 0x1301, &[]));
    unknown(whole(TLS11), &server_hello(0x0303, 0x002f, &[]));
    unknown(Offer { groups: vec![23], ..whole(TLS13) }, &server_hello(0x0303, 0x1301, RETRY));
    unknown(whole(TLS12), b"500 what\r\n");
    unknown(whole(TLS12), b"");
    assert_eq!(read(&Transcript::default()).answer, Answer::Unknown);
    for (failure, expected) in [
        ("closed after ClientHello", Answer::Refused),
        ("reset after ClientHello", Answer::Refused),
        ("silence after ClientHello", Answer::Unknown),
    ] {
        assert_eq!(read(&transcript(&whole(TLS12), b"", failure)).answer, expected, "{failure}");
    }
}

#[test]
fn an_older_version_than_offered_counts_for_both() {
    let tally = Tally::of(&[asked(&whole(TLS12), &server_hello(0x0301, 0x002f, &[]))]);
    assert_eq!(tally.version(TLS12).unwrap().accepted, Some(false));
    assert_eq!(tally.version(TLS10).unwrap().accepted, Some(true));
    assert_eq!(tally.version(TLS10).unwrap().suites, [0x002f]);
    assert_eq!(tally.version(TLS13).unwrap().accepted, None);
    assert!(!tally.old.unwrap().secure_renegotiation);
}

#[test]
fn suites_are_open_until_the_rest_is_refused() {
    let first = || asked(&whole(TLS12), &server_hello(0x0303, 0xc02f, &[]));
    let tally = Tally::of(&[first()]);
    let version = tally.version(TLS12).unwrap();
    let rest = version.open_suites(|_| true);
    assert_eq!(rest.len() + 1, suites_of(TLS12).len());
    let closing = asked(&Offer { suites: rest, ..whole(TLS12) }, ALERT);
    let tally = Tally::of(&[first(), closing]);
    let version = tally.version(TLS12).unwrap();
    assert_eq!(version.open_suites(|_| true), [0_u16; 0]);
    assert_eq!((version.accepted, version.server_preference()), (Some(true), None));
    assert!(!version.open_groups().is_empty(), "a refusal of suites says nothing of groups");
}

#[test]
fn the_order_is_the_servers_where_turning_ours_round_changes_nothing() {
    let best = suites_of(TLS13);
    let (first, second) = (best[0], best[1]);
    let hello = |suite| server_hello(0x0303, suite, RETRY);
    let rest = Offer { suites: best[1..].to_vec(), ..whole(TLS13) };
    let turned = || Offer { suites: vec![second, first], ..whole(TLS13) };
    let preference = |answer| {
        let all = [
            asked(&whole(TLS13), &hello(first)),
            asked(&rest, &hello(second)),
            asked(&turned(), &hello(answer)),
        ];
        Tally::of(&all).version(TLS13).unwrap().server_preference()
    };
    assert_eq!(preference(first), Some(true));
    assert_eq!(preference(second), Some(false));
    let own = [asked(&whole(TLS13), &hello(second)), asked(&turned(), &hello(first))];
    assert_eq!(Tally::of(&own).version(TLS13).unwrap().server_preference(), Some(true));
}
