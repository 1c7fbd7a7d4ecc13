//! `mxray egress`: what mail that leaves from this machine meets.
//!
//! Owns the way from arguments to a report: which addresses and destinations are
//! asked, the survey, and each source judged by its own sessions alone. Refuses to
//! know what is wrong with anything: `mxray::egress` does.

mod files;
mod lookups;
mod postconf;
mod rounds;
mod sources;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::pin::{Pin, pin};
use std::time::Instant;

use futures_util::future::join_all;
use jiff::Timestamp;
use mxray::dns;
use mxray::egress;
use mxray::egress::postconf::Configuration;
use mxray::judge::{self, Context};
use mxray::model::egress::{EGRESS_SCHEMA, EgressReport, Source, SystemResolver};
use mxray::model::finding::Severity;
use mxray::model::probe::Family;
use mxray::model::report::{Families, FamilyUse, TargetReport};
use mxray::model::special_purpose::{is_private, is_public};
use mxray::model::target::Target;
use mxray::observe::{self, Dialler};
use mxray::report::{json, text};
use mxray::tls::Roots;
use mxray::vantage::VantagePoint;
use mxray::vantage::local::Local;
use rounds::{Gathered, Round};
use sources::{Machine, sources};
use tokio::sync::mpsc;

use crate::cli::arguments::EgressArguments;
use crate::cli::check::block_on;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::host_name;
use crate::cli::interruption::interrupted;
use crate::cli::measure;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;

const NO_ADDRESS: &str = "this machine has no address that reaches other networks";
const NO_CONTROLS: &str = "--no-controls";
const RELAY_NOT_ASKED: &str = "all mail goes to a relay that is not spoken to by SMTP with STARTTLS, or whose name is not known; --control names destinations that are asked all the same";
const NOT_PUBLIC: &str = "no address of this machine leads to the public internet; --control names destinations that are asked all the same";

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
    let public = public(&arguments.public)?;
    // One for the whole run: what comes between two waits is not lost.
    let mut stop = pin!(interrupted());
    let read = postconf::read(&arguments.postfix_config, postconf::PATIENCE);
    let postfix = unless(stop.as_mut(), read).await.ok_or_else(Failure::interrupted)?;
    // Without them every address that Postfix binds to would look foreign.
    let own = observe::own_addresses()
        .ok_or_else(|| Failure::internal("the addresses of this machine cannot be listed"))?;
    let host_name = postfix.helo_name().or_else(host_name::fully_qualified);
    let mut settings = Settings::for_egress(arguments, host_name)?;
    let machine = Machine { own: &own, postfix: &postfix.configurations, public: &public };
    let mut sources = sources(&settings.intent.sources, machine, settings.asked, terminal)?;
    let first = postfix.configurations.first();
    let level = first.and_then(|one| one.level_word(one.default_service()));
    let mut gathered = Gathered::default();
    let (mut is_interrupted, mut not_asked) = (false, None);
    match rounds(&settings, &sources, &postfix.configurations, arguments) {
        Ok(rounds) => {
            let beside = (level.as_deref(), terminal);
            is_interrupted =
                probe(&mut settings, &mut sources, &mut gathered, rounds, beside).await?;
        }
        Err(why) => not_asked = Some(why.to_owned()),
    }
    let looked_up = if is_interrupted {
        None
    } else {
        let asked = look_up(&mut sources, &settings, arguments, &postfix.configurations);
        unless(stop, asked).await
    };
    is_interrupted |= looked_up.is_none();
    let resolver = looked_up.transpose()?.flatten();
    let read = || postfix.configurations.iter();
    let mut report = EgressReport {
        schema: EGRESS_SCHEMA.to_owned(),
        tool: judge::PROGRAM.to_owned(),
        started_at,
        duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        interrupted: is_interrupted,
        controls: gathered.names(),
        not_asked,
        sources,
        postfix: read().chain(&postfix.unread).map(Configuration::describe).collect(),
        resolver,
        postfix_error: postfix.error,
        not_read: postconf::others(),
        findings: Vec::new(),
    };
    let ours: Vec<IpAddr> = own.iter().map(|own| own.ip).collect();
    report.findings = egress::findings(&report, &postfix.configurations, &ours);
    Ok(report)
}

/// What comes of it, unless the run is told to end first, which goes before.
async fn unless<T>(
    mut stop: Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        () = &mut stop => None,
        done = work => Some(done),
    }
}

/// Asks DNS about every source, and about the resolver that Postfix does DANE by.
async fn look_up(
    sources: &mut [Source],
    settings: &Settings,
    arguments: &EgressArguments,
    postfix: &[Configuration],
) -> Result<Option<SystemResolver>, Failure> {
    // A name that was typed is the one that is meant.
    let greeting = if arguments.probe.ehlo.is_empty() { postfix } else { &[] };
    lookups::fill(sources, settings, arguments.from.as_deref(), greeting).await?;
    Ok(resolver(postfix).await)
}

