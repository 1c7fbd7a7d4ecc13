//! MTA-STS (RFC 8461) against real policy hosts, fetched by curl and by mxray.
//!
//! Owns the cases and what is expected of both. Refuses to know how a policy is served.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use mxray::model::policy::PolicyEvidence;
use mxray::model::report::Report;
use mxray::policy::mta_sts::{self, Outcome};
use mxray::tls::Roots;

use crate::policy_host::{self, Answer};
use crate::topology::CLIENT;
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

/// What a sender holds.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    /// A policy in this mode, and whether it lists the exchange.
    Policy(&'static str, bool),
    /// None, for a reason that has this result type (RFC 8460 §4.3).
    Fault(&'static str),
    /// None, because of the record.
    NoRecord,
}

const TXT: &str = "_mta-sts TXT \"v=STSv1; id=20260101T000000;\"";
const SERVED: (i32, &str) = (0, "200");
/// curl's word for a certificate that is not to be trusted.
const REFUSED: (i32, &str) = (60, "000");
const FETCH: Expected = Expected::Fault("sts-policy-fetch-error");
const WEBPKI: Expected = Expected::Fault("sts-webpki-invalid");
const INVALID: Expected = Expected::Fault("sts-policy-invalid");

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
    case("sts-enforce.test", Answer::Policy(r"version: STSv1\r\nmode: enforce\r\nmx: mx.sts-enforce.test\r\nmax_age: 86400\r\n"), SERVED, Expected::Policy("enforce", true)),
    case("sts-testing.test", Answer::Policy(r"version: STSv1\nmode: testing\nmx: *.sts-testing.test\nmax_age: 86400\n"), SERVED, Expected::Policy("testing", true)),
    case("sts-none.test", Answer::Policy(r"version: STSv1\nmode: none\nmax_age: 86400"), SERVED, Expected::Policy("none", false)),
    case("sts-unlisted.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmx: mx.elsewhere.test\nmax_age: 86400\n"), SERVED, Expected::Policy("enforce", false)),
    case("sts-deep-wildcard.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmx: *.test\nmax_age: 86400\n"), SERVED, Expected::Policy("enforce", false)),
    case("sts-no-mx.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmax_age: 86400\n"), SERVED, INVALID),
    case("sts-html.test", Answer::Html(r"version: STSv1\nmode: enforce\nmx: mx.sts-html.test\nmax_age: 86400\n"), SERVED, FETCH),
    case("sts-redirect.test", Answer::Redirect, (0, "301"), FETCH),
    case("sts-not-found.test", Answer::NotFound, (0, "404"), FETCH),
    case("sts-closed.test", Answer::Closed, (7, "000"), FETCH),
    case("sts-misnamed.test", Answer::Misnamed(r"version: STSv1\nmode: enforce\nmx: mx.sts-misnamed.test\nmax_age: 86400\n"), REFUSED, WEBPKI),
    case("sts-expired.test", Answer::Expired(r"version: STSv1\nmode: enforce\nmx: mx.sts-expired.test\nmax_age: 86400\n"), REFUSED, WEBPKI),
    Case {
        txt: "_mta-sts TXT \"v=STSv1;\"",
        ..case("sts-no-id.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmx: mx.sts-no-id.test\nmax_age: 86400\n"), SERVED, Expected::NoRecord)
    },
    Case {
        txt: "_mta-sts TXT \"v=STSv1; id=1;\"\n_mta-sts TXT \"v=STSv1; id=2;\"",
        ..case("sts-two-records.test", Answer::Policy(r"version: STSv1\nmode: enforce\nmx: mx.sts-two-records.test\nmax_age: 86400\n"), SERVED, Expected::NoRecord)
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
        let (outcome, report) = world.evidence(self.domain)?;
        let found = held(&report, &world.authority.file).with_context(|| outcome.to_string())?;
        ensure!(
            found == self.expected,
            "mxray says {found:?}, expected {:?}\n{outcome}",
            self.expected
        );
        Ok(())
    }
}

/// What a sender holds by the evidence of a report.
fn held(report: &Report, ca: &Path) -> Result<Expected> {
    let target = report.targets.first().context("no target")?;
    let promised = &target.policies.mta_sts;
    let evidence = PolicyEvidence {
        mta_sts_record: promised.record.clone(),
        mta_sts_fetch: promised.fetch.clone(),
        tls_rpt_record: None,
    };
    let roots = Roots::webpki().with_pem(&fs::read(ca)?)?;
    let exchange = target.routes.first().and_then(|route| route.exchanges.first());
    let host = &exchange.context("no exchange")?.host;
    match mta_sts::outcome(&evidence, &roots) {
        Outcome::Policy { policy, .. } => {
            Ok(Expected::Policy(policy.mode.word(), policy.lists(host)))
        }
        Outcome::Faulty { fault, .. } => {
            Ok(fault.result_type().map_or(Expected::NoRecord, Expected::Fault))
        }
        other => bail!("neither a policy nor a fault: {other:?}"),
    }
}
