//! `mxray policy`: the measurement of a check, and what it supports as lines for
//! Postfix's `smtp_tls_policy_maps`.
//!
//! Owns the way from arguments to a map. Refuses to choose lines and to word them.

use mxray::judge;
use mxray::model::policy_map::{PolicyMap, SCHEMA};
use mxray::model::report::{Families, FamilyUse, Report};
use mxray::observe::Dialler;
use mxray::policy::postfix;
use mxray::report::policy_map;

use crate::cli::arguments::PolicyArguments;
use crate::cli::check::{block_on, own_sources};
use crate::cli::deliver::save;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::host_name;
use crate::cli::measure;
use crate::cli::settings::{Settings, Surroundings};
use crate::cli::terminal::Terminal;

/// Surveys, judges, and prints lines.
///
/// # Errors
/// Something that was typed can't be used, or a result can't be written.
pub(crate) fn run(arguments: &PolicyArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut input = std::io::stdin().lock();
    let host_name = host_name::fully_qualified();
    let surroundings = Surroundings { input: &mut input, host_name };
    let settings = Settings::for_policy(arguments, surroundings)?;
    own_sources(&settings.intent.sources)?;
    let report = block_on(measure::report(settings, Dialler::direct(), terminal))??;
    let saved = save(&report, arguments.evidence.save.as_deref());
    let map = map(&report);
    terminal.results(&text(&map, arguments)?)?;
    saved.map(|()| exit(&map, report.run.interrupted))
}

fn map(report: &Report) -> PolicyMap {
    let vantage = report.run.vantages.first();
    let nothing = Families { ipv4: FamilyUse::NotAsked, ipv6: FamilyUse::NotAsked };
    let families = vantage.map_or(nothing, |vantage| vantage.families);
    PolicyMap {
        schema: SCHEMA.to_owned(),
        tool: judge::PROGRAM.to_owned(),
        started_at: report.run.started_at,
        policies: report
            .targets
            .iter()
            .map(|target| postfix::recommend(target, families))
            .collect(),
    }
}

fn text(map: &PolicyMap, arguments: &PolicyArguments) -> Result<String, Failure> {
    let output = &arguments.output;
    if output.json {
        return policy_map::json(map).map_err(Failure::internal);
    }
    if output.ndjson {
        return policy_map::ndjson(map).map_err(Failure::internal);
    }
    Ok(policy_map::render(map, output.verbose > 0))
}

/// Nothing here is a fault: a domain without TLS is no error of its line.
fn exit(map: &PolicyMap, interrupted: bool) -> Exit {
    let undetermined = map.policies.iter().any(|entry| entry.undetermined);
    if undetermined || interrupted { Exit::Undetermined } else { Exit::Fine }
}
