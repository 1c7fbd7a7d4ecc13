//! What keeps a vantage point from observing, in words.
//!
//! Owns the faults and what can be done about each. Whatever an agent or its command
//! does wrong (it asks for a password, dies, hangs, talks garbage, is of another
//! version) is about us and never about a target. Pure.

use std::fmt;

use super::wire::PROTOCOL;
use crate::observe::ProxyFault;

/// Why a vantage point does not observe, or no longer does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The command cannot be started.
    #[error("{command}: {error}")]
    Start {
        /// The command.
        command: String,
        /// The operating system's words.
        error: String,
    },
    /// It did not say who it is in time.
    #[error("it did not say who it is within {seconds} s{ending}")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
        /// What it said instead.
        ending: Ending,
    },
    /// It ended before it said who it is.
    #[error("it ended before it said who it is{0}")]
    EndedEarly(Ending),
    /// It is of another version, or another program.
    #[error(
        "it speaks {found:?}, and only {PROTOCOL:?} is known here: use the same mxray at both ends"
    )]
    Protocol {
        /// What it said it speaks.
        found: String,
    },
    /// It said something that makes no sense.
    #[error("it talks garbage: {0}")]
    Garbage(String),
    /// It ended, or said nothing more, before it was heard to answer anything.
    #[error(
        "it said who it is and answers nothing: its standard input does not reach it (docker exec \
         -i and kubectl exec -i hand it on, ssh -n does not)"
    )]
    Deaf,
    /// It ended, and was not to.
    #[error("it died{0}")]
    Died(Ending),
    /// It did not answer in time.
    #[error("it did not answer for {0} s")]
    Hangs(u64),
    /// The run was ended before it answered.
    #[error("interrupted")]
    Interrupted,
    /// It does not do what was asked.
    #[error("it refuses: {0}")]
    Refused(String),
    /// It judged signatures by a clock that is wrong.
    #[error(
        "its clock is {0} s from this one, and DNSSEC signatures that are bad by it may be good: \
         set its clock"
    )]
    Clock(i64),
    /// The proxy that leads there.
    #[error(transparent)]
    Proxy(#[from] ProxyFault),
}

impl Fault {
    /// Whether the agent is of no more use. One that refuses may do the next thing.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Interrupted | Self::Clock(_))
    }

    /// What a fault means that comes in the place of the first answer: an agent without
    /// a standard input ends without complaint, and one with a terminal in its place waits.
    pub(super) fn at_the_first_question(self) -> Self {
        match self {
            Self::Died(Ending { status: Some(0), words, .. }) if words.is_empty() => Self::Deaf,
            Self::Hangs(_) => Self::Deaf,
            other => other,
        }
    }
}

/// How a command ended, or what it did in the place of what it was to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Its exit status; `None` where a signal ended it, or nothing is known.
    pub status: Option<i32>,
    /// The last line that it wrote to standard error; empty if there was none.
    pub words: String,
    /// The first line on standard output that is not an agent's.
    pub began: Option<String>,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.words.is_empty() {
            write!(f, ": {}", self.words)?;
        } else if let Some(began) = &self.began {
            write!(f, ": it began with {began:?}")?;
        }
        if let Some(status) = self.status {
            write!(f, " (exit status {status})")?;
        }
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl Ending {
    /// What is known to help, by the words of OpenSSH, sudo, shells and container engines.
    fn advice(&self) -> Option<&'static str> {
        let began = self.began.as_deref().unwrap_or_default();
        let said = format!("{} {began}", self.words).to_lowercase();
        let says = |some: &[&str]| some.iter().any(|one| said.contains(one));
        match self.status {
            Some(126 | 127) if says(&["exec format error"]) => Some(OTHER_MACHINE),
            // POSIX: the shell did not find the command; ssh hands its status on.
            Some(127) => Some(ABSENT),
            // Docker's for whatever it cannot start.
            Some(126) if says(&["not found", "no such file"]) => Some(ABSENT),
            Some(126) if says(&["permission denied"]) => Some(NO_PROGRAM),
            Some(126) => None,
            // POSIX: ended by SIGKILL or SIGTERM.
            Some(137 | 143) => Some(ENDED_THERE),
            _ if says(&["host key verification failed"]) => Some(STRANGER),
            _ if says(&["not a tty", "tty-enabled"]) => Some(TERMINAL),
            _ if says(&PASSWORD_WANTED) => Some(PASSWORD),
            _ => None,
        }
    }
}

