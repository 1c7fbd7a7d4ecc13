//! What was typed, resolved: targets read, files loaded, defaults of this machine
//! filled in.
//!
//! Owns the step from arguments to what the library wants. Everything that can be
//! wrong about what was typed is said here, before the first packet.

use std::collections::HashSet;
use std::io::{self, BufRead, Read as _};
use std::net::IpAddr;
use std::path::Path;

use mxray::dns::{ResolverError, ResolverSettings, TrustAnchor};
use mxray::model::probe::{Family, LOCAL, Limits, Mode};
use mxray::model::report::{Families, FamilyUse};
use mxray::model::target::{Target, TargetError, TargetKind};
use mxray::observe;
use mxray::plan::{Breadth, Closer, Intent, budget};
use mxray::survey::ControlSettings;
use mxray::tls::Roots;

use crate::cli::arguments::options::controls::{Canary, ControlOptions};
use crate::cli::arguments::options::probe::{NamedVantage, ProbeOptions};
use crate::cli::arguments::options::trust::{RootSet, TrustOptions};
use crate::cli::arguments::{CheckArguments, EgressArguments, PolicyArguments, TlsaArguments};
use crate::cli::failure::{Complaint, Failure};
use crate::cli::mirrored::MirrorSettings;

/// Longest line of a list of targets, in bytes.
const LONGEST_LINE: u64 = 4096;
/// Most targets of one run.
const MOST_TARGETS: usize = 1_000_000;
/// Largest file of CA certificates, in bytes.
const LARGEST_PEM: u64 = 16 << 20;

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
            typed => targets(typed, surroundings.input)?,
        };
        let named = named.into_iter().filter(|target| !beside.contains(target));
        let named = named.chain(beside.clone()).collect();
        let mut settings = Self::plain(named, probe, trust, surroundings.host_name)?;
        settings.intent.closer = Closer { injection: closer.injection, range: closer.deep };
        let controls = ControlSettings { never_for: beside, ..controls(&arguments.controls)? };
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
        let targets = targets(&arguments.targets, surroundings.input)?;
        let settings = Self::plain(targets, probe, trust, surroundings.host_name)?;
        Ok(Self { controls: controls(&arguments.controls)?, ..settings })
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
        let targets = targets(&arguments.hosts, surroundings.input)?;
        let hosts = targets.into_iter().map(host).collect::<Result<_, _>>()?;
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
        let targets = control_targets(&arguments.control)?;
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
            intent: intent(probe, host_name)?,
            asked: asked(probe)?,
            controls: ControlSettings::default(),
            vantages: vantages(probe)?,
            resolver: resolver(trust)?,
            roots: roots(trust)?,
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

/// A name without a port is a host here, not a mail domain.
fn host(target: Target) -> Result<Target, Failure> {
    match target.kind {
        TargetKind::Domain(host) => {
            Ok(Target { kind: TargetKind::Host { host, port: None }, ..target })
        }
        TargetKind::Host { .. } => Ok(target),
        TargetKind::Address { ip, .. } => Err(Failure::usage(
            format!("{ip} is an address, and TLSA records belong to a name"),
            "name the host: mxray tlsa mx1.example.net",
        )),
    }
}

fn intent(probe: &ProbeOptions, host_name: Option<String>) -> Result<Intent, Failure> {
    Ok(Intent {
        ehlo_names: ehlo_names(probe, host_name),
        sources: sources(probe)?,
        breadth: Breadth::Every,
        port: probe.port,
        mode: if probe.implicit_tls { Mode::ImplicitTls } else { Mode::Starttls },
        sni: probe.sni.clone(),
        limits: Limits { session: probe.timeout, greeting: budget::GREETING_PATIENCE },
        repeats: probe.repeats,
        other_ports: true,
        closer: Closer::default(),
    })
}

fn ehlo_names(probe: &ProbeOptions, host_name: Option<String>) -> Vec<String> {
    if probe.ehlo.is_empty() { host_name.into_iter().collect() } else { probe.ehlo.clone() }
}

