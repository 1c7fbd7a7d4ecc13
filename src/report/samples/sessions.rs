//! Sessions built by hand.

use std::net::IpAddr;

use crate::model::probe::{ClientHello, Family, Mode, Role};
use crate::model::report::{ObservationReport, ProbeReport, Speaker, TranscriptEntry};
use crate::model::session::{
    EhloAnswer, EhloTls, Greeting, HelloVerb, Keyword, MaskKind, MaskedLine, ReplyText, Stage,
    Starttls, StarttlsOutcome,
};
use crate::model::tls::{Certificate, Ocsp, OcspStatus, Pkix, PkixReason, PkixStatus, TlsFacts};
use crate::model::transcript::Ended;

use super::target::{ip, time};

/// A session in which all went well.
pub(crate) fn session(id: &str, host: &str, address: &str) -> ObservationReport {
    ObservationReport {
        id: id.to_owned(),
        probe: probe(host, ip(address)),
        started_at: time("2026-11-21T23:00:00.1Z"),
        duration_ms: Some(34),
        connect_ms: Some(3),
        greeting_ms: Some(9),
        handshake_ms: Some(12),
        stages: Stage::ALL.to_vec(),
        ended: Some(Ended::ByUs),
        error: None,
        greeting: Some(Greeting {
            code: 220,
            lines: vec![format!("{host} ESMTP ready")],
            masked: false,
        }),
        ehlo: Some(ehlo(host, &["PIPELINING", "SIZE", "STARTTLS", "8BITMIME"])),
        starttls: Starttls {
            offered: Some(true),
            reply: Some(ReplyText { code: 220, text: "2.0.0 Ready to start TLS".to_owned() }),
            outcome: StarttlsOutcome::Accepted,
            echo_masked: Some(false),
            residue_bytes: Some(0),
        },
        tls: Some(tls(host)),
        ehlo_tls: Some(EhloTls { code: 250, keywords: keywords(&["PIPELINING", "SIZE"]) }),
        postfix: None,
        transcript: Some(vec![TranscriptEntry {
            at_ms: 9,
            at_us: 9_120,
            from: Speaker::Peer,
            tls: false,
            text: Some(format!("220 {host} ESMTP ready\r\n")),
            base64: None,
            event: None,
            detail: None,
        }]),
    }
}

fn probe(host: &str, ip: IpAddr) -> ProbeReport {
    ProbeReport {
        vantage: "local".to_owned(),
        source: None,
        target: "example.net".to_owned(),
        host: host.to_owned(),
        ip,
        family: Family::of(ip),
        port: 25,
        ehlo_name: Some("probe.example.org".to_owned()),
        mode: Mode::Starttls,
        client_hello: ClientHello::Default,
        sni: Some(host.to_owned()),
        repeat: 0,
        role: Role::Target,
    }
}

fn ehlo(host: &str, names: &[&str]) -> EhloAnswer {
    EhloAnswer {
        code: 250,
        verb: HelloVerb::Ehlo,
        greeting: Some(format!("{host} at your service")),
        keywords: keywords(names),
        masked: Vec::new(),
        client_address_seen: None,
        refused_with: None,
    }
}

pub(super) fn keywords(names: &[&str]) -> Vec<Keyword> {
    names.iter().map(|name| Keyword { name: (*name).to_owned(), params: None }).collect()
}

pub(super) fn tls(host: &str) -> TlsFacts {
    TlsFacts {
        version: Some("TLSv1.3".to_owned()),
        cipher_suite: Some("TLS_AES_256_GCM_SHA384".to_owned()),
        key_exchange_group: Some("X25519MLKEM768".to_owned()),
        sni: Some(host.to_owned()),
        alert: None,
        client_certificate_requested: Some(false),
        signature_scheme: Some("ECDSA_NISTP256_SHA256".to_owned()),
        key_proven: Some(true),
        failure: None,
        chain: vec![certificate(host)],
        ocsp_staple: Some("MAMKAQA=".to_owned()),
        ocsp: Some(Ocsp {
            status: OcspStatus::Malformed,
            signed: None,
            current: None,
            produced_at: None,
            this_update: None,
            next_update: None,
            revoked_at: None,
        }),
        pkix: Some(Pkix {
            status: PkixStatus::Valid,
            reasons: Vec::new(),
            names_match: Some(true),
            days_left: Some(72),
            public_root: Some(true),
        }),
        dane: None,
    }
}

