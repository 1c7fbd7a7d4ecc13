//! The lab: mxray against real mail servers, signed DNS and a real box on the path,
//! in network namespaces of this machine.
//!
//! Needs root and what `.ci/lab-install` unpacks. Where something is missing,
//! every scenario is reported as ignored and one line says why; with
//! `MXRAY_LAB=required` every scenario fails instead.

#[path = "../common/views_table.rs"]
#[allow(dead_code, reason = "another test target uses the rest")]
mod views_table;

mod capability;
mod clock;
mod dane;
mod dns;
mod egress;
mod forwarder;
mod injection;
mod innocent;
mod levels;
mod lies;
mod middlebox;
mod mirror;
#[path = "../common/mirror_table.rs"]
mod mirror_table;
mod mta;
mod oracle;
mod pki;
mod policy_host;
mod premises;
mod process;
mod range;
mod sandbox;
mod scenarios;
mod shard;
mod ssh;
mod sts;
mod topology;
mod vantages;
mod world;

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::Arguments;

const SUCCESS: ExitCode = ExitCode::SUCCESS;

fn main() -> Result<ExitCode> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some((middlebox::ARGUMENT, rest)) => return middlebox::main(rest).map(|()| SUCCESS),
        Some((forwarder::ARGUMENT, rest)) => return forwarder::main(rest).map(|()| SUCCESS),
        _ => {}
    }
    if sandbox::is_inside() {
        sandbox::furnish()?;
        return world::serve().map(|()| SUCCESS);
    }
    let mut arguments = Arguments::from_args();
    let missing = if arguments.list { Vec::new() } else { capability::missing() };
    if !missing.is_empty() {
        return without(&arguments, &missing.join(", "));
    }
    // A thread is a world.
    arguments.test_threads = arguments.test_threads.or(Some(shard::SHARDS));
    Ok(libtest_mimic::run(&arguments, world::trials()).exit_code())
}

/// Reports every scenario as ignored, or as failed where the lab is required.
fn without(arguments: &Arguments, missing: &str) -> Result<ExitCode> {
    let required = env::var_os("MXRAY_LAB").is_some_and(|value| value == "required");
    let reason = format!("the lab misses {missing}: run .ci/lab-install as root");
    let trials = world::trials_without(&reason, !required);
    if !required {
        writeln!(io::stdout(), "skipped {} lab scenarios: missing {missing}", trials.len())?;
    }
    Ok(libtest_mimic::run(arguments, trials).exit_code())
}
