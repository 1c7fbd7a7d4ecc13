use super::*;
use crate::model::route::Tlsa;
use crate::model::session::ReplyText;
use crate::model::tls::{Certificate, Dane, Pkix, PkixStatus};
use crate::policy::dane::{Absence, Failure};

/// A session, and what DNS says; by default a TLS 1.3 session with a valid
/// certificate for `mx.example.net`, DANE unknown, the MX secure.
struct Case {
    stages: Vec<Stage>,
    starttls: Starttls,
    tls: Option<TlsFacts>,
    requirement: Requirement,
    mx: Option<Dnssec>,
}

fn case(outcome: StarttlsOutcome) -> Case {
    let offered = Some(!matches!(
        outcome,
        StarttlsOutcome::RefusedUnoffered | StarttlsOutcome::AcceptedUnoffered
    ));
    Case {
        // All but QUIT.
        stages: Stage::ALL[..6].to_vec(),
        starttls: Starttls {
            offered,
            reply: None,
            outcome,
            echo_masked: None,
            residue_bytes: None,
        },
        tls: Some(facts(&["mx.example.net"], &[])),
        requirement: Requirement::NotAsked,
        mx: Some(Dnssec::Secure),
    }
}

fn done() -> Case {
    case(StarttlsOutcome::Accepted)
}

fn with(names: &[&str], reasons: &[PkixReason]) -> Case {
    Case { tls: Some(facts(names, reasons)), ..done() }
}

fn with_dane(requirement: Requirement, status: DaneStatus) -> Case {
    let mut case = with(&["mx.example.net"], &[PkixReason::SelfSigned]);
    let dane = Dane { status, record: None, reasons: Vec::new() };
    case.tls.as_mut().unwrap().dane = Some(dane);
    Case { requirement, ..case }
}

fn failed(failure: &str) -> Case {
    let mut case = done();
    case.stages.truncate(4);
    case.tls.as_mut().unwrap().failure = Some(failure.to_owned());
    case
}

/// With these names, and nothing else known.
pub(super) fn certificate(names: &[&str]) -> Certificate {
    Certificate {
        sha256: String::new(),
        spki_sha256: None,
        subject: None,
        issuer: None,
        names: names.iter().map(ToString::to_string).collect(),
        not_before: None,
        not_after: None,
        key: None,
        signature: None,
        serial: None,
        self_signed: None,
        must_staple: None,
        scts: None,
        der: None,
    }
}

fn facts(names: &[&str], reasons: &[PkixReason]) -> TlsFacts {
    let status = if reasons.is_empty() { PkixStatus::Valid } else { PkixStatus::Invalid };
    TlsFacts {
        version: Some("TLSv1.3".to_owned()),
        cipher_suite: None,
        key_exchange_group: None,
        sni: None,
        alert: None,
        client_certificate_requested: None,
        signature_scheme: None,
        key_proven: Some(true),
        failure: None,
        chain: vec![certificate(names)],
        ocsp_staple: None,
        ocsp: None,
        pkix: Some(Pkix {
            status,
            reasons: reasons.to_vec(),
            names_match: None,
            days_left: None,
            public_root: None,
        }),
        dane: None,
    }
}

fn authenticate(mx_secure: bool) -> Requirement {
    let base_domain = "mx.example.net".to_owned();
    Requirement::Authenticate { mx_secure, base_domain, records: Vec::new() }
}

fn view(case: &Case) -> View<'_> {
    View {
        stages: &case.stages,
        starttls: &case.starttls,
        tls: case.tls.as_ref(),
        requirement: &case.requirement,
        mx: case.mx,
        address: Some(Dnssec::Secure),
        host: "mx.example.net",
        next_hop: "example.net",
    }
}

/// One word a level, in the order of [`LEVELS`]: `clear`, the log's word, `tls` where
/// it is not known, `defer`, `-` for a level that is not predicted.
fn words(case: &Case) -> String {
    let levels = predict(&view(case));
    let word = |level: &str| match &levels[level] {
        None => "-".to_owned(),
        Some(PostfixLevel { delivery, .. }) if delivery == DEFERRED => "defer".to_owned(),
        Some(PostfixLevel { delivery, log, .. }) => log.clone().unwrap_or(delivery.clone()),
    };
    LEVELS.map(word).join(" ")
}

fn reason(case: &Case, level: &str) -> String {
    predict(&view(case))[level].clone().unwrap().reason.unwrap()
}

