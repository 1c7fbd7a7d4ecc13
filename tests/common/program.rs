//! The program under test, the same whoever runs the tests.

use std::process::Command;

use assert_cmd::cargo::CommandCargoExt as _;

/// `mxray` with no more of the environment than where programs are: colours that somebody
/// forces, the width of his terminal and his token are his.
pub(crate) fn mxray() -> Command {
    let mut command = Command::cargo_bin("mxray").unwrap();
    let path = std::env::var_os("PATH").map(|path| ("PATH", path));
    command.env_clear().envs(path);
    command
}
