//! What was typed, resolved: targets read, files loaded, defaults of this machine
//! filled in.
//!
//! Owns the step from arguments to what the library wants: `targets` whom to ask,
//! `probe` how, `trust` whom to believe. Everything that can be wrong about what was
//! typed is said here, before the first packet. Refuses to know what is done with it.

mod probe;
mod targets;
mod trust;

#[cfg(test)]
mod tests;

use std::io::BufRead;

use mxray::dns::ResolverSettings;
use mxray::model::report::Families;
use mxray::model::target::Target;
use mxray::plan::{Closer, Intent};
use mxray::survey::ControlSettings;
use mxray::tls::Roots;

use crate::cli::arguments::options::probe::{NamedVantage, ProbeOptions};
use crate::cli::arguments::options::trust::TrustOptions;
use crate::cli::arguments::{CheckArguments, EgressArguments, PolicyArguments, TlsaArguments};
use crate::cli::failure::Failure;
use crate::cli::mirrored::MirrorSettings;

pub(crate) use trust::anchor;

/// What `mxray check` is to do.
pub(crate) struct Settings {
    /// Each once, in the order named.
    pub(crate) targets: Vec<Target>,
    /// What is wanted of each connection.
    pub(crate) intent: Intent,
    /// `Usable` for the families that are wanted, `NotAsked` for the other.
    pub(crate) asked: Families,
    /// Which other destinations may be asked when something looks odd.
    pub(crate) controls: ControlSettings,
    /// Who else observes.
    pub(crate) vantages: Vec<NamedVantage>,
    /// Whom to ask for names.
    pub(crate) resolver: ResolverSettings,
    /// Whose certificates to trust.
    pub(crate) roots: Roots,
    /// The name that certificates must have, instead of the MX host's.
    pub(crate) verify_name: Option<String>,
    /// The mirror, which is the last of the targets.
    pub(crate) mirror: Option<MirrorSettings>,
}

/// What is taken from this machine.
pub(crate) struct Surroundings<'a> {
    /// Standard input, for the target `-`.
    pub(crate) input: &'a mut dyn BufRead,
    /// The default of `--ehlo`.
    pub(crate) host_name: Option<String>,
}

impl Settings {
    /// Resolves the arguments of `mxray check`.
    ///
    /// # Errors
    /// A target, a file or a combination can't be used.
    pub(crate) fn for_check(
        arguments: &CheckArguments,
        surroundings: Surroundings<'_>,
    ) -> Result<Self, Failure> {
        let CheckArguments { probe, closer, trust, .. } = arguments;
        let mirror = MirrorSettings::resolve(&arguments.mirror)?;
        let beside: Vec<Target> = mirror.iter().map(|mirror| mirror.target.clone()).collect();
        let named = match arguments.targets.as_slice() {
            [] => Vec::new(),
            typed => targets::read(typed, surroundings.input)?,
        };
        let named = named.into_iter().filter(|target| !beside.contains(target));
        let named = named.chain(beside.clone()).collect();
        let mut settings = Self::plain(named, probe, trust, surroundings.host_name)?;
        settings.intent.second_look = closer.second_look;
        settings.intent.closer = Closer { injection: closer.injection, range: closer.deep };
        let controls =
            ControlSettings { never_for: beside, ..targets::controls(&arguments.controls)? };
        Ok(Self { controls, mirror, ..settings })
    }

    /// Resolves the arguments of `mxray policy`: a check without a closer look at anybody.
    ///
    /// # Errors
    /// A target, a file or a combination can't be used.
    pub(crate) fn for_policy(
        arguments: &PolicyArguments,
        surroundings: Surroundings<'_>,
    ) -> Result<Self, Failure> {
        let PolicyArguments { probe, trust, .. } = arguments;
        let targets = targets::read(&arguments.targets, surroundings.input)?;
        let settings = Self::plain(targets, probe, trust, surroundings.host_name)?;
        Ok(Self { controls: targets::controls(&arguments.controls)?, ..settings })
    }

    /// Resolves the arguments of `mxray tlsa`: hosts as they are, and nobody else
    /// is asked anything.
    ///
    /// # Errors
    /// A host, a file or a combination can't be used.
    pub(crate) fn for_hosts(
        arguments: &TlsaArguments,
        surroundings: Surroundings<'_>,
    ) -> Result<Self, Failure> {
        let TlsaArguments { probe, trust, .. } = arguments;
        let targets = targets::read(&arguments.hosts, surroundings.input)?;
        let hosts = targets.into_iter().map(targets::host).collect::<Result<_, _>>()?;
        Self::plain(hosts, probe, trust, surroundings.host_name).map(Self::alone)
    }

    /// Resolves the arguments of `mxray egress`, but for the addresses to send from.
    /// The destinations are named: nobody else is asked anything.
    ///
    /// # Errors
    /// A destination, a file or a combination can't be used.
    pub(crate) fn for_egress(
        arguments: &EgressArguments,
        host_name: Option<String>,
    ) -> Result<Self, Failure> {
        let EgressArguments { probe, trust, .. } = arguments;
        if !probe.vantage.is_empty() || !probe.socks5.is_empty() {
            return Err(Failure::usage(
                "--vantage and --socks5: egress is about the machine that it runs on",
                "run it there: ssh HOST mxray egress",
            ));
        }
        let targets = targets::of_control(&arguments.control)?;
        let settings = Self::plain(targets, probe, trust, host_name)?.alone();
        Ok(Self { verify_name: None, ..settings })
    }

    /// What every command wants that measures: no look is closer than the first one.
    fn plain(
        targets: Vec<Target>,
        probe: &ProbeOptions,
        trust: &TrustOptions,
        host_name: Option<String>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            targets,
            intent: probe::intent(probe, host_name)?,
            asked: probe::asked(probe)?,
            controls: ControlSettings::default(),
            vantages: probe::vantages(probe)?,
            resolver: trust::resolver(trust)?,
            roots: trust::roots(trust)?,
            verify_name: trust.verify_name.clone(),
            mirror: None,
        })
    }

    /// The same, where nobody is asked but the targets, and they at one port alone.
    fn alone(mut self) -> Self {
        self.intent.other_ports = false;
        self.controls = ControlSettings { no_canary: true, ..ControlSettings::default() };
        self
    }
}