const OTHER_MACHINE: &str = "that is built for another kind of machine";
const ABSENT: &str = "there is no such command, here or at the far end: write mxray's whole path";
const NO_PROGRAM: &str = "that is no program that this user may run";
const ENDED_THERE: &str = "it was ended there, it or its container";
const STRANGER: &str = "the host's key is not known here: log in there once by hand, compare its \
                        fingerprint, and try again";
const TERMINAL: &str = "let it run without a terminal (docker exec -i, not -it)";
const PASSWORD: &str = "it asks for a password, and nobody is asked for one here: let it use a key \
                        (ssh -o BatchMode=yes host true says whether it does)";

/// The words of OpenSSH (whose bracket has the ways to log in) and sudo.
const PASSWORD_WANTED: [&str; 4] =
    ["permission denied (", "password", "passphrase", "a terminal is required"];

#[cfg(test)]
mod tests {
    use super::*;

    /// What container engines were heard to say: Docker 20.10 with a client of 28.2, Podman 4.3.
    #[test]
    fn container_engines_are_understood() {
        let missing = r#"OCI runtime exec failed: exec failed: unable to start container process: exec: "mxray": executable file not found in $PATH: unknown"#;
        let denied = r#"OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc/passwd": permission denied: unknown"#;
        let user = "unable to find user nosuch: no matching entries in passwd file";
        let tty = "the input device is not a TTY";
        let socket = "permission denied while trying to connect to the Docker daemon socket at \
                      unix:///var/run/docker.sock";
        let absent = "Error response from daemon: No such container: box";
        for (status, words, began, advice) in [
            (126, "", Some(missing), Some(ABSENT)),
            (127, missing, None, Some(ABSENT)),
            (126, "", Some(denied), Some(NO_PROGRAM)),
            (126, "", Some(user), None),
            (1, tty, None, Some(TERMINAL)),
            (1, socket, None, None),
            (1, absent, None, None),
            (137, "", None, Some(ENDED_THERE)),
            (126, "exec /usr/bin/mxray: Exec format error", None, Some(OTHER_MACHINE)),
        ] {
            let began = began.map(str::to_owned);
            let ending = Ending { status: Some(status), words: words.to_owned(), began };
            assert_eq!(ending.advice(), advice, "{ending}");
        }
    }

    #[test]
    fn an_agent_without_an_input_is_told_from_one_that_died() {
        let ended = |status, words: &str| {
            let ending = Ending { status, words: words.to_owned(), began: None };
            Fault::Died(ending).at_the_first_question()
        };
        assert_eq!(ended(Some(0), ""), Fault::Deaf);
        assert_eq!(Fault::Hangs(10).at_the_first_question(), Fault::Deaf);
        for (status, words) in [(Some(0), "killed"), (Some(1), ""), (None, "")] {
            assert!(matches!(ended(status, words), Fault::Died(_)), "{status:?} {words}");
        }
    }

    fn said(status: Option<i32>, words: &str) -> String {
        let ending = Ending { status, words: words.to_owned(), began: None };
        Fault::EndedEarly(ending).to_string()
    }

    #[test]
    fn what_is_known_to_help_is_said() {
        for (status, words, help) in [
            (255, "ann@berlin: Permission denied (publickey,password).", "let it use a key"),
            (1, "sudo: a terminal is required to read the password; either", "let it use a key"),
            (255, "Host key verification failed.", "compare its fingerprint"),
            (127, "bash: line 1: mxray: command not found", "write mxray's whole path"),
            (126, "sh: 1: ./mxray: Permission denied", "no program that this user may run"),
        ] {
            let said = said(Some(status), words);
            assert!(said.contains(words) && said.contains(help), "{said}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let lost = said(Some(255), "ssh: connect to host berlin port 22: No route to host");
        assert_eq!(
            lost,
            "it ended before it said who it is: ssh: connect to host berlin port 22: No route to \
             host (exit status 255)"
        );
        assert_eq!(said(None, ""), "it ended before it said who it is");
    }

    #[test]
    fn without_a_complaint_what_was_printed_is_said() {
        let began = Some("Welcome".to_owned());
        let ending = Ending { began, ..Ending::default() };
        let silent = Fault::Silent { seconds: 20, ending };
        assert_eq!(
            silent.to_string(),
            "it did not say who it is within 20 s: it began with \"Welcome\""
        );
    }
}
