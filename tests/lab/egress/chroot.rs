//! A client in a chroot, whose resolv.conf(5) is not the system's.
//!
//! Owns what the real Postfix does there, and what is said of it. The transport is one of
//! the sender's, so that its queue directory is where the chroot is.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::{CONTROLS, IPV4, expect, measured, type_lines};
use crate::levels::Sender;
use crate::mta;
use crate::process;
use crate::topology::{CLIENT, STRIPPING_RESOLVER};
use crate::world::World;

const TRANSPORT: &str = "chrooted";

/// Without the file, with another one, and as the printed line makes it.
pub(super) fn resolved(world: &World) -> Result<()> {
    let sender = world.sender.folder().display().to_string();
    let chroot = world.sender.folder().join("queue/etc");
    let folder = super::configured("egress-chroot", super::SOUND, "")?;
    let main = fs::read_to_string(folder.join("main.cf"))?;
    fs::write(folder.join("main.cf"), format!("{main}queue_directory = {sender}/queue\n"))?;
    let master = "smtp unix - - y - - smtp\n";
    fs::write(folder.join("master.cf"), master)?;
    let folder = folder.display().to_string();
    let words = ["--source", IPV4, "--postfix-config", &folder];
    let words = [words.as_slice(), &CONTROLS].concat();

    ensure!(!chroot.exists(), "{chroot:?} is there before");
    let attempt = Sender::send_by(TRANSPORT, mta::POSTFIX.domain)?;
    ensure!(attempt.delivery == "deferred", "{attempt:?}");
    ensure!(attempt.status.contains("Name service error"), "{attempt:?}");
    let (outcome, report) = measured(world, &words)?;
    expect(&outcome, &report, 1, &["chroot-resolver-absent"])?;

    fs::create_dir_all(&chroot)?;
    let other = format!("nameserver {STRIPPING_RESOLVER}\n");
    fs::write(chroot.join("resolv.conf"), other)?;
    let (outcome, report) = measured(world, &words)?;
    // At DANE it matters besides that this one hands no signatures on.
    expect(&outcome, &report, 1, &["chroot-resolver-differs", "resolver-does-not-validate"])?;
    let resolver = report.resolver.as_ref().and_then(|one| one.file.clone()).context("no file")?;
    ensure!(resolver.starts_with(&sender), "{resolver}");

    type_lines(&report)?;
    process::run(process::command(CLIENT, "postfix").args(["-c", &sender, "reload"]))?;
    let attempt = Sender::send_by(TRANSPORT, mta::POSTFIX.domain)?;
    ensure!(attempt.delivery == "tls", "{attempt:?}");
    let (outcome, report) = measured(world, &words)?;
    let seen = expect(&outcome, &report, 0, &[]);
    fs::remove_dir_all(&chroot)?;
    seen
}