/// The sources that were named, each once.
fn sources(probe: &ProbeOptions) -> Result<Vec<IpAddr>, Failure> {
    let named = match &probe.interface {
        None => probe.source.clone(),
        Some(interface) => match observe::addresses_of(interface) {
            Some(addresses) if !addresses.is_empty() => addresses,
            _ => {
                return Err(Failure::usage(
                    format!("--interface {interface}: it has no global address, or does not exist"),
                    "`ip address` lists the interfaces and their addresses",
                ));
            }
        },
    };
    let mut known = HashSet::new();
    let wanted = |ip: &IpAddr| !(probe.ipv4 && ip.is_ipv6() || probe.ipv6 && ip.is_ipv4());
    // Of an interface only the families that are wanted; a source that was typed
    // and left out is a mistake, which `asked` names.
    let keep = |ip: &IpAddr| probe.interface.is_none() || wanted(ip);
    Ok(named.into_iter().filter(|ip| keep(ip) && known.insert(*ip)).collect())
}

fn vantages(probe: &ProbeOptions) -> Result<Vec<NamedVantage>, Failure> {
    let named = || probe.vantage.iter().chain(&probe.socks5);
    let mut known = HashSet::from([LOCAL]);
    match named().find(|vantage| !known.insert(&vantage.name)) {
        None => Ok(named().cloned().collect()),
        Some(twice) if twice.name == LOCAL => Err(Failure::usage(
            format!(
                "no other vantage point can be called {LOCAL}: that is this machine's own name"
            ),
            "give the vantage point another name",
        )),
        Some(twice) => Err(Failure::usage(
            format!("two vantage points are called {}", twice.name),
            "give each a name of its own: --vantage NAME=COMMAND, --socks5 NAME=HOST:PORT",
        )),
    }
}

fn asked(probe: &ProbeOptions) -> Result<Families, Failure> {
    let wanted = |wanted: bool| if wanted { FamilyUse::Usable } else { FamilyUse::NotAsked };
    let asked = Families { ipv4: wanted(!probe.ipv6), ipv6: wanted(!probe.ipv4) };
    let useless = probe.source.iter().find(|ip| asked.of(Family::of(**ip)) == FamilyUse::NotAsked);
    match useless {
        None => Ok(asked),
        Some(ip) => Err(Failure::usage(
            format!("--source {ip} is of the family that was left out"),
            "leave out -4 or -6, or that --source",
        )),
    }
}

/// The destinations of `--control`.
fn control_targets(typed: &[String]) -> Result<Vec<Target>, Failure> {
    let targets: Result<_, TargetError> = typed.iter().map(|typed| typed.parse()).collect();
    targets.map_err(|error| Failure::usage(format!("--control: {}", error.message), error.hint))
}

fn controls(options: &ControlOptions) -> Result<ControlSettings, Failure> {
    let named = control_targets(&options.control)?;
    let (canary, no_canary) = match &options.canary {
        None => (Vec::new(), options.no_controls),
        Some(Canary::Nowhere(ip)) => (vec![*ip], false),
        Some(Canary::None) => (Vec::new(), true),
    };
    let never_for = Vec::new();
    Ok(ControlSettings { named, built_in: !options.no_controls, canary, no_canary, never_for })
}

/// Where chains of trust begin.
pub(crate) fn anchor(file: Option<&Path>) -> Result<TrustAnchor, Failure> {
    let Some(path) = file else { return Ok(TrustAnchor::root()) };
    TrustAnchor::from_file(path)
        .map_err(|ResolverError { message, hint }| Failure::usage(message, hint))
}

fn resolver(trust: &TrustOptions) -> Result<ResolverSettings, Failure> {
    let anchor = anchor(trust.trust_anchor.as_deref())?;
    let servers = trust.resolver.clone();
    let trust_ad = trust.trust_ad;
    Ok(ResolverSettings { servers, anchor, trust_ad, ..ResolverSettings::default() })
}

