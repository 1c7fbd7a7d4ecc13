//! `mxray demo`: the real check on the pretend internet inside this process.
//!
//! Owns the pretend domains and how they are asked. Refuses to leave this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use mxray::dns::{ResolverSettings, TrustAnchor};
use mxray::model::report::{Families, FamilyUse, Report};
use mxray::model::target::Target;
use mxray::observe::Dialler;
use mxray::plan::Intent;
use mxray::sim::internet::{CLEAN, Internet, Running, STRIPPED};
use mxray::survey::ControlSettings;
use mxray::tls::Roots;

use crate::cli::arguments::DemoArguments;
use crate::cli::check::block_on;
use crate::cli::deliver::{deliver, save};
use crate::cli::exit::{Exit, FailOn};
use crate::cli::failure::Failure;
use crate::cli::measure;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;

/// The addresses of this machine in the pretend internet.
const PRETEND_IPV4: [u8; 4] = [198, 51, 100, 10];
const PRETEND_IPV6: [u16; 8] = [0x2001, 0xdb8, 0x100, 0, 0, 0, 0, 0x10];

/// Starts the pretend internet, checks two domains of it, and delivers.
///
/// # Errors
/// There is no loopback, or a result can't be written.
pub(crate) fn run(arguments: &DemoArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    terminal.remark(
        "demo",
        &format!(
            "a pretend internet inside this process, over real sockets on loopback: {CLEAN} is in \
             good order, {STRIPPED} has a box on its IPv4 path"
        ),
    );
    let report = block_on(demonstrated(terminal))??;
    save(&report, arguments.evidence.save.as_deref())?;
    deliver(report, &arguments.output, FailOn::Never, terminal)
}

async fn demonstrated(terminal: &Terminal) -> Result<Report, Failure> {
    let running = Internet::demonstration().start().await.map_err(|error| {
        Failure::internal(format!("the pretend internet cannot start: {error}"))
    })?;
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.connect(running.resolver()))
        .map_err(|error| no_loopback(&error))?;
    if !running.ipv6_available() {
        terminal.warning(
            "this machine has no IPv6, not even on loopback: the demo cannot show how the two \
             families differ",
        );
    }
    let mut sources = vec![IpAddr::from(PRETEND_IPV4)];
    sources.extend(running.ipv6_available().then(|| IpAddr::from(PRETEND_IPV6)));
    let dialler = Dialler::pretend(running.endpoints().clone(), sources);
    measure::report(settings(&running)?, dialler, terminal).await
}

/// A network namespace begins without it.
fn no_loopback(error: &io::Error) -> Failure {
    Failure::usage(
        format!("the demo needs loopback, and it does not work here: {error}"),
        "`ip link set lo up` brings it up",
    )
}

fn targets_named(names: &[&str]) -> Result<Vec<Target>, Failure> {
    let targets: Result<Vec<Target>, _> = names.iter().map(|name| name.parse()).collect();
    targets.map_err(Failure::internal)
}

fn settings(running: &Running) -> Result<Settings, Failure> {
    let anchor = match running.trust_anchor() {
        Some(text) => TrustAnchor::parse(text).map_err(Failure::internal)?,
        None => TrustAnchor::root(),
    };
    Ok(Settings {
        targets: targets_named(&[CLEAN, STRIPPED])?,
        intent: Intent { ehlo_names: vec!["probe.example.org".to_owned()], ..Intent::default() },
        controls: ControlSettings { named: targets_named(&[CLEAN])?, ..ControlSettings::default() },
        vantages: Vec::new(),
        asked: Families { ipv4: FamilyUse::Usable, ipv6: FamilyUse::Usable },
        resolver: ResolverSettings {
            servers: vec![running.resolver()],
            anchor,
            ..ResolverSettings::default()
        },
        roots: Roots::webpki().with_pem(running.ca_pem().as_bytes()).map_err(Failure::internal)?,
        verify_name: None,
        mirror: None,
    })
}