fn certificate(host: &str) -> Certificate {
    Certificate {
        sha256: "ab".repeat(32),
        spki_sha256: Some("cd".repeat(32)),
        subject: Some(format!("CN={host}")),
        issuer: Some("CN=Example CA".to_owned()),
        names: vec![host.to_owned()],
        not_before: Some(time("2026-11-01T00:00:00Z")),
        not_after: Some(time("2027-02-01T00:00:00Z")),
        key: Some("EC P-256".to_owned()),
        signature: Some("ecdsa-with-SHA256".to_owned()),
        serial: Some("0badcafe".to_owned()),
        self_signed: Some(false),
        scts: Some(2),
        must_staple: Some(false),
        der: Some("MIIB".to_owned()),
    }
}

/// A session that ended at a stage.
pub(super) fn cut_short(
    mut session: ObservationReport,
    stages: &[Stage],
    ended: Ended,
    error: Option<&str>,
) -> ObservationReport {
    session.stages = stages.to_vec();
    session.ended = Some(ended);
    session.error = error.map(str::to_owned);
    if !stages.contains(&Stage::Greeting) {
        session.greeting = None;
        session.greeting_ms = None;
    }
    if !stages.contains(&Stage::Ehlo) {
        session.ehlo = None;
        session.starttls.offered = None;
    }
    if !stages.contains(&Stage::Starttls) {
        session.starttls.outcome = StarttlsOutcome::NotReached;
        session.starttls.reply = None;
        session.tls = None;
    }
    session.handshake_ms = None;
    session.ehlo_tls = None;
    session
}

/// STARTTLS is not on the list, but accepted when sent.
pub(crate) fn hidden(mut session: ObservationReport) -> ObservationReport {
    session.ehlo = Some(ehlo(&session.probe.host, &["PIPELINING", "SIZE", "8BITMIME"]));
    session.starttls.offered = Some(false);
    session.starttls.outcome = StarttlsOutcome::AcceptedUnoffered;
    session
}

/// The command arrived as X's.
pub(super) fn overwritten() -> ObservationReport {
    let mut masked = session("o3", "mx2.example.net", "203.0.113.70");
    masked.starttls.offered = Some(false);
    masked.starttls.outcome = StarttlsOutcome::RefusedUnoffered;
    masked.starttls.reply =
        Some(ReplyText { code: 500, text: "5.5.1 Command unrecognized: \"XXXXXXXX\"".to_owned() });
    masked.starttls.echo_masked = Some(true);
    masked.stages = vec![Stage::Connected, Stage::Greeting, Stage::Ehlo, Stage::Quit];
    masked.tls = None;
    masked.ehlo.as_mut().unwrap().masked = vec![MaskedLine {
        text: "XXXXXXXA".to_owned(),
        kind: MaskKind::CiscoLetters,
        position: 2,
        length: 8,
        after: Some("SIZE".to_owned()),
        before: Some("8BITMIME".to_owned()),
    }];
    masked
}

/// An old certificate for another name.
pub(super) fn expired() -> ObservationReport {
    let mut weak = session("o4", "mx2.example.net", "2001:db8:203::70");
    let facts = weak.tls.as_mut().unwrap();
    facts.version = Some("TLSv1.2".to_owned());
    facts.cipher_suite = Some("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256".to_owned());
    facts.pkix = Some(Pkix {
        status: PkixStatus::Invalid,
        reasons: vec![PkixReason::Expired, PkixReason::NameMismatch],
        names_match: Some(false),
        days_left: Some(-3),
        public_root: Some(true),
    });
    weak
}
