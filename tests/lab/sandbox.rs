//! A world of its own for the lab, and its end.
//!
//! The test binary runs itself again as the first process of new mount, network
//! and process namespaces. The network there has no way out; `/run`, `/etc`,
//! `/usr` and `/var` are copies on paper, so that namespaces, users, spools and
//! the mail servers that exclude one another as packages exist for the lab alone.
//! When either process ends, for whatever reason, SIGKILL included, the kernel
//! ends everything inside and forgets it; two labs never meet.
//!
//! Owns that world. Refuses to know what happens in it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::process;

/// Where the lab keeps its files: in memory, gone with it.
pub const SCRATCH: &str = "/run/lab";
/// Set for the process inside.
const INSIDE: &str = "MXRAY_LAB_INSIDE";
/// Where `.ci/lab-install` unpacks what the lab runs, below the package's folder.
const TREE: &str = "target/lab/tree";

/// Users that the mail servers want, one number each for user and group.
const USERS: [(&str, u32); 5] = [
    ("postfix", 8801),
    ("postdrop", 8802),
    ("Debian-exim", 8803),
    ("opensmtpd", 8804),
    ("opensmtpq", 8805),
];

/// The unpacked packages.
pub fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(TREE)
}

/// The command that makes the namespaces and runs the rest inside.
///
/// `setpriv` ends `unshare` with its parent, and `unshare` the first process
/// inside with itself.
pub fn unshare() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork"]);
    command.args(["--kill-child=KILL", "--mount-proc", "--"]);
    command
}

/// Whether this process is the one inside.
pub fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs this binary again inside and gives its exit code.
pub fn enter() -> Result<ExitCode> {
    let mut command = unshare();
    command.arg(env::current_exe()?).args(env::args_os().skip(1)).env(INSIDE, "1");
    let code = command.status().context("cannot enter the sandbox")?.code();
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Lays the copies over the file system, and adds the users.
pub fn furnish() -> Result<()> {
    mount(&["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])?;
    for folder in ["netns", "lock", "lab"] {
        fs::create_dir_all(Path::new("/run").join(folder))?;
    }
    for folder in ["usr", "etc", "var"] {
        overlay(folder)?;
    }
    add_users()
}

fn overlay(folder: &str) -> Result<()> {
    let (upper, work) = (format!("/run/over/{folder}"), format!("/run/work/{folder}"));
    fs::create_dir_all(&upper)?;
    fs::create_dir_all(&work)?;
    let over = format!(
        "lowerdir={}/{folder}:/{folder},upperdir={upper},workdir={work}",
        tree().display()
    );
    mount(&["-t", "overlay", "overlay", "-o", &over, &format!("/{folder}")])
}

fn mount(arguments: &[&str]) -> Result<()> {
    process::run(Command::new("mount").args(arguments)).map(drop)
}

fn add_users() -> Result<()> {
    let mut passwd = fs::read_to_string("/etc/passwd")?;
    let mut group = fs::read_to_string("/etc/group")?;
    for (name, id) in USERS {
        let known = |file: &str| file.lines().any(|line| line.split(':').next() == Some(name));
        if !known(&passwd) {
            passwd.push_str(&format!("{name}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin\n"));
        }
        if !known(&group) {
            group.push_str(&format!("{name}:x:{id}:\n"));
        }
    }
    fs::write("/etc/passwd", passwd)?;
    fs::write("/etc/group", group)?;
    Ok(())
}
