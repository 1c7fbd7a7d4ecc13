//! `mxray check`: from targets to a report.
//!
//! Owns the order of its steps and the runtime. Refuses to know what a report looks like.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::future::Future;
use std::io::ErrorKind;
use std::net::IpAddr;

use base64::Engine as _;
use mxray::model::probe::Family;
use mxray::model::report::Report;
use mxray::observe::{self, Dialler};
use mxray::report::escape::escape_name;

use crate::cli::arguments::CheckArguments;
use crate::cli::deliver::{deliver, save};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::file::write_file;
use crate::cli::host_name;
use crate::cli::measure;
use crate::cli::settings::{Settings, Surroundings};
use crate::cli::terminal::Terminal;

/// Surveys, judges and delivers.
///
/// # Errors
/// Something that was typed can't be used, or a result can't be written.
pub(crate) fn run(arguments: &CheckArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut input = std::io::stdin().lock();
    let host_name = host_name::fully_qualified();
    let settings = Settings::for_check(arguments, Surroundings { input: &mut input, host_name })?;
    own_sources(&settings.intent.sources)?;
    let sources = arguments.probe.source.clone();
    let report = block_on(measure::report(settings, Dialler::direct(), terminal))??;
    for source in unused(&sources, &report) {
        terminal.warning(&format!(
            "--source {source} was not used: no {} address was asked",
            Family::of(source).label()
        ));
    }
    let saved = save(&report, arguments.evidence.save.as_deref());
    let certificates = arguments.chain.as_deref();
    let chained = certificates.map_or(Ok(()), |path| write_file(path, chain(&report).as_bytes()));
    // A file that cannot be written does not cost the report.
    let exit = deliver(report, &arguments.report.output, arguments.report.fail_on, terminal)?;
    saved.and(chained).map(|()| exit)
}

/// A source that is not ours, or has no route, is named before anything is sent.
pub(crate) fn own_sources(sources: &[IpAddr]) -> Result<(), Failure> {
    for source in sources {
        observe::route_from(*source).map_err(|error| {
            let (wrong, hint) = match error.kind() {
                ErrorKind::AddrNotAvailable if is_tentative(*source) => (
                    "may not be used yet",
                    "`ip address` calls it tentative: whether another machine has it too is \
                     being asked, or is the case (dadfailed)",
                ),
                ErrorKind::AddrNotAvailable => {
                    ("is not an address of this machine", "`ip address` lists them")
                }
                _ => ("has no route to the internet", "`ip route get` shows what it has"),
            };
            Failure::usage(format!("--source {source} {wrong}: {error}"), hint)
        })?;
    }
    Ok(())
}

fn is_tentative(ip: IpAddr) -> bool {
    let is_it = |own: Vec<observe::OwnAddress>| own.iter().any(|one| one.ip == ip && one.tentative);
    observe::own_addresses().is_some_and(is_it)
}

/// Sources of a family over which nothing was asked.
fn unused(sources: &[IpAddr], report: &Report) -> Vec<IpAddr> {
    let asked = |family| {
        let mut sessions = report.targets.iter().flat_map(|target| &target.observations);
        sessions.any(|session| session.probe.family == family)
    };
    let unasked = sources.iter().copied().filter(|source| !asked(Family::of(*source)));
    unasked.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Runs a future to its end on this thread: the work is waiting, not computing.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("cannot wait for sockets: {error}")))?;
    let output = runtime.block_on(future);
    // A read of standard input that is under way cannot be ended, and is not waited for.
    runtime.shutdown_background();
    Ok(output)
}

/// Every certificate that was presented, once, as PEM with a comment that says by whom.
fn chain(report: &Report) -> String {
    let mut text = String::new();
    let mut known = std::collections::HashSet::new();
    for observation in report.targets.iter().flat_map(|target| &target.observations) {
        let chain = observation.tls.iter().flat_map(|tls| &tls.chain);
        for certificate in chain.filter(|certificate| known.insert(certificate.sha256.clone())) {
            let Some(pem) = certificate.der.as_deref().and_then(pem) else { continue };
            let probe = &observation.probe;
            let host = escape_name(&probe.host);
            let _ = write!(text, "# presented by {host} [{}]\n{}", probe.ip, pem);
        }
    }
    text
}

/// RFC 7468: lines of 64 characters; `None` for what is not base64.
fn pem(der_base64: &str) -> Option<String> {
    let engine = base64::engine::general_purpose::STANDARD;
    let encoded = engine.encode(engine.decode(der_base64).ok()?);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    let lines = lines.join("\n");
    Some(format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"))
}