fn roots(trust: &TrustOptions) -> Result<Roots, Failure> {
    let mut roots = match trust.roots {
        RootSet::Webpki => Roots::webpki(),
        RootSet::Native => Roots::native().map_err(|error| {
            Failure::usage(error, "--roots webpki uses the roots that are built in")
        })?,
    };
    for path in &trust.ca {
        let pem = read_capped(path, LARGEST_PEM).map_err(|error| unusable_ca(path, &error))?;
        roots = roots.with_pem(&pem).map_err(|error| unusable_ca(path, &error))?;
    }
    Ok(roots)
}

fn unusable_ca(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::usage(
        format!("--ca {}: {error}", path.display()),
        "--ca wants a PEM file of CA certificates",
    )
}

fn read_capped(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads the targets; one that was named before is left out.
fn targets(typed: &[String], input: &mut dyn BufRead) -> Result<Vec<Target>, Failure> {
    let mut targets = Targets::default();
    let mut input = Some(input);
    for word in typed {
        if word != "-" {
            targets.add(word, None)?;
        } else if let Some(input) = input.take() {
            targets.add_lines(input)?;
        }
    }
    if targets.list.is_empty() {
        return Err(Failure::usage(
            "standard input names no target",
            "give one target a line; empty lines and lines that begin with # are left out",
        ));
    }
    Ok(targets.list)
}

#[derive(Default)]
struct Targets {
    list: Vec<Target>,
    known: HashSet<String>,
}

impl Targets {
    fn add(&mut self, typed: &str, line: Option<usize>) -> Result<(), Failure> {
        let target: Target = typed.parse().map_err(|error: TargetError| {
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            Failure::usage(format!("{place}{}", error.message), error.hint)
        })?;
        if self.list.len() == MOST_TARGETS {
            return Err(Failure::usage(
                format!("more than {MOST_TARGETS} targets"),
                "split the list, and run once for each part",
            ));
        }
        if self.known.insert(format!("{:?}", target.kind)) {
            self.list.push(target);
        }
        Ok(())
    }

    fn add_lines(&mut self, input: &mut dyn BufRead) -> Result<(), Failure> {
        for number in 1.. {
            let Some(line) = line(input).map_err(|message| unreadable(number, &message))? else {
                break;
            };
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                self.add(line, Some(number))?;
            }
        }
        Ok(())
    }
}

/// The next line of standard input; `None` at its end.
fn line(input: &mut dyn BufRead) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    let read = input.take(LONGEST_LINE).read_until(b'\n', &mut bytes);
    match read.map_err(|error| error.to_string())? {
        0 => Ok(None),
        length if length as u64 == LONGEST_LINE => Err(format!("longer than {LONGEST_LINE} bytes")),
        _ => String::from_utf8(bytes).map(Some).map_err(|_| "not UTF-8".to_owned()),
    }
}

