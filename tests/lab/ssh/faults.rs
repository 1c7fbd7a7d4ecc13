//! What can be wrong with a command, and the words for it.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::far::Far;
use super::processes;
use crate::mta;
use crate::process::Outcome;
use crate::topology::RESOLVER;
use crate::world::World;

/// A way to go wrong: the command of the vantage point, given the server and what the
/// agent is told, and what has to be said of it.
pub(super) struct Case {
    pub(super) title: &'static str,
    pub(super) command: fn(&Far, &str) -> String,
    pub(super) words: &'static [&'static str],
}

/// A far command that waits for as long as somebody might speak to it.
pub(super) const HANGING: &str = "'exec cat >/dev/null'";

const KEY: &str = "it asks for a password, and nobody is asked for one here: let it use a key (ssh -o BatchMode=yes host true says whether it does)";

pub(super) const CASES: [Case; 12] = [
    Case {
        title: "there is no such command",
        command: |_, agent| format!("/no/such/ssh clean mxray {agent}"),
        words: &[
            "it ended before it said who it is: ",
            "/no/such/ssh: not found (exit status 127); there is no such command, here or at the \
             far end: write mxray's whole path",
        ],
    },
    Case {
        title: "mxray is not there",
        command: |far, agent| far.ssh("quiet", &format!("mxray-2 {agent}")),
        words: &["mxray-2: command not found (exit status 127); there is no such command, here"],
    },
    Case {
        title: "nobody listens",
        command: |far, agent| far.ssh("closed", &format!("mxray {agent}")),
        words: &["port 2222: Connection refused (exit status 255)"],
    },
    Case {
        title: "ssh asks for a password",
        command: |far, agent| far.ssh("locked", &format!("mxray {agent}")),
        words: &["Permission denied (publickey,password). (exit status 255); ", KEY],
    },
    Case {
        title: "ssh does not know the host's key",
        command: |far, agent| far.ssh("stranger", &format!("mxray {agent}")),
        words: &[
            "Host key verification failed. (exit status 255); the host's key is not known here: \
             log in there once by hand, compare its fingerprint, and try again",
        ],
    },
    Case {
        title: "it hangs before its first words",
        command: |far, _| far.ssh("noisy", HANGING),
        words: &["it did not say who it is within 20 s: Authorised users only."],
    },
    Case {
        title: "100 MB in one line",
        command: |far, _| far.ssh("quiet", "head -c 100000000 /dev/zero"),
        words: &["it talks garbage: a line of more than 65536 bytes"],
    },
    Case {
        title: "100 MB in one line behind its first words",
        command: |far, agent| {
            let words = format!("'mxray {agent} | sed -u 2q; head -c 100000000 /dev/zero'");
            far.ssh("quiet", &words)
        },
        words: &["it talks garbage: a line of more than 4194304 bytes"],
    },
    Case {
        title: "a page in the place of an agent",
        command: |far, _| far.ssh("quiet", "'yes \\<p\\>Welcome'"),
        words: &[r#"it talks garbage: it began with "<p>Welcome" and never said who it is"#],
    },
    Case {
        title: "a terminal at the far side",
        command: |far, agent| far.ssh("-tt quiet", &format!("mxray {agent}")),
        words: &[
            "it talks garbage: it sends back what it is asked, as a terminal does: let it run \
             without one (ssh -T; docker exec -i, not -it)",
        ],
    },
    Case {
        title: "another version",
        command: |far, agent| {
            far.ssh("quiet", &format!("'mxray {agent} | sed -u s,mxray/agent/1,mxray/agent/9,'"))
        },
        words: &[
            r#"it speaks "mxray/agent/9", and only "mxray/agent/1" is known here: use the same mxray at both ends"#,
        ],
    },
    Case {
        title: "an mxray that knows no agent",
        command: |far, _| far.ssh("quiet", "mxray no-agent --stdio"),
        words: &["it ended before it said who it is: mxray: error: ", "(exit status 2)"],
    },
];

impl Case {
    pub(super) fn play(&self, world: &World) -> Result<()> {
        let far = Far::start(world)?;
        let vantage = format!("clean={}", (self.command)(&far, &world.agent_words()));
        let seen = world.probe_with(mta::POSTFIX.domain, RESOLVER, &["--vantage", &vantage])?;
        is_our_fault(&seen, self.words)?;
        processes::none_left()
    }
}

/// The fault is said in these words, here and in the report; the target is as intact as
/// this machine sees it, and the exit status says that not all was seen.
pub(super) fn is_our_fault((outcome, report): &(Outcome, Value), words: &[&str]) -> Result<()> {
    let word = |pointer: &str| report.pointer(pointer).and_then(Value::as_str);
    let error = word("/run/vantages/1/error").unwrap_or_default();
    for expected in words {
        ensure!(error.contains(expected), "{error:?} without {expected:?}\n{outcome}");
    }
    let warned = outcome.stderr.contains("mxray: warning: vantage point clean: it ");
    ensure!(warned, "no warning\n{outcome}");
    ensure!(word("/targets/0/verdict/status") == Some("intact"), "not intact\n{outcome}");
    let findings = report.pointer("/targets/0/findings").and_then(Value::as_array);
    ensure!(findings.is_some_and(Vec::is_empty), "findings of our own fault\n{outcome}");
    ensure!(outcome.status.code() == Some(3), "not status 3\n{outcome}");
    Ok(())
}
