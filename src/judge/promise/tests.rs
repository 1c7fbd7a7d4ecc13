//! What keeps, denies or says nothing of a promise, and what follows from it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::keeping::{self, Denial, Failed, NOT_SUPPORTED, Outcome, Trust};
use super::ledger::{Account, Entry, Ledger, Path, Settled};
use super::proof::{self, Promises, Witness};
use super::{Force, Promise, Vow};
use crate::judge::held::Circumstances;
use crate::judge::reading::Reading;
use crate::model::evidence::Evidence;
use crate::model::observation::Observation;
use crate::model::policy::PolicyEvidence;
use crate::model::probe::{ClientHello, Family, Limits, Mode, Probe, Role};
use crate::model::report::{Families, FamilyUse};
use crate::model::tls::{Dane, DaneStatus, Handshake, Pkix, PkixReason, PkixStatus, TlsFacts};
use crate::model::transcript::Transcript;
use crate::model::verdict::{Confidence, Place, Status};
use crate::smtp;
use crate::tls::{self, Roots};

const OFFER: &str = "-- connected\nS: 220 mx\nC: EHLO p\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\n";
const NO_OFFER: &str = "-- connected\nS: 220 mx\nC: EHLO p\nS: 250-mx\nS: 250 SIZE\nC: STARTTLS\n";
const HELO: &str =
    "-- connected\nS: 220 mx\nC: EHLO p\nS: 502 no\nC: HELO p\nS: 250 mx\nC: STARTTLS\n";
const ON_GREETING_LINE: &str =
    "-- connected\nS: 220 mx\nC: EHLO p\nS: 250-mx STARTTLS\nS: 250 SIZE\nC: STARTTLS\n";
const GO: &str = "S: 220 go\n";
const NO: &str = "S: 502 no\nC: QUIT\nS: 221 bye\n-- ended by-us\n";
const DONE: &str = "-- tls TLSv1.3 - - key_proven=true\nC: EHLO p\nS: 250 mx\nC: QUIT\nS: 221 bye\n-- ended by-us\n";

const PUBLIC: Trust = Trust { public: true, renamed: false };
const MISSING: Outcome =
    Outcome::Failed(Failed { denial: Some(Denial::Missing), word: NOT_SUPPORTED });

fn observation(parts: &[&str]) -> Observation {
    let patience = Duration::from_secs(1);
    let probe = Probe {
        vantage: "local".into(),
        source: None,
        target: "example.net".into(),
        host: "mx.example.net".into(),
        ip: [203, 0, 113, 1].into(),
        port: 25,
        ehlo_name: Some("p".into()),
        mode: Mode::Starttls,
        client_hello: ClientHello::Default,
        offer: None,
        sni: None,
        repeat: 0,
        role: Role::Target,
        limits: Limits { session: patience, greeting: patience },
    };
    Observation {
        id: "o1".into(),
        probe,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        transcript: parts.concat().parse::<Transcript>().unwrap(),
    }
}

/// What a session says: its transcript, and what its chain was judged to be.
fn said(
    parts: &[&str],
    (vow, trust): (Vow, Trust),
    chain: Option<(DaneStatus, &[PkixReason])>,
) -> Outcome {
    let observation = observation(parts);
    let session = smtp::read(&observation.transcript, Mode::Starttls);
    let facts = |handshake: &Handshake| {
        tls::facts(handshake, None, observation.started_at, &Roots::webpki(), false)
    };
    let facts = observation.transcript.handshake().map(facts);
    let tls = facts.map(|facts| match chain {
        Some((status, reasons)) => judged(facts, status, reasons),
        None => facts,
    });
    keeping::outcome(&Reading { observation: &observation, session, tls, bound: true }, vow, trust)
}

fn judged(facts: TlsFacts, status: DaneStatus, reasons: &[PkixReason]) -> TlsFacts {
    let valid = if reasons.is_empty() { PkixStatus::Valid } else { PkixStatus::Invalid };
    let names_match = Some(!reasons.contains(&PkixReason::NameMismatch));
    let pkix = Pkix {
        status: valid,
        reasons: reasons.to_vec(),
        names_match,
        days_left: None,
        public_root: None,
    };
    let dane = Dane { status, record: None, reasons: vec!["validation-failure".into()] };
    TlsFacts { pkix: Some(pkix), dane: Some(dane), ..facts }
}

