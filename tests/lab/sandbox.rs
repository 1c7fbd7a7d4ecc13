//! A world of its own, and its end.
//!
//! The test binary runs itself again as the first process of new mount, network
//! and process namespaces. The network there has no way out; `/run`, `/etc`,
//! `/usr` and `/var` are copies on paper, so that namespaces, users, spools and
//! the mail servers that exclude one another as packages exist for the lab alone.
//! When either process ends, for whatever reason, SIGKILL included, the kernel
//! ends everything inside and forgets it; two worlds never meet.
//!
//! Owns that world. Refuses to know what happens in it.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::process;

/// Where the lab keeps its files: in memory, gone with it.
pub(crate) const SCRATCH: &str = "/run/lab";
/// Set for the process inside.
const INSIDE: &str = "MXRAY_LAB_INSIDE";
/// What comes along from outside: where programs are, and what the lab itself reads.
const MEANT: [&str; 5] = ["PATH", "MXRAY_LAB", "MXRAY_UPDATE", "MXRAY_LEVELS", "MXRAY_EGRESS"];
/// What every process inside finds in its environment besides.
const ENVIRONMENT: [(&str, &str); 4] =
    [("HOME", SCRATCH), ("LANG", "C.UTF-8"), ("SHELL", "/bin/sh"), ("TERM", "xterm")];
/// Runs a program with the usual mask for new files: behind a stricter one, the users of
/// the mail servers could not read what is made for them.
const OPEN: &str = "umask 022; exec \"$0\"";
/// Where `.ci/lab-install` unpacks what the lab runs, below the package's folder.
const TREE: &str = "target/lab/tree";

/// Users that the servers want, one number each for user and group.
const USERS: [(&str, u32); 6] = [
    ("postfix", 8801),
    ("postdrop", 8802),
    ("Debian-exim", 8803),
    ("opensmtpd", 8804),
    ("opensmtpq", 8805),
    ("sshd", 8806),
];

/// A folder for the files of one part.
pub(crate) fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(SCRATCH).join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Writes a file that seems to be a day old. Postfix's programs wait for seconds
/// when their configuration has just been written.
pub(crate) fn write_aged(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    File::options().write(true).open(path)?.set_modified(yesterday)?;
    Ok(())
}

/// The unpacked packages.
pub(crate) fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(TREE)
}

/// The command that makes the namespaces and runs the rest inside.
///
/// `setpriv` ends `unshare` with its parent, and `unshare` the first process
/// inside with itself.
pub(crate) fn unshare() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork"]);
    command.args(["--kill-child=KILL", "--mount-proc", "--"]);
    command
}

/// Whether this process is the one inside: the first of its process namespace, too,
/// so that a stray variable never furnishes a real machine.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some() && std::process::id() == 1
}

/// This binary again, inside. Of the environment only what is meant for it comes
/// along: whoever runs the lab, from whatever shell, has the same one.
pub(crate) fn command() -> Result<Command> {
    let mut command = unshare();
    let meant = |(name, _): &(OsString, OsString)| MEANT.iter().any(|meant| name == meant);
    command
        .args(["sh", "-c", OPEN])
        .arg(env::current_exe()?)
        .env_clear()
        .envs(env::vars_os().filter(meant));
    command.envs(ENVIRONMENT).env(INSIDE, "1");
    Ok(command)
}

/// Lays the copies over the file system, and adds the users.
pub(crate) fn furnish() -> Result<()> {
    mount(&["-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"])?;
    for folder in ["netns", "lock", "lab"] {
        fs::create_dir_all(Path::new("/run").join(folder))?;
    }
    for folder in ["usr", "etc", "var"] {
        overlay(folder)?;
    }
    // What is named after process numbers there would meet another world's.
    mount(&["-t", "tmpfs", "tmpfs", "/dev/shm"])?;
    add_users()
}

fn overlay(folder: &str) -> Result<()> {
    let (upper, work) = (format!("/run/over/{folder}"), format!("/run/work/{folder}"));
    fs::create_dir_all(&upper)?;
    fs::create_dir_all(&work)?;
    let over =
        format!("lowerdir={}/{folder}:/{folder},upperdir={upper},workdir={work}", tree().display());
    mount(&["-t", "overlay", "overlay", "-o", &over, &format!("/{folder}")])
}

fn mount(arguments: &[&str]) -> Result<()> {
    process::run(Command::new("mount").args(arguments)).map(drop)
}

fn add_users() -> Result<()> {
    let users = |(name, id)| format!("{name}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin\n");
    let groups = |(name, id)| format!("{name}:x:{id}:\n");
    append("/etc/passwd", &USERS.map(users))?;
    append("/etc/group", &USERS.map(groups))
}

/// Adds a user who may log in, with a folder of his own.
pub(crate) fn add_account(name: &str, id: u32, home: &Path) -> Result<()> {
    fs::create_dir_all(home)?;
    let home = home.display();
    append("/etc/passwd", &[format!("{name}:x:{id}:{id}::{home}:/bin/bash\n")])?;
    append("/etc/group", &[format!("{name}:x:{id}:\n")])
}

/// Shows a file at another place too, whoever may enter the folders of its own.
pub(crate) fn show(file: &Path, at: &Path) -> Result<()> {
    if !at.exists() {
        File::create(at)?;
        mount(&["--bind", &file.display().to_string(), &at.display().to_string()])?;
    }
    Ok(())
}

/// Adds the lines whose first field is not there yet.
fn append(file: &str, lines: &[String]) -> Result<()> {
    let mut text = fs::read_to_string(file)?;
    for line in lines {
        let name = line.split(':').next();
        if !text.lines().any(|known| known.split(':').next() == name) {
            text.push_str(line);
        }
    }
    fs::write(file, text)?;
    Ok(())
}