/// The resolver that Postfix does DANE by: the one that does not validate, where several
/// files name several.
async fn resolver(postfix: &[Configuration]) -> Option<SystemResolver> {
    let files: BTreeSet<&str> =
        postfix.iter().flat_map(Configuration::dane_resolver_files).collect();
    let asked = join_all(files.into_iter().map(|file| dns::resolver_of(Path::new(file)))).await;
    let stripped = asked.iter().find(|one| one.sets_ad == Some(false));
    stripped.or(asked.first()).cloned()
}

/// The addresses by which others know this machine, as typed.
fn public(typed: &[IpAddr]) -> Result<Vec<IpAddr>, Failure> {
    if let Some(ip) = typed.iter().find(|ip| is_private(**ip)) {
        return Err(Failure::usage(
            format!("--public {ip} is a private address"),
            "name the one that others see: the provider's console shows it",
        ));
    }
    let of = |family| typed.iter().filter(|ip| Family::of(**ip) == family).count();
    if of(Family::Ipv4) > 1 || of(Family::Ipv6) > 1 {
        return Err(Failure::usage(
            "--public: more than one address of a family",
            "run once for each source: mxray egress --source IP --public IP",
        ));
    }
    Ok(typed.to_vec())
}

/// The rounds of questions, or why nobody is asked.
fn rounds(
    settings: &Settings,
    sources: &[Source],
    postfix: &[Configuration],
    arguments: &EgressArguments,
) -> Result<Vec<Round>, &'static str> {
    let routed = || sources.iter().filter(|source| source.routed).map(|source| source.ip);
    if routed().next().is_none() {
        return Err(NO_ADDRESS);
    }
    if arguments.no_controls {
        return Err(NO_CONTROLS);
    }
    // Mail that goes to a relay meets what is on the way to that.
    let relay = postfix.first().and_then(Configuration::relay).and_then(|it| it.parse().ok());
    let named: Vec<Target> = relay.into_iter().chain(settings.targets.iter().cloned()).collect();
    if !named.is_empty() {
        return Ok(rounds::named(&named));
    }
    if postfix.first().is_some_and(|one| one.next_hop().is_some()) {
        return Err(RELAY_NOT_ASKED);
    }
    if routed().any(reaches_the_public) { Ok(rounds::built_in()) } else { Err(NOT_PUBLIC) }
}

/// Whether an address is public, or can be translated to one on the way.
fn reaches_the_public(ip: IpAddr) -> bool {
    is_public(ip) || (ip.is_ipv4() && is_private(ip) && !ip.is_loopback())
}

/// Asks round by round, each from the sources that need it; whether it was interrupted.
async fn probe(
    settings: &mut Settings,
    sources: &mut [Source],
    gathered: &mut Gathered,
    rounds: Vec<Round>,
    (level, terminal): (Option<&str>, &Terminal),
) -> Result<bool, Failure> {
    let asked = settings.asked;
    for round in rounds {
        let taking = sources.iter().filter(|source| source.routed && round.is_for(source));
        settings.intent.sources = taking.map(|source| source.ip).collect();
        if settings.intent.sources.is_empty() {
            continue;
        }
        settings.asked = families(asked, &settings.intent.sources);
        settings.intent.breadth = round.breadth;
        settings.targets = round.targets;
        let (notices, said) = mpsc::unbounded_channel();
        let resolver = measure::resolver(settings, notices)?;
        let vantages = [VantagePoint::here(Local { resolver, dialler: Dialler::direct() })].into();
        let outcome = measure::surveyed(settings, vantages, said, terminal).await;
        gathered.add(outcome.evidence, &settings.intent.sources);
        for source in sources.iter_mut().filter(|source| source.routed) {
            judge_source(source, gathered, &settings.roots, level);
        }
        if outcome.interrupted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A family without a source of ours is not asked from another.
fn families(asked: Families, sources: &[IpAddr]) -> Families {
    let has = |family: Family| sources.iter().any(|ip| Family::of(*ip) == family);
    let state = |family| if has(family) { asked.of(family) } else { FamilyUse::NotAsked };
    Families { ipv4: state(Family::Ipv4), ipv6: state(Family::Ipv6) }
}

/// Judges what a source alone saw, each destination beside the others.
fn judge_source(source: &mut Source, gathered: &Gathered, roots: &Roots, level: Option<&str>) {
    let context = Context { roots, verify_name: None };
    let own = gathered.of(source.ip);
    let judged = own.iter().enumerate().map(|(place, evidence)| -> TargetReport {
        judge::judge(evidence, &rounds::beside(&own, place), context)
    });
    source.destinations = judged.map(|report| egress::view(&report, level)).collect();
    if source.public.is_none() {
        source.public = egress::address_seen(source);
    }
}
