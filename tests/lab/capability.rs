//! What the lab needs of this machine.
//!
//! Owns the list and how each item is found out. Refuses to know what it is for.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::{clock, sandbox};

/// Programs out of the tree that `.ci/lab-install` makes, or of this machine.
const PROGRAMS: [&str; 16] = [
    "knotd",
    "keymgr",
    "kdig",
    "unbound",
    "nft",
    "postfix",
    "posttls-finger",
    "exim4",
    "smtpd",
    "nginx",
    "curl",
    "ssh",
    "sshd",
    "ssh-keygen",
    "script",
    "ss",
];

/// What the sandbox will do, tried where it leaves no trace.
const ATTEMPT: &str = "mount -t tmpfs tmpfs /run; mkdir /run/over; \
    mount -t overlay overlay -o lowerdir=/etc:/usr /run/over; \
    ip netns add attempt; ip netns exec attempt true";

/// What is missing, in words; empty where the lab can run.
pub(crate) fn missing() -> Vec<String> {
    let mut missing: Vec<String> =
        PROGRAMS.iter().filter(|program| !is_there(program)).map(ToString::to_string).collect();
    if !is_there("ip") {
        missing.push("ip".to_owned());
    }
    if ![&sandbox::tree(), Path::new("/")].into_iter().any(clock::is_below) {
        missing.push("libfaketime".to_owned());
    }
    if !is_root() {
        missing.push("root".to_owned());
    } else if !has_namespaces() {
        missing.push("network namespaces and overlayfs".to_owned());
    }
    missing
}

fn is_there(program: &str) -> bool {
    let tree = sandbox::tree();
    ["usr/sbin", "usr/bin"].into_iter().any(|folder| {
        tree.join(folder).join(program).exists()
            || Path::new("/").join(folder).join(program).exists()
    })
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn has_namespaces() -> bool {
    let mut attempt = sandbox::unshare();
    attempt.args(["sh", "-ec", ATTEMPT]).stdout(Stdio::null()).stderr(Stdio::null());
    attempt.status().is_ok_and(|status| status.success())
}
