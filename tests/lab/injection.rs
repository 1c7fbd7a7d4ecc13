//! The test for command injection clears mail servers that are known to be sound.
//!
//! That it finds a prone one is shown on the pretend internet (tests/wire).

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::mta::{self, Site};
use crate::topology::RESOLVER;
use crate::world::{Play, World};

/// One trial a mail server.
pub(crate) fn plays() -> Vec<Play> {
    let sites = [&mta::POSTFIX, &mta::EXIM, &mta::OPENSMTPD];
    let plays = sites.map(|site| -> Play {
        let title = format!("{}: no command is injected", site.domain);
        (title, Box::new(move |world| is_cleared(world, site)))
    });
    plays.into()
}

/// A session at each address; `refused` clears as well as `clear`.
fn is_cleared(world: &World, site: &Site) -> Result<()> {
    let (outcome, report) = world.probe_with(site.domain, RESOLVER, &["--injection"])?;
    let tests = report.pointer("/targets/0/injections").and_then(Value::as_array);
    let outcomes: Vec<_> =
        tests.into_iter().flatten().filter_map(|test| test.pointer("/outcome")?.as_str()).collect();
    ensure!(outcomes.len() == 2, "one test a family, not {outcomes:?}\n{outcome}");
    let sound = |outcome: &&str| matches!(*outcome, "clear" | "refused");
    ensure!(outcomes.iter().all(sound), "{outcomes:?}\n{outcome}");
    let verdict = report.pointer("/targets/0/verdict/status").and_then(Value::as_str);
    ensure!(verdict == Some("intact"), "the verdict is {verdict:?}\n{outcome}");
    Ok(())
}
