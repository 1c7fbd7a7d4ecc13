//! What the test for STARTTLS command injection showed, one line an address.
//!
//! Owns its words. What a bad outcome means stands among the findings.

use crate::model::injection::InjectionOutcome;
use crate::model::report::TargetReport;
use crate::report::page::{Line, Page, Tone};

/// Writes the outcomes; nothing where no test was made.
pub(super) fn write(page: &mut Page, target: &TargetReport) {
    let Some(tests) = &target.injections else { return };
    page.heading("Command injection");
    for test in tests {
        let (tone, text) = words(test.outcome);
        let address = format!(" [{}] ", test.ip);
        let line = Line::new().name(&test.host).plain(&address).toned(tone, text);
        page.hanging(2, 4, &line.sentence());
    }
}

fn words(outcome: InjectionOutcome) -> (Tone, &'static str) {
    match outcome {
        InjectionOutcome::Vulnerable => {
            (Tone::Bad, "answers inside TLS what was sent in clear behind STARTTLS")
        }
        InjectionOutcome::Clear => (Tone::Good, "forgets what was sent in clear behind STARTTLS"),
        InjectionOutcome::Refused => {
            (Tone::Good, "goes no further when something is sent behind STARTTLS")
        }
        InjectionOutcome::NotReached => {
            (Tone::Doubtful, "not known: the session did not come so far")
        }
    }
}
