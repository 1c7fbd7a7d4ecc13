//! Every rule of RFC 7672 that peers get wrong, by name; bad input; properties.

mod anchor;
mod bad_input;
mod end_entity;
mod properties;
mod records;
mod renewal;
mod requirement;

use jiff::Timestamp;
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, KeyPair};

use super::usability::{DANE_EE, DANE_TA};
use super::*;
use crate::model::route::{
    AddressAnswer, Dnssec, Exchange, LookupError, Route, RouteKind, Tlsa, TlsaAnswer,
};
use crate::model::tls::{Dane, DaneStatus};
use crate::model::tlsa::{RecordStanding, RecordView};
use crate::tls::certificate;
use crate::tls::pki::{Authority, V1, at, authority, der, server, valid};

const MX: &str = "mx.example.net";
const DOMAIN: &str = "example.net";

fn exchange(tlsa: impl Into<Option<TlsaAnswer>>) -> Exchange {
    Exchange {
        host: MX.to_owned(),
        preference: Some(10),
        cname: vec![],
        cname_dnssec: None,
        ipv4: AddressAnswer { addresses: vec![], dnssec: Dnssec::Secure, error: None },
        ipv6: AddressAnswer {
            addresses: vec![],
            dnssec: Dnssec::Secure,
            error: Some(LookupError::Nodata),
        },
        tlsa: tlsa.into(),
    }
}

fn route(dnssec: Dnssec, error: Option<LookupError>) -> Route {
    Route {
        vantage: "local".to_owned(),
        kind: RouteKind::Mx,
        dnssec,
        error,
        error_detail: None,
        cname: vec![],
        null_mx_beside_others: false,
        exchanges: vec![],
    }
}

fn secure_mx() -> Route {
    route(Dnssec::Secure, None)
}

fn answer(dnssec: Dnssec, error: Option<LookupError>, records: &[Tlsa]) -> TlsaAnswer {
    TlsaAnswer { base_domain: MX.to_owned(), dnssec, error, records: records.to_vec() }
}

fn record(usage: u8, selector: u8, matching: u8, certificate: &[u8]) -> Tlsa {
    let data = association::of(certificate, selector, matching).unwrap();
    Tlsa { usage, selector, matching, data }
}

fn raw(usage: u8, selector: u8, matching: u8, data: &str) -> Tlsa {
    Tlsa { usage, selector, matching, data: data.to_owned() }
}

fn published(records: &[Tlsa]) -> Requirement {
    requirement(&secure_mx(), &exchange(answer(Dnssec::Secure, None, records)))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn judged_at(records: &[Tlsa], chain: &[Vec<u8>], at: Timestamp) -> Dane {
    judge(&published(records), chain, &names(&[MX, DOMAIN]), at).unwrap()
}

#[track_caller]
fn matched(records: &[Tlsa], chain: &[Vec<u8>]) {
    let dane = judged_at(records, chain, at());
    assert_eq!((dane.status, dane.reasons), (DaneStatus::Matched, vec![]));
    assert!(records.contains(&dane.record.unwrap()));
}

#[track_caller]
fn mismatched(records: &[Tlsa], chain: &[Vec<u8>], reasons: &[&str]) {
    let dane = judged_at(records, chain, at());
    assert_eq!((dane.status, dane.record), (DaneStatus::Mismatched, None));
    assert_eq!(dane.reasons, reasons);
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Root, intermediate and leaf, and the leaf's chain as a server presents it.
struct World {
    root: Authority,
    middle: Authority,
    leaf: Vec<u8>,
}

impl World {
    fn new() -> Self {
        Self::of(&server(&[MX]))
    }

    fn of(leaf: &CertificateParams) -> Self {
        let root = Authority::root("root");
        let middle = root.intermediate(authority("middle"));
        let leaf = middle.leaf(leaf);
        Self { root, middle, leaf }
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        vec![self.leaf.clone(), self.middle.der.clone()]
    }

    fn whole(&self) -> Vec<Vec<u8>> {
        vec![self.leaf.clone(), self.middle.der.clone(), self.root.der.clone()]
    }
}

/// What each record does.
fn views(records: &[Tlsa], chain: &[Vec<u8>]) -> Vec<RecordView> {
    rollover(&published(records), chain, &names(&[MX]), at())
}