#[test]
fn every_level_is_named() {
    let levels = predict(&View {
        stages: &[],
        starttls: &done().starttls,
        tls: None,
        requirement: &Requirement::NotAsked,
        mx: None,
        address: None,
        host: "mx.example.net",
        next_hop: "example.net",
    });
    assert_eq!(levels.len(), LEVELS.len());
    // Nothing was learned of a server that never answered EHLO.
    assert!(levels.values().all(Option::is_none));
}

#[test]
fn a_valid_chain_is_verified_for_the_name_that_the_level_asks() {
    assert_eq!(words(&done()), "clear Trusted Trusted - - - Verified Verified");
    let other = with(&["mx.example.org"], &[PkixReason::NameMismatch]);
    assert_eq!(words(&other), "clear Trusted Trusted - - - defer defer");
    let next_hop = with(&["example.net"], &[PkixReason::NameMismatch]);
    assert_eq!(words(&next_hop), "clear Trusted Trusted - - - defer Verified");
}

#[test]
fn without_a_policy_a_bad_certificate_is_information() {
    for reason in [PkixReason::Expired, PkixReason::SelfSigned, PkixReason::IncompleteChain] {
        let case = with(&["mx.example.net"], &[reason]);
        assert_eq!(words(&case), "clear Untrusted Untrusted - - - defer defer", "{reason:?}");
    }
}

#[test]
fn revocation_is_not_asked_for_by_postfix() {
    let case = with(&["mx.example.net"], &[PkixReason::Revoked]);
    assert_eq!(words(&case), "clear Trusted Trusted - - - Verified Verified");
}

#[test]
fn what_openssl_may_see_otherwise_is_not_predicted() {
    let weak = with(&["mx.example.net"], &[PkixReason::WeakKey]);
    assert_eq!(words(&weak), "clear tls tls - - - - -");
    // The name settles it all the same.
    let elsewhere = with(&["a.example"], &[PkixReason::WeakSignature]);
    assert_eq!(words(&elsewhere), "clear tls tls - - - defer defer");
}

#[test]
fn below_tls_1_3_the_log_may_say_anonymous() {
    let mut case = done();
    case.tls.as_mut().unwrap().version = Some("TLSv1.2".to_owned());
    assert_eq!(words(&case), "clear tls tls - - - Verified Verified");
}

#[test]
fn starttls_that_is_not_offered_is_not_sent() {
    for outcome in [StarttlsOutcome::RefusedUnoffered, StarttlsOutcome::AcceptedUnoffered] {
        let case = case(outcome);
        assert_eq!(words(&case), "clear clear defer - - defer defer defer", "{outcome:?}");
        assert!(reason(&case, "encrypt").contains("was not offered"));
    }
    let mut after_helo = case(StarttlsOutcome::Refused);
    after_helo.starttls.offered = None;
    assert_eq!(words(&after_helo), "clear clear defer - - defer defer defer");
}

#[test]
fn a_refusal_lets_may_go_on_in_clear() {
    for outcome in [StarttlsOutcome::Refused, StarttlsOutcome::Tempfailed] {
        assert_eq!(words(&case(outcome)), "clear clear defer - - defer defer defer");
    }
    let with_code = |code| {
        let mut case = case(StarttlsOutcome::UnexpectedCode);
        case.starttls.reply = Some(ReplyText { code, text: String::new() });
        words(&case)
    };
    assert_eq!(with_code(354), "clear clear defer - - defer defer defer");
    // Postfix would begin a handshake that we have not tried.
    assert_eq!(with_code(250), "clear - - - - - - -");
}

#[test]
fn without_a_reply_to_starttls_may_defers_for_ever() {
    let case = case(StarttlsOutcome::NoReply);
    assert_eq!(words(&case), "clear defer defer - - defer defer defer");
    assert!(!reason(&case, "may").contains("clear"));
}

#[test]
fn after_a_failed_handshake_may_defers_first_and_then_goes_in_clear() {
    let case = failed("reset after ClientHello");
    assert_eq!(words(&case), "clear defer defer - - defer defer defer");
    assert!(reason(&case, "may").contains("goes in clear"));
    assert!(!reason(&case, "encrypt").contains("goes in clear"));
}

#[test]
fn an_alert_to_us_is_no_alert_to_openssl() {
    for failure in ["alert handshake_failure", "legacy-only: TLSv1.0", "alert protocol_version"] {
        assert_eq!(words(&failed(failure)), "clear - - - - - - -", "{failure}");
    }
}