fn unreadable(line: usize, message: &str) -> Failure {
    Failure::Usage(Complaint {
        message: format!("standard input, line {line}: {message}"),
        hint: Some("give one target a line".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::time::Duration;

    use super::*;
    use crate::cli::arguments::{self, Command, Parsed};

    fn settings_with(line: &str, input: &[u8]) -> Result<Settings, Failure> {
        let words = line.split_whitespace().map(OsString::from);
        let Ok(Parsed::Command(arguments)) = arguments::parse(words) else {
            panic!("not a command: {line}");
        };
        let Command::Check(arguments) = arguments.command else { panic!("not a check: {line}") };
        let mut input = input;
        let host_name = Some("probe.example.org".to_owned());
        Settings::for_check(&arguments, Surroundings { input: &mut input, host_name })
    }

    fn settings(options: &str) -> Settings {
        match settings_with(&format!("mxray check {options} example.net"), b"") {
            Ok(settings) => settings,
            Err(failure) => panic!("{options}: {failure:?}"),
        }
    }

    fn refused(line: &str, input: &[u8]) -> Complaint {
        match settings_with(line, input) {
            Err(Failure::Usage(complaint)) => complaint,
            Err(other) => panic!("{line}: {other:?}"),
            Ok(_) => panic!("{line}: accepted"),
        }
    }

    #[test]
    fn without_options_both_families_and_the_name_of_this_host() {
        let settings = settings("");
        assert_eq!(settings.asked.ipv4, FamilyUse::Usable);
        assert_eq!(settings.asked.ipv6, FamilyUse::Usable);
        assert_eq!(settings.intent.ehlo_names, ["probe.example.org"]);
        assert_eq!(settings.intent.mode, Mode::Starttls);
        assert_eq!(settings.intent.closer, Closer::default(), "only when asked for");
        assert_eq!(settings.intent.limits.session, budget::SESSION);
        assert_eq!(settings.resolver.servers, []);
        assert!(!settings.resolver.trust_ad);
    }

    #[test]
    fn options_reach_the_settings() {
        let settings = settings(
            "--ehlo [192.0.2.1] --source 192.0.2.1 -4 --port 2525 --timeout 1.5 --sni a.example \
             --verify-name b.example --implicit-tls --resolver 192.0.2.53",
        );
        assert_eq!(settings.intent.ehlo_names, ["[192.0.2.1]"]);
        assert_eq!(settings.intent.sources, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(settings.asked.ipv6, FamilyUse::NotAsked);
        assert_eq!(settings.intent.port, Some(2525));
        assert_eq!(settings.intent.limits.session, Duration::from_millis(1500));
        assert_eq!(settings.intent.sni.as_deref(), Some("a.example"));
        assert_eq!(settings.verify_name.as_deref(), Some("b.example"));
        assert_eq!(settings.intent.mode, Mode::ImplicitTls);
        assert_eq!(settings.resolver.servers, ["192.0.2.53:53".parse().unwrap()]);
    }

    #[test]
    fn the_ad_bit_is_trusted_only_where_that_is_said() {
        assert!(settings("--trust-ad --resolver 127.0.0.1").resolver.trust_ad);
    }

    #[test]
    fn targets_come_from_standard_input_once_each() {
        let input = b"# list\n\nb.example\r\n  a.example \nB.example.";
        let settings = settings_with("mxray check a.example - -", input).ok().unwrap();
        let names: Vec<String> = settings.targets.iter().map(Target::name).collect();
        assert_eq!(names, ["a.example", "b.example"]);
    }

    #[test]
    fn a_bad_line_is_named() {
        let complaint = refused("mxray check -", b"a.example\nhttps://b.example/\n");
        assert!(complaint.message.starts_with("line 2: "), "{}", complaint.message);
        let complaint = refused("mxray check -", b"a.example\n\xff\n");
        assert_eq!(complaint.message, "standard input, line 2: not UTF-8");
        let complaint = refused("mxray check -", &[b'a'; 5000]);
        assert!(complaint.message.contains("longer than"), "{}", complaint.message);
        refused("mxray check -", b"\n# nothing\n");
    }

    #[test]
    fn what_cannot_go_together_is_refused() {
        refused("mxray check --vantage a=true --vantage a=false a.example", b"");
        refused("mxray check --vantage local=true a.example", b"");
        refused("mxray check --socks5 p.example:1 --socks5 q.example:1 a.example", b"");
        refused("mxray check --vantage a=true --socks5 a=p.example:1 a.example", b"");
        refused("mxray check -6 --source 192.0.2.1 a.example", b"");
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        for option in ["--ca", "--trust-anchor"] {
            let complaint = refused(&format!("mxray check {option} /no/such a.example"), b"");
            assert!(complaint.message.contains("/no/such"), "{}", complaint.message);
            assert!(complaint.hint.is_some());
        }
    }
}
