//! `mxray egress`: what mail that leaves from this machine meets.
//!
//! Owns the way from arguments to a report: which addresses and destinations are
//! asked, the survey, and each source judged by its own sessions alone. Refuses to
//! know what is wrong with anything: `mxray::egress` does.

mod lookups;
mod postconf;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use jiff::Timestamp;
use mxray::egress;
use mxray::egress::postconf::Configuration;
use mxray::judge::{self, Context};
use mxray::model::egress::{EGRESS_SCHEMA, EgressReport, Source};
use mxray::model::evidence::Evidence;
use mxray::model::finding::Severity;
use mxray::model::operator::BUILT_IN_CONTROLS;
use mxray::model::probe::{Family, Role};
use mxray::model::report::{Families, FamilyUse, TargetReport};
use mxray::model::special_purpose::{is_private, is_public};
use mxray::model::target::Target;
use mxray::observe::{self, Dialler, OwnAddress};
use mxray::report::{json, text};
use mxray::tls::Roots;
use mxray::vantage::VantagePoint;
use mxray::vantage::local::Local;
use tokio::sync::mpsc;

use crate::cli::arguments::EgressArguments;
use crate::cli::check::{block_on, own_sources};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::host_name;
use crate::cli::measure;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;

/// Providers that are asked where nothing is named.
const BUILT_IN: usize = 3;
/// Most addresses of a family that are asked unnamed: each destination sees a session
/// from each of them, and `plan::budget` allows eight.
const MOST_SOURCES: usize = 4;
/// Most addresses that can be named, for the same reason.
const MOST_NAMED: usize = 8;

const NO_ADDRESS: &str = "this machine has no address that reaches other networks";
const NO_CONTROLS: &str = "--no-controls";
const NOT_PUBLIC: &str = "no address of this machine is public; --control names destinations that are asked all the same";

/// Reads Postfix, asks, judges, and delivers.
///
/// # Errors
/// Something that was typed can't be used, or a result can't be written.
pub(crate) fn run(arguments: &EgressArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let report = block_on(report(arguments, terminal))??;
    let output = &arguments.output;
    let text = if output.json || output.ndjson {
        let rendered = if output.json { json::render(&report) } else { json::line(&report) };
        rendered.map_err(Failure::internal)?
    } else {
        text::egress::render(&report, &terminal.style())
    };
    terminal.results(&text)?;
    Ok(exit(&report))
}

fn exit(report: &EgressReport) -> Exit {
    if report.findings.iter().any(|finding| finding.severity == Severity::Critical) {
        return Exit::Found;
    }
    if egress::is_undetermined(report) { Exit::Undetermined } else { Exit::Fine }
}

async fn report(arguments: &EgressArguments, terminal: &Terminal) -> Result<EgressReport, Failure> {
    let (started_at, clock) = (Timestamp::now(), Instant::now());
    let postfix = postconf::read(&arguments.postfix_config).await;
    // Without them every address that Postfix binds to would look foreign.
    let own = observe::own_addresses()
        .ok_or_else(|| Failure::internal("the addresses of this machine cannot be listed"))?;
    let host_name = postfix.helo_name().or_else(host_name::fully_qualified);
    let mut settings = Settings::for_egress(arguments, host_name)?;
    let mut sources = sources(&settings, &own, &postfix.configurations, terminal)?;
    settings.intent.sources =
        sources.iter().filter(|source| source.routed).map(|source| source.ip).collect();
    let not_asked = name_destinations(&mut settings, arguments)?;
    let level = postfix.configurations.first().and_then(|one| one.level_word(None));
    let interrupted = match not_asked {
        None => probe(&mut settings, &mut sources, level.as_deref(), terminal).await?,
        Some(_) => false,
    };
    lookups::fill(&mut sources, &settings, arguments.from.as_deref()).await?;
    let mut report = EgressReport {
        schema: EGRESS_SCHEMA.to_owned(),
        tool: judge::PROGRAM.to_owned(),
        started_at,
        duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        interrupted,
        controls: settings.targets.iter().map(Target::name).collect(),
        not_asked,
        sources,
        postfix: postfix.configurations.iter().map(Configuration::describe).collect(),
        postfix_error: postfix.error,
        findings: Vec::new(),
    };
    let ours: Vec<IpAddr> = own.iter().map(|own| own.ip).collect();
    report.findings = egress::findings(&report, &postfix.configurations, &ours);
    Ok(report)
}

/// The addresses that were named, or those of this machine.
fn sources(
    settings: &Settings,
    own: &[OwnAddress],
    postfix: &[Configuration],
    terminal: &Terminal,
) -> Result<Vec<Source>, Failure> {
    let named = &settings.intent.sources;
    own_sources(named)?;
    if named.len() > MOST_NAMED {
        return Err(Failure::usage(
            format!("more than {MOST_NAMED} sources"),
            "run once for each part of them: no destination is asked more often at once",
        ));
    }
    let is_named = !named.is_empty();
    let ips = if is_named { named.clone() } else { automatic(own, settings.asked, terminal) };
    Ok(ips.into_iter().map(|ip| source(ip, own, postfix, is_named)).collect())
}