fn denial(outcome: Outcome) -> Option<Denial> {
    match outcome {
        Outcome::Failed(failed) => failed.denial,
        other => panic!("{other:?}"),
    }
}

const DANE: (Vow, Trust) = (Vow::Dane, PUBLIC);
const STS: (Vow, Trust) = (Vow::MtaSts, PUBLIC);

#[test]
fn a_missing_offer_and_a_refused_command_deny() {
    for vow in [DANE, STS, (Vow::Encrypt, PUBLIC)] {
        assert_eq!(said(&[NO_OFFER, NO], vow, None), MISSING);
        assert_eq!(said(&[OFFER, NO], vow, None), MISSING);
    }
    // Senders see no offer, whatever comes of sending the command anyway.
    let behind = Some((DaneStatus::Matched, &[][..]));
    assert_eq!(said(&[NO_OFFER, GO, DONE], DANE, behind), MISSING);
}

#[test]
fn a_time_out_a_reset_and_silence_deny_nothing() {
    for end in [
        "-- ended timeout\n",
        "-- ended reset\n",
        "S: 421 busy\n-- ended by-us\n",
        "S: 450 later\n-- ended by-us\n",
        "S: 220 go\n-- tls-failed \"reset after ClientHello\"\n-- ended by-us\n",
        "S: 220 go\n-- tls-failed \"alert handshake_failure\"\n-- ended by-us\n",
    ] {
        assert_eq!(said(&[OFFER, end], DANE, None), Outcome::Unknown, "{end}");
        assert_eq!(said(&[OFFER, end], STS, None), Outcome::Unknown, "{end}");
    }
    assert_eq!(said(&["-- ended refused\n"], DANE, None), Outcome::Unknown);
    let once = "S: 454 not now\nC: QUIT\nS: 221 bye\n-- ended by-us\n";
    assert_eq!(said(&[OFFER, once], DANE, None), Outcome::Tempfailed);
}

#[test]
fn after_helo_the_offer_is_unknown_and_on_the_greeting_line_it_is_the_servers_fault() {
    assert_eq!(said(&[HELO, NO], DANE, None), Outcome::Unknown);
    assert_eq!(denial(said(&[ON_GREETING_LINE, NO], DANE, None)), None);
}

#[test]
fn dates_deny_nothing() {
    for reason in [PkixReason::Expired, PkixReason::NotYetValid] {
        let chain = Some((DaneStatus::None, &[reason][..]));
        assert_eq!(denial(said(&[OFFER, GO, DONE], STS, chain)), None);
        // A key of the destination's own, and a record that was left behind.
        let chain = Some((DaneStatus::Mismatched, &[reason][..]));
        assert_eq!(denial(said(&[OFFER, GO, DONE], DANE, chain)), None);
    }
}

#[test]
fn a_foreign_key_denies_where_its_possession_was_proved() {
    let foreign = Some((DaneStatus::Mismatched, &[PkixReason::SelfSigned][..]));
    assert_eq!(denial(said(&[OFFER, GO, DONE], DANE, foreign)), Some(Denial::Foreign));
    let unproven = DONE.replace("true", "false");
    assert_eq!(said(&[OFFER, GO, &unproven], DANE, foreign), Outcome::Unknown);
    assert_eq!(denial(said(&[OFFER, GO, DONE], STS, foreign)), Some(Denial::Foreign));
    let vouched = Some((DaneStatus::Mismatched, &[][..]));
    assert_eq!(denial(said(&[OFFER, GO, DONE], DANE, vouched)), None);
}

#[test]
fn only_public_roots_and_the_hosts_own_name_judge_for_mta_sts() {
    let chain = Some((DaneStatus::None, &[PkixReason::UnknownIssuer][..]));
    let native = (Vow::MtaSts, Trust { public: false, renamed: false });
    let renamed = (Vow::MtaSts, Trust { public: true, renamed: true });
    assert_eq!(said(&[OFFER, GO, DONE], native, chain), Outcome::Unknown);
    assert_eq!(said(&[OFFER, GO, DONE], renamed, chain), Outcome::Unknown);
    for reason in [PkixReason::NameMismatch, PkixReason::IncompleteChain] {
        let chain = Some((DaneStatus::None, &[reason][..]));
        assert_eq!(denial(said(&[OFFER, GO, DONE], STS, chain)), None, "{reason:?}");
    }
}

