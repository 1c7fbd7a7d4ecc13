//! A clock that is days on, for one process: Debian's `libfaketime`, preloaded.
//!
//! Only the time of day is moved, which reports are dated by and certificates and
//! signatures judged by: those of the lab hold for longer. Time limits go by the
//! monotonic clock, which stays as it is. There is no way back: the signatures of the
//! lab's DNS are made when it starts.
//!
//! Owns how it is set. Refuses to know what for.

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::SignedDuration;

/// By how much it is on.
pub(crate) const ON: SignedDuration = SignedDuration::from_hours(48);
/// The library in the folder of its architecture.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// Whether the library is below a root.
pub(crate) fn is_below(root: &Path) -> bool {
    let folders = fs::read_dir(root.join("usr/lib")).into_iter().flatten().flatten();
    folders.map(|folder| folder.path().join(LIBRARY)).any(|library| library.exists())
}

/// Moves the clock of a command that has not been started.
pub(crate) fn set_on(command: &mut Command) {
    // The loader puts the folder of the architecture in the place of $LIB.
    command.env("LD_PRELOAD", format!("/usr/$LIB/{LIBRARY}"));
    command.env("FAKETIME", format!("+{}s", ON.as_secs()));
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
}
