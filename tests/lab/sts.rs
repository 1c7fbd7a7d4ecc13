//! MTA-STS (RFC 8461) against real policy hosts, fetched by curl and by mxray.
//!
//! Owns the cases and what is expected of both. Refuses to know how a policy is served.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::policy_host::{self, Answer};
use crate::topology::{CLIENT, RESOLVER};
use crate::world::{Play, World};

/// One domain with its only exchange, `mx` below it.
pub(crate) struct Case {
    /// The domain.
    pub(crate) domain: &'static str,
    /// Its TXT records, in zone-file form.
    pub(crate) txt: &'static str,
    /// What its policy host answers.
    pub(crate) answer: Answer,
    /// How curl ends, and the HTTP status that it saw.
    curl: (i32, &'static str),
    expected: Expected,
}

/// What mxray reports: status and mode of the policy, whether it lists the
/// exchange, and the findings about it.
type Expected = (&'static str, Option<&'static str>, Option<bool>, &'static [&'static str]);

const TXT: &str = "_mta-sts TXT \"v=STSv1; id=20260101T000000;\"";
const SERVED: (i32, &str) = (0, "200");
/// curl's word for a certificate that is not to be trusted.
const REFUSED: (i32, &str) = (60, "000");
const ENFORCED: Expected = ("present", Some("enforce"), Some(true), &[]);
const UNLISTED: Expected = ("present", Some("enforce"), Some(false), &["sts-mx-not-listed"]);
const TESTED: Expected = ("present", Some("testing"), Some(true), &["sts-not-enforced"]);
const RETIRED: Expected = ("present", Some("none"), None, &["sts-not-enforced"]);

/// No policy, for this reason.
const fn fault(findings: &'static [&'static str]) -> Expected {
    ("error", None, None, findings)
}

const fn case(
    domain: &'static str,
    answer: Answer,
    curl: (i32, &'static str),
    expected: Expected,
) -> Case {
    Case { domain, txt: TXT, answer, curl, expected }
}

/// Every case.
#[rustfmt::skip]
pub(crate) static CASES: [Case; 14] = [
    case("sts-enforce.test", Answer::Policy(r"version: STSv1\r\nmode: enforce\r\nmx: mx.sts-enforce.test\r\nmax_age: 86400\r\n"), SERVED, ENFORCED),
    case("sts-testing.test", Answer::Policy(r"version: STSv1\nmode: testing\nmx: *.sts-testing.test\nmax_age: 86400\n"), SERVED, TESTED),
    case("sts-none.test", Answer::Policy(r"version: STSv1\nmode: none\nmax_age: 86400"), SERVED, RETIRED),
    case("sts-unlisted.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmx: mx.elsewhere.test\nmax_age: 86400\n"), SERVED, UNLISTED),
    case("sts-deep-wildcard.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmx: *.test\nmax_age: 86400\n"), SERVED, UNLISTED),
    case("sts-no-mx.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmax_age: 86400\n"), SERVED, fault(&["sts-policy-invalid"])),
    case("sts-html.test", Answer::Html(r"version: STSv1\nmode: enforce\nmx: mx.sts-html.test\nmax_age: 86400\n"), SERVED, fault(&["sts-policy-media-type"])),
    case("sts-redirect.test", Answer::Redirect, (0, "301"), fault(&["sts-policy-redirected"])),
    case("sts-not-found.test", Answer::NotFound, (0, "404"), fault(&["sts-policy-status"])),
    case("sts-closed.test", Answer::Closed, (7, "000"), fault(&["sts-policy-fetch-error"])),
    case("sts-misnamed.test", Answer::Misnamed(r"version: STSv1\nmode: enforce\nmx: mx.sts-misnamed.test\nmax_age: 86400\n"), REFUSED, fault(&["sts-webpki-invalid"])),
    case("sts-expired.test", Answer::Expired(r"version: STSv1\nmode: enforce\nmx: mx.sts-expired.test\nmax_age: 86400\n"), REFUSED, fault(&["sts-webpki-invalid"])),
    Case {
        txt: "_mta-sts TXT \"v=STSv1;\"",
        ..case("sts-no-id.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmx: mx.sts-no-id.test\nmax_age: 86400\n"), SERVED, fault(&["sts-record-invalid"]))
    },
    Case {
        txt: "_mta-sts TXT \"v=STSv1; id=1;\"\n_mta-sts TXT \"v=STSv1; id=2;\"",
        ..case("sts-two-records.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmx: mx.sts-two-records.test\nmax_age: 86400\n"), SERVED, fault(&["sts-record-invalid"]))
    },
];

/// One trial a case.
pub(crate) fn plays() -> Vec<Play> {
    let play = |case: &'static Case| -> Play {
        (format!("mta-sts: {}", case.domain), Box::new(move |world| case.play(world)))
    };
    CASES.iter().map(play).collect()
}

impl Case {
    fn play(&self, world: &World) -> Result<()> {
        let ca = world.authority.file.display().to_string();
        let curl = policy_host::fetch(CLIENT, self.domain, &ca)?;
        let status = curl.stdout.lines().last().unwrap_or_default();
        let ended = (curl.status.code(), status);
        ensure!(ended == (Some(self.curl.0), self.curl.1), "curl did not meet the case\n{curl}");
        let (outcome, report) = world.probe(self.domain, RESOLVER)?;
        let (status, mode, listed, findings) = self.expected;
        let expected = (Some(status), mode, listed, findings.to_vec());
        let found = found(&report);
        ensure!(found == expected, "mxray says {found:?}, expected {expected:?}\n{outcome}");
        Ok(())
    }
}

/// What the report has of the domain's policy, its exchange, and what is wrong with either.
fn found(report: &Value) -> (Option<&str>, Option<&str>, Option<bool>, Vec<&str>) {
    let word = |pointer| report.pointer(pointer).and_then(Value::as_str);
    let findings = report.pointer("/targets/0/findings").and_then(Value::as_array);
    let ids = findings.into_iter().flatten().filter_map(|one| one.pointer("/id")?.as_str());
    (
        word("/targets/0/policies/mta_sts/status"),
        word("/targets/0/policies/mta_sts/mode"),
        report.pointer("/targets/0/policies/mta_sts/hosts/0/listed").and_then(Value::as_bool),
        ids.filter(|id| id.starts_with("sts-")).collect(),
    )
}