/// The addresses that are asked where none was named.
fn automatic(own: &[OwnAddress], asked: Families, terminal: &Terminal) -> Vec<IpAddr> {
    let mut chosen = Vec::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let wanted = asked.of(family) != FamilyUse::NotAsked;
        let leaves = |own: &&OwnAddress| wanted && own.can_leave() && Family::of(own.ip) == family;
        let mut ips: Vec<IpAddr> = own.iter().filter(leaves).map(|own| own.ip).collect();
        let preferred = preferred(family);
        ips.sort_by_key(|ip| Some(*ip) != preferred);
        if let Some(left_out) = ips.get(MOST_SOURCES..).filter(|rest| !rest.is_empty()) {
            terminal.warning(&format!(
                "{} more {} addresses are left out; --source names them",
                left_out.len(),
                family.label()
            ));
        }
        ips.truncate(MOST_SOURCES);
        chosen.extend(ips);
    }
    chosen
}

/// What the operating system chooses for itself. Sends nothing.
fn preferred(family: Family) -> Option<IpAddr> {
    let somewhere: IpAddr = match family {
        Family::Ipv4 => Ipv4Addr::new(192, 0, 2, 1).into(),
        Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    observe::route_to(somewhere).ok()
}

fn source(ip: IpAddr, own: &[OwnAddress], postfix: &[Configuration], named: bool) -> Source {
    let family = Family::of(ip);
    let preferred = preferred(family) == Some(ip);
    Source {
        ip,
        family,
        preferred,
        used: named || egress::is_used(postfix, ip, preferred),
        temporary: own.iter().find(|own| own.ip == ip).and_then(|own| own.temporary),
        routed: observe::route_from(ip).is_ok(),
        public: (!is_private(ip)).then_some(ip),
        destinations: Vec::new(),
        reverse: None,
        ehlo: None,
        spf: None,
    }
}

/// Fills in whom to ask; `Some` says why nobody is asked.
fn name_destinations(
    settings: &mut Settings,
    arguments: &EgressArguments,
) -> Result<Option<String>, Failure> {
    let routed = &settings.intent.sources;
    let why = if routed.is_empty() {
        NO_ADDRESS
    } else if arguments.no_controls {
        NO_CONTROLS
    } else if !settings.targets.is_empty() {
        return Ok(None);
    } else if routed.iter().any(|ip| is_public(*ip)) {
        let names = BUILT_IN_CONTROLS.iter().take(BUILT_IN);
        let targets: Result<_, _> = names.map(|name| name.parse()).collect();
        settings.targets = targets.map_err(Failure::internal)?;
        return Ok(None);
    } else {
        NOT_PUBLIC
    };
    settings.targets.clear();
    Ok(Some(why.to_owned()))
}

/// Asks every destination from every source; whether it was interrupted.
async fn probe(
    settings: &mut Settings,
    sources: &mut [Source],
    level: Option<&str>,
    terminal: &Terminal,
) -> Result<bool, Failure> {
    let has = |family: Family| settings.intent.sources.iter().any(|ip| Family::of(*ip) == family);
    // A family without a source of ours is not asked from another.
    let state = |family| if has(family) { settings.asked.of(family) } else { FamilyUse::NotAsked };
    settings.asked = Families { ipv4: state(Family::Ipv4), ipv6: state(Family::Ipv6) };
    let (notices, said) = mpsc::unbounded_channel();
    let resolver = measure::resolver(settings, notices)?;
    let local = Local { resolver, dialler: Dialler::direct() };
    let vantages = [VantagePoint::here(local)].into();
    let outcome = measure::surveyed(settings, vantages, said, terminal).await;
    for source in sources.iter_mut().filter(|source| source.routed) {
        judge_source(source, &outcome.evidence, &settings.roots, level);
    }
    Ok(outcome.interrupted)
}

/// Judges what a source alone saw, each destination beside the others.
fn judge_source(source: &mut Source, all: &[Evidence], roots: &Roots, level: Option<&str>) {
    let context = Context { roots, verify_name: None };
    let own: Vec<Evidence> = all.iter().map(|evidence| of_source(evidence, source.ip)).collect();
    let judged = own.iter().enumerate().map(|(place, evidence)| -> TargetReport {
        let others = own.iter().enumerate().filter(|(other, _)| *other != place);
        let beside = others.map(|(_, other)| Evidence { role: Role::Control, ..other.clone() });
        judge::judge(evidence, &beside.collect::<Vec<_>>(), context)
    });
    source.destinations = judged.map(|report| egress::view(&report, level)).collect();
    if source.public.is_none() {
        source.public = egress::address_seen(source);
    }
}

/// The evidence without what other sources saw.
fn of_source(evidence: &Evidence, source: IpAddr) -> Evidence {
    let observations = evidence.observations.iter();
    let own = observations.filter(|one| one.probe.source == Some(source)).cloned().collect();
    let families = match Family::of(source) {
        Family::Ipv4 => Families { ipv6: FamilyUse::NotAsked, ..evidence.families },
        Family::Ipv6 => Families { ipv4: FamilyUse::NotAsked, ..evidence.families },
    };
    Evidence { observations: own, families, ..evidence.clone() }
}