#[test]
fn dane_without_records_is_may() {
    let none = Requirement::None { why: Absence::NoRecords };
    let case = Case { requirement: none.clone(), ..done() };
    assert_eq!(words(&case), "clear Trusted Trusted Trusted defer - Verified Verified");
    let plain = Case { requirement: none, ..case_unoffered() };
    assert_eq!(words(&plain), "clear clear defer clear defer defer defer defer");
}

fn case_unoffered() -> Case {
    case(StarttlsOutcome::RefusedUnoffered)
}

#[test]
fn a_match_is_verified_whatever_the_chain_is_worth() {
    let case = with_dane(authenticate(true), DaneStatus::Matched);
    assert_eq!(words(&case), "clear Untrusted Untrusted Verified Verified - defer defer");
    let case = with_dane(authenticate(true), DaneStatus::Mismatched);
    assert_eq!(words(&case), "clear Untrusted Untrusted defer defer - defer defer");
}

#[test]
fn usable_records_make_tls_mandatory() {
    let case = Case { requirement: authenticate(true), ..case_unoffered() };
    assert_eq!(words(&case), "clear clear defer defer defer defer defer defer");
}

#[test]
fn unusable_records_mean_tls_without_authentication() {
    let record = Tlsa { usage: 1, selector: 1, matching: 1, data: String::new() };
    let rated = |why| Rated { record: record.clone(), standing: Standing::Unusable(why) };
    let encrypt = |records| Requirement::Encrypt { mx_secure: true, records };
    let unusable = encrypt(vec![rated(Unusable::PkixUsage)]);
    let case = with_dane(unusable.clone(), DaneStatus::Unusable);
    assert_eq!(words(&case), "clear Untrusted Untrusted Untrusted defer - defer defer");
    assert_eq!(reason(&case, "dane-only"), UNUSABLE);
    let plain = Case { requirement: unusable, ..case_unoffered() };
    assert_eq!(words(&plain), "clear clear defer defer defer defer defer defer");
    // What only OpenSSL cannot use, it finds out in a session.
    let short = encrypt(vec![rated(Unusable::PkixUsage), rated(Unusable::DigestLength)]);
    let case = with_dane(short, DaneStatus::Unusable);
    assert_eq!(words(&case), "clear Untrusted Untrusted Untrusted defer - defer defer");
    assert_eq!(reason(&case, "dane-only"), NOT_VERIFIED);
}

#[test]
fn a_tlsa_lookup_that_fails_defers_and_is_no_denial() {
    let bogus = Requirement::MustNotUse { why: Failure::Bogus };
    let case = Case { requirement: bogus, ..done() };
    assert_eq!(words(&case), "clear Trusted Trusted defer defer - Verified Verified");
}

#[test]
fn a_bogus_mx_or_address_delays_at_every_level() {
    let delay = Requirement::Delay { why: Failure::Bogus };
    let delayed = Case { requirement: delay, ..done() };
    assert_eq!(words(&delayed), ["defer"; 8].join(" "));
    assert!(reason(&delayed, "none").contains("Name service error"));
    assert_eq!(words(&Case { mx: Some(Dnssec::Bogus), ..done() }), ["defer"; 8].join(" "));
}

#[test]
fn behind_an_insecure_mx_dane_enforces_and_logs_trusted() {
    let insecure =
        |status| Case { mx: Some(Dnssec::Insecure), ..with_dane(authenticate(false), status) };
    let case = insecure(DaneStatus::Matched);
    assert_eq!(words(&case), "clear Untrusted Untrusted Trusted defer - defer defer");
    assert_eq!(reason(&case, "dane-only"), INSECURE_MX);
    let case = insecure(DaneStatus::Mismatched);
    assert_eq!(words(&case), "clear Untrusted Untrusted defer defer - defer defer");
    // Postfix would accept the next hop's name behind a trust anchor record.
    let mut case = insecure(DaneStatus::Mismatched);
    case.tls.as_mut().unwrap().chain[0].names = vec!["example.net".to_owned()];
    assert_eq!(words(&case), "clear Untrusted Untrusted - defer - defer defer");
}

#[test]
fn a_host_named_by_the_user_has_no_mx_to_be_insecure() {
    let case = Case { mx: None, ..with_dane(authenticate(true), DaneStatus::Matched) };
    assert_eq!(words(&case), "clear Untrusted Untrusted Verified Verified - defer defer");
}

#[test]
fn a_session_cut_off_after_the_handshake_tells_nothing_of_tls() {
    let mut case = done();
    case.stages.pop();
    assert_eq!(words(&case), "clear - - - - - - -");
}