#[test]
fn dane_ee_ignores_dates_and_any_tls_keeps_unusable_records() {
    let reasons = [PkixReason::Expired, PkixReason::NameMismatch, PkixReason::SelfSigned];
    let matched = Some((DaneStatus::Matched, &reasons[..]));
    assert_eq!(said(&[OFFER, GO, DONE], DANE, matched), Outcome::Kept);
    let unusable = Some((DaneStatus::Unusable, &reasons[..]));
    assert_eq!(said(&[OFFER, GO, DONE], (Vow::Encrypt, PUBLIC), unusable), Outcome::Kept);
}

const V4: &str = "203.0.113.1";
const V6: &str = "2001:db8:203::1";

fn entry(ip: &str, settled: Settled, sessions: usize) -> Entry {
    let ip: IpAddr = ip.parse().unwrap();
    let path = Path { vantage: "local".into(), source: None, family: Family::of(ip) };
    let word = (settled != Settled::Kept).then_some(NOT_SUPPORTED);
    let evidence = vec![format!("o-{ip}")];
    let keys = BTreeSet::new();
    let words = word.into_iter().collect();
    let circumstances = Circumstances::default();
    Entry { ip, path, settled, words, sessions, evidence, keys, circumstances }
}

fn account(host: &str, vow: Vow, force: Force, entries: Vec<Entry>) -> Account {
    Account { promise: Promise { host: host.into(), vow, force }, entries }
}

const DENIED: Settled = Settled::Denied(Denial::Missing);

fn ledger(accounts: Vec<Account>) -> Ledger {
    Ledger { accounts, ..Ledger::default() }
}

/// Another destination of the run.
fn witness(account: Account) -> Witness {
    let evidence = Evidence {
        target: "control.example.com".parse().unwrap(),
        routes: Vec::new(),
        policies: PolicyEvidence::default(),
        observations: Vec::new(),
        role: Role::Control,
        families: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable },
        elsewhere: std::collections::BTreeMap::new(),
        mirror: None,
    };
    proof::witness(&evidence, &[], &ledger(vec![account]))
}

/// The claim given, on all hosts.
fn claimed(
    accounts: Vec<Account>,
    beside: &[&Witness],
) -> Option<(Status, Option<Confidence>, Option<Place>)> {
    let hosts: Vec<String> = accounts.iter().map(|one| one.promise.host.clone()).collect();
    let promises = Promises::new(ledger(accounts), beside);
    let mut claims = promises.claims(&hosts.iter().map(String::as_str).collect());
    claims.sort_by_key(crate::judge::claim::Claim::rank);
    claims.first().map(|claim| (claim.status, claim.confidence, claim.place))
}

/// Denied over IPv4, kept over IPv6.
fn split(host: &str, [v4, v6]: [&str; 2], sessions: usize) -> Account {
    let entries = vec![entry(v4, DENIED, sessions), entry(v6, Settled::Kept, sessions)];
    account(host, Vow::Dane, Force::Binding, entries)
}

#[test]
fn one_destination_over_one_family_is_a_suspicion_and_the_same_address_elsewhere_corroborates() {
    let at = |sessions| claimed(vec![split("mx.example.net", [V4, V6], sessions)], &[]);
    let stripped = |confidence| Some((Status::Stripped, Some(confidence), Some(Place::FamilyPath)));
    // A second machine that breaks the host's promise does the same.
    assert_eq!(at(2), stripped(Confidence::Suspected));
    assert_eq!(at(1), stripped(Confidence::Suspected));
    let seen = |ip, sessions| {
        let mut one = split("mx.example.net", [V4, V6], sessions);
        let mut kept = entry(ip, Settled::Kept, sessions);
        kept.path.vantage = "berlin".into();
        one.entries.push(kept);
        claimed(vec![one], &[])
    };
    let from_there = |confidence| Some((Status::Stripped, Some(confidence), None));
    assert_eq!(seen(V4, 2), from_there(Confidence::Corroborated));
    assert_eq!(seen(V4, 1), from_there(Confidence::Suspected));
    // Led to another address, it saw another machine.
    assert_eq!(seen("203.0.113.9", 2).unwrap().1, Some(Confidence::Suspected));
}

