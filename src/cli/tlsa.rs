//! `mxray tlsa`: from what hosts present to the records to publish.
//!
//! Owns the measurement at one host and its way out. Refuses to know which records fit:
//! `mxray::policy::dane` does.

use mxray::model::report::Report;
use mxray::model::tls::DaneStatus;
use mxray::model::tlsa::{TLSA_SCHEMA, TlsaHost, TlsaReport};
use mxray::observe::Dialler;
use mxray::policy::dane::publish;
use mxray::report::{json, text};

use crate::cli::arguments::TlsaArguments;
use crate::cli::check::{block_on, own_sources};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::host_name;
use crate::cli::measure;
use crate::cli::settings::{Settings, Surroundings};
use crate::cli::terminal::Terminal;

/// Asks every address of every host, and delivers the records that fit.
///
/// # Errors
/// Something that was typed can't be used, or a result can't be written.
pub(crate) fn run(arguments: &TlsaArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut input = std::io::stdin().lock();
    let host_name = host_name::fully_qualified();
    let settings = Settings::for_hosts(arguments, Surroundings { input: &mut input, host_name })?;
    own_sources(&settings.intent.sources)?;
    let intent = settings.intent.clone();
    let ports: Vec<u16> = settings.targets.iter().map(|target| intent.port_for(target)).collect();
    let report = block_on(measure::report(settings, Dialler::direct(), terminal))??;
    let hosts = report.targets.iter().zip(ports).map(|(target, port)| publish(target, port));
    let (schema, mut run) = (TLSA_SCHEMA.to_owned(), report.run.clone());
    run.trust.extra_ca_pem = None;
    let tlsa = TlsaReport { schema, run, hosts: hosts.collect() };
    terminal.results(&rendered(&report, &tlsa, arguments, terminal)?)?;
    Ok(exit(&tlsa))
}

fn rendered(
    report: &Report,
    tlsa: &TlsaReport,
    arguments: &TlsaArguments,
    terminal: &Terminal,
) -> Result<String, Failure> {
    if arguments.output.json {
        return json::render(tlsa).map_err(Failure::internal);
    }
    if arguments.output.ndjson {
        return json::tlsa_ndjson(tlsa).map_err(Failure::internal);
    }
    Ok(text::tlsa::render(report, tlsa, &terminal.style()))
}

/// 1 where published records do not fit, or somebody stands between; 3 where an address showed nothing.
fn exit(tlsa: &TlsaReport) -> Exit {
    if tlsa.hosts.iter().any(|host| is_refused(host) || host.is_doubtful()) {
        return Exit::Found;
    }
    let incomplete = |host: &TlsaHost| host.presented.is_empty() || !host.silent.is_empty();
    if tlsa.run.interrupted || tlsa.hosts.iter().any(incomplete) {
        return Exit::Undetermined;
    }
    Exit::Fine
}

/// A sender that does DANE refuses an address.
fn is_refused(host: &TlsaHost) -> bool {
    let status = |status: DaneStatus| matches!(status, DaneStatus::Mismatched | DaneStatus::Bogus);
    host.presented.iter().filter_map(|one| one.dane.as_ref()).any(|dane| status(dane.status))
}
