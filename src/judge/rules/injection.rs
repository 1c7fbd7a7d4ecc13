//! Does the server carry commands from the clear into TLS?
//!
//! A weakness of the server, and a warning: nothing shows that anybody uses it, and
//! mail goes encrypted to the right server. Who can inject on the path can also
//! hide STARTTLS, so that only senders that insist on TLS (DANE, MTA-STS) lose a
//! protection that they would have had.

use crate::judge::catalogue::{self as catalogue, on_address};
use crate::judge::closer::Closer;
use crate::model::finding::Finding;
use crate::model::injection::InjectionOutcome;

pub(super) fn findings(closer: &Closer) -> Vec<Finding> {
    let tests = closer.injections.iter().flatten();
    let vulnerable = tests.filter(|test| test.outcome == InjectionOutcome::Vulnerable);
    vulnerable
        .map(|test| {
            catalogue::COMMAND_INJECTION.raised(
                on_address(&test.host, test.ip),
                vec![test.observation.clone()],
                format!(
                    "{} [{}] carries commands that are sent in clear behind STARTTLS into the TLS \
                     session: somebody on the path could put commands of their own before a \
                     sender's, and so read or change mail that was sent encrypted.",
                    test.host, test.ip
                ),
            )
        })
        .collect()
}