#[test]
fn where_a_third_destination_is_clean_on_the_path_two_prove_nothing() {
    let far = ["198.51.100.1", "2001:db8:100::1"];
    let denied = witness(split("mx.example.com", far, 2));
    let third = |ip| {
        let kept = vec![entry(ip, Settled::Kept, 1)];
        witness(account("mx.example.org", Vow::Dane, Force::Binding, kept))
    };
    let confidence = |ip| {
        let own = vec![split("mx.example.net", [V4, V6], 2)];
        claimed(own, &[&denied, &third(ip)]).and_then(|claim| claim.1)
    };
    assert_eq!(confidence("192.0.2.9"), Some(Confidence::Suspected));
    assert_eq!(confidence("2001:db8:9::9"), Some(Confidence::Proven), "clean on the other path");
}

#[test]
fn two_operators_prove_and_one_of_them_may_be_a_control() {
    let far = ["198.51.100.1", "2001:db8:100::1"];
    let near = ["203.0.113.2", "2001:db8:203::2"];
    let own = || split("mx.example.net", [V4, V6], 2);
    let proven = |place| Some((Status::Stripped, Some(Confidence::Proven), Some(place)));
    let control = witness(split("mx.example.com", far, 1));
    assert_eq!(claimed(vec![own()], &[&control]), proven(Place::NearVantage));
    let both = |host, addresses| claimed(vec![own(), split(host, addresses, 2)], &[]);
    assert_eq!(both("mx.example.com", far), proven(Place::FamilyPath));
    let confidence = |claim: Option<(_, Option<Confidence>, _)>| claim.and_then(|claim| claim.1);
    // One registrable domain, or one network, is one operator.
    let one = Some(Confidence::Suspected);
    assert_eq!(confidence(both("mx2.example.net", far)), one);
    assert_eq!(confidence(both("mx.example.com", near)), one);
    // Denied on the other path, it is no second witness.
    let turned = witness(split("mx.example.com", [far[1], far[0]], 1));
    assert_eq!(confidence(claimed(vec![own()], &[&turned])), one);
}

#[test]
fn where_another_host_keeps_it_on_that_path_the_difference_follows_the_host() {
    let kept = vec![entry("203.0.113.2", Settled::Kept, 2)];
    let second = account("mx2.example.net", Vow::Dane, Force::Binding, kept);
    let claim = claimed(vec![split("mx.example.net", [V4, V6], 2), second], &[]);
    assert_eq!(claim, Some((Status::Inconsistent, Some(Confidence::Suspected), None)));
}

#[test]
fn what_nobody_keeps_is_policy_failed_only_where_it_binds() {
    let all = || vec![entry(V4, DENIED, 2), entry(V6, Settled::Broken, 2)];
    let by = |vow, force| claimed(vec![account("mx.example.net", vow, force, all())], &[]);
    let failed = Some((Status::PolicyFailed, None, None));
    assert_eq!(by(Vow::Dane, Force::Binding), failed);
    assert_eq!(by(Vow::Encrypt, Force::Binding), failed);
    assert_eq!(by(Vow::MtaSts, Force::Binding), failed);
    assert_eq!(by(Vow::Dane, Force::HostOnly), None);
    assert_eq!(by(Vow::MtaSts, Force::Testing), None);
    let nothing = account("mx.example.net", Vow::Dane, Force::Binding, vec![]);
    assert_eq!(claimed(vec![nothing], &[]), None, "nothing measured is nothing broken");
}

#[test]
fn a_dane_failure_is_not_repaired_by_mta_sts() {
    let kept = vec![entry(V4, Settled::Kept, 2), entry(V6, Settled::Kept, 2)];
    let broken = vec![entry(V4, Settled::Broken, 2), entry(V6, Settled::Broken, 2)];
    let accounts = vec![
        account("mx.example.net", Vow::Dane, Force::Binding, broken),
        account("mx.example.net", Vow::MtaSts, Force::Binding, kept),
    ];
    assert_eq!(claimed(accounts, &[]), Some((Status::PolicyFailed, None, None)));
}

#[test]
fn mode_testing_is_no_yardstick() {
    let mut one = split("mx.example.net", [V4, V6], 2);
    one.promise = Promise { vow: Vow::MtaSts, force: Force::Testing, ..one.promise };
    assert_eq!(claimed(vec![one], &[]), None);
}
