//! Sentences for people have no names out of code in them: neither `CamelCase` and
//! what else Rust prints of its values, nor the bare words of the JSON.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use mxray::model::report::TargetReport;
use mxray::report::schema::{Printed, render};
use serde_json::Value;

/// Names of messages and products that are spelled so.
const SPELLED_SO: [&str; 17] = [
    "ClientHello",
    "ServerHello",
    "HelloRetryRequest",
    "EncryptedExtensions",
    "CertificateVerify",
    "CertificateRequest",
    "ServerKeyExchange",
    "ServerHelloDone",
    "NewSessionTicket",
    "KiB",
    "MiB",
    "OpenSSL",
    "OpenSMTPD",
    "IronPort",
    "McAfee",
    "MailEnable",
    "NetDefendOS",
];

/// Words of the JSON that are words of the language, or of a standard, too.
const COMMON: [&str; 12] = [
    "self-signed",
    "near-vantage",
    "policy-failed",
    "tls-broken",
    "not-offered",
    "no-mail",
    "dane-only",
    "null-mx",
    "starttls-not-supported",
    "validation-failure",
    "mx-not-listed",
    "must-staple",
];

/// Every word with a hyphen that an enumeration of the JSON knows.
static OF_THE_JSON: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut found = BTreeSet::new();
    for printed in Printed::ALL {
        let schema: Value = serde_json::from_str(&render(printed).unwrap()).unwrap();
        constants(&schema, &mut found);
    }
    assert!(found.contains("name-mismatch") && found.contains("accepted-unoffered"));
    found.retain(|word| word.contains('-') && !COMMON.contains(&word.as_str()));
    found
});

fn constants(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            let listed = members.get("enum").and_then(Value::as_array).into_iter().flatten();
            let words = listed.chain(members.get("const")).filter_map(Value::as_str);
            found.extend(words.map(str::to_owned));
            members.values().for_each(|part| constants(part, found));
        }
        Value::Array(entries) => entries.iter().for_each(|part| constants(part, found)),
        _ => {}
    }
}

/// What stands between quotation marks is somebody else's.
fn unquoted(text: &str) -> String {
    text.split('"').step_by(2).collect::<Vec<_>>().join(" ")
}

/// A word of a sentence that only a program would say.
pub(crate) fn raw_word(text: &str) -> Option<String> {
    let text = unquoted(text);
    if let Some(mark) =
        ["Some(", "Ok(", "Err(", "::{", " { "].into_iter().find(|mark| text.contains(mark))
    {
        return Some(mark.to_owned());
    }
    let is_part = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    let mut words = text.split(|letter| !is_part(letter)).map(|word| word.trim_matches('.'));
    words.find(|word| is_raw(word)).map(str::to_owned)
}

fn is_raw(word: &str) -> bool {
    // Host and file names are what they are.
    if word.contains('.') || SPELLED_SO.iter().any(|name| word.starts_with(name)) {
        return false;
    }
    let mut pairs = word.chars().zip(word.chars().skip(1));
    pairs.any(|(one, next)| one.is_lowercase() && next.is_uppercase()) || OF_THE_JSON.contains(word)
}

/// Every sentence of a report on a target is for people.
pub(crate) fn assert_plain(report: &TargetReport) {
    let findings = report.findings.iter().flat_map(|finding| {
        let told = std::iter::once(&finding.explanation).chain(&finding.remedy);
        told.chain(&finding.alternatives)
    });
    let levels = report.observations.iter().filter_map(|session| session.postfix.as_ref());
    let reasons =
        levels.flat_map(|levels| levels.values()).flatten().filter_map(|it| it.reason.as_ref());
    let sessions = report.observations.iter().flat_map(|session| {
        let failure = session.tls.as_ref().and_then(|tls| tls.failure.as_ref());
        session.error.iter().chain(failure)
    });
    let policies = &report.policies;
    let faults = [&policies.mta_sts.error, &policies.tls_rpt.error].into_iter().flatten();
    let all = findings.chain(reasons).chain(sessions).chain(faults);
    for sentence in all.chain(std::iter::once(&report.verdict.summary)) {
        let raw = raw_word(sentence);
        assert!(raw.is_none(), "{:?} is no word for people: {sentence}", raw.unwrap_or_default());
    }
}

#[test]
fn words_of_code_are_found_and_those_of_people_are_not() {
    for (sentence, raw) in [
        ("the certificate is not valid (name-mismatch)", Some("name-mismatch")),
        (
            "received corrupt message of type HandshakePayloadTooLarge",
            Some("HandshakePayloadTooLarge"),
        ),
        ("outcome Some(220)", Some("Some(")),
        ("protocol error after ClientHello: \"junkFood\" at mailHost.example.net", None),
        ("the key is self-signed, over IPv6 with TLSv1.3 and DNSSEC, of 64 KiB", None),
    ] {
        assert_eq!(raw_word(sentence).as_deref(), raw, "{sentence}");
    }
}
