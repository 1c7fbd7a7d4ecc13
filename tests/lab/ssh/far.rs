//! A real sshd at the clean vantage point, and the client's way to it.
//!
//! Owns keys, accounts and configuration, all made when a scenario begins. Refuses
//! to know what is run through it.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{self, Daemon};
use crate::sandbox;
use crate::topology::CLEAN;
use crate::world::World;

/// Where it listens.
const ADDRESS: &str = "192.0.2.130";
/// The way back to the client.
const TO_CLIENT: [&str; 3] = ["198.51.100.0/24", "via", "192.0.2.129"];
/// A user who is told nothing when he logs in, and one whose shell greets him.
const QUIET: (&str, u32) = ("ann", 8807);
const NOISY: (&str, u32) = ("bob", 8808);
/// What the server says before a login, to standard error of ssh.
const BANNER: &str = "Authorised users only. All activity is logged.\n";
/// What a shell prints as it starts, to standard output.
const PROFILE: &str = "echo 'Welcome to clean'; printf 'Last login: Fri '\n";

/// The running server.
pub(super) struct Far {
    folder: PathBuf,
    daemon: Daemon,
}

impl Far {
    /// Makes all that it needs, starts it, and waits until it listens.
    pub(super) fn start(world: &World) -> Result<Self> {
        let folder = sandbox::folder("ssh")?;
        sandbox::show(Path::new(env!("CARGO_BIN_EXE_mxray")), Path::new("/usr/local/bin/mxray"))?;
        fs::create_dir_all("/run/sshd")?;
        // Nothing else at the client speaks with this place.
        process::run(process::command(CLEAN, "ip").args(["route", "replace"]).args(TO_CLIENT))?;
        for ((name, id), profile) in [(QUIET, ""), (NOISY, PROFILE)] {
            let home = folder.join("home").join(name);
            sandbox::add_account(name, id, &home)?;
            fs::write(home.join(".bashrc"), profile)?;
            chown(&home, Some(id), Some(id))?;
        }
        keys(&folder, &world.agent_words()).context("keys")?;
        configure(&folder)?;
        let configuration = folder.join("sshd.conf").display().to_string();
        let command = ["/usr/sbin/sshd", "-D", "-e", "-f", &configuration];
        let mut daemon = Daemon::start(CLEAN, "sshd", &command)?;
        daemon.await_serving(|said| Ok(said.contains("Server listening on")))?;
        Ok(Self { folder, daemon })
    }

    /// The command that logs in as one of the hosts of `ssh.conf` and has this run there.
    pub(super) fn ssh(&self, host: &str, far: &str) -> String {
        format!("ssh -F {}/ssh.conf {host} {far}", self.folder.display())
    }

    /// What the server said, for a failure.
    pub(super) fn log(&self) -> String {
        self.daemon.log()
    }
}

fn keys(folder: &Path, agent: &str) -> Result<()> {
    let mut public = Vec::new();
    for name in ["host", "quiet", "noisy", "forced"] {
        let file = folder.join(name);
        if !file.exists() {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&file);
            process::run(&mut keygen)?;
        }
        public.push(fs::read_to_string(folder.join(format!("{name}.pub")))?);
    }
    let [host, quiet, noisy, forced] = public.as_slice() else { unreachable!("four names") };
    fs::write(folder.join("known_hosts"), format!("clean {host}"))?;
    let authorized = folder.join("keys");
    fs::create_dir_all(&authorized)?;
    // As docs/vantages.md has it.
    let forced = format!("command=\"mxray {agent}\",restrict {forced}");
    fs::write(authorized.join(QUIET.0), format!("{quiet}{forced}"))?;
    fs::write(authorized.join(NOISY.0), noisy)?;
    Ok(())
}

fn configure(folder: &Path) -> Result<()> {
    let shown = folder.display();
    fs::write(folder.join("banner"), BANNER)?;
    let server = format!(include_str!("../etc/sshd.conf"), address = ADDRESS, folder = shown);
    fs::write(folder.join("sshd.conf"), server)?;
    let client = format!(
        include_str!("../etc/ssh.conf"),
        address = ADDRESS,
        folder = shown,
        quiet = QUIET.0,
        noisy = NOISY.0,
    );
    fs::write(folder.join("ssh.conf"), client)?;
    Ok(())
}
